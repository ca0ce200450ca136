/** What `fwknop -T -v` prints is, line by line, what the C program prints for the same options. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { DIGEST_NAMES } from "../../src/cli/vocabularies.ts";
import { type ClientBench, openClientBench } from "../support/client-host.ts";
import { requirePeers } from "../support/require-peer.ts";

const KEYS = ["--key-rijndael", "testkey", "--key-hmac", "testhmac"];
const BASE = ["-A", "tcp/22", "-a", "203.0.113.5", "-D", "127.0.0.1"];

/** Replaces what must differ: random value, time, encrypted text, random ports, the programs' versions. */
function normalised(text: string): string[] {
  return text
    .replace(/^( *Random Value: )\d{16}$/gm, "$1R")
    .replace(/^( *Timestamp: )\d+$/gm, "$1T")
    .replace(/^( *Encoded Data: )\d{16}:([^:]*):\d+:/gm, "$1R:$2:T:")
    .replace(/^( *Encoded Data: R:.*:T:3\.0\.0:\d:)([A-Za-z0-9+/]+)/gm, (_, head: string, message: string) => head + atob(message))
    .replace(/^( *(?:SPA Data Digest|HMAC|Final SPA Data): )([A-Za-z0-9+/]+)$/gm, (_, label: string, value: string) => label + normalisedLength(label, value.length))
    .replace(/^(GET \S*\/)[\w-]+ HTTP\/1\.[01]$/gm, "$1P HTTP")
    .replace(/Fwknop\/[\d.]+/g, "Fwknop/V")
    .replace(/^( *(?:source|destination) port: )[1-6]\d{4}$/gm, (line, label: string) => (/: 62201$/.test(line) ? line : `${label}N`))
    .replace(/\b(?:tcp|udp)\/[1-6]\d{4}\b/g, "tcp/N")
    .replace(/port '\d{5}'/g, "port 'N'")
    .replaceAll("\r", "")
    .split("\n");
}

/** The length of an OpenPGP message differs from run to run. */
function normalisedLength(label: string, length: number): string {
  return label.includes("Final") && length > 400 ? "long" : String(length);
}

async function listingOfC(bench: ClientBench, argv: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)("fwknop", argv, { env: bench.env, timeout: 10_000 });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code: number; stdout: string; stderr: string };
    return { status: failed.code, stdout: failed.stdout, stderr: failed.stderr };
  }
}

async function assertSameListing(bench: ClientBench, argv: readonly string[]): Promise<string> {
  const theirs = await listingOfC(bench, argv);
  const ours = await bench.run(...argv);
  assert.equal(theirs.status, 0, theirs.stderr);
  assert.deepEqual(normalised(ours.stdout), normalised(theirs.stdout));
  assert.deepEqual({ ...ours, stdout: "" }, { ...ours, status: 0, stdout: "" }, ours.stderr);
  return ours.stdout;
}

const COMMON = ["-T", "-v", "--no-rc-file", "--no-save-args"];

