/**
 * SHA3-256 and SHA3-512 (FIPS 202).
 *
 * @module
 */

import { permuteKeccak } from "./_keccak.ts";
import type { Bytes } from "./bytes.ts";
import type { Hash, HashFunction } from "./hash.ts";

/** SHA3-256. */
export const sha3_256: HashFunction = /* @__PURE__ */ sha3("SHA3-256", 32);

/** SHA3-512. */
export const sha3_512: HashFunction = /* @__PURE__ */ sha3("SHA3-512", 64);

/** FIPS 202 §6.1: the capacity is twice the digest, and the rest of the 200 bytes is the rate, which RFC 2104 calls block. */
function sha3(name: string, digestLength: number): HashFunction {
  const blockLength = 200 - 2 * digestLength;
  return { name, blockLength, digestLength, create: () => new Sha3(blockLength, digestLength) };
}

/** The sponge of FIPS 202 §4, whose output here never exceeds one rate. */
class Sha3 implements Hash {
  readonly #rate: number;
  readonly #digestLength: number;
  readonly #state = new Int32Array(50);
  /** Bytes of the message in the state since the last permutation. */
  #filled = 0;

  constructor(rate: number, digestLength: number) {
    this.#rate = rate;
    this.#digestLength = digestLength;
  }

  update(data: Uint8Array): this {
    const state = this.#state;
    const rate = this.#rate;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    let at = 0;
    while (at < data.length) {
      if (this.#filled === 0 && data.length - at >= rate) {
        for (let word = 0; 4 * word < rate; word++) state[word]! ^= view.getInt32(at + 4 * word, true);
        permuteKeccak(state);
        at += rate;
      } else {
        // Lanes are little-endian (FIPS 202 §B.1), so byte n is in word n/4.
        state[this.#filled >>> 2]! ^= data[at++]! << (8 * (this.#filled & 3));
        this.#filled++;
        if (this.#filled < rate) continue;
        permuteKeccak(state);
        this.#filled = 0;
      }
    }
    return this;
  }

  digest(): Bytes {
    const digest = new Uint8Array(this.#digestLength);
    this.digestInto(digest);
    return digest;
  }

  digestInto(target: Uint8Array): void {
    const state = this.#state;
    const last = this.#rate - 1;
    // The suffix 01 and the first bit of the padding 10*1, then its last bit (FIPS 202 §6.1, §5.1, §B.2).
    state[this.#filled >>> 2]! ^= 0x06 << (8 * (this.#filled & 3));
    state[last >>> 2]! ^= 0x80 << (8 * (last & 3));
    permuteKeccak(state);
    for (let at = 0; at < this.#digestLength; at++) target[at] = state[at >>> 2]! >>> (8 * (at & 3));
    this.wipe();
  }

  copyFrom(other: this): this {
    if (other.#rate !== this.#rate) throw new TypeError(`Cannot copy a hash: expected a rate of ${this.#rate} bytes, got ${other.#rate}`);
    this.#state.set(other.#state);
    this.#filled = other.#filled;
    return this;
  }

  wipe(): void {
    this.#state.fill(0);
    this.#filled = 0;
  }
}
