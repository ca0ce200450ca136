/**
 * The numbers that log lines give to rules: their places in their chains, counted among ours.
 *
 * @module
 */

import type { Rule } from "./backend.ts";

/**
 * Numbers rules.
 *
 * @param wanted the rules to be numbered, all of them open
 * @param open everything that is open, oldest first; not looked at when nothing is wanted
 * @param newestFirst whether chains have their newest rule on top
 * @returns 1 for the first rule of a chain
 */
export function numberRules(wanted: readonly Rule[], open: Iterable<Rule>, newestFirst: boolean): ReadonlyMap<Rule, number> {
  const numbers = new Map<Rule, number>();
  if (wanted.length === 0) return numbers;
  const lengths = new Map<string, number>();
  const isWanted = new Set(wanted);
  for (const rule of open) {
    const chain = chainOf(rule);
    const number = (lengths.get(chain) ?? 0) + 1;
    lengths.set(chain, number);
    if (isWanted.has(rule)) numbers.set(rule, number);
  }
  if (newestFirst) for (const [rule, number] of numbers) numbers.set(rule, lengths.get(chainOf(rule))! + 1 - number);
  return numbers;
}

function chainOf({ family, table, chain }: Rule): string {
  return `${family} ${table} ${chain}`;
}
