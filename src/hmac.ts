/**
 * HMAC (RFC 2104, FIPS 198-1) over any of our hash functions.
 *
 * @module
 */

import { type Bytes, wipe } from "./bytes.ts";
import { digest, type Hash, type HashFunction } from "./hash.ts";

/**
 * A key ready to sign. The two blocks that depend on the key alone are compressed once; each message starts from copies
 * of the states behind them (RFC 2104 §4), so a packet costs two compressions less and no key handling.
 */
export class HmacKey {
  /** Bytes of a signature. */
  readonly digestLength: number;
  /** After `key ⊕ ipad`. */
  readonly #inner: Hash;
  /** After `key ⊕ opad`. */
  readonly #outer: Hash;
  readonly #work: Hash;
  readonly #innerDigest: Bytes;
  #wiped = false;

  /**
   * @param hashFunction which hash
   * @param key of any length, also none; read only. One longer than the hash's block is hashed first (RFC 2104 §2)
   */
  constructor(hashFunction: HashFunction, key: Uint8Array) {
    const { blockLength, digestLength } = hashFunction;
    const block = new Uint8Array(blockLength);
    const folded = key.length > blockLength ? digest(hashFunction, key) : undefined;
    block.set(folded ?? key);
    for (let at = 0; at < blockLength; at++) block[at]! ^= 0x36;
    this.#inner = hashFunction.create().update(block);
    for (let at = 0; at < blockLength; at++) block[at]! ^= 0x36 ^ 0x5c;
    this.#outer = hashFunction.create().update(block);
    wipe(block, ...(folded ? [folded] : []));
    this.digestLength = digestLength;
    this.#work = hashFunction.create();
    this.#innerDigest = new Uint8Array(digestLength);
  }

  /**
   * Computes the authentication code of a message.
   *
   * @param parts the message, in pieces that are taken one behind the other
   * @returns a fresh array of `digestLength` bytes, to be compared with `constantTimeEqual()` only
   * @throws {TypeError} when the key was wiped
   */
  sign(...parts: readonly Uint8Array[]): Bytes {
    if (this.#wiped) throw new TypeError("Cannot sign: the HMAC key was wiped");
    const work = this.#work.copyFrom(this.#inner);
    for (const part of parts) work.update(part);
    work.digestInto(this.#innerDigest);
    const signature = work.copyFrom(this.#outer).update(this.#innerDigest).digest();
    this.#innerDigest.fill(0);
    return signature;
  }

  /** Overwrites what depends on the key; it cannot sign afterwards. */
  wipe(): void {
    this.#wiped = true;
    this.#inner.wipe();
    this.#outer.wipe();
  }
}
