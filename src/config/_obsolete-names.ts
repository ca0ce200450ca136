/**
 * Names in a file that have no effect any more: one warning tells all that have the same reason.
 *
 * @module
 */

import type { ConfigProblem, Place } from "./variable.ts";

/** The obsolete names of one file. */
export class ObsoleteNames {
  /** By what does the work now. */
  readonly #found = new Map<string, { readonly names: Set<string>; readonly place: Place }>();

  /**
   * Takes a name up.
   *
   * @param name as it is written
   * @param now what does the work now
   * @param place where it stands; the warning is about the first place of its reason
   */
  add(name: string, now: string, place: Place): void {
    const found = this.#found.get(now) ?? { names: new Set(), place };
    found.names.add(name);
    this.#found.set(now, found);
  }

  /** @returns a warning for each reason */
  problems(): readonly ConfigProblem[] {
    return Array.from(this.#found, ([now, { names, place }]) => (
      { severity: "warning", ...place, message: `Without effect: ${[...names].join(", ")}. ${now.replace(/\.$/, "")}` }));
  }
}
