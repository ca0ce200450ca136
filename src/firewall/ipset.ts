/**
 * iptables with ipset (IPT_USE_IPSET): access to this host is an element of a set, with the kernel's own timeout, and
 * one rule a set lets in whatever is in it. So thousands of grants stay one rule. Grants that lead elsewhere, or are
 * for one address of ours, have rules of their own as ever.
 *
 * @module
 */

import type { IpAddress } from "../ip.ts";
import { RULE_LINES } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { sourceText, standsFor, subjectOf } from "./grant-text.ts";
import type { ChainSettings } from "./iptables.ts";
import { ask, note, type Run, SUCCESS, succeeded, where } from "./steps.ts";
import { LATEST_END, timeMark } from "./time-mark.ts";

/** What is put in front of iptables. */
export interface IpsetSettings {
  /** IPSET_EXE in words. */
  readonly program: Program;
  /** The chain that the sets' rules are in. */
  readonly input: ChainSettings;
}

/** A set of ours. */
interface OwnSet {
  readonly name: string;
  readonly family: Family;
  readonly type: "hash:ip,port" | "hash:net,port";
}

const SETS: readonly OwnSet[] = ([4, 6] as const).flatMap((family) => [
  { name: `fwknop_g${family}`, family, type: "hash:ip,port" as const },
  { name: `fwknop_n${family}`, family, type: "hash:net,port" as const },
]);

/** ipset takes no longer times, seconds. */
const MAX_TIMEOUT = 2_147_483;

/** The sets' rules are looked after when something is opened, but not more often than this, seconds. */
const CHECK_INTERVAL = 1;

/** Done, or not so. */
const ANSWERS: readonly number[] = [0, 1];

/** In the table column of rules that are elements. */
const TABLE = "ipset";

/**
 * Puts sets in front of iptables.
 *
 * @param inner the planner for iptables
 * @param settings program and chain
 * @param now Unix time, seconds
 */
export function createIpset(inner: FirewallBackend, settings: IpsetSettings, now: () => number): FirewallBackend {
  return new Ipset(inner, settings, now);
}

class Ipset implements FirewallBackend {
  readonly name = "iptables";
  readonly ground: string;
  readonly headings: FirewallBackend["headings"];
  readonly newestFirst: boolean;
  readonly lines: FirewallBackend["lines"];
  readonly #inner: FirewallBackend;
  readonly #settings: IpsetSettings;
  readonly #now: () => number;
  /** When the rules of a family were seen last, Unix time, seconds. */
  readonly #seenAt = new Map<Family, number>();

  constructor(inner: FirewallBackend, settings: IpsetSettings, now: () => number) {
    this.#inner = inner;
    this.#settings = settings;
    this.#now = now;
    this.ground = JSON.stringify([inner.ground, TABLE, settings.program]);
    this.headings = inner.headings;
    this.newestFirst = inner.newestFirst;
    this.lines = {
      opened: inner.lines.opened,
      present: (rule) => (isElement(rule) ? RULE_LINES : inner.lines).present(rule),
      closed: inner.lines.closed,
    };
  }

