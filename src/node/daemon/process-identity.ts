/**
 * What makes a process the same process: its number alone does not, for numbers come again.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { childEnvironment } from "../child-env.ts";
import { FileError } from "../files.ts";

/** A living process. */
export interface ProcessIdentity {
  /** Differs for every process that ever has this number, also after a reboot. */
  readonly start: string;
  /** The name of its program, at most 15 characters on Linux. */
  readonly name: string;
}

/**
 * Looks at a process. A zombie counts as dead, though a signal could be sent to it.
 *
 * @param pid its number
 * @returns its identity, or undefined when it does not live
 */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  return process.platform === "linux" ? identifyByProc(pid) : identifyByPs(pid);
}

/**
 * Makes sure that processes can be looked at: without that nobody can be told to live, nor not to.
 *
 * @throws {FileError} where Linux shows none
 */
export function requireProcesses(): void {
  if (process.platform === "linux" && identifyByProc(process.pid) === undefined) throw new FileError("Cannot tell which processes live: /proc is not mounted", "NO_PROC", "/proc");
}

function identifyByProc(pid: number): ProcessIdentity | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold some itself (proc(5)).
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    const [state, ticks] = [fields[0], fields[19]];
    if (state === undefined || ticks === undefined || state === "Z" || state === "X") return undefined;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return { start: `${boot} ${ticks}`, name: text.slice(text.indexOf("(") + 1, end) };
  } catch {
    return undefined;
  }
}

/**
 * Looks at a process through ps, for systems without /proc.
 *
 * @param pid its number
 * @returns its identity, or undefined when it does not live
 */
export function identifyByPs(pid: number): ProcessIdentity | undefined {
  const columns = ["-o", "state=", "-o", "lstart=", "-o", "comm="];
  const { status, stdout } = spawnSync("ps", [...columns, "-p", String(pid)], { encoding: "utf8", timeout: 5000, env: childEnvironment() });
  // "S Mon Nov 24 20:41:36 2025 fwknopd"
  const match = /^(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*\S)\s*$/.exec(stdout ?? "");
  if (status !== 0 || match === null || match[1]!.startsWith("Z")) return undefined;
  return { start: match[2]!.replace(/\s+/g, " "), name: match[3]!.split("/").at(-1)! };
}
