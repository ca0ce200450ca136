import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { type Bytes, hexText, utf8Bytes } from "../src/bytes.ts";
import type { Hash, HashFunction } from "../src/hash.ts";
import { HmacKey } from "../src/hmac.ts";
import { md5 } from "../src/md5.ts";
import { sha1, sha256, sha384, sha512 } from "../src/sha.ts";
import { sha3_256, sha3_512 } from "../src/sha3.ts";
import { generator } from "./support/gen.ts";

const FUNCTIONS: Readonly<Record<string, { readonly hash: HashFunction; readonly platformName: string; readonly blockLength: number }>> = {
  md5: { hash: md5, platformName: "md5", blockLength: 64 },
  sha1: { hash: sha1, platformName: "sha1", blockLength: 64 },
  sha256: { hash: sha256, platformName: "sha256", blockLength: 64 },
  sha384: { hash: sha384, platformName: "sha384", blockLength: 128 },
  sha512: { hash: sha512, platformName: "sha512", blockLength: 128 },
  sha3_256: { hash: sha3_256, platformName: "sha3-256", blockLength: 136 },
  sha3_512: { hash: sha3_512, platformName: "sha3-512", blockLength: 72 },
};

const repeated = (length: number, byte: number): Bytes => new Uint8Array(length).fill(byte);
const counting = (first: number, length: number): Bytes => Uint8Array.from({ length }, (_, at) => first + at);

