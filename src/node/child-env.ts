/**
 * The environment of the programs that live as long as we do: nothing of the caller's that could
 * change what they do.
 *
 * @module
 */

import { systemPath } from "./find-program.ts";

/**
 * Makes an environment.
 *
 * @param extra what is added
 * @returns PATH, LC_ALL=C, and what was given
 */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: systemPath(), LC_ALL: "C", ...extra };
}
