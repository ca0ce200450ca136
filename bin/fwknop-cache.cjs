/*
 * dist/fwknop-cache.js: leaves what V8 makes of the client beside it, so that it starts sooner.
 *
 * `npm run build` runs it. A package that was installed comes without, since each V8 has a format of its own; whoever may
 * write to its folder can run this there.
 */
"use strict";
const { readFileSync, renameSync, writeFileSync } = require("node:fs");
const { Script } = require("node:vm");

const filename = `${__dirname}/fwknop-client.js`;
const PLAIN_RUN = ["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-D", "192.0.2.2", "--key-rijndael", "k", "--key-hmac", "h", "--no-rc-file", "--no-save-args"];

// The text must be what fwknop.js compiles, to the letter.
const source = `(function (exports, require, module) {${readFileSync(filename, "latin1")}\n})`;
const script = new Script(source, { filename });
script.runInThisContext()(exports, require, module);
const { runClient, systemHost } = module.exports;
// V8 compiles a function when it is first called: this calls those that making a packet takes.
runClient(PLAIN_RUN, { ...systemHost(), write() {} }).then((status) => {
  if (status !== 0) throw new Error(`Cannot make the client's cache: its run ended with status ${status}`);
  const cache = `${filename}.cache`;
  writeFileSync(`${cache}.new`, script.createCachedData());
  renameSync(`${cache}.new`, cache);
});
