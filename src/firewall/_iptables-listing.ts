/**
 * Reads what `iptables -S` prints, and compares rules by what they match, not by how they were
 * typed: the program gives `-p 6` back as `-p tcp -m tcp` and `10.1.2.3` as `10.1.2.3/32`.
 *
 * @module
 */

import { formatIp, parseIp } from "../ip.ts";
import { protocolName } from "./protocols.ts";

/** Rules of each chain in their order, each as its words after the chain's name. */
export type Listing = ReadonlyMap<string, readonly (readonly string[])[]>;

/**
 * Reads a listing of one table or one chain.
 *
 * @param text what `-S` printed
 * @returns the chains in it, empty ones too; lines that are neither chain nor rule do not count
 */
export function readListing(text: string): Listing {
  const chains = new Map<string, string[][]>();
  for (const line of text.split("\n")) {
    const declared = /^-[PN] (\S+)/.exec(line)?.[1];
    if (declared !== undefined) {
      if (!chains.has(declared)) chains.set(declared, []);
      continue;
    }
    const rule = /^-A (\S+) ?(.*)$/.exec(line);
    if (rule === null) continue;
    const rules = chains.get(rule[1]!) ?? [];
    rules.push(splitWords(rule[2]!));
    chains.set(rule[1]!, rules);
  }
  return chains;
}

/** Words of a rule as `-S` and `iptables-restore` quote them: `"` around, backslash before `"` and `\`. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(quoted === undefined ? plain! : quoted.replace(/\\(.)/g, "$1"));
  }
  return words;
}

/**
 * Joins words into a line for `iptables-restore`.
 *
 * @param words the words, none with a line end in it
 * @returns the line without its end
 */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./![\]-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, "\\$&")}"`)).join(" ");
}

/**
 * Reads the time mark of a rule.
 *
 * @param words the words of the rule
 * @returns Unix time, seconds; undefined when the comment holds no `_exp_N`
 */
export function expiryOf(words: readonly string[]): number | undefined {
  const at = words.indexOf("--comment");
  const digits = at < 0 ? undefined : /_exp_(\d{1,11})\s*$/.exec(words[at + 1] ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Modules that the program adds to a rule by itself, or that hold no condition. */
const IMPLIED_MODULES: ReadonlySet<string> = new Set(["tcp", "udp", "comment"]);

/**
 * Gives a rule's meaning without its time mark.
 *
 * @param words the words of the rule, as typed or as listed
 * @returns text that is the same for rules that match the same and do the same
 */
export function meaningOf(words: readonly string[]): string {
  const options: string[] = [];
  for (let at = 0; at < words.length;) {
    let end = at + 1;
    while (end < words.length && !(words[end]!.startsWith("-") || words[end] === "!")) end++;
    const name = words[at]!;
    const values = words.slice(at + 1, end);
    at = end;
    if (name === "--comment" || (name === "-m" && IMPLIED_MODULES.has(values[0] ?? ""))) continue;
    if (name === "-s" || name === "-d") {
      const network = plainNetwork(values[0] ?? "");
      if (network !== undefined) options.push(`${name} ${network}`);
    } else if (name === "-p") options.push(`-p ${protocolName(values[0] ?? "")}`);
    else options.push([name, ...values].join(" "));
  }
  return options.sort().join(" ");
}

/** Without the mask of a single address; undefined for the network of all. */
function plainNetwork(text: string): string | undefined {
  if (text === "0.0.0.0/0" || text === "::/0") return undefined;
  const address = text.replace(/\/(32|128)$/, "");
  const parsed = parseIp(address);
  return parsed === undefined ? text : formatIp(parsed);
}
