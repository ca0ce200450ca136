/**
 * An HTTP listener that tells nobody anything: every request gets the same bytes, knock or not, as soon as its head is
 * there and before anybody looks what it was. One request a connection, one datagram a knock.
 *
 * Plain sockets, since node:http answers some requests in its own words (100 Continue, 400, CONNECT) and dates.
 *
 * @module
 */

import type { Socket } from "node:net";
import { unwrapSpaRequest } from "../../http-request.ts";
import { containsIp, formatIp, type IpAddress, type IpNetwork, ipKey } from "../../ip.ts";
import type { Datagram } from "../../packet.ts";
import { findClient, parseProxyHeader } from "../../proxied-source.ts";
import { MIN_PAYLOAD } from "../../server/decide.ts";
import { LogLimit } from "../../server/log-limit.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { Channel } from "./channel.ts";
import { type TcpConnection, TcpListener } from "./tcp-listener.ts";
import type { DatagramSource, SourceDrops } from "./udp-source.ts";

/** Where to listen and whom to believe. */
export interface HttpSourceOptions {
  /** HTTP_SERVER_PORT. */
  readonly port: number;
  /** HTTP_SERVER_ADDRESS; undefined for every address of both families. */
  readonly address?: string;
  /** HTTP_SERVER_STATUS: the status of every answer. */
  readonly status: HttpStatus;
  /** Proxies that are believed when they say who their client is. */
  readonly trustedProxies: readonly IpNetwork[];
  readonly log: LogFunction;
  /** From accept to answer, milliseconds: absolute, so that no drip of bytes prolongs it. */
  readonly deadlineMs?: number;
  /** Connections at once; for one more the oldest is cut. */
  readonly maxConnections?: number;
  /** Of them, from one address or one IPv6 /64. Trusted proxies are not counted. */
  readonly maxPerSource?: number;
}

