/**
 * A message as the packet that is sent, made with the {@link Primitives} of the place where the page runs.
 *
 * @module
 */

import { encodeBase64 } from "../src/base64.ts";
import { type Bytes, concatBytes, utf8Bytes, wipe } from "../src/bytes.ts";
import { type DigestType, encodeFields, ENCRYPTION_MODES, type EncryptionMode, type Message, SALTED_MAGIC, SALTED_PREFIX } from "../src/fko.ts";
import { deriveKeyAndIv } from "../src/kdf.ts";
import type { Primitives } from "./primitives.ts";

/** What both ends share. */
export interface KnockKeys {
  readonly mode: EncryptionMode;
  readonly key: Bytes;
  /** Absent: the packet bears no HMAC. */
  readonly hmac?: { readonly type: DigestType; readonly key: Bytes };
}

/** A packet and what it is made of. */
export interface MadePacket {
  /** As it would go over UDP. */
  readonly packet: string;
  readonly message: Message;
  /** All fields but the digest. */
  readonly encoded: string;
  readonly digest: string;
  /** The authentication code at the packet's end, where there is one. */
  readonly hmac?: string;
}

/**
 * Makes a packet: the bytes are those of `encodeMessage()` and `sealMessage()` for the same randomness.
 *
 * @param message the fields
 * @param keys what both ends share; read only
 * @param salt 8 random bytes, fresh for each packet
 * @param primitives who does the work
 * @returns the packet and its parts
 * @throws {FkoError} when a field is outside what a receiver takes
 */
export async function makePacket(message: Message, keys: KnockKeys, salt: Bytes, primitives: Primitives): Promise<MadePacket> {
  const encoded = encodeFields(message);
  const digest = encodeBase64(await primitives.digest(message.digestType, utf8Bytes(encoded)));
  const row = ENCRYPTION_MODES[keys.mode];
  if (row.cipher === undefined) throw new RangeError("Cannot make a packet: OpenPGP is not done in a browser");
  const passphrase = row.fitKey(keys.key);
  // MD5 over the key itself, for each packet: this is why the key cannot live inside WebCrypto.
  const { key, iv } = deriveKeyAndIv(passphrase, salt);
  const plaintext = utf8Bytes(`${encoded}:${digest}`);
  const ciphertext = await primitives.encrypt(row.cipher, key, iv, plaintext);
  wipe(passphrase, key, iv, plaintext);
  const text = encodeBase64(concatBytes(utf8Bytes(SALTED_MAGIC), salt, ciphertext));
  const hmac = keys.hmac && encodeBase64(await primitives.hmac(keys.hmac.type, keys.hmac.key, utf8Bytes(text)));
  const packet = text.slice(SALTED_PREFIX.length) + (hmac ?? "");
  return { packet, message, encoded, digest, ...(hmac !== undefined && { hmac }) };
}
