/**
 * Password hashes of users, as shadow(5) keeps them. They stay bytes: whoever has a hash can guess at the password.
 *
 * @module
 */

import { latin1Text, utf8Bytes } from "../bytes.ts";

/** A hash to compare with. */
export interface ShadowHash {
  /** A view. With a refusal somebody else's, or nobody's: hashing by it takes the time that a wrong password takes. */
  readonly hash: Uint8Array;
  /** Why no password is right. */
  readonly refusal?: string;
}

/** Is hashed by where a file has nothing to hash by. */
const NOBODYS_HASH = /* @__PURE__ */ utf8Bytes("$6$0123456789abcdef$");

/** Fields of a line, from 0. */
const [NAME, HASH, EXPIRY] = [0, 1, 7];
const [COLON, LINE_FEED] = [0x3a, 0x0a];
const DES_HASH_LENGTH = 13;

/**
 * Finds a user's password hash.
 *
 * @param file the content of the shadow file
 * @param user the name
 * @param today days since 1970
 * @returns the hash to compare with
 */
export function findShadowHash(file: Uint8Array, user: string, today: number): ShadowHash {
  const name = utf8Bytes(user);
  let decoy: Uint8Array = NOBODYS_HASH;
  let own: readonly Uint8Array[] | undefined;
  for (const line of split(file, LINE_FEED)) {
    const fields = split(line, COLON);
    const isOwn = fields.length > HASH && equals(fields[NAME]!, name);
    if (isOwn) own ??= fields;
    else if (decoy === NOBODYS_HASH && fields.length > HASH && isHash(fields[HASH]!)) decoy = fields[HASH]!;
  }
  if (own === undefined) return { hash: decoy, refusal: "there is no such user" };
  if (!isHash(own[HASH]!)) return { hash: decoy, refusal: own[HASH]!.length === 0 ? "the user has no password" : "the user's password is locked" };
  const hash = own[HASH]!;
  return hasPassed(own[EXPIRY], today) ? { hash, refusal: "the user's account has expired" } : { hash };
}

/** `$id$…`, `_…` or two letters of salt; not what locks (`!`, `*`) or stands for another place (`x`). */
function isHash(field: Uint8Array): boolean {
  const first = String.fromCharCode(field[0] ?? 0);
  return first === "$" || first === "_" || (field.length === DES_HASH_LENGTH && /[./0-9A-Za-z]/.test(first));
}

function hasPassed(field: Uint8Array | undefined, today: number): boolean {
  const text = latin1Text(field ?? new Uint8Array(0));
  return /^\d+$/.test(text) && Number(text) <= today;
}

function equals(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** Views between separators. */
function split(bytes: Uint8Array, separator: number): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = 0; from <= bytes.length; ) {
    const to = bytes.indexOf(separator, from);
    parts.push(bytes.subarray(from, to < 0 ? bytes.length : to));
    from = to < 0 ? bytes.length + 1 : to + 1;
  }
  return parts;
}
