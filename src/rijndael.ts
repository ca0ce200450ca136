/**
 * AES (FIPS 197) with 128, 192 and 256-bit keys, in the five modes of SP 800-38A that SPA packets use.
 *
 * A round is sixteen table look-ups. Tables leak through the timing of the processor's cache to whoever shares the
 * machine; JavaScript cannot promise constant time, and neither does this. What an outsider can send is kept away from
 * decryption by the HMAC.
 *
 * @module
 */

import { aesDecryption, aesEncryption, type BlockCipher } from "./_aes.ts";
import type { Bytes } from "./bytes.ts";

/** Modes of operation; `cfb` is CFB-128, and `ctr` counts big-endian over all 16 bytes. */
export type BlockMode = "ecb" | "cbc" | "cfb" | "ofb" | "ctr";

/** How to encrypt or decrypt. */
export interface RijndaelOptions {
  readonly mode: BlockMode;
  /** 16, 24 or 32 bytes. */
  readonly key: Uint8Array;
  /** 16 bytes: the IV, for `ctr` the first counter block. ECB takes none and ignores one. */
  readonly iv?: Uint8Array;
}

const BLOCK_LENGTH = 16;

/**
 * Works through whole blocks in place.
 *
 * @param aes the direction that the mode's row names
 * @param key round keys for it
 * @param blocks read and overwritten
 * @param chain four words: the IV, then whatever one block hands to the next
 */
type ModeFunction = (aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array) => void;

interface ModeRow {
  readonly encrypt: ModeFunction;
  readonly decrypt: ModeFunction;
  /** Whether decryption runs the block cipher backwards; the others make a key stream forwards both ways. */
  readonly inverse: boolean;
  /** Whether any length will do, because data only meets a key stream. */
  readonly anyLength: boolean;
}

const MODES: Readonly<Record<BlockMode, ModeRow>> = {
  ecb: { encrypt: cryptEcb, decrypt: cryptEcb, inverse: true, anyLength: false },
  cbc: { encrypt: encryptCbc, decrypt: decryptCbc, inverse: true, anyLength: false },
  cfb: { encrypt: encryptCfb, decrypt: decryptCfb, inverse: false, anyLength: true },
  ofb: { encrypt: cryptOfb, decrypt: cryptOfb, inverse: false, anyLength: true },
  ctr: { encrypt: cryptCtr, decrypt: cryptCtr, inverse: false, anyLength: true },
};

/**
 * Encrypts. Adds no padding; see {@link padPkcs7}.
 *
 * @param data whole blocks for ECB and CBC, any length for the others; read only
 * @param options mode, key and IV
 * @returns a fresh array as long as the data
 * @throws {RangeError} when key, IV or data have a length that does not fit
 */
export function encryptRijndael(data: Uint8Array, options: RijndaelOptions): Bytes {
  checkLengths("encrypt", data, options);
  return run(MODES[options.mode].encrypt, aesEncryption(), data, options);
}

/**
 * Decrypts. Removes no padding; see {@link unpadPkcs7}.
 *
 * @param data whole blocks for ECB and CBC, any length for the others; read only
 * @param options mode, key and IV
 * @returns a fresh array as long as the data
 * @throws {RangeError} when key, IV or data have a length that does not fit
 */
export function decryptRijndael(data: Uint8Array, options: RijndaelOptions): Bytes {
  checkLengths("decrypt", data, options);
  const { decrypt, inverse } = MODES[options.mode];
  return run(decrypt, inverse ? aesDecryption() : aesEncryption(), data, options);
}

/** Before the key is expanded, so that a throw leaves no schedule behind. */
function checkLengths(verb: string, data: Uint8Array, { mode, key, iv }: RijndaelOptions): void {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError(`Cannot ${verb}: expected a key of 16, 24 or 32 bytes, got ${key.length}`);
  }
  if (mode !== "ecb" && iv?.length !== BLOCK_LENGTH) {
    throw new RangeError(`Cannot ${verb}: expected an IV of ${BLOCK_LENGTH} bytes, got ${iv?.length ?? "none"}`);
  }
  if (!MODES[mode].anyLength && data.length % BLOCK_LENGTH !== 0) {
    throw new RangeError(`Cannot ${verb}: expected whole blocks of ${BLOCK_LENGTH} bytes, got ${data.length} bytes`);
  }
}

function run(mode: ModeFunction, aes: BlockCipher, data: Uint8Array, { key, iv }: RijndaelOptions): Bytes {
  const blocks = new Uint8Array(Math.ceil(data.length / BLOCK_LENGTH) * BLOCK_LENGTH);
  blocks.set(data);
  const chain = new Int32Array(4);
  // Absent or of another length only where the mode takes none.
  if (iv?.length === BLOCK_LENGTH) loadBlock(new DataView(iv.buffer, iv.byteOffset, BLOCK_LENGTH), 0, chain);
  const roundKeys = aes.expandKey(key);
  mode(aes, roundKeys, new DataView(blocks.buffer), chain);
  roundKeys.fill(0);
  chain.fill(0);
  if (blocks.length === data.length) return blocks;
  const cut = blocks.slice(0, data.length);
  blocks.fill(0);
  return cut;
}

// --- The modes, SP 800-38A §6 ----------------------------------------------------------------------------------------

