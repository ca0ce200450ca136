/**
 * The fields of a Single Packet Authorization message, wire protocol 3.0.0: fields ⇄ plaintext.
 *
 * The fields are joined by colons to `encoded`; `encoded:digest` is the plaintext that gets encrypted. A plaintext that
 * does not read is never an exception: what is wrong with it comes back as a {@link Refusal}.
 *
 * @module
 */

import { parseAccessMessage, parseCommandMessage, parseNatAccess } from "./access-message.ts";
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
  /** It was no packet, but port knocking, which tells no time; a shared sequence tells no user either. */
  readonly knocks?: "shared" | "encrypted";
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
const RANDOM = /^\d{16}$/;
const MAX_TIMEOUT_SECONDS = 65536;

/** A field's value, or the libfko number that says why there is none. */
type Parsed<T> = { readonly value: T } | { readonly code: number };

/** Error numbers of a field that is empty, and of one that is too long. */
interface LengthCodes {
  readonly missing: number;
  readonly tooLong: number;
}

/** How one field is written and read. */
interface FieldRow<T> {
  readonly codes: LengthCodes;
  /** Characters on the wire. */
  readonly maxLength: number;
  parse(raw: string): Parsed<T>;
  /** @param isPerl whether the Perl programs' dialect is written */
  format(value: T, isPerl: boolean): string;
}

const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/;

/** A text that travels as base64: printable UTF-8. */
function base64Field(codes: LengthCodes & { undecodable: number; invalid: number }, maxLength: number): FieldRow<string> {
  return {
    codes,
    maxLength,
    parse(raw) {
      const bytes = decodeBase64(raw);
      if (bytes === undefined) return { code: codes.undecodable };
      const text = utf8Text(bytes);
      return text === undefined || text === "" || CONTROL_CHARACTERS.test(text) ? { code: codes.invalid } : { value: text };
    },
    format(text, isPerl) {
      const base64 = encodeBase64(utf8Bytes(text));
      return isPerl ? padBase64(base64) : base64;
    },
  };
}

/** A decimal number that is only digits; C takes leading digits of anything, which lets `x` pass as 0. */
function numberField<T extends number>(codes: LengthCodes & { invalid: number }, maxLength: number, pattern: RegExp): FieldRow<T> {
  return {
    codes,
    maxLength,
    parse: (raw) => (pattern.test(raw) ? { value: Number(raw) as T } : { code: codes.invalid }),
    format: String,
  };
}

/** A text that travels as it is. */
function plainField(codes: LengthCodes & { invalid: number }, maxLength: number, pattern: RegExp): FieldRow<string> {
  return {
    codes,
    maxLength,
    parse: (raw) => (pattern.test(raw) ? { value: raw } : { code: codes.invalid }),
    format: (text) => text,
  };
}

/** A field of which not every value is taken; others have the error number `invalid`. */
function only<T>(row: FieldRow<T>, isTaken: (value: T) => boolean, invalid: number): FieldRow<T> {
  return {
    ...row,
    parse(raw) {
      const parsed = row.parse(raw);
      return "code" in parsed || isTaken(parsed.value) ? parsed : { code: invalid };
    },
  };
}

/** The fields that every message begins with. */
type Head = Pick<Message, "random" | "username" | "timestamp" | "version" | "type">;

/** Their rows, in wire order. */
const HEAD: { readonly [Name in keyof Head]: FieldRow<Head[Name]> } = {
  random: /* @__PURE__ */ plainField({ missing: 12, tooLong: 12, invalid: 12 }, RANDOM_DIGITS, RANDOM),
  username: /* @__PURE__ */ base64Field({ missing: 13, tooLong: 14, undecodable: 15, invalid: 16 }, 64),
  timestamp: /* @__PURE__ */ numberField({ missing: 17, tooLong: 18, invalid: 19 }, 12, /^\d+$/),
  version: /* @__PURE__ */ plainField({ missing: 20, tooLong: 21, invalid: 20 }, 8, /^[\u0020-\u007e]+$/),
  type: /* @__PURE__ */ numberField({ missing: 22, tooLong: 23, invalid: 24 }, 2, /^0?[0-6]$/),
};

