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
  readonly drops: boolean;
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
  const dropping = native.find(({ drops, table }) => drops && table !== "firewalld");
  if (dropping !== undefined) {
    const family = dropping.family as "inet" | "ip" | "ip6";
    const { table, name: chain, forward, output } = dropping;
    return {
      type: "nftables", drops: { family, table, chain, ...(forward !== undefined && { forward }), ...(output !== undefined && { output }) },
      reason: `chain ${dropping.name} of the nftables table ${family} ${dropping.table} drops packets`,
    };
  }
  if (native.some(({ table }) => table === "firewalld")) return { type: "firewalld", reason: "the nftables table inet firewalld is its" };
  if (names.has(FIREWALLD_CHAIN) || legacyRules.includes(`-N ${FIREWALLD_CHAIN}\n`)) return { type: "firewalld", reason: `the iptables chain ${FIREWALLD_CHAIN} is its` };
  if (hasIptables) return chooseIptables(chains.filter(isForIptables), legacyTables, legacyRules);
  if (ruleset !== undefined) return { type: "nftables", reason: "nothing drops packets here, and iptables is not installed: ports are to be guarded" };
  return { type: "iptables", reason: "neither iptables nor nft could be asked" };
}

/** iptables, of the kind that drops packets; of both, the one whose drop has to be passed. */
function chooseIptables(chains: readonly InputChain[], legacyTables: readonly string[], legacyRules: string): FirewallFinding {
  const newer = chains.some(({ drops }) => drops);
  const older = /^-P INPUT DROP$|^-A .* -j (?:DROP|REJECT)\b/m.test(legacyRules);
  if (newer && older) {
    return { type: "iptables", kind: "nft", reason: "iptables has chains in nftables that drop packets, but so has iptables-legacy, which no grant opens: move its rules over" };
  }
  if (older || (chains.length === 0 && legacyTables.length > 0)) {
    return { type: "iptables", kind: "legacy", reason: `the older iptables ${older ? "drops packets" : `has the tables ${legacyTables.join(", ")}`}` };
  }
  if (chains.length > 0) return { type: "iptables", kind: "nft", reason: "iptables has chains in nftables, and no other table drops packets" };
  return { type: "iptables", reason: "nothing drops packets here, and iptables is installed" };
}

/** Reads base chains at the input hook, whether they drop or reject anything, and the names of all chains. */
function readRuleset(ruleset: string | undefined): { readonly input: readonly InputChain[]; readonly names: ReadonlySet<string> } {
  const found = new Map<string, Pick<InputChain, "family" | "table" | "name" | "drops">>();
  /** The first chain at a hook, by table and hook. */
  const filters = new Map<string, string>();
  const names = new Set<string>();
  const dropping = new Set<string>();
  const jumps = new Map<string, Set<string>>();
  for (const object of objectsOf(ruleset ?? "")) {
    const { chain, rule } = object as { readonly chain?: Readonly<Record<string, unknown>>; readonly rule?: Readonly<Record<string, unknown>> };
    if (chain !== undefined) names.add(String(chain["name"]));
    if (chain?.["type"] === "filter") {
      const [family, table, name, hook] = (["family", "table", "name", "hook"] as const).map((member) => String(chain[member])) as [string, string, string, string];
      if (hook === "input") found.set(`${family} ${table} ${name}`, { family, table, name, drops: chain["policy"] === "drop" });
      else if (!filters.has(`${family} ${table} ${hook}`)) filters.set(`${family} ${table} ${hook}`, name);
    }
    if (rule === undefined) continue;
    const table = `${String(rule["family"])} ${String(rule["table"])}`;
    const key = `${table} ${String(rule["chain"])}`;
    const { drops, next } = verdictOf(rule["expr"]);
    if (drops) dropping.add(key);
    if (next !== undefined) jumps.set(key, (jumps.get(key) ?? new Set()).add(`${table} ${next}`));
  }
  const input = [...found].map(([key, chain]): InputChain => {
    const place = `${chain.family} ${chain.table}`;
    return { ...chain, drops: chain.drops || reachable(key, jumps).some((reached) => dropping.has(reached)), forward: filters.get(`${place} forward`), output: filters.get(`${place} output`) };
  });
  return { input, names };
}

/** A chain and all that it leads to, each once: many jumps may lead to one chain. */
function reachable(start: string, jumps: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const reached = new Set([start]);
  for (const key of reached) for (const next of jumps.get(key) ?? []) reached.add(next); // what is added is walked through, too
  return [...reached];
}

/** How a rule ends: it drops, or goes on in another chain. */
function verdictOf(expressions: unknown): { readonly drops: boolean; readonly next?: string } {
  const last: unknown = Array.isArray(expressions) ? expressions.at(-1) : undefined;
  if (typeof last !== "object" || last === null) return { drops: false };
  const { jump, goto, xt } = last as { readonly jump?: { target: unknown }; readonly goto?: { target: unknown }; readonly xt?: { readonly name?: unknown } };
  const next = (jump ?? goto)?.target;
  return { drops: "drop" in last || "reject" in last || xt?.name === "REJECT", ...(next !== undefined && { next: String(next) }) };
}

function objectsOf(text: string): readonly object[] {
  try {
    const parsed = JSON.parse(text) as { readonly nftables?: unknown };
    return Array.isArray(parsed.nftables) ? (parsed.nftables as readonly unknown[]).filter((object) => typeof object === "object" && object !== null) : [];
  } catch {
    return [];
  }
}
