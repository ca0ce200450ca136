/**
 * What a variable of a configuration file is: a row of a table. Parsers, `--dump-config`, `--check`, manual pages and
 * completion are made from the rows, so they cannot disagree.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";

/** Something to be said about a configuration file. With an `error` the program must not start. */
export interface ConfigProblem {
  readonly severity: "error" | "warning" | "info" | "debug";
  /** As it was given; {@link COMMAND_LINE} for an option. */
  readonly file: string;
  /** From 1; 0 when the problem is the file as a whole. */
  readonly line: number;
  /** From 1, in bytes; 0 when the problem is the line as a whole. */
  readonly column: number;
  /** One line, foreign text in it escaped, never a secret. */
  readonly message: string;
}

/** Where something stands. */
export type Place = Pick<ConfigProblem, "file" | "line" | "column">;

/** Stands for the file's name in problems of values that came from options. */
export const COMMAND_LINE = "command line";

/** A value that was read, or why it was refused. */
export type ParsedValue<T> =
  /** `warning`: what is odd about it all the same. */
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  /** `offset`: where in the value the bad part begins. */
  | { readonly ok: false; readonly message: string; readonly offset?: number };

/** A kind of value that is text. */
export interface TextKind<T> {
  readonly secret?: false;
  /** The values there are, for documentation: `Y or N`, `1..65535`, `address list`. */
  readonly describe: string;
  /**
   * Reads a value.
   *
   * @param text without blanks around it, at least one character
   * @param name the variable, for the message
   */
  parse(text: string, name: string): ParsedValue<T>;
}

/** A kind of value that never becomes a string, so that it can be wiped and never be shown. */
export interface SecretKind<T> {
  readonly secret: true;
  readonly describe: string;
  /** @param bytes a view into the file: a value that is kept must be a copy */
  parse(bytes: Uint8Array, name: string): ParsedValue<T>;
}

/** How the values of a variable are read. */
export type ValueKind<T> = TextKind<T> | SecretKind<T>;

/** Whose variable it is: fwknop 2.x, 1.x, both, 2.x where it is built for another firewall than iptables, or ours alone. */
export type Origin = "C" | "Perl" | "C, Perl" | "other C" | "own";

/** Another name for a variable. */
export interface Synonym<T> {
  readonly origin: Origin;
  /** Reads values under this name; the variable's own kind unless given. */
  readonly kind?: ValueKind<T>;
  /** Counts only where the variable's own name is not used: the same setting of another build. */
  readonly weak?: true;
}

/** One variable. */
export interface Variable<T> {
  readonly kind: ValueKind<T>;
  readonly origin: Origin;
  /** One or more sentences for operators. */
  readonly doc: string;
  /** What holds when nothing is set, as it would be written in the file. */
  readonly default?: string;
  /** The same in a file of fwknop 1.x, where it differs. */
  readonly perlDefault?: string;
  /** The value when nothing is set and there is no {@link default}. */
  readonly absent?: T;
  readonly synonyms?: Readonly<Record<string, Synonym<T>>>;
  /** Values that mean that nothing is set, besides `__NONE__`. */
  readonly unset?: readonly string[];
  /** While this other variable says no, a bad value is only warned about. */
  readonly onlyWith?: string;
  /** Set, it changes nothing; this says what does the work now. */
  readonly obsolete?: string;
  /** `$NAME` in the value is for the command that it holds, not for us. */
  readonly verbatim?: true;
  /** In a file of fwknop 1.x the value runs to the last `;` of the line instead of the first. */
  readonly toLastSemicolon?: true;
  /** In a file of fwknop 1.x the name may stand alone and then means yes. */
  readonly standsAlone?: true;
}

/** A row for each member of `Values`: a forgotten one does not compile. */
export type VariableTable<Values> = { readonly [Name in keyof Values]-?: Variable<NonNullable<Values[Name]>> };

/** Names that are known but have no row, for nothing is left of what they did. */
export interface ObsoleteVariables {
  /** What does the work now. */
  readonly now: string;
  readonly origin: "C" | "Perl";
  readonly names: readonly string[];
}

/** A name of a table, and the variable that it stands for. */
export interface NamedVariable {
  /** The member that is set. */
  readonly member: string;
  readonly variable: Variable<unknown>;
  readonly kind: ValueKind<unknown>;
  readonly weak: boolean;
}

/**
 * Indexes a table by every name that a file may use.
 *
 * @param table the rows
 * @returns all names, synonyms included
 */
export function indexVariables<Values>(table: VariableTable<Values>): ReadonlyMap<string, NamedVariable> {
  const index = new Map<string, NamedVariable>();
  for (const [member, variable] of Object.entries(table) as [string, Variable<unknown>][]) {
    index.set(member, { member, variable, kind: variable.kind, weak: false });
    for (const [name, synonym] of Object.entries(variable.synonyms ?? {})) {
      index.set(name, { member, variable, kind: synonym.kind ?? variable.kind, weak: synonym.weak ?? false });
    }
  }
  return index;
}

/**
 * Finds the name that somebody may have meant.
 *
 * @param name what was written
 * @param names what exists
 * @returns the nearest name, or undefined when none is near
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined;
  const wanted = name.toUpperCase();
  let nearest: string | undefined;
  // Two slips, but no more than one in three characters, or `X` would mean `KEY`.
  let best = Math.min(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    if (Math.abs(candidate.length - wanted.length) >= best) continue;
    const slips = countSlips(wanted, candidate.toUpperCase());
    if (slips < best) [nearest, best] = [candidate, slips];
  }
  return nearest;
}

/** Insertions, deletions, replacements and swapped neighbours from one word to another (optimal string alignment). */
function countSlips(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let slips = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        slips = Math.min(slips, beforeLast[column - 2]! + 1);
      }
      current.push(slips);
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length]!;
}

/**
 * Completes a complaint about an unknown name.
 *
 * @param message the complaint
 * @param name what was written
 * @param names what exists
 * @returns the message, with the name that may have been meant if there is one
 */
export function withSuggestion(message: string, name: string, names: Iterable<string>): string {
  const meant = nearestName(name, names);
  return meant === undefined ? message : `${message}, did you mean ${meant}?`;
}

/**
 * Writes a problem as `--check` prints it.
 *
 * @param problem what to say
 * @returns `file:line:column: message`, on one line
 */
export function formatProblem({ file, line, column, message }: ConfigProblem): string {
  const place = [printableText(file, 300), ...(line > 0 ? [line] : []), ...(line > 0 && column > 0 ? [column] : [])];
  return `${place.join(":")}: ${message}`;
}

/**
 * Tells whether a program may start with a configuration.
 *
 * @param problems of all its files
 * @returns whether one of them is an error
 */
export function hasErrors(problems: readonly ConfigProblem[]): boolean {
  return problems.some(({ severity }) => severity === "error");
}
