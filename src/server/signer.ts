/**
 * Whether an OpenPGP message was signed by somebody whom a stanza names.
 *
 * @module
 */

import type { AccessStanza } from "../config/access-config.ts";
import type { GpgSignature } from "../gpg-status.ts";

/** The outcome, with the line for the log. */
export type SignerCheck = { readonly ok: true; readonly note: string } | { readonly ok: false; readonly note: string; readonly text: string };

const TRUSTED: readonly GpgSignature["validity"][] = ["marginal", "full", "ultimate"];

/**
 * Checks the first signature, as the C program does; unlike it, the primary key's fingerprint counts as well as the
 * signing subkey's, and ids of any length are compared with the end of the fingerprint.
 *
 * @param stanza which signers it takes and what it overlooks
 * @param signatures in the order of the message
 * @returns whether the message may pass
 */
export function checkSigner(stanza: AccessStanza, signatures: readonly GpgSignature[]): SignerCheck {
  if (stanza.GPG_DISABLE_SIG) return { ok: true, note: "Signature verification is switched off (GPG_DISABLE_SIG)." };
  const signature = signatures[0];
  if (signature === undefined) return { ok: false, note: "Incoming SPA data is not signed.", text: "Error creating fko context: Missing GPG signature" };
  const fingerprint = signature.fingerprint ?? signature.keyId;
  const id = fingerprint.slice(-8);
  const note = `Incoming SPA data signed by '${id}' (fingerprint '${fingerprint}').`;
  const genuine = signature.status === "good" && TRUSTED.includes(signature.validity);
  if (!genuine && !(stanza.GPG_IGNORE_SIG_VERIFY_ERROR && signature.status !== "bad")) {
    return { ok: false, note, text: `Error creating fko context: Bad GPG signature (${signature.status}, validity ${signature.validity})` };
  }
  const known = [signature.fingerprint, signature.primaryFingerprint, signature.keyId].filter((text) => text !== undefined);
  const isListed = (ids: readonly string[] | undefined) => ids === undefined || ids.some((listed) => known.some((key) => key.toUpperCase().endsWith(listed.toUpperCase())));
  if (!isListed(stanza.GPG_FINGERPRINT_ID)) {
    return { ok: false, note, text: `Incoming SPA packet signed by: ${fingerprint}, but that fingerprint is not in the GPG_FINGERPRINT_ID list.` };
  }
  if (!isListed(stanza.GPG_REMOTE_ID)) {
    return { ok: false, note, text: `Incoming SPA packet signed by ID: ${id}, but that ID is not in the GPG_REMOTE_ID list.` };
  }
  return { ok: true, note };
}
