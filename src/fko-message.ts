/**
 * The fields of a Single Packet Authorization message, wire protocol 3.0.0: fields ⇄ plaintext.
 *
 * The fields are joined by colons to `encoded`; `encoded:digest` is the plaintext that gets encrypted. A plaintext that
 * does not read is never an exception: what is wrong with it comes back as a {@link Refusal}.
 *
 * @module
 */

import { type AccessRequest, type CommandRequest, type Malformed, parseAccessMessage, parseCommandMessage, parseNatAccess } from "./access-message.ts";
import { decodeBase64, encodeBase64, encodeBase64Bytes, padBase64 } from "./base64.ts";
import { constantTimeEqual, latin1Text, utf8Bytes, utf8Text } from "./bytes.ts";
import { FkoError, describeFkoError } from "./fko-error.ts";
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
}

/** The layer that refused a packet. */
export type RefusalLayer = "text" | "hmac" | "decryption" | "digest" | "message";

/** Why a packet or a plaintext was refused. */
export interface Refusal {
  readonly ok: false;
  readonly layer: RefusalLayer;
  /** libfko's error number. */
  readonly code: number;
  /** libfko's words for it. */
  readonly reason: string;
}

/**
 * Makes a refusal.
 *
 * @param layer what refused
 * @param code libfko's number
 * @returns the value to return to the caller
 */
export function refuse(layer: RefusalLayer, code: number): Refusal {
  return { ok: false, layer, code, reason: describeFkoError(code) };
}

/** Shortest and longest plaintext, in characters. */
const MIN_PLAINTEXT = 36;
const MAX_PLAINTEXT = 1499;
/** Fewest and most fields, the digest counted, among which the digest is looked for. */
const MIN_FIELDS = 7;
const MAX_FIELDS = 12;
/** Digits of the random value. */
export const RANDOM_DIGITS = 16;
const MAX_TIMEOUT_SECONDS = 65536;

/** A field's value, or the libfko number that says why there is none. */
type Parsed<T> = { readonly value: T } | { readonly code: number };

/** How one field is written and read. */
interface FieldRow<T> {
  readonly maxLength: number;
  /** Error numbers: field empty, longer than `maxLength`. */
  readonly missing: number;
  readonly tooLong: number;
  parse(raw: string): Parsed<T>;
  format(value: T): string;
}

const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/;

/** A text that travels as base64: printable UTF-8. */
function base64Field(codes: { missing: number; tooLong: number; undecodable: number; invalid: number }, maxLength: number): FieldRow<string> {
  return {
    maxLength,
    missing: codes.missing,
    tooLong: codes.tooLong,
    parse(raw) {
      const bytes = decodeBase64(raw);
      if (bytes === undefined) return { code: codes.undecodable };
      const text = utf8Text(bytes);
      return text === undefined || text === "" || CONTROL_CHARACTERS.test(text) ? { code: codes.invalid } : { value: text };
    },
    format: (text) => encodeBase64(utf8Bytes(text)),
  };
}

/** A decimal number that is only digits; C takes leading digits of anything, which lets `x` pass as 0. */
function numberField(codes: { missing: number; tooLong: number; invalid: number }, maxLength: number, pattern: RegExp): FieldRow<number> {
  return {
    maxLength,
    missing: codes.missing,
    tooLong: codes.tooLong,
    parse: (raw) => (pattern.test(raw) ? { value: Number(raw) } : { code: codes.invalid }),
    format: String,
  };
}

/** A text that travels as it is. */
function plainField(codes: { missing: number; tooLong: number; invalid: number }, maxLength: number, pattern: RegExp): FieldRow<string> {
  return {
    maxLength,
    missing: codes.missing,
    tooLong: codes.tooLong,
    parse: (raw) => (pattern.test(raw) ? { value: raw } : { code: codes.invalid }),
    format: (text) => text,
  };
}

/** The fields that every message has, in wire order. */
const HEAD = {
  random: /* @__PURE__ */ plainField({ missing: 12, tooLong: 12, invalid: 12 }, RANDOM_DIGITS, /^\d{16}$/),
  username: /* @__PURE__ */ base64Field({ missing: 13, tooLong: 14, undecodable: 15, invalid: 16 }, 64),
  timestamp: /* @__PURE__ */ numberField({ missing: 17, tooLong: 18, invalid: 19 }, 12, /^\d+$/),
  version: /* @__PURE__ */ plainField({ missing: 20, tooLong: 21, invalid: 20 }, 8, /^[\u0020-\u007e]+$/),
  type: /* @__PURE__ */ numberField({ missing: 22, tooLong: 23, invalid: 24 }, 2, /^0?[0-6]$/) as FieldRow<MessageType>,
  message: /* @__PURE__ */ base64Field({ missing: 25, tooLong: 26, undecodable: 27, invalid: 28 }, 256),
} as const;

