/**
 * The client program: from a command line to a packet that was sent.
 *
 * @module
 */
import { wipe } from "../bytes.ts";
import { CLIENT_OPTIONS, type ClientOptions } from "../cli/client-options.ts";
import { applyOccurrences, scanArguments } from "../cli/getopt.ts";
import type { Parsed } from "../cli/options.ts";
import { checkSettings } from "../client/checks.ts";
import { type ListedPacket, formatPacketListing, formatSendListing } from "../client/listing.ts";
import { randomDigits } from "../client/random-digits.ts";
import { buildRequest, planSending, randomPort, type SendTarget } from "../client/request.ts";
import { type ClientSettings, encryptionModeOf, hmacTypeOf, isAddressResolved, mergeSettings } from "../client/settings.ts";
import { FkoError } from "../fko-error.ts";
import { DIGESTS, encodeMessage, type Message, openPacket, sealMessage } from "../fko.ts";
import { HmacKey } from "../hmac.ts";
import { utf8Bytes } from "../bytes.ts";
import { type ClientHost, systemHost } from "./client-host.ts";
import { type ClientKeys, obtainKeys } from "./client-keys.ts";
import { ClientError, ClientOutput } from "./client-output.ts";
import { FileError } from "./files.ts";
import { packageVersion } from "./version.ts";

/** Exit status after Ctrl-C at a prompt, as a shell reports it. */
const INTERRUPTED_STATUS = 130;

/**
 * Runs the client program.
 *
 * @param argv the words after the program's name
 * @param host the system
 * @returns the exit status
 */
export async function runClient(argv: readonly string[], host: ClientHost = systemHost()): Promise<number> {
  const output = new ClientOutput(host);
  try {
    return await run(argv, host, output);
  } catch (error) {
    if (error instanceof FkoError) {
      output.error(`fwknop: ${error.message}`); // as the C program prefixes it
    } else if (error instanceof ClientError || error instanceof FileError) {
      output.error(`fwknop: error: ${error.message}`);
      if (error instanceof ClientError && error.hint !== undefined) output.error(`hint: ${error.hint}`);
    } else if (error instanceof Error && error.name === "PromptError") {
      output.error(`fwknop: error: ${error.message}`);
      if ("code" in error && error.code === "INTERRUPTED") return INTERRUPTED_STATUS;
    } else {
      throw error;
    }
    return 1;
  }
}

/** Takes a value out of what a pure function answered. */
function accept<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new ClientError(parsed.message);
  return parsed.value;
}

async function run(argv: readonly string[], host: ClientHost, output: ClientOutput): Promise<number> {
  const scanned = scanArguments(CLIENT_OPTIONS, argv);
  if (!scanned.ok) throw new ClientError(scanned.message, { hint: "'fwknop --help' lists the options" });
  const given: ClientOptions = accept(applyOccurrences(CLIENT_OPTIONS, scanned.value.occurrences, {}));
  const settings = mergeSettings(given);
  output.verbosity = settings.quiet ? -1 : settings.verbose ?? 0;
  if (settings.version) {
    output.result(`fwknop client ${packageVersion()}, FKO protocol version 3.0.0`);
    return 0;
  }
  const problem = checkSettings(settings);
  if (problem !== undefined) throw new ClientError(problem);
  return knock(settings, host, output);
}

async function knock(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<number> {
  const target = accept(planSending(settings, { randomPort: randomPort(random32(host)), randomSourcePort: randomPort(random32(host)), version: packageVersion() }));
  const allowIp = isAddressResolved(settings) ? undefined : settings.allowIp;
  const { message, notice } = accept(buildRequest(settings, {
    random: randomDigits(host.randomBytes),
    now: Math.floor(host.now() / 1000),
    username: loginName(host),
    allowIp,
    natRandomPort: randomPort(random32(host)),
  }));
  if (notice !== undefined) output.notice(notice);
  const keys = await obtainKeys(settings, host, output);
  try {
    const listed = seal(message, settings, keys, host);
    if (settings.test || output.verbosity > 0) output.notice(formatPacketListing(listed));
    await transmit(target, listed.packet, settings, output);
    if (settings.test) decodeAgain(listed, keys, output);
  } finally {
    wipe(keys.cipher, ...(keys.hmac ? [keys.hmac] : []));
  }
  return 0;
}

function random32(host: ClientHost): number {
  return new DataView(host.randomBytes(4).buffer).getUint32(0);
}

const MAX_USERNAME = 48;

/** The name inside the packet, as the C program finds it; longer than 48 bytes no server takes. */
function loginName(host: ClientHost): string {
  const { env } = host;
  return (env["SPOOF_USER"] || env["LOGNAME"] || host.loginName() || env["USER"] || "NO_USER").slice(0, MAX_USERNAME);
}

function seal(message: Message, settings: ClientSettings, keys: ClientKeys, host: ClientHost): ListedPacket {
  const { encoded, digest, plaintext } = encodeMessage(message);
  const mode = encryptionModeOf(settings);
  const hmacType = hmacTypeOf(settings);
  const hmac = hmacType === undefined ? undefined : new HmacKey(DIGESTS[hmacType].hash, keys.hmac!);
  try {
    const packet = sealMessage(plaintext, {
      mode, key: keys.cipher, salt: host.randomBytes(8), ...(hmac && { hmac }),
      ...(settings.includeSalted && { keepPrefix: true }), ...(settings.includeEquals && { keepPadding: true }),
    });
    const hmacText = hmacType === undefined ? undefined : { type: hmacType, text: packet.slice(-DIGESTS[hmacType].wireLength) };
    return { message, encoded, digest, ...(hmacText && { hmac: hmacText }), mode, packet };
  } catch (error) {
    if (error instanceof FkoError) throw new FkoError(error.code, "fko_spa_data_final");
    throw error;
  } finally {
    hmac?.wipe();
  }
}

async function transmit(target: SendTarget, packet: string, settings: ClientSettings, output: ClientOutput): Promise<void> {
  output.info(formatSendListing(target));
  if (settings.test) {
    output.notice(`${target.transport === "http" ? "T" : "t"}est mode enabled, SPA packet not actually sent.`);
    output.info("send_spa_packet: bytes sent: 0");
    return;
  }
  const { sendPacket } = await import("./send.ts");
  const sent = await sendPacket({ ...target, packet });
  if (!sent.ok) throw new ClientError(sent.message);
  output.info(`send_spa_packet: bytes sent: ${sent.bytesSent}`);
}

function decodeAgain(listed: ListedPacket, keys: ClientKeys, output: ClientOutput): void {
  const hmac = listed.hmac && new HmacKey(DIGESTS[listed.hmac.type].hash, keys.hmac!);
  const opened = openPacket(utf8Bytes(listed.packet), { mode: listed.mode, key: keys.cipher, ...(hmac && { hmac }) });
  hmac?.wipe();
  if (!opened.ok) throw new FkoError(opened.code, "fko_decrypt_spa_data");
  output.info("\nDump of the Decoded Data");
  const { message, encoded, digest } = opened;
  const packet = listed.packet.slice(0, listed.packet.length - (listed.hmac?.text.length ?? 0));
  output.info(formatPacketListing({ ...listed, message, encoded, digest, packet }));
}
