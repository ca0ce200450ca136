/**
 * ipfw: rules with a number in a range of ours, which carry their end in a comment. A rule that ended is moved to a set
 * that is switched off, where it lets nobody in, yet keeps the dynamic rules of its connections alive; when the last of
 * those is gone the rule is purged.
 *
 * Each change reads the rules that are there first: numbers are only free when nobody uses them.
 *
 * @module
 */

import type { IpAddress } from "../ip.ts";
import { expiryOf, type IpfwListing, type ListedRule, meaningOf, readIpfwListing } from "./_ipfw-listing.ts";
import { bodyOf, foundRule, type IpfwLayout, rulesForIpfw, withoutStates } from "./_ipfw-rules.ts";
import { renewalText } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal, type Upkeep,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { isFor } from "./grant-text.ts";
import { ask, complaintOf, need, note, type Run, SUCCESS, succeeded } from "./steps.ts";
import { timeMark } from "./time-mark.ts";

export type { IpfwLayout } from "./_ipfw-rules.ts";

/** What the ipfw planner is told. */
export interface IpfwSettings {
  /** FIREWALL_EXE in words. */
  readonly program: Program;
  readonly layout: IpfwLayout;
  /** Seconds between two looks for closed rules that no connection needs any more. */
  readonly purgeSeconds: number;
}

/** Rules have 16 bits for a number; the last one is the firewall's own. */
const MAX_NUMBER = 65534;

/** The highest set that can be switched off. */
const MAX_SET = 30;

/** What the program exits with when it speaks with the kernel and the kernel says no (EX_UNAVAILABLE). */
const UNAVAILABLE = 69;

/** Where old releases lose the higher bits of a rule's number when they move it. */
const LOW_BITS = 0xff;

/** What it means when the program says nothing but this. */
const MEANINGS: readonly (readonly [said: RegExp, meaning: { readonly text: string; readonly code: string }])[] = [
  [/operation not permitted|permission denied/i, { code: "EPERM", text: "ipfw may not be used without root" }],
  [/protocol not available|socket: invalid argument|connection refused|not supported/i, {
    code: "ENOTSUP", text: "The kernel has no ipfw: load it (kldload ipfw), or set FIREWALL_TYPE to the firewall that this host has",
  }],
];

/**
 * Makes the planner for ipfw.
 *
 * @param settings program and layout
 * @throws {RangeError} when sets or numbers are impossible
 */
export function createIpfw(settings: IpfwSettings): FirewallBackend {
  checkSettings(settings);
  return new Ipfw(settings);
}

class Ipfw implements FirewallBackend {
  readonly name = "ipfw";
  readonly ground: string;
  readonly newestFirst = false;
  readonly upkeep: Upkeep;
  readonly lines: FirewallBackend["lines"];
  readonly headings = {
    ours: "Active Rules:",
    all: "Listing all ipfw rules...",
    clear: "Deleting any existing firewall rules...",
  };
  readonly #settings: IpfwSettings;
  readonly #layout: IpfwLayout;

