/** What libfko, under the C programs, says of a message, through its Perl module: the same as ours, but where ours is stricter. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";
import { hexText, utf8Bytes } from "../../src/bytes.ts";
import { DIGESTS, type DigestType, ENCRYPTION_MODES, type EncryptionMode, encodeMessage, type Message, MESSAGE_TYPES, type MessageType, openPacket, sealMessage } from "../../src/fko.ts";
import { FkoError } from "../../src/fko-error.ts";
import { describeFkoError } from "../../src/fko-error-texts.ts";
import { HmacKey } from "../../src/hmac.ts";
import { type Gen, generator } from "../support/gen.ts";
import { base64, plaintextOf } from "../support/plaintext.ts";
import { requirePeer } from "../support/require-peer.ts";

/** Reads a line a task, words in hexadecimal, answers each with a line of words. */
const SCRIPT = `
  use strict; use warnings; use FKO; $| = 1;
  while (<STDIN>) {
    my ($task, @words) = split / /, $_, -1;
    @words = map { s/\\n//; pack("H*", $_) } @words;
    if ($task eq "open") {
      my $fko = FKO->new(@words);
      my @fields = $fko
        ? ("fields", map { defined $_ ? $_ : "" } map { $fko->$_() } qw(rand_value username timestamp version spa_message_type spa_message spa_nat_access spa_server_auth spa_client_timeout digest_type))
        : ("error", FKO::error_str());
      print join(" ", map { unpack("H*", $_) } @fields), "\\n";
    } elsif ($task eq "seal") {
      my ($key, $mode, $hmac, $hmac_type, %fields) = @words;
      my $fko = FKO->new();
      my @set = map { $fko->$_($fields{$_}) } grep { exists $fields{$_} } qw(rand_value username spa_message_type spa_message spa_nat_access spa_server_auth spa_client_timeout digest_type);
      push @set, $fko->encryption_mode($mode), $fko->hmac_type($hmac_type), $fko->spa_data_final($key, $hmac);
      my ($error) = grep { $_ } @set;
      print join(" ", map { unpack("H*", $_) } $error ? ("error", $error) : ("packet", $fko->spa_data)), "\\n";
    }
  }`;

function hasLibfko(t: TestContext): boolean {
  return requirePeer(t, "perl FKO", () => spawnSync("perl", ["-MFKO", "-e", "1"]).status === 0 || undefined) !== undefined;
}

/** Asks libfko; every task and every answer is a list of words. */
function libfko(tasks: readonly (readonly [task: "open" | "seal", ...words: (string | number | Uint8Array)[]])[]): string[][] {
  const hex = (word: string | number | Uint8Array): string => hexText(typeof word === "object" ? word : utf8Bytes(String(word)));
  const input = tasks.map(([task, ...words]) => `${[task, ...words.map(hex)].join(" ")}\n`).join("");
  const { status, stdout, stderr } = spawnSync("perl", ["-e", SCRIPT], { input, encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 26 });
  assert.equal(status, 0, stderr);
  const answers = stdout.split("\n").slice(0, -1).map((line) => line.split(" ").map((word) => Buffer.from(word, "hex").toString()));
  assert.equal(answers.length, tasks.length, stderr);
  return answers;
}

const KEY = utf8Bytes("testkey");
const RANDOM = "1234567890123456";
const USER = base64("alice");
const TIME = "1795344073";
const ACCESS = base64("203.0.113.5,tcp/22");
const COMMAND = base64("203.0.113.5,/bin/date");
const NAT = base64("10.0.0.1,22");
const AUTH = base64("crypt,x");

const access = (...tail: string[]): string => plaintextOf(RANDOM, USER, TIME, "3.0.0", ...tail);

