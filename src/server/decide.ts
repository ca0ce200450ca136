/**
 * From a datagram to a verdict.
 *
 * Cheap checks first: length, alphabet, source; then the HMAC in constant time; then the replay memory; only then
 * decryption; then policy. A stranger's packet costs one HMAC for each stanza whose SOURCE it matches and no decryption.
 * (C looks every digest up in a list first, and so lets strangers slow it down at will.)
 *
 * Nothing here has an effect. What it cannot do itself, OpenPGP decryption and the check of a user's password, it yields as
 * a request.
 *
 * @module
 */

import { latin1Text } from "../bytes.ts";
import { formatPacketListing } from "../client/listing.ts";
import { matchesAddressList } from "../config/address-list.ts";
import { DIGESTS, normalisePacket } from "../fko.ts";
import { unwrapSpaRequest } from "../http-request.ts";
import { containsIp, equalIp, formatIp, type IpAddress } from "../ip.ts";
import { type Datagram, PROTOCOL_TCP } from "../packet.ts";
import { findClient } from "../proxied-source.ts";
import type { Deciding } from "./decision-request.ts";
import { type ServerErrorCode, serverError } from "./error-codes.ts";
import { type Attempt, openPacket, type ReadyStanza } from "./open-packet.ts";
import { applyPolicy, type PolicyContext } from "./policy.ts";
import type { ReplayEntry, ReplayMemory } from "./replay.ts";
import { checkSigner } from "./signer.ts";
import { Trail } from "./trail.ts";
import type { Decision, RefusalReason } from "./verdict.ts";

/** Shortest payload that can be a packet; anything below is background noise. */
export const MIN_PAYLOAD = 140;

/** What a decision looks at. */
export interface DecisionContext extends Omit<PolicyContext, "forwardedSource"> {
  readonly stanzas: readonly ReadyStanza[];
  readonly replay: ReplayMemory;
}

/**
 * Decides about one datagram.
 *
 * @param datagram what arrived; its payload may be a view, nothing here keeps it
 * @param context configuration, replay memory and clock
 * @yields a request for each OpenPGP message that must be decrypted, and for each password that must be checked
 * @returns the verdict, what to log, and what to remember before anything is opened
 */
export function* decide(datagram: Datagram, context: DecisionContext): Deciding<Decision> {
  const trail = new Trail(datagram, context.now);
  const unwrapped = unwrap(datagram, context, trail);
  if (unwrapped === undefined || !isKnownSource(datagram, context, trail)) return trail.end([]);
  const { packet, forwardedSource, isFromHttp } = unwrapped;

  let remember: readonly ReplayEntry[] = [];
  for (const stanza of context.stanzas) {
    const reached = { stanza: stanza.number };
    const refuseRepetition = (original: ReplayEntry): Decision => {
      const level = isHeardTwice(datagram, original, context.now, isFromHttp) ? "debug" : "warning";
      trail.refuseFor("replay", level, replayText(datagram, original), reached);
      return trail.end([]);
    };
    if (!isFor(stanza, datagram, context, trail)) continue;
    const attempt = yield* openPacket(packet, stanza, datagram, context.replay);
    if (attempt.kind === "refused") {
      trail.refuseFor(attempt.reason, attempt.level, attempt.text, reached);
      continue;
    }
    if (attempt.kind === "replay") return refuseRepetition(attempt.entry);

    if (remember.length === 0 && !context.testMode) remember = digestsOf(attempt, context.stanzas).map((sum) => replayEntry(sum, datagram, context.now));
    noteFields(trail, packet, stanza, attempt, whoOf(stanza, datagram));
    if (!hasSigner(attempt, stanza, datagram, trail)) continue;

    const verdict = yield* applyPolicy(stanza, attempt.opened.message, datagram, { ...context, forwardedSource });
    // Asked again: while a password was checked, a copy may have come in on another interface.
    const original = context.replay.find(...attempt.digests);
    if (original !== undefined) return refuseRepetition(original);
    if (verdict.kind !== "refused") return trail.end(remember, verdict);
    trail.refuse(verdict);
  }
  return trail.end(remember);
}

