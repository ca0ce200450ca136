/**
 * Datagrams out of TCP connections, whatever is spoken on them.
 *
 * @module
 */

import type { Socket } from "node:net";
import { type Datagram, PROTOCOL_TCP } from "../../packet.ts";
import { Channel } from "./channel.ts";
import { type DatagramSource, MAX_WAITING, type SourceDrops } from "./datagram-source.ts";
import { type TcpConnection, type TcpEndpoint, TcpListener } from "./tcp-listener.ts";


/** A listening socket, the connections that came by it, and what was heard on them. */
export abstract class ConnectionSource implements DatagramSource {
  readonly drops: SourceDrops = { oversized: 0, overflowed: 0 };
  /** Connections that are cut at the end, in the order of their arrival. */
  protected readonly connections: Set<Socket> = new Set();
  readonly #listener: TcpListener;
  readonly #channel: Channel<Datagram> = new Channel();

  /** @param maxConnections at once; more are closed at the door. Undefined for as many as come */
  constructor(maxConnections?: number) {
    this.#listener = new TcpListener({ onConnection: (connection) => this.accept(connection), onOverflow: () => this.drops.overflowed++ }, maxConnections);
  }

  /** Takes charge of a connection. */
  protected abstract accept(connection: TcpConnection): void;

  get bound(): readonly string[] {
    return this.#listener.bound;
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return this.#channel;
  }

  /** @throws {Error} the system's, when it cannot be bound */
  open(endpoint: TcpEndpoint): Promise<void> {
    return this.#listener.open(endpoint);
  }

  close(): Promise<void> {
    void this.#channel.return();
    for (const socket of this.connections) socket.destroy();
    return this.#listener.close();
  }

  /**
   * Passes on what was heard, unless too much waits already.
   *
   * @param heard payload and ends
   */
  protected pass(heard: Omit<Datagram, "protocol" | "timestamp">): void {
    if (this.#channel.size >= MAX_WAITING) this.drops.overflowed++;
    else this.#channel.put({ ...heard, protocol: PROTOCOL_TCP, timestamp: Date.now() / 1000 });
  }
}

/**
 * Adds what came to what came before.
 *
 * @param received the bytes so far
 * @param chunk the next ones
 * @param most how many are kept; one more than allowed is enough to know that there are too many
 * @returns a fresh array
 */
export function appendUpTo(received: Uint8Array, chunk: Uint8Array, most: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(Math.min(most, received.length + chunk.length));
  joined.set(received);
  joined.set(chunk.subarray(0, joined.length - received.length), received.length);
  return joined;
}
