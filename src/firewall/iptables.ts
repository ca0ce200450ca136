/**
 * iptables and ip6tables: chains of our own, a jump to each, rules that carry their end in a
 * comment. Rules are added and removed by `iptables-restore --noflush`, one transaction a table,
 * which costs the same beside ten rules and ten thousand; what is in our chains is only read at
 * the start, now and then for rules of others, and when something went wrong.
 *
 * @module
 */

import type { IpAddress } from "../ip.ts";
import { expiryOf, type Listing, readListing } from "./_iptables-listing.ts";
import { ruleKey, rulesForGrant } from "./_iptables-rules.ts";
import { type ChainSettings, chainNumber, chainsInUse, checkSettings, type IptablesSettings, programOf } from "./_iptables-settings.ts";
import { checkedRule, existsLine, jumpLine, typedRule } from "./_iptables-text.ts";
import { DECIDED, LOCK_WAIT, Transaction } from "./_iptables-transaction.ts";
import { RULE_LINES } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { isFor } from "./grant-text.ts";
import { ask, complaintOf, need, note, type Run, SUCCESS, succeeded } from "./steps.ts";

export { type ChainSettings, DEFAULT_CHAINS, type IptablesSettings, programOf } from "./_iptables-settings.ts";

/** iptables as a part of something greater. */
export interface IptablesBackend extends FirewallBackend {
  /**
   * Puts back jumps that somebody took away; while all are there one program tells it.
   *
   * @param rules of one family, whose chains the jumps are to
   */
  keepJumps(rules: readonly Rule[]): Plan<void>;
}

/** Listings of the tables that we use. */
type Tables = ReadonlyMap<string, Listing>;

/** Exit status of a listing when the chain is not there: in all variants, whatever they say about it. */
const ABSENT = 1;

/**
 * Makes the planner for iptables. IPv6 grants go to the program of the same name with `ip6`; its
 * chains are made with the first such grant, for many hosts have no use for them.
 *
 * @param settings chains and program
 * @throws {RangeError} when a name could not be one
 */
export function createIptables(settings: IptablesSettings): IptablesBackend {
  checkSettings(settings);
  return new Iptables(settings);
}

class Iptables implements IptablesBackend {
  readonly name = "iptables";
  readonly ground: string;
  readonly headings = {
    ours: "Listing rules in fwknopd iptables chains...",
    all: "Listing all iptables rules in applicable tables...",
    clear: "Deleting any existing firewall rules...",
  };
  readonly lines: FirewallBackend["lines"];
  readonly newestFirst: boolean;
  readonly #settings: IptablesSettings;
  /** Chains in use, each once. */
  readonly #chains: readonly ChainSettings[];
  /** Jumps in use, each once: two roles may share a chain. */
  readonly #jumps: readonly ChainSettings[];
  readonly #tables: readonly string[];

  constructor(settings: IptablesSettings) {
    const inUse = chainsInUse(settings);
    this.#settings = settings;
    this.#chains = uniqueBy(inUse, chainKey);
    this.#jumps = uniqueBy(inUse, (jump) => `${jump.from} ${chainKey(jump)}`);
    this.#tables = [...new Set(inUse.map(({ table }) => table))];
    this.ground = JSON.stringify([this.name, settings.program, inUse.map(({ table, from, chain }) => [table, from, chain])]);
    this.newestFirst = settings.prepend;
    this.lines = {
      ...RULE_LINES,
      present: (rule) => `${this.#lookedFor(rule)} already exists`,
    };
  }

