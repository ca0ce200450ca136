/**
 * The packet: plaintext ⇄ what travels.
 *
 * The plaintext is encrypted, written as base64 text without the prefix that all packets share, and an HMAC is put
 * behind it. Opening goes the other way, cheapest check first: alphabet, HMAC in constant time, only then decryption,
 * digest and fields. Bytes from the network never throw; the layer that refused them is named in the result.
 *
 * @module
 */

import { decodeBase64, encodeBase64, encodeBase64Bytes, isBase64Text, padBase64 } from "./base64.ts";
import { type Bytes, concatBytes, constantTimeEqual, utf8Bytes, wipe } from "./bytes.ts";
import { FkoError } from "./fko-error.ts";
import { decodeMessage, type Message, RANDOM_DIGITS, type Refusal, refuse } from "./fko-message.ts";
import type { HmacKey } from "./hmac.ts";
import { deriveKeyAndIv, fitLegacyKey, fitPerlKey } from "./kdf.ts";
import { type BlockMode, decryptRijndael, encryptRijndael, padPkcs7, unpadPkcs7 } from "./rijndael.ts";

/**
 * How the plaintext is encrypted. `legacy` and `perl` are CBC with the key rules of older programs: `legacy` pads to
 * and cuts at 16 bytes as the C program does, `perl` pads to 16 and never cuts, as 1.9 did. `asymmetric` is OpenPGP.
 */
export type EncryptionMode = "ecb" | "cbc" | "cfb" | "ofb" | "ctr" | "asymmetric" | "legacy" | "perl";

/** One row an encryption mode; `cipher` is absent for OpenPGP, which is not done here. */
export interface EncryptionModeRow {
  /** Number in listings, and in libfko; `perl` is shown as the CBC that it is. */
  readonly number: number;
  /** Name in listings. */
  readonly label: string;
  readonly cipher?: BlockMode;
  /** Makes the passphrase that the key derivation takes from the key that the user gave. */
  readonly fitKey: (key: Uint8Array) => Bytes;
  /** Longest key in bytes. */
  readonly maxKeyLength: number;
}

const MAX_KEY_LENGTH = 32;
const asGiven = (key: Uint8Array): Bytes => Uint8Array.from(key);

/** All encryption modes. */
export const ENCRYPTION_MODES: Readonly<Record<EncryptionMode, EncryptionModeRow>> = {
  ecb: { number: 1, label: "ECB", cipher: "ecb", fitKey: asGiven, maxKeyLength: MAX_KEY_LENGTH },
  cbc: { number: 2, label: "CBC", cipher: "cbc", fitKey: asGiven, maxKeyLength: MAX_KEY_LENGTH },
  cfb: { number: 3, label: "CFB", cipher: "cfb", fitKey: asGiven, maxKeyLength: MAX_KEY_LENGTH },
  ofb: { number: 5, label: "OFB", cipher: "ofb", fitKey: asGiven, maxKeyLength: MAX_KEY_LENGTH },
  ctr: { number: 6, label: "CTR", cipher: "ctr", fitKey: asGiven, maxKeyLength: MAX_KEY_LENGTH },
  asymmetric: { number: 7, label: "Asymmetric", fitKey: asGiven, maxKeyLength: 0 },
  legacy: { number: 8, label: "legacy", cipher: "cbc", fitKey: fitLegacyKey, maxKeyLength: Number.POSITIVE_INFINITY },
  perl: { number: 2, label: "CBC", cipher: "cbc", fitKey: fitPerlKey, maxKeyLength: Number.POSITIVE_INFINITY },
};

/** Base64 of `Salted__` and the first bits of the salt: the same in every packet, so it is not sent. */
export const SALTED_PREFIX = "U2FsdGVkX1";
/** Base64 of the first bits of an OpenPGP session key packet with a two-byte length: not sent either. */
const OPENPGP_PREFIX = "hQ";

/** What `openssl enc` begins its output with, before the salt. */
export const SALTED_MAGIC = "Salted__";
const SALT_LENGTH = 8;
const BLOCK_LENGTH = 16;
/** Shortest and longest packet text, in characters. */
const MIN_PACKET = 36;
const MAX_PACKET = 1499;

