import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { crypt, hasCrypt, NO_CRYPT } from "../src/node/daemon/crypt.ts";
import { checkPassword, shadowProblem } from "../src/node/daemon/server-auth.ts";
import { requirePeers } from "./support/require-peer.ts";

const TIMEOUT_MS = 20_000;
const PASSWORD = "pa:ss, wörd\n$x";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "fko-auth-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const openssl = (kind: string, password = PASSWORD): string => spawnSync("openssl", ["passwd", kind, "-stdin"], { input: `${password}\n`, encoding: "utf8" }).stdout.trim();

/** Puts programs of these names before all others, which leave with an error. */
function breakPrograms(t: TestContext, ...names: readonly string[]): void {
  const path = folder(t);
  for (const name of names) writeFileSync(join(path, name), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const before = process.env["PATH"];
  process.env["PATH"] = `${path}:${before}`;
  t.after(() => (process.env["PATH"] = before));
}

test("checkPassword() takes the right password by each kind of hash that openssl and the host's crypt(3) make", async (t) => {
  if (!requirePeers(t, "perl", "openssl")) return;
  const oneLine = PASSWORD.replace("\n", "");
  const made = await crypt(utf8Bytes(oneLine), utf8Bytes("$y$j9T$abcdefgh$"), { timeoutMs: TIMEOUT_MS });
  if (!made.ok) t.diagnostic(`no yescrypt here: ${made.reason}`);
  const hashes = [...["-6", "-5", "-1"].map((kind) => openssl(kind, oneLine)), ...(made.ok ? [Buffer.from(made.hash).toString()] : [])];
  const shadowFile = join(folder(t), "shadow");
  writeFileSync(shadowFile, hashes.map((hash, at) => `user${at}:${hash}:19000:0:99999:7:::\n`).join(""), { mode: 0o640 });
  const check = (user: string, password: string) => checkPassword({ kind: "password", shadowFile, user, password }, { timeoutMs: TIMEOUT_MS, insecurePermissions: false });
  for (const [at, hash] of hashes.entries()) {
    assert.deepEqual(await check(`user${at}`, oneLine), { ok: true }, hash);
    for (const wrong of ["", oneLine.slice(1), `${oneLine} `, hash]) assert.deepEqual(await check(`user${at}`, wrong), { ok: false, reason: "the password is wrong" }, hash);
  }
  assert.deepEqual(await check("nobody", oneLine), { ok: false, reason: "there is no such user" });
});

test("crypt() gives perl's and python3's module's hash alike, and says where there is neither", async (t) => {
  if (!requirePeers(t, "perl", "openssl")) return;
  const hash = openssl("-6", "pässword");
  const crypted = async (setting = hash) => {
    const result = await crypt(utf8Bytes("pässword"), utf8Bytes(setting), { timeoutMs: TIMEOUT_MS });
    return result.ok ? Buffer.from(result.hash).toString() : result.reason;
  };
  assert.equal(await crypted(), hash);
  assert.match(await crypted("$nosuchkind$"), /does not know this kind of hash/);
  assert.ok(hasCrypt());
  breakPrograms(t, "perl");
  if (hasCrypt()) {
    assert.equal(await crypted(), hash);
    assert.match(await crypted("$nosuchkind$"), /does not know this kind of hash/);
  } else t.diagnostic("no python3 with its module crypt here");
  breakPrograms(t, "python3");
  assert.equal(hasCrypt(), false);
  assert.equal(await crypted(), NO_CRYPT);
});

test("crypt() ends at its time limit and when it is not wanted any more", async (t) => {
  if (!requirePeers(t, "perl")) return;
  const slow = utf8Bytes("$6$rounds=99999999$salt$");
  assert.deepEqual(await crypt(utf8Bytes("x"), slow, { timeoutMs: 200 }), { ok: false, reason: "crypt(3) took longer than 0.2 s" });
  assert.deepEqual(await crypt(utf8Bytes("x"), slow, { timeoutMs: TIMEOUT_MS, signal: AbortSignal.abort() }), { ok: false, reason: "the daemon ends" });
});

test("shadowProblem() names a file that is missing, no file, or others' to write", (t) => {
  const path = join(folder(t), "shadow");
  assert.match(shadowProblem(path, false)!, /^Could not open shadow file: .*shadow: No such file/);
  assert.match(shadowProblem("/", false)!, /is not a regular file/);
  writeFileSync(path, "");
  chmodSync(path, 0o662);
  assert.match(shadowProblem(path, false)!, /can be changed by other users .*--insecure-permissions/);
  assert.equal(shadowProblem(path, true), undefined);
  chmodSync(path, 0o640);
  assert.equal(shadowProblem(path, false), undefined);
});
