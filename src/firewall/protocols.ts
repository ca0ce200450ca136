/**
 * The transport protocols of grants, by name and by number.
 *
 * @module
 */

import type { PortSpec } from "./grant.ts";

/** IANA protocol numbers. */
export const PROTOCOL_NUMBERS: Readonly<Record<PortSpec["protocol"], number>> = { tcp: 6, udp: 17 };

const NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(Object.entries(PROTOCOL_NUMBERS).map(([name, number]) => [String(number), name]));

/**
 * Names a protocol: commands may give its number where listings give its name, or the other way round.
 *
 * @param word a word of a command or a listing
 * @returns the name of a protocol that grants are for; any other word as it is
 */
export function protocolName(word: string): string {
  return NAMES.get(word) ?? word;
}
