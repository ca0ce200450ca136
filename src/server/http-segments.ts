/**
 * Joins the segments of web requests that were captured in pieces. Capturing reassembles nothing else: a packet of one
 * segment is the rule, and a sender that splits its request is a browser or a proxy with a long head, or a slow one.
 *
 * No sequence numbers are looked at. Segments are joined as they come, so a request whose segments overtook each other is
 * lost, and its sender tries again.
 *
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { ipKey } from "../ip.ts";
import type { Datagram } from "../packet.ts";

/** IP protocol number. */
const TCP = 6;
/** Connections that are remembered at once; the oldest makes room. */
const MAX_CONNECTIONS = 64;
/** Bytes of one request; a packet has 1500 at most, and browsers add some hundred. */
const MAX_LENGTH = 4096;
const MAX_AGE_SECONDS = 10;

interface Beginning {
  readonly payload: Uint8Array;
  /** Of the first segment, Unix time in seconds. */
  readonly since: number;
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
   * @returns what to decide about: the segment itself, or all of its request so far; undefined while the request line,
   *   which holds the packet, is incomplete
   */
  join(segment: Datagram): Datagram | undefined {
    if (segment.protocol !== TCP) return segment;
    const key = keyOf(segment);
    const begun = startsRequest(segment.payload) ? undefined : this.#beginnings.get(key);
    if (begun === undefined && !startsRequest(segment.payload)) return segment;
    this.#beginnings.delete(key);
    const isLate = begun !== undefined && Math.abs(segment.timestamp - begun.since) > MAX_AGE_SECONDS;
    if (isLate || (begun?.payload.length ?? 0) + segment.payload.length > MAX_LENGTH) return segment;
    const payload = begun === undefined ? segment.payload : concatBytes(begun.payload, segment.payload);
    if (!endsWithEmptyLine(payload)) this.#remember(key, { payload: payload.slice(), since: begun?.since ?? segment.timestamp });
    return payload.includes(0x0a) ? { ...segment, payload } : undefined;
  }

  #remember(key: string, beginning: Beginning): void {
    if (this.#beginnings.size >= MAX_CONNECTIONS) {
      const [oldest] = this.#beginnings.keys();
      this.#beginnings.delete(oldest!);
    }
    this.#beginnings.set(key, beginning);
  }
}

/**
 * Tells whether a payload begins a web request that could carry a packet.
 *
 * @param payload of a TCP segment
 */
export function startsRequest(payload: Uint8Array): boolean {
  const [g, e, t, blank] = payload as unknown as [number, number, number, number];
  return payload.length >= 4 && (g | 0x20) === 0x67 && (e | 0x20) === 0x65 && (t | 0x20) === 0x74 && blank === 0x20;
}

/** An empty line at the end: a GET has no body. */
function endsWithEmptyLine(payload: Uint8Array): boolean {
  const end = payload.length;
  return payload[end - 1] === 0x0a && (payload[end - 2] === 0x0a || (payload[end - 2] === 0x0d && payload[end - 3] === 0x0a));
}

function keyOf({ source, destination, sourcePort, destinationPort }: Datagram): string {
  return `${ipKey(source)} ${ipKey(destination)} ${sourcePort} ${destinationPort}`;
}
