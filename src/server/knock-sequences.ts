/**
 * How far each source has come in the port knocking sequence of a stanza.
 *
 * Only the first knock of the sequence makes an entry, so a scan leaves next to nothing behind; and there are at most
 * {@link MAX_SOURCES} entries, of which the one is given up that was silent longest. To push an honest knocker out, as many
 * sources have to advance in the sequence between two of its knocks.
 *
 * @module
 */

import { utf8Bytes } from "../bytes.ts";
import type { AccessStanza } from "../config/access-config.ts";
import { matchesAddressList } from "../config/address-list.ts";
import type { LoggedPacket } from "../firewall-log.ts";
import { SALTED_MAGIC } from "../fko.ts";
import { type IpAddress, ipKey } from "../ip.ts";
import type { SynFacts } from "../os-fingerprint.ts";
import { ENCRYPTED_LENGTH, KNOCK_NUMBERS, MAX_STRANGERS, type PortKnock } from "../port-knock.ts";

/** Sources that are remembered for each sequence: two megabytes. */
export const MAX_SOURCES = 4096;

/** A sequence that was knocked to its end. */
export interface HeardSequence {
  readonly kind: "complete";
  /** What an encrypted sequence spells; undefined for a shared one. */
  readonly spelled: Uint8Array | undefined;
  /** The last of its packets that tells about its maker's system. */
  readonly syn: SynFacts | undefined;
}

/** A sequence that went wrong. */
export interface BrokenSequence {
  readonly kind: "broken";
  /** Knocks that were right. */
  readonly count: number;
  readonly why: string;
}

/** What a sequence makes of a packet: the knock that it waits for, with what that spells; one in its midst; none of its business. */
type Judgement = { readonly kind: "right"; readonly byte: number } | { readonly kind: "stranger" } | { readonly kind: "other" };

/** One sequence. */
interface Sequence {
  readonly length: number;
  judge(packet: LoggedPacket, step: number): Judgement;
  readonly isSpelled: boolean;
}

interface Attempt {
  readonly bytes: number[];
  readonly startedAt: number;
  at: number;
  last: LoggedPacket;
  strangers: number;
  syn: SynFacts | undefined;
}

const RIGHT: Judgement = { kind: "right", byte: 0 };
const STRANGER: Judgement = { kind: "stranger" };
const OTHER: Judgement = { kind: "other" };

function sharedSequence(knocks: readonly PortKnock[]): Sequence {
  const isKnock = (knock: PortKnock, { protocol, destinationPort }: LoggedPacket): boolean =>
    (knock.protocol === "icmp" ? protocol === KNOCK_NUMBERS.icmp || protocol === ICMPV6 : protocol === KNOCK_NUMBERS[knock.protocol] && knock.port === destinationPort);
  return { length: knocks.length, isSpelled: false, judge: (packet, step) => (isKnock(knocks[step]!, packet) ? RIGHT : STRANGER) };
}

const ICMPV6 = 58;
/** Every encrypted sequence begins with this, so that whoever scans the ports is found out soon. */
const MAGIC = /* @__PURE__ */ utf8Bytes(SALTED_MAGIC);

function encryptedSequence(offset: number): Sequence {
  return {
    length: ENCRYPTED_LENGTH,
    isSpelled: true,
    judge({ protocol, destinationPort }, step) {
      const byte = destinationPort - offset;
      const isSpelling = (protocol === KNOCK_NUMBERS.tcp || protocol === KNOCK_NUMBERS.udp) && byte >= 0 && byte <= 255;
      if (!isSpelling) return OTHER;
      return step >= MAGIC.length || byte === MAGIC[step] ? { kind: "right", byte } : STRANGER;
    },
  };
}

/** A connection's first packet that the kernel of the sender said again, or that two rules logged. */
const isRepeated = (packet: LoggedPacket, { protocol, sourcePort, destinationPort }: LoggedPacket): boolean =>
  packet.sourcePort > 0 && packet.protocol === protocol && packet.sourcePort === sourcePort && packet.destinationPort === destinationPort;

/** The sources on their way through one stanza's sequence. */
export class KnockSequences {
  readonly stanza: AccessStanza;
  readonly #sequence: Sequence;
  /** By address; the one that advanced last is the last. */
  readonly #attempts: Map<string, Attempt> = new Map();
  /** Grants by address; the one that had the last of them is the last. */
  readonly #grants: Map<string, number> = new Map();

