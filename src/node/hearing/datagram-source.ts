/**
 * What a source of datagrams is to the daemon that hears by it.
 *
 * @module
 */

import type { Datagram } from "../../packet.ts";

/** What was not passed on. */
export interface SourceDrops {
  /** Longer than allowed. */
  oversized: number;
  /** The reader was too slow, or too many came at once. */
  overflowed: number;
}

/** Datagrams from sockets of our own. */
export interface DatagramSource extends AsyncIterable<Datagram> {
  /** Addresses and ports that are bound, `0.0.0.0:62201`, `[::1]:62201`. */
  readonly bound: readonly string[];
  readonly drops: Readonly<SourceDrops>;
  /** @returns settles when every socket is closed; the iteration ends */
  close(): Promise<void>;
}

/** Datagrams that may wait for the reader; some hundred kilobytes at most. */
export const MAX_WAITING = 512;
