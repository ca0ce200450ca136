/**
 * Whole IP packets, made by hand, with correct checksums: a spoofed source, a TCP segment without
 * a connection, an ICMP message. Something with raw sockets puts them on the wire.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import type { IpAddress } from "../ip.ts";

/** What every packet has. Source and destination are of one family. */
export interface RawPacketOptions {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly payload: Uint8Array;
  /** IPv4 identification, 0..65535; with 0, the default, Linux chooses one. */
  readonly identification?: number;
  /** TTL or hop limit, 0..255; 255 when absent. */
  readonly timeToLive?: number;
}

/** A UDP datagram. */
export interface RawUdpOptions extends RawPacketOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** One TCP segment, by default the one that the C client sends: a SYN with a payload. */
export interface RawTcpOptions extends RawUdpOptions {
  /** Control bits, RFC 9293 §3.1; SYN (2) when absent. */
  readonly flags?: number;
  /** 1 when absent. */
  readonly sequence?: number;
  /** 0 when absent. */
  readonly acknowledgment?: number;
  /** 32767 when absent. */
  readonly window?: number;
}

/** An ICMP or ICMPv6 message. */
export interface RawIcmpOptions extends RawPacketOptions {
  /** As the family of the addresses numbers it: echo request is 8 for IPv4, 128 for IPv6. */
  readonly type: number;
  readonly code: number;
  /** For an echo request, 0..65535; its sequence number is then 1. Both are 0 for any other message. */
  readonly echoIdentifier?: number;
}

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;

/**
 * Builds IP and UDP header around a payload.
 *
 * @param options addresses, ports and payload
 * @returns a fresh packet, from the IP header on
 * @throws RangeError for a value that its field cannot hold, or addresses of two families
 */
export function buildUdpPacket(options: RawUdpOptions): Bytes {
  const header = new Uint8Array(8);
  writePorts(header, options);
  writeUint16(header, 4, inRange("UDP length", 8 + options.payload.length, 0xffff));
  return buildIpPacket(options, UDP, header, 6);
}

/**
 * Builds IP and TCP header around a payload.
 *
 * @param options addresses, ports, payload, and what differs from a bare SYN
 * @returns a fresh packet, from the IP header on
 * @throws RangeError for a value that its field cannot hold, or addresses of two families
 */
export function buildTcpPacket(options: RawTcpOptions): Bytes {
  const header = new Uint8Array(20);
  writePorts(header, options);
  const view = new DataView(header.buffer);
  view.setUint32(4, inRange("sequence number", options.sequence ?? 1, 0xffffffff));
  view.setUint32(8, inRange("acknowledgment number", options.acknowledgment ?? 0, 0xffffffff));
  header[12] = 5 << 4; // data offset in words
  header[13] = inRange("flags", options.flags ?? 2, 0xff);
  writeUint16(header, 14, inRange("window", options.window ?? 32767, 0xffff));
  return buildIpPacket(options, TCP, header, 16);
}

/**
 * Builds IP and ICMP header around a payload; ICMPv6 between IPv6 addresses.
 *
 * @param options addresses, type, code and payload
 * @returns a fresh packet, from the IP header on
 * @throws RangeError for a value that its field cannot hold, or addresses of two families
 */
export function buildIcmpPacket(options: RawIcmpOptions): Bytes {
  const isIpv6 = options.destination.version === 6;
  const header = new Uint8Array(8);
  header[0] = inRange("ICMP type", options.type, 0xff);
  header[1] = inRange("ICMP code", options.code, 0xff);
  if (options.type === (isIpv6 ? 128 : 8) && options.code === 0) {
    writeUint16(header, 4, inRange("echo identifier", options.echoIdentifier ?? 0, 0xffff));
    writeUint16(header, 6, 1);
  }
  return buildIpPacket(options, isIpv6 ? ICMPV6 : ICMP, header, 2);
}

function writePorts(header: Uint8Array, options: RawUdpOptions): void {
  writeUint16(header, 0, inRange("source port", options.sourcePort, 0xffff));
  writeUint16(header, 2, inRange("destination port", options.destinationPort, 0xffff));
}

/** Joins IP header, transport header and payload, and fills in both checksums. */
function buildIpPacket(options: RawPacketOptions, protocol: number, transport: Uint8Array, checksumOffset: number): Bytes {
  const { source, destination, payload } = options;
  if (source.version !== destination.version) {
    throw new RangeError(`Cannot build packet: expected an IPv${destination.version} source address, got an IPv${source.version} one`);
  }
  const isIpv6 = source.version === 6;
  const headerLength = isIpv6 ? 40 : 20;
  const transportLength = transport.length + payload.length;
  const packet = new Uint8Array(headerLength + transportLength);
  const timeToLive = inRange("time to live", options.timeToLive ?? 255, 0xff);
  if (isIpv6) {
    packet[0] = 6 << 4; // RFC 8200 §3; traffic class and flow label 0
    writeUint16(packet, 4, inRange("packet length", transportLength, 0xffff));
    packet[6] = protocol;
    packet[7] = timeToLive;
    packet.set(source.bytes, 8);
    packet.set(destination.bytes, 24);
  } else {
    packet[0] = (4 << 4) | 5; // RFC 791 §3.1; five words, service 0, no fragment
    writeUint16(packet, 2, inRange("packet length", packet.length, 0xffff));
    writeUint16(packet, 4, inRange("identification", options.identification ?? 0, 0xffff));
    packet[8] = timeToLive;
    packet[9] = protocol;
    packet.set(source.bytes, 12);
    packet.set(destination.bytes, 16);
    writeUint16(packet, 10, foldChecksum(sumWords(packet.subarray(0, headerLength))));
  }
  packet.set(transport, headerLength);
  packet.set(payload, headerLength + transport.length);

  // RFC 1071. The pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) adds addresses, length and protocol; ICMP for IPv4 has none.
  const pseudo = protocol === ICMP ? 0 : sumWords(source.bytes) + sumWords(destination.bytes) + transportLength + protocol;
  const checksum = foldChecksum(pseudo + sumWords(packet.subarray(headerLength)));
  // RFC 768: a UDP checksum of 0 would mean that there is none.
  writeUint16(packet, headerLength + checksumOffset, protocol === UDP && checksum === 0 ? 0xffff : checksum);
  return packet;
}

/** Sum of the big-endian 16-bit words; an odd last byte counts as the upper half of one. At most 2^32: no overflow. */
function sumWords(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  return sum;
}

function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

function inRange(what: string, value: number, largest: number): number {
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw new RangeError(`Cannot build packet: expected ${what} in 0..${largest}, got ${value}`);
  }
  return value;
}
