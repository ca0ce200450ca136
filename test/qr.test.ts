import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeQr, type QrCode } from "../src/qr.ts";

function rows(code: QrCode): string[] {
  return Array.from({ length: code.size }, (_, row) => Array.from(code.modules.subarray(row * code.size, (row + 1) * code.size), (dark) => (dark === 1 ? "#" : ".")).join(""));
}

test("encodeQr() draws finders, timing and the dark module where every reader looks for them", () => {
  const code = encodeQr("fko-tool");
  assert.deepEqual([code.version, code.size, code.errorCorrection], [1, 21, "M"]);
  const drawn = rows(code);
  for (const [at, pattern] of ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"].entries()) {
    assert.equal(drawn[at]!.slice(0, 7), pattern);
    assert.equal(drawn[at]!.slice(14), pattern);
    assert.equal(drawn[14 + at]!.slice(0, 7), pattern);
  }
  assert.equal(drawn[6]!.slice(7, 14), ".#.#.#.");
  assert.equal(drawn.map((row) => row[6]).join("").slice(7, 14), ".#.#.#.");
  assert.equal(drawn[13]![8], "#");
});

test("encodeQr() writes the format information of ISO/IEC 18004 Annex C in both places", () => {
  // Table C.1: level M, masks 0 to 7.
  const formats = [0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0];
  const seen = new Set<number>();
  for (let length = 1; length < 60; length++) {
    const code = encodeQr("m".repeat(length));
    seen.add(code.mask);
    const drawn = rows(code);
    const last = code.size - 1;
    const around = [[8, 0], [8, 1], [8, 2], [8, 3], [8, 4], [8, 5], [8, 7], [8, 8], [7, 8], [5, 8], [4, 8], [3, 8], [2, 8], [1, 8], [0, 8]] as const;
    const apart = [...Array.from({ length: 7 }, (_, at) => [last - at, 8] as const), ...Array.from({ length: 8 }, (_, at) => [8, last - 7 + at] as const)];
    for (const places of [around, apart]) {
      const bits = places.reduce((value, [row, column]) => value * 2 + (drawn[row]![column] === "#" ? 1 : 0), 0);
      assert.equal(bits, formats[code.mask]);
    }
  }
  assert.ok(seen.size > 3, "several masks are taken");
});

test("encodeQr() writes the version information of Annex D from version 7 on", () => {
  const code = encodeQr("v".repeat(150), "L");
  assert.equal(code.version, 7);
  const drawn = rows(code);
  let bits = 0;
  for (let bit = 17; bit >= 0; bit--) bits = bits * 2 + (drawn[Math.floor(bit / 3)]![code.size - 11 + (bit % 3)] === "#" ? 1 : 0);
  assert.equal(bits, 0x07c94);
});

test("encodeQr() places alignment patterns as Annex E lists them", () => {
  const lists: readonly (readonly [length: number, version: number, positions: readonly number[]])[] = [
    [30, 2, [6, 18]], [150, 7, [6, 22, 38]], [450, 14, [6, 26, 46, 66]], [1900, 32, [6, 34, 60, 86, 112, 138]], [2400, 36, [6, 24, 50, 76, 102, 128, 154]], [2953, 40, [6, 30, 58, 86, 114, 142, 170]],
  ];
  for (const [length, version, positions] of lists) {
    const code = encodeQr("a".repeat(length), "L");
    assert.equal(code.version, version);
    const drawn = rows(code);
    for (const row of positions.slice(1)) {
      for (const column of positions.slice(1)) {
        assert.deepEqual(drawn.slice(row - 2, row + 3).map((line) => line.slice(column - 2, column + 3)), ["#####", "#...#", "#.#.#", "#...#", "#####"], `${version}: ${row}, ${column}`);
      }
    }
  }
});

test("encodeQr() refuses what no version holds", () => {
  assert.throws(() => encodeQr("a".repeat(2954), "L"), { name: "RangeError", message: "Cannot make a QR code: 2954 bytes fit in no version at level L" });
});
