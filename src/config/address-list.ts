/**
 * Lists of addresses and networks, as SOURCE, DESTINATION and BLACKLIST hold them.
 *
 * `item *("," item)`, blanks around items skipped; an item is `ANY`, an address or a network of either family; after `!`
 * (fwknop 1.x) it takes away instead of adding.
 *
 * @module
 */

import { printableText } from "../foreign-text.ts";
import { containsIp, type IpAddress, type IpNetwork, type IpNetworkRefusal, parseIpNetwork } from "../ip.ts";
import type { ParsedValue } from "./variable.ts";

/** Addresses, given by networks. */
export interface AddressList {
  /** As it was written, for messages. */
  readonly text: string;
  /** All addresses of both families, whatever `networks` says. */
  readonly any: boolean;
  readonly networks: readonly IpNetwork[];
  /** What is not in the list although it would be. */
  readonly except: readonly IpNetwork[];
}

/**
 * Tells whether an address is in a list.
 *
 * @param list as {@link parseAddressList} made it
 * @param ip the address
 * @returns whether it is meant and not excepted
 */
export function matchesAddressList(list: AddressList, ip: IpAddress): boolean {
  const isIn = (network: IpNetwork): boolean => containsIp(network, ip);
  return (list.any || list.networks.some(isIn)) && !list.except.some(isIn);
}

/** The C daemon's words for what is wrong with an item. */
const REFUSALS: Readonly<Record<IpNetworkRefusal["reason"], (text: string) => string>> = {
  "bad-address": (text) => `Fatal error parsing IP to int for: ${text === "" ? "an empty item" : text}`,
  "missing-mask": (text) => `Missing mask value. ${text}`,
  "bad-prefix-length": (text) => `Invalid IP mask str '${text}'.`,
  "bad-dotted-mask": (text) => `Fatal error parsing IP mask to int for: ${text}`,
};

/**
 * Reads a list.
 *
 * @param text the whole value
 * @returns the list, or what is wrong with which item
 */
export function parseAddressList(text: string): ParsedValue<AddressList> {
  let any = false;
  const networks: IpNetwork[] = [];
  const except: IpNetwork[] = [];
  let offset = 0;
  for (const part of text.split(",")) {
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    const [, not, item] = /^(!?)\s*(.*)$/s.exec(part.trim())!;
    if (item!.toUpperCase() === "ANY" && not === "") {
      any = true;
      continue;
    }
    const network = parseIpNetwork(item!);
    if ("reason" in network) return { ok: false, offset: at, message: REFUSALS[network.reason](printableText(network.text)) };
    (not === "" ? networks : except).push(network);
  }
  if (!any && networks.length === 0) return { ok: false, message: "The list names only what is not in it; begin it with ANY" };
  return { ok: true, value: { text, any, networks, except } };
}
