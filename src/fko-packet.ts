/**
 * The packet, and how it is made of a plaintext: that is encrypted, written as base64 text without the prefix that all
 * packets share, and an HMAC is put behind it. Opening it is fko-open.ts, which a client that sends does not need.
 *
 * @module
 */

import { encodeBase64, padBase64 } from "./base64.ts";
import { type Bytes, concatBytes, utf8Bytes, wipe } from "./bytes.ts";
import { FkoError } from "./fko-error.ts";
import type { HmacKey } from "./hmac.ts";
import { deriveKeyAndIv, fitLegacyKey, fitPerlKey } from "./kdf.ts";
import { type BlockMode, encryptRijndael, padPkcs7 } from "./rijndael.ts";

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
export const OPENPGP_PREFIX = "hQ";

/** What `openssl enc` begins its output with, before the salt. */
export const SALTED_MAGIC = "Salted__";
const SALT_LENGTH = 8;
/** Longest packet text, in characters. */
export const MAX_PACKET = 1499;

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
