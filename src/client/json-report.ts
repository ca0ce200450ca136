/**
 * What `--json` prints: what was sent, without anything secret.
 *
 * @module
 */

import { MESSAGE_TYPES } from "../fko-message.ts";
import type { ListedPacket } from "./listing.ts";
import type { SendTarget } from "./send-target.ts";

/** What became of the packet. */
export interface Outcome {
  readonly sent: boolean;
  readonly bytesSent: number;
  /** Where it went; the proxy's with one. */
  readonly address?: string;
  /** What `--verify` found. */
  readonly verify?: { readonly port: string; readonly state: string; readonly knocks: number };
}

/**
 * Describes a run.
 *
 * @param listed the packet
 * @param target how it was sent
 * @param outcome what became of it
 * @returns one line of JSON; absent members are null
 */
export function formatJsonReport(listed: ListedPacket, target: SendTarget, outcome: Outcome): string {
  const { message, hmac, mode } = listed;
  return JSON.stringify({
    sent: outcome.sent,
    bytesSent: outcome.bytesSent,
    protocol: target.transport,
    server: target.host,
    address: outcome.address ?? null,
    port: target.transport === "icmp" ? null : target.port,
    sourcePort: target.sourcePort ?? null,
    random: message.random,
    username: message.username,
    timestamp: message.timestamp,
    version: message.version,
    messageType: message.type,
    messageTypeName: MESSAGE_TYPES[message.type].label,
    message: message.message,
    natAccess: message.natAccess ?? null,
    clientTimeout: message.clientTimeout ?? null,
    digestType: message.digestType,
    hmacType: hmac?.type ?? null,
    encryptionMode: mode,
    packet: listed.packet,
    verify: outcome.verify ?? null,
  });
}
