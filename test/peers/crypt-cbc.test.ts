/** Perl's Crypt::CBC with Crypt::Rijndael, which the Perl programs encrypt with, against ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test, type TestContext } from "node:test";
import { decodeBase64, encodeBase64 } from "../../src/base64.ts";
import { hexText, utf8Bytes } from "../../src/bytes.ts";
import { encodeMessage, type EncryptionMode, openPacket, SALTED_PREFIX, sealMessage } from "../../src/fko.ts";
import { type Gen, generator } from "../support/gen.ts";
import { requirePeer } from "../support/require-peer.ts";

/** Modes that Crypt::CBC has; it has no ECB, for which `node:crypto` is the judge elsewhere. */
const MODES: readonly EncryptionMode[] = ["cbc", "cfb", "ofb", "ctr", "legacy", "perl"];

/** Reads lines `seal|open MODE KEY DATA` in hexadecimal, answers each with a line of hexadecimal. */
const SCRIPT = `
  use strict; use warnings; use Crypt::CBC;
  while (<STDIN>) {
    my ($task, $mode, $key, $data) = split;
    ($key, $data) = (pack("H*", $key), pack("H*", $data));
    my $stream = $mode =~ /^(?:cfb|ofb|ctr)$/;
    $key .= "0" while $mode =~ /^(?:legacy|perl)$/ && length($key) < 16;
    $key = substr($key, 0, 16) if $mode eq "legacy";
    my $cipher = Crypt::CBC->new(-pass => $key, -cipher => "Rijndael", -keysize => 32,
      -header => "salt", -pbkdf => "opensslv1", -nodeprecate => 1, -chain_mode => $stream ? $mode : "cbc");
    if ($task eq "seal") {
      my $pad = 16 - length($data) % 16;
      $data .= chr($pad) x $pad if $stream; # these modes need none, but SPA packets have it
      print unpack("H*", $cipher->encrypt($data)), "\\n";
    } else {
      my $plain = $cipher->decrypt($data);
      substr($plain, -ord(substr($plain, -1))) = "" if $stream;
      print unpack("H*", $plain), "\\n";
    }
  }`;

function hasPerl(t: TestContext): boolean {
  const has = (module: string): true | undefined => spawnSync("perl", [`-M${module}`, "-e", "1"]).status === 0 || undefined;
  return ["Crypt::CBC", "Crypt::Rijndael", "Math::Int128"].every((module) => requirePeer(t, `perl ${module}`, () => has(module)));
}

function perl(lines: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync("perl", ["-e", SCRIPT], { input: lines.map((line) => `${line}\n`).join(""), encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return stdout.trim().split("\n");
}

interface Case {
  readonly mode: EncryptionMode;
  readonly key: Uint8Array;
  readonly plaintext: string;
}

function cases(gen: Gen): Case[] {
  return MODES.flatMap((mode) => gen.list(40, () => ({
    mode,
    key: gen.bytes(gen.between(1, mode === "legacy" || mode === "perl" ? 40 : 32)),
    plaintext: encodeMessage({
      random: gen.text(16, "0123456789"),
      username: gen.text(gen.between(1, 20), "abcxyz"),
      timestamp: 1_600_000_000 + gen.below(2 ** 28),
      version: "3.0.0",
      type: 1,
      message: `10.0.0.1,${Array.from({ length: gen.between(1, 12) }, () => `tcp/${gen.between(1, 65535)}`).join(",")}`,
      digestType: gen.pick(["md5", "sha1", "sha256", "sha384", "sha512"] as const),
    }).plaintext,
  })));
}

test("sealMessage() makes what Crypt::CBC with Crypt::Rijndael decrypts", (t) => {
  if (!hasPerl(t)) return;
  const gen = generator("crypt-cbc seal");
  const all = cases(gen);
  const opened = perl(all.map(({ mode, key, plaintext }) => {
    const blob = decodeBase64(SALTED_PREFIX + sealMessage(plaintext, { mode, key, salt: gen.bytes(8) }));
    return `open ${mode} ${hexText(key)} ${hexText(blob!)}`;
  }));
  assert.deepEqual(opened, all.map(({ plaintext }) => hexText(utf8Bytes(plaintext))));
});

test("openPacket() opens what Crypt::CBC with Crypt::Rijndael encrypts", (t) => {
  if (!hasPerl(t)) return;
  const all = cases(generator("crypt-cbc open"));
  const blobs = perl(all.map(({ mode, key, plaintext }) => `seal ${mode} ${hexText(key)} ${hexText(utf8Bytes(plaintext))}`));
  all.forEach(({ mode, key, plaintext }, at) => {
    const packet = encodeBase64(Buffer.from(blobs[at]!, "hex")).slice(SALTED_PREFIX.length);
    const opened = openPacket(utf8Bytes(packet), { mode, key });
    assert(opened.ok, `${mode}: ${JSON.stringify(opened)}`);
    assert.equal(`${opened.encoded}:${opened.digest}`, plaintext);
  });
});
