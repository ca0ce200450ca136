/**
 * The block cipher of FIPS 197: tables, key schedules, one block.
 *
 * Everything is in little-endian words, four to a block, a column of the state each. A round looks each byte up in a
 * table that has S-box and MixColumns in one: `t0[x]` is the column that byte x of row 0 contributes, and the tables of
 * the other rows are the same turned by a byte. Four tables of 1 KB; larger ones that merge two look-ups take long to
 * build, and more of the cache with them.
 *
 * @module
 */

/** What a direction of the cipher looks up. */
interface Tables {
  readonly t0: Int32Array;
  readonly t1: Int32Array;
  readonly t2: Int32Array;
  readonly t3: Int32Array;
  /** For the last round, which mixes no columns. */
  readonly box: Uint8Array;
}

/** An expanded key for one direction. */
export interface AesKey {
  readonly tables: Tables;
  /** The round keys; whoever expanded the key wipes them. */
  readonly words: Int32Array;
}

/** FIPS 197 §4.2.1: multiplication by x modulo x^8 + x^4 + x^3 + x + 1. */
function timesX(byte: number): number {
  return ((byte << 1) ^ ((byte >>> 7) * 0x11b)) & 255;
}

let forwardBox: Uint8Array | undefined;

/** FIPS 197 §5.1.1: the inverse in GF(2^8), then an affine map. */
function sBox(): Uint8Array {
  if (forwardBox) return forwardBox;
  const box = new Uint8Array(256);
  // Powers of the generator 3 go through all elements but 0; those of its inverse, 0xf6, are their inverses.
  let power = 1;
  let inverse = 1;
  do {
    power ^= timesX(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    inverse &= 255;
    if (inverse & 128) inverse ^= 0x09;
    // The byte xor itself turned left by 1, 2, 3 and 4, as 16-bit multiplication by the pattern 1_1111.
    const turned = inverse ^ (inverse << 1) ^ (inverse << 2) ^ (inverse << 3) ^ (inverse << 4);
    box[power] = (turned & 255) ^ (turned >>> 8) ^ 0x63;
  } while (power !== 1);
  // 0 has no inverse and maps to itself.
  box[0] = 0x63;
  return (forwardBox = box);
}

let encryption: Tables | undefined;
let decryption: Tables | undefined;

/** S-box and MixColumns (§5.1.3): the column (2, 1, 1, 3). */
function encryptionTables(): Tables {
  return (encryption ??= buildTables(sBox(), (byte) => timesX(byte) | (byte << 8) | (byte << 16) | ((timesX(byte) ^ byte) << 24)));
}

/** Inverse S-box (§5.3.2) and InvMixColumns (§5.3.3): the column (14, 9, 13, 11). */
function decryptionTables(): Tables {
  if (decryption) return decryption;
  const box = new Uint8Array(256);
  sBox().forEach((to, from) => (box[to] = from));
  return (decryption = buildTables(box, inverseColumn));
}

function inverseColumn(byte: number): number {
  const by2 = timesX(byte);
  const by4 = timesX(by2);
  const by8 = timesX(by4);
  return (by8 ^ by4 ^ by2) | ((by8 ^ byte) << 8) | ((by8 ^ by4 ^ byte) << 16) | ((by8 ^ by2 ^ byte) << 24);
}

function buildTables(box: Uint8Array, column: (byte: number) => number): Tables {
  const [t0, t1, t2, t3] = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)];
  for (let at = 0; at < 256; at++) {
    const word = column(box[at]!);
    t0[at] = word;
    t1[at] = (word << 8) | (word >>> 24);
    t2[at] = (word << 16) | (word >>> 16);
    t3[at] = (word << 24) | (word >>> 8);
  }
  return { t0, t1, t2, t3, box };
}

/**
 * Expands a key for {@link encryptBlock} (§5.2).
 *
 * @param key 16, 24 or 32 bytes, checked by the caller; read only
 * @returns a fresh schedule, which the caller wipes after use
 */
export function expandEncryptionKey(key: Uint8Array): AesKey {
  const tables = encryptionTables();
  const keyWords = key.length / 4;
  const words = new Int32Array(4 * (keyWords + 7));
  for (let at = 0; at < key.length; at++) words[at >>> 2]! |= key[at]! << (8 * (at & 3));
  let roundConstant = 1;
  for (let at = keyWords; at < words.length; at++) {
    let word = words[at - 1]!;
    if (at % keyWords === 0) {
      word = substitute(tables.box, (word >>> 8) | (word << 24)) ^ roundConstant;
      roundConstant = timesX(roundConstant);
    } else if (keyWords === 8 && at % 8 === 4) {
      word = substitute(tables.box, word);
    }
    words[at] = words[at - keyWords]! ^ word;
  }
  return { tables, words };
}

