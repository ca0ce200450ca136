/**
 * pf, in one of two ways. Rules in an anchor, which carry their end in a label and are loaded anew as a whole, in one
 * transaction, whenever one of them changes. Or addresses in a table that the administrator's own rules refer to.
 *
 * Connections that go on are states, which pf keeps when a rule goes.
 *
 * @module
 */

import { formatIp, type IpAddress } from "../ip.ts";
import { pfMeaningOf, readPfListing } from "./_pf-listing.ts";
import { renewalText } from "./_rule-lines.ts";
import {
  type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";
import { checkGrant, plainAccessProblem } from "./grant-checks.ts";
import { isFor, requestText, sourceText, standsFor } from "./grant-text.ts";
import { PROTOCOL_NUMBERS } from "./protocols.ts";
import { ask, complaintOf, need, note, type Run, succeeded } from "./steps.ts";
import { LATEST_END, timeMark } from "./time-mark.ts";

/** What the pf planner is told. */
export interface PfSettings {
  /** FIREWALL_EXE in words. */
  readonly program: Program;
  /** PF_ANCHOR_NAME. */
  readonly anchor: string;
  /** PF_TABLE: put addresses into this table of the anchor instead of rules into the anchor. */
  readonly table?: string;
}

/** What it means when the program says nothing but this. */
const MEANINGS: readonly (readonly [said: RegExp, meaning: { readonly text: string; readonly code: string }])[] = [
  [/\/dev\/pf: (operation not permitted|permission denied)/i, { code: "EPERM", text: "pfctl may not be used without root" }],
  [/\/dev\/pf: (no such file|device not configured)|pf is not (loaded|enabled)/i, {
    code: "ENOTSUP", text: "The kernel has no pf: load it (kldload pf), or set FIREWALL_TYPE to the firewall that this host has",
  }],
  // The kernel's limit on rules or table entries (pf.conf: set limit).
  [/cannot allocate memory/i, { code: "FULL", text: "Max anchor rules reached, try again later" }],
];

const NOT_ACTIVE = "Warning: the fwknop anchor is not active in the pf policy";

/**
 * Makes the planner for pf.
 *
 * @param settings program, anchor, perhaps a table
 * @throws {RangeError} when a name could not be one
 */
export function createPf(settings: PfSettings): FirewallBackend {
  const { program, anchor, table } = settings;
  if (program.includes("")) throw new RangeError("Cannot use pf: expected a program, got an empty word");
  if (!/^[\w.][\w./-]{0,62}$/.test(anchor)) throw new RangeError(`Cannot use pf: expected an anchor of 1 to 63 letters, digits, _ . / or -, got ${JSON.stringify(anchor)}`);
  if (table !== undefined && !/^[\w.][\w.-]{0,30}$/.test(table)) {
    throw new RangeError(`Cannot use pf: expected a table of 1 to 31 letters, digits, _ . or -, got ${JSON.stringify(table)}`);
  }
  return table === undefined ? new PfAnchor(settings) : new PfTable(settings, table);
}

/** What both ways have in common. */
abstract class Pf implements FirewallBackend {
  readonly name = "pf";
  readonly ground: string;
  readonly newestFirst = false;
  readonly headings: FirewallBackend["headings"];
  readonly lines: FirewallBackend["lines"] = {
    opened: (rule, before) => `Added Rule for ${rule.subject} expires at ${rule.expiresAt}` + renewalText(before),
    present: (rule) => `${rule.subject} is allowed already`,
    closed: (rule) => `Deleting rule with expire time of ${rule.expiresAt}.`,
  };
  protected readonly settings: PfSettings;

  constructor(settings: PfSettings) {
    this.settings = settings;
    this.ground = JSON.stringify([this.name, settings.program, settings.anchor, settings.table]);
    const what = settings.table === undefined ? "rules" : `addresses of table ${settings.table}`;
    this.headings = {
      ours: `Listing ${what} in pf anchor ${settings.anchor}...`, all: "Listing all pf rules...", clear: "Deleting any existing firewall rules...",
    };
  }

  abstract rulesFor(grant: Grant): RulesOrRefusal;
  abstract change(change: Change): Plan<Changed>;
  abstract find(families: Iterable<Family>): Plan<readonly Rule[]>;
  abstract clear(): Plan<void>;
  abstract concerns(rule: Rule, address: IpAddress): boolean;
  /** What `show("ours")` asks. */
  protected abstract readonly listing: readonly string[];

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const command = this.question(["-s", "Anchor"], "anchor_active", `  ${this.settings.anchor}\n`);
    const run = yield* ask(command);
    if (!succeeded(run)) throw failureOf(run);
    if (!run.result.stdout.split("\n").some((line) => line.trim() === this.settings.anchor)) {
      throw new FirewallError(command, run.result, {
        code: "ENOANCHOR", text: `${NOT_ACTIVE}: expected a line anchor "${this.settings.anchor}" in pf.conf`,
      });
    }
    return yield* this.begin(fresh);
  }

  /** Empties the anchor or the table, or finds what is there. */
  protected abstract begin(fresh: boolean): Plan<readonly Rule[]>;

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const run = yield* ask(this.question(scope === "ours" ? this.listing : ["-s", "rules"], "fw_dump_rules"));
    return { stdout: run.result.stdout, stderr: succeeded(run) ? "" : complaintOf(run) };
  }

  protected command(words: readonly string[], purpose: string, stdin?: string): Command {
    return { kind: "command", argv: [...this.settings.program, ...words], purpose, ...(stdin !== undefined && { stdin }) };
  }

  protected question(words: readonly string[], purpose: string, assumedOutput = ""): Command {
    return { ...this.command(words, purpose), assumedOutput };
  }

  /** Arguments for our anchor. */
  protected inAnchor(...words: readonly string[]): string[] {
    return ["-a", this.settings.anchor, ...words];
  }
}

