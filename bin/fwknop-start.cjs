#!/usr/bin/env node
/*
 * dist/fwknop.cjs: starts the client, which waits in fwknop-client.cjs.
 *
 * To compile what it needs is half of a client's run (measured). So the first run that makes a packet keeps what V8 compiled
 * (src/node/client/keep-compiled.ts), beside the program or else in the user's cache folder, and the others begin with that.
 * V8 takes it only if the same V8 with the same flags made it. Of this file nothing is kept, so it is short, and what every
 * run does is no function, which V8 would read twice.
 */
"use strict";
const { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readFileSync, readSync } = require("node:fs");
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const { Script } = require("node:vm");

const PIECE = 65_536;
const isProgram = require.main === module; // else one of the others, which take parts of it
const isKeeping = isProgram && process.geteuid && typeof Deno === "undefined" && typeof Bun === "undefined";
const filename = `${__dirname}/fwknop-client.cjs`;
const source = readFileSync(filename, "utf8");
const { NODE_OPTIONS } = process.env; // V8 has flags from there
const flags = NODE_OPTIONS ? NODE_OPTIONS.replace(/\W+/g, "_").slice(0, 99) : "";
// V8 compares no more of the source than its length: the last line is its digest.
const name = `fwknop-${source.slice(-32)}-${process.version}-${process.arch}${flags}`;
const beside = `${__dirname}/${name}`;
const path = isKeeping ? (existsSync(beside) ? beside : pathInHome()) : undefined;

let kept;
if (path !== undefined) {
  try {
    const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(descriptor);
    // A file with a second name may have come from where others write. Who could change the program may have kept what is beside it.
    if (stats.isFile() && stats.nlink === 1 && (isOurs(stats) || (path === beside && isOurs(stats, lstatSync(filename).uid)))) {
      // It was written twice, for V8 does not notice damage and crashes. To load what makes digests takes longer than to
      // compare (measured), and so does memory for all of it.
      const bytes = new Uint8Array(stats.size / 2);
      const piece = new Uint8Array(PIECE);
      readSync(descriptor, bytes);
      let at = 0;
      for (let count = -1; count !== 0; at += count) {
        count = readSync(descriptor, piece);
        if (Buffer.compare(piece.subarray(0, count), bytes.subarray(at, at + count)) !== 0) break;
      }
      if (at === bytes.length) kept = bytes;
    }
    closeSync(descriptor);
  } catch {
    // There is none.
  }
}

const script = new Script(source, { filename, cachedData: kept });
script.runInThisContext()(exports, require);
if (isProgram) exports.start(!isKeeping || script.cachedDataRejected === false ? undefined : { script, beside, inHome: path === beside ? undefined : path });

/** In the user's cache folder; undefined if nothing is to come from a home, or others could put there what will run. */
function pathInHome() {
  const { XDG_CACHE_HOME = "", HOME } = process.env;
  const caches = XDG_CACHE_HOME.startsWith("/") ? XDG_CACHE_HOME : HOME && `${HOME}/.cache`;
  const isShunned = process.argv.join(" ").includes(" --no-h"); // --no-home-dir, shortened perhaps
  if (isShunned || !caches?.startsWith("/")) return undefined;
  const folder = `${caches}/fko-tool`;
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats === undefined || (stats.isDirectory() && isOurs(stats)) ? `${folder}/${name}` : undefined;
}

/** Nobody but a user and root can have written to it. What is root's is not alice's, whose HOME sudo keeps. */
function isOurs({ uid, mode }, user = process.geteuid()) {
  return (uid === user || uid === 0) && (mode & 0o022) === 0;
}
