/**
 * The block cipher of FIPS 197: tables, key schedules, one block.
 *
 * Everything is in little-endian words, four to a block, a column of the state each. A round looks each byte up in a
 * table that has S-box and MixColumns in one: `E0[x]` is the column that byte x of row 0 contributes, and the tables of
 * the other rows are the same turned by a byte. Four tables of 1 KB for each direction; larger ones that merge two
 * look-ups take long to build, and more of the cache with them.
 *
 * The tables are constants of the module, empty until the first key is expanded: the engine then knows their addresses
 * and lengths (measured: 1.5 times as fast as tables that are handed over), and importing the module computes nothing.
 *
 * @module
 */

const BOX = /* @__PURE__ */ new Uint8Array(256);
const E0 = /* @__PURE__ */ new Int32Array(256);
const E1 = /* @__PURE__ */ new Int32Array(256);
const E2 = /* @__PURE__ */ new Int32Array(256);
const E3 = /* @__PURE__ */ new Int32Array(256);

const INVERSE_BOX = /* @__PURE__ */ new Uint8Array(256);
const D0 = /* @__PURE__ */ new Int32Array(256);
const D1 = /* @__PURE__ */ new Int32Array(256);
const D2 = /* @__PURE__ */ new Int32Array(256);
const D3 = /* @__PURE__ */ new Int32Array(256);

let encryptionReady = false;
let decryptionReady = false;

/** FIPS 197 §4.2.1: multiplication by x modulo x^8 + x^4 + x^3 + x + 1. */
function timesX(byte: number): number {
  return ((byte << 1) ^ ((byte >>> 7) * 0x11b)) & 255;
}

