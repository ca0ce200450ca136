/**
 * The firewall that a configuration asks for.
 *
 * @module
 */

import { writeSync } from "node:fs";
import type { DaemonConfig } from "../config/daemon-config.ts";
import type { FirewallBackend } from "../firewall/backend.ts";
import { type ChainRole, type ChainSettings, createIptables } from "../firewall/iptables.ts";
import { createPrint } from "../firewall/print.ts";

/** Which chain variables are in use. */
function chainsInUse(config: DaemonConfig): { readonly input: ChainSettings } & { readonly [Role in ChainRole]?: ChainSettings } {
  const nat = config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT;
  return {
    input: config.IPT_INPUT_ACCESS,
    ...(config.ENABLE_IPT_OUTPUT && { output: config.IPT_OUTPUT_ACCESS }),
    ...(nat && { forward: config.IPT_FORWARD_ACCESS, dnat: config.IPT_DNAT_ACCESS }),
    ...(nat && config.ENABLE_IPT_SNAT && { snat: config.IPT_SNAT_ACCESS, masquerade: config.IPT_MASQUERADE_ACCESS }),
  };
}

/**
 * Makes the backend.
 *
 * @param config the daemon's configuration
 * @param options `checkSupport`: off with --no-ipt-check-support
 * @returns the planner for FIREWALL_TYPE
 */
export function chooseFirewall(config: DaemonConfig, options: { readonly checkSupport: boolean }): FirewallBackend {
  const iptables = createIptables({
    program: splitProgram(config.FIREWALL_EXE),
    chains: chainsInUse(config),
    prepend: config.ENABLE_RULE_PREPEND,
    checkComment: config.ENABLE_IPT_COMMENT_CHECK,
    checkSupport: options.checkSupport,
  });
  return config.FIREWALL_TYPE === "print" ? createPrint(iptables, (text) => writeSync(1, `${text}\n`)) : iptables;
}

function splitProgram(text: string): readonly [string, ...string[]] {
  const [program = "iptables", ...words] = text.split(/\s+/).filter((word) => word !== "");
  return [program, ...words];
}
