/**
 * Connections as the kernel's tracker lists them, and which grants they belong to (ENABLE_CONNTRACK_PERSIST).
 *
 * @module
 */

import type { Grant } from "../firewall/grant.ts";
import { equalIp, type IpAddress, isUnspecifiedIp, networkStart, parseIp } from "../ip.ts";

/** An established TCP connection. */
export interface Connection {
  readonly source: IpAddress;
  /** As its client sees it, before any NAT. */
  readonly port: number;
  /** Its server and port as they are after NAT. */
  readonly inner: IpAddress;
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
    const [source, inner] = [parseIp(values("src")[0] ?? ""), parseIp(values("src")[1] ?? values("dst")[0] ?? "")];
    const [port, innerPort] = [Number(values("dport")[0]), Number(values("sport")[1] ?? values("dport")[0])];
    if (source !== undefined && inner !== undefined && Number.isInteger(port) && Number.isInteger(innerPort)) connections.push({ source, port, inner, innerPort });
  }
  return connections;
}

/**
 * Tells whether a connection came in by a grant and still lasts.
 *
 * @param grant who may reach what
 * @param connections those that are established
 * @param ports CONNTRACK_ESTAB_PORTS; empty for every port that was granted
 * @returns whether there is such a connection
 */
export function isInUse(grant: Grant, connections: readonly Connection[], ports: readonly number[]): boolean {
  const { source, sourcePrefix } = grant;
  return connections.some((connection) => {
    const client = sourcePrefix === undefined || connection.source.version !== source.version ? connection.source : networkStart(connection.source, sourcePrefix);
    const isWanted = ports.length === 0 || ports.includes(connection.port) || ports.includes(connection.innerPort);
    return isWanted && equalIp(client, source) && admits(grant, connection);
  });
}

/** Whether a grant lets its holder connect there. */
function admits({ ports, nat }: Grant, { port, inner }: Connection): boolean {
  if (nat === undefined) return ports.some((spec) => spec.protocol === "tcp" && spec.port === port);
  if (nat.wholeHost && nat.kind === "forward") return isUnspecifiedIp(nat.address) || equalIp(inner, nat.address);
  const requested = ports[0]!;
  return requested.protocol === "tcp" && port === (nat.rewriteDestination ? requested.port : nat.port);
}
