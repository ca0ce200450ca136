/**
 * What every hash function has to do, whichever it is.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { hexText } from "../../src/bytes.ts";
import { digest, type HashFunction } from "../../src/hash.ts";
import { generator } from "./gen.ts";

const MEBIBYTE = 1 << 20;

/** @returns the digest by the platform's own implementation */
function platformDigest(platformName: string, data: Uint8Array): string {
  return createHash(platformName).update(data).digest("hex");
}

/**
 * Declares the tests that all hash functions share.
 *
 * @param name the exported symbol
 * @param hash the function
 * @param platformName its name in node:crypto, which is the oracle
 */
export function describeHash(name: string, hash: HashFunction, platformName: string): void {
  const expected = (data: Uint8Array) => platformDigest(platformName, data);

  describe(`${name} as every hash function`, () => {
    it(`${name} agrees with node:crypto on every length from 0 to 300`, () => {
      const gen = generator(`${name} lengths`);
      for (let length = 0; length <= 300; length++) {
        for (let repeat = 0; repeat < 4; repeat++) {
          const data = gen.bytes(length);
          assert.equal(hexText(digest(hash, data)), expected(data), `${length} bytes`);
        }
      }
    });

    it(`${name} agrees with node:crypto on extreme bytes around every block boundary`, () => {
      for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
        for (let blocks = 1; blocks <= 3; blocks++) {
          for (let around = -20; around <= 2; around++) {
            const data = new Uint8Array(blocks * hash.blockLength + around).fill(byte);
            assert.equal(hexText(digest(hash, data)), expected(data), `${data.length} times ${byte}`);
          }
        }
      }
    });

    it(`${name} agrees with node:crypto on 1 MiB, and on a length that is no multiple of anything`, () => {
      const gen = generator(`${name} large`);
      for (const length of [MEBIBYTE, 999_983]) {
        const data = gen.bytes(length);
        assert.equal(hexText(digest(hash, data)), expected(data));
      }
    });

    it(`${name} reports the length of its digest`, () => assert.equal(digest(hash, new Uint8Array(0)).length, hash.digestLength));

    it(`${name} gives the same digest however update() is chunked`, () => {
      const gen = generator(`${name} chunks`);
      const data = gen.bytes(2 * hash.blockLength + 13);
      const whole = expected(data);
      for (let cut = 0; cut <= data.length; cut++) {
        assert.equal(hexText(hash.create().update(data.subarray(0, cut)).update(data.subarray(cut)).digest()), whole, `cut at ${cut}`);
      }
      for (let size = 1; size <= hash.blockLength + 1; size++) {
        const running = hash.create();
        for (let at = 0; at < data.length; at += size) running.update(data.subarray(at, at + size));
        assert.equal(hexText(running.digest()), whole, `pieces of ${size}`);
      }
      for (let round = 0; round < 200; round++) {
        const message = gen.bytes(gen.below(600));
        const running = hash.create();
        for (const chunk of gen.chunks(message)) running.update(chunk);
        assert.equal(hexText(running.digest()), expected(message));
      }
    });

    it(`${name} reads views at any offset and changes none`, () => {
      const gen = generator(`${name} views`);
      for (let offset = 0; offset < 17; offset++) {
        const buffer = gen.bytes(offset + 3 * hash.blockLength + 5);
        const before = buffer.slice();
        const view = buffer.subarray(offset, buffer.length - 2);
        assert.equal(hexText(digest(hash, view)), expected(view));
        assert.deepEqual(buffer, before);
      }
    });

    it(`${name} starts over after digest() and after wipe()`, () => {
      const gen = generator(`${name} again`);
      const running = hash.create();
      for (let round = 0; round < 20; round++) {
        const data = gen.bytes(gen.below(400));
        assert.equal(hexText(running.update(data).digest()), expected(data));
        assert.equal(hexText(running.update(data).digest()), expected(data));
        running.update(gen.bytes(gen.below(400))).wipe();
      }
      assert.equal(hexText(running.digest()), expected(new Uint8Array(0)));
    });

    it(`${name} writes with digestInto() the same bytes as with digest(), and none behind them`, () => {
      const data = generator(`${name} into`).bytes(77);
      const target = new Uint8Array(hash.digestLength + 3).fill(0xee);
      hash.create().update(data).digestInto(target);
      assert.equal(hexText(target), `${expected(data)}eeeeee`);
    });

    it(`${name} branches with copyFrom() without disturbing either side`, () => {
      const gen = generator(`${name} copies`);
      for (let round = 0; round < 100; round++) {
        const [stem, left, right] = [gen.bytes(gen.below(300)), gen.bytes(gen.below(300)), gen.bytes(gen.below(300))];
        const original = hash.create().update(stem);
        const copy = hash.create().update(right).copyFrom(original);
        original.update(left);
        copy.update(right);
        assert.equal(hexText(original.digest()), expected(Buffer.concat([stem, left])));
        assert.equal(hexText(copy.digest()), expected(Buffer.concat([stem, right])));
      }
    });

    it(`${name} returns a fresh array each time`, () => {
      const running = hash.create();
      const first = running.digest();
      const text = hexText(first);
      running.update(Uint8Array.of(1)).digest();
      assert.equal(hexText(first), text);
      assert.equal(first.buffer.byteLength, hash.digestLength);
    });
  });
}
