/**
 * The words of libfko for its error numbers, which scripts match on.
 *
 * @module
 */

/** Symbols 5..93 in order; libfko shows them behind `Args contain invalid data: FKO_ERROR_INVALID_DATA`. */
const INVALID_DATA =
  "CLIENT_TIMEOUT_NEGATIVE DECODE_MSGLEN_VALIDFAIL DECODE_NON_ASCII DECODE_LT_MIN_FIELDS DECODE_GT_MAX_FIELDS " +
  "DECODE_WRONG_NUM_FIELDS DECODE_ENC_MSG_LEN_MT_T_SIZE DECODE_RAND_MISSING DECODE_USERNAME_MISSING " +
  "DECODE_USERNAME_TOOBIG DECODE_USERNAME_DECODEFAIL DECODE_USERNAME_VALIDFAIL DECODE_TIMESTAMP_MISSING " +
  "DECODE_TIMESTAMP_TOOBIG DECODE_TIMESTAMP_DECODEFAIL DECODE_VERSION_MISSING DECODE_VERSION_TOOBIG " +
  "DECODE_MSGTYPE_MISSING DECODE_MSGTYPE_TOOBIG DECODE_MSGTYPE_DECODEFAIL DECODE_MESSAGE_MISSING " +
  "DECODE_MESSAGE_TOOBIG DECODE_MESSAGE_DECODEFAIL DECODE_MESSAGE_VALIDFAIL DECODE_ACCESS_VALIDFAIL " +
  "DECODE_NATACCESS_MISSING DECODE_NATACCESS_TOOBIG DECODE_NATACCESS_DECODEFAIL DECODE_NATACCESS_VALIDFAIL " +
  "DECODE_SRVAUTH_MISSING DECODE_SRVAUTH_DECODEFAIL DECODE_SPA_EXTRA_TOOBIG DECODE_EXTRA_TOOBIG " +
  "DECODE_EXTRA_DECODEFAIL DECODE_TIMEOUT_MISSING DECODE_TIMEOUT_TOOBIG DECODE_TIMEOUT_VALIDFAIL " +
  "DECODE_TIMEOUT_DECODEFAIL ENCODE_MESSAGE_TOOBIG ENCODE_MSGLEN_VALIDFAIL ENCODE_DIGEST_VALIDFAIL " +
  "ENCODE_DIGEST_TOOBIG ENCODE_NOTBASE64 ENCRYPT_MSGLEN_VALIDFAIL ENCRYPT_DIGESTLEN_VALIDFAIL " +
  "ENCRYPT_PTLEN_VALIDFAIL ENCRYPT_RESULT_MSGLEN_VALIDFAIL ENCRYPT_CIPHERLEN_DECODEFAIL " +
  "ENCRYPT_CIPHERLEN_VALIDFAIL ENCRYPT_DECRYPTED_MESSAGE_MISSING ENCRYPT_DECRYPTED_MSGLEN_VALIDFAIL " +
  "ENCRYPT_GPG_MESSAGE_VALIDFAIL ENCRYPT_GPG_DIGEST_VALIDFAIL ENCRYPT_GPG_MSGLEN_VALIDFAIL " +
  "ENCRYPT_GPG_RESULT_MSGLEN_VALIDFAIL ENCRYPT_GPG_CIPHER_DECODEFAIL ENCRYPT_GPG_ENCODEDMSG_NULL " +
  "ENCRYPT_GPG_ENCODEDMSGLEN_VALIDFAIL ENCRYPT_TYPE_VALIDFAIL ENCRYPT_MODE_VALIDFAIL ENCRYPT_TYPE_UNKNOWN " +
  "FUNCS_NEW_ENCMSG_MISSING FUNCS_NEW_MSGLEN_VALIDFAIL FUNCS_GEN_KEYLEN_VALIDFAIL FUNCS_GEN_HMACLEN_VALIDFAIL " +
  "FUNCS_GEN_KEY_ENCODEFAIL FUNCS_GEN_HMAC_ENCODEFAIL FUNCS_SET_MSGLEN_VALIDFAIL HMAC_MSGLEN_VALIDFAIL " +
  "HMAC_ENCMSGLEN_VALIDFAIL HMAC_COMPAREFAIL HMAC_TYPE_VALIDFAIL HMAC_LEN_VALIDFAIL MESSAGE_PORT_MISSING " +
  "MESSAGE_TYPE_VALIDFAIL MESSAGE_EMPTY MESSAGE_CMD_MISSING MESSAGE_ACCESS_MISSING MESSAGE_NAT_MISSING " +
  "MESSAGE_PORTPROTO_MISSING NAT_EMPTY RAND_LEN_VALIDFAIL SRVAUTH_MISSING TIMESTAMP_VALIDFAIL USER_MISSING " +
  "USER_FIRSTCHAR_VALIDFAIL USER_REMCHAR_VALIDFAIL UTIL_STRTOL_LT_MIN UTIL_STRTOL_GT_MAX";

const OTHERS: Readonly<Record<number, string>> = {
  0: "Success",
  1: "FKO Context is not initialized",
  2: "Unable to allocate memory",
  3: "Read/write bytes mismatch",
  4: "Args contain invalid data",
  94: "Value or Size of the data exceeded the max allowed",
  95: "Invalid key length",
  96: "Unable to determine username",
  97: "Missing or incomplete SPA data",
  98: "There is no encoded data to process",
  99: "Invalid digest type",
  100: "Invalid allow IP address in the SPA message data",
  101: "Invalid SPA command message format",
  102: "Invalid SPA access message format",
  103: "Invalid SPA nat_access message format",
  104: "Invalid encryption type",
  105: "Wrong or inappropriate encryption type for this operation",
  106: "Unexpected or invalid size for decrypted data",
  107: "Decryption failed or decrypted data is invalid",
  108: "The computed digest did not match the digest in the spa data",
  109: "Invalid HMAC key length",
  110: "Unsupported HMAC mode (default: SHA256)",
  111: "Unsupported or unimplemented feature or function",
  112: "Could not zero out sensitive data",
  113: "Unknown/Unclassified error",
  115: "Missing GPG key data (signer or recipient not set)",
  122: "Error during the encrypt and sign operation",
  125: "The key for the given signer was not found",
  130: "The key for the given recipient was not found",
  132: "Decryption operation failed",
  134: "Unable to stat the given GPG executable",
  135: "Unable to stat the given GPG home directory",
  137: "Missing GPG signature",
  138: "Bad GPG signature",
};

/**
 * The text for a libfko error number.
 *
 * @param code the number
 * @returns its words, `Undefined Error` for a number that is none
 */
export function describeFkoError(code: number): string {
  const symbol = INVALID_DATA.split(" ")[code - 5];
  if (code >= 5 && symbol !== undefined) return `Args contain invalid data: FKO_ERROR_INVALID_DATA_${symbol}`;
  return OTHERS[code] ?? "Undefined Error";
}
