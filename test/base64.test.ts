import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clearSpareBits, decodeBase64, encodeBase64, encodeBase64Bytes, isBase64Text, padBase64 } from "../src/base64.ts";
import { hexText, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { generator } from "./support/gen.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648 §10.
const PUBLISHED: readonly (readonly [data: string, text: string])[] = [
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
];

describe("base64 of RFC 4648", () => {
  for (const [data, text] of PUBLISHED) {
    const bare = text.replace(/=+$/, "");
    it(`encodeBase64() writes "${data}" as "${bare}", padBase64() completes it, and decodeBase64() reads both`, () => {
      assert.equal(encodeBase64(utf8Bytes(data)), bare);
      assert.equal(padBase64(bare), text);
      assert.deepEqual(decodeBase64(bare), utf8Bytes(data));
      assert.deepEqual(decodeBase64(text), utf8Bytes(data));
    });
  }

  it("encodeBase64() uses the alphabet of §4 in its order", () => {
    const sextets = Uint8Array.from({ length: 48 }, (_, at) => {
      const group = [0, 1, 2, 3].reduce((sum, place) => (sum << 6) | (4 * Math.floor(at / 3) + place), 0);
      return group >>> (16 - 8 * (at % 3));
    });
    assert.equal(encodeBase64(sextets), ALPHABET);
  });

  it("encodeBase64(), encodeBase64Bytes() and decodeBase64() agree with node:buffer on every length from 0 to 300", () => {
    const gen = generator("base64 lengths");
    for (let length = 0; length <= 300; length++) {
      for (let repeat = 0; repeat < 4; repeat++) {
        const data = gen.unaligned(gen.bytes(length));
        const before = hexText(data);
        const text = Buffer.from(data).toString("base64");
        const bare = text.replace(/=+$/, "");
        assert.equal(encodeBase64(data), bare);
        assert.equal(latin1Text(encodeBase64Bytes(data)), bare);
        assert.deepEqual(decodeBase64(text), data.slice());
        assert.deepEqual(decodeBase64(gen.unaligned(utf8Bytes(bare))), data.slice());
        assert.equal(hexText(data), before);
      }
    }
  });

  it("encodeBase64() and decodeBase64() agree with node:buffer on 1 MiB", () => {
    const data = generator("base64 large").bytes(1 << 20);
    const text = encodeBase64(data);
    assert.equal(text, Buffer.from(data).toString("base64").replace(/=+$/, ""));
    assert.deepEqual(decodeBase64(text), data);
  });
});

describe("decodeBase64() by the rules of the wire", () => {
  const rows: readonly (readonly [what: string, text: string, expected: string | undefined])[] = [
    ["stops at the first =", "Zm9v=YmFy", "foo"],
    ["stops at = though foreign characters follow", "Zm9v= \n*", "foo"],
    ["stops at NUL", "Zm9v\0YmFy", "foo"],
    ["stops at NUL though foreign characters follow", "Zm9v\0*", "foo"],
    ["stops at NUL in front of =", "Zm9v\0Ym=", "foo"],
    ["reads nothing in front of = as nothing", "=", ""],
    ["takes as much = as it likes", "Zg======", "f"],
    ["ignores the bits that are left of two characters", "Zh", "f"],
    ["ignores the bits that are left of three characters", "Zm9", "fo"],
    ["reads a single character as no byte", "Z", ""],
    ["drops a single character behind a group", "Zm9vY", "foo"],
    ["refuses a single foreign character", "*", undefined],
    ["refuses a foreign character behind a group", "Zm9v*", undefined],
    ["refuses a line feed at the end", "Zm9v\n", undefined],
    ["refuses a space", "Zm 9v", undefined],
    ["refuses a tab", "Zm9v\t", undefined],
    ["refuses the characters of the URL alphabet", "Zm-_", undefined],
    ["refuses a character that is Latin-1", "Zm9é", undefined],
    ["refuses a character whose low byte is in the alphabet", "Zm9\u0141", undefined],
    ["refuses half a surrogate pair", "Zm9\ud800", undefined],
  ];
  for (const [what, text, expected] of rows) {
    it(`decodeBase64() ${what}`, () => {
      const decoded = decodeBase64(text);
      assert.equal(decoded && latin1Text(decoded), expected);
    });
  }

  it("decodeBase64() refuses each of the 190 foreign bytes at each place, and only those", () => {
    for (let place = 0; place < 7; place++) {
      for (let byte = 0; byte < 256; byte++) {
        const text = utf8Bytes("Zm9vYmF");
        text[place] = byte;
        const accepted = byte === 0 || byte === 0x3d || ALPHABET.includes(String.fromCharCode(byte));
        assert.equal(decodeBase64(text) !== undefined, accepted, `byte ${byte} at ${place}`);
      }
    }
  });

  it("decodeBase64() gives ⌊3n/4⌋ bytes for n characters, the first bits of the text", () => {
    const gen = generator("decodeBase64 bits");
    for (let round = 0; round < 2000; round++) {
      const text = gen.text(gen.below(80), ALPHABET);
      const decoded = decodeBase64(text)!;
      assert.equal(decoded.length, Math.floor((text.length * 3) / 4));
      const bits = Array.from(text, (character) => ALPHABET.indexOf(character).toString(2).padStart(6, "0")).join("");
      assert.equal(Array.from(decoded, (byte) => byte.toString(2).padStart(8, "0")).join(""), bits.slice(0, 8 * decoded.length));
    }
  });

  it("clearSpareBits() makes all texts equal that decode alike, whatever was cut off before them, and leaves its argument", () => {
    const gen = generator("clearSpareBits");
    for (let round = 0; round < 500; round++) {
      const text = gen.text(2 + gen.below(40), ALPHABET);
      const cut = gen.below(text.length - 1);
      const given = utf8Bytes(text.slice(cut));
      const alike = Array.from(ALPHABET, (last) => text.slice(0, -1) + last).filter((other) => hexText(decodeBase64(other)!) === hexText(decodeBase64(text)!));
      const cleared = alike.map((other) => latin1Text(clearSpareBits(utf8Bytes(other.slice(cut)), cut)));
      assert.deepEqual(new Set(cleared).size, 1, text);
      assert.ok(alike.some((other) => other.slice(cut) === cleared[0]), text);
      clearSpareBits(given, cut);
      assert.equal(latin1Text(given), text.slice(cut));
    }
  });

  it("isBase64Text() knows the 64 characters, and no other at any place", () => {
    assert.equal(isBase64Text(utf8Bytes(ALPHABET)), true);
    for (let byte = 0; byte < 256; byte++) {
      for (const place of [0, 3, 6]) {
        const text = utf8Bytes("Zm9vYmF");
        text[place] = byte;
        assert.equal(isBase64Text(text), ALPHABET.includes(String.fromCharCode(byte)), `byte ${byte} at ${place}`);
      }
    }
  });

  it("decodeBase64() never throws on random bytes", () => {
    const gen = generator("decodeBase64 bytes");
    for (let round = 0; round < 2000; round++) decodeBase64(gen.bytes(gen.below(40)));
  });
});
