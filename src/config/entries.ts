/**
 * Configuration files as lines of names and values, before anything is known of the names. Both programs' files are
 * read by the same rules; how a value ends is the one thing that the reader of a line has to know.
 *
 * Everything here is bytes, for a value may be a key.
 *
 * @module
 */

import { latin1Text, utf8OrLatin1Text } from "../bytes.ts";

/** A file that was read. */
export interface ConfigFile {
  /** As it was given, for messages. */
  readonly path: string;
  /** Whole; not changed and not kept, so the caller may wipe it afterwards. */
  readonly bytes: Uint8Array;
}

/** Whose file it is: fwknop 2.x or 1.x. */
export type Dialect = "c" | "perl";

/** A line that is neither empty nor a comment. */
export interface Entry {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The first word, up to a blank or `;`. Each byte is a character. */
  readonly name: string;
  /** From 1, in bytes. */
  readonly nameColumn: number;
  /** What follows the name and its blanks, up to the end of the line; a view into the file. */
  readonly rest: Uint8Array;
  readonly restColumn: number;
  /** Whether there is a `;` after the name. */
  readonly ended: boolean;
  /** In bytes, without the line's end. */
  readonly length: number;
}

/** A value with its place. */
export interface RawValue {
  /** A view into the file, at least one byte. */
  readonly bytes: Uint8Array;
  /** From 1, in bytes. */
  readonly column: number;
}

/** fwknopd 2.6 reads this many bytes of a line; to it the rest is another line. */
const C_LINE_LIMIT = 1023;

const [TAB, LF, CR, SPACE, HASH, SEMICOLON] = [0x09, 0x0a, 0x0d, 0x20, 0x23, 0x3b] as const;

const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;

/**
 * Takes a file apart.
 *
 * @param file the file; views into it are returned
 * @returns its entries in their order; comments begin with `#` or `;` as first character that is no blank
 */
export function readEntries({ path, bytes }: ConfigFile): readonly Entry[] {
  const entries: Entry[] = [];
  // A byte order mark, as some editors leave it.
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let line = 1; start < bytes.length; line++) {
    const found = bytes.indexOf(LF, start);
    const next = found < 0 ? bytes.length : found + 1;
    let end = found < 0 ? bytes.length : found;
    while (end > start && bytes[end - 1] === CR) end--;
    const entry = readEntry(bytes.subarray(start, end));
    if (entry !== undefined) entries.push({ file: path, line, ...entry });
    start = next;
  }
  return entries;
}

function readEntry(line: Uint8Array): Omit<Entry, "file" | "line"> | undefined {
  let at = 0;
  while (isBlank(line[at])) at++;
  const first = line[at];
  if (first === undefined || first === HASH || first === SEMICOLON || first === 0) return undefined;
  const nameStart = at;
  while (at < line.length && !isBlank(line[at]) && line[at] !== SEMICOLON) at++;
  const name = latin1Text(line.subarray(nameStart, at));
  while (isBlank(line[at])) at++;
  const rest = line.subarray(at);
  return { name, nameColumn: nameStart + 1, rest, restColumn: at + 1, ended: rest.includes(SEMICOLON), length: line.length };
}

/**
 * Tells of a line that fwknopd 2.6 would read otherwise because of its length.
 *
 * @param entry the line
 * @returns a warning, or undefined
 */
export function lengthWarning({ length }: Entry): string | undefined {
  if (length <= C_LINE_LIMIT) return undefined;
  return `This line has ${length} bytes; it is read whole, where fwknopd 2.6 would take what follows ${C_LINE_LIMIT} bytes for another line`;
}

/** How a value is cut out of its line. */
export interface ValueCut {
  /** At the last `;` of the line instead of the first. */
  readonly toLastSemicolon?: boolean;
  readonly keepTrailingBlanks?: boolean;
}

/**
 * Cuts the value out of an entry.
 *
 * @param entry the line
 * @param cut where it ends
 * @returns the value, or undefined when there is none
 */
export function cutValue({ rest, restColumn }: Entry, { toLastSemicolon = false, keepTrailingBlanks = false }: ValueCut = {}): RawValue | undefined {
  const semicolon = toLastSemicolon ? rest.lastIndexOf(SEMICOLON) : rest.indexOf(SEMICOLON);
  let end = semicolon < 0 ? rest.length : semicolon;
  if (!keepTrailingBlanks) while (end > 0 && isBlank(rest[end - 1])) end--;
  return end === 0 ? undefined : { bytes: rest.subarray(0, end), column: restColumn };
}

/**
 * Makes text of a value that is no secret.
 *
 * @param bytes the value
 * @returns the text, or undefined when there is a control code in it
 */
export function valueText(bytes: Uint8Array): string | undefined {
  const text = utf8OrLatin1Text(bytes);
  return /[\0-\x08\x0a-\x1f\x7f]/.test(text) ? undefined : text;
}
