/**
 * Which iptables rules a grant needs.
 *
 * @module
 */

import { formatIp, type IpAddress, isLoopbackIp, isUnspecifiedIp } from "../ip.ts";
import { meaningOf } from "./_iptables-listing.ts";
import type { ChainSettings, IptablesSettings } from "./_iptables-settings.ts";
import type { Family, Rule, RulesOrRefusal } from "./backend.ts";
import type { Grant, NatTarget, PortSpec } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { addressText, destinationText, sourceText, subjectOf } from "./grant-text.ts";
import { PROTOCOL_NUMBERS } from "./protocols.ts";
import { timeMark } from "./time-mark.ts";

/**
 * Plans the rules of a grant: always in the family of the address that may enter, and no wider
 * than what was granted.
 *
 * @param grant who may reach what
 * @param chains our chains that are in use
 * @returns the rules in the order in which they are to be added, or why it cannot be done
 * @throws {RangeError} when the grant has no ports, impossible ones, or no end
 */
export function rulesForGrant(grant: Grant, chains: IptablesSettings["chains"]): RulesOrRefusal {
  checkGrant(grant);
  const { source, destination, nat, expiresAt } = grant;
  const family = source.version;
  const problem = addressProblem(grant, [["destination", destination], ["NAT target", targetOf(nat)], ["source NAT address", snatAddressOf(nat)]], { networks: true });
  if (problem !== undefined) return refuse(problem);

  const client = sourceText(grant);
  const from = ["-s", client];
  const ours = destinationText(grant);
  const rules: Rule[] = [];
  const add = (kind: string, chain: ChainSettings, conditions: readonly string[], effect: readonly string[] = [], target = chain.target): void => {
    const words = [...conditions, "-m", "comment", "--comment", timeMark(expiresAt), "-j", target, ...effect];
    rules.push({
      key: ruleKey(family, chain.table, chain.chain, words),
      family, table: chain.table, chain: chain.chain, kind, words, expiresAt, grant,
      subject: subjectOf(grant, kind.endsWith(" ALL") ? "*/*" : undefined),
    });
  };

  if (nat === undefined) {
    for (const spec of grant.ports) {
      add("access", chains.input, [...protocol(spec), ...from, "-d", ours, "--dport", String(spec.port)]);
      if (chains.output !== undefined && grant.withoutOutput === undefined) {
        add("OUTPUT", chains.output, [...protocol(spec), "-d", client, "-s", ours, "--sport", String(spec.port)]);
      }
    }
    return { ok: true, rules };
  }

  const requested = grant.ports[0]!;
  const target = targetOf(nat);
  // What is rewritten for this host stays with its port: the rest of the host is no part of the request.
  const wholeHost = nat.wholeHost && nat.kind === "forward";
  if (target === undefined && !wholeHost) return refuse(`the NAT target ${formatIp(nat.address)} stands for no address`);
  const toTarget = target === undefined ? [] : ["-d", formatIp(target)];
  const targetPort = ["--dport", String(nat.port)];
  // IPv6 takes no packet to ::1 from outside, not even a rewritten one. For IPv4 there is net.ipv4.conf.all.route_localnet.
  const redirects = family === 6 && nat.kind === "local" && nat.rewriteDestination && target !== undefined && isLoopbackIp(target);

  if (nat.kind === "local") {
    // A rewritten packet comes to INPUT with its new destination.
    const local = destination === undefined || redirects ? undefined : nat.rewriteDestination ? nat.address : destination;
    add("local NAT", chains.input, [...protocol(requested), ...from, "-d", addressText(family, local), ...targetPort]);
  } else if (chains.forward === undefined) {
    return refuse("forwarding is not enabled");
  } else if (wholeHost) {
    add("FORWARD ALL", chains.forward, [...from, ...toTarget]);
  } else {
    add("FORWARD", chains.forward, [...protocol(requested), ...from, ...toTarget, ...targetPort]);
  }

  if (nat.rewriteDestination && target !== undefined) {
    if (chains.dnat === undefined) return refuse("destination NAT is not enabled");
    const toPort = [...protocol(requested), ...from, "-d", ours, "--dport", String(requested.port)];
    if (redirects) add("REDIRECT", chains.dnat, toPort, ["--to-ports", String(nat.port)], "REDIRECT");
    else if (wholeHost) add("DNAT ALL", chains.dnat, [...from, "-d", ours], ["--to-destination", formatIp(target)]);
    else add("DNAT", chains.dnat, toPort, ["--to-destination", endpoint(target, nat.port)]);
  }

  if (nat.sourceNat !== undefined) {
    const kind = wholeHost ? "SNAT ALL" : "SNAT";
    const conditions = wholeHost ? [...from, ...toTarget] : [...protocol(requested), ...from, ...toTarget, ...targetPort];
    if (nat.sourceNat.kind === "snat") {
      if (chains.snat === undefined) return refuse("source NAT is not enabled");
      add(kind, chains.snat, conditions, ["--to-source", formatIp(nat.sourceNat.address)]);
    } else {
      if (chains.masquerade === undefined) return refuse("masquerading is not enabled");
      add(kind, chains.masquerade, conditions, wholeHost ? [] : ["--to-ports", String(requested.port)]);
    }
  }
  return { ok: true, rules };
}

/**
 * Names what a rule opens, whenever it ends.
 *
 * @returns a key for Map
 */
export function ruleKey(family: Family, table: string, chain: string, words: readonly string[]): string {
  return `${family} ${table} ${chain} ${meaningOf(words)}`;
}

function refuse(reason: string): RulesOrRefusal {
  return { ok: false, reason };
}

/** Where packets are sent, when it is an address at all. */
function targetOf(nat: NatTarget | undefined): IpAddress | undefined {
  return nat === undefined || isUnspecifiedIp(nat.address) ? undefined : nat.address;
}

function snatAddressOf(nat: NatTarget | undefined): IpAddress | undefined {
  return nat?.sourceNat?.kind === "snat" ? nat.sourceNat.address : undefined;
}

function protocol(spec: PortSpec): string[] {
  return ["-p", String(PROTOCOL_NUMBERS[spec.protocol])];
}

function endpoint(address: IpAddress, port: number): string {
  return address.version === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}
