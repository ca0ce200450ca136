/**
 * Which elements of which sets a grant needs.
 *
 * @module
 */

import { formatIp, isLoopbackIp, isUnspecifiedIp } from "../ip.ts";
import { type NftablesSettings, tableText } from "./_nftables-settings.ts";
import { type Slot, slotName } from "./_nftables-slots.ts";
import type { Family, Rule, RulesOrRefusal } from "./backend.ts";
import type { Grant } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { subjectOf } from "./grant-text.ts";

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
  const { source, destination, nat, once, sourcePrefix } = grant;
  const family = source.version;
  const target = nat === undefined || isUnspecifiedIp(nat.address) ? undefined : nat.address;
  const snatAddress = nat?.sourceNat?.kind === "snat" ? nat.sourceNat.address : undefined;
  const problem = addressProblem(grant, [["destination", destination], ["NAT target", target], ["source NAT address", snatAddress]], { networks: true, once: true });
  if (problem !== undefined) return refuse(problem);

  const client = formatIp(source);
  const server = destination === undefined ? undefined : formatIp(destination);
  const rules: Rule[] = [];
  let missing: string | undefined;
  const add = (label: string, kind: string, key: readonly (string | undefined)[], value: readonly string[] = []): void => {
    const slot = slots.get(slotName(kind, family, sourcePrefix));
    if (slot === undefined) missing ??= lackOf(kind, family, sourcePrefix, settings);
    else rules.push(elementOf(slot, key.filter((part) => part !== undefined), value, label, grant));
  };
  /** The kind for one address of ours when the grant is for one. */
  const forServer = (kind: string): string => (server === undefined ? kind : `${kind}d`);
  const isGuard = settings.mode === "guard";

  for (const { protocol, port } of nat === undefined ? grant.ports : []) {
    add("access", forServer(once ? "u" : "g"), [client, server, protocol, String(port)]);
    if (settings.output && !isGuard && grant.withoutOutput === undefined) add("OUTPUT", forServer("o"), [client, server, protocol, String(port)]);
  }
  if (nat === undefined) return missing === undefined ? { ok: true, rules } : refuse(missing);

  const { protocol, port } = grant.ports[0]!;
  const inner = String(nat.port);
  // What is rewritten for this host stays with its port: the rest of the host is no part of the request.
  const wholeHost = nat.wholeHost && nat.kind === "forward";
  if (target === undefined && !wholeHost && nat.kind === "forward") return refuse(`the NAT target ${formatIp(nat.address)} stands for no address`);
  if (once && wholeHost) return refuse("a whole host cannot be granted for one connection");
  const redirects = nat.kind === "local" && nat.rewriteDestination && (target === undefined || isLoopbackIp(target));
  const to = target === undefined ? undefined : formatIp(target);

  if (isGuard) {
    if (wholeHost) add("access ALL", "s", [client]);
    else add("access", forServer(once ? "u" : "g"), [client, server, protocol, String(port)]);
  } else if (nat.kind === "local") {
    // A rewritten packet comes in with its new destination; which one a redirect chooses is the interface's matter.
    const local = redirects || server === undefined ? undefined : nat.rewriteDestination ? to : server;
    add("local NAT", local === undefined ? (once ? "u" : "g") : once ? "ud" : "gd", [client, local, protocol, inner]);
  } else if (wholeHost) add("FORWARD ALL", to === undefined ? "fs" : "fh", [client, to]);
  else add("FORWARD", once ? "fu" : "f", [client, to, protocol, inner]);

  if (redirects) add("REDIRECT", forServer("redir"), [client, server, protocol, String(port)], [inner]);
  else if (nat.rewriteDestination && to !== undefined) {
    if (wholeHost) add("DNAT ALL", forServer("dnath"), [client, server], [to]);
    else add("DNAT", forServer("dnat"), [client, server, protocol, String(port)], [to, inner]);
  }

  if (nat.sourceNat !== undefined) {
    const [kind, value] = nat.sourceNat.kind === "snat" ? (["snat", [formatIp(nat.sourceNat.address)]] as const) : (["masq", []] as const);
    if (!wholeHost && to !== undefined) add("SNAT", kind, [client, to, protocol, inner], value);
    else if (to !== undefined) add("SNAT ALL", `${kind}h`, [client, to], value);
    else if (wholeHost) add("SNAT ALL", `${kind}s`, [client], value);
  }
  if (missing !== undefined) return refuse(missing);
  for (const rule of rules) {
    const other = live.get(rule.key);
    if (other !== undefined && valueText(other) !== valueText(rule) && other.expiresAt > rule.expiresAt) {
      return refuse(`${other.subject || keyText(other)} leads to ${valueText(other)} until ${other.expiresAt}, which is longer than this grant would last`);
    }
  }
  return { ok: true, rules };
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
