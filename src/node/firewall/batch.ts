/**
 * What grants that come together change of what is open.
 *
 * @module
 */

import type { Ledger, Moment } from "../../expiry.ts";
import type { FirewallError, Rule } from "../../firewall/backend.ts";
import type { Grant } from "../../firewall/grant.ts";

/** What became of a grant. */
export type OpenResult =
  | {
    readonly ok: true;
    /** What is open now. */
    readonly rules: readonly Rule[];
    /** Whether all of it was open already. */
    readonly renewed: boolean;
    /** Unix time, seconds, at which the first of it closes: never earlier than asked for. */
    readonly expiresAt: number;
  }
  | {
    readonly ok: false;
    /** One line: the backend's refusal, or what the firewall's program said. The whole command is in the log, once, and in `error`. */
    readonly reason: string;
    readonly error?: FirewallError;
  };

/** A grant that waits for the firewall. */
export interface Waiting {
  readonly grant: Grant;
  readonly resolve: (result: OpenResult) => void;
}

/** A grant whose turn has come. */
export interface Planned extends Waiting {
  /** What it needs. */
  readonly rules: readonly Rule[];
}

/** What grants change. */
export interface Batch {
  /** Those that had ended before their turn came. */
  readonly late: readonly Planned[];
  /** All others. */
  readonly opening: readonly Planned[];
  /** Rules to be added, by key. One that is open already is among them when it is to be put back in its own place. */
  readonly add: ReadonlyMap<string, Rule>;
  /** Rules that are open and have the keys of added ones. */
  readonly remove: ReadonlyMap<string, Rule>;
  /** Rules that were asked for and change nothing: the same is open for as long. */
  readonly present: readonly Rule[];
}

/** Ends that the clocks tell apart by less are the same end: the wall clock counts whole milliseconds. */
const CLOCK_GRAIN_MS = 5;

/**
 * Plans a batch. Of two grants for the same the longer one counts: nobody's access is shortened by another knock, unless
 * that is what the knock asks for.
 *
 * @param waiting the grants, in the order in which they came
 * @param ledger what is open
 * @param now the clocks
 */
export function planBatch(waiting: readonly Planned[], ledger: Ledger<Rule>, now: Moment): Batch {
  const isLate = ({ grant }: Planned): boolean => grant.expiresAt * 1000 <= now.wallMs;
  const opening = waiting.filter((one) => !isLate(one));
  const add = new Map<string, Rule>();
  const remove = new Map<string, Rule>();
  const present: Rule[] = [];
  /** How long what has a key will be open anyway, by the ledger or by an earlier grant of this batch. */
  const leftMs = (key: string): number => {
    const planned = add.get(key);
    const isOpen = planned === undefined || planned === ledger.items.get(key);
    return isOpen ? ledger.leftMs(key, now) ?? -Infinity : planned.expiresAt * 1000 - now.wallMs;
  };
  for (const { grant, rules } of opening) {
    for (const rule of rules) {
      const { key } = rule;
      const live = ledger.items.get(key);
      if (live !== undefined) remove.set(key, live);
      const changesNothing = grant.endsEarlier === undefined && leftMs(key) >= rule.expiresAt * 1000 - now.wallMs - CLOCK_GRAIN_MS;
      if (!changesNothing) add.set(key, rule);
      // What is open is put in its own place again: perhaps somebody took it away, and that is why they knock.
      else if (!add.has(key)) add.set(key, live!);
      if (changesNothing) present.push(rule);
    }
  }
  return { late: waiting.filter(isLate), opening, add, remove, present };
}

/**
 * Makes the result of a grant that is not opened.
 *
 * @param reason one line
 */
export function refuse(reason: string): OpenResult {
  return { ok: false, reason };
}
