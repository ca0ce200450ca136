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

/** The S-box (§5.1.1): the inverse in GF(2^8), then an affine map. */
function buildBox(): Uint8Array {
  const box = new Uint8Array(256);
  // Powers of 3 go through all elements but 0, and those of 0xf6, the inverse of 3, through their inverses.
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
    box[power] = (turned & 255) ^ (turned >>> 8) ^ 0x63;
  } while (power !== 1);
  // 0 has no inverse and goes into the affine map as it is.
  box[0] = 0x63;
  return box;
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
