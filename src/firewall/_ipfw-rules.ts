/**
 * Which ipfw rules a grant needs, in the layout of either program.
 *
 * @module
 */

import { formatIp } from "../ip.ts";
import { expiryOf, type ListedRule, meaningOf } from "./_ipfw-listing.ts";
import type { Family, Rule, RulesOrRefusal } from "./backend.ts";
import type { Grant } from "./grant.ts";
import { checkGrant, plainAccessProblem } from "./grant-checks.ts";
import { sourceText } from "./grant-text.ts";
import { PROTOCOL_NUMBERS } from "./protocols.ts";
import { timeMark } from "./time-mark.ts";

/** Where the rules are, and how they are called to life again. */
export interface IpfwLayout {
  /**
   * `sets`: fwknop 2.x, with a set for what is open. `shared`: fwknop 1.x, where what is open is in set 0 beside everybody
   * else's rules, and a rule that was closed is switched on again when the same is asked for.
   */
  readonly kind: "sets" | "shared";
  /** The set of rules that are open; 0 in the shared layout. */
  readonly activeSet: number;
  /** The set, always switched off, of rules that ended and may have connections still. */
  readonly expiredSet: number;
  /** The first number of a rule. */
  readonly firstNumber: number;
  /** How many numbers there are for rules. */
  readonly maxRules: number;
  /** Add a `check-state` rule before all others; in the sets layout only. */
  readonly checkState: boolean;
}

/**
 * Plans the rules of a grant. They have no numbers yet: those are chosen when what is there is known.
 *
 * @param grant who may reach what
 * @param layout which form they have
 * @returns the rules, or why it cannot be done
 * @throws {RangeError} when the grant has no ports, impossible ones, or no end
 */
export function rulesForIpfw(grant: Grant, layout: IpfwLayout): RulesOrRefusal {
  checkGrant(grant);
  const problem = plainAccessProblem(grant);
  if (problem !== undefined) return { ok: false, reason: problem };
  const { source, destination, expiresAt } = grant;
  const family = source.version;
  const me = layout.kind === "shared" ? "any" : family === 4 ? "me" : "me6";
  const to = destination === undefined ? me : formatIp(destination);
  return {
    ok: true,
    rules: grant.ports.map(({ protocol, port }): Rule => {
      // IPv6 with names: `6` would be read as TCP all the same, but is recorded of one form only.
      const named = family === 4 && layout.kind === "sets" ? String(PROTOCOL_NUMBERS[protocol]) : protocol;
      const conditions = ["from", sourceText(grant), "to", to, "dst-port", String(port)];
      // `setup` on udp is taken and can never match.
      const states = layout.kind === "sets" && protocol === "tcp" ? ["setup", "keep-state"] : ["keep-state"];
      const words = [layout.kind === "sets" ? "pass" : "allow", named, ...conditions, ...states, "//", timeMark(expiresAt)];
      return {
        key: keyOf(family, words), family, table: `set ${layout.activeSet}`, chain: "", kind: "access", words, expiresAt, grant,
        subject: `${sourceText(grant)}, ${protocol}/${port}`,
      };
    }),
  };
}

/**
 * Makes a rule of one that was found.
 *
 * @param listed with its set and a time mark
 * @returns undefined when it has none
 */
export function foundRule(listed: ListedRule): Rule | undefined {
  const expiresAt = expiryOf(listed);
  if (expiresAt === undefined) return undefined;
  const family: Family = / from [\da-f.]*:/i.test(listed.body) ? 6 : 4;
  const words = [...listed.body.split(/\s+/), "//", timeMark(expiresAt)];
  return { key: keyOf(family, words), family, table: `set ${listed.set ?? 0}`, chain: String(listed.number), kind: "", words, subject: "", expiresAt };
}

/** A rule's words up to its comment. */
export function bodyOf({ words }: Pick<Rule, "words">): string {
  const end = words.indexOf("//");
  return words.slice(0, end < 0 ? undefined : end).join(" ");
}

/** A rule's words in a policy without dynamic rules, where `keep-state` would make the first. */
export function withoutStates(words: readonly string[]): readonly string[] {
  return words.filter((word) => word !== "keep-state");
}

function keyOf(family: Family, words: readonly string[]): string {
  return `${family} ${meaningOf(bodyOf({ words }))}`;
}
