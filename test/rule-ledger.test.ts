import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../src/firewall/backend.ts";
import { RuleLedger } from "../src/firewall/rule-ledger.ts";
import { numberRules } from "../src/firewall/rule-numbers.ts";

const NOW = { wallMs: 1_700_000_000_000, monotonicMs: 1000 };
const END = 1_700_000_030;

function rule(key: string, changes: Partial<Rule> = {}): Rule {
  return { key, family: 4, table: "filter", chain: "IN", kind: "", words: [key], subject: "", expiresAt: END, ...changes };
}

test("RuleLedger.adopt() enters what was found once, and a second rule for the same in a place of its own", () => {
  const ledger = new RuleLedger();
  ledger.put(rule("a"), NOW);
  for (let search = 0; search < 2; search++) {
    ledger.adopt([rule("a"), rule("a", { expiresAt: END + 5, words: ["a", "later"] }), rule("b", { family: 6 })], NOW);
    assert.deepEqual([...ledger.items.values()].map(({ expiresAt }) => expiresAt), [END, END + 5, END], `search ${search}`);
  }
  assert.deepEqual(ledger.due({ ...NOW, wallMs: 1000 * (END + 5) }).map(({ words }) => words.join(" ")).sort(), ["a", "a later", "b"]);
});

test("RuleLedger.adopt() knows a rule that was switched on again by its words, though it says its former end", () => {
  const ledger = new RuleLedger();
  ledger.put(rule("a", { expiresAt: END + 60 }), NOW);
  ledger.adopt([rule("a")], NOW);
  assert.deepEqual([...ledger.items.values()].map(({ expiresAt }) => expiresAt), [END + 60]);
});

test("RuleLedger.families are those that had rules or may have them, and IPv4", () => {
  const ledger = new RuleLedger();
  assert.deepEqual([...ledger.families], [4]);
  ledger.put(rule("a"), NOW);
  assert.deepEqual([...ledger.families], [4]);
  ledger.expect(6);
  assert.deepEqual([...ledger.families], [4, 6]);
});

test("RuleLedger.tryLater() waits longer each time, a minute at most, and begins anew with a rule that takes the place", () => {
  const ledger = new RuleLedger();
  const pauses = (times: number): number[] => Array.from({ length: times }, () => {
    ledger.tryLater("a", NOW);
    return ledger.nextDueMs(NOW)!;
  });
  ledger.put(rule("a"), NOW);
  assert.deepEqual(pauses(8), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  ledger.put(rule("a"), NOW);
  assert.deepEqual(pauses(1), [1000]);
});

test("numberRules() counts places in each chain, from above or from below", () => {
  const open = [rule("a"), rule("b"), rule("c", { chain: "OUT" }), rule("d"), rule("e", { family: 6 })];
  const wanted = [open[1]!, open[3]!, open[2]!, open[4]!];
  const numbers = (newestFirst: boolean): (number | undefined)[] => wanted.map((one) => numberRules(wanted, open, newestFirst).get(one));
  assert.deepEqual(numbers(false), [2, 3, 1, 1]);
  assert.deepEqual(numbers(true), [2, 1, 1, 1]);
  assert.equal(numberRules([], { [Symbol.iterator]: () => assert.fail("nothing is wanted") }, false).size, 0);
});
