import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { decodeBase64 } from "../../src/base64.ts";
import { latin1Text, utf8Bytes, utf8Text } from "../../src/bytes.ts";
import { decrypt, encryptAndSign, type GpgDecrypted, type GpgFailure } from "../../src/node/gpg.ts";
import { generator } from "../support/gen.ts";
import { requirePeer, requirePeers } from "../support/require-peer.ts";

const PLAINTEXT = utf8Bytes("7662794595389681:em9l:1795344376:3.0.0:1:MS4yLjMuNCx0Y3AvMjI:MO5HQQAGeyp4aOozGUH80y2+Zp0IM10886HPqHayEsE");
const PASSPHRASE = "correct horse";
const timeoutMs = 60_000;

// Two homes, made once for the file: the client's with all secret keys, the server's with those it decrypts with.
// The sockets of gpg-agent lie in them, so their paths are short.
const folder = mkdtempSync(join(tmpdir(), "fko-g-"));
const client = join(folder, "c");
const server = join(folder, "s");
const homes = new Set<string>();

after(() => {
  for (const home of homes) spawnSync("gpgconf", ["--kill", "all"], { env: { PATH: process.env["PATH"], GNUPGHOME: home } });
  rmSync(folder, { recursive: true, force: true });
});

function gpg(home: string, args: readonly string[], input: string | Uint8Array = ""): Buffer {
  if (!homes.has(home)) mkdirSync(home, { mode: 0o700 });
  homes.add(home);
  const result = spawnSync("gpg", ["--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", ...args], {
    env: { PATH: process.env["PATH"], GNUPGHOME: home, LC_ALL: "C" }, input, timeout: timeoutMs,
  });
  assert.equal(result.status, 0, `gpg ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

interface Key {
  readonly id: string;
  /** Fingerprints of the primary key and its subkeys. */
  readonly fingerprints: readonly string[];
}

function makeKey(id: string, args: readonly [algorithm: string, usage: string], options: { passphrase?: string; subkey?: readonly [string, string] } = {}): Key {
  const passphrase = ["--passphrase", options.passphrase ?? ""];
  gpg(client, [...passphrase, "--quick-generate-key", `${id}@example.org`, ...args, "never"]);
  const list = (): string[] => [...gpg(client, ["--with-colons", "--list-keys", `${id}@example.org`]).toString().matchAll(/^fpr:+([0-9A-F]+):/gm)].map((match) => match[1]!);
  if (options.subkey !== undefined) gpg(client, [...passphrase, "--quick-add-key", list()[0]!, ...options.subkey, "never"]);
  return { id: `${id}@example.org`, fingerprints: list() };
}

let made: { readonly rsa: Key; readonly ecc: Key; readonly signer: Key; readonly locked: Key; readonly subkeyed: Key; readonly stranger: Key } | undefined;

/** The keys of all tests; undefined when gpg is missing. */
function keys(t: TestContext): NonNullable<typeof made> | undefined {
  if (!requirePeers(t, "gpg", "gpgconf")) return undefined;
  if (made !== undefined) return made;
  const rsa = makeKey("rsa", ["rsa2048", "sign,encrypt"]);
  const ecc = makeKey("ecc", ["ed25519", "sign"], { subkey: ["cv25519", "encrypt"] });
  const signer = makeKey("signer", ["ed25519", "sign"]);
  const locked = makeKey("locked", ["ed25519", "sign"], { passphrase: PASSPHRASE });
  const subkeyed = makeKey("subkeyed", ["ed25519", "cert"], { subkey: ["ed25519", "sign"] });
  const stranger = makeKey("stranger", ["ed25519", "sign"]);
  gpg(server, ["--import"], gpg(client, ["--export-secret-keys", rsa.id, ecc.id]));
  gpg(server, ["--import"], gpg(client, ["--export", signer.id, locked.id, subkeyed.id]));
  gpg(server, ["--import-ownertrust"], `${signer.fingerprints[0]}:6:\n${subkeyed.fingerprints[0]}:6:\n`);
  made = { rsa, ecc, signer, locked, subkeyed, stranger };
  return made;
}

async function seal(options: Partial<Parameters<typeof encryptAndSign>[0]> & { recipient: string }): Promise<Uint8Array> {
  const result = await encryptAndSign({ plaintext: PLAINTEXT, home: client, timeoutMs, ...options });
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.ciphertext;
}

async function open(ciphertext: Uint8Array, home = server): Promise<GpgDecrypted> {
  const result = await decrypt({ ciphertext, home, timeoutMs });
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result;
}

function failed(result: { readonly ok: boolean }): GpgFailure {
  assert.ok(!result.ok);
  return result as GpgFailure;
}

test("encryptAndSign() makes binary messages for RSA and ECC recipients, which decrypt() opens", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  for (const [recipient, start] of [[all.rsa, [0x85]], [all.ecc, [0x84, 0x5e]]] as const) {
    for (const signer of [undefined, all.signer, all.rsa]) {
      const ciphertext = await seal({ recipient: recipient.id, ...(signer === undefined ? {} : { signer: signer.id }) });
      assert.deepEqual([...ciphertext.subarray(0, start.length)], start);
      const { plaintext, signatures } = await open(ciphertext);
      assert.deepEqual(plaintext, PLAINTEXT);
      assert.deepEqual(signatures.map(({ status, primaryFingerprint }) => [status, primaryFingerprint]), signer === undefined ? [] : [["good", signer.fingerprints[0]]]);
    }
  }
});

test("decrypt() tells a subkey that signed and its primary key", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const { signatures } = await open(await seal({ recipient: all.rsa.id, signer: all.subkeyed.id }));
  const [primary, subkey] = all.subkeyed.fingerprints;
  assert.deepEqual(signatures, [{ status: "good", keyId: subkey!.slice(-16), fingerprint: subkey, primaryFingerprint: primary, validity: "ultimate" }]);
});

test("decrypt() tells a signature of trusted, of untrusted and of unknown keys apart", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const signatureBy = async (key: Key, passphrase?: Uint8Array): Promise<readonly unknown[]> => {
    const { signatures } = await open(await seal({ recipient: all.ecc.id, signer: key.id, ...(passphrase === undefined ? {} : { passphrase }) }));
    return signatures.map(({ status, validity, keyId }) => [status, validity, keyId]);
  };
  const idOf = (key: Key): string => key.fingerprints[0]!.slice(-16);
  assert.deepEqual(await signatureBy(all.signer), [["good", "ultimate", idOf(all.signer)]]);
  assert.deepEqual(await signatureBy(all.locked, utf8Bytes(PASSPHRASE)), [["good", "undefined", idOf(all.locked)]]);
  assert.deepEqual(await signatureBy(all.stranger), [["no-key", "unknown", idOf(all.stranger)]]);
});

test("decrypt() tells a signature whose key has expired", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const past = join(folder, "p");
  const then = ["--faked-system-time", "20200101T000000!"];
  gpg(past, [...then, "--passphrase", "", "--quick-generate-key", "past@example.org", "ed25519", "sign", "1d"]);
  gpg(past, ["--import"], gpg(client, ["--export", all.ecc.id]));
  gpg(server, ["--import"], gpg(past, ["--export", "past@example.org"]));
  // The recipient's key is of today, which gpg does not use in the past: it signs then, and encrypts what is signed now.
  const signed = gpg(past, [...then, "--sign", "-u", "past@example.org"], PLAINTEXT);
  const ciphertext = encryptSigned(past, signed, all.ecc.id);
  const { signatures } = await open(ciphertext);
  assert.deepEqual(signatures.map(({ status }) => status), ["expired-key"]);
});

/** Wraps a signed message into an encrypted one, as gpg itself does in one step. */
function encryptSigned(home: string, signed: Uint8Array, recipient: string): Uint8Array {
  return gpg(home, ["--trust-model", "always", "--no-literal", "--encrypt", "--recipient", recipient], signed);
}

test("encryptAndSign() gives the passphrase on a descriptor, and to nobody else", async (t) => {
  if (requirePeer(t, "sh") === undefined) return;
  const exe = join(folder, "gpg-that-tells");
  const told = join(folder, "told");
  writeFileSync(exe, `#!/bin/sh
exec >> ${told}
tr '\\0' '\\n' < /proc/$$/cmdline
tr '\\0' '\\n' < /proc/$$/environ
echo "passphrase: $(wc -c <&4)"
cat > /dev/null
exit 2
`, { mode: 0o700 });
  const result = failed(await encryptAndSign({ plaintext: PLAINTEXT, recipient: "someone", signer: "me", home: client, exe, passphrase: utf8Bytes(PASSPHRASE), timeoutMs }));
  assert.equal(result.reason, "failed");
  const seen = readFileSync(told, "utf8");
  assert.match(seen, /--recipient=someone\n/);
  assert.match(seen, new RegExp(`passphrase: ${PASSPHRASE.length}\n`));
  assert.ok(!seen.includes(PASSPHRASE) && !seen.includes(latin1Text(PLAINTEXT)));
  assert.match(seen, new RegExp(`^GNUPGHOME=${client}$`, "m"));
});

test("encryptAndSign() and decrypt() name what is missing or wrong", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  spawnSync("gpgconf", ["--kill", "gpg-agent"], { env: { PATH: process.env["PATH"], GNUPGHOME: client } }); // forgets the passphrase
  const message = await seal({ recipient: all.ecc.id });
  const common = { plaintext: PLAINTEXT, home: client, timeoutMs };
  for (const [result, reason, words] of [
    [await encryptAndSign({ ...common, recipient: all.rsa.id, signer: all.locked.id, passphrase: utf8Bytes("wrong") }), "bad-passphrase", /^Bad passphrase/],
    [await encryptAndSign({ ...common, recipient: all.rsa.id, signer: all.locked.id }), "bad-passphrase", /^Bad passphrase/],
    [await encryptAndSign({ ...common, recipient: "nobody@example.org" }), "no-public-key", /^No public key/],
    [await encryptAndSign({ ...common, recipient: "" }), "no-public-key", /^No public key/],
    [await encryptAndSign({ ...common, recipient: "--version" }), "no-public-key", /^No public key/],
    [await encryptAndSign({ ...common, recipient: all.rsa.id, signer: "nobody@example.org" }), "no-secret-key", /^No secret key/],
    [await encryptAndSign({ ...common, recipient: all.rsa.id, exe: "/nonexistent/gpg" }), "no-program", /'\/nonexistent\/gpg', which is not there/],
    [await decrypt({ ciphertext: message, home: join(folder, "p2"), timeoutMs }), "no-secret-key", /^No secret key/],
    [await decrypt({ ciphertext: utf8Bytes("no message"), home: server, timeoutMs }), "no-data", /^No data/],
    [await decrypt({ ciphertext: new Uint8Array(0), home: server, timeoutMs }), "no-data", /^No data/],
    [await decrypt({ ciphertext: new Uint8Array(gpg(client, ["--sign", "-u", all.signer.id], PLAINTEXT)), home: server, timeoutMs }), "no-data", /^No data/],
  ] as const) {
    assert.equal(failed(result).reason, reason, failed(result).message);
    assert.match(failed(result).message, words);
    assert.match(failed(result).message, /^[ -~]+$/);
  }
});

test("decrypt() refuses a message that was changed or cut anywhere", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const gen = generator("gpg tamper");
  const message = await seal({ recipient: all.ecc.id, signer: all.signer.id });
  const changed = [...gen.list(6, () => gen.flipBit(message)), ...gen.list(3, () => message.slice(0, gen.below(message.length)))];
  for (const ciphertext of changed) {
    const result = await decrypt({ ciphertext, home: server, timeoutMs });
    // The ids in the clear are not covered by anything: then the content is whole all the same.
    if (result.ok) assert.deepEqual([result.plaintext, result.signatures.map(({ status }) => status)], [PLAINTEXT, ["good"]]);
  }
  const last = message.slice();
  last[last.length - 1]! ^= 1;
  assert.equal(failed(await decrypt({ ciphertext: last, home: server, timeoutMs })).reason, "tampered");
});

test("decrypt() bounds what a message unpacks to", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const bomb = gpg(client, ["--trust-model", "always", "--compress-level", "9", "--encrypt", "-r", all.ecc.id], new Uint8Array(4 << 20));
  assert.ok(bomb.length < 20_000);
  assert.match(failed(await decrypt({ ciphertext: bomb, home: server, timeoutMs })).message, /plaintext of 65536 bytes or more/);
});

test("decrypt() ends at its time limit", async (t) => {
  if (requirePeer(t, "sh") === undefined) return;
  const exe = join(folder, "gpg-that-sleeps");
  writeFileSync(exe, "#!/bin/sh\nsleep 60\n", { mode: 0o700 });
  assert.deepEqual(await decrypt({ ciphertext: Uint8Array.of(0x85, 1), exe, timeoutMs: 100 }), { ok: false, reason: "timeout", message: "Timeout (gpg did not end in time)" });
});

test("decrypt() opens the packet that the Perl client made", async (t) => {
  if (!requirePeers(t, "gpg", "gpgconf")) return;
  const fixtures = new URL("../../fixtures/perl-1.9.12/", import.meta.url);
  const packets = JSON.parse(readFileSync(new URL("client-packets.json", fixtures), "utf8")) as readonly { readonly name: string; readonly packet: string; readonly encoded_plaintext: string }[];
  const { packet, encoded_plaintext: expected } = packets.find(({ name }) => name === "gpg")!;
  const home = join(folder, "f");
  gpg(home, ["--import"], readFileSync(new URL("gpg-server.secret.asc", fixtures)));
  const ciphertext = decodeBase64(`hQ${packet}`)!;
  const { plaintext, signatures: [unknown] } = await open(ciphertext, home);
  assert.equal(utf8Text(plaintext), expected);
  assert.equal(unknown?.status, "no-key");
  gpg(home, ["--import"], readFileSync(new URL("gpg-client.secret.asc", fixtures)));
  const { signatures: [known] } = await open(ciphertext, home);
  assert.equal(known?.status, "good");
});

test("encryptAndSign() leaves gpg.conf unread when told to, and gives on what gpg says", async (t) => {
  const all = keys(t);
  if (all === undefined) return;
  const conf = join(client, "gpg.conf");
  writeFileSync(conf, "frobnicate\n");
  t.after(() => rmSync(conf));
  const said = async (more: { readonly withoutConfig?: boolean }): Promise<string> => {
    const lines: string[] = [];
    const options = { plaintext: PLAINTEXT, recipient: all.rsa.id, home: client, timeoutMs, onMessage: (line: string) => void lines.push(line) };
    assert.equal((await encryptAndSign({ ...options, ...more })).ok, true);
    return lines.join("\n");
  };
  assert.match(await said({}), /gpg\.conf:1: invalid option/);
  const words = await said({ withoutConfig: true });
  assert.doesNotMatch(words, /gpg\.conf/);
  assert.match(words, /^gpg: .*rsa@example\.org/m);
});

test("decrypt() opens what the C client makes", async (t) => {
  const all = keys(t);
  if (all === undefined || requirePeer(t, "fwknop") === undefined) return;
  const { stdout, stderr } = spawnSync("fwknop", ["--no-rc-file", "--no-save-args", "-T", "-v", "-D", "127.0.0.1", "-a", "192.0.2.7", "-A", "tcp/22",
    "--gpg-recipient-key", all.rsa.id, "--gpg-signer-key", all.rsa.id, "--gpg-home-dir", client, "--gpg-no-signing-pw"], { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder }, timeout: timeoutMs });
  const packet = /Final SPA Data: (\S+)/.exec(stdout)?.[1];
  assert.ok(packet !== undefined, stderr);
  const { plaintext, signatures } = await open(decodeBase64(`hQ${packet}`)!);
  assert.equal(utf8Text(plaintext), `${/Encoded Data: (\S+)/.exec(stdout)![1]}:${/SPA Data Digest: (\S+)/.exec(stdout)![1]}`);
  assert.deepEqual(signatures.map(({ status, fingerprint }) => [status, fingerprint]), [["good", all.rsa.fingerprints[0]]]);
});
