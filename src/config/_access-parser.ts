/**
 * From the files of access.conf to stanzas: which files, whose syntax, which line belongs to which stanza.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import { checkStanza, type Draft } from "./_access-stanza.ts";
import { shown } from "./_kinds.ts";
import type { AccessConfigContext, AccessHost, AccessRoot, AccessStanza, ParsedAccessConfig } from "./access-config.ts";
import { accessVariables, type AccessVariables, KNOCKING_VARIABLES, OBSOLETE_ACCESS_VARIABLES } from "./access-variables.ts";
import { C_LINE_LIMIT, cutValue, type Dialect, type Entry, type RawValue, readEntries, valueText } from "./entries.ts";
import { type ConfigProblem, hasErrors, indexVariables, type NamedVariable, nearestName, type VariableTable } from "./variable.ts";

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
    const names = this.#confNames(folder, { file: folder, line: 0, column: 0 });
    if (names === undefined) this.#problems.push({ severity: "error", file: folder, line: 0, column: 0, message: `Invalid access folder directory '${printableText(folder, 300)}' could not lstat(), does not exist, or too large?` });
    for (const name of names ?? []) this.readFile(joinPath(folder, name), [], undefined);
  }

  /**
   * Reads one file with all that it includes.
   *
   * @param parents the files that led here, outermost first
   * @param by the entry that includes it
   */
  readFile(path: string, parents: readonly string[], by: Entry | undefined): void {
    const place = by === undefined ? { file: path, line: 0, column: 0 } : { file: by.file, line: by.line, column: by.restColumn };
    const own = normalPath(path);
    if (parents.length >= MAX_LEVEL || parents.includes(own)) {
      const why = parents.includes(own) ? `, for ${shownPath(path)} would include itself` : "";
      this.#problems.push({ severity: "error", ...place, message: `Refusing to go deeper than ${MAX_LEVEL} levels. Lost in Limbo: ${shownPath(place.file)}${why}` });
      return;
    }
    const read = this.#host.read(path);
    if ("error" in read) {
      this.#problems.push({ severity: "error", ...place, message: printableText(read.error, 500) });
      return;
    }
    const entries = readEntries({ path, bytes: read.bytes });
    const dialect = this.#dialectOf(entries);
    if (dialect === "perl") this.#problems.push({ severity: "info", file: path, line: 0, column: 0, message: "Read as a file of fwknop 1.x" });
    const obsolete = new Map<string, { names: Set<string>; place: Pick<ConfigProblem, "file" | "line" | "column"> }>();
    let draft: Draft | undefined;
    for (const entry of entries) {
      const name = entry.name.endsWith(":") ? entry.name.slice(0, -1) : entry.name;
      const say: Say = (severity, message, column = entry.nameColumn) => void this.#problems.push({ severity, file: entry.file, line: entry.line, column, message });
      if (entry.length > C_LINE_LIMIT) say("warning", `This line has ${entry.length} bytes; it is read whole, where fwknopd 2.6 would take what follows ${C_LINE_LIMIT} bytes for another line`);
      if (name.startsWith("%")) {
        this.#obey(name, entry, [...parents, own], draft, say);
        continue;
      }
      const group = OBSOLETE_ACCESS_VARIABLES.find(({ names }) => names.includes(name));
      if (group !== undefined) {
        const at = obsolete.get(group.now) ?? { names: new Set(), place: { file: path, line: entry.line, column: entry.nameColumn } };
        at.names.add(name);
        obsolete.set(group.now, at);
        if (draft !== undefined && isKnocking(name, entry)) draft.knocking = true;
        continue;
      }
      draft = this.#setVariable(name, entry, dialect, draft, say) ?? draft;
    }
    for (const [now, { names, place }] of obsolete) this.#problems.push({ severity: "warning", ...place, message: `Without effect: ${[...names].join(", ")}. ${now}` });
  }

  /** Finishes the stanzas. */
  end(path: string, isFolder: boolean): ParsedAccessConfig {
    const stanzas: AccessStanza[] = [];
    for (const draft of this.#drafts) {
      const stanza = checkStanza(draft, stanzas.length + 1, this.#table, this.#host, this.#context, this.#problems);
      if (stanza === undefined) wipeStanzas([draft.values]);
      else stanzas.push(stanza);
    }
    if (stanzas.length === 0 && !hasErrors(this.#problems)) {
      const message = isFolder ? "Fatal, could not find any valid access.conf stanzas" : `Could not find valid SOURCE stanza in access file: ${shownPath(path)}`;
      this.#problems.push({ severity: "error", file: path, line: 0, column: 0, message });
    }
    return { stanzas, problems: this.#problems };
  }

  /** Obeys a line that begins with `%`. */
  #obey(name: string, entry: Entry, parents: readonly string[], draft: Draft | undefined, say: Say): void {
    const value = cutValue(entry);
    const path = value && valueText(value.bytes);
    const directives: Readonly<Record<string, (path: string) => void>> = {
      "%include": (file) => this.readFile(file, parents, entry),
      "%include_folder": (folder) => this.#includeFolder(folder, parents, entry),
      "%include_keys": (file) => {
        if (draft === undefined) say("warning", "%include_keys before the first SOURCE is ignored");
        else this.#includeKeys(file, draft, (severity, message) => say(severity, message, entry.restColumn));
      },
    };
    const directive = Object.hasOwn(directives, name) ? directives[name] : undefined;
    if (directive === undefined) say("warning", unknownText("parameter", name, Object.keys(directives)));
    else if (path === undefined) say("error", `Invalid access file entry: expected ${name} PATH`);
    else directive(path);
  }

  #includeFolder(folder: string, parents: readonly string[], by: Entry): void {
    const names = this.#confNames(folder, { file: by.file, line: by.line, column: by.restColumn });
    if (names === undefined) this.#problems.push({ severity: "error", file: by.file, line: by.line, column: by.restColumn, message: `Access folder: ${shownPath(folder)} could not be opened.` });
    for (const name of names ?? []) this.readFile(joinPath(folder, name), parents, by);
  }

  /** Names of the files to read in a folder, sorted; undefined when it cannot be listed. */
  #confNames(folder: string, place: Pick<ConfigProblem, "file" | "line" | "column">): readonly string[] | undefined {
    const listed = this.#host.list(folder);
    if ("error" in listed) return undefined;
    const isConf = (name: string): boolean => name.endsWith(".conf") && !name.startsWith(".");
    // C reads backups of editors as well, and with them keys that somebody withdrew.
    const skipped = listed.names.filter((name) => !isConf(name) && /\.conf[^.]*$/.test(name));
    if (skipped.length > 0) this.#problems.push({ severity: "warning", ...place, message: `Not read: ${skipped.sort().map((name) => printableText(name)).join(", ")}; only names that end in .conf and do not begin with a dot are` });
    return listed.names.filter(isConf).sort();
  }

  #includeKeys(path: string, draft: Draft, say: Say): void {
    draft.keysFile = path;
    const read = this.#host.read(path);
    if ("error" in read) {
      draft.broken = true;
      say("error", `${printableText(read.error.replace(/\.$/, ""), 500)}. Data error in included keyfile: ${shownPath(path)}, skipping stanza.`);
      return;
    }
    say("info", `Including key file: ${shownPath(path)}`);
    for (const entry of readEntries({ path, bytes: read.bytes })) {
      const name = entry.name.replace(/:$/, "");
      const sayThere: Say = (severity, message, column = entry.nameColumn) => void this.#problems.push({ severity, file: path, line: entry.line, column, message });
      if (!KEY_VARIABLES.includes(name)) {
        sayThere("warning", unknownText("invalid", name, KEY_VARIABLES));
        continue;
      }
      const named = this.#index.get(name)!;
      // C keeps blanks at the end here, so the keys of its users may have them.
      const value = cutValue(entry, { keepTrailingBlanks: named.kind.secret === true });
      if (value !== undefined) this.#assign(draft, name, named, value, entry, sayThere);
      else {
        draft.broken = true;
        sayThere("error", `Invalid access file entry: ${name} has no value`);
      }
    }
  }

  /** Sets a variable in the stanza; gives the stanza that a SOURCE begins. */
  #setVariable(name: string, entry: Entry, dialect: Dialect, current: Draft | undefined, say: Say): Draft | undefined {
    const named = this.#index.get(name);
    const value = named && this.#valueOf(entry, named, dialect);
    if (named === undefined) {
      if (cutValue(entry) !== undefined) say("warning", unknownText("parameter", name, this.#index.keys()));
      else say("error", `Invalid access file entry: ${this.#aloneText(name)}`);
      return undefined;
    }
    if (value === undefined) {
      if (current !== undefined) {
        current.broken = true;
        current.given.add(name);
      }
      say("error", `Invalid access file entry: ${name} has no value`);
      return undefined;
    }
    if (name !== "SOURCE") {
      if (current === undefined) {
        say("warning", `${name} before the first SOURCE is ignored`);
        return undefined;
      }
      const isCut = named.kind.secret && dialect === "c" && cutValue(entry, { keepTrailingBlanks: true })!.bytes.length > value.bytes.length;
      if (isCut) say("warning", `${name} ends with blanks, which are no part of it; to fwknopd 2.6.10 they were`);
      this.#assign(current, name, named, value, entry, say);
      return undefined;
    }
    const draft: Draft = {
      file: entry.file, line: entry.line, dialect, source: printableText(value.bytes), values: {}, given: new Set(), texts: {}, lines: new Map(),
      broken: false, knocking: false, keysFile: undefined,
    };
    this.#drafts.push(draft);
    this.#assign(draft, name, named, value, entry, say);
    return draft;
  }

  /** What to say of a word without a value; after a colon there may be a key. */
  #aloneText(name: string): string {
    const known = name.slice(0, Math.max(0, name.indexOf(":")));
    if (this.#index.has(known)) return `expected a blank after ${known}:`;
    return `expected NAME VALUE, got ${quotable(name, this.#index.keys()) ? shown(name) : "a word"} alone`;
  }

  #valueOf(entry: Entry, { variable, kind }: NamedVariable, dialect: Dialect): RawValue | undefined {
    const perl = dialect === "perl";
    const value = cutValue(entry, { toLastSemicolon: perl && variable.toLastSemicolon === true, keepTrailingBlanks: perl && kind.secret === true });
    if (value !== undefined || !perl || !variable.standsAlone || !entry.ended) return value;
    return { bytes: Uint8Array.of(0x59), column: entry.nameColumn };
  }

  #assign(draft: Draft, name: string, { member, kind }: NamedVariable, { bytes, column }: RawValue, entry: Entry, say: Say): void {
    const before = draft.lines.get(member);
    if (before !== undefined) say("info", `${name} replaces what line ${before.line} sets`);
    draft.lines.set(member, { file: entry.file, line: entry.line, column });
    draft.given.add(name);
    const text = kind.secret ? undefined : valueText(bytes);
    if (!kind.secret && text === undefined) {
      draft.broken = true;
      say("error", `${name} has a control code in its value`, column);
      return;
    }
    const parsed = kind.secret ? kind.parse(bytes, name) : kind.parse(text!, name);
    if (!parsed.ok) {
      draft.broken = true;
      say("error", parsed.message, column + (parsed.offset ?? 0));
      return;
    }
    if (parsed.warning !== undefined) say("warning", parsed.warning, column);
    const old = (draft.values as Record<string, unknown>)[member];
    if (old instanceof Uint8Array) old.fill(0);
    (draft.values as Record<string, unknown>)[member] = parsed.value;
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
    const origins = entries.map(({ name }) => this.#originOf(name.replace(/:$/, "")));
    if (origins.includes("C")) return "c";
    return origins.includes("Perl") ? "perl" : this.#context.dialect;
  }

  #originOf(name: string): string | undefined {
    const variable = this.#index.get(name)?.variable;
    const obsolete = OBSOLETE_ACCESS_VARIABLES.find(({ names }) => names.includes(name));
    return variable?.synonyms?.[name]?.origin ?? variable?.origin ?? obsolete?.origin;
  }
}

