/**
 * Datagrams out of TCP connections, whatever is spoken on them.
 *
 * @module
 */

import type { Socket } from "node:net";
import { type IpAddress, ipKey } from "../../ip.ts";
import { type Datagram, PROTOCOL_TCP } from "../../packet.ts";
import { Channel } from "./channel.ts";
import { type DatagramSource, MAX_WAITING, type SourceDrops } from "./datagram-source.ts";
import { type TcpConnection, type TcpEndpoint, TcpListener } from "./tcp-listener.ts";

/** How many may stand in the door. */
export interface DoorLimits {
  /** Connections at once; for one more the oldest is cut. */
  readonly maxConnections?: number;
  /** Of them, from one address or one IPv6 /64. */
  readonly maxPerSource?: number;
}

/** Far below the usual limit of 1024 descriptors, which firewall commands and files need as well. */
const MAX_CONNECTIONS = 256;
const MAX_PER_SOURCE = 32;

/** A listening socket, the connections that came by it, and what was heard on them. */
export abstract class ConnectionSource implements DatagramSource {
  readonly drops: SourceDrops = { oversized: 0, overflowed: 0 };
  /** In the order of their arrival. */
  readonly #connections: Set<Socket> = new Set();
  /** How many connections each has. */
  readonly #perSource = new Map<string, number>();
  readonly #limits: DoorLimits;
  readonly #listener: TcpListener;
  readonly #channel: Channel<Datagram> = new Channel();

  constructor(limits: DoorLimits) {
    this.#limits = limits;
    this.#listener = new TcpListener({ onConnection: (connection) => this.#accept(connection), onOverflow: () => this.drops.overflowed++ });
  }

  /** Hears what comes on a connection. */
  protected abstract serve(connection: TcpConnection): void;

  /** Whether an address may have as many connections as there are. */
  protected isTrusted(_source: IpAddress): boolean {
    return false;
  }

  /** Keeps the door passable for one knock among thousands of connections that only want to stand in it. */
  #accept(connection: TcpConnection): void {
    const { socket, source } = connection;
    const key = ipKey(source).slice(0, 8); // an IPv4 address, or an IPv6 /64
    const count = this.#perSource.get(key) ?? 0;
    if (count >= (this.#limits.maxPerSource ?? MAX_PER_SOURCE) && !this.isTrusted(source)) {
      this.drops.overflowed++;
      socket.destroy();
      return;
    }
    if (this.#connections.size >= (this.#limits.maxConnections ?? MAX_CONNECTIONS)) {
      this.drops.overflowed++;
      const [oldest] = this.#connections;
      this.#connections.delete(oldest!);
      oldest!.destroy();
    }
    this.#connections.add(socket);
    this.#perSource.set(key, count + 1);
    socket.once("close", () => {
      this.#connections.delete(socket);
      const left = this.#perSource.get(key)! - 1;
      if (left > 0) this.#perSource.set(key, left);
      else this.#perSource.delete(key);
    });
    this.serve(connection);
  }

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
    for (const socket of this.#connections) socket.destroy();
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
