import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../src/firewall/backend.ts";
import { RuleSearch } from "../src/firewall/rule-search.ts";

const MINUTE = 60_000;

function rule(key: string, expiresAt = 1_700_000_030): Rule {
  return { key, family: 4, table: "filter", chain: "IN", kind: "", words: [key], subject: "", expiresAt };
}

test("RuleSearch has no timer for rules of others while something is open, and goes with what is opened or closed", () => {
  const search = new RuleSearch();
  search.begin(1000);
  assert.equal(search.wakeAtMs(5 * MINUTE, true), 1000 + 5 * MINUTE);
  assert.equal(search.wakeAtMs(5 * MINUTE, false), Infinity);
  assert.deepEqual([2999, 3000].map((nowMs) => search.isDue(nowMs, 5 * MINUTE, true)), [false, true], "at a closing");
  assert.deepEqual([300_999, 301_000].map((nowMs) => search.isDue(nowMs, 5 * MINUTE, false)), [false, true], "at an opening");
  assert.deepEqual([999, 1001].map((nowMs) => search.isDue(1000 + nowMs, 1000, true)), [false, true], "with a shorter interval");
});

test("RuleSearch is never due for rules of others where there is no interval, whatever happens", () => {
  const search = new RuleSearch();
  assert.equal(search.isDue(1e12, Infinity, true), false);
  assert.equal(search.wakeAtMs(Infinity, true), Infinity);
});

test("RuleSearch wakes soon for rules of a change that failed, later when the search fails too, and no more when it succeeded", () => {
  const search = new RuleSearch();
  search.begin(0);
  search.doubt([], 5000);
  assert.equal(search.wakeAtMs(Infinity, false), Infinity);
  search.doubt([rule("a"), rule("b")], 5000);
  search.doubt([rule("c")], 6000);
  assert.deepEqual([search.wakeAtMs(Infinity, false), search.isDue(6999, Infinity, false), search.isDue(7000, Infinity, false)], [7000, false, true]);
  search.begin(7000);
  assert.equal(search.wakeAtMs(Infinity, false), 7000 + MINUTE);
  const longer = rule("a", 1_700_000_099);
  assert.deepEqual(search.end([longer, rule("b"), rule("x")]).map(({ key }) => key), ["b"]);
  assert.equal(search.wakeAtMs(Infinity, false), Infinity);
  assert.deepEqual(search.end([rule("b")]), [], "asked again");
});
