/**
 * The block cipher of FIPS 197: tables, key schedules, one block.
 *
 * Everything is in little-endian words, four to a block, a column of the state each. A round looks each byte up in a
 * table that has S-box and MixColumns in one: `t0[x]` is the column that byte x of row 0 contributes, and the tables of
 * the other rows are the same turned by a byte. Four tables of 1 KB for each direction; larger ones that merge two
 * look-ups take long to build, and more of the cache with them.
 *
 * Each direction is a closure that is made when the first key is expanded. Its tables are then constants to the engine,
 * which knows their addresses and lengths (measured: twice as fast as tables handed over as arguments or kept in
 * variables of the module, which bundlers declare with `var`), and importing the module computes nothing.
 *
 * @module
 */

/** One direction of the cipher. */
export interface BlockCipher {
  /**
   * Expands a key.
   *
   * @param key 16, 24 or 32 bytes, checked by the caller; read only
   * @returns fresh round keys, which the caller wipes after use
   */
  expandKey(key: Uint8Array): Int32Array;
  /**
   * Encrypts or decrypts one block. The columns are arguments, not an array, so that they stay in registers.
   *
   * @param words the round keys
   * @param s0 first column of the state, little-endian; `s1` to `s3` the others
   * @param block receives four words
   */
  cryptBlock(words: Int32Array, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void;
}

let encryption: BlockCipher | undefined;
let decryption: BlockCipher | undefined;

/** @returns the cipher (§5.1) */
export function aesEncryption(): BlockCipher {
  return (encryption ??= buildEncryption());
}

/** @returns the inverse cipher (§5.3) */
export function aesDecryption(): BlockCipher {
  return (decryption ??= buildDecryption());
}

// --- Arithmetic and tables -------------------------------------------------------------------------------------------

/** FIPS 197 §4.2.1: multiplication by x modulo x^8 + x^4 + x^3 + x + 1. */
function timesX(byte: number): number {
  return ((byte << 1) ^ ((byte >>> 7) * 0x11b)) & 255;
}

/**
 * The S-box (§5.1.1, figure 7). Written out: a program that seals one packet runs all of this in the interpreter, where
 * to compute it takes as long as to encrypt six blocks (measured).
 */
function buildBox(): Uint8Array {
  return Uint8Array.of(
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
  );
}

/** MixColumns (§5.1.3) of a column that has only its first byte: (2, 1, 1, 3) times the byte. */
function mixedColumn(byte: number): number {
  const by2 = timesX(byte);
  return join(by2, byte, byte, by2 ^ byte);
}

/** InvMixColumns (§5.3.3) likewise: (14, 9, 13, 11) times the byte. */
function unmixedColumn(byte: number): number {
  const by2 = timesX(byte);
  const by4 = timesX(by2);
  const by8 = timesX(by4);
  return join(by8 ^ by4 ^ by2, by8 ^ byte, by8 ^ by4 ^ byte, by8 ^ by2 ^ byte);
}

/** The tables of the four rows: each is the one above it with all columns turned down by a byte. A program that seals one packet runs this in the interpreter. */
function buildTables(box: Uint8Array, columnOf: (byte: number) => number): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  // The column of a sum is the sum of the columns.
  const columns = new Int32Array(256);
  for (let bit = 1; bit < 256; bit <<= 1) {
    const column = columnOf(bit);
    for (let at = 0; at < bit; at++) columns[bit + at] = columns[at]! ^ column;
  }
  const t0 = new Int32Array(256);
  const t1 = new Int32Array(256);
  const t2 = new Int32Array(256);
  const t3 = new Int32Array(256);
  for (let at = 0; at < 256; at++) {
    const column = columns[box[at]!]!;
    t0[at] = column;
    t1[at] = (column << 8) | (column >>> 24);
    t2[at] = (column << 16) | (column >>> 16);
    t3[at] = (column << 24) | (column >>> 8);
  }
  return [t0, t1, t2, t3];
}

function join(byte0: number, byte1: number, byte2: number, byte3: number): number {
  return byte0 | (byte1 << 8) | (byte2 << 16) | (byte3 << 24);
}

// --- The two directions ----------------------------------------------------------------------------------------------
//
// They differ in the tables and in which way the rows are turned. Each is written out: two closures of one function
// share its code, in which the tables are no constants any more (measured: decryption takes twice as long).

