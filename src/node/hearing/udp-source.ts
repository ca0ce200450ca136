/**
 * A UDP server socket as a stream of datagrams.
 *
 * @module
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { parseIp, type IpAddress } from "../../ip.ts";
import type { Datagram } from "../../packet.ts";
import { codeOf } from "../system-error.ts";
import { Channel } from "./channel.ts";
import { type DatagramSource, MAX_WAITING, type SourceDrops } from "./datagram-source.ts";

/** Where and how to listen. */
export interface UdpSourceOptions {
  /** UDPSERV_PORT. Not used with a `descriptor`. */
  readonly port: number;
  /** A socket of systemd's. */
  readonly descriptor?: number;
  /** Addresses to bind; undefined for every address of both families. */
  readonly addresses?: readonly string[];
  /** Longest payload that is passed on, bytes; longer ones are counted and dropped. */
  readonly maxPayload: () => number;
  /**
   * `exact`: a socket for each local address, so that each datagram bears the address it was
   * sent to; `any`: one socket, destination 0.0.0.0 or ::. Node cannot ask the kernel for the
   * destination of a datagram (IP_PKTINFO), so only the socket that it came by can tell.
   */
  readonly destination: "exact" | "any";
  /** How often new local addresses are looked for with `exact`, milliseconds. */
  readonly rescanMs?: number;
}

/** IANA protocol number. */
const UDP = 17;
/** The kernel's buffer for a burst, bytes; the system's own limit may cut it. */
const RECEIVE_BUFFER = 1 << 20;
const RESCAN_MS = 5000;

/**
 * Binds.
 *
 * @param options where
 * @returns the datagrams, until it is closed
 * @throws {Error} the system's, when nothing can be bound
 */
export async function openUdpSource(options: UdpSourceOptions): Promise<DatagramSource> {
  const source = new UdpSource(options);
  try {
    await source.open();
  } catch (error) {
    await source.close();
    throw error;
  }
  return source;
}

class UdpSource implements DatagramSource {
  readonly drops: SourceDrops = { oversized: 0, overflowed: 0 };
  readonly #options: UdpSourceOptions;
  readonly #sockets = new Map<string, Socket>();
  readonly #channel: Channel<Datagram> = new Channel({ onEnd: () => clearInterval(this.#rescan) });
  #rescan: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: UdpSourceOptions) {
    this.#options = options;
  }

  get bound(): readonly string[] {
    return Array.from(this.#sockets.values(), (socket) => {
      const { address, port } = socket.address();
      return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return this.#channel;
  }

  async open(): Promise<void> {
    const { descriptor, addresses, destination, rescanMs = RESCAN_MS } = this.#options;
    if (descriptor !== undefined) return this.#bind("descriptor", descriptor);
    if (addresses !== undefined) {
      for (const address of addresses) await this.#bind(address);
    } else if (destination === "any") {
      await this.#bindEverywhere();
    } else {
      await this.#bindNewAddresses(true);
      // Where all descriptors are in use, the system does not tell our addresses: at the next look.
      this.#rescan = setInterval(() => this.#bindNewAddresses(false).catch(() => {}), rescanMs);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    void this.#channel.return();
    await Promise.all(Array.from(this.#sockets.values(), closeSocket));
    this.#sockets.clear();
  }

  /** Both families by one socket; IPv4 by its own where the kernel has no IPv6, or keeps them apart (net.ipv6.bindv6only). */
  async #bindEverywhere(): Promise<void> {
    let { port } = this.#options;
    try {
      await this.#bind("::");
      port = this.#sockets.get("::")?.address().port ?? port;
    } catch (error) {
      if (codeOf(error) !== "EAFNOSUPPORT" && codeOf(error) !== "EADDRNOTAVAIL") throw error;
    }
    try {
      await this.#bind("0.0.0.0", undefined, port);
    } catch (error) {
      // In use: by our own socket of both families.
      if (this.#sockets.size === 0 || codeOf(error) !== "EADDRINUSE") throw error;
    }
  }

  /**
   * Addresses come and go. Sockets with addresses that are gone are closed: they would be found
   * bound when the address returns.
   */
  async #bindNewAddresses(first: boolean): Promise<void> {
    const local = new Set(localAddresses());
    for (const [address, socket] of this.#sockets) {
      if (local.has(address)) continue;
      this.#sockets.delete(address);
      await closeSocket(socket);
    }
    let failure: unknown;
    for (const address of local) {
      if (this.#closed) return;
      if (this.#sockets.has(address)) continue;
      try {
        await this.#bind(address);
      } catch (error) {
        // An IPv6 address is tentative for its first second; at the next look it can be bound.
        if (codeOf(error) !== "EADDRNOTAVAIL") failure ??= error;
      }
    }
    if (first && this.#sockets.size === 0) throw failure ?? new Error("There is no local address to bind");
    // A port that somebody else has on one address is a mistake to be told at the start.
    if (first && failure !== undefined) throw failure;
  }

  async #bind(address: string, descriptor?: number, port: number = this.#options.port): Promise<void> {
    const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4" });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      const bound = (): void => {
        socket.off("error", reject);
        resolve();
      };
      if (descriptor === undefined) socket.bind({ port, address, exclusive: true }, bound);
      else socket.bind({ fd: descriptor, exclusive: true }, bound);
    }).catch(async (error: unknown) => {
      await closeSocket(socket);
      throw error;
    });
    if (this.#closed) return closeSocket(socket);
    // ECONNREFUSED and the like of answers that we never send; the socket works on.
    socket.on("error", () => {});
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // The default will do.
    }
    this.#sockets.set(address, socket);
    const own = socket.address();
    const destination = parseIp(withoutZone(own.address))!;
    socket.on("message", (payload, remote) => this.#take(payload, remote, destination, own.port));
  }

  #take(payload: Uint8Array, remote: RemoteInfo, own: IpAddress, destinationPort: number): void {
    if (payload.length > this.#options.maxPayload()) {
      this.drops.oversized++;
      return;
    }
    if (this.#channel.size >= MAX_WAITING) {
      this.drops.overflowed++;
      return;
    }
    const source = parseIp(withoutZone(remote.address));
    if (source === undefined) return;
    // A socket of both families: "no address" in the family of the sender.
    const destination = own.version === source.version ? own : UNSPECIFIED_V4;
    this.#channel.put({ payload, source, destination, protocol: UDP, sourcePort: remote.port, destinationPort, timestamp: Date.now() / 1000 });
  }
}

const UNSPECIFIED_V4: IpAddress = { version: 4, bytes: new Uint8Array(4) };

/** Every address of this host, link-local ones with their zone. */
function localAddresses(): string[] {
  const addresses: string[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      addresses.push(entry.family === "IPv6" && entry.scopeid !== 0 ? `${entry.address}%${name}` : entry.address);
    }
  }
  return addresses;
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      resolve(); // it never ran
    }
  });
}
