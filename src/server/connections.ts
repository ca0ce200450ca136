/**
 * Connections as the kernel's tracker lists them, and which grants they belong to (ENABLE_CONNTRACK_PERSIST).
 *
 * @module
 */

import type { Grant } from "../firewall/grant.ts";
import { equalIp, type IpAddress, networkStart, parseIp } from "../ip.ts";

/** An established TCP connection. */
export interface Connection {
  readonly source: IpAddress;
  /** As its client sees it, before any NAT. */
  readonly port: number;
  /** As its server sees it, after NAT. */
  readonly innerPort: number;
}

const FIELD = / (src|dst|sport|dport)=(\S+)/g;

/**
 * Reads what `conntrack -L` prints, or /proc/net/nf_conntrack.
 *
 * @param text the listing
 * @returns the established TCP connections; other lines are passed over
 */
export function parseConnections(text: string): readonly Connection[] {
  const connections: Connection[] = [];
  for (const line of text.split("\n")) {
    if (!/(?:^|\s)tcp\s.*\sESTABLISHED\s/.test(line)) continue;
    // Twice four fields: the way there, and the way that answers take.
    const fields = [...line.matchAll(FIELD)];
    const values = (name: string): readonly string[] => fields.filter((field) => field[1] === name).map((field) => field[2]!);
    const source = parseIp(values("src")[0] ?? "");
    const [port, innerPort] = [Number(values("dport")[0]), Number(values("sport")[1] ?? values("dport")[0])];
    if (source !== undefined && Number.isInteger(port) && Number.isInteger(innerPort)) connections.push({ source, port, innerPort });
  }
  return connections;
}

/**
 * Tells whether a connection came in by a grant and still lasts.
 *
 * @param grant who may reach what
 * @param connections those that are established
 * @param ports CONNTRACK_ESTAB_PORTS; empty for every port that was granted
 */
export function isInUse(grant: Grant, connections: readonly Connection[], ports: readonly number[]): boolean {
  return connections.some(({ source, port, innerPort }) => {
    const isGranted = grant.nat?.wholeHost === true || grant.ports.some((spec) => spec.protocol === "tcp" && spec.port === port);
    return mayEnter(grant, source) && isGranted && (ports.length === 0 || ports.includes(port) || ports.includes(innerPort));
  });
}

function mayEnter({ source, sourcePrefix }: Grant, address: IpAddress): boolean {
  return equalIp(source, sourcePrefix === undefined || address.version !== source.version ? address : networkStart(address, sourcePrefix));
}
