/**
 * Which firewall a host really uses, by what a look at it showed (FIREWALL_TYPE auto).
 *
 * @module
 */

/** The kernel interface that a build of iptables drives. */
export type IptablesKind = "nft" | "legacy";

/** What was seen. */
export interface FirewallTraces {
  /** `nft -j -t list ruleset`; absent where the program is missing or failed. */
  readonly ruleset?: string;
  /** Names in /proc/net/ip_tables_names: tables of the older iptables that are in use. */
  readonly legacyTables: readonly string[];
  /** `iptables-legacy -S` of both families; absent where there are no such tables, or no program that shows them. */
  readonly legacyRules?: string;
  readonly hasIptables: boolean;
  /** As Node names it. */
  readonly platform: string;
}

/** What to use, and a sentence that says why. */
export type FirewallFinding =
  | { readonly type: "firewalld" | "ipfw" | "pf"; readonly reason: string }
  | {
    readonly type: "iptables";
    readonly reason: string;
    /** Whose rules drop packets: rules of the other kind would open nothing. Absent where any will do. */
    readonly kind?: IptablesKind;
  }
  | {
    readonly type: "nftables";
    readonly reason: string;
    /** The table and the chain that drop packets, with its other base chains; absent where nothing drops, which is for a guard. */
    readonly drops?: { readonly family: "inet" | "ip" | "ip6"; readonly table: string; readonly chain: string; readonly forward?: string; readonly output?: string };
  };

/** What systems other than Linux have. */
const OF_SYSTEMS: Readonly<Record<string, "ipfw" | "pf">> = { freebsd: "ipfw", openbsd: "pf", darwin: "pf" };

/** A base chain that sees packets to this host. */
interface InputChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Whether it drops packets, be it only some: those of a list, or to some ports. */
  readonly drops: boolean;
  /** Whether it drops what nothing accepted before. */
  readonly dropsRest: boolean;
  /** Base chains of the same table that see other packets. */
  readonly forward: string | undefined;
  readonly output: string | undefined;
}

/** A chain of firewalld, which it makes whichever firewall it drives. */
const FIREWALLD_CHAIN = "INPUT_ZONES";

/**
 * Chooses a firewall.
 *
 * @param traces what was seen
 * @returns the choice; iptables wherever it is what drops packets, or where nothing does and it is there
 */
export function detectFirewall({ ruleset, legacyTables, legacyRules = "", hasIptables, platform }: FirewallTraces): FirewallFinding {
  const itsOwn = OF_SYSTEMS[platform];
  if (itsOwn !== undefined) return { type: itsOwn, reason: `this is ${platform}` };
  const { input: chains, names } = readRuleset(ruleset);
  // Names in capitals in a table for one family are those of iptables.
  const isForIptables = ({ family, name }: InputChain): boolean => family !== "inet" && name === "INPUT";
  const native = chains.filter((chain) => !isForIptables(chain) && ["inet", "ip", "ip6"].includes(chain.family) && !chain.table.startsWith("fwknop"));
  const dropping = native.filter(({ drops, table }) => drops && table !== "firewalld");
  const chosen = dropping.find(({ dropsRest }) => dropsRest) ?? dropping[0];
  if (chosen !== undefined) {
    const family = chosen.family as "inet" | "ip" | "ip6";
    const { table, name: chain, forward, output } = chosen;
    const others = chains.filter((other) => other !== chosen && (dropping.includes(other) || (isForIptables(other) && other.drops)));
    const stays = others.length === 0 ? "" : `; what is dropped by ${others.map(placeOf).join(", ")} stays closed`;
    return {
      type: "nftables", drops: { family, table, chain, ...(forward !== undefined && { forward }), ...(output !== undefined && { output }) },
      reason: `${placeOf(chosen)} drops packets${stays}`,
    };
  }
  if (native.some(({ table }) => table === "firewalld")) return { type: "firewalld", reason: "the nftables table inet firewalld is its" };
  if (names.has(FIREWALLD_CHAIN) || legacyRules.includes(`-N ${FIREWALLD_CHAIN}\n`)) return { type: "firewalld", reason: `the iptables chain ${FIREWALLD_CHAIN} is its` };
  if (hasIptables) return chooseIptables(chains.filter(isForIptables), legacyTables, legacyRules, ruleset !== undefined);
  if (ruleset !== undefined) return { type: "nftables", reason: "nothing drops packets here, and iptables is not installed: ports are to be guarded" };
  return { type: "iptables", reason: "neither iptables nor nft could be asked" };
}

function placeOf({ family, table, name }: InputChain): string {
  return `chain ${name} of the nftables table ${family} ${table}`;
}

