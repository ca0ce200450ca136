/**
 * The random value of a message.
 *
 * @module
 */

import { RANDOM_DIGITS } from "../fko-message.ts";

/** Bytes from here on would make the digits 0..5 more likely. */
const UNBIASED_BYTES = 250;

/**
 * Makes 16 decimal digits, each value as likely as any other. (C's have 32 bits of randomness.)
 *
 * @param randomBytes gives so many random bytes
 * @returns the digits
 */
export function randomDigits(randomBytes: (length: number) => Uint8Array): string {
  let digits = "";
  while (digits.length < RANDOM_DIGITS) {
    for (const byte of randomBytes(RANDOM_DIGITS)) {
      if (byte < UNBIASED_BYTES && digits.length < RANDOM_DIGITS) digits += byte % 10;
    }
  }
  return digits;
}
