/**
 * The fields of a Single Packet Authorization message, wire protocol 3.0.0, and how they become a plaintext.
 *
 * The fields are joined by colons to `encoded`; `encoded:digest` is the plaintext that gets encrypted. Reading it is
 * fko-decode.ts, which a client that sends does not need.
 *
 * @module
 */

import { isDecimal, parseAccessMessage, parseCommandMessage, parseNatAccess } from "./access-message.ts";
import { encodeBase64, padBase64 } from "./base64.ts";
import { utf8Bytes } from "./bytes.ts";
import { FkoError } from "./fko-error.ts";
import { digest, type HashFunction } from "./hash.ts";
import { md5 } from "./md5.ts";
import { sha1, sha256, sha384, sha512 } from "./sha.ts";
import { sha3_256, sha3_512 } from "./sha3.ts";

/** Version written into field 4 of each message that we make. */
export const PROTOCOL_VERSION = "3.0.0";

// --- Vocabularies ----------------------------------------------------------------------------------------------------

/** A hash that serves as message digest and as HMAC. */
export type DigestType = "md5" | "sha1" | "sha256" | "sha384" | "sha512" | "sha3_256" | "sha3_512";

/** One row a digest type. The base64 length tells the receiver which one was used. */
export interface DigestRow {
  /** Number in listings, and in libfko. */
  readonly number: number;
  /** Name in listings. */
  readonly label: string;
  readonly hash: HashFunction;
  /** Characters of an unpadded digest on the wire. */
  readonly wireLength: number;
}

/** All digest types, in the order in which a receiver tries those of equal length. */
export const DIGESTS: Readonly<Record<DigestType, DigestRow>> = {
  md5: { number: 1, label: "MD5", hash: md5, wireLength: 22 },
  sha1: { number: 2, label: "SHA1", hash: sha1, wireLength: 27 },
  sha256: { number: 3, label: "SHA256", hash: sha256, wireLength: 43 },
  sha384: { number: 4, label: "SHA384", hash: sha384, wireLength: 64 },
  sha512: { number: 5, label: "SHA512", hash: sha512, wireLength: 86 },
  sha3_256: { number: 6, label: "SHA3_256", hash: sha3_256, wireLength: 43 },
  sha3_512: { number: 7, label: "SHA3_512", hash: sha3_512, wireLength: 86 },
};

/** What a message asks for. */
export type MessageType = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** One row a message type: which of the optional fields it carries. */
export interface MessageTypeRow {
  readonly label: string;
  readonly nat: "none" | "forward" | "local";
  readonly timeout: boolean;
}

/** All message types; the index is the number on the wire. */
export const MESSAGE_TYPES: Readonly<Record<MessageType, MessageTypeRow>> = {
  0: { label: "Command msg", nat: "none", timeout: false },
  1: { label: "Access msg", nat: "none", timeout: false },
  2: { label: "NAT access msg", nat: "forward", timeout: false },
  3: { label: "Client timeout access msg", nat: "none", timeout: true },
  4: { label: "Client timeout NAT access msg", nat: "forward", timeout: true },
  5: { label: "Local NAT access msg", nat: "local", timeout: false },
  6: { label: "Client timeout local NAT access msg", nat: "local", timeout: true },
};

/**
 * The type number for what a request holds.
 *
 * @param request whether it is a command, which NAT it wants, whether it names a timeout
 * @returns the message type; a command has neither NAT nor timeout
 */
export function messageTypeOf(request: {
  readonly command: boolean;
  readonly nat: MessageTypeRow["nat"];
  readonly timeout: boolean;
}): MessageType {
  if (request.command) return 0;
  return ({ none: [1, 3], forward: [2, 4], local: [5, 6] } as const)[request.nat][request.timeout ? 1 : 0];
}

// --- Fields ----------------------------------------------------------------------------------------------------------

/** The fields of one message, decoded. */
export interface Message {
  /** 16 decimal digits; makes each packet unique. */
  readonly random: string;
  readonly username: string;
  /** Unix time, seconds. */
  readonly timestamp: number;
  /** The sender's protocol version; `1.…` are the Perl programs. */
  readonly version: string;
  readonly type: MessageType;
  /** `ip,proto/port[,…]`, or `ip,command` for type 0. */
  readonly message: string;
  /** `host,port`, types 2, 4, 5 and 6 only. */
  readonly natAccess?: string;
  readonly serverAuth?: string;
  /** Seconds, types 3, 4 and 6 only. */
  readonly clientTimeout?: number;
  readonly digestType: DigestType;
  /** It was no packet, but port knocking, which tells no time; a shared sequence tells no user either. */
  readonly knocks?: "shared" | "encrypted";
}

/** Digits of the random value. */
export const RANDOM_DIGITS = 16;
/** Longest plaintext, in characters. */
export const MAX_PLAINTEXT = 1499;
export const MAX_TIMEOUT_SECONDS = 65536;

/** What no text of a message may hold. */
export const CONTROL_CHARACTERS: RegExp = /[\u0000-\u001f\u007f-\u009f]/;

