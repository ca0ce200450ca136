/**
 * Files that hold keys or state: read without being fooled by what somebody planted there,
 * written so that a crash leaves either the old content or the new.
 *
 * @module
 */

import {
  closeSync, constants, fchmodSync, fchownSync, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, readSync,
  realpathSync, renameSync, statSync, unlinkSync, writeSync, type Stats,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Bytes, hexText } from "../bytes.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/** A file or folder could not be used. `code` is the system's (`ENOENT`, `EACCES` …) or one of `NOT_REGULAR`, `TOO_LARGE`, `NOT_A_FOLDER`. */
export class FileError extends Error {
  readonly code: string;
  readonly path: string;

  constructor(message: string, code: string, path: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "FileError";
    this.code = code;
    this.path = path;
  }
}

/** What is unsafe about a file that was read all the same: the caller decides. */
export interface FileProblem {
  /**
   * `mode`: not exactly 0600; `owner`: not ours; `writable`: somebody else can change it;
   * `readable`: somebody else can read it.
   */
  readonly kind: "mode" | "owner" | "writable" | "readable";
  /** One line for the log, without its end. */
  readonly message: string;
}

/** A file as it was at one moment. */
export interface OwnFile {
  /** The content; belongs to the caller, who wipes it when it holds keys. */
  readonly bytes: Bytes;
  readonly problems: readonly FileProblem[];
}

/** How a file is to be read. */
export interface ReadOwnFileOptions {
  /** The largest content that is accepted, in bytes. */
  readonly maxBytes: number;
  /** What the file is, as error messages name it: `config`, `access`, `key`. */
  readonly kind: string;
  /** Its path in messages, where that is not the one that is opened. */
  readonly name?: string;
  /** Whether the last component of the path may be a symbolic link; yes unless said otherwise. */
  readonly symlink?: "follow" | "refuse";
}

/**
 * Reads a small file whole and says what is unsafe about it. A planted FIFO does not block us,
 * and the file that is judged is the one that is read.
 *
 * @param path where the file is
 * @param options its largest size and its name in messages
 * @returns the content and the problems
 * @throws {FileError} when it is absent, no regular file, too large or unreadable
 */
export function readOwnFile(path: string, options: ReadOwnFileOptions): OwnFile {
  const { maxBytes, kind, symlink = "follow", name = path } = options;
  let descriptor: number;
  try {
    // O_NONBLOCK: a FIFO planted under the name must not hang us in open.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | (symlink === "refuse" ? constants.O_NOFOLLOW : 0);
    descriptor = openSync(path, flags);
  } catch (cause) {
    if (codeOf(cause) === "ELOOP" && symlink === "refuse") throw notRegular(name);
    throw fileError(`Could not open ${kind} file: ${name}`, name, cause);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw notRegular(name);
    if (stats.size > maxBytes) throw tooLarge(name, kind, maxBytes);
    return { bytes: readWhole(descriptor, name, kind, maxBytes, stats.size), problems: judgeFile(name, stats) };
  } finally {
    closeSync(descriptor);
  }
}

/** Reads until the end: files under /proc say they are empty, and a file may grow meanwhile. */
function readWhole(descriptor: number, path: string, kind: string, maxBytes: number, expectedBytes: number): Bytes {
  let buffer: Bytes = new Uint8Array(Math.min(maxBytes, Math.max(expectedBytes, 4095)) + 1);
  let length = 0;
  for (;;) {
    let count: number;
    try {
      count = readSync(descriptor, buffer, length, buffer.length - length, null);
    } catch (cause) {
      buffer.fill(0);
      throw fileError(`Could not read ${kind} file: ${path}`, path, cause);
    }
    if (count === 0) break;
    length += count;
    if (length > maxBytes) {
      buffer.fill(0);
      throw tooLarge(path, kind, maxBytes);
    }
    if (length === buffer.length) {
      const larger: Bytes = new Uint8Array(Math.min(maxBytes + 1, buffer.length * 2));
      larger.set(buffer);
      buffer.fill(0);
      buffer = larger;
    }
  }
  const bytes = buffer.slice(0, length);
  buffer.fill(0);
  return bytes;
}

/**
 * Tells what is unsafe about a file that holds keys or state.
 *
 * @param path its name in the messages
 * @param stats what the descriptor says about it
 * @param ownUser the user id whose file it should be
 * @returns the problems, none for a file of ours with mode 0600
 */
export function judgeFile(path: string, stats: Pick<Stats, "mode" | "uid">, ownUser: number = effectiveUser()): FileProblem[] {
  const mode = stats.mode & 0o7777;
  const problems: FileProblem[] = [];
  if (mode !== 0o600) {
    problems.push({ kind: "mode", message: `[-] file: ${path} permissions should only be user read/write (0600, -rw-------)` });
  }
  if (stats.uid !== ownUser) {
    problems.push({ kind: "owner", message: `[-] file: ${path} not owned by current effective user id` });
  }
  // Root may change every file anyway, so a file of root's is not in a stranger's hands.
  if ((mode & 0o022) !== 0 || (stats.uid !== ownUser && stats.uid !== 0)) {
    problems.push({ kind: "writable", message: `[-] file: ${path} can be changed by other users (mode ${mode.toString(8).padStart(4, "0")}, owner ${stats.uid})` });
  }
  if ((mode & 0o044) !== 0) {
    problems.push({ kind: "readable", message: `[-] file: ${path} can be read by other users (mode ${mode.toString(8).padStart(4, "0")})` });
  }
  return problems;
}

