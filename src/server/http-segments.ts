/**
 * Joins the segments of web requests that were captured in pieces. Capturing reassembles nothing else: a packet of one
 * segment is the rule, and a sender that splits its request is a browser or a proxy with a long head, or a slow one.
 *
 * Segments may come in any order, come again, and overlap (RFC 9293 §3.4): their sequence numbers say where they belong.
 * Those that disagree about a byte are no request. What is kept is bounded in every direction: half a megabyte in all.
 *
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { startsRequest } from "../http-request.ts";
import { ipKey } from "../ip.ts";
import { type Datagram, PROTOCOL_TCP } from "../packet.ts";

/** Connections that are remembered at once, with the beginning of a request and without; the oldest makes room. */
const MAX_CONNECTIONS = 64;
/** Bytes of one connection; a packet has 1500 at most, and browsers add some hundred. */
const MAX_LENGTH = 4096;
/** Pieces of one connection with gaps between them. */
const MAX_RUNS = 8;
const MAX_AGE_SECONDS = 10;

/** Bytes without a gap. */
interface Run {
  /** TCP's number of the first. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

interface Connection {
  /** Of the first segment, Unix time in seconds. */
  readonly since: number;
  /** None touches another, except at the beginning of a request. */
  readonly runs: readonly Run[];
}

/** Connections in which something is incomplete. */
export class HttpSegments {
  readonly #requests = new Map<string, Connection>();
  /** Of these the beginning may still come. */
  readonly #others = new Map<string, Connection>();

  /**
   * Takes a TCP segment.
   *
   * @param segment its payload may be a view; what is kept is copied
   * @param sequence TCP's number of its first byte
   * @returns what to decide about: the segment itself, or all of its request so far; undefined while the request line,
   *   which holds the packet, is incomplete, and for a segment that brings nothing new
   */
  join(segment: Datagram, sequence: number): Datagram | undefined {
    const { payload, timestamp } = segment;
    if (segment.protocol !== PROTOCOL_TCP || payload.length === 0) return segment;
    const key = keyOf(segment);
    const isRequest = this.#requests.has(key);
    const found = this.#requests.get(key) ?? this.#others.get(key);
    const { since, runs }: Connection = found !== undefined && Math.abs(timestamp - found.since) <= MAX_AGE_SECONDS ? found : { since: timestamp, runs: [] };
    const added = addPiece(runs, { sequence, bytes: payload });
    this.#requests.delete(key);
    this.#others.delete(key);
    if (added === "contradiction") return isRequest ? undefined : segment;
    const { run, others } = added;
    // Of what is too much the others are forgotten first.
    const kept = [[...others, run], [run]].find(isBounded);
    if (kept === undefined) return segment;
    const begins = startsRequest(run.bytes);
    if (!begins || !endsWithEmptyLine(run.bytes)) {
      const hasBegun = kept.some(({ bytes }) => startsRequest(bytes));
      remember(hasBegun ? this.#requests : this.#others, key, { since, runs: kept });
      if (!begins) return hasBegun ? undefined : segment;
    }
    return !runs.includes(run) && run.bytes.includes(0x0a) ? { ...segment, payload: run.bytes } : undefined;
  }
}

function isBounded(runs: readonly Run[]): boolean {
  return runs.length <= MAX_RUNS && runs.reduce((sum, { bytes }) => sum + bytes.length, 0) <= MAX_LENGTH;
}

function remember(connections: Map<string, Connection>, key: string, connection: Connection): void {
  if (connections.size >= MAX_CONNECTIONS) {
    const [oldest] = connections.keys();
    connections.delete(oldest!);
  }
  connections.set(key, connection);
}

/**
 * Puts a piece where it belongs.
 *
 * @returns the run that holds it, one of the given ones when it brought nothing new, else a fresh copy; and those that do not touch it
 */
function addPiece(runs: readonly Run[], piece: Run): { readonly run: Run; readonly others: readonly Run[] } | "contradiction" {
  let run: Run | undefined = piece;
  const others: Run[] = [];
  for (const other of runs) {
    const [left, right]: readonly [Run, Run] = distance(other, run) >= 0 ? [other, run] : [run, other];
    const gap = distance(left, right) - left.bytes.length;
    // What begins a request goes on with nothing.
    if (gap > 0 || (gap === 0 && startsRequest(right.bytes))) others.push(other);
    else {
      run = joinRuns(left, right);
      if (run === undefined) return "contradiction";
    }
  }
  return { run: run === piece ? { ...piece, bytes: piece.bytes.slice() } : run, others };
}

/** From the first byte of one run to that of another, in 32 bits, which may run over. */
function distance(from: Run, to: Run): number {
  return (to.sequence - from.sequence) | 0;
}

/** Joins a run and one that begins in it or at its end; undefined when they disagree. */
function joinRuns(left: Run, right: Run): Run | undefined {
  const at = distance(left, right);
  const common = left.bytes.subarray(at, at + right.bytes.length);
  if (common.some((byte, index) => byte !== right.bytes[index])) return undefined;
  if (common.length === right.bytes.length) return left;
  return { sequence: left.sequence, bytes: concatBytes(left.bytes, right.bytes.subarray(common.length)) };
}

/** An empty line at the end: a GET has no body. */
function endsWithEmptyLine(payload: Uint8Array): boolean {
  const end = payload.length;
  return payload[end - 1] === 0x0a && (payload[end - 2] === 0x0a || (payload[end - 2] === 0x0d && payload[end - 3] === 0x0a));
}

function keyOf({ source, destination, sourcePort, destinationPort }: Datagram): string {
  return `${ipKey(source)} ${ipKey(destination)} ${sourcePort} ${destinationPort}`;
}