/** Plaintexts that both read alike, at the limits of each field and beyond. */
const ALIKE: readonly string[] = [
  ...["0", "1", "2", "3", "4", "5", "6", "7", "-1", "10", "01", "007", ""].flatMap((type) =>
    [[], [NAT], [AUTH], ["30"], [NAT, "30"], [AUTH, "30"], [NAT, AUTH, "30"], [NAT, AUTH], [""], ["", ""], [NAT, NAT, "30", "30"]]
      .filter((tail) => tail.at(-1) !== "30" || ["3", "4", "6"].includes(type))
      .map((tail) => access(type, type === "0" ? COMMAND : ACCESS, ...tail))),
  ...["", "!", "=", base64("a b"), base64("a;b"), base64("/a"), base64("é"), base64("a".repeat(48)), base64("a".repeat(49))].map((user) => plaintextOf(RANDOM, user, TIME, "3.0.0", "1", ACCESS)),
  ...["", "0", "-1", "2147483647", "1234567890123"].map((time) => plaintextOf(RANDOM, USER, time, "3.0.0", "1", ACCESS)),
  ...["", "3", "a b", "12345678", "123456789", "1.9.12"].map((version) => plaintextOf(RANDOM, USER, TIME, version, "1", ACCESS)),
  ...["", "1", "123456789012345", "12345678901234567", "123456789012345x"].map((random) => plaintextOf(random, USER, TIME, "3.0.0", "1", ACCESS)),
  ...[
    "x", "203.0.113.5", "203.0.113.5,", "203.0.113.5,tcp/22,", "203.0.113.5,,tcp/22", "203.0.113.5,tcp/0", "203.0.113.5,tcp/1", "203.0.113.5,tcp/65535",
    "203.0.113.5,tcp/65536", "203.0.113.5,tcp/00022", "203.0.113.5,tcp/000022", "203.0.113.5,icmp/8", "203.0.113.5,none/0", "203.0.113.5,TCP/22",
    "203.0.113.5,udp/53,tcp/22", "203.0.113.5,tcp/22x", "203.0.113.5,tcp/22 ", "203.0.113.5, tcp/22", "0.0.0.0,tcp/22", "10.1,tcp/22", "256.1.1.1,tcp/22",
    "1.1.1.1.1,tcp/22", "host,tcp/22", ",tcp/22", "203.0.113.5,tcp22", "203.0.113.5,tcp/", "203.0.113.5,/22", "203.0.113.5,tcp/+22", "203.0.113.5,tcp/22-25",
  ].map((message) => access("1", base64(message))),
  ...["", "!"].map((message) => access("1", message)),
  ...["x", "203.0.113.5", "203.0.113.5,", "x,ls", ",ls", "::1x,ls", "0.0.0.0,ls"].map((message) => access("0", base64(message))),
  ...[
    "x", ",22", "10.0.0.1,22", "10.0.0.1,0", "10.0.0.1,65535", "10.0.0.1,65536", "h,22", "h,22,23", "h 1,22", "h/1,22", "h?,22", "h',22", 'h",22', "h\\,22",
    `${"a".repeat(70)},22`, `${"a".repeat(71)},22`, "10.0.0.1", "10.0.0.1,", "10.0.0.1,x", "10.0.0.1,22x", "10.0.0.1, 22", "10.0.0.1,000022",
  ].map((nat) => access("2", ACCESS, base64(nat))),
  access("2", ACCESS, "!"),
  ...["0", "1", "65535", "65536", "65537", "", "x", "1x", "-1", "00030", "0000000000030", " 3", "+3"].flatMap((timeout) => [access("3", ACCESS, timeout), access("4", ACCESS, NAT, timeout)]),
  access("1", ACCESS, "!"), access("2", ACCESS, NAT, "!"), access("3", ACCESS, "!", "30"), access("4", ACCESS, NAT, "!", "30"),
  ...[0, 1, 22, 27, 43, 44, 64, 86, 87].map((length) => [RANDOM, USER, TIME, "3.0.0", "1", ACCESS, "A".repeat(length)].join(":")),
  access("1", ACCESS, ...Array<string>(6).fill("x")),
  `${RANDOM}:`, `${RANDOM}:${"a".repeat(18)}`, `${RANDOM}:${"a".repeat(19)}`, `${RANDOM}:\t${"a".repeat(30)}`, `${RANDOM}:é${"a".repeat(30)}`, "x".repeat(36), access("1", ACCESS).replace(/.$/, "!"),
];

/** Plaintexts that libfko reads and ours refuses, with our number. */
const STRICTER: readonly (readonly [plaintext: string, code: number])[] = [
  [access("x", COMMAND), 24], // a command for C
  [access("1x", ACCESS), 24],
  [plaintextOf(RANDOM, USER, "1x", "3.0.0", "1", ACCESS), 19],
  [plaintextOf(RANDOM, base64("alice\0root"), TIME, "3.0.0", "1", ACCESS), 16], // alice for C
  [access("1", base64("203.0.113.5,tcp/22\0,tcp/23")), 28],
  [access("1", base64("0.0.0.00,tcp/22")), 29], // no source, and yet not 0.0.0.0
  [access("1", base64("010.0.0.1,tcp/22")), 29], // 8.0.0.1 for C
  [access("0", base64("203.0.113.5,a\nb")), 28],
];

