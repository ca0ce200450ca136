/**
 * Which iptables rules a grant needs.
 *
 * @module
 */

import { formatIp, type IpAddress, isLoopbackIp } from "../ip.ts";
import { meaningOf } from "./_iptables-listing.ts";
import type { ChainSettings, IptablesSettings } from "./_iptables-settings.ts";
import type { Family, Rule, RulesOrRefusal } from "./backend.ts";
import { type Grant, isForWholeHost, type NatTarget, type PortSpec, snatAddressOf, targetOf } from "./grant.ts";
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
  const { destination, nat } = grant;
  const addresses = [["destination", destination], ["NAT target", targetOf(nat)], ["source NAT address", snatAddressOf(nat)]] as const;
  const reason = addressProblem(grant, addresses, { networks: true }) ?? (nat && natProblem(nat, chains));
  if (reason !== undefined) return { ok: false, reason };
  return { ok: true, rules: nat === undefined ? accessRules(grant, chains) : natRules(grant, nat, chains) };
}

/** Tells why our chains cannot lead packets elsewhere. */
function natProblem(nat: NatTarget, chains: IptablesSettings["chains"]): string | undefined {
  const target = targetOf(nat);
  if (target === undefined && !isForWholeHost(nat)) return `the NAT target ${formatIp(nat.address)} stands for no address`;
  if (nat.kind === "forward" && chains.forward === undefined) return "forwarding is not enabled";
  if (nat.rewriteDestination && target !== undefined && chains.dnat === undefined) return "destination NAT is not enabled";
  if (nat.sourceNat?.kind === "snat" && chains.snat === undefined) return "source NAT is not enabled";
  if (nat.sourceNat?.kind === "masquerade" && chains.masquerade === undefined) return "masquerading is not enabled";
  return undefined;
}

/** Lets a client in, and the answers out where there is a chain for them. */
function accessRules(grant: Grant, { input, output }: IptablesSettings["chains"]): Rule[] {
  const [client, ours] = [sourceText(grant), destinationText(grant)];
  return grant.ports.flatMap((spec) => {
    const access = ruleOf(grant, "access", input, [...protocol(spec), "-s", client, "-d", ours, "--dport", String(spec.port)]);
    if (output === undefined || grant.withoutOutput !== undefined) return [access];
    return [access, ruleOf(grant, "OUTPUT", output, [...protocol(spec), "-d", client, "-s", ours, "--sport", String(spec.port)])];
  });
}

/** Lets a client through to where its packets are led, and leads them there. Needs the chains that {@link natProblem} looks for. */
function natRules(grant: Grant, nat: NatTarget, chains: IptablesSettings["chains"]): Rule[] {
  const { source: { version: family }, destination } = grant;
  const requested = grant.ports[0]!;
  const target = targetOf(nat);
  const wholeHost = isForWholeHost(nat);
  // IPv6 takes no packet to ::1 from outside, not even a rewritten one. For IPv4 there is net.ipv4.conf.all.route_localnet.
  const redirects = family === 6 && nat.kind === "local" && nat.rewriteDestination && target !== undefined && isLoopbackIp(target);
  const from = ["-s", sourceText(grant)];
  const toTarget = target === undefined ? [] : ["-d", formatIp(target)];
  const targetPort = ["--dport", String(nat.port)];
  /** What packets look like when they have been rewritten. */
  const inside = wholeHost ? [...from, ...toTarget] : [...protocol(requested), ...from, ...toTarget, ...targetPort];
  /** What they look like before. */
  const outside = [...from, "-d", destinationText(grant)];
  const outsidePort = [...protocol(requested), ...outside, "--dport", String(requested.port)];
  const all = wholeHost ? " ALL" : "";
  const rules: Rule[] = [];

  if (nat.kind === "local") {
    // A rewritten packet comes to INPUT with its new destination.
    const local = destination === undefined || redirects ? undefined : nat.rewriteDestination ? nat.address : destination;
    rules.push(ruleOf(grant, "local NAT", chains.input, [...protocol(requested), ...from, "-d", addressText(family, local), ...targetPort]));
  } else rules.push(ruleOf(grant, `FORWARD${all}`, chains.forward!, inside));

  if (nat.rewriteDestination && target !== undefined) {
    const dnat = chains.dnat!;
    if (redirects) rules.push(ruleOf(grant, "REDIRECT", { ...dnat, target: "REDIRECT" }, outsidePort, ["--to-ports", String(nat.port)]));
    else if (wholeHost) rules.push(ruleOf(grant, "DNAT ALL", dnat, outside, ["--to-destination", formatIp(target)]));
    else rules.push(ruleOf(grant, "DNAT", dnat, outsidePort, ["--to-destination", endpoint(target, nat.port)]));
  }

  if (nat.sourceNat?.kind === "snat") rules.push(ruleOf(grant, `SNAT${all}`, chains.snat!, inside, ["--to-source", formatIp(nat.sourceNat.address)]));
  else if (nat.sourceNat !== undefined) rules.push(ruleOf(grant, `SNAT${all}`, chains.masquerade!, inside, wholeHost ? [] : ["--to-ports", String(requested.port)]));
  return rules;
}

function ruleOf(grant: Grant, kind: string, { table, chain, target }: ChainSettings, conditions: readonly string[], effect: readonly string[] = []): Rule {
  const { source: { version: family }, expiresAt } = grant;
  const words = [...conditions, "-m", "comment", "--comment", timeMark(expiresAt), "-j", target, ...effect];
  return {
    key: ruleKey(family, table, chain, words),
    family, table, chain, kind, words, expiresAt, grant,
    subject: subjectOf(grant, kind.endsWith(" ALL") ? "*/*" : undefined),
  };
}

/**
 * Names what a rule opens, whenever it ends.
 *
 * @returns a key for Map
 */
export function ruleKey(family: Family, table: string, chain: string, words: readonly string[]): string {
  return `${family} ${table} ${chain} ${meaningOf(words)}`;
}

function protocol(spec: PortSpec): string[] {
  return ["-p", String(PROTOCOL_NUMBERS[spec.protocol])];
}

function endpoint(address: IpAddress, port: number): string {
  return address.version === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}
