import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger, type Moment, type Timed } from "../src/expiry.ts";
import { generator } from "./support/gen.ts";

const START: Moment = { wallMs: 1_700_000_000_000, monotonicMs: 1000 };

function at(seconds: number, stepSeconds = 0): Moment {
  return { wallMs: START.wallMs + 1000 * (seconds + stepSeconds), monotonicMs: START.monotonicMs + 1000 * seconds };
}

function item(key: string, seconds: number): Timed {
  return { key, expiresAt: START.wallMs / 1000 + seconds };
}

function keys(items: readonly Timed[]): string[] {
  return items.map(({ key }) => key);
}

test("Ledger.due() names what has ended and nothing else", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("late", 30), START);
  ledger.put(item("soon", 10), START);
  assert.deepEqual(keys(ledger.due(at(9.999))), []);
  assert.deepEqual(keys(ledger.due(at(10))), ["soon"]);
  assert.deepEqual(keys(ledger.due(at(30))), ["late", "soon"]);
});

test("Ledger.due() names what could not be closed again, until it is removed", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("a", 10), START);
  assert.deepEqual(keys(ledger.due(at(11))), ["a"]);
  assert.deepEqual(keys(ledger.due(at(12))), ["a"]);
  ledger.remove("a");
  assert.deepEqual(keys(ledger.due(at(13))), []);
  assert.equal(ledger.size, 0);
});

test("Ledger.due() goes by the monotonic clock when the wall clock was set back", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("a", 60), START);
  assert.deepEqual(keys(ledger.due(at(59, -3600))), []);
  assert.deepEqual(keys(ledger.due(at(60, -3600))), ["a"]);
});

test("Ledger.due() goes by the wall clock when it was set forward or the machine slept", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("a", 3600), START);
  assert.deepEqual(keys(ledger.due(at(1, 3600))), ["a"]);
});

test("Ledger.put() gives what was entered after a step of the clock its own time", () => {
  const ledger = new Ledger<Timed>();
  ledger.put({ key: "a", expiresAt: START.wallMs / 1000 - 3600 + 60 }, at(0, -3600));
  assert.deepEqual(keys(ledger.due(at(59, -3600))), []);
  assert.deepEqual(keys(ledger.due(at(60, -3600))), ["a"]);
});

test("Ledger.put() renews: the old end no longer counts, and the renewed is the last in order", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("a", 10), START);
  ledger.put(item("b", 10), START);
  ledger.put(item("a", 20), at(5));
  assert.deepEqual([...ledger.items.keys()], ["b", "a"]);
  assert.deepEqual(keys(ledger.due(at(10))), ["b"]);
  ledger.remove("b");
  assert.equal(ledger.nextDueMs(at(12)), 8000);
});

test("Ledger.postpone() puts off the end on both clocks", () => {
  const ledger = new Ledger<Timed>();
  ledger.put(item("a", 10), START);
  ledger.postpone("a", at(10), 4000);
  assert.deepEqual(keys(ledger.due(at(13))), []);
  assert.equal(ledger.nextDueMs(at(13)), 1000);
  assert.deepEqual(keys(ledger.due(at(14))), ["a"]);
  ledger.postpone("unknown", at(10), 4000);
  assert.equal(ledger.size, 1);
});

test("Ledger.nextDueMs() is undefined for an empty ledger, 0 for what is over, else the time left on the faster clock", () => {
  const ledger = new Ledger<Timed>();
  assert.equal(ledger.nextDueMs(START), undefined);
  ledger.put(item("a", 10), START);
  assert.equal(ledger.nextDueMs(at(4)), 6000);
  assert.equal(ledger.nextDueMs(at(4, 2)), 4000);
  assert.equal(ledger.nextDueMs(at(4, -2)), 6000);
  assert.equal(ledger.nextDueMs(at(99)), 0);
});

test("Ledger agrees with a plain list through any mixture of entries, renewals, removals and steps of the clock", () => {
  const gen = generator("ledger");
  for (let round = 0; round < 20; round++) {
    const ledger = new Ledger<Timed>();
    const model = new Map<string, { wallMs: number; monotonicMs: number }>();
    let seconds = 0;
    let step = 0;
    for (let turn = 0; turn < 300; turn++) {
      seconds += gen.below(3);
      if (gen.below(20) === 0) step += gen.below(41) - 20;
      const now = at(seconds, step);
      const key = `k${gen.below(30)}`;
      if (gen.below(3) > 0) {
        const expiresAt = Math.floor(now.wallMs / 1000) + gen.below(60);
        ledger.put({ key, expiresAt }, now);
        model.set(key, { wallMs: 1000 * expiresAt, monotonicMs: now.monotonicMs + 1000 * expiresAt - now.wallMs });
      } else {
        ledger.remove(key);
        model.delete(key);
      }
      const due = [...model].filter(([, end]) => end.wallMs <= now.wallMs || end.monotonicMs <= now.monotonicMs).map(([name]) => name);
      assert.deepEqual(keys(ledger.due(now)).sort(), due.sort());
      const left = [...model.values()].flatMap((end) => [end.wallMs - now.wallMs, end.monotonicMs - now.monotonicMs]);
      assert.equal(ledger.nextDueMs(now), left.length === 0 ? undefined : Math.max(0, Math.min(...left)));
      if (gen.below(4) === 0) {
        for (const name of due) {
          ledger.remove(name);
          model.delete(name);
        }
      }
      assert.equal(ledger.size, model.size);
    }
  }
});
