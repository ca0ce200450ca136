/**
 * What the daemon decided about one packet. The log line, the JSON log and every other telling of it are renderings of
 * this one value.
 *
 * @module
 */

import type { PortSpec, SourceNat } from "../firewall/grant.ts";
import type { Message, Verified } from "../fko.ts";
import type { IpAddress } from "../ip.ts";
import type { LogRecord } from "./log-record.ts";
import type { ReplayEntry } from "./replay.ts";

/**
 * Why a packet was refused, from what anybody can send to what only those get to who have the keys and the rights: of
 * several stanzas' refusals the last one in this order is the packet's.
 */
export const REFUSAL_REASONS = [
  "size",
  "text",
  "http",
  "source",
  "filtered",
  "sequence",
  "expired",
  "no-key",
  "hmac",
  "decryption",
  "signer",
  "message",
  "replay",
  "os",
  "knock-limit",
  "age",
  "address",
  "user",
  "auth",
  "nat",
  "timeout",
  "command",
  "cycle",
  "ports",
  "test-mode",
] as const;

/** One of {@link REFUSAL_REASONS}. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** A packet that opens nothing. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  /** The line for the log; holds the phrase that programs match on. */
  readonly record: LogRecord;
  /** Where it stopped: number of the stanza, absent when none was reached. */
  readonly stanza?: number;
}

/** Where a NAT request wants to go; a name is still to be resolved. */
export interface NatWish {
  readonly kind: "forward" | "local";
  readonly host: string;
  readonly port: number;
  readonly rewriteDestination: boolean;
  readonly wholeHost: boolean;
  readonly sourceNat?: SourceNat;
}

/** What all acceptances have in common. */
export interface Accepted {
  /** Number of the stanza. */
  readonly stanza: number;
  readonly message: Verified<Message>;
  /** Unix time, seconds, of its arrival. */
  readonly arrivedAt: number;
  /** The packet's own source. */
  readonly packetSource: IpAddress;
  readonly packetDestination: IpAddress;
  /** The address that is granted. */
  readonly source: IpAddress;
}

/** A packet that opens ports. */
export interface Granted extends Accepted {
  readonly kind: "granted";
  readonly ports: readonly PortSpec[];
  readonly destination?: IpAddress;
  /** Answers are let out by other rules (ENABLE_OUTPUT_ACCESS N). */
  readonly withoutOutput?: true;
  /** Shortens a grant that lasts longer. */
  readonly endsEarlier?: true;
  readonly nat?: NatWish;
  /** So many leading bits of the address are granted (GRANT_PREFIX_V4, GRANT_PREFIX_V6); absent for all. */
  readonly sourcePrefix?: number;
  /** Ends with the first connection (GRANT_USES). */
  readonly once?: true;
  readonly lifetimeSeconds: number;
}

/** A packet that runs the command that it carries. */
export interface Commanded extends Accepted {
  readonly kind: "command";
  readonly command: string;
}

/** A packet that runs the stanza's own command now and another one later. */
export interface Cycled extends Accepted {
  readonly kind: "cycle";
  readonly ports: readonly PortSpec[];
  readonly lifetimeSeconds: number;
}

/** What became of a packet. */
export type Verdict = Refused | Granted | Commanded | Cycled;

/** A verdict, what was noticed on the way, and what must be remembered before anything is opened. */
export interface Decision {
  readonly verdict: Verdict;
  readonly notes: readonly LogRecord[];
  readonly remember: readonly ReplayEntry[];
}

/**
 * Compares how far two refusals came.
 *
 * @param left one refusal
 * @param right the other
 * @returns a positive number when `left` came further
 */
export function compareRefusals(left: Refused, right: Refused): number {
  return REFUSAL_REASONS.indexOf(left.reason) - REFUSAL_REASONS.indexOf(right.reason);
}
