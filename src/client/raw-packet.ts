/**
 * Whole IP packets, made by hand, with correct checksums.
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
  /** IPv4 identification, 0..65535; 0 lets Linux choose one. */
  readonly identification?: number;
  /** TTL or hop limit; 255 when absent. */
  readonly timeToLive?: number;
}
export interface RawUdpOptions extends RawPacketOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
}
export interface RawTcpOptions extends RawUdpOptions {
  /** RFC 9293 control bits; SYN (2) when absent. */
  readonly flags?: number;
  /** 1 when absent. */
  readonly sequence?: number;
  /** 0 when absent. */
  readonly acknowledgment?: number;
  /** 32767 when absent. */
  readonly window?: number;
}
export interface RawIcmpOptions extends RawPacketOptions {
  /** ICMP type for IPv4, ICMPv6 type for IPv6. */
  readonly type: number;
  readonly code: number;
  /** Used for an echo request only, where the sequence number is 1; else both are 0. */
  readonly echoIdentifier?: number;
}
export declare function buildUdpPacket(options: RawUdpOptions): Bytes;
export declare function buildTcpPacket(options: RawTcpOptions): Bytes;
export declare function buildIcmpPacket(options: RawIcmpOptions): Bytes;
