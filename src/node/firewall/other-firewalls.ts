/**
 * The settings of firewalls that most Linux hosts do not have: ipfw, pf, firewalld.
 *
 * @module
 */

import type { DaemonConfig } from "../../config/daemon-config.ts";
import { firewallTypeOf, programName, type FirewallType } from "../../config/firewall-type.ts";
import type { FirewallBackend, Program } from "../../firewall/backend.ts";
import { createFirewalld } from "../../firewall/firewalld.ts";
import { createFirewalldDirect } from "../../firewall/firewalld-direct.ts";
import { createIpfw, type IpfwLayout } from "../../firewall/ipfw.ts";
import type { IptablesSettings } from "../../firewall/iptables.ts";
import { createPf } from "../../firewall/pf.ts";

/** Makes one of these backends. */
type Maker = (config: DaemonConfig, iptables: IptablesSettings) => FirewallBackend;

const MAKERS: { readonly [Type in FirewallType]?: Maker } = { ipfw: makeIpfw, pf: makePf, firewalld: makeFirewalld };

/**
 * Makes the backend for ipfw, pf or firewalld.
 *
 * @param config the daemon's configuration
 * @param iptables settings that firewalld shares with iptables; `program` is FIREWALL_EXE
 * @returns undefined when another firewall is asked for
 */
export function makeOtherFirewall(config: DaemonConfig, iptables: IptablesSettings): FirewallBackend | undefined {
  return MAKERS[firewallTypeOf(config)]?.(config, iptables);
}

function makeIpfw(config: DaemonConfig, { program }: IptablesSettings): FirewallBackend {
  const { IPFW_RULE_NUM, IPFW_SET_NUM, IPFW_DYNAMIC_INTERVAL } = config;
  const isPerl = IPFW_RULE_NUM !== undefined || IPFW_SET_NUM !== undefined || IPFW_DYNAMIC_INTERVAL !== undefined;
  const firstNumber = isPerl ? IPFW_RULE_NUM ?? 1 : config.IPFW_START_RULE_NUM;
  const layout: IpfwLayout = isPerl
    ? { kind: "shared", activeSet: 0, expiredSet: IPFW_SET_NUM ?? 1, firstNumber, maxRules: 65535, checkState: false }
    : {
      kind: "sets", activeSet: config.IPFW_ACTIVE_SET_NUM, expiredSet: config.IPFW_EXPIRE_SET_NUM, firstNumber, maxRules: config.IPFW_MAX_RULES,
      checkState: config.IPFW_ADD_CHECK_STATE,
    };
  const purgeSeconds = isPerl ? IPFW_DYNAMIC_INTERVAL ?? 60 : config.IPFW_EXPIRE_PURGE_INTERVAL;
  return createIpfw({ program: programOr(program, config.ipfwCmd), layout, purgeSeconds });
}

function makePf(config: DaemonConfig, { program }: IptablesSettings): FirewallBackend {
  return createPf({ program: programOr(program, "/sbin/pfctl"), anchor: config.PF_ANCHOR_NAME, ...(config.PF_TABLE !== undefined && { table: config.PF_TABLE }) });
}

function makeFirewalld(config: DaemonConfig, iptables: IptablesSettings): FirewallBackend {
  const program = programOr(iptables.program, "/usr/bin/firewall-cmd");
  if (config.FIREWD_DIRECT) return createFirewalldDirect({ ...iptables, program, nft: [config.NFT_EXE] });
  const nat = config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT;
  // The first interface that is listened on; `any` is none.
  const [name] = config.PCAP_INTF.filter((one) => one !== "any");
  return createFirewalld({
    program, nat, ...(config.FIREWD_ZONE !== undefined && { zone: config.FIREWD_ZONE }), ...(name !== undefined && { interface: name }),
  }, () => Date.now() / 1000);
}

/** FIREWALL_EXE, unless it is the program of iptables, which is its default. */
function programOr(program: Program, usual: string): Program {
  return programName(program.at(-1)!).startsWith("iptables") ? [usual] : program;
}
