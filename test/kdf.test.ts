import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { hexBytes, hexText, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { deriveKeyAndIv, fitLegacyKey, fitPerlKey } from "../src/kdf.ts";
import { decryptRijndael, unpadPkcs7 } from "../src/rijndael.ts";
import { generator } from "./support/gen.ts";

describe("deriveKeyAndIv()", () => {
  // What `openssl enc -aes-256-cbc -md md5 -S SALT -k PASSPHRASE -P` prints; OpenSSL 3.0.
  const printed: readonly (readonly [passphrase: string, salt: string, key: string, iv: string])[] = [
    ["", "0001020304050607", "3677509751ccf61539174d2b9635a7bf32b6a281e52169373c36f5fc52ad30fb", "ad5cbbe891ace81f545d9efdddabec8f"],
    ["", "fffefdfcfbfaf9f8", "22a14294fa4c9fb04869476b5057aad97dd4c2e59ec3036f484ce8df3c92de40", "78aa392b7f1b829df330db862af35198"],
    ["password", "0001020304050607", "b03096345e805d3aa4392d2e72791dfb13e12d3f61094a3fc347ace86b99ada6", "acde38b46073eef81840283e44a4b22a"],
    ["password", "fffefdfcfbfaf9f8", "355a7e468a9feef61f92a4a4e6b95683e8e965223cdacf00acef1f37de0a3f7a", "a01abfc7d3291b21ec428c36ab8b6c84"],
    ["0000000000000000", "0001020304050607", "f62b24eabbcbb24cc35415b397404603897e8bb5de3774ad837b9cbe10b81bdf", "69e79a3d842a130f70bd2d4507943907"],
    [
      "correct horse battery staple, and more than 32 bytes",
      "fffefdfcfbfaf9f8",
      "a23028e3cbdadb05f61e2dabae1c5a4a9738d21f2f600625a4ed3822c4ae808c",
      "75f2a07b50a7bcb12ebf0806896eab5d",
    ],
    ["pässwörd", "0001020304050607", "28c931f102969f629f5e642ab37ced26820548ac91efe345760c36503cd54ef9", "6aaf7c34c5eb64851e8d58c391edad90"],
  ];
  for (const [passphrase, salt, key, iv] of printed) {
    it(`deriveKeyAndIv() derives from "${passphrase.slice(0, 16)}" and ${salt} what OpenSSL does`, () => {
      const derived = deriveKeyAndIv(utf8Bytes(passphrase), hexBytes(salt)!);
      assert.equal(hexText(derived.key), key);
      assert.equal(hexText(derived.iv), iv);
    });
  }

  it("deriveKeyAndIv() and decryptRijndael() open what `openssl enc` encrypted", () => {
    const ciphertext = hexBytes("169cf4bac92d6ad612b66f8836fae6ab644eba54cf4946da669350ea7829a063")!;
    const { key, iv } = deriveKeyAndIv(utf8Bytes("password"), hexBytes("0001020304050607")!);
    assert.equal(latin1Text(unpadPkcs7(decryptRijndael(ciphertext, { mode: "cbc", key, iv }))), "attack at dawn, 22 bytes");
  });

  it("deriveKeyAndIv() follows EVP_BytesToKey for passphrases of every length from 0 to 200", () => {
    const gen = generator("deriveKeyAndIv");
    for (let length = 0; length <= 200; length++) {
      const passphrase = gen.unaligned(gen.bytes(length));
      const salt = gen.unaligned(gen.bytes(8));
      const before = hexText(passphrase) + hexText(salt);
      const blocks = [Buffer.alloc(0)];
      for (let round = 1; round <= 3; round++) {
        blocks.push(createHash("md5").update(blocks[round - 1]!).update(passphrase).update(salt).digest());
      }
      const { key, iv } = deriveKeyAndIv(passphrase, salt);
      assert.equal(hexText(key) + hexText(iv), Buffer.concat(blocks).toString("hex"));
      assert.equal(hexText(passphrase) + hexText(salt), before);
    }
  });

  it("deriveKeyAndIv() returns arrays of their own, so that wiping them wipes all", () => {
    const { key, iv } = deriveKeyAndIv(utf8Bytes("password"), new Uint8Array(8));
    assert.equal(key.buffer.byteLength, 32);
    assert.equal(iv.buffer.byteLength, 16);
  });

  it("deriveKeyAndIv() throws for a salt of another length", () => {
    for (const length of [0, 7, 9, 16]) {
      assert.throws(() => deriveKeyAndIv(utf8Bytes("password"), new Uint8Array(length)), {
        name: "RangeError",
        message: `Cannot derive a key: expected 8 bytes of salt, got ${length}`,
      });
    }
  });
});

describe("fitLegacyKey() and fitPerlKey()", () => {
  const rows: readonly (readonly [key: string, legacy: string, perl: string])[] = [
    ["", "0000000000000000", "0000000000000000"],
    ["secret", "secret0000000000", "secret0000000000"],
    ["fifteen letters", "fifteen letters0", "fifteen letters0"],
    ["sixteen letters.", "sixteen letters.", "sixteen letters."],
    ["seventeen letters", "seventeen letter", "seventeen letters"],
    ["more than thirty-two letters, much more", "more than thirty", "more than thirty-two letters, much more"],
  ];
  for (const [key, legacy, perl] of rows) {
    it(`fitLegacyKey() makes "${legacy}" of "${key}", and fitPerlKey() ${perl === legacy ? "too" : "keeps it"}`, () => {
      const bytes = utf8Bytes(key);
      assert.equal(latin1Text(fitLegacyKey(bytes)), legacy);
      assert.equal(latin1Text(fitPerlKey(bytes)), perl);
      assert.equal(latin1Text(bytes), key);
    });
  }

  it("fitLegacyKey() and fitPerlKey() return copies, which the caller may wipe", () => {
    const key = utf8Bytes("sixteen letters.");
    fitLegacyKey(key).fill(0);
    fitPerlKey(key).fill(0);
    assert.equal(latin1Text(key), "sixteen letters.");
  });
});
