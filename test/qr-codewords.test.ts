import assert from "node:assert/strict";
import { test } from "node:test";
import { hexText } from "../src/bytes.ts";
import { encodeQrCodewords, type QrErrorCorrection } from "../src/qr-codewords.ts";

test("encodeQrCodewords() makes the codewords of the example in ISO/IEC 18004, Annex I", () => {
  const { version, codewords } = encodeQrCodewords("01234567", "M");
  assert.equal(version, 1);
  assert.equal(hexText(codewords), "1020" + "0c56" + "6180" + "ec11".repeat(5) + "a524d4c1ed36c7872c55");
});

// Characters that fit, ISO/IEC 18004 Table 7: version, level, numeric, alphanumeric, byte.
const CAPACITIES: readonly (readonly [version: number, level: QrErrorCorrection, digits: number, alphanumerics: number, bytes: number])[] = [
  [1, "L", 41, 25, 17], [1, "M", 34, 20, 14], [1, "Q", 27, 16, 11], [1, "H", 17, 10, 7],
  [2, "L", 77, 47, 32], [6, "M", 255, 154, 106], [7, "L", 370, 224, 154], [9, "H", 235, 143, 98],
  [10, "L", 652, 395, 271], [10, "M", 513, 311, 213], [13, "M", 796, 483, 331], [14, "L", 1101, 667, 458],
  [26, "Q", 1804, 1094, 751], [27, "L", 3517, 2132, 1465], [32, "M", 3693, 2238, 1538], [40, "L", 7089, 4296, 2953], [40, "H", 3057, 1852, 1273],
];

test("encodeQrCodewords() takes the smallest version, and fills each to its last character", () => {
  for (const [version, level, digits, alphanumerics, bytes] of CAPACITIES) {
    for (const [character, count] of [["7", digits], ["Z", alphanumerics], ["z", bytes]] as const) {
      assert.equal(encodeQrCodewords(character.repeat(count), level).version, version, `${version}-${level} ${character}`);
      if (version === 40) {
        assert.throws(() => encodeQrCodewords(character.repeat(count + 1), level), { name: "RangeError", message: /fit in no version at level/ });
      } else {
        assert.equal(encodeQrCodewords(character.repeat(count + 1), level).version, version + 1, `${version}-${level} ${character}`);
      }
    }
  }
});

test("encodeQrCodewords() writes bytes as bytes, even when they are digits", () => {
  const text = encodeQrCodewords("123", "L").codewords;
  const bytes = encodeQrCodewords(new TextEncoder().encode("123"), "L").codewords;
  assert.equal(text[0]! >> 4, 1);
  assert.equal(bytes[0]! >> 4, 4);
});

test("encodeQrCodewords() gives every version its codewords (Table 1)", () => {
  const totals = new Map([[1, 26], [2, 44], [6, 172], [7, 196], [14, 581], [15, 655], [21, 1156], [32, 2465], [40, 3706]]);
  for (let length = 1; length < 2953; length += 20) {
    const { version, codewords } = encodeQrCodewords("z".repeat(length), "L");
    assert.equal(codewords.length, totals.get(version) ?? codewords.length);
  }
});
