import assert from "node:assert/strict";
import { test } from "node:test";
import { Channel } from "../src/node/hearing/channel.ts";

test("Channel hands values over in order, also to a consumer that waits", async () => {
  const channel = new Channel<number>();
  const first = channel.next();
  assert.deepEqual([channel.put(1), channel.put(2), channel.put(3)], [0, 1, 2]);
  assert.deepEqual(await first, { done: false, value: 1 });
  channel.end();
  const rest: number[] = [];
  for await (const value of channel) rest.push(value);
  assert.deepEqual(rest, [2, 3]);
});

test("Channel tells its producer when there is room, and when it is over", async () => {
  const told: string[] = [];
  const channel = new Channel<string>({ onTake: () => told.push("take"), onEnd: () => told.push("end") });
  channel.put("a");
  channel.put("b");
  const room = channel.room().then(() => told.push("room"));
  await channel.next();
  await channel.next();
  await room;
  channel.end();
  channel.end();
  assert.deepEqual(told, ["take", "take", "room", "end"]);
  await channel.room();
});

test("Channel gives an error once, after what came before it", async () => {
  const channel = new Channel<string>();
  channel.put("a");
  channel.end(new Error("torn"));
  assert.deepEqual(await channel.next(), { done: false, value: "a" });
  await assert.rejects(channel.next(), /torn/);
  assert.deepEqual(await channel.next(), { done: true, value: undefined });
});

test("Channel forgets what waits when its consumer leaves, and lets a waiting producer go", async () => {
  const channel = new Channel<string>();
  channel.put("a");
  const room = channel.room();
  await channel.return();
  await room;
  assert.equal(channel.put("b"), 0);
  assert.equal(channel.size, 0);
  assert.deepEqual(await channel.next(), { done: true, value: undefined });
});
