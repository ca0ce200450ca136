/**
 * The primitives against other implementations, at the length of an SPA packet and at 1 MiB. See README.md.
 *
 *     cd bench && npm install
 *     node --import tsx bench/crypto.ts [name…]
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";
import { decodeBase64, encodeBase64 } from "../src/base64.ts";
import { hexText } from "../src/bytes.ts";
import { digest, type HashFunction } from "../src/hash.ts";
import { HmacKey } from "../src/hmac.ts";
import { deriveKeyAndIv } from "../src/kdf.ts";
import { md5 } from "../src/md5.ts";
import { type BlockMode, decryptRijndael, encryptRijndael } from "../src/rijndael.ts";
import { sha1, sha256, sha384, sha512 } from "../src/sha.ts";
import { sha3_256, sha3_512 } from "../src/sha3.ts";
import { Gen } from "../test/support/gen.ts";
import { type Candidate, compare, loadPeer } from "./measure.ts";

/** Text of a packet with its prefix; the ciphertext in it; and what native code is made for. */
const PACKET = 270;
const CIPHERTEXT = 176;
const LARGE = 1 << 20;

const gen = new Gen(1);
const noble = {
  legacy: await loadPeer("@noble/hashes/legacy.js"),
  sha2: await loadPeer("@noble/hashes/sha2.js"),
  sha3: await loadPeer("@noble/hashes/sha3.js"),
  hmac: await loadPeer("@noble/hashes/hmac.js"),
  aes: await loadPeer("@noble/ciphers/aes.js"),
};
const [jsMd5, jsSha256, jsSha512, jsSha3, aesJs] = await Promise.all(["js-md5", "js-sha256", "js-sha512", "js-sha3", "aes-js"].map(loadPeer));

type Comparison = readonly [title: string, length: number, candidates: Record<string, Candidate | undefined>];

function* comparisons(): Generator<Comparison> {
  const hashes: readonly (readonly [HashFunction, string, ((data: Uint8Array) => unknown) | undefined, ((data: Uint8Array) => string) | undefined])[] = [
    [md5, "md5", noble.legacy?.md5, jsMd5?.default],
    [sha1, "sha1", noble.legacy?.sha1, undefined],
    [sha256, "sha256", noble.sha2?.sha256, jsSha256?.default.sha256],
    [sha384, "sha384", noble.sha2?.sha384, jsSha512?.default.sha384],
    [sha512, "sha512", noble.sha2?.sha512, jsSha512?.default.sha512],
    [sha3_256, "sha3-256", noble.sha3?.sha3_256, jsSha3?.default.sha3_256],
    [sha3_512, "sha3-512", noble.sha3?.sha3_512, jsSha3?.default.sha3_512],
  ];
  for (const [hash, name, nobleHash, jsHash] of hashes) {
    for (const length of [PACKET, LARGE]) {
      const data = gen.bytes(length);
      yield [
        hash.name,
        length,
        {
          ours: () => digest(hash, data),
          node: () => createHash(name).update(data).digest(),
          noble: nobleHash && (() => nobleHash(data)),
          "js-*": jsHash && (() => Uint8Array.from(jsHash(data).match(/../g)!, (pair) => Number.parseInt(pair, 16))),
        },
      ];
    }
  }
  for (const [hash, name, nobleHash] of hashes) {
    const key = gen.bytes(32);
    const data = gen.bytes(PACKET);
    const hmacKey = new HmacKey(hash, key);
    yield [
      `HMAC-${hash.name}, key kept`,
      PACKET,
      {
        ours: () => hmacKey.sign(data),
        node: () => createHmac(name, key).update(data).digest(),
        noble: nobleHash && noble.hmac && (() => noble.hmac.hmac(nobleHash, key, data)),
      },
    ];
  }
  for (const mode of ["ecb", "cbc", "cfb", "ofb", "ctr"] as const) {
    for (const length of [CIPHERTEXT, LARGE]) yield* ciphers(mode, length);
  }
  const passphrase = gen.bytes(16);
  const salt = gen.bytes(8);
  yield [
    "EVP_BytesToKey",
    16,
    {
      ours: () => hexText(deriveKeyAndIv(passphrase, salt).iv),
      node: () => {
        let block = Buffer.alloc(0);
        for (let round = 0; round < 3; round++) block = createHash("md5").update(block).update(passphrase).update(salt).digest();
        return hexText(block);
      },
    },
  ];
  for (const length of [CIPHERTEXT, LARGE]) {
    const data = gen.bytes(length);
    const text = encodeBase64(data);
    yield ["base64 encode", length, { ours: () => encodeBase64(data), node: () => Buffer.from(data.buffer, 0, length).toString("base64").replace(/=+$/, "") }];
    yield ["base64 decode", length, { ours: () => decodeBase64(text), node: () => Buffer.from(text, "base64") }];
  }
}