/** The answers that can be given. */
export const HTTP_REASONS = { 200: "OK", 204: "No Content", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" } as const;

/** A status that every request can be answered with. */
export type HttpStatus = keyof typeof HTTP_REASONS;

/** IANA protocol number. */
const TCP = 6;
const DEADLINE_MS = 5000;
/** Far below the usual limit of 1024 descriptors, which firewall commands and files need as well. */
const MAX_CONNECTIONS = 256;
const MAX_PER_SOURCE = 32;
/** Payloads that may wait for the reader. */
const MAX_WAITING = 512;
/** Bytes of a head with all that browsers and proxies add; a packet has 1500 at most. */
const MAX_HEAD = 8192;
/** A connection is read on after the answer: closing with unread bytes would reset it, and browsers then send again. */
const LINGER_MS = 2000;
/** Whoever sends more than that after the answer is no browser. */
const LINGER_BYTES = 1024 * 1024;

/**
 * The bytes of every answer.
 *
 * @param status the status
 * @returns a whole response without a body
 */
export function httpAnswer(status: HttpStatus): string {
  // RFC 9110 §8.6: no length with 204.
  const length = status === 204 ? "" : "Content-Length: 0\r\n";
  return `HTTP/1.1 ${status} ${HTTP_REASONS[status]}\r\n${length}Connection: close\r\n\r\n`;
}

/**
 * Binds.
 *
 * @param options where, and the limits
 * @returns one datagram a GET request that is long enough for a knock, its payload the packet and its source the client, until it is closed
 * @throws {Error} the system's, when it cannot be bound
 */
export async function openHttpSource(options: HttpSourceOptions): Promise<DatagramSource> {
  const source = new HttpSource(options);
  await source.open();
  return source;
}

class HttpSource implements DatagramSource {
  readonly drops: SourceDrops = { oversized: 0, overflowed: 0 };
  readonly #options: HttpSourceOptions;
  readonly #answer: string;
  readonly #listener: TcpListener;
  /** In the order of their arrival. */
  readonly #connections = new Set<Socket>();
  readonly #perSource = new Map<string, number>();
  readonly #channel: Channel<Datagram> = new Channel();
  readonly #limit: LogLimit = new LogLimit();

  constructor(options: HttpSourceOptions) {
    this.#options = options;
    this.#answer = httpAnswer(options.status);
    this.#listener = new TcpListener({ onConnection: (connection) => this.#accept(connection), onOverflow: () => this.drops.overflowed++ });
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

  /** Strangers can bring a proxy to say odd things, but not to fill the log. */
  #warn(message: string): void {
    this.#limit.collect(performance.now());
    if (this.#limit.admit("proxy", performance.now())) this.#options.log({ level: "warning", message });
  }

  readonly #isTrusted = (ip: IpAddress): boolean => this.#options.trustedProxies.some((network) => containsIp(network, ip));

  /** Keeps the door passable for one knock among thousands of connections that only want to stand in it. */
  #accept(connection: TcpConnection): void {
    const { socket, source: peer } = connection;
    const key = ipKey(peer).slice(0, 8);
    const count = this.#perSource.get(key) ?? 0;
    if (count >= (this.#options.maxPerSource ?? MAX_PER_SOURCE) && !this.#isTrusted(peer)) {
      this.drops.overflowed++;
      socket.destroy();
      return;
    }
    if (this.#connections.size >= (this.#options.maxConnections ?? MAX_CONNECTIONS)) {
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
    this.#serve(connection);
  }

  #serve({ socket, source: peer, ...ends }: TcpConnection): void {
    const mayProxy = this.#isTrusted(peer);
    let head = new Uint8Array(0);
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
      let left = LINGER_BYTES;
      socket.removeAllListeners("data").on("data", (chunk: Uint8Array) => {
        left -= chunk.length;
        if (left < 0) socket.destroy();
      });
      // Browsers open connections in advance and send nothing; an answer to nothing would be odd.
      if (head.length > 0) socket.end(this.#answer);
      else socket.end();
    };
    const take = (start: number, source: IpAddress): void => {
      const request = unwrapSpaRequest(head.subarray(start));
      if (request?.ok !== true) return;
      if (request.packet.length < MIN_PAYLOAD) return; // what scanners ask for
      const client = findClient(source, request, this.#isTrusted);
      if (!client.ok) {
        this.#warn(`Request from the trusted proxy ${formatIp(source)} is not taken: ${client.reason}`);
      } else if (this.#channel.size >= MAX_WAITING) {
        this.drops.overflowed++;
      } else {
        this.#channel.put({ payload: request.packet, source: client.source, protocol: TCP, ...ends, timestamp: Date.now() / 1000, isFromHttp: true });
      }
    };
    let timer = setTimeout(finish, this.#options.deadlineMs ?? DEADLINE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      const joined = new Uint8Array(Math.min(MAX_HEAD + 1, head.length + chunk.length));
      joined.set(head);
      joined.set(chunk.subarray(0, joined.length - head.length), head.length);
      head = joined;
      const proxy = mayProxy ? parseProxyHeader(head) : ({ kind: "none" } as const);
      if (proxy.kind === "incomplete" && head.length <= MAX_HEAD) return;
      if (proxy.kind === "broken") {
        this.#warn(`PROXY header of the trusted proxy ${formatIp(peer)} is not taken: ${proxy.reason}`);
        return finish();
      }
      const start = proxy.kind === "found" ? proxy.length : 0;
      const isComplete = endsHead(head, start);
      if (!isComplete && head.length <= MAX_HEAD && (head.length === start || isLetter(head[start]!))) return;
      if (head.length > MAX_HEAD) this.drops.oversized++;
      finish();
      if (isComplete) take(start, proxy.kind === "found" ? (proxy.source ?? peer) : peer);
    });
    socket.once("end", finish);
    socket.once("close", () => {
      over = true;
      clearTimeout(timer);
    });
  }
}

/** A method begins with one; a TLS hello does not. */
function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** An empty line, with or without CR (RFC 9112 §2.2), within the bytes that may be a head. */
function endsHead(head: Uint8Array, start: number): boolean {
  const LF = 0x0a;
  for (let at = head.indexOf(LF, start); at >= 0 && at < MAX_HEAD; at = head.indexOf(LF, at + 1)) {
    if (head[at + 1] === LF || (head[at + 1] === 0x0d && head[at + 2] === LF)) return true;
  }
  return false;
}
