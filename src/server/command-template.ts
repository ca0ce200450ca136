/**
 * Commands that an administrator wrote with variables in them, as words of an argument vector. A template is split
 * into words first and its variables are put in afterwards, so that no value can become a second word, let alone code.
 *
 * @module
 */

import type { PortSpec } from "../firewall/grant.ts";
import { PROTOCOL_NUMBERS } from "../firewall/protocols.ts";
import { formatIp } from "../ip.ts";
import type { Cycled } from "./verdict.ts";

/** Most words that C takes; a longer command is a mistake. */
export const MAX_WORDS = 28;

/** Names and values, the names without `$`. */
export type TemplateValues = readonly (readonly [name: string, value: string])[];

/**
 * Splits a command at blanks. There are no quotes: the programs that came before have none.
 *
 * @param command the text
 * @returns the words, or undefined when there is none or there are more than {@link MAX_WORDS}
 */
export function splitCommand(command: string): readonly [string, ...string[]] | undefined {
  const [first, ...rest] = command.split(/\s+/).filter((word) => word !== "");
  return first === undefined || rest.length >= MAX_WORDS ? undefined : [first, ...rest];
}

/**
 * Puts values into a command's words.
 *
 * @param template the command
 * @param values tried in order, so `$PORTx` is `$PORT` and an `x`
 * @param unknown what happens to a `$` before any other name: C drops the sign, Perl leaves it
 * @returns the words, or undefined as {@link splitCommand}
 */
export function expandCommand(template: string, values: TemplateValues, unknown: "drop" | "keep"): readonly [string, ...string[]] | undefined {
  const words = splitCommand(template);
  if (words === undefined) return undefined;
  const byName = new Map(values);
  const names = new RegExp(`\\$(${values.map(([name]) => name.replace(/\W/g, "\\$&")).join("|")}|)`, "g"); // EXT_CMD_PREFIX may hold any sign
  const expand = (word: string): string => word.replace(names, (sign, name: string) => byName.get(name) ?? (unknown === "drop" ? "" : sign));
  const [first, ...rest] = words;
  return [expand(first), ...rest.map(expand)];
}

/**
 * The variables of CMD_CYCLE_OPEN and CMD_CYCLE_CLOSE, in C's order.
 *
 * @param verdict the request
 * @param port the port that this run of the command is for
 * @returns names and values
 */
export function cycleValues(verdict: Cycled, { protocol, port }: PortSpec): TemplateValues {
  const source = formatIp(verdict.source);
  return [
    ["IP", source],
    ["SRC", source],
    ["PKT_SRC", formatIp(verdict.packetSource)],
    ["DST", formatIp(verdict.packetDestination)],
    ["PORT", String(port)],
    ["PROTO", String(PROTOCOL_NUMBERS[protocol])],
    ["TIMEOUT", String(verdict.message.timestamp + verdict.lifetimeSeconds)],
    ["CLIENT_TIMEOUT", String(verdict.lifetimeSeconds)],
  ];
}

/**
 * The variables of EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE: three of the request, and what the stanza says, keys excepted.
 *
 * @param verdict the request
 * @param port the port that this run of the command is for
 * @param texts the stanza's variables
 * @param prefix put before the names (ENABLE_EXT_CMD_PREFIX), else empty; the stanza's are known without it, too
 * @returns names and values, in an order for {@link expandCommand}
 */
export function externalValues(verdict: Cycled, { protocol, port }: PortSpec, texts: Readonly<Record<string, string>>, prefix: string): TemplateValues {
  const request = [["SRC", formatIp(verdict.source)], ["PORT", String(port)], ["PROTO", protocol]] as const;
  const prefixed = [...request, ...Object.entries(texts)].map(([name, value]) => [`${prefix}${name}`, value] as const);
  const values = prefix === "" ? prefixed : [...prefixed, ...Object.entries(texts)];
  // The longest name first: `$GPG_HOME_DIR` before any `$GPG`.
  return values.sort(([left], [right]) => right.length - left.length);
}
