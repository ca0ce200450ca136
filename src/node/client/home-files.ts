/**
 * The client program's files: `.fwknoprc` and the kept command lines.
 *
 * @module
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Bytes, utf8OrLatin1Text, wipe } from "../../bytes.ts";
import type { ClientOptions } from "../../cli/client-options.ts";
import type { ScannedArguments } from "../../cli/getopt.ts";
import { formatCommandLine, rememberForHost } from "../../client/last-command.ts";
import { type RcLine, readRcLines } from "../../config/fwknoprc.ts";
import { printableText } from "../../foreign-text.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";
import { FileError, readOwnFile } from "../files.ts";
import { reasonOf } from "../system-error.ts";

/** A file that holds keys may have so many bytes. */
export const MAX_FILE_BYTES = 1 << 20;

/** An rc file in memory. */
export interface RcFile {
  readonly path: string;
  /** Holds keys; wiped when the run is over. */
  readonly bytes: Bytes;
  readonly lines: readonly RcLine[];
}

/**
 * The user's folder.
 *
 * @param options whether they name it
 * @param host the environment, which names it otherwise
 * @param what is looked for in it, as the message says
 * @returns its path
 * @throws ClientError when there is none
 */
export function homeFolder(options: ClientOptions, host: ClientHost, what: string): string {
  const home = options.homeDir || host.env["HOME"];
  if (home !== undefined && home !== "") return home;
  throw new ClientError(`Unable to determine ${what}, HOME is not set`, { hint: "use --home-dir, or --rc-file or --no-rc-file, and -E or --no-save-args" });
}

/**
 * Where the rc file is.
 *
 * @param options whether one is to be used, and which
 * @param host the environment
 * @returns its path, or undefined when none is to be used
 * @throws ClientError when options about it contradict each other
 */
export function rcPathOf(options: ClientOptions, host: ClientHost): string | undefined {
  if (options.noRcFile) {
    const conflicts = [
      [options.namedConfig, "Cannot set stanza name in --no-rc-file mode."],
      [options.saveRcStanza, "Cannot save an rc stanza in --no-rc-file mode."],
      [options.stanzaList, "Cannot list stanzas in --no-rc-file mode."],
    ] as const;
    const conflict = conflicts.find(([given]) => given !== undefined);
    if (conflict !== undefined) throw new ClientError(conflict[1]);
  } else if (options.noHomeDir && !options.rcFile) {
    throw new ClientError("Warning: in --no-home-dir mode, must set --rc-file path.");
  }
  if (options.noHomeDir && !options.saveArgsFile) throw new ClientError("In --no-home-dir mode must set the args save file path with -E");
  return options.noRcFile ? undefined : options.rcFile || join(homeFolder(options, host, "HOME directory"), ".fwknoprc");
}

/**
 * Reads the rc file; makes one of comments when there is none.
 *
 * @param path where it is
 * @param options whether the user named it, and whether others may write to it
 * @param output for warnings
 * @returns the file
 * @throws ClientError or FileError when it cannot be read, when others can write to it, or when it is only to be listed and not there
 */
export async function openRcFile(path: string, options: ClientOptions, output: ClientOutput): Promise<RcFile> {
  let bytes: Bytes;
  try {
    bytes = readSecretFile(path, "rc", options, output);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    bytes = await readUnusualFile(path, error, options, output);
  }
  return { path, bytes, lines: readRcLines(bytes) };
}

/** What stands for an rc file that is missing or no regular one. */
async function readUnusualFile(path: string, cause: FileError, options: ClientOptions, output: ClientOutput): Promise<Bytes> {
  if (cause.code === "NOT_REGULAR" && options.rcFile) return readStream(path, output); // /dev/null, or the pipe of a shell's <(...)
  if (cause.code !== "ENOENT") throw new ClientError(`Unable to stat() or read rc file ${printableText(path, 200)}: ${cause.message}`, { cause });
  if (options.stanzaList) throw new ClientError(`Unable to open rc file: ${printableText(path, 200)}: No such file or directory`, { cause });
  if (options.version) return new Uint8Array(0); // who only asks for the version wants no file
  const { createRcFile } = await import("./create-rc-file.ts");
  return createRcFile(path, output);
}

