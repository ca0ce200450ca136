/**
 * Limits of the system, reached on purpose.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

/** Enough for what the runtime has open, few enough to use up quickly. */
const FEW_DESCRIPTORS = 512;

/**
 * Sets a soft limit of this process (prlimit(1)).
 *
 * @param limit as the program names it
 * @param value a number, or `unlimited`
 */
export function setLimit(limit: "nofile" | "fsize", value: string): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(process.pid), `--${limit}=${value}:`], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot set the limit ${limit}: ${stderr}`);
}

/**
 * Uses up all descriptors of this process.
 *
 * @returns gives them back
 */
export function useUpDescriptors(): () => void {
  setLimit("nofile", String(FEW_DESCRIPTORS));
  const opened: number[] = [];
  try {
    for (;;) opened.push(openSync("/dev/null", "r"));
  } catch { /* EMFILE: that was the last */ }
  return () => opened.splice(0).forEach((descriptor) => closeSync(descriptor));
}
