/**
 * Reads what `ipfw list` and `ipfw show` print, in all their variants: with sets (`-S`), counters, time stamps (`-t`,
 * `-T`) and dynamic rules (`-d`), of old releases and of new ones.
 *
 * @module
 */

import { protocolName } from "./protocols.ts";

/** One rule of a listing. */
export interface ListedRule {
  readonly number: number;
  /** Undefined in a listing without `-S`. */
  readonly set: number | undefined;
  /** Whether its set is switched off. */
  readonly disabled: boolean;
  /** The rule without its comment: `allow tcp from 10.1.2.3 to me dst-port 22 setup keep-state`. */
  readonly body: string;
  readonly comment: string;
}

/** What a listing holds. */
export interface IpfwListing {
  /** In their order; several may have one number, and old releases print a line more than once. */
  readonly rules: readonly ListedRule[];
  /** Numbers of the rules that have dynamic ones, which is how established connections go on. */
  readonly inUse: ReadonlySet<number>;
}

/** `DISABLED`, number, up to three counters, a date or the blanks in its place, set, rule. */
const RULE = /^(# DISABLED )?(\d{1,5})\s+(?:\d+\s+){0,3}(?:\w{3} \w{3} +\d+ [\d:]{8} \d{4}\s+)?(?:set (\d+) )?(\D.*)$/;

/** Number, counters and the time that is left, kind, the connection. */
const DYNAMIC = /^(\d{1,5})\s.*?\b(?:STATE|LIMIT|PARENT)\b/;

/**
 * Reads a listing.
 *
 * @param text what the program printed
 * @returns what is in it; lines that are nothing of the kind do not count
 */
export function readIpfwListing(text: string): IpfwListing {
  const rules: ListedRule[] = [];
  const inUse = new Set<number>();
  let dynamic = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("## Dynamic rules")) {
      dynamic = true; // the header counts those of all sets, whatever was asked for
      continue;
    }
    if (dynamic) {
      const number = DYNAMIC.exec(line)?.[1];
      if (number !== undefined) inUse.add(Number(number));
      continue;
    }
    const [, disabled, number, set, rest] = RULE.exec(line) ?? [];
    if (rest === undefined) continue;
    const [body, ...comment] = rest.split(" // ");
    rules.push({
      number: Number(number), set: set === undefined ? undefined : Number(set), disabled: disabled !== undefined,
      body: body!.trim(), comment: comment.join(" // "),
    });
  }
  return { rules, inUse };
}

/**
 * Reads the time mark of a rule.
 *
 * @returns Unix time, seconds; undefined when the comment does not end in `_exp_N`
 */
export function expiryOf({ comment }: ListedRule): number | undefined {
  const digits = /(?:^|\s)_exp_(\d{1,11})\s*$/.exec(comment)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Gives a rule's meaning, for comparison.
 *
 * @param body as typed or as listed, without comment
 * @returns text that is the same for rules that let in the same, whether they make dynamic rules or not
 */
export function meaningOf(body: string): string {
  const words = body.trim().split(/\s+/);
  const [action, protocol = "", ...rest] = words;
  if (action !== "pass" && action !== "allow") return words.join(" ");
  // Newer releases name the states: `keep-state :default`.
  const conditions = rest.filter((word) => !/^(setup|keep-state|:\w+)$/.test(word));
  return ["allow", protocolName(protocol), ...conditions].join(" ");
}
