/**
 * iptables and ip6tables: chains of our own, a jump to each, rules that carry their end in a
 * comment. Rules are added and removed by `iptables-restore --noflush`, one transaction a table,
 * which costs the same beside ten rules and ten thousand; what is there is only read at the
 * start and when something went wrong.
 *
 * @module
 */

import { joinWords, type Listing, expiryOf, readListing } from "./_iptables-listing.ts";
import { ruleKey, rulesForGrant } from "./_iptables-rules.ts";
import {
  type Change, type Changed, type Command, type CommandResult, FirewallError, type FirewallBackend, type Note, type Plan,
  type Rule, type RulesOrRefusal,
} from "./backend.ts";
import type { Grant } from "./grant.ts";

/** One of our chains and how packets come to it: a line `IPT_*_ACCESS`. */
export interface ChainSettings {
  /** What rules do with a packet: `ACCEPT`, `DNAT` … */
  readonly target: string;
  readonly table: string;
  /** The chain that jumps to ours. */
  readonly from: string;
  /** Where in `from` the jump is put, 1 for its head. */
  readonly position: number;
  /** Our chain. */
  readonly chain: string;
}

/** What a chain is for. */
export type ChainRole = "input" | "output" | "forward" | "dnat" | "snat" | "masquerade";

/** Which chains are in use and how the program is called. */
export interface IptablesSettings {
  /** FIREWALL_EXE in words: `/usr/sbin/iptables`, or a program in front of it. */
  readonly program: readonly [string, ...string[]];
  /** Chains that are absent are not made; grants that need them are refused. */
  readonly chains: { readonly input: ChainSettings } & { readonly [Role in ChainRole]?: ChainSettings };
  /** Put rules at the head of the chain (ENABLE_RULE_PREPEND). */
  readonly prepend: boolean;
  /** Test at the start whether rules can carry their end (ENABLE_IPT_COMMENT_CHECK). */
  readonly checkComment: boolean;
  /** Off with --no-ipt-check-support; only the wording of a debug line depends on it. */
  readonly checkSupport: boolean;
}

/** The chains of the default configuration. */
export const DEFAULT_CHAINS: Readonly<Record<ChainRole, ChainSettings>> = {
  input: { target: "ACCEPT", table: "filter", from: "INPUT", position: 1, chain: "FWKNOP_INPUT" },
  output: { target: "ACCEPT", table: "filter", from: "OUTPUT", position: 1, chain: "FWKNOP_OUTPUT" },
  forward: { target: "ACCEPT", table: "filter", from: "FORWARD", position: 1, chain: "FWKNOP_FORWARD" },
  dnat: { target: "DNAT", table: "nat", from: "PREROUTING", position: 1, chain: "FWKNOP_PREROUTING" },
  snat: { target: "SNAT", table: "nat", from: "POSTROUTING", position: 1, chain: "FWKNOP_POSTROUTING" },
  masquerade: { target: "MASQUERADE", table: "nat", from: "POSTROUTING", position: 1, chain: "FWKNOP_MASQUERADE" },
};

/** The order in which chains are made and listed. */
const ROLES: readonly ChainRole[] = ["input", "output", "forward", "dnat", "snat", "masquerade"];

type Family = 4 | 6;

/** Lines for each table, as `iptables-restore` reads them, in words. */
type Transaction = Map<string, string[][]>;

/** A command with what came of it. */
interface Run {
  readonly command: Command;
  readonly result: CommandResult;
}

/** Seconds that the program waits for the lock that older kernels need. */
const LOCK_WAIT = ["-w", "5"];

/** Done, not so (1), bad syntax (2), unknown table (3): asked again it says the same. 4 is a lock or a right that is missing. */
const DECIDED: readonly number[] = [0, 1, 2, 3];

/** No such chain: 1 in all variants, whatever they say about it. */
const ABSENT = 1;

/**
 * Makes the planner for iptables. IPv6 grants go to the program of the same name with `ip6`; its
 * chains are made with the first such grant, for many hosts have no use for them.
 *
 * @param settings chains and program
 * @throws {RangeError} when a name could not be one
 */
