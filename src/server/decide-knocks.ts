/**
 * From a sequence of knocks to a verdict: what it spells is read as a message, which meets the same policy as a packet's.
 *
 * @module
 */

import { encodeBase64 } from "../base64.ts";
import { utf8OrLatin1Text, wipe } from "../bytes.ts";
import type { AccessStanza } from "../config/access-config.ts";
import type { LoggedPacket } from "../firewall-log.ts";
import { decryptSalted, FORBIDDEN_IN_USERNAME, type Message, type Verified } from "../fko.ts";
import { digest } from "../hash.ts";
import { formatIp, ipFromBytes } from "../ip.ts";
import { matchesFingerprint } from "../os-fingerprint.ts";
import { KNOCK_NUMBERS, MAX_USERNAME_BYTES } from "../port-knock.ts";
import { sha256 } from "../sha.ts";
import { replayEntry, replayText } from "./decide.ts";
import type { Deciding } from "./decision-request.ts";
import type { BrokenSequence, HeardSequence, KnockSequences } from "./knock-sequences.ts";
import { applyPolicy, type PolicyContext } from "./policy.ts";
import type { ReplayEntry, ReplayMemory } from "./replay.ts";
import { type Refusing, Trail } from "./trail.ts";
import type { Decision, RefusalReason } from "./verdict.ts";

/** What a decision looks at. */
export interface KnockContext extends Omit<PolicyContext, "forwardedSource"> {
  readonly replay: ReplayMemory;
}

/** A stanza whose sequence a packet ended. */
export interface EndedSequence {
  readonly sequences: KnockSequences;
  readonly end: HeardSequence | BrokenSequence;
}

/**
 * Decides about the sequences that one packet ended.
 *
 * @param ended of different stanzas, in their order, at least one
 * @param packet the last knock
 * @param context configuration, replay memory and clock
 * @yields nothing: knocks bear neither a password nor anything for gpg
 * @returns the verdict, what to log, and what to remember before anything is opened
 */
export function* decideKnocks(ended: readonly EndedSequence[], packet: LoggedPacket, context: KnockContext): Deciding<Decision> {
  const trail = new Trail(packet, context.now);
  let remember: readonly ReplayEntry[] = [];
  for (const { sequences, end } of ended) {
    const { number } = sequences.stanza;
    const objection = end.kind === "broken" ? objectToBreak(end, sequences) : objectToSequence(end, sequences, packet, context);
    const message = objection ?? readSequence(end as HeardSequence, sequences.stanza, context.now);
    if ("reason" in message) {
      trail.refuseFor(message.reason, message.level, `[${formatIp(packet.source)}] (stanza #${number}) ${message.text}`, { stanza: number });
      continue;
    }
    if (message.knocks === "encrypted" && !context.testMode) remember = [replayEntry(sumOf(end as HeardSequence), packet, context.now)];
    // A shared sequence is a secret, an encrypted one was opened by the stanza's key: that is all the proof there is.
    const verdict = yield* applyPolicy(sequences.stanza, message as Verified<Message>, packet, { ...context, forwardedSource: undefined });
    if (verdict.kind !== "refused") return trail.end(remember, verdict);
    trail.refuse(verdict);
  }
  return trail.end(remember);
}

/** One that nearly was right is somebody's who wonders why nothing opens; others are noise. */
function objectToBreak({ count, why }: BrokenSequence, { length }: KnockSequences): Refusing {
  return { reason: "sequence", level: 2 * count >= length ? "warning" : "debug", text: `Port knocking ended after ${count} of ${length} knocks: ${why}` };
}

function objectToSequence(end: HeardSequence, sequences: KnockSequences, packet: LoggedPacket, { config, now, replay }: KnockContext): Refusing | undefined {
  const { ACCESS_EXPIRE, OS_FINGERPRINTS, KNOCK_LIMIT = Number.POSITIVE_INFINITY } = sequences.stanza;
  const warn = (reason: RefusalReason, text: string): Refusing => ({ reason, level: "warning", text });
  if (ACCESS_EXPIRE !== undefined && now > ACCESS_EXPIRE) return { reason: "expired", level: "info", text: "Access stanza has expired" };
  const original = end.spelled && replay.find(sumOf(end));
  if (original !== undefined) return warn("replay", replayText(packet, original));
  if (OS_FINGERPRINTS !== undefined && end.syn === undefined) {
    return warn("os", "The knocks tell no operating system: one must be over TCP and IPv4, and logged with its options (--log-tcp-options)");
  }
  if (OS_FINGERPRINTS !== undefined && !matchesFingerprint(end.syn!, OS_FINGERPRINTS, config.MAX_HOPS)) {
    return warn("os", "The knocks come from another operating system than is required");
  }
  if (sequences.grantsTo(packet.source) >= KNOCK_LIMIT) return warn("knock-limit", `No more than ${KNOCK_LIMIT} grants to one address (KNOCK_LIMIT)`);
  return undefined;
}

/** The salt makes each sequence another one. */
function sumOf({ spelled }: HeardSequence): string {
  return encodeBase64(digest(sha256, spelled!));
}

/** What knocks do not say. */
const EMPTY = { random: "", username: "", version: "", type: 1, digestType: "sha256" } as const satisfies Partial<Message>;

function readSequence({ spelled }: HeardSequence, stanza: AccessStanza, now: number): Message | Refusing {
  const timestamp = Math.floor(now);
  if (spelled === undefined) return { ...EMPTY, timestamp, knocks: "shared", message: `0.0.0.0,${sharedPorts(stanza)}` };
  const request = openRequest(spelled, stanza);
  if (request === undefined) return { reason: "decryption", level: "warning", text: "The knocks spell nothing that the stanza's key opens" };
  return { ...EMPTY, ...request, timestamp, knocks: "encrypted" };
}

/** All that the stanza opens: nobody asked for anything. */
function sharedPorts({ OPEN_PORTS }: AccessStanza): string {
  return OPEN_PORTS!.ranges.map(({ protocol, first }) => `${protocol}/${first}`).join(",");
}

/** Four bytes of address, two of port, one of protocol; a checksum and the user name follow. */
const REQUEST_LENGTH = 7;
const NAMES: ReadonlyMap<number, string> = /* @__PURE__ */ new Map(Object.entries(KNOCK_NUMBERS).map(([name, number]) => [number, name]));

function openRequest(spelled: Uint8Array, { KEY }: AccessStanza): Pick<Message, "username" | "message"> | undefined {
  const plaintext = KEY && decryptSalted(spelled, { mode: "perl", key: KEY });
  if (plaintext === undefined) return undefined;
  const request = readRequest(plaintext);
  wipe(plaintext);
  return request;
}

function readRequest(plaintext: Uint8Array): Pick<Message, "username" | "message"> | undefined {
  const [facts, name] = [plaintext.subarray(0, REQUEST_LENGTH), plaintext.subarray(REQUEST_LENGTH + 1)];
  const checksum = facts.reduce((sum, byte) => sum + byte, 0) & 0xff;
  const protocol = NAMES.get(facts[6]!);
  const username = utf8OrLatin1Text(name);
  if (plaintext[REQUEST_LENGTH] !== checksum || protocol === undefined || name.length > MAX_USERNAME_BYTES || FORBIDDEN_IN_USERNAME.test(username)) return undefined;
  return { username, message: `${formatIp(ipFromBytes(facts.subarray(0, 4)))},${protocol}/${facts[4]! * 256 + facts[5]!}` };
}
