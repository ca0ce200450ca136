/**
 * From a datagram to a verdict.
 *
 * Cheap checks first: length, alphabet, source; then the HMAC in constant time; then the replay memory; only then
 * decryption; then policy. A stranger's packet costs one HMAC for each stanza whose SOURCE it matches and no decryption.
 * (C looks every digest up in a list first, and so lets strangers slow it down at will.)
 *
 * Nothing here has an effect. The one thing that it cannot do itself, OpenPGP decryption, it yields as a request.
 *
 * @module
 */

import type { AccessStanza } from "../config/access-config.ts";
import { matchesAddressList } from "../config/address-list.ts";
import { utf8Bytes } from "../bytes.ts";
import {
  checkHmac,
  DIGESTS,
  type Message,
  normalisePacket,
  type Opened,
  openBody,
  openPgpMessage,
  openPgpPrefix,
  openPlaintext,
  type Refusal,
  SALTED_PREFIX,
  type Verified,
} from "../fko.ts";
import { HmacKey } from "../hmac.ts";
import { unwrapSpaRequest } from "../http-request.ts";
import { containsIp, equalIp, formatIp, type IpAddress, parseIp } from "../ip.ts";
import type { Datagram } from "../packet.ts";
import type { LogLevel, LogRecord } from "./log-record.ts";
import { applyPolicy, type PolicyContext } from "./policy.ts";
import { plaintextDigest, replayDigest, type ReplayEntry, type ReplayMemory } from "./replay.ts";
import { checkSigner, type OpenPgpSignature } from "./signer.ts";
import { compareRefusals, type Decision, REFUSAL_REASONS, type RefusalReason, type Refused, type Verdict } from "./verdict.ts";

/** Shortest payload that can be a packet; anything below is background noise. */
export const MIN_PAYLOAD = 140;
/** From here on a packet may be OpenPGP. */
const MIN_OPENPGP_PACKET = 400;
/** IP protocol number. */
const TCP = 6;

/** A stanza with its HMAC key prepared, so that a packet costs no key handling. */
export interface ReadyStanza extends AccessStanza {
  readonly hmac?: HmacKey;
}

/**
 * Prepares a stanza for deciding.
 *
 * @param stanza as configured; its keys are shared, not copied
 * @returns the stanza with prepared HMAC state
 */
export function readyStanza(stanza: AccessStanza): ReadyStanza {
  return stanza.HMAC_KEY === undefined ? stanza : { ...stanza, hmac: new HmacKey(DIGESTS[stanza.HMAC_DIGEST_TYPE].hash, stanza.HMAC_KEY) };
}

/** What a decision looks at. */
export interface DecisionContext extends Omit<PolicyContext, "forwardedSource"> {
  readonly stanzas: readonly ReadyStanza[];
  readonly replay: ReplayMemory;
}

/** Asks for the decryption of an OpenPGP message with a stanza's GnuPG home and passphrase. */
export interface OpenPgpRequest {
  readonly stanza: AccessStanza;
  readonly message: Uint8Array;
}

/** What came of it. */
export type OpenPgpAnswer =
  | { readonly ok: true; readonly plaintext: Uint8Array; readonly signatures: readonly OpenPgpSignature[] }
  | { readonly ok: false; readonly reason: string };

/** Collects what is noticed about one packet. */
class Trail {
  readonly notes: LogRecord[] = [];
  readonly #datagram: Datagram;
  #furthest: Refused | undefined;

  constructor(datagram: Datagram) {
    this.#datagram = datagram;
  }

  note(level: LogLevel, message: string): void {
    this.notes.push({ level, message });
  }

  /** Keeps the refusal that came furthest as the packet's; the others become notes. */
  refuse(refused: Refused): void {
    const [less, more] = this.#furthest === undefined || compareRefusals(refused, this.#furthest) > 0 ? [this.#furthest, refused] : [refused, this.#furthest];
    if (less !== undefined) this.#demote(less);
    this.#furthest = more;
  }

