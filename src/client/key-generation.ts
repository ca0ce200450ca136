/**
 * Makes keys for both ends.
 *
 * @module
 */

import { encodeBase64Bytes } from "../base64.ts";
import { type Bytes, concatBytes, utf8Bytes, wipe } from "../bytes.ts";
import { FkoError } from "../fko-error.ts";
import type { DigestType } from "../fko-message.ts";

/** Which keys to make. */
export interface KeyGenOptions {
  /** Bytes of the encryption key; 32 when absent. */
  readonly keyLength?: number;
  /** Bytes of the HMAC key; as many as suit its digest when absent. */
  readonly hmacKeyLength?: number;
  /** sha256 when absent. */
  readonly hmacDigestType?: DigestType;
}

/** Two fresh keys, base64 with padding: the caller wipes them. */
export interface GeneratedKeys {
  readonly keyBase64: Bytes;
  readonly hmacKeyBase64: Bytes;
}

const KEY_LENGTH = 32;
/** Lengths that the C programs choose; they have none for SHA-3, whose block sizes are 136 and 72. */
const HMAC_KEY_LENGTHS: Readonly<Record<DigestType, number>> = {
  md5: 16, sha1: 20, sha256: 64, sha384: 128, sha512: 128, sha3_256: 128, sha3_512: 72,
};

/**
 * Makes an encryption key and an HMAC key.
 *
 * @param randomBytes gives so many random bytes
 * @param options lengths
 * @returns the keys
 * @throws FkoError for an encryption key longer than the cipher's 32 bytes
 */
export function generateKeys(randomBytes: (length: number) => Uint8Array, options: KeyGenOptions): GeneratedKeys {
  const { keyLength = KEY_LENGTH, hmacDigestType = "sha256" } = options;
  if (keyLength > KEY_LENGTH) throw new FkoError(68, "fko_key_gen");
  return {
    keyBase64: randomBase64(randomBytes, keyLength),
    hmacKeyBase64: randomBase64(randomBytes, options.hmacKeyLength ?? HMAC_KEY_LENGTHS[hmacDigestType]),
  };
}

function randomBase64(randomBytes: (length: number) => Uint8Array, length: number): Bytes {
  const key = randomBytes(length);
  const base64 = encodeBase64Bytes(key);
  const padded = new Uint8Array(4 * Math.ceil(length / 3)).fill(0x3d);
  padded.set(base64);
  wipe(key, base64);
  return padded;
}

/**
 * Writes keys as lines for access.conf and .fwknoprc.
 *
 * @param keys the keys
 * @returns two lines, which the caller wipes
 */
export function formatKeys(keys: GeneratedKeys): Bytes {
  return concatBytes(utf8Bytes("KEY_BASE64: "), keys.keyBase64, utf8Bytes("\nHMAC_KEY_BASE64: "), keys.hmacKeyBase64, utf8Bytes("\n"));
}
