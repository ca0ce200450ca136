import assert from "node:assert/strict";
import { test } from "node:test";
import { Overlap } from "../src/node/hearing/overlap.ts";
import { datagram, ip, NOW } from "./support/stanza.ts";

test("Overlap.isRepeat() knows a packet again while two ways hear it, also when it is handed over later, and no longer", () => {
  const overlap = new Overlap();
  const heard = (payload: string, timestamp: number, source = "192.0.2.7"): boolean => overlap.isRepeat(datagram(payload, { timestamp, source: ip(source) }));
  assert.deepEqual([heard("one", NOW), heard("one", NOW)], [false, false], "before");
  overlap.begin();
  assert.deepEqual([heard("one", NOW + 1), heard("two", NOW + 1), heard("one", NOW + 1)], [false, false, true]);
  assert.equal(heard("one", NOW + 1, "192.0.2.8"), false, "another sender");
  overlap.end(NOW + 2);
  assert.deepEqual([heard("two", NOW + 1), heard("three", NOW + 2.5), heard("two", NOW + 1)], [true, false, false]);
});

test("Overlap.isRepeat() remembers a bounded number of packets", () => {
  const overlap = new Overlap();
  overlap.begin();
  const repeats = (): number => Array.from({ length: 10_000 }, (_, at) => overlap.isRepeat(datagram(`packet ${at}`))).filter(Boolean).length;
  assert.deepEqual([repeats(), repeats()], [0, 4000]);
});