  /** A stanza whose keys did not fit is of interest to the debugging reader only; one that knew the sender and said no is not. */
  #demote({ reason, record }: Refused): void {
    const isOpened = REFUSAL_REASONS.indexOf(reason) >= REFUSAL_REASONS.indexOf("signer");
    this.notes.push(isOpened ? record : { ...record, level: "debug" });
  }

  refuseFor(reason: RefusalReason, level: LogLevel, message: string, stanza?: number): void {
    const fields = { source: formatIp(this.#datagram.source), verdict: "refused", reason, ...(stanza !== undefined && { stanza }) };
    this.refuse({ kind: "refused", reason, record: { level, message, fields }, ...(stanza !== undefined && { stanza }) });
  }

  end(remember: readonly ReplayEntry[], accepted?: Verdict): Decision {
    if (accepted !== undefined && this.#furthest !== undefined) this.#demote(this.#furthest);
    const verdict = accepted ?? this.#furthest!;
    return { verdict, notes: this.notes, remember };
  }
}

/**
 * Decides about one datagram.
 *
 * @param datagram what arrived; its payload may be a view, nothing here keeps it
 * @param context configuration, replay memory and clock
 * @yields a request for each OpenPGP message that must be decrypted
 * @returns the verdict, what to log, and what to remember before anything is opened
 */
export function* decide(datagram: Datagram, context: DecisionContext): Generator<OpenPgpRequest, Decision, OpenPgpAnswer> {
  const trail = new Trail(datagram);
  const from = formatIp(datagram.source);
  const unwrapped = unwrap(datagram, context, trail);
  if (unwrapped === undefined) return trail.end([]);
  const { packet, forwardedSource } = unwrapped;

  const { BLACKLIST: blacklist } = context.config;
  if (blacklist !== undefined && matchesAddressList(blacklist, datagram.source)) {
    trail.refuseFor("source", "debug", `${from} is in BLACKLIST`);
    return trail.end([]);
  }
  if (!context.stanzas.some((stanza) => matchesAddressList(stanza.SOURCE, datagram.source))) {
    trail.refuseFor("source", "warning", `No access data found for source IP: ${from}`);
    return trail.end([]);
  }

  let remember: readonly ReplayEntry[] = [];
  for (const stanza of context.stanzas) {
    const who = `(stanza #${stanza.number})`;
    const reached =
      matchesAddressList(stanza.SOURCE, datagram.source) &&
      (stanza.DESTINATION === undefined || matchesAddressList(stanza.DESTINATION, datagram.destination));
    if (!reached) {
      trail.refuseFor("filtered", "debug", `${who} SPA packet (${from} -> ${formatIp(datagram.destination)}) filtered by SOURCE and/or DESTINATION criteria`, stanza.number);
      continue;
    }
    trail.note("info", `${who} SPA Packet from IP: ${from} received with access source match`);
    if (stanza.ACCESS_EXPIRE !== undefined && context.now > stanza.ACCESS_EXPIRE) {
      trail.refuseFor("expired", "info", `[${from}] ${who} Access stanza has expired`, stanza.number);
      continue;
    }

    const attempt = yield* open(packet, stanza, datagram, context);
    if (attempt.kind === "replay") {
      const level = isHeardTwice(datagram, attempt.entry, context.now) ? "debug" : "warning";
      trail.refuseFor("replay", level, replayText(datagram, attempt.entry), stanza.number);
      return trail.end([]);
    }
    if (attempt.kind === "refused") {
      trail.refuseFor(attempt.reason, attempt.level, attempt.text, stanza.number);
      continue;
    }

    if (remember.length === 0 && !context.testMode) remember = attempt.digests.map((sum) => replayEntry(sum, datagram, context.now));
    const { message } = attempt.opened;
    trail.note("debug", `[${from}] ${who} SPA Decode (res=0): user ${message.username}, type ${message.type}, message ${message.message}`);
    if (attempt.signatures !== undefined) {
      const signer = checkSigner(stanza, attempt.signatures);
      trail.note("info", `[${from}] ${who} ${signer.note}`);
      if (!signer.ok) {
        trail.refuseFor("signer", "warning", `[${from}] ${who} ${signer.text}`, stanza.number);
        continue;
      }
    }

    const verdict = applyPolicy(stanza, message, datagram, { ...context, forwardedSource });
    if (verdict.kind !== "refused") return trail.end(remember, verdict);
    trail.refuse(verdict);
  }
  return trail.end(remember);
}

/** Takes the packet out of what carried it; undefined when there is none (the trail says why). */
function unwrap(datagram: Datagram, context: DecisionContext, trail: Trail): { packet: Uint8Array; forwardedSource: IpAddress | undefined } | undefined {
  const { config } = context;
  const from = formatIp(datagram.source);
  const notSpa = (reason: RefusalReason, code: number, why: string) =>
    trail.refuseFor(reason, "debug", `[${from}] preprocess_spa_data() returned error ${code}: '${code === 4096 ? "Data is not a valid SPA message format" : "Data is not an SPA message"}' for incoming packet: ${why}`);

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
    trail.refuseFor("size", "debug", `[${from}] ${payload.length} bytes are too few for an SPA packet`);
    return undefined;
  }
  const normal = normalisePacket(payload);
  if (!normal.ok) {
    notSpa("text", 4098, normal.reason);
    return undefined;
  }
  return { packet: normal.packet, forwardedSource: request && forwardedSource(request.forwardedFor, datagram, context, trail) };
}

/** The client behind trusted proxies: the rightmost hop that is none of them. Nobody else is believed. */
function forwardedSource(headers: readonly string[], datagram: Datagram, { config }: DecisionContext, trail: Trail): IpAddress | undefined {
  const trusted = (ip: IpAddress) => config.TRUSTED_PROXIES.some((network) => containsIp(network, ip));
  if (!config.ENABLE_X_FORWARDED_FOR || headers.length === 0 || !trusted(datagram.source)) return undefined;
  const hops = headers.join(",").split(",");
  for (const hop of hops.reverse()) {
    const ip = parseIp(hop.trim());
    if (ip === undefined) {
      trail.note("warning", `Error parsing X-Forwarded-For header: value '${hop.trim()}' is not an IP address`);
      return undefined;
    }
    if (!trusted(ip)) return ip;
  }
  return undefined;
}

/** What became of the attempt to open a packet with one stanza's keys. */
type Attempt =
  | { readonly kind: "opened"; readonly opened: { readonly message: Verified<Message> }; readonly digests: readonly string[]; readonly signatures?: readonly OpenPgpSignature[] }
  | { readonly kind: "replay"; readonly entry: ReplayEntry }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly level: LogLevel; readonly text: string };