export function createIptables(settings: IptablesSettings): FirewallBackend {
  checkSettings(settings);
  return new Iptables(settings);
}

class Iptables implements FirewallBackend {
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
    this.#settings = settings;
    this.newestFirst = settings.prepend;
    const inUse = ROLES.flatMap((role) => settings.chains[role] ?? []);
    this.#chains = uniqueBy(inUse, ({ table, chain }) => `${table} ${chain}`);
    this.#jumps = uniqueBy(inUse, ({ table, from, chain }) => `${table} ${from} ${chain}`);
    this.#tables = [...new Set(inUse.map(({ table }) => table))];
    this.ground = JSON.stringify([this.name, settings.program, inUse]);
    this.lines = {
      opened: (rule, before) => `Added ${rule.kind} rule to ${rule.chain} for ${rule.subject}, expires at ${rule.expiresAt}`
        + (before === undefined ? "" : ` (renewed, was ${before.expiresAt})`),
      present: (rule) => settings.checkSupport
        ? `rule_exists() Rule : '${typedRule(rule)}' in ${rule.chain} already exists`
        : `rule_exists_no_chk_support() ${checkedRule(rule)} rule already exists`,
      closed: (rule, number) => `Removed rule ${number} from ${rule.chain} with expire time of ${rule.expiresAt}`,
    };
  }

  rulesFor(grant: Grant): RulesOrRefusal {
    return rulesForGrant(grant, this.#settings.chains);
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    const tables = yield* this.#look(4);
    const found = fresh ? [] : [...this.#markedRules(4, tables)];
    yield* this.#layGround(tables, fresh);

    const tables6 = yield* this.#lookAt6();
    if (tables6 === undefined || !this.#isOurs(tables6)) return found;
    if (!fresh) return [...found, ...this.#markedRules(6, tables6)];
    yield* this.#clearFamily(6, tables6);
    return found;
  }

  *change(change: Change): Plan<Changed> {
    const { add, remove } = change;
    const family = add[0]?.family ?? remove[0]?.family;
    if (family === undefined) return { repaired: false };

    const transaction: Transaction = new Map();
    const jumps = yield* this.#missingJumps(family, add);
    for (const jump of jumps) addLine(transaction, jump.table, ["-I", jump.from, String(jump.position), "-j", jump.chain]);
    // First what goes: a renewed rule takes the place of the old one, and the old one may be its equal.
    for (const rule of remove) addLine(transaction, rule.table, ["-D", rule.chain, ...rule.words]);
    for (const rule of add) addLine(transaction, rule.table, this.#insertion(rule));

    const { command, result } = yield* this.#transact(family, transaction, "create_rule");
    if (result.status === 0 && result.failure === undefined) {
      for (const jump of jumps) yield note("info", jumpLine(jump));
      yield* this.#sayAdded(add);
      return { repaired: jumps.length > 0 };
    }
    const decided = result.failure === undefined && DECIDED.includes(result.status ?? -1);
    if (!decided && transaction.size === 1) throw new FirewallError(command, result);
    return yield* this.#repair(family, change, { command, result });
  }

  *find(): Plan<readonly Rule[]> {
    const found: Rule[] = [];
    for (const family of [4, 6] as const) {
      for (const { table, chain } of this.#chains) {
        const { command, result } = yield* ask(this.#list(family, table, chain, "check_firewall_rules"));
        if (result.status === 0 && result.failure === undefined) {
          found.push(...markedRules(family, table, chain, readListing(result.stdout)));
        } else if (family === 4 && (result.status !== ABSENT || result.failure !== undefined)) {
          throw new FirewallError(command, result);
        }
      }
    }
    return found;
  }

  *clear(): Plan<void> {
    yield* this.#clearFamily(4, yield* this.#look(4));
    const tables6 = yield* this.#lookAt6();
    if (tables6 !== undefined) yield* this.#clearFamily(6, tables6);
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    let stdout = "";
    let stderr = "";
    for (const family of [4, 6] as const) {
      let listed = "";
      for (const { table, chain } of scope === "ours" ? this.#chains : this.#tables.map((table) => ({ table, chain: "" }))) {
        const what = scope === "ours" ? ["-L", chain, "--line-numbers", "-n"] : ["-v", "-n", "-L", "--line-numbers"];
        const { result } = yield* ask({
          kind: "command", argv: [...this.#program(family), ...LOCK_WAIT, "-t", table, ...what] as unknown as Command["argv"],
          purpose: "fw_dump_rules", answers: DECIDED, assumedOutput: "",
        });
        if (result.status === 0) listed += `\n${result.stdout}`;
        else if (family === 4) {
          listed += "\n";
          stderr += result.stderr.replace(/\n*$/, "\n");
        }
      }
      // Most hosts have no chains of ours there: nothing to say about it then.
      if (family === 4 || listed !== "") stdout += family === 4 ? listed : `\n${this.headings[scope].replace("iptables", "ip6tables")}\n${listed}`;
    }
    return { stdout, stderr };
  }

  /** Reads all tables that we use. */
  *#look(family: Family): Plan<Map<string, Listing>> {
    const tables = new Map<string, Listing>();
    for (const table of this.#tables) {
      const { command, result } = yield* ask(this.#list(family, table, undefined, "chain_exists"));
      if (result.status !== 0 || result.failure !== undefined) throw new FirewallError(command, result);
      tables.set(table, readListing(result.stdout));
    }
    return tables;
  }

  /** Undefined where there is no IPv6, or no program for it. */
  *#lookAt6(): Plan<Map<string, Listing> | undefined> {
    try {
      return yield* this.#look(6);
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      yield note("debug", `No IPv6 firewall: ${error.message}`);
      return undefined;
    }
  }

  #isOurs(tables: ReadonlyMap<string, Listing>): boolean {
    return this.#chains.some(({ table, chain }) => tables.get(table)?.has(chain));
  }

  *#markedRules(family: Family, tables: ReadonlyMap<string, Listing>): Generator<Rule, void> {
    for (const { table, chain } of this.#chains) yield* markedRules(family, table, chain, tables.get(table)!);
  }

  /** Makes chains and jumps of IPv4 at the start. */
  *#layGround(tables: ReadonlyMap<string, Listing>, fresh: boolean): Plan<void> {
    const transaction: Transaction = new Map();
    const jumps = this.#groundLines(transaction, tables, fresh);
    const bare = copyOf(transaction);
    if (this.#settings.checkComment) {
      const { table, chain, target } = this.#settings.chains.input;
      const probe = [chain, "-s", "127.0.0.2", "-m", "comment", "--comment", "__TMPCOMMENT__", "-j", target];
      addLine(transaction, table, ["-A", ...probe]);
      addLine(transaction, table, ["-D", ...probe]);
    }
    const { command, result } = yield* this.#transact(4, transaction, "create_chain");
    if (result.status !== 0 || result.failure !== undefined) {
      if (this.#settings.checkComment && result.failure === undefined) {
        const without = yield* this.#transact(4, bare, "create_chain");
        if (without.result.status === 0) {
          yield note("warning", "Warning: Could not use the 'comment' match");
          yield* this.clear();
        }
      }
      throw new FirewallError(command, result);
    }
    for (const jump of jumps) yield note("info", jumpLine(jump));
    for (const { table, chain } of this.#chains) yield note("debug", existsLine(table, chain));
    if (this.#settings.checkComment) yield note("info", "iptables 'comment' match is available");
  }

  /**
   * Adds the lines that make what is missing of chains and jumps.
   *
   * @param fresh whether what is there is emptied first
   * @returns the jumps that will be new
   */
  #groundLines(transaction: Transaction, tables: ReadonlyMap<string, Listing>, fresh: boolean): ChainSettings[] {
    for (const { table, chain } of this.#chains) {
      if (!tables.get(table)!.has(chain)) addLine(transaction, table, ["-N", chain]);
      else if (fresh) addLine(transaction, table, ["-F", chain]);
    }
    const added: ChainSettings[] = [];
    for (const jump of this.#jumps) {
      const { table, from, chain } = jump;
      const present = jumpCount(tables.get(table)!, from, chain);
      if (fresh) for (let count = 0; count < present; count++) addLine(transaction, table, ["-D", from, "-j", chain]);
      else if (present > 0) continue;
      addLine(transaction, table, ["-I", from, String(this.#jumpPosition(tables.get(table)!, jump, fresh)), "-j", chain]);
      added.push(jump);
    }
    return added;
  }

  /** The wanted place, or the end of a chain that is shorter. */
  #jumpPosition(listing: Listing, { table, from, position }: ChainSettings, fresh: boolean): number {
    const rules = listing.get(from);
    if (rules === undefined) return position; // the program will say what is wrong
    const ours = new Set(this.#jumps.filter((jump) => jump.table === table && jump.from === from).map((jump) => jump.chain));
    const length = fresh ? rules.filter((words) => !(words.length === 2 && words[0] === "-j" && ours.has(words[1]!))).length : rules.length;
    return Math.max(1, Math.min(position, length + 1));
  }

  /** The jumps that additions need and that somebody took away. */
  *#missingJumps(family: Family, add: readonly Rule[]): Plan<readonly ChainSettings[]> {
    const used = new Set(add.map((rule) => `${rule.table} ${rule.chain}`));
    const needed = this.#jumps.filter((jump) => used.has(`${jump.table} ${jump.chain}`));
    const missing: ChainSettings[] = [];
    for (const { table, from } of uniqueBy(needed, (jump) => `${jump.table} ${jump.from}`)) {
      const here = needed.filter((jump) => jump.table === table && jump.from === from);
      const { result } = yield* ask({
        ...this.#list(family, table, from, "jump_rule_exists"),
        assumedOutput: here.map((jump) => `-A ${from} -j ${jump.chain}\n`).join(""),
      });
      if (result.status !== 0 || result.failure !== undefined) continue; // adding will fail too and say why
      const listing = readListing(result.stdout);
      missing.push(...here.filter((jump) => jumpCount(listing, from, jump.chain) === 0).map((jump) => ({
        ...jump, position: this.#jumpPosition(listing, jump, false),
      })));
    }
    return missing;
  }

  /** A transaction failed: looks at what is there, puts back what is missing, and tries once more. */
  *#repair(family: Family, change: Change, failed: Run): Plan<Changed> {
    const tables = yield* this.#look(family);
    const transaction: Transaction = new Map();
    const chainsMissing = this.#chains.filter(({ table, chain }) => !tables.get(table)!.has(chain));
    const jumps = this.#groundLines(transaction, tables, false);
    const lost = new Set(chainsMissing.map(({ table, chain }) => `${table} ${chain}`));
    // A rule missing from a chain that is there was removed by somebody on purpose.
    const back = [...change.keep].filter((rule) => rule.family === family && lost.has(`${rule.table} ${rule.chain}`));
    const there = new Map([...this.#markedRules(family, tables)].map((rule) => [markedKey(rule), rule]));
    for (const rule of change.remove) {
      const listed = there.get(markedKey(rule));
      if (listed !== undefined) addLine(transaction, rule.table, ["-D", rule.chain, ...listed.words]);
    }
    for (const rule of [...back, ...change.add]) {
      if (!there.has(markedKey(rule))) addLine(transaction, rule.table, this.#insertion(rule));
    }

    const { command, result } = yield* this.#transact(family, transaction, "create_rule");
    if (result.status !== 0 || result.failure !== undefined) {
      yield* this.#undo(family, change.add);
      throw new FirewallError(command, result);
    }
    if (chainsMissing.length > 0 && family === 4) {
      yield note("warning", `Chains ${chainsMissing.map(({ chain }) => chain).join(", ")} had been removed by somebody else: `
        + `made again, with ${back.length} rules that are still due`);
    } else if (chainsMissing.length === 0 && jumps.length === 0) {
      yield note("debug", `The firewall was not as expected: ${new FirewallError(failed.command, failed.result).message}`);
    }
    for (const jump of jumps) yield note("info", jumpLine(jump));
    yield* this.#sayAdded(change.add);
    return { repaired: true };
  }

  /** Takes back what a failed change may have added to some of its tables. */
  *#undo(family: Family, add: readonly Rule[]): Plan<void> {
    const tables = yield* this.#look(family);
    const there = new Set([...this.#markedRules(family, tables)].map(markedKey));
    const transaction: Transaction = new Map();
    for (const rule of add) if (there.has(markedKey(rule))) addLine(transaction, rule.table, ["-D", rule.chain, ...rule.words]);
    const { command, result } = yield* this.#transact(family, transaction, "delete_rule");
    if (result.status !== 0) yield note("error", `Half of a grant may have stayed: ${new FirewallError(command, result).message}`);
  }

  *#clearFamily(family: Family, tables: ReadonlyMap<string, Listing>): Plan<void> {
    const transaction: Transaction = new Map();
    for (const { table, from, chain } of this.#jumps) {
      const count = jumpCount(tables.get(table)!, from, chain);
      for (let left = count; left > 0; left--) addLine(transaction, table, ["-D", from, "-j", chain]);
    }
    const present = this.#chains.filter(({ table, chain }) => tables.get(table)!.has(chain));
    for (const { table, chain } of present) addLine(transaction, table, ["-F", chain]);
    for (const { table, chain } of present) {
      const froms = this.#jumps.filter((jump) => jump.table === table && jump.chain === chain).map((jump) => jump.from);
      const others = [...tables.get(table)!].filter(([name, rules]) => rules.some((words) => (
        words.some((word, at) => (word === "-j" || word === "-g") && words[at + 1] === chain) && !(froms.includes(name) && words.length === 2)
      )));
      if (others.length === 0) addLine(transaction, table, ["-X", chain]);
      else yield note("warning", `Chain ${chain} was emptied but stays: ${others.map(([name]) => name).join(", ")} still refers to it`);
    }
    const { command, result } = yield* this.#transact(family, transaction, "delete_all_chains");
    if (result.status !== 0 || result.failure !== undefined) throw new FirewallError(command, result);
  }

  #insertion(rule: Rule): string[] {
    return [this.#settings.prepend ? "-I" : "-A", rule.chain, ...rule.words];
  }

  *#sayAdded(add: readonly Rule[]): Plan<void> {
    for (const { table, chain } of uniqueBy(add, (rule) => `${rule.table} ${rule.chain}`)) yield note("debug", existsLine(table, chain));
    for (const rule of add) {
      const typed = [...this.#program(rule.family), this.#settings.prepend ? "-I" : "-A", rule.chain].join(" ");
      yield note("debug", `create_rule() Rule: '${typedRule(rule)}' added to ${rule.chain} (as by: ${typed} ${typedRule(rule)})`);
    }
  }

  /** Runs a transaction; none at all succeeds. Where only single commands are to be had, stops at the first that fails. */
  *#transact(family: Family, transaction: Transaction, purpose: string): Plan<Run> {
    const sections = [...transaction].filter(([, lines]) => lines.length > 0);
    const restore = this.#restoreProgram(family);
    let last: Run = { command: { kind: "command", argv: restore ?? this.#settings.program, purpose }, result: { status: 0, stdout: "", stderr: "" } };
    if (sections.length === 0) return last;
    if (restore !== undefined) {
      const stdin = sections.map(([table, lines]) => `*${table}\n${lines.map((words) => `${joinWords(words)}\n`).join("")}COMMIT\n`).join("");
      return yield* ask({ kind: "command", argv: [...restore, "--noflush", ...LOCK_WAIT], stdin, purpose, answers: DECIDED });
    }
    for (const [table, lines] of sections) {
      for (const words of lines) {
        const argv = [...this.#program(family), ...LOCK_WAIT, "-t", table, ...words] as unknown as Command["argv"];
        last = yield* ask({ kind: "command", argv, purpose, answers: DECIDED });
        if (last.result.status !== 0 || last.result.failure !== undefined) return last;
      }
    }
    return last;
  }

  #list(family: Family, table: string, chain: string | undefined, purpose: string): Command {
    const argv: Command["argv"] = [...this.#program(family), ...LOCK_WAIT, "-t", table, "-S", ...(chain === undefined ? [] : [chain])];
    return { kind: "command", argv, purpose, answers: DECIDED, assumedOutput: "" };
  }

  #program(family: Family): readonly [string, ...string[]] {
    return family === 4 ? this.#settings.program : lastWord(this.#settings.program, (word) => word.replace(/iptables(?=[^/]*$)/, "ip6tables"));
  }

  /** Undefined for a wrapper under a name of its own. */
  #restoreProgram(family: Family): readonly [string, ...string[]] | undefined {
    const program = this.#program(family);
    if (!/(?:^|\/)ip6?tables(?:-nft|-legacy)?$/.test(program.at(-1)!)) return undefined;
    return lastWord(program, (word) => `${word}-restore`);
  }
}

/** Runs one command and keeps it with its result, for the error that may have to be made of them. */
function* ask(command: Command): Plan<Run> {
  return { command, result: yield command };
}

function note(level: Note["level"], message: string): Note {
  return { kind: "note", level, message };
}

function jumpLine({ from, chain }: ChainSettings): string {
  return `Added jump rule from chain: ${from} to chain: ${chain}`;
}

function existsLine(table: string, chain: string): string {
  return `'${table}' table '${chain}' chain exists`;
}

/** A rule as it is typed after the chain's name. */
function typedRule(rule: Rule): string {
  return ["-t", rule.table, ...rule.words].join(" ");
}

/** A rule as programs without -C were asked about it. */
function checkedRule(rule: Rule): string {
  const word = (option: string): string => rule.words[rule.words.indexOf(option) + 1] ?? "";
  const protocol = rule.words.includes("-p") ? { "6": "tcp", "17": "udp" }[word("-p")] ?? "" : "";
  const port = rule.words.includes("--dport") ? word("--dport") : rule.words.includes("--sport") ? word("--sport") : "";
  return ` ${protocol}  ${port} -> ${rule.subject.split(" ")[0]} expires: ${rule.expiresAt}`;
}

function addLine(transaction: Transaction, table: string, words: string[]): void {
  const lines = transaction.get(table);
  if (lines === undefined) transaction.set(table, [words]);
  else lines.push(words);
}

function copyOf(transaction: Transaction): Transaction {
  return new Map([...transaction].map(([table, lines]) => [table, [...lines]]));
}

function jumpCount(listing: Listing, from: string, chain: string): number {
  return (listing.get(from) ?? []).filter((words) => words.length === 2 && words[0] === "-j" && words[1] === chain).length;
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

function lastWord(program: readonly string[], change: (word: string) => string): readonly [string, ...string[]] {
  return [...program.slice(0, -1), change(program.at(-1)!)] as unknown as readonly [string, ...string[]];
}

/** The first of each key, in their order. */
function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = keyOf(item);
    return !seen.has(key) && seen.add(key);
  });
}

/** Names end up in lines that `iptables-restore` reads: nothing but names may come through. */
function checkSettings({ program, chains }: IptablesSettings): void {
  if (program[0] === "") throw new RangeError("Cannot use iptables: expected a program, got an empty word");
  for (const settings of Object.values(chains)) {
    for (const what of ["target", "table", "from", "chain"] as const) {
      if (!/^\w[\w-]{0,27}$/.test(settings[what])) {
        throw new RangeError(`Cannot use iptables: expected a ${what} of 1 to 28 letters, digits, _ or -, got ${JSON.stringify(settings[what])}`);
      }
    }
    if (!Number.isInteger(settings.position) || settings.position < 0) {
      throw new RangeError(`Cannot use iptables: expected a jump position of at least 1, got ${settings.position}`);
    }
  }
}
