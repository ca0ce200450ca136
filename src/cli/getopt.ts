/**
 * Command lines as GNU getopt_long reads them: long names may be shortened while they are unique, `--name=value`,
 * `-p22`, flags together (`-Tv`), options and other words in any order, `--` before words that look like options.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import type { OptionKey, OptionRow, OptionTable, Parsed, Program } from "./options.ts";

/** An option as it was given once. */
export interface Occurrence<Values> {
  readonly key: OptionKey<Values>;
  /** As it was typed, without a value: `-p`, `--server-port`. */
  readonly spelling: string;
  /** Its arguments: none for a flag, one, or all that was left. */
  readonly words: readonly string[];
}

/** A command line, taken apart. */
export interface ScannedArguments<Values> {
  readonly occurrences: readonly Occurrence<Values>[];
  /** Words that are neither options nor their arguments. */
  readonly operands: readonly string[];
}

/** Thrown inside {@link scanArguments} only. */
class UsageProblem {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** What is looked at of a program. */
type Spellings<Values> = Pick<Program<Values>, "options" | "letters">;

/**
 * Takes a command line apart. No value is looked at yet.
 *
 * @param program its options and their letters
 * @param argv the words after the program's name
 * @returns the options in their order, or getopt's complaint about the first word that fits none
 */
export function scanArguments<Values>(program: Spellings<Values>, argv: readonly string[]): Parsed<ScannedArguments<Values>> {
  const scanner = new Scanner(program, argv);
  try {
    scanner.run();
  } catch (problem) {
    if (problem instanceof UsageProblem) return { ok: false, message: problem.message };
    throw problem;
  }
  return { ok: true, value: { occurrences: scanner.occurrences, operands: scanner.operands } };
}

/** What is known of a row whatever its value is. */
type AnyRow<Values> = Omit<OptionRow<never, Values>, "value">;

class Scanner<Values> {
  readonly occurrences: Occurrence<Values>[] = [];
  readonly operands: string[] = [];
  readonly #table: OptionTable<Values>;
  readonly #letters: Spellings<Values>["letters"];
  readonly #argv: readonly string[];
  #at = 0;

  constructor({ options, letters }: Spellings<Values>, argv: readonly string[]) {
    this.#table = options;
    this.#letters = letters;
    this.#argv = argv;
  }

  run(): void {
    while (this.#at < this.#argv.length) {
      const word = this.#argv[this.#at++]!;
      if (word === "--") {
        this.operands.push(...this.#argv.slice(this.#at));
        return;
      }
      if (word.startsWith("--")) this.#long(word.slice(2));
      else if (word.startsWith("-") && word !== "-") this.#cluster(word.slice(1));
      else this.operands.push(word);
    }
  }

  /** `name`, `name=value`. */
  #long(word: string): void {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    const key = this.#findLong(name);
    const { long, value } = this.#table[key];
    const spelling = `--${long}`;
    if (attached !== undefined && value.takes === "nothing") throw new UsageProblem(`option '${spelling}' doesn't allow an argument`);
    this.#take(key, spelling, attached);
  }

