#!/usr/bin/env node
/*
 * dist/fwknop.cjs: starts the client, which waits in fwknop-client.cjs.
 *
 * To compile what it needs is half of a client's run (measured). So the first run that makes a packet keeps what V8 compiled
 * (src/node/client/keep-compiled.ts), and the others begin with that. V8 takes it only if the same V8 with the same flags made it.
 */
"use strict";
const { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync } = require("node:fs");
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const { Script } = require("node:vm");

const PIECE = 32_768;
const filename = `${__dirname}/fwknop-client.cjs`;
const source = readFileSync(filename, "utf8");

function startClient() {
  const folder = cacheFolder();
  // V8 compares no more of the source than its length: the last line is its digest.
  const path = folder && `${folder}/fwknop-${source.slice(-32)}-${process.version}-${process.arch}`;
  const script = load(path && readKept(path));
  module.exports.start(path === undefined || script.cachedDataRejected === false ? undefined : { script, path });
}

/** Makes this module the client's, which is one function. */
function load(cachedData) {
  const script = new Script(source, { filename, cachedData });
  script.runInThisContext()(exports, require, module);
  return script;
}

/** Where this user's runs keep something; undefined if they are not to, or others could put there what will run. */
function cacheFolder() {
  const { XDG_CACHE_HOME = "", HOME } = process.env;
  const caches = XDG_CACHE_HOME.startsWith("/") ? XDG_CACHE_HOME : `${HOME}/.cache`;
  const isShunned = process.argv.join(" ").includes(" --no-h"); // --no-home-dir, shortened perhaps
  if (isShunned || !caches.startsWith("/") || !process.geteuid || process.versions.deno || process.versions.bun) return undefined;
  const folder = `${caches}/fko-tool`;
  try {
    const stats = lstatSync(folder);
    return stats.isDirectory() && isOurs(stats) ? folder : undefined;
  } catch ({ code }) {
    return code === "ENOENT" ? folder : undefined; // nothing was kept yet
  }
}

/** What was kept there, if it is whole and nobody else can have written it. */
function readKept(path) {
  let descriptor;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(descriptor);
    // A file with a second name may have come from where others write.
    if (!stats.isFile() || stats.nlink !== 1 || !isOurs(stats)) return undefined;
    const bytes = new Uint8Array(stats.size / 2);
    readSync(descriptor, bytes);
    return isNext(descriptor, bytes) ? bytes : undefined;
  } catch { // there is none
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Others cannot write to it, and root's is not alice's, whose HOME sudo keeps. */
function isOurs({ uid, mode }) {
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/**
 * Whether the file goes on with the same bytes: it was written twice, for V8 does not notice damage and crashes. To load
 * what makes digests takes longer than that (measured), and so does memory for all of it.
 */
function isNext(descriptor, bytes) {
  const piece = new Uint8Array(PIECE);
  let at = 0;
  for (let count = -1; count !== 0; at += count) {
    count = readSync(descriptor, piece);
    if (Buffer.compare(piece.subarray(0, count), bytes.subarray(at, at + count)) !== 0) return false;
  }
  return at === bytes.length;
}

if (require.main === module) startClient();
else load(); // the other programs take parts of it
