/**
 * The compression function of SHA-384 and SHA-512.
 *
 * Each 64-bit value is a pair of words, `ah` high and `al` low. Sums of low words are taken as doubles, which hold them
 * exactly; what is above 2^32 is the carry (measured: half the time of finding carries by bit operations or comparison,
 * and BigInt is slower by far). 16 rounds are written out with the names rotating instead of the values.
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

/**
 * FIPS 180-4 §6.4.2.
 *
 * @param state eight pairs of words, changed
 * @param data read from `start` to `end`, a multiple of 128 bytes apart
 */
export function compressSha512(state: Int32Array, data: DataView, start: number, end: number): void {
  const k = K512;
  let low = 0;
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
  for (let at = start; at < end; at += 128) {
    let w0h = data.getInt32(at);
    let w0l = data.getInt32(at + 4);
    let w1h = data.getInt32(at + 8);
    let w1l = data.getInt32(at + 12);
    let w2h = data.getInt32(at + 16);
    let w2l = data.getInt32(at + 20);
    let w3h = data.getInt32(at + 24);
    let w3l = data.getInt32(at + 28);
    let w4h = data.getInt32(at + 32);
    let w4l = data.getInt32(at + 36);
    let w5h = data.getInt32(at + 40);
    let w5l = data.getInt32(at + 44);
    let w6h = data.getInt32(at + 48);
    let w6l = data.getInt32(at + 52);
    let w7h = data.getInt32(at + 56);
    let w7l = data.getInt32(at + 60);
    let w8h = data.getInt32(at + 64);
    let w8l = data.getInt32(at + 68);
    let w9h = data.getInt32(at + 72);
    let w9l = data.getInt32(at + 76);
    let w10h = data.getInt32(at + 80);
    let w10l = data.getInt32(at + 84);
    let w11h = data.getInt32(at + 88);
    let w11l = data.getInt32(at + 92);
    let w12h = data.getInt32(at + 96);
    let w12l = data.getInt32(at + 100);
    let w13h = data.getInt32(at + 104);
    let w13l = data.getInt32(at + 108);
    let w14h = data.getInt32(at + 112);
    let w14l = data.getInt32(at + 116);
    let w15h = data.getInt32(at + 120);
    let w15l = data.getInt32(at + 124);
    for (let t = 0; ; t += 16) {
      low = (hl >>> 0) + ((((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23))) >>> 0) +
        ((gl ^ (el & (fl ^ gl))) >>> 0) + (k[2 * t + 1]! >>> 0) + (w0l >>> 0);
      hh = (hh + (((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23))) + (gh ^ (eh & (fh ^ gh))) +
        k[2 * t]! + w0h + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (dl >>> 0) + (hl >>> 0);
      dh = (dh + hh + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (hl >>> 0) + ((((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25))) >>> 0) +
        (((al & bl) | (cl & (al | bl))) >>> 0);
      hh = (hh + (((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25))) +
        ((ah & bh) | (ch & (ah | bh))) + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (gl >>> 0) + ((((dl >>> 14) | (dh << 18)) ^ ((dl >>> 18) | (dh << 14)) ^ ((dh >>> 9) | (dl << 23))) >>> 0) +
        ((fl ^ (dl & (el ^ fl))) >>> 0) + (k[2 * t + 3]! >>> 0) + (w1l >>> 0);
      gh = (gh + (((dh >>> 14) | (dl << 18)) ^ ((dh >>> 18) | (dl << 14)) ^ ((dl >>> 9) | (dh << 23))) + (fh ^ (dh & (eh ^ fh))) +
        k[2 * t + 2]! + w1h + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (cl >>> 0) + (gl >>> 0);
      ch = (ch + gh + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (gl >>> 0) + ((((hl >>> 28) | (hh << 4)) ^ ((hh >>> 2) | (hl << 30)) ^ ((hh >>> 7) | (hl << 25))) >>> 0) +
        (((hl & al) | (bl & (hl | al))) >>> 0);
      gh = (gh + (((hh >>> 28) | (hl << 4)) ^ ((hl >>> 2) | (hh << 30)) ^ ((hl >>> 7) | (hh << 25))) +
        ((hh & ah) | (bh & (hh | ah))) + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (fl >>> 0) + ((((cl >>> 14) | (ch << 18)) ^ ((cl >>> 18) | (ch << 14)) ^ ((ch >>> 9) | (cl << 23))) >>> 0) +
        ((el ^ (cl & (dl ^ el))) >>> 0) + (k[2 * t + 5]! >>> 0) + (w2l >>> 0);
      fh = (fh + (((ch >>> 14) | (cl << 18)) ^ ((ch >>> 18) | (cl << 14)) ^ ((cl >>> 9) | (ch << 23))) + (eh ^ (ch & (dh ^ eh))) +
        k[2 * t + 4]! + w2h + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (bl >>> 0) + (fl >>> 0);
      bh = (bh + fh + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (fl >>> 0) + ((((gl >>> 28) | (gh << 4)) ^ ((gh >>> 2) | (gl << 30)) ^ ((gh >>> 7) | (gl << 25))) >>> 0) +
        (((gl & hl) | (al & (gl | hl))) >>> 0);
      fh = (fh + (((gh >>> 28) | (gl << 4)) ^ ((gl >>> 2) | (gh << 30)) ^ ((gl >>> 7) | (gh << 25))) +
        ((gh & hh) | (ah & (gh | hh))) + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (el >>> 0) + ((((bl >>> 14) | (bh << 18)) ^ ((bl >>> 18) | (bh << 14)) ^ ((bh >>> 9) | (bl << 23))) >>> 0) +
        ((dl ^ (bl & (cl ^ dl))) >>> 0) + (k[2 * t + 7]! >>> 0) + (w3l >>> 0);
      eh = (eh + (((bh >>> 14) | (bl << 18)) ^ ((bh >>> 18) | (bl << 14)) ^ ((bl >>> 9) | (bh << 23))) + (dh ^ (bh & (ch ^ dh))) +
        k[2 * t + 6]! + w3h + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (al >>> 0) + (el >>> 0);
      ah = (ah + eh + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      low = (el >>> 0) + ((((fl >>> 28) | (fh << 4)) ^ ((fh >>> 2) | (fl << 30)) ^ ((fh >>> 7) | (fl << 25))) >>> 0) +
        (((fl & gl) | (hl & (fl | gl))) >>> 0);
      eh = (eh + (((fh >>> 28) | (fl << 4)) ^ ((fl >>> 2) | (fh << 30)) ^ ((fl >>> 7) | (fh << 25))) +
        ((fh & gh) | (hh & (fh | gh))) + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (dl >>> 0) + ((((al >>> 14) | (ah << 18)) ^ ((al >>> 18) | (ah << 14)) ^ ((ah >>> 9) | (al << 23))) >>> 0) +
        ((cl ^ (al & (bl ^ cl))) >>> 0) + (k[2 * t + 9]! >>> 0) + (w4l >>> 0);
      dh = (dh + (((ah >>> 14) | (al << 18)) ^ ((ah >>> 18) | (al << 14)) ^ ((al >>> 9) | (ah << 23))) + (ch ^ (ah & (bh ^ ch))) +
        k[2 * t + 8]! + w4h + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (hl >>> 0) + (dl >>> 0);
      hh = (hh + dh + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (dl >>> 0) + ((((el >>> 28) | (eh << 4)) ^ ((eh >>> 2) | (el << 30)) ^ ((eh >>> 7) | (el << 25))) >>> 0) +
        (((el & fl) | (gl & (el | fl))) >>> 0);
      dh = (dh + (((eh >>> 28) | (el << 4)) ^ ((el >>> 2) | (eh << 30)) ^ ((el >>> 7) | (eh << 25))) +
        ((eh & fh) | (gh & (eh | fh))) + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (cl >>> 0) + ((((hl >>> 14) | (hh << 18)) ^ ((hl >>> 18) | (hh << 14)) ^ ((hh >>> 9) | (hl << 23))) >>> 0) +
        ((bl ^ (hl & (al ^ bl))) >>> 0) + (k[2 * t + 11]! >>> 0) + (w5l >>> 0);
      ch = (ch + (((hh >>> 14) | (hl << 18)) ^ ((hh >>> 18) | (hl << 14)) ^ ((hl >>> 9) | (hh << 23))) + (bh ^ (hh & (ah ^ bh))) +
        k[2 * t + 10]! + w5h + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (gl >>> 0) + (cl >>> 0);
      gh = (gh + ch + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (cl >>> 0) + ((((dl >>> 28) | (dh << 4)) ^ ((dh >>> 2) | (dl << 30)) ^ ((dh >>> 7) | (dl << 25))) >>> 0) +
        (((dl & el) | (fl & (dl | el))) >>> 0);
      ch = (ch + (((dh >>> 28) | (dl << 4)) ^ ((dl >>> 2) | (dh << 30)) ^ ((dl >>> 7) | (dh << 25))) +
        ((dh & eh) | (fh & (dh | eh))) + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (bl >>> 0) + ((((gl >>> 14) | (gh << 18)) ^ ((gl >>> 18) | (gh << 14)) ^ ((gh >>> 9) | (gl << 23))) >>> 0) +
        ((al ^ (gl & (hl ^ al))) >>> 0) + (k[2 * t + 13]! >>> 0) + (w6l >>> 0);
      bh = (bh + (((gh >>> 14) | (gl << 18)) ^ ((gh >>> 18) | (gl << 14)) ^ ((gl >>> 9) | (gh << 23))) + (ah ^ (gh & (hh ^ ah))) +
        k[2 * t + 12]! + w6h + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (fl >>> 0) + (bl >>> 0);
      fh = (fh + bh + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (bl >>> 0) + ((((cl >>> 28) | (ch << 4)) ^ ((ch >>> 2) | (cl << 30)) ^ ((ch >>> 7) | (cl << 25))) >>> 0) +
        (((cl & dl) | (el & (cl | dl))) >>> 0);
      bh = (bh + (((ch >>> 28) | (cl << 4)) ^ ((cl >>> 2) | (ch << 30)) ^ ((cl >>> 7) | (ch << 25))) +
        ((ch & dh) | (eh & (ch | dh))) + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (al >>> 0) + ((((fl >>> 14) | (fh << 18)) ^ ((fl >>> 18) | (fh << 14)) ^ ((fh >>> 9) | (fl << 23))) >>> 0) +
        ((hl ^ (fl & (gl ^ hl))) >>> 0) + (k[2 * t + 15]! >>> 0) + (w7l >>> 0);
      ah = (ah + (((fh >>> 14) | (fl << 18)) ^ ((fh >>> 18) | (fl << 14)) ^ ((fl >>> 9) | (fh << 23))) + (hh ^ (fh & (gh ^ hh))) +
        k[2 * t + 14]! + w7h + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      low = (el >>> 0) + (al >>> 0);
      eh = (eh + ah + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (al >>> 0) + ((((bl >>> 28) | (bh << 4)) ^ ((bh >>> 2) | (bl << 30)) ^ ((bh >>> 7) | (bl << 25))) >>> 0) +
        (((bl & cl) | (dl & (bl | cl))) >>> 0);
      ah = (ah + (((bh >>> 28) | (bl << 4)) ^ ((bl >>> 2) | (bh << 30)) ^ ((bl >>> 7) | (bh << 25))) +
        ((bh & ch) | (dh & (bh | ch))) + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      low = (hl >>> 0) + ((((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23))) >>> 0) +
        ((gl ^ (el & (fl ^ gl))) >>> 0) + (k[2 * t + 17]! >>> 0) + (w8l >>> 0);
      hh = (hh + (((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23))) + (gh ^ (eh & (fh ^ gh))) +
        k[2 * t + 16]! + w8h + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (dl >>> 0) + (hl >>> 0);
      dh = (dh + hh + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (hl >>> 0) + ((((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25))) >>> 0) +
        (((al & bl) | (cl & (al | bl))) >>> 0);
      hh = (hh + (((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25))) +
        ((ah & bh) | (ch & (ah | bh))) + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (gl >>> 0) + ((((dl >>> 14) | (dh << 18)) ^ ((dl >>> 18) | (dh << 14)) ^ ((dh >>> 9) | (dl << 23))) >>> 0) +
        ((fl ^ (dl & (el ^ fl))) >>> 0) + (k[2 * t + 19]! >>> 0) + (w9l >>> 0);
      gh = (gh + (((dh >>> 14) | (dl << 18)) ^ ((dh >>> 18) | (dl << 14)) ^ ((dl >>> 9) | (dh << 23))) + (fh ^ (dh & (eh ^ fh))) +
        k[2 * t + 18]! + w9h + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (cl >>> 0) + (gl >>> 0);
      ch = (ch + gh + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (gl >>> 0) + ((((hl >>> 28) | (hh << 4)) ^ ((hh >>> 2) | (hl << 30)) ^ ((hh >>> 7) | (hl << 25))) >>> 0) +
        (((hl & al) | (bl & (hl | al))) >>> 0);
      gh = (gh + (((hh >>> 28) | (hl << 4)) ^ ((hl >>> 2) | (hh << 30)) ^ ((hl >>> 7) | (hh << 25))) +
        ((hh & ah) | (bh & (hh | ah))) + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (fl >>> 0) + ((((cl >>> 14) | (ch << 18)) ^ ((cl >>> 18) | (ch << 14)) ^ ((ch >>> 9) | (cl << 23))) >>> 0) +
        ((el ^ (cl & (dl ^ el))) >>> 0) + (k[2 * t + 21]! >>> 0) + (w10l >>> 0);
      fh = (fh + (((ch >>> 14) | (cl << 18)) ^ ((ch >>> 18) | (cl << 14)) ^ ((cl >>> 9) | (ch << 23))) + (eh ^ (ch & (dh ^ eh))) +
        k[2 * t + 20]! + w10h + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (bl >>> 0) + (fl >>> 0);
      bh = (bh + fh + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (fl >>> 0) + ((((gl >>> 28) | (gh << 4)) ^ ((gh >>> 2) | (gl << 30)) ^ ((gh >>> 7) | (gl << 25))) >>> 0) +
        (((gl & hl) | (al & (gl | hl))) >>> 0);
      fh = (fh + (((gh >>> 28) | (gl << 4)) ^ ((gl >>> 2) | (gh << 30)) ^ ((gl >>> 7) | (gh << 25))) +
        ((gh & hh) | (ah & (gh | hh))) + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (el >>> 0) + ((((bl >>> 14) | (bh << 18)) ^ ((bl >>> 18) | (bh << 14)) ^ ((bh >>> 9) | (bl << 23))) >>> 0) +
        ((dl ^ (bl & (cl ^ dl))) >>> 0) + (k[2 * t + 23]! >>> 0) + (w11l >>> 0);
      eh = (eh + (((bh >>> 14) | (bl << 18)) ^ ((bh >>> 18) | (bl << 14)) ^ ((bl >>> 9) | (bh << 23))) + (dh ^ (bh & (ch ^ dh))) +
        k[2 * t + 22]! + w11h + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (al >>> 0) + (el >>> 0);
      ah = (ah + eh + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      low = (el >>> 0) + ((((fl >>> 28) | (fh << 4)) ^ ((fh >>> 2) | (fl << 30)) ^ ((fh >>> 7) | (fl << 25))) >>> 0) +
        (((fl & gl) | (hl & (fl | gl))) >>> 0);
      eh = (eh + (((fh >>> 28) | (fl << 4)) ^ ((fl >>> 2) | (fh << 30)) ^ ((fl >>> 7) | (fh << 25))) +
        ((fh & gh) | (hh & (fh | gh))) + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (dl >>> 0) + ((((al >>> 14) | (ah << 18)) ^ ((al >>> 18) | (ah << 14)) ^ ((ah >>> 9) | (al << 23))) >>> 0) +
        ((cl ^ (al & (bl ^ cl))) >>> 0) + (k[2 * t + 25]! >>> 0) + (w12l >>> 0);
      dh = (dh + (((ah >>> 14) | (al << 18)) ^ ((ah >>> 18) | (al << 14)) ^ ((al >>> 9) | (ah << 23))) + (ch ^ (ah & (bh ^ ch))) +
        k[2 * t + 24]! + w12h + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (hl >>> 0) + (dl >>> 0);
      hh = (hh + dh + ((low / 2 ** 32) | 0)) | 0;
      hl = low | 0;
      low = (dl >>> 0) + ((((el >>> 28) | (eh << 4)) ^ ((eh >>> 2) | (el << 30)) ^ ((eh >>> 7) | (el << 25))) >>> 0) +
        (((el & fl) | (gl & (el | fl))) >>> 0);
      dh = (dh + (((eh >>> 28) | (el << 4)) ^ ((el >>> 2) | (eh << 30)) ^ ((el >>> 7) | (eh << 25))) +
        ((eh & fh) | (gh & (eh | fh))) + ((low / 2 ** 32) | 0)) | 0;
      dl = low | 0;
      low = (cl >>> 0) + ((((hl >>> 14) | (hh << 18)) ^ ((hl >>> 18) | (hh << 14)) ^ ((hh >>> 9) | (hl << 23))) >>> 0) +
        ((bl ^ (hl & (al ^ bl))) >>> 0) + (k[2 * t + 27]! >>> 0) + (w13l >>> 0);
      ch = (ch + (((hh >>> 14) | (hl << 18)) ^ ((hh >>> 18) | (hl << 14)) ^ ((hl >>> 9) | (hh << 23))) + (bh ^ (hh & (ah ^ bh))) +
        k[2 * t + 26]! + w13h + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (gl >>> 0) + (cl >>> 0);
      gh = (gh + ch + ((low / 2 ** 32) | 0)) | 0;
      gl = low | 0;
      low = (cl >>> 0) + ((((dl >>> 28) | (dh << 4)) ^ ((dh >>> 2) | (dl << 30)) ^ ((dh >>> 7) | (dl << 25))) >>> 0) +
        (((dl & el) | (fl & (dl | el))) >>> 0);
      ch = (ch + (((dh >>> 28) | (dl << 4)) ^ ((dl >>> 2) | (dh << 30)) ^ ((dl >>> 7) | (dh << 25))) +
        ((dh & eh) | (fh & (dh | eh))) + ((low / 2 ** 32) | 0)) | 0;
      cl = low | 0;
      low = (bl >>> 0) + ((((gl >>> 14) | (gh << 18)) ^ ((gl >>> 18) | (gh << 14)) ^ ((gh >>> 9) | (gl << 23))) >>> 0) +
        ((al ^ (gl & (hl ^ al))) >>> 0) + (k[2 * t + 29]! >>> 0) + (w14l >>> 0);
      bh = (bh + (((gh >>> 14) | (gl << 18)) ^ ((gh >>> 18) | (gl << 14)) ^ ((gl >>> 9) | (gh << 23))) + (ah ^ (gh & (hh ^ ah))) +
        k[2 * t + 28]! + w14h + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (fl >>> 0) + (bl >>> 0);
      fh = (fh + bh + ((low / 2 ** 32) | 0)) | 0;
      fl = low | 0;
      low = (bl >>> 0) + ((((cl >>> 28) | (ch << 4)) ^ ((ch >>> 2) | (cl << 30)) ^ ((ch >>> 7) | (cl << 25))) >>> 0) +
        (((cl & dl) | (el & (cl | dl))) >>> 0);
      bh = (bh + (((ch >>> 28) | (cl << 4)) ^ ((cl >>> 2) | (ch << 30)) ^ ((cl >>> 7) | (ch << 25))) +
        ((ch & dh) | (eh & (ch | dh))) + ((low / 2 ** 32) | 0)) | 0;
      bl = low | 0;
      low = (al >>> 0) + ((((fl >>> 14) | (fh << 18)) ^ ((fl >>> 18) | (fh << 14)) ^ ((fh >>> 9) | (fl << 23))) >>> 0) +
        ((hl ^ (fl & (gl ^ hl))) >>> 0) + (k[2 * t + 31]! >>> 0) + (w15l >>> 0);
      ah = (ah + (((fh >>> 14) | (fl << 18)) ^ ((fh >>> 18) | (fl << 14)) ^ ((fl >>> 9) | (fh << 23))) + (hh ^ (fh & (gh ^ hh))) +
        k[2 * t + 30]! + w15h + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      low = (el >>> 0) + (al >>> 0);
      eh = (eh + ah + ((low / 2 ** 32) | 0)) | 0;
      el = low | 0;
      low = (al >>> 0) + ((((bl >>> 28) | (bh << 4)) ^ ((bh >>> 2) | (bl << 30)) ^ ((bh >>> 7) | (bl << 25))) >>> 0) +
        (((bl & cl) | (dl & (bl | cl))) >>> 0);
      ah = (ah + (((bh >>> 28) | (bl << 4)) ^ ((bl >>> 2) | (bh << 30)) ^ ((bl >>> 7) | (bh << 25))) +
        ((bh & ch) | (dh & (bh | ch))) + ((low / 2 ** 32) | 0)) | 0;
      al = low | 0;
      if (t === 64) break;
      // The next 16 words of the schedule take the places of these.
      low = ((((w1l >>> 1) | (w1h << 31)) ^ ((w1l >>> 8) | (w1h << 24)) ^ ((w1l >>> 7) | (w1h << 25))) >>> 0) +
        ((((w14l >>> 19) | (w14h << 13)) ^ ((w14h >>> 29) | (w14l << 3)) ^ ((w14l >>> 6) | (w14h << 26))) >>> 0) + (w9l >>> 0) + (w0l >>> 0);
      w0h = (w0h + (((w1h >>> 1) | (w1l << 31)) ^ ((w1h >>> 8) | (w1l << 24)) ^ (w1h >>> 7)) + w9h +
        (((w14h >>> 19) | (w14l << 13)) ^ ((w14l >>> 29) | (w14h << 3)) ^ (w14h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w0l = low | 0;
      low = ((((w2l >>> 1) | (w2h << 31)) ^ ((w2l >>> 8) | (w2h << 24)) ^ ((w2l >>> 7) | (w2h << 25))) >>> 0) +
        ((((w15l >>> 19) | (w15h << 13)) ^ ((w15h >>> 29) | (w15l << 3)) ^ ((w15l >>> 6) | (w15h << 26))) >>> 0) + (w10l >>> 0) + (w1l >>> 0);
      w1h = (w1h + (((w2h >>> 1) | (w2l << 31)) ^ ((w2h >>> 8) | (w2l << 24)) ^ (w2h >>> 7)) + w10h +
        (((w15h >>> 19) | (w15l << 13)) ^ ((w15l >>> 29) | (w15h << 3)) ^ (w15h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w1l = low | 0;
      low = ((((w3l >>> 1) | (w3h << 31)) ^ ((w3l >>> 8) | (w3h << 24)) ^ ((w3l >>> 7) | (w3h << 25))) >>> 0) +
        ((((w0l >>> 19) | (w0h << 13)) ^ ((w0h >>> 29) | (w0l << 3)) ^ ((w0l >>> 6) | (w0h << 26))) >>> 0) + (w11l >>> 0) + (w2l >>> 0);
      w2h = (w2h + (((w3h >>> 1) | (w3l << 31)) ^ ((w3h >>> 8) | (w3l << 24)) ^ (w3h >>> 7)) + w11h +
        (((w0h >>> 19) | (w0l << 13)) ^ ((w0l >>> 29) | (w0h << 3)) ^ (w0h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w2l = low | 0;
      low = ((((w4l >>> 1) | (w4h << 31)) ^ ((w4l >>> 8) | (w4h << 24)) ^ ((w4l >>> 7) | (w4h << 25))) >>> 0) +
        ((((w1l >>> 19) | (w1h << 13)) ^ ((w1h >>> 29) | (w1l << 3)) ^ ((w1l >>> 6) | (w1h << 26))) >>> 0) + (w12l >>> 0) + (w3l >>> 0);
      w3h = (w3h + (((w4h >>> 1) | (w4l << 31)) ^ ((w4h >>> 8) | (w4l << 24)) ^ (w4h >>> 7)) + w12h +
        (((w1h >>> 19) | (w1l << 13)) ^ ((w1l >>> 29) | (w1h << 3)) ^ (w1h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w3l = low | 0;
      low = ((((w5l >>> 1) | (w5h << 31)) ^ ((w5l >>> 8) | (w5h << 24)) ^ ((w5l >>> 7) | (w5h << 25))) >>> 0) +
        ((((w2l >>> 19) | (w2h << 13)) ^ ((w2h >>> 29) | (w2l << 3)) ^ ((w2l >>> 6) | (w2h << 26))) >>> 0) + (w13l >>> 0) + (w4l >>> 0);
      w4h = (w4h + (((w5h >>> 1) | (w5l << 31)) ^ ((w5h >>> 8) | (w5l << 24)) ^ (w5h >>> 7)) + w13h +
        (((w2h >>> 19) | (w2l << 13)) ^ ((w2l >>> 29) | (w2h << 3)) ^ (w2h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w4l = low | 0;
      low = ((((w6l >>> 1) | (w6h << 31)) ^ ((w6l >>> 8) | (w6h << 24)) ^ ((w6l >>> 7) | (w6h << 25))) >>> 0) +
        ((((w3l >>> 19) | (w3h << 13)) ^ ((w3h >>> 29) | (w3l << 3)) ^ ((w3l >>> 6) | (w3h << 26))) >>> 0) + (w14l >>> 0) + (w5l >>> 0);
      w5h = (w5h + (((w6h >>> 1) | (w6l << 31)) ^ ((w6h >>> 8) | (w6l << 24)) ^ (w6h >>> 7)) + w14h +
        (((w3h >>> 19) | (w3l << 13)) ^ ((w3l >>> 29) | (w3h << 3)) ^ (w3h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w5l = low | 0;
      low = ((((w7l >>> 1) | (w7h << 31)) ^ ((w7l >>> 8) | (w7h << 24)) ^ ((w7l >>> 7) | (w7h << 25))) >>> 0) +
        ((((w4l >>> 19) | (w4h << 13)) ^ ((w4h >>> 29) | (w4l << 3)) ^ ((w4l >>> 6) | (w4h << 26))) >>> 0) + (w15l >>> 0) + (w6l >>> 0);
      w6h = (w6h + (((w7h >>> 1) | (w7l << 31)) ^ ((w7h >>> 8) | (w7l << 24)) ^ (w7h >>> 7)) + w15h +
        (((w4h >>> 19) | (w4l << 13)) ^ ((w4l >>> 29) | (w4h << 3)) ^ (w4h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w6l = low | 0;
      low = ((((w8l >>> 1) | (w8h << 31)) ^ ((w8l >>> 8) | (w8h << 24)) ^ ((w8l >>> 7) | (w8h << 25))) >>> 0) +
        ((((w5l >>> 19) | (w5h << 13)) ^ ((w5h >>> 29) | (w5l << 3)) ^ ((w5l >>> 6) | (w5h << 26))) >>> 0) + (w0l >>> 0) + (w7l >>> 0);
      w7h = (w7h + (((w8h >>> 1) | (w8l << 31)) ^ ((w8h >>> 8) | (w8l << 24)) ^ (w8h >>> 7)) + w0h +
        (((w5h >>> 19) | (w5l << 13)) ^ ((w5l >>> 29) | (w5h << 3)) ^ (w5h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w7l = low | 0;
      low = ((((w9l >>> 1) | (w9h << 31)) ^ ((w9l >>> 8) | (w9h << 24)) ^ ((w9l >>> 7) | (w9h << 25))) >>> 0) +
        ((((w6l >>> 19) | (w6h << 13)) ^ ((w6h >>> 29) | (w6l << 3)) ^ ((w6l >>> 6) | (w6h << 26))) >>> 0) + (w1l >>> 0) + (w8l >>> 0);
      w8h = (w8h + (((w9h >>> 1) | (w9l << 31)) ^ ((w9h >>> 8) | (w9l << 24)) ^ (w9h >>> 7)) + w1h +
        (((w6h >>> 19) | (w6l << 13)) ^ ((w6l >>> 29) | (w6h << 3)) ^ (w6h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w8l = low | 0;
      low = ((((w10l >>> 1) | (w10h << 31)) ^ ((w10l >>> 8) | (w10h << 24)) ^ ((w10l >>> 7) | (w10h << 25))) >>> 0) +
        ((((w7l >>> 19) | (w7h << 13)) ^ ((w7h >>> 29) | (w7l << 3)) ^ ((w7l >>> 6) | (w7h << 26))) >>> 0) + (w2l >>> 0) + (w9l >>> 0);
      w9h = (w9h + (((w10h >>> 1) | (w10l << 31)) ^ ((w10h >>> 8) | (w10l << 24)) ^ (w10h >>> 7)) + w2h +
        (((w7h >>> 19) | (w7l << 13)) ^ ((w7l >>> 29) | (w7h << 3)) ^ (w7h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w9l = low | 0;
      low = ((((w11l >>> 1) | (w11h << 31)) ^ ((w11l >>> 8) | (w11h << 24)) ^ ((w11l >>> 7) | (w11h << 25))) >>> 0) +
        ((((w8l >>> 19) | (w8h << 13)) ^ ((w8h >>> 29) | (w8l << 3)) ^ ((w8l >>> 6) | (w8h << 26))) >>> 0) + (w3l >>> 0) + (w10l >>> 0);
      w10h = (w10h + (((w11h >>> 1) | (w11l << 31)) ^ ((w11h >>> 8) | (w11l << 24)) ^ (w11h >>> 7)) + w3h +
        (((w8h >>> 19) | (w8l << 13)) ^ ((w8l >>> 29) | (w8h << 3)) ^ (w8h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w10l = low | 0;
      low = ((((w12l >>> 1) | (w12h << 31)) ^ ((w12l >>> 8) | (w12h << 24)) ^ ((w12l >>> 7) | (w12h << 25))) >>> 0) +
        ((((w9l >>> 19) | (w9h << 13)) ^ ((w9h >>> 29) | (w9l << 3)) ^ ((w9l >>> 6) | (w9h << 26))) >>> 0) + (w4l >>> 0) + (w11l >>> 0);
      w11h = (w11h + (((w12h >>> 1) | (w12l << 31)) ^ ((w12h >>> 8) | (w12l << 24)) ^ (w12h >>> 7)) + w4h +
        (((w9h >>> 19) | (w9l << 13)) ^ ((w9l >>> 29) | (w9h << 3)) ^ (w9h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w11l = low | 0;
      low = ((((w13l >>> 1) | (w13h << 31)) ^ ((w13l >>> 8) | (w13h << 24)) ^ ((w13l >>> 7) | (w13h << 25))) >>> 0) +
        ((((w10l >>> 19) | (w10h << 13)) ^ ((w10h >>> 29) | (w10l << 3)) ^ ((w10l >>> 6) | (w10h << 26))) >>> 0) + (w5l >>> 0) + (w12l >>> 0);
      w12h = (w12h + (((w13h >>> 1) | (w13l << 31)) ^ ((w13h >>> 8) | (w13l << 24)) ^ (w13h >>> 7)) + w5h +
        (((w10h >>> 19) | (w10l << 13)) ^ ((w10l >>> 29) | (w10h << 3)) ^ (w10h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w12l = low | 0;
      low = ((((w14l >>> 1) | (w14h << 31)) ^ ((w14l >>> 8) | (w14h << 24)) ^ ((w14l >>> 7) | (w14h << 25))) >>> 0) +
        ((((w11l >>> 19) | (w11h << 13)) ^ ((w11h >>> 29) | (w11l << 3)) ^ ((w11l >>> 6) | (w11h << 26))) >>> 0) + (w6l >>> 0) + (w13l >>> 0);
      w13h = (w13h + (((w14h >>> 1) | (w14l << 31)) ^ ((w14h >>> 8) | (w14l << 24)) ^ (w14h >>> 7)) + w6h +
        (((w11h >>> 19) | (w11l << 13)) ^ ((w11l >>> 29) | (w11h << 3)) ^ (w11h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w13l = low | 0;
      low = ((((w15l >>> 1) | (w15h << 31)) ^ ((w15l >>> 8) | (w15h << 24)) ^ ((w15l >>> 7) | (w15h << 25))) >>> 0) +
        ((((w12l >>> 19) | (w12h << 13)) ^ ((w12h >>> 29) | (w12l << 3)) ^ ((w12l >>> 6) | (w12h << 26))) >>> 0) + (w7l >>> 0) + (w14l >>> 0);
      w14h = (w14h + (((w15h >>> 1) | (w15l << 31)) ^ ((w15h >>> 8) | (w15l << 24)) ^ (w15h >>> 7)) + w7h +
        (((w12h >>> 19) | (w12l << 13)) ^ ((w12l >>> 29) | (w12h << 3)) ^ (w12h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w14l = low | 0;
      low = ((((w0l >>> 1) | (w0h << 31)) ^ ((w0l >>> 8) | (w0h << 24)) ^ ((w0l >>> 7) | (w0h << 25))) >>> 0) +
        ((((w13l >>> 19) | (w13h << 13)) ^ ((w13h >>> 29) | (w13l << 3)) ^ ((w13l >>> 6) | (w13h << 26))) >>> 0) + (w8l >>> 0) + (w15l >>> 0);
      w15h = (w15h + (((w0h >>> 1) | (w0l << 31)) ^ ((w0h >>> 8) | (w0l << 24)) ^ (w0h >>> 7)) + w8h +
        (((w13h >>> 19) | (w13l << 13)) ^ ((w13l >>> 29) | (w13h << 3)) ^ (w13h >>> 6)) + ((low / 2 ** 32) | 0)) | 0;
      w15l = low | 0;
    }
    low = (al >>> 0) + (state[1]! >>> 0);
    state[0] = ah = (ah + state[0]! + ((low / 2 ** 32) | 0)) | 0;
    state[1] = al = low | 0;
    low = (bl >>> 0) + (state[3]! >>> 0);
    state[2] = bh = (bh + state[2]! + ((low / 2 ** 32) | 0)) | 0;
    state[3] = bl = low | 0;
    low = (cl >>> 0) + (state[5]! >>> 0);
    state[4] = ch = (ch + state[4]! + ((low / 2 ** 32) | 0)) | 0;
    state[5] = cl = low | 0;
    low = (dl >>> 0) + (state[7]! >>> 0);
    state[6] = dh = (dh + state[6]! + ((low / 2 ** 32) | 0)) | 0;
    state[7] = dl = low | 0;
    low = (el >>> 0) + (state[9]! >>> 0);
    state[8] = eh = (eh + state[8]! + ((low / 2 ** 32) | 0)) | 0;
    state[9] = el = low | 0;
    low = (fl >>> 0) + (state[11]! >>> 0);
    state[10] = fh = (fh + state[10]! + ((low / 2 ** 32) | 0)) | 0;
    state[11] = fl = low | 0;
    low = (gl >>> 0) + (state[13]! >>> 0);
    state[12] = gh = (gh + state[12]! + ((low / 2 ** 32) | 0)) | 0;
    state[13] = gl = low | 0;
    low = (hl >>> 0) + (state[15]! >>> 0);
    state[14] = hh = (hh + state[14]! + ((low / 2 ** 32) | 0)) | 0;
    state[15] = hl = low | 0;
  }
}
