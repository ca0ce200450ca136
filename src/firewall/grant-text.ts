/**
 * A grant in words, as log lines and the commands of most firewalls have it.
 *
 * @module
 */

import { containsIp, formatIp, type IpAddress, parseIpNetwork } from "../ip.ts";
import type { Grant } from "./grant.ts";

/**
 * Names who may enter.
 *
 * @returns `10.1.2.3`, or `10.1.2.0/24`
 */
export function sourceText({ source, sourcePrefix }: Grant): string {
  return sourcePrefix === undefined ? formatIp(source) : `${formatIp(source)}/${sourcePrefix}`;
}

/**
 * Names the addresses of ours that may be reached.
 *
 * @returns `192.0.2.1`, or `0.0.0.0/0` when it is all of them
 */
export function destinationText({ source, destination }: Grant): string {
  return addressText(source.version, destination);
}

/**
 * Names an address, or all of its family.
 *
 * @param family the family
 * @param address undefined for all
 */
export function addressText(family: IpAddress["version"], address: IpAddress | undefined): string {
  if (address !== undefined) return formatIp(address);
  return family === 4 ? "0.0.0.0/0" : "::/0";
}

/**
 * Names what was asked for.
 *
 * @returns `tcp/22,udp/53`
 */
export function requestText({ ports }: Grant): string {
  return ports.map(({ protocol, port }) => `${protocol}/${port}`).join(",");
}

/**
 * Says who may reach what.
 *
 * @param grant the grant
 * @param request what of its ports; all of them when absent
 * @returns `10.1.2.3 -> 0.0.0.0/0 tcp/22`
 */
export function subjectOf(grant: Grant, request: string = requestText(grant)): string {
  return `${sourceText(grant)} -> ${destinationText(grant)} ${request}`;
}

/**
 * Tells whether an address is one of those that a text names.
 *
 * @param text as {@link sourceText} or a listing has it; may be any word
 * @param address who asks
 */
export function standsFor(text: string, address: IpAddress): boolean {
  const network = parseIpNetwork(text);
  return "mask" in network && containsIp(network, address);
}

/**
 * Tells whether a rule is for an address.
 *
 * @param words the words of the rule
 * @param before the words that an address or a network comes after
 * @param address who asks
 */
export function isFor(words: readonly string[], before: readonly string[], address: IpAddress): boolean {
  return words.some((word, at) => before.includes(word) && standsFor(words[at + 1] ?? "", address));
}
