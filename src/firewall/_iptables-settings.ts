/**
 * What the iptables planner is told: its chains and its programs.
 *
 * @module
 */

import type { Family, Program } from "./backend.ts";

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
  readonly program: Program;
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

/**
 * Lists the chains that are in use.
 *
 * @param settings checked settings
 * @returns their lines in the order in which they are made; two may name one chain
 */
export function chainsInUse(settings: IptablesSettings): ChainSettings[] {
  return ROLES.flatMap((role) => settings.chains[role] ?? []);
}

/**
 * The number that the C daemon gives a chain: that of the first use it is put to.
 *
 * @param settings checked settings
 * @param wanted one of their chains
 */
export function chainNumber({ chains }: IptablesSettings, { table, chain }: Pick<ChainSettings, "table" | "chain">): number {
  return ROLES.findIndex((role) => chains[role]?.table === table && chains[role]?.chain === chain);
}

/**
 * Checks names: they end up in lines that `iptables-restore` reads.
 *
 * @throws {RangeError} when a name could not be one
 */
export function checkSettings({ program, chains }: IptablesSettings): void {
  if (program.includes("")) throw new RangeError("Cannot use iptables: expected a program, got an empty word");
  for (const settings of Object.values(chains)) {
    for (const what of ["target", "table", "from", "chain"] as const) {
      // The kernel takes 28 characters.
      if (!/^\w[\w-]{0,27}$/.test(settings[what])) {
        throw new RangeError(`Cannot use iptables: expected a ${what} of 1 to 28 letters, digits, _ or -, got ${JSON.stringify(settings[what])}`);
      }
    }
    if (!Number.isInteger(settings.position) || settings.position < 0) {
      throw new RangeError(`Cannot use iptables: expected a jump position of at least 1, got ${settings.position}`);
    }
  }
}

/**
 * Names the program of a family.
 *
 * @param program the one for IPv4
 * @param family IPv6's has the same name with `ip6`; firewalld is told `ipv6` instead of `ipv4`
 */
export function programOf(program: Program, family: Family): Program {
  return family === 4 ? program : withLastWord(program, (word) => (word === "ipv4" ? "ipv6" : word.replace(/iptables(?=[^/]*$)/, "ip6tables")));
}

/**
 * Names the program that takes many rules at once.
 *
 * @param program the one that takes single rules
 * @returns undefined for a wrapper under a name of its own, of which nothing is known
 */
export function restoreProgramOf(program: Program): Program | undefined {
  if (!/(?:^|\/)ip6?tables(?:-nft|-legacy)?$/.test(program.at(-1)!)) return undefined;
  return withLastWord(program, (word) => `${word}-restore`);
}

function withLastWord(program: Program, change: (word: string) => string): Program {
  return program.map((word, at) => (at === program.length - 1 ? change(word) : word)) as unknown as Program;
}