function buildEncryption(): BlockCipher {
  const box = buildBox();
  const [t0, t1, t2, t3] = buildTables(box, mixedColumn);

  /** KeyExpansion() of §5.2. */
  function expandKey(key: Uint8Array): Int32Array {
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
    return join(box[word & 255]!, box[(word >>> 8) & 255]!, box[(word >>> 16) & 255]!, box[word >>> 24]!);
  }

  /** Cipher() of §5.1. */
  function cryptBlock(words: Int32Array, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
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
    block[0] = join(box[s0 & 255]!, box[(s1 >>> 8) & 255]!, box[(s2 >>> 16) & 255]!, box[s3 >>> 24]!) ^ words[last]!;
    block[1] = join(box[s1 & 255]!, box[(s2 >>> 8) & 255]!, box[(s3 >>> 16) & 255]!, box[s0 >>> 24]!) ^ words[last + 1]!;
    block[2] = join(box[s2 & 255]!, box[(s3 >>> 8) & 255]!, box[(s0 >>> 16) & 255]!, box[s1 >>> 24]!) ^ words[last + 2]!;
    block[3] = join(box[s3 & 255]!, box[(s0 >>> 8) & 255]!, box[(s1 >>> 16) & 255]!, box[s2 >>> 24]!) ^ words[last + 3]!;
  }

  return { expandKey, cryptBlock };
}

function buildDecryption(): BlockCipher {
  const forwardBox = buildBox();
  const box = new Uint8Array(256);
  for (let at = 0; at < 256; at++) box[forwardBox[at]!] = at;
  const [t0, t1, t2, t3] = buildTables(box, unmixedColumn);

  /**
   * The round keys of the equivalent inverse cipher (§5.3.5) run backwards, and those between first and last have gone
   * through InvMixColumns.
   */
  function expandKey(key: Uint8Array): Int32Array {
    const forward = aesEncryption().expandKey(key);
    const words = new Int32Array(forward.length);
    const last = forward.length - 4;
    for (let at = 0; at < forward.length; at++) {
      const word = forward[last - at + 2 * (at & 3)]!;
      words[at] = at < 4 || at >= last ? word : unmix(word);
    }
    forward.fill(0);
    return words;
  }

  /** InvMixColumns of one column. The tables undo the S-box as well, so it is done first. */
  function unmix(word: number): number {
    return (
      t0[forwardBox[word & 255]!]! ^
      t1[forwardBox[(word >>> 8) & 255]!]! ^
      t2[forwardBox[(word >>> 16) & 255]!]! ^
      t3[forwardBox[word >>> 24]!]!
    );
  }

  /** EqInvCipher() of §5.3.5: as the cipher, with the rows turned the other way. */
  function cryptBlock(words: Int32Array, s0: number, s1: number, s2: number, s3: number, block: Int32Array): void {
    const last = words.length - 4;
    s0 ^= words[0]!;
    s1 ^= words[1]!;
    s2 ^= words[2]!;
    s3 ^= words[3]!;
    for (let at = 4; at < last; at += 4) {
      const n0 = t0[s0 & 255]! ^ t1[(s3 >>> 8) & 255]! ^ t2[(s2 >>> 16) & 255]! ^ t3[s1 >>> 24]! ^ words[at]!;
      const n1 = t0[s1 & 255]! ^ t1[(s0 >>> 8) & 255]! ^ t2[(s3 >>> 16) & 255]! ^ t3[s2 >>> 24]! ^ words[at + 1]!;
      const n2 = t0[s2 & 255]! ^ t1[(s1 >>> 8) & 255]! ^ t2[(s0 >>> 16) & 255]! ^ t3[s3 >>> 24]! ^ words[at + 2]!;
      const n3 = t0[s3 & 255]! ^ t1[(s2 >>> 8) & 255]! ^ t2[(s1 >>> 16) & 255]! ^ t3[s0 >>> 24]! ^ words[at + 3]!;
      s0 = n0;
      s1 = n1;
      s2 = n2;
      s3 = n3;
    }
    block[0] = join(box[s0 & 255]!, box[(s3 >>> 8) & 255]!, box[(s2 >>> 16) & 255]!, box[s1 >>> 24]!) ^ words[last]!;
    block[1] = join(box[s1 & 255]!, box[(s0 >>> 8) & 255]!, box[(s3 >>> 16) & 255]!, box[s2 >>> 24]!) ^ words[last + 1]!;
    block[2] = join(box[s2 & 255]!, box[(s1 >>> 8) & 255]!, box[(s0 >>> 16) & 255]!, box[s3 >>> 24]!) ^ words[last + 2]!;
    block[3] = join(box[s3 & 255]!, box[(s2 >>> 8) & 255]!, box[(s1 >>> 16) & 255]!, box[s0 >>> 24]!) ^ words[last + 3]!;
  }

  return { expandKey, cryptBlock };
}