  rulesFor(grant: Grant): RulesOrRefusal {
    return rulesForGrant(grant, this.#settings.chains);
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const tables = yield* this.#look(4);
    yield* this.#layGround(tables, fresh);
    const tables6 = yield* this.#lookAt6();
    const ours6 = tables6 !== undefined && this.#chains.some(({ table, chain }) => tables6.get(table)!.has(chain));
    if (!fresh) return [...this.#markedRules(4, tables), ...(ours6 ? this.#markedRules(6, tables6) : [])];
    if (ours6) yield* this.#clearFamily(6, tables6);
    return [];
  }

  *change(change: Change): Plan<Changed> {
    const { add, remove } = change;
    const family = add[0]?.family ?? remove[0]?.family;
    if (family === undefined) return { repaired: false };

    const transaction = new Transaction();
    const jumps = yield* this.#missingJumps(family, add);
    for (const jump of jumps) transaction.add(...insertedJump(jump));
    // First what goes: the rule that a renewed one takes the place of.
    for (const rule of remove) transaction.add(rule.table, "-D", rule.chain, ...rule.words);
    for (const rule of add) {
      yield note("debug", `${this.#lookedFor(rule)} does not exist`);
      transaction.add(rule.table, ...this.#insertion(rule));
    }

    const run = yield* transaction.perform(this.#program(family), add.length > 0 ? "create_rule" : "rm_expired_rules");
    if (succeeded(run)) {
      for (const jump of jumps) yield note("info", jumpLine(jump));
      yield* this.#sayAdded(add);
      return { repaired: jumps.length > 0 };
    }
    const decided = run.result.failure === undefined && DECIDED.includes(run.result.status ?? -1);
    if (!decided && transaction.tableCount === 1) throw new FirewallError(run.command, run.result);
    return yield* this.#repair(family, change, run);
  }

  *keepJumps(rules: readonly Rule[]): Plan<void> {
    const { family } = rules[0]!;
    const transaction = new Transaction();
    const jumps = yield* this.#missingJumps(family, rules);
    for (const jump of jumps) transaction.add(...insertedJump(jump));
    const run = yield* transaction.perform(this.#program(family), "add_jump_rule");
    if (!succeeded(run)) throw new FirewallError(run.command, run.result);
    for (const jump of jumps) yield note("info", jumpLine(jump));
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const found: Rule[] = [];
    for (const family of families) {
      for (const { table, chain } of this.#chains) {
        const run = yield* ask(this.#list(family, table, chain, "check_firewall_rules"));
        const isAbsent = run.result.status === ABSENT && run.result.failure === undefined;
        if (!succeeded(run) && !isAbsent) throw new FirewallError(run.command, run.result);
        const marked = isAbsent ? [] : markedRules(family, table, chain, readListing(run.result.stdout));
        if (!isAbsent && marked.length === 0) yield note("debug", `Did not find expire comment in rules list ${chainNumber(this.#settings, { table, chain })}`);
        found.push(...marked);
      }
    }
    return found;
  }

  *clear(): Plan<void> {
    yield* this.#clearFamily(4, yield* this.#look(4, true));
    const tables6 = yield* this.#lookAt6();
    if (tables6 !== undefined) yield* this.#clearFamily(6, tables6);
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const questions = scope === "ours"
      ? this.#chains.map(({ table, chain }) => ["-t", table, "-L", chain, "--line-numbers", "-n"])
      : this.#tables.map((table) => ["-t", table, "-v", "-n", "-L", "--line-numbers"]);
    // As the C program prints them: a blank line before each chain, but none before a table.
    const gap = scope === "ours" ? "\n" : "";
    let stdout = "";
    let stderr = "";
    for (const family of [4, 6] as const) {
      let listed = "";
      for (const words of questions) {
        const run = yield* ask(this.#question(family, words, "fw_dump_rules"));
        if (succeeded(run)) listed += gap + run.result.stdout;
        else if (family === 4) {
          listed += gap;
          stderr += complaintOf(run);
        }
      }
      // Most hosts have no chains of ours in IPv6: nothing to say about it then.
      if (family === 6 && listed !== "") stdout += `\n${this.headings[scope].replace("iptables", "ip6tables")}\n`;
      stdout += listed;
    }
    return { stdout, stderr };
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return isFor(words, ["-s", "-d"], address);
  }

  /**
   * Reads all tables that we use.
   *
   * @param assumeGround whether a dry run finds our chains there
   */
  *#look(family: Family, assumeGround = false): Plan<Tables> {
    const tables = new Map<string, Listing>();
    for (const table of this.#tables) {
      const assumed = this.#jumps.filter((jump) => assumeGround && jump.table === table);
      const question = {
        ...this.#list(family, table, undefined, "chain_exists"),
        assumedOutput: `# ${table}\n${assumed.map(({ from, chain }) => `-N ${chain}\n-A ${from} -j ${chain}\n`).join("")}`,
      };
      const listed = yield* need(question);
      // Whatever does nothing and says that it did it would be granting nothing.
      if (listed === "" && this.#settings.checkComment) throw new FirewallError(question, SUCCESS, { text: `${question.argv[0]} shows no chains, as iptables would`, code: "EPROGRAM" });
      tables.set(table, readListing(listed));
    }
    return tables;
  }

  /** Undefined where there is no IPv6, or no program for it. */
  *#lookAt6(): Plan<Tables | undefined> {
    try {
      return yield* this.#look(6);
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      yield note("debug", `No IPv6 firewall: ${error.message}`);
      return undefined;
    }
  }

  #markedRules(family: Family, tables: Tables): Rule[] {
    return this.#chains.flatMap(({ table, chain }) => markedRules(family, table, chain, tables.get(table)!));
  }

  /** Makes chains and jumps of IPv4 at the start. */
  *#layGround(tables: Tables, fresh: boolean): Plan<void> {
    const plain = new Transaction();
    const jumps = this.#addGround(plain, tables, fresh);
    const probing = plain.copy();
    if (this.#settings.checkComment) {
      const { table, chain, target } = this.#settings.chains.input;
      const probe = [chain, "-s", "127.0.0.2", "-m", "comment", "--comment", "__TMPCOMMENT__", "-j", target];
      // In one transaction: no packet ever meets the rule.
      probing.add(table, "-A", ...probe);
      probing.add(table, "-D", ...probe);
    }
    const run = yield* probing.perform(this.#program(4), "create_chain");
    if (!succeeded(run)) {
      if (this.#settings.checkComment && succeeded(yield* plain.perform(this.#program(4), "create_chain"))) {
        yield note("warning", "Warning: Could not use the 'comment' match");
        yield* this.clear();
      }
      throw new FirewallError(run.command, run.result);
    }
    for (const jump of jumps) yield note("info", jumpLine(jump));
    for (const chain of this.#chains) yield note("debug", existsLine(chain));
    if (this.#settings.checkComment) yield note("info", "iptables 'comment' match is available");
  }

  /**
   * Adds the lines that make what is missing of chains and jumps.
   *
   * @param fresh whether what is there is emptied first
   * @returns the jumps that will be new
   */
  #addGround(transaction: Transaction, tables: Tables, fresh: boolean): ChainSettings[] {
    for (const { table, chain } of this.#chains) {
      if (!tables.get(table)!.has(chain)) transaction.add(table, "-N", chain);
      else if (fresh) transaction.add(table, "-F", chain);
    }
    if (fresh) {
      for (const { table, from, chain } of this.#jumps) {
        for (let left = jumpCount(tables.get(table)!, from, chain); left > 0; left--) transaction.add(table, "-D", from, "-j", chain);
      }
    }
    const missing = this.#jumps.filter(({ table, from, chain }) => fresh || jumpCount(tables.get(table)!, from, chain) === 0);
    for (const jump of missing) {
      transaction.add(jump.table, "-I", jump.from, String(this.#jumpPosition(tables.get(jump.table)!, jump, fresh)), "-j", jump.chain);
    }
    return missing;
  }

  /** The wanted place, or the end of a chain that is shorter. */
  #jumpPosition(listing: Listing, { table, from, position }: ChainSettings, fresh: boolean): number {
    const rules = listing.get(from);
    if (rules === undefined) return Math.max(1, position); // the program will say what is wrong
    const ours = this.#jumps.filter((jump) => jump.table === table && jump.from === from).map((jump) => jump.chain);
    const kept = fresh ? rules.filter((words) => !(isJump(words) && ours.includes(words[1]!))) : rules;
    return Math.max(1, Math.min(position, kept.length + 1));
  }

  /** The jumps that additions need and that somebody took away, with the places where they go. */
  *#missingJumps(family: Family, add: readonly Rule[]): Plan<readonly ChainSettings[]> {
    const used = new Set(add.map(chainKey));
    const needed = this.#jumps.filter((jump) => used.has(chainKey(jump)));
    const missing: ChainSettings[] = [];
    for (const { table, from } of uniqueBy(needed, (jump) => `${jump.table} ${jump.from}`)) {
      const here = needed.filter((jump) => jump.table === table && jump.from === from);
      // One chain of others is read, not ours: its length has nothing to do with the number of grants.
      const run = yield* ask({
        ...this.#list(family, table, from, "jump_rule_exists"),
        assumedOutput: here.map((jump) => `-A ${from} -j ${jump.chain}\n`).join(""),
      });
      if (!succeeded(run)) continue; // adding will fail too and say why
      const listing = readListing(run.result.stdout);
      for (const jump of here) {
        const isThere = jumpCount(listing, from, jump.chain) > 0;
        yield note("debug", `jump_rule_exists_chk_support() jump rule ${isThere ? "found" : "not found"}`);
        if (!isThere) missing.push({ ...jump, position: this.#jumpPosition(listing, jump, false) });
      }
    }
    return missing;
  }

  /** A transaction failed: looks at what is there, puts back what is missing, and tries once more. */
  *#repair(family: Family, change: Change, failed: Run): Plan<Changed> {
    const tables = yield* this.#look(family);
    const transaction = new Transaction();
    const lost = this.#chains.filter(({ table, chain }) => !tables.get(table)!.has(chain));
    const jumps = this.#addGround(transaction, tables, false);
    const there = new Map(this.#markedRules(family, tables).map((rule) => [markedKey(rule), rule]));
    for (const rule of change.remove) {
      const listed = there.get(markedKey(rule));
      if (listed !== undefined) transaction.add(rule.table, "-D", rule.chain, ...listed.words);
      there.delete(markedKey(rule)); // one that takes its own place is among the additions
    }
    // A rule that is missing from a chain that is there was removed by somebody on purpose.
    const lostKeys = new Set(lost.map(chainKey));
    const back = [...change.keep].filter((rule) => rule.family === family && lostKeys.has(chainKey(rule)));
    for (const rule of [...back, ...change.add]) {
      if (!there.has(markedKey(rule))) transaction.add(rule.table, ...this.#insertion(rule));
    }

    const run = yield* transaction.perform(this.#program(family), "create_rule");
    if (!succeeded(run)) {
      yield* this.#undo(family, change.add);
      throw new FirewallError(run.command, run.result);
    }
    // The first IPv6 grant comes this way, too: nobody removed anything then.
    if (lost.length > 0 && (family === 4 || back.length > 0)) {
      const names = lost.map(({ chain }) => chain).join(", ");
      yield note("warning", `Somebody else removed ${names}: made again, with ${back.length} rules whose time is not over`);
    } else if (lost.length === 0 && jumps.length === 0) {
      yield note("debug", `The firewall was not as expected: ${new FirewallError(failed.command, failed.result).message}`);
    }
    for (const jump of jumps) yield note("info", jumpLine(jump));
    yield* this.#sayAdded(change.add);
    return { repaired: true };
  }

  /** Takes back what a failed change may have added to some of its tables. */
  *#undo(family: Family, add: readonly Rule[]): Plan<void> {
    const there = new Set(this.#markedRules(family, yield* this.#look(family)).map(markedKey));
    const transaction = new Transaction();
    for (const rule of add) if (there.has(markedKey(rule))) transaction.add(rule.table, "-D", rule.chain, ...rule.words);
    const run = yield* transaction.perform(this.#program(family), "rm_rules");
    if (!succeeded(run)) yield note("error", `Half of a grant may have stayed: ${new FirewallError(run.command, run.result).message}`);
  }

  *#clearFamily(family: Family, tables: Tables): Plan<void> {
    const transaction = new Transaction();
    for (const { table, from, chain } of this.#jumps) {
      for (let left = jumpCount(tables.get(table)!, from, chain); left > 0; left--) transaction.add(table, "-D", from, "-j", chain);
    }
    const present = this.#chains.filter(({ table, chain }) => tables.get(table)!.has(chain));
    for (const { table, chain } of present) transaction.add(table, "-F", chain);
    for (const { table, chain } of present) {
      const froms = this.#jumps.filter((jump) => chainKey(jump) === chainKey({ table, chain })).map((jump) => jump.from);
      const others = [...tables.get(table)!]
        .filter(([name, rules]) => rules.some((words) => refersTo(words, chain) && !(isJump(words) && froms.includes(name))))
        .map(([name]) => name);
      if (others.length === 0) transaction.add(table, "-X", chain);
      else yield note("warning", `Chain ${chain} was emptied but stays, for ${others.join(", ")} still refers to it`);
    }
    const run = yield* transaction.perform(this.#program(family), "delete_all_chains");
    if (!succeeded(run)) throw new FirewallError(run.command, run.result);
  }

  #insertion(rule: Rule): string[] {
    return [this.#settings.prepend ? "-I" : "-A", rule.chain, ...rule.words];
  }

  #lookedFor(rule: Rule): string {
    return this.#settings.checkSupport
      ? `rule_exists() Rule : '${typedRule(rule)}' in ${rule.chain}`
      : `rule_exists_no_chk_support() ${checkedRule(rule)} rule`;
  }

  /** The lines that test rigs look for, and each rule as it could be typed. */
  *#sayAdded(add: readonly Rule[]): Plan<void> {
    for (const rule of uniqueBy(add, chainKey)) yield note("debug", existsLine(rule));
    for (const rule of add) {
      const typed = [...this.#program(rule.family), this.#settings.prepend ? "-I" : "-A", rule.chain, typedRule(rule)].join(" ");
      yield note("debug", `create_rule() Rule: '${typedRule(rule)}' added to ${rule.chain}, as by: ${typed}`);
    }
  }

  #list(family: Family, table: string, chain: string | undefined, purpose: string): Command {
    return this.#question(family, ["-t", table, "-S", ...(chain === undefined ? [] : [chain])], purpose);
  }

  #question(family: Family, words: readonly string[], purpose: string): Command {
    return { kind: "command", argv: [...this.#program(family), ...LOCK_WAIT, ...words], purpose, answers: DECIDED, assumedOutput: "" };
  }

  #program(family: Family): Program {
    return programOf(this.#settings.program, family);
  }
}

function chainKey({ table, chain }: { readonly table: string; readonly chain: string }): string {
  return `${table} ${chain}`;
}

/** Whether a rule is a jump without conditions, as ours are. */
function isJump(words: readonly string[]): boolean {
  return words.length === 2 && words[0] === "-j";
}

/** Table and words of the line that inserts a jump. */
function insertedJump({ table, from, position, chain }: ChainSettings): [string, ...string[]] {
  return [table, "-I", from, String(position), "-j", chain];
}

function refersTo(words: readonly string[], chain: string): boolean {
  return words.some((word, at) => (word === "-j" || word === "-g") && words[at + 1] === chain);
}

function jumpCount(listing: Listing, from: string, chain: string): number {
  return (listing.get(from) ?? []).filter((words) => isJump(words) && words[1] === chain).length;
}

function markedRules(family: Family, table: string, chain: string, listing: Listing): Rule[] {
  return (listing.get(chain) ?? []).flatMap((words) => {
    const expiresAt = expiryOf(words);
    if (expiresAt === undefined) return [];
    return [{ key: ruleKey(family, table, chain, words), family, table, chain, kind: "", words, subject: "", expiresAt }];
  });
}

/** Equal for rules that are the same to the program, end included. */
function markedKey({ family, table, chain, words, expiresAt }: Rule): string {
  return `${ruleKey(family, table, chain, words)} ${expiresAt}`;
}

/** The first of each key, in their order. */
function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = keyOf(item);
    return !seen.has(key) && seen.add(key);
  });
}
