/**
 * Whether this system has a locale.
 *
 * @module
 */

import { run } from "../run.ts";

const TIMEOUT_MS = 5000;

/** `en_US.UTF-8` and `en_US.utf8` are one. */
const normal = (name: string): string => name.toLowerCase().replace(/[-_]/g, "");

/**
 * Asks `locale -a`.
 *
 * @param name a locale's name
 * @returns false when it is known to be missing
 */
export async function hasLocale(name: string): Promise<boolean> {
  const { ok, stdout } = await run(["locale", "-a"], { timeoutMs: TIMEOUT_MS });
  return !ok || stdout.split("\n").some((line) => normal(line) === normal(name));
}