  /** @param stanza one for port knocking */
  constructor(stanza: AccessStanza) {
    this.#sequence = stanza.SHARED_SEQUENCE === undefined ? encryptedSequence(stanza.PORT_OFFSET) : sharedSequence(stanza.SHARED_SEQUENCE);
    this.stanza = stanza;
  }

  /** Knocks of the sequence. */
  get length(): number {
    return this.#sequence.length;
  }

  /** How often the stanza opened for an address, as far as it is remembered. */
  grantsTo(source: IpAddress): number {
    return this.#grants.get(ipKey(source)) ?? 0;
  }

  /** Remembers that it did. */
  countGrant(source: IpAddress): void {
    if (this.stanza.KNOCK_LIMIT !== undefined) setLast(this.#grants, ipKey(source), this.grantsTo(source) + 1);
  }

  /** Whether the stanza is for a packet like this. */
  concerns({ source, destination }: LoggedPacket): boolean {
    const { SOURCE, DESTINATION } = this.stanza;
    return matchesAddressList(SOURCE, source) && (DESTINATION === undefined || matchesAddressList(DESTINATION, destination));
  }

  /** Sources that are on their way. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Takes a packet.
   *
   * @param packet from a source that the stanza is for
   * @param at a clock that never steps, seconds
   * @returns what came of the source's sequence, when this packet ended it
   */
  hear(packet: LoggedPacket, at: number): HeardSequence | BrokenSequence | undefined {
    const key = ipKey(packet.source);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return this.#begin(key, packet, at);
    if (isRepeated(packet, attempt.last)) return undefined;
    const judgement = this.#sequence.judge(packet, attempt.bytes.length);
    const why = this.#objection(attempt, judgement, at);
    if (why !== undefined) {
      this.#attempts.delete(key);
      return this.#begin(key, packet, at) ?? { kind: "broken", count: attempt.bytes.length, why };
    }
    if (judgement.kind === "right") return this.#advance(key, attempt, packet, judgement.byte, at);
    // Its sender has begun anew.
    if (judgement.kind === "stranger" && this.#sequence.judge(packet, 0).kind === "right") return this.#begin(key, packet, at);
    return undefined;
  }

  /** Why a source has to begin anew. */
  #objection(attempt: Attempt, { kind }: Judgement, at: number): string | undefined {
    const { KNOCK_INTERVAL, MIN_TIME_DIFF = 0, MAX_TIME_DIFF = Number.POSITIVE_INFINITY } = this.stanza;
    if (at - attempt.startedAt > KNOCK_INTERVAL) return `not done within ${KNOCK_INTERVAL} s (KNOCK_INTERVAL)`;
    // The limits are whole seconds, and a log is not read as fast as it is written.
    const gap = Math.round(at - attempt.at);
    if (gap > MAX_TIME_DIFF) return `the next knock did not come within ${MAX_TIME_DIFF} s (MAX_TIME_DIFF)`;
    if (kind === "right" && gap < MIN_TIME_DIFF) return `the next knock came before ${MIN_TIME_DIFF} s (MIN_TIME_DIFF)`;
    return kind === "stranger" && ++attempt.strangers > MAX_STRANGERS ? "too many other packets in its midst" : undefined;
  }

  #begin(key: string, packet: LoggedPacket, at: number): HeardSequence | undefined {
    const judgement = this.#sequence.judge(packet, 0);
    if (judgement.kind !== "right") return undefined;
    return this.#advance(key, { bytes: [], startedAt: at, at, last: packet, strangers: 0, syn: undefined }, packet, judgement.byte, at);
  }

  #advance(key: string, attempt: Attempt, packet: LoggedPacket, byte: number, at: number): HeardSequence | undefined {
    attempt.bytes.push(byte);
    attempt.at = at;
    attempt.last = packet;
    attempt.syn = packet.syn ?? attempt.syn;
    if (attempt.bytes.length === this.#sequence.length) {
      this.#attempts.delete(key);
      return { kind: "complete", spelled: this.#sequence.isSpelled ? Uint8Array.from(attempt.bytes) : undefined, syn: attempt.syn };
    }
    setLast(this.#attempts, key, attempt);
    return undefined;
  }
}

/** Makes an entry the last of its map, and gives the first up when there are too many. */
function setLast<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_SOURCES) map.delete(map.keys().next().value!);
}
