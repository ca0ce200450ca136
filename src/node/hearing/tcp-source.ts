/**
 * A TCP server that reads what each client sends and answers nothing: one datagram a connection.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import { parseIp, type IpAddress } from "../../ip.ts";
import type { Datagram } from "../../packet.ts";
import { Channel } from "./channel.ts";
import { codeOf } from "../system-error.ts";
import type { DatagramSource, SourceDrops } from "./udp-source.ts";

/** Where to listen and how patient to be. */
export interface TcpSourceOptions {
  /** TCPSERV_PORT. Not used with a `descriptor`. */
  readonly port: number;
  /** A socket of systemd's. */
  readonly descriptor?: number;
  /** The address to bind; undefined for every address of both families. */
  readonly address?: string;
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
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #channel: Channel<Datagram> = new Channel();

  constructor(options: TcpSourceOptions) {
    this.#options = options;
    // Half-open: a client that has shut its side has said all, and that is the end we wait for.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
    this.#server.on("drop", () => this.drops.overflowed++);
  }

  get bound(): readonly string[] {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return [];
    return [address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`];
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return this.#channel;
  }

  async open(): Promise<void> {
    const { port, descriptor, address } = this.#options;
    if (descriptor !== undefined) return this.#listen({ fd: descriptor });
    if (address !== undefined) return this.#listen({ port, host: address });
    try {
      await this.#listen({ port, host: "::" });
    } catch (error) {
      if (codeOf(error) !== "EAFNOSUPPORT" && codeOf(error) !== "EADDRNOTAVAIL") throw error;
      await this.#listen({ port, host: "0.0.0.0" });
    }
  }

  async close(): Promise<void> {
    void this.#channel.return();
    for (const socket of this.#connections) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(where: { fd: number } | { port: number; host: string }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        // EMFILE at accept: the connection is lost, the server is not.
        this.#server.on("error", () => this.drops.overflowed++);
        resolve();
      });
    });
  }

  #serve(socket: Socket): void {
    const source = addressOf(socket.remoteAddress);
    const destination = addressOf(socket.localAddress);
    const { remotePort: sourcePort = 0, localPort: destinationPort = 0 } = socket;
    if (source === undefined || destination === undefined) {
      socket.destroy(); // gone before it was accepted
      return;
    }
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
      else this.#channel.put({ payload: received, source, destination, protocol: TCP, sourcePort, destinationPort, timestamp: Date.now() / 1000 });
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

function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text.replace(/%.*$/, ""));
}
