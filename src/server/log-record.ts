/**
 * One event of the log, and its renderings: a line for people and for programs that match
 * phrases, an object for those that parse.
 *
 * @module
 */

import { escapeCodePoint } from "../foreign-text.ts";

/** How much a record matters, most first. */
export type LogLevel = "error" | "warning" | "info" | "debug";

/** What a field of a record may hold. */
export type LogValue = string | number | boolean | null;

/** One event. */
export interface LogRecord {
  readonly level: LogLevel;
  /** One line; control bytes are escaped when it is rendered. */
  readonly message: string;
  /** How often -v must have been given; absent: once for debug, else never. */
  readonly detail?: number;
  /** What the line says, for the JSON log: source, stanza, verdict, reason … */
  readonly fields?: Readonly<Record<string, LogValue>>;
}

/** Where events go. Everything that logs is given one of these. */
export type LogFunction = (record: LogRecord) => void;

/** The numbers of RFC 5424 section 6.2.1; smaller is worse. */
export const SEVERITY: Readonly<Record<LogLevel, number>> = { error: 3, warning: 4, info: 6, debug: 7 };

/** Longest line that is written, in UTF-16 units; journald cuts at 48 KiB, a screen long before. */
const MAX_LINE = 8192;

/**
 * What must not reach a terminal: C0, DEL and C1 controls; line and paragraph separators; bidirectional marks and overrides,
 * which reorder what the administrator sees; lone surrogates, which no encoding can carry.
 */
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/** Control characters that have a name of their own. */
const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

/**
 * Makes foreign text harmless: no control character reaches a terminal or starts a second line.
 *
 * @param text any text
 * @param maxLength where it is cut, in UTF-16 units
 * @returns the same text with control characters as `\n`, `\t`, `\xHH` or `\u{H}`
 */
export function escapeText(text: string, maxLength: number = MAX_LINE): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(UNFIT, (character) => ESCAPES[character] ?? escapeCodePoint(character.codePointAt(0)!));
}

/**
 * Tells whether a record is shown.
 *
 * @param record how much it matters, and how often -v it takes
 * @param verbosity how often -v was given
 * @returns info and worse always, debug from one -v on unless it takes more
 */
export function isShown({ level, detail = 0 }: Pick<LogRecord, "level" | "detail">, verbosity: number): boolean {
  return SEVERITY[level] <= SEVERITY.info + verbosity && detail <= verbosity;
}

/**
 * Renders a record as the line that people read.
 *
 * @param record the event
 * @returns one line without its end
 */
export function formatLine(record: LogRecord): string {
  return escapeText(record.message);
}

/**
 * Renders a record as one JSON object a line.
 *
 * @param record the event
 * @param timeMs Unix time of the event, milliseconds
 * @returns one line without its end; members `time`, `level`, `message`, then the fields
 */
export function formatJson(record: LogRecord, timeMs: number): string {
  const json = JSON.stringify({ time: new Date(timeMs).toISOString(), level: record.level, message: record.message, ...record.fields });
  // C0 controls and lone surrogates are escaped already; the rest is legal in JSON, but not fit for a terminal.
  return json.replace(UNFIT, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Makes the record that tells of missing ones.
 *
 * @param count how many lines never arrived
 * @returns a warning
 */
export function lossRecord(count: number): LogRecord {
  return { level: "warning", message: `${count} log ${count === 1 ? "line was" : "lines were"} lost: the log did not take them in time`, fields: { lost: count } };
}