/** The ways in which a stanza can open a packet. */
interface Way {
  readonly prefix: string;
  /** The key that the stanza has for it. */
  readonly decrypt: (body: Uint8Array) => Generator<OpenPgpRequest, Decrypted, OpenPgpAnswer>;
}

type Decrypted = { readonly ok: true; readonly opened: Opened; readonly signatures?: readonly OpenPgpSignature[] } | { readonly ok: false; readonly reason: string; readonly code: number };

function* open(packet: Uint8Array, stanza: ReadyStanza, datagram: Datagram, context: DecisionContext): Generator<OpenPgpRequest, Attempt, OpenPgpAnswer> {
  const who = `(stanza #${stanza.number})`;
  const from = `[${formatIp(datagram.source)}]`;
  const ways = waysOf(packet, stanza);
  let furthest: Attempt = {
    kind: "refused",
    reason: "no-key",
    level: "warning",
    text: `${from} ${who} No stanza encryption mode match for encryption type: ${packet.length < MIN_OPENPGP_PACKET ? 1 : 2}.`,
  };
  for (const way of ways) {
    const checked = stanza.hmac ? checkHmac(packet, stanza.hmac, way.prefix) : { ok: true as const, body: packet };
    if (!checked.ok) {
      if (furthest.reason === "no-key") {
        furthest = { kind: "refused", reason: "hmac", level: "warning", text: `${from} ${who} Non-corresponding HMAC for this stanza: ${checked.reason}` };
      }
      continue;
    }
    const sum = replayDigest(packet, stanza.hmac !== undefined);
    const seen = context.replay.find(sum);
    if (seen !== undefined) return { kind: "replay", entry: seen };
    const decrypted: Decrypted = yield* way.decrypt(checked.body);
    if (!decrypted.ok) {
      furthest = { kind: "refused", reason: "decryption", level: "warning", text: `${from} ${who} Error creating fko context: ${decrypted.reason}` };
      continue;
    }
    const { opened, signatures } = decrypted;
    const inner = plaintextDigest(utf8Bytes(`${opened.encoded}:${opened.digest}`));
    const seenInner = context.replay.find(inner);
    if (seenInner !== undefined) return { kind: "replay", entry: seenInner };
    return { kind: "opened", opened, digests: stanza.hmac ? [sum] : [sum, inner], ...(signatures && { signatures }) };
  }
  return furthest;
}