/** Client and stanza, as log lines begin with them. */
function whoOf(stanza: ReadyStanza, datagram: Datagram): string {
  return `[${formatIp(datagram.source)}] (stanza #${stanza.number})`;
}

/** Whether anybody hears packets from there (the trail says why not). */
function isKnownSource({ source }: Datagram, { config: { BLACKLIST }, stanzas }: DecisionContext, trail: Trail): boolean {
  if (BLACKLIST !== undefined && matchesAddressList(BLACKLIST, source)) {
    trail.refuseFor("source", "debug", `${formatIp(source)} is in BLACKLIST`);
    return false;
  }
  const isKnown = stanzas.some((stanza) => matchesAddressList(stanza.SOURCE, source));
  if (!isKnown) trail.refuseFor("source", "warning", `No access data found for source IP: ${formatIp(source)}`);
  return isKnown;
}

/** Whether a stanza takes the packet up (the trail says why not). */
function isFor(stanza: ReadyStanza, datagram: Datagram, { now }: DecisionContext, trail: Trail): boolean {
  const { number, SOURCE, DESTINATION, ACCESS_EXPIRE } = stanza;
  const { source, destination } = datagram;
  if (!matchesAddressList(SOURCE, source) || (DESTINATION !== undefined && !matchesAddressList(DESTINATION, destination))) {
    const between = `${formatIp(source)} -> ${formatIp(destination)}`;
    trail.refuseFor("filtered", "debug", `(stanza #${number}) SPA packet (${between}) filtered by SOURCE and/or DESTINATION criteria`, { stanza: number });
    return false;
  }
  trail.takeUp(number);
  const isOver = ACCESS_EXPIRE !== undefined && now > ACCESS_EXPIRE;
  if (isOver) trail.refuseFor("expired", "info", `${whoOf(stanza, datagram)} Access stanza has expired`, { stanza: number });
  return !isOver;
}

/** Whether somebody signed the message whom the stanza lets in; yes where nobody has to (the trail says why not). */
function hasSigner({ opened: { message }, signatures }: Extract<Attempt, { kind: "opened" }>, stanza: ReadyStanza, datagram: Datagram, trail: Trail): boolean {
  if (signatures === undefined) return true;
  const who = whoOf(stanza, datagram);
  const signer = checkSigner(stanza, signatures);
  trail.note("info", `${who} ${signer.note}`);
  if (!signer.ok) trail.refuseFor("signer", "warning", `${who} ${signer.text}`, { stanza: stanza.number, message });
  return signer.ok;
}

/** Lists an opened packet for whoever debugs, as C does; its fields are on lines of their own. */
function noteFields(trail: Trail, packet: Uint8Array, stanza: ReadyStanza, { opened, signatures }: Extract<Attempt, { kind: "opened" }>, who: string): void {
  const text = latin1Text(packet);
  const hmac = stanza.hmac && { type: stanza.HMAC_DIGEST_TYPE, text: text.slice(-DIGESTS[stanza.HMAC_DIGEST_TYPE].wireLength) };
  const listing = formatPacketListing({ ...opened, packet: text, mode: signatures === undefined ? stanza.ENCRYPTION_MODE : "asymmetric", ...(hmac && { hmac }) });
  trail.note("debug", `SPA Packet: '${text}'`);
  trail.note("debug", `${who} SPA Decode (res=0):`);
  for (const line of listing.split("\n")) if (line !== "") trail.note("debug", line);
}

