/**
 * What the daemon's files set, as text: names looked up, later values over earlier ones, `$NAME` expanded.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import { shown } from "./_kinds.ts";
import { ObsoleteNames } from "./_obsolete-names.ts";
import type { DaemonTexts, DaemonVariableName } from "./daemon-config.ts";
import { daemonVariables, OBSOLETE_DAEMON_VARIABLES } from "./daemon-variables.ts";
import { type ConfigFile, cutValue, type Dialect, type Entry, lengthWarning, readEntries, valueText } from "./entries.ts";
import { COMMAND_LINE, type ConfigProblem, indexVariables, type NamedVariable, type ObsoleteVariables, type Place, withSuggestion } from "./variable.ts";

/** Says something about an entry. */
type Say = (severity: ConfigProblem["severity"], message: string) => void;

/** A value as it was set. */
export interface Setting {
  /** The name that was used. */
  readonly spelling: string;
  readonly text: string;
  /** Where the value begins. */
  readonly place: Place;
  /** Whether the text differs from what stands there. */
  readonly expanded?: boolean;
}

/** A line whose name is known. */
interface Line extends Setting {
  readonly named: NamedVariable;
}

/** No value is longer, so that variables in variables in variables cannot use up the memory. */
const MAX_VALUE = 4096;

/** As many names of 1.x alone make a file one of 1.x; one or two may have been taken over into another. */
const PERL_NAMES = 3;

/** All settings of one configuration. */
export class Settings {
  readonly problems: ConfigProblem[] = [];
  /** The first file, for problems that have no line. */
  readonly mainFile: string;
  readonly dialect: Dialect;
  readonly #index: ReadonlyMap<string, NamedVariable>;
  readonly #lines: Line[] = [];
  /** Raw values of names without a row, for expansion. */
  readonly #obsolete = new Map<string, Line>();
  readonly #settings = new Map<string, Setting & { readonly weak: boolean }>();
  /** What lines said that means that nothing is set. */
  readonly #none = new Map<string, string>();
  readonly #defaults: DaemonTexts;
  /** Finished texts by name, for values that are used before they are set; undefined while one is being made. */
  readonly #resolved = new Map<string, string | undefined>();

  constructor(files: readonly ConfigFile[], commandLine: DaemonTexts, defaults: DaemonTexts) {
    this.mainFile = files[0]?.path ?? COMMAND_LINE;
    this.#defaults = defaults;
    this.#index = indexVariables(daemonVariables());
    for (const file of files) this.#readFile(file);
    this.dialect = this.#looksPerl() ? "perl" : "c";
    this.#expandLines(commandLine);
    for (const [name, text] of Object.entries(commandLine)) {
      this.#none.delete(name);
      if (this.#index.get(name)?.variable.unset?.includes(text)) this.#settings.delete(name);
      else this.#settings.set(name, { spelling: name, text, place: { file: COMMAND_LINE, line: 0, column: 0 }, weak: false });
    }
  }

  /** Gives what was set for a variable. */
  get(name: DaemonVariableName): Setting | undefined {
    return this.#settings.get(name);
  }

  /** Gives the word by which a file says that a variable is not set. */
  noneText(name: DaemonVariableName): string | undefined {
    return this.#none.get(name);
  }

  /** Gives what holds when nothing was set, expanded. */
  defaultOf(name: DaemonVariableName): string | undefined {
    const text = this.#defaultText(name);
    return text === undefined ? undefined : this.#expandDefault(text);
  }

  #readFile(file: ConfigFile): void {
    /** Lines of this file by the variable that they set. */
    const seen = new Map<string, number>();
    const obsolete = new ObsoleteNames();
    for (const entry of readEntries(file)) this.#readEntry(entry, seen, obsolete);
    this.problems.push(...obsolete.problems());
  }

  #readEntry(entry: Entry, seen: Map<string, number>, obsolete: ObsoleteNames): void {
    const { name } = entry;
    const place: Place = { file: entry.file, line: entry.line, column: entry.nameColumn };
    const say: Say = (severity, message) => void this.problems.push({ severity, ...place, message });
    const tooLong = lengthWarning(entry);
    if (tooLong !== undefined) say("warning", tooLong);
    const named = this.#index.get(name);
    const group = OBSOLETE_DAEMON_VARIABLES.find(({ names }) => names.includes(name));
    if (named === undefined && group === undefined && entry.rest.length > 0) {
      say("warning", withSuggestion(`Ignoring unknown configuration parameter: ${shown(name)}`, name, this.#index.keys()));
      return;
    }
    const line = this.#readValue(entry, named ?? obsoleteRow(name, group), say);
    if (line === undefined) return;
    const now = group?.now ?? named?.variable.obsolete;
    if (now !== undefined) obsolete.add(name, now, place);
    if (named === undefined) {
      this.#obsolete.set(name, line);
      return;
    }
    const before = seen.get(named.member);
    if (before !== undefined) say("info", `${name} replaces what line ${before} sets`);
    seen.set(named.member, entry.line);
    this.#lines.push(line);
  }

  #readValue(entry: Entry, named: NamedVariable, say: Say): Line | undefined {
    const value = cutValue(entry);
    if (value === undefined) {
      say("warning", `Invalid config file entry: expected NAME VALUE, got '${printableText(entry.name)}' without a value`);
      return undefined;
    }
    const text = valueText(value.bytes);
    if (text === undefined) {
      say("error", `${printableText(entry.name)} has a control code in its value`);
      return undefined;
    }
    return { spelling: entry.name, text, named, place: { file: entry.file, line: entry.line, column: value.column } };
  }