/** What either made of a packet. */
type Reading = { readonly error: string } | { readonly fields: readonly string[] };

function ourReading(packet: string): Reading {
  const opened = openPacket(utf8Bytes(packet), { mode: "cbc", key: KEY });
  return opened.ok ? { fields: fieldsOf(opened.message) } : { error: opened.reason };
}

const fieldsOf = ({ random, username, timestamp, version, type, message, natAccess, serverAuth, clientTimeout, digestType }: Message): string[] =>
  [random, username, timestamp, version, type, message, natAccess ?? "", serverAuth ?? "", clientTimeout ?? 0, DIGESTS[digestType].number].map(String);

function theirReadings(packets: readonly string[]): Reading[] {
  return libfko(packets.map((packet) => ["open", packet, KEY, ENCRYPTION_MODES.cbc.number, "", 0]))
    .map(([kind, ...words]) => (kind === "fields" ? { fields: words } : { error: words[0]! }));
}

const sealed = (plaintext: string): string => sealMessage(plaintext, { mode: "cbc", key: KEY, salt: randomBytes(8) });

test("decodeMessage() reads what libfko reads, and refuses the rest in its words", (t) => {
  if (!hasLibfko(t)) return;
  const theirs = theirReadings(ALIKE.map(sealed));
  assert.deepEqual(ALIKE.map((plaintext) => ({ plaintext, ...ourReading(sealed(plaintext)) })), ALIKE.map((plaintext, at) => ({ plaintext, ...theirs[at] })));
});

test("decodeMessage() refuses some of what libfko reads", (t) => {
  if (!hasLibfko(t)) return;
  const theirs = theirReadings(STRICTER.map(([plaintext]) => sealed(plaintext)));
  STRICTER.forEach(([plaintext, code], at) => {
    assert("fields" in theirs[at]!, `libfko: ${plaintext}`);
    assert.deepEqual(ourReading(sealed(plaintext)), { error: describeFkoError(code) }, plaintext);
  });
});

/** Fields of messages that cannot be made, and of some that only just can. */
const SETTINGS: readonly Partial<Message>[] = [
  ...["/a", "a/b", " a", "a b", "é", "a\n", "a".repeat(48)].map((username) => ({ username })),
  ...["1", "123456789012345", "12345678901234567"].map((random) => ({ random })),
  ...["x", "1.1.1.1", "1.1.1.1,", "1.1.1.1,none/0", ",tcp/22", "1.1.1.1,tcp/0", "1.1.1.1,tcp/65535", "1.1.1.1,tcp/65536", `1.1.1.1${",tcp/22".repeat(40)}`].map((message) => ({ message })),
  ...["x", "1.1.1.1", "1.1.1.1,", "x,ls", ",ls", "1.1.1.1,ls", `1.1.1.1,${"a".repeat(300)}`].map((message) => ({ type: 0 as const, message })),
  ...["x", ",22", "h,22", "h,0", "h,22,", `${"a".repeat(70)},22`, `${"a".repeat(71)},22`, "a".repeat(130)].map((natAccess) => ({ type: 2 as const, natAccess })),
  ...["a".repeat(63), "a".repeat(64)].map((serverAuth) => ({ serverAuth })),
  ...[-1, 1, 65536].map((clientTimeout) => ({ type: 3 as const, clientTimeout })),
];

const GOOD: Message = { random: RANDOM, username: "alice", timestamp: 1795344073, version: "3.0.0", type: 1, message: "203.0.113.5,tcp/22", digestType: "sha256" };

