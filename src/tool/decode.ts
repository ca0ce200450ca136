/**
 * `fko-tool decode`: what is in a packet.
 *
 * @module
 */

import type { OptionTable, Program } from "../cli/options.ts";
import { flag } from "../cli/values.ts";
import { DIGESTS, MESSAGE_TYPES, type Opened, openPacket, type Refusal } from "../fko.ts";
import { KEY_OPTIONS, type KeyOptions, type ReadyKeys } from "./packet-keys.ts";

/** The options. */
export interface DecodeOptions extends KeyOptions {
  json?: true;
  help?: true;
}

const OPTIONS: OptionTable<DecodeOptions> = {
  ...KEY_OPTIONS,
  json: { long: "json", value: flag, group: "output", doc: "Print one JSON object; a refusal too." },
  help: { long: "help", short: "h", value: flag, group: "output", doc: "Print this." },
};

/** The subcommand. */
export const DECODE: Program<DecodeOptions> = {
  name: "fko-tool decode",
  summary: "opens a packet and shows its fields",
  synopsis: ["[OPTION...] [PACKET|-]"],
  options: OPTIONS,
  groups: { keys: "Keys", output: "Output" },
  sections: [],
};

/**
 * Opens a packet.
 *
 * @param packet its text; blanks around it are overlooked
 * @param keys the keys
 * @returns the message, or the refusal
 */
export function decodePacket(packet: string, keys: ReadyKeys): Opened | Refusal {
  return openPacket(new TextEncoder().encode(packet.trim()), keys);
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
 * The same for people.
 *
 * @param fields the fields
 * @returns lines with their ends
 */
export function formatPacketFields(fields: PacketFields): string {
  const { label } = MESSAGE_TYPES[fields.messageType as keyof typeof MESSAGE_TYPES];
  const rows: readonly (readonly [string, string | number | null])[] = [
    ["Random Value", fields.random],
    ["Username", fields.username],
    ["Timestamp", `${fields.timestamp} (${new Date(fields.timestamp * 1000).toISOString()})`],
    ["FKO Version", fields.version],
    ["Message Type", `${fields.messageType} (${label})`],
    ["Message String", fields.message],
    ["Nat Access", fields.natAccess],
    ["Server Auth", fields.serverAuth],
    ["Client Timeout", fields.clientTimeout],
    ["Digest Type", fields.digestType],
    ["Digest", fields.digest],
    ["HMAC Type", fields.hmacType],
  ];
  return rows.map(([name, value]) => `${name.padStart(15)}: ${value ?? "<NULL>"}\n`).join("");
}
