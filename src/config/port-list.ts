/**
 * Lists of ports, as OPEN_PORTS and RESTRICT_PORTS hold them: `tcp/22, udp/53, tcp/6000-6010`.
 *
 * @module
 */

import type { PortSpec } from "../firewall/grant.ts";
import { printableText } from "../foreign-text.ts";
import type { ParsedValue } from "./variable.ts";

/** Consecutive ports of one protocol. */
export interface PortRange {
  readonly protocol: PortSpec["protocol"];
  /** 1..65535 */
  readonly first: number;
  /** `first`..65535 */
  readonly last: number;
}

/** Ports, given by ranges. */
export interface PortList {
  /** As it was written, for messages. */
  readonly text: string;
  readonly ranges: readonly PortRange[];
}

/**
 * Tells whether a port is in a list. A port that is listed twice is in it like any other; C counts matches, so that
 * there `tcp/22,tcp/22` grants `tcp/22,tcp/80`.
 *
 * @param list as {@link parsePortList} made it
 * @param spec the port
 * @returns whether one of the ranges holds it
 */
export function allowsPort(list: PortList, spec: PortSpec): boolean {
  return list.ranges.some(({ protocol, first, last }) => spec.protocol === protocol && spec.port >= first && spec.port <= last);
}

/**
 * Reads a list. `icmp` entries, which fwknop 1.x has, are passed over: nobody can ask for them.
 *
 * @param text the whole value
 * @returns the list, or what is wrong with which item
 */
export function parsePortList(text: string): ParsedValue<PortList> {
  const ranges: PortRange[] = [];
  let offset = 0;
  for (const part of text.split(",")) {
    const at = offset + part.length - part.trimStart().length;
    offset += part.length + 1;
    const item = part.trim();
    const range = parsePortRange(item);
    if (typeof range === "string") return { ok: false, offset: at, message: `${range}: ${item === "" ? "an empty item" : printableText(item)}` };
    if (range !== undefined) ranges.push(range);
  }
  return { ok: true, value: { text, ranges } };
}

/** A range, undefined for one of icmp, or the complaint. */
function parsePortRange(item: string): PortRange | undefined | string {
  if (/^icmp(\/0?)?$/i.test(item)) return undefined;
  const [protocol, ports, ...rest] = item.toLowerCase().split("/");
  if (ports === undefined || rest.length > 0) return "Parse error on access port entry";
  if (protocol !== "tcp" && protocol !== "udp") return "Invalid protocol in access port entry, expected tcp or udp";
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(ports) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (first >= 1 && first <= last && last <= 65535) return { protocol, first, last };
  return "Invalid port in access port entry, expected PORT or LOW-HIGH in [1,65535]";
}