const CASES: Readonly<Record<string, readonly string[]>> = {
  "a plain request": [...BASE, ...KEYS],
  "no HMAC": [...BASE, "--key-rijndael", "testkey"],
  "-s": ["-A", "tcp/22", "-s", ...KEYS],
  "no destination": ["-A", "tcp/22", "-a", "203.0.113.5", ...KEYS],
  "many ports": [...BASE, "-A", "tcp/22,udp/53,tcp/443", ...KEYS],
  "a client timeout": [...BASE, "-f", "60", ...KEYS],
  "-f 0": [...BASE, "-f", "0", ...KEYS],
  "-f 65536": [...BASE, "-f", "65536", ...KEYS],
  NAT: [...BASE, "-N", "192.168.10.5:22", ...KEYS],
  "NAT with a comma": [...BASE, "-N", "192.168.10.5,22", ...KEYS],
  "NAT without a port": [...BASE, "-N", "inner.example.com", ...KEYS],
  "NAT with a timeout": [...BASE, "-N", "host:1", "-f", "3", ...KEYS],
  "local NAT": [...BASE, "--nat-local", ...KEYS],
  "local NAT without a destination": ["-A", "tcp/22", "-s", "--nat-local", ...KEYS],
  "local NAT with a port and a timeout": [...BASE, "--nat-local", "--nat-port", "40001", "-f", "30", ...KEYS],
  "a NAT port alone": [...BASE, "--nat-port", "99", ...KEYS],
  "a random NAT port": [...BASE, "--nat-local", "--nat-rand-port", ...KEYS],
  "local NAT to a host": [...BASE, "--nat-local", "-N", "5.5.5.5", "-f", "3", ...KEYS],
  "a command": [...BASE, "-C", "/bin/touch x y", ...KEYS],
  "a command with a timeout, which the packet does not carry": ["-a", "1.1.1.1", "-C", "/bin/true", "-f", "33", ...KEYS],
  "a user": [...BASE, "-U", "bob.smith-1@x", ...KEYS],
  "a user of 40 characters": [...BASE, "-U", "A".repeat(40), ...KEYS],
  "a time offset": [...BASE, "--time-offset-plus", "2h", ...KEYS],
  "a random port": [...BASE, "-r", ...KEYS],
  "another port": [...BASE, "-p", "53", "-S", "1234", ...KEYS],
  "port 0": [...BASE, "-p", "0", ...KEYS],
  tcp: [...BASE, "-P", "TCP", ...KEYS],
  udpraw: [...BASE, "-P", "udpraw", "-S", "44", "-Q", "3.3.3.3", ...KEYS],
  tcpraw: [...BASE, "-P", "tcpraw", ...KEYS],
  icmp: [...BASE, "-P", "icmp", "--icmp-type", "8", "--icmp-code", "3", ...KEYS],
  http: [...BASE, "-P", "http", "-p", "80", ...KEYS],
  "http through a proxy": [...BASE, "-H", "http://proxy.example.com:8080", ...KEYS],
  "http with a user agent": [...BASE, "-P", "http", "-u", "Fwknop/test suite", ...KEYS],
  "keys in base64": [...BASE, "--key-base64-rijndael", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "--key-base64-hmac", "QEFCQ0RFRkc="],
  "an HMAC key of 128 bytes": [...BASE, "--key-rijndael", "testkey", "--key-hmac", "h".repeat(128)],
  "legacy mode": [...BASE, "-M", "legacy", "--key-rijndael", "testkey"],
  "joined flags, a shortened option and an operand": ["-Tv", "--acc=tcp/22", "operand", "-a203.0.113.5", "--dest", "127.0.0.1", ...KEYS],
  ...Object.fromEntries(["ecb", "CBC", "cfb", "ofb", "CTR"].map((mode) => [`mode ${mode}`, [...BASE, "-M", mode, ...KEYS]])),
  ...Object.fromEntries(DIGEST_NAMES.map((digest) => [`digest ${digest}`, [...BASE, "-m", digest, ...KEYS]])),
  ...Object.fromEntries(DIGEST_NAMES.map((digest) => [`HMAC ${digest}`, [...BASE, "--hmac-digest-type", digest.toUpperCase(), ...KEYS]])),
};

describe("fwknop -T -v prints what the C program prints", () => {
  for (const [name, options] of Object.entries(CASES)) {
    test(`for ${name}`, async (t) => {
      if (!requirePeers(t, "fwknop")) return;
      const argv = name.startsWith("joined") ? ["--no-rc-file", "--no-save-args", ...options] : [...COMMON, ...options];
      await assertSameListing(openClientBench(t, name), argv);
    });
  }

  test("for a stanza", async (t) => {
    if (!requirePeers(t, "fwknop")) return;
    const bench = openClientBench(t, "stanza");
    const rcFile = join(bench.home, "rc");
    writeFileSync(rcFile, "[default]\nDIGEST_TYPE sha1\nSPOOF_USER: bob\nFW_TIMEOUT 7\n# a comment\n[St]\nACCESS   tcp/22 # a comment\nALLOW_IP source\nSPA_SERVER 127.0.0.1\nKEY k\nHMAC_KEY_BASE64 QEFC\nHMAC_DIGEST_TYPE MD5\nNAT_ACCESS 1.2.3.4:5;x\nTIME_OFFSET -5m\n", { mode: 0o600 });
    await assertSameListing(bench, ["-T", "-v", "--no-save-args", "--rc-file", rcFile, "-n", "sT"]);
  });

  test("with GnuPG keys", async (t) => {
    if (!requirePeers(t, "fwknop", "gpg")) return;
    const bench = openClientBench(t, "gpg");
    const folder = join(bench.home, "gnupg");
    mkdirSync(folder, { mode: 0o700 });
    const gpg = (...args: string[]): Promise<unknown> => promisify(execFile)("gpg", ["--homedir", folder, "--batch", "--passphrase", "", ...args]);
    t.after(() => promisify(execFile)("gpgconf", ["--homedir", folder, "--kill", "gpg-agent"]).catch(() => undefined));
    for (const user of ["client@example.com", "server@example.com"]) {
      await gpg("--quick-generate-key", user, "rsa1024", "sign", "never");
      const listing = (await gpg("--list-keys", "--with-colons", user)) as { stdout: string };
      await gpg("--quick-add-key", /^fpr:+([0-9A-F]+):/m.exec(listing.stdout)![1]!, "rsa2048", "encrypt", "never");
    }
    const listing = await assertSameListing(bench, [
      ...COMMON, ...BASE, "--gpg-recipient-key", "server@example.com", "--gpg-signer-key", "client@example.com", "--gpg-home-dir", folder, "--gpg-no-signing-pw", "--key-hmac", "testhmac",
    ]);
    for (const phrase of [/GPG sig verify/, /sig\sID/]) assert.match(listing, phrase);
  });
});
