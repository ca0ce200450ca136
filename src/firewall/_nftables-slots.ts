/**
 * Where grants go: timed sets and maps, and the one rule that looks each of them up. One row a kind of grant; the
 * kernel finds an element in the same time among ten and among ten thousand, and drops it when its time is over.
 *
 * @module
 */

import {
  familiesOf, MARK, type NftablesSettings, type NftTable, OWN_TABLE, PREFIX, tableText,
} from "./_nftables-settings.ts";
import type { Family } from "./backend.ts";

/** A part of a key: who was granted, which address and port of whom, in packets of the chain. */
export type KeyField = "client" | "server" | "proto" | "port";
/** A part of what a map gives: where packets are sent. */
export type ValueField = "address" | "port";
/** What sees the packets. */
export type Place = "input" | "output" | "forward" | "prerouting" | "postrouting";

/** A kind of set or map. */
interface Kind {
  readonly name: string;
  readonly place: Place;
  readonly key: readonly KeyField[];
  readonly value?: readonly ValueField[];
  /** What is done with a packet, before what a map gives; `grant` stands for the mode's way of letting in. */
  readonly effect: "grant" | "dnat" | "redirect" | "snat" | "masquerade";
  /** The first packet of a connection takes the element away. */
  readonly once?: true;
  /** Whether the settings have a use for it. */
  isUsed(settings: NftablesSettings): boolean;
}

const nat = ({ nat }: NftablesSettings): boolean => nat;
const sourceNat = ({ nat, sourceNat }: NftablesSettings): boolean => nat && sourceNat;
const forwards = ({ nat, mode }: NftablesSettings): boolean => nat && mode !== "guard";

const KINDS: readonly Kind[] = [
  { name: "g", place: "input", key: ["client", "proto", "port"], effect: "grant", isUsed: () => true },
  { name: "gd", place: "input", key: ["client", "server", "proto", "port"], effect: "grant", isUsed: ({ destinations }) => destinations },
  { name: "u", place: "input", key: ["client", "proto", "port"], effect: "grant", once: true, isUsed: ({ once }) => once },
  { name: "ud", place: "input", key: ["client", "server", "proto", "port"], effect: "grant", once: true, isUsed: ({ once, destinations }) => once && destinations },
  // A guard sees packets before they are rewritten: who may reach a whole host behind us may pass it.
  { name: "s", place: "input", key: ["client"], effect: "grant", isUsed: ({ mode, nat }) => mode === "guard" && nat },
  { name: "o", place: "output", key: ["client", "proto", "port"], effect: "grant", isUsed: ({ output, mode }) => output && mode !== "guard" },
  { name: "od", place: "output", key: ["client", "server", "proto", "port"], effect: "grant", isUsed: ({ output, destinations, mode }) => output && destinations && mode !== "guard" },
  { name: "f", place: "forward", key: ["client", "server", "proto", "port"], effect: "grant", isUsed: forwards },
  { name: "fu", place: "forward", key: ["client", "server", "proto", "port"], effect: "grant", once: true, isUsed: (settings) => forwards(settings) && settings.once },
  { name: "fh", place: "forward", key: ["client", "server"], effect: "grant", isUsed: forwards },
  { name: "fs", place: "forward", key: ["client"], effect: "grant", isUsed: forwards },
  { name: "dnatd", place: "prerouting", key: ["client", "server", "proto", "port"], value: ["address", "port"], effect: "dnat", isUsed: (settings) => nat(settings) && settings.destinations },
  { name: "dnat", place: "prerouting", key: ["client", "proto", "port"], value: ["address", "port"], effect: "dnat", isUsed: nat },
  { name: "redird", place: "prerouting", key: ["client", "server", "proto", "port"], value: ["port"], effect: "redirect", isUsed: (settings) => nat(settings) && settings.destinations },
  { name: "redir", place: "prerouting", key: ["client", "proto", "port"], value: ["port"], effect: "redirect", isUsed: nat },
  { name: "dnathd", place: "prerouting", key: ["client", "server"], value: ["address"], effect: "dnat", isUsed: (settings) => nat(settings) && settings.destinations },
  { name: "dnath", place: "prerouting", key: ["client"], value: ["address"], effect: "dnat", isUsed: nat },
  { name: "snat", place: "postrouting", key: ["client", "server", "proto", "port"], value: ["address"], effect: "snat", isUsed: sourceNat },
  { name: "snath", place: "postrouting", key: ["client", "server"], value: ["address"], effect: "snat", isUsed: sourceNat },
  { name: "snats", place: "postrouting", key: ["client"], value: ["address"], effect: "snat", isUsed: sourceNat },
  { name: "masq", place: "postrouting", key: ["client", "server", "proto", "port"], effect: "masquerade", isUsed: sourceNat },
  { name: "masqh", place: "postrouting", key: ["client", "server"], effect: "masquerade", isUsed: sourceNat },
  { name: "masqs", place: "postrouting", key: ["client"], effect: "masquerade", isUsed: sourceNat },
];

