/**
 * The compression function of SHA-1.
 *
 * @module
 */

/** Message schedule, kept between calls for its memory only. */
let schedule: Int32Array | undefined;

/**
 * FIPS 180-4 §6.1.2, five rounds written out so that names rotate instead of values.
 *
 * @param state five words, changed
 * @param data read from `start` to `end`, a multiple of 64 bytes apart
 */
export function compressSha1(state: Int32Array, data: DataView, start: number, end: number): void {
  const w = (schedule ??= new Int32Array(80));
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  for (let at = start; at < end; at += 64) {
    for (let t = 0; t < 16; t++) w[t] = data.getInt32(at + 4 * t);
    for (let t = 16; t < 80; t++) {
      const word = w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!;
      w[t] = (word << 1) | (word >>> 31);
    }
    let t = 0;
    for (; t < 20; t += 5) {
      e = (e + ((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + 0x5a827999 + w[t]!) | 0;
      b = (b << 30) | (b >>> 2);
      d = (d + ((e << 5) | (e >>> 27)) + (c ^ (a & (b ^ c))) + 0x5a827999 + w[t + 1]!) | 0;
      a = (a << 30) | (a >>> 2);
      c = (c + ((d << 5) | (d >>> 27)) + (b ^ (e & (a ^ b))) + 0x5a827999 + w[t + 2]!) | 0;
      e = (e << 30) | (e >>> 2);
      b = (b + ((c << 5) | (c >>> 27)) + (a ^ (d & (e ^ a))) + 0x5a827999 + w[t + 3]!) | 0;
      d = (d << 30) | (d >>> 2);
      a = (a + ((b << 5) | (b >>> 27)) + (e ^ (c & (d ^ e))) + 0x5a827999 + w[t + 4]!) | 0;
      c = (c << 30) | (c >>> 2);
    }
    for (; t < 40; t += 5) {
      e = (e + ((a << 5) | (a >>> 27)) + (b ^ c ^ d) + 0x6ed9eba1 + w[t]!) | 0;
      b = (b << 30) | (b >>> 2);
      d = (d + ((e << 5) | (e >>> 27)) + (a ^ b ^ c) + 0x6ed9eba1 + w[t + 1]!) | 0;
      a = (a << 30) | (a >>> 2);
      c = (c + ((d << 5) | (d >>> 27)) + (e ^ a ^ b) + 0x6ed9eba1 + w[t + 2]!) | 0;
      e = (e << 30) | (e >>> 2);
      b = (b + ((c << 5) | (c >>> 27)) + (d ^ e ^ a) + 0x6ed9eba1 + w[t + 3]!) | 0;
      d = (d << 30) | (d >>> 2);
      a = (a + ((b << 5) | (b >>> 27)) + (c ^ d ^ e) + 0x6ed9eba1 + w[t + 4]!) | 0;
      c = (c << 30) | (c >>> 2);
    }
    for (; t < 60; t += 5) {
      e = (e + ((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + 0x8f1bbcdc + w[t]!) | 0;
      b = (b << 30) | (b >>> 2);
      d = (d + ((e << 5) | (e >>> 27)) + ((a & b) | (c & (a | b))) + 0x8f1bbcdc + w[t + 1]!) | 0;
      a = (a << 30) | (a >>> 2);
      c = (c + ((d << 5) | (d >>> 27)) + ((e & a) | (b & (e | a))) + 0x8f1bbcdc + w[t + 2]!) | 0;
      e = (e << 30) | (e >>> 2);
      b = (b + ((c << 5) | (c >>> 27)) + ((d & e) | (a & (d | e))) + 0x8f1bbcdc + w[t + 3]!) | 0;
      d = (d << 30) | (d >>> 2);
      a = (a + ((b << 5) | (b >>> 27)) + ((c & d) | (e & (c | d))) + 0x8f1bbcdc + w[t + 4]!) | 0;
      c = (c << 30) | (c >>> 2);
    }
    for (; t < 80; t += 5) {
      e = (e + ((a << 5) | (a >>> 27)) + (b ^ c ^ d) + 0xca62c1d6 + w[t]!) | 0;
      b = (b << 30) | (b >>> 2);
      d = (d + ((e << 5) | (e >>> 27)) + (a ^ b ^ c) + 0xca62c1d6 + w[t + 1]!) | 0;
      a = (a << 30) | (a >>> 2);
      c = (c + ((d << 5) | (d >>> 27)) + (e ^ a ^ b) + 0xca62c1d6 + w[t + 2]!) | 0;
      e = (e << 30) | (e >>> 2);
      b = (b + ((c << 5) | (c >>> 27)) + (d ^ e ^ a) + 0xca62c1d6 + w[t + 3]!) | 0;
      d = (d << 30) | (d >>> 2);
      a = (a + ((b << 5) | (b >>> 27)) + (c ^ d ^ e) + 0xca62c1d6 + w[t + 4]!) | 0;
      c = (c << 30) | (c >>> 2);
    }
    state[0] = a = (a + state[0]!) | 0;
    state[1] = b = (b + state[1]!) | 0;
    state[2] = c = (c + state[2]!) | 0;
    state[3] = d = (d + state[3]!) | 0;
    state[4] = e = (e + state[4]!) | 0;
  }
  w.fill(0);
}
