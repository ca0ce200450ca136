import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, it } from "node:test";
import { aesDecryption, aesEncryption } from "../src/_aes.ts";
import { type Bytes, hexBytes, hexText, utf8Bytes } from "../src/bytes.ts";
import { type BlockMode, decryptRijndael, encryptRijndael, padPkcs7, unpadPkcs7 } from "../src/rijndael.ts";
import { generator } from "./support/gen.ts";
import { readVectors, responseFiles } from "./support/response-file.ts";
import { slowEncryptBlock, slowKeyExpansion } from "./support/slow-aes.ts";

const MODES: readonly BlockMode[] = ["ecb", "cbc", "cfb", "ofb", "ctr"];
const KEY_BITS = [128, 192, 256] as const;
const needsWholeBlocks = (mode: BlockMode): boolean => mode === "ecb" || mode === "cbc";

interface Parameters {
  readonly mode: BlockMode;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

function platformEncrypt(data: Uint8Array, { mode, key, iv }: Parameters): string {
  const cipher = createCipheriv(`aes-${8 * key.length}-${mode}`, key, mode === "ecb" ? null : iv).setAutoPadding(false);
  return cipher.update(data, undefined, "hex") + cipher.final("hex");
}

function platformDecrypt(data: Uint8Array, { mode, key, iv }: Parameters): string {
  const cipher = createDecipheriv(`aes-${8 * key.length}-${mode}`, key, mode === "ecb" ? null : iv).setAutoPadding(false);
  return cipher.update(data, undefined, "hex") + cipher.final("hex");
}

// SP 800-38A, appendix F: four blocks in each mode under each key.
const EXAMPLE_KEYS: Readonly<Record<(typeof KEY_BITS)[number], string>> = {
  128: "2b7e151628aed2a6abf7158809cf4f3c",
  192: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
  256: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
};
const EXAMPLE_PLAINTEXT =
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const EXAMPLES: readonly (readonly [mode: BlockMode, bits: (typeof KEY_BITS)[number], ciphertext: string])[] = [
  ["ecb", 128, "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"],
  ["ecb", 192, "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e"],
  ["ecb", 256, "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"],
  ["cbc", 128, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"],
  ["cbc", 192, "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"],
  ["cbc", 256, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"],
  ["cfb", 128, "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"],
  ["cfb", 192, "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff"],
  ["cfb", 256, "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471"],
  ["ofb", 128, "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e"],
  ["ofb", 192, "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c11004018d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9cac524bd9acc92a"],
  ["ofb", 256, "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d71ab47a086e86eedf39d1c5bba97c4080126141d67f37be8538f5a8be740e484"],
  ["ctr", 128, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"],
  ["ctr", 192, "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"],
  ["ctr", 256, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"],
];

describe("encryptRijndael() and decryptRijndael() as published", () => {
  // FIPS 197, appendix C.
  const blocks: Readonly<Record<number, string>> = {
    16: "69c4e0d86a7b0430d8cdb78070b4c55a",
    24: "dda97ca4864cdfe06eaf70a0ec0d7191",
    32: "8ea2b7ca516745bfeafc49904b496089",
  };
  for (const [length, ciphertext] of Object.entries(blocks)) {
    it(`encryptRijndael() and decryptRijndael() do the block of FIPS 197 under a key of ${length} bytes`, () => {
      const key = Uint8Array.from({ length: Number(length) }, (_, at) => at);
      const plaintext = hexBytes("00112233445566778899aabbccddeeff")!;
      assert.equal(hexText(encryptRijndael(plaintext, { mode: "ecb", key })), ciphertext);
      assert.deepEqual(decryptRijndael(hexBytes(ciphertext)!, { mode: "ecb", key }), plaintext);
    });
  }

  for (const [mode, bits, ciphertext] of EXAMPLES) {
    it(`encryptRijndael() and decryptRijndael() do the example of SP 800-38A for ${mode.toUpperCase()} and ${bits} bits`, () => {
      const iv = hexBytes(mode === "ctr" ? "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" : "000102030405060708090a0b0c0d0e0f")!;
      const options = { mode, key: hexBytes(EXAMPLE_KEYS[bits])!, iv };
      assert.equal(hexText(encryptRijndael(hexBytes(EXAMPLE_PLAINTEXT)!, options)), ciphertext);
      assert.equal(hexText(decryptRijndael(hexBytes(ciphertext)!, options)), EXAMPLE_PLAINTEXT);
    });
  }

  const groups: readonly (readonly [mode: BlockMode, pattern: RegExp, atLeast: number])[] = [
    ["ecb", /^ECB.*rsp$/, 1800],
    ["cbc", /^CBC.*rsp$/, 150],
    ["cfb", /^CFB128.*rsp$/, 150],
    ["ofb", /^OFB.*rsp$/, 150],
    ["ctr", /^aes-\d+-ctr.txt$/, 9],
  ];
  for (const [mode, pattern, atLeast] of groups) {
    it(`encryptRijndael() and decryptRijndael() do all of NIST's vectors for ${mode.toUpperCase()}`, () => {
      let done = 0;
      for (const file of responseFiles("aes", pattern)) {
        for (const vector of readVectors(file)) {
          if (!vector.has("CIPHERTEXT")) continue;
          const options = { mode, key: vector.bytes("KEY"), iv: vector.has("IV") ? vector.bytes("IV") : new Uint8Array(16) };
          const [plaintext, ciphertext] = [vector.bytes("PLAINTEXT"), vector.bytes("CIPHERTEXT")];
          const where = `${file} ${vector.section} ${vector.text("COUNT")}`;
          assert.equal(hexText(encryptRijndael(plaintext, options)), hexText(ciphertext), where);
          assert.equal(hexText(decryptRijndael(ciphertext, options)), hexText(plaintext), where);
          done++;
        }
      }
      assert(done >= atLeast, `${done} vectors`);
    });
  }
});

describe("the block cipher", () => {
  // FIPS 197, appendix A: the last four words of each expansion.
  const lastWords: Readonly<Record<(typeof KEY_BITS)[number], string>> = {
    128: "d014f9a8c9ee2589e13f0cc8b6630ca6",
    192: "e98ba06f448c773c8ecc720401002202",
    256: "fe4890d1e6188d0b046df344706c631e",
  };
  for (const bits of KEY_BITS) {
    it(`aesEncryption() expands the key of FIPS 197, appendix A, for ${bits} bits`, () => {
      const words = aesEncryption().expandKey(hexBytes(EXAMPLE_KEYS[bits])!);
      const bytes = new Uint8Array(words.length * 4);
      words.forEach((word, at) => new DataView(bytes.buffer).setInt32(4 * at, word, true));
      assert.equal(hexText(bytes.subarray(-16)), lastWords[bits]);
      assert.equal(hexText(bytes), hexText(Uint8Array.from(slowKeyExpansion(hexBytes(EXAMPLE_KEYS[bits])!).flat())));
    });

    it(`encryptRijndael() agrees with FIPS 197 done byte by byte, and decryptRijndael() inverts it, for ${bits} bits`, () => {
      const gen = generator(`slow aes ${bits}`);
      for (let round = 0; round < 60; round++) {
        const [key, block] = [gen.bytes(bits / 8), gen.bytes(16)];
        const expected = Uint8Array.from(slowEncryptBlock(key, block));
        assert.deepEqual(encryptRijndael(block, { mode: "ecb", key }), expected);
        assert.deepEqual(decryptRijndael(expected, { mode: "ecb", key }), block);
      }
    });
  }

  it("aesEncryption() and aesDecryption() build their tables once", () => {
    assert.equal(aesEncryption(), aesEncryption());
    assert.equal(aesDecryption(), aesDecryption());
  });
});

describe("encryptRijndael() and decryptRijndael() against node:crypto", () => {
  for (const mode of MODES) {
    it(`encryptRijndael() and decryptRijndael() agree in ${mode.toUpperCase()} on every length to 304, from any offset, and change no input`, () => {
      const gen = generator(`aes lengths ${mode}`);
      const step = needsWholeBlocks(mode) ? 16 : 1;
      for (const bits of KEY_BITS) {
        for (let length = 0; length <= 304; length += step) {
          const options = { mode, key: gen.unaligned(gen.bytes(bits / 8)), iv: gen.unaligned(gen.bytes(16)) };
          const data = gen.unaligned(gen.bytes(length));
          const before = [data, options.key, options.iv].map(hexText);
          const encrypted = encryptRijndael(data, options);
          assert.equal(hexText(encrypted), platformEncrypt(data, options), `${length} bytes under ${bits} bits`);
          const decrypted = decryptRijndael(data, options);
          assert.equal(hexText(decrypted), platformDecrypt(data, options), `${length} bytes under ${bits} bits`);
          assert.deepEqual([data, options.key, options.iv].map(hexText), before);
          assert.equal(encrypted.buffer.byteLength, length);
          assert.equal(decrypted.buffer.byteLength, length);
        }
      }
    });

    it(`encryptRijndael() and decryptRijndael() agree in ${mode.toUpperCase()} on 1 MiB`, () => {
      const gen = generator(`aes large ${mode}`);
      const options = { mode, key: gen.bytes(32), iv: gen.bytes(16) };
      const data = gen.bytes((1 << 20) + (needsWholeBlocks(mode) ? 0 : 5));
      const encrypted = encryptRijndael(data, options);
      assert.equal(Buffer.from(encrypted).toString("hex"), platformEncrypt(data, options));
      assert(Buffer.from(data).equals(decryptRijndael(encrypted, options)));
    });

    // The shape of AESAVS §6.4: key, IV and text of each step come from the results before it.
    it(`encryptRijndael() and decryptRijndael() stay with node:crypto through a Monte Carlo chain in ${mode.toUpperCase()}`, () => {
      const gen = generator(`aes chain ${mode}`);
      for (const bits of KEY_BITS) {
        for (const direction of ["encrypt", "decrypt"] as const) {
          const ours = direction === "encrypt" ? encryptRijndael : decryptRijndael;
          const platform = direction === "encrypt" ? platformEncrypt : platformDecrypt;
          const start = { mode, key: gen.bytes(bits / 8), iv: gen.bytes(16), data: gen.bytes(32) };
          const end = chain(start, ours);
          assert.equal(end, chain(start, (data, options) => hexBytes(platform(data, options))!), `${direction} under ${bits} bits`);
        }
      }
    });
  }

  function chain(start: Parameters & { data: Bytes }, step: (data: Uint8Array, options: Parameters) => Bytes): string {
    let { key, iv, data } = start;
    for (let round = 0; round < 500; round++) {
      const result = step(data, { mode: start.mode, key, iv });
      [iv, data] = [data.subarray(16), result];
      if (round % 50 === 49) key = key.map((byte, at) => byte ^ result[at % 32]!);
    }
    return hexText(data);
  }

  it("encryptRijndael() carries through every byte of a CTR counter, and around at its end", () => {
    const gen = generator("ctr carry");
    const key = gen.bytes(32);
    for (let ones = 1; ones <= 16; ones++) {
      const iv = gen.bytes(16).fill(0xff, 16 - ones);
      if (ones < 16) iv[15 - ones]! &= 0x7f;
      for (const last of [0xff, 0xfe, 0xfd]) {
        iv[15] = last;
        const options = { mode: "ctr", key, iv } as const;
        const data = gen.bytes(16 * 5 + 3);
        assert.equal(hexText(encryptRijndael(data, options)), platformEncrypt(data, options), hexText(iv));
      }
    }
  });
});

describe("encryptRijndael() and decryptRijndael() with secrets", () => {
  it("encryptRijndael() and decryptRijndael() wipe their round keys", (context) => {
    const schedules: Int32Array[] = [];
    for (const cipher of [aesEncryption(), aesDecryption()]) {
      const { expandKey } = cipher;
      context.mock.method(cipher, "expandKey", (key: Uint8Array) => {
        const words = expandKey(key);
        schedules.push(words);
        return words;
      });
    }
    for (const mode of MODES) {
      const options = { mode, key: new Uint8Array(32).fill(1), iv: new Uint8Array(16).fill(2) };
      encryptRijndael(new Uint8Array(48), options);
      decryptRijndael(new Uint8Array(48), options);
    }
    // One for each call, and for the inverse cipher of ECB and CBC the forward one that it is made from.
    assert.equal(schedules.length, 2 * MODES.length + 2);
    for (const words of schedules) assert.deepEqual(words, new Int32Array(60));
  });
});

describe("encryptRijndael() and decryptRijndael() with wrong sizes", () => {
  const block = new Uint8Array(16);
  const directions = [["encryptRijndael()", encryptRijndael, "encrypt"], ["decryptRijndael()", decryptRijndael, "decrypt"]] as const;
  for (const [name, crypt, verb] of directions) {
    it(`${name} throws for keys that are not 16, 24 or 32 bytes`, () => {
      for (const mode of MODES) {
        for (const length of [0, 1, 8, 15, 17, 20, 28, 31, 33, 48, 64]) {
          assert.throws(() => crypt(block, { mode, key: new Uint8Array(length), iv: block }), {
            name: "RangeError",
            message: `Cannot ${verb}: expected a key of 16, 24 or 32 bytes, got ${length}`,
          });
        }
      }
    });

    it(`${name} throws for an IV that is absent or not 16 bytes, but ECB takes none and ignores one`, () => {
      for (const mode of MODES.filter((each) => each !== "ecb")) {
        assert.throws(() => crypt(block, { mode, key: block }), { name: "RangeError", message: `Cannot ${verb}: expected an IV of 16 bytes, got none` });
        for (const length of [0, 8, 12, 15, 17, 32]) {
          assert.throws(() => crypt(block, { mode, key: block, iv: new Uint8Array(length) }), {
            name: "RangeError",
            message: `Cannot ${verb}: expected an IV of 16 bytes, got ${length}`,
          });
        }
      }
      const expected = crypt(block, { mode: "ecb", key: block });
      for (const length of [0, 3, 16, 17]) {
        assert.deepEqual(crypt(block, { mode: "ecb", key: block, iv: new Uint8Array(length).fill(9) }), expected);
      }
    });

    it(`${name} throws for data that is not whole blocks in ECB and CBC`, () => {
      for (const mode of ["ecb", "cbc"] as const) {
        for (const length of [1, 15, 17, 31, 33]) {
          assert.throws(() => crypt(new Uint8Array(length), { mode, key: block, iv: block }), {
            name: "RangeError",
            message: `Cannot ${verb}: expected whole blocks of 16 bytes, got ${length} bytes`,
          });
        }
      }
    });
  }
});

describe("padPkcs7() and unpadPkcs7()", () => {
  it("padPkcs7() appends 1 to 16 bytes that say how many they are, and unpadPkcs7() removes them", () => {
    const gen = generator("padPkcs7");
    for (let length = 0; length <= 100; length++) {
      const data = gen.unaligned(gen.bytes(length));
      const padded = padPkcs7(data);
      const added = 16 - (length % 16);
      assert.equal(padded.length, length + added);
      assert.deepEqual(padded.subarray(0, length), data);
      assert.deepEqual([...padded.subarray(length)], Array.from({ length: added }, () => added));
      assert.deepEqual(unpadPkcs7(padded), data);
    }
  });

  const block = (...end: readonly number[]): Bytes => Uint8Array.from([...utf8Bytes("0123456789abcdef").subarray(0, 16 - end.length), ...end]);
  const rows: readonly (readonly [what: string, data: Bytes, kept: number])[] = [
    ["removes one byte 1", block(1), 15],
    ["removes two bytes 2", block(2, 2), 14],
    ["removes a whole block of 16", new Uint8Array(16).fill(16), 0],
    ["keeps data whose last byte 0 names no padding", block(0), 16],
    ["keeps data whose last byte is 17", block(17), 16],
    ["keeps data whose last byte is 255", block(255), 16],
    ["keeps data that ends in text", block(), 16],
    ["keeps data where one byte of the padding differs", block(3, 2, 3), 16],
    ["keeps data where the first byte of the padding differs", block(2, 3, 3), 16],
    ["keeps a block that has only 15 bytes 16", block(...new Array<number>(15).fill(16)), 16],
    ["removes padding though the byte before it is the same", block(1, 1), 15],
    ["keeps no data as it is", new Uint8Array(0), 0],
    ["keeps data shorter than the padding it names", Uint8Array.of(3, 3), 2],
  ];
  for (const [what, data, kept] of rows) {
    it(`unpadPkcs7() ${what}`, () => {
      const before = data.slice();
      const unpadded = unpadPkcs7(data);
      assert.deepEqual(unpadded, before.subarray(0, kept));
      assert.equal(unpadded.buffer, data.buffer);
      assert.deepEqual(data, before);
    });
  }

  it("unpadPkcs7() keeps the data whole for every changed bit of a padding but its last byte", () => {
    for (let padding = 2; padding <= 16; padding++) {
      for (let bit = 0; bit < 8 * (padding - 1); bit++) {
        const data = new Uint8Array(32).fill(0x41).fill(padding, 32 - padding);
        data[32 - padding + (bit >>> 3)]! ^= 1 << (bit & 7);
        assert.equal(unpadPkcs7(data).length, 32);
      }
    }
  });
});
