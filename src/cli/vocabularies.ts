/**
 * Names and lengths that several programs take alike.
 *
 * @module
 */

import { DIGESTS, type DigestType } from "../fko-message.ts";
import type { EncryptionMode } from "../fko-packet.ts";
import type { Shell } from "./completion.ts";
import type { ValueType } from "./options.ts";
import { choice, integer } from "./values.ts";

/** All names of digests. */
export const DIGEST_NAMES: readonly DigestType[] = /* @__PURE__ */ Object.keys(DIGESTS) as DigestType[];
/** All names of encryption modes. */
export const ENCRYPTION_MODE_NAMES: readonly EncryptionMode[] = ["cbc", "ecb", "cfb", "ofb", "ctr", "asymmetric", "legacy", "perl"];

/** What `--test-FKO-exists` of fwknop 1.9 is answered. */
export const FKO_EXISTS = "[+] FKO messages are understood without a module";

/**
 * The kind of value that names a digest.
 *
 * @param what whose digest it is, `digest` or `hmac digest`
 * @returns the kind of value
 */
export function digestType(what: string): ValueType<DigestType> {
  return choice("DIGEST", DIGEST_NAMES, (shown) => `Invalid ${what} type: ${shown}, must be one of {${DIGEST_NAMES.join(",")}}`);
}

/** @returns the kind of value that names an encryption mode */
export function encryptionMode(): ValueType<EncryptionMode> {
  return choice("MODE", ENCRYPTION_MODE_NAMES, (shown) => `Invalid encryption mode: ${shown}, must be one of {CBC,ECB,CFB,OFB,CTR,Asymmetric,legacy,perl}`);
}

/** @returns the kind of value that names a shell */
export function shell(): ValueType<Shell> {
  return choice("SHELL", ["bash", "zsh", "fish"]);
}

/**
 * The kind of value that gives the length of a key to be made.
 *
 * @param what which key, `key` or `hmac key`
 * @returns the kind of value, in bytes
 */
export function keyLength(what: string): ValueType<number> {
  return integer("BYTES", 1, 128, (shown) => `Invalid ${what} length '${shown}', must be in [1-128]`);
}
