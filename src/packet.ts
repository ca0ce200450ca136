/**
 * From a captured frame to the payload of a UDP, TCP or ICMP packet.
 *
 * @module
 */

import type { IpAddress } from "./ip.ts";
import type { PcapRecord } from "./pcap-reader.ts";

/** What a packet carried, and between whom. TCP is not reassembled: a segment is a datagram here. */
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
}

/** Why a frame is not a datagram. */
export type PacketRefusal =
  | "unknown-link"
  | "not-ip"
  | "other-protocol"
  | "fragment"
  | "jumbogram"
  | "snapped"
  | "malformed-link"
  | "malformed-ip"
  | "malformed-transport";

/**
 * Where the parts of a packet lie in its record's buffer. Filled again and again, so that the frames
 * that are of no interest cost no object: look at the numbers first, then call {@link datagramOf}.
 */
export interface PacketLayout {
  ipVersion: 4 | 6;
  sourceOffset: number;
  destinationOffset: number;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
  payloadOffset: number;
  payloadLength: number;
}

/** @returns a fresh layout, the caller's own, for {@link parsePacket} to fill */
export declare function createPacketLayout(): PacketLayout;

/**
 * Finds the parts of a packet. Never throws, makes no object.
 *
 * @param record the captured frame
 * @param layout is filled when the frame is accepted, undefined content otherwise
 * @returns undefined when accepted, else the reason
 */
export declare function parsePacket(record: PcapRecord, layout: PacketLayout): PacketRefusal | undefined;

/**
 * @param record the captured frame
 * @param layout as filled by {@link parsePacket} for this very record
 * @returns the datagram: its payload a view, its addresses copies
 */
export declare function datagramOf(record: PcapRecord, layout: PacketLayout): Datagram;

/** @returns one counter a refusal, all 0 */
export declare function createRefusalCounts(): Record<PacketRefusal, number>;
