/**
 * From a captured frame to the payload of a UDP, TCP or ICMP packet. Checksums are not looked at: the
 * kernel that will answer has its own opinion, and raw senders leave them 0.
 *
 * Sources: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 4302 (AH), RFC 768, RFC 9293, RFC 792, RFC 4443.
 *
 * @module
 */

import { type FrameCursor, readUint16 } from "./_frame.ts";
import { type IpAddress, ipFromBytes } from "./ip.ts";
import { findIpPacket, type LinkRefusal } from "./link-layer.ts";
import type { PcapRecord } from "./pcap-reader.ts";

/** What a packet carried, and between whom. TCP is not reassembled: each segment is a datagram here. */
export interface Datagram {
  /** A view of the capture buffer: copy it when it is kept longer than the next step of the reader. */
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6. */
  readonly protocol: number;
  /** 0 for ICMP. */
  readonly sourcePort: number;
  /** 0 for ICMP. */
  readonly destinationPort: number;
  /** Unix time in seconds with its fraction; 0 when the capture did not record any. */
  readonly timestamp: number;
  /** A listener took it out of a web request, and its source is whom the request came from. */
  readonly isFromHttp?: true;
}

/** Why a frame is not a datagram: a row of {@link PACKET_REFUSALS}. */
export type PacketRefusal =
  | LinkRefusal
  | "malformed-ip"
  | "fragment"
  | "jumbogram"
  | "other-protocol"
  | "malformed-transport";

/** The refusals, each with its meaning, in the order in which the checks are made. */
export const PACKET_REFUSALS: Readonly<Record<PacketRefusal, string>> = {
  "unknown-link": "the capture has a link type that is not understood",
  "malformed-link": "the frame ends inside its link-layer header",
  "not-ip": "the frame carries something else than IP",
  "malformed-ip": "the IP header contradicts itself or the frame",
  jumbogram: "the IPv6 packet is longer than 65535 bytes",
  fragment: "the IP packet is a fragment",
  "other-protocol": "the IP packet carries something else than UDP, TCP or ICMP",
  "malformed-transport": "the UDP, TCP or ICMP header contradicts itself or the IP packet",
  snapped: "the capture cut the frame before the end of its payload",
};

/**
 * Where the parts of a packet lie. Filled again and again, so that the frames of no interest cost no
 * object: look at the numbers first, and call {@link datagramOf} for what is worth it.
 */
export interface PacketLayout extends FrameCursor {
  ipVersion: 4 | 6;
  sourceOffset: number;
  destinationOffset: number;
  /** IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6. */
  protocol: number;
  /** 0 for ICMP. */
  sourcePort: number;
  /** 0 for ICMP. */
  destinationPort: number;
  /** TCP's number of the payload's first byte; 0 for the others. */
  sequence: number;
  payloadOffset: number;
  payloadLength: number;
}

const PROTOCOL_HOP_BY_HOP = 0;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ROUTING = 43;
const PROTOCOL_FRAGMENT = 44;
const PROTOCOL_AUTHENTICATION = 51;
const PROTOCOL_ICMPV6 = 58;
const PROTOCOL_DESTINATION_OPTIONS = 60;

/**
 * Makes an empty layout for {@link parsePacket} to fill.
 *
 * @returns a fresh object, the caller's own
 */
export function createPacketLayout(): PacketLayout {
  return {
    buffer: new Uint8Array(0),
    at: 0,
    end: 0,
    wireEnd: 0,
    ipVersion: 4,
    sourceOffset: 0,
    destinationOffset: 0,
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    payloadOffset: 0,
    payloadLength: 0,
  };
}

/**
 * Makes one counter a refusal.
 *
 * @returns a fresh table, all 0
 */
export function createRefusalCounts(): Record<PacketRefusal, number> {
  return Object.fromEntries(Object.keys(PACKET_REFUSALS).map((refusal) => [refusal, 0])) as Record<PacketRefusal, number>;
}

/**
 * Finds the parts of a packet. No bytes make it throw, and it makes no object.
 *
 * @param record the captured frame
 * @param layout is filled; when the packet is refused its content means nothing
 * @returns undefined when the packet was accepted, else the reason
 */
export function parsePacket(record: PcapRecord, layout: PacketLayout): PacketRefusal | undefined {
  const captured = record.capturedLength;
  layout.buffer = record.buffer;
  layout.at = record.offset;
  layout.end = record.offset + captured;
  layout.wireEnd = record.offset + (record.originalLength > captured ? record.originalLength : captured);
  const version = findIpPacket(record.linkType, layout);
  if (version === 4) return parseIpv4(layout);
  if (version === 6) return parseIpv6(layout);
  return version;
}

/**
 * Makes the datagram of an accepted packet.
 *
 * @param record the captured frame
 * @param layout as {@link parsePacket} filled it for this very record
 * @returns a fresh object: its payload is a view of the record's buffer, its addresses are copies
 */
export function datagramOf(record: PcapRecord, layout: PacketLayout): Datagram {
  const { buffer, sourceOffset, destinationOffset, payloadOffset } = layout;
  const addressLength = layout.ipVersion === 4 ? 4 : 16;
  return {
    payload: buffer.subarray(payloadOffset, payloadOffset + layout.payloadLength),
    source: ipFromBytes(buffer.subarray(sourceOffset, sourceOffset + addressLength)),
    destination: ipFromBytes(buffer.subarray(destinationOffset, destinationOffset + addressLength)),
    protocol: layout.protocol,
    sourcePort: layout.sourcePort,
    destinationPort: layout.destinationPort,
    timestamp: record.timestampSeconds + record.timestampNanoseconds / 1e9,
  };
}

