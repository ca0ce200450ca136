/**
 * One knock, or several until the port is open: message, keys, packet, sending.
 *
 * @module
 */
import { parsePortSpec } from "../../access-message.ts";
import { utf8Bytes, utf8Text, wipe } from "../../bytes.ts";
import type { Outcome } from "../../client/json-report.ts";
import { formatPacketListing, formatSendListing, type ListedPacket } from "../../client/listing.ts";
import { checkPacketSize, isTooLongForC } from "../../client/packet-length.ts";
import { randomDigits } from "../../client/random-digits.ts";
import { buildRequest, type ClientRequest, messageOf } from "../../client/request.ts";
import { planSending, type SendFacts, type SendTarget } from "../../client/send-target.ts";
import { type ClientSettings, encryptionModeOf, hmacTypeOf, isRawTransport } from "../../client/settings.ts";
import { FkoError } from "../../fko-error.ts";
import { DIGESTS, encodeMessage, type Message } from "../../fko-message.ts";
import { sealMessage } from "../../fko-packet.ts";
import { HmacKey } from "../../hmac.ts";
import { formatIp } from "../../ip.ts";
import { reasonOf } from "../system-error.ts";
import { packageVersion } from "../version.ts";
import type { ClientHost } from "./host.ts";
import { type ClientKeys, obtainKeys } from "./keys.ts";
import { ClientError, type ClientOutput, unwrap } from "./output.ts";
import { factsOf, freshPort } from "./request-facts.ts";

/**
 * Knocks.
 *
 * @param settings checked settings
 * @param host the system
 * @param output where to talk
 * @returns the exit status
 * @throws ClientError, FkoError or FileError with what kept the packet from being made or sent
 */
