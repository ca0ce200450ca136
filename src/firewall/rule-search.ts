/**
 * When the firewall is searched for rules with a time mark that the ledger may not have: those that others put there while
 * we run, and those of changes that failed, for a program that was killed may have done its work.
 *
 * @module
 */

import type { Rule } from "./backend.ts";
import { endKey } from "./rule-ledger.ts";

/** When the firewall is searched after a change that failed, milliseconds. */
const AFTER_FAILURE_MS = 2000;

/** And when that search has failed as well. */
const AFTER_FAILED_SEARCH_MS = 60_000;

/** At a closing something is run anyway: then so much time after the last search is enough for another one. */
const AT_CLOSING_MS = 2000;

/** The times of searches, on the monotonic clock, milliseconds. */
export class RuleSearch {
  /** Rules that nobody was granted and that may be open, by key and end. */
  readonly #doubted = new Set<string>();
  /** When to look for them. */
  #doubtsDueAtMs = Infinity;
  #begunAtMs = -Infinity;

  /**
   * Doubts rules.
   *
   * @param rules what a change that failed was to add
   * @param nowMs monotonic
   */
  doubt(rules: readonly Rule[], nowMs: number): void {
    for (const rule of rules) this.#doubted.add(endKey(rule));
    if (rules.length > 0) this.#doubtsDueAtMs = Math.min(this.#doubtsDueAtMs, nowMs + AFTER_FAILURE_MS);
  }

  /**
   * A search begins.
   *
   * @param nowMs monotonic
   */
  begin(nowMs: number): void {
    this.#begunAtMs = nowMs;
    if (this.#doubted.size > 0) this.#doubtsDueAtMs = nowMs + AFTER_FAILED_SEARCH_MS;
  }

  /**
   * A search has ended; with it all doubts.
   *
   * @param found the rules that are there
   * @returns those of them that were doubted
   */
  end(found: readonly Rule[]): readonly Rule[] {
    const confirmed = found.filter((rule) => this.#doubted.has(endKey(rule)));
    this.#doubted.clear();
    this.#doubtsDueAtMs = Infinity;
    return confirmed;
  }

  /**
   * Tells whether it is time for a search. For rules of others alone it is asked when something was opened or closed anyway;
   * no timer stands for them while anything is open.
   *
   * @param nowMs monotonic
   * @param intervalMs time between two searches for rules of others, infinite for none
   * @param hasClosed whether something was closed just now
   */
  isDue(nowMs: number, intervalMs: number, hasClosed: boolean): boolean {
    return this.#nextMs(intervalMs, hasClosed) <= nowMs;
  }

  /**
   * Tells when a timer has to ring for a search.
   *
   * @param intervalMs as above
   * @param isNothingOpen whether nothing else would happen that a search can go with
   * @returns monotonic; infinite for never
   */
  wakeAtMs(intervalMs: number, isNothingOpen: boolean): number {
    return isNothingOpen ? this.#nextMs(intervalMs, false) : this.#doubtsDueAtMs;
  }

  #nextMs(intervalMs: number, hasClosed: boolean): number {
    const searchAtMs = intervalMs === Infinity ? Infinity : this.#begunAtMs + (hasClosed ? Math.min(AT_CLOSING_MS, intervalMs) : intervalMs);
    return Math.min(this.#doubtsDueAtMs, searchAtMs);
  }
}