/** Characters that a user name may not hold. */
export const FORBIDDEN_IN_USERNAME: RegExp = /["/\\[\]:;|=,+*?<>]|[^\u0020-\u007e]/;

/**
 * Whether a message was made by the Perl programs, which pad their base64 and name their own version. They look at
 * neither names nor texts before they send: `none/0` for no ports at all is a message of theirs, which policy refuses.
 *
 * @param version the message's field
 * @returns whether it begins with `1.`
 */
export function isPerlVersion(version: string): boolean {
  return version.startsWith("1.");
}

// --- Encode ----------------------------------------------------------------------------------------------------------

/** A message as text, before encryption. */
export interface EncodedMessage {
  /** All fields but the digest. */
  readonly encoded: string;
  /** Digest of `encoded`, base64 without padding. */
  readonly digest: string;
  /** `encoded:digest`, what gets encrypted. */
  readonly plaintext: string;
}

/**
 * Writes a message as plaintext. Fields that its type does not carry are left out.
 *
 * @param message the fields; a version that begins with `1.` is written in the Perl programs' dialect
 * @returns the plaintext and its parts
 * @throws {FkoError} when a field is outside what a receiver takes
 */
export function encodeMessage(message: Message): EncodedMessage {
  const encoded = encodeFields(message);
  const sum = encodeBase64(digest(DIGESTS[message.digestType].hash, utf8Bytes(encoded)));
  return { encoded, digest: sum, plaintext: `${encoded}:${sum}` };
}

/**
 * Writes a message's fields without their digest, for callers that have a hash of their own.
 *
 * @param message as for {@link encodeMessage}
 * @returns all fields but the digest
 * @throws {FkoError} when a field is outside what a receiver takes
 */
export function encodeFields(message: Message): string {
  checkFields(message);
  const { nat, timeout } = MESSAGE_TYPES[message.type];
  const isPerl = isPerlVersion(message.version);
  const base64Of = (text: string): string => {
    const base64 = encodeBase64(utf8Bytes(text));
    return isPerl ? padBase64(base64) : base64;
  };
  const fields = [
    message.random, base64Of(message.username), String(message.timestamp), message.version, String(message.type), base64Of(message.message),
  ];
  if (nat !== "none") fields.push(base64Of(message.natAccess ?? ""));
  if (message.serverAuth !== undefined) fields.push(base64Of(message.serverAuth));
  if (timeout) fields.push(String(message.clientTimeout ?? 0));
  const encoded = fields.join(":");
  if (encoded.length + 1 + DIGESTS[message.digestType].wireLength > MAX_PLAINTEXT) throw new FkoError(43, "fko_encode_spa_data");
  return encoded;
}

/** Refuses fields that no receiver would take, with the number and the function name that libfko gives. */
function checkFields(message: Message): void {
  const { type, username, natAccess, serverAuth, clientTimeout = 0 } = message;
  const isPerl = isPerlVersion(message.version);
  const forbidden = isPerl ? -1 : username.search(FORBIDDEN_IN_USERNAME);
  const request = type === 0 ? parseCommandMessage(message.message) : parseAccessMessage(message.message);
  const needsNat = MESSAGE_TYPES[type].nat !== "none";
  const checks: readonly (readonly [holds: boolean, code: number, operation: string])[] = [
    [message.random.length === RANDOM_DIGITS && isDecimal(message.random), 86, "fko_set_rand_value"],
    [username !== "", 89, "fko_set_username"],
    [forbidden < 0, forbidden === 0 ? 90 : 91, "fko_set_username"],
    [Number.isInteger(message.timestamp) && message.timestamp >= 0 && message.timestamp < 1e12, 88, "fko_set_timestamp"],
    [message.message !== "", 80, "fko_set_spa_message"],
    [utf8Bytes(message.message).length < 256, 94, "fko_set_spa_message"],
    [isPerl || request.ok, request.ok || type === 0 ? 101 : request.code, "fko_set_spa_message"],
    [!CONTROL_CHARACTERS.test(message.message), type === 0 ? 101 : 102, "fko_set_spa_message"],
    [!needsNat || Boolean(natAccess), 85, "fko_set_spa_nat_access"],
    [utf8Bytes(natAccess ?? "").length < 128, 94, "fko_set_spa_nat_access"],
    [isPerl || !needsNat || parseNatAccess(natAccess ?? "").ok, 103, "fko_set_spa_nat_access"],
    [serverAuth !== "", 87, "fko_set_spa_server_auth"],
    [utf8Bytes(serverAuth ?? "").length < 64, 94, "fko_set_spa_server_auth"],
    [clientTimeout >= 0, 5, "fko_set_spa_client_timeout"],
    [Number.isInteger(clientTimeout) && clientTimeout <= MAX_TIMEOUT_SECONDS, 93, "fko_set_spa_client_timeout"],
  ];
  for (const [holds, code, operation] of checks) if (!holds) throw new FkoError(code, operation);
}
