/**
 * Port knocking as fwknop 1.9 had it before single packets: the message is spelled by the ports that are tried. Whoever
 * sees the knocks can repeat them; it is here for servers that hear nothing else.
 *
 * @module
 */

import { parsePortSpec } from "../access-message.ts";
import { concatBytes, latin1Text, utf8Bytes, wipe } from "../bytes.ts";
import type { Parsed } from "../cli/options.ts";
import type { RcLine } from "../config/fwknoprc.ts";
import type { PortSpec } from "../firewall/grant.ts";
import { PROTOCOL_NUMBERS } from "../firewall/protocols.ts";
import { printableText } from "../foreign-text.ts";
import type { IpAddress } from "../ip.ts";
import { deriveKeyAndIv, fitPerlKey } from "../kdf.ts";
import { encryptRijndael, padPkcs7 } from "../rijndael.ts";

/** One knock; ICMP knows no ports. */
export type PortKnock = PortSpec | { readonly protocol: "icmp" };

/** What the encrypted ports say. */
export interface EncryptedKnocks {
  /** IPv4. */
  readonly address: IpAddress;
  readonly access: PortSpec;
  readonly username: string;
  readonly key: Uint8Array;
  /** 8 random bytes, fresh for each sequence. */
  readonly salt: Uint8Array;
  /** Added to each byte to make a port. */
  readonly offset: number;
  /** Whether every second knock is UDP. */
  readonly isRotated: boolean;
}

/** With a longer name there would be a second block, and servers hear 32 knocks only. */
const MAX_USERNAME_BYTES = 7;

/**
 * Spells a request in ports.
 *
 * @param options the request and the key, which is not changed
 * @returns 32 knocks
 */
export function encryptedKnocks(options: EncryptedKnocks): readonly PortKnock[] {
  const { address, access, username, offset } = options;
  const request = [...address.bytes, access.port >> 8, access.port & 0xff, PROTOCOL_NUMBERS[access.protocol]];
  const checksum = request.reduce((sum, byte) => sum + byte, 0) & 0xff;
  const plaintext = concatBytes(Uint8Array.from([...request, checksum]), utf8Bytes(username).subarray(0, MAX_USERNAME_BYTES));
  const passphrase = fitPerlKey(options.key);
  const { key, iv } = deriveKeyAndIv(passphrase, options.salt);
  const blob = concatBytes(utf8Bytes("Salted__"), options.salt, encryptRijndael(padPkcs7(plaintext), { mode: "cbc", key, iv }));
  wipe(passphrase, key, iv);
  return Array.from(blob, (byte, at) => ({ protocol: options.isRotated && at % 2 === 1 ? "udp" : "tcp", port: offset + byte }));
}

/**
 * Finds the sequence that is agreed with a server: a line `SERVER: tcp/5501, udp/1001, icmp` in front of the rc file's
 * stanzas.
 *
 * @param lines the rc file
 * @param server as the file must have it
 * @returns the knocks, or what is wrong
 */
export function sharedKnocks(lines: readonly RcLine[], server: string): Parsed<readonly PortKnock[]> {
  const texts = lines.flatMap(({ stanza, bytes, number }) => (stanza === undefined ? [{ number, text: latin1Text(bytes).trim() }] : []));
  const found = texts.find(({ text }) => text.startsWith(server) && /^\s*:/.test(text.slice(server.length)));
  if (server === "" || found === undefined) {
    return { ok: false, message: `--Server-mode shared: expected a line '${printableText(server) || "SERVER"}: tcp/5501, udp/1001, icmp' in front of the rc file's stanzas` };
  }
  const knocks: PortKnock[] = [];
  for (const word of found.text.slice(server.length).replace(/^\s*:/, "").split(",").map((part) => part.trim())) {
    const knock = word === "icmp" ? { protocol: word } as const : parsePortSpec(word);
    if (knock === undefined) return { ok: false, message: `--Server-mode shared: expected tcp/PORT, udp/PORT or icmp in line ${found.number} of the rc file, got '${printableText(word)}'` };
    knocks.push(knock);
  }
  return { ok: true, value: knocks };
}

/** @returns a knock as it is shown: `tcp/61083`, `icmp` */
export function formatKnock(knock: PortKnock): string {
  return knock.protocol === "icmp" ? knock.protocol : `${knock.protocol}/${knock.port}`;
}
