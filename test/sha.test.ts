import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { K256 } from "../src/_sha256.ts";
import { K512 } from "../src/_sha512.ts";
import { type Bytes, concatBytes, hexText, utf8Bytes } from "../src/bytes.ts";
import { digest, type HashFunction } from "../src/hash.ts";
import { sha1, sha256, sha384, sha512 } from "../src/sha.ts";
import { sha3_256 } from "../src/sha3.ts";
import { describeHash } from "./support/hash-suite.ts";
import { readVectors } from "./support/response-file.ts";

const FUNCTIONS: Readonly<Record<string, { readonly hash: HashFunction; readonly file: string; readonly platformName: string }>> = {
  sha1: { hash: sha1, file: "SHA1", platformName: "sha1" },
  sha256: { hash: sha256, file: "SHA256", platformName: "sha256" },
  sha384: { hash: sha384, file: "SHA384", platformName: "sha384" },
  sha512: { hash: sha512, file: "SHA512", platformName: "sha512" },
};

describe("the examples of FIPS 180-4", () => {
  const short = "abc";
  const twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  const twoLongBlocks =
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
  const examples: readonly (readonly [name: string, hash: HashFunction, message: string, expected: string])[] = [
    ["sha1", sha1, short, "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["sha1", sha1, twoBlocks, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
    ["sha256", sha256, short, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["sha256", sha256, twoBlocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"],
    ["sha384", sha384, short, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
    ["sha384", sha384, twoLongBlocks, "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039"],
    [
      "sha512",
      sha512,
      short,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ],
    [
      "sha512",
      sha512,
      twoLongBlocks,
      "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
    ],
  ];
  for (const [name, hash, message, expected] of examples) {
    it(`${name} hashes "${message.slice(0, 12)}"`, () => assert.equal(hexText(digest(hash, utf8Bytes(message))), expected));
  }

  const million: Readonly<Record<string, string>> = {
    sha1: "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
    sha256: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    sha384: "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985",
    sha512:
      "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
  };
  for (const [name, { hash }] of Object.entries(FUNCTIONS)) {
    it(`${name} hashes a million times "a"`, () => assert.equal(hexText(digest(hash, new Uint8Array(1_000_000).fill(0x61))), million[name]));
  }
});

for (const [name, { hash, file }] of Object.entries(FUNCTIONS)) {
  describe(`${name} and NIST's vectors`, () => {
    it(`${name} gives every digest of ${file}ShortMsg.rsp`, () => {
      const vectors = readVectors(`sha/${file}ShortMsg.rsp`).filter((vector) => vector.has("Msg"));
      assert(vectors.length > 60);
      for (const vector of vectors) {
        const message = vector.bytes("Msg").subarray(0, Number(vector.text("Len")) / 8);
        assert.equal(hexText(digest(hash, message)), vector.text("MD"), `Len = ${vector.text("Len")}`);
      }
    });

    // SHAVS §6.4: each message is the last three digests.
    it(`${name} arrives at every checkpoint of ${file}Monte.rsp`, () => {
      const vectors = readVectors(`sha/${file}Monte.rsp`);
      let seed: Bytes = vectors.find((vector) => vector.has("Seed"))!.bytes("Seed");
      const checkpoints = vectors.filter((vector) => vector.has("MD"));
      assert.equal(checkpoints.length, 100);
      for (const vector of checkpoints) {
        let [first, second, third] = [seed, seed, seed];
        for (let step = 0; step < 1000; step++) {
          [first, second, third] = [second, third, digest(hash, concatBytes(first, second, third))];
        }
        seed = third;
        assert.equal(hexText(seed), vector.text("MD"), `COUNT = ${vector.text("COUNT")}`);
      }
    });
  });
}

/** @returns the first `bits` bits of the fraction of the `root`-th root of a number, exactly */
function fractionBits(number: number, root: 2 | 3, bits: number): bigint {
  const scaled = BigInt(number) << BigInt(root * bits);
  let low = 0n;
  let high = 1n << BigInt(bits + 8);
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** BigInt(root) <= scaled) low = middle;
    else high = middle - 1n;
  }
  return low & ((1n << BigInt(bits)) - 1n);
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number++) if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  return primes;
}

const words = (values: readonly bigint[]): number[] => values.flatMap((value) => [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value))]);

describe("the constants of SHA-2", () => {
  it("K256 holds the cube roots of the first 64 primes (FIPS 180-4 §4.2.2)", () => {
    assert.deepEqual([...K256], firstPrimes(64).map((prime) => Number(BigInt.asIntN(32, fractionBits(prime, 3, 32)))));
  });

  it("K512 holds the cube roots of the first 80 primes (FIPS 180-4 §4.2.3)", () => {
    assert.deepEqual([...K512], words(firstPrimes(80).map((prime) => fractionBits(prime, 3, 64))));
  });

  it("sha256, sha384 and sha512 start from the square roots of primes (FIPS 180-4 §5.3)", () => {
    const source = readFileSync(new URL("../src/sha.ts", import.meta.url), "utf8");
    const written = (name: string): number[] => {
      const text = source.slice(source.indexOf(`export const ${name}:`)).split("Int32Array.of(")[1]!.split(")")[0]!;
      return [...text.matchAll(/0x([0-9a-f]{8})/g)].map((match) => Number.parseInt(match[1]!, 16) | 0);
    };
    const primes = firstPrimes(16);
    assert.deepEqual(written("sha256"), primes.slice(0, 8).map((prime) => Number(BigInt.asIntN(32, fractionBits(prime, 2, 32)))));
    assert.deepEqual(written("sha384"), words(primes.slice(8).map((prime) => fractionBits(prime, 2, 64))));
    assert.deepEqual(written("sha512"), words(primes.slice(0, 8).map((prime) => fractionBits(prime, 2, 64))));
  });
});

describe("Hash.copyFrom()", () => {
  it("refuses a computation of another function", () => {
    assert.throws(() => sha256.create().copyFrom(sha512.create()), { name: "TypeError", message: "Cannot copy a hash: expected SHA-256, got SHA-512" });
    assert.throws(() => sha256.create().copyFrom(sha3_256.create()), TypeError);
  });
});

for (const [name, { hash, platformName }] of Object.entries(FUNCTIONS)) describeHash(name, hash, platformName);
