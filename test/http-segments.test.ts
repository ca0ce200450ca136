import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text } from "../src/bytes.ts";
import type { Datagram } from "../src/packet.ts";
import { HttpSegments, startsRequest } from "../src/server/http-segments.ts";
import { utf8Bytes } from "../src/bytes.ts";
import { generator } from "./support/gen.ts";
import { datagram, ip, NOW } from "./support/stanza.ts";

const REQUEST = `GET /${"a".repeat(300)} HTTP/1.1\r\nUser-Agent: Fwknop/3.0.0\r\nHost: knock.example.org\r\n\r\n`;
const segment = (payload: string | Uint8Array, overrides: Partial<Datagram> = {}): Datagram => datagram(payload, { protocol: 6, ...overrides });
const textOf = (joined: Datagram | undefined): string | undefined => joined && latin1Text(joined.payload);

test("HttpSegments.join() gives the whole request in the end, however it is cut", () => {
  const gen = generator("HttpSegments");
  for (let round = 0; round < 200; round++) {
    const segments = new HttpSegments();
    const pieces = gen.chunks(utf8Bytes(REQUEST)).filter(({ length }) => length > 0);
    const answers = pieces.map((piece) => textOf(segments.join(segment(piece))));
    // A first piece that is too short to be known is all that can go wrong.
    if (startsRequest(pieces[0]!)) {
      assert.equal(answers.at(-1), REQUEST);
      for (const answer of answers) assert(answer === undefined || (answer.includes("\n") && REQUEST.startsWith(answer)), answer);
      assert.equal(segments.isWaiting, false);
    }
  }
});

test("HttpSegments.join() leaves everything else as it is, the same object", () => {
  const segments = new HttpSegments();
  for (const other of [segment("POST / HTTP/1.1\r\n"), segment("x".repeat(200)), datagram("GET /half", { protocol: 17 }), segment(""), segment("GE")]) assert.equal(segments.join(other), other);
  assert.equal(segments.isWaiting, false);
});

test("HttpSegments.join() keeps connections apart, and forgets what comes too late or grows too long", () => {
  const segments = new HttpSegments();
  assert.equal(segments.join(segment("GET /one")), undefined);
  assert.equal(segments.join(segment("GET /two", { sourcePort: 40001 })), undefined);
  assert.equal(segments.join(segment("GET /six", { source: ip("2001:db8::7") })), undefined);
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n", { sourcePort: 40001 }))), "GET /two HTTP/1.1\r\n\r\n");
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n", { timestamp: NOW + 11 }))), " HTTP/1.1\r\n\r\n");
  assert.equal(textOf(segments.join(segment("x".repeat(5000), { source: ip("2001:db8::7") }))), "x".repeat(5000));
  assert.equal(segments.isWaiting, false);
});

test("HttpSegments.join() takes a first segment that is sent again for the same one", () => {
  const segments = new HttpSegments();
  for (let again = 0; again < 2; again++) assert.equal(segments.join(segment("GET /one")), undefined);
  assert.equal(textOf(segments.join(segment(" HTTP/1.1\r\n\r\n"))), "GET /one HTTP/1.1\r\n\r\n");
});

test("HttpSegments.join() remembers a bounded number of connections, the newest", () => {
  const segments = new HttpSegments();
  for (let port = 1; port <= 1000; port++) segments.join(segment("GET /", { sourcePort: port }));
  const found = Array.from({ length: 1000 }, (_, at) => segments.join(segment("x\n\n", { sourcePort: at + 1 }))!.payload.length > 3);
  assert.deepEqual([found.filter(Boolean).length, found.at(-1), found[0]], [64, true, false]);
});

test("HttpSegments.join() copies what it keeps", () => {
  const segments = new HttpSegments();
  const buffer = utf8Bytes("GET /one");
  segments.join(segment(buffer));
  buffer.fill(0);
  assert.equal(textOf(segments.join(segment("\n"))), "GET /one\n");
});
