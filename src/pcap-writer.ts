/**
 * Writes a capture: what a pipe from tcpdump would have brought.
 *
 * @module
 */

import type { Bytes } from "./bytes.ts";

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
/** Frames begin with the IP header (LINKTYPE_RAW). */
const LINK_TYPE_RAW = 101;
const SNAP_LENGTH = 65535;

/**
 * The header of a capture of bare IP packets.
 *
 * @returns 24 fresh bytes, to be followed by records
 */
export function pcapHeader(): Bytes {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, MAGIC_MICROSECONDS);
  view.setUint16(4, 2); // version 2.4
  view.setUint16(6, 4);
  view.setUint32(16, SNAP_LENGTH);
  view.setUint32(20, LINK_TYPE_RAW);
  return new Uint8Array(view.buffer);
}

/**
 * One packet of a capture.
 *
 * @param packet from its IP header on
 * @param timestamp when it came, Unix seconds, fractions counted
 * @returns a fresh record
 */
export function pcapRecord(packet: Uint8Array, timestamp: number): Bytes {
  const record = new Uint8Array(16 + packet.length);
  const view = new DataView(record.buffer);
  const seconds = Math.floor(timestamp);
  view.setUint32(0, seconds);
  view.setUint32(4, Math.floor((timestamp - seconds) * 1e6));
  view.setUint32(8, packet.length);
  view.setUint32(12, packet.length);
  record.set(packet, 16);
  return record;
}
