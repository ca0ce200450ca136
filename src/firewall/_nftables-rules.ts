/**
 * Which elements of which sets a grant needs.
 *
 * @module
 */

import { formatIp, isLoopbackIp } from "../ip.ts";
import { type NftablesSettings, tableText } from "./_nftables-settings.ts";
import { type Slot, slotName } from "./_nftables-slots.ts";
import type { Family, Rule, RulesOrRefusal } from "./backend.ts";
import { type Grant, isForWholeHost, type NatTarget, snatAddressOf, targetOf } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { subjectOf } from "./grant-text.ts";

/** An element that a grant needs, before it is known whether there is a set for it. */
interface Wanted {
  /** As log lines name it. */
  readonly label: string;
  /** Of set, as the table of slots has it. */
  readonly kind: string;
  /** Parts of the key; undefined ones are left out. */
  readonly key: readonly (string | undefined)[];
  readonly value?: readonly string[];
}

/**
 * Plans the elements of a grant: always in sets of the family of the address that may enter.
 *
 * @param grant who may reach what
 * @param slots the sets in use, by name
 * @param settings how the planner is set up
 * @param live what is open, by key
 * @returns the elements, or why it cannot be done
 * @throws {RangeError} when the grant has no ports, impossible ones, or no end
 */
export function elementsForGrant(grant: Grant, slots: ReadonlyMap<string, Slot>, settings: NftablesSettings, live: ReadonlyMap<string, Rule>): RulesOrRefusal {
  checkGrant(grant);
  const { source: { version: family }, sourcePrefix, destination, nat } = grant;
  const addresses = [["destination", destination], ["NAT target", targetOf(nat)], ["source NAT address", snatAddressOf(nat)]] as const;
  const problem = addressProblem(grant, addresses, { networks: true, once: true }) ?? (nat && natProblem(grant, nat));
  if (problem !== undefined) return refuse(problem);
  const rules: Rule[] = [];
  for (const { label, kind, key, value = [] } of nat === undefined ? accessElements(grant, settings) : natElements(grant, nat, settings)) {
    const slot = slots.get(slotName(kind, family, sourcePrefix));
    if (slot === undefined) return refuse(lackOf(kind, family, sourcePrefix, settings));
    rules.push(elementOf(slot, key.filter((part) => part !== undefined), value, label, grant));
  }
  const conflict = conflictOf(rules, live);
  return conflict === undefined ? { ok: true, rules } : refuse(conflict);
}

function natProblem({ once }: Grant, nat: NatTarget): string | undefined {
  const wholeHost = isForWholeHost(nat);
  if (targetOf(nat) === undefined && !wholeHost && nat.kind === "forward") return `the NAT target ${formatIp(nat.address)} stands for no address`;
  return once && wholeHost ? "a whole host cannot be granted for one connection" : undefined;
}

/** A map gives one value for a key: one that lasts longer must not be led elsewhere. */
function conflictOf(rules: readonly Rule[], live: ReadonlyMap<string, Rule>): string | undefined {
  for (const rule of rules) {
    const other = live.get(rule.key);
    if (other !== undefined && valueText(other) !== valueText(rule) && other.expiresAt > rule.expiresAt) {
      return `${other.subject || keyText(other)} leads to ${valueText(other)} until ${other.expiresAt}, which is longer than this grant would last`;
    }
  }
  return undefined;
}

/** Lets a client in, and the answers out where there is a chain for them. */
function accessElements(grant: Grant, settings: NftablesSettings): Wanted[] {
  const [client, server] = endsOf(grant);
  const answers = settings.output && settings.mode !== "guard" && grant.withoutOutput === undefined;
  return grant.ports.flatMap(({ protocol, port }): Wanted[] => {
    const key = [client, server, protocol, String(port)];
    const access: Wanted = { label: "access", kind: kindFor(grant, grant.once ? "u" : "g"), key };
    return answers ? [access, { label: "OUTPUT", kind: kindFor(grant, "o"), key }] : [access];
  });
}

