/**
 * Reads what gpg writes to its status descriptor (`--status-fd`; GnuPG's doc/DETAILS), which,
 * unlike its messages, is meant for programs.
 *
 * @module
 */

/** How far the owner of a key is believed to be who the key says. */
export type GpgValidity = "unknown" | "undefined" | "never" | "marginal" | "full" | "ultimate";

/** One signature over the plaintext. */
export interface GpgSignature {
  /** Only "good" means that the key made it, and that neither key nor signature has ended. */
  readonly status: "good" | "bad" | "expired" | "expired-key" | "revoked-key" | "no-key" | "error";
  /** Last 16 digits of the key that signed. */
  readonly keyId: string;
  /** Of the key that signed, which may be a subkey; absent when the signature could not be checked. */
  readonly fingerprint?: string;
  /** Of the primary key that the signing key belongs to. */
  readonly primaryFingerprint?: string;
  readonly validity: GpgValidity;
}

/** Why gpg did not do it. */
export type GpgRefusal = "no-secret-key" | "no-public-key" | "bad-passphrase" | "no-data" | "tampered" | "failed";

/** What the status lines of one run say. */
export interface GpgStatus {
  /** An encrypted message with one plaintext was decrypted and its integrity confirmed. */
  readonly isDecrypted: boolean;
  /** Encryption ran to its end. */
  readonly isEncrypted: boolean;
  /** The signatures inside the encrypted message, in their order. */
  readonly signatures: readonly GpgSignature[];
  /** The most telling reason for a failure; meaningful only when there was one. */
  readonly refusal: GpgRefusal;
}

/** Lines that tell how a signature came out. The first argument is the key's id, or for some versions its fingerprint. */
const OUTCOMES: Readonly<Record<string, GpgSignature["status"]>> = {
  GOODSIG: "good",
  BADSIG: "bad",
  EXPSIG: "expired",
  EXPKEYSIG: "expired-key",
  REVKEYSIG: "revoked-key",
  ERRSIG: "error",
};

const VALIDITIES: Readonly<Record<string, GpgValidity>> = {
  TRUST_UNDEFINED: "undefined",
  TRUST_NEVER: "never",
  TRUST_MARGINAL: "marginal",
  TRUST_FULLY: "full",
  TRUST_ULTIMATE: "ultimate",
};

/** libgpg-error numbers, the low 16 bits of what ERROR and FAILURE lines carry. */
const ERROR_CODES: Readonly<Record<number, GpgRefusal>> = {
  9: "no-public-key",
  11: "bad-passphrase",
  17: "no-secret-key",
  58: "no-data",
  177: "bad-passphrase", // none was given
};

/** Lines that say what was wrong without a number. */
const REFUSALS: Readonly<Record<string, GpgRefusal>> = {
  INV_RECP: "no-public-key",
  NO_RECP: "no-public-key",
  INV_SGNR: "no-secret-key",
  NO_SGNR: "no-secret-key",
  BAD_PASSPHRASE: "bad-passphrase",
  MISSING_PASSPHRASE: "bad-passphrase",
  NO_SECKEY: "no-secret-key",
  NODATA: "no-data",
};

/** Which of several reasons is told: a wrong passphrase also makes gpg say that there is no secret key. */
const TELLING: readonly GpgRefusal[] = ["bad-passphrase", "no-public-key", "no-secret-key", "no-data", "tampered"];

/**
 * Reads the status lines of one run.
 *
 * @param text everything gpg wrote to the status descriptor
 * @returns what they say; lines of a kind that is not known are skipped
 */
export function parseGpgStatus(text: string): GpgStatus {
  const signatures: GpgSignature[] = [];
  const refusals = new Set<GpgRefusal>();
  const seen = new Map<string, number>();
  let isInside = false; // between BEGIN_DECRYPTION and END_DECRYPTION: a signature elsewhere covers something else
  for (const line of text.split("\n")) {
    const [mark, keyword, ...args] = line.split(" ");
    if (mark !== "[GNUPG:]" || keyword === undefined || !/^[A-Z0-9_]+$/.test(keyword)) continue;
    seen.set(keyword, (seen.get(keyword) ?? 0) + 1);
    const refusal = refusalOf(keyword, args);
    // What gpg says after it began is about what a wrong or changed message happened to contain.
    if (refusal !== undefined && !seen.has("BEGIN_DECRYPTION")) refusals.add(refusal);
    if (keyword === "BEGIN_DECRYPTION") isInside = true;
    else if (keyword === "END_DECRYPTION") isInside = false;
    else if (isInside) readSignatureLine(keyword, args, signatures);
  }
  const wasBegun = seen.has("BEGIN_DECRYPTION");
  if (wasBegun) refusals.add("tampered"); // when no other reason is known
  return {
    isDecrypted: wasBegun && seen.has("DECRYPTION_OKAY") && seen.get("PLAINTEXT") === 1 && !seen.has("DECRYPTION_FAILED") && !seen.has("BADMDC"),
    isEncrypted: seen.has("END_ENCRYPTION") && !seen.has("FAILURE"),
    signatures,
    refusal: TELLING.find((reason) => refusals.has(reason)) ?? "failed",
  };
}

function refusalOf(keyword: string, args: readonly string[]): GpgRefusal | undefined {
  return keyword === "FAILURE" || keyword === "ERROR" ? ERROR_CODES[Number(args[1]) & 0xffff] : REFUSALS[keyword];
}

/** A signature is told by several lines: how it came out, then its key's fingerprint, then the trust in the owner. */
function readSignatureLine(keyword: string, args: readonly string[], signatures: GpgSignature[]): void {
  const outcome = OUTCOMES[keyword];
  if (outcome !== undefined) {
    // ERRSIG's sixth argument is 9 when the public key is not there.
    const status = keyword === "ERRSIG" && args[5] === "9" ? "no-key" : outcome;
    signatures.push({ status, keyId: (args[0] ?? "").slice(-16), validity: "unknown" });
    return;
  }
  const last = signatures.at(-1);
  if (last === undefined) return;
  const validity = VALIDITIES[keyword];
  if (validity !== undefined) signatures[signatures.length - 1] = { ...last, validity };
  if (keyword === "VALIDSIG" && args[0] !== undefined) {
    signatures[signatures.length - 1] = { ...last, fingerprint: args[0], primaryFingerprint: args[9] ?? args[0] };
  }
}