  #looksPerl(): boolean {
    const perlOnly = this.#lines.filter(({ named, spelling }) => (named.variable.synonyms?.[spelling]?.origin ?? named.variable.origin) === "Perl");
    const obsoletePerl = OBSOLETE_DAEMON_VARIABLES.filter(({ origin }) => origin === "Perl").flatMap(({ names }) => names.filter((name) => this.#obsolete.has(name)));
    return perlOnly.some(({ spelling }) => spelling === "AUTH_MODE") || new Set([...perlOnly.map(({ spelling }) => spelling), ...obsoletePerl]).size >= PERL_NAMES;
  }

  #expandLines(commandLine: DaemonTexts): void {
    /** What is set so far, by every name. */
    const above = new Map<string, string>();
    for (const line of this.#lines) {
      const { named, spelling, place } = line;
      if (!named.variable.verbatim) this.#tellForward(line, above);
      const text = named.variable.verbatim ? line.text : this.#expand(line, (name) => above.get(name) ?? this.#laterText(name, commandLine));
      if (text === undefined) continue;
      this.#none.delete(named.member);
      if (text === "__NONE__" || named.variable.unset?.includes(text)) {
        this.#settings.delete(named.member);
        if (text !== "__NONE__") this.#none.set(named.member, text);
        continue;
      }
      const present = this.#settings.get(named.member);
      if (named.weak && present !== undefined && !present.weak) continue;
      this.#settings.set(named.member, { spelling, text, place, expanded: text !== line.text, weak: named.weak });
      above.set(spelling, text).set(named.member, text);
    }
  }

  /** C knows of a name at the beginning of a value only what stands further up, and then leaves the variable unset. */
  #tellForward({ text, place }: Line, above: ReadonlyMap<string, string>): void {
    const name = /^\$([A-Z_]+)/.exec(text)?.[1];
    if (this.dialect === "perl" || name === undefined || name === "FIREWALL_EXE" || above.has(name) || !this.#index.has(name)) return;
    const message = `Invalid embedded variable in: ${shown(text)} to fwknopd 2.6, for ${name} is not set above; here it is what is set below or by default`;
    this.problems.push({ severity: "warning", ...place, message });
  }

  /**
   * Expands a value. A name at its beginning must be known, as in C; further right an unknown one is left as it is, for
   * C leaves all of them and 1.x has no others.
   */
  #expand({ text, place, spelling }: Line, lookUp: (name: string) => string | undefined): string | undefined {
    const { text: expanded, unknown } = replaceNames(text, lookUp);
    const complain = (message: string): void => void this.problems.push({ severity: "warning", ...place, message });
    if (unknown !== undefined) {
      complain(withSuggestion(`Invalid embedded variable in: ${shown(text)}. Ignoring unknown configuration parameter: ${shown(spelling)}, for there is no ${shown(unknown)}`, unknown, this.#index.keys()));
      return undefined;
    }
    if (expanded.length > MAX_VALUE) {
      complain(`Invalid embedded variable in: ${shown(text)}. The value would have more than ${MAX_VALUE} characters`);
      return undefined;
    }
    return expanded;
  }

  /** The text of a variable that is set further down, by an option or not at all. C knows nothing of these. */
  #laterText(name: string, commandLine: DaemonTexts): string | undefined {
    if (this.#resolved.has(name)) return this.#resolved.get(name);
    // A variable that leads back to itself has no value on the way.
    this.#resolved.set(name, undefined);
    const member = (this.#index.get(name)?.member ?? name) as DaemonVariableName;
    const raw = commandLine[member] ?? this.#lastLine(name, member)?.text ?? this.#defaultText(member);
    const expanded = raw === undefined ? undefined : replaceNames(raw, (inner) => this.#laterText(inner, commandLine));
    if (expanded !== undefined && expanded.unknown === undefined && expanded.text.length <= MAX_VALUE) this.#resolved.set(name, expanded.text);
    return this.#resolved.get(name);
  }

  #lastLine(name: string, member: string): Line | undefined {
    return this.#obsolete.get(name) ?? this.#lines.findLast(({ named, text }) => named.member === member && text !== "__NONE__");
  }

  #defaultText(name: DaemonVariableName): string | undefined {
    const own: DaemonTexts = this.#defaults;
    return own[name] ?? this.#index.get(name)?.variable.default;
  }

  #expandDefault(text: string): string {
    return text.replace(/\$([A-Z_]+)/g, (whole, name: DaemonVariableName) => this.#settings.get(name)?.text ?? this.#defaultText(name) ?? whole);
  }
}

/** Replaces each `$NAME` that is known; gives the name at the beginning when it is not. */
function replaceNames(text: string, lookUp: (name: string) => string | undefined): { readonly text: string; readonly unknown: string | undefined } {
  let unknown = /^\$(?!\w)/.test(text) ? "" : undefined;
  const replaced = text.replace(/\$(\w+)/g, (whole, name: string, at: number) => {
    // C ends a name at the first character that is no capital.
    const [, capitals, rest] = /^([A-Z_]*)(.*)$/.exec(name)!;
    const value = lookUp(name) ?? (rest === "" ? undefined : lookUp(capitals!)?.concat(rest!));
    if (value === undefined && at === 0) unknown = name;
    return value ?? whole;
  });
  return { text: replaced, unknown };
}

/** Stands in for the row of a name that has none. */
function obsoleteRow(name: string, group: ObsoleteVariables | undefined): NamedVariable {
  const kind = { describe: "text", parse: (text: string) => ({ ok: true as const, value: text }) };
  return { member: name, variable: { kind, origin: group?.origin ?? "C", doc: "" }, kind, weak: false };
}
