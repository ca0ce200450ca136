import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { CaptureFeed, createFrameCounts } from "../src/node/capture-feed.ts";
import { ipv4, pcapFile, tcp } from "./support/frames.ts";

const RAW_IP = 101;
const REQUEST = `GET /${"a".repeat(300)} HTTP/1.1\r\nHost: knock.example.org\r\n\r\n`;

/** Frames with parts of the request, from one byte to another. */
const frames = (...parts: readonly (readonly [from: number, to: number])[]) =>
  parts.map(([from, to]) => ({ data: ipv4(tcp(utf8Bytes(REQUEST.slice(from, to)), 5, new Uint8Array(0), 0xffffff00 + from), { protocol: 6 }) }));

test("CaptureFeed gives a web request whole, in whatever order its TCP segments were captured, and byte by byte", async () => {
  for (const parts of [[[0, 20], [20, 200], [200, 400]], [[0, 20], [200, 400], [20, 200], [20, 200]], [[0, 150], [140, 400]]] as const) {
    const payloads: string[] = [];
    const feed = new CaptureFeed((datagram) => void payloads.push(latin1Text(datagram.payload)), createFrameCounts(), 0);
    const file = pcapFile(frames(...parts), { linkType: RAW_IP });
    for (const byte of file) await feed.feed(Uint8Array.of(byte));
    assert.deepEqual(payloads.filter((payload) => payload.startsWith("GET")), [REQUEST]);
  }
});
