/**
 * A TCP server that reads what each client sends and answers nothing: one datagram a connection.
 *
 * @module
 */

import type { DatagramSource } from "./udp-source.ts";

/** Where to listen and how patient to be. */
export interface TcpSourceOptions {
  /** TCPSERV_PORT. Not used with a `descriptor`. */
  readonly port: number;
  /** A socket of systemd's. */
  readonly descriptor?: number;
  /** The address to bind; undefined for every address of both families. */
  readonly address?: string;
  /** Longest payload that is read, bytes. */
  readonly maxPayload: number;
  /** From accept to close, milliseconds. */
  readonly deadlineMs?: number;
  /** Connections at once; more are closed at the door. */
  readonly maxConnections?: number;
}

/** Binds. Rejects with the system's error when that fails. */
export async function openTcpSource(options: TcpSourceOptions): Promise<DatagramSource> {
  throw new RangeError(String(options.port));
}
