/** The client program as a user at a terminal meets it: it asks for keys, and shows none. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { DIGESTS, openPacket } from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";
import { runOnTerminal } from "./support/pty.ts";
import { requirePeer } from "./support/require-peer.ts";

/** A command line that needs keys, and the file that its packet goes to; undefined without python3. */
async function prepare(t: TestContext): Promise<{ argv: string[]; packetFile: string } | undefined> {
  if (requirePeer(t, "python3") === undefined) return undefined;
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "fko-prompt-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const packetFile = join(folder, "packet");
  return { argv: shipped("fwknop", "-T", "-A", "tcp/22", "-a", "192.0.2.7", "-D", "127.0.0.1", "--no-rc-file", "--no-save-args", "-B", packetFile), packetFile };
}

test("fwknop asks for both keys at the terminal, shows neither, and makes the packet from them", async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  const record = await runOnTerminal([...prepared.argv, "--use-hmac"], [
    { waitFor: "Enter encryption key: ", type: "open sesamx\x7fe\r" },
    { waitFor: "Enter HMAC key: ", type: "the other one\r" },
  ]);
  assert.equal(record.status, 0, record.output);
  assert.deepEqual(record.echo, [true, false, false, true]);
  assert.ok(!/sesam|other one/.test(record.output), record.output);
  const opened = openPacket(utf8Bytes(readFileSync(prepared.packetFile, "latin1").trim()), {
    mode: "cbc", key: utf8Bytes("open sesame"), hmac: new HmacKey(DIGESTS.sha256.hash, utf8Bytes("the other one")),
  });
  assert.ok(opened.ok && opened.message.message === "192.0.2.7,tcp/22");
});

test("fwknop asks for no HMAC key when no HMAC is wanted", async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  const record = await runOnTerminal(prepared.argv, [{ waitFor: "Enter encryption key: ", type: "k\r" }]);
  assert.deepEqual([record.status, record.output.includes("HMAC key")], [0, false], record.output);
});

test("fwknop ends with status 130 after Ctrl-C at either question, makes no packet, and the terminal echoes again", async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  for (const steps of [
    [{ waitFor: "Enter encryption key: ", type: "half a secret\x03" }],
    [{ waitFor: "Enter encryption key: ", type: "whole secret\r" }, { waitFor: "Enter HMAC key: ", type: "half\x03" }],
  ]) {
    const record = await runOnTerminal([...prepared.argv, "--use-hmac"], steps);
    assert.equal(record.status, 130, record.output);
    assert.deepEqual(record.echo, [true, ...steps.map(() => false), true]);
    assert.ok(!record.output.includes("secret") && record.output.endsWith("fwknop: error: Interrupted\r\n"), record.output);
    assert.throws(() => readFileSync(prepared.packetFile), { code: "ENOENT" });
  }
});

test("fwknop takes no empty key at the terminal", async (t) => {
  const prepared = await prepare(t);
  if (prepared === undefined) return;
  const record = await runOnTerminal(prepared.argv, [{ waitFor: "Enter encryption key: ", type: "\r" }]);
  assert.equal(record.status, 1);
  assert.match(record.output, /fwknop: error: Rijndael key: Invalid key length: '0', must be in \[1,128\]\r\n$/);
});
