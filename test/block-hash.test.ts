import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blockHash } from "../src/_block-hash.ts";
import { hexText } from "../src/bytes.ts";

/** A function that mixes nothing, so that lengths which no test has time to hash can be seen in the padding. */
function recording(blockLength: number, littleEndian: boolean) {
  const seen: { last: string; view: DataView | undefined; blocks: number } = { last: "", view: undefined, blocks: 0 };
  const hash = blockHash({
    name: "recording",
    blockLength,
    digestLength: 8,
    littleEndian,
    initialState: Int32Array.of(0x01020304, 0x05060708),
    compress(_state, data, start, end) {
      seen.blocks += (end - start) / blockLength;
      seen.view = data;
      seen.last = hexText(new Uint8Array(data.buffer, data.byteOffset + end - blockLength, blockLength));
    },
  });
  return { hash, seen };
}

describe("blockHash()", () => {
  const chunk = new Uint8Array(1 << 20);

  it("blockHash() writes lengths beyond 2^32 bits in both byte orders", () => {
    for (const mebibytes of [1, 511, 512, 513, 5000]) {
      const bits = (BigInt(mebibytes) << 23n).toString(16).padStart(16, "0");
      for (const [blockLength, littleEndian] of [[64, false], [128, false], [64, true]] as const) {
        const { hash, seen } = recording(blockLength, littleEndian);
        const running = hash.create();
        for (let count = 0; count < mebibytes; count++) running.update(chunk);
        running.digest();
        const expected = littleEndian ? bits.match(/../g)!.reverse().join("") : bits;
        assert.equal(seen.last, `80${"00".repeat(blockLength - 9)}${expected}`, `${mebibytes} MiB`);
        assert.equal(seen.blocks, (mebibytes * chunk.length) / blockLength + 1);
      }
    }
  });

  it("blockHash() adds a block when the length does not fit behind the message: 8 bytes of 64, 16 of 128", () => {
    for (const blockLength of [64, 128]) {
      for (let length = 0; length < 2 * blockLength; length++) {
        const { hash, seen } = recording(blockLength, false);
        hash.create().update(chunk.subarray(0, length)).digest();
        assert.equal(seen.blocks, Math.ceil((length + 1 + blockLength / 8) / blockLength), `${length} bytes`);
      }
    }
  });

  it("blockHash() writes the state in either byte order", () => {
    assert.equal(hexText(recording(64, false).hash.create().digest()), "0102030405060708");
    assert.equal(hexText(recording(64, true).hash.create().digest()), "0403020108070605");
  });

  it("blockHash() leaves nothing of the message in its block after digest() and after wipe()", () => {
    for (const end of ["digest", "wipe"] as const) {
      const { hash, seen } = recording(64, false);
      const running = hash.create().update(chunk.slice(0, 1).fill(7)).update(new Uint8Array(63).fill(7));
      running.update(new Uint8Array(50).fill(7))[end]();
      assert.equal(hexText(new Uint8Array(seen.view!.buffer)), "00".repeat(64));
    }
  });
});
