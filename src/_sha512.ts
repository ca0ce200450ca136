/**
 * The compression function of SHA-384 and SHA-512.
 *
 * Each 64-bit value is a pair of words, `ah` high and `al` low. Sums of low words are taken as doubles, which hold them
 * exactly; what is above 2^32 is the carry (measured: half the time of finding carries by bit operations or comparison,
 * and BigInt is slower by far). To write rounds out would gain a sixth (measured), far less than in SHA-256, for four times
 * the code: the pairs fill all registers as it is.
 *
 * @module
 */

/** FIPS 180-4 §4.2.3: the first 64 bits of the fractions of the cube roots of the first 80 primes, high word first. */
export const K512: Int32Array = /* @__PURE__ */ Int32Array.of(
  0x428a2f98, 0xd728ae22, 0x71374491, 0x23ef65cd, 0xb5c0fbcf, 0xec4d3b2f, 0xe9b5dba5, 0x8189dbbc,
  0x3956c25b, 0xf348b538, 0x59f111f1, 0xb605d019, 0x923f82a4, 0xaf194f9b, 0xab1c5ed5, 0xda6d8118,
  0xd807aa98, 0xa3030242, 0x12835b01, 0x45706fbe, 0x243185be, 0x4ee4b28c, 0x550c7dc3, 0xd5ffb4e2,
  0x72be5d74, 0xf27b896f, 0x80deb1fe, 0x3b1696b1, 0x9bdc06a7, 0x25c71235, 0xc19bf174, 0xcf692694,
  0xe49b69c1, 0x9ef14ad2, 0xefbe4786, 0x384f25e3, 0x0fc19dc6, 0x8b8cd5b5, 0x240ca1cc, 0x77ac9c65,
  0x2de92c6f, 0x592b0275, 0x4a7484aa, 0x6ea6e483, 0x5cb0a9dc, 0xbd41fbd4, 0x76f988da, 0x831153b5,
  0x983e5152, 0xee66dfab, 0xa831c66d, 0x2db43210, 0xb00327c8, 0x98fb213f, 0xbf597fc7, 0xbeef0ee4,
  0xc6e00bf3, 0x3da88fc2, 0xd5a79147, 0x930aa725, 0x06ca6351, 0xe003826f, 0x14292967, 0x0a0e6e70,
  0x27b70a85, 0x46d22ffc, 0x2e1b2138, 0x5c26c926, 0x4d2c6dfc, 0x5ac42aed, 0x53380d13, 0x9d95b3df,
  0x650a7354, 0x8baf63de, 0x766a0abb, 0x3c77b2a8, 0x81c2c92e, 0x47edaee6, 0x92722c85, 0x1482353b,
  0xa2bfe8a1, 0x4cf10364, 0xa81a664b, 0xbc423001, 0xc24b8b70, 0xd0f89791, 0xc76c51a3, 0x0654be30,
  0xd192e819, 0xd6ef5218, 0xd6990624, 0x5565a910, 0xf40e3585, 0x5771202a, 0x106aa070, 0x32bbd1b8,
  0x19a4c116, 0xb8d2d0c8, 0x1e376c08, 0x5141ab53, 0x2748774c, 0xdf8eeb99, 0x34b0bcb5, 0xe19b48a8,
  0x391c0cb3, 0xc5c95a63, 0x4ed8aa4a, 0xe3418acb, 0x5b9cca4f, 0x7763e373, 0x682e6ff3, 0xd6b2b8a3,
  0x748f82ee, 0x5defb2fc, 0x78a5636f, 0x43172f60, 0x84c87814, 0xa1f0ab72, 0x8cc70208, 0x1a6439ec,
  0x90befffa, 0x23631e28, 0xa4506ceb, 0xde82bde9, 0xbef9a3f7, 0xb2c67915, 0xc67178f2, 0xe372532b,
  0xca273ece, 0xea26619c, 0xd186b8c7, 0x21c0c207, 0xeada7dd6, 0xcde0eb1e, 0xf57d4f7f, 0xee6ed178,
  0x06f067aa, 0x72176fba, 0x0a637dc5, 0xa2c898a6, 0x113f9804, 0xbef90dae, 0x1b710b35, 0x131c471b,
  0x28db77f5, 0x23047d84, 0x32caab7b, 0x40c72493, 0x3c9ebe0a, 0x15c9bebc, 0x431d67c4, 0x9c100d4c,
  0x4cc5d4be, 0xcb3e42b6, 0x597f299c, 0xfc657e2a, 0x5fcb6fab, 0x3ad6faec, 0x6c44198c, 0x4a475817,
);

