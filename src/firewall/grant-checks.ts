/**
 * Checks of grants that every firewall makes.
 *
 * @module
 */

import { formatIp, type IpAddress, isUnspecifiedIp } from "../ip.ts";
import type { Grant } from "./grant.ts";
import { LATEST_END } from "./time-mark.ts";

/**
 * Checks what no caller may get wrong.
 *
 * @throws {RangeError} when the grant has no ports, impossible ones, or no end
 */
export function checkGrant(grant: Grant): void {
  if (grant.ports.length === 0) throw new RangeError("Cannot plan a grant: expected at least one port, got none");
  const ports = grant.ports.map((spec) => spec.port);
  if (grant.nat !== undefined && !grant.nat.wholeHost) ports.push(grant.nat.port);
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(`Cannot plan a grant: expected a port of 1 to 65535, got ${port}`);
  }
  if (!Number.isInteger(grant.expiresAt) || grant.expiresAt < 0 || grant.expiresAt > LATEST_END) {
    throw new RangeError(`Cannot plan a grant: expected its end in whole seconds since 1970, got ${grant.expiresAt}`);
  }
}

/**
 * Tells why no rule can be made of the addresses of a grant.
 *
 * @param grant who may reach what
 * @param others further addresses of it, by what they are; absent ones do not matter
 * @param can what the firewall can do that not all can
 * @returns the reason, or undefined when all is well
 */
export function addressProblem(
  { source, sourcePrefix, once }: Grant,
  others: readonly (readonly [what: string, address: IpAddress | undefined])[],
  can: { readonly networks?: true; readonly once?: true } = {},
): string | undefined {
  if (once && can.once === undefined) return "this firewall does not count connections, which GRANT_USES needs";
  if (sourcePrefix !== undefined && can.networks === undefined) return "grants for whole networks (GRANT_PREFIX_V4, GRANT_PREFIX_V6) cannot be made with this firewall";
  if (isUnspecifiedIp(source)) return `no rule can be made for the address ${formatIp(source)}, which stands for none`;
  for (const [what, address] of others) {
    if (address !== undefined && address.version !== source.version) {
      return `the ${what} ${formatIp(address)} is no IPv${source.version} address, but ${formatIp(source)} is`;
    }
  }
  return undefined;
}

/**
 * Tells why a firewall that only lets packets in cannot do a grant, in the words of the C program.
 *
 * @param grant who may reach what
 * @returns the reason, or undefined when it can
 */
export function plainAccessProblem(grant: Grant): string | undefined {
  if (grant.nat?.kind === "local") return "Local NAT requests are not currently supported.";
  if (grant.nat !== undefined) return "Forwarding/NAT requests are not currently supported.";
  return addressProblem(grant, [["destination", grant.destination]], { networks: true });
}
