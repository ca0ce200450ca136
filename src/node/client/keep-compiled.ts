/**
 * Keeps what V8 compiled of the client, so that later runs start sooner. bin/fwknop-start.cjs reads it.
 *
 * @module
 */
import { closeSync, fchmodSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { utf8Bytes } from "../../bytes.ts";
import { readRcLines, readStanza } from "../../config/fwknoprc.ts";

/** The program, compiled as far as it has run. */
export interface CompiledClient {
  readonly script: { createCachedData(): Uint8Array };
  /** A file to keep it in, with the program. */
  readonly beside: string;
  /** Another, in the user's home, if that may be used. Its folder is ours alone, or is not there yet. */
  readonly inHome?: string | undefined;
}

/** Files that other builds or other Nodes left go after this time; who still needs one makes it again. */
const LONGEST_KEPT_MS = 30 * 24 * 3600 * 1000;

/** How the names of such files begin, in a folder that may have others. */
const NAME = /^fwknop-[0-9a-f]{32}-/;

/**
 * Keeps it, beside the program or else in the home. No run fails or says a word because neither is possible.
 *
 * @param compiled what, and where
 * @param mayUseHome whether the run leaves anything there
 */
export function keepCompiled({ script, beside, inHome }: CompiledClient, mayUseHome: boolean): void {
  if (!keepAt(beside, script) && mayUseHome && inHome !== undefined) keepAt(inHome, script);
}

/** Keeps it in one place, and says whether that was possible. */
function keepAt(path: string, script: CompiledClient["script"]): boolean {
  const folder = dirname(path);
  try {
    for (const made of [dirname(folder), folder]) makeFolder(made);
    checkOurs(folder);
    writeTwice(path, script);
    removeOld(folder);
    return true;
  } catch {
    return false; // a folder that cannot be written to, or a full disk
  }
}

function makeFolder(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  checkOurs(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** Root leaves nothing with a user whose program or HOME it runs with. */
function checkOurs(folder: string): void {
  if (statSync(folder).uid !== process.geteuid!()) throw new Error(`${folder} is not ours`);
}

/** Twice, so that damage is seen; without a sync to the disk, since it is. */
function writeTwice(path: string, script: CompiledClient["script"]): void {
  const fresh = `${path}.${process.pid}`;
  const descriptor = openSync(fresh, "wx", 0o600);
  try {
    fchmodSync(descriptor, 0o644); // whatever the umask: beside the program it is everybody's
    rehearse();
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

/** Has V8 compile what reads a stanza, too: a run that names none would keep nothing of it for others, which do. */
function rehearse(): void {
  const stanza = "[s]\nSPA_SERVER 192.0.2.1\nACCESS tcp/22\nALLOW_IP 192.0.2.2\nKEY_BASE64 YQ==\nHMAC_KEY_BASE64 Yg==\n";
  readStanza(readRcLines(utf8Bytes(stanza)), "s", "");
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder).filter((name) => NAME.test(name))) {
    const file = join(folder, name);
    if (statSync(file).mtimeMs < Date.now() - LONGEST_KEPT_MS) unlinkSync(file);
  }
}