export async function knock(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<number> {
  // Before any key is asked for: nobody should type one for a request that cannot be made.
  const request = unwrap(buildRequest(settings, await factsOf(settings, host, output)));
  const target = unwrap(planSending(settings, sendFacts(host)));
  if (settings.gpgEncryption) {
    const { checkGpg } = await import("./gpg-packet.ts");
    checkGpg(settings);
  }
  const keys = await obtainKeys(settings, host, output);
  try {
    const { listed, outcome } = await knockUntilOpen({ settings, request, target, keys, host, output });
    if (settings.json) {
      const { formatJsonReport } = await import("../../client/json-report.ts");
      output.result(formatJsonReport(listed, target, outcome));
    }
    // With a shared key this always works. Whether GnuPG has the key to open the packet with is told by trying, -v or not.
    if (settings.test && (output.verbosity > 0 || listed.mode === "asymmetric")) await showDecoded(listed, settings, keys, output);
    if (outcome.verify !== undefined && outcome.verify.state !== "open") return 1;
  } finally {
    wipe(...[keys.cipher, keys.hmac, target.http?.proxy?.password].filter((secret) => secret !== undefined));
  }
  return 0;
}

function sendFacts(host: ClientHost): SendFacts {
  return { randomPort: () => freshPort(host), version: packageVersion() };
}

// --- The packet ------------------------------------------------------------------------------------------------------

/** All that a knock needs. */
interface KnockContext {
  readonly settings: ClientSettings;
  readonly request: ClientRequest;
  readonly target: SendTarget;
  readonly keys: ClientKeys;
  readonly host: ClientHost;
  readonly output: ClientOutput;
}

/** A knock that was made. */
interface Knocked {
  readonly listed: ListedPacket;
  readonly outcome: Outcome;
}

/** Between looks at the port, and how many a knock gets: the server's firewall may need a moment. */
const PROBE_PAUSE_MS = 300;
const PROBES_A_KNOCK = 4;
const PROBE_TIMEOUT_MS = 1000;

async function knockUntilOpen(context: KnockContext): Promise<Knocked> {
  const { settings, output } = context;
  const { host: server, family } = context.target;
  const port = settings.verify === undefined ? undefined : parsePortSpec(settings.verify);
  for (let knocks = 1; ; knocks++) {
    const knocked = await knockOnce(context);
    if (port === undefined || settings.test) return knocked;
    const { probePort } = await import("./probe-port.ts");
    const probe = await probePort({
      host: server, ...port, ...(family !== undefined && { family }), retries: PROBES_A_KNOCK - 1, pauseMs: PROBE_PAUSE_MS, timeoutMs: PROBE_TIMEOUT_MS,
    });
    if (probe.state === "open" || knocks > (settings.retry ?? 0)) {
      if (probe.state === "open") output.info(`[+] ${probe.message}`);
      else output.error(`fwknop: error: --verify: ${probe.message}, ${knocks === 1 ? "one knock" : `${knocks} knocks`}`);
      return { ...knocked, outcome: { ...knocked.outcome, verify: { port: settings.verify!, state: probe.state, knocks } } };
    }
    output.info(`[-] ${probe.message}, knocking again`);
  }
}

async function knockOnce(context: KnockContext): Promise<Knocked> {
  const { settings, request, target, host, output } = context;
  if (request.notice !== undefined) output.notice(request.notice);
  const message = messageOf(request, randomDigits(host.randomBytes), Math.floor(host.now() / 1000));
  const listed = await seal(message, context);
  const problem = checkPacketSize(listed.packet, target.transport, settings);
  if (problem !== undefined) throw new ClientError(problem);
  if (isTooLongForC(listed)) output.warning(`the packet has ${listed.packet.length} characters, more than the C program's server takes: ask for less`);
  if (settings.test || output.verbosity > 0) output.notice(formatPacketListing(listed));
  if (settings.savePacket !== undefined) await trySavePacket(settings.savePacket, listed.packet, settings, output);
  output.info(formatSendListing(target));
  const outcome = settings.test ? await pretendToSend(target, listed, output) : await send(target, listed, output);
  return { listed, outcome };
}

async function seal(message: Message, { settings, keys, host, output }: KnockContext): Promise<ListedPacket> {
  const encodedMessage = encodeMessage(message);
  const mode = encryptionModeOf(settings);
  if (mode === "asymmetric") {
    const { sealWithGpg } = await import("./gpg-packet.ts");
    return sealWithGpg(message, encodedMessage, settings, keys, output);
  }
  const { encoded, digest, plaintext } = encodedMessage;
  const type = hmacTypeOf(settings);
  const hmac = type === undefined ? undefined : new HmacKey(DIGESTS[type].hash, keys.hmac!);
  try {
    const packet = sealMessage(plaintext, {
      mode, key: keys.cipher, salt: host.randomBytes(8), ...(hmac && { hmac }),
      ...(settings.includeSalted && { keepPrefix: true }), ...(settings.includeEquals && { keepPadding: true }),
    });
    return { message, encoded, digest, mode, packet, ...(type !== undefined && { hmac: { type, text: packet.slice(-DIGESTS[type].wireLength) } }) };
  } catch (error) {
    throw error instanceof FkoError ? new FkoError(error.code, "fko_spa_data_final") : error;
  } finally {
    hmac?.wipe();
  }
}

/** A packet that cannot be saved is sent all the same. */
async function trySavePacket(path: string, packet: string, settings: ClientSettings, output: ClientOutput): Promise<void> {
  const { savePacket } = await import("./packet-file.ts");
  try {
    savePacket(path, packet, settings.savePacketAppend === true);
  } catch (error) {
    output.warning(`--save-packet: could not write ${path}: ${reasonOf(error)}`);
  }
}

// --- Sending ---------------------------------------------------------------------------------------------------------

async function send(target: SendTarget, listed: ListedPacket, output: ClientOutput): Promise<Outcome> {
  const { sendPacket } = await import("./send.ts");
  const sent = await sendPacket({ ...target, packet: listed.packet });
  if (!sent.ok) throw new ClientError(sent.message);
  output.info(`send_spa_packet: bytes sent: ${sent.bytesSent}`);
  return { sent: true, bytesSent: sent.bytesSent, address: formatIp(sent.address) };
}

async function pretendToSend(target: SendTarget, listed: ListedPacket, output: ClientOutput): Promise<Outcome> {
  if (target.transport === "http") {
    output.info(await shownRequest(target, listed.packet));
  } else if (isRawTransport(target.transport)) {
    const { resolveHost } = await import("../resolve-host.ts");
    const resolved = await resolveHost(target.host, { family: target.family });
    if (!resolved.ok) throw new ClientError(`send_spa_packet: packet not sent. resolve_dst_addr() : ${resolved.message}; Unable to resolve ${target.host} as an ip address`);
  }
  output.notice(`${target.transport === "http" ? "T" : "t"}est mode enabled, SPA packet not actually sent.`);
  output.info("send_spa_packet: bytes sent: 0");
  return { sent: false, bytesSent: 0 };
}

/** The HTTP request that would be sent, without the proxy's user and password. */
async function shownRequest({ host, http }: SendTarget, packet: string): Promise<string> {
  const { buildSpaRequest } = await import("../../http-request.ts");
  const { userAgent, proxy } = http!;
  const shown = proxy === undefined ? undefined : { host: proxy.host, ...(proxy.port !== undefined && { port: proxy.port }) };
  try {
    return utf8Text(buildSpaRequest({ packet, server: host || "-", userAgent, ...(shown && { proxy: shown }) }))!.replaceAll("\r", "");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ClientError(`send_spa_packet: packet not sent. ${error.message}`);
  }
}

/** What the server would make of it. */
async function showDecoded(listed: ListedPacket, settings: ClientSettings, keys: ClientKeys, output: ClientOutput): Promise<void> {
  const decoded = await decodeAgain(listed, settings, keys, output);
  output.info(`\nDump of the Decoded Data\n${formatPacketListing(decoded)}`);
}

async function decodeAgain(listed: ListedPacket, settings: ClientSettings, keys: ClientKeys, output: ClientOutput): Promise<ListedPacket> {
  if (listed.mode === "asymmetric") {
    const { openWithGpg } = await import("./gpg-packet.ts");
    return openWithGpg(listed, settings, keys, output);
  }
  const { openPacket } = await import("../../fko-open.ts");
  const hmac = listed.hmac && new HmacKey(DIGESTS[listed.hmac.type].hash, keys.hmac!);
  const opened = openPacket(utf8Bytes(listed.packet), { mode: listed.mode, key: keys.cipher, ...(hmac && { hmac }) });
  hmac?.wipe();
  if (!opened.ok) throw new FkoError(opened.code, "fko_decrypt_spa_data");
  const { message, encoded, digest } = opened;
  return { ...listed, message, encoded, digest, packet: listed.packet.slice(0, listed.packet.length - (listed.hmac?.text.length ?? 0)) };
}
