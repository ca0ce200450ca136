/**
 * Where the client program gets its keys: options and rc file, key files, commands, descriptors, the terminal.
 *
 * @module
 */
import { type Bytes, constantTimeEqual, utf8Bytes, wipe } from "../../bytes.ts";
import { splitHostPort } from "../../client/destination.ts";
import { checkKeyLength, decodeKey, findKeyInFile, type KeyKind, MAX_KEY_LENGTH } from "../../client/key-text.ts";
import { type ClientSettings, encryptionModeOf, hmacTypeOf } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { readSecretFile } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput, unwrap } from "./output.ts";

/** The keys of one run; wiped by whoever got them. */
export interface ClientKeys {
  /** The encryption key, or the passphrase of the GnuPG key that signs. */
  readonly cipher: Bytes;
  /** Absent: no HMAC. */
  readonly hmac?: Bytes;
}

/** The ways to one key, in the order in which they are tried; the last are a descriptor and the terminal. */
interface KeySource {
  readonly kind: KeyKind;
  /** As typed. */
  readonly plain: Bytes | undefined;
  /** As base64 text. */
  readonly base64: Bytes | undefined;
  readonly file: string | undefined;
  readonly command: string | undefined;
  /** Of GnuPG's signing key, from the rc file: as it is, and as base64 text. */
  readonly passphrase?: Bytes | undefined;
  readonly passphraseBase64?: Bytes | undefined;
  /** What the terminal is asked with. */
  readonly label: string;
}

/**
 * Gets all keys that the settings need.
 *
 * @param settings checked settings; their keys are copied
 * @param host where lines are read from
 * @param output for warnings and notices
 * @returns the keys
 * @throws ClientError when one cannot be had or used
 */
export async function obtainKeys(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<ClientKeys> {
  let isRead = false;
  const reading: ClientHost = {
    ...host,
    readLine(descriptor) {
      isRead = true;
      return host.readLine(descriptor);
    },
  };
  const cipher = await (settings.gpgEncryption ? obtainPassphrase : obtainCipherKey)(settings, reading, output);
  const hmac = hmacTypeOf(settings) === undefined ? undefined : await obtainKey(hmacSource(settings), settings, reading, output);
  // Not unless it was read: its number may be one that the runtime uses.
  if (isRead) closeDescriptor(settings, host);
  if (hmac === undefined) return { cipher };
  if (cipher.length > 0 && constantTimeEqual(cipher, hmac)) {
    wipe(cipher, hmac);
    throw new ClientError("The encryption passphrase and HMAC key should not be identical, no SPA packet sent. Exiting.");
  }
  return { cipher, hmac };
}

const cipherSource = ({ keyRijndael, keyBase64Rijndael, getKey, keyCmd }: ClientSettings): KeySource =>
  ({ kind: "Rijndael", plain: keyRijndael, base64: keyBase64Rijndael, file: getKey, command: keyCmd, label: "Enter encryption key: " });

const hmacSource = ({ keyHmac, keyBase64Hmac, getHmacKey, hmacKeyCmd }: ClientSettings): KeySource =>
  ({ kind: "HMAC", plain: keyHmac, base64: keyBase64Hmac, file: getHmacKey, command: hmacKeyCmd, label: "Enter HMAC key: " });

/** The passphrase of GnuPG's signing key. It may be empty, and of any length. */
async function obtainPassphrase(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  const none = new Uint8Array(0);
  if (settings.gpgNoSigningPw) {
    output.notice("[+] GPG mode set, signing passphrase not required");
    return none;
  }
  if (settings.gpgAgent) {
    output.notice("[+] GPG mode set, signing passphrase acquired via gpg-agent");
    return none;
  }
  if (settings.gpgSignerKey === undefined && !settings.gpgDefaultKey) return none;
  const { gpgSigningPw: passphrase, gpgSigningPwBase64: passphraseBase64 } = settings;
  return findKey({ ...cipherSource(settings), passphrase, passphraseBase64, label: "Enter passphrase for signing: " }, settings, host, output);
}

async function obtainCipherKey(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  const key = await obtainKey(cipherSource(settings), settings, host, output);
  if (encryptionModeOf(settings) === "legacy" && key.length > 16) {
    output.warning("Encryption key in '-M legacy' mode must be <= 16 bytes long - truncating before sending SPA packet. Upgrading remote fwknopd is recommended.");
  }
  return key;
}

async function obtainKey(source: KeySource, settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  const key = await findKey(source, settings, host, output);
  if (source.kind === "HMAC" && key.length > MAX_KEY_LENGTH) {
    output.warning(`HMAC key: only the first ${MAX_KEY_LENGTH} of ${key.length} bytes are used`);
    return shortened(key, MAX_KEY_LENGTH);
  }
  return unwrap(checkKeyLength(key, source.kind));
}

function shortened(key: Bytes, length: number): Bytes {
  const short = key.slice(0, length);
  wipe(key);
  return short;
}

async function findKey(source: KeySource, settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  if (source.plain !== undefined) return source.plain.slice();
  if (source.base64 !== undefined) return unwrap(decodeKey(source.base64, source.kind));
  if (source.file !== undefined) return keyFromFile(source.file, settings, output);
  if (source.command !== undefined) {
    const { keyFromCommand } = await import("./key-command.ts");
    return keyFromCommand(source.command, host.env);
  }
  if (source.passphrase !== undefined) return source.passphrase.slice();
  if (source.passphraseBase64 !== undefined) return unwrap(decodeKey(source.passphraseBase64, source.kind));
  const descriptor = settings.stdin ? 0 : settings.fd;
  if (descriptor !== undefined) return keyFromDescriptor(descriptor, source.kind, host);
  const { promptSecret } = await import("./prompt.ts");
  return promptSecret(source.label);
}

function keyFromFile(path: string, settings: ClientSettings, output: ClientOutput): Bytes {
  const destination = settings.destination ?? "";
  const bytes = readSecretFile(path, "config", settings, output);
  // As it was typed, or without its port, which files of older clients never name.
  const key = findKeyInFile(bytes, utf8Bytes(destination)) ?? findKeyInFile(bytes, utf8Bytes(splitHostPort(destination).host));
  wipe(bytes);
  if (key === undefined) {
    throw new ClientError(`Could not get key for IP: ${printableText(destination)} from: ${printableText(path, 200)}: key for it not found, expected a line 'DESTINATION: KEY'`);
  }
  return key;
}

const NO_STREAM = "getpasswd() - Unable to create a stream from the file descriptor";

async function keyFromDescriptor(descriptor: number, kind: KeyKind, host: ClientHost): Promise<Bytes> {
  const { isOwnDescriptor } = await import("./own-descriptors.ts");
  if (descriptor > 2 && isOwnDescriptor(descriptor)) throw new ClientError(`${NO_STREAM} ${descriptor}: Bad file descriptor`);
  let line: Bytes | undefined;
  try {
    line = host.readLine(descriptor);
  } catch (cause) {
    throw new ClientError(`${NO_STREAM} ${descriptor}: ${codeOf(cause) === "EBADF" ? "Bad file descriptor" : reasonOf(cause)}`, { cause });
  }
  if (line === undefined) throw new ClientError(`${kind} key: expected a line on file descriptor ${descriptor}, got the end of the file`);
  return line;
}

/** Standard input stays open: a question, or the command of `--then`, may read on. */
function closeDescriptor(settings: ClientSettings, host: ClientHost): void {
  if (settings.fd !== undefined && settings.fd > 2 && !settings.stdin) host.close(settings.fd);
}
