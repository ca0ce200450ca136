/** The shipped programs under every runtime that is promised: the same bytes, the same words. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { build } from "esbuild";
import { utf8Bytes } from "../../src/bytes.ts";
import { openPacket } from "../../src/fko.ts";
import { HmacKey } from "../../src/hmac.ts";
import { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { sha256 } from "../../src/sha.ts";
import { ensureBuilt, ROOT } from "../support/dist.ts";
import { HMAC_KEY_BASE64, KEY_BASE64 } from "../support/peers.ts";
import { requirePeer } from "../support/require-peer.ts";
import { captureOf, makePacket } from "../support/spa.ts";

/** Where `npm ci` in `test/runtimes` puts each, for either processor, and what comes before the program file. */
const RUNTIMES: readonly { readonly name: string; readonly binaries: readonly string[]; readonly run?: readonly string[] }[] = [
  ...[20, 22, 24, 26].map((major) => ({ name: `Node ${major}`, binaries: [`node${major}-x64/bin/node`, `node${major}-arm64/bin/node`] })),
  { name: "Deno", binaries: ["@deno/linux-x64-glibc/deno", "@deno/linux-arm64-glibc/deno"], run: ["run", "-A", "--quiet"] },
  { name: "Bun", binaries: ["@oven/bun-linux-x64-baseline/bin/bun", "@oven/bun-linux-aarch64/bin/bun"] },
];

const CLIENT_FILES: readonly string[] = ["fwknop.cjs", "fwknop-client.cjs", "fwknop-lazy.cjs"];

/** What the core check prints, computed once and the same for ever. */
const CORE_CHECK = "49 3109565de9b9d5cd523a2f7ab4c20d211ab8f4a06e5000d289e1c6609b2e77fe";

describe("runtimes", { concurrency: 2 }, () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "fko-tool-runtimes-"));
    await ensureBuilt();
    await build({ entryPoints: [join(ROOT, "test/support/core-check.ts")], bundle: true, format: "esm", outfile: join(folder, "core-check.mjs"), logLevel: "warning" });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { name, binaries, run = [] } of RUNTIMES) {
    const require = (t: TestContext): string | undefined =>
      requirePeer(t, `${name}: run npm ci --ignore-scripts in test/runtimes`, () => binaries.map((binary) => join(ROOT, "test/runtimes/node_modules", binary)).find(existsSync));
    const start = (runtime: string, program: string, args: readonly string[], stdin: "ignore" | "pipe" = "ignore", home: string = folder): WatchedChild =>
      new WatchedChild(`${name}, ${program}`, spawn(runtime, [...run, program, ...args], {
        cwd: folder,
        env: { PATH: process.env["PATH"], HOME: home, USER: "tester", LC_ALL: "C", NO_COLOR: "1" },
        stdio: [stdin, "pipe", "pipe"],
      }));
    const shipped = (program: string): string => join(ROOT, "dist", `${program}.cjs`);

    test(`${name} seals and opens the same bytes as every other`, async (t) => {
      const runtime = require(t);
      if (runtime === undefined) return;
      const check = start(runtime, join(folder, "core-check.mjs"), []);
      assert.deepEqual(await check.exit, { status: 0, signal: null }, check.log);
      assert.equal(check.log.trim(), CORE_CHECK);
    });

    test(`${name} runs fko-tool --help`, async (t) => {
      const runtime = require(t);
      if (runtime === undefined) return;
      const help = start(runtime, shipped("fko-tool"), ["--help"]);
      assert.deepEqual(await help.exit, { status: 0, signal: null }, help.log);
      for (const command of ["keygen", "encode", "decode", "client", "server", "demo"]) assert.match(help.log, new RegExp(`^ +${command}\\b`, "m"));
    });

    test(`${name} runs fwknop -T, whose packet opens`, async (t) => {
      const runtime = require(t);
      if (runtime === undefined) return;
      const keys = ["--key-base64-rijndael", KEY_BASE64, "--key-base64-hmac", HMAC_KEY_BASE64];
      const client = start(runtime, shipped("fwknop"), ["-T", "-A", "tcp/22", "-a", "10.77.0.2", "-D", "10.77.0.1", "--no-rc-file", "--no-save-args", ...keys]);
      assert.deepEqual(await client.exit, { status: 0, signal: null }, client.log);
      const packet = /Final SPA Data: (\S+)/.exec(client.log)?.[1];
      const opened = openPacket(utf8Bytes(packet ?? ""), { mode: "cbc", key: Buffer.from(KEY_BASE64, "base64"), hmac: new HmacKey(sha256, Buffer.from(HMAC_KEY_BASE64, "base64")) });
      assert(opened.ok, client.log);
      assert.equal(opened.message.message, "10.77.0.2,tcp/22");
    });

    const isNode = name.startsWith("Node ");
    test(`${name} ${isNode ? "starts fwknop with what its own earlier run kept" : "keeps nothing of fwknop"}`, async (t) => {
      const runtime = require(t);
      if (runtime === undefined) return;
      const own = join(folder, `fwknop of ${name}`); // others run meanwhile, and keep something too
      const home = join(folder, `home of ${name}`);
      for (const made of [own, home]) mkdirSync(made);
      for (const file of CLIENT_FILES) copyFileSync(join(ROOT, "dist", file), join(own, file));
      const keep = async (): Promise<readonly string[]> => {
        const client = start(runtime, join(own, "fwknop.cjs"), ["-T", "-A", "tcp/22", "-a", "10.77.0.2", "--key-rijndael", "k", "--no-rc-file", "--no-save-args"], "ignore", home);
        assert.deepEqual(await client.exit, { status: 0, signal: null }, client.log);
        return readdirSync(own).filter((file) => !CLIENT_FILES.includes(file)).map((file) => `${file} ${statSync(join(own, file)).ino}`);
      };
      const made = await keep();
      assert.equal(made.length, isNode ? 1 : 0);
      assert.deepEqual(await keep(), made);
      assert(!existsSync(join(home, ".cache/fko-tool")), "something is in the home");
    });

    test(`${name} runs fwknopd --stdin to the end of its pipe`, async (t) => {
      const runtime = require(t);
      if (runtime === undefined) return;
      const runFolder = join(folder, name);
      mkdirSync(runFolder, { mode: 0o700 });
      const write = (file: string, content: string): string => {
        writeFileSync(join(runFolder, file), content, { mode: 0o600 });
        return join(runFolder, file);
      };
      const config = write("fwknopd.conf", `FWKNOP_RUN_DIR ${runFolder};\n`);
      const access = write("access.conf", `SOURCE ANY\nKEY_BASE64 ${KEY_BASE64}\nHMAC_KEY_BASE64 ${HMAC_KEY_BASE64}\n`);
      const daemon = start(runtime, shipped("fwknopd"), ["--stdin", "-f", "-t", "-c", config, "-a", access], "pipe");
      daemon.stdin.end(captureOf([makePacket()]));
      assert.deepEqual(await daemon.exit, { status: 0, signal: null }, daemon.log);
      assert.match(daemon.log, /\(stanza #1\) SPA Packet from IP: 10\.77\.0\.2 received with access source match/);
      assert.match(daemon.log, /--test mode enabled, skipping firewall manipulation/);
    });
  }
});