/** Whether a line makes its stanza one for port knocking. */
function isKnocking(name: string, entry: Entry): boolean {
  const value = cutValue(entry);
  const text = (value && valueText(value.bytes))?.toUpperCase();
  if (name === "DATA_COLLECT_MODE") return text === "ENCRYPT_SEQUENCE";
  return KNOCKING_VARIABLES.includes(name) && !(text?.startsWith("N") && name === "ENCRYPT_SEQUENCE");
}

/** Says that a name is not known, showing it only when it cannot be a piece of a key. */
function unknownText(what: "parameter" | "invalid", name: string, names: Iterable<string>): string {
  const known = [...names];
  const meant = nearestName(name, known);
  const quoted = quotable(name, known) ? shown(name) : "(not shown, it may belong to a key)";
  const message = what === "parameter" ? `Ignoring unknown access parameter: ${quoted}` : `Ignoring invalid entry: ${quoted}`;
  return meant === undefined ? message : `${message}, did you mean ${meant}?`;
}

/** Whether a word looks like a variable's name and not like a piece of a key. */
function quotable(name: string, names: Iterable<string>): boolean {
  return /^[%#]?[A-Z][A-Z_]{0,39}:?$/.test(name) || /^%[a-z_]{1,20}$/.test(name) || nearestName(name, names) !== undefined;
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
