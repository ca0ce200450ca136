/**
 * Opening a packet, cheapest check first: alphabet, HMAC in constant time, only then decryption, digest and fields.
 * Bytes from the network never throw; the layer that refused them is named in the result.
 *
 * @module
 */

import { decodeBase64, encodeBase64Bytes, isBase64Text } from "./base64.ts";
import { type Bytes, concatBytes, constantTimeEqual, utf8Bytes, wipe } from "./bytes.ts";
import { decodeMessage, type Refusal, refuse } from "./fko-decode.ts";
import { type Message, RANDOM_DIGITS } from "./fko-message.ts";
import { ENCRYPTION_MODES, type Keys, MAX_PACKET, OPENPGP_PREFIX, SALTED_MAGIC, SALTED_PREFIX } from "./fko-packet.ts";
import type { HmacKey } from "./hmac.ts";
import { deriveKeyAndIv } from "./kdf.ts";
import { decryptRijndael, unpadPkcs7 } from "./rijndael.ts";

/** Shortest packet text, in characters. */
const MIN_PACKET = 36;
const BLOCK_LENGTH = 16;

/**
 * Brings a packet into the one form in which it is compared, remembered and opened: without the `Salted__` prefix and
 * without `=` at its end. Two texts that open alike are the same packet here, which is what replay detection needs.
 *
 * @param payload what arrived, after HTTP unwrapping
 * @returns a view of the payload, or a refusal when it is not base64 text of a possible length
 */
export function normalisePacket(payload: Uint8Array): { readonly ok: true; readonly packet: Uint8Array } | Refusal {
  if (payload.length < MIN_PACKET || payload.length > MAX_PACKET + SALTED_PREFIX.length) return refuse("text", 97);
  let end = payload.length;
  while (end > 0 && payload[end - 1] === 0x3d) end--;
  if (payload.length - end > 2) return refuse("text", 97);
  if (!isBase64Text(payload.subarray(0, end))) return refuse("text", 47);
  const start = startsWithText(payload, SALTED_PREFIX) ? SALTED_PREFIX.length : 0;
  const packet = payload.subarray(start, end);
  return packet.length < MIN_PACKET || packet.length > MAX_PACKET ? refuse("text", 97) : { ok: true, packet };
}

function startsWithText(bytes: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[at] !== text.charCodeAt(at)) return false;
  return true;
}

/**
 * Checks the HMAC at the end of a packet, in constant time.
 *
 * @param packet a normalised packet
 * @param hmac the stanza's key
 * @param prefix what the sender cut in front, {@link SALTED_PREFIX} or {@link openPgpPrefix}'s answer
 * @returns a view of the packet without its HMAC, or the refusal
 */
export function checkHmac(packet: Uint8Array, hmac: HmacKey, prefix: string): { readonly ok: true; readonly body: Uint8Array } | Refusal {
  const tail = Math.ceil((hmac.digestLength * 4) / 3);
  if (packet.length < MIN_PACKET + tail) return refuse("hmac", 75);
  const body = packet.subarray(0, packet.length - tail);
  const expected = encodeBase64Bytes(hmac.sign(utf8Bytes(prefix), body));
  return constantTimeEqual(expected, packet.subarray(packet.length - tail)) ? { ok: true, body } : refuse("hmac", 75);
}

declare const verified: unique symbol;

/** Marks what came out of a packet whose authenticity was checked; policy takes nothing else. */
export type Verified<T> = T & { readonly [verified]: true };

/** A packet that was opened. */
export interface Opened {
  readonly ok: true;
  readonly message: Verified<Message>;
  readonly encoded: string;
  readonly digest: string;
  /** Whether an HMAC vouched for it, too. */
  readonly authenticated: boolean;
}

/**
 * Opens a symmetric packet: HMAC, decryption, digest, fields.
 *
 * @param payload what arrived, after HTTP unwrapping
 * @param keys what both ends share
 * @returns the message, or the refusal of the first layer that refused
 */
export function openPacket(payload: Uint8Array, keys: Keys): Opened | Refusal {
  const normal = normalisePacket(payload);
  if (!normal.ok) return normal;
  const checked = keys.hmac ? checkHmac(normal.packet, keys.hmac, SALTED_PREFIX) : { ok: true as const, body: normal.packet };
  if (!checked.ok) return checked;
  return openBody(checked.body, keys);
}

/**
 * Decrypts a packet's body and reads it.
 *
 * @param body a normalised packet whose HMAC was checked and cut
 * @param keys what both ends share
 * @returns the message, or the refusal
 */
