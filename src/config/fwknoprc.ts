/**
 * `.fwknoprc`, the client's file of stanzas, read as the C program reads it. Bytes all the way, for there are keys in it.
 *
 * @module
 */

import { latin1Text, utf8OrLatin1Text } from "../bytes.ts";
import type { ClientSettings } from "../client/settings.ts";
import { printableText } from "../foreign-text.ts";
import { findVariable, type RcVariable, variableNames } from "./fwknoprc-variables.ts";
import { nearestName, withSuggestion } from "./variable.ts";

/** What a line says. */
type RcLineContent =
  | { readonly kind: "ignored" | "malformed" }
  /** The stanza that begins here. */
  | { readonly kind: "stanza"; readonly stanza: string }
  /** `rest` is what follows the name and its blanks, up to the end of the line. */
  | { readonly kind: "parameter"; readonly name: string; readonly rest: Uint8Array };

/** One line of the file. */
export type RcLine = RcLineContent & {
  /** From 1. */
  readonly number: number;
  /** The whole line with its end: a view into the file. */
  readonly bytes: Uint8Array;
  /** The stanza that the line is in; undefined in front of the first. */
  readonly stanza: string | undefined;
};

/** The longest line that the C program reads in one piece. */
const LINE_LIMIT = 1023;

const [NUL, TAB, LF, CR, SPACE, HASH, COLON, SEMICOLON, OPEN, CLOSE] = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x23, 0x3a, 0x3b, 0x5b, 0x5d] as const;
const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;
const endsValue = (byte: number): boolean => isBlank(byte) || byte === CR || byte === SEMICOLON || byte === HASH;

/**
 * Takes a file apart.
 *
 * @param file its bytes
 * @returns its lines, views into the file
 */
export function readRcLines(file: Uint8Array): readonly RcLine[] {
  const lines: RcLine[] = [];
  let stanza: string | undefined;
  for (let start = 0; start < file.length;) {
    const found = file.indexOf(LF, start);
    const next = found < 0 ? file.length : found + 1;
    const bytes = file.subarray(start, next);
    const content = readLine(found < 0 ? bytes : bytes.subarray(0, -1));
    if (content.kind === "stanza") ({ stanza } = content);
    lines.push({ number: lines.length + 1, bytes, stanza, ...content });
    start = next;
  }
  return lines;
}

function readLine(line: Uint8Array): RcLineContent {
  const first = line[0];
  // Only the first column counts: an indented # begins a parameter of that name.
  if (first === undefined || first === HASH || first === SEMICOLON || first === CR || first === NUL) return { kind: "ignored" };
  let at = 0;
  while (isBlank(line[at])) at++;
  if (line[at] === OPEN) {
    const close = line.indexOf(CLOSE, at);
    if (close >= 0) return { kind: "stanza", stanza: utf8OrLatin1Text(line.subarray(at + 1, close)) };
  }
  const nameStart = at;
  while (at < line.length && !isBlank(line[at]) && line[at] !== CR) at++;
  const name = latin1Text(line.subarray(nameStart, at > nameStart && line[at - 1] === COLON ? at - 1 : at));
  while (isBlank(line[at])) at++;
  const rest = line.subarray(at);
  const isWhole = name !== "" && rest.length > 0 && !endsValue(rest[0]!) && line.length <= LINE_LIMIT;
  return isWhole ? { kind: "parameter", name, rest } : { kind: "malformed" };
}

/** The value of a parameter: up to a blank, `;` or `#`, or all of the line. */
function valueOf(rest: Uint8Array, variable: RcVariable | undefined): Uint8Array {
  let end = rest.findIndex(endsValue);
  if (variable?.wholeLine || end < 0) {
    end = rest.length;
    while (end > 0 && (isBlank(rest[end - 1]) || rest[end - 1] === CR)) end--;
  }
  return rest.subarray(0, end);
}

/**
 * Compares names of stanzas.
 *
 * @param left one, undefined in front of the first stanza
 * @param right the other
 * @returns whether they are the same but for case
 */
export function isSameStanza(left: string | undefined, right: string): boolean {
  return left?.toLowerCase() === right.toLowerCase();
}

/** A stanza, read. */
export interface RcStanza {
  readonly isFound: boolean;
  readonly settings: ClientSettings;
  /** One line each; with any of them the program must not go on. */
  readonly problems: readonly string[];
}

/**
 * Reads a stanza, all parts of it if its name comes several times.
 *
 * @param lines the file
 * @param stanza its name
 * @param path the file's name, for messages
 * @returns its settings; keys in them are copies
 */
export function readStanza(lines: readonly RcLine[], stanza: string, path: string): RcStanza {
  const settings: ClientSettings = {};
  const problems: string[] = [];
  const ours = lines.filter((line) => isSameStanza(line.stanza, stanza));
  for (const line of ours) {
    if (line.kind === "malformed") problems.push(`*Invalid entry in ${path}, line ${line.number}: expected 'NAME value' of at most ${LINE_LIMIT} bytes`);
    if (line.kind !== "parameter") continue;
    const variable = findVariable(line.name);
    const value = valueOf(line.rest, variable);
    const problem = (words: string): string => {
      const shown = isSecret(line.name) ? "(hidden)" : printableText(value);
      return `Parameter error in ${path}, line ${line.number}: var=${printableText(line.name)}, val=${shown}: ${words}`;
    };
    if (variable === undefined) {
      problems.push(withSuggestion(problem("no such variable"), line.name, variableNames()));
      continue;
    }
    const read = variable.read(value);
    if (read.ok) Object.assign(settings, read.value);
    else problems.push(problem(read.message));
  }
  return { isFound: ours.some(({ kind }) => kind === "stanza"), settings, problems };
}

/** Whether a name is a secret's, or somebody meant it to be. */
function isSecret(name: string): boolean {
  const variable = findVariable(name);
  if (variable !== undefined) return variable.secret === true;
  return /key|pw|pass/i.test(name) || findVariable(nearestName(name, variableNames()) ?? "")?.secret === true;
}

/**
 * Lists the stanzas.
 *
 * @param lines the file
 * @returns their names in the file's order, repeats included, without `default`
 */
export function stanzaNames(lines: readonly RcLine[]): readonly string[] {
  return lines.flatMap((line) => (line.kind === "stanza" && !isSameStanza(line.stanza, "default") ? [line.stanza] : []));
}
