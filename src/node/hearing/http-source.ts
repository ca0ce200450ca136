/**
 * An HTTP listener that tells nobody anything: every request gets the same bytes, knock or not, as soon as its head is
 * there and before anybody looks what it was. One request a connection, one datagram a knock.
 *
 * Plain sockets, since node:http answers some requests in its own words (100 Continue, 400, CONNECT) and dates.
 *
 * @module
 */

import { unwrapSpaRequest } from "../../http-request.ts";
import { containsIp, formatIp, type IpAddress, type IpNetwork } from "../../ip.ts";
import { findClient, parseProxyHeader } from "../../proxied-source.ts";
import { MIN_PAYLOAD } from "../../server/decide.ts";
import { LogLimit } from "../../server/log-limit.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { appendUpTo, ConnectionSource, type DoorLimits } from "./connection-source.ts";
import type { DatagramSource } from "./datagram-source.ts";
import type { TcpConnection } from "./tcp-listener.ts";

/** Where to listen and whom to believe. */
export interface HttpSourceOptions extends DoorLimits {
  /** HTTP_SERVER_PORT. */
  readonly port: number;
  /** HTTP_SERVER_ADDRESS; undefined for every address of both families. */
  readonly address?: string;
  /** HTTP_SERVER_STATUS: the status of every answer. */
  readonly status: () => HttpStatus;
  /** Proxies that are believed when they say who their client is. */
  readonly trustedProxies: () => readonly IpNetwork[];
  readonly log: LogFunction;
  /** From accept to answer, milliseconds: absolute, so that no drip of bytes prolongs it. */
  readonly deadlineMs?: number;
}

/** The answers that can be given. */
const HTTP_REASONS = { 200: "OK", 204: "No Content", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" } as const;

/** A status that every request can be answered with. */
export type HttpStatus = keyof typeof HTTP_REASONS;

const DEADLINE_MS = 5000;
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
  await source.open(options);
  return source;
}

class HttpSource extends ConnectionSource {
  readonly #options: HttpSourceOptions;
  readonly #limit: LogLimit = new LogLimit();

  constructor(options: HttpSourceOptions) {
    super(options);
    this.#options = options;
  }

  protected override isTrusted(ip: IpAddress): boolean {
    return this.#options.trustedProxies().some((network) => containsIp(network, ip));
  }

  /** Strangers can bring a proxy to say odd things, but not to fill the log. */
  #warn(message: string): void {
    this.#limit.collect(performance.now());
    if (this.#limit.admit("proxy", performance.now())) this.#options.log({ level: "warning", message });
  }

  protected override serve({ socket, source: peer, ...ends }: TcpConnection): void {
    const mayProxy = this.isTrusted(peer);
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
      if (head.length > 0) socket.end(httpAnswer(this.#options.status()));
      else socket.end();
    };
    let timer = setTimeout(finish, this.#options.deadlineMs ?? DEADLINE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      head = appendUpTo(head, chunk, MAX_HEAD + 1);
      const read = readHead(head, mayProxy);
      if (read.kind === "incomplete") return;
      if (read.kind === "broken") this.#warn(`PROXY header of the trusted proxy ${formatIp(peer)} is not taken: ${read.reason}`);
      else if (head.length > MAX_HEAD) this.drops.oversized++;
      finish();
      if (read.kind === "whole") this.#take(head.subarray(read.start), { ...ends, source: read.client ?? peer });
    });
    socket.once("end", finish);
    socket.once("close", () => {
      over = true;
      clearTimeout(timer);
    });
  }

  /** Passes on the packet of a request, if it holds one. */
  #take(head: Uint8Array, { source, ...ends }: Omit<TcpConnection, "socket">): void {
    const request = unwrapSpaRequest(head);
    if (request?.ok !== true || request.packet.length < MIN_PAYLOAD) return; // what scanners ask for
    const client = findClient(source, request, (ip) => this.isTrusted(ip));
    if (client.ok) this.pass({ payload: request.packet, source: client.source, ...ends, isFromHttp: true });
    else this.#warn(`Request from the trusted proxy ${formatIp(source)} is not taken: ${client.reason}`);
  }
}

/** What came on a connection so far. */
type Head =
  /** More has to come. */
  | { readonly kind: "incomplete" }
  /** It will never be a request. */
  | { readonly kind: "none" }
  /** A proxy began with something else than the header that tells its client. */
  | { readonly kind: "broken"; readonly reason: string }
  /** A request, from `start` on; `client` is who stands behind a proxy, where the proxy knows. */
  | { readonly kind: "whole"; readonly start: number; readonly client: IpAddress | undefined };

function readHead(head: Uint8Array, mayProxy: boolean): Head {
  const proxy = mayProxy ? parseProxyHeader(head) : ({ kind: "none" } as const);
  if (proxy.kind === "broken") return proxy;
  const isTooLong = head.length > MAX_HEAD;
  if (proxy.kind === "incomplete" && !isTooLong) return proxy;
  const { start, client } = proxy.kind === "found" ? { start: proxy.length, client: proxy.source } : { start: 0, client: undefined };
  if (endsHead(head, start)) return { kind: "whole", start, client };
  const mayBegin = head.length === start || isLetter(head[start]!);
  return { kind: mayBegin && !isTooLong ? "incomplete" : "none" };
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
