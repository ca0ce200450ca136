import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGpgStatus } from "../src/gpg-status.ts";
import { generator } from "./support/gen.ts";

const SIGNER = "24C1A404FECF6DF9BA6C1C41E75825C6F906F6AC";
const SUBKEY = "D8E5AC36A4DD7D48400B20DE1649A9E370EEA61F";

function status(...lines: readonly string[]): ReturnType<typeof parseGpgStatus> {
  return parseGpgStatus(lines.map((line) => `[GNUPG:] ${line}\n`).join(""));
}

/** What gpg 2.2.40 says for a message with a signature. */
function decrypted(...signature: readonly string[]): ReturnType<typeof parseGpgStatus> {
  return status("ENC_TO 1649A9E370EEA61F 18 0", "BEGIN_DECRYPTION", "DECRYPTION_INFO 2 9 0", "PLAINTEXT 62 1795551477 p", "PLAINTEXT_LENGTH 5",
    ...signature, "DECRYPTION_OKAY", "GOODMDC", "END_DECRYPTION");
}

test("parseGpgStatus() reads a good signature, its key, and the trust in it", () => {
  const result = decrypted("NEWSIG rsa@example.org", "GOODSIG E75825C6F906F6AC rsa <rsa@example.org>",
    `VALIDSIG ${SIGNER} 2026-11-24 1795551477 0 4 0 1 10 00 ${SIGNER}`, "TRUST_ULTIMATE 0 pgp");
  assert.equal(result.isDecrypted, true);
  assert.deepEqual(result.signatures, [{ status: "good", keyId: "E75825C6F906F6AC", validity: "ultimate", fingerprint: SIGNER, primaryFingerprint: SIGNER }]);
});

test("parseGpgStatus() tells a signing subkey from its primary key", () => {
  const [signature] = decrypted("GOODSIG 1649A9E370EEA61F x", `VALIDSIG ${SUBKEY} 2026-11-24 1 0 4 0 1 10 00 ${SIGNER}`, "TRUST_UNDEFINED 0 pgp").signatures;
  assert.deepEqual([signature?.fingerprint, signature?.primaryFingerprint, signature?.validity], [SUBKEY, SIGNER, "undefined"]);
});

test("parseGpgStatus() tells the ways apart in which a signature is not good", () => {
  for (const [line, expected] of [
    ["BADSIG E75825C6F906F6AC rsa", "bad"], ["EXPSIG E75825C6F906F6AC rsa", "expired"], ["EXPKEYSIG E75825C6F906F6AC rsa", "expired-key"], ["REVKEYSIG E75825C6F906F6AC rsa", "revoked-key"],
    [`ERRSIG E75825C6F906F6AC 1 10 00 1795551565 9 ${SIGNER}`, "no-key"], [`ERRSIG E75825C6F906F6AC 99 10 00 1795551565 4 ${SIGNER}`, "error"],
  ] as const) {
    const { signatures } = decrypted("NEWSIG", line);
    assert.deepEqual(signatures, [{ status: expected, keyId: "E75825C6F906F6AC", validity: "unknown" }]);
  }
});

test("parseGpgStatus() keeps the lines of several signatures apart", () => {
  const { signatures } = decrypted("GOODSIG 1111111111111111 a", "VALIDSIG AA 2026-11-24 1 0 4 0 1 10 00 AA", "TRUST_FULLY", "BADSIG 2222222222222222 b");
  assert.deepEqual(signatures.map(({ status, fingerprint, validity }) => [status, fingerprint, validity]), [["good", "AA", "full"], ["bad", undefined, "unknown"]]);
});

test("parseGpgStatus() counts no signature from outside of the encrypted message", () => {
  const result = status("GOODSIG E75825C6F906F6AC x", `VALIDSIG ${SIGNER} 2026-11-24 1 0 4 0 1 10 00 ${SIGNER}`, "BEGIN_DECRYPTION", "PLAINTEXT 62 1 p", "DECRYPTION_OKAY", "END_DECRYPTION", "GOODSIG E75825C6F906F6AC x");
  assert.equal(result.isDecrypted, true);
  assert.deepEqual(result.signatures, []);
});

test("parseGpgStatus() takes nothing for decrypted but one plaintext of a message that was encrypted", () => {
  const plain = "PLAINTEXT 62 1 p";
  assert.equal(status(plain, "GOODSIG E75825C6F906F6AC x").isDecrypted, false, "signed only");
  assert.equal(status("BEGIN_DECRYPTION", plain, "END_DECRYPTION").isDecrypted, false, "not confirmed");
  assert.equal(status("BEGIN_DECRYPTION", plain, plain, "DECRYPTION_OKAY", "END_DECRYPTION").isDecrypted, false, "two plaintexts");
  assert.equal(status("BEGIN_DECRYPTION", plain, "BADMDC", "DECRYPTION_OKAY", "END_DECRYPTION").isDecrypted, false, "changed");
  assert.equal(status("BEGIN_DECRYPTION", plain, "DECRYPTION_FAILED", "DECRYPTION_OKAY", "END_DECRYPTION").isDecrypted, false, "failed");
});

test("parseGpgStatus() names the reason of a failure", () => {
  for (const [lines, refusal] of [
    [["ERROR pkdecrypt_failed 67108875", "NO_SECKEY 90E38B3321808322", "BEGIN_DECRYPTION", "DECRYPTION_FAILED", "END_DECRYPTION"], "bad-passphrase"],
    [["ENC_TO 1649A9E370EEA61F 18 0", "NO_SECKEY 1649A9E370EEA61F", "BEGIN_DECRYPTION", "DECRYPTION_FAILED", "END_DECRYPTION"], "no-secret-key"],
    [["BEGIN_DECRYPTION", "DECRYPTION_INFO 2 9 0"], "tampered"],
    [["BEGIN_DECRYPTION", "NODATA 4", "DECRYPTION_FAILED"], "tampered"],
    [["NODATA 1", "NODATA 2", "FAILURE decrypt 4294967295"], "no-data"],
    [["INV_RECP 1 nobody", "FAILURE encrypt 9"], "no-public-key"],
    [["INV_SGNR 9 nobody", "FAILURE sign-encrypt 17"], "no-secret-key"],
    [["BEGIN_ENCRYPTION 2 9", "FAILURE sign-encrypt 67108875"], "bad-passphrase"],
    [[], "failed"],
  ] as const) assert.equal(status(...lines).refusal, refusal, lines.join(", "));
});

test("parseGpgStatus() believes only lines with gpg's mark, and never throws", () => {
  assert.equal(parseGpgStatus("BEGIN_DECRYPTION\nPLAINTEXT\nDECRYPTION_OKAY\n x[GNUPG:] GOODSIG 1 y\n").isDecrypted, false);
  assert.deepEqual(parseGpgStatus("[GNUPG:] BEGIN_DECRYPTION\n[GNUPG:] constructor 1\n[GNUPG:] __proto__ 1\n").signatures, []);
  const gen = generator("gpg status");
  const words = ["[GNUPG:]", "GOODSIG", "VALIDSIG", "ERRSIG", "BEGIN_DECRYPTION", "TRUST_FULLY", "FAILURE", "\n", "\n", "", "9"];
  for (let round = 0; round < 500; round++) parseGpgStatus(gen.list(gen.below(40), (inner) => inner.pick(words)).join(" "));
});
