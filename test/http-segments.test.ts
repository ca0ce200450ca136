import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text } from "../src/bytes.ts";
import { utf8Bytes } from "../src/bytes.ts";
import { startsRequest } from "../src/http-request.ts";
import type { Datagram } from "../src/packet.ts";
import { HttpSegments } from "../src/server/http-segments.ts";
import { generator } from "./support/gen.ts";
import { datagram, ip, NOW } from "./support/stanza.ts";

const REQUEST = `GET /${"a".repeat(300)} HTTP/1.1\r\nUser-Agent: Fwknop/3.0.0\r\nHost: knock.example.org\r\n\r\n`;
const segment = (payload: string | Uint8Array, overrides: Partial<Datagram> = {}): Datagram => datagram(payload, { protocol: 6, ...overrides });
/** The one connection's next segment: its sequence number counts the bytes that came before. */
const follow = (segments: HttpSegments, payloads: readonly (string | Uint8Array)[], first = 0): (Datagram | undefined)[] => {
  let sequence = first;
  return payloads.map((payload) => {
    const joined = segments.join(segment(payload), sequence >>> 0);
    sequence += payload.length;
    return joined;
  });
};
const textOf = (joined: Datagram | undefined): string | undefined => joined && latin1Text(joined.payload);

test("HttpSegments.join() gives the whole request in the end, however it is cut", () => {
  const gen = generator("HttpSegments");
  for (let round = 0; round < 200; round++) {
    const segments = new HttpSegments();
    const pieces = gen.chunks(utf8Bytes(REQUEST)).filter(({ length }) => length > 0);
    const answers = follow(segments, pieces, gen.below(2 ** 32)).map(textOf);
    assert.equal(answers.at(-1), REQUEST);
    for (const answer of answers) assert(answer === undefined || REQUEST.startsWith(answer), answer);
  }
});

test("HttpSegments.join() leaves everything else as it is, the same object", () => {
  const segments = new HttpSegments();
  for (const other of [segment("POST / HTTP/1.1\r\n"), segment("x".repeat(200)), datagram("GET /half", { protocol: 17 }), segment(""), segment("GE")]) assert.equal(segments.join(other, 1), other);
});

test("HttpSegments.join() puts segments in order that overtook each other, came again and overlap", () => {
  const gen = generator("HttpSegments order");
  const whole = utf8Bytes(REQUEST);
  for (let round = 0; round < 300; round++) {
    const segments = new HttpSegments();
    const first = gen.pick([0, 2 ** 32 - 150, 2 ** 31 - 150, gen.below(2 ** 32)]);
    const cuts = [...new Set([0, gen.between(4, 200), ...Array.from({ length: gen.between(0, 4) }, () => gen.between(4, whole.length - 1))])].sort((a, b) => a - b);
    const places = cuts.map((from, at) => [from, Math.min(whole.length, (cuts[at + 1] ?? whole.length) + gen.below(3))] as const);
    const captured = [...places, ...places];
    for (let at = captured.length - 1; at > 0; at--) {
      const other = gen.below(at + 1);
      [captured[at], captured[other]] = [captured[other]!, captured[at]!];
    }
    const answers = captured.map(([from, to]) => textOf(segments.join(segment(whole.slice(from, to)), (first + from) % 2 ** 32)));
    const told = answers.filter((answer) => answer !== undefined && startsRequest(utf8Bytes(answer)));
    assert(told.includes(REQUEST), `${first} ${JSON.stringify(captured)}`);
    for (const answer of told) assert(REQUEST.startsWith(answer!) && answer!.includes("\n"), answer);
  }
});

test("HttpSegments.join() keeps connections apart, and forgets what comes too late or grows too long", () => {
  const segments = new HttpSegments();
  assert.equal(segments.join(segment("GET /one"), 100), undefined);
  assert.equal(segments.join(segment("GET /two", { sourcePort: 40001 }), 200), undefined);
  assert.equal(segments.join(segment("GET /six", { source: ip("2001:db8::7") }), 300), undefined);
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n", { sourcePort: 40001 }), 208)), "GET /two HTTP/1.1\r\n\r\n");
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n", { timestamp: NOW + 11 }), 108)), " HTTP/1.1\r\n\r\n");
  assert.equal(textOf(segments.join(segment("x".repeat(5000), { source: ip("2001:db8::7") }), 308)), "x".repeat(5000));
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n", { source: ip("2001:db8::7") }), 308)), " HTTP/1.1\r\n\r\n");
});

