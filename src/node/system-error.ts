/**
 * What the system says when it refuses: its code, and its words as administrators know them.
 *
 * @module
 */
import { wordsOf } from "./system-error-words.ts";

/**
 * The code of a system error.
 *
 * @param error anything that was thrown
 * @returns `ENOENT` and the like, or undefined
 */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * The system's words for a failure.
 *
 * @param error anything that was thrown
 * @returns `No such file or directory` and the like, without an end mark
 */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) return messageOf(error);
  return wordsOf(code, error.message);
}

/**
 * The message of an error, for a line of ours.
 *
 * @param error anything that was thrown
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