/**
 * Replaces a file in one step: after a crash it holds either the old content or the new. An
 * existing file keeps its owner, and its mode as far as `mode` allows; a symbolic link stays
 * one and the file it points to is replaced.
 *
 * @param path the file to write
 * @param bytes the new content
 * @param mode the widest permissions, such as 0o600
 * @throws {FileError} when any step fails; the old file is untouched then
 */
export function writeFileAtomically(path: string, bytes: Uint8Array, mode: number): void {
  const target = resolveTarget(path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${hexText(crypto.getRandomValues(new Uint8Array(8)))}`);
  const old = statOrUndefined(target);
  if (old !== undefined && !old.isFile()) throw notRegular(path);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    writeWhole(descriptor, bytes);
    if (old !== undefined) keepOwner(descriptor, old);
    // After chown, which clears the set-id bits, and not subject to the umask.
    fchmodSync(descriptor, old === undefined ? mode : old.mode & mode);
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, target);
  } catch (cause) {
    if (descriptor !== undefined) closeSync(descriptor);
    removeQuietly(temporary);
    throw fileError(`Could not write file: ${path}`, path, cause);
  }
  syncFolder(folder);
}

/**
 * Writes all of it: a nearly full disk takes a part and says so only by the number, and fails at the next call.
 *
 * @param descriptor an open file
 * @param bytes what to write, where the file stands
 * @throws {Error} the system's
 */
export function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/** The file behind a chain of links; the path itself when nothing is there yet. */
function resolveTarget(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return path;
    throw fileError(`Could not write file: ${path}`, path, cause);
  }
}

function keepOwner(descriptor: number, old: Stats): void {
  const fresh = fstatSync(descriptor);
  if (fresh.uid !== old.uid || fresh.gid !== old.gid) fchownSync(descriptor, old.uid, old.gid);
}

/**
 * Makes a rename or a creation in a folder last. Some file systems cannot sync a folder; then
 * their own order of writing has to do.
 *
 * @param path the folder
 */
export function syncFolder(path: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(descriptor);
  } catch {
    // EINVAL on some network and FUSE file systems, EACCES on a folder without read permission.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What `ensurePrivateFolder` found or did. */
export interface PrivateFolder {
  readonly created: boolean;
  readonly problems: readonly FileProblem[];
}

/**
 * Makes sure that a folder for pid file and replay cache exists: made with mode 0700, parents
 * as well.
 *
 * @param path an absolute path
 * @param kind the folder's name in messages, such as `Run directory`
 * @returns whether it was made, and what is unsafe about one that was there
 * @throws {FileError} `NOT_A_FOLDER` when something else has the name, or the system's code when it cannot be made
 */
export function ensurePrivateFolder(path: string, kind: string): PrivateFolder {
  let stats = statOrUndefined(path);
  const created = stats === undefined;
  if (stats === undefined) {
    try {
      makeFolders(path);
    } catch (cause) {
      // EEXIST: a dangling link, or a file that somebody made just now.
      if (codeOf(cause) !== "EEXIST") throw fileError(`Unable to create ${kind}: ${path}`, path, cause);
    }
    stats = statOrUndefined(path);
  }
  if (stats === undefined || !stats.isDirectory()) {
    throw new FileError(`Specified ${kind}: ${path} is NOT a directory`, "NOT_A_FOLDER", path);
  }
  return { created, problems: created ? [] : judgeFolder(path, stats) };
}

/** Makes a folder and those above it. Not by `recursive`: Node 20 tries for ever where mkdir says ENOENT, as /proc does. */
function makeFolders(path: string): void {
  const parent = dirname(path);
  if (parent !== path && statSync(parent, { throwIfNoEntry: false }) === undefined) makeFolders(parent);
  mkdirSync(path, { mode: 0o700 });
}

/**
 * Tells whether a path is a link that somebody else put there, in a folder where they could.
 *
 * @param path of a file that is to be written to
 */
export function isForeignLink(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.isSymbolicLink() && stats.uid !== effectiveUser() && stats.uid !== 0;
}

/** A folder that others can write to lets them replace what is in it, unless it is sticky. */
function judgeFolder(path: string, stats: Stats): FileProblem[] {
  const others = (stats.mode & 0o022) !== 0 && (stats.mode & 0o1000) === 0;
  const strange = stats.uid !== effectiveUser() && stats.uid !== 0;
  if (!others && !strange) return [];
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
  return [{ kind: "writable", message: `[-] folder: ${path} can be changed by other users (mode ${mode}, owner ${stats.uid})` }];
}

/** Undefined when nothing is there; a dangling link counts as nothing. */
function statOrUndefined(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw fileError(`Could not look at: ${path}`, path, cause);
  }
}

/**
 * Tells whether something has this name, without following a link in the last place.
 *
 * @param path any path
 * @returns what it is, or undefined when there is nothing
 */
export function kindOfPath(path: string): "file" | "folder" | "link" | "other" | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}

function effectiveUser(): number {
  return process.geteuid?.() ?? 0;
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or is gone already.
  }
}

/**
 * The refusal of folders, devices and FIFOs in the place of a file.
 *
 * @param path what was refused
 * @returns the error, to be thrown
 */
export function notRegular(path: string): FileError {
  return new FileError(`[-] file: ${path} is not a regular file or symbolic link.`, "NOT_REGULAR", path);
}

function tooLarge(path: string, kind: string, maxBytes: number): FileError {
  return new FileError(`Could not read ${kind} file: ${path}: expected at most ${maxBytes} bytes`, "TOO_LARGE", path);
}

function fileError(what: string, path: string, cause: unknown): FileError {
  return new FileError(`${what}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
}
