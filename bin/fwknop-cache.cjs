/*
 * dist/fwknop-cache.js: leaves what V8 makes of the client beside it, so that it starts sooner.
 *
 * `npm run build` runs it. A package that was installed comes without, since each V8 has a format of its own; whoever may
 * write to its folder can run this there.
 */
"use strict";
const { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { Script } = require("node:vm");

const filename = `${__dirname}/fwknop-client.js`;
// The text must be what fwknop.js compiles, to the letter.
const source = `(function (exports, require, module) {${readFileSync(filename, "latin1")}\n})`;
const script = new Script(source, { filename });
script.runInThisContext()(exports, require, module);
const { runClient, systemHost } = module.exports;

/** V8 compiles a function when it is first called: this calls those that most runs take. */
async function makePacket() {
  const home = mkdtempSync(join(tmpdir(), "fwknop-cache-"));
  try {
    writeFileSync(join(home, ".fwknoprc"), "[any]\nKEY_BASE64 a2V5\nHMAC_KEY_BASE64 a2V5Mg==\nSPA_SERVER 192.0.2.2\n", { mode: 0o600 });
    const status = await runClient(["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-n", "any"], { ...systemHost(), env: { HOME: home }, write() {} });
    if (status !== 0) throw new Error(`Cannot make a packet: the client ended with status ${status}`);
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function leaveCache() {
  await makePacket();
  const cache = `${filename}.cache`;
  writeFileSync(`${cache}.new`, script.createCachedData());
  renameSync(`${cache}.new`, cache);
}

leaveCache().catch((error) => {
  process.stderr.write(`fwknop-cache: error: ${error.message}\n`);
  process.exitCode = 1;
});