/** Lets a client through to where its packets are led, and leads them there. */
function natElements(grant: Grant, nat: NatTarget, { mode }: NftablesSettings): Wanted[] {
  const [client, server] = endsOf(grant);
  const { protocol, port } = grant.ports[0]!;
  const outside = [client, server, protocol, String(port)];
  const target = targetOf(nat);
  const to = target === undefined ? undefined : formatIp(target);
  const inner = String(nat.port);
  const wholeHost = isForWholeHost(nat);
  const redirects = nat.kind === "local" && nat.rewriteDestination && (target === undefined || isLoopbackIp(target));
  const wanted: Wanted[] = [];

  if (mode === "guard") {
    // It sees packets before they are rewritten.
    wanted.push(wholeHost ? { label: "access ALL", kind: "s", key: [client] } : { label: "access", kind: kindFor(grant, grant.once ? "u" : "g"), key: outside });
  } else if (nat.kind === "local") {
    // A rewritten packet comes in with its new destination; which one a redirect chooses is the interface's matter.
    const local = redirects || server === undefined ? undefined : nat.rewriteDestination ? to : server;
    wanted.push({ label: "local NAT", kind: `${grant.once ? "u" : "g"}${local === undefined ? "" : "d"}`, key: [client, local, protocol, inner] });
  } else if (wholeHost) wanted.push({ label: "FORWARD ALL", kind: to === undefined ? "fs" : "fh", key: [client, to] });
  else wanted.push({ label: "FORWARD", kind: grant.once ? "fu" : "f", key: [client, to, protocol, inner] });

  if (redirects) wanted.push({ label: "REDIRECT", kind: kindFor(grant, "redir"), key: outside, value: [inner] });
  else if (nat.rewriteDestination && to !== undefined) {
    wanted.push(wholeHost
      ? { label: "DNAT ALL", kind: kindFor(grant, "dnath"), key: [client, server], value: [to] }
      : { label: "DNAT", kind: kindFor(grant, "dnat"), key: outside, value: [to, inner] });
  }

  if (nat.sourceNat !== undefined) {
    const [kind, value] = nat.sourceNat.kind === "snat" ? (["snat", [formatIp(nat.sourceNat.address)]] as const) : (["masq", []] as const);
    if (!wholeHost && to !== undefined) wanted.push({ label: "SNAT", kind, key: [client, to, protocol, inner], value });
    else if (wholeHost) wanted.push({ label: "SNAT ALL", kind: `${kind}${to === undefined ? "s" : "h"}`, key: [client, to], value });
  }
  return wanted;
}

/** The client, and the address of ours where the grant is for one. */
function endsOf({ source, destination }: Grant): readonly [client: string, server: string | undefined] {
  return [formatIp(source), destination === undefined ? undefined : formatIp(destination)];
}

/** A kind of set, or its like for one address of ours when the grant is for one. */
function kindFor({ destination }: Grant, kind: string): string {
  return destination === undefined ? kind : `${kind}d`;
}

/**
 * Makes an element of a set.
 *
 * @param slot the set
 * @param key parts of the key
 * @param value what the map gives, empty for a set
 * @param kind as log lines name it
 * @param grant what it is for
 */
export function elementOf(slot: Pick<Slot, "table" | "name" | "family">, key: readonly string[], value: readonly string[], kind: string, grant: Grant): Rule {
  return { ...placeOf(slot, key, value), kind, expiresAt: grant.expiresAt, grant, subject: subjectOf(grant, kind.endsWith(" ALL") ? "*/*" : undefined) };
}

/**
 * The parts of a rule that say where it is.
 *
 * @param slot the set
 * @param key parts of the key
 * @param value what the map gives, empty for a set
 */
export function placeOf(slot: Pick<Slot, "table" | "name" | "family">, key: readonly string[], value: readonly string[]): Pick<Rule, "key" | "family" | "table" | "chain" | "words"> {
  const text = key.join(" . ");
  const table = tableText(slot.table);
  const given = value.length === 0 ? [] : [":", value.join(" . ")];
  return { key: `${table} ${slot.name} ${text}`, family: slot.family, table, chain: slot.name, words: [...text.split(" "), ...given] };
}

/** An element's key in the words of `nft`. */
export function keyText({ words }: Rule): string {
  const colon = words.indexOf(":");
  return (colon < 0 ? words : words.slice(0, colon)).join(" ");
}

/** What a map's element gives; empty for one of a set. */
export function valueText({ words }: Rule): string {
  const colon = words.indexOf(":");
  return colon < 0 ? "" : words.slice(colon + 1).join(" ");
}

function lackOf(kind: string, family: Family, prefix: number | undefined, settings: NftablesSettings): string {
  if (!settings.nat && !/^[gudo]+$/.test(kind)) return "forwarding is not enabled";
  if (/^(snat|masq)/.test(kind) && !settings.sourceNat) return "source NAT is not enabled";
  if (settings.mode === "inject" && settings.table.family !== "inet" && (settings.table.family === "ip") !== (family === 4)) {
    return `the table ${tableText(settings.table)} sees no IPv${family} packets`;
  }
  if (prefix !== undefined && !settings.prefixes.some((known) => known.family === family && known.length === prefix)) return `no set was made for networks of /${prefix}`;
  return `no set was made for grants of the kind ${kind}`;
}

function refuse(reason: string): RulesOrRefusal {
  return { ok: false, reason };
}
