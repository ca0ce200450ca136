/**
 * Standard output and error of a program that runs to its end.
 *
 * @module
 */

import { writeSync } from "node:fs";
import { FileError } from "./files.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/**
 * Writes all of it now: the program may end before a stream has. That nobody reads it is no failure.
 *
 * @param descriptor standard output (1) or standard error (2)
 * @param text what to write
 * @throws {FileError} when standard output takes no more; of standard error nobody could be told
 */
export function writeText(descriptor: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const code = codeOf(error);
      if (code === "EAGAIN") pause();
      else if (code === "EPIPE" || descriptor === 2) return; // `fwknop --help | head -1`
      else throw new FileError(`Cannot write to standard output: ${reasonOf(error)}`, code ?? "UNKNOWN", "standard output", error);
    }
  }
}

/** Waits a moment for a pipe that somebody else made non-blocking, and that is full or empty. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}