/** SubWord() of §5.2. */
function substitute(box: Uint8Array, word: number): number {
  return box[word & 255]! | (box[(word >>> 8) & 255]! << 8) | (box[(word >>> 16) & 255]! << 16) | (box[word >>> 24]! << 24);
}

/**
 * Expands a key for {@link decryptBlock}: the equivalent inverse cipher of §5.3.5, where the round keys run backwards and
 * those between first and last have gone through InvMixColumns. Words 1 and 3 change places; see {@link decryptBlock}.
 *
 * @param key 16, 24 or 32 bytes, checked by the caller; read only
 * @returns a fresh schedule, which the caller wipes after use
 */
export function expandDecryptionKey(key: Uint8Array): AesKey {
  const tables = decryptionTables();
  const { t0, t1, t2, t3 } = tables;
  const box = sBox();
  const { words: forward } = expandEncryptionKey(key);
  const words = new Int32Array(forward.length);
  const last = forward.length - 4;
  for (let at = 0; at < forward.length; at++) {
    const word = forward[last - (at & ~3) + (-at & 3)]!;
    // The tables undo the S-box first, so it is done before.
    const mixed = t0[box[word & 255]!]! ^ t1[box[(word >>> 8) & 255]!]! ^ t2[box[(word >>> 16) & 255]!]! ^ t3[box[word >>> 24]!]!;
    words[at] = at < 4 || at >= last ? word : mixed;
  }
  forward.fill(0);
  return { tables, words };
}

/**
 * Encrypts one block (§5.1). The words are arguments, not an array, so that they stay in registers.
 *
 * @param key of {@link expandEncryptionKey}
 * @param s0 first column of the state, little-endian; `s1` to `s3` the others
 * @param block receives four words
 */
export function encryptBlock({ tables, words }: AesKey, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
  const { t0, t1, t2, t3, box } = tables;
  const last = words.length - 4;
  s0 ^= words[0]!;
  s1 ^= words[1]!;
  s2 ^= words[2]!;
  s3 ^= words[3]!;
  for (let at = 4; at < last; at += 4) {
    const n0 = t0[s0 & 255]! ^ t1[(s1 >>> 8) & 255]! ^ t2[(s2 >>> 16) & 255]! ^ t3[s3 >>> 24]! ^ words[at]!;
    const n1 = t0[s1 & 255]! ^ t1[(s2 >>> 8) & 255]! ^ t2[(s3 >>> 16) & 255]! ^ t3[s0 >>> 24]! ^ words[at + 1]!;
    const n2 = t0[s2 & 255]! ^ t1[(s3 >>> 8) & 255]! ^ t2[(s0 >>> 16) & 255]! ^ t3[s1 >>> 24]! ^ words[at + 2]!;
    const n3 = t0[s3 & 255]! ^ t1[(s0 >>> 8) & 255]! ^ t2[(s1 >>> 16) & 255]! ^ t3[s2 >>> 24]! ^ words[at + 3]!;
    s0 = n0;
    s1 = n1;
    s2 = n2;
    s3 = n3;
  }
  block[0] = (box[s0 & 255]! | (box[(s1 >>> 8) & 255]! << 8) | (box[(s2 >>> 16) & 255]! << 16) | (box[s3 >>> 24]! << 24)) ^ words[last]!;
  block[1] = (box[s1 & 255]! | (box[(s2 >>> 8) & 255]! << 8) | (box[(s3 >>> 16) & 255]! << 16) | (box[s0 >>> 24]! << 24)) ^ words[last + 1]!;
  block[2] = (box[s2 & 255]! | (box[(s3 >>> 8) & 255]! << 8) | (box[(s0 >>> 16) & 255]! << 16) | (box[s1 >>> 24]! << 24)) ^ words[last + 2]!;
  block[3] = (box[s3 & 255]! | (box[(s0 >>> 8) & 255]! << 8) | (box[(s1 >>> 16) & 255]! << 16) | (box[s2 >>> 24]! << 24)) ^ words[last + 3]!;
}

/**
 * Decrypts one block (§5.3.5). ShiftRows turns rows left and its inverse turns them right, so with columns 1 and 3
 * exchanged on the way in and out, and in the round keys, it is the same code with other tables.
 *
 * @param key of {@link expandDecryptionKey}
 * @param s0 first column of the state, little-endian; `s1` to `s3` the others
 * @param block receives four words
 */
export function decryptBlock(key: AesKey, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
  encryptBlock(key, s0, s3, s2, s1, block);
  const third = block[1]!;
  block[1] = block[3]!;
  block[3] = third;
}
