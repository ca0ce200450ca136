/**
 * -S, -K and -R: a second process asks after the daemon, ends it, or has it read its files again.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../system-error.ts";
import { daemonStatus, type DaemonStatus } from "./pid-file.ts";
import { identifyProcess, requireProcesses } from "./process-identity.ts";

/** What the command prints and returns. */
export interface ControlResult {
  readonly exitStatus: 0 | 1;
  /** With its newline. */
  readonly stdout: string;
  /** With its newline. */
  readonly stderr: string;
}

/** The daemon gets as long as the C program gives it. */
const TERM_PATIENCE_MS = 4000;
const KILL_PATIENCE_MS = 1000;
const POLL_MS = 50;

const NOBODY = "No running fwknopd detected.\n";

/**
 * -S: says whether the daemon runs.
 *
 * @param path FWKNOP_PID_FILE
 * @returns what to print, and 0 when it runs
 * @throws {FileError} where processes cannot be looked at
 */
export function reportStatus(path: string): ControlResult {
  const status = statusOf(path);
  if (status.state === "stopped") return { exitStatus: 1, stdout: NOBODY, stderr: "" };
  return { exitStatus: 0, stdout: `Detected fwknopd is running (pid=${status.pid}).\n`, stderr: "" };
}

/**
 * -R: has the daemon read its files again.
 *
 * @param path FWKNOP_PID_FILE
 * @returns what to print, and 0 when the signal was sent
 * @throws {FileError} where processes cannot be looked at
 */
export function restartDaemon(path: string): ControlResult {
  const status = statusOf(path);
  if (status.state === "stopped") return { exitStatus: 1, stdout: NOBODY, stderr: "" };
  const problem = send(status, "SIGHUP");
  if (problem !== undefined) return { exitStatus: 1, stdout: "", stderr: `Unable to send signal to fwknop: : ${problem}\n` };
  return { exitStatus: 0, stdout: `Sent restart signal to fwknopd (pid=${status.pid})\n`, stderr: "" };
}

/**
 * -K: ends the daemon, in good order if it can.
 *
 * @param path FWKNOP_PID_FILE
 * @param patienceMs how long it may take to leave by itself
 * @returns what to print, and 0 when it is gone
 * @throws {FileError} where processes cannot be looked at
 */
export async function killDaemon(path: string, patienceMs: number = TERM_PATIENCE_MS): Promise<ControlResult> {
  const status = statusOf(path);
  if (status.state === "stopped") return { exitStatus: 1, stdout: "", stderr: NOBODY };
  for (const [signal, patience] of [["SIGTERM", patienceMs], ["SIGKILL", KILL_PATIENCE_MS]] as const) {
    const problem = send(status, signal);
    if (problem !== undefined) return { exitStatus: 1, stdout: "", stderr: `Unable to kill fwknop: : ${problem}\n` };
    if (await isGone(status, patience)) return { exitStatus: 0, stdout: `Killed fwknopd (pid=${status.pid}) via ${signal}\n`, stderr: "" };
  }
  return { exitStatus: 1, stdout: "", stderr: `Unable to kill fwknop: : the process ${status.pid} is still there after SIGKILL\n` };
}

function statusOf(path: string): DaemonStatus {
  requireProcesses();
  return daemonStatus(path);
}

type Running = Extract<DaemonStatus, { state: "running" }>;

function lives({ pid, start }: Running): boolean {
  return identifyProcess(pid)?.start === start;
}

/** @returns why it could not be sent; a process that is gone by now counts as reached */
function send(running: Running, signal: NodeJS.Signals): string | undefined {
  if (!lives(running)) return undefined;
  try {
    process.kill(running.pid, signal);
    return undefined;
  } catch (error) {
    return lives(running) ? reasonOf(error).replace(/^kill /, "") : undefined;
  }
}

async function isGone(running: Running, patienceMs: number): Promise<boolean> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; ) {
    if (!lives(running)) return true;
    await sleep(POLL_MS);
  }
  return !lives(running);
}
