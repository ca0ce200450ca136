/**
 * Performs what a firewall backend plans: gathers grants into batches, runs the commands one at
 * a time, closes what is due. Never blocks the packet path.
 *
 * @module
 */

import { FirewallError, type FirewallBackend, type Rule } from "../firewall/backend.ts";
import type { Grant } from "../firewall/grant.ts";
import type { run } from "./run.ts";

export { FirewallError } from "../firewall/backend.ts";

/** Where the firewall says what it did; the daemon's log is one. */
export interface FirewallLog {
  error(message: string): void;
  warning(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

/** How commands are run and how grants are kept. */
export interface FirewallOptions {
  readonly backend: FirewallBackend;
  readonly log: FirewallLog;
  /** Remove rules that are there at the start instead of adopting them (FLUSH_IPT_AT_INIT). */
  readonly clearAtStart: boolean;
  /** Leave nothing behind at the end (FLUSH_IPT_AT_EXIT). */
  readonly clearAtStop: boolean;
  /** How often a failing command is run (IPT_EXEC_TRIES), 1 when absent. */
  readonly tries?: number;
  /** Pause between two tries, seconds (IPT_EXEC_SLEEP), 0 when absent. */
  readonly pauseSeconds?: number;
  /** Limit for one command, seconds (IPT_CMD_ALARM), 30 when absent. */
  readonly timeoutSeconds?: number;
  /** How long a grant waits for others to share its transaction, milliseconds, 5 when absent. */
  readonly gatherMs?: number;
  /**
   * Time between two looks for rules of others with a time mark, seconds; 0 for never, as
   * RULES_CHECK_THRESHOLD 0. See {@link sweepSeconds}.
   */
  readonly sweepSeconds?: number;
  /** Replaces the runner in tests. */
  readonly run?: typeof run;
}

/** What became of a grant. */
export type OpenResult =
  | {
    readonly ok: true;
    /** What is open now. */
    readonly rules: readonly Rule[];
    /** Whether all of it was open already and now lasts longer. */
    readonly renewed: boolean;
    /** Unix time, seconds, at which it closes: never earlier than asked for. */
    readonly expiresAt: number;
  }
  | {
    readonly ok: false;
    /** One line: the backend's refusal, or the command with its status and stderr. */
    readonly reason: string;
    readonly error?: FirewallError;
  };

/**
 * Turns RULES_CHECK_THRESHOLD, which counted turns of a loop, into a time.
 *
 * @param threshold 0 for never
 * @returns seconds between two looks
 */
export function sweepSeconds(threshold: number): number {
  return threshold;
}

/** The firewall with the grants that are open in it. */
export class Firewall {
  /** @param options backend, log, limits */
  constructor(options: FirewallOptions) {
    void options;
  }

  /**
   * Prepares the ground, removes what expired while nobody looked, adopts the rest.
   *
   * @throws {FirewallError} when the firewall cannot be used; the message is one line for the user
   */
  async start(): Promise<void> {}

  /**
   * Opens a grant, together with others that come within some milliseconds. Never rejects.
   *
   * @param grant who may reach what, until when
   * @returns when the firewall has it, or why not
   */
  async open(grant: Grant): Promise<OpenResult> {
    void grant;
    return { ok: false, reason: "" };
  }

  /** Waits for what is under way, closes everything unless it is to be left, stops the timer. Logs its failures. */
  async stop(): Promise<void> {}

  /** Takes another backend, as after a reload: grants stay open, in new places when the ground differs. */
  async reload(backend: FirewallBackend): Promise<void> {
    void backend;
  }

  /** The rules that are open now, oldest first. */
  get rules(): readonly Rule[] {
    return [];
  }

  /** Lists for --fw-list and --fw-list-all, heading included. Needs no start. */
  async list(scope: "ours" | "all"): Promise<{ readonly stdout: string; readonly stderr: string }> {
    void scope;
    return { stdout: "", stderr: "" };
  }

  /** Removes everything of ours, for --fw-flush. Needs no start. */
  async flush(): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return { stdout: "", stderr: "" };
  }
}