/** The fields that follow, by type. */
const TAIL = {
  natAccess: /* @__PURE__ */ base64Field({ missing: 30, tooLong: 31, undecodable: 32, invalid: 33 }, 256),
  serverAuth: /* @__PURE__ */ base64Field({ missing: 34, tooLong: 36, undecodable: 35, invalid: 35 }, 256),
  serverAuthBeforeTimeout: /* @__PURE__ */ base64Field({ missing: 34, tooLong: 37, undecodable: 38, invalid: 38 }, 256),
  clientTimeout: /* @__PURE__ */ numberField({ missing: 39, tooLong: 40, invalid: 41 }, 256, /^\d+$/),
} as const;

/** Signals a refused field out of the walk below; never leaves {@link decodeMessage}. */
class FieldRefused {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

function readField<T>(row: FieldRow<T>, raw: string | undefined): T {
  if (raw === undefined || raw === "") throw new FieldRefused(row.missing);
  if (raw.length > row.maxLength) throw new FieldRefused(row.tooLong);
  const parsed = row.parse(raw);
  if ("code" in parsed) throw new FieldRefused(parsed.code);
  return parsed.value;
}

/** Reads what the text asks for: a command or ports. */
function readRequest(type: MessageType, message: string): AccessRequest | CommandRequest | Malformed {
  return type === 0 ? parseCommandMessage(message) : parseAccessMessage(message);
}

/** Characters that a user name may not hold. */
const FORBIDDEN_IN_USERNAME = /["/\\[\]:;|=,+*?<>]|[^\u0020-\u007e]/;

/**
 * Whether a message was made by the Perl programs, which pad their base64 and name their own version. They look at
 * neither names nor texts before they send: `none/0` for no ports at all is a message of theirs, which policy refuses.
 */
export function isPerlVersion(version: string): boolean {
  return version.startsWith("1.");
}

// --- Encode and decode -----------------------------------------------------------------------------------------------

/** A message as text, before encryption. */
export interface EncodedMessage {
  /** All fields but the digest. */
  readonly encoded: string;
  /** Digest of `encoded`, base64 without padding. */
  readonly digest: string;
  readonly digestType: DigestType;
  /** `encoded:digest`, what gets encrypted. */
  readonly plaintext: string;
}

/**
 * Writes a message as plaintext. Fields that its type does not carry are left out.
 *
 * @param message the fields; a version that begins with `1.` is written in the Perl programs' dialect
 * @returns the plaintext and its parts
 * @throws FkoError when a field is outside what a receiver takes
 */
export function encodeMessage(message: Message): EncodedMessage {
  checkFields(message);
  const row = MESSAGE_TYPES[message.type];
  const padded = isPerlVersion(message.version);
  const base64 = (text: string) => (padded ? padBase64(HEAD.message.format(text)) : HEAD.message.format(text));
  const fields = [
    message.random,
    base64(message.username),
    HEAD.timestamp.format(message.timestamp),
    message.version,
    HEAD.type.format(message.type),
    base64(message.message),
  ];
  if (row.nat !== "none") fields.push(base64(message.natAccess ?? ""));
  if (message.serverAuth !== undefined) fields.push(base64(message.serverAuth));
  if (row.timeout) fields.push(TAIL.clientTimeout.format(message.clientTimeout ?? 0));
  const encoded = fields.join(":");
  const sum = encodeBase64(digest(DIGESTS[message.digestType].hash, utf8Bytes(encoded)));
  const plaintext = `${encoded}:${sum}`;
  if (plaintext.length > MAX_PLAINTEXT) throw new FkoError(43, "fko_encode_spa_data");
  return { encoded, digest: sum, digestType: message.digestType, plaintext };
}

/** Refuses fields that no receiver would take, with the number and the function name that libfko gives. */
function checkFields(message: Message): void {
  const { type, username, natAccess, serverAuth, clientTimeout = 0 } = message;
  const perl = isPerlVersion(message.version);
  const forbidden = perl ? -1 : username.search(FORBIDDEN_IN_USERNAME);
  const request = readRequest(type, message.message);
  const needsNat = MESSAGE_TYPES[type].nat !== "none";
  const checks: readonly (readonly [holds: boolean, code: number, operation: string])[] = [
    [/^\d{16}$/.test(message.random), 86, "fko_set_rand_value"],
    [username !== "", 89, "fko_set_username"],
    [forbidden < 0, forbidden === 0 ? 90 : 91, "fko_set_username"],
    [Number.isInteger(message.timestamp) && /^\d{1,12}$/.test(String(message.timestamp)), 88, "fko_set_timestamp"],
    [message.message !== "", 80, "fko_set_spa_message"],
    [utf8Bytes(message.message).length < 256, 94, "fko_set_spa_message"],
    [perl || request.ok, request.ok || type === 0 ? 101 : request.code, "fko_set_spa_message"],
    [!CONTROL_CHARACTERS.test(message.message), type === 0 ? 101 : 102, "fko_set_spa_message"],
    [!needsNat || Boolean(natAccess), 85, "fko_set_spa_nat_access"],
    [utf8Bytes(natAccess ?? "").length < 128, 94, "fko_set_spa_nat_access"],
    [perl || !needsNat || parseNatAccess(natAccess ?? "").ok, 103, "fko_set_spa_nat_access"],
    [serverAuth !== "", 87, "fko_set_spa_server_auth"],
    [utf8Bytes(serverAuth ?? "").length < 64, 94, "fko_set_spa_server_auth"],
    [clientTimeout >= 0, 5, "fko_set_spa_client_timeout"],
    [Number.isInteger(clientTimeout) && clientTimeout <= MAX_TIMEOUT_SECONDS, 93, "fko_set_spa_client_timeout"],
  ];
  for (const [holds, code, operation] of checks) if (!holds) throw new FkoError(code, operation);
}

/** A plaintext that was read. */
export interface Decoded {
  readonly ok: true;
  readonly message: Message;
  readonly encoded: string;
  readonly digest: string;
}

/**
 * Reads a plaintext: length, characters, digest, then field after field; the first failure wins.
 *
 * @param plaintext `encoded:digest`, from decryption
 * @returns the fields, or the refusal
 */
export function decodeMessage(plaintext: Uint8Array): Decoded | Refusal {
  if (plaintext.length < MIN_PLAINTEXT || plaintext.length > MAX_PLAINTEXT) return refuse("message", 6);
  if (plaintext.some((byte) => byte < 0x20 || byte > 0x7e)) return refuse("message", 7);
  const text = latin1Text(plaintext);
  const fields = text.split(":");
  if (fields.length < MIN_FIELDS) return refuse("message", 8);
  // libfko takes what is behind the eleventh colon for the digest, whatever it is.
  if (fields.length > MAX_FIELDS) return refuse("digest", 99);
  const sum = fields.pop()!;
  const encodedLength = text.length - sum.length - 1;
  const digestType = findDigestType(plaintext.subarray(0, encodedLength), sum);
  if (typeof digestType === "number") return refuse("digest", digestType);
  try {
    const message = readFields(fields, digestType);
    return { ok: true, message, encoded: text.slice(0, encodedLength), digest: sum };
  } catch (refused) {
    if (refused instanceof FieldRefused) return refuse("message", refused.code);
    throw refused;
  }
}

/** The algorithm whose digest this is, or the libfko number of the refusal. */
function findDigestType(encoded: Uint8Array, sum: string): DigestType | number {
  const given = utf8Bytes(sum);
  let code = 99;
  for (const [name, row] of Object.entries(DIGESTS)) {
    if (row.wireLength !== sum.length) continue;
    if (constantTimeEqual(encodeBase64Bytes(digest(row.hash, encoded)), given)) return name as DigestType;
    code = 108;
  }
  return code;
}

function readFields(fields: readonly string[], digestType: DigestType): Message {
  const [random, username, timestamp, version, type] = fields;
  const head = {
    random: readField(HEAD.random, random),
    username: readField(HEAD.username, username),
    timestamp: readField(HEAD.timestamp, timestamp),
    version: readField(HEAD.version, version),
    type: readField(HEAD.type, type),
  };
  const perl = isPerlVersion(head.version);
  const check = (holds: boolean, code: number): void => {
    if (!perl && !holds) throw new FieldRefused(code);
  };
  check(!FORBIDDEN_IN_USERNAME.test(head.username), 16);
  const row = MESSAGE_TYPES[head.type];
  const tail = fields.slice(5);
  const mostFields = 2 + (row.nat === "none" ? 0 : 1) + (row.timeout ? 1 : 0);
  if (tail.length > mostFields) throw new FieldRefused(10);
  const message = readField(HEAD.message, tail.shift());
  check(readRequest(head.type, message).ok, head.type === 0 ? 28 : 29);
  const natAccess = row.nat === "none" ? undefined : readField(TAIL.natAccess, tail.shift());
  check(natAccess === undefined || parseNatAccess(natAccess).ok, 33);
  const timeout = row.timeout ? tail.pop() : undefined;
  const clientTimeout = row.timeout ? readField(TAIL.clientTimeout, timeout) : undefined;
  if (clientTimeout !== undefined && clientTimeout > MAX_TIMEOUT_SECONDS) throw new FieldRefused(42);
  const auth = tail.shift();
  const authRow = row.timeout ? TAIL.serverAuthBeforeTimeout : TAIL.serverAuth;
  const serverAuth = auth === undefined || auth === "" ? undefined : readField(authRow, auth);
  return {
    ...head,
    message,
    ...(natAccess !== undefined && { natAccess }),
    ...(serverAuth !== undefined && { serverAuth }),
    ...(clientTimeout !== undefined && { clientTimeout }),
    digestType,
  };
}
