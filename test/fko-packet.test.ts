import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { decodeBase64 } from "../src/base64.ts";
import { hexBytes, utf8Bytes, utf8Text } from "../src/bytes.ts";
import {
  checkHmac,
  DIGESTS,
  type DigestType,
  ENCRYPTION_MODES,
  type EncryptionMode,
  encodeMessage,
  type Message,
  type MessageType,
  normalisePacket,
  openPacket,
  openPgpMessage,
  openPgpPrefix,
  sealMessage,
  sealOpenPgp,
} from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { deriveKeyAndIv, fitLegacyKey } from "../src/kdf.ts";
import { generator } from "./support/gen.ts";
import { watchBuffers } from "./support/watch-buffers.ts";

interface Vector {
  readonly name: string;
  readonly options: string;
  readonly keyHex: string;
  readonly hmacKeyHex: string | null;
  readonly salt: string;
  readonly fields: { random: string; username: string; timestamp: number; version: string; type: MessageType; message: string; rest: string[] };
  readonly plaintext: string;
  readonly packet: string;
}

const vectors: Vector[] = JSON.parse(readFileSync("fixtures/c-2.6/packets.json", "utf8"));

const option = (vector: Vector, pattern: RegExp): string | undefined => pattern.exec(vector.options)?.[1];
const text = (base64: string): string => utf8Text(decodeBase64(base64)!)!;

/** What the options of a vector say of digest, mode and HMAC. */
function settingsOf(vector: Vector) {
  const mode = (option(vector, /-M (\w+)/)?.toLowerCase() ?? "cbc") as EncryptionMode;
  const digestType = (option(vector, /-m (\w+)/) ?? "sha256") as DigestType;
  const hmacType = (option(vector, /--hmac-digest-type (\w+)/) ?? "sha256") as DigestType;
  const hmac = vector.hmacKeyHex === null ? undefined : new HmacKey(DIGESTS[hmacType].hash, hexBytes(vector.hmacKeyHex)!);
  return { mode, digestType, key: hexBytes(vector.keyHex)!, ...(hmac && { hmac }) };
}

function messageOf(vector: Vector): Message {
  const { rest, ...fields } = vector.fields;
  const [nat, timeout] = [2, 4, 5, 6].includes(fields.type) ? rest : [undefined, rest[0]];
  return {
    ...fields,
    ...(nat !== undefined && { natAccess: text(nat) }),
    ...(timeout !== undefined && { clientTimeout: Number(timeout) }),
    digestType: settingsOf(vector).digestType,
  };
}

describe("packets of the C client", () => {
  for (const vector of vectors) {
    it(`encodeMessage() and sealMessage() make ${vector.name} byte for byte`, () => {
      const { plaintext } = encodeMessage(messageOf(vector));
      assert.equal(plaintext, vector.plaintext);
      assert.equal(sealMessage(plaintext, { ...settingsOf(vector), salt: hexBytes(vector.salt)! }), vector.packet);
    });

    it(`openPacket() reads ${vector.name}`, () => {
      const opened = openPacket(utf8Bytes(vector.packet), settingsOf(vector));
      assert(opened.ok, JSON.stringify(opened));
      assert.deepEqual(opened.message, messageOf(vector));
      assert.equal(`${opened.encoded}:${opened.digest}`, vector.plaintext);
    });
  }
});

interface PerlPacket {
  readonly name: string;
  readonly transport: string;
  readonly argv: string[];
  readonly key_hex: string;
  readonly packet: string;
  readonly encoded_plaintext: string;
  readonly gpg?: unknown;
  readonly fields: {
    random: string;
    user: string;
    timestamp: number;
    version: string;
    type: MessageType;
    message: string;
    nat_access: string | null;
    server_auth: string | null;
    client_timeout: number | null;
    digest_type: string;
  };
}

const perlPackets: PerlPacket[] = JSON.parse(readFileSync("fixtures/perl-1.9.12/client-packets.json", "utf8"));

function perlMessage({ fields }: PerlPacket): Message {
  return {
    random: fields.random,
    username: fields.user,
    timestamp: fields.timestamp,
    version: fields.version,
    type: fields.type,
    message: fields.message,
    ...(fields.nat_access !== null && { natAccess: fields.nat_access }),
    ...(fields.server_auth !== null && { serverAuth: fields.server_auth }),
    ...(fields.client_timeout !== null && { clientTimeout: fields.client_timeout }),
    digestType: fields.digest_type.toLowerCase() as DigestType,
  };
}

