/**
 * A packet as the request that a browser or `curl` sends.
 *
 * @module
 */

import { requestPath } from "../src/http-request.ts";

/** Where a packet goes. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Name or address, without brackets. */
  readonly server: string;
  readonly port: number;
}

const USUAL_PORTS = { http: 80, https: 443 } as const;

function authority({ scheme, server, port }: Target): string {
  const host = server.includes(":") ? `[${server}]` : server;
  return port === USUAL_PORTS[scheme] ? host : `${host}:${port}`;
}

/**
 * The address that carries a packet.
 *
 * @param target where
 * @param packet base64; `+` and `/` travel as `-` and `_`
 * @returns the URL
 */
export function knockUrl(target: Target, packet: string): string {
  return `${target.scheme}://${authority(target)}${requestPath(packet)}`;
}

/**
 * The request's head. The browser adds lines of its own, which differ between browsers and which no server looks at.
 *
 * @param target where
 * @param packet base64
 * @returns its lines
 */
export function requestText(target: Target, packet: string): string {
  const path = new URL(knockUrl(target, packet)).pathname;
  return `GET ${path} HTTP/1.1\nHost: ${authority(target)}\n`;
}

/**
 * The same request by `curl`, from a terminal. Its User-Agent is the one that servers without ALLOW_ANY_USER_AGENT want.
 *
 * @param target where
 * @param packet base64
 * @returns the command line
 */
export function curlLine(target: Target, packet: string): string {
  // In quotes for the brackets of an IPv6 address; nothing else in such a URL means anything to a shell.
  return `curl -gs -o /dev/null -A Fwknop '${knockUrl(target, packet)}'`;
}

/** From that length on the C daemon takes a packet for an OpenPGP one. */
const C_LIMIT = 400;

/**
 * Says when a packet is one that some servers drop without a word.
 *
 * @param packet base64
 * @returns a sentence, or none
 */
export function lengthWarning(packet: string): string[] {
  const { length } = packet;
  return length < C_LIMIT ? [] : [`The packet has ${length} characters: fwknopd in C drops more than ${C_LIMIT - 1}. Fewer ports or shorter digests make it shorter.`];
}

/**
 * How a page may send: `fetch` says whether the request was delivered; opening the address is what is left to a page
 * from https, which may not call plain http (mixed content).
 *
 * @param pageProtocol of the page, `https:`
 * @param target where
 * @returns the way
 */
export function sendingWay(pageProtocol: string, target: Target): "fetch" | "navigation" {
  return pageProtocol === "https:" && target.scheme === "http" ? "navigation" : "fetch";
}

/** Ports of web servers: a page can see whether one answers. */
const WEB_PORTS: Readonly<Record<string, "http" | "https">> = {
  "tcp/80": "http", "tcp/8000": "http", "tcp/8080": "http", "tcp/8888": "http", "tcp/443": "https", "tcp/8443": "https",
};

/**
 * The first of the opened ports that a page could look at.
 *
 * @param open what was asked for, `tcp/443` and so on
 * @param server the host
 * @returns its address, or undefined when none is a web server's
 */
export function probeUrl(open: readonly string[], server: string): string | undefined {
  const spec = open.find((candidate) => candidate in WEB_PORTS);
  return spec === undefined ? undefined : `${WEB_PORTS[spec]}://${authority({ scheme: WEB_PORTS[spec]!, server, port: Number(spec.slice(4)) })}/`;
}
