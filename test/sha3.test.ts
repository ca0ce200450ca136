import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { permuteKeccak, ROUND_CONSTANTS } from "../src/_keccak.ts";
import { hexText, utf8Bytes } from "../src/bytes.ts";
import { digest, type HashFunction } from "../src/hash.ts";
import { sha3_256, sha3_512 } from "../src/sha3.ts";
import { generator } from "./support/gen.ts";
import { describeHash } from "./support/hash-suite.ts";
import { readVectors } from "./support/response-file.ts";
import { slowKeccak } from "./support/slow-keccak.ts";

const FUNCTIONS: Readonly<Record<string, { readonly hash: HashFunction; readonly file: string; readonly platformName: string }>> = {
  sha3_256: { hash: sha3_256, file: "SHA3_256", platformName: "sha3-256" },
  sha3_512: { hash: sha3_512, file: "SHA3_512", platformName: "sha3-512" },
};

describe("the examples of FIPS 202", () => {
  const examples: readonly (readonly [name: string, hash: HashFunction, message: string, expected: string])[] = [
    ["sha3_256", sha3_256, "", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"],
    ["sha3_256", sha3_256, "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"],
    ["sha3_512", sha3_512, "", "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26"],
    ["sha3_512", sha3_512, "abc", "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"],
  ];
  for (const [name, hash, message, expected] of examples) {
    it(`${name} hashes "${message}"`, () => assert.equal(hexText(digest(hash, utf8Bytes(message))), expected));
  }

  it("sha3_256 hashes 200 times 0xa3, NIST's example of 1600 bits", () => {
    assert.equal(hexText(digest(sha3_256, new Uint8Array(200).fill(0xa3))), "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787");
  });

  it("sha3_256 and sha3_512 report the rates 136 and 72 as block length", () => {
    assert.equal(sha3_256.blockLength, 136);
    assert.equal(sha3_512.blockLength, 72);
  });
});

for (const [name, { hash, file }] of Object.entries(FUNCTIONS)) {
  describe(`${name} and NIST's vectors`, () => {
    it(`${name} gives every digest of ${file}ShortMsg.rsp`, () => {
      const vectors = readVectors(`sha/${file}ShortMsg.rsp`).filter((vector) => vector.has("Msg"));
      assert(vectors.length > 70);
      for (const vector of vectors) {
        const message = vector.bytes("Msg").subarray(0, Number(vector.text("Len")) / 8);
        assert.equal(hexText(digest(hash, message)), vector.text("MD"), `Len = ${vector.text("Len")}`);
      }
    });

    // SHA3VS §6.2.3: each message is the digest before it.
    it(`${name} arrives at every checkpoint of ${file}Monte.rsp`, () => {
      const vectors = readVectors(`sha/${file}Monte.rsp`);
      let message = vectors.find((vector) => vector.has("Seed"))!.bytes("Seed");
      const checkpoints = vectors.filter((vector) => vector.has("MD"));
      assert.equal(checkpoints.length, 100);
      for (const vector of checkpoints) {
        for (let step = 0; step < 1000; step++) message = digest(hash, message);
        assert.equal(hexText(message), vector.text("MD"), `COUNT = ${vector.text("COUNT")}`);
      }
    });
  });
}

describe("permuteKeccak()", () => {
  it("uses the ROUND_CONSTANTS that the shift register of FIPS 202 §3.2.5 makes", () => {
    // Algorithm 5: bit 2^j - 1 of the constant is the register's output.
    let register = 1;
    const made: number[] = [];
    for (let round = 0; round < 24; round++) {
      let constant = 0n;
      for (let j = 0; j <= 6; j++) {
        if (register & 1) constant |= 1n << BigInt(2 ** j - 1);
        register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
      }
      made.push(Number(BigInt.asIntN(32, constant)), Number(BigInt.asIntN(32, constant >> 32n)));
    }
    assert.deepEqual([...ROUND_CONSTANTS], made);
  });

  it("agrees with the definition of FIPS 202 §3, done lane by lane", () => {
    const gen = generator("permuteKeccak");
    for (let round = 0; round < 20; round++) {
      const state = Int32Array.from({ length: 50 }, () => gen.uint32() | 0);
      const expected = slowKeccak(state);
      permuteKeccak(state);
      assert.deepEqual(state, expected);
    }
  });
});

for (const [name, { hash, platformName }] of Object.entries(FUNCTIONS)) describeHash(name, hash, platformName);
