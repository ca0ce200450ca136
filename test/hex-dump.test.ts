import assert from "node:assert/strict";
import { test } from "node:test";
import { hexDump } from "../src/hex-dump.ts";

test("hexDump() prints what the C daemon prints", () => {
  assert.deepEqual(hexDump(new TextEncoder().encode("/fM/Ge8UWm6cYx+GAAAAAA")), [
    "  0x0000:  2f 66 4d 2f 47 65 38 55  57 6d 36 63 59 78 2b 47  /fM/Ge8UWm6cYx+G",
    "  0x0010:  41 41 41 41 41 41                                 AAAAAA",
  ]);
});

test("hexDump() shows no control byte as it is", () => {
  assert.match(hexDump(Uint8Array.of(0x1b, 0x41, 0x7f, 0xff))[0]!, /^  0x0000:  1b 41 7f ff +\.A\.\.$/);
  assert.deepEqual(hexDump(new Uint8Array(0)), []);
});
