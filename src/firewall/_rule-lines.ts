/**
 * Log lines about rules, where a firewall has none of its own that scripts may look for.
 *
 * @module
 */

import type { FirewallBackend, Rule } from "./backend.ts";

/** The lines of rules that have a kind and a chain. */
export const RULE_LINES: FirewallBackend["lines"] = {
  opened: (rule, before) => `Added ${rule.kind} rule to ${rule.chain} for ${rule.subject}, expires at ${rule.expiresAt}${renewalText(before)}`,
  present: (rule) => `${rule.kind} rule in ${rule.chain} for ${rule.subject} is there already`,
  closed: (rule, number) => `Removed rule ${number} from ${rule.chain} with expire time of ${rule.expiresAt}`,
};

/**
 * Says what a new rule takes the place of, behind the line that tells of it.
 *
 * @param before the rule that was there; undefined when there was none
 */
export function renewalText(before: Rule | undefined): string {
  return before === undefined ? "" : ` (renewed, was ${before.expiresAt})`;
}
