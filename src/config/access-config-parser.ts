/**
 * From the files of access.conf to stanzas: which files, whose syntax, which line belongs to which stanza.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import { checkStanza, type Draft, newDraft } from "./_access-stanza.ts";
import { refuse, shown } from "./_kinds.ts";
import { ObsoleteNames } from "./_obsolete-names.ts";
import type { AccessConfigContext, AccessHost, AccessRoot, AccessStanza, ParsedAccessConfig } from "./access-config.ts";
import { accessVariables, type AccessVariables, OBSOLETE_ACCESS_VARIABLES } from "./access-variables.ts";
import { cutValue, type Dialect, type Entry, lengthWarning, type RawValue, readEntries, valueText } from "./entries.ts";
import { type ConfigProblem, hasErrors, indexVariables, type NamedVariable, nearestName, type Place, type VariableTable, withSuggestion } from "./variable.ts";

/** The file that was named is level 1. */
const MAX_LEVEL = 3;

/** All that a file of %include_keys may set. */
const KEY_VARIABLES: readonly string[] = [
  "KEY", "KEY_BASE64", "HMAC_KEY", "HMAC_KEY_BASE64", "GPG_DECRYPT_ID", "GPG_DECRYPT_PW", "GPG_ALLOW_NO_PW", "GPG_REQUIRE_SIG", "GPG_DISABLE_SIG",
  "GPG_IGNORE_SIG_VERIFY_ERROR", "GPG_REMOTE_ID", "GPG_FINGERPRINT_ID",
];

/**
 * Reads the stanzas.
 *
 * @param root where to begin
 * @param host files, users, calendar; what it reads is not changed and not kept, so its owner may wipe it afterwards
 * @param context the daemon's configuration and the time
 * @returns stanzas, whose keys belong to the caller, and everything that is to be said; never throws by itself
 */
export function parseAccessConfig(root: AccessRoot, host: AccessHost, context: AccessConfigContext): ParsedAccessConfig {
  const reader = new Reader(host, context);
  if ("file" in root) reader.readFile(root.file, [], undefined);
  else reader.readRoots(root.folder);
  return reader.end("file" in root ? root.file : root.folder, "folder" in root);
}

/**
 * Overwrites the keys of stanzas that are not used any more.
 *
 * @param stanzas what was read, whole or in part
 */
export function wipeStanzas(stanzas: readonly Partial<AccessStanza>[]): void {
  for (const { KEY, HMAC_KEY, GPG_DECRYPT_PW } of stanzas) {
    for (const secret of [KEY, HMAC_KEY, GPG_DECRYPT_PW]) secret?.fill(0);
  }
}

/** Says something about an entry. */
type Say = (severity: ConfigProblem["severity"], message: string, column?: number) => void;

/** A file while it is read. */
interface OpenFile {
  /** The files that led here, outermost first, and this one. */
  readonly trail: readonly string[];
  readonly dialect: Dialect;
  readonly obsolete: ObsoleteNames;
  /** That of the last SOURCE in this file; a file that includes another goes on with its own. */
  stanza: Draft | undefined;
}

/** Lines that begin with `%`. */
const DIRECTIVES = ["%include", "%include_folder", "%include_keys"] as const;

class Reader {
  readonly #host: AccessHost;
  readonly #context: AccessConfigContext;
  readonly #table: VariableTable<AccessVariables>;
  readonly #index: ReadonlyMap<string, NamedVariable>;
  readonly #problems: ConfigProblem[] = [];
  readonly #drafts: Draft[] = [];

  constructor(host: AccessHost, context: AccessConfigContext) {
    this.#host = host;
    this.#context = context;
    this.#table = accessVariables(host);
    this.#index = indexVariables(this.#table);
  }

  /** Reads a folder given instead of a file; each file in it stands alone. */
  readRoots(folder: string): void {
    const names = this.#confNames(folder, asAWhole(folder));
    if (names === undefined) this.#tell("error", asAWhole(folder), `Invalid access folder directory '${printableText(folder, 300)}' could not lstat(), does not exist, or too large?`);
    for (const name of names ?? []) this.readFile(joinPath(folder, name), [], undefined);
  }

