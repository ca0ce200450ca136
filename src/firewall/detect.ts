/**
 * Which firewall a host really uses, by what a look at it showed (FIREWALL_TYPE auto).
 *
 * @module
 */

/** What was seen. */
export interface FirewallTraces {
  /** `nft -j -t list ruleset`; absent where the program is missing or failed. */
  readonly ruleset?: string;
  /** Names in /proc/net/ip_tables_names: tables of the older iptables that are in use. */
  readonly legacyTables: readonly string[];
  readonly hasIptables: boolean;
  /** As Node names it. */
  readonly platform: string;
}

/** What to use, and a sentence that says why. */
export type FirewallFinding =
  | { readonly type: "iptables" | "firewalld" | "ipfw" | "pf"; readonly reason: string }
  | {
    readonly type: "nftables";
    readonly reason: string;
    /** The table and the chain that drop packets; absent where nothing does, which is for a guard. */
    readonly drops?: { readonly family: "inet" | "ip" | "ip6"; readonly table: string; readonly chain: string };
  };

/** What systems other than Linux have. */
const OF_SYSTEMS: Readonly<Record<string, "ipfw" | "pf">> = { freebsd: "ipfw", openbsd: "pf", darwin: "pf" };

/** A base chain that sees packets to this host. */
interface InputChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly drops: boolean;
}

/**
 * Chooses a firewall.
 *
 * @param traces what was seen
 * @returns the choice; iptables wherever it is what drops packets, or where nothing does and it is there
 */
export function detectFirewall({ ruleset, legacyTables, hasIptables, platform }: FirewallTraces): FirewallFinding {
  const itsOwn = OF_SYSTEMS[platform];
  if (itsOwn !== undefined) return { type: itsOwn, reason: `this is ${platform}` };
  const chains = ruleset === undefined ? [] : inputChains(ruleset);
  // Names in capitals in a table for one family are those of iptables.
  const isForIptables = ({ family, name }: InputChain): boolean => family !== "inet" && name === "INPUT";
  const native = chains.filter((chain) => !isForIptables(chain) && ["inet", "ip", "ip6"].includes(chain.family) && !chain.table.startsWith("fwknop"));
  const dropping = native.find(({ drops, table }) => drops && table !== "firewalld");
  if (dropping !== undefined) {
    const family = dropping.family as "inet" | "ip" | "ip6";
    return {
      type: "nftables", drops: { family, table: dropping.table, chain: dropping.name },
      reason: `chain ${dropping.name} of the nftables table ${family} ${dropping.table} drops packets`,
    };
  }
  if (native.some(({ table }) => table === "firewalld")) return { type: "firewalld", reason: "the nftables table inet firewalld is its" };
  if (hasIptables && chains.some(isForIptables)) return { type: "iptables", reason: "iptables has chains in nftables, and no other table drops packets" };
  if (hasIptables && legacyTables.length > 0) return { type: "iptables", reason: `the older iptables has the tables ${legacyTables.join(", ")}` };
  if (hasIptables) return { type: "iptables", reason: "nothing drops packets here, and iptables is installed" };
  if (ruleset !== undefined) return { type: "nftables", reason: "nothing drops packets here, and iptables is not installed: ports are to be guarded" };
  return { type: "iptables", reason: "neither iptables nor nft could be asked" };
}

/** Base chains at the input hook, and whether they drop or reject anything. */
function inputChains(ruleset: string): InputChain[] {
  const found = new Map<string, InputChain>();
  const dropping = new Set<string>();
  for (const object of objectsOf(ruleset)) {
    const { chain, rule } = object as { readonly chain?: Readonly<Record<string, unknown>>; readonly rule?: Readonly<Record<string, unknown>> };
    if (chain?.["hook"] === "input" && chain["type"] === "filter") {
      const [family, table, name] = [String(chain["family"]), String(chain["table"]), String(chain["name"])];
      found.set(`${family} ${table} ${name}`, { family, table, name, drops: chain["policy"] === "drop" });
    }
    if (rule !== undefined && endsInDrop(rule["expr"])) dropping.add(`${String(rule["family"])} ${String(rule["table"])} ${String(rule["chain"])}`);
  }
  return [...found].map(([key, chain]) => ({ ...chain, drops: chain.drops || dropping.has(key) }));
}

function endsInDrop(expressions: unknown): boolean {
  const last: unknown = Array.isArray(expressions) ? expressions.at(-1) : undefined;
  return typeof last === "object" && last !== null && ("drop" in last || "reject" in last);
}

function objectsOf(text: string): readonly object[] {
  try {
    const parsed = JSON.parse(text) as { readonly nftables?: unknown };
    return Array.isArray(parsed.nftables) ? (parsed.nftables as readonly unknown[]).filter((object) => typeof object === "object" && object !== null) : [];
  } catch {
    return [];
  }
}
