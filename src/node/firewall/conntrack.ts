/**
 * Asks the kernel which granted connections still last. Only when a grant is about to end; a question without an answer
 * ends it.
 *
 * @module
 */

import type { Program, Rule } from "../../firewall/backend.ts";
import { sourceText } from "../../firewall/grant-text.ts";
import { type Connection, isInUse, parseConnections } from "../../server/connections.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { failureText, run } from "../run.ts";

const TIMEOUT_MS = 5000;
/** Above it one question for all is cheaper than one for each client. */
const MAX_QUESTIONS = 8;
/** About 50,000 connections. */
const MAX_LISTING_BYTES = 8 << 20;

/**
 * Finds the rules whose grants are in use.
 *
 * @param due rules whose time is over
 * @param program CONNTRACK_EXE in words
 * @param ports CONNTRACK_ESTAB_PORTS
 * @param log is told when the tracker gives no answer
 * @returns those by which an established connection came in
 */
export async function findRulesInUse(due: readonly Rule[], program: Program, ports: readonly number[], log: LogFunction): Promise<readonly Rule[]> {
  const granted = due.filter((rule) => rule.grant !== undefined);
  const kept: Rule[] = [];
  for (const family of [4, 6] as const) {
    const ours = granted.filter((rule) => rule.family === family);
    if (ours.length === 0) continue;
    const connections = await listConnections(program, family, new Set(ours.map((rule) => sourceText(rule.grant!))), log);
    kept.push(...ours.filter((rule) => isInUse(rule.grant!, connections, ports)));
  }
  return kept;
}

async function listConnections(program: Program, family: 4 | 6, sources: ReadonlySet<string>, log: LogFunction): Promise<readonly Connection[]> {
  const restrictions = sources.size > MAX_QUESTIONS ? [[]] : Array.from(sources, (source) => ["-s", source]);
  const found: Connection[] = [];
  for (const restriction of restrictions) {
    const result = await run([...program, "-L", "-f", family === 4 ? "ipv4" : "ipv6", "-p", "tcp", "--state", "ESTABLISHED", ...restriction], {
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_LISTING_BYTES,
    });
    if (result.status !== 0) {
      log({ level: "warning", message: `Cannot tell which connections last, so grants end in time (ENABLE_CONNTRACK_PERSIST): ${program.join(" ")}: ${failureText(result)}` });
      return [];
    }
    found.push(...parseConnections(result.stdout));
  }
  return found;
}
