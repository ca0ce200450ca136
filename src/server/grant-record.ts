/**
 * The one line that says what became of a packet that a stanza granted: who, what, until when, and by which rules.
 *
 * @module
 */

import { formatIp } from "../ip.ts";
import type { LogRecord } from "./log-record.ts";
import { packetFields, senderText } from "./trail.ts";
import type { Granted, NatWish } from "./verdict.ts";

/** What the firewall made of a grant. */
export type GrantOutcome =
  | {
    readonly ok: true;
    /** What is open now. */
    readonly rules: readonly { readonly chain: string; readonly words: readonly string[] }[];
    /** All of it was open already. */
    readonly renewed: boolean;
    /** Unix time, seconds, of the end of the first of them. */
    readonly expiresAt: number;
  }
  | { readonly ok: false; readonly reason: string };

/**
 * Makes the record of a grant.
 *
 * @param verdict what was granted
 * @param outcome what the firewall made of it
 * @param grantedAt Unix time, seconds, from which its time counts
 * @returns the final line about the packet, with its members for programs
 */
export function tellGrant(verdict: Granted, outcome: GrantOutcome, grantedAt: number): LogRecord {
  const { message, stanza, packetSource, nat, arrivedAt } = verdict;
  const who = `[${formatIp(packetSource)}] (stanza #${stanza})`;
  const client = formatIp(verdict.source);
  const ports = verdict.ports.map(({ protocol, port }) => `${protocol}/${port}`).join(",");
  const target = nat === undefined ? "" : ` through NAT to ${nat.wholeHost ? nat.host : endpoint(nat)}`;
  const by = senderText(message, arrivedAt);
  const fields = { ...packetFields({ source: packetSource }, arrivedAt, { stanza, message }), address: client, ports, ...(nat && { nat: endpoint(nat) }) };
  if (!outcome.ok) {
    return { level: "error", message: `${who} Could not grant ${ports} to ${client}${target}: ${outcome.reason} (${by})`, fields: { ...fields, verdict: "failed", reason: outcome.reason } };
  }
  const { expiresAt, renewed, rules } = outcome;
  const seconds = Math.max(0, Math.ceil(expiresAt - grantedAt));
  const rule = rules.map(({ chain, words }) => [chain, ...words].join(" ")).join("; ");
  return {
    level: "info",
    message: `${who} ${renewed ? "Renewed" : "Granted"} ${ports} for ${client}${target} for ${seconds} s, expires at ${expiresAt} (${by}) by ${rule}`,
    fields: {
      ...fields,
      verdict: renewed ? "renewed" : "granted",
      expiresAt,
      rule,
    },
  };
}

function endpoint({ host, port }: NatWish): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