/** Rules in an anchor. */
class PfAnchor extends Pf {
  protected readonly listing: readonly string[] = this.inAnchor("-s", "rules");

  rulesFor(grant: Grant): RulesOrRefusal {
    checkGrant(grant);
    const problem = plainAccessProblem(grant);
    if (problem !== undefined) return { ok: false, reason: problem };
    const { destination, expiresAt } = grant;
    const family = grant.source.version;
    const to = destination === undefined ? "any" : formatIp(destination);
    return {
      ok: true,
      rules: grant.ports.map(({ protocol, port }): Rule => {
        const line = `pass in quick proto ${PROTOCOL_NUMBERS[protocol]} from ${sourceText(grant)} to ${to} port ${port} keep state label ${timeMark(expiresAt)}`;
        return {
          key: keyOf(line), family, table: "anchor", chain: this.settings.anchor, kind: "access", words: line.split(" "), expiresAt, grant,
          subject: `${sourceText(grant)}, ${protocol}/${port}`,
        };
      }),
    };
  }

  protected *begin(fresh: boolean): Plan<readonly Rule[]> {
    if (!fresh) return yield* this.find([4, 6]);
    yield* this.clear();
    return [];
  }

  *change({ add, remove, keep }: Change): Plan<Changed> {
    const listed = readPfListing(yield* this.#list());
    const kept = [...keep];
    const known = new Set([...kept, ...add, ...remove].map(({ key }) => key));
    // Whoever put them there: they are loaded again as they are.
    const others = listed.filter(({ line, expiresAt }) => expiresAt === undefined || !known.has(keyOf(line)));
    const lines = [...others.map(({ line }) => line), ...[...kept, ...add].map(({ words }) => words.join(" "))];
    const lost = kept.length > 0 && listed.length === others.length;
    if (lines.length === 0) {
      // Gone already, with its tables and all.
      if (listed.length > 0 || remove.length > 0) yield* need(this.command(this.inAnchor("-F", "rules"), "pf_delete_rule"));
      return { repaired: false };
    }
    yield* need(this.command(this.inAnchor("-f", "-"), add.length > 0 ? "create_rule" : "rm_expired_rules", lines.map((line) => `${line}\n`).join("")), failureOf);
    if (lost) yield note("warning", `Somebody else emptied the anchor ${this.settings.anchor}: made again ${kept.length} rules whose time is not over`);
    return { repaired: lost };
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const wanted = new Set(families);
    return readPfListing(yield* this.#list()).flatMap(({ line, expiresAt }): Rule[] => {
      const family = familyOf(line);
      if (expiresAt === undefined || !wanted.has(family)) return [];
      return [{ key: keyOf(line), family, table: "anchor", chain: this.settings.anchor, kind: "", words: line.split(" "), subject: "", expiresAt }];
    });
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return isFor(words, ["from", "to"], address);
  }

