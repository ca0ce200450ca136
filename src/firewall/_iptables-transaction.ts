/**
 * Lines for several tables, performed together: one transaction a table.
 *
 * @module
 */

import { joinWords } from "./_iptables-listing.ts";
import { restoreProgramOf } from "./_iptables-settings.ts";
import type { Plan, Program } from "./backend.ts";
import { ask, type Run, SUCCESS, succeeded } from "./steps.ts";

/** Seconds that the program waits for the lock that the older kernel interface needs. */
export const LOCK_WAIT: readonly string[] = ["-w", "5"];

/** Done, not so (1), bad syntax (2), unknown table (3): asked again it says the same. 4 is a lock or a right that is missing. */
export const DECIDED: readonly number[] = [0, 1, 2, 3];

/** What is to be done to each table. */
export class Transaction {
  readonly #sections = new Map<string, string[][]>();

  /** @returns a fresh one with the same lines */
  copy(): Transaction {
    const copy = new Transaction();
    for (const [table, lines] of this.#sections) copy.#sections.set(table, [...lines]);
    return copy;
  }

  /** How many tables have something to be done. More than one can be half done. */
  get tableCount(): number {
    return this.#sections.size;
  }

  /**
   * Adds a line.
   *
   * @param table where
   * @param words the line: `-A`, chain, rule
   */
  add(table: string, ...words: readonly string[]): void {
    const lines = this.#sections.get(table);
    if (lines === undefined) this.#sections.set(table, [[...words]]);
    else lines.push([...words]);
  }

  /**
   * Performs the lines; none at all succeed. By single commands where nothing else is to be had,
   * stopping at the first that fails.
   *
   * @param program the program of the family
   * @param purpose as the debug log names it
   */
  *perform(program: Program, purpose: string): Plan<Run> {
    const restore = restoreProgramOf(program);
    let last: Run = { command: { kind: "command", argv: restore ?? program, purpose }, result: SUCCESS };
    if (this.#sections.size === 0) return last;
    if (restore !== undefined) {
      const stdin = [...this.#sections]
        .map(([table, lines]) => `*${table}\n${lines.map((words) => `${joinWords(words)}\n`).join("")}COMMIT\n`)
        .join("");
      return yield* ask({ kind: "command", argv: [...restore, "--noflush", ...LOCK_WAIT], stdin, purpose, answers: DECIDED });
    }
    for (const [table, lines] of this.#sections) {
      for (const words of lines) {
        last = yield* ask({ kind: "command", argv: [...program, ...LOCK_WAIT, "-t", table, ...words], purpose, answers: DECIDED });
        if (!succeeded(last)) return last;
      }
    }
    return last;
  }
}
