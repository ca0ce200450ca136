/**
 * A TCP server that reads what each client sends and answers nothing: one datagram a connection.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Datagram } from "../../packet.ts";
import { Channel } from "./channel.ts";
import { type TcpConnection, type TcpEndpoint, TcpListener } from "./tcp-listener.ts";
import type { DatagramSource, SourceDrops } from "./udp-source.ts";

/** Where to listen and how patient to be. */
export interface TcpSourceOptions extends TcpEndpoint {
  /** Longest payload that is read, bytes; a longer one is counted and dropped. */
  readonly maxPayload: number;
  /** From accept to close, milliseconds: absolute, so that no drip of bytes prolongs it. */
  readonly deadlineMs?: number;
  /** Connections at once; more are closed at the door. */
  readonly maxConnections?: number;
}

/** IANA protocol number. */
const TCP = 6;
const DEADLINE_MS = 5000;
/** Far below the usual limit of 1024 descriptors, which firewall commands and files need as well. */
const MAX_CONNECTIONS = 256;
/** Payloads that may wait for the reader. */
const MAX_WAITING = 512;
/** An HTTP request has ended there although its client keeps the connection open for the answer. */
const HTTP_END = Uint8Array.of(13, 10, 13, 10);

/**
 * Binds.
 *
 * @param options where, and the limits
 * @returns one datagram a connection that sent something, until it is closed
 * @throws {Error} the system's, when it cannot be bound
 */
export async function openTcpSource(options: TcpSourceOptions): Promise<DatagramSource> {
  const source = new TcpSource(options);
  await source.open();
  return source;
}

class TcpSource implements DatagramSource {
  readonly drops: SourceDrops = { oversized: 0, overflowed: 0 };
  readonly #options: TcpSourceOptions;
  readonly #listener: TcpListener;
  readonly #connections = new Set<Socket>();
  readonly #channel: Channel<Datagram> = new Channel();

  constructor(options: TcpSourceOptions) {
    this.#options = options;
    this.#listener = new TcpListener({ onConnection: (connection) => this.#serve(connection), onOverflow: () => this.drops.overflowed++ }, options.maxConnections ?? MAX_CONNECTIONS);
  }

  get bound(): readonly string[] {
    return this.#listener.bound;
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return this.#channel;
  }

  open(): Promise<void> {
    return this.#listener.open(this.#options);
  }

  close(): Promise<void> {
    void this.#channel.return();
    for (const socket of this.#connections) socket.destroy();
    return this.#listener.close();
  }

  #serve({ socket, ...ends }: TcpConnection): void {
    this.#connections.add(socket);
    const { maxPayload } = this.#options;
    let received = new Uint8Array(0);
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      clearTimeout(deadline);
      this.#connections.delete(socket);
      // Read on and then close: a reset would tell a scanner that something was left unread.
      socket.end();
      socket.resume();
      setTimeout(() => socket.destroy(), 1000).unref();
      if (received.length === 0) return;
      if (received.length > maxPayload) this.drops.oversized++;
      else if (this.#channel.size >= MAX_WAITING) this.drops.overflowed++;
      else this.#channel.put({ payload: received, protocol: TCP, ...ends, timestamp: Date.now() / 1000 });
    };
    const deadline = setTimeout(finish, this.#options.deadlineMs ?? DEADLINE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      if (over) return;
      // One byte more than allowed is enough to know.
      const joined = new Uint8Array(Math.min(maxPayload + 1, received.length + chunk.length));
      joined.set(received);
      joined.set(chunk.subarray(0, joined.length - received.length), received.length);
      received = joined;
      if (received.length > maxPayload || endsHttpRequest(received)) finish();
    });
    socket.on("end", finish);
    socket.on("error", finish);
    socket.on("close", finish);
  }
}

function endsHttpRequest(received: Uint8Array): boolean {
  const start = received.length - HTTP_END.length;
  return start >= 0 && HTTP_END.every((byte, at) => received[start + at] === byte);
}