  /**
   * Reads one file with all that it includes.
   *
   * @param parents the files that led here, outermost first
   * @param by the entry that includes it
   */
  readFile(path: string, parents: readonly string[], by: Entry | undefined): void {
    const place = by === undefined ? asAWhole(path) : placeOfPath(by);
    const own = normalPath(path);
    const isLoop = parents.includes(own);
    if (isLoop || parents.length >= MAX_LEVEL) {
      const why = isLoop ? `, for ${shownPath(path)} would include itself` : "";
      this.#tell("error", place, `Refusing to go deeper than ${MAX_LEVEL} levels. Lost in Limbo: ${shownPath(place.file)}${why}`);
      return;
    }
    const read = this.#host.read(path);
    if ("error" in read) {
      this.#tell("error", place, printableText(read.error, 500));
      return;
    }
    this.#tell("debug", place, `Opened access file: ${printableText(path, 300)}`);
    const entries = readEntries({ path, bytes: read.bytes });
    const file: OpenFile = { trail: [...parents, own], dialect: this.#dialectOf(entries), obsolete: new ObsoleteNames(), stanza: undefined };
    if (file.dialect === "perl") this.#tell("info", asAWhole(path), "Read as a file of fwknop 1.x");
    for (const entry of entries) this.#readEntry(entry, file);
    this.#problems.push(...file.obsolete.problems());
  }

  /** Finishes the stanzas. */
  end(path: string, isFolder: boolean): ParsedAccessConfig {
    const stanzas: AccessStanza[] = [];
    for (const draft of this.#drafts) {
      const { stanza, problems } = checkStanza(draft, stanzas.length + 1, this.#table, this.#host, this.#context);
      this.#problems.push(...problems);
      if (stanza === undefined) wipeStanzas([draft.values]);
      else stanzas.push(stanza);
    }
    const shared = stanzas.find(({ SHARED_SEQUENCE }) => SHARED_SEQUENCE !== undefined);
    if (shared !== undefined) this.#tell("warning", { ...shared, column: 1 }, "Whoever sees the knocks of a SHARED_SEQUENCE can repeat them: ENCRYPT_SEQUENCE is better, single packets (AUTH_MODE PCAP) are much better");
    if (stanzas.length === 0 && !hasErrors(this.#problems)) {
      this.#tell("error", asAWhole(path), isFolder ? "Fatal, could not find any valid access.conf stanzas" : `Could not find valid SOURCE stanza in access file: ${shownPath(path)}`);
    }
    return { stanzas, problems: this.#problems };
  }

  #tell(severity: ConfigProblem["severity"], place: Place, message: string): void {
    this.#problems.push({ severity, ...place, message });
  }

  /** What is said of an entry is said of its name, unless of another column. */
  #sayOf({ file, line, nameColumn }: Entry): Say {
    return (severity, message, column = nameColumn) => this.#tell(severity, { file, line, column }, message);
  }

  #readEntry(entry: Entry, file: OpenFile): void {
    const say = this.#sayOf(entry);
    const tooLong = lengthWarning(entry);
    if (tooLong !== undefined) say("warning", tooLong);
    const name = nameOf(entry);
    const obsolete = OBSOLETE_ACCESS_VARIABLES.find(({ names }) => names.includes(name));
    if (name.startsWith("%")) {
      this.#obey(name, entry, file, say);
    } else if (obsolete !== undefined) {
      file.obsolete.add(name, obsolete.now, { file: entry.file, line: entry.line, column: entry.nameColumn });
    } else {
      const named = this.#index.get(name);
      if (named === undefined) this.#passOver(name, entry, say);
      else this.#setVariable(name, named, entry, file, say);
    }
  }

  #obey(name: string, entry: Entry, file: OpenFile, say: Say): void {
    const directive = DIRECTIVES.find((known) => known === name);
    const value = cutValue(entry);
    const path = value && valueText(value.bytes);
    if (directive === undefined) {
      say("warning", unknownParameter(name, DIRECTIVES));
      return;
    }
    if (path === undefined) {
      say("error", `Invalid access file entry: expected ${name} PATH`);
      return;
    }
    switch (directive) {
      case "%include":
        this.readFile(path, file.trail, entry);
        return;
      case "%include_folder":
        this.#includeFolder(path, file.trail, entry);
        return;
      case "%include_keys":
        if (file.stanza === undefined) say("warning", "%include_keys before the first SOURCE is ignored");
        else this.#includeKeys(path, file.stanza, entry);
    }
  }

