/**
 * Finding and opening `.fwknoprc`.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import type { Bytes } from "../../bytes.ts";
import type { ClientOptions } from "../../cli/client-options.ts";
import { type RcLine, readRcLines } from "../../config/fwknoprc.ts";
import { printableText } from "../../foreign-text.ts";
import { FileError } from "../files.ts";
import { homeFile, readSecretFile } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";

/** An rc file in memory. */
export interface RcFile {
  readonly path: string;
  /** Holds keys; wiped when the run is over. */
  readonly bytes: Bytes;
  readonly lines: readonly RcLine[];
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
  return options.noRcFile ? undefined : options.rcFile || homeFile(".fwknoprc", options, host, "HOME directory");
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

function readStream(path: string, output: ClientOutput): Bytes {
  if (statSync(path).isDirectory()) throw new ClientError(`${printableText(path, 200)}: expected an rc file, got a folder`);
  output.warning(`file: ${path} is not a regular file`);
  return new Uint8Array(readFileSync(path));
}