/** S-box (§5.1.1), and with MixColumns (§5.1.3) the column (2, 1, 1, 3). */
function buildEncryptionTables(): void {
  if (encryptionReady) return;
  // Powers of 3 go through all elements of GF(2^8) but 0, and those of 0xf6, the inverse of 3, through their inverses.
  let power = 1;
  let inverse = 1;
  do {
    power ^= timesX(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    inverse &= 255;
    if (inverse & 128) inverse ^= 0x09;
    // The affine map: the inverse xor itself turned left by 1, 2, 3 and 4, xor 0x63.
    const turned = inverse ^ (inverse << 1) ^ (inverse << 2) ^ (inverse << 3) ^ (inverse << 4);
    BOX[power] = (turned & 255) ^ (turned >>> 8) ^ 0x63;
  } while (power !== 1);
  // 0 has no inverse and goes into the affine map as it is.
  BOX[0] = 0x63;
  for (let at = 0; at < 256; at++) {
    const byte = BOX[at]!;
    const by2 = timesX(byte);
    fillRow(E0, E1, E2, E3, at, by2 | (byte << 8) | (byte << 16) | ((by2 ^ byte) << 24));
  }
  encryptionReady = true;
}

/** Inverse S-box (§5.3.2), and with InvMixColumns (§5.3.3) the column (14, 9, 13, 11). */
function buildDecryptionTables(): void {
  if (decryptionReady) return;
  buildEncryptionTables();
  for (let at = 0; at < 256; at++) INVERSE_BOX[BOX[at]!] = at;
  for (let at = 0; at < 256; at++) {
    const byte = INVERSE_BOX[at]!;
    const by2 = timesX(byte);
    const by4 = timesX(by2);
    const by8 = timesX(by4);
    const column = (by8 ^ by4 ^ by2) | ((by8 ^ byte) << 8) | ((by8 ^ by4 ^ byte) << 16) | ((by8 ^ by2 ^ byte) << 24);
    fillRow(D0, D1, D2, D3, at, column);
  }
  decryptionReady = true;
}

function fillRow(t0: Int32Array, t1: Int32Array, t2: Int32Array, t3: Int32Array, at: number, column: number): void {
  t0[at] = column;
  t1[at] = (column << 8) | (column >>> 24);
  t2[at] = (column << 16) | (column >>> 16);
  t3[at] = (column << 24) | (column >>> 8);
}

/**
 * Expands a key for {@link encryptBlock} (§5.2).
 *
 * @param key 16, 24 or 32 bytes, checked by the caller; read only
 * @returns fresh round keys, which the caller wipes after use
 */
export function expandEncryptionKey(key: Uint8Array): Int32Array {
  buildEncryptionTables();
  const keyWords = key.length / 4;
  const words = new Int32Array(4 * (keyWords + 7));
  for (let at = 0; at < key.length; at++) words[at >>> 2]! |= key[at]! << (8 * (at & 3));
  let roundConstant = 1;
  for (let at = keyWords; at < words.length; at++) {
    let word = words[at - 1]!;
    if (at % keyWords === 0) {
      word = substitute((word >>> 8) | (word << 24)) ^ roundConstant;
      roundConstant = timesX(roundConstant);
    } else if (keyWords === 8 && at % 8 === 4) {
      word = substitute(word);
    }
    words[at] = words[at - keyWords]! ^ word;
  }
  return words;
}

/** SubWord() of §5.2. */
function substitute(word: number): number {
  return join(BOX[word & 255]!, BOX[(word >>> 8) & 255]!, BOX[(word >>> 16) & 255]!, BOX[word >>> 24]!);
}

/**
 * Expands a key for {@link decryptBlock}: the equivalent inverse cipher of §5.3.5, where the round keys run backwards and
 * those between first and last have gone through InvMixColumns.
 *
 * @param key 16, 24 or 32 bytes, checked by the caller; read only
 * @returns fresh round keys, which the caller wipes after use
 */
export function expandDecryptionKey(key: Uint8Array): Int32Array {
  buildDecryptionTables();
  const forward = expandEncryptionKey(key);
  const words = new Int32Array(forward.length);
  const last = forward.length - 4;
  for (let at = 0; at < forward.length; at++) {
    const word = forward[last - at + 2 * (at & 3)]!;
    words[at] = at < 4 || at >= last ? word : inverseMix(word);
  }
  forward.fill(0);
  return words;
}

/** InvMixColumns of one column. The tables undo the S-box as well, so it is done first. */
function inverseMix(word: number): number {
  return D0[BOX[word & 255]!]! ^ D1[BOX[(word >>> 8) & 255]!]! ^ D2[BOX[(word >>> 16) & 255]!]! ^ D3[BOX[word >>> 24]!]!;
}

/**
 * Encrypts one block (§5.1). The columns are arguments, not an array, so that they stay in registers.
 *
 * @param words of {@link expandEncryptionKey}
 * @param s0 first column of the state, little-endian; `s1` to `s3` the others
 * @param block receives four words
 */
export function encryptBlock(words: Int32Array, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
  const last = words.length - 4;
  s0 ^= words[0]!;
  s1 ^= words[1]!;
  s2 ^= words[2]!;
  s3 ^= words[3]!;
  for (let at = 4; at < last; at += 4) {
    const n0 = E0[s0 & 255]! ^ E1[(s1 >>> 8) & 255]! ^ E2[(s2 >>> 16) & 255]! ^ E3[s3 >>> 24]! ^ words[at]!;
    const n1 = E0[s1 & 255]! ^ E1[(s2 >>> 8) & 255]! ^ E2[(s3 >>> 16) & 255]! ^ E3[s0 >>> 24]! ^ words[at + 1]!;
    const n2 = E0[s2 & 255]! ^ E1[(s3 >>> 8) & 255]! ^ E2[(s0 >>> 16) & 255]! ^ E3[s1 >>> 24]! ^ words[at + 2]!;
    const n3 = E0[s3 & 255]! ^ E1[(s0 >>> 8) & 255]! ^ E2[(s1 >>> 16) & 255]! ^ E3[s2 >>> 24]! ^ words[at + 3]!;
    s0 = n0;
    s1 = n1;
    s2 = n2;
    s3 = n3;
  }
  block[0] = join(BOX[s0 & 255]!, BOX[(s1 >>> 8) & 255]!, BOX[(s2 >>> 16) & 255]!, BOX[s3 >>> 24]!) ^ words[last]!;
  block[1] = join(BOX[s1 & 255]!, BOX[(s2 >>> 8) & 255]!, BOX[(s3 >>> 16) & 255]!, BOX[s0 >>> 24]!) ^ words[last + 1]!;
  block[2] = join(BOX[s2 & 255]!, BOX[(s3 >>> 8) & 255]!, BOX[(s0 >>> 16) & 255]!, BOX[s1 >>> 24]!) ^ words[last + 2]!;
  block[3] = join(BOX[s3 & 255]!, BOX[(s0 >>> 8) & 255]!, BOX[(s1 >>> 16) & 255]!, BOX[s2 >>> 24]!) ^ words[last + 3]!;
}

/**
 * Decrypts one block (§5.3.5): as {@link encryptBlock}, with rows turned the other way.
 *
 * @param words of {@link expandDecryptionKey}
 * @param s0 first column of the state, little-endian; `s1` to `s3` the others
 * @param block receives four words
 */
export function decryptBlock(words: Int32Array, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
  const last = words.length - 4;
  s0 ^= words[0]!;
  s1 ^= words[1]!;
  s2 ^= words[2]!;
  s3 ^= words[3]!;
  for (let at = 4; at < last; at += 4) {
    const n0 = D0[s0 & 255]! ^ D1[(s3 >>> 8) & 255]! ^ D2[(s2 >>> 16) & 255]! ^ D3[s1 >>> 24]! ^ words[at]!;
    const n1 = D0[s1 & 255]! ^ D1[(s0 >>> 8) & 255]! ^ D2[(s3 >>> 16) & 255]! ^ D3[s2 >>> 24]! ^ words[at + 1]!;
    const n2 = D0[s2 & 255]! ^ D1[(s1 >>> 8) & 255]! ^ D2[(s0 >>> 16) & 255]! ^ D3[s3 >>> 24]! ^ words[at + 2]!;
    const n3 = D0[s3 & 255]! ^ D1[(s2 >>> 8) & 255]! ^ D2[(s1 >>> 16) & 255]! ^ D3[s0 >>> 24]! ^ words[at + 3]!;
    s0 = n0;
    s1 = n1;
    s2 = n2;
    s3 = n3;
  }
  block[0] = join(INVERSE_BOX[s0 & 255]!, INVERSE_BOX[(s3 >>> 8) & 255]!, INVERSE_BOX[(s2 >>> 16) & 255]!, INVERSE_BOX[s1 >>> 24]!) ^ words[last]!;
  block[1] = join(INVERSE_BOX[s1 & 255]!, INVERSE_BOX[(s0 >>> 8) & 255]!, INVERSE_BOX[(s3 >>> 16) & 255]!, INVERSE_BOX[s2 >>> 24]!) ^ words[last + 1]!;
  block[2] = join(INVERSE_BOX[s2 & 255]!, INVERSE_BOX[(s1 >>> 8) & 255]!, INVERSE_BOX[(s0 >>> 16) & 255]!, INVERSE_BOX[s3 >>> 24]!) ^ words[last + 2]!;
  block[3] = join(INVERSE_BOX[s3 & 255]!, INVERSE_BOX[(s2 >>> 8) & 255]!, INVERSE_BOX[(s1 >>> 16) & 255]!, INVERSE_BOX[s0 >>> 24]!) ^ words[last + 3]!;
}

function join(byte0: number, byte1: number, byte2: number, byte3: number): number {
  return byte0 | (byte1 << 8) | (byte2 << 16) | (byte3 << 24);
}
