/**
 * Whether a password is that of one of this host's users (REQUIRE_AUTH_METHOD crypt).
 *
 * @module
 */

import { type Bytes, constantTimeEqual, utf8Bytes, wipe } from "../../bytes.ts";
import { printableText } from "../../foreign-text.ts";
import type { PasswordAnswer, PasswordRequest } from "../../server/decision-request.ts";
import { findShadowHash } from "../../server/shadow.ts";
import { FileError, readOwnFile } from "../files.ts";
import { crypt, type CryptOptions } from "./crypt.ts";

/** Largest shadow file that is read, bytes. */
const MAX_SHADOW_BYTES = 16 * 1024 * 1024;
const SECONDS_A_DAY = 86_400;

/** How a password is checked. */
export interface PasswordOptions extends CryptOptions {
  /** Use a file that others can write to. */
  readonly insecurePermissions: boolean;
}

/**
 * Checks a password. Users without one are refused after the same work as wrong passwords.
 *
 * @param request who, with which password, by which file
 * @param options limits
 * @returns whether it is right, or what is wrong
 */
export async function checkPassword({ shadowFile, user, password }: PasswordRequest, options: PasswordOptions): Promise<PasswordAnswer> {
  const read = readShadow(shadowFile, options.insecurePermissions);
  if (!read.ok) return read;
  const { hash, refusal } = findShadowHash(read.file, user, Math.floor(Date.now() / 1000 / SECONDS_A_DAY));
  const typed = utf8Bytes(password);
  try {
    const crypted = await crypt(typed, hash, options);
    if (refusal !== undefined) return { ok: false, reason: refusal };
    if (!crypted.ok) return crypted;
    const isRight = constantTimeEqual(crypted.hash, hash);
    wipe(crypted.hash);
    return isRight ? { ok: true } : { ok: false, reason: "the password is wrong" };
  } finally {
    wipe(typed, read.file);
  }
}

/**
 * Says what stands in the way of a shadow file's use.
 *
 * @param path SHADOW_FILE
 * @param insecurePermissions use one that others can write to
 * @returns one line, or undefined when it can be used
 */
export function shadowProblem(path: string, insecurePermissions: boolean): string | undefined {
  const read = readShadow(path, insecurePermissions);
  if (!read.ok) return read.reason;
  wipe(read.file);
  return undefined;
}

function readShadow(path: string, insecurePermissions: boolean): { readonly ok: true; readonly file: Bytes } | { readonly ok: false; readonly reason: string } {
  try {
    const { bytes, problems } = readOwnFile(path, { maxBytes: MAX_SHADOW_BYTES, kind: "shadow" });
    const writable = problems.find(({ kind }) => kind === "writable");
    if (writable === undefined || insecurePermissions) return { ok: true, file: bytes };
    wipe(bytes);
    return { ok: false, reason: `${writable.message}, so it is not used (--insecure-permissions overrides)` };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { ok: false, reason: printableText(error.message, 500) };
  }
}
