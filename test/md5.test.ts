import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { hexText, utf8Bytes } from "../src/bytes.ts";
import { digest } from "../src/hash.ts";
import { md5 } from "../src/md5.ts";
import { describeHash } from "./support/hash-suite.ts";

describe("md5", () => {
  // RFC 1321, A.5.
  const suite: readonly (readonly [message: string, expected: string])[] = [
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
    ["a", "0cc175b9c0f1b6a831c399e269772661"],
    ["abc", "900150983cd24fb0d6963f7d28e17f72"],
    ["message digest", "f96b697d7cb7938d525a2f31aaf161d0"],
    ["abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"],
    ["12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a"],
  ];
  for (const [message, expected] of suite) {
    it(`md5 hashes "${message.slice(0, 26)}" as RFC 1321 does`, () => assert.equal(hexText(digest(md5, utf8Bytes(message))), expected));
  }

  it("md5 is written with the constants ⌊2^32·|sin(i)|⌋ of RFC 1321 §3.4, in order", () => {
    const source = readFileSync(new URL("../src/md5.ts", import.meta.url), "utf8");
    const written = [...source.matchAll(/ \+ 0x([0-9a-f]{8})\) \| 0;/g)].map((match) => Number.parseInt(match[1]!, 16));
    assert.deepEqual(written, Array.from({ length: 64 }, (_, step) => Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1)))));
  });
});

describeHash("md5", md5, "md5");
