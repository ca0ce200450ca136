/**
 * `fko-tool encode`: makes a packet of its fields, and nothing else. For tests and for programs; `fwknop` is the client
 * that also sends.
 *
 * @module
 */

import { hexBytes } from "../bytes.ts";
import type { OptionTable, Parsed, Program } from "../cli/options.ts";
import { custom, flag, text } from "../cli/values.ts";
import { DIGEST_NAMES } from "../cli/vocabularies.ts";
import { type DigestType, encodeMessage, messageTypeOf, PROTOCOL_VERSION, sealMessage } from "../fko.ts";
import { printableText } from "../foreign-text.ts";
import { numberFrom, oneOf } from "./option-values.ts";
import { KEY_OPTIONS, type KeyOptions, type ReadyKeys } from "./packet-keys.ts";

/** The options. */
export interface EncodeOptions extends KeyOptions {
  digestType?: DigestType;
  user?: string;
  natAccess?: string;
  natLocal?: true;
  serverAuth?: string;
  /** Seconds. */
  timeout?: number;
  command?: true;
  random?: string;
  time?: number;
  salt?: Uint8Array;
  version?: string;
  help?: true;
}

/** What a receiver takes for a version, but for blanks. */
function protocolVersion(given: string): Parsed<string> {
  if (/^[!-9;-~]{1,8}$/.test(given)) return { ok: true, value: given };
  return { ok: false, message: `expected 1 to 8 characters without blanks and colons, got '${printableText(given)}'` };
}

const OPTIONS: OptionTable<EncodeOptions> = {
  ...KEY_OPTIONS,
  digestType: {
    long: "digest-type",
    value: /* @__PURE__ */ oneOf("DIGEST", DIGEST_NAMES),
    group: "fields",
    doc: "Digest inside the packet; sha256 unless given.",
  },
  user: { long: "user", value: /* @__PURE__ */ text("USER"), group: "fields", doc: "User name; fko-tool unless given." },
  natAccess: { long: "nat-access", value: /* @__PURE__ */ text("HOST,PORT"), group: "fields", doc: "The NAT field." },
  natLocal: { long: "nat-local", value: flag, group: "fields", doc: "The NAT field is for the server itself." },
  serverAuth: { long: "server-auth", value: /* @__PURE__ */ text("TEXT"), group: "fields", doc: "The server authentication field." },
  timeout: { long: "timeout", value: /* @__PURE__ */ numberFrom("SECONDS", 0, 65536), group: "fields", doc: "The client timeout field; 0 is none." },
  command: { long: "command", value: flag, group: "fields", doc: "The message is a command, not a request for ports." },
  random: {
    long: "random",
    value: /* @__PURE__ */ custom("DIGITS", (given) => (/^\d{16}$/.test(given) ? { ok: true, value: given } : { ok: false, message: `expected 16 digits, got '${printableText(given)}'` })),
    group: "fields",
    doc: "The random value; drawn anew unless given. A packet works once.",
  },
  time: { long: "time", value: /* @__PURE__ */ numberFrom("SECONDS", 0, 999999999999), group: "fields", doc: "Unix time; now unless given." },
  salt: {
    long: "salt",
    value: /* @__PURE__ */ custom("HEX", (given) => {
      const bytes = hexBytes(given);
      return bytes?.length === 8 ? { ok: true, value: bytes } : { ok: false, message: `expected 16 hexadecimal digits, got '${printableText(given)}'` };
    }),
    group: "fields",
    doc: "Salt of the key derivation; drawn anew unless given.",
  },
  version: { long: "protocol-version", value: /* @__PURE__ */ custom("VERSION", protocolVersion), group: "fields", doc: `The version field; ${PROTOCOL_VERSION} unless given. From 1.… on in the Perl programs' dialect.` },
  help: { long: "help", value: flag, group: "output", doc: "Print this." },
};

/** The subcommand. */
export const ENCODE: Program<EncodeOptions> = {
  name: "fko-tool encode",
  summary: "makes a packet of its fields",
  synopsis: ["[OPTION...] ADDRESS,PROTO/PORT[,PROTO/PORT...]"],
  options: OPTIONS,
  letters: { M: "encryptionMode", m: "digestType", U: "user", N: "natAccess", f: "timeout", h: "help" },
  groups: { keys: "Keys", fields: "Fields", output: "Output" },
};

/** What the world gives to a packet. */
export interface Chance {
  readonly random: string;
  readonly salt: Uint8Array;
  /** Unix time, seconds. */
  readonly now: number;
}

/**
 * Makes a packet.
 *
 * @param message `ADDRESS,PROTO/PORT[,…]` or `ADDRESS,COMMAND`
 * @param options the other fields
 * @param keys the keys
 * @param chance what the options leave open
 * @returns the packet
 * @throws {FkoError} when a field is outside what a receiver takes
 */
export function encodePacket(message: string, options: EncodeOptions, keys: ReadyKeys, chance: Chance): Parsed<string> {
  if (options.natLocal && options.natAccess === undefined) return { ok: false, message: "--nat-local: expected --nat-access too" };
  if (options.command && options.natAccess !== undefined) return { ok: false, message: "--command: expected no --nat-access" };
  const timeout = options.timeout || undefined;
  if (options.command && timeout !== undefined) return { ok: false, message: "--command: expected no --timeout" };
  const nat = options.natAccess === undefined ? "none" : options.natLocal ? "local" : "forward";
  const { plaintext } = encodeMessage({
    random: options.random ?? chance.random,
    username: options.user ?? "fko-tool",
    timestamp: options.time ?? chance.now,
    version: options.version ?? PROTOCOL_VERSION,
    type: messageTypeOf({ command: options.command ?? false, nat, timeout: timeout !== undefined }),
    message,
    ...(options.natAccess !== undefined && { natAccess: options.natAccess }),
    ...(options.serverAuth !== undefined && { serverAuth: options.serverAuth }),
    ...(timeout !== undefined && { clientTimeout: timeout }),
    digestType: options.digestType ?? "sha256",
  });
  return { ok: true, value: sealMessage(plaintext, { ...keys, salt: options.salt ?? chance.salt }) };
}
