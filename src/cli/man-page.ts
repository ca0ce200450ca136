/**
 * Manual pages in the roff of man(7).
 *
 * @module
 */

import { type ListedOption, listOptions, type Program } from "./options.ts";

/** A term and what it means. */
export interface Definition {
  readonly term: string;
  readonly text: string;
}

/** A section. A paragraph that begins with `$ ` is a command and what it prints, shown as it is. */
export interface ManSection {
  readonly heading: string;
  readonly body: readonly (string | Definition)[];
}

/** What a manual page says besides the options. */
export interface Manual {
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly sections: readonly ManSection[];
}

/** Characters that roff takes for something else. */
function escape(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("^", "\\(ha").replaceAll("~", "\\(ti").replaceAll("`", "\\(ga")
    .replace(/[^\0-\x7f]/gu, (character) => `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`);
  return escaped.startsWith(".") ? `\\&${escaped}` : escaped;
}

/** As an argument of a macro. */
const argument = (text: string): string => `"${escape(text).replaceAll('"', "\\(dq")}"`;

/**
 * Writes the manual page of a program, section 8.
 *
 * @param program the program
 * @param manual what it says besides the options
 * @param version of the package
 * @returns the page
 */
export function renderManPage<Values>(program: Program<Values>, manual: Manual, version: string): string {
  const { name } = program;
  const lines = [
    `.\\" Made from the option table by scripts/make-docs.ts; changes here are lost.`,
    `.TH ${argument(name.toUpperCase())} 8 "" ${argument(`fko-tool ${version}`)} "System administration"`,
    ".SH NAME",
    `${escape(name)} \\- ${escape(program.summary)}`,
    ".SH SYNOPSIS",
    ...program.synopsis.flatMap((form, at) => [...(at === 0 ? [] : [".br"]), `.B ${escape(name)}`, escape(form)]),
    ".SH DESCRIPTION",
    ...manual.description.flatMap(paragraph),
    ".SH OPTIONS",
    "Long names may be shortened as long as they are unique.",
  ];
  const rows = listOptions(program);
  for (const [group, heading] of Object.entries(program.groups)) {
    const members = rows.filter((row) => row.group === group);
    if (members.length > 0) lines.push(`.SS ${argument(heading)}`, ...members.flatMap(option));
  }
  for (const { heading, body } of manual.sections) {
    lines.push(`.SH ${argument(heading)}`, ...body.flatMap((item) => (typeof item === "string" ? paragraph(item) : definition(item))));
  }
  return `${lines.join("\n")}\n`;
}

function option<Values>(row: ListedOption<Values>): string[] {
  const names = [...row.letters.map((letter) => `-${letter}`), `--${row.long}`, ...(row.synonyms ?? []).map((name) => `--${name}`)];
  const value = row.value.argument === undefined ? "" : ` \\fI${escape(row.value.argument)}\\fR`;
  return [".TP", names.map((name) => `\\fB${escape(name)}\\fR`).join(", ") + value, escape(row.doc)];
}

function definition({ term, text }: Definition): string[] {
  return [".TP", `.B ${escape(term)}`, escape(text)];
}

function paragraph(text: string): string[] {
  if (!text.startsWith("$ ")) return [".PP", escape(text)];
  return [".PP", ".RS 4", ".nf", ...text.split("\n").map(escape), ".fi", ".RE"];
}
