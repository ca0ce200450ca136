/**
 * iptables with ipset (IPT_USE_IPSET): access to this host is an element of a set, with the kernel's own timeout, and
 * one rule a set lets in whatever is in it. So thousands of grants stay one rule, and one more costs what the first did.
 * Grants that lead elsewhere, or are for one address of ours, have rules of their own as ever. Where there may be no sets,
 * or few grants need none, access has rules as well; what is open is renewed as what it is.
 *
 * @module
 */

import type { IpAddress } from "../ip.ts";
import { RULE_LINES } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant, PortSpec } from "./grant.ts";
import { sourceText, standsFor, subjectOf } from "./grant-text.ts";
import type { ChainSettings, IptablesBackend } from "./iptables.ts";
import { ask, note, type Run, SUCCESS, succeeded, where } from "./steps.ts";
import { LATEST_END, timeMark } from "./time-mark.ts";

/** What is put in front of iptables. */
export interface IpsetSettings {
  /** IPSET_EXE in words. */
  readonly program: Program;
  /** The chain that the sets' rules are in. */
  readonly input: ChainSettings;
  /** Whether access to this host goes into sets; `auto`: what comes beside a crowd of rules does, if sets can be used here. */
  readonly use: boolean | "auto";
  /** Rules that are a crowd; {@link CROWD} when absent. */
  readonly crowd?: number;
  /** Tells whether the kernel may have sets, of anybody. Asked before `ipset` is, which would have it load them. */
  readonly mayHaveSets: () => boolean;
}

/** A set of ours. */
interface OwnSet {
  readonly name: string;
  readonly family: Family;
  readonly type: "hash:ip,port" | "hash:net,port";
}

/**
 * So many rules are a crowd. Measured: with iptables-legacy, which reads and writes all of them, one more takes 1.3 times
 * as long as the first beside 250, 1.5 beside 500; with iptables-nft it takes as long beside 1000.
 */
const CROWD = 250;

/** ipset takes no longer times, seconds. */
const MAX_TIMEOUT = 2_147_483;

/** The jump to the sets' rules is looked after when something is put into a set, but not more often than this, seconds. */
const CHECK_INTERVAL = 1;

/** Done, or not so. */
const ANSWERS: readonly number[] = [0, 1];

/** In the table column of rules that are elements. */
const TABLE = "ipset";

/** How the rules of a family's sets were seen last. */
interface Sight {
  /** Unix time, seconds. */
  readonly at: number;
  /** How many rules name each of the sets, whosever they are. */
  readonly references: readonly number[];
}

/**
 * Puts sets in front of iptables.
 *
 * @param inner the planner for iptables
 * @param settings program, chain, and whether there are to be sets
 * @param now Unix time, seconds
 */
export function createIpset(inner: IptablesBackend, settings: IpsetSettings, now: () => number): FirewallBackend {
  return new Ipset(inner, settings, now);
}

class Ipset implements FirewallBackend {
  readonly name = "iptables";
  readonly ground: string;
  readonly headings: FirewallBackend["headings"];
  readonly newestFirst: boolean;
  readonly lines: FirewallBackend["lines"];
  readonly #inner: IptablesBackend;
  readonly #settings: IpsetSettings;
  readonly #now: () => number;
  readonly #sets: readonly OwnSet[];
  /** Families whose sets are in use. */
  readonly #seen = new Map<Family, Sight>();
  /** How many rules there were when the last grant was planned. */
  #liveCount = 0;
  /** The crowd was spoken of, and stays one of rules. */
  #hasWarned = false;

  constructor(inner: IptablesBackend, settings: IpsetSettings, now: () => number) {
    this.#inner = inner;
    this.#settings = settings;
    this.#now = now;
    this.#sets = setsOf(settings.input);
    // Rules and elements live side by side, so whoever takes over from another setting takes both.
    this.ground = inner.ground;
    this.headings = inner.headings;
    this.newestFirst = inner.newestFirst;
    this.lines = {
      opened: inner.lines.opened,
      present: (rule) => (isElement(rule) ? RULE_LINES : inner.lines).present(rule),
      closed: inner.lines.closed,
    };
  }