/** §6.1; both ways are one. */
function cryptEcb(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    aes.cryptBlock(key, word(blocks, at), word(blocks, at + 4), word(blocks, at + 8), word(blocks, at + 12), chain);
    storeBlock(blocks, at, chain[0]!, chain[1]!, chain[2]!, chain[3]!);
  }
}

/** §6.2. */
function encryptCbc(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    mixBlock(blocks, at, chain);
    aes.cryptBlock(key, word(blocks, at), word(blocks, at + 4), word(blocks, at + 8), word(blocks, at + 12), chain);
    storeBlock(blocks, at, chain[0]!, chain[1]!, chain[2]!, chain[3]!);
  }
}

function decryptCbc(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  const plain = new Int32Array(4);
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    const c0 = word(blocks, at);
    const c1 = word(blocks, at + 4);
    const c2 = word(blocks, at + 8);
    const c3 = word(blocks, at + 12);
    aes.cryptBlock(key, c0, c1, c2, c3, plain);
    storeBlock(blocks, at, plain[0]! ^ chain[0]!, plain[1]! ^ chain[1]!, plain[2]! ^ chain[2]!, plain[3]! ^ chain[3]!);
    chain[0] = c0;
    chain[1] = c1;
    chain[2] = c2;
    chain[3] = c3;
  }
  plain.fill(0);
}

/** §6.3 with s = 128. */
function encryptCfb(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    aes.cryptBlock(key, chain[0]!, chain[1]!, chain[2]!, chain[3]!, chain);
    mixBlock(blocks, at, chain);
    loadBlock(blocks, at, chain);
  }
}

function decryptCfb(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  const stream = new Int32Array(4);
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    aes.cryptBlock(key, chain[0]!, chain[1]!, chain[2]!, chain[3]!, stream);
    loadBlock(blocks, at, chain);
    mixBlock(blocks, at, stream);
  }
  stream.fill(0);
}

/** §6.4; both ways are one. */
function cryptOfb(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    aes.cryptBlock(key, chain[0]!, chain[1]!, chain[2]!, chain[3]!, chain);
    mixBlock(blocks, at, chain);
  }
}

/** §6.5 with the standard incrementing function of §B.1 over all 128 bits; both ways are one. */
function cryptCtr(aes: BlockCipher, key: Int32Array, blocks: DataView, chain: Int32Array): void {
  const stream = new Int32Array(4);
  for (let at = 0; at < blocks.byteLength; at += BLOCK_LENGTH) {
    aes.cryptBlock(key, chain[0]!, chain[1]!, chain[2]!, chain[3]!, stream);
    mixBlock(blocks, at, stream);
    increment(chain);
  }
  stream.fill(0);
}

/** Adds one to a big-endian counter of 16 bytes that lies in little-endian words. */
function increment(counter: Int32Array): void {
  for (let byte = BLOCK_LENGTH - 1; byte >= 0; byte--) {
    const shift = 8 * (byte & 3);
    const raised = ((counter[byte >>> 2]! >>> shift) + 1) & 255;
    counter[byte >>> 2] = (counter[byte >>> 2]! & ~(255 << shift)) | (raised << shift);
    if (raised !== 0) return;
  }
}

function word(blocks: DataView, at: number): number {
  return blocks.getInt32(at, true);
}

function loadBlock(blocks: DataView, at: number, words: Int32Array): void {
  words[0] = word(blocks, at);
  words[1] = word(blocks, at + 4);
  words[2] = word(blocks, at + 8);
  words[3] = word(blocks, at + 12);
}

function storeBlock(blocks: DataView, at: number, w0: number, w1: number, w2: number, w3: number): void {
  blocks.setInt32(at, w0, true);
  blocks.setInt32(at + 4, w1, true);
  blocks.setInt32(at + 8, w2, true);
  blocks.setInt32(at + 12, w3, true);
}

/** Xors words into a block of the data. */
function mixBlock(blocks: DataView, at: number, words: Int32Array): void {
  storeBlock(
    blocks,
    at,
    word(blocks, at) ^ words[0]!,
    word(blocks, at + 4) ^ words[1]!,
    word(blocks, at + 8) ^ words[2]!,
    word(blocks, at + 12) ^ words[3]!,
  );
}

// --- Padding ---------------------------------------------------------------------------------------------------------

/**
 * Fills up to whole blocks as PKCS #7 does (RFC 5652 §6.3): 1 to 16 bytes, each of which says how many they are.
 *
 * @param data any length; read only
 * @returns a fresh array
 */
export function padPkcs7(data: Uint8Array): Bytes {
  const padding = BLOCK_LENGTH - (data.length % BLOCK_LENGTH);
  const padded = new Uint8Array(data.length + padding).fill(padding, data.length);
  padded.set(data);
  return padded;
}

/**
 * Removes PKCS #7 padding where there is one. The wire knows no padding error: data that ends otherwise is kept whole
 * and refused later by its digest, so nobody learns from the answer how it ended.
 *
 * @param data what was decrypted
 * @returns a view of the data without its padding
 */
export function unpadPkcs7(data: Uint8Array): Uint8Array {
  const padding = data[data.length - 1] ?? 0;
  if (padding > BLOCK_LENGTH || padding > data.length) return data;
  const end = data.length - padding;
  return data.subarray(end).every((byte) => byte === padding) ? data.subarray(0, end) : data;
}