/** What both ends of a symmetric packet share. */
export interface Keys {
  readonly mode: EncryptionMode;
  /** The key as the user gave it; the mode's own rule fits it. */
  readonly key: Uint8Array;
  /** Absent: the packet bears no HMAC. */
  readonly hmac?: HmacKey;
}

/** What is put around the encrypted text. */
export interface PacketForm {
  /** Absent: the packet bears no HMAC. */
  readonly hmac?: HmacKey;
  /** Keep the prefix, as the Perl client could be told to. C servers refuse such packets. */
  readonly keepPrefix?: boolean;
  /** Keep the `=` at the end, likewise; not together with an HMAC. */
  readonly keepPadding?: boolean;
}

/** How a packet is made: the keys, and its form. */
export interface SealOptions extends Keys, PacketForm {
  /** 8 random bytes, fresh for each packet. */
  readonly salt: Uint8Array;
}

/**
 * Encrypts a plaintext to the packet that is sent.
 *
 * @param plaintext `encoded:digest`
 * @param options keys, salt and dialect
 * @returns the packet, base64 text
 * @throws {FkoError} when the key or the result has a length that no receiver takes
 */
export function sealMessage(plaintext: string, options: SealOptions): string {
  const bytes = utf8Bytes(plaintext);
  const text = encodeBase64(encryptSalted(bytes, options));
  wipe(bytes);
  return finishPacket(text, SALTED_PREFIX, options);
}

/**
 * Encrypts as `openssl enc -md md5` does, with a mode's rule for the key.
 *
 * @param plaintext read only
 * @param options mode, key and salt
 * @returns a fresh array: `Salted__`, the salt, the ciphertext
 * @throws FkoError when the mode is OpenPGP, or takes no key of that length
 */
export function encryptSalted(plaintext: Uint8Array, options: Pick<SealOptions, "mode" | "key" | "salt">): Bytes {
  const row = ENCRYPTION_MODES[options.mode];
  if (row.cipher === undefined) throw new FkoError(105, "fko_encrypt_spa_data");
  if (options.key.length > row.maxKeyLength) throw new FkoError(95, "fko_encrypt_spa_data");
  if (options.salt.length !== SALT_LENGTH) throw new RangeError(`Cannot seal a message: expected 8 bytes of salt, got ${options.salt.length}`);
  const passphrase = row.fitKey(options.key);
  const { key, iv } = deriveKeyAndIv(passphrase, options.salt);
  const padded = padPkcs7(plaintext);
  const ciphertext = encryptRijndael(padded, { mode: row.cipher, key, iv });
  wipe(passphrase, key, iv, padded);
  return concatBytes(utf8Bytes(SALTED_MAGIC), options.salt, ciphertext);
}

/**
 * Turns an OpenPGP message into the packet that is sent. The prefix is cut only where a receiver puts it back: C cuts
 * two characters of anything and so ruins packets to ECC recipients.
 *
 * @param message the binary OpenPGP message
 * @param form what is put around it
 * @returns the packet, base64 text
 * @throws {FkoError} when it is longer than a receiver takes
 */
export function sealOpenPgp(message: Uint8Array, form: PacketForm): string {
  return finishPacket(encodeBase64(message), OPENPGP_PREFIX, form);
}

/** Appends the HMAC, which covers the text with its prefix, and cuts the prefix. */
function finishPacket(text: string, prefix: string, { hmac, keepPrefix = false, keepPadding = false }: PacketForm): string {
  const packet = hmac !== undefined ? text + encodeBase64(hmac.sign(utf8Bytes(text))) : keepPadding ? padBase64(text) : text;
  if (packet.length - prefix.length > MAX_PACKET) throw new FkoError(prefix === OPENPGP_PREFIX ? 59 : 51, "fko_spa_data_final");
  return !keepPrefix && packet.startsWith(prefix) ? packet.slice(prefix.length) : packet;
}

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
