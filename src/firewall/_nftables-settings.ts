/**
 * What the nftables planner is told.
 *
 * @module
 */

import type { Command, Family } from "./backend.ts";
import type { PortSpec } from "./grant.ts";

/**
 * How grants get past a drop of somebody else's. `accept` ends one base chain only, `drop` is final, so a chain of our
 * own that accepts opens nothing: these three do.
 */
export type NftablesMode = "inject" | "guard" | "mark";

/** A table, as `nft` names it. */
export interface NftTable {
  readonly family: "inet" | "ip" | "ip6";
  readonly name: string;
}

/** Consecutive ports of one protocol. */
export interface GuardedPorts {
  readonly protocol: PortSpec["protocol"];
  readonly first: number;
  readonly last: number;
}

/** How the planner is set up. */
export interface NftablesSettings {
  /** NFT_EXE in words. */
  readonly program: Command["argv"];
  readonly mode: NftablesMode;
  /** `inject`: the administrator's table and base chains. */
  readonly table: NftTable;
  readonly inputChain: string;
  readonly outputChain: string;
  readonly forwardChain: string;
  /** `guard`: what is closed to all who have no grant. */
  readonly guarded: readonly GuardedPorts[];
  /** `mark`: the bits that granted packets get. */
  readonly mark: number;
  /** Grants may be for one address of ours. */
  readonly destinations: boolean;
  /** Also let answers out. */
  readonly output: boolean;
  /** Grants may lead elsewhere. */
  readonly nat: boolean;
  /** And rewrite the source. */
  readonly sourceNat: boolean;
  /** Lengths of prefixes that grants may be for. */
  readonly prefixes: readonly { readonly family: Family; readonly length: number }[];
  /** Grants may be for one connection. */
  readonly once: boolean;
}

/** Whatever begins with it is ours. */
export const PREFIX = "fwknop_";

/** The comment of our rules. */
export const MARK = "fwknop";

/** The table that is all ours: rewriting, guarding and marking conflict with nobody's. */
export const OWN_TABLE: NftTable = { family: "inet", name: "fwknop" };

/**
 * Checks names: they end up in text that `nft` reads.
 *
 * @throws {RangeError} when a name could not be one
 */
export function checkSettings(settings: NftablesSettings): void {
  const { program, table, inputChain, outputChain, forwardChain, mode, mark } = settings;
  if (program.includes("")) throw new RangeError("Cannot use nftables: expected a program, got an empty word");
  for (const name of [table.name, inputChain, outputChain, forwardChain]) checkName(name);
  if (mode === "mark" && !(Number.isInteger(mark) && mark > 0 && mark <= 0xffffffff)) {
    throw new RangeError(`Cannot use nftables: expected a mark of 1 to 32 bits, got ${mark}`);
  }
}

/**
 * Checks the name of a table, a chain or a set.
 *
 * @throws {RangeError} when it could not be one
 */
export function checkName(name: string): void {
  if (!/^[A-Za-z][\w./\\-]{0,127}$/.test(name)) {
    throw new RangeError(`Cannot use nftables: expected a name of letters, digits, _ . / \\ or -, got ${JSON.stringify(name)}`);
  }
}

/** A table in the words of `nft`. */
export function tableText({ family, name }: NftTable): string {
  return `${family} ${name}`;
}

/** Families of packets that a table sees. */
export function familiesOf({ family }: NftTable): readonly Family[] {
  return { inet: [4, 6] as const, ip: [4] as const, ip6: [6] as const }[family];
}