  *clear(): Plan<void> {
    yield* need(this.command(this.inAnchor("-F", "all"), "delete_all_anchor_rules"), failureOf);
  }

  #list(): Plan<string> {
    return need(this.question(this.listing, "check_firewall_rules"), failureOf);
  }
}

/** Addresses in a table. They do not say when they end, so what a killed daemon left ends when the next one starts. */
class PfTable extends Pf {
  protected readonly listing: readonly string[];
  readonly #table: string;

  constructor(settings: PfSettings, table: string) {
    super(settings);
    this.#table = table;
    this.listing = this.#inTable("show");
  }

  rulesFor(grant: Grant): RulesOrRefusal {
    checkGrant(grant);
    const problem = plainAccessProblem(grant);
    if (problem !== undefined) return { ok: false, reason: problem };
    const { expiresAt } = grant;
    const source = sourceText(grant);
    const family = grant.source.version;
    return {
      ok: true,
      rules: [{ key: `${family} ${source}`, family, table: this.#table, chain: this.settings.anchor, kind: "access", words: [source], expiresAt, grant, subject: `${source}, ${requestText(grant)}` }],
    };
  }

  protected *begin(): Plan<readonly Rule[]> {
    yield* this.clear();
    return [];
  }

  *change({ add, remove, keep }: Change): Plan<Changed> {
    const added = new Set(add.map(({ key }) => key));
    const gone = remove.filter(({ key }) => !added.has(key));
    let repaired = false;
    if (add.length > 0) {
      const run = yield* ask(this.command(this.#inTable("add", ...add.map(({ words }) => words[0]!)), "create_rule"));
      if (!succeeded(run)) throw failureOf(run);
      const kept = [...keep];
      // It made the table, so what was in it is lost.
      if (/\btable created/.test(run.result.stderr) && kept.length > 0) {
        yield* need(this.command(this.#inTable("add", ...kept.map(({ words }) => words[0]!)), "create_rule"));
        yield note("warning", `Somebody else removed the table ${this.#table}: made again with ${kept.length} addresses whose time is not over`);
        repaired = true;
      }
    }
    if (gone.length > 0) {
      const run = yield* ask(this.command(this.#inTable("delete", ...gone.map(({ words }) => words[0]!)), "rm_expired_rules"));
      if (!succeeded(run) && !isAbsent(run)) throw failureOf(run);
    }
    return { repaired };
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const run = yield* ask(this.question(this.listing, "check_firewall_rules"));
    if (!succeeded(run) && !isAbsent(run)) throw failureOf(run);
    const addresses = run.result.stdout.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    return [...families].flatMap((family) => addresses.filter((address) => address.includes(":") === (family === 6)).map((address): Rule =>
      ({ key: `${family} ${address}`, family, table: this.#table, chain: this.settings.anchor, kind: "", words: [address], subject: "", expiresAt: LATEST_END })));
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return standsFor(words[0]!, address);
  }

  *clear(): Plan<void> {
    const run = yield* ask(this.command(this.#inTable("flush"), "delete_all_anchor_rules"));
    if (!succeeded(run) && !isAbsent(run)) throw failureOf(run);
  }

  #inTable(...words: readonly string[]): string[] {
    return this.inAnchor("-t", this.#table, "-T", ...words);
  }
}

function familyOf(line: string): Family {
  return / inet6 | from [\da-f.]*:/i.test(line) ? 6 : 4;
}

/** Equal for what is typed and what is listed of one rule. */
function keyOf(line: string): string {
  return `${familyOf(line)} ${pfMeaningOf(line)}`;
}

function isAbsent({ result }: Run): boolean {
  return /table does not exist/i.test(result.stderr);
}

function failureOf({ command, result }: Run): FirewallError {
  return new FirewallError(command, result, MEANINGS.find(([said]) => said.test(result.stderr))?.[1]);
}
