/**
 * IPv4 and IPv6 addresses and networks. An address is its bytes: whatever is compared was
 * parsed strictly before, so `0.0.0.00` or `::ffff:10.0.0.1` cannot slip past a test that
 * knows `0.0.0.0` and `10.0.0.1`.
 *
 * @module
 */

import { latin1Text } from "./bytes.ts";

/** An address in network byte order: 4 bytes for IPv4, 16 for IPv6. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly bytes: Uint8Array;
}

/** Every address that agrees with `address` in the bits that are set in `mask`. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly mask: Uint8Array;
}

/** Why the text of a network was refused, and the part of it that is to blame. */
export interface IpNetworkRefusal {
  readonly reason: "bad-address" | "missing-mask" | "bad-prefix-length" | "bad-dotted-mask";
  readonly text: string;
}

/**
 * Reads an address: four decimal octets without leading zeros, or IPv6 text (RFC 4291 §2.2) without
 * a zone. No short forms, no octal, no blanks. An IPv4-mapped address is the IPv4 address it holds.
 *
 * @param text the whole text, nothing around the address
 * @returns a fresh address, or undefined when the text is anything else
 */
export function parseIp(text: string): IpAddress | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes && ipFromBytes(bytes);
}

/**
 * Writes an address: dotted quad, or the canonical IPv6 text of RFC 5952.
 *
 * @param ip the address
 * @returns its text
 */
export function formatIp(ip: IpAddress): string {
  if (ip.version === 4) return ip.bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((ip.bytes[2 * at]! << 8) | ip.bytes[2 * at + 1]!).toString(16));
  // RFC 5952 §4.2: the longest run of zero groups, the first of equals, never a single group.
  let runStart = 0;
  let runLength = 1;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (groups[end] === "0") end++;
    if (end - at > runLength) {
      runStart = at;
      runLength = end - at;
    }
  }
  if (runLength === 1) return groups.join(":");
  return `${groups.slice(0, runStart).join(":")}::${groups.slice(runStart + runLength).join(":")}`;
}

/**
 * Makes an address of bytes in network order. An IPv4-mapped address becomes IPv4, so a rule for
 * 10.0.0.1 also meets ::ffff:10.0.0.1.
 *
 * @param bytes 4 or 16 bytes; copied
 * @returns a fresh address
 * @throws {RangeError} when there are neither 4 nor 16 bytes
 */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return { version: 4, bytes: bytes.slice() };
  if (bytes.length !== 16) throw new RangeError(`Cannot make an address: expected 4 or 16 bytes, got ${bytes.length}`);
  for (let at = 0; at < 12; at++) {
    if (bytes[at] !== (at < 10 ? 0 : 0xff)) return { version: 6, bytes: bytes.slice() };
  }
  return { version: 4, bytes: bytes.slice(12) };
}

/**
 * Tells whether an address is 0.0.0.0 or ::, which stand for no address.
 *
 * @param ip the address
 * @returns whether all its bits are 0
 */
export function isUnspecifiedIp(ip: IpAddress): boolean {
  return ip.bytes.every((byte) => byte === 0);
}

/**
 * Tells whether an address is of this host alone, whichever host that is: `::1`, `127.0.0.0/8`.
 *
 * @param ip the address
 * @returns whether it is one of those
 */
export function isLoopbackIp({ version, bytes }: IpAddress): boolean {
  return version === 4 ? bytes[0] === 127 : bytes.every((byte, at) => byte === (at === 15 ? 1 : 0));
}

/**
 * Compares two addresses.
 *
 * @param left one address
 * @param right the other
 * @returns whether they are of one family and equal
 */
export function equalIp(left: IpAddress, right: IpAddress): boolean {
  return left.bytes.length === right.bytes.length && left.bytes.every((byte, at) => byte === right.bytes[at]);
}

/**
 * Gives a key for Map and Set. Not for people: its characters are the address's bytes.
 *
 * @param ip the address
 * @returns a string that is the same for equal addresses and for no other
 */
export function ipKey(ip: IpAddress): string {
  return latin1Text(ip.bytes);
}

/**
 * Reads a network: `address`, `address/length` (1 to 32 or 128 bits) or `address/dotted-mask` (IPv4;
 * any mask, with or without gaps). Bits of the address outside the mask are kept and do not matter.
 *
 * @param text the whole text, nothing around the network
 * @returns a fresh network, or what is wrong with which part
 */
export function parseIpNetwork(text: string): IpNetwork | IpNetworkRefusal {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const maskText = text.slice(slash + 1);
  if (slash >= 0 && maskText === "") return { reason: "missing-mask", text };
  const address = parseIp(addressText);
  if (address === undefined) return { reason: "bad-address", text: addressText };
  if (slash < 0) return { address, mask: new Uint8Array(address.bytes.length).fill(0xff) };

  if (addressText.includes(":")) {
    // A mapped network counts its bits from the front of the IPv6 form: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    const length = /^\d{1,3}$/.test(maskText) ? Number(maskText) - (128 - 8 * address.bytes.length) : 0;
    const mask = prefixMask(address, length);
    return mask ? { address, mask } : { reason: "bad-prefix-length", text: maskText };
  }
  const mask = /^\d{1,2}$/.test(maskText) ? prefixMask(address, Number(maskText)) : parseIpv4(maskText);
  if (mask) return { address, mask };
  // The C daemon names the two mistakes apart by the length of the text: 7 to 15 is a dotted mask.
  return { reason: /^.{7,15}$/.test(maskText) ? "bad-dotted-mask" : "bad-prefix-length", text: maskText };
}

/**
 * Tells whether an address lies in a network.
 *
 * @param network the network
 * @param ip the address; one of the other family is never inside
 * @returns whether the bits of the mask agree
 */
export function containsIp(network: IpNetwork, ip: IpAddress): boolean {
  const { address, mask } = network;
  if (ip.bytes.length !== address.bytes.length) return false;
  return ip.bytes.every((byte, at) => ((byte ^ address.bytes[at]!) & mask[at]!) === 0);
}

/**
 * Gives the first address of the network that an address is in.
 *
 * @param ip the address
 * @param length leading bits of the network, 1 to all of the address's bits
 * @returns a fresh address
 * @throws {RangeError} when there is no such network
 */
export function networkStart(ip: IpAddress, length: number): IpAddress {
  const mask = prefixMask(ip, length);
  if (mask === undefined) throw new RangeError(`Cannot make a network: expected 1 to ${8 * ip.bytes.length} bits, got ${length}`);
  return { version: ip.version, bytes: ip.bytes.map((byte, at) => byte & mask[at]!) };
}

/** Gives the mask of `length` leading ones, or undefined when that is not 1 to all of the address's bits. */
function prefixMask(address: IpAddress, length: number): Uint8Array | undefined {
  const mask = new Uint8Array(address.bytes.length);
  if (length < 1 || length > 8 * mask.length) return undefined;
  for (let at = 0; at < mask.length; at++) mask[at] = 0xff00 >> Math.min(8, Math.max(0, length - 8 * at));
  return mask;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = Uint8Array.from(text.split("."), Number);
  // Too large a number, a leading zero, a sign or anything else that is no octet does not come back as it was.
  return octets.length === 4 && octets.join(".") === text ? octets : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  // `::` stands for one group at least (RFC 4291 §2.2).
  const given = head.length + tail.length;
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Reads groups on one side of `::`; only the end of an address may be dotted. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [at, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const quad = atEnd && at === groups.length - 1 ? parseIpv4(group) : undefined;
    if (quad === undefined) return undefined;
    bytes.push(...quad);
  }
  return bytes;
}
