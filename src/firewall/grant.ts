/**
 * A grant: who may reach what, until when. The one noun that the firewall knows; it does not
 * know what an SPA packet is.
 *
 * @module
 */

import { type IpAddress, isUnspecifiedIp } from "../ip.ts";

/** A port of one transport protocol. */
export interface PortSpec {
  readonly protocol: "tcp" | "udp";
  /** 1..65535 */
  readonly port: number;
}

/** How the source of forwarded packets is rewritten. */
export type SourceNat = { readonly kind: "snat"; readonly address: IpAddress } | { readonly kind: "masquerade" };

/** Where granted traffic is sent instead of to this host. */
export interface NatTarget {
  /** `forward`: to another host; `local`: to another port of this one, through INPUT. */
  readonly kind: "forward" | "local";
  /** The unspecified address: wherever the packets are going anyway. */
  readonly address: IpAddress;
  readonly port: number;
  /** Rewrite the destination; off with DISABLE_DNAT. */
  readonly rewriteDestination: boolean;
  /** Open the whole host, every protocol and port, instead of the requested one (FORWARD_ALL). */
  readonly wholeHost: boolean;
  readonly sourceNat?: SourceNat;
}

/** One answered request. */
export interface Grant {
  /** The address that may enter; with `sourcePrefix` the first of them. */
  readonly source: IpAddress;
  /** A whole network may enter: so many leading bits of `source` count (GRANT_PREFIX_V4, GRANT_PREFIX_V6). */
  readonly sourcePrefix?: number;
  /** Ends with the first connection that it lets in (GRANT_USES). */
  readonly once?: true;
  /** Restricts the grant to one address of ours (ENABLE_DESTINATION_RULE). */
  readonly destination?: IpAddress;
  /** What was asked for, at least one. With `nat` only the first counts. */
  readonly ports: readonly PortSpec[];
  readonly nat?: NatTarget;
  /** No rule for the answers, although the firewall has a place for them (ENABLE_OUTPUT_ACCESS). */
  readonly withoutOutput?: true;
  /** Its holder wants it to end now: one that lasts longer is shortened to this end (`fwknop --close`). */
  readonly endsEarlier?: true;
  /** Unix time, seconds, at which the grant ends. */
  readonly expiresAt: number;
}

/**
 * Tells where packets are sent.
 *
 * @returns undefined when it is no address: without NAT, or for wherever they are going anyway
 */
export function targetOf(nat: NatTarget | undefined): IpAddress | undefined {
  return nat === undefined || isUnspecifiedIp(nat.address) ? undefined : nat.address;
}

/** The address that forwarded packets seem to come from, where it is a certain one. */
export function snatAddressOf(nat: NatTarget | undefined): IpAddress | undefined {
  return nat?.sourceNat?.kind === "snat" ? nat.sourceNat.address : undefined;
}

/**
 * Tells whether a whole host is opened. What is rewritten for this host stays with its port: the rest of the host is no
 * part of the request.
 */
export function isForWholeHost({ wholeHost, kind }: NatTarget): boolean {
  return wholeHost && kind === "forward";
}
