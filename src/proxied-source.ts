/**
 * Who sent what a proxy passed on: the PROXY protocol in front of a connection (HAProxy's specification, versions 1 and 2),
 * and the header fields X-Forwarded-For and Forwarded (RFC 7239).
 *
 * Anybody can write such lines. They are believed only of a peer that is trusted, and of a list only as far as those who
 * wrote it are: the client is the rightmost hop that is no trusted proxy.
 *
 * @module
 */

import { latin1Text } from "./bytes.ts";
import { printableText } from "./foreign-text.ts";
import { equalIp, type IpAddress, ipFromBytes, parseIp } from "./ip.ts";

/** What stands in front of a connection. */
export type ProxyHeader =
  | { readonly kind: "none" }
  | { readonly kind: "incomplete" }
  | { readonly kind: "broken"; readonly reason: string }
  /** Without a source the proxy speaks for itself (LOCAL, UNKNOWN). */
  | { readonly kind: "found"; readonly length: number; readonly source?: IpAddress };

const V1_START = "PROXY ";
/** §2.1: with its line end. */
const V1_MAX_LENGTH = 107;
/** §2.2. */
const V2_START = "\r\n\r\n\0\r\nQUIT\n";
const V2_HEAD_LENGTH = 16;
/** Addresses and a few additions; the specification allows 64 kB. */
const V2_MAX_LENGTH = 2048;
/** Bytes of an address, by the family in the upper half of byte 13. */
const V2_ADDRESS_LENGTHS: Readonly<Record<number, number>> = { 1: 4, 2: 16 };

/**
 * Reads the PROXY header that a connection begins with.
 *
 * @param bytes what has come so far
 * @returns what is there; bytes that are no such header are `none`
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const start = latin1Text(bytes.subarray(0, V2_START.length));
  if (start.startsWith(V1_START)) return parseVersion1(bytes);
  if (start === V2_START) return parseVersion2(bytes);
  const isBeginning = start !== "" && (V1_START.startsWith(start) || V2_START.startsWith(start));
  return { kind: isBeginning ? "incomplete" : "none" };
}

function parseVersion1(bytes: Uint8Array): ProxyHeader {
  const text = latin1Text(bytes.subarray(0, V1_MAX_LENGTH));
  const end = text.indexOf("\r\n");
  if (end < 0) return text.length < V1_MAX_LENGTH ? { kind: "incomplete" } : broken("its line does not end", text);
  const line = text.slice(0, end);
  const length = end + 2;
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { kind: "found", length };
  const [, family, source, destination] = /^PROXY TCP([46]) (\S+) (\S+) \d{1,5} \d{1,5}$/.exec(line) ?? [];
  const [from, to] = [source, destination].map((address) => parseIp(address ?? ""));
  const isOfFamily = (address: string | undefined): boolean => address?.includes(":") === (family === "6");
  if (from === undefined || to === undefined || !isOfFamily(source) || !isOfFamily(destination)) return broken("expected 'PROXY TCP4 SOURCE DESTINATION PORT PORT'", line);
  return { kind: "found", length, source: from };
}

function parseVersion2(bytes: Uint8Array): ProxyHeader {
  if (bytes.length < V2_HEAD_LENGTH) return { kind: "incomplete" };
  const [versionAndCommand, family, high, low] = bytes.subarray(12) as unknown as [number, number, number, number];
  const length = V2_HEAD_LENGTH + 256 * high + low;
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1) return { kind: "broken", reason: `expected version 2 and command 0 or 1, got ${versionAndCommand}` };
  if (length > V2_MAX_LENGTH) return { kind: "broken", reason: `expected at most ${V2_MAX_LENGTH} bytes, got ${length}` };
  if (bytes.length < length) return { kind: "incomplete" };
  const addressLength = V2_ADDRESS_LENGTHS[family >> 4];
  if (command === 0 || addressLength === undefined) return { kind: "found", length };
  // Two addresses, two ports of two bytes each.
  if (length < V2_HEAD_LENGTH + 2 * addressLength + 4) return { kind: "broken", reason: "it is too short for its addresses" };
  return { kind: "found", length, source: ipFromBytes(bytes.subarray(V2_HEAD_LENGTH, V2_HEAD_LENGTH + addressLength)) };
}

function broken(expected: string, text: string): ProxyHeader {
  return { kind: "broken", reason: `${expected}, got '${printableText(text)}'` };
}

/** Whom a request came from, or why that cannot be said. */
export type ProxiedSource = { readonly ok: true; readonly source: IpAddress } | { readonly ok: false; readonly reason: string };

/** The fields of a request that name hops, in their order, unparsed. */
export interface ForwardingFields {
  readonly forwardedFor: readonly string[];
  readonly forwarded: readonly string[];
}

/**
 * Finds the client of a request.
 *
 * @param peer who passed it to us
 * @param fields what its header says
 * @param isTrusted whether an address is a proxy of ours
 * @returns the client. The peer, when it is nobody's proxy or says nothing; a refusal when a trusted proxy says something
 *   that cannot be read, or when the two fields disagree: then a client wrote one of them, and nobody knows which
 */
export function findClient(peer: IpAddress, fields: ForwardingFields, isTrusted: (ip: IpAddress) => boolean): ProxiedSource {
  if (!isTrusted(peer)) return { ok: true, source: peer };
  const lists: (readonly string[])[] = [];
  if (fields.forwardedFor.length > 0) lists.push(fields.forwardedFor.join(",").split(",").map((hop) => hop.trim()));
  if (fields.forwarded.length > 0) {
    const hops = forwardedHops(fields.forwarded.join(","));
    if (hops === undefined) return { ok: false, reason: `expected 'for=ADDRESS' in each part of Forwarded, got '${printableText(fields.forwarded.join(","))}'` };
    lists.push(hops);
  }
  let found: IpAddress | undefined;
  for (const hops of lists) {
    const client = walkHops(hops, isTrusted);
    if (!client.ok) return client;
    if (found !== undefined && !equalIp(found, client.source)) return { ok: false, reason: "X-Forwarded-For and Forwarded name different clients" };
    found = client.source;
  }
  return { ok: true, source: found ?? peer };
}

/** From the right; when all are trusted, the leftmost is the client. */
function walkHops(hops: readonly string[], isTrusted: (ip: IpAddress) => boolean): ProxiedSource {
  let last: IpAddress | undefined;
  for (const hop of [...hops].reverse()) {
    last = parseIp(hop);
    if (last === undefined) return { ok: false, reason: `value '${printableText(hop)}' is not an IP address` };
    if (!isTrusted(last)) break;
  }
  return { ok: true, source: last! };
}

/**
 * RFC 7239 §4: elements between commas, pairs between semicolons, values that may be quoted (a quote that is not closed goes
 * on to the end, so that it is looked at once); §6: a node with or without port.
 */
function forwardedHops(text: string): string[] | undefined {
  const hops: string[] = [];
  for (const element of text.match(/(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^",])+/g) ?? []) {
    const [, quoted, plain] = /(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^\s;,"]*))\s*(?:;|$)/i.exec(element.trim()) ?? [];
    const node = quoted ?? plain;
    if (node === undefined) return undefined;
    hops.push(/^\[([^\]]*)\](?::\d{1,5})?$/.exec(node)?.[1] ?? node.replace(/^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/, "$1"));
  }
  return hops;
}