function parseIpv4(layout: PacketLayout): PacketRefusal | undefined {
  const { buffer, at, wireEnd } = layout;
  if (at + 20 > layout.end) return missing(layout, at + 20);
  const first = buffer[at]!;
  const headerLength = (first & 0x0f) * 4;
  const totalLength = readUint16(buffer, at + 2);
  if (first >> 4 !== 4 || headerLength < 20) return "malformed-ip";
  // Length 0: the packet was captured before the network card was to cut it up (segmentation offload).
  const packetEnd = totalLength === 0 ? wireEnd : at + totalLength;
  if (at + headerLength > packetEnd || packetEnd > wireEnd) return "malformed-ip";
  // More fragments, or an offset (RFC 791 §3.1).
  if ((readUint16(buffer, at + 6) & 0x3fff) !== 0) return "fragment";
  const protocol = buffer[at + 9]!;
  if (protocol === PROTOCOL_ICMPV6) return "other-protocol";
  layout.ipVersion = 4;
  layout.sourceOffset = at + 12;
  layout.destinationOffset = at + 16;
  return parseTransport(layout, protocol, at + headerLength, packetEnd);
}

function parseIpv6(layout: PacketLayout): PacketRefusal | undefined {
  const { buffer, end } = layout;
  const start = layout.at;
  let at = start + 40;
  if (at > end) return missing(layout, at);
  if (buffer[start]! >> 4 !== 6) return "malformed-ip";
  const payloadLength = readUint16(buffer, start + 4);
  let protocol = buffer[start + 6]!;
  // RFC 2675 §3: the true length is in a hop-by-hop option.
  if (payloadLength === 0 && protocol === PROTOCOL_HOP_BY_HOP) return "jumbogram";
  const packetEnd = at + payloadLength;
  if (packetEnd > layout.wireEnd) return "malformed-ip";
  layout.ipVersion = 6;
  layout.sourceOffset = start + 8;
  layout.destinationOffset = start + 24;
  // Each extension header is 8 bytes at least, so this ends with the packet.
  for (;;) {
    switch (protocol) {
      case PROTOCOL_HOP_BY_HOP:
        if (at !== start + 40) return "malformed-ip"; // RFC 8200 §4.1
        break;
      case PROTOCOL_ROUTING:
      case PROTOCOL_DESTINATION_OPTIONS:
      case PROTOCOL_FRAGMENT:
      case PROTOCOL_AUTHENTICATION:
        break;
      case PROTOCOL_ICMP:
        return "other-protocol";
      default:
        return parseTransport(layout, protocol, at, packetEnd);
    }
    if (at + 8 > packetEnd) return "malformed-ip";
    if (at + 8 > end) return "snapped";
    // An atomic fragment, offset 0 and no more to come, is a whole packet (RFC 6946).
    if (protocol === PROTOCOL_FRAGMENT && (readUint16(buffer, at + 2) & 0xfff9) !== 0) return "fragment";
    const next = buffer[at]!;
    at += extensionLength(protocol, buffer[at + 1]!);
    protocol = next;
    if (at > packetEnd) return "malformed-ip";
  }
}

/** Gives an extension header's length in bytes from its length field, which counts in each header's own way. */
function extensionLength(protocol: number, field: number): number {
  if (protocol === PROTOCOL_FRAGMENT) return 8; // the field is reserved
  return protocol === PROTOCOL_AUTHENTICATION ? (field + 2) * 4 : (field + 1) * 8;
}

function parseTransport(layout: PacketLayout, protocol: number, at: number, packetEnd: number): PacketRefusal | undefined {
  const { buffer, end } = layout;
  let headerLength: number;
  let segmentEnd = packetEnd;
  layout.sourcePort = layout.destinationPort = layout.sequence = 0;
  switch (protocol) {
    case PROTOCOL_UDP: {
      headerLength = 8;
      if (at + 8 > packetEnd) return "malformed-transport";
      if (at + 8 > end) return "snapped";
      const length = readUint16(buffer, at + 4);
      segmentEnd = at + length;
      if (length < 8 || segmentEnd > packetEnd) return "malformed-transport";
      readPorts(layout, at);
      break;
    }
    case PROTOCOL_TCP:
      if (at + 20 > packetEnd) return "malformed-transport";
      if (at + 20 > end) return "snapped";
      headerLength = (buffer[at + 12]! >> 4) * 4;
      if (headerLength < 20 || at + headerLength > packetEnd) return "malformed-transport";
      layout.sequence = readUint16(buffer, at + 4) * 0x10000 + readUint16(buffer, at + 6);
      readPorts(layout, at);
      break;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      headerLength = 8;
      if (at + 8 > packetEnd) return "malformed-transport";
      break;
    default:
      return "other-protocol";
  }
  if (segmentEnd > end) return "snapped";
  layout.protocol = protocol;
  layout.payloadOffset = at + headerLength;
  layout.payloadLength = segmentEnd - layout.payloadOffset;
  return undefined;
}

/** UDP and TCP begin alike. */
function readPorts(layout: PacketLayout, at: number): void {
  layout.sourcePort = readUint16(layout.buffer, at);
  layout.destinationPort = readUint16(layout.buffer, at + 2);
}

/** Why bytes are missing that a header should have: they never were in the frame, or the capture cut them off. */
function missing(layout: PacketLayout, neededEnd: number): "snapped" | "malformed-ip" {
  return neededEnd > layout.wireEnd ? "malformed-ip" : "snapped";
}