/** Names of libfko's functions with the values that they are given. Its packets are of this very second. */
function settersOf({ random, username, type, message, natAccess, serverAuth, clientTimeout, digestType }: Message): (string | number)[] {
  return Object.entries({
    rand_value: random, username, spa_message_type: type, spa_message: message, spa_nat_access: natAccess, spa_server_auth: serverAuth,
    spa_client_timeout: clientTimeout, digest_type: DIGESTS[digestType].number,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

test("encodeMessage() refuses the fields that libfko refuses, with its numbers", (t) => {
  if (!hasLibfko(t)) return;
  const messages = SETTINGS.map((setting): Message => ({ ...GOOD, ...setting }));
  const theirs = libfko(messages.map((message) => ["seal", KEY, ENCRYPTION_MODES.cbc.number, "", 0, ...settersOf(message)]));
  const ours = messages.map((message) => {
    try {
      encodeMessage(message);
      return "packet";
    } catch (error) {
      assert(error instanceof FkoError);
      return `error ${error.code}`;
    }
  });
  assert.deepEqual(ours.map((outcome, at) => [SETTINGS[at], outcome]), theirs.map(([kind, word], at) => [SETTINGS[at], kind === "packet" ? kind : `error ${word}`]));
});

/** Messages of every type, short enough for C in every mode. */
function randomMessage(gen: Gen): Message {
  const type = gen.below(7) as MessageType;
  const row = MESSAGE_TYPES[type];
  const host = (): string => Array.from({ length: 4 }, () => gen.below(256)).join(".");
  return {
    random: gen.text(16, "0123456789"),
    username: gen.text(gen.between(1, 12), "abcXYZ0189 .-_@"),
    timestamp: 1_600_000_000 + gen.below(2 ** 28),
    version: "3.0.0",
    type,
    message: `${host()},${type === 0 ? gen.text(gen.between(1, 20), "abc /-'\"$|") : gen.list(gen.between(1, 2), () => `${gen.pick(["tcp", "udp"])}/${gen.between(1, 65535)}`).join(",")}`,
    ...(row.nat !== "none" && { natAccess: `${host()},${gen.between(1, 65535)}` }),
    ...(row.timeout && { clientTimeout: gen.between(1, 65536) }),
    digestType: gen.pick(["md5", "sha1", "sha256", "sha3_256"] as const),
  };
}

const MODES: readonly EncryptionMode[] = ["ecb", "cbc", "cfb", "ofb", "ctr", "legacy"];
const HMAC_TYPES: readonly (DigestType | undefined)[] = [undefined, ...Object.keys(DIGESTS) as DigestType[]];

test("sealMessage() and libfko open each other's packets, in every mode with every HMAC type", (t) => {
  if (!hasLibfko(t)) return;
  const gen = generator("libfko");
  const cases = MODES.flatMap((mode) => HMAC_TYPES.flatMap((hmacType) => gen.list(8, () => {
    // Perl takes an empty text for no key.
    const key = gen.bytes(mode === "legacy" ? gen.between(1, 16) : gen.between(1, 32));
    const hmacKey = hmacType === undefined ? new Uint8Array(0) : gen.bytes(gen.between(1, 128));
    return { mode, key, hmacType, hmacKey, message: randomMessage(gen) };
  })));
  const keysOf = ({ mode, key, hmacType, hmacKey }: (typeof cases)[number]) => ({ mode, key, ...(hmacType && { hmac: new HmacKey(DIGESTS[hmacType].hash, hmacKey) }) });
  const numbersOf = ({ mode, hmacType }: (typeof cases)[number]) => ({ mode: ENCRYPTION_MODES[mode].number, hmac: hmacType === undefined ? 0 : DIGESTS[hmacType].number });

  const opened = libfko(cases.map((each) => {
    const packet = sealMessage(encodeMessage(each.message).plaintext, { ...keysOf(each), salt: gen.bytes(8) });
    return ["open", packet, each.key, numbersOf(each).mode, each.hmacKey, numbersOf(each).hmac];
  }));
  assert.deepEqual(opened, cases.map(({ message }) => ["fields", ...fieldsOf(message)]));

  const made = libfko(cases.map((each) => ["seal", each.key, numbersOf(each).mode, each.hmacKey, numbersOf(each).hmac, ...settersOf(each.message)]));
  cases.forEach((each, at) => {
    const [kind, packet] = made[at]!;
    assert.equal(kind, "packet", packet);
    const ours = openPacket(utf8Bytes(packet!), keysOf(each));
    assert(ours.ok, `${each.mode} ${each.hmacType}: ${JSON.stringify(ours)}`);
    assert.deepEqual({ ...ours.message, timestamp: 0 }, { ...each.message, timestamp: 0 });
  });
});
