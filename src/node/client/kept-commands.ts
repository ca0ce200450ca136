/**
 * Command lines that the client program keeps, to show them or to run them again.
 *
 * @module
 */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, readFileSync, statSync } from "node:fs";
import { constantTimeEqual, utf8Bytes, utf8OrLatin1Text } from "../../bytes.ts";
import type { ClientOptions } from "../../cli/client-options.ts";
import type { ScannedArguments } from "../../cli/getopt.ts";
import { splitHostPort } from "../../client/destination.ts";
import { findCommandForHost, formatCommandLine, parseCommandLine, rememberForHost } from "../../client/last-command.ts";
import { printableText } from "../../foreign-text.ts";
import { readOwnFile, writeWhole } from "../files.ts";
import { reasonOf } from "../system-error.ts";
import { homeFile, readSecretFile } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";

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
  const pathOf = (name: string): string => homeFile(name, options, host, "args save file");
  return { last: pathOf(".fwknop.run"), hosts: pathOf(".fwknop.hosts"), preferred: pathOf(".fwknop.save") };
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

/** Whether there is a file, or something in its way, which reading it will tell. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Reads kept command lines, of two files perhaps: what wins comes last. They may name commands (--key-cmd, --then), so
 * nobody else may have written them.
 */
function readCommandLines(files: { readonly path: string; readonly preferred?: string }, options: ClientOptions, output: ClientOutput): string {
  const read = (path: string): string => {
    return utf8OrLatin1Text(readSecretFile(path, "args", options, output));
  };
  const { path, preferred } = files;
  if (preferred === undefined || !isThere(preferred)) return read(path);
  return `${isThere(path) ? read(path) : ""}\n${read(preferred)}`;
}

/**
 * Without a sync to the disk, which would take longer than all the rest: a lost command line is no loss. Cut at the end, as
 * to empty a file costs much of a sync with ext4 (measured: 0.4 ms).
 */
function writePrivately(path: string, text: string): void {
  const bytes = utf8Bytes(text);
  if (isKept(path, bytes)) return;
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(descriptor);
    const isFile = stats.isFile(); // not what -E /dev/null names
    if (isFile && (stats.mode & 0o777) !== 0o600) fchmodSync(descriptor, 0o600);
    writeWhole(descriptor, bytes);
    if (isFile && stats.size > bytes.length) ftruncateSync(descriptor, bytes.length);
  } catch (error) {
    ftruncateSync(descriptor); // half a command line could be run again and ask for something else
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Whether it is there already, as often when a command is given again: to write it would take four times as long as to look. */
function isKept(path: string, bytes: Uint8Array): boolean {
  try {
    const { bytes: there, problems } = readOwnFile(path, { maxBytes: bytes.length, kind: "args" });
    return problems.length === 0 && constantTimeEqual(there, bytes);
  } catch {
    return false;
  }
}

/** A kept command line: as text without secrets, and as options. */
export interface KeptCommandLine {
  readonly text: string;
  readonly scanned: ScannedArguments<ClientOptions>;
}

/**
 * Finds the command line that is to be shown or run again.
 *
 * @param given which one, by `--last-cmd`, `--show-last`, `--last-host` or `--show-host-cmd`
 * @param host the environment
 * @param output for warnings
 * @returns it, or undefined when none is asked for
 * @throws ClientError or FileError when there is none, or others can write to its file
 */
export function keptCommandLine(given: ClientOptions, host: ClientHost, output: ClientOutput): KeptCommandLine | undefined {
  const server = given.lastHost ?? given.showHostCmd;
  if (server !== undefined) return keptForServer(server, given, host, output);
  if (!given.lastCmd && !given.showLast) return undefined;
  const { last: path } = argumentFiles(given, host);
  return parseKept(readCommandLines({ path }, given, output).trim(), path);
}

function keptForServer(server: string, given: ClientOptions, host: ClientHost, output: ClientOutput): KeptCommandLine {
  const { hosts: path, preferred } = argumentFiles(given, host);
  if (path === undefined) throw new ClientError("--save-args-file: command lines are kept by server in the home folder only");
  const file = readCommandLines({ path, ...(preferred !== undefined && { preferred }) }, given, output);
  return parseKept(findCommandForHost(file, splitHostPort(server).host), path, ` for ${printableText(server)}`);
}

function parseKept(line: string | undefined, path: string, whose = ""): KeptCommandLine {
  if (line === undefined || line === "") throw new ClientError(`Could not find a command line${whose} in ${path}`);
  const scanned = parseCommandLine(line);
  if (!scanned.ok) throw new ClientError(`Error parsing the command line kept in ${path}: ${scanned.message}`);
  // One that the C program kept may hold keys.
  return { text: formatCommandLine(scanned.value).text, scanned: scanned.value };
}