/** iptables, of the kind that drops packets; of both, the one whose drop has to be passed. */
function chooseIptables(chains: readonly InputChain[], legacyTables: readonly string[], legacyRules: string, isKnown: boolean): FirewallFinding {
  const newer = chains.some(({ drops }) => drops);
  const older = /^-P INPUT DROP$|^-A .* -j (?:DROP|REJECT)\b/m.test(legacyRules);
  if (newer && older) {
    return { type: "iptables", kind: "nft", reason: "iptables has chains in nftables that drop packets, but so has iptables-legacy, which no grant opens: move its rules over" };
  }
  if (older || (chains.length === 0 && legacyTables.length > 0)) {
    return { type: "iptables", kind: "legacy", reason: `the older iptables ${older ? "drops packets" : `has the tables ${legacyTables.join(", ")}`}` };
  }
  if (chains.length > 0) return { type: "iptables", kind: "nft", reason: "iptables has chains in nftables, and no other table drops packets" };
  return { type: "iptables", reason: `${isKnown ? "nothing drops packets here" : "nft cannot be asked what drops packets"}, and iptables is installed` };
}

/** Reads base chains at the input hook, whether they drop or reject anything, and the names of all chains. */
function readRuleset(ruleset: string | undefined): { readonly input: readonly InputChain[]; readonly names: ReadonlySet<string> } {
  const found = new Map<string, Pick<InputChain, "family" | "table" | "name" | "dropsRest">>();
  /** The first chain at a hook, by table and hook. */
  const filters = new Map<string, string>();
  const names = new Set<string>();
  const asleep = new Set<string>();
  const verdicts: Verdicts = new Map();
  for (const object of objectsOf(ruleset ?? "")) {
    const { table: ofTable, chain, rule } = object as { readonly [Kind in "table" | "chain" | "rule"]?: Readonly<Record<string, unknown>> };
    if (ofTable !== undefined && isDormant(ofTable)) asleep.add(`${String(ofTable["family"])} ${String(ofTable["name"])}`);
    if (chain !== undefined) names.add(String(chain["name"]));
    if (chain?.["type"] === "filter") {
      const [family, table, name, hook] = (["family", "table", "name", "hook"] as const).map((member) => String(chain[member])) as [string, string, string, string];
      if (hook === "input") found.set(`${family} ${table} ${name}`, { family, table, name, dropsRest: chain["policy"] === "drop" });
      else if (!filters.has(`${family} ${table} ${hook}`)) filters.set(`${family} ${table} ${hook}`, name);
    }
    if (rule === undefined) continue;
    const table = `${String(rule["family"])} ${String(rule["table"])}`;
    const key = `${table} ${String(rule["chain"])}`;
    const ofChain = verdicts.get(key) ?? [];
    verdicts.set(key, ofChain);
    ofChain.push(verdictOf(rule["expr"], table));
  }
  const input = [...found].flatMap(([key, chain]): InputChain[] => {
    const place = `${chain.family} ${chain.table}`;
    if (asleep.has(place)) return [];
    const dropsRest = chain.dropsRest || leadsToDrop(verdicts, key, ({ isForAll }) => isForAll);
    return [{ ...chain, dropsRest, drops: dropsRest || leadsToDrop(verdicts, key, () => true), forward: filters.get(`${place} forward`), output: filters.get(`${place} output`) }];
  });
  return { input, names };
}

/** A table that is switched off. nft 1.0.6 writes the table's name in place of its flags, of which hardly anybody used others. */
function isDormant({ name, flags }: Readonly<Record<string, unknown>>): boolean {
  return flags !== undefined && [flags].flat().some((flag) => flag === "dormant" || flag === name);
}

/** How a rule ends. */
interface Verdict {
  readonly drops: boolean;
  /** It has no conditions. */
  readonly isForAll: boolean;
  /** The chain in which it goes on. */
  readonly next?: string;
}

/** How the rules of each chain end. */
type Verdicts = Map<string, Verdict[]>;

/** Whether a chain drops by rules of a kind, itself or where those lead to. Many may lead to one chain, which is walked through once. */
function leadsToDrop(verdicts: Verdicts, start: string, isWanted: (verdict: Verdict) => boolean): boolean {
  const reached = new Set([start]);
  for (const key of reached) {
    const wanted = (verdicts.get(key) ?? []).filter(isWanted);
    if (wanted.some(({ drops }) => drops)) return true;
    for (const { next } of wanted) if (next !== undefined) reached.add(next); // and is walked through by this loop, too
  }
  return false;
}

/** What holds no condition. */
const REMARKS: readonly string[] = ["counter", "log"];

function verdictOf(expressions: unknown, table: string): Verdict {
  const all: readonly unknown[] = Array.isArray(expressions) ? expressions : [];
  const isForAll = all.slice(0, -1).every((expression) => typeof expression === "object" && expression !== null && REMARKS.some((name) => name in expression));
  const last = all.at(-1);
  if (typeof last !== "object" || last === null) return { drops: false, isForAll };
  const { jump, goto, xt } = last as { readonly jump?: { target: unknown }; readonly goto?: { target: unknown }; readonly xt?: { readonly name?: unknown } };
  const next = (jump ?? goto)?.target;
  return { drops: "drop" in last || "reject" in last || xt?.name === "REJECT", isForAll, ...(next !== undefined && { next: `${table} ${String(next)}` }) };
}

function objectsOf(text: string): readonly object[] {
  try {
    const parsed = JSON.parse(text) as { readonly nftables?: unknown };
    return Array.isArray(parsed.nftables) ? (parsed.nftables as readonly unknown[]).filter((object) => typeof object === "object" && object !== null) : [];
  } catch {
    return [];
  }
}
