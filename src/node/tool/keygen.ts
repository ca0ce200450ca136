/**
 * Makes keys and puts them where they are wanted.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { latin1Text, utf8Bytes, wipe } from "../../bytes.ts";
import { formatKeys, generateKeys } from "../../client/key-generation.ts";
import { androidKeyText } from "../../tool/android-key-text.ts";
import type { KeygenOptions } from "../../tool/keygen.ts";
import { writeFileAtomically } from "../files.ts";

/** Nobody but the owner. */
const PRIVATE_MODE = 0o600;

/**
 * Makes two keys.
 *
 * @param options lengths and where the keys go
 * @param print takes text for standard output
 * @returns the exit status
 * @throws {FileError} when a file cannot be written
 * @throws {FkoError} for a key longer than the cipher's
 */
export async function makeKeys(options: KeygenOptions, print: (text: string) => void): Promise<number> {
  const { keyLen, hmacKeyLen, hmacDigestType, output, qr, qrSvg, clientIp } = options;
  const keys = generateKeys(randomBytes, {
    ...(keyLen !== undefined && { keyLength: keyLen }),
    ...(hmacKeyLen !== undefined && { hmacKeyLength: hmacKeyLen }),
    ...(hmacDigestType !== undefined && { hmacDigestType }),
  });
  const lines = formatKeys(keys);
  if (output === undefined) print(latin1Text(lines));
  else writeFileAtomically(output, lines, PRIVATE_MODE);
  if (qr || qrSvg !== undefined) {
    const [{ encodeQr }, { renderQrSvg, renderQrText }] = await Promise.all([import("../../qr.ts"), import("../../tool/qr-text.ts")]);
    const code = encodeQr(androidKeyText({ keyBase64: latin1Text(keys.keyBase64), hmacKeyBase64: latin1Text(keys.hmacKeyBase64), ...(clientIp !== undefined && { clientIp }) }));
    if (qr) print(renderQrText(code));
    if (qrSvg !== undefined) writeFileAtomically(qrSvg, utf8Bytes(renderQrSvg(code)), PRIVATE_MODE);
  }
  wipe(lines, keys.keyBase64, keys.hmacKeyBase64);
  return 0;
}
