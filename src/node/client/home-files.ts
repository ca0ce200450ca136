/**
 * Where the client program's files are, and how those are read that others must not write to.
 *
 * @module
 */
import { type Bytes, wipe } from "../../bytes.ts";
import type { ClientOptions } from "../../cli/client-options.ts";
import { readOwnFile } from "../files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";

/** The most bytes that a file with keys may have. */
export const MAX_FILE_BYTES = 1 << 20;

/**
 * Where a file in the user's folder is.
 *
 * @param name of the file
 * @param options whether they name the folder
 * @param host the environment, which names it otherwise
 * @param what is looked for in it, as the message says
 * @returns the file's path
 * @throws ClientError when there is no folder
 */
export function homeFile(name: string, options: ClientOptions, host: ClientHost, what: string): string {
  const home = options.homeDir || host.env["HOME"];
  if (home !== undefined && home !== "") return home.endsWith("/") ? home + name : `${home}/${name}`;
  throw new ClientError(`Unable to determine ${what}, HOME is not set`, { hint: "use --home-dir, or --rc-file or --no-rc-file, and -E or --no-save-args" });
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
