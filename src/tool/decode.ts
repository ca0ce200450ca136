/**
 * `fko-tool decode`: what is in a packet.
 *
 * @module
 */

import { utf8Bytes } from "../bytes.ts";
import type { OptionTable, Program } from "../cli/options.ts";
import { flag } from "../cli/values.ts";
import { formatPacketListing } from "../client/listing.ts";
import { DIGESTS, type Opened, openPacket, type Refusal } from "../fko.ts";
import { KEY_OPTIONS, type KeyOptions, type ReadyKeys } from "./packet-keys.ts";

/** The options. */
export interface DecodeOptions extends KeyOptions {
  json?: true;
  help?: true;
}

const OPTIONS: OptionTable<DecodeOptions> = {
  ...KEY_OPTIONS,
  json: { long: "json", value: flag, group: "output", doc: "Print one JSON object; a refusal too." },
  help: { long: "help", value: flag, group: "output", doc: "Print this." },
};

/** The subcommand. */
export const DECODE: Program<DecodeOptions> = {
  name: "fko-tool decode",
  summary: "opens a packet and shows its fields",
  synopsis: ["[OPTION...] [PACKET|-]"],
  options: OPTIONS,
  letters: { M: "encryptionMode", h: "help" },
  groups: { keys: "Keys", output: "Output" },
};

/**
 * The packet in what somebody pasted: blanks around it go, and it may be spelled as in HTTP or stand in its request, as
 * captures and logs of web servers show it.
 */
function packetIn(pasted: string): string {
  const text = /^GET \S*\/(\S*)/i.exec(pasted.trim())?.[1] ?? pasted.trim();
  return text.replaceAll("-", "+").replaceAll("_", "/");
}

/**
 * Opens a packet.
 *
 * @param packet its text, or an HTTP request with it
 * @param keys the keys
 * @returns the message, or the refusal
 */
export function decodePacket(packet: string, keys: ReadyKeys): Opened | Refusal {
  return openPacket(utf8Bytes(packetIn(packet)), keys);
}

/** A packet's fields as `--json` shows them; what is absent is null. */
export interface PacketFields {
  readonly random: string;
  readonly username: string;
  readonly timestamp: number;
  readonly version: string;
  readonly messageType: number;
  readonly message: string;
  readonly natAccess: string | null;
  readonly serverAuth: string | null;
  readonly clientTimeout: number | null;
  readonly digest: string;
  readonly digestType: string;
  readonly hmacType: string | null;
}

/**
 * The fields of an opened packet.
 *
 * @param opened what {@link decodePacket} gave
 * @param keys the keys that opened it
 * @returns the object that `--json` prints
 */
export function packetFields({ message, digest }: Opened, keys: ReadyKeys): PacketFields {
  return {
    random: message.random,
    username: message.username,
    timestamp: message.timestamp,
    version: message.version,
    messageType: message.type,
    message: message.message,
    natAccess: message.natAccess ?? null,
    serverAuth: message.serverAuth ?? null,
    clientTimeout: message.clientTimeout ?? null,
    digest,
    digestType: DIGESTS[message.digestType].label,
    hmacType: keys.hmacType === undefined ? null : DIGESTS[keys.hmacType].label,
  };
}

/**
 * The same for people, in the layout of the client's listings.
 *
 * @param packet the packet's text
 * @param opened what {@link decodePacket} gave
 * @param keys the keys that opened it
 * @returns lines
 */
export function formatOpened(packet: string, { message, encoded, digest }: Opened, keys: ReadyKeys): string {
  const text = packetIn(packet);
  const hmac = keys.hmacType && { type: keys.hmacType, text: text.slice(-DIGESTS[keys.hmacType].wireLength) };
  return formatPacketListing({ message, encoded, digest, mode: keys.mode, packet: text, ...(hmac && { hmac }) });
}
