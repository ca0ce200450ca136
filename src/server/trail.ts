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
    ...(message !== undefined && saidOf(message, now)),
  };
}

function saidOf({ username: user, timestamp, knocks }: Message, now: number): Readonly<Record<string, LogValue>> {
  if (knocks === undefined) return { user, skew: timestamp - Math.floor(now) };
  return { knocks, ...(knocks === "encrypted" && { user }) };
}

/**
 * Says how far a sender's clock is off.
 *
 * @param skew seconds, positive when it is ahead
 * @returns a few words
 */
export function skewText(skew: number): string {
  return skew === 0 ? "clock exact" : `clock ${Math.abs(skew)} s ${skew > 0 ? "ahead" : "behind"}`;
}

/**
 * Says who sent a packet that was opened, and by which clock.
 *
 * @param message what the packet said
 * @param now Unix time, seconds
 * @returns a few words
 */
export function senderText({ username, timestamp, knocks }: Message, now: number): string {
  if (knocks !== undefined) return knocks === "shared" ? "by a shared sequence of knocks" : `user ${username}, by encrypted knocks`;
  return `user ${username}, ${skewText(timestamp - Math.floor(now))}`;
}

/** Why a packet is refused. */
export interface Refusing {
  readonly reason: RefusalReason;
  readonly level: LogLevel;
  /** The line for the log, without what it says of the sender. */
  readonly text: string;
}

/**
 * Makes a refusal, with its record for people and programs.
 *
 * @param datagram the packet
 * @param now Unix time, seconds
 * @param reached how far it came
 * @param refusing why
 * @returns the verdict
 */
export function refusal(datagram: Pick<Datagram, "source">, now: number, reached: Reached, { reason, level, text }: Refusing): Refused {
  const { stanza, message } = reached;
  return {
    kind: "refused",
    reason,
    record: {
      level,
      message: message === undefined ? text : `${text} (${senderText(message, now)})`,
      fields: { ...packetFields(datagram, now, reached), verdict: "refused", reason },
    },
    ...(stanza !== undefined && { stanza }),
  };
}

/** One thing that was noticed. */
interface Note {
  readonly record: LogRecord;
  /** Number of the stanza that took the packet up here. */
  readonly takenUpBy?: number;
  /** The refusal that this note tells. */
  readonly refused?: Refused;
}

/** Collects what is noticed about one packet. */
export class Trail {
  readonly #datagram: Datagram;
  readonly #now: number;
  readonly #notes: Note[] = [];
  #furthest: Refused | undefined;

  /**
   * @param datagram the packet
   * @param now Unix time, seconds
   */
  constructor(datagram: Datagram, now: number) {
    this.#datagram = datagram;
    this.#now = now;
  }

  /** Notes a line that is no refusal. */
  note(level: LogLevel, message: string): void {
    this.#notes.push({ record: { level, message } });
  }

  /** A stanza's addresses match: of interest to everybody when the packet is its, else to the debugging reader. */
  takeUp(stanza: number): void {
    const message = `(stanza #${stanza}) SPA Packet from IP: ${formatIp(this.#datagram.source)} received with access source match`;
    this.#notes.push({ record: { level: "debug", message }, takenUpBy: stanza });
  }

  /** Notes a refusal in its place; the one that came furthest, of several the last, is the packet's. */
  refuse(refused: Refused): void {
    if (this.#furthest === undefined || compareRefusals(refused, this.#furthest) >= 0) this.#furthest = refused;
    this.#notes.push({ record: noteOf(refused), refused });
  }

  /** Makes a refusal and notes it; see {@link refusal}. */
  refuseFor(reason: RefusalReason, level: LogLevel, text: string, reached: Reached = {}): void {
    this.refuse(refusal(this.#datagram, this.#now, reached, { reason, level, text }));
  }

  /**
   * Ends the trail.
   *
   * @param remember what must not come again
   * @param accepted the verdict, when a stanza took the packet; else the furthest refusal is it, and one must have been noted
   */
  end(remember: readonly ReplayEntry[], accepted?: Verdict): Decision {
    const verdict = accepted ?? this.#furthest!;
    const isOfInterest = verdict.kind !== "refused" || verdict.record.level !== "debug";
    const notes = this.#notes
      .filter(({ refused }) => refused !== verdict)
      .map(({ record, takenUpBy }): LogRecord => (isOfInterest && takenUpBy !== undefined && takenUpBy === verdict.stanza ? { ...record, level: "info" } : record));
    return { verdict, notes, remember };
  }
}

/**
 * A refusal that is not the packet's. That a stanza's keys did not fit is of interest to the debugging reader only; that one
 * which knew the sender said no is not. Neither is the verdict about the packet.
 */
function noteOf({ reason, record: { level, message, fields: { verdict: _, ...fields } = {} } }: Refused): LogRecord {
  const isOpened = REFUSAL_REASONS.indexOf(reason) >= REFUSAL_REASONS.indexOf("signer");
  return { level: isOpened ? level : "debug", message, fields };
}
