/**
 * Lines for one `nft -f -`, which does all of them or none, and what its refusals mean.
 *
 * @module
 */

import { keyText, valueText } from "./_nftables-rules.ts";
import { type Change, type Command, FirewallError, type Plan, type Program, type Rule } from "./backend.ts";
import { ask, type Run, SUCCESS, succeeded } from "./steps.ts";
import { timeMark } from "./time-mark.ts";

/** Done, or not so: asked again it says the same. */
export const ANSWERS: readonly number[] = [0, 1];

/** What is added for a moment to be taken away: deleting what is gone already would fail, and with it everything. */
const MOMENT = "timeout 1s";

/**
 * Takes elements away, whether they are still there or not.
 *
 * @param rules elements, of any sets
 */
export function removalLines(rules: readonly Rule[]): string[] {
  return bySet(rules).flatMap(([set, elements]) => [
    `add element ${set} { ${elements.map((rule) => elementText(rule, MOMENT)).join(", ")} }`,
    `delete element ${set} { ${elements.map(keyText).join(", ")} }`,
  ]);
}

/**
 * Adds elements.
 *
 * @param rules elements, of any sets
 * @param now Unix time, seconds
 * @param options `renew` false when none is there: else whatever has the key is replaced, for adding what is there
 *   changes neither its time nor its comment
 */
export function additionLines(rules: readonly Rule[], now: number, { renew = true }: { readonly renew?: boolean } = {}): string[] {
  const lines = bySet(rules).map(([set, elements]) => `add element ${set} { ${elements.map((rule) => {
    // 0 would be for ever.
    const milliseconds = Math.max(1, Math.ceil(1000 * (rule.expiresAt - now)));
    return elementText(rule, `timeout ${milliseconds}ms comment "${timeMark(rule.expiresAt)}"`);
  }).join(", ")} }`);
  return renew ? [...removalLines(rules), ...lines] : lines;
}

/**
 * Changes elements after a look at what is there, whoever put it there.
 *
 * @param change what is to be different
 * @param back kept elements that are gone
 * @param listed keys of what is there
 * @param now Unix time, seconds
 */
export function repairLines({ add, remove }: Change, back: readonly Rule[], listed: ReadonlySet<string>, now: number): string[] {
  const there = new Map([...remove, ...add].filter(({ key }) => listed.has(key)).map((rule) => [rule.key, rule]));
  return [
    ...Array.from(there.values(), (rule) => `delete element ${rule.table} ${rule.chain} { ${keyText(rule)} }`),
    ...additionLines([...back, ...add], now, { renew: false }),
  ];
}

/**
 * Performs lines in one transaction; none at all succeed.
 *
 * @param program `nft`
 * @param lines what it reads
 * @param purpose as the debug log names it
 */
export function* performLines(program: Program, lines: readonly string[], purpose: string): Plan<Run> {
  const stdin = lines.map((line) => `${line}\n`).join("");
  const command: Command = { kind: "command", argv: [...program, "-f", "-"], stdin, purpose, answers: ANSWERS };
  return lines.length === 0 ? { command, result: SUCCESS } : yield* ask(command);
}

/**
 * Performs lines without which the plan cannot go on.
 *
 * @param program `nft`
 * @param lines what it reads
 * @param purpose as the debug log names it
 * @throws {FirewallError} when they fail
 */
export function* needLines(program: Program, lines: readonly string[], purpose: string): Plan<void> {
  const run = yield* performLines(program, lines, purpose);
  if (!succeeded(run)) throw nftFailure(run);
}

function elementText(rule: Rule, attributes: string): string {
  const value = valueText(rule);
  return `${keyText(rule)} ${attributes}${value === "" ? "" : ` : ${value}`}`;
}

function bySet(rules: readonly Rule[]): [string, Rule[]][] {
  const sets = new Map<string, Rule[]>();
  for (const rule of rules) {
    const name = `${rule.table} ${rule.chain}`;
    const elements = sets.get(name);
    if (elements === undefined) sets.set(name, [rule]);
    else elements.push(rule);
  }
  return [...sets];
}

/** What the kernel's words come to. */
const MEANINGS: readonly { readonly pattern: RegExp; readonly text: string; readonly code?: string }[] = [
  { pattern: /Operation not permitted/, text: "Not permitted to change the firewall; root or CAP_NET_ADMIN is needed", code: "EPERM" },
  { pattern: /Too many open files in system|Table full|No space left/, text: "The set is full", code: "FULL" },
  { pattern: /File exists/, text: "Something else has that place" },
  { pattern: /No such file or directory/, text: "A table, chain, set or element is missing" },
];

/**
 * Makes an error of a command that failed.
 *
 * @param run the command and what came of it
 */
export function nftFailure({ command, result }: Run): FirewallError {
  const meaning = result.failure === undefined ? MEANINGS.find(({ pattern }) => pattern.test(result.stderr)) : undefined;
  return new FirewallError(command, result, meaning ?? {});
}

/**
 * Tells whether a command failed for what is missing or for what is there: a look at the firewall helps.
 *
 * @param run the command and what came of it
 */
export function isAbsence({ result }: Run): boolean {
  return result.failure === undefined && result.status === 1 && /No such file or directory|File exists/.test(result.stderr)
    && !/Operation not permitted/.test(result.stderr);
}
