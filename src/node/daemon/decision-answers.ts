/**
 * Does what deciding about a packet asks for.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { DecisionAnswer, DecisionRequest, OpenPgpAnswer, OpenPgpRequest } from "../../server/decision-request.ts";
import { decrypt } from "../gpg.ts";
import { checkPassword } from "./server-auth.ts";

/** Limit for one decryption by gpg or one hash by crypt(3), milliseconds. */
const TIMEOUT_MS = 10_000;

/** What the programs are started with. */
export interface AnsweringOptions {
  /** Where relative paths begin. */
  readonly folder: string;
  /** Use files that others can write to. */
  readonly insecurePermissions: boolean;
  /** Ends them. */
  readonly signal?: AbortSignal;
}

/**
 * Decrypts a message, or checks a password.
 *
 * @param request what is asked for
 * @param options folder and signal
 * @returns what came of it
 */
export async function answerDecision(request: DecisionRequest, options: AnsweringOptions): Promise<DecisionAnswer> {
  switch (request.kind) {
    case "openpgp":
      return decryptOpenPgp(request, options);
    case "password":
      return checkPassword({ ...request, shadowFile: resolve(options.folder, request.shadowFile) }, { ...options, timeoutMs: TIMEOUT_MS });
  }
}

async function decryptOpenPgp({ stanza, message }: OpenPgpRequest, { folder, signal }: AnsweringOptions): Promise<OpenPgpAnswer> {
  const home = resolve(folder, stanza.GPG_HOME_DIR);
  // gpg itself would make one, or merely say that it knows no key.
  if (!existsSync(home)) return { ok: false, reason: `Error setting GPG keyring path to ${home}: Unable to stat the given GPG home directory` };
  const answer = await decrypt({
    ciphertext: message,
    home,
    exe: stanza.GPG_EXE,
    passphrase: stanza.GPG_DECRYPT_PW ?? new Uint8Array(0),
    timeoutMs: TIMEOUT_MS,
    ...(signal && { signal }),
  });
  return answer.ok ? answer : { ok: false, reason: answer.message };
}
