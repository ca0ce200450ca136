/**
 * iptables and ip6tables.
 *
 * @module
 */

import type { FirewallBackend } from "./backend.ts";

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

/** Which chains are in use; absent ones mean that such grants are refused. */
export interface IptablesSettings {
  /** FIREWALL_EXE in words: `/usr/sbin/iptables`, or a program in front of it. */
  readonly program: readonly [string, ...string[]];
  readonly chains: {
    readonly input: ChainSettings;
    readonly output?: ChainSettings;
    readonly forward?: ChainSettings;
    readonly dnat?: ChainSettings;
    readonly snat?: ChainSettings;
    readonly masquerade?: ChainSettings;
  };
  /** Put rules at the head of the chain (ENABLE_RULE_PREPEND). */
  readonly prepend: boolean;
  /** Test at the start whether rules can carry their time (ENABLE_IPT_COMMENT_CHECK). */
  readonly checkComment: boolean;
  /** Off with --no-ipt-check-support; only the wording of a debug line depends on it. */
  readonly checkSupport: boolean;
}

/** The chains of the default configuration. */
export const DEFAULT_CHAINS: Readonly<Record<"input" | "output" | "forward" | "dnat" | "snat" | "masquerade", ChainSettings>> = {
  input: { target: "ACCEPT", table: "filter", from: "INPUT", position: 1, chain: "FWKNOP_INPUT" },
  output: { target: "ACCEPT", table: "filter", from: "OUTPUT", position: 1, chain: "FWKNOP_OUTPUT" },
  forward: { target: "ACCEPT", table: "filter", from: "FORWARD", position: 1, chain: "FWKNOP_FORWARD" },
  dnat: { target: "DNAT", table: "nat", from: "PREROUTING", position: 1, chain: "FWKNOP_PREROUTING" },
  snat: { target: "SNAT", table: "nat", from: "POSTROUTING", position: 1, chain: "FWKNOP_POSTROUTING" },
  masquerade: { target: "MASQUERADE", table: "nat", from: "POSTROUTING", position: 1, chain: "FWKNOP_MASQUERADE" },
};

/**
 * Makes the planner for iptables.
 *
 * @param settings chains and program
 * @throws {RangeError} when a name could not be one
 */
export function createIptables(settings: IptablesSettings): FirewallBackend {
  throw new RangeError(settings.program[0]);
}
