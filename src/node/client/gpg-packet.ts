/**
 * The client program's packets with GnuPG.
 *
 * @module
 */
import { statSync } from "node:fs";
import { type Bytes, utf8Bytes, wipe } from "../../bytes.ts";
import type { ListedGpg, ListedPacket } from "../../client/listing.ts";
import { type ClientSettings, hmacTypeOf } from "../../client/settings.ts";
import { FkoError } from "../../fko-error.ts";
import { DIGESTS } from "../../fko-message.ts";
import type { EncodedMessage, Message } from "../../fko-message.ts";
import { checkHmac, openPgpMessage, openPgpPrefix, openPlaintext, normalisePacket } from "../../fko-open.ts";
import { sealOpenPgp } from "../../fko-packet.ts";
import { printableText } from "../../foreign-text.ts";
import { HmacKey } from "../../hmac.ts";
import { findProgram } from "../find-program.ts";
import { decrypt, encryptAndSign, type GpgFailure, type GpgSettings, type GpgSignature } from "../gpg.ts";
import type { ClientKeys } from "./keys.ts";
import { ClientError, type ClientOutput } from "./output.ts";

function gpgSettings(settings: ClientSettings, keys: ClientKeys, output: ClientOutput): GpgSettings {
  return {
    ...(settings.gpgNoOptions && !settings.gpgUseOptions && { withoutConfig: true }),
    ...(settings.gpgVerbose && { onMessage: (line: string) => output.notice(line) }),
    ...(settings.gpgExe !== undefined && { exe: settings.gpgExe }),
    ...(settings.gpgHomeDir !== undefined && { home: settings.gpgHomeDir }),
    passphrase: keys.cipher,
    ...(settings.gpgAgent && { useAgent: true }),
  };
}

function listedGpg(settings: ClientSettings): Pick<ListedGpg, "exe" | "home"> {
  return {
    exe: settings.gpgExe ?? findProgram("gpg") ?? "gpg",
    ...(settings.gpgHomeDir !== undefined && { home: settings.gpgHomeDir }),
  };
}

/**
 * Looks for what the settings name, before anybody is asked for a passphrase.
 *
 * @param settings which gpg
 * @throws ClientError when gpg or its folder is not there
 */
