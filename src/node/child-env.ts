/**
 * The environment of the programs that we start: of the caller's only PATH, nothing else that could change what they do.
 *
 * @module
 */

import { systemPath } from "./find-program.ts";

/**
 * Makes an environment.
 *
 * @param extra what is added; nothing for what is undefined
 * @returns PATH, LC_ALL=C, and what was given
 */
export function childEnvironment(extra: Readonly<Record<string, string | undefined>> = {}): Record<string, string | undefined> {
  return { PATH: systemPath(), LC_ALL: "C", ...extra };
}
