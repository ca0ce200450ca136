/**
 * nftables: grants are elements of timed sets, which the kernel itself takes away when their time is over, even when
 * no daemon lives. One rule a set looks them up, so opening one costs the same beside ten and ten thousand. What comes
 * together is one atomic `nft -f -`.
 *
 * Lists with elements are read as JSON at the start and when something went wrong, never for a grant.
 *
 * @module
 */

import type { IpAddress } from "../ip.ts";
import { type ListedTable, readTable } from "./_nftables-listing.ts";
import { elementsForGrant, placeOf } from "./_nftables-rules.ts";
import { checkSettings, familiesOf, MARK, type NftablesSettings, type NftTable, OWN_TABLE, PREFIX, tableText } from "./_nftables-settings.ts";
import { type Ground, layOut, type OwnChain, parseSlotName, type Slot } from "./_nftables-slots.ts";
import { additionLines, ANSWERS, isAbsence, needLines, nftFailure, performLines, removalLines, repairLines } from "./_nftables-transaction.ts";
import { RULE_LINES } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { standsFor } from "./grant-text.ts";
import { ask, complaintOf, note, type Run, SUCCESS, succeeded } from "./steps.ts";

export { createNftSet, type NftSetSettings } from "./_nftables-set.ts";
export { type GuardedPorts, type NftablesMode, type NftablesSettings, type NftTable } from "./_nftables-settings.ts";

/** Tables by their text; undefined for one that is not there. */
type Tables = ReadonlyMap<string, ListedTable | undefined>;

/** Rules and jumps are looked after when something is opened, but not more often than this, seconds. */
const CHECK_INTERVAL = 1;

/** And so seldom that it takes this part of the time at most: others may have many rules. */
const CHECK_SHARE = 0.03;

/**
 * Makes the planner for nftables.
 *
 * @param settings mode, tables, program
 * @param now Unix time, seconds
 * @throws {RangeError} when a name could not be one
 */
export function createNftables(settings: NftablesSettings, now: () => number): FirewallBackend {
  checkSettings(settings);
  return new Nftables(settings, now);
}

class Nftables implements FirewallBackend {
  readonly name = "nftables";
  readonly ground: string;
  readonly headings = {
    ours: "Listing elements in fwknopd nftables sets...",
    all: "Listing all nftables rules in applicable tables...",
    clear: "Deleting any existing firewall rules...",
  };
  readonly newestFirst = false;
  readonly needsNoSearch = true;
  readonly lines = RULE_LINES;
  readonly keepShut?: (keep: Iterable<Rule>) => Plan<void>;
  readonly #settings: NftablesSettings;
  readonly #now: () => number;
  readonly #layout: Ground;
  readonly #slots: ReadonlyMap<string, Slot>;
  #checkedAt = -Infinity;
  /** What the last look took. */
  #checkSeconds = 0;

