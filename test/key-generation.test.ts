import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text } from "../src/bytes.ts";
import { formatKeys, generateKeys, type KeyGenOptions } from "../src/client/key-generation.ts";
import { generator } from "./support/gen.ts";

const lengths = (options: KeyGenOptions): readonly number[] => {
  const keys = generateKeys((length) => new Uint8Array(length).fill(7), options);
  return [keys.keyBase64, keys.hmacKeyBase64].map((key) => Buffer.from(latin1Text(key), "base64").length);
};

test("generateKeys() makes keys of the C program's lengths", () => {
  assert.deepEqual(lengths({}), [32, 64]);
  for (const [hmacDigestType, length] of [["md5", 16], ["sha1", 20], ["sha256", 64], ["sha384", 128], ["sha512", 128]] as const) assert.deepEqual(lengths({ hmacDigestType }), [32, length]);
  assert.deepEqual(lengths({ keyLength: 1, hmacKeyLength: 128, hmacDigestType: "sha3_256" }), [1, 128]);
  assert.deepEqual(lengths({ hmacDigestType: "sha3_512" }), [32, 72]);
});

test("generateKeys() refuses what the cipher does not take", () => {
  assert.throws(() => generateKeys((length) => new Uint8Array(length), { keyLength: 33 }), { name: "FkoError", code: 68 });
});

test("formatKeys() writes two lines with padded base64", () => {
  const gen = generator("keys");
  const drawn: string[] = [];
  const keys = generateKeys((length) => {
    const bytes = gen.bytes(length);
    drawn.push(Buffer.from(bytes).toString("base64"));
    return bytes;
  }, { keyLength: 31 });
  assert.equal(latin1Text(formatKeys(keys)), `KEY_BASE64: ${drawn[0]}\nHMAC_KEY_BASE64: ${drawn[1]}\n`);
});
