import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { createFrameCounts } from "../src/node/hearing/capture-feed.ts";
import { LogFeed } from "../src/node/hearing/log-feed.ts";

const line = (port: number, more = ""): string => `DROP IN=eth0 OUT= SRC=192.0.2.7 DST=192.0.2.1 LEN=28 TTL=64 PROTO=UDP SPT=9 DPT=${port} LEN=8 ${more}`;

function openFeed(packetLimit = 0) {
  const heard: number[] = [];
  const counts = createFrameCounts();
  const feed = new LogFeed("DROP", { counts, packetLimit, log: () => {}, handleKnock: ({ destinationPort }) => void heard.push(destinationPort) });
  return { feed, heard, counts };
}

test("LogFeed reads the same lines in chunks of every size, and nothing of a line that has no end yet", async () => {
  const bytes = utf8Bytes(`${line(1)}\nnoise\n\n${line(2)}\r\n${line(3)}\n${line(4)}`);
  for (let size = 1; size <= bytes.length; size++) {
    const { feed, heard, counts } = openFeed();
    for (let at = 0; at < bytes.length; at += size) await feed.feed(bytes.slice(at, at + size));
    assert.deepEqual(heard, [1, 2, 3], String(size));
    assert.equal(counts.frames, 3);
  }
});

test("LogFeed passes over a line of any length without keeping it, and half a line of a file that was replaced", async () => {
  const { feed, heard } = openFeed();
  for (let count = 0; count < 100; count++) await feed.feed(utf8Bytes("x".repeat(5000)));
  await feed.feed(utf8Bytes(`${line(1)}\n${line(2)}\n`));
  assert.deepEqual(heard, [2]);
  await feed.feed(utf8Bytes(`${line(3, "x".repeat(5000))}\n${line(4)}\n${line(5)}`));
  assert.deepEqual(heard, [2, 4]);
  feed.begin();
  await feed.feed(utf8Bytes(`0\n${line(6)}\n`));
  assert.deepEqual(heard, [2, 4, 6]);
});

test("LogFeed ends at the packet limit, and waits when it is asked to", async () => {
  const { feed, heard } = openFeed(2);
  await feed.feed(utf8Bytes(`${line(1)}\n${line(2)}\n${line(3)}\n`));
  assert.deepEqual([heard, feed.isFull], [[1, 2], true]);
  let release = (): void => {};
  let taken = 0;
  const slow = new LogFeed("DROP", { counts: createFrameCounts(), packetLimit: 0, log: () => {}, handleKnock: () => (taken++, new Promise((resolve) => (release = resolve))) });
  const feeding = slow.feed(utf8Bytes(`${line(1)}\n${line(2)}\n`));
  assert.equal(taken, 1);
  release();
  await new Promise(setImmediate);
  assert.equal(taken, 2);
  release();
  await feeding;
});