/** Takes the packet out of what carried it; undefined when there is none (the trail says why). */
function unwrap(datagram: Datagram, context: DecisionContext, trail: Trail): { packet: Uint8Array; forwardedSource: IpAddress | undefined; isFromHttp: boolean } | undefined {
  const { config } = context;
  const from = formatIp(datagram.source);
  const notSpa = (reason: RefusalReason, code: ServerErrorCode, why: string) =>
    trail.refuseFor(reason, "debug", `[${from}] preprocess_spa_data() returned error ${serverError(code)} for incoming packet: ${why}`);

  const request = config.ENABLE_SPA_OVER_HTTP ? unwrapSpaRequest(datagram.payload) : undefined;
  if (request?.ok === false) {
    notSpa("http", 4098, request.reason);
    return undefined;
  }
  if (request !== undefined && !config.ALLOW_ANY_USER_AGENT && !request.userAgent?.startsWith("Fwknop")) {
    notSpa("http", 4096, "its user agent is not Fwknop");
    return undefined;
  }
  const payload = request?.packet ?? datagram.payload;
  if (payload.length < MIN_PAYLOAD) {
    notSpa("size", 4096, `${payload.length} bytes are too few`);
    return undefined;
  }
  const normal = normalisePacket(payload);
  if (!normal.ok) {
    notSpa("text", 4098, normal.reason);
    return undefined;
  }
  const isFromHttp = request !== undefined || datagram.isFromHttp === true;
  return { packet: normal.packet, forwardedSource: request && forwardedSource(request.forwardedFor, datagram, context, trail), isFromHttp };
}

/** The client behind trusted proxies. What cannot be read is told, and nobody is believed. */
function forwardedSource(forwardedFor: readonly string[], datagram: Datagram, { config }: DecisionContext, trail: Trail): IpAddress | undefined {
  if (!config.ENABLE_X_FORWARDED_FOR) return undefined;
  const isTrusted = (ip: IpAddress) => config.TRUSTED_PROXIES.some((network) => containsIp(network, ip));
  const client = findClient(datagram.source, { forwardedFor, forwarded: [] }, isTrusted);
  if (client.ok) return client.source;
  trail.note("warning", `Error parsing X-Forwarded-For header: ${client.reason}`);
  return undefined;
}

/**
 * By what a packet must be remembered. Its text is enough where an HMAC covers that for every stanza: one that takes packets
 * without HMAC would take this one again when its HMAC is cut off.
 */
function digestsOf({ digests, signatures }: Extract<Attempt, { kind: "opened" }>, stanzas: readonly ReadyStanza[]): readonly string[] {
  const isTextEnough = signatures === undefined && stanzas.every(({ hmac, KEY }) => hmac !== undefined || KEY === undefined);
  return isTextEnough ? digests.slice(0, 1) : digests;
}

/**
 * Makes what is remembered.
 *
 * @param sum a digest that it is known by
 * @param datagram how it came
 * @param now Unix time, seconds
 */
export function replayEntry(sum: string, datagram: Datagram, now: number): ReplayEntry {
  const { protocol, source, sourcePort, destination, destinationPort } = datagram;
  return { digest: sum, protocol, source, sourcePort, destination, destinationPort, createdAt: Math.floor(now) };
}

/** Seconds within which one TCP connection can be heard by its own socket and by a capture, and a browser sends a request again. */
const SAME_EVENT_SECONDS = 10;

/**
 * Not an attack: the same connection, heard on its socket and on the wire, or a segment that was sent again. Or a browser
 * (Firefox up to ten times) that repeats a request by other connections, since one was closed before it had the answer.
 */
function isHeardTwice(datagram: Datagram, original: ReplayEntry, now: number, isFromHttp: boolean): boolean {
  return (
    datagram.protocol === PROTOCOL_TCP &&
    original.protocol === PROTOCOL_TCP &&
    (isFromHttp || datagram.sourcePort === original.sourcePort) &&
    datagram.destinationPort === original.destinationPort &&
    original.source !== undefined &&
    equalIp(datagram.source, original.source) &&
    now - original.createdAt <= SAME_EVENT_SECONDS
  );
}

/** C's sentence, with both the repetition and the original. */
export function replayText(datagram: Datagram, original: ReplayEntry): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const at = new Date(original.createdAt * 1000);
  const date = `${two(at.getUTCMonth() + 1)}/${two(at.getUTCDate())}/${two(at.getUTCFullYear() % 100)}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return (
    `Replay detected from source IP: ${formatIp(datagram.source)}, Destination proto/port: ${datagram.protocol}/${datagram.destinationPort}, ` +
    `Original source IP: ${original.source ? formatIp(original.source) : "unknown"}, Original dst proto/port: ${original.protocol}/${original.destinationPort}, ` +
    `Entry created: ${date} ${time}`
  );
}
