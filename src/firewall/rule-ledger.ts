/**
 * The ledger of the rules that are in the firewall: what opened them, what was found there, what could not be closed.
 *
 * @module
 */

import { Ledger, type Moment } from "../expiry.ts";
import type { Family, Rule } from "./backend.ts";

/** The first pause before what could not be closed is tried again, milliseconds; twice as long each time. */
const FIRST_PAUSE_MS = 1000;

/** The longest one. */
const MAX_PAUSE_MS = 60_000;

/** What is open, by what it opens. */
export class RuleLedger extends Ledger<Rule> {
  /** How often closing a rule failed in a row. */
  readonly #failures = new Map<string, number>();
  readonly #families = new Set<Family>([4]);

  /** Families that had rules of ours: most hosts never open anything in IPv6, and are not asked about it. */
  get families(): ReadonlySet<Family> {
    return this.#families;
  }

  /**
   * Remembers that there may be rules of a family.
   *
   * @param family of a change that failed
   */
  expect(family: Family): void {
    this.#families.add(family);
  }

  override put(rule: Rule, now: Moment): void {
    super.put(rule, now);
    this.#families.add(rule.family);
  }

  override remove(key: string): void {
    super.remove(key);
    this.#failures.delete(key);
  }

  /**
   * Enters rules that were found in the firewall, except those that are known.
   *
   * @param found what bears a time mark, whoever made it
   * @param now the clocks
   */
  adopt(found: readonly Rule[], now: Moment): void {
    for (const rule of found) {
      const known = this.items.get(rule.key);
      // A second rule that opens the same needs a place of its own to be closed from.
      const second = endKey(rule);
      if ((known !== undefined && isSameRule(known, rule)) || this.items.has(second)) continue;
      this.put(known === undefined ? rule : { ...rule, key: second }, now);
    }
  }

  /**
   * Puts off what could not be closed, longer each time.
   *
   * @param key of what is still open
   * @param now the clocks
   */
  tryLater(key: string, now: Moment): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.postpone(key, now, Math.min(FIRST_PAUSE_MS * 2 ** failures, MAX_PAUSE_MS));
  }
}

/**
 * Names what a rule opens, and until when.
 *
 * @returns the same for two rules that open the same thing until the same time
 */
export function endKey({ key, expiresAt }: Rule): string {
  return `${key} ${expiresAt}`;
}

/** Whether a rule that was found is one that is known. One that was switched on again still says its former end. */
function isSameRule(known: Rule, found: Rule): boolean {
  return known.expiresAt === found.expiresAt || (known.chain === found.chain && known.words.join(" ") === found.words.join(" "));
}
