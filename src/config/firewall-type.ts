/**
 * Which firewall a configuration is about.
 *
 * @module
 */

import type { DaemonConfig } from "./daemon-config.ts";

/** A firewall by its own name, the administrator's commands, or whatever the host has. */
export type FirewallType = Exclude<DaemonConfig["FIREWALL_TYPE"], "print">;

/** The builds of fwknop 2.x know their firewall; a file that was written for one tells it by its program. */
const TYPE_OF_PROGRAM: Readonly<Record<string, FirewallType>> = { ipfw: "ipfw", pfctl: "pf", "firewall-cmd": "firewalld", nft: "nftables" };

/**
 * Tells which firewall grants are given to. In a dry run (FIREWALL_TYPE print) it is the one whose commands are printed.
 *
 * @param config fwknopd.conf
 * @returns what FIREWALL_TYPE says, or what the program of FIREWALL_EXE shows
 */
export function firewallTypeOf({ FIREWALL_TYPE, FIREWALL_EXE }: Pick<DaemonConfig, "FIREWALL_TYPE" | "FIREWALL_EXE">): FirewallType {
  if (FIREWALL_TYPE !== "iptables" && FIREWALL_TYPE !== "print") return FIREWALL_TYPE;
  return TYPE_OF_PROGRAM[programName(FIREWALL_EXE)] ?? "iptables";
}

/**
 * Names a program that others may stand in front of: it is the last word.
 *
 * @param text words, as a configuration holds them
 * @returns its name, without a folder
 */
export function programName(text: string): string {
  return text.trim().replace(/^.*[\s/]/, "");
}
