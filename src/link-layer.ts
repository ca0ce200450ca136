/**
 * Link-layer headers: from the first byte of a frame to the first byte of its IP packet.
 *
 * Sources: the registry of LINKTYPE_ values; IEEE 802.1Q; RFC 1661, RFC 1662 and RFC 2516 for PPP.
 *
 * @module
 */

import { type FrameCursor, readUint16 } from "./_frame.ts";

/** Why no IP packet was found. */
export type LinkRefusal = "unknown-link" | "not-ip" | "snapped" | "malformed-link";

/** What follows the header, and what tells its protocol. */
type Payload =
  /** An EtherType lies at `typeOffset`. */
  | "ethertype"
  /** A protocol family number of some BSD lies at 0, in one or the other byte order. */
  | "family"
  /** PPP, perhaps with address and control, perhaps with a compressed protocol number. */
  | "ppp"
  /** A PPPoE session header and PPP. */
  | "pppoe"
  /** IP without any header; of the one version, when named. */
  | "ip"
  | "ipv4"
  | "ipv6";

interface LinkType {
  readonly headerLength: number;
  readonly payload: Payload;
  readonly typeOffset: number;
}

/** What is understood, by LINKTYPE_ number. */
const LINK_TYPES: Readonly<Record<number, LinkType>> = {
  0: { headerLength: 4, payload: "family", typeOffset: 0 }, // loopback and tunnels of the BSDs and macOS
  1: { headerLength: 14, payload: "ethertype", typeOffset: 12 }, // Ethernet
  9: { headerLength: 0, payload: "ppp", typeOffset: 0 }, // PPP
  12: { headerLength: 0, payload: "ip", typeOffset: 0 }, // raw IP under the own number of most systems
  14: { headerLength: 0, payload: "ip", typeOffset: 0 }, // raw IP under the own number of OpenBSD
  50: { headerLength: 0, payload: "ppp", typeOffset: 0 }, // PPP in HDLC-like framing
  51: { headerLength: 0, payload: "pppoe", typeOffset: 0 }, // PPPoE without its Ethernet header
  101: { headerLength: 0, payload: "ip", typeOffset: 0 }, // raw IP
  108: { headerLength: 4, payload: "family", typeOffset: 0 }, // loopback of OpenBSD
  113: { headerLength: 16, payload: "ethertype", typeOffset: 14 }, // Linux cooked v1
  228: { headerLength: 0, payload: "ipv4", typeOffset: 0 }, // raw IPv4
  229: { headerLength: 0, payload: "ipv6", typeOffset: 0 }, // raw IPv6
  276: { headerLength: 20, payload: "ethertype", typeOffset: 0 }, // Linux cooked v2
};

/**
 * Walks over the link-layer header, VLAN tags and PPPoE.
 *
 * @param linkType LINKTYPE_ number of the capture
 * @param cursor stands on the frame's first byte; moved to the first byte of the IP packet, and its ends
 *   drawn in where a header told a length
 * @returns the IP version that the header announced, or why there is no IP packet
 */
export function findIpPacket(linkType: number, cursor: FrameCursor): 4 | 6 | LinkRefusal {
  const link = LINK_TYPES[linkType];
  if (link === undefined) return "unknown-link";
  const start = cursor.at;
  if (start + link.headerLength > cursor.end) return missing(cursor, start + link.headerLength);
  cursor.at = start + link.headerLength;
  switch (link.payload) {
    case "ethertype":
      return readEtherType(cursor, readUint16(cursor.buffer, start + link.typeOffset));
    case "family":
      return readFamily(cursor.buffer, start);
    case "ppp":
      return readPpp(cursor);
    case "pppoe":
      return readPppoe(cursor);
    case "ip":
      return readVersion(cursor);
    case "ipv4":
      return 4;
    case "ipv6":
      return 6;
  }
}

function readEtherType(cursor: FrameCursor, etherType: number): 4 | 6 | LinkRefusal {
  for (;;) {
    switch (etherType) {
      case 0x0800:
        return 4;
      case 0x86dd:
        return 6;
      case 0x8100: // 802.1Q
      case 0x88a8: // 802.1ad
      case 0x9100: // what stood for 802.1ad before its number was given
      case 0x9200:
        if (cursor.at + 4 > cursor.end) return missing(cursor, cursor.at + 4);
        etherType = readUint16(cursor.buffer, cursor.at + 2);
        cursor.at += 4;
        break;
      case 0x8864: // PPPoE session
        return readPppoe(cursor);
      default:
        return "not-ip";
    }
  }
}

/** Reads the protocol family number of a BSD. It is in the byte order of whoever captured, so both are tried. */
function readFamily(buffer: Uint8Array, at: number): 4 | 6 | "not-ip" {
  if (buffer[at + 1] !== 0 || buffer[at + 2] !== 0 || (buffer[at] !== 0 && buffer[at + 3] !== 0)) return "not-ip";
  switch (buffer[at]! | buffer[at + 3]!) {
    case 2: // AF_INET everywhere
      return 4;
    case 10: // AF_INET6 on Linux,
    case 23: // Windows,
    case 24: // NetBSD and OpenBSD,
    case 28: // FreeBSD,
    case 30: // macOS
      return 6;
    default:
      return "not-ip";
  }
}

function readPppoe(cursor: FrameCursor): 4 | 6 | LinkRefusal {
  const { buffer, at } = cursor;
  if (at + 6 > cursor.end) return missing(cursor, at + 6);
  // RFC 2516 §4: version 1, type 1, code 0 for session data.
  if (buffer[at] !== 0x11 || buffer[at + 1] !== 0) return "not-ip";
  const sessionEnd = at + 6 + readUint16(buffer, at + 4);
  if (sessionEnd > cursor.wireEnd) return "malformed-link";
  cursor.at = at + 6;
  cursor.wireEnd = sessionEnd;
  if (cursor.end > sessionEnd) cursor.end = sessionEnd;
  return readPpp(cursor);
}

function readPpp(cursor: FrameCursor): 4 | 6 | LinkRefusal {
  const { buffer, end } = cursor;
  let at = cursor.at;
  if (at + 2 > end) return missing(cursor, at + 2);
  // RFC 1662 §3.1: address and control may stand first, or be compressed away.
  if (buffer[at] === 0xff && buffer[at + 1] === 0x03) {
    at += 2;
    if (at + 2 > end) return missing(cursor, at + 2);
  }
  let protocol = buffer[at]!;
  // RFC 1661 §2: a number's last byte is odd, all before are even, so an odd first byte is a compressed number.
  if ((protocol & 1) === 1) at += 1;
  else {
    protocol = readUint16(buffer, at);
    at += 2;
  }
  cursor.at = at;
  return protocol === 0x0021 ? 4 : protocol === 0x0057 ? 6 : "not-ip";
}

function readVersion(cursor: FrameCursor): 4 | 6 | LinkRefusal {
  if (cursor.at + 1 > cursor.end) return missing(cursor, cursor.at + 1);
  const version = cursor.buffer[cursor.at]! >> 4;
  return version === 4 || version === 6 ? version : "not-ip";
}

/** Why bytes are missing that a header should have: they never were in the frame, or the capture cut them off. */
function missing(cursor: FrameCursor, neededEnd: number): "snapped" | "malformed-link" {
  return neededEnd > cursor.wireEnd ? "malformed-link" : "snapped";
}
