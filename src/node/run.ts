/**
 * Runs a program to its end: an argument vector, never a shell, with limits on time and output.
 *
 * @module
 */

/** What a program gets and may cost. */
export interface RunOptions {
  /** Given on stdin, which is empty when absent. */
  readonly input?: string | Uint8Array;
  /** After that it is killed with everything it started. */
  readonly timeoutMs: number;
  /** Added to PATH (sbin included) and LC_ALL=C, which is all of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `/` when absent. */
  readonly cwd?: string;
  /** Numbers; the supplementary groups are dropped, not replaced. */
  readonly uid?: number;
  readonly gid?: number;
  /** Kept of stdout and of stderr each, 1 MiB when absent; what comes after it is read and forgotten. */
  readonly maxOutputBytes?: number;
}

/** How a program ended. */
export interface RunResult {
  readonly argv: readonly string[];
  /** Whether it exited with status 0 and nothing of its output is missing. */
  readonly ok: boolean;
  /** Undefined when it did not exit by itself. */
  readonly status: number | undefined;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** Output was longer than the bound. */
  readonly truncated: boolean;
  /** Why it could not be started: `ENOENT` no such program, `EACCES` not executable, `EPERM` not as that user, `E2BIG`, `EAGAIN` … */
  readonly startError: { readonly code: string; readonly message: string } | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Runs a program. Never rejects for what the program or the system does. */
export function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  throw new RangeError(`${argv.length} ${options.timeoutMs}`);
}

/**
 * Ends what is still running: TERM to every group, after the grace KILL.
 *
 * @param graceMs time to leave in good order, milliseconds
 */
export async function endRunning(graceMs: number): Promise<void> {
  void graceMs;
}
