/**
 * The lines that iptables' LOG target, nftables' log statement and ulogd write about packets.
 *
 * Such a file may hold other programs' lines too, and strangers choose words in those. So a line counts only when it is the
 * kernel's, or when the firewall's own prefix is the first of it; and only fields in front of a quoted packet are read.
 *
 * @module
 */

import { hexBytes } from "./bytes.ts";
import { parseIp } from "./ip.ts";
import type { SynFacts } from "./os-fingerprint.ts";
import { type Datagram, PROTOCOL_TCP, PROTOCOL_UDP } from "./packet.ts";

/** A packet that the firewall tells of. What it carried is not known. */
export interface LoggedPacket extends Datagram {
  /** Of TCP, when the line has all of it (iptables' --log-tcp-options). */
  readonly syn?: SynFacts;
}

/** What may stand in front of the firewall's prefix: priority, time and host (RFC 3164, RFC 5424), tag, time since the start. */
const HEAD = /^(?:<\d{1,3}>)?(?:(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)) \S+ )?(kernel: ?)?(?:\[ *\d+\.\d+\] ?)?/;
const NOTHING = /* @__PURE__ */ new Uint8Array(0);
/** What begins a conversation: knocks are nothing else. Names of protocols as the kernel writes them. */
const KINDS: ReadonlyMap<string, { readonly protocol: number; readonly isFirst: (fields: Fields) => boolean }> = /* @__PURE__ */ new Map(/* @__PURE__ */ Object.entries({
  TCP: { protocol: PROTOCOL_TCP, isFirst: ({ words }: Fields) => words.has("SYN") && !words.has("ACK") },
  UDP: { protocol: PROTOCOL_UDP, isFirst: () => true },
  ICMP: { protocol: 1, isFirst: ({ numberOf }: Fields) => numberOf("TYPE", 255) === 8 },
  ICMPv6: { protocol: 58, isFirst: ({ numberOf }: Fields) => numberOf("TYPE", 255) === 128 },
}));

/** The fields of a line. */
interface Fields {
  textOf(name: string): string;
  /** Undefined when it is absent, no number of digits, or larger. */
  numberOf(name: string, max: number): number | undefined;
  /** Those without a value. */
  readonly words: ReadonlySet<string>;
}

/**
 * Reads a line.
 *
 * @param line without its end
 * @param search what the firewall's prefix has in it (FW_MSG_SEARCH)
 * @param now Unix time, seconds: the packet's, since not all lines tell one
 * @returns the first packet of a conversation that came in here, or undefined: anything else
 */
export function parseLogLine(line: string, search: string, now: number): LoggedPacket | undefined {
  const [head, tag] = HEAD.exec(line)!;
  const message = line.slice(head.length);
  // IN= without a name: a packet of our own.
  const start = /IN=\S+ OUT=/.exec(message);
  if (start === null) return undefined;
  const prefix = message.slice(0, start.index);
  if (tag === undefined ? !prefix.startsWith(search) : !prefix.includes(search)) return undefined;
  const text = message.slice(start.index);
  const fields = readFields(text.split("[", 1)[0]!); // an ICMP error quotes the packet that it is about
  const kind = KINDS.get(fields.textOf("PROTO"));
  const [source, destination] = [parseIp(fields.textOf("SRC")), parseIp(fields.textOf("DST"))];
  if (kind === undefined || source === undefined || destination === undefined || !kind.isFirst(fields)) return undefined;
  const hasPorts = kind.protocol === PROTOCOL_TCP || kind.protocol === PROTOCOL_UDP;
  const [sourcePort, destinationPort] = hasPorts ? [fields.numberOf("SPT", 65535), fields.numberOf("DPT", 65535)] : [0, 0];
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  const syn = kind.protocol === PROTOCOL_TCP ? readSyn(text, fields) : undefined;
  return { payload: NOTHING, source, destination, protocol: kind.protocol, sourcePort, destinationPort, timestamp: now, ...(syn && { syn }) };
}

function readFields(text: string): Fields {
  const values = new Map<string, string>();
  const words = new Set<string>();
  for (const word of text.split(" ")) {
    const [name, value] = word.split("=", 2) as [string, string?];
    if (value === undefined) words.add(name);
    else if (!values.has(name)) values.set(name, value); // of two lengths the first is the packet's
  }
  const textOf = (name: string): string => values.get(name) ?? "";
  return {
    textOf,
    words,
    numberOf(name, max) {
      const value = textOf(name);
      return /^\d{1,5}$/.test(value) && Number(value) <= max ? Number(value) : undefined;
    },
  };
}

/** IPv6 has no such fingerprints: a line about it has no TTL. */
function readSyn(text: string, { numberOf, words }: Fields): SynFacts | undefined {
  const [window, ttl, length] = [numberOf("WINDOW", 65535), numberOf("TTL", 255), numberOf("LEN", 65535)];
  const options = hexBytes(/ URGP=\d+ OPT \(([\dA-F]*)\)/.exec(text)?.[1] ?? "-");
  if (window === undefined || ttl === undefined || length === undefined || options === undefined) return undefined;
  return { window, ttl, length, dontFragment: words.has("DF"), options };
}
