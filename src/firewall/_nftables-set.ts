/**
 * Sets that the administrator owns: their ruleset says what it means to be in one, we only add elements and take them
 * away again. Nothing else of theirs is touched, and of their elements only those that bear our mark.
 *
 * @module
 */

import { formatIp, type IpAddress } from "../ip.ts";
import { readTable, readTableHandle } from "./_nftables-listing.ts";
import { elementOf, placeOf } from "./_nftables-rules.ts";
import { checkName, type NftTable, tableText } from "./_nftables-settings.ts";
import { additionLines, ANSWERS, isAbsence, needLines, nftFailure, performLines, removalLines, repairLines } from "./_nftables-transaction.ts";
import { RULE_LINES } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { standsFor } from "./grant-text.ts";
import { ask, complaintOf, note, type Run, succeeded } from "./steps.ts";

/** Which sets, and how they are reached. */
export interface NftSetSettings {
  /** NFT_EXE in words. */
  readonly program: Command["argv"];
  readonly table: NftTable;
  /** Names, in the order in which they were given; the type says which family each is for. */
  readonly sets: readonly string[];
}

/** A set with its family. */
interface KnownSet {
  readonly table: NftTable;
  readonly name: string;
  readonly family: Family;
}

/** The table is looked at when something is opened, but not more often than this, seconds. */
const CHECK_INTERVAL = 1;

/** Sets must be keyed by what a grant is for, or elements would open more. */
const KEY_TYPES: readonly (readonly [Family, string])[] = [
  [4, "ipv4_addr inet_proto inet_service"],
  [6, "ipv6_addr inet_proto inet_service"],
];

/**
 * Makes the planner for sets of the administrator's.
 *
 * @param settings table, sets, program
 * @param now Unix time, seconds
 * @throws {RangeError} when a name could not be one
 */
export function createNftSet(settings: NftSetSettings, now: () => number): FirewallBackend {
  for (const name of [settings.table.name, ...settings.sets]) checkName(name);
  return new NftSet(settings, now);
}

class NftSet implements FirewallBackend {
  readonly name = "nftables";
  readonly ground: string;
  readonly headings = {
    ours: "Listing elements in the nftables sets of NFT_SET...",
    all: "Listing all nftables rules in applicable tables...",
    clear: "Deleting any existing firewall rules...",
  };
  readonly newestFirst = false;
  readonly needsNoSearch = true;
  readonly lines = RULE_LINES;
  readonly #settings: NftSetSettings;
  readonly #now: () => number;
  /** Known when the sets have been looked at. */
  #sets: readonly KnownSet[] = [];
  /** The kernel's number of their table: one that was made anew has another one, and sets that are empty. */
  #tableHandle: number | undefined;
  #checkedAt = -Infinity;

  constructor(settings: NftSetSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
    this.ground = JSON.stringify([this.name, settings]);
  }

  rulesFor(grant: Grant): RulesOrRefusal {
    checkGrant(grant);
    const problem = addressProblem(grant, []);
    if (problem !== undefined) return { ok: false, reason: problem };
    if (grant.nat !== undefined) return { ok: false, reason: "NFT_SET only opens ports of this host: NAT needs NFT_MODE inject, guard or mark" };
    if (grant.destination !== undefined) return { ok: false, reason: "the sets of NFT_SET do not hold destinations" };
    const set = this.#sets.find(({ family }) => family === grant.source.version);
    if (set === undefined) return { ok: false, reason: `NFT_SET names no set for IPv${grant.source.version}` };
    const client = formatIp(grant.source);
    return { ok: true, rules: grant.ports.map(({ protocol, port }) => elementOf(set, [client, protocol, String(port)], [], "access", grant)) };
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    yield* this.#isSameTable();
    const found = yield* this.#look();
    if (!fresh) return found;
    yield* this.#need(removalLines(found), "delete_elements");
    return [];
  }