  rulesFor(grant: Grant, live: ReadonlyMap<string, Rule>): RulesOrRefusal {
    checkGrant(grant);
    if (grant.nat !== undefined || grant.destination !== undefined) return this.#inner.rulesFor(grant, live);
    const problem = addressProblem(grant, [], { networks: true });
    if (problem !== undefined) return { ok: false, reason: problem };
    const rules = this.#inner.rulesFor(grant, live);
    if (!rules.ok) return rules;
    const family = grant.source.version;
    const client = sourceText(grant);
    const chain = `fwknop_${grant.sourcePrefix === undefined ? "g" : "n"}${family}`;
    const elements = grant.ports.map(({ protocol, port }): Rule => ({
      ...placeOf(family, chain, `${client},${protocol}:${port}`), kind: "access", subject: subjectOf(grant), expiresAt: grant.expiresAt, grant,
    }));
    return { ok: true, rules: [...elements, ...rules.rules.filter(({ kind }) => kind !== "access")] };
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const made = yield* this.#restore(groundLines(fresh));
    if (!succeeded(made)) throw failure(made);
    const found = withoutStanding(yield* this.#inner.prepare({ fresh }));
    this.#seenAt.clear();
    return fresh ? found : [...found, ...(yield* this.#listed([4, 6]))];
  }

  *change(change: Change): Plan<Changed> {
    const rules = yield* this.#changeRulesOfSets(change);
    const { run, repaired } = yield* this.#changeElements(change);
    if (succeeded(run)) return { ...rules, repaired: rules.repaired || repaired };
    // Line by line: what came before the one that failed is done.
    yield* this.#restore(change.add.filter(isElement).map(removalLine));
    yield* this.#inner.change({ add: [], remove: change.add.filter(isRule), keep: where(change.keep, isRule) });
    throw failure(run);
  }

  /** Changes rules, and makes the sets again when somebody took them away: no rule can name them then. */
  *#changeRulesOfSets(change: Change): Plan<Changed> {
    try {
      return yield* this.#changeRules(change);
    } catch (error) {
      if (!(error instanceof FirewallError) || !/^.*: Set \S+ doesn't exist/m.test(error.stderr)) throw error;
      const made = yield* this.#giveBack(change.keep);
      if (!succeeded(made)) throw failure(made);
      return yield* this.#changeRules(change);
    }
  }

  /** Changes the rules that are no elements, and with them those of the sets when they are to be looked after. */
  *#changeRules({ add, remove, keep }: Change): Plan<Changed> {
    const family = add[0]?.family ?? remove[0]?.family;
    const standing = family !== undefined && add.some(isElement) ? this.#standing(family, isRenewal(add, remove)) : [];
    const otherStanding = this.#allStanding().filter(({ key }) => !standing.some((rule) => rule.key === key));
    const changed = yield* this.#inner.change({
      add: [...standing, ...add.filter(isRule)],
      remove: [...(this.#seenAt.has(family!) ? standing : []), ...remove.filter(isRule)],
      keep: {
        *[Symbol.iterator]() {
          yield* where(keep, isRule);
          yield* otherStanding;
        },
      },
    });
    if (standing.length > 0) this.#seenAt.set(family!, this.#now());
    return changed;
  }

  /** Changes elements, and makes the sets again when somebody took them away. */
  *#changeElements({ add, remove, keep }: Change): Plan<{ readonly run: Run; readonly repaired: boolean }> {
    const staying = new Set(add.map(({ key }) => key));
    const lines = [
      ...remove.filter((rule) => isElement(rule) && !staying.has(rule.key)).map(removalLine),
      ...add.filter(isElement).map((rule) => this.#additionLine(rule)),
    ];
    const run = yield* this.#restore(lines);
    if (succeeded(run) || !/does not exist/.test(run.result.stderr)) return { run, repaired: false };
    const made = yield* this.#giveBack(keep);
    return { run: succeeded(made) ? yield* this.#restore(lines) : made, repaired: true };
  }

  /** Makes sets that somebody took away, with the grants that were in them. */
  *#giveBack(keep: Iterable<Rule>): Plan<Run> {
    const back = [...where(keep, isElement)];
    yield note("warning", `Somebody else removed sets of ours: made again, with ${back.length} grants whose time is not over`);
    return yield* this.#restore([...groundLines(false), ...back.map((rule) => this.#additionLine(rule))]);
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = [...families];
    return [...withoutStanding(yield* this.#inner.find(wanted)), ...(yield* this.#listed(wanted))];
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
    for (const { name } of SETS) {
      const run = yield* ask(this.#command(["destroy", name], "destroy_sets"));
      if (!succeeded(run) && !/does not exist/.test(run.result.stderr)) throw failure(run);
    }
    this.#seenAt.clear();
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const rules = yield* this.#inner.show(scope);
    let { stdout } = rules;
    for (const { name } of SETS) {
      const run = yield* ask({ ...this.#command(["list", name], "fw_dump_rules"), assumedOutput: "" });
      if (succeeded(run)) stdout += `\n${run.result.stdout}`;
    }
    return { stdout, stderr: rules.stderr };
  }

  /** The rules of a family's sets, when they are to be looked after. */
  #standing(family: Family, renews: boolean): Rule[] {
    const seenAt = this.#seenAt.get(family);
    if (seenAt !== undefined && !renews && this.#now() - seenAt <= CHECK_INTERVAL) return [];
    return this.#allStanding().filter((rule) => rule.family === family);
  }

  /** They have no end: it is the latest that a mark can say. */
  #allStanding(): Rule[] {
    const { table, chain, target } = this.#settings.input;
    return SETS.map(({ name, family }): Rule => {
      const words = ["-m", "set", "--match-set", name, "src,dst", "-m", "comment", "--comment", timeMark(LATEST_END), "-j", target];
      return { key: `${TABLE} ${family} ${name}`, family, table, chain, kind: "sets", words, subject: name, expiresAt: LATEST_END };
    });
  }

  /** Elements that bear a mark. */
  *#listed(families: readonly Family[]): Plan<Rule[]> {
    const rules: Rule[] = [];
    for (const { name, family } of SETS.filter((set) => families.includes(set.family))) {
      const run = yield* ask({ ...this.#command(["save", name], "list_sets"), assumedOutput: "" });
      if (!succeeded(run)) throw failure(run);
      for (const [, element, digits] of run.result.stdout.matchAll(/^add \S+ (\S+) .*comment "_exp_(\d{1,11})"/gm)) {
        rules.push({ ...placeOf(family, name, element!), kind: "", subject: "", expiresAt: Number(digits) });
      }
    }
    return rules;
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

function groundLines(fresh: boolean): string[] {
  return SETS.flatMap(({ name, family, type }) => [
    `create ${name} ${type} family ${family === 4 ? "inet" : "inet6"} timeout 1 comment`,
    ...(fresh ? [`flush ${name}`] : []),
  ]);
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

/** Whether an element is to take its own place. */
function isRenewal(add: readonly Rule[], remove: readonly Rule[]): boolean {
  return remove.some((rule) => isElement(rule) && add.some(({ key }) => key === rule.key));
}

function withoutStanding(rules: readonly Rule[]): Rule[] {
  return rules.filter(({ expiresAt }) => expiresAt !== LATEST_END);
}

function placeOf(family: Family, chain: string, element: string): Pick<Rule, "key" | "family" | "table" | "chain" | "words"> {
  return { key: `${TABLE} ${chain} ${element}`, family, table: TABLE, chain, words: [element] };
}

function failure({ command, result }: Run): FirewallError {
  const isFull = result.failure === undefined && /is full/.test(result.stderr);
  const isForbidden = result.failure === undefined && /Operation not permitted|needs? (to be )?root/i.test(result.stderr);
  return new FirewallError(command, result, isFull ? { text: "The set is full", code: "FULL" } : isForbidden ? { text: "Not permitted to change sets", code: "EPERM" } : {});
}
