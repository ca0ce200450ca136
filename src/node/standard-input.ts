/**
 * Standard input of a program that wants all of it at once.
 *
 * @module
 */

import { readSync } from "node:fs";
import type { Bytes } from "../bytes.ts";
import { FileError } from "./files.ts";
import { pause } from "./standard-output.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/**
 * Reads standard input to its end, but not further than a bound.
 *
 * @param most how many bytes; what comes behind is left unread
 * @returns a fresh array
 * @throws {FileError} when it cannot be read
 */
export function readStandardInput(most: number): Bytes {
  const bytes = new Uint8Array(most);
  let length = 0;
  for (;;) {
    try {
      const count = readSync(0, bytes, length, most - length, null);
      length += count;
      if (count === 0 || length === most) return bytes.subarray(0, length);
    } catch (error) {
      const code = codeOf(error);
      if (code === "EAGAIN") pause();
      else throw new FileError(`Cannot read standard input: ${reasonOf(error)}`, code ?? "UNKNOWN", "standard input", error);
    }
  }
}
