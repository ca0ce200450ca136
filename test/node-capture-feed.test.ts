import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { CaptureFeed, type CaptureFeedOptions, createFrameCounts } from "../src/node/hearing/capture-feed.ts";
import type { PacketRefusal } from "../src/packet.ts";
import type { LogRecord } from "../src/server/log-record.ts";
import { ethernet, ipv4, ipv6, pcapFile, PcapngWriter, tcp, udp } from "./support/frames.ts";

/** A feed that keeps what it is told. */
function openFeed(options: Partial<CaptureFeedOptions> = {}) {
  const heard: string[] = [];
  const said: LogRecord[] = [];
  const counts = createFrameCounts();
  const feed = new CaptureFeed({
    handle: ({ payload }) => void heard.push(latin1Text(payload)), counts, packetLimit: 0, log: (record) => void said.push(record), ...options,
  });
  const refusals = (): Partial<Record<PacketRefusal, number>> => Object.fromEntries(Object.entries(counts.refused).filter(([, count]) => count > 0));
  return { feed, heard, said, counts, refusals };
}

const text = (letter: string, length = 140): string => letter.repeat(length);
const knock = (letter: string, length?: number): Uint8Array => ethernet(0x0800, ipv4(udp(utf8Bytes(text(letter, length)))));
/** A fragment, a snapped frame, one that ends inside its header, ARP, another protocol, and two that are understood. */
const MIXED = [
  { data: knock("a") },
  { data: ethernet(0x0800, ipv4(udp(utf8Bytes(text("b"))))).map((byte, at) => (at === 20 ? 0x20 : byte)) }, // more fragments
  { data: knock("c").subarray(0, 100), originalLength: knock("c").length },
  { data: new Uint8Array(13) },
  { data: ethernet(0x0806, new Uint8Array(46)) },
  { data: ethernet(0x0800, ipv4(new Uint8Array(20), { protocol: 47 })) },
  { data: ethernet(0x86dd, ipv6(tcp(utf8Bytes(text("d"))), { next: 6 })) },
  { data: ethernet(0x0800, ipv4(udp(utf8Bytes(text("e")), 7))) }, // a UDP length below its header's
];
const MIXED_REFUSALS = { fragment: 1, snapped: 1, "malformed-link": 1, "not-ip": 1, "other-protocol": 1, "malformed-transport": 1 };

test("CaptureFeed hands over what can be a packet, and counts the rest by its reason", async () => {
  const { feed, heard, said, counts, refusals } = openFeed();
  await feed.feed(pcapFile([...MIXED, { data: knock("f", 139) }]));
  assert.deepEqual(heard, [text("a"), text("d")]);
  assert.equal(counts.frames, 9);
  assert.deepEqual(refusals(), MIXED_REFUSALS);
  assert.deepEqual(feed.end(), { kind: "complete" });
  assert.deepEqual(said, []);
});

test("CaptureFeed loses nothing of a stream that is cut in two anywhere, byte after byte", async () => {
  const ng = new PcapngWriter(true);
  const pcapng = concatBytes(ng.section(), ng.interface(1), ...MIXED.map(({ data, originalLength }) => ng.enhancedPacket(0, 0n, data, originalLength)));
  for (const stream of [pcapFile(MIXED), pcapFile(MIXED, { littleEndian: true }), pcapng]) {
    for (let cut = 0; cut <= stream.length; cut++) {
      const { feed, heard, refusals } = openFeed();
      await feed.feed(stream.slice(0, cut));
      await feed.feed(stream.slice(cut));
      assert.deepEqual(heard, [text("a"), text("d")], `cut at ${cut}`);
      assert.deepEqual(refusals(), MIXED_REFUSALS);
      assert.deepEqual(feed.end(), { kind: "complete" });
    }
  }
});

test("CaptureFeed hands over what came before the stream ended in a frame, wherever that was, and says so", async () => {
  const first = pcapFile([{ data: knock("a") }]);
  const stream = pcapFile([{ data: knock("a") }, { data: knock("b") }]);
  for (let length = first.length + 1; length < stream.length; length++) {
    const { feed, heard } = openFeed();
    await feed.feed(stream.slice(0, length));
    assert.deepEqual(heard, [text("a")]);
    assert.deepEqual(feed.end(), { kind: "cut", offset: first.length, reason: "The stream ends inside a record" });
  }
});

test("CaptureFeed waits for a handler that asks for it", async () => {
  const order: string[] = [];
  const { feed } = openFeed({
    handle: async ({ payload }) => {
      order.push(`begin ${latin1Text(payload)[0]}`);
      await new Promise(setImmediate);
      order.push(`end ${latin1Text(payload)[0]}`); // still the same bytes
    },
  });
  await feed.feed(pcapFile([{ data: knock("a") }, { data: knock("b") }]));
  assert.deepEqual(order, ["begin a", "end a", "begin b", "end b"]);
});

test("CaptureFeed says once that it cannot understand a link type, and goes on with other interfaces", async () => {
  const ng = new PcapngWriter(false);
  const { feed, heard, said, refusals } = openFeed();
  await feed.feed(concatBytes(ng.section(), ng.interface(127), ng.interface(1), ...["a", "b"].flatMap((letter) => [ng.enhancedPacket(0, 0n, knock(letter)), ng.enhancedPacket(1, 0n, knock(letter))])));
  assert.deepEqual(said, [{ level: "warning", message: "Frames of link type 127 are not understood: nothing on that interface is heard" }]);
  assert.deepEqual(heard, [text("a"), text("b")]);
  assert.deepEqual(refusals(), { "unknown-link": 2 });
});

test("CaptureFeed leaves what is beyond the limit of frames", async () => {
  const { feed, heard } = openFeed({ packetLimit: 2 });
  await feed.feed(pcapFile(["a", "b", "c"].map((letter) => ({ data: knock(letter) }))));
  assert.deepEqual(heard, [text("a"), text("b")]);
  assert(feed.isFull);
});

const RAW_IP = 101;
const REQUEST = `GET /${"a".repeat(300)} HTTP/1.1\r\nHost: knock.example.org\r\n\r\n`;

/** Frames with parts of the request, from one byte to another. */
const requestFrames = (...parts: readonly (readonly [from: number, to: number])[]) =>
  parts.map(([from, to]) => ({ data: ipv4(tcp(utf8Bytes(REQUEST.slice(from, to)), 5, new Uint8Array(0), 0xffffff00 + from), { protocol: 6 }) }));

test("CaptureFeed gives a web request whole, in whatever order its TCP segments were captured, and byte by byte", async () => {
  for (const parts of [[[0, 20], [20, 200], [200, 400]], [[0, 20], [200, 400], [20, 200], [20, 200]], [[0, 150], [140, 400]], [[200, 400], [0, 20], [20, 200]], [[390, 400], [2, 390], [0, 2]]] as const) {
    const { feed, heard } = openFeed();
    const file = pcapFile(requestFrames(...parts), { linkType: RAW_IP });
    for (const byte of file) await feed.feed(Uint8Array.of(byte));
    assert.deepEqual(heard.filter((payload) => payload.startsWith("GET")), [REQUEST]);
  }
});