/** A set or map of one family, in its table. */
export interface Slot {
  /** As in the first column above. */
  readonly kind: string;
  readonly table: NftTable;
  readonly name: string;
  readonly family: Family;
  /** Leading bits of the client's address that count; absent for all. */
  readonly prefix?: number;
  readonly chain: string;
  readonly key: readonly KeyField[];
  readonly value?: readonly ValueField[];
  readonly once: boolean;
  /** The line that makes it, and the rule that looks it up. */
  readonly declaration: string;
  readonly rule: string;
}

/** A chain of ours: with a hook of its own, or with a jump to it. */
export interface OwnChain {
  readonly table: NftTable;
  readonly name: string;
  /** `type filter hook …` */
  readonly hook?: string;
  /** The administrator's chain that jumps to it. */
  readonly from?: string;
  readonly rules: readonly string[];
}

/** Everything that has to be there before grants can be added. */
export interface Ground {
  readonly slots: readonly Slot[];
  readonly chains: readonly OwnChain[];
  readonly tables: readonly NftTable[];
}

/**
 * Names the set of a grant.
 *
 * @param kind as the table of kinds has it
 * @param family of the addresses
 * @param prefix leading bits of the client's address that count
 */
export function slotName(kind: string, family: Family, prefix?: number): string {
  return `${PREFIX}${kind}${family}${prefix === undefined ? "" : `_${prefix}`}`;
}

/**
 * Reads the name of a set: a new daemon, or one that only lists, may not have the settings that it was made for.
 *
 * @param name a set of a table
 * @returns what {@link slotName} was given, or undefined for those of others
 */
export function parseSlotName(name: string): { readonly kind: string; readonly family: Family; readonly prefix?: number } | undefined {
  const [, kind, family, prefix] = new RegExp(`^${PREFIX}([a-z]+)([46])(?:_(\\d+))?$`).exec(name) ?? [];
  return kind === undefined ? undefined : { kind, family: Number(family) as Family, ...(prefix !== undefined && { prefix: Number(prefix) }) };
}

/**
 * Lays out sets, rules and chains.
 *
 * @param settings checked settings
 * @returns what is to be there; fresh
 */
export function layOut(settings: NftablesSettings): Ground {
  const slots = KINDS.filter((kind) => kind.isUsed(settings)).flatMap((kind) => slotsOf(kind, settings));
  const places = [...new Set(slots.map(({ chain }) => chain))];
  const chains = places.map((name): OwnChain => {
    const ours = slots.filter(({ chain }) => chain === name);
    const { table } = ours[0]!;
    const rules = ours.map(({ rule }) => rule);
    const place = name.slice(PREFIX.length);
    if (place === "guard") return { table, name, hook: HOOKS.guard!, rules: [...BEFORE_GUARD, ...rules, ...guardRules(settings)] };
    const from = { input: settings.inputChain, output: settings.outputChain, forward: settings.forwardChain }[place];
    return settings.mode === "inject" && from !== undefined ? { table, name, from, rules } : { table, name, hook: HOOKS[place]!, rules };
  });
  const tables = [...new Map(slots.map(({ table }) => [tableText(table), table])).values()];
  return { slots, chains, tables };
}

/** Just before what others have there. In numbers, which every version knows in every family. */
const HOOKS: Readonly<Record<string, string>> = {
  // Before destinations are rewritten: so ports that were published into a container are guarded, too.
  guard: "type filter hook prerouting priority -150; policy accept;",
  input: "type filter hook input priority -1; policy accept;",
  output: "type filter hook output priority -1; policy accept;",
  forward: "type filter hook forward priority -1; policy accept;",
  prerouting: "type nat hook prerouting priority -101; policy accept;",
  postrouting: "type nat hook postrouting priority 99; policy accept;",
};

