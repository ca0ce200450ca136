#!/usr/bin/env node
/*
 * dist/fwknop.cjs: starts the client, which waits in fwknop-client.cjs.
 *
 * To compile what it needs is half of a client's run (measured). So the first run that makes a packet keeps what V8 compiled
 * (src/node/client/keep-compiled.ts), beside the program or else in the user's cache folder, and the others begin with that.
 * V8 takes it only if the same V8 with the same flags made it.
 */
"use strict";
const { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readFileSync, readSync } = require("node:fs");
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const { Script } = require("node:vm");

const PIECE = 65_536;
const isProgram = require.main === module; // else one of the others, which take parts of it
const filename = `${__dirname}/fwknop-client.cjs`;
const source = readFileSync(filename, "utf8");
const { kept, beside, inHome } = isProgram && process.geteuid && !process.versions.deno && !process.versions.bun ? findKept() : {};

const script = new Script(source, { filename, cachedData: kept });
script.runInThisContext()(exports, require);
if (isProgram) exports.start(beside === undefined || script.cachedDataRejected === false ? undefined : { script, beside, inHome });

/** The places where something may be kept, and what is in one of them. */
function findKept() {
  // V8 compares no more of the source than its length: the last line is its digest.
  const name = `fwknop-${source.slice(-32)}-${process.version}-${process.arch}`;
  const beside = `${__dirname}/${name}`;
  const kept = existsSync(beside) ? readKept(beside) : undefined;
  if (kept !== undefined) return { kept, beside };
  const folder = cacheFolder();
  const inHome = folder && `${folder}/${name}`;
  return { kept: inHome && readKept(inHome), beside, inHome };
}

/** The user's; undefined if nothing is to come from a home, or others could put there what will run. */
function cacheFolder() {
  const { XDG_CACHE_HOME = "", HOME } = process.env;
  const caches = XDG_CACHE_HOME.startsWith("/") ? XDG_CACHE_HOME : HOME && `${HOME}/.cache`;
  const isShunned = process.argv.join(" ").includes(" --no-h"); // --no-home-dir, shortened perhaps
  if (isShunned || !caches?.startsWith("/")) return undefined;
  const folder = `${caches}/fko-tool`;
  try {
    const stats = lstatSync(folder);
    return stats.isDirectory() && isOurs(stats) ? folder : undefined;
  } catch ({ code }) {
    return code === "ENOENT" ? folder : undefined; // nothing was kept yet
  }
}

/**
 * What was kept there, if nobody else can have written it and it is whole. It was written twice, for V8 does not notice
 * damage and crashes. To load what makes digests takes longer than to compare (measured), and so does memory for all of it.
 */
function readKept(path) {
  let descriptor;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(descriptor);
    // A file with a second name may have come from where others write.
    if (!stats.isFile() || stats.nlink !== 1 || !isOurs(stats)) return undefined;
    const bytes = new Uint8Array(stats.size / 2);
    const piece = new Uint8Array(PIECE);
    readSync(descriptor, bytes);
    let at = 0;
    for (let count = -1; count !== 0; at += count) {
      count = readSync(descriptor, piece);
      if (Buffer.compare(piece.subarray(0, count), bytes.subarray(at, at + count)) !== 0) return undefined;
    }
    return at === bytes.length ? bytes : undefined;
  } catch { // there is none
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Written by this user or by root, and by nobody else. Root's is not alice's, whose HOME sudo keeps. */
function isOurs({ uid, mode }) {
  return (uid === process.geteuid() || uid === 0) && (mode & 0o022) === 0;
}
