/**
 * How fwknop_serv of fwknop 1.9 tells of what it heard: lines `ADDRESS:PROTOCOL:PAYLOAD`.
 *
 * @module
 */

import { utf8Bytes } from "./bytes.ts";
import { parseIp } from "./ip.ts";
import type { Datagram } from "./packet.ts";

/** An IPv6 address has colons too, a packet has none; behind it anything may stand after a blank. */
const LINE = /^(\S+):(6|17):([^\s:]+)(?!\S)/;

/**
 * Reads a line.
 *
 * @param line without its end
 * @param now Unix time, seconds
 * @returns the packet, whose destination and ports nobody tells; undefined when the line does not say whom it is from
 */
export function parseRelayedPacket(line: string, now: number): Datagram | undefined {
  const [, address = "", protocol, payload] = LINE.exec(line) ?? [];
  const source = parseIp(address);
  if (source === undefined) return undefined;
  const destination = { version: source.version, bytes: new Uint8Array(source.bytes.length) };
  return { payload: utf8Bytes(payload!), source, destination, protocol: Number(protocol), sourcePort: 0, destinationPort: 0, timestamp: now };
}
