/**
 * The options by which `fko-tool encode` and `fko-tool decode` are told the keys.
 *
 * @module
 */

import { type Bytes, wipe } from "../bytes.ts";
import type { OptionTable, Parsed } from "../cli/options.ts";
import { secret } from "../cli/values.ts";
import { DIGEST_NAMES, ENCRYPTION_MODE_NAMES } from "../cli/vocabularies.ts";
import { checkKeyLength, decodeKey, type KeyKind } from "../client/key-text.ts";
import { DIGESTS, type DigestType, type EncryptionMode, type Keys } from "../fko.ts";
import { HmacKey } from "../hmac.ts";
import { oneOf } from "./option-values.ts";

/** The keys, as they were given. */
export interface KeyOptions {
  key?: Bytes;
  /** The base64 text. */
  keyBase64?: Bytes;
  hmacKey?: Bytes;
  /** The base64 text. */
  hmacKeyBase64?: Bytes;
  hmacDigestType?: DigestType;
  encryptionMode?: EncryptionMode;
}

/** OpenPGP messages are gpg's to make and to open. */
const MODE_NAMES = /* @__PURE__ */ ENCRYPTION_MODE_NAMES.filter((name) => name !== "asymmetric");

/** The rows. */
export const KEY_OPTIONS: OptionTable<KeyOptions> = {
  key: { long: "key", value: /* @__PURE__ */ secret("KEY"), group: "keys", doc: "The encryption key, as it is. Others on this machine can see it in the list of processes." },
  keyBase64: { long: "key-base64", value: /* @__PURE__ */ secret("BASE64"), group: "keys", doc: "The encryption key in base64. As visible as --key." },
  hmacKey: { long: "hmac-key", value: /* @__PURE__ */ secret("KEY"), group: "keys", doc: "The HMAC key, as it is. Without one the packet bears no HMAC." },
  hmacKeyBase64: { long: "hmac-key-base64", value: /* @__PURE__ */ secret("BASE64"), group: "keys", doc: "The HMAC key in base64." },
  hmacDigestType: { long: "hmac-digest-type", value: /* @__PURE__ */ oneOf("DIGEST", DIGEST_NAMES), group: "keys", doc: "Digest of the HMAC: md5, sha1, sha256 (default), sha384, sha512, sha3_256, sha3_512." },
  encryptionMode: { long: "encryption-mode", value: /* @__PURE__ */ oneOf("MODE", MODE_NAMES), group: "keys", doc: "CBC (default), ECB, CFB, OFB, CTR, legacy (fwknop before 2.5), perl (fwknop 1.9)." },
};

/** Keys ready for use, and the type of the HMAC. */
export interface ReadyKeys extends Keys {
  readonly hmacType: DigestType | undefined;
}

/**
 * Makes keys of the options.
 *
 * @param options what was given
 * @returns the keys, or one line that says what is missing or wrong
 */
export function readyKeys(options: KeyOptions): Parsed<ReadyKeys> {
  const key = chooseKey("key", "Rijndael", options.key, options.keyBase64);
  if (!key.ok) return key;
  if (key.value === undefined) return { ok: false, message: "expected --key or --key-base64" };
  const hmacKey = chooseKey("hmac-key", "HMAC", options.hmacKey, options.hmacKeyBase64);
  if (!hmacKey.ok) return hmacKey;
  if (hmacKey.value === undefined && options.hmacDigestType !== undefined) return { ok: false, message: "--hmac-digest-type: expected --hmac-key or --hmac-key-base64 too" };
  const mode = options.encryptionMode ?? "cbc";
  const hmacType = hmacKey.value === undefined ? undefined : (options.hmacDigestType ?? "sha256");
  const hmac = hmacKey.value && hmacType ? new HmacKey(DIGESTS[hmacType].hash, hmacKey.value) : undefined;
  return { ok: true, value: { mode, key: key.value, hmacType, ...(hmac && { hmac }) } };
}

/**
 * Overwrites keys.
 *
 * @param options what was given
 * @param keys what {@link readyKeys} made of it
 */
export function wipeKeys({ key, keyBase64, hmacKey, hmacKeyBase64 }: KeyOptions, keys: ReadyKeys): void {
  for (const secret of [key, keyBase64, hmacKey, hmacKeyBase64, keys.key]) if (secret !== undefined) wipe(secret);
  keys.hmac?.wipe();
}

function chooseKey(name: string, kind: KeyKind, plain: Bytes | undefined, base64: Bytes | undefined): Parsed<Bytes | undefined> {
  if (plain !== undefined && base64 !== undefined) return { ok: false, message: `expected either --${name} or --${name}-base64, got both` };
  if (plain === undefined && base64 === undefined) return { ok: true, value: undefined };
  const [option, key] = base64 === undefined ? [name, checkKeyLength(plain!, kind)] : [`${name}-base64`, decodeKey(base64, kind)];
  return key.ok ? key : { ok: false, message: `--${option}: ${key.message}` };
}
