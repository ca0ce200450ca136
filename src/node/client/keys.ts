/**
 * Where the client program gets its keys: options and rc file, key files, commands, descriptors, the terminal.
 *
 * @module
 */
import { type Bytes, constantTimeEqual, utf8Bytes, wipe } from "../../bytes.ts";
import { checkKeyLength, decodeKey, findKeyInFile, type KeyKind, MAX_KEY_LENGTH } from "../../client/key-text.ts";
import { type ClientSettings, encryptionModeOf, hmacTypeOf } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";
import { readSecretFile } from "./home-files.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** The keys of one run; wiped by whoever got them. */
export interface ClientKeys {
  /** The encryption key, or the passphrase of the GnuPG key that signs. */
  readonly cipher: Bytes;
  /** Absent: no HMAC. */
  readonly hmac?: Bytes;
}

/** The ways to one key, in the order in which they are tried. */
interface KeySource {
  readonly kind: KeyKind;
  /** As typed. */
  readonly plain: Bytes | undefined;
  /** As base64 text. */
  readonly base64: Bytes | undefined;
  readonly file: string | undefined;
  readonly command: string | undefined;
  /** As base64 text, tried behind the others. */
  readonly lastBase64?: Bytes | undefined;
  readonly lastPlain?: Bytes | undefined;
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
  const cipher = await obtainCipherKey(settings, host, output);
  if (hmacTypeOf(settings) === undefined) {
    closeDescriptor(settings, host);
    return { cipher };
  }
  const hmac = await obtainKey({
    kind: "HMAC", plain: settings.keyHmac, base64: settings.keyBase64Hmac, file: settings.getHmacKey, command: settings.hmacKeyCmd,
    label: "Enter HMAC key: ",
  }, settings, host, output);
  closeDescriptor(settings, host);
  if (cipher.length > 0 && constantTimeEqual(cipher, hmac)) {
    wipe(cipher, hmac);
    throw new ClientError("The encryption passphrase and HMAC key should not be identical, no SPA packet sent. Exiting.");
  }
  return { cipher, hmac };
}

async function obtainCipherKey(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  const isGpg = settings.gpgEncryption === true;
  if (isGpg && settings.gpgNoSigningPw) {
    output.notice("[+] GPG mode set, signing passphrase not required");
    return new Uint8Array(0);
  }
  if (isGpg && settings.gpgAgent) {
    output.notice("[+] GPG mode set, signing passphrase acquired via gpg-agent");
    return new Uint8Array(0);
  }
  if (isGpg && settings.gpgSignerKey === undefined && !settings.gpgDefaultKey) return new Uint8Array(0);
  const source: KeySource = {
    kind: "Rijndael", plain: settings.keyRijndael, base64: settings.keyBase64Rijndael, file: settings.getKey, command: settings.keyCmd,
    ...(isGpg && { lastPlain: settings.gpgSigningPw, lastBase64: settings.gpgSigningPwBase64 }),
    label: isGpg ? "Enter passphrase for signing: " : "Enter encryption key: ",
  };
  // A passphrase may be empty, and of any length.
  const key = isGpg ? await findKey(source, settings, host, output) : await obtainKey(source, settings, host, output);
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
  const checked = checkKeyLength(key, source.kind);
  if (!checked.ok) throw new ClientError(checked.message);
  return checked.value;
}

function shortened(key: Bytes, length: number): Bytes {
  const short = key.slice(0, length);
  wipe(key);
  return short;
}

async function findKey(source: KeySource, settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<Bytes> {
  if (source.plain !== undefined) return source.plain.slice();
  if (source.base64 !== undefined) return decoded(source.base64, source.kind);
  if (source.file !== undefined) return keyFromFile(source.file, settings, output);
  if (source.command !== undefined) {
    const { keyFromCommand } = await import("./key-command.ts");
    return keyFromCommand(source.command, host.env);
  }
  if (source.lastPlain !== undefined) return source.lastPlain.slice();
  if (source.lastBase64 !== undefined) return decoded(source.lastBase64, source.kind);
  const descriptor = settings.stdin ? 0 : settings.fd;
  if (descriptor !== undefined) return keyFromDescriptor(descriptor, source.kind, host);
  const { promptSecret } = await import("./prompt.ts");
  return promptSecret(source.label);
}

function decoded(base64: Uint8Array, kind: KeyKind): Bytes {
  const key = decodeKey(base64, kind);
  if (!key.ok) throw new ClientError(key.message);
  return key.value;
}

function keyFromFile(path: string, settings: ClientSettings, output: ClientOutput): Bytes {
  const destination = settings.destination ?? "";
  const bytes = readSecretFile(path, "config", settings, output);
  const key = findKeyInFile(bytes, utf8Bytes(destination));
  wipe(bytes);
  if (key === undefined) {
    throw new ClientError(`Could not get key for IP: ${printableText(destination)} from: ${printableText(path, 200)}: key for it not found, expected a line 'DESTINATION: KEY'`);
  }
  return key;
}

function keyFromDescriptor(descriptor: number, kind: KeyKind, host: ClientHost): Bytes {
  let line: Bytes | undefined;
  try {
    line = host.readLine(descriptor);
  } catch (cause) {
    throw new ClientError(`getpasswd() - Unable to create a stream from the file descriptor ${descriptor}: ${codeOf(cause) === "EBADF" ? "Bad file descriptor" : reasonOf(cause)}`, { cause });
  }
  if (line === undefined) throw new ClientError(`${kind} key: expected a line on file descriptor ${descriptor}, got the end of the file`);
  return line;
}

/** Standard input stays open: a question, or the command of `--then`, may read on. */
function closeDescriptor(settings: ClientSettings, host: ClientHost): void {
  if (settings.fd === undefined || settings.fd < 3 || settings.stdin) return;
  try {
    host.close(settings.fd);
  } catch { /* it was never open, and no key was needed from it */ }
}