// The fields that follow. The Perl programs look at no text before they send it: theirs are read by the wider rows.
const MESSAGE = /* @__PURE__ */ base64Field({ missing: 25, tooLong: 26, undecodable: 27, invalid: 28 }, 256);
const COMMAND_MESSAGE = /* @__PURE__ */ only(MESSAGE, (text) => parseCommandMessage(text).ok, 28);
const ACCESS_MESSAGE = /* @__PURE__ */ only(MESSAGE, (text) => parseAccessMessage(text).ok, 29);
const PERL_NAT_ACCESS = /* @__PURE__ */ base64Field({ missing: 30, tooLong: 31, undecodable: 32, invalid: 33 }, 256);
const NAT_ACCESS = /* @__PURE__ */ only(PERL_NAT_ACCESS, (text) => parseNatAccess(text).ok, 33);
const SERVER_AUTH = /* @__PURE__ */ base64Field({ missing: 34, tooLong: 36, undecodable: 35, invalid: 35 }, 256);
const SERVER_AUTH_BEFORE_TIMEOUT = /* @__PURE__ */ base64Field({ missing: 34, tooLong: 37, undecodable: 38, invalid: 38 }, 256);
const CLIENT_TIMEOUT = /* @__PURE__ */ only(
  /* @__PURE__ */ numberField({ missing: 39, tooLong: 40, invalid: 41 }, 256, /^\d+$/),
  (seconds) => seconds <= MAX_TIMEOUT_SECONDS,
  42,
);
/** A field that the message does not have. */
const ABSENT = { value: undefined } as const;

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

// --- Encode and decode -----------------------------------------------------------------------------------------------

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
  const write = <T>(row: FieldRow<T>, value: T): string => row.format(value, isPerl);
  const fields = [
    write(HEAD.random, message.random),
    write(HEAD.username, message.username),
    write(HEAD.timestamp, message.timestamp),
    write(HEAD.version, message.version),
    write(HEAD.type, message.type),
    write(MESSAGE, message.message),
  ];
  if (nat !== "none") fields.push(write(NAT_ACCESS, message.natAccess ?? ""));
  if (message.serverAuth !== undefined) fields.push(write(SERVER_AUTH, message.serverAuth));
  if (timeout) fields.push(write(CLIENT_TIMEOUT, message.clientTimeout ?? 0));
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
    [RANDOM.test(message.random), 86, "fko_set_rand_value"],
    [username !== "", 89, "fko_set_username"],
    [forbidden < 0, forbidden === 0 ? 90 : 91, "fko_set_username"],
    [Number.isInteger(message.timestamp) && /^\d{1,12}$/.test(String(message.timestamp)), 88, "fko_set_timestamp"],
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
  const message = readFields(fields, digestType);
  if ("code" in message) return refuse("message", message.code);
  return { ok: true, message: message.value, encoded: text.slice(0, encodedLength), digest: sum };
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

/** Reads the fields one after the other; the first that is refused is the answer. */
function readFields(fields: readonly string[], digestType: DigestType): Parsed<Message> {
  const head = readHead(fields);
  if ("code" in head) return head;
  const { username, version, type } = head.value;
  const isPerl = isPerlVersion(version);
  if (!isPerl && FORBIDDEN_IN_USERNAME.test(username)) return { code: 16 };

  const { nat, timeout } = MESSAGE_TYPES[type];
  const rest = fields.slice(Object.keys(HEAD).length);
  const mostFields = 2 + (nat === "none" ? 0 : 1) + (timeout ? 1 : 0);
  if (rest.length > mostFields) return { code: 10 };
  const message = readField(isPerl ? MESSAGE : type === 0 ? COMMAND_MESSAGE : ACCESS_MESSAGE, rest.shift());
  if ("code" in message) return message;
  const natAccess = nat === "none" ? ABSENT : readField(isPerl ? PERL_NAT_ACCESS : NAT_ACCESS, rest.shift());
  if ("code" in natAccess) return natAccess;
  // The timeout is the last field; what stands before it, if anything does, is the server authentication.
  const clientTimeout = timeout ? readField(CLIENT_TIMEOUT, rest.pop()) : ABSENT;
  if ("code" in clientTimeout) return clientTimeout;
  const last = rest.shift() ?? "";
  // The Perl client puts the timeout behind a command, too, for which it means nothing.
  const auth = isPerl && type === 0 && /^\d+$/.test(last) ? "" : last;
  const serverAuth = auth === "" ? ABSENT : readField(timeout ? SERVER_AUTH_BEFORE_TIMEOUT : SERVER_AUTH, auth);
  if ("code" in serverAuth) return serverAuth;
  return {
    value: {
      ...head.value,
      message: message.value,
      ...(natAccess.value !== undefined && { natAccess: natAccess.value }),
      ...(serverAuth.value !== undefined && { serverAuth: serverAuth.value }),
      ...(clientTimeout.value !== undefined && { clientTimeout: clientTimeout.value }),
      digestType,
    },
  };
}

function readHead(fields: readonly string[]): Parsed<Head> {
  const values: Record<string, unknown> = {};
  for (const [at, [name, row]] of Object.entries<FieldRow<unknown>>(HEAD).entries()) {
    const parsed = readField(row, fields[at]);
    if ("code" in parsed) return parsed;
    values[name] = parsed.value;
  }
  return { value: values as unknown as Head }; // each by the row of its name
}

function readField<T>(row: FieldRow<T>, raw: string | undefined): Parsed<T> {
  if (raw === undefined || raw === "") return { code: row.codes.missing };
  return raw.length > row.maxLength ? { code: row.codes.tooLong } : row.parse(raw);
}