  *change(change: Change): Plan<Changed> {
    const { add, remove } = change;
    const isDue = add.length > 0 && this.#now() - this.#checkedAt >= CHECK_INTERVAL;
    if (isDue && !(yield* this.#isSameTable())) return yield* this.#giveBack(change);
    const run = yield* this.#perform([...removalLines(remove), ...additionLines(add, this.#now())], add.length > 0 ? "add_elements" : "delete_elements");
    if (succeeded(run)) return { repaired: false };
    if (!isAbsence(run)) throw nftFailure(run);
    return yield* this.#giveBack(change);
  }

  /** Their sets were made anew, and are empty: does what was to be done, and enters again what has not ended. */
  *#giveBack(change: Change): Plan<Changed> {
    yield* this.#isSameTable();
    const there = new Set((yield* this.#look()).map(({ key }) => key));
    const back = [...change.keep].filter(({ key }) => !there.has(key));
    yield* this.#need(repairLines(change, back, there, this.#now()), "add_elements");
    yield note("warning", `Somebody else removed elements of ours: ${back.length} grants whose time is not over were given back`);
    return { repaired: true };
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = new Set(families);
    return (yield* this.#look()).filter(({ family }) => wanted.has(family));
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return standsFor(words[0]!, address);
  }

  endsByItself(): boolean {
    return true;
  }

  *clear(): Plan<void> {
    yield* this.#need(removalLines(yield* this.#look()), "delete_elements");
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const { table: { family, name: table }, sets, program } = this.#settings;
    const questions = scope === "all" ? [["table", family, table]] : sets.map((name) => ["set", family, table, name]);
    let stdout = "";
    let stderr = "";
    for (const words of questions) {
      const run = yield* ask({ kind: "command", argv: [...program, "list", ...words], purpose: "fw_dump_rules", answers: ANSWERS, assumedOutput: "" });
      if (succeeded(run)) stdout += `\n${run.result.stdout}`;
      else stderr += complaintOf(run);
    }
    return { stdout, stderr };
  }

  /** Whether the table is the one that it was. Of all listings only those of whole rule sets leave elements in the kernel. */
  *#isSameTable(): Plan<boolean> {
    const { table: { family, name }, program } = this.#settings;
    const run = yield* ask({
      kind: "command", argv: [...program, "-j", "-t", "list", "ruleset", family], purpose: "check_table", answers: ANSWERS, assumedOutput: "",
    });
    const handle = readTableHandle(run.result.stdout, { family, name });
    const isSame = handle === this.#tableHandle;
    this.#tableHandle = handle;
    this.#checkedAt = this.#now();
    return isSame;
  }

  /**
   * Reads the sets, and what in them bears our mark.
   *
   * @throws {FirewallError} when one is missing, or of another type than grants need
   */
  *#look(): Plan<Rule[]> {
    const { table, sets, program } = this.#settings;
    const known: KnownSet[] = [];
    const rules: Rule[] = [];
    for (const name of sets) {
      const run = yield* ask({
        kind: "command", argv: [...program, "-j", "list", "set", table.family, table.name, name], purpose: "list_set", answers: ANSWERS,
        assumedOutput: assumedSet(name, sets.indexOf(name)),
      });
      if (!succeeded(run)) throw nftFailure(run);
      const set = readTable(run.result.stdout)?.sets.get(name);
      const family = KEY_TYPES.find(([, types]) => types === set?.types.join(" "))?.[0];
      if (set === undefined || family === undefined || !set.flags.includes("timeout") || set.flags.includes("interval")) {
        throw new FirewallError(run.command, run.result, {
          text: `The set ${tableText(table)} ${name} cannot take grants: expected { type ipv4_addr . inet_proto . inet_service; flags timeout; } or the same with ipv6_addr`,
        });
      }
      const place = { table, name, family };
      known.push(place);
      for (const { key, expiresAt } of set.elements) {
        if (expiresAt !== undefined) rules.push({ ...placeOf(place, key, []), kind: "", subject: "", expiresAt });
      }
    }
    this.#sets = known;
    return rules;
  }

  #perform(lines: readonly string[], purpose: string): Plan<Run> {
    return performLines(this.#settings.program, lines, purpose);
  }

  #need(lines: readonly string[], purpose: string): Plan<void> {
    return needLines(this.#settings.program, lines, purpose);
  }
}

/** For a dry run: the first set is IPv4's, the second IPv6's. */
function assumedSet(name: string, at: number): string {
  return JSON.stringify({ nftables: [{ set: { name, type: KEY_TYPES[at === 0 ? 0 : 1]![1].split(" "), flags: ["timeout"] } }] });
}
