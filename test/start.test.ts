/**
 * How the shipped client starts: with what V8 compiled before, or without.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Script } from "node:vm";
import { ensureBuilt, ROOT } from "./support/dist.ts";

const PACKET = ["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-D", "192.0.2.2", "--key-rijndael", "k", "--key-hmac", "h", "--no-rc-file", "--no-save-args"];

describe("starting the client", () => {
  let folder: string;
  let cache: string;
  let made: Buffer;
  const run = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 30_000 });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  };

  before(async () => {
    await ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "fko-tool-start-"));
    cache = join(folder, "fwknop-client.js.cache");
    cpSync(join(ROOT, "dist"), folder, { recursive: true });
    run("fwknop-cache.js");
    made = readFileSync(cache);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("fwknop-cache.js leaves a cache that this V8 takes", () => {
    const filename = join(folder, "fwknop-client.js");
    const source = `(function (exports, require, module) {${readFileSync(filename, "latin1")}\n})`;
    assert.equal(new Script(source, { filename, cachedData: made }).cachedDataRejected, false);
  });

  test("fwknop -T starts with its cache", () => {
    assert.match(run("fwknop.js", ...PACKET), /^ Final SPA Data: \S{200}/m);
  });

  for (const [kind, content] of [["no cache", undefined], ["an empty cache", 0], ["a cache that was cut short", 5000]] as const) {
    test(`fwknop -T starts with ${kind}`, () => {
      if (content === undefined) rmSync(cache, { force: true });
      else writeFileSync(cache, made.subarray(0, content));
      assert.match(run("fwknop.js", ...PACKET), /^ Final SPA Data: \S{200}/m);
    });
  }

  test("fwknop -T starts with a cache that V8 made with other flags", () => {
    writeFileSync(cache, made);
    assert.match(run("--no-opt", "fwknop.js", ...PACKET), /^ Final SPA Data: \S{200}/m);
  });
});