  #findLong(name: string): OptionKey<Values> {
    // Most keys are their names in camel case: no other row is looked at then.
    const likely = name.replace(/-./g, (dash) => dash[1]!.toUpperCase()) as OptionKey<Values>;
    if (Object.hasOwn(this.#table, likely) && this.#table[likely].long === name) return likely;
    const keys = Object.keys(this.#table) as OptionKey<Values>[];
    const named = keys.find((key) => this.#table[key].long === name) ?? keys.find((key) => this.#table[key].synonyms?.includes(name));
    if (named !== undefined) return named;
    const begun = (longs: readonly string[]): string[] => (name === "" ? [] : longs.filter((long) => long.startsWith(name)));
    const tiers = [
      (row: AnyRow<Values>) => (row.added ? [] : begun([row.long])),
      (row: AnyRow<Values>) => begun([...(row.added ? [row.long] : []), ...(row.synonyms ?? [])]),
    ];
    for (const namesOf of tiers) {
      const fitting = keys.filter((key) => namesOf(this.#table[key]).length > 0);
      if (fitting.length === 1) return fitting[0]!;
      if (fitting.length > 1) {
        const candidates = fitting.flatMap((key) => namesOf(this.#table[key])).map((long) => `'--${long}'`);
        throw new UsageProblem(`option '--${printableText(name)}' is ambiguous; possibilities: ${candidates.join(" ")}`);
      }
    }
    throw new UsageProblem(`unrecognized option '--${printableText(name)}'`);
  }

  /** Letters that stand together: flags, the last one with its argument if it takes one. */
  #cluster(letters: string): void {
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at]!;
      const key = Object.hasOwn(this.#letters, letter) ? this.#letters[letter] : undefined;
      if (key === undefined) throw new UsageProblem(`invalid option -- '${printableText(letter)}'`);
      if (this.#table[key].value.takes === "nothing") {
        this.#take(key, `-${letter}`, undefined);
        continue;
      }
      this.#take(key, `-${letter}`, letters.slice(at + 1) || undefined);
      return;
    }
  }

  #take(key: OptionKey<Values>, spelling: string, attached: string | undefined): void {
    const { takes } = this.#table[key].value;
    const words: string[] = attached === undefined ? [] : [attached];
    if (takes === "rest") {
      words.push(...this.#argv.slice(this.#at));
      this.#at = this.#argv.length;
    } else if (takes === "optional" && attached === undefined) {
      const next = this.#argv[this.#at];
      if (next !== undefined && !next.startsWith("-")) words.push(this.#argv[this.#at++]!);
    } else if (takes === "argument" && attached === undefined) {
      const next = this.#argv[this.#at++];
      if (next === undefined) throw new UsageProblem(missingArgument(spelling));
      words.push(next);
    }
    this.occurrences.push({ key, spelling, words });
  }
}

function missingArgument(spelling: string): string {
  return spelling.startsWith("--") ? `option '${spelling}' requires an argument` : `option requires an argument -- '${spelling.slice(1)}'`;
}

/**
 * Reads the values of a scanned command line over what is set already.
 *
 * @param table the program's options
 * @param occurrences the options in their order; a later one replaces an earlier one
 * @param start what is set already; left unchanged
 * @returns all values, or one line that names the option whose value is refused
 */
export function applyOccurrences<Values extends object>(
  table: OptionTable<Values>, occurrences: readonly Occurrence<Values>[], start: Partial<Values>,
): Parsed<Partial<Values>> {
  const values: Partial<Values> = { ...start };
  for (const { key, spelling, words } of occurrences) {
    const row = table[key] as OptionRow<Values[typeof key], Values>;
    const parsed = row.value.parse(words, values[key]);
    if (!parsed.ok) return { ok: false, message: `${spelling}: ${parsed.message}` };
    Object.assign(values, row.implies);
    values[key] = parsed.value;
  }
  return { ok: true, value: values };
}

/** A whole command line, read. */
export interface ParsedArguments<Values> {
  readonly values: Partial<Values>;
  readonly operands: readonly string[];
}

/**
 * Reads a command line: {@link scanArguments}, then {@link applyOccurrences}.
 *
 * @param program its options and their letters
 * @param argv the words after the program's name
 * @param start what is set already
 * @returns values and other words, or one line that says what is wrong
 */
export function parseArguments<Values extends object>(
  program: Spellings<Values>, argv: readonly string[], start: Partial<Values> = {},
): Parsed<ParsedArguments<Values>> {
  const scanned = scanArguments(program, argv);
  if (!scanned.ok) return scanned;
  const applied = applyOccurrences(program.options, scanned.value.occurrences, start);
  return applied.ok ? { ok: true, value: { values: applied.value, operands: scanned.value.operands } } : applied;
}
