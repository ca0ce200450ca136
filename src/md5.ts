/**
 * MD5 (RFC 1321). Broken as a hash; here because packets of older programs and the key derivation use it.
 *
 * The 64 steps are written out with the message words in local variables (measured: a loop over tables takes 4 times as
 * long). A test recomputes the constants, ⌊2^32·|sin(i)|⌋.
 *
 * @module
 */

import { blockHash } from "./_block-hash.ts";
import type { HashFunction } from "./hash.ts";

/** MD5. */
export const md5: HashFunction = /* @__PURE__ */ blockHash({
  name: "MD5",
  blockLength: 64,
  digestLength: 16,
  littleEndian: true,
  initialState: /* @__PURE__ */ Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476),
  compress,
});

/** RFC 1321 §3.4. */
function compress(state: Int32Array, data: DataView, start: number, end: number): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let at = start; at < end; at += 64) {
    const w0 = data.getInt32(at, true);
    const w1 = data.getInt32(at + 4, true);
    const w2 = data.getInt32(at + 8, true);
    const w3 = data.getInt32(at + 12, true);
    const w4 = data.getInt32(at + 16, true);
    const w5 = data.getInt32(at + 20, true);
    const w6 = data.getInt32(at + 24, true);
    const w7 = data.getInt32(at + 28, true);
    const w8 = data.getInt32(at + 32, true);
    const w9 = data.getInt32(at + 36, true);
    const w10 = data.getInt32(at + 40, true);
    const w11 = data.getInt32(at + 44, true);
    const w12 = data.getInt32(at + 48, true);
    const w13 = data.getInt32(at + 52, true);
    const w14 = data.getInt32(at + 56, true);
    const w15 = data.getInt32(at + 60, true);
    const beforeA = a;
    const beforeB = b;
    const beforeC = c;
    const beforeD = d;
    // Round 1: F(x, y, z) = (x and y) or (not x and z).
    a = (a + (d ^ (b & (c ^ d))) + w0 + 0xd76aa478) | 0;
    a = ((a << 7) | (a >>> 25)) + b | 0;
    d = (d + (c ^ (a & (b ^ c))) + w1 + 0xe8c7b756) | 0;
    d = ((d << 12) | (d >>> 20)) + a | 0;
    c = (c + (b ^ (d & (a ^ b))) + w2 + 0x242070db) | 0;
    c = ((c << 17) | (c >>> 15)) + d | 0;
    b = (b + (a ^ (c & (d ^ a))) + w3 + 0xc1bdceee) | 0;
    b = ((b << 22) | (b >>> 10)) + c | 0;
    a = (a + (d ^ (b & (c ^ d))) + w4 + 0xf57c0faf) | 0;
    a = ((a << 7) | (a >>> 25)) + b | 0;
    d = (d + (c ^ (a & (b ^ c))) + w5 + 0x4787c62a) | 0;
    d = ((d << 12) | (d >>> 20)) + a | 0;
    c = (c + (b ^ (d & (a ^ b))) + w6 + 0xa8304613) | 0;
    c = ((c << 17) | (c >>> 15)) + d | 0;
    b = (b + (a ^ (c & (d ^ a))) + w7 + 0xfd469501) | 0;
    b = ((b << 22) | (b >>> 10)) + c | 0;
    a = (a + (d ^ (b & (c ^ d))) + w8 + 0x698098d8) | 0;
    a = ((a << 7) | (a >>> 25)) + b | 0;
    d = (d + (c ^ (a & (b ^ c))) + w9 + 0x8b44f7af) | 0;
    d = ((d << 12) | (d >>> 20)) + a | 0;
    c = (c + (b ^ (d & (a ^ b))) + w10 + 0xffff5bb1) | 0;
    c = ((c << 17) | (c >>> 15)) + d | 0;
    b = (b + (a ^ (c & (d ^ a))) + w11 + 0x895cd7be) | 0;
    b = ((b << 22) | (b >>> 10)) + c | 0;
    a = (a + (d ^ (b & (c ^ d))) + w12 + 0x6b901122) | 0;
    a = ((a << 7) | (a >>> 25)) + b | 0;
    d = (d + (c ^ (a & (b ^ c))) + w13 + 0xfd987193) | 0;
    d = ((d << 12) | (d >>> 20)) + a | 0;
    c = (c + (b ^ (d & (a ^ b))) + w14 + 0xa679438e) | 0;
    c = ((c << 17) | (c >>> 15)) + d | 0;
    b = (b + (a ^ (c & (d ^ a))) + w15 + 0x49b40821) | 0;
    b = ((b << 22) | (b >>> 10)) + c | 0;
    // Round 2: G(x, y, z) = (x and z) or (y and not z).
    a = (a + (c ^ (d & (b ^ c))) + w1 + 0xf61e2562) | 0;
    a = ((a << 5) | (a >>> 27)) + b | 0;
    d = (d + (b ^ (c & (a ^ b))) + w6 + 0xc040b340) | 0;
    d = ((d << 9) | (d >>> 23)) + a | 0;
    c = (c + (a ^ (b & (d ^ a))) + w11 + 0x265e5a51) | 0;
    c = ((c << 14) | (c >>> 18)) + d | 0;
    b = (b + (d ^ (a & (c ^ d))) + w0 + 0xe9b6c7aa) | 0;
    b = ((b << 20) | (b >>> 12)) + c | 0;
    a = (a + (c ^ (d & (b ^ c))) + w5 + 0xd62f105d) | 0;
    a = ((a << 5) | (a >>> 27)) + b | 0;
    d = (d + (b ^ (c & (a ^ b))) + w10 + 0x02441453) | 0;
    d = ((d << 9) | (d >>> 23)) + a | 0;
    c = (c + (a ^ (b & (d ^ a))) + w15 + 0xd8a1e681) | 0;
    c = ((c << 14) | (c >>> 18)) + d | 0;
    b = (b + (d ^ (a & (c ^ d))) + w4 + 0xe7d3fbc8) | 0;
    b = ((b << 20) | (b >>> 12)) + c | 0;
    a = (a + (c ^ (d & (b ^ c))) + w9 + 0x21e1cde6) | 0;
    a = ((a << 5) | (a >>> 27)) + b | 0;
    d = (d + (b ^ (c & (a ^ b))) + w14 + 0xc33707d6) | 0;
    d = ((d << 9) | (d >>> 23)) + a | 0;
    c = (c + (a ^ (b & (d ^ a))) + w3 + 0xf4d50d87) | 0;
    c = ((c << 14) | (c >>> 18)) + d | 0;
    b = (b + (d ^ (a & (c ^ d))) + w8 + 0x455a14ed) | 0;
    b = ((b << 20) | (b >>> 12)) + c | 0;
    a = (a + (c ^ (d & (b ^ c))) + w13 + 0xa9e3e905) | 0;
    a = ((a << 5) | (a >>> 27)) + b | 0;
    d = (d + (b ^ (c & (a ^ b))) + w2 + 0xfcefa3f8) | 0;
    d = ((d << 9) | (d >>> 23)) + a | 0;
    c = (c + (a ^ (b & (d ^ a))) + w7 + 0x676f02d9) | 0;
    c = ((c << 14) | (c >>> 18)) + d | 0;
    b = (b + (d ^ (a & (c ^ d))) + w12 + 0x8d2a4c8a) | 0;
    b = ((b << 20) | (b >>> 12)) + c | 0;
    // Round 3: H(x, y, z) = x xor y xor z.
    a = (a + (b ^ c ^ d) + w5 + 0xfffa3942) | 0;
    a = ((a << 4) | (a >>> 28)) + b | 0;
    d = (d + (a ^ b ^ c) + w8 + 0x8771f681) | 0;
    d = ((d << 11) | (d >>> 21)) + a | 0;
    c = (c + (d ^ a ^ b) + w11 + 0x6d9d6122) | 0;
    c = ((c << 16) | (c >>> 16)) + d | 0;
    b = (b + (c ^ d ^ a) + w14 + 0xfde5380c) | 0;
    b = ((b << 23) | (b >>> 9)) + c | 0;
    a = (a + (b ^ c ^ d) + w1 + 0xa4beea44) | 0;
    a = ((a << 4) | (a >>> 28)) + b | 0;
    d = (d + (a ^ b ^ c) + w4 + 0x4bdecfa9) | 0;
    d = ((d << 11) | (d >>> 21)) + a | 0;
    c = (c + (d ^ a ^ b) + w7 + 0xf6bb4b60) | 0;
    c = ((c << 16) | (c >>> 16)) + d | 0;
    b = (b + (c ^ d ^ a) + w10 + 0xbebfbc70) | 0;
    b = ((b << 23) | (b >>> 9)) + c | 0;
    a = (a + (b ^ c ^ d) + w13 + 0x289b7ec6) | 0;
    a = ((a << 4) | (a >>> 28)) + b | 0;
    d = (d + (a ^ b ^ c) + w0 + 0xeaa127fa) | 0;
    d = ((d << 11) | (d >>> 21)) + a | 0;
    c = (c + (d ^ a ^ b) + w3 + 0xd4ef3085) | 0;
    c = ((c << 16) | (c >>> 16)) + d | 0;
    b = (b + (c ^ d ^ a) + w6 + 0x04881d05) | 0;
    b = ((b << 23) | (b >>> 9)) + c | 0;
    a = (a + (b ^ c ^ d) + w9 + 0xd9d4d039) | 0;
    a = ((a << 4) | (a >>> 28)) + b | 0;
    d = (d + (a ^ b ^ c) + w12 + 0xe6db99e5) | 0;
    d = ((d << 11) | (d >>> 21)) + a | 0;
    c = (c + (d ^ a ^ b) + w15 + 0x1fa27cf8) | 0;
    c = ((c << 16) | (c >>> 16)) + d | 0;
    b = (b + (c ^ d ^ a) + w2 + 0xc4ac5665) | 0;
    b = ((b << 23) | (b >>> 9)) + c | 0;
    // Round 4: I(x, y, z) = y xor (x or not z).
    a = (a + (c ^ (b | ~d)) + w0 + 0xf4292244) | 0;
    a = ((a << 6) | (a >>> 26)) + b | 0;
    d = (d + (b ^ (a | ~c)) + w7 + 0x432aff97) | 0;
    d = ((d << 10) | (d >>> 22)) + a | 0;
    c = (c + (a ^ (d | ~b)) + w14 + 0xab9423a7) | 0;
    c = ((c << 15) | (c >>> 17)) + d | 0;
    b = (b + (d ^ (c | ~a)) + w5 + 0xfc93a039) | 0;
    b = ((b << 21) | (b >>> 11)) + c | 0;
    a = (a + (c ^ (b | ~d)) + w12 + 0x655b59c3) | 0;
    a = ((a << 6) | (a >>> 26)) + b | 0;
    d = (d + (b ^ (a | ~c)) + w3 + 0x8f0ccc92) | 0;
    d = ((d << 10) | (d >>> 22)) + a | 0;
    c = (c + (a ^ (d | ~b)) + w10 + 0xffeff47d) | 0;
    c = ((c << 15) | (c >>> 17)) + d | 0;
    b = (b + (d ^ (c | ~a)) + w1 + 0x85845dd1) | 0;
    b = ((b << 21) | (b >>> 11)) + c | 0;
    a = (a + (c ^ (b | ~d)) + w8 + 0x6fa87e4f) | 0;
    a = ((a << 6) | (a >>> 26)) + b | 0;
    d = (d + (b ^ (a | ~c)) + w15 + 0xfe2ce6e0) | 0;
    d = ((d << 10) | (d >>> 22)) + a | 0;
    c = (c + (a ^ (d | ~b)) + w6 + 0xa3014314) | 0;
    c = ((c << 15) | (c >>> 17)) + d | 0;
    b = (b + (d ^ (c | ~a)) + w13 + 0x4e0811a1) | 0;
    b = ((b << 21) | (b >>> 11)) + c | 0;
    a = (a + (c ^ (b | ~d)) + w4 + 0xf7537e82) | 0;
    a = ((a << 6) | (a >>> 26)) + b | 0;
    d = (d + (b ^ (a | ~c)) + w11 + 0xbd3af235) | 0;
    d = ((d << 10) | (d >>> 22)) + a | 0;
    c = (c + (a ^ (d | ~b)) + w2 + 0x2ad7d2bb) | 0;
    c = ((c << 15) | (c >>> 17)) + d | 0;
    b = (b + (d ^ (c | ~a)) + w9 + 0xeb86d391) | 0;
    b = ((b << 21) | (b >>> 11)) + c | 0;
    a = (a + beforeA) | 0;
    b = (b + beforeB) | 0;
    c = (c + beforeC) | 0;
    d = (d + beforeD) | 0;
  }
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}
