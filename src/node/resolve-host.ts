/**
 * Names to addresses, IPv4 first: a server of the C program hears nothing else.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { printableText } from "../foreign-text.ts";
import { type IpAddress, parseIp } from "../ip.ts";
import { codeOf } from "./system-error.ts";

/** An address of a host. */
export interface HostAddress {
  readonly ip: IpAddress;
  /** As sockets take it; a link-local address keeps its zone (`fe80::1%eth0`). */
  readonly text: string;
}

/** The addresses of a host, at least one, or why there is none. */
export type ResolveResult =
  | { readonly ok: true; readonly addresses: readonly [HostAddress, ...HostAddress[]] }
  | {
    readonly ok: false;
    readonly reason: "unresolvable" | "timeout";
    /** As getaddrinfo(3) words it, and the name. */
    readonly message: string;
  };

const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Resolves a name, or reads an address.
 *
 * @param host name or address, an IPv6 address without brackets
 * @param options the family to keep to, and the time limit in milliseconds, 5000 when absent
 * @returns all addresses, those of IPv4 first
 */
export async function resolveHost(host: string, options: { readonly family?: 4 | 6 | undefined; readonly timeoutMs?: number }): Promise<ResolveResult> {
  const { family, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const shown = printableText(host);
  if (host === "" || host.includes("\0")) return unresolvable(`Name or service not known ('${shown}')`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), timeoutMs);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true, ...(family === undefined ? {} : { family }) }), late]);
    if (found === "late") return { ok: false, reason: "timeout", message: `No answer within ${timeoutMs} ms ('${shown}')` };
    const addresses = found.flatMap(({ address }) => {
      const ip = parseIp(address.replace(/%.*$/, ""));
      return ip === undefined || (family !== undefined && ip.version !== family) ? [] : [{ ip, text: address }];
    });
    const [first, ...rest] = [...addresses.filter(({ ip }) => ip.version === 4), ...addresses.filter(({ ip }) => ip.version === 6)];
    if (first === undefined) return unresolvable(`Address family for hostname not supported ('${shown}' has no IPv${family} address)`);
    return { ok: true, addresses: [first, ...rest] };
  } catch (error) {
    const again = codeOf(error) === "EAI_AGAIN";
    const wanted = family === undefined ? "" : ` as an IPv${family} host`;
    return unresolvable(`${again ? "Temporary failure in name resolution" : "Name or service not known"} ('${shown}'${wanted})`);
  } finally {
    clearTimeout(timer);
  }
}

function unresolvable(message: string): ResolveResult {
  return { ok: false, reason: "unresolvable", message };
}
