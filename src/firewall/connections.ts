/**
 * Commands that make the kernel forget the connections of a grant that has ended (CONNTRACK_ON_EXPIRE kill): their next
 * packet is a stranger's again.
 *
 * @module
 */

import { formatIp } from "../ip.ts";
import { type Command, FirewallError, type Plan, type Program, type Rule } from "./backend.ts";
import { type Grant, isForWholeHost, targetOf } from "./grant.ts";
import { sourceText } from "./grant-text.ts";
import { ask, note } from "./steps.ts";

/** 1: there was none. */
const ANSWERS: readonly number[] = [0, 1];

/**
 * Plans to forget the connections of a grant.
 *
 * @param grant what has ended
 * @param program `conntrack`
 * @returns one command for each port; connections are named as their client made them, before any NAT
 */
export function forgetCommands(grant: Grant, program: Program): Command[] {
  const { source, destination, ports, nat } = grant;
  const family = source.version === 4 ? "ipv4" : "ipv6";
  const to = destination === undefined ? [] : ["-d", formatIp(destination)];
  const forget = (...words: readonly string[]): Command => ({
    kind: "command", argv: [...program, "-D", "-f", family, "-s", sourceText(grant), ...to, ...words], purpose: "forget_connections", answers: ANSWERS,
  });
  if (nat === undefined) return ports.map(({ protocol, port }) => forget("-p", protocol, "--dport", String(port)));
  const target = targetOf(nat);
  if (isForWholeHost(nat)) return [target === undefined ? forget() : forget("-r", formatIp(target))];
  const { protocol, port } = ports[0]!;
  return [forget("-p", protocol, "--dport", String(nat.rewriteDestination ? port : nat.port))];
}

/**
 * Plans to forget the connections of everything that has ended.
 *
 * @param rules what was closed; what was found in the firewall says nothing of its grant, and is passed over
 * @param program `conntrack`
 */
export function* forgetConnections(rules: readonly Rule[], program: Program): Plan<void> {
  for (const grant of new Set(rules.flatMap((rule) => rule.grant ?? []))) {
    for (const command of forgetCommands(grant, program)) {
      const run = yield* ask(command);
      if (run.result.failure !== undefined || !ANSWERS.includes(run.result.status ?? -1)) {
        yield note("warning", `Connections outlast their grant (CONNTRACK_ON_EXPIRE): ${new FirewallError(run.command, run.result).message}`);
        return;
      }
    }
  }
}
