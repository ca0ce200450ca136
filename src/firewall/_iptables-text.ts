/**
 * The iptables backend's words for the log.
 *
 * @module
 */

import type { ChainSettings } from "./_iptables-settings.ts";
import type { Rule } from "./backend.ts";
import { protocolName } from "./protocols.ts";

/** The line of a new jump. */
export function jumpLine({ from, chain }: ChainSettings): string {
  return `Added jump rule from chain: ${from} to chain: ${chain}`;
}

/** The line of a chain that is there, which test rigs look for. */
export function existsLine({ table, chain }: { readonly table: string; readonly chain: string }): string {
  return `'${table}' table '${chain}' chain exists`;
}

/** A rule as it is typed after the chain's name. */
export function typedRule(rule: Rule): string {
  return ["-t", rule.table, ...rule.words].join(" ");
}

/** A rule as programs that cannot ask for one were asked about it. */
export function checkedRule({ words, subject, expiresAt }: Rule): string {
  const after = (option: string): string => (words.includes(option) ? words[words.indexOf(option) + 1]! : "");
  return ` ${protocolName(after("-p"))}  ${after("--dport") || after("--sport")} -> ${subject.split(" ")[0]} expires: ${expiresAt}`;
}
