/**
 * `--key-gen` of both programs.
 *
 * @module
 */
import { latin1Text, wipe } from "../../bytes.ts";
import type { ClientOptions } from "../../cli/client-options.ts";
import { formatKeys, generateKeys, type KeyGenOptions } from "../../client/key-generation.ts";
import type { ClientSettings } from "../../client/settings.ts";
import { writeFileAtomically } from "../files.ts";
import type { ClientHost } from "./host.ts";
import type { ClientOutput } from "./output.ts";
import { saveRcStanza } from "./rc-edit.ts";
import type { RcFile } from "./rc-file.ts";

/** The options about keys, as both programs have them. */
export interface KeyGenSettings {
  readonly keyGenFile?: string;
  readonly keyLen?: number;
  readonly hmacKeyLen?: number;
  readonly hmacDigestType?: NonNullable<KeyGenOptions["hmacDigestType"]>;
}

function keyGenOptions(settings: KeyGenSettings): KeyGenOptions {
  return {
    ...(settings.keyLen !== undefined && { keyLength: settings.keyLen }),
    ...(settings.hmacKeyLen !== undefined && { hmacKeyLength: settings.hmacKeyLen }),
    ...(settings.hmacDigestType !== undefined && { hmacDigestType: settings.hmacDigestType }),
  };
}

/**
 * Makes keys and prints them, or writes them to a file that only we can read.
 *
 * @param settings lengths, and the file
 * @param randomBytes gives so many random bytes
 * @param print prints text with its line ends
 * @throws FkoError for a length that the cipher does not take; FileError when the file cannot be written
 */
export function generateKeyFile(settings: KeyGenSettings, randomBytes: (length: number) => Uint8Array, print: (text: string) => void): void {
  const keys = generateKeys(randomBytes, keyGenOptions(settings));
  const text = formatKeys(keys);
  wipe(keys.keyBase64, keys.hmacKeyBase64);
  try {
    if (settings.keyGenFile === undefined) {
      print(latin1Text(text));
    } else {
      writeFileAtomically(settings.keyGenFile, text, 0o600);
      print(`[+] Wrote Rijndael and HMAC keys to: ${settings.keyGenFile}\n`);
    }
  } finally {
    wipe(text);
  }
}

/** While one of these stays, the keys that were made would not be used. */
const OLD_KEYS = ["KEY", "KEY_BASE64", "HMAC_KEY", "HMAC_KEY_BASE64"];

/**
 * Makes keys for the client: printed, written to a file, or saved in a stanza with the other options.
 *
 * @param settings all settings
 * @param given those of the command line
 * @param rc the rc file, if one is used
 * @param host randomness, and answers to questions
 * @param output where to print
 */
export function makeKeys(settings: ClientSettings, given: ClientOptions, rc: RcFile | undefined, host: ClientHost, output: ClientOutput): void {
  if (!settings.saveRcStanza || rc === undefined) {
    generateKeyFile(settings, host.randomBytes, (text) => output.result(text.trimEnd()));
    return;
  }
  const keys = generateKeys(host.randomBytes, keyGenOptions(settings));
  try {
    const saved = { ...given, keyBase64Rijndael: keys.keyBase64, keyBase64Hmac: keys.hmacKeyBase64 };
    saveRcStanza(rc, saved, host, output, OLD_KEYS);
    output.notice(`[+] Wrote Rijndael and HMAC keys to rc file: ${rc.path}`);
  } finally {
    wipe(keys.keyBase64, keys.hmacKeyBase64);
  }
}
