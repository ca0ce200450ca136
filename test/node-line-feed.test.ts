import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { LineFeed } from "../src/node/hearing/line-feed.ts";

const text = (lines: readonly string[]): Uint8Array => utf8Bytes(lines.map((line) => `${line}\n`).join(""));

function openFeed(limit = Number.POSITIVE_INFINITY) {
  const lines: string[] = [];
  return { lines, feed: new LineFeed((line) => void lines.push(line), () => lines.length >= limit) };
}

test("LineFeed gives the same lines in chunks of every size, and nothing of a line that has no end yet", async () => {
  const bytes = utf8Bytes("one\n\ntwo\r\nthr\u00ffee\nfour");
  for (let size = 1; size <= bytes.length; size++) {
    const { feed, lines } = openFeed();
    for (let at = 0; at < bytes.length; at += size) await feed.feed(bytes.slice(at, at + size));
    assert.deepEqual(lines, ["one", "", "two\r", "thr\u00c3\u00bfee"], String(size));
  }
});

test("LineFeed passes over a line of any length, and half a line of a stream that ended", async () => {
  const { feed, lines } = openFeed();
  for (let count = 0; count < 100; count++) await feed.feed(utf8Bytes("x".repeat(5000)));
  await feed.feed(text(["rest", "one"]));
  await feed.feed(text(["x".repeat(4097), "x".repeat(4096)]));
  await feed.feed(utf8Bytes("half"));
  feed.begin();
  await feed.feed(text(["two"]));
  assert.deepEqual(lines.map((line) => (line.length > 9 ? line.length : line)), ["one", 4096, "two"]);
});

test("LineFeed ends when it is to leave the rest, and waits when it is asked to", async () => {
  const { feed, lines } = openFeed(2);
  await feed.feed(text(["1", "2", "3"]));
  assert.deepEqual(lines, ["1", "2"]);
  let release = (): void => {};
  let taken = 0;
  const slow = new LineFeed(() => (taken++, new Promise((resolve) => (release = resolve))), () => false);
  const feeding = slow.feed(text(["1", "2"]));
  assert.equal(taken, 1);
  release();
  await new Promise(setImmediate);
  assert.equal(taken, 2);
  release();
  await feeding;
});
