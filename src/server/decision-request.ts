/**
 * What a decision cannot do itself. It yields a request, somebody performs it, and the decision goes on with the answer:
 * so it stays pure, and is synchronous for every packet that needs none.
 *
 * @module
 */

import type { AccessStanza } from "../config/access-config.ts";
import type { GpgSignature } from "../gpg-status.ts";

/** Asks for the decryption of an OpenPGP message with a stanza's GnuPG home and passphrase. */
export interface OpenPgpRequest {
  readonly kind: "openpgp";
  readonly stanza: AccessStanza;
  readonly message: Uint8Array;
}

/** What came of it. */
export type OpenPgpAnswer =
  | { readonly ok: true; readonly plaintext: Uint8Array; readonly signatures: readonly GpgSignature[] }
  | { readonly ok: false; readonly reason: string };

/** Asks whether a password is that of one of this host's users (REQUIRE_AUTH_METHOD crypt). */
export interface PasswordRequest {
  readonly kind: "password";
  /** SHADOW_FILE. */
  readonly shadowFile: string;
  readonly user: string;
  readonly password: string;
}

/** Whether it is, or why not. */
export type PasswordAnswer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** One of the requests. */
export type DecisionRequest = OpenPgpRequest | PasswordRequest;
/** The answer to one of them. */
export type DecisionAnswer = OpenPgpAnswer | PasswordAnswer;

/** A step of deciding that may need something. */
export type Deciding<Result> = Generator<DecisionRequest, Result, DecisionAnswer>;

type AnswerTo<Request extends DecisionRequest> = Request extends OpenPgpRequest ? OpenPgpAnswer : PasswordAnswer;

/**
 * Asks for something.
 *
 * @param request what is needed
 * @yields it
 * @returns the answer to it
 */
export function* ask<Request extends DecisionRequest>(request: Request): Deciding<AnswerTo<Request>> {
  return (yield request) as AnswerTo<Request>;
}
