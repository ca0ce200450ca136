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