describe("packets of the Perl client", () => {
  for (const fixture of perlPackets.filter((packet) => packet.gpg === undefined)) {
    const wire = fixture.transport === "http" ? fixture.packet.replaceAll("-", "+").replaceAll("_", "/") : fixture.packet;
    const keys = { mode: "perl" as const, key: hexBytes(fixture.key_hex)! };

    it(`openPacket() reads ${fixture.name}`, () => {
      const opened = openPacket(utf8Bytes(wire), keys);
      assert(opened.ok, JSON.stringify(opened));
      assert.deepEqual(opened.message, perlMessage(fixture));
      assert.equal(`${opened.encoded}:${opened.digest}`, fixture.encoded_plaintext);
    });

    it(`encodeMessage() and sealMessage() make ${fixture.name} byte for byte`, () => {
      const { plaintext } = encodeMessage(perlMessage(fixture));
      assert.equal(plaintext, fixture.encoded_plaintext);
      const keepPrefix = fixture.argv.includes("--Include-salted");
      const salt = decodeBase64(keepPrefix ? wire : `U2FsdGVkX1${wire}`)!.slice(8, 16);
      const keepPadding = fixture.argv.includes("--Include-equals");
      assert.equal(sealMessage(plaintext, { ...keys, salt, keepPrefix, keepPadding }), wire);
    });

    const keyLength = keys.key.length;
    if (keyLength <= 16) {
      it(`openPacket() in mode legacy reads ${fixture.name}, whose key fits into 16 bytes`, () => {
        assert(openPacket(utf8Bytes(wire), { ...keys, mode: "legacy" }).ok);
      });
    } else {
      it(`openPacket() in mode legacy refuses ${fixture.name}, whose key of ${keyLength} bytes C would cut`, () => {
        const refused = openPacket(utf8Bytes(wire), { ...keys, mode: "legacy" });
        assert.equal(refused.ok ? "opened" : refused.layer, "decryption");
      });
    }
  }
});

const random = generator("fko-packet");
const sealed = (overrides: Partial<Message> = {}, mode: EncryptionMode = "cbc", hmacType?: DigestType) => {
  const message: Message = {
    random: "1234567890123456",
    username: "alice",
    timestamp: 1795344073,
    version: "3.0.0",
    type: 1,
    message: "203.0.113.5,tcp/22",
    digestType: "sha256",
    ...overrides,
  };
  const keys = { mode, key: random.bytes(32), ...(hmacType && { hmac: new HmacKey(DIGESTS[hmacType].hash, random.bytes(64)) }) };
  return { message, keys, packet: sealMessage(encodeMessage(message).plaintext, { ...keys, salt: random.bytes(8) }) };
};

