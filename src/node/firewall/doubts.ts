/**
 * Rules of changes that failed. They may be there all the same: a program that was killed may have done its work.
 *
 * @module
 */

import type { Rule } from "../../firewall/backend.ts";

/** When the firewall is looked at after a change that failed, milliseconds. */
const FIRST_LOOK_MS = 2000;

/** And when a look has failed as well. */
const NEXT_LOOK_MS = 60_000;

/** What nobody was granted, and what may be open. */
export class Doubts {
  /** By key and end. */
  readonly #ends = new Set<string>();
  #dueAtMs = Infinity;

  /** When the firewall is to be looked at, monotonic, milliseconds; infinite without doubts. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  /**
   * Doubts rules.
   *
   * @param rules what a change that failed was to add
   * @param nowMs monotonic
   */
  add(rules: readonly Rule[], nowMs: number): void {
    for (const rule of rules) this.#ends.add(endKey(rule));
    if (rules.length > 0) this.#dueAtMs = Math.min(this.#dueAtMs, nowMs + FIRST_LOOK_MS);
  }

  /**
   * Puts off the next look, for one that begins now.
   *
   * @param nowMs monotonic
   */
  postpone(nowMs: number): void {
    if (this.#ends.size > 0) this.#dueAtMs = nowMs + NEXT_LOOK_MS;
  }

  /**
   * Ends all doubts.
   *
   * @param found the rules that are there
   * @returns those of them that were doubted
   */
  settle(found: readonly Rule[]): readonly Rule[] {
    const confirmed = found.filter((rule) => this.#ends.has(endKey(rule)));
    this.#ends.clear();
    this.#dueAtMs = Infinity;
    return confirmed;
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
