/**
 * Runs an administrator's command as somebody else: an argument vector, never a shell, with a
 * time limit.
 *
 * @module
 */

import { commandText, endText, startText } from "../../command-text.ts";
import { findProgram } from "../find-program.ts";
import { run } from "../run.ts";
import type { Group, User } from "../users.ts";

/** Who runs it. */
export type Identity =
  | { readonly kind: "self" }
  /** setuid and setgid with the user's own groups (CMD_EXEC_USER, CMD_EXEC_GROUP). */
  | { readonly kind: "user"; readonly user: User; readonly group?: Group }
  /** Through sudo (ENABLE_CMD_SUDO_EXEC). */
  | { readonly kind: "sudo"; readonly program: string; readonly user?: string; readonly group?: string };

/** How it ended. */
export interface CommandEnding {
  /** What was run, as it could be typed. */
  readonly display: string;
  /** Undefined when it did not exit by itself. */
  readonly exitStatus: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** Why it could not be started. */
  readonly startError: string | undefined;
  /** stdout and then stderr, cut; foreign text. */
  readonly output: string;
}

/** Limits and environment. */
export interface CommandOptions {
  readonly identity: Identity;
  readonly timeoutMs: number;
  /** Ends it before. */
  readonly signal?: AbortSignal;
  /** Is told the command before it runs, and its end. */
  readonly trace?: (text: string) => void;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a command is wrapped so that somebody else runs it. */
export interface Wrapped {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** For the system call, where no program does the change. */
  readonly ids?: { readonly uid: number; readonly gid: number };
}

/** As much of each stream is worth a log line. */
const MAX_OUTPUT = 2048;

/**
 * Runs a command to its end. Never rejects for what the command does.
 *
 * @param argv the command; its words are given to it as they are
 * @param options who runs it, for how long
 * @returns how it ended
 */
export async function runCommand(argv: readonly [string, ...string[]], options: CommandOptions): Promise<CommandEnding> {
  const wrapped = wrapCommand(argv, options.identity, findProgram("setpriv"));
  const display = commandText(wrapped.argv);
  options.trace?.(startText(display));
  const result = await run(wrapped.argv, {
    timeoutMs: options.timeoutMs,
    ...(options.signal && { signal: options.signal }),
    maxOutputBytes: MAX_OUTPUT,
    env: { ...wrapped.env, ...options.env },
    ...wrapped.ids,
  });
  options.trace?.(endText(result.startError?.code ?? (result.timedOut ? "TIMEOUT" : (result.status ?? result.signal))));
  const wrapperError = options.identity.kind === "user" && wrapped.ids === undefined && result.status !== 0
    ? /^setpriv: (.*)$/m.exec(result.stderr)?.[1]
    : undefined;
  return {
    display,
    exitStatus: result.status,
    signal: result.signal,
    timedOut: result.timedOut,
    startError: result.startError?.message ?? wrapperError,
    output: [result.stdout, result.stderr].map((text) => text.trim()).filter((text) => text !== "").join("\n"),
  };
}

/**
 * Builds the argument vector that has somebody else run a command.
 *
 * @param argv the command
 * @param identity who runs it
 * @param setpriv where setpriv is, undefined on systems without it
 * @returns the argument vector, and what it needs in its environment
 */
export function wrapCommand(argv: readonly [string, ...string[]], identity: Identity, setpriv: string | undefined): Wrapped {
  switch (identity.kind) {
    case "self":
      return { argv, env: {} };
    case "sudo": {
      const { program, user, group } = identity;
      // -n: without it sudo would wait for a password until the time limit.
      return {
        argv: [program, "-n", ...(user === undefined ? [] : ["-u", user]), ...(group === undefined ? [] : ["-g", group]), "--", ...argv],
        env: {},
      };
    }
    case "user": {
      const { user, group } = identity;
      const gid = group?.gid ?? user.gid;
      const env = { HOME: user.home, USER: user.name, LOGNAME: user.name };
      // The system call alone would leave the user without the groups that /etc/group gives him.
      if (setpriv === undefined) return { argv, env, ids: { uid: user.uid, gid } };
      return { argv: [setpriv, `--reuid=${user.uid}`, `--regid=${gid}`, "--init-groups", "--", ...argv], env };
    }
  }
}