describe("sealMessage() and openPacket()", () => {
  const modes = (Object.keys(ENCRYPTION_MODES) as EncryptionMode[]).filter((mode) => mode !== "asymmetric");
  const digests = Object.keys(DIGESTS) as DigestType[];

  it("round every mode, digest type and HMAC type trip", () => {
    for (const mode of modes) {
      for (const digestType of digests) {
        for (const hmacType of [undefined, ...digests]) {
          const { message, keys, packet } = sealed({ digestType }, mode, hmacType);
          const opened = openPacket(utf8Bytes(packet), keys);
          assert(opened.ok, `${mode} ${digestType} ${hmacType}: ${JSON.stringify(opened)}`);
          // Digests of equal length are told apart by trying them.
          assert.deepEqual(opened.message, message);
          assert.equal(opened.authenticated, hmacType !== undefined);
        }
      }
    }
  });

  it("refuse each flipped bit of a packet with an HMAC at the text or HMAC layer, before any decryption", () => {
    const { keys, packet } = sealed({}, "cbc", "sha256");
    for (let at = 0; at < packet.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = utf8Bytes(packet);
        bytes[at]! ^= 1 << bit;
        const refused = openPacket(bytes, keys);
        assert(!refused.ok && (refused.layer === "hmac" || refused.layer === "text"), `byte ${at} bit ${bit}: ${JSON.stringify(refused)}`);
      }
    }
  });

  it("refuse every shortened packet, and never throw on one", () => {
    for (const hmacType of [undefined, "sha256"] as const) {
      const { keys, packet } = sealed({}, "cbc", hmacType);
      for (let length = 0; length < packet.length; length++) assert(!openPacket(utf8Bytes(packet.slice(0, length)), keys).ok, `${length} characters`);
    }
  });

  it("never throw on random bytes or random base64 text", () => {
    for (let round = 0; round < 3000; round++) {
      const length = random.below(1600);
      const bytes = random.bytes(length);
      const { keys } = round % 100 === 0 ? sealed() : { keys: { mode: "cbc" as const, key: random.bytes(8) } };
      assert(!openPacket(bytes, keys).ok);
      const base64 = bytes.map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".charCodeAt(byte & 63));
      assert(!openPacket(base64, keys).ok);
    }
  });

  it("do not change the packet that they read", () => {
    const { keys, packet } = sealed({}, "cbc", "sha512");
    const bytes = utf8Bytes(packet);
    assert(openPacket(bytes, keys).ok);
    assert.deepEqual(bytes, utf8Bytes(packet));
  });

  it("tell a wrong key from a wrong HMAC key", () => {
    const { keys, packet } = sealed({}, "cbc", "sha256");
    const wrongKey = openPacket(utf8Bytes(packet), { ...keys, key: utf8Bytes("another") });
    const wrongHmac = openPacket(utf8Bytes(packet), { ...keys, hmac: new HmacKey(DIGESTS.sha256.hash, utf8Bytes("another")) });
    assert.deepEqual([wrongKey, wrongHmac].map((refused) => !refused.ok && [refused.layer, refused.code]), [
      ["decryption", 107],
      ["hmac", 75],
    ]);
  });

  it("refuse a key over 32 bytes with libfko's words, except in the modes of the older programs", () => {
    const key = random.bytes(33);
    const { plaintext } = encodeMessage(sealed().message);
    assert.throws(() => sealMessage(plaintext, { mode: "cbc", key, salt: random.bytes(8) }), /^FkoError: fko_encrypt_spa_data: Error 95 - Invalid key length$/);
    for (const mode of ["legacy", "perl"] as const) {
      const packet = sealMessage(plaintext, { mode, key, salt: random.bytes(8) });
      assert(openPacket(utf8Bytes(packet), { mode, key }).ok);
    }
  });
});

describe("limits", () => {
  const keys = { mode: "cbc" as const, key: random.bytes(32), salt: random.bytes(8) };

  it("sealMessage() makes a packet of at most 1499 characters", () => {
    assert.equal(sealMessage("1".repeat(1103), keys).length, 1484);
    assert.throws(() => sealMessage("1".repeat(1104), keys), /fko_spa_data_final: Error 51/); // would be 1505
    const hmac = new HmacKey(DIGESTS.md5.hash, keys.key); // 22 characters
    assert.equal(sealMessage("1".repeat(1087), { ...keys, hmac }).length, 1484);
    assert.throws(() => sealMessage("1".repeat(1103), { ...keys, hmac }), /fko_spa_data_final: Error 51/); // would be 1506
  });

  it("normalisePacket() takes 36 to 1499 characters", () => {
    const outcome = (length: number, prefix = ""): string | number => {
      const normal = normalisePacket(utf8Bytes(prefix + "A".repeat(length)));
      return normal.ok ? normal.packet.length : normal.layer;
    };
    assert.deepEqual([35, 36, 1499, 1500].map((length) => outcome(length)), ["text", 36, 1499, "text"]);
    assert.deepEqual([35, 36, 1499, 1500].map((length) => outcome(length, "U2FsdGVkX1")), ["text", 36, 1499, "text"]);
  });

  it("openPacket() refuses a body that is not whole blocks with number 53, and a short plaintext with number 6", () => {
    const code = (packet: string): number => {
      const opened = openPacket(utf8Bytes(packet), keys);
      return opened.ok ? 0 : opened.code;
    };
    assert.equal(code(sealMessage("1234567890123456:a:b:c:d:e:f:ghijkl", keys).slice(0, -2)), 53);
    assert.equal(code(sealMessage(`1234567890123456:${"a".repeat(18)}`, keys)), 6);
    assert.equal(code(sealMessage(`1234567890123456:${"a".repeat(19)}`, keys)), 8);
  });

  it("sealMessage() refuses a salt that is not 8 bytes", () => {
    for (const length of [0, 7, 9]) assert.throws(() => sealMessage("x", { ...keys, salt: random.bytes(length) }), /^RangeError: Cannot seal a message: expected 8 bytes of salt, got \d$/);
  });
});