  #includeFolder(folder: string, parents: readonly string[], by: Entry): void {
    const names = this.#confNames(folder, placeOfPath(by));
    if (names === undefined) this.#tell("error", placeOfPath(by), `Access folder: ${shownPath(folder)} could not be opened.`);
    for (const name of names ?? []) this.readFile(joinPath(folder, name), parents, by);
  }

  /** Names of the files to read in a folder, sorted; undefined when it cannot be listed. */
  #confNames(folder: string, place: Place): readonly string[] | undefined {
    const listed = this.#host.list(folder);
    if ("error" in listed) return undefined;
    const isConf = (name: string): boolean => name.endsWith(".conf") && !name.startsWith(".");
    // C reads backups of editors as well, and with them keys that somebody withdrew.
    const skipped = listed.names.filter((name) => !isConf(name) && /\.conf[^.]*$/.test(name));
    if (skipped.length > 0) this.#tell("warning", place, `Not read: ${skipped.sort().map((name) => printableText(name)).join(", ")}; only names that end in .conf and do not begin with a dot are`);
    return listed.names.filter(isConf).sort();
  }

  /** Reads keys into a stanza from a file that holds nothing else. */
  #includeKeys(path: string, draft: Draft, by: Entry): void {
    draft.keysFile = path;
    const read = this.#host.read(path);
    if ("error" in read) {
      draft.broken = true;
      this.#tell("error", placeOfPath(by), `${printableText(read.error.replace(/\.$/, ""), 500)}. Data error in included keyfile: ${shownPath(path)}, skipping stanza.`);
      return;
    }
    this.#tell("info", placeOfPath(by), `Including key file: ${shownPath(path)}`);
    for (const entry of readEntries({ path, bytes: read.bytes })) {
      const name = nameOf(entry);
      const say = this.#sayOf(entry);
      if (!KEY_VARIABLES.includes(name)) {
        say("warning", withSuggestion(`Ignoring invalid entry: ${quoted(name, KEY_VARIABLES)}`, name, KEY_VARIABLES));
        continue;
      }
      const named = this.#index.get(name)!;
      // C keeps blanks at the end here, so the keys of its users may have them.
      const value = cutValue(entry, { keepTrailingBlanks: named.kind.secret === true });
      if (value !== undefined) this.#assign(draft, name, named, value, entry);
      else {
        draft.broken = true;
        say("error", `Invalid access file entry: ${name} has no value`);
      }
    }
  }

  /** Says why a name has no effect that is not known. */
  #passOver(name: string, entry: Entry, say: Say): void {
    if (cutValue(entry) !== undefined) say("warning", unknownParameter(name, this.#index.keys()));
    else say("error", `Invalid access file entry: ${this.#aloneText(name)}`);
  }

  /** What to say of a word without a value; after a colon there may be a key. */
  #aloneText(name: string): string {
    const known = name.slice(0, Math.max(0, name.indexOf(":")));
    if (this.#index.has(known)) return `expected a blank after ${known}:`;
    return `expected NAME VALUE, got ${isQuotable(name, this.#index.keys()) ? shown(name) : "a word"} alone`;
  }

  /** Sets a variable in the file's stanza, which a SOURCE begins. */
  #setVariable(name: string, named: NamedVariable, entry: Entry, file: OpenFile, say: Say): void {
    const value = this.#valueOf(entry, named, file.dialect);
    if (value === undefined) {
      if (file.stanza !== undefined) {
        file.stanza.broken = true;
        file.stanza.given.add(name);
      }
      say("error", `Invalid access file entry: ${name} has no value`);
      return;
    }
    if (name === "SOURCE") {
      file.stanza = newDraft(entry, file.dialect, printableText(value.bytes));
      this.#drafts.push(file.stanza);
    }
    if (file.stanza === undefined) {
      say("warning", `${name} before the first SOURCE is ignored`);
      return;
    }
    const isCut = named.kind.secret && file.dialect === "c" && cutValue(entry, { keepTrailingBlanks: true })!.bytes.length > value.bytes.length;
    if (isCut) say("warning", `${name} ends with blanks, which are no part of it; to fwknopd 2.6.10 they were`);
    this.#assign(file.stanza, name, named, value, entry);
  }

  #valueOf(entry: Entry, { variable, kind }: NamedVariable, dialect: Dialect): RawValue | undefined {
    const perl = dialect === "perl";
    const value = cutValue(entry, { toLastSemicolon: perl && variable.toLastSemicolon === true, keepTrailingBlanks: perl && kind.secret === true });
    if (value !== undefined || !perl || !variable.standsAlone || !entry.ended) return value;
    return { bytes: Uint8Array.of(0x59), column: entry.nameColumn };
  }

  #assign(draft: Draft, name: string, { member, kind }: NamedVariable, { bytes, column }: RawValue, entry: Entry): void {
    const say = this.#sayOf(entry);
    const before = draft.lines.get(member);
    if (before !== undefined) say("info", `${name} replaces what line ${before.line} sets`);
    draft.lines.set(member, { file: entry.file, line: entry.line, column });
    draft.given.add(name);
    const text = kind.secret ? undefined : valueText(bytes);
    const parsed = kind.secret ? kind.parse(bytes, name) : text === undefined ? refuse(`${name} has a control code in its value`) : kind.parse(text, name);
    if (!parsed.ok) {
      draft.broken = true;
      say("error", parsed.message, column + (parsed.offset ?? 0));
      return;
    }
    if (parsed.warning !== undefined) say("warning", parsed.warning, column);
    const values = draft.values as Record<string, unknown>;
    const old = values[member];
    if (old instanceof Uint8Array) old.fill(0);
    values[member] = parsed.value;
    if (text !== undefined) draft.texts[name] = text;
  }

  /**
   * Finds out whose file it is. What the other program would have refused decides, then what it would not have known, then
   * whose the daemon's own file is. The lines alone cannot tell: early 2.x files looked like those of 1.x.
   */
  #dialectOf(entries: readonly Entry[]): Dialect {
    if (entries.some(({ name, ended }) => name.startsWith("%") || !ended)) return "c";
    const isAlone = (entry: Entry): boolean => entry.rest[0] === 0x3b && !entry.name.endsWith(":");
    const excludes = ({ name, rest }: Entry): boolean => name === "SOURCE:" && rest.includes(0x21);
    if (entries.some((entry) => isAlone(entry) || excludes(entry))) return "perl";
    const origins = entries.map((entry) => this.#originOf(nameOf(entry)));
    if (origins.includes("C")) return "c";
    return origins.includes("Perl") ? "perl" : this.#context.dialect;
  }

  #originOf(name: string): string | undefined {
    const variable = this.#index.get(name)?.variable;
    const obsolete = OBSOLETE_ACCESS_VARIABLES.find(({ names }) => names.includes(name));
    return variable?.synonyms?.[name]?.origin ?? variable?.origin ?? obsolete?.origin;
  }
}

