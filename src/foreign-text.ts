/**
 * Text that somebody else wrote, made fit to be shown: on one line, without control codes that
 * a terminal or a log would obey, and not longer than it is worth.
 *
 * @module
 */
import { latin1Text } from "./bytes.ts";

/**
 * Escapes and cuts foreign text.
 *
 * @param text the text, or its bytes (each is then one character)
 * @param limit characters of the text that are kept
 * @returns printable ASCII; other characters as `\xHH` or `\u{H…}`, a cut is marked by `...`
 */
export function printableText(text: string | Uint8Array, limit = 80): string {
  // A code point takes at most two code units, so the rest need not be walked.
  const start = typeof text === "string" ? text.slice(0, 2 * limit + 2) : latin1Text(text.subarray(0, limit + 1));
  let shown = "";
  let count = 0;
  for (const character of start) {
    if (count++ === limit) return `${shown}...`;
    shown += printable(character.codePointAt(0)!);
  }
  return shown;
}

function printable(codePoint: number): string {
  if (codePoint === 0x5c) return "\\\\";
  if (codePoint >= 0x20 && codePoint < 0x7f) return String.fromCharCode(codePoint);
  return escapeCodePoint(codePoint);
}

/**
 * Writes a character by its number, as JavaScript would read it back.
 *
 * @param codePoint the number
 * @returns `\xHH` or `\u{H…}`
 */
export function escapeCodePoint(codePoint: number): string {
  return codePoint < 0x100 ? `\\x${codePoint.toString(16).padStart(2, "0")}` : `\\u{${codePoint.toString(16)}}`;
}