describe("normalisePacket()", () => {
  const { packet } = sealed();
  const normal = (payload: string): string => {
    const result = normalisePacket(utf8Bytes(payload));
    return result.ok ? utf8Text(result.packet)! : result.layer;
  };

  it("gives one form for a packet with and without prefix and padding", () => {
    for (const variant of [packet, `U2FsdGVkX1${packet}`, `${packet}=`, `U2FsdGVkX1${packet}==`]) assert.equal(normal(variant), packet);
  });

  it("refuses foreign characters, padding inside and too much padding", () => {
    for (const variant of [`${packet}\n`, `${packet} `, packet.replace(/.$/, "-"), `${packet.slice(0, 50)}=${packet.slice(51)}`, `${packet}===`, "", "A".repeat(35), "A".repeat(1510)]) {
      assert.equal(normal(variant), "text", JSON.stringify(variant));
    }
  });
});

describe("OpenPGP packets", () => {
  // RFC 4880 §5.1: old-format tag 1, version 3, as gpg writes it for RSA-2048 and for an ECC key.
  const rsa = Uint8Array.from([0x85, 0x01, 0x0c, 0x03, ...random.bytes(400)]);
  const ecc = Uint8Array.from([0x84, 0x5e, 0x03, ...random.bytes(400)]);
  const hmac = new HmacKey(DIGESTS.sha256.hash, utf8Bytes("hmac key"));

  for (const [name, message, cut] of [
    ["an RSA", rsa, "hQ"],
    ["an ECC", ecc, ""],
  ] as const) {
    it(`sealOpenPgp() and openPgpMessage() keep a message to ${name} recipient`, () => {
      const packet = utf8Bytes(sealOpenPgp(message, { hmac }));
      assert.equal(openPgpPrefix(packet), cut);
      const checked = checkHmac(packet, hmac, cut);
      assert(checked.ok);
      const read = openPgpMessage(checked.body, cut);
      assert(read.ok);
      assert.deepEqual(read.message, message);
    });
  }
});

describe("secrets", () => {
  const digits = utf8Bytes("9876543210987654");
  const { plaintext } = encodeMessage({ random: "9876543210987654", username: "alice", timestamp: 1795344073, version: "3.0.0", type: 1, message: "203.0.113.5,tcp/22", digestType: "sha256" });
  const includes = (buffer: Uint8Array | Int32Array, secret: Uint8Array): boolean => Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).includes(Buffer.from(secret));
  /** A key schedule of AES-256 has 60 words. */
  const isSchedule = (buffer: Uint8Array | Int32Array): boolean => buffer instanceof Int32Array && buffer.length === 60;

  for (const mode of ["cbc", "ecb", "cfb", "ofb", "ctr", "legacy", "perl"] as const) {
    it(`sealMessage() and openPacket() leave no key, schedule or plaintext in a buffer of theirs in mode ${mode}`, () => {
      const key = utf8Bytes("0123456789abcdef");
      const salt = random.bytes(8);
      const passphrase = mode === "legacy" ? fitLegacyKey(key) : key;
      const derived = deriveKeyAndIv(passphrase, salt);
      const secrets = [key, derived.key, derived.iv, digits].map((secret) => secret.slice(0, 16));
      const options = { mode, key, salt, hmac: new HmacKey(DIGESTS.sha256.hash, utf8Bytes("hmac key")) };
      let packet = "";
      for (const task of [() => { packet = sealMessage(plaintext, options); }, () => assert(openPacket(utf8Bytes(packet), options).ok)]) {
        task(); // tables are made once
        const made = watchBuffers(task);
        assert(made.some(isSchedule), "the schedule was seen");
        for (const buffer of made) {
          assert(!secrets.some((secret) => includes(buffer, secret)), `left in ${buffer.length} elements`);
          assert(!isSchedule(buffer) || buffer.every((word) => word === 0), "the schedule is left");
        }
      }
    });
  }
});
