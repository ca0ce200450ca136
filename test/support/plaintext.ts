/**
 * Plaintexts as no honest sender writes them.
 *
 * @module
 */
import { encodeBase64 } from "../../src/base64.ts";
import { utf8Bytes } from "../../src/bytes.ts";
import { DIGESTS } from "../../src/fko.ts";
import { digest } from "../../src/hash.ts";

/** A plaintext with a right digest around whatever fields a sender might write. */
export function plaintextOf(...fields: readonly string[]): string {
  const encoded = fields.join(":");
  return `${encoded}:${encodeBase64(digest(DIGESTS.sha256.hash, utf8Bytes(encoded)))}`;
}

/** A text as a field of a message. */
export const base64 = (text: string): string => encodeBase64(utf8Bytes(text));
