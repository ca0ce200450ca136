/**
 * Real tcpdump as a judge of captures and frames.
 *
 * @module
 */

import { spawnSync } from "node:child_process";

const found = spawnSync("tcpdump", ["--version"], { stdio: "ignore", timeout: 10_000 }).status === 0;

/** Reason to skip a test that wants tcpdump, or false. In CI its absence is a failure of the test, not a skip. */
export const WITHOUT_TCPDUMP: string | false = found || process.env["CI"] ? false : "needs tcpdump: apt-get install tcpdump";

/**
 * Lets tcpdump read a capture.
 *
 * @param capture bytes of a capture file
 * @param options further words of its command line
 * @returns its lines of standard output
 * @throws {Error} when it fails
 */
export function tcpdumpLines(capture: Uint8Array, ...options: readonly string[]): string[] {
  return tcpdumpOutput(capture, ...options).toString("latin1").split("\n").filter((line) => line !== "");
}

/** As {@link tcpdumpLines}, but the bytes of its standard output. */
export function tcpdumpOutput(capture: Uint8Array, ...options: readonly string[]): Buffer {
  const result = spawnSync("tcpdump", ["-nn", "-r", "-", ...options], {
    input: capture,
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
    maxBuffer: 1 << 26,
    timeout: 30_000,
  });
  if (result.status !== 0) throw new Error(`tcpdump failed with status ${result.status}: ${result.stderr}`, { cause: result.error });
  return result.stdout;
}
