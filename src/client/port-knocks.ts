/**
 * Port knocking as fwknop 1.9 had it before single packets: the message is spelled by the ports that are tried. Whoever
 * sees the knocks can repeat them; it is here for servers that hear nothing else.
 *
 * @module
 */

import { concatBytes, utf8Bytes, utf8OrLatin1Text, wipe } from "../bytes.ts";
import type { Parsed } from "../cli/options.ts";
import type { RcLine } from "../config/fwknoprc.ts";
import { encryptSalted } from "../fko-packet.ts";
import { printableText } from "../foreign-text.ts";
import { equalIp, type IpAddress, parseIp } from "../ip.ts";
import { KNOCK_NUMBERS, MAX_USERNAME_BYTES, parseKnock, type PortKnock } from "../port-knock.ts";

/** What the encrypted ports say. */
export interface EncryptedKnocks {
  /** IPv4. */
  readonly address: IpAddress;
  /** What is to be opened; ICMP is told as port 0. */
  readonly access: PortKnock;
  readonly username: string;
  readonly key: Uint8Array;
  /** 8 random bytes, fresh for each sequence. */
  readonly salt: Uint8Array;
  /** Added to each byte to make a port. */
  readonly offset: number;
  /** Whether every second knock is UDP. */
  readonly isRotated: boolean;
}

/**
 * Spells a request in ports.
 *
 * @param options the request and the key, which is not changed
 * @returns 32 knocks
 */
export function encryptedKnocks(options: EncryptedKnocks): readonly PortKnock[] {
  const { address, access, username, offset } = options;
  const port = access.protocol === "icmp" ? 0 : access.port;
  const request = [...address.bytes, port >> 8, port & 0xff, KNOCK_NUMBERS[access.protocol]];
  const checksum = request.reduce((sum, byte) => sum + byte, 0) & 0xff;
  const plaintext = concatBytes(Uint8Array.from([...request, checksum]), utf8Bytes(username).subarray(0, MAX_USERNAME_BYTES));
  const blob = encryptSalted(plaintext, { mode: "perl", key: options.key, salt: options.salt });
  wipe(plaintext);
  return Array.from(blob, (byte, at) => ({ protocol: options.isRotated && at % 2 === 1 ? "udp" : "tcp", port: offset + byte }));
}

/**
 * Finds the sequence that is agreed with a server: a line `SERVER: tcp/5501, udp/1001, icmp` in front of the rc file's
 * stanzas, where nothing else is read.
 *
 * @param lines the rc file
 * @param server as the user named it
 * @param address what that name stands for, if it is known: the line may name the server by it
 * @returns the knocks, or what is wrong
 */
export function sharedKnocks(lines: readonly RcLine[], server: string, address?: IpAddress): Parsed<readonly PortKnock[]> {
  const isServer = (name: string): boolean => {
    const named = parseIp(name);
    return name.toLowerCase() === server.toLowerCase() || (named !== undefined && address !== undefined && equalIp(named, address));
  };
  for (const { kind, stanza, bytes, number } of lines) {
    const [, name, list] = kind === "ignored" || stanza !== undefined ? [] : /^\s*([^\s:]+)\s*:\s*(.*?)\s*$/.exec(utf8OrLatin1Text(bytes)) ?? [];
    if (name === undefined || !isServer(name)) continue;
    const words = list!.split(",").map((word) => word.trim());
    const knocks = words.map(parseKnock);
    const wrong = knocks.indexOf(undefined);
    return wrong < 0
      ? { ok: true, value: knocks as readonly PortKnock[] }
      : { ok: false, message: `--Server-mode shared: expected tcp/PORT, udp/PORT or icmp in line ${number} of the rc file, got '${printableText(words[wrong]!)}'` };
  }
  return { ok: false, message: `--Server-mode shared: expected a line '${printableText(server) || "SERVER"}: tcp/5501, udp/1001, icmp' in front of the rc file's stanzas` };
}
