#!/usr/bin/env node
/*
 * dist/fwknop.js: starts the client, which waits in fwknop-client.js.
 *
 * To compile what it needs is half of a client's run (measured). So the first run that makes a packet keeps what V8 compiled
 * (src/node/client/keep-compiled.ts), and the others begin with that. V8 takes it only if the same V8 with the same flags made it.
 */
"use strict";
const { closeSync, constants, fstatSync, openSync, readFileSync, readSync } = require("node:fs");

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const filename = `${__dirname}/fwknop-client.js`;

function startClient() {
  const source = readFileSync(filename, "utf8");
  const folder = cacheFolder();
  if (folder === undefined) {
    module.exports = require(filename);
    module.exports.start();
    return;
  }
  // V8 compares no more of the source than its length: the last line is its digest.
  const path = `${folder}/fwknop-${source.slice(-32)}-${process.version}-${process.arch}`;
  const { Script } = require("node:vm");
  const script = new Script(`(function (exports, require, module) {${source}\n})`, { filename, cachedData: readKept(path) });
  script.runInThisContext()(exports, require, module);
  module.exports.start(script.cachedDataRejected === false ? undefined : { script, path });
}

/** Where this user's runs keep something; undefined if they are not to, or others could put there what will run. */
function cacheFolder() {
  const { XDG_CACHE_HOME = "", HOME } = process.env;
  const caches = XDG_CACHE_HOME.startsWith("/") ? XDG_CACHE_HOME : `${HOME}/.cache`;
  const isShunned = process.argv.some((word) => word.startsWith("--no-h")); // --no-home-dir, shortened perhaps
  if (isShunned || !caches.startsWith("/") || !process.geteuid || process.versions.deno || process.versions.bun) return undefined;
  const folder = `${caches}/fko-tool`;
  let descriptor;
  try {
    descriptor = openSync(folder, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
    return isOurs(fstatSync(descriptor)) ? folder : undefined;
  } catch ({ code }) {
    return code === "ENOENT" ? folder : undefined; // nothing was kept yet
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
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
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    readSync(descriptor, bytes);
    return wholeHalf(bytes);
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

/** It was written twice: V8 does not notice damage and crashes, and to load what makes digests takes longer than to read all of it (measured). */
function wholeHalf(bytes) {
  const half = bytes.subarray(0, bytes.length / 2);
  return half.equals(bytes.subarray(half.length)) ? half : undefined;
}

if (require.main === module) startClient();
else module.exports = require(filename); // the other programs take parts of it
