/**
 * SHA-1 and SHA-2 (FIPS 180-4): sizes and initial states. A test recomputes the states of SHA-2 from the roots of primes.
 *
 * @module
 */

import { blockHash, type BlockHashSpec } from "./_block-hash.ts";
import { compressSha1 } from "./_sha1.ts";
import { compressSha256 } from "./_sha256.ts";
import { compressSha512 } from "./_sha512.ts";
import type { HashFunction } from "./hash.ts";

/** SHA-1. Broken where collisions matter; here because packets may carry it. */
export const sha1: HashFunction = /* @__PURE__ */ sha({ name: "SHA-1", blockLength: 64, digestLength: 20, compress: compressSha1 }, /* @__PURE__ */ Int32Array.of(
  0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0,
));

/** SHA-256. */
export const sha256: HashFunction = /* @__PURE__ */ sha({ name: "SHA-256", blockLength: 64, digestLength: 32, compress: compressSha256 }, /* @__PURE__ */ Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
));

/** SHA-384. */
export const sha384: HashFunction = /* @__PURE__ */ sha({ name: "SHA-384", blockLength: 128, digestLength: 48, compress: compressSha512 }, /* @__PURE__ */ Int32Array.of(
  0xcbbb9d5d, 0xc1059ed8, 0x629a292a, 0x367cd507, 0x9159015a, 0x3070dd17, 0x152fecd8, 0xf70e5939,
  0x67332667, 0xffc00b31, 0x8eb44a87, 0x68581511, 0xdb0c2e0d, 0x64f98fa7, 0x47b5481d, 0xbefa4fa4,
));

/** SHA-512. */
export const sha512: HashFunction = /* @__PURE__ */ sha({ name: "SHA-512", blockLength: 128, digestLength: 64, compress: compressSha512 }, /* @__PURE__ */ Int32Array.of(
  0x6a09e667, 0xf3bcc908, 0xbb67ae85, 0x84caa73b, 0x3c6ef372, 0xfe94f82b, 0xa54ff53a, 0x5f1d36f1,
  0x510e527f, 0xade682d1, 0x9b05688c, 0x2b3e6c1f, 0x1f83d9ab, 0xfb41bd6b, 0x5be0cd19, 0x137e2179,
));

/** All of them are big-endian; the words of the initial state are FIPS 180-4 §5.3. */
function sha(spec: Omit<BlockHashSpec, "littleEndian" | "initialState">, initialState: Int32Array): HashFunction {
  return blockHash({ ...spec, littleEndian: false, initialState });
}