/** The place of a problem that a file has as a whole. */
function asAWhole(file: string): Place {
  return { file, line: 0, column: 0 };
}

/** Where the path stands that an entry names. */
function placeOfPath({ file, line, restColumn }: Entry): Place {
  return { file, line, column: restColumn };
}

/** The name without the colon that may stand behind it. */
function nameOf({ name }: Entry): string {
  return name.replace(/:$/, "");
}

function unknownParameter(name: string, names: Iterable<string>): string {
  const known = [...names];
  return withSuggestion(`Ignoring unknown access parameter: ${quoted(name, known)}`, name, known);
}

/** Shows a name that is not known only when it cannot be a piece of a key. */
function quoted(name: string, known: Iterable<string>): string {
  return isQuotable(name, known) ? shown(name) : "(not shown, it may belong to a key)";
}

/** Whether a word looks like a variable's name and not like a piece of a key. */
function isQuotable(name: string, known: Iterable<string>): boolean {
  return /^[%#]?[A-Z][A-Z_]{0,39}:?$/.test(name) || /^%[a-z_]{1,20}$/.test(name) || nearestName(name, known) !== undefined;
}

const shownPath = (path: string): string => `'${printableText(path, 300)}'`;

function joinPath(folder: string, name: string): string {
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

/** Brings different spellings of a path together, as far as text can tell. */
function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}