export function openBody(body: Uint8Array, keys: Keys): Opened | Refusal {
  const row = ENCRYPTION_MODES[keys.mode];
  if (row.cipher === undefined) return refuse("decryption", 105);
  if (keys.key.length > row.maxKeyLength) return refuse("decryption", 95);
  const blob = decodeBase64(concatBytes(utf8Bytes(SALTED_PREFIX), body));
  if (blob === undefined) return refuse("decryption", 52);
  if (blob.length % BLOCK_LENGTH !== 0 || blob.length < 2 * BLOCK_LENGTH) return refuse("decryption", 53);
  const plaintext = decryptSalted(blob, keys);
  const opened = plaintext !== undefined && looksDecrypted(plaintext) ? openPlaintext(plaintext, keys.hmac !== undefined) : refuse("decryption", 107);
  if (plaintext !== undefined) wipe(plaintext);
  return opened;
}

/**
 * Undoes {@link encryptSalted}.
 *
 * @param blob `Salted__`, the salt, whole blocks of ciphertext; read only
 * @param keys mode and key, of a length that the mode takes
 * @returns the plaintext, which the caller wipes; undefined when it cannot be one
 */
export function decryptSalted(blob: Uint8Array, keys: Pick<Keys, "mode" | "key">): Uint8Array | undefined {
  const { cipher, fitKey } = ENCRYPTION_MODES[keys.mode];
  if (cipher === undefined || !startsWithText(blob, SALTED_MAGIC)) return undefined;
  const passphrase = fitKey(keys.key);
  const { key, iv } = deriveKeyAndIv(passphrase, blob.subarray(SALTED_MAGIC.length, BLOCK_LENGTH));
  const padded = decryptRijndael(blob.subarray(BLOCK_LENGTH), { mode: cipher, key, iv });
  wipe(passphrase, key, iv);
  const plaintext = unpadPkcs7(padded);
  // Every sender pads. A text without padding lost a block on its way, or is no plaintext.
  if (plaintext.length < padded.length) return plaintext;
  wipe(padded);
  return undefined;
}

/** A right key gives 16 digits and a colon; a wrong one does so once in 10^25 packets: (256/10)^16 · 256. */
function looksDecrypted(plaintext: Uint8Array): boolean {
  if (plaintext[RANDOM_DIGITS] !== 0x3a) return false;
  return plaintext.subarray(0, RANDOM_DIGITS).every((byte) => byte >= 0x30 && byte <= 0x39);
}

/**
 * Reads a plaintext whose origin was checked by whoever decrypted it: a symmetric key, or OpenPGP.
 *
 * @param plaintext `encoded:digest`
 * @param authenticated whether an HMAC or a good signature vouched for it
 * @returns the message, or the refusal
 */
export function openPlaintext(plaintext: Uint8Array, authenticated: boolean): Opened | Refusal {
  const decoded = decodeMessage(plaintext);
  return decoded.ok ? { ...decoded, message: decoded.message as Verified<Message>, authenticated } : decoded;
}

// --- OpenPGP packets -------------------------------------------------------------------------------------------------

/**
 * What the sender of an OpenPGP packet cut in front: `hQ` when putting it back makes an RFC 4880 §5.1 session key packet
 * of version 3, nothing when the text is one by itself (ECC recipients, or a sender that cuts nothing).
 *
 * @param packet a normalised packet
 * @returns `hQ` or the empty string
 */
export function openPgpPrefix(packet: Uint8Array): "hQ" | "" {
  const first = decodeBase64(packet.subarray(0, 8));
  // Old-format tag 1 is 0x84 with a one-byte length, 0x85 with two, 0x86 with four; the version follows.
  const versionAt: Readonly<Record<number, number>> = { 0x84: 2, 0x85: 3, 0x86: 5 };
  const isSessionKey = first !== undefined && first[versionAt[first[0]!] ?? -1] === 3;
  return isSessionKey ? "" : OPENPGP_PREFIX;
}

/**
 * The OpenPGP message inside a packet.
 *
 * @param body a normalised packet without HMAC
 * @param prefix {@link openPgpPrefix}'s answer
 * @returns the binary message, or the refusal
 */
export function openPgpMessage(body: Uint8Array, prefix: string): { readonly ok: true; readonly message: Bytes } | Refusal {
  const message = decodeBase64(concatBytes(utf8Bytes(prefix), body));
  return message === undefined ? refuse("decryption", 60) : { ok: true, message };
}
