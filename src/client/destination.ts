/**
 * Names of hosts with a port behind them.
 *
 * @module
 */

import type { ClientSettings } from "./settings.ts";

/** A host, and the port that was named with it. */
export interface HostPort {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** The text behind the colon. */
  readonly port?: string;
}

/**
 * Takes `host:port`, `[2001:db8::1]:port` and bare hosts apart. Text with several colons and no brackets is an IPv6
 * address without a port.
 *
 * @param text as the user typed it
 * @returns host and port; neither is checked
 */
export function splitHostPort(text: string): HostPort {
  const bracketed = text.startsWith("[") ? /^\[([^\]]*)\](?::(.*))?$/.exec(text) : null;
  if (bracketed !== null) return { host: bracketed[1]!, ...(bracketed[2] !== undefined && { port: bracketed[2] }) };
  const at = text.indexOf(":");
  if (at < 0 || at !== text.lastIndexOf(":")) return { host: text };
  return { host: text.slice(0, at), port: text.slice(at + 1) };
}

/**
 * Reads a port.
 *
 * @param text the whole text
 * @param min the least port taken
 * @returns min..65535, or undefined
 */
export function parsePort(text: string, min: 0 | 1 = 1): number | undefined {
  const port = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return port >= min && port <= 65535 ? port : undefined;
}

/**
 * The server, as the user names it.
 *
 * @param settings with `-D` or SPA_SERVER
 * @returns its name, and its port where `-D` names one; with a port that is none all of the text is the name
 */
export function destinationOf(settings: ClientSettings): { readonly host: string; readonly port?: number } {
  const { host, port: text } = splitHostPort(settings.destination ?? "");
  const port = text === undefined ? undefined : parsePort(text);
  return text !== undefined && port === undefined ? { host: settings.destination! } : { host, ...(port !== undefined && { port }) };
}

/** A label of a host name, as the C client takes it. */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

/**
 * Tells whether a text has the form of a host name. That of an address in numbers is the same.
 *
 * @param text the whole text
 * @returns whether it has
 */
export function isHostName(text: string): boolean {
  return new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`).test(text);
}

/**
 * Tells whether a text is to be looked up as a name. What ends in a number is an address, or one misspelt: `256.1.1.1`,
 * and `010.1` or `0x7f.1`, which a resolver would take.
 *
 * @param text the whole text
 * @returns whether it is
 */
export function isResolvableName(text: string): boolean {
  return isHostName(text) && !/(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(text);
}
