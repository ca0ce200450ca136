/**
 * The plaintext of a message, read: length, characters, digest, fields.
 *
 * A plaintext that does not read is never an exception: what is wrong with it comes back as a {@link Refusal}.
 *
 * @module
 */

import { parseAccessMessage, parseCommandMessage, parseNatAccess } from "./access-message.ts";
import { decodeBase64, encodeBase64Bytes } from "./base64.ts";
import { constantTimeEqual, latin1Text, utf8Bytes, utf8Text } from "./bytes.ts";
import { describeFkoError } from "./fko-error-texts.ts";
import {
  CONTROL_CHARACTERS, DIGESTS, type DigestType, FORBIDDEN_IN_USERNAME, isPerlVersion, MAX_PLAINTEXT, MAX_TIMEOUT_SECONDS, MESSAGE_TYPES, type Message, RANDOM_DIGITS,
} from "./fko-message.ts";
import { digest } from "./hash.ts";

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

// --- Fields ----------------------------------------------------------------------------------------------------------

/** Shortest plaintext, in characters. */
const MIN_PLAINTEXT = 36;
/** Fewest and most fields, the digest counted, among which the digest is looked for. */
const MIN_FIELDS = 7;
const MAX_FIELDS = 12;

/** A field's value, or the libfko number that says why there is none. */
type Parsed<T> = { readonly value: T } | { readonly code: number };

/** Error numbers of a field that is empty, and of one that is too long. */
interface LengthCodes {
  readonly missing: number;
  readonly tooLong: number;
}

/** How one field is read. */
interface FieldRow<T> {
  readonly codes: LengthCodes;
  /** Characters on the wire. */
  readonly maxLength: number;
  parse(raw: string): Parsed<T>;
}

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
  };
}

/** A decimal number that is only digits; C takes leading digits of anything, which lets `x` pass as 0. */
function numberField<T extends number>(codes: LengthCodes & { invalid: number }, maxLength: number, pattern: RegExp): FieldRow<T> {
  return {
    codes,
    maxLength,
    parse: (raw) => (pattern.test(raw) ? { value: Number(raw) as T } : { code: codes.invalid }),
  };
}

/** A text that travels as it is. */
function plainField(codes: LengthCodes & { invalid: number }, maxLength: number, pattern: RegExp): FieldRow<string> {
  return {
    codes,
    maxLength,
    parse: (raw) => (pattern.test(raw) ? { value: raw } : { code: codes.invalid }),
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
  random: /* @__PURE__ */ plainField({ missing: 12, tooLong: 12, invalid: 12 }, RANDOM_DIGITS, /^\d{16}$/),
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

// --- A whole plaintext -----------------------------------------------------------------------------------------------

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

/** In the order in which they are tried; listed once, for that takes longer than to look at them. */
const DIGEST_ROWS = /* @__PURE__ */ Object.entries(DIGESTS);

/** The algorithm whose digest this is, or the libfko number of the refusal. */
function findDigestType(encoded: Uint8Array, sum: string): DigestType | number {
  const given = utf8Bytes(sum);
  let code = 99;
  for (const [name, row] of DIGEST_ROWS) {
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
