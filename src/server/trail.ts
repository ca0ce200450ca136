/**
 * What is noticed about one packet on its way through the stanzas: the refusal that came furthest is the packet's, all
 * else is for whoever debugs.
 *
 * @module
 */

import type { Message } from "../fko.ts";
import { formatIp } from "../ip.ts";
import type { Datagram } from "../packet.ts";
import type { LogLevel, LogRecord, LogValue } from "./log-record.ts";
import type { ReplayEntry } from "./replay.ts";
import { compareRefusals, type Decision, REFUSAL_REASONS, type RefusalReason, type Refused, type Verdict } from "./verdict.ts";

/** How far into a stanza a packet came. */
export interface Reached {
  readonly stanza?: number;
  /** Known once it was opened. */
  readonly message?: Message;
}

/**
 * What every record about a packet says to programs.
 *
 * @param datagram the packet
 * @param now Unix time, seconds
 * @param reached stanza and message, as far as they are known
 * @returns source, and where known stanza, user and clock skew (seconds; positive when the sender's clock is ahead)
 */
export function packetFields(datagram: Pick<Datagram, "source">, now: number, { stanza, message }: Reached): Readonly<Record<string, LogValue>> {
  return {
    source: formatIp(datagram.source),
    ...(stanza !== undefined && { stanza }),
    ...(message !== undefined && { user: message.username, skew: message.timestamp - Math.floor(now) }),
  };
}

/** Collects what is noticed about one packet. */
export class Trail {
  readonly #datagram: Datagram;
  readonly #now: number;
  readonly #notes: LogRecord[] = [];
  /** Where in the notes each stanza took the packet up. */
  readonly #takenUp: Map<number, number> = new Map();
  #furthest: Refused | undefined;

  constructor(datagram: Datagram, now: number) {
    this.#datagram = datagram;
    this.#now = now;
  }

  note(level: LogLevel, message: string): void {
    this.#notes.push({ level, message });
  }

  /** A stanza's addresses match: of interest to everybody when the packet is its, else to the debugging reader. */
  takeUp(stanza: number): void {
    this.#takenUp.set(stanza, this.#notes.length);
    this.note("debug", `(stanza #${stanza}) SPA Packet from IP: ${formatIp(this.#datagram.source)} received with access source match`);
  }

  /** Keeps the refusal that came furthest as the packet's; the others become notes. */
  refuse(refused: Refused): void {
    const [less, more] = this.#furthest === undefined || compareRefusals(refused, this.#furthest) > 0 ? [this.#furthest, refused] : [refused, this.#furthest];
    if (less !== undefined) this.#demote(less);
    this.#furthest = more;
  }

  refuseFor(reason: RefusalReason, level: LogLevel, text: string, reached: Reached = {}): void {
    const fields = { ...packetFields(this.#datagram, this.#now, reached), verdict: "refused", reason };
    this.refuse({ kind: "refused", reason, record: { level, message: text, fields }, ...(reached.stanza !== undefined && { stanza: reached.stanza }) });
  }

  /**
   * Ends the trail.
   *
   * @param remember what must not come again
   * @param accepted the verdict, when a stanza took the packet; else the furthest refusal is it
   */
  end(remember: readonly ReplayEntry[], accepted?: Verdict): Decision {
    if (accepted !== undefined && this.#furthest !== undefined) this.#demote(this.#furthest);
    const verdict = accepted ?? this.#furthest!;
    const at = verdict.stanza === undefined ? undefined : this.#takenUp.get(verdict.stanza);
    const isOfInterest = verdict.kind !== "refused" || verdict.record.level !== "debug";
    if (at !== undefined && isOfInterest) this.#notes[at] = { ...this.#notes[at]!, level: "info" };
    return { verdict, notes: this.#notes, remember };
  }

  /** A stanza whose keys did not fit is of interest to the debugging reader only; one that knew the sender and said no is not. */
  #demote({ reason, record }: Refused): void {
    const isOpened = REFUSAL_REASONS.indexOf(reason) >= REFUSAL_REASONS.indexOf("signer");
    this.#notes.push(isOpened ? record : { ...record, level: "debug" });
  }
}
