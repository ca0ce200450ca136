/**
 * What a hash function is.
 *
 * @module
 */

import type { Bytes } from "./bytes.ts";

/** One computation in progress. */
export interface Hash {
  /**
   * Takes the next bytes of the message.
   *
   * @param data read, never kept or changed
   * @returns itself
   */
  update(data: Uint8Array): this;
  /**
   * Ends the message. Afterwards the object is as if newly created, so that nothing of the message stays in it.
   *
   * @returns a fresh array of `digestLength` bytes
   */
  digest(): Bytes;
  /**
   * Ends the message like `digest()`, without making an array.
   *
   * @param target receives the digest in its first `digestLength` bytes
   */
  digestInto(target: Uint8Array): void;
  /**
   * Takes over the state of another computation of the same function, which goes on by itself.
   *
   * @param other left as it is
   * @returns itself
   */
  copyFrom(other: this): this;
  /** Overwrites all that depends on the message. */
  wipe(): void;
}

/** A hash function: its sizes, and how to begin. */
export interface HashFunction {
  /** As its standard writes it, such as `SHA-256`. */
  readonly name: string;
  /** Bytes that one compression takes; the block size of RFC 2104. */
  readonly blockLength: number;
  /** Bytes of the result. */
  readonly digestLength: number;
  create(): Hash;
}

/**
 * Hashes a message that lies in memory as a whole.
 *
 * @param hashFunction which function
 * @param data the message
 * @returns a fresh array of `digestLength` bytes
 */
export function digest(hashFunction: HashFunction, data: Uint8Array): Bytes {
  return hashFunction.create().update(data).digest();
}