/** The message schedule, high and low words; nothing stays in it. */
const scheduleHigh: Int32Array = /* @__PURE__ */ new Int32Array(80);
const scheduleLow: Int32Array = /* @__PURE__ */ new Int32Array(80);

/**
 * FIPS 180-4 §6.4.2.
 *
 * @param state eight pairs of words, changed
 * @param data read from `start` to `end`, a multiple of 128 bytes apart
 */
export function compressSha512(state: Int32Array, data: DataView, start: number, end: number): void {
  const k = K512;
  const wh = scheduleHigh;
  const wl = scheduleLow;
  for (let at = start; at < end; at += 128) {
    schedule(wh, wl, data, at);
    let ah = state[0]!;
    let al = state[1]!;
    let bh = state[2]!;
    let bl = state[3]!;
    let ch = state[4]!;
    let cl = state[5]!;
    let dh = state[6]!;
    let dl = state[7]!;
    let eh = state[8]!;
    let el = state[9]!;
    let fh = state[10]!;
    let fl = state[11]!;
    let gh = state[12]!;
    let gl = state[13]!;
    let hh = state[14]!;
    let hl = state[15]!;
    for (let t = 0; t < 80; t++) {
      const first = (hl >>> 0) + ((((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23))) >>> 0) +
        ((gl ^ (el & (fl ^ gl))) >>> 0) + (k[2 * t + 1]! >>> 0) + (wl[t]! >>> 0);
      const firstHigh = (hh + (((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23))) + (gh ^ (eh & (fh ^ gh))) +
        k[2 * t]! + wh[t]! + ((first / 2 ** 32) | 0)) | 0;
      const firstLow = first | 0;
      const both = (firstLow >>> 0) + ((((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25))) >>> 0) +
        (((al & bl) | (cl & (al | bl))) >>> 0);
      const bothHigh = (firstHigh + (((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25))) +
        ((ah & bh) | (ch & (ah | bh))) + ((both / 2 ** 32) | 0)) | 0;
      hh = gh;
      hl = gl;
      gh = fh;
      gl = fl;
      fh = eh;
      fl = el;
      const sum = (dl >>> 0) + (firstLow >>> 0);
      eh = (dh + firstHigh + ((sum / 2 ** 32) | 0)) | 0;
      el = sum | 0;
      dh = ch;
      dl = cl;
      ch = bh;
      cl = bl;
      bh = ah;
      bl = al;
      ah = bothHigh;
      al = both | 0;
    }
    add(state, 0, ah, al);
    add(state, 2, bh, bl);
    add(state, 4, ch, cl);
    add(state, 6, dh, dl);
    add(state, 8, eh, el);
    add(state, 10, fh, fl);
    add(state, 12, gh, gl);
    add(state, 14, hh, hl);
  }
  wh.fill(0);
  wl.fill(0);
}

/** FIPS 180-4 §6.4.2, step 1. */
function schedule(wh: Int32Array, wl: Int32Array, data: DataView, at: number): void {
  for (let t = 0; t < 16; t++) {
    wh[t] = data.getInt32(at + 8 * t);
    wl[t] = data.getInt32(at + 8 * t + 4);
  }
  for (let t = 16; t < 80; t++) {
    const xh = wh[t - 15]!;
    const xl = wl[t - 15]!;
    const yh = wh[t - 2]!;
    const yl = wl[t - 2]!;
    const low = (wl[t - 16]! >>> 0) + (wl[t - 7]! >>> 0) +
      ((((xl >>> 1) | (xh << 31)) ^ ((xl >>> 8) | (xh << 24)) ^ ((xl >>> 7) | (xh << 25))) >>> 0) +
      ((((yl >>> 19) | (yh << 13)) ^ ((yh >>> 29) | (yl << 3)) ^ ((yl >>> 6) | (yh << 26))) >>> 0);
    wh[t] = wh[t - 16]! + wh[t - 7]! + (((xh >>> 1) | (xl << 31)) ^ ((xh >>> 8) | (xl << 24)) ^ (xh >>> 7)) +
      (((yh >>> 19) | (yl << 13)) ^ ((yl >>> 29) | (yh << 3)) ^ (yh >>> 6)) + ((low / 2 ** 32) | 0);
    wl[t] = low;
  }
}

/** Adds a pair to that at `index`. */
function add(state: Int32Array, index: number, high: number, low: number): void {
  const sum = (low >>> 0) + (state[index + 1]! >>> 0);
  state[index] = state[index]! + high + ((sum / 2 ** 32) | 0);
  state[index + 1] = sum;
}
