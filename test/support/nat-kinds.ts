/**
 * Every kind of NAT that a grant can have, for the hosts of the laboratory.
 *
 * @module
 */
import type { NatTarget } from "../../src/firewall/grant.ts";
import { ip } from "./firewall-fixture.ts";
import { GATEWAY, INNER, SERVER } from "./lab.ts";

/** A kind, and the port of the server at which it answers. */
export type NatKind = readonly [title: string, target: NatTarget, port: number];

/**
 * Makes a target behind the server.
 *
 * @param family of the laboratory's addresses
 * @param changes to DNAT to port 22 of the inner host
 */
export function natTarget(family: "v4" | "v6", changes: Partial<NatTarget> = {}): NatTarget {
  return { kind: "forward", address: ip(INNER[family]), port: 22, rewriteDestination: true, wholeHost: false, ...changes };
}

/** @returns the kinds that every firewall of Linux has */
export function natKinds(family: "v4" | "v6"): readonly NatKind[] {
  return [
    ["DNAT", natTarget(family), 2222],
    ["DNAT and SNAT", natTarget(family, { sourceNat: { kind: "snat", address: ip(GATEWAY[family]) } }), 2222],
    ["DNAT and MASQUERADE", natTarget(family, { sourceNat: { kind: "masquerade" } }), 2222],
    ["the whole host", natTarget(family, { wholeHost: true }), 22],
    ["another port of ours", natTarget(family, { kind: "local", address: ip(SERVER[family]), port: 80 }), 2222],
  ];
}
