/**
 * Writing `.fwknoprc`: the first one, and stanzas into one that is there. Comments and all that belongs to other stanzas
 * stay as they are.
 *
 * @module
 */

import { type Bytes, concatBytes, utf8Bytes, wipe } from "../bytes.ts";
import { isSameStanza, readRcLines, type RcLine } from "./fwknoprc.ts";
import { findVariable, type RcAssignment, rcVariables } from "./fwknoprc-variables.ts";

/** Columns of a name and the blanks behind it. */
const NAME_WIDTH = 28;

/**
 * The file for a user who has none: comments that name all variables, and an empty stanza of defaults.
 *
 * @returns its text
 */
export function rcTemplate(): string {
  return [
    "# .fwknoprc: settings of the fwknop client. Keys belong here, so nobody else may read it (mode 0600).",
    "#",
    "# [default] is always read. 'fwknop -n NAME' then reads the stanza [NAME], which wins over [default];",
    "# options on the command line win over both. 'fwknop -n NAME --save-rc-stanza ...' writes a stanza.",
    "#",
    "# [example]",
    ...[["SPA_SERVER", "spa.example.com"], ["ACCESS", "tcp/22"], ["ALLOW_IP", "resolve"], ["KEY_CMD", "pass show fwknop/key"], ["HMAC_KEY_CMD", "pass show fwknop/hmac"]]
      .map(([name, value]) => `# ${name!.padEnd(NAME_WIDTH)}${value}`),
    "#",
    "# All variables and the values that they take:",
    "#",
    ...rcVariables().map(({ name, describe }) => `# ${name.padEnd(NAME_WIDTH)}${describe()}`),
    "",
    "[default]",
    "",
  ].join("\n");
}

/** A line that holds a key, or what names one. */
export interface CriticalLine {
  /** From 1. */
  readonly number: number;
  readonly variable: string;
  /** As the file spells it. */
  readonly stanza: string;
}

/**
 * Finds what should not be overwritten without a question.
 *
 * @param lines the file
 * @param stanza the stanza to be written
 * @returns its lines with keys, in the file's order
 */
export function criticalLines(lines: readonly RcLine[], stanza: string): readonly CriticalLine[] {
  return lines.flatMap((line) => {
    const isCritical = line.kind === "parameter" && isSameStanza(line.stanza, stanza) && findVariable(line.name)?.critical;
    return isCritical ? [{ number: line.number, variable: line.name, stanza: line.stanza! }] : [];
  });
}

/** What is to be written. */
export interface StanzaUpdate {
  readonly stanza: string;
  readonly assignments: readonly RcAssignment[];
  /** Numbers of lines that stay; the new value of such a variable is not written. */
  readonly keptLines: ReadonlySet<number>;
}

/**
 * Writes a stanza. Its old parameters go: a new one takes the place of the old one of the same name, the others follow
 * the last. A stanza that is not there yet is put behind the others.
 *
 * @param file the file's bytes; not changed
 * @param update the stanza and its parameters
 * @returns the new content, which holds keys: the caller wipes it
 */
export function saveStanza(file: Uint8Array, { stanza, assignments, keptLines }: StanzaUpdate): Bytes {
  const lines = readRcLines(file);
  const isOurs = (line: RcLine): boolean => isSameStanza(line.stanza, stanza);
  const kept = new Set(lines.map((line) => (line.kind === "parameter" && keptLines.has(line.number) ? line.name : undefined)));
  const written = assignments.filter(({ variable }) => !kept.has(variable.name));
  const start = lines.findIndex(isOurs);
  if (start < 0) return appendStanza(file, stanza, written);

  const next = lines.findIndex(({ kind }, at) => at > start && kind === "stanza");
  const end = next < 0 ? lines.length : next;
  const rewritten = rewriteStanza(lines.slice(start, end), { assignments: written, keptLines, isLast: next < 0 });
  // A stanza of the same name further down loses its parameters, too: they would win over the new ones.
  const rest = lines.slice(end).filter((line) => !isOurs(line) || stays(line, keptLines));
  const bytesOf = ({ bytes }: RcLine): Uint8Array => bytes;
  const content = concatBytes(...lines.slice(0, start).map(bytesOf), ...rewritten, ...rest.map(bytesOf));
  wipe(...rewritten.filter(({ buffer }) => buffer !== file.buffer));
  return content;
}

/** The new lines of a stanza: copies, or views into the file where they are as they were. */
function rewriteStanza(
  old: readonly RcLine[], { assignments, keptLines, isLast }: Omit<StanzaUpdate, "stanza"> & { readonly isLast: boolean },
): readonly Uint8Array[] {
  const waiting = new Map(assignments.map((assignment) => [assignment.variable.name, assignment]));
  const lines: Uint8Array[] = [];
  /** Behind the last line that is neither blank nor a comment. */
  let contentEnd = 0;
  for (const line of old) {
    const replacement = line.kind === "parameter" && !keptLines.has(line.number) ? waiting.get(line.name) : undefined;
    if (replacement !== undefined) {
      waiting.delete(replacement.variable.name);
      lines.push(assignmentLine(replacement));
    } else if (stays(line, keptLines)) {
      lines.push(withLineEnd(line.bytes));
    } else {
      continue;
    }
    if (line.kind !== "ignored") contentEnd = lines.length;
  }
  if (contentEnd === lines.length && !isLast) lines.push(utf8Bytes("\n"));
  lines.splice(contentEnd, 0, ...Array.from(waiting.values(), assignmentLine));
  return lines;
}

const stays = ({ kind, number }: RcLine, keptLines: ReadonlySet<number>): boolean => kind === "stanza" || kind === "ignored" || keptLines.has(number);

function appendStanza(file: Uint8Array, stanza: string, assignments: readonly RcAssignment[]): Bytes {
  const lines = assignments.map(assignmentLine);
  const separator = file.length === 0 ? "" : file.at(-1) === 0x0a ? "\n" : "\n\n";
  const content = concatBytes(file, utf8Bytes(`${separator}[${stanza}]\n`), ...lines);
  wipe(...lines);
  return content;
}

function assignmentLine({ variable, value }: RcAssignment): Bytes {
  return concatBytes(utf8Bytes(variable.name.padEnd(NAME_WIDTH)), value, utf8Bytes("\n"));
}

function withLineEnd(line: Uint8Array): Uint8Array {
  return line.at(-1) === 0x0a ? line : concatBytes(line, utf8Bytes("\n"));
}