  constructor(settings: IpfwSettings) {
    const { program, layout } = settings;
    this.#settings = settings;
    this.#layout = layout;
    this.ground = JSON.stringify([this.name, program, layout]);
    this.upkeep = { everySeconds: settings.purgeSeconds, run: () => this.#purge() };
    this.lines = {
      opened: (rule, before) => `Added Rule ${rule.chain} for ${rule.subject} expires at ${rule.expiresAt}`
        + (before?.expiresAt === rule.expiresAt ? " (put back)" : renewalText(before)),
      present: (rule) => `${rule.subject} is allowed already`,
      // In a policy without dynamic rules it is deleted.
      closed: (rule) => (layout.kind === "sets"
        ? `Moved rule ${rule.chain} with expire time of ${rule.expiresAt} to set ${layout.expiredSet}.`
        : `Removed rule ${rule.chain} with expire time of ${rule.expiresAt}`),
    };
  }

  rulesFor(grant: Grant, live: ReadonlyMap<string, Rule>): RulesOrRefusal {
    const planned = rulesForIpfw(grant, this.#layout);
    if (!planned.ok || planned.rules.every(({ key }) => live.has(key)) || live.size < this.#layout.maxRules) return planned;
    return { ok: false, reason: TOO_MANY };
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const { firstNumber, activeSet, expiredSet, checkState } = this.#layout;
    let listing = yield* this.#list();
    // Before anything is moved there.
    yield* need(this.#command("create_chain", ["set", "disable", String(expiredSet)]));
    if (fresh) {
      yield* this.#empty(listing);
      listing = yield* this.#list();
    }
    if (checkState && !listing.rules.some(({ number, body, disabled }) => number === firstNumber && !disabled && body.startsWith("check-state"))) {
      yield* need(this.#command("create_chain", ["add", String(firstNumber), "set", String(activeSet), "check-state"]));
    }
    return this.#found(listing);
  }

  *change({ add, remove, keep }: Change): Plan<Changed> {
    // A dry run takes for granted that what is to be closed is there.
    const listing = yield* this.#list(remove.map((rule) => this.#listedForm(rule)).join(""));
    // What is renewed without a change stays as it is, in its own place, when it is there.
    const staying = new Set(add.filter((rule) => remove.includes(rule) && this.#listed(listing, rule).length > 0));
    const closing = new Set(remove.filter((rule) => !staying.has(rule)).flatMap((rule) => this.#listed(listing, rule)));
    const numbers = this.#freeNumbers(listing);
    const opening = [...add.filter((rule) => !staying.has(rule)), ...this.#mates(listing, closing)];
    const placed = yield* this.#open(listing, opening, remove, numbers);
    yield* this.#close(listing, closing);
    return { repaired: yield* this.#putBack(listing, keep, numbers), placed };
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = new Set(families);
    return this.#found(yield* this.#list()).filter(({ family }) => wanted.has(family));
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return isFor(words, ["from", "to"], address);
  }

  *clear(): Plan<void> {
    // What is expired stays for its connections' sake, unless it has none.
    yield* this.#empty(yield* this.#list());
    yield* this.#purge();
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    if (scope === "all") {
      const run = yield* ask(this.#question(["list"], "fw_dump_rules"));
      return { stdout: run.result.stdout, stderr: complaintOf(run) };
    }
    const { kind, activeSet, expiredSet } = this.#layout;
    // Without `-T`, with which some releases crash: the end of each rule is in its comment.
    const active = yield* ask(this.#question(["-d", "-S", "set", String(activeSet), "list"], "fw_dump_rules"));
    const expired = yield* ask(this.#question(["-d", "-S", "set", String(expiredSet), "list"], "fw_dump_rules"));
    const ours = (text: string): string => (kind === "sets" ? text : text.replace(/^(?!.*_exp_\d).*\n/gm, ""));
    return {
      stdout: `${ours(active.result.stdout)}\nExpired Rules:\n${ours(expired.result.stdout)}`,
      stderr: complaintOf(active) || complaintOf(expired),
    };
  }

  /** What is open now, as far as it bears our mark. */
  #found({ rules }: IpfwListing): Rule[] {
    return rules.filter((listed) => this.#isActive(listed)).flatMap((listed) => foundRule(listed) ?? []);
  }

  #isActive({ set, disabled }: ListedRule): boolean {
    return set === this.#layout.activeSet && !disabled;
  }

  /** Our rules that are open and mean the same, end included. */
  #listed({ rules }: IpfwListing, rule: Rule): ListedRule[] {
    const meaning = meaningOf(bodyOf(rule));
    const marks = [`_exp_${rule.expiresAt}`, rule.words.at(-1)];
    return rules.filter((listed) => this.#isActive(listed) && marks.includes(`_exp_${expiryOf(listed)}`) && meaningOf(listed.body) === meaning);
  }

  /** Rules that are to stay although they have the number of one that goes: what is done to a number is done to all of them. */
  #mates({ rules }: IpfwListing, closing: ReadonlySet<ListedRule>): Rule[] {
    const numbers = new Set([...closing].map(({ number }) => number));
    return rules.filter((listed) => numbers.has(listed.number) && !closing.has(listed) && this.#isActive(listed)).flatMap((listed) => foundRule(listed) ?? []);
  }

  /** A rule that ended, for which the same is asked again: only where a rule has one number, and nothing of it is open. */
  #sleeping({ rules }: IpfwListing, rule: Rule, remove: readonly Rule[]): ListedRule | undefined {
    if (this.#layout.kind === "sets" || rule.grant === undefined || remove.some(({ key }) => key === rule.key)) return undefined;
    const meaning = meaningOf(bodyOf(rule));
    return rules.find((listed) => listed.disabled && listed.set === this.#layout.expiredSet && meaningOf(listed.body) === meaning
      && rules.every((other) => other === listed || other.number !== listed.number) && this.#canMove(rules, listed));
  }

  /** Whether rules make dynamic ones here: always in our own set, else where the policy has such rules. */
  #isDynamic({ rules }: IpfwListing): boolean {
    return this.#layout.kind === "sets" || rules.some(({ body }) => /^check-state|\bkeep-state\b/.test(body));
  }

  /** Free numbers, the lowest first. */
  *#freeNumbers({ rules }: IpfwListing): Generator<number, undefined> {
    const { firstNumber, maxRules, checkState } = this.#layout;
    const used = new Set(rules.map(({ number }) => number));
    for (let number = firstNumber + (checkState ? 1 : 0); number < firstNumber + maxRules && number <= MAX_NUMBER; number++) {
      if (!used.has(number) && !isMistakable(rules, number)) yield number;
    }
    return undefined;
  }

  /** Whether a rule can be moved without another one. */
  #canMove(rules: readonly ListedRule[], { number, set }: ListedRule): boolean {
    return !isMistakable(rules, number) && rules.every((other) => other.number !== number || other.set === set);
  }

  *#add(listing: IpfwListing, rule: Rule, number: number): Plan<Rule> {
    const body = bodyOf({ words: this.#isDynamic(listing) ? rule.words : withoutStates(rule.words) });
    // One that was switched on again still bore its former end.
    const words = [...body.split(" "), "//", timeMark(rule.expiresAt)];
    const inSet = this.#layout.kind === "sets" ? ["set", String(this.#layout.activeSet)] : [];
    yield* need(this.#command("create_rule", ["add", String(number), ...inSet, ...words]));
    return { ...rule, chain: String(number), words };
  }

  /**
   * Opens rules, all of them or none: adds them, or moves those back that sleep.
   *
   * @returns the rules as they are now, by what was to be opened
   */
  *#open(listing: IpfwListing, rules: readonly Rule[], remove: readonly Rule[], numbers: Generator<number, undefined>): Plan<ReadonlyMap<Rule, Rule>> {
    const { activeSet, expiredSet } = this.#layout;
    const placed = new Map<Rule, Rule>();
    const added: Rule[] = [];
    const awake: ListedRule[] = [];
    try {
      for (const rule of rules) {
        const asleep = this.#sleeping(listing, rule, remove);
        if (asleep !== undefined) {
          yield* need(this.#move("create_rule", asleep.number, activeSet));
          awake.push(asleep);
          placed.set(rule, { ...rule, chain: String(asleep.number), words: foundRule(asleep)?.words ?? rule.words });
          continue;
        }
        const number = numbers.next().value;
        if (number === undefined) throw new FirewallError(this.#question(["-S", "list"], "create_rule"), SUCCESS, { text: TOO_MANY, code: "FULL" });
        const numbered = yield* this.#add(listing, rule, number);
        added.push(numbered);
        placed.set(rule, numbered);
      }
    } catch (error) {
      for (const { chain } of added) yield* this.#delete(activeSet, chain, "rm_rules");
      for (const { number } of awake) yield* ask(this.#move("rm_rules", number, expiredSet));
      throw error;
    }
    return placed;
  }

  /** Moves what has ended to its set, and looks whether it went. */
  *#close(listing: IpfwListing, closing: ReadonlySet<ListedRule>): Plan<void> {
    if (closing.size === 0) return;
    const { activeSet, expiredSet } = this.#layout;
    const moved = new Set<number>();
    for (const listed of closing) {
      if (moved.has(listed.number)) continue;
      moved.add(listed.number);
      if (!this.#isDynamic(listing) || !this.#canMove(listing.rules, listed)) yield* this.#delete(activeSet, String(listed.number), "rm_expired_rules");
      else yield* need(this.#move("rm_expired_rules", listed.number, expiredSet));
    }
    const after = yield* this.#list();
    if (after.rules.some(({ set, disabled, number }) => set === expiredSet && !disabled && moved.has(number))) {
      yield note("warning", `Somebody else switched set ${expiredSet} on, where rules are that ended: it is switched off again`);
      yield* need(this.#command("rm_expired_rules", ["set", "disable", String(expiredSet)]));
    }
    const stayed = new Set(after.rules.filter((listed) => this.#isActive(listed) && moved.has(listed.number)).map(({ number }) => number));
    for (const number of stayed) {
      yield note("warning", `ipfw did not move rule ${number} to set ${expiredSet}: it is deleted, and its connections may break`);
      yield* this.#delete(activeSet, String(number), "rm_expired_rules");
    }
  }

  /** When somebody else removed all that is open, it is given back. */
  *#putBack(listing: IpfwListing, keep: Iterable<Rule>, numbers: Generator<number, undefined>): Plan<boolean> {
    if (this.#found(listing).length > 0) return false;
    let count = 0;
    for (const rule of keep) {
      const number = numbers.next().value;
      if (number === undefined) break;
      yield* this.#add(listing, rule, number);
      count++;
    }
    if (count > 0) yield note("warning", `Somebody else removed the rules of set ${this.#layout.activeSet}: made again ${count} whose time is not over`);
    return count > 0;
  }

  /** Removes what is open. */
  *#empty(listing: IpfwListing): Plan<void> {
    const { kind, activeSet } = this.#layout;
    const active = listing.rules.filter(({ set }) => set === activeSet);
    if (kind === "sets") {
      if (active.length > 0) yield* this.#delete(undefined, ["set", String(activeSet)], "delete_all_chains");
      return;
    }
    const numbers = new Set(this.#found(listing).map(({ chain }) => chain));
    for (const number of numbers) yield* this.#delete(activeSet, number, "delete_all_chains");
  }

  /** Deletes expired rules that no connection needs. */
  *#purge(): Plan<boolean> {
    const set = String(this.#layout.expiredSet);
    const { rules, inUse } = readIpfwListing(yield* need(this.#question(["-d", "-S", "set", set, "list"], "ipfw_purge_expired_rules")));
    const ours = new Set(rules.filter((listed) => expiryOf(listed) !== undefined).map(({ number }) => number));
    for (const number of ours) {
      if (inUse.has(number)) continue;
      yield* this.#delete(this.#layout.expiredSet, String(number), "ipfw_purge_expired_rules");
      yield note("info", `Purged rule ${number} from set ${set}`);
    }
    return [...ours].some((number) => inUse.has(number));
  }

  /** Deletes by number within a set, or what is named; it is no failure when it is gone already. */
  *#delete(set: number | undefined, what: string | readonly string[], purpose: string): Plan<void> {
    const words = set === undefined ? ["delete", ...what] : ["set", String(set), "delete", ...[what].flat()];
    const run = yield* ask({ ...this.#command(purpose, words), answers: [0, UNAVAILABLE] });
    if (succeeded(run) || /rule \d+ (not found|does not exist)/.test(run.result.stderr)) return;
    throw new FirewallError(run.command, run.result);
  }

  *#list(assumedOutput = ""): Plan<IpfwListing> {
    return readIpfwListing(yield* need({ ...this.#question(["-S", "list"], "check_firewall_rules"), assumedOutput }, failureOf));
  }

  /** A rule as a listing would show it. */
  #listedForm({ chain, words }: Rule): string {
    return `${chain || this.#layout.firstNumber} set ${this.#layout.activeSet} ${words.join(" ")}\n`;
  }

  #question(words: readonly string[], purpose: string): Command {
    return { ...this.#command(purpose, words), answers: [0, UNAVAILABLE], assumedOutput: "" };
  }

  #move(purpose: string, number: number, toSet: number): Command {
    return this.#command(purpose, ["set", "move", "rule", String(number), "to", String(toSet)]);
  }

  #command(purpose: string, words: readonly string[]): Command {
    return { kind: "command", argv: [...this.#settings.program, ...words], purpose };
  }
}

const TOO_MANY = "Access request rejected: Maximum allowed number of rules has been reached.";

function failureOf({ command, result }: Run): FirewallError {
  return new FirewallError(command, result, MEANINGS.find(([said]) => said.test(result.stderr))?.[1]);
}

/** Whether a release that loses the higher bits would move somebody else's rule instead of this one. */
function isMistakable(rules: readonly ListedRule[], number: number): boolean {
  return number > LOW_BITS && rules.some((other) => other.number === (number & LOW_BITS) && expiryOf(other) === undefined);
}

function checkSettings({ program, layout, purgeSeconds }: IpfwSettings): void {
  const { kind, activeSet, expiredSet, firstNumber, maxRules } = layout;
  if (program.includes("")) throw new RangeError("Cannot use ipfw: expected a program, got an empty word");
  for (const [what, value, least, most] of [
    ["set of open rules", activeSet, kind === "shared" ? 0 : 1, kind === "shared" ? 0 : MAX_SET], ["set of expired rules", expiredSet, 1, MAX_SET],
    ["first rule number", firstNumber, 1, MAX_NUMBER], ["number of rules", maxRules, 1, MAX_NUMBER + 1], ["purge interval", purgeSeconds, 1, Number.MAX_SAFE_INTEGER],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`Cannot use ipfw: expected a ${what} of ${least} to ${most}, got ${value}`);
  }
  if (activeSet === expiredSet) throw new RangeError(`Cannot use ipfw: expected two different sets, got ${activeSet} twice`);
}
