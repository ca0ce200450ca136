/**
 * Joins the segments of web requests that were captured in pieces. Capturing reassembles nothing else: a packet of one
 * segment is the rule, and a sender that splits its request is a browser or a proxy with a long head, or a slow one.
 *
 * Segments may overtake each other, come again, and overlap (RFC 9293 §3.4): their sequence numbers say where they belong.
 * Only the first must come first, since nothing else tells a request from other traffic.
 *
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { startsRequest } from "../http-request.ts";
import { ipKey } from "../ip.ts";
import type { Datagram } from "../packet.ts";

/** IP protocol number. */
const TCP = 6;
/** Connections that are remembered at once; the oldest makes room. */
const MAX_CONNECTIONS = 64;
/** Bytes of one request; a packet has 1500 at most, and browsers add some hundred. */
const MAX_LENGTH = 4096;
const MAX_AGE_SECONDS = 10;
/** Segments that may wait for one before them. */
const MAX_AHEAD = 8;

interface Beginning {
  /** Of the request's first byte. */
  readonly sequence: number;
  /** Of the first segment, Unix time in seconds. */
  readonly since: number;
  /** What came without a gap. */
  payload: Uint8Array;
  /** What came too early, by its place in the request. */
  readonly ahead: Map<number, Uint8Array>;
}

/** Requests that have begun. */
export class HttpSegments {
  readonly #beginnings = new Map<string, Beginning>();

  /** Whether a request has begun that a next segment could belong to. */
  get isWaiting(): boolean {
    return this.#beginnings.size > 0;
  }

  /**
   * Takes a TCP segment.
   *
   * @param segment its payload may be a view; what is kept is copied
   * @param sequence TCP's number of its first byte
   * @returns what to decide about: the segment itself, or all of its request so far; undefined while the request line,
   *   which holds the packet, is incomplete, and for a segment that brings nothing new
   */
  join(segment: Datagram, sequence: number): Datagram | undefined {
    if (segment.protocol !== TCP) return segment;
    const key = keyOf(segment);
    const known = this.#beginnings.get(key);
    const begins = startsRequest(segment.payload) && sequence !== known?.sequence;
    if (known === undefined && !begins) return segment;
    const request = begins ? { sequence, since: segment.timestamp, payload: new Uint8Array(0), ahead: new Map<number, Uint8Array>() } : known!;
    // In 32 bits, which may run over.
    const offset = (sequence - request.sequence) | 0;
    const isLate = Math.abs(segment.timestamp - request.since) > MAX_AGE_SECONDS;
    if (isLate || offset < 0 || offset + segment.payload.length > MAX_LENGTH) {
      this.#beginnings.delete(key);
      return segment;
    }
    const before = request.payload.length;
    place(request, offset, segment.payload);
    if (endsWithEmptyLine(request.payload)) this.#beginnings.delete(key);
    else this.#remember(key, request);
    return request.payload.length > before && request.payload.includes(0x0a) ? { ...segment, payload: request.payload } : undefined;
  }

  #remember(key: string, request: Beginning): void {
    if (this.#beginnings.size >= MAX_CONNECTIONS && !this.#beginnings.has(key)) {
      const [oldest] = this.#beginnings.keys();
      this.#beginnings.delete(oldest!);
    }
    this.#beginnings.set(key, request);
  }
}

/** Puts a segment where it belongs, and whatever waited for it. */
function place(request: Beginning, offset: number, payload: Uint8Array): void {
  const { length } = request.payload;
  if (offset > length) {
    if (request.ahead.size < MAX_AHEAD) request.ahead.set(offset, payload.slice());
    return;
  }
  if (offset + payload.length > length) request.payload = concatBytes(request.payload, payload.subarray(length - offset));
  for (const [waiting, piece] of request.ahead) {
    if (waiting > request.payload.length) continue;
    request.ahead.delete(waiting);
    return place(request, waiting, piece);
  }
}

/** An empty line at the end: a GET has no body. */
function endsWithEmptyLine(payload: Uint8Array): boolean {
  const end = payload.length;
  return payload[end - 1] === 0x0a && (payload[end - 2] === 0x0a || (payload[end - 2] === 0x0d && payload[end - 3] === 0x0a));
}

function keyOf({ source, destination, sourcePort, destinationPort }: Datagram): string {
  return `${ipKey(source)} ${ipKey(destination)} ${sourcePort} ${destinationPort}`;
}