export function checkGpg(settings: ClientSettings): void {
  const { gpgExe: exe = "gpg", gpgHomeDir: home } = settings;
  if (findProgram(exe) === undefined) throw new ClientError(`--gpg-exe: ${new FkoError(134, "fko_set_gpg_exe").message}: '${printableText(exe, 200)}'`);
  if (home !== undefined && !statSync(home, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ClientError(`--gpg-home-dir: ${new FkoError(135, "fko_set_gpg_home_dir").message}: '${printableText(home, 200)}'`);
  }
}

/** libfko's number for each way in which gpg fails to encrypt, and the function that says so. */
function encryptError(reason: GpgFailure["reason"]): FkoError {
  switch (reason) {
    case "no-public-key":
      return new FkoError(130, "fko_set_gpg_recipient");
    case "no-secret-key":
      return new FkoError(125, "fko_set_gpg_signer");
    default:
      return new FkoError(122, "fko_spa_data_final");
  }
}

/** Servers believe that a shorter packet is one with a shared key. Only one that is not signed, to a key of an elliptic curve, can be shorter. */
const MIN_PACKET_LENGTH = 400;
/** Makes the shortest message long enough. */
const PADDING_BYTES = 120;

/**
 * Encrypts a message to the server's key.
 *
 * @param message the fields
 * @param encoded the same as text
 * @param settings the keys' names
 * @param keys passphrase and HMAC key
 * @param output for what gpg says
 * @returns the packet
 * @throws ClientError with gpg's reason
 */
export async function sealWithGpg(message: Message, encoded: EncodedMessage, settings: ClientSettings, keys: ClientKeys, output: ClientOutput): Promise<ListedPacket> {
  const short = await sealOnce(encoded, settings, keys, output, 0);
  const packet = short.length < MIN_PACKET_LENGTH ? await sealOnce(encoded, settings, keys, output, PADDING_BYTES) : short;
  const { gpgRecipientKey: recipient, gpgSignerKey: signer } = settings;
  const type = hmacTypeOf(settings);
  return {
    message, encoded: encoded.encoded, digest: encoded.digest, mode: "asymmetric", packet,
    ...(type !== undefined && { hmac: { type, text: packet.slice(-DIGESTS[type].wireLength) } }),
    gpg: { ...listedGpg(settings), recipient: recipient!, ...(signer !== undefined && { signer }), summary: -1, status: -1 },
  };
}

async function sealOnce(encoded: EncodedMessage, settings: ClientSettings, keys: ClientKeys, output: ClientOutput, paddingLength: number): Promise<string> {
  const plaintext = utf8Bytes(encoded.plaintext);
  const encrypted = await encryptAndSign({
    ...gpgSettings(settings, keys, output), plaintext, recipient: settings.gpgRecipientKey!, paddingLength,
    ...(settings.gpgSignerKey !== undefined && { signer: settings.gpgSignerKey }), ...(settings.gpgDefaultKey && { signByDefault: true }),
  });
  wipe(plaintext);
  if (!encrypted.ok) throw new ClientError(`${encryptError(encrypted.reason).message}; GPG ERR: ${encrypted.message}`);
  const type = hmacTypeOf(settings);
  const hmac = type === undefined ? undefined : new HmacKey(DIGESTS[type].hash, keys.hmac!);
  const prefix = settings.includeGpgPrefix ? "" : settings.gpgPrefix;
  const sealed = sealOpenPgp(encrypted.ciphertext, {
    ...(hmac && { hmac }), ...(prefix !== undefined && { keepPrefix: true }), ...(settings.includeEquals && { keepPadding: true }),
  });
  hmac?.wipe();
  return prefix !== undefined && sealed.startsWith(prefix) ? sealed.slice(prefix.length) : sealed;
}

/**
 * Opens a packet of our own, if the server's secret key is here, too.
 *
 * @param listed the packet
 * @param settings which gpg
 * @param keys passphrase and HMAC key
 * @param output for what gpg says
 * @returns what was in it, without the HMAC in the packet's text
 * @throws ClientError when it cannot be decrypted or bears no good signature
 */
export async function openWithGpg(listed: ListedPacket, settings: ClientSettings, keys: ClientKeys, output: ClientOutput): Promise<ListedPacket> {
  const normal = normalisePacket(utf8Bytes(listed.packet));
  if (!normal.ok) throw new FkoError(normal.code, "fko_decrypt_spa_data");
  const prefix = openPgpPrefix(normal.packet);
  const body = cutHmac(normal.packet, prefix, listed, keys);
  const inner = openPgpMessage(body, prefix);
  if (!inner.ok) throw new FkoError(inner.code, "fko_decrypt_spa_data");
  const decrypted = await decrypt({ ...gpgSettings(settings, keys, output), ciphertext: inner.message });
  if (!decrypted.ok) throw decryptError(132, decrypted.message);
  const signature = goodSignature(decrypted.signatures);
  const opened = openPlaintext(decrypted.plaintext, true);
  wipe(decrypted.plaintext);
  if (!opened.ok) throw new FkoError(opened.code, "fko_decrypt_spa_data");
  const fingerprint = signature.fingerprint ?? signature.keyId;
  return {
    ...listed, message: opened.message, encoded: opened.encoded, digest: opened.digest,
    packet: listed.packet.slice(0, listed.packet.length - (listed.hmac?.text.length ?? 0)),
    // gpgme's summary: 1 is valid, 2 is green.
    gpg: { ...listedGpg(settings), signatureId: fingerprint.slice(-8), fingerprint, summary: signature.validity === "marginal" ? 0 : 3, status: 0 },
  };
}

function cutHmac(packet: Uint8Array, prefix: string, listed: ListedPacket, keys: ClientKeys): Uint8Array {
  if (listed.hmac === undefined) return packet;
  const hmac = new HmacKey(DIGESTS[listed.hmac.type].hash, keys.hmac!);
  const checked = checkHmac(packet, hmac, prefix);
  hmac.wipe();
  if (!checked.ok) throw new FkoError(checked.code, "fko_verify_hmac");
  return checked.body as Bytes;
}

/** The first signature counts, from a key that is believed at least marginally. */
function goodSignature(signatures: readonly GpgSignature[]): GpgSignature {
  const [first] = signatures;
  if (first === undefined) throw decryptError(137, "no signature");
  const isTrusted = first.validity === "marginal" || first.validity === "full" || first.validity === "ultimate";
  if (first.status !== "good" || !isTrusted) throw decryptError(138, `signature is ${first.status}, validity of its key ${first.validity}`);
  return first;
}

function decryptError(code: number, words: string): ClientError {
  return new ClientError(`${new FkoError(code, "fko_decrypt_spa_data").message}; GPG ERR: ${words}`, { hint: "No access to recipient private key?" });
}
