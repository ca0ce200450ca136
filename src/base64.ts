/**
 * Base64 of RFC 4648 §4 as SPA packets carry it: never a `=` at the end.
 *
 * The coding goes from bytes to bytes; text is made of them at the end, which is cheaper than growing a string.
 *
 * @module
 */

import { type Bytes, latin1Text, utf8Bytes } from "./bytes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING = 0x3d;
const FOREIGN = -1;

interface Tables {
  /** The character of each value 0..63. */
  readonly characters: Uint8Array;
  /** The value of each character, or {@link FOREIGN}. */
  readonly values: Int8Array;
}

let tables: Tables | undefined;

function buildTables(): Tables {
  const characters = new Uint8Array(64);
  const values = new Int8Array(256).fill(FOREIGN);
  for (let value = 0; value < 64; value++) {
    characters[value] = ALPHABET.charCodeAt(value);
    values[characters[value]!] = value;
  }
  return { characters, values };
}

/**
 * Encodes bytes as base64 text without `=`.
 *
 * @param bytes any bytes
 * @returns ⌈4n/3⌉ characters
 */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeBase64Bytes(bytes);
  encoded += text.length;
  return encoded < MANY ? latin1Text(text) : new TextDecoder().decode(text);
}

/** Characters since the start; the text is ASCII. A decoder is 10 times as fast, but the first one costs 0.15 ms (measured), as much as this. */
let encoded = 0;
const MANY = 32_768;

/**
 * Encodes bytes as base64 text without `=`, one byte a character: for text that is hashed or compared next.
 *
 * @param bytes any bytes
 * @returns a fresh array of ⌈4n/3⌉ bytes
 */
export function encodeBase64Bytes(bytes: Uint8Array): Bytes {
  const { characters } = (tables ??= buildTables());
  const text = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  const wholeGroups = bytes.length - (bytes.length % 3);
  let to = 0;
  let from = 0;
  for (; from < wholeGroups; from += 3, to += 4) {
    const group = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    text[to] = characters[group >>> 18]!;
    text[to + 1] = characters[(group >>> 12) & 63]!;
    text[to + 2] = characters[(group >>> 6) & 63]!;
    text[to + 3] = characters[group & 63]!;
  }
  if (from < bytes.length) {
    const second = bytes[from + 1] ?? 0;
    text[to] = characters[bytes[from]! >>> 2]!;
    text[to + 1] = characters[((bytes[from]! & 3) << 4) | (second >>> 4)]!;
    // Falls beyond the end, where a typed array ignores it, when only one byte was left.
    text[to + 2] = characters[(second & 15) << 2]!;
  }
  return text;
}

/**
 * Decodes base64 text by the rules of the wire: it ends at the first `=` or NUL whatever follows, and bits that fill no
 * byte are dropped unseen. Many texts therefore decode alike; whoever compares texts must bring them into one form.
 *
 * @param text as received
 * @returns a fresh array of ⌊3n/4⌋ bytes, or undefined when a character is foreign
 */
export function decodeBase64(text: string | Uint8Array): Bytes | undefined {
  const { values } = (tables ??= buildTables());
  // As UTF-8 a character that is not ASCII is as foreign as it was.
  const characters = typeof text === "string" ? utf8Bytes(text) : text;
  const length = lengthBeforeEnd(characters);
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  // Foreign characters are negative, and so is whatever they are joined with: one test at the end finds them all.
  let joined = 0;
  let to = 0;
  let from = 0;
  for (; from + 4 <= length; from += 4, to += 3) {
    const group =
      (values[characters[from]!]! << 18) |
      (values[characters[from + 1]!]! << 12) |
      (values[characters[from + 2]!]! << 6) |
      values[characters[from + 3]!]!;
    joined |= group;
    bytes[to] = group >>> 16;
    bytes[to + 1] = group >>> 8;
    bytes[to + 2] = group;
  }
  if (from < length) {
    // One to three characters are left; those that are missing count as zero bits, and bytes beyond the end are ignored.
    const second = from + 1 < length ? values[characters[from + 1]!]! : 0;
    const third = from + 2 < length ? values[characters[from + 2]!]! : 0;
    const group = (values[characters[from]!]! << 18) | (second << 12) | (third << 6);
    joined |= group;
    bytes[to] = group >>> 16;
    bytes[to + 1] = group >>> 8;
  }
  return joined < 0 ? undefined : bytes;
}

/**
 * Clears the bits of the last character that {@link decodeBase64} drops, so that texts which decode alike become equal.
 *
 * @param text characters of the alphabet, without `=`
 * @param cutInFront how many characters were cut off before the text
 * @returns the text itself when there are no such bits, else a fresh array
 */
export function clearSpareBits(text: Uint8Array, cutInFront: number): Uint8Array {
  const { characters, values } = (tables ??= buildTables());
  const spareBits = [0, 6, 4, 2][(cutInFront + text.length) % 4]!;
  if (spareBits === 0) return text;
  const cleared = Uint8Array.from(text);
  const last = cleared.length - 1;
  cleared[last] = characters[(values[cleared[last]!]! >> spareBits) << spareBits]!;
  return cleared;
}

/**
 * Tells whether bytes are base64 text.
 *
 * @param bytes any bytes
 * @returns whether all are characters of the alphabet, which `=` is not
 */
export function isBase64Text(bytes: Uint8Array): boolean {
  const { values } = (tables ??= buildTables());
  for (let at = 0; at < bytes.length; at++) if (values[bytes[at]!] === FOREIGN) return false;
  return true;
}

/** Characters in front of the first `=` or NUL. */
function lengthBeforeEnd(characters: Uint8Array): number {
  const padding = characters.indexOf(PADDING);
  const nul = characters.indexOf(0);
  return Math.min(padding < 0 ? characters.length : padding, nul < 0 ? characters.length : nul);
}

/**
 * Appends the `=` that the wire leaves out, for protocols and programs that want them.
 *
 * @param text base64 text without `=`
 * @returns text whose length is a multiple of four
 */
export function padBase64(text: string): string {
  return text.padEnd(4 * Math.ceil(text.length / 4), "=");
}
