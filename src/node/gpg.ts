/**
 * OpenPGP through the installed GnuPG 2.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

/** Which gpg, which key ring, and how it gets the passphrase. */
export interface GpgSettings {
  /** Program; `gpg` found through PATH when absent. */
  readonly exe?: string;
  /** GNUPGHOME; gpg's default when absent. */
  readonly home?: string;
  /** Passphrase bytes; the caller wipes them. Empty when absent. Ignored with `useAgent`. */
  readonly passphrase?: Uint8Array;
  /** gpg-agent knows or asks for the passphrase. */
  readonly useAgent?: boolean;
  /** For one run of gpg; 10000 when absent. */
  readonly timeoutMs?: number;
}
export interface EncryptAndSignOptions extends GpgSettings {
  readonly plaintext: Uint8Array;
  /** Key id, fingerprint or user id, as gpg takes them. */
  readonly recipient: string;
  /** Not signed when absent. */
  readonly signer?: string;
  /** The signing key has no passphrase: an empty one is given. */
  readonly noSigningPassword?: boolean;
}
export interface GpgFailure {
  readonly ok: false;
  readonly reason: "no-program" | "no-secret-key" | "no-public-key" | "bad-passphrase" | "no-data" | "tampered" | "timeout" | "failed";
  /** One line. */
  readonly message: string;
}
export interface GpgSignature {
  readonly status: "good" | "bad" | "expired" | "expired-key" | "revoked-key" | "no-key" | "error";
  /** Last 16 digits of the key that signed. */
  readonly keyId: string;
  /** Of the key that signed, which may be a subkey; absent for "no-key" and "error" and "bad". */
  readonly fingerprint?: string;
  readonly primaryFingerprint?: string;
  readonly validity: "unknown" | "undefined" | "never" | "marginal" | "full" | "ultimate";
}
export declare function encryptAndSign(options: EncryptAndSignOptions): Promise<{ readonly ok: true; readonly ciphertext: Bytes } | GpgFailure>;
export declare function decrypt(options: GpgSettings & { readonly ciphertext: Uint8Array }): Promise<
  { readonly ok: true; readonly plaintext: Bytes; readonly signatures: readonly GpgSignature[] } | GpgFailure
>;
