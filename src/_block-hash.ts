/**
 * What MD5, SHA-1 and SHA-2 have in common: a message is cut into blocks, a compression function mixes each into a
 * state of 32-bit words, and the last block ends with the message length (Merkle–Damgård).
 *
 * @module
 */

import type { Bytes } from "./bytes.ts";
import type { Hash, HashFunction } from "./hash.ts";

/** What makes one such function different from the others. */
export interface BlockHashSpec {
  readonly name: string;
  /** 64 or 128 bytes; the length field at the end takes an eighth of it. */
  readonly blockLength: number;
  /** Shorter than the state when the standard truncates. */
  readonly digestLength: number;
  /** Byte order of words and of the length. */
  readonly littleEndian: boolean;
  readonly initialState: Int32Array;
  /**
   * Mixes whole blocks into the state.
   *
   * @param state changed
   * @param data read from `start` to `end`, a multiple of the block length apart
   */
  compress(state: Int32Array, data: DataView, start: number, end: number): void;
}

/**
 * Makes a hash function of a compression function.
 *
 * @param spec the function's own part
 * @returns the function
 */
export function blockHash(spec: BlockHashSpec): HashFunction {
  const { name, blockLength, digestLength } = spec;
  return { name, blockLength, digestLength, create: () => new BlockHash(spec) };
}

class BlockHash implements Hash {
  readonly #spec: BlockHashSpec;
  readonly #state: Int32Array;
  /** The begun block, `#filled` bytes of it. */
  readonly #block: Bytes;
  readonly #blockView: DataView;
  #filled = 0;
  /** Of the message, in bytes: exact up to 2^53. */
  #length = 0;

  constructor(spec: BlockHashSpec) {
    this.#spec = spec;
    this.#state = spec.initialState.slice();
    this.#block = new Uint8Array(spec.blockLength);
    this.#blockView = new DataView(this.#block.buffer);
  }

  update(data: Uint8Array): this {
    const { blockLength } = this.#spec;
    this.#length += data.length;
    let from = 0;
    if (this.#filled > 0) {
      from = Math.min(blockLength - this.#filled, data.length);
      this.#store(data, 0, from);
      if (this.#filled < blockLength) return this;
      this.#spec.compress(this.#state, this.#blockView, 0, blockLength);
      this.#filled = 0;
    }
    const end = data.length - ((data.length - from) % blockLength);
    if (end > from) this.#spec.compress(this.#state, new DataView(data.buffer, data.byteOffset, data.length), from, end);
    this.#store(data, end, data.length);
    return this;
  }

  /** Appends to the begun block. A loop: `subarray()` and `set()` cost more than a block's worth of bytes. */
  #store(data: Uint8Array, start: number, end: number): void {
    const block = this.#block;
    let to = this.#filled;
    for (let at = start; at < end; at++) block[to++] = data[at]!;
    this.#filled = to;
  }

  digest(): Bytes {
    const digest = new Uint8Array(this.#spec.digestLength);
    this.digestInto(digest);
    return digest;
  }

  digestInto(target: Uint8Array): void {
    const { blockLength, digestLength, littleEndian, compress } = this.#spec;
    const block = this.#block;
    const view = this.#blockView;
    block[this.#filled++] = 0x80;
    if (this.#filled > blockLength - blockLength / 8) {
      block.fill(0, this.#filled);
      compress(this.#state, view, 0, blockLength);
      this.#filled = 0;
    }
    block.fill(0, this.#filled);
    // The length in bits, as two words; the 128-bit field of SHA-512 has two more that stay 0.
    view.setUint32(blockLength - (littleEndian ? 8 : 4), this.#length << 3, littleEndian);
    view.setUint32(blockLength - (littleEndian ? 4 : 8), this.#length / 2 ** 29, littleEndian);
    compress(this.#state, view, 0, blockLength);
    for (let at = 0; at < digestLength; at++) {
      target[at] = this.#state[at >>> 2]! >>> (8 * (littleEndian ? at & 3 : 3 - (at & 3)));
    }
    this.wipe();
  }

  copyFrom(other: this): this {
    if (other.#spec !== this.#spec) throw new TypeError(`Cannot copy a hash: expected ${this.#spec.name}, got ${other.#spec.name}`);
    this.#state.set(other.#state);
    this.#block.set(other.#block);
    this.#filled = other.#filled;
    this.#length = other.#length;
    return this;
  }

  wipe(): void {
    this.#state.set(this.#spec.initialState);
    this.#block.fill(0);
    this.#filled = 0;
    this.#length = 0;
  }
}
