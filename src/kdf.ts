/**
 * From a passphrase to an AES key: the derivation of `openssl enc -md md5`, and the two ways in which older programs
 * fitted a short passphrase first.
 *
 * @module
 */

import type { Bytes } from "./bytes.ts";
import { md5 } from "./md5.ts";

const SALT_LENGTH = 8;
const KEY_LENGTH = 32;
const IV_LENGTH = 16;
const LEGACY_KEY_LENGTH = 16;
const ASCII_ZERO = 0x30;

/** What one packet is encrypted with. */
export interface DerivedKey {
  /** 32 bytes, for AES-256. */
  readonly key: Bytes;
  /** 16 bytes. */
  readonly iv: Bytes;
}

/**
 * Derives key and IV as OpenSSL's `EVP_BytesToKey` does with MD5 and one round: D1 = MD5(passphrase ‖ salt),
 * Dn = MD5(Dn-1 ‖ passphrase ‖ salt), until 48 bytes are there. It stretches nothing; a weak passphrase stays weak.
 *
 * @param passphrase of any length, also none; read only
 * @param salt 8 bytes, different for each packet
 * @returns fresh arrays, which the caller wipes after use
 * @throws {RangeError} when the salt has another length
 */
export function deriveKeyAndIv(passphrase: Uint8Array, salt: Uint8Array): DerivedKey {
  if (salt.length !== SALT_LENGTH) throw new RangeError(`Cannot derive a key: expected ${SALT_LENGTH} bytes of salt, got ${salt.length}`);
  const derived = new Uint8Array(KEY_LENGTH + IV_LENGTH);
  const hash = md5.create();
  for (let at = 0; at < derived.length; at += md5.digestLength) {
    hash.update(derived.subarray(Math.max(0, at - md5.digestLength), at));
    hash.update(passphrase).update(salt).digestInto(derived.subarray(at));
  }
  const result = { key: derived.slice(0, KEY_LENGTH), iv: derived.slice(KEY_LENGTH) };
  derived.fill(0);
  return result;
}

/**
 * Fits a passphrase as the C program's `legacy` mode does: padded with the digit `0` to 16 bytes, and cut to 16.
 *
 * @param key of any length
 * @returns a fresh array of 16 bytes, which the caller wipes after use
 */
export function fitLegacyKey(key: Uint8Array): Bytes {
  return fitPerlKey(key.subarray(0, LEGACY_KEY_LENGTH));
}

/**
 * Fits a passphrase as the Perl programs do: padded with the digit `0` to 16 bytes, never cut.
 *
 * @param key of any length
 * @returns a fresh array of 16 bytes or more, which the caller wipes after use
 */
export function fitPerlKey(key: Uint8Array): Bytes {
  const fitted = new Uint8Array(Math.max(LEGACY_KEY_LENGTH, key.length)).fill(ASCII_ZERO);
  fitted.set(key);
  return fitted;
}
