/**
 * The daemon's firewall: whether it needs one, and how the configuration wants it run.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import type { ServerOptions } from "../../cli/server-options.ts";
import type { AccessStanza } from "../../config/access-config.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { forgetConnections } from "../../firewall/connections.ts";
import type { LogFunction, LogRecord } from "../../server/log-record.ts";
import { findRulesInUse } from "../firewall/conntrack.ts";
import type { FirewallOptions } from "../firewall/firewall.ts";
import { chooseFirewall, splitProgram } from "../firewall/firewall-choice.ts";
import type { FirewallLog } from "../firewall/perform-plan.ts";
import { writeText } from "../standard-output.ts";
import { reasonOf } from "../system-error.ts";

/**
 * Tells whether anything will ever be opened: nothing is in test mode, and stanzas that only run commands need no firewall.
 *
 * @param config fwknopd.conf
 * @param stanzas access.conf
 * @param options the command line
 */
export function needsFirewall(config: DaemonConfig, stanzas: readonly AccessStanza[], options: ServerOptions): boolean {
  const runsCommands = (stanza: AccessStanza): boolean => stanza.CMD_CYCLE_OPEN !== undefined || stanza.EXTERNAL_CMD_OPEN !== undefined;
  return !options.test && config.FIREWALL_TYPE !== "external_cmd" && !stanzas.every(runsCommands);
}

/**
 * Makes the firewall's options.
 *
 * @param config fwknopd.conf
 * @param stanzas access.conf
 * @param options the command line
 * @param log takes what the firewall says
 */
export async function firewallOptions(config: DaemonConfig, stanzas: readonly AccessStanza[], options: ServerOptions, log: LogFunction): Promise<FirewallOptions> {
  const checkSupport = !options.noIptCheckSupport && !options.noFirewdCheckSupport;
  const tell = (message: string): void => log({ level: "info", message });
  const print = (text: string): void => {
    // A daemon has no standard output that anybody would read.
    if (!options.foreground && !options.stdin) return text.split("\n").forEach(tell);
    try {
      writeText(1, `${text}\n`);
    } catch (error) { // full: a dry run that cannot be read goes on all the same
      log({ level: "error", message: reasonOf(error) });
    }
  };
  const backend = await chooseFirewall(config, { checkSupport, stanzas, tell, print });
  return {
    backend,
    log: firewallLog(log),
    clearAtStart: config.FLUSH_IPT_AT_INIT,
    clearAtStop: config.FLUSH_IPT_AT_EXIT,
    tries: config.IPT_EXEC_TRIES,
    pauseSeconds: config.IPT_EXEC_SLEEP,
    timeoutSeconds: config.IPT_CMD_ALARM,
    sweepSeconds: sweepSeconds(config.RULES_CHECK_THRESHOLD),
    ...(config.CONNTRACK_ON_EXPIRE === "kill" && { afterClosing: (closed) => forgetConnections(closed, splitProgram(config.CONNTRACK_EXE)) }),
    ...(config.ENABLE_CONNTRACK_PERSIST && { findInUse: (due) => findRulesInUse(due, splitProgram(config.CONNTRACK_EXE), config.CONNTRACK_ESTAB_PORTS, log) }),
  };
}

/**
 * Sees to it that what NAT leads elsewhere can arrive: a kernel that forwards nothing makes grants useless although the
 * firewall takes them.
 *
 * @param config fwknopd.conf
 * @returns what to log, if the kernel's switch was found off
 */
export function prepareForwarding({ ENABLE_IPT_FORWARDING, ENABLE_PROC_IP_FORWARD, PROC_IP_FORWARD_FILE: path }: DaemonConfig): LogRecord | undefined {
  if (!ENABLE_IPT_FORWARDING) return undefined;
  try {
    if (readFileSync(path, "latin1").trim() !== "0") return undefined;
  } catch {
    return undefined; // not Linux, or not for us to see
  }
  if (!ENABLE_PROC_IP_FORWARD) {
    return { level: "warning", message: `ENABLE_IPT_FORWARDING is set, but the kernel forwards nothing: ${path} is 0 (sysctl net.ipv4.ip_forward=1, or ENABLE_PROC_IP_FORWARD)` };
  }
  try {
    writeFileSync(path, "1\n", { flag: "r+" });
    return { level: "info", message: `The kernel forwards packets from now on: ${path} was 0 (ENABLE_PROC_IP_FORWARD)` };
  } catch (error) {
    return { level: "error", message: `The kernel forwards nothing: ${path} is 0 and cannot be changed: ${reasonOf(error)}` };
  }
}

/**
 * Turns RULES_CHECK_THRESHOLD, which counted turns of a polling loop, into a time: 15 seconds for
 * each, 5 minutes for the default of 20. This only concerns rules that somebody else puts into our
 * chains while we run: ours, and those that are there at the start, have their own timer.
 *
 * @param threshold 0 for never
 * @returns seconds between two looks, 0 for never
 */
export function sweepSeconds(threshold: number): number {
  return 15 * threshold;
}

function firewallLog(log: LogFunction): FirewallLog {
  return {
    error: (message) => log({ level: "error", message }),
    warning: (message) => log({ level: "warning", message }),
    info: (message, fields) => log({ level: "info", message, ...(fields && { fields }) }),
    debug: (message) => log({ level: "debug", message }),
    trace: (message) => log({ level: "debug", detail: 2, message }),
  };
}
