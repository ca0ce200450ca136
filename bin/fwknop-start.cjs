#!/usr/bin/env node
/*
 * dist/fwknop.js: starts the client, which waits in fwknop-client.js.
 *
 * To compile what it needs is half of a client's run (measured), and fwknop-cache.js leaves the outcome beside it. V8
 * takes that only if the same V8 with the same flags made it; otherwise it compiles as ever.
 */
"use strict";
const { readFileSync } = require("node:fs");

const filename = `${__dirname}/fwknop-client.js`;
let cachedData;
try {
  cachedData = readFileSync(`${filename}.cache`);
} catch {} // nobody made it
if (cachedData === undefined) {
  module.exports = require(filename);
} else {
  const { Script } = require("node:vm");
  const source = `(function (exports, require, module) {${readFileSync(filename, "latin1")}\n})`;
  new Script(source, { filename, cachedData }).runInThisContext()(exports, require, module);
}
if (require.main === module) module.exports.start();