  constructor(settings: NftablesSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
    this.#layout = layOut(settings);
    this.#slots = new Map(this.#layout.slots.map((slot) => [slot.name, slot]));
    if (settings.mode === "guard") this.keepShut = this.#keepGuard;
    this.ground = JSON.stringify([this.name, settings.program, this.#layout.chains, this.#layout.slots.map(({ declaration }) => declaration)]);
  }

  rulesFor(grant: Grant, live: ReadonlyMap<string, Rule>): RulesOrRefusal {
    return elementsForGrant(grant, this.#slots, this.#settings, live);
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const tables = yield* this.#look(!fresh);
    yield* this.#checkForeign(tables);
    const flushes = fresh ? this.#layout.slots.map(({ table, name, value }) => `flush ${value === undefined ? "set" : "map"} ${tableText(table)} ${name}`) : [];
    yield* this.#need([...this.#groundLines(tables), ...flushes], "create_sets");
    for (const { from, name } of this.#missingJumps(tables)) yield note("info", `Added jump rule from chain: ${from} to chain: ${name}`);
    this.#checkedAt = this.#now();
    return fresh ? [] : this.#marked(tables);
  }

  *change(change: Change): Plan<Changed> {
    const renews = change.remove.some((rule) => change.add.some(({ key }) => key === rule.key));
    const isDue = this.#now() - this.#checkedAt >= Math.max(CHECK_INTERVAL, this.#checkSeconds / CHECK_SHARE);
    if (change.add.length > 0 && (renews || isDue) && !(yield* this.#isIntact())) return yield* this.#repair(change, undefined);
    const lines = [...removalLines(change.remove), ...additionLines(change.add, this.#now())];
    const run = yield* this.#perform(lines, change.add.length > 0 ? "add_elements" : "delete_elements");
    if (succeeded(run)) return { repaired: false };
    if (!isAbsence(run)) throw nftFailure(run);
    return yield* this.#repair(change, run);
  }

  *#keepGuard(keep: Iterable<Rule>): Plan<void> {
    if (!(yield* this.#isIntact())) yield* this.#repair({ add: [], remove: [], keep }, undefined);
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = new Set(families);
    return this.#marked(yield* this.#look(true)).filter(({ family }) => wanted.has(family));
  }

  concerns({ chain, words }: Rule, address: IpAddress): boolean {
    const prefix = parseSlotName(chain)?.prefix;
    return standsFor(prefix === undefined ? words[0]! : `${words[0]}/${prefix}`, address);
  }

  endsByItself(): boolean {
    return true;
  }

  *clear(): Plan<void> {
    const tables = yield* this.#look(false, true);
    const ownText = tableText(OWN_TABLE);
    const ownTable = tables.get(ownText);
    // A dry run is told of every table, with nothing in those that it did not make.
    const isOwnUsed = this.#layout.tables.some((table) => tableText(table) === ownText);
    const own = ownTable !== undefined && (isOwnUsed || ownTable.chains.size + ownTable.sets.size > 0) ? [`delete table ${ownText}`] : [];
    const foreign = [...tables].filter(([name, table]) => name !== ownText && table !== undefined) as [string, ListedTable][];
    const jumps = foreign.flatMap(([name, table]) => jumpRemovals(name, table));
    const ours = (verb: "flush" | "delete", kind: "chain" | "set"): string[] => foreign.flatMap(([name, { chains, sets }]) =>
      [...(kind === "chain" ? chains : sets).keys()].filter(isOurs).map((one) => `${verb} ${kind} ${name} ${one}`));
    const run = yield* this.#perform([...own, ...jumps, ...ours("flush", "chain"), ...ours("delete", "chain"), ...ours("delete", "set")], "delete_sets");
    if (succeeded(run)) return;
    // Somebody's rule refers to what is ours: then it is emptied.
    yield* this.#need([...own, ...jumps, ...ours("flush", "chain"), ...ours("flush", "set")], "flush_sets");
    yield note("warning", `Sets and chains were emptied but stay, for other rules still refer to them: ${nftFailure(run).summary}`);
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    let stdout = "";
    let stderr = "";
    for (const table of this.#layout.tables) {
      const argv: Command["argv"] = [...this.#settings.program, "list", "table", table.family, table.name];
      const run = yield* ask({ kind: "command", argv, purpose: "fw_dump_rules", answers: ANSWERS, assumedOutput: "" });
      if (!succeeded(run)) stderr += complaintOf(run);
      else stdout += `\n${scope === "all" || tableText(table) === tableText(OWN_TABLE) ? run.result.stdout : onlyOurs(run.result.stdout)}`;
    }
    return { stdout, stderr };
  }

  // --- Looking -------------------------------------------------------------------------------------------------------

  /**
   * Reads the tables that we use.
   *
   * @param withElements sets with what is in them
   * @param assumeGround whether a dry run finds what is ours there
   */
  *#look(withElements: boolean, assumeGround = false): Plan<Tables> {
    const tables = new Map<string, ListedTable | undefined>();
    for (const table of new Map([...this.#layout.tables, OWN_TABLE].map((one) => [tableText(one), one])).values()) {
      const run = yield* ask(this.#listing(table, withElements, assumeGround));
      if (succeeded(run)) {
        const listed = readTable(run.result.stdout);
        if (listed === undefined) throw new FirewallError(run.command, run.result, { text: `'nft -j' printed no listing of the table ${tableText(table)}` });
        if (isForIptables(table, listed, run)) {
          throw new FirewallError(run.command, { ...run.result, status: 0 }, {
            text: `The table ${tableText(table)} belongs to iptables, which would show and save our rules as ones that accept everything: set FIREWALL_TYPE iptables, or NFT_MODE guard`,
          });
        }
        tables.set(tableText(table), listed);
      } else if (isAbsence(run)) tables.set(tableText(table), undefined);
      else throw nftFailure(run);
    }
    return tables;
  }

  #listing(table: NftTable, withElements: boolean, assumeGround = false): Command {
    const terse = withElements ? [] : ["-t"];
    const isHere = (one: { readonly table: NftTable }): boolean => tableText(one.table) === tableText(table);
    // A dry run finds the chains that it needs.
    const chains = this.#layout.chains.filter((chain) => chain.from !== undefined && isHere(chain));
    const ground = assumeGround
      ? [
        // The kernel gives handles when it is told of a rule, so nobody knows them before.
        ...chains.map(({ from, name }) => ({ rule: { chain: from, handle: "HANDLE", comment: MARK, expr: [{ jump: { target: name } }] } })),
        ...chains.map(({ name }) => ({ chain: { name } })),
        ...this.#layout.slots.filter(isHere).map(({ name }) => ({ set: { name } })),
      ]
      : [];
    const assumed = { nftables: [...chains.map(({ from }) => ({ chain: { name: from } })), ...ground] };
    return {
      kind: "command", argv: [...this.#settings.program, "-j", ...terse, "list", "table", table.family, table.name], purpose: "list_table", answers: ANSWERS,
      assumedOutput: JSON.stringify(assumed),
    };
  }

  /**
   * The administrator's table has to be there, with the chains that let in and drop.
   *
   * @param failed what failed because it is not, to be reported with the error
   */
  *#checkForeign(tables: Tables, failed?: Run): Plan<void> {
    for (const { from, table } of this.#layout.chains) {
      if (from === undefined) continue;
      const listed = tables.get(tableText(table));
      const what = listed === undefined ? `table ${tableText(table)}` : listed.chains.has(from) ? undefined : `chain ${from} in the table ${tableText(table)}`;
      if (what !== undefined) {
        throw new FirewallError(failed?.command ?? this.#listing(table, false), failed?.result ?? SUCCESS, {
          text: `There is no ${what}: NFT_TABLE, NFT_INPUT_CHAIN and NFT_FORWARD_CHAIN name what drops packets here; where nothing does, set NFT_MODE guard`,
        });
      }
      if (from !== this.#settings.outputChain && !listed!.chains.get(from)!.some(({ letsAnswersIn }) => letsAnswersIn)) {
        yield note("warning", `The chain ${from} seems to have no rule that accepts established connections: they will end with their grant`);
      }
    }
  }

  /**
   * Whether our rules and jumps are there. Of all listings only those of whole rule sets leave elements in the kernel
   * (`-t`; with 10,000 of them 14 ms instead of 250).
   */
  *#isIntact(): Plan<boolean> {
    const begin = this.#now();
    for (const family of new Set(this.#layout.tables.map((table) => table.family))) {
      const argv: Command["argv"] = [...this.#settings.program, "-j", "-t", "list", "ruleset", family];
      const run = yield* ask({ kind: "command", argv, purpose: "check_rules", answers: ANSWERS, assumedOutput: "assumed" });
      if (run.result.stdout === "assumed") continue;
      for (const table of this.#layout.tables.filter((one) => one.family === family)) {
        const listed = succeeded(run) ? readTable(run.result.stdout, table) : undefined;
        if (listed === undefined || !isGroundThere(this.#layout.chains.filter((chain) => tableText(chain.table) === tableText(table)), listed)) return false;
      }
    }
    this.#checkedAt = this.#now();
    this.#checkSeconds = this.#checkedAt - begin;
    return true;
  }

  #missingJumps(tables: Tables): OwnChain[] {
    return this.#layout.chains.filter(({ table, from, name }) =>
      from !== undefined && !(tables.get(tableText(table))?.chains.get(from) ?? []).some(({ jump }) => jump === name));
  }

  /** Elements that bear a mark, as rules that were found: whatever settings their sets were made for. */
  #marked(tables: Tables): Rule[] {
    return this.#layout.tables.flatMap((table) => [...tables.get(tableText(table))?.sets.values() ?? []].flatMap(({ name, elements }) => {
      const family = parseSlotName(name)?.family;
      if (family === undefined) return [];
      return elements.flatMap(({ key, value, expiresAt }): Rule[] =>
        expiresAt === undefined ? [] : [{ ...placeOf({ table, name, family }, key, value), kind: "", subject: "", expiresAt }]);
    }));
  }

  // --- Changing ------------------------------------------------------------------------------------------------------

  /** What makes everything that grants need; may be done again. */
  #groundLines(tables: Tables): string[] {
    const { slots, chains } = this.#layout;
    const missing = this.#missingJumps(tables);
    const own = this.#layout.tables.some((table) => tableText(table) === tableText(OWN_TABLE));
    const ownText = tableText(OWN_TABLE);
    const ownNames = new Set(chains.filter(({ table }) => tableText(table) === ownText).map(({ name }) => name));
    // What an earlier run in another mode left there would still guard or mark.
    const stale = [...(tables.get(ownText)?.chains.keys() ?? [])].filter((name) => !ownNames.has(name));
    return [
      ...(own ? [`add table ${ownText}`] : []),
      ...stale.flatMap((name) => [`flush chain ${ownText} ${name}`, `delete chain ${ownText} ${name}`]),
      ...slots.map(({ declaration }) => declaration),
      ...chains.flatMap(({ table, name, hook, rules }) => [
        `add chain ${tableText(table)} ${name}${hook === undefined ? "" : ` { ${hook} }`}`,
        `flush chain ${tableText(table)} ${name}`,
        ...rules.map((rule) => `add rule ${tableText(table)} ${name} ${rule}`),
      ]),
      ...missing.map(({ table, from, name }) => `insert rule ${tableText(table)} ${from} jump ${name} comment "${MARK}"`),
    ];
  }

  /** Looks at what is there, puts back what somebody took away, and tries once more. */
  *#repair(change: Change, failed: Run | undefined): Plan<Changed> {
    const tables = yield* this.#look(true);
    yield* this.#checkForeign(tables, failed);
    const isThere = (rule: Rule): boolean => tables.get(rule.table)?.sets.has(rule.chain) === true;
    const lost = [...change.keep].filter((rule) => this.#slots.has(rule.chain) && !isThere(rule));
    // One that was for one connection may have had it.
    const back = lost.filter((rule) => this.#slots.get(rule.chain)?.once !== true);
    // Whoever put it there.
    const listed = new Set(this.#layout.slots.flatMap((slot) =>
      (tables.get(tableText(slot.table))?.sets.get(slot.name)?.elements ?? []).map(({ key }) => placeOf(slot, key, []).key)));
    yield* this.#need([...this.#groundLines(tables), ...repairLines(change, back, listed, this.#now())], "add_elements");
    const missed = this.#layout.slots.some(({ table, name }) => tables.get(tableText(table))?.sets.has(name) !== true) ? "sets" : "rules or jumps";
    yield note("warning", `Somebody else removed ${missed} of ours: made again, with ${back.length} grants whose time is not over`
      + (back.length < lost.length ? `; ${lost.length - back.length} for a single connection are not given back` : ""));
    this.#checkedAt = this.#now();
    return { repaired: true };
  }

  #perform(lines: readonly string[], purpose: string): Plan<Run> {
    return performLines(this.#settings.program, lines, purpose);
  }

  #need(lines: readonly string[], purpose: string): Plan<void> {
    return needLines(this.#settings.program, lines, purpose);
  }
}

function isOurs(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Takes away the rules by which the administrator's chains lead to ours. */
function jumpRemovals(table: string, { chains }: ListedTable): string[] {
  return [...chains].filter(([chain]) => !isOurs(chain)).flatMap(([chain, rules]) =>
    rules.filter(({ comment, jump }) => comment === MARK && jump !== undefined && isOurs(jump)).map(({ handle }) => `delete rule ${table} ${chain} handle ${handle}`));
}

/** Sets and chains of ours out of a table as `nft` prints it. */
function onlyOurs(listing: string): string {
  const [header = "", ...blocks] = listing.split(/\n(?=\t(?:set|map|chain|table) )/);
  const ours = blocks.filter((block) => new RegExp(`^\\t\\w+ ${PREFIX}`).test(block));
  return `${[header, ...ours.map((block) => block.replace(/\n\}\s*$/, "\n"))].join("\n")}}\n`;
}

function isGroundThere(chains: readonly OwnChain[], { chains: listed }: ListedTable): boolean {
  return chains.every(({ name, from, rules }) =>
    (listed.get(name) ?? []).length === rules.length && (from === undefined || (listed.get(from) ?? []).some(({ jump }) => jump === name)));
}

/** iptables of the newer kind keeps its chains, named in capitals, in tables of nftables. */
function isForIptables({ family, name }: NftTable, { chains }: ListedTable, { result }: Run): boolean {
  if (/managed by iptables-nft/.test(result.stderr)) return true;
  const theirs = ["filter", "nat", "mangle", "raw", "security"].includes(name) && familiesOf({ family, name }).length === 1;
  return theirs && [...chains.keys()].some((chain) => /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/.test(chain));
}
