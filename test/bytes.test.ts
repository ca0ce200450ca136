import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concatBytes, constantTimeEqual, hexBytes, hexText, latin1Text, utf8Bytes, utf8Text, wipe } from "../src/bytes.ts";
import { generator } from "./support/gen.ts";

describe("utf8Bytes() and utf8Text()", () => {
  it("utf8Bytes() encodes what utf8Text() decodes, byte order marks and NULs included", () => {
    for (const text of ["", "plain", "pässwörd", "\ufeffmark", "nul\0inside", "\u{1f511}"]) assert.equal(utf8Text(utf8Bytes(text)), text);
    assert.deepEqual(utf8Bytes("ä€"), Uint8Array.of(0xc3, 0xa4, 0xe2, 0x82, 0xac));
  });

  it("utf8Text() gives undefined for bytes that are not UTF-8", () => {
    for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0x80]]) assert.equal(utf8Text(Uint8Array.from(bytes)), undefined);
  });
});

describe("latin1Text()", () => {
  it("latin1Text() maps every byte to the code point of the same number", () => {
    const text = latin1Text(Uint8Array.from({ length: 256 }, (_, byte) => byte));
    assert.deepEqual(Array.from(text, (character) => character.codePointAt(0)), Array.from({ length: 256 }, (_, code) => code));
  });

  it("latin1Text() keeps the order over its pieces of 4096 bytes", () => {
    const gen = generator("latin1Text");
    for (const length of [0, 1, 4095, 4096, 4097, 8192, 100_001]) {
      const bytes = gen.bytes(length);
      assert.equal(latin1Text(bytes), Buffer.from(bytes).toString("latin1"));
    }
  });
});

describe("concatBytes()", () => {
  it("concatBytes() joins any number of parts to a fresh array", () => {
    const gen = generator("concatBytes");
    assert.deepEqual(concatBytes(), new Uint8Array(0));
    for (let round = 0; round < 100; round++) {
      const parts = gen.list(gen.below(6), () => gen.unaligned(gen.bytes(gen.below(20))));
      assert.deepEqual([...concatBytes(...parts)], parts.flatMap((part) => [...part]));
    }
    const only = Uint8Array.of(1, 2, 3);
    concatBytes(only).fill(0);
    assert.deepEqual(only, Uint8Array.of(1, 2, 3));
  });
});

describe("constantTimeEqual()", () => {
  it("constantTimeEqual() accepts equal content in different buffers", () => {
    const gen = generator("constantTimeEqual equal");
    for (let length = 0; length <= 100; length++) {
      const bytes = gen.bytes(length);
      assert.equal(constantTimeEqual(bytes, gen.unaligned(bytes)), true);
    }
  });

  it("constantTimeEqual() sees every single changed bit", () => {
    const bytes = generator("constantTimeEqual bits").bytes(43);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = bytes.slice();
      changed[bit >>> 3]! ^= 1 << (bit & 7);
      assert.equal(constantTimeEqual(bytes, changed), false, `bit ${bit}`);
      assert.equal(constantTimeEqual(changed, bytes), false, `bit ${bit}`);
    }
  });

  it("constantTimeEqual() refuses different lengths, prefixes and zeros included", () => {
    assert.equal(constantTimeEqual(new Uint8Array(0), new Uint8Array(1)), false);
    assert.equal(constantTimeEqual(new Uint8Array(32), new Uint8Array(31)), false);
    assert.equal(constantTimeEqual(new Uint8Array(31), new Uint8Array(32)), false);
  });
});

describe("wipe()", () => {
  it("wipe() zeroes every buffer and nothing around a view", () => {
    const buffer = new Uint8Array(8).fill(7);
    const words = Int32Array.of(1, 2, 3);
    wipe(buffer.subarray(2, 5), words);
    assert.deepEqual(buffer, Uint8Array.of(7, 7, 0, 0, 0, 7, 7, 7));
    assert.deepEqual(words, new Int32Array(3));
  });
});

describe("hexText() and hexBytes()", () => {
  it("hexText() writes two lower-case digits a byte, and hexBytes() reads them in either case", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    assert.equal(hexText(bytes), Buffer.from(bytes).toString("hex"));
    assert.deepEqual(hexBytes(hexText(bytes)), bytes);
    assert.deepEqual(hexBytes(hexText(bytes).toUpperCase()), bytes);
    assert.deepEqual(hexBytes(""), new Uint8Array(0));
  });

  it("hexBytes() gives undefined for anything else", () => {
    for (const text of ["0", "0g", "0x00", " 00", "00 ", "00\n", "+1", "é0", "-1"]) assert.equal(hexBytes(text), undefined, text);
  });
});
