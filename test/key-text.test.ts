import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { checkKeyLength, decodeKey, findKeyInFile } from "../src/client/key-text.ts";

test("decodeKey() takes base64 with and without its end, of 1 to 128 bytes", () => {
  assert.deepEqual(decodeKey(utf8Bytes("AAEC"), "HMAC"), { ok: true, value: Uint8Array.of(0, 1, 2) });
  assert.deepEqual(decodeKey(utf8Bytes("AA=="), "HMAC"), { ok: true, value: Uint8Array.of(0) });
  assert.deepEqual(decodeKey(utf8Bytes("AA"), "HMAC"), { ok: true, value: Uint8Array.of(0) });
  const of = (bytes: number): Uint8Array => utf8Bytes(Buffer.alloc(bytes, 1).toString("base64"));
  assert.ok(decodeKey(of(128), "Rijndael").ok);
  assert.deepEqual(decodeKey(of(129), "Rijndael"), { ok: false, message: "Rijndael key: Invalid key length: '129', must be in [1,128]" });
  assert.deepEqual(decodeKey(of(129), "HMAC"), { ok: false, message: "HMAC key: Invalid decoded key length: '129', must be in [1,128]" });
});

test("decodeKey() refuses other text, also a key of no bytes, without showing it", () => {
  for (const text of ["s3cret!", "AA=A", "====", "A A", "AA\0"]) {
    assert.deepEqual(decodeKey(utf8Bytes(text), "HMAC"), { ok: false, message: "Base64 encoded HMAC argument doesn't look like base64-encoded data" }, text);
  }
  assert.deepEqual(decodeKey(utf8Bytes(""), "HMAC"), { ok: false, message: "HMAC key: Invalid decoded key length: '0', must be in [1,128]" });
  assert.ok(!checkKeyLength(new Uint8Array(0), "Rijndael").ok);
});

test("findKeyInFile() takes the rest of the last line for the server, as it is", () => {
  const file = utf8Bytes("# 10.0.0.1: no\n10.0.0.1: first\n10.0.0.11: other\n;10.0.0.1: no\n \t=10.0.0.1:\t= a b;#c \r\n10.0.0.1 : no\nhost: x");
  assert.deepEqual(findKeyInFile(file, utf8Bytes("10.0.0.1")), utf8Bytes("a b;#c \r"));
  assert.deepEqual(findKeyInFile(file, utf8Bytes("host")), utf8Bytes("x"));
  assert.equal(findKeyInFile(file, utf8Bytes("10.0.0.2")), undefined);
  assert.equal(findKeyInFile(file, utf8Bytes("hos")), undefined);
  assert.deepEqual(findKeyInFile(utf8Bytes("h:"), utf8Bytes("h")), new Uint8Array(0));
});
