/**
 * The error that has a number of libfko, by which programs and people know it.
 *
 * @module
 */

import { describeFkoError } from "./fko-error-texts.ts";

/** A message that cannot be made from what the caller gave. */
export class FkoError extends RangeError {
  /** The libfko error number. */
  readonly code: number;
  /** The libfko function that would have refused, part of what scripts match on. */
  readonly operation: string;

  constructor(code: number, operation: string) {
    super(`${operation}: Error ${code} - ${describeFkoError(code)}`);
    this.name = "FkoError";
    this.code = code;
    this.operation = operation;
  }
}
