/**
 * IPv4 and IPv6 addresses and networks. An address is its bytes: whatever is compared was
 * parsed strictly before, so `0.0.0.00` or `::ffff:10.0.0.1` cannot slip past a test that
 * knows `0.0.0.0` and `10.0.0.1`.
 *
 * @module
 */

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

/** Strict: dotted quad without leading zeros, or RFC 4291 text without a zone; `::ffff:a.b.c.d` gives IPv4. */
export declare function parseIp(text: string): IpAddress | undefined;
/** RFC 5952. */
export declare function formatIp(ip: IpAddress): string;
/** From 4 or 16 bytes, copied; an IPv4-mapped address gives IPv4. @throws RangeError for any other length */
export declare function ipFromBytes(bytes: Uint8Array): IpAddress;
export declare function isUnspecifiedIp(ip: IpAddress): boolean;
export declare function equalIp(left: IpAddress, right: IpAddress): boolean;
/** A short string, equal for equal addresses only: a key for Map and Set. */
export declare function ipKey(ip: IpAddress): string;
/** `ip`, `ip/length` (1..32, 1..128), `ip/dotted-mask` (IPv4). */
export declare function parseIpNetwork(text: string): IpNetwork | IpNetworkRefusal;
export declare function containsIp(network: IpNetwork, ip: IpAddress): boolean;
export declare function formatIpNetwork(network: IpNetwork): string;