/**
 * Reads a file with keys, or with what names commands.
 *
 * @param path where it is
 * @param kind what it is, for warnings
 * @param options whether others may write to it
 * @param output for warnings
 * @returns its bytes, which the caller wipes
 * @throws ClientError when others can write to it and that is not allowed; FileError when it cannot be read
 */
export function readSecretFile(path: string, kind: string, options: ClientOptions, output: ClientOutput): Bytes {
  const { bytes, problems } = readOwnFile(path, { maxBytes: MAX_FILE_BYTES, kind });
  const isWritable = problems.some((problem) => problem.kind === "writable");
  for (const { message } of problems) output.error(message);
  if (isWritable && !options.insecurePermissions) {
    wipe(bytes);
    throw new ClientError(`${path}: other users can change this file, so it is not used`, { hint: "chmod 600 it, or use --insecure-permissions" });
  }
  return bytes;
}

function readStream(path: string, output: ClientOutput): Bytes {
  if (statSync(path).isDirectory()) throw new ClientError(`${printableText(path, 200)}: expected an rc file, got a folder`);
  output.warning(`file: ${path} is not a regular file`);
  return new Uint8Array(readFileSync(path));
}

/** Where command lines are kept. */
export interface ArgumentFiles {
  readonly last: string;
  /** One line a server; only in the home folder. */
  readonly hosts?: string;
  /** The same, of the lines that `--save-dst` keeps. */
  readonly preferred?: string;
}

/**
 * Says where command lines are kept.
 *
 * @param options whether they name a file or the home folder
 * @param host the environment
 * @returns the paths
 * @throws ClientError when there is no home folder to keep them in
 */
export function argumentFiles(options: ClientOptions, host: ClientHost): ArgumentFiles {
  if (options.saveArgsFile) return { last: options.saveArgsFile };
  const home = homeFolder(options, host, "args save file");
  return { last: join(home, ".fwknop.run"), hosts: join(home, ".fwknop.hosts"), preferred: join(home, ".fwknop.save") };
}

/**
 * Keeps a command line without its secrets. Not being able to is no reason not to knock.
 *
 * @param files where
 * @param scanned the options
 * @param options whether it is kept as the last one for its server, too, and as the one preferred to later ones
 * @param output for warnings
 */
export function keepCommandLine(
  files: ArgumentFiles, scanned: ScannedArguments<ClientOptions>, options: { readonly ofHost: boolean; readonly isPreferred: boolean }, output: ClientOutput,
): void {
  const { text, left } = formatCommandLine(scanned);
  // On standard error: the listing on standard output is as programs know it.
  if (left.length > 0 && output.verbosity > 0) output.warning(`not kept for --last-cmd, because of their secrets: ${left.join(" ")}`);
  let path = files.last;
  try {
    writePrivately(path, `${text}\n`);
    for (const file of [options.ofHost ? files.hosts : undefined, options.isPreferred ? files.preferred : undefined]) {
      if (file === undefined) continue;
      path = file;
      const others = rememberForHost(isThere(path) ? readFileSync(path, "utf8") : "", scanned);
      if (others !== undefined) writePrivately(path, others);
    }
  } catch (error) {
    output.warning(`Could not open args file: ${printableText(path, 200)}: ${reasonOf(error)}; the command line is not kept`);
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/**
 * Reads kept command lines. They may name commands (--key-cmd, --then), so nobody else may have written them.
 *
 * @param files the file, and perhaps another one, whose lines win, if it is there
 * @param options whether others may write to them
 * @param output for warnings
 * @returns their text, what wins last
 * @throws ClientError or FileError when there is neither, or others can write to one
 */
export function readCommandLines(files: { readonly path: string; readonly preferred?: string }, options: ClientOptions, output: ClientOutput): string {
  const read = (path: string): string => {
    return utf8OrLatin1Text(readSecretFile(path, "args", options, output));
  };
  const { path, preferred } = files;
  if (preferred === undefined || !isThere(preferred)) return read(path);
  return `${isThere(path) ? read(path) : ""}\n${read(preferred)}`;
}

/** Without a sync to the disk, which would take longer than all the rest: a lost command line is no loss. */
function writePrivately(path: string, text: string): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK, 0o600);
  try {
    if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600); // not what -E /dev/null names
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}
