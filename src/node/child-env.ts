/**
 * The environment of the programs we run: nothing of the caller's that could change what they do.
 *
 * @module
 */

/** Where programs are looked for. */
export const CHILD_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

/**
 * Makes an environment.
 *
 * @param extra what is added
 * @returns PATH and LC_ALL, and the rest that was given
 */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: CHILD_PATH, LC_ALL: "C", ...extra };
}
