/**
 * The cryptography of a packet, by the browser where it can and by hand where it cannot.
 *
 * WebCrypto has neither MD5 nor SHA-3, and of the modes only CBC and CTR; on a page that came over plain http there is
 * no `crypto.subtle` at all. What is missing comes from `src/`. Callers do not see which of the two did the work.
 *
 * @module
 */

import type { Bytes } from "../src/bytes.ts";
import { DIGESTS, type DigestType } from "../src/fko.ts";
import { digest as digestByHand } from "../src/hash.ts";
import { HmacKey } from "../src/hmac.ts";
import { type BlockMode, encryptRijndael, padPkcs7 } from "../src/rijndael.ts";

/** What a packet is made with. */
export interface Primitives {
  /** @returns the digest of the data */
  digest(type: DigestType, data: Bytes): Promise<Bytes>;
  /** @returns the authentication code of the data; the key is read only */
  hmac(type: DigestType, key: Bytes, data: Bytes): Promise<Bytes>;
  /** @returns the data, padded to whole blocks as PKCS #7 does and encrypted; key and IV are read only */
  encrypt(mode: BlockMode, key: Bytes, iv: Bytes, data: Bytes): Promise<Bytes>;
}

/**
 * Draws random bytes.
 *
 * @param length how many
 * @returns a fresh array
 */
export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** WebCrypto's names. */
const WEB_DIGESTS: Readonly<Partial<Record<DigestType, string>>> = { sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

const BY_HAND: Primitives = {
  digest: async (type, data) => digestByHand(DIGESTS[type].hash, data),
  async hmac(type, key, data) {
    const ready = new HmacKey(DIGESTS[type].hash, key);
    const code = ready.sign(data);
    ready.wipe();
    return code;
  },
  encrypt: async (mode, key, iv, data) => encryptRijndael(padPkcs7(data), { mode, key, iv }),
};

/**
 * Chooses who does the work, once for each operation.
 *
 * @param subtle `crypto.subtle`; undefined where the browser has none
 * @returns the operations
 */
export function choosePrimitives(subtle: SubtleCrypto | undefined): Primitives {
  if (subtle === undefined) return BY_HAND;
  return {
    async digest(type, data) {
      const name = WEB_DIGESTS[type];
      return name === undefined ? BY_HAND.digest(type, data) : new Uint8Array(await subtle.digest(name, data));
    },
    async hmac(type, key, data) {
      const hash = WEB_DIGESTS[type];
      if (hash === undefined) return BY_HAND.hmac(type, key, data);
      const ready = await subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
      return new Uint8Array(await subtle.sign("HMAC", ready, data));
    },
    async encrypt(mode, key, iv, data) {
      if (mode !== "cbc" && mode !== "ctr") return BY_HAND.encrypt(mode, key, iv, data);
      const ready = await subtle.importKey("raw", key, `AES-${mode.toUpperCase()}`, false, ["encrypt"]);
      // CBC pads by itself; for CTR the whole block counts, as in the packet's mode.
      const [algorithm, input] = mode === "cbc" ? [{ name: "AES-CBC", iv }, data] : [{ name: "AES-CTR", counter: iv, length: 128 }, padPkcs7(data)];
      return new Uint8Array(await subtle.encrypt(algorithm, ready, input));
    },
  };
}
