/**
 * What a fake program answers.
 *
 * @module
 */
import type { RunResult } from "../../src/node/run.ts";

/**
 * Makes the result of a program that was not really run.
 *
 * @param argv as it was called
 * @param parts what is not as after a silent end; `ok` follows from the status
 */
export function runResult(argv: readonly string[], parts: Partial<RunResult>): RunResult {
  return {
    argv, ok: parts.status === 0, status: undefined, signal: undefined, timedOut: false, truncated: false, startError: undefined,
    stdout: "", stderr: "", durationMs: 1, ...parts,
  };
}