const PUBLISHED: readonly (readonly [name: string, key: Bytes, message: Bytes, expected: string])[] = [
  // RFC 2202 §2.
  ["md5", repeated(16, 0x0b), utf8Bytes("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d"],
  ["md5", utf8Bytes("Jefe"), utf8Bytes("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738"],
  ["md5", repeated(16, 0xaa), repeated(50, 0xdd), "56be34521d144c88dbb8c733f0e8b3f6"],
  ["md5", counting(1, 25), repeated(50, 0xcd), "697eaf0aca3a3aea3a75164746ffaa79"],
  ["md5", repeated(16, 0x0c), utf8Bytes("Test With Truncation"), "56461ef2342edc00f9bab995690efd4c"],
  ["md5", repeated(80, 0xaa), utf8Bytes("Test Using Larger Than Block-Size Key - Hash Key First"), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"],
  [
    "md5",
    repeated(80, 0xaa),
    utf8Bytes("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
    "6f630fad67cda0ee1fb1f562db3aa53e",
  ],
  // RFC 2202 §3.
  ["sha1", repeated(20, 0x0b), utf8Bytes("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00"],
  ["sha1", utf8Bytes("Jefe"), utf8Bytes("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"],
  ["sha1", repeated(20, 0xaa), repeated(50, 0xdd), "125d7342b9ac11cd91a39af48aa17b4f63f175d3"],
  ["sha1", counting(1, 25), repeated(50, 0xcd), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"],
  ["sha1", repeated(20, 0x0c), utf8Bytes("Test With Truncation"), "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"],
  ["sha1", repeated(80, 0xaa), utf8Bytes("Test Using Larger Than Block-Size Key - Hash Key First"), "aa4ae5e15272d00e95705637ce8a3b55ed402112"],
  [
    "sha1",
    repeated(80, 0xaa),
    utf8Bytes("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
    "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
  ],
  // RFC 4231 §4.
  ["sha256", repeated(20, 0x0b), utf8Bytes("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  ["sha256", utf8Bytes("Jefe"), utf8Bytes("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ["sha256", repeated(20, 0xaa), repeated(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  ["sha256", counting(1, 25), repeated(50, 0xcd), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"],
  [
    "sha256",
    repeated(131, 0xaa),
    utf8Bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "sha256",
    repeated(131, 0xaa),
    utf8Bytes("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
  // RFC 4231 §4.
  [
    "sha384",
    repeated(20, 0x0b),
    utf8Bytes("Hi There"),
    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
  ],
  [
    "sha384",
    utf8Bytes("Jefe"),
    utf8Bytes("what do ya want for nothing?"),
    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
  ],
  [
    "sha384",
    repeated(20, 0xaa),
    repeated(50, 0xdd),
    "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
  ],
  ["sha384", counting(1, 25), repeated(50, 0xcd), "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"],
  [
    "sha384",
    repeated(131, 0xaa),
    utf8Bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
  ],
  [
    "sha384",
    repeated(131, 0xaa),
    utf8Bytes("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."),
    "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
  ],
  // RFC 4231 §4.
  [
    "sha512",
    repeated(20, 0x0b),
    utf8Bytes("Hi There"),
    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
  ],
  [
    "sha512",
    utf8Bytes("Jefe"),
    utf8Bytes("what do ya want for nothing?"),
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  ],
  [
    "sha512",
    repeated(20, 0xaa),
    repeated(50, 0xdd),
    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
  ],
  [
    "sha512",
    counting(1, 25),
    repeated(50, 0xcd),
    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
  ],
  [
    "sha512",
    repeated(131, 0xaa),
    utf8Bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
  ],
  [
    "sha512",
    repeated(131, 0xaa),
    utf8Bytes("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."),
    "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
  ],
  // NIST's examples for HMAC with SHA-3: keys shorter than a block, as long, and longer.
  ["sha3_256", counting(0, 32), utf8Bytes("Sample message for keylen<blocklen"), "4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205"],
  ["sha3_256", counting(0, 136), utf8Bytes("Sample message for keylen=blocklen"), "68b94e2e538a9be4103bebb5aa016d47961d4d1aa906061313b557f8af2c3faa"],
  ["sha3_256", counting(0, 168), utf8Bytes("Sample message for keylen>blocklen"), "9bcf2c238e235c3ce88404e813bd2f3a97185ac6f238c63d6229a00b07974258"],
  [
    "sha3_512",
    counting(0, 64),
    utf8Bytes("Sample message for keylen<blocklen"),
    "4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196",
  ],
  [
    "sha3_512",
    counting(0, 72),
    utf8Bytes("Sample message for keylen=blocklen"),
    "544e257ea2a3e5ea19a590e6a24b724ce6327757723fe2751b75bf007d80f6b360744bf1b7a88ea585f9765b47911976d3191cf83c039f5ffab0d29cc9d9b6da",
  ],
  [
    "sha3_512",
    counting(0, 136),
    utf8Bytes("Sample message for keylen>blocklen"),
    "5f464f5e5b7848e3885e49b2c385f0694985d0e38966242dc4a5fe3fea4b37d46b65ceced5dcf59438dd840bab22269f0ba7febdb9fcf74602a35666b2a32915",
  ],
];

describe("HmacKey", () => {
  for (const [name, key, message, expected] of PUBLISHED) {
    it(`HmacKey with ${name} signs ${message.length} bytes under a key of ${key.length} as published`, () => {
      assert.equal(hexText(new HmacKey(FUNCTIONS[name]!.hash, key).sign(message)), expected);
    });
  }

  // RFC 4231 §4.6 publishes the first 128 bits only.
  it("HmacKey signs as the truncated example of RFC 4231", () => {
    const published: Readonly<Record<string, string>> = {
      sha256: "a3b6167473100ee06e0c796c2955552b",
      sha384: "3abf34c3503b2a23a46efc619baef897",
      sha512: "415fad6271580a531d4179bc891d87a6",
    };
    for (const [name, expected] of Object.entries(published)) {
      const signature = new HmacKey(FUNCTIONS[name]!.hash, repeated(20, 0x0c)).sign(utf8Bytes("Test With Truncation"));
      assert.equal(hexText(signature.subarray(0, 16)), expected);
    }
  });

  for (const [name, { hash, platformName, blockLength }] of Object.entries(FUNCTIONS)) {
    const expected = (key: Uint8Array, message: Uint8Array) => createHmac(platformName, key).update(message).digest("hex");

    it(`HmacKey with ${name} pads keys to a block of ${blockLength} bytes, hashes longer ones, and agrees with node:crypto on both`, () => {
      assert.equal(hash.blockLength, blockLength);
      const gen = generator(`hmac ${name} keys`);
      for (let length = 0; length <= 2 * blockLength + 2; length++) {
        const key = gen.bytes(length);
        const message = gen.bytes(gen.below(300));
        assert.equal(hexText(new HmacKey(hash, key).sign(message)), expected(key, message), `key of ${length} bytes`);
      }
    });

    it(`HmacKey with ${name} signs messages of every length from 0 to 300 one after the other`, () => {
      const gen = generator(`hmac ${name} messages`);
      const key = gen.bytes(32);
      const hmac = new HmacKey(hash, key);
      assert.equal(hmac.digestLength, hash.digestLength);
      for (let length = 0; length <= 300; length++) {
        const message = gen.bytes(length);
        assert.equal(hexText(hmac.sign(message)), expected(key, message), `${length} bytes`);
      }
    });

    it(`HmacKey.sign() with ${name} takes the message in any number of parts`, () => {
      const gen = generator(`hmac ${name} parts`);
      for (let round = 0; round < 100; round++) {
        const [key, message] = [gen.bytes(gen.below(200)), gen.bytes(gen.below(400))];
        assert.equal(hexText(new HmacKey(hash, key).sign(...gen.chunks(message))), expected(key, message));
      }
    });
  }

  it("HmacKey changes neither key nor message, and does not keep the key", () => {
    const gen = generator("hmac inputs");
    const [key, message] = [gen.unaligned(gen.bytes(32)), gen.unaligned(gen.bytes(270))];
    const [keyBefore, messageBefore] = [key.slice(), message.slice()];
    const hmac = new HmacKey(sha256, key);
    const signature = hmac.sign(message);
    assert.deepEqual(key, keyBefore);
    assert.deepEqual(message, messageBefore);
    key.fill(0);
    assert.deepEqual(hmac.sign(message), signature);
    assert.notEqual(hmac.sign(message), signature);
  });

  it("HmacKey.sign() answers every changed bit with another signature", () => {
    const gen = generator("hmac bits");
    const hmac = new HmacKey(sha256, gen.bytes(32));
    const message = gen.bytes(40);
    const seen = new Set([hexText(hmac.sign(message))]);
    for (let bit = 0; bit < 8 * message.length; bit++) {
      const changed = message.slice();
      changed[bit >>> 3]! ^= 1 << (bit & 7);
      seen.add(hexText(hmac.sign(changed)));
    }
    assert.equal(seen.size, 8 * message.length + 1);
  });

  it("HmacKey wipes the padded key and the inner digest after use", () => {
    const given: Uint8Array[] = [];
    // Remembers the arrays themselves, to look at what is left in them.
    const watching: HashFunction = {
      ...sha256,
      create() {
        const hash = sha256.create();
        const watched: Hash = {
          update(data) {
            given.push(data);
            hash.update(data);
            return watched;
          },
          digest: () => hash.digest(),
          digestInto: (target) => hash.digestInto(target),
          copyFrom: () => watched,
          wipe: () => hash.wipe(),
        };
        return watched;
      },
    };
    const hmac = new HmacKey(watching, repeated(100, 0x55));
    assert.equal(given.length, 3, "the long key, and two padded blocks");
    assert.deepEqual(given.slice(1), [new Uint8Array(64), new Uint8Array(64)]);
    hmac.sign(repeated(5, 1));
    assert.deepEqual(given[4], new Uint8Array(32), "the inner digest");
  });

  it("HmacKey.sign() throws after wipe() rather than sign under no key", () => {
    const hmac = new HmacKey(sha256, utf8Bytes("secret"));
    hmac.wipe();
    assert.throws(() => hmac.sign(), { name: "TypeError", message: "Cannot sign: the HMAC key was wiped" });
  });
});
