/**
 * A listening TCP socket: on every address of both families, on one, or one that systemd made.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import { parseIp, type IpAddress } from "../../ip.ts";
import { codeOf } from "../system-error.ts";

/** Where to listen. */
export interface TcpEndpoint {
  /** Not used with a `descriptor`. */
  readonly port: number;
  /** A socket of systemd's. */
  readonly descriptor?: number;
  /** The address to bind; undefined for every address of both families. */
  readonly address?: string;
}

/** Who came from where. */
export interface TcpConnection {
  readonly socket: Socket;
  readonly source: IpAddress;
  readonly sourcePort: number;
  readonly destination: IpAddress;
  readonly destinationPort: number;
}

/** What a listener tells. */
export interface TcpListenerEvents {
  readonly onConnection: (connection: TcpConnection) => void;
  /** A connection could not be taken: no descriptor was left. */
  readonly onOverflow: () => void;
}

/** The socket; connections belong to whoever was told of them. */
export class TcpListener {
  readonly #server: Server;
  readonly #events: TcpListenerEvents;

  /** @param events what is told */
  constructor(events: TcpListenerEvents) {
    this.#events = events;
    // Half-open: a client that has shut its side has said all, and may still wait for an answer.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Where it listens, as `address:port`; empty for a socket without either. */
  get bound(): readonly string[] {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return [];
    return [address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`];
  }

  /** @throws {Error} the system's, when it cannot be bound */
  async open({ port, descriptor, address }: TcpEndpoint): Promise<void> {
    if (descriptor !== undefined) return this.#listen({ fd: descriptor });
    if (address !== undefined) return this.#listen({ port, host: address });
    try {
      await this.#listen({ port, host: "::" });
    } catch (error) {
      if (codeOf(error) !== "EAFNOSUPPORT" && codeOf(error) !== "EADDRNOTAVAIL") throw error;
      await this.#listen({ port, host: "0.0.0.0" });
    }
  }

  /** Takes no more connections; resolves when those that there are have ended. */
  async close(): Promise<void> {
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(where: { fd: number } | { port: number; host: string }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        // EMFILE at accept: the connection is lost, the server is not.
        this.#server.on("error", this.#events.onOverflow);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows
    const source = addressOf(socket.remoteAddress);
    const destination = addressOf(socket.localAddress);
    const { remotePort: sourcePort = 0, localPort: destinationPort = 0 } = socket;
    if (source === undefined || destination === undefined) socket.destroy(); // gone before it was accepted
    else this.#events.onConnection({ socket, source, sourcePort, destination, destinationPort });
  }
}

function addressOf(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text.replace(/%.*$/, ""));
}
