/**
 * The text of `--help`.
 *
 * @module
 */

import { type ListedOption, listOptions, type Program } from "./options.ts";

/** Columns of a line, and where texts begin, as the C programs lay it out. */
const WIDTH = 79;
const TEXT_COLUMN = 29;

/**
 * Lays out what a program takes.
 *
 * @param program the program
 * @param version of the package
 * @returns several lines, without a line end behind the last
 */
export function renderUsage<Values>(program: Program<Values>, version: string): string {
  const lines = [`${program.name} ${version}: ${program.summary}`, ""];
  program.synopsis.forEach((form, at) => lines.push(...hang(`${at === 0 ? "Usage:" : "      "} ${program.name} `, form)));
  const rows = listOptions(program).filter((row) => !row.minor);
  for (const [group, heading] of Object.entries(program.groups)) {
    const members = rows.filter((row) => row.group === group);
    if (members.length > 0) lines.push("", `${heading}:`, ...members.flatMap(optionLines));
  }
  return lines.join("\n");
}

/** The names of an option, with its argument: `-p, --server-port PORT`. */
function optionHead<Values>(row: ListedOption<Values>): string {
  const { argument } = row.value;
  return `${row.letters.length === 0 ? "    " : `-${row.letters[0]}, `}--${row.long}${argument === undefined ? "" : ` ${argument}`}`;
}

function optionLines<Values>(row: ListedOption<Values>): string[] {
  const head = ` ${optionHead(row)}`;
  const text = wrap(row.doc, WIDTH - TEXT_COLUMN).map((line) => " ".repeat(TEXT_COLUMN) + line);
  if (head.length >= TEXT_COLUMN) return [head, ...text];
  return [head.padEnd(TEXT_COLUMN) + text[0]!.trimStart(), ...text.slice(1)];
}

function hang(head: string, text: string): string[] {
  return wrap(text, WIDTH - head.length).map((line, at) => (at === 0 ? head : " ".repeat(head.length)) + line);
}

/**
 * Breaks text at blanks.
 *
 * @param text any text
 * @param width columns, which only a longer word exceeds
 * @returns its lines, at least one
 */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
