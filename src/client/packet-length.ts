/**
 * How long a packet may be for older servers.
 *
 * @module
 */

import { SALTED_PREFIX } from "../fko.ts";
import type { ListedPacket } from "./listing.ts";

/** The C program's server takes text of so many characters for an OpenPGP message, whatever its stanza says. */
const C_OPENPGP_LENGTH = 400;

/**
 * Tells whether the C program's server takes a packet with a shared key for one with GnuPG, and refuses it. It looks at
 * the text as it came; for a command, at the text without the HMAC and with its prefix.
 *
 * @param listed the packet
 * @returns whether it is too long
 */
export function isTooLongForC(listed: ListedPacket): boolean {
  if (listed.mode === "asymmetric") return false;
  const { packet, hmac, message } = listed;
  const length = message.type === 0 && hmac !== undefined ? packet.length - hmac.text.length + SALTED_PREFIX.length : packet.length;
  return length >= C_OPENPGP_LENGTH;
}
