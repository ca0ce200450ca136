/** An rc file that one client writes is read by the other, and means the same. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { type ClientBench, openClientBench } from "../support/client-host.ts";
import { requirePeers } from "../support/require-peer.ts";

const runC = async (bench: ClientBench, argv: readonly string[]): Promise<string> => (await promisify(execFile)("fwknop", argv, { env: bench.env, timeout: 10_000 })).stdout;

const runOurs = async (bench: ClientBench, argv: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await bench.run(...argv);
  assert.equal(status, 0, stderr);
  return stdout;
};

/** What a stanza asks for, as either client lists it. */
const meaning = (stdout: string): string[] =>
  stdout.split("\n").filter((line) => /^ *(Username|Message|Nat|Client Timeout|Digest Type|HMAC Type|Encryption|protocol|source port|destination port|IP)/.test(line));

const BASE = ["-A", "tcp/22", "-a", "203.0.113.5", "-D", "127.0.0.1", "-T", "--no-save-args"];

const CASES: Readonly<Record<string, readonly string[]>> = {
  "plain keys": ["--key-rijndael", "k", "--key-hmac", "h"],
  "keys in base64": ["--key-base64-rijndael", "QUI=", "--key-base64-hmac", "QUJD", "--hmac-digest-type", "sha512"],
  "NAT and timeout": ["--key-rijndael", "k", "-N", "10.0.0.5:22", "-f", "77", "--nat-port", "99"],
  "local NAT": ["--key-rijndael", "k", "--nat-local", "-m", "sha1", "-M", "ctr", "-U", "somebody"],
  transport: ["--key-rijndael", "k", "-P", "tcpraw", "-p", "5", "-S", "6", "-Q", "3.3.3.3"],
  "a time offset": ["--key-rijndael", "k", "--time-offset-minus", "1h", "--server-resolve-ipv4"],
  "no address of its own": ["-s", "--key-rijndael", "k", "-M", "legacy", "-u", "Agent/1"],
};

describe("rc files", () => {
  for (const [name, options] of Object.entries(CASES)) {
    test(`a stanza with ${name} is read alike, whoever saved it`, async (t) => {
      if (!requirePeers(t, "fwknop")) return;
      const bench = openClientBench(t, name);
      const meanings: string[][] = [];
      for (const [writer, write] of [["c", runC], ["ours", runOurs]] as const) {
        const rc = join(bench.home, writer);
        writeFileSync(rc, "[default]\n", { mode: 0o600 });
        const direct = await write(bench, [...BASE, ...options, "-v", "--rc-file", rc, "-n", "st", "--save-rc-stanza"]);
        for (const read of [runC, runOurs]) meanings.push(meaning(await read(bench, ["-T", "--no-save-args", "--rc-file", rc, "-n", "ST"])));
        meanings.push(meaning(direct));
      }
      assert.ok(meanings[0]!.length > 20, meanings[0]!.join("\n"));
      for (const other of meanings) assert.deepEqual(other, meanings[0]);
    });
  }

  test("a stanza is saved as the same lines by both", async (t) => {
    if (!requirePeers(t, "fwknop")) return;
    const bench = openClientBench(t, "lines");
    const options = ["-f", "60", "-m", "sha3_256", "-P", "UDP", "-M", "ofb", "-r", "-N", "h:1", "--nat-rand-port", "--key-rijndael", "k", "--hmac-digest-type", "md5", "--key-hmac", "h", "-vv",
      "--resolve-url", "https://x/", "--use-wget-user-agent", "--time-offset-plus", "3m", "-w", "/usr/bin/wget"];
    const files = [];
    for (const [writer, write] of [["c", runC], ["ours", runOurs]] as const) {
      const rc = join(bench.home, writer);
      writeFileSync(rc, "[default]\n[before]\nACCESS tcp/1\n", { mode: 0o600 });
      await write(bench, [...BASE, ...options, "--rc-file", rc, "-n", "st", "--save-rc-stanza"]);
      files.push(readFileSync(rc, "latin1").split("\n"));
    }
    assert.deepEqual(files[1], files[0]);
  });
});