const BEFORE_GUARD: readonly string[] = [
  `iifname "lo" accept comment "${MARK}"`,
  `ct state established,related accept comment "${MARK}"`,
];

/** Drops what nobody was granted; what only passes through this host is no concern of the guard. */
function guardRules({ guarded }: NftablesSettings): string[] {
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const ports = mergeRanges(guarded.filter((range) => range.protocol === protocol));
    if (ports.length === 0) return [];
    return [`fib daddr type { local, broadcast, anycast, multicast } ${protocol} dport { ${ports.join(", ")} } counter drop comment "${MARK}"`];
  });
}

/** Sets must not hold a port twice. */
function mergeRanges(ranges: readonly { readonly first: number; readonly last: number }[]): string[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of ranges.toSorted((left, right) => left.first - right.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
}

function slotsOf(kind: Kind, settings: NftablesSettings): Slot[] {
  const rewrites = kind.place === "prerouting" || kind.place === "postrouting";
  const table = rewrites || settings.mode !== "inject" ? OWN_TABLE : settings.table;
  const families = familiesOf(settings.mode === "inject" ? settings.table : OWN_TABLE);
  return families.flatMap((family) =>
    [undefined, ...settings.prefixes.filter((prefix) => prefix.family === family).map(({ length }) => length)].map((prefix): Slot => {
      const name = slotName(kind.name, family, prefix);
      return {
        kind: kind.name, table, name, family, once: kind.once ?? false, key: kind.key,
        ...(prefix !== undefined && { prefix }),
        ...(kind.value && { value: kind.value }),
        chain: `${PREFIX}${settings.mode === "guard" && kind.place === "input" ? "guard" : kind.place}`,
        declaration: declaration(kind, table, name, family),
        rule: lookUp(kind, name, family, prefix, settings),
      };
    }),
  );
}

function declaration({ key, value, once }: Kind, table: NftTable, name: string, family: Family): string {
  const type = (field: KeyField | ValueField): string => ({ proto: "inet_proto", port: "inet_service" } as Record<string, string>)[field] ?? `ipv${family}_addr`;
  const types = key.map(type).join(" . ") + (value === undefined ? "" : ` : ${value.map(type).join(" . ")}`);
  return `add ${value === undefined ? "set" : "map"} ${tableText(table)} ${name} { type ${types}; flags ${once === true ? "dynamic,timeout" : "timeout"}; }`;
}

/** The one rule of a set. */
function lookUp({ place, key, value, effect, once }: Kind, name: string, family: Family, prefix: number | undefined, settings: NftablesSettings): string {
  const ip = family === 4 ? "ip" : "ip6";
  const isAnswer = place === "output";
  const fields: Readonly<Record<KeyField, string>> = {
    client: `${ip} ${isAnswer ? "daddr" : "saddr"}${prefix === undefined ? "" : ` & ${maskText(family, prefix)}`}`,
    server: `${ip} ${isAnswer ? "saddr" : "daddr"}`,
    proto: "meta l4proto",
    port: `th ${isAnswer ? "sport" : "dport"}`,
  };
  const expression = key.map((field) => fields[field]).join(" . ");
  const comment = `comment "${MARK}"`;
  // A map is part of the statement.
  const given = value === undefined ? "" : `${expression} map @${name}`;
  const statement = {
    grant: settings.mode === "mark" ? `counter meta mark set meta mark | 0x${settings.mark.toString(16)}` : "counter accept",
    dnat: `dnat ${ip} to ${given}`,
    snat: `snat ${ip} to ${given}`,
    redirect: `meta nfproto ipv${family} meta l4proto { tcp, udp } redirect to : ${given}`,
    masquerade: "counter masquerade",
  }[effect];
  if (value !== undefined) return `${statement} ${comment}`;
  const use = once === true ? ` delete @${name} { ${expression} }` : "";
  return `${once === true ? "ct state new " : ""}${expression} @${name}${use} ${statement} ${comment}`;
}

/** A mask in the family's own writing. */
function maskText(family: Family, length: number): string {
  const bits = "1".repeat(length).padEnd(family === 4 ? 32 : 128, "0");
  if (family === 4) return bits.match(/.{8}/g)!.map((octet) => Number.parseInt(octet, 2)).join(".");
  return bits.match(/.{16}/g)!.map((group) => Number.parseInt(group, 2).toString(16)).join(":");
}
