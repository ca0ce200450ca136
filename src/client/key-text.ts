/**
 * Keys as options, rc files and key files write them.
 *
 * @module
 */

import { decodeBase64 } from "../base64.ts";
import type { Bytes } from "../bytes.ts";
import type { Parsed } from "../cli/options.ts";

/** Longest key that the C client keeps. */
export const MAX_KEY_LENGTH = 128;

/** What a key is for. */
export type KeyKind = "Rijndael" | "HMAC";

/**
 * Decodes a key in base64.
 *
 * @param text the base64 text, `=` at its end or not
 * @param kind what it is for, as messages name it
 * @returns a fresh array, or what is wrong without the text itself
 */
export function decodeKey(text: Uint8Array, kind: KeyKind): Parsed<Bytes> {
  let end = text.length;
  while (end > 0 && text[end - 1] === 0x3d) end--;
  const isPadded = text.length - end <= 2;
  const key = isPadded && !text.subarray(0, end).includes(0x3d) ? decodeBase64(text.subarray(0, end)) : undefined;
  if (key === undefined || text.subarray(0, end).includes(0)) {
    return { ok: false, message: `Base64 encoded ${kind} argument doesn't look like base64-encoded data` };
  }
  return checkKeyLength(key, kind);
}

/**
 * Checks a key's length. An empty key protects nothing, and with an empty HMAC key a C server opens no packet.
 *
 * @param key the key's bytes
 * @param kind what it is for
 * @returns the key
 */
export function checkKeyLength(key: Bytes, kind: KeyKind): Parsed<Bytes> {
  if (key.length >= 1 && key.length <= MAX_KEY_LENGTH) return { ok: true, value: key };
  const words = kind === "HMAC" ? "Invalid decoded key length" : "Invalid key length";
  return { ok: false, message: `${kind} key: ${words}: '${key.length}', must be in [1,${MAX_KEY_LENGTH}]` };
}

const BLANKS = new Set([0x20, 0x09, 0x3d]);
const COLON = 0x3a;

/**
 * Finds the key for a server in a key file: lines `DESTINATION: KEY`, the last one that fits.
 *
 * @param file the file's bytes
 * @param destination exactly as the file must have it
 * @returns a fresh array, or undefined when no line fits
 */
export function findKeyInFile(file: Uint8Array, destination: Uint8Array): Bytes | undefined {
  let found: Bytes | undefined;
  for (let start = 0; start < file.length;) {
    const lineEnd = file.indexOf(0x0a, start);
    const end = lineEnd < 0 ? file.length : lineEnd;
    let at = start;
    while (at < end && BLANKS.has(file[at]!)) at++;
    start = end + 1;
    if (file[at] === 0x23 || file[at] === 0x3b) continue; // # and ; begin comments
    if (at + destination.length >= end || file[at + destination.length] !== COLON) continue;
    if (!destination.every((byte, offset) => file[at + offset] === byte)) continue;
    at += destination.length + 1;
    while (at < end && BLANKS.has(file[at]!)) at++;
    found?.fill(0);
    found = file.slice(at, end);
  }
  return found;
}
