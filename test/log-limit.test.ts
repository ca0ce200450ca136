import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLimit } from "../src/server/log-limit.ts";

test("LogLimit tells the first of a kind and counts the rest", () => {
  const limit = new LogLimit({ burst: 2, windowMs: 1000 });
  const told = Array.from({ length: 10 }, (_, at) => limit.admit("hmac", at));
  assert.deepEqual(told, [true, true, ...Array<boolean>(8).fill(false)]);
  assert.equal(limit.admit("replay", 10), true);
  assert.deepEqual(limit.collect(999), []);
  assert.deepEqual(limit.collect(1000), [{ kind: "hmac", count: 8 }]);
});

test("LogLimit begins anew after a window", () => {
  const limit = new LogLimit({ burst: 1, windowMs: 1000 });
  limit.admit("a", 0);
  limit.admit("a", 1);
  assert.deepEqual(limit.collect(5000), [{ kind: "a", count: 1 }]);
  assert.deepEqual(limit.collect(9000), []);
  assert.equal(limit.admit("a", 9000), true);
  assert.equal(limit.admit("a", 9001), false);
  assert.deepEqual(limit.collect(9999), []);
});

test("LogLimit remembers a bounded number of kinds and counts those beyond together", () => {
  const limit = new LogLimit({ burst: 1, windowMs: 1000, maxKinds: 3 });
  const told = Array.from({ length: 100 }, (_, at) => limit.admit(`kind ${at}`, 0)).filter(Boolean).length;
  assert.equal(told, 4);
  assert.deepEqual(limit.flush(), [{ kind: undefined, count: 96 }]);
  assert.equal(limit.admit("kind 50", 0), true);
});

test("LogLimit gives the largest count first", () => {
  const limit = new LogLimit({ burst: 0 });
  for (const kind of ["a", "b", "b", "c", "c", "c"]) limit.admit(kind, 0);
  assert.deepEqual(limit.flush().map((kept) => kept.kind), ["c", "b", "a"]);
});
