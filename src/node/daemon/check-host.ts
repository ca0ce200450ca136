/**
 * What of this host would stand in the way of a start, found without starting anything: for `--check`.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { ServerOptions } from "../../cli/server-options.ts";
import type { AccessStanza } from "../../config/access-config.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import type { ConfigProblem } from "../../config/variable.ts";
import { printableText } from "../../foreign-text.ts";
import { findProgram } from "../find-program.ts";
import { splitProgram } from "../firewall/firewall-choice.ts";
import { readInterface } from "../hearing/interface-state.ts";
import { firewallLogOf, waysOfHearing } from "../hearing/ways-of-hearing.ts";
import { needsFirewall } from "./firewall-options.ts";

/**
 * Looks for the programs and interfaces that a daemon with this configuration needs.
 *
 * @param config fwknopd.conf
 * @param stanzas access.conf
 * @param options the command line
 * @returns a warning for each that is missing: the files may be meant for another host
 */
export function checkHost(config: DaemonConfig, stanzas: readonly AccessStanza[], options: ServerOptions): readonly ConfigProblem[] {
  const interfaces = waysOfHearing(config, options, []).flatMap(({ captures }) => captures ?? []);
  const programs = [
    ...(needsFirewall(config, stanzas, options) ? firewallPrograms(config) : []),
    ...(interfaces.length > 0 ? ([["tcpdump", "which hears for the daemon"]] as const) : []),
  ];
  const missing = programs.filter(([program]) => findProgram(program) === undefined).map(([program, what]) => `There is no program ${printableText(program, 200)}, ${what}`);
  // "any" is no device, and only Linux shows its devices as files.
  const absent = interfaces.filter((name) => process.platform === "linux" && name !== "any" && readInterface(name) === undefined);
  // The run directory is made at the start, others are not.
  const files = [...(config.ENABLE_DIGEST_PERSISTENCE ? (["DIGEST_FILE"] as const) : []), "FWKNOP_PID_FILE" as const];
  const homeless = files.filter((name) => {
    const folder = dirname(config[name]);
    return folder !== config.FWKNOP_RUN_DIR && !existsSync(folder);
  });
  const log = config.AUTH_MODE === "KNOCK" && !options.stdin ? firewallLogOf(config) : undefined;
  const messages = [
    ...missing,
    ...(log !== undefined && !existsSync(log) ? [`There is no log ${printableText(log, 200)} to hear knocks in (IPT_SYSLOG_FILE; with ENABLE_SYSLOG_FILE N KNOPMD_FIFO, FW_DATA_FILE)`] : []),
    ...absent.map((name) => `There is no interface ${printableText(name)} (PCAP_INTF)`),
    ...homeless.map((name) => `There is no folder ${printableText(dirname(config[name]), 200)}, which ${name} is in`),
  ];
  return messages.map((message) => ({
    severity: "warning", file: config.CONFIG_FILE, line: 0, column: 0, message,
  }));
}

/** Each with the words that name its setting. Those of other systems than Linux are found out at the start. */
function firewallPrograms(config: DaemonConfig): readonly (readonly [program: string, what: string])[] {
  const isIptables = config.FIREWALL_TYPE === "iptables";
  const used = {
    FIREWALL_EXE: isIptables,
    IPSET_EXE: isIptables && config.IPT_USE_IPSET === true,
    NFT_EXE: config.FIREWALL_TYPE === "nftables",
    CONNTRACK_EXE: config.CONNTRACK_ON_EXPIRE === "kill" || config.ENABLE_CONNTRACK_PERSIST,
  };
  return (Object.keys(used) as (keyof typeof used)[]).filter((name) => used[name]).map((name) => [splitProgram(config[name])[0], `which ${name} names`]);
}