/** C tells the two kinds apart by length alone; here a stanza tries what it has keys for. */
function waysOf(packet: Uint8Array, stanza: ReadyStanza): readonly Way[] {
  const ways: Way[] = [];
  const { KEY: key, ENCRYPTION_MODE: mode } = stanza;
  if (key !== undefined && mode !== "asymmetric") {
    ways.push({
      prefix: SALTED_PREFIX,
      *decrypt(body) {
        const opened = openBody(body, { mode, key, ...(stanza.hmac && { hmac: stanza.hmac }) });
        return opened.ok ? { ok: true, opened } : fromRefusal(opened);
      },
    });
  }
  if (stanza.ENABLE_GPG && packet.length >= MIN_OPENPGP_PACKET) {
    const prefix = openPgpPrefix(packet);
    ways.push({
      prefix,
      *decrypt(body) {
        const message = openPgpMessage(body, prefix);
        if (!message.ok) return fromRefusal(message);
        const answer = yield { stanza, message: message.message };
        if (!answer.ok) return { ok: false, code: 132, reason: `Decryption operation failed - GPG ERROR: ${answer.reason}` };
        const opened = openPlaintext(answer.plaintext, true);
        return opened.ok ? { ok: true, opened, signatures: answer.signatures } : fromRefusal(opened);
      },
    });
  }
  return ways;
}

const fromRefusal = ({ code, reason }: Refusal): Decrypted => ({ ok: false, code, reason });

function replayEntry(sum: string, datagram: Datagram, now: number): ReplayEntry {
  const { protocol, source, sourcePort, destination, destinationPort } = datagram;
  return { digest: sum, protocol, source, sourcePort, destination, destinationPort, createdAt: Math.floor(now) };
}

/** Seconds within which one TCP connection can be heard by its own socket and by a capture. */
const SAME_CONNECTION_SECONDS = 10;

/** Not an attack: the same connection, heard on its socket and on the wire, or a segment that was sent again. */
function isHeardTwice(datagram: Datagram, original: ReplayEntry, now: number): boolean {
  return (
    datagram.protocol === TCP &&
    original.protocol === TCP &&
    datagram.sourcePort === original.sourcePort &&
    datagram.destinationPort === original.destinationPort &&
    original.source !== undefined &&
    equalIp(datagram.source, original.source) &&
    now - original.createdAt <= SAME_CONNECTION_SECONDS
  );
}

/** C's sentence, with both the repetition and the original. */
function replayText(datagram: Datagram, original: ReplayEntry): string {
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
