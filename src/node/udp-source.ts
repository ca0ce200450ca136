/**
 * A UDP server socket as a stream of datagrams.
 *
 * @module
 */

import type { Datagram } from "../packet.ts";

/** Where and how to listen. */
export interface UdpSourceOptions {
  /** UDPSERV_PORT. Not used with a `descriptor`. */
  readonly port: number;
  /** A socket of systemd's. */
  readonly descriptor?: number;
  /** Addresses to bind; undefined for every address of both families. */
  readonly addresses?: readonly string[];
  /** Longest payload that is passed on, bytes; longer ones are counted and dropped. */
  readonly maxPayload: number;
  /**
   * `exact`: a socket for each local address, so that each datagram bears the address it was
   * sent to; `any`: one socket, destination 0.0.0.0 or ::.
   */
  readonly destination: "exact" | "any";
}

/** What was not passed on. */
export interface SourceDrops {
  /** Longer than allowed. */
  readonly oversized: number;
  /** The reader was too slow. */
  readonly overflowed: number;
}

/** Datagrams from UDP sockets. */
export interface DatagramSource extends AsyncIterable<Datagram> {
  /** Addresses and ports that are bound, `0.0.0.0:62201`. */
  readonly bound: readonly string[];
  readonly drops: SourceDrops;
  close(): Promise<void>;
}

/** Binds. Rejects with the system's error when nothing can be bound. */
export async function openUdpSource(options: UdpSourceOptions): Promise<DatagramSource> {
  throw new RangeError(String(options.port));
}