test("HttpSegments.join() takes a request anew that begins elsewhere in the connection", () => {
  const segments = new HttpSegments();
  assert.equal(segments.join(segment("GET /one"), 1), undefined);
  assert.equal(segments.join(segment("GET /two"), 1000), undefined);
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n"), 1008)), "GET /two HTTP/1.1\r\n\r\n");
});

test("HttpSegments.join() remembers a bounded number of connections and of waiting segments, the newest connections", () => {
  const segments = new HttpSegments();
  for (let port = 1; port <= 1000; port++) segments.join(segment("GET /", { sourcePort: port }), 0);
  const found = Array.from({ length: 1000 }, (_, at) => segments.join(segment("x\n\n", { sourcePort: at + 1 }), 5)!.payload.length > 3);
  assert.deepEqual([found.filter(Boolean).length, found.at(-1), found[0]], [64, true, false]);

  // Connections without a request do not push out those with one.
  segments.join(segment("GET /"), 0);
  for (let port = 1; port <= 1000; port++) segments.join(segment("stray", { sourcePort: port }), 0);
  assert.equal(textOf(segments.join(segment("x\n\n"), 5)), "GET /x\n\n");
  for (const [pieces, isFound] of [[7, true], [8, false]] as const) {
    const gaps = new HttpSegments();
    for (let at = 0; at < pieces; at++) gaps.join(segment("x"), 100 + 2 * at);
    assert.equal(gaps.join(segment("GET /\n"), 0)?.payload.length, 6, "what waited is forgotten, if it is too much");
    assert.equal(textOf(gaps.join(segment("x".repeat(94)), 6)), isFound ? `GET /\n${"x".repeat(95)}` : `GET /\n${"x".repeat(94)}`);
  }
  for (const [length, isFound] of [[1000, true], [1025, false]] as const) {
    const long = new HttpSegments();
    for (let at = 3; at > 0; at--) long.join(segment("x".repeat(length)), at * length);
    const joined = long.join(segment("GET /\n".padEnd(length, "x")), 0)!.payload.length;
    assert.equal(joined, isFound ? 4 * length : length);
  }
});

test("HttpSegments.join() gives the whole request in every order of its segments", () => {
  const whole = utf8Bytes(REQUEST);
  const cuts = [0, 2, 90, 91, 300, whole.length];
  const pieces = cuts.slice(1).map((to, at) => [cuts[at]!, to] as const);
  for (const order of permutations(pieces)) {
    const segments = new HttpSegments();
    const answers = order.map(([from, to]) => textOf(segments.join(segment(whole.slice(from, to)), (2 ** 32 - 100 + from) % 2 ** 32)));
    assert.equal(answers.at(-1), REQUEST, JSON.stringify(order));
  }
});

test("HttpSegments.join() takes no request whose segments contradict each other", () => {
  for (const [from, to] of [[0, 20], [10, 60], [50, 60], [100, 140]] as const) {
    const segments = new HttpSegments();
    const part = (start: number, end: number, text = REQUEST) => segments.join(segment(text.slice(start, end)), start);
    part(0, 60);
    part(100, 140);
    const forged = `${REQUEST.slice(0, to - 1)}!${REQUEST.slice(to)}`;
    assert.equal(part(from, to, forged), undefined);
    const told = [part(60, 100), part(140, REQUEST.length)].map(textOf);
    assert(!told.some((text) => text?.startsWith("GET")), `${from} ${to}`);
  }
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

test("HttpSegments.join() copies what it keeps", () => {
  const segments = new HttpSegments();
  const [buffer, ahead] = [utf8Bytes("GET /one"), utf8Bytes("c\n")];
  segments.join(segment(buffer), 0);
  segments.join(segment(ahead), 10);
  buffer.fill(0);
  ahead.fill(0);
  assert.equal(textOf(segments.join(segment("ab"), 8)), "GET /oneabc\n");
});
