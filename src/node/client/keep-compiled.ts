/**
 * Keeps what V8 compiled of the client, so that later runs start sooner. bin/fwknop-start.cjs reads it.
 *
 * @module
 */
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The program, compiled as far as it has run. */
export interface CompiledClient {
  readonly script: { createCachedData(): Uint8Array };
  /** The file to keep it in. Its folder is ours alone, or is not there yet. */
  readonly path: string;
}

/** Files that other builds or other Nodes left go after this time; who still needs one makes it again. */
const LONGEST_KEPT_MS = 30 * 24 * 3600 * 1000;

/**
 * Keeps it. No run fails or says a word because that is not possible.
 *
 * @param compiled what, and where
 */
export function keepCompiled({ script, path }: CompiledClient): void {
  const folder = dirname(path);
  try {
    for (const made of [dirname(folder), folder]) makeFolder(made);
    writeTwice(path, script);
    removeOld(folder);
  } catch {
    // A read-only home, a full disk, or another first run was quicker.
  }
}

/** Root leaves nothing in the home of a user whose HOME it runs with: that user could not use it. */
function makeFolder(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const parent = dirname(path);
  if (statSync(parent).uid !== process.geteuid!()) throw new Error(`${parent} is not ours`);
  mkdirSync(path, { mode: 0o700 });
}

/** Twice, so that damage is seen; without a sync to the disk, since it is. */
function writeTwice(path: string, script: CompiledClient["script"]): void {
  const fresh = `${path}.${process.pid}`;
  const descriptor = openSync(fresh, "wx", 0o600);
  try {
    const code = script.createCachedData();
    writeFileSync(descriptor, code);
    writeFileSync(descriptor, code);
    renameSync(fresh, path);
  } catch (error) {
    unlinkSync(fresh);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (statSync(file).mtimeMs < Date.now() - LONGEST_KEPT_MS) unlinkSync(file);
  }
}