  rulesFor(grant: Grant, live: ReadonlyMap<string, Rule>): RulesOrRefusal {
    this.#liveCount = live.size;
    const planned = this.#inner.rulesFor(grant, live);
    if (!planned.ok || !isForSets(grant)) return planned;
    const { use } = this.#settings;
    // Grants of one batch see the same count: two for the same thing are of one kind, and a batch more than the crowd may be rules.
    const isForNew = use === true || (use === "auto" && this.#seen.has(grant.source.version) && this.#isCrowd(live.size));
    const ports = grant.ports.values();
    const rules = planned.rules.map((rule) => {
      if (rule.kind !== "access") return rule;
      const element = this.#elementFor(grant, ports.next().value!);
      return live.has(element.key) || (isForNew && !live.has(rule.key)) ? element : rule;
    });
    return { ok: true, rules };
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    yield* this.takeOver();
    const sets = this.#settings.use === true ? this.#sets : yield* this.#present();
    const emptied = yield* this.#restore(fresh ? sets.map(({ name }) => `flush ${name}`) : []);
    if (!succeeded(emptied)) throw failure(emptied);
    this.#seen.clear();
    const found = this.#withoutStanding(yield* this.#inner.prepare({ fresh }));
    return fresh ? found : [...found, ...(yield* this.#listed(sets))];
  }

  *takeOver(): Plan<void> {
    if (this.#settings.use !== true) return;
    const made = yield* this.#restore(this.#sets.map(creationLine));
    if (!succeeded(made)) throw failure(made);
  }

  *change(change: Change): Plan<Changed> {
    const { add, remove, keep } = change;
    const family = add[0]?.family ?? remove[0]?.family;
    if (family === undefined) return { repaired: false };
    let { repaired } = yield* this.#changeRules(family, { add: add.filter(isRule), remove: remove.filter(isRule), keep });
    try {
      if (yield* this.#changeElements(family, change)) repaired = true;
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      yield* this.#undo(change);
      throw error;
    }
    yield* this.#mindCrowd(family, change);
    return { repaired };
  }

  /** Changes rules that are no elements, and makes the sets again when somebody took them away: no rule can name them then. */
  *#changeRules(family: Family, { add, remove, keep }: Change): Plan<Changed> {
    const rules: Change = { add, remove, keep: this.#withStanding(add, keep) };
    try {
      return yield* this.#inner.change(rules);
    } catch (error) {
      if (!(error instanceof FirewallError) || !/^.*: Set \S+ doesn't exist/m.test(error.stderr)) throw error;
      const made = yield* this.#giveBack(family, keep);
      if (!succeeded(made)) throw failure(made);
      return yield* this.#inner.change(rules);
    }
  }

  /**
   * Changes elements, and makes the sets again when somebody took them away. The same command tells how many rules name
   * them: with the next grant those are put back that somebody removed.
   */
  *#changeElements(family: Family, { add, remove, keep }: Change): Plan<boolean> {
    const added = add.filter(isElement);
    const staying = new Set(added.map(({ key }) => key));
    const lines = [
      ...remove.filter((rule) => isElement(rule) && !staying.has(rule.key)).map(removalLine),
      ...added.map((rule) => this.#additionLine(rule)),
      ...(added.length > 0 ? this.#setsOf(family).map(({ name }) => `list ${name} -t`) : []),
    ];
    let run = yield* this.#restore(lines);
    const isLost = /does not exist/.test(run.result.stderr);
    if (isLost) {
      const made = yield* this.#giveBack(family, keep);
      run = succeeded(made) ? yield* this.#restore(lines) : made;
    }
    if (!succeeded(run)) {
      const error = failure(run);
      if (this.#settings.use === "auto" && error.code !== "FULL") yield* this.#giveUp(family, error);
      throw error;
    }
    if (added.length > 0) {
      const references = Array.from(run.result.stdout.matchAll(/^References: (\d+)/gm), ([, digits]) => Number(digits));
      yield* this.#lookAfter(family, references, remove.some(({ key }) => staying.has(key)), keep);
    }
    return isLost;
  }

  /** Puts back what somebody took away of the rules of a family's sets and of the jump to them. */
  *#lookAfter(family: Family, references: readonly number[], renews: boolean, keep: Iterable<Rule>): Plan<void> {
    const seen = this.#seen.get(family);
    const isDue = seen === undefined || renews || this.#now() - seen.at > CHECK_INTERVAL;
    if (seen === undefined || references.some((count, at) => count < (seen.references[at] ?? 1))) yield* this.#putBack(family, keep);
    else if (isDue) yield* this.#inner.keepJumps(this.#standing(family));
    this.#seen.set(family, { at: isDue ? this.#now() : seen.at, references: references.map((count) => Math.max(count, 1)) });
  }

  /** Gives a family's sets rules, in place of those that they have. */
  *#putBack(family: Family, keep: Iterable<Rule>): Plan<void> {
    const found = yield* this.#inner.find([family]);
    yield* this.#changeRules(family, { add: this.#standing(family), remove: found.filter((rule) => this.#isStanding(rule)), keep });
  }

  /** Takes back what a change added before it failed, and gives back what was to be renewed. */
  *#undo({ add, remove, keep }: Change): Plan<void> {
    const added = new Set(add.map(({ key }) => key));
    const renewed = remove.filter(({ key }) => added.has(key));
    // Line by line: what came before the one that failed is done.
    yield* this.#restore([...add.filter(isElement).map(removalLine), ...renewed.filter(isElement).map((rule) => this.#additionLine(rule))]);
    yield* this.#inner.change({ add: renewed.filter(isRule), remove: add.filter(isRule), keep: where(keep, isRule) });
  }

  /** Makes sets that somebody took away, with the grants that were in them. */
  *#giveBack(family: Family, keep: Iterable<Rule>): Plan<Run> {
    const back = [...where(keep, isElement)];
    const families = [family, ...back.map((rule) => rule.family)];
    yield note("warning", `Somebody else removed sets of ours: made again, with ${back.length} grants whose time is not over`);
    return yield* this.#restore([...this.#sets.filter((set) => families.includes(set.family)).map(creationLine), ...back.map((rule) => this.#additionLine(rule))]);
  }

  // --- The crowd --------------------------------------------------------------------------------------------------------

  #isCrowd(count: number): boolean {
    return count >= (this.#settings.crowd ?? CROWD);
  }

  /** When so many rules are open that a set were better, makes sets for those to come, or says that there will be none. */
  *#mindCrowd(family: Family, { add, remove, keep }: Change): Plan<void> {
    const { use } = this.#settings;
    const count = this.#liveCount + add.length - remove.length;
    if (use === true || this.#hasWarned || this.#seen.has(family) || !this.#isCrowd(count)) return;
    if (!add.some((rule) => isRule(rule) && rule.grant !== undefined && isForSets(rule.grant))) return;
    if (use === false) {
      this.#hasWarned = true;
      yield note("warning", `${count} rules are open: ${ADVICE}; with IPT_USE_IPSET auto, or in nftables, they would be looked up`);
      return;
    }
    try {
      yield* this.#layGround(family, keep);
      yield note("info", `${count} rules are open: IPv${family} grants go into sets from now on (IPT_USE_IPSET auto)`);
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      yield* this.#giveUp(family, error);
      for (const { name } of this.#setsOf(family)) yield* ask(this.#command(["destroy", name], "destroy_sets"));
    }
  }

  *#layGround(family: Family, keep: Iterable<Rule>): Plan<void> {
    const sets = this.#setsOf(family);
    // What we know nothing of is that of a daemon that was killed.
    const isTakenOver = [...where(keep, isElement)].length > 0;
    const made = yield* this.#restore(sets.flatMap((set) => [creationLine(set), ...(isTakenOver ? [] : [`flush ${set.name}`])]));
    if (!succeeded(made)) throw failure(made);
    yield* this.#putBack(family, keep);
    this.#seen.set(family, { at: this.#now(), references: [] });
  }

  /** Grants are rules from now on, until the next daemon tries again. */
  *#giveUp(family: Family, error: FirewallError): Plan<void> {
    this.#seen.delete(family);
    if (!this.#hasWarned) yield note("warning", `Many rules are open, and grants stay rules, for sets cannot be used here: ${error.argv[0]}: ${error.summary}; ${ADVICE}`);
    this.#hasWarned = true;
  }

  // --- What is there ----------------------------------------------------------------------------------------------------

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = [...families];
    const sets = (yield* this.#present()).filter(({ family }) => wanted.includes(family));
    return [...this.#withoutStanding(yield* this.#inner.find(wanted)), ...(yield* this.#listed(sets))];
  }

  concerns(rule: Rule, address: IpAddress): boolean {
    if (!isElement(rule)) return this.#inner.concerns(rule, address);
    return standsFor(rule.words[0]!.split(",")[0]!, address);
  }

  endsByItself(rule: Rule): boolean {
    return isElement(rule);
  }

  *clear(): Plan<void> {
    yield* this.#inner.clear();
    for (const { name } of yield* this.#present()) {
      const run = yield* ask(this.#command(["destroy", name], "destroy_sets"));
      if (!succeeded(run) && !/does not exist/.test(run.result.stderr)) throw failure(run);
    }
    this.#seen.clear();
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const rules = yield* this.#inner.show(scope);
    let { stdout } = rules;
    for (const { name } of yield* this.#present()) {
      const run = yield* ask({ ...this.#command(["list", name], "fw_dump_rules"), assumedOutput: "" });
      if (succeeded(run)) stdout += `\n${run.result.stdout}`;
    }
    return { stdout, stderr: rules.stderr };
  }

  /** Which sets are there. Most hosts have none, and many no program for them: they are not asked unless there is a reason. */
  *#present(): Plan<readonly OwnSet[]> {
    const { use, mayHaveSets } = this.#settings;
    const isInUse = use === true || this.#seen.size > 0;
    if (!isInUse && !mayHaveSets()) return [];
    const assumed = isInUse ? this.#sets.map(({ name }) => `${name}\n`).join("") : "";
    const run = yield* ask({ ...this.#command(["list", "-n"], "list_sets"), assumedOutput: assumed });
    if (!succeeded(run)) return isInUse ? this.#sets : []; // each will say what is wrong
    const names = run.result.stdout.split("\n");
    return this.#sets.filter(({ name }) => names.includes(name));
  }

  #setsOf(wanted: Family): readonly OwnSet[] {
    return this.#sets.filter(({ family }) => family === wanted);
  }

  /** The rules of a family's sets. They have no end: it is the latest that a mark can say. */
  #standing(family: Family): Rule[] {
    const { table, chain, target } = this.#settings.input;
    return this.#setsOf(family).map(({ name }): Rule => {
      const words = ["-m", "set", "--match-set", name, "src,dst", "-m", "comment", "--comment", timeMark(LATEST_END), "-j", target];
      return { key: `${TABLE} ${family} ${name}`, family, table, chain, kind: "sets", words, subject: name, expiresAt: LATEST_END };
    });
  }

  #isStanding({ expiresAt, words }: Rule): boolean {
    return expiresAt === LATEST_END && this.#sets.some(({ name }) => words.includes(name));
  }

  #withoutStanding(rules: readonly Rule[]): Rule[] {
    return rules.filter((rule) => !this.#isStanding(rule));
  }

  /** What an iptables whose chain was taken away is given back: rules, and those of the sets that are in use, unless they are being added. */
  #withStanding(add: readonly Rule[], keep: Iterable<Rule>): Iterable<Rule> {
    const families = new Set(this.#seen.keys());
    const standing = (family: Family): Rule[] => this.#standing(family);
    return {
      *[Symbol.iterator]() {
        for (const rule of keep) {
          if (isElement(rule)) families.add(rule.family);
          else yield rule;
        }
        for (const family of families) yield* standing(family).filter(({ key }) => !add.some((rule) => rule.key === key));
      },
    };
  }

  /** Elements that bear a mark. */
  *#listed(sets: readonly OwnSet[]): Plan<Rule[]> {
    const rules: Rule[] = [];
    for (const { name, family } of sets) {
      const run = yield* ask({ ...this.#command(["save", name], "list_sets"), assumedOutput: "" });
      if (!succeeded(run)) throw failure(run);
      for (const [, element, digits] of run.result.stdout.matchAll(/^add \S+ (\S+) .*comment "_exp_(\d{1,11})"/gm)) {
        rules.push({ ...placeOf(family, name, element!), kind: "", subject: "", expiresAt: Number(digits) });
      }
    }
    return rules;
  }

  #elementFor(grant: Grant, { protocol, port }: PortSpec): Rule {
    const type = grant.sourcePrefix === undefined ? "hash:ip,port" : "hash:net,port";
    const { name, family } = this.#setsOf(grant.source.version).find((set) => set.type === type)!;
    const place = placeOf(family, name, `${sourceText(grant)},${protocol}:${port}`);
    return { ...place, kind: "access", subject: subjectOf(grant), expiresAt: grant.expiresAt, grant };
  }

  #additionLine(rule: Rule): string {
    const seconds = Math.max(1, Math.min(MAX_TIMEOUT, Math.floor(rule.expiresAt - this.#now())));
    return `add ${rule.chain} ${rule.words[0]} timeout ${seconds} comment "${timeMark(rule.expiresAt)}"`;
  }

  *#restore(lines: readonly string[]): Plan<Run> {
    const command: Command = { ...this.#command(["-exist", "restore"], "change_sets"), stdin: lines.map((line) => `${line}\n`).join("") };
    return lines.length === 0 ? { command, result: SUCCESS } : yield* ask(command);
  }

  #command(words: readonly string[], purpose: string): Command {
    return { kind: "command", argv: [...this.#settings.program, ...words], purpose, answers: ANSWERS };
  }
}

const ADVICE = "iptables compares each new connection with all of them, and grants begin to take longer";

/** Daemons with chains of their own have sets of their own, too. */
function setsOf({ chain }: ChainSettings): OwnSet[] {
  const prefix = chain === "FWKNOP_INPUT" ? "fwknop" : chain;
  return ([4, 6] as const).flatMap((family) => [
    { name: `${prefix}_g${family}`, family, type: "hash:ip,port" as const },
    { name: `${prefix}_n${family}`, family, type: "hash:net,port" as const },
  ]);
}

/** Whether a set can hold a grant. */
function isForSets({ nat, destination }: Grant): boolean {
  return nat === undefined && destination === undefined;
}

function creationLine({ name, family, type }: OwnSet): string {
  return `create ${name} ${type} family ${family === 4 ? "inet" : "inet6"} timeout 1 comment`;
}

function removalLine(rule: Rule): string {
  return `del ${rule.chain} ${rule.words[0]}`;
}

function isElement({ table }: Rule): boolean {
  return table === TABLE;
}

function isRule(rule: Rule): boolean {
  return !isElement(rule);
}

function placeOf(family: Family, chain: string, element: string): Pick<Rule, "key" | "family" | "table" | "chain" | "words"> {
  return { key: `${TABLE} ${chain} ${element}`, family, table: TABLE, chain, words: [element] };
}

function failure({ command, result }: Run): FirewallError {
  const isFull = result.failure === undefined && /is full/.test(result.stderr);
  const isForbidden = result.failure === undefined && /Operation not permitted|needs? (to be )?root/i.test(result.stderr);
  return new FirewallError(command, result, isFull ? { text: "The set is full", code: "FULL" } : isForbidden ? { text: "Not permitted to change sets", code: "EPERM" } : {});
}
