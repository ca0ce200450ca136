/**
 * Runs an administrator's command as somebody else: an argument vector, never a shell, with a
 * time limit.
 *
 * @module
 */

import type { Group, User } from "./users.ts";

/** Who runs it. */
export type Identity =
  | { readonly kind: "self" }
  /** setuid and setgid with the user's own groups (CMD_EXEC_USER, CMD_EXEC_GROUP). */
  | { readonly kind: "user"; readonly user: User; readonly group?: Group }
  /** Through sudo (ENABLE_CMD_SUDO_EXEC). */
  | { readonly kind: "sudo"; readonly program: string; readonly user?: string; readonly group?: string };

/** How it ended. */
export interface CommandResult {
  /** What was run, as it could be typed. */
  readonly display: string;
  /** Undefined when it did not exit by itself. */
  readonly exitStatus: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** Why it could not be started. */
  readonly startError: string | undefined;
  /** stdout and stderr together, cut. */
  readonly output: string;
}

/** Limits and environment. */
export interface CommandOptions {
  readonly identity: Identity;
  readonly timeoutMs: number;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. Never rejects for what the command does. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  throw new RangeError(`${argv.length} ${options.timeoutMs}`);
}
