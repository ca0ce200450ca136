/**
 * How long a packet may be, for older servers or because the user says so.
 *
 * @module
 */

import type { ServerProto } from "../cli/client-options.ts";
import { SALTED_PREFIX } from "../fko-packet.ts";
import type { ListedPacket } from "./listing.ts";
import type { ClientSettings } from "./settings.ts";

/** The C program's server believes that text of this length is an OpenPGP message, whatever its stanza says. */
const C_OPENPGP_LENGTH = 400;

/**
 * Tells whether the C program's server mistakes a packet with a shared key for one of GnuPG, and refuses it. It counts
 * the text as it came; of a command, the text without the HMAC and with its prefix.
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

/**
 * Compares a packet with `--Max-packet-size`. Over HTTP it is a path, which begins with a slash.
 *
 * @param packet its text
 * @param transport how it is to travel
 * @param settings whether there is a limit
 * @returns one line about the limit, or undefined when the packet keeps to it
 */
export function checkPacketSize(packet: string, transport: ServerProto, settings: ClientSettings): string | undefined {
  const length = packet.length + (transport === "http" ? 1 : 0);
  const { maxPacketSize: limit } = settings;
  return limit === undefined || length <= limit ? undefined : `--Max-packet-size: the packet has ${length} bytes, more than ${limit}; ask for less`;
}
