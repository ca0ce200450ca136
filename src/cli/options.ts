/**
 * The shape of an option table. One row an option; parser, usage, manual page and completion are all made from the
 * rows, so they cannot disagree.
 *
 * @module
 */

/** A value that was read from text, or one line that says what was expected. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Refusal;

/** One line that says what was expected. */
export interface Refusal {
  readonly ok: false;
  readonly message: string;
}

/**
 * Refuses what was read.
 *
 * @param message one line
 * @returns the refusal
 */
export function refuse(message: string): Refusal {
  return { ok: false, message };
}

/** What follows an option's name on the command line. */
export interface ValueType<T> {
  /** `optional` takes the next word unless it begins with a dash, `rest` all that is left of the command line. */
  readonly takes: "nothing" | "argument" | "optional" | "rest";
  /** Stands for the argument in usage: `PORT`. */
  readonly argument?: string;
  /** The only arguments there are, for completion. */
  readonly choices?: readonly string[];
  /** What a shell offers for the argument. */
  readonly completes?: "file" | "folder" | "host" | "user" | "stanza";
  /** What of the argument may be shown and stored; undefined when nothing may. Absent: all of it. */
  redact?(text: string): string | undefined;
  /**
   * Reads the argument.
   *
   * @param text the argument, empty for a flag; all of them for `rest`
   * @param before the value so far: an option may be given more than once
   */
  parse(text: readonly string[], before: T | undefined): Parsed<T>;
}

/** One option. `Values` are the values of all options of the program. */
export interface OptionRow<T, Values> {
  /** The long name without its dashes. */
  readonly long: string;
  /** Further long names, those of other programs. */
  readonly synonyms?: readonly string[];
  /**
   * The C program does not have this option. What abbreviates one of its options goes on doing so: this one's name and
   * all synonyms may be shortened only where that fits none of them.
   */
  readonly added?: true;
  readonly value: ValueType<T>;
  /** What the option sets besides its own value. */
  readonly implies?: Partial<Values>;
  /** Key of {@link Program.groups}. */
  readonly group: string;
  /** One or more sentences for usage and manual page. */
  readonly doc: string;
  /** The option is taken but has no effect any more, which is said with this: what does its work now. */
  readonly obsolete?: string;
  /** Not in usage and completion; the manual page lists it. */
  readonly minor?: true;
}

/** A row for each member of `Values`: a forgotten one does not compile. */
export type OptionTable<Values> = { readonly [K in keyof Values]-?: OptionRow<NonNullable<Values[K]>, Values> };

/** A program, as its usage and manual page present it. */
export interface Program<Values> {
  readonly name: string;
  /** A few words for the manual page's head. */
  readonly summary: string;
  /** How it is called, without the program's name. */
  readonly synopsis: readonly string[];
  readonly options: OptionTable<Values>;
  /** The options that have a letter, the usual one before any other of theirs. Apart, so that no row is looked at to find one. */
  readonly letters: Readonly<Record<string, OptionKey<Values>>>;
  /** Headings in their order. */
  readonly groups: Readonly<Record<string, string>>;
}

/** A key of an option table. */
export type OptionKey<Values> = keyof Values & string;

/** An option as people are told of it. */
export interface ListedOption<Values> extends OptionRow<unknown, Values> {
  /** The usual one first. */
  readonly letters: readonly string[];
}

/**
 * The options of a program, in the order of their table.
 *
 * @param program the program
 * @returns the rows with their letters
 */
export function listOptions<Values>({ options, letters }: Pick<Program<Values>, "options" | "letters">): readonly ListedOption<Values>[] {
  return (Object.keys(options) as OptionKey<Values>[]).map((key) => ({
    ...(options[key] as unknown as OptionRow<unknown, Values>), letters: Object.keys(letters).filter((letter) => letters[letter] === key),
  }));
}

/**
 * The row of an option of an older program of which nothing is left.
 *
 * @param long its name
 * @param value what it takes
 * @param now what does its work now, without a stop
 * @param names further names
 * @returns the row
 */
export function obsolete<T, Values>(
  long: string, value: ValueType<T>, now: string, names: Pick<OptionRow<T, Values>, "synonyms"> = {},
): OptionRow<T, Values> {
  return { long, ...names, added: true, value, obsolete: now, group: "perl", minor: true, doc: `Without effect. ${now}.` };
}

/**
 * Tells which of the given options have no effect any more.
 *
 * @param table the program's options
 * @param options their values
 * @returns one line for each reason
 */
export function describeObsoleteOptions<Values>(table: OptionTable<Values>, options: Partial<Values>): readonly string[] {
  const keys = (Object.keys(options) as (keyof Values)[]).filter((key) => options[key] !== undefined);
  const given = keys.flatMap((key) => (table[key]?.obsolete === undefined ? [] : table[key]));
  return [...new Set(given.map(({ obsolete: now }) => now))].map((now) => `Without effect: ${given.filter((row) => row.obsolete === now).map(({ long }) => `--${long}`).join(", ")}. ${now}`);
}
