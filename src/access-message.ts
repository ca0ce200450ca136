/**
 * What stands inside a message's text fields: who asks, for which ports, to which inner host.
 *
 * Grammar: `ip,proto/port[,proto/port…]` for access, `ip,command` for commands, `host,port` for NAT. Stricter than C,
 * which takes octal octets and short addresses; wider in one thing: IPv6.
 *
 * @module
 */

import type { PortSpec } from "./firewall/grant.ts";
import { describeFkoError } from "./fko-error-texts.ts";
import { type IpAddress, parseIp } from "./ip.ts";

/** A text that is not of the grammar, with libfko's number and words. */
export interface Malformed {
  readonly ok: false;
  readonly code: number;
  readonly reason: string;
}

const malformed = (code: number): Malformed => ({ ok: false, code, reason: describeFkoError(code) });

/** `ip,proto/port[,…]`, read. */
export interface AccessRequest {
  readonly ok: true;
  /** The address to open for; `0.0.0.0` and `::` stand for the packet's source. */
  readonly address: IpAddress;
  readonly ports: readonly PortSpec[];
}

/**
 * Reads the message of an access request.
 *
 * @param text the message field
 * @returns address and ports, or why not
 */
export function parseAccessMessage(text: string): AccessRequest | Malformed {
  const [head, ...specs] = text.split(",");
  const address = parseIp(head!);
  if (address === undefined) return malformed(100);
  const ports = specs.map(parsePortSpec);
  return ports.length > 0 && ports.every((port) => port !== undefined) ? { ok: true, address, ports } : malformed(102);
}

/**
 * Reads `tcp/22`.
 *
 * @param text lower-case protocol, slash, port 1..65535
 * @returns the port, or undefined when it is not of that form
 */
export function parsePortSpec(text: string): PortSpec | undefined {
  const protocol = text.slice(0, 3);
  const digits = text.slice(4);
  const port = isDecimal(digits) && digits.length <= 5 ? Number(digits) : 0;
  return (protocol === "tcp" || protocol === "udp") && text[3] === "/" && port >= 1 && port <= 65535 ? { protocol, port } : undefined;
}

/**
 * Tells whether a text is a number of decimal digits. No regular expression: a client that makes one packet takes longer to
 * compile one than to look at the digits.
 *
 * @param text any text
 * @returns whether it is
 */
export function isDecimal(text: string): boolean {
  for (const character of text) if (character < "0" || character > "9") return false;
  return text !== "";
}

/** `ip,command`, read. */
export interface CommandRequest {
  readonly ok: true;
  readonly address: IpAddress;
  readonly command: string;
}

/**
 * Reads the message of a command request.
 *
 * @param text the message field
 * @returns address and command, or why not
 */
export function parseCommandMessage(text: string): CommandRequest | Malformed {
  const comma = text.indexOf(",");
  if (comma < 0) return malformed(101);
  const address = parseIp(text.slice(0, comma));
  const command = text.slice(comma + 1);
  if (address === undefined) return malformed(100);
  return command.trim() === "" ? malformed(101) : { ok: true, address, command };
}

/** `host,port`, read. */
export interface NatRequest {
  readonly ok: true;
  /** An address or a host name; empty from a client that was told of no server. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads the NAT field.
 *
 * @param text the field
 * @returns host and port, or why not
 */
export function parseNatAccess(text: string): NatRequest | Malformed {
  const [, host, digits] = /^([^,\s/?"'\\]{0,70}),(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65535 ? { ok: true, host, port } : malformed(103);
}
