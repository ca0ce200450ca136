/**
 * Differences of time as options and rc files write them.
 *
 * @module
 */

import type { Parsed } from "../cli/options.ts";
import { printableText } from "../foreign-text.ts";

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };
/** The largest number in front of the unit. */
const MAX_COUNT = 65536;

/**
 * Reads `90`, `90s`, `5m`, `2h`, `1d`; further letters of the unit do not matter (`5min`, `2 hours`).
 *
 * @param text the whole text
 * @returns seconds, at least 0
 */
export function parseTimeOffset(text: string): Parsed<number> {
  const [, digits, unit] = /^\s*(\d{1,8})\s*(?:([smhd])[a-z]*)?\s*$/i.exec(text) ?? [];
  const count = Number(digits);
  if (digits === undefined || count > MAX_COUNT) {
    return { ok: false, message: `Invalid time offset: '${printableText(text)}', expected 0..${MAX_COUNT} and s, m, h or d` };
  }
  return { ok: true, value: count * SECONDS[(unit ?? "").toLowerCase()]! };
}
