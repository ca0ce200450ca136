/**
 * One knock of the port knocking of fwknop 1.9, as text and as what a packet bears.
 *
 * @module
 */

import { parsePortSpec } from "./access-message.ts";
import type { PortSpec } from "./firewall/grant.ts";
import { PROTOCOL_NUMBERS } from "./firewall/protocols.ts";

/** One knock; ICMP knows no ports. */
export type PortKnock = PortSpec | { readonly protocol: "icmp" };

/** IP protocol numbers, which are also what an encrypted sequence says. */
export const KNOCK_NUMBERS: Readonly<Record<PortKnock["protocol"], number>> = { ...PROTOCOL_NUMBERS, icmp: 1 };

/** Knocks of an encrypted sequence: `Salted__`, the salt, one block. */
export const ENCRYPTED_LENGTH = 32;
/** With a longer name there would be a second block, and servers hear one. */
export const MAX_USERNAME_BYTES = 7;
/** Other packets that a server takes in the midst of a sequence. A scan brings more. */
export const MAX_STRANGERS = 5;
/** Added to each byte of an encrypted sequence to make a port. */
export const DEFAULT_OFFSET = 61000;

/**
 * Reads `tcp/22`, `udp/53`, `icmp` and `icmp/0`, in any case.
 *
 * @param text the whole text
 * @returns the knock, or undefined when it is not of that form
 */
export function parseKnock(text: string): PortKnock | undefined {
  const lower = text.toLowerCase();
  return /^icmp(?:\/0)?$/.test(lower) ? { protocol: "icmp" } : parsePortSpec(lower);
}

/** @returns a knock as it is shown: `tcp/61083`, `icmp` */
export function formatKnock(knock: PortKnock): string {
  return knock.protocol === "icmp" ? knock.protocol : `${knock.protocol}/${knock.port}`;
}