function* ciphers(mode: BlockMode, length: number): Generator<Comparison> {
  const key = gen.bytes(32);
  const iv = gen.bytes(16);
  const plaintext = gen.bytes(length);
  const ciphertext = encryptRijndael(plaintext, { mode, key, iv });
  const nodeIv = mode === "ecb" ? null : iv;
  const ivArguments = mode === "ecb" ? [] : [iv];
  const options = mode === "ecb" || mode === "cbc" ? [{ disablePadding: true }] : [];
  const nobleCipher = noble.aes && { ...noble.aes, ofb: undefined }[mode];
  const aesJsMode = aesJs?.default.ModeOfOperation[mode];
  const aesJsCipher = () => (mode === "ctr" ? new aesJsMode(key, new aesJs.default.Counter(iv)) : mode === "cfb" ? new aesJsMode(key, iv, 16) : new aesJsMode(key, ...ivArguments));
  yield [
    `AES-256-${mode.toUpperCase()} encrypt`,
    length,
    {
      ours: () => encryptRijndael(plaintext, { mode, key, iv }),
      node: () => {
        const cipher = createCipheriv(`aes-256-${mode}`, key, nodeIv).setAutoPadding(false);
        return Buffer.concat([cipher.update(plaintext), cipher.final()]);
      },
      noble: nobleCipher && (() => nobleCipher(key, ...ivArguments, ...options).encrypt(plaintext)),
      "aes-js": aesJsMode && (() => aesJsCipher().encrypt(plaintext)),
    },
  ];
  yield [
    `AES-256-${mode.toUpperCase()} decrypt`,
    length,
    {
      ours: () => decryptRijndael(ciphertext, { mode, key, iv }),
      node: () => {
        const cipher = createDecipheriv(`aes-256-${mode}`, key, nodeIv).setAutoPadding(false);
        return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
      },
      noble: nobleCipher && (() => nobleCipher(key, ...ivArguments, ...options).decrypt(ciphertext)),
      "aes-js": aesJsMode && (() => aesJsCipher().decrypt(ciphertext)),
    },
  ];
}

const wanted = process.argv.slice(2);
if (!noble.sha2) console.log("The other libraries are not installed (cd bench && npm install); comparing with node:crypto only");
console.log(`Time of the others divided by ours, node ${process.versions.node}; above 1 we are faster\n`);
for (const [title, length, candidates] of comparisons()) {
  if (wanted.length > 0 && !wanted.some((word) => title.toLowerCase().includes(word.toLowerCase()))) continue;
  const present = Object.fromEntries(Object.entries(candidates).filter((entry): entry is [string, Candidate] => entry[1] !== undefined));
  const ratios = compare(title, present);
  const size = length === LARGE ? "1 MiB" : `${length} B`;
  console.log(`${title.padEnd(24)} ${size.padStart(6)}   ${ratios.map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`.padEnd(14)).join(" ")}`);
}
