/**
 * fwknopd.conf, and the fwknop.conf of fwknop 1.x: what the daemon as a whole is told.
 *
 * @module
 */

import type { ChainSettings } from "../firewall/iptables.ts";
import type { NftablesMode, NftTable } from "../firewall/nftables.ts";
import type { IpAddress, IpNetwork } from "../ip.ts";
import type { AddressList } from "./address-list.ts";
import { type Setting, Settings } from "./_settings.ts";
import { daemonVariables } from "./daemon-variables.ts";
import type { ConfigFile, Dialect } from "./entries.ts";
import type { PortList } from "./port-list.ts";
import { COMMAND_LINE, type ConfigProblem, type ParsedValue, type Variable } from "./variable.ts";

/** A line IPT_*_ACCESS. The last field, a rule position, is read and not used, as in C. */
export type ChainAccess = ChainSettings;

/** Sets in a table of the administrator's, one for each family. */
export interface NftSets {
  readonly table: NftTable;
  readonly sets: readonly string[];
}

/** Which reports leave the daemon (ALERTING_METHODS). */
export interface AlertingMethods {
  readonly syslog: boolean;
  readonly email: boolean;
  /** Everything by mail, not only what concerns grants. */
  readonly verbose: boolean;
}

/** Where packets come from (AUTH_MODE); the two pcap file modes are one. */
export type AuthMode = "PCAP" | "FILE_PCAP" | "SOCKET";

/** Syslog facilities that the daemon may use. */
export type SyslogFacility =
  | "LOG_DAEMON" | "LOG_LOCAL0" | "LOG_LOCAL1" | "LOG_LOCAL2" | "LOG_LOCAL3" | "LOG_LOCAL4" | "LOG_LOCAL5" | "LOG_LOCAL6" | "LOG_LOCAL7";

/**
 * Every variable with its value. What is absent was not set and has no default. The rows of
 * `daemon-variables.ts` say what each means.
 */
export interface DaemonConfig {
  // Order and names of `--dump-config`.
  readonly CONFIG_FILE: string;
  readonly OVERRIDE_CONFIG: readonly string[];
  readonly PCAP_INTF: readonly string[];
  readonly PCAP_FILE?: string;
  readonly ENABLE_PCAP_PROMISC: boolean;
  /** Empty for no filter. */
  readonly PCAP_FILTER: string;
  readonly PCAP_DISPATCH_COUNT: number;
  /** µs */
  readonly PCAP_LOOP_SLEEP: number;
  readonly ENABLE_PCAP_ANY_DIRECTION: boolean;
  readonly EXIT_AT_INTF_DOWN: boolean;
  readonly MAX_SNIFF_BYTES: number;
  /** Unless set: yes, but no for packets from PCAP_FILE. */
  readonly ENABLE_SPA_PACKET_AGING: boolean;
  /** Seconds. */
  readonly MAX_SPA_PACKET_AGE: number;
  readonly ENABLE_DIGEST_PERSISTENCE: boolean;
  readonly RULES_CHECK_THRESHOLD: number;
  /** Seconds. */
  readonly CMD_EXEC_TIMEOUT: number;
  readonly ENABLE_SPA_OVER_HTTP: boolean;
  readonly ALLOW_ANY_USER_AGENT: boolean;
  readonly ENABLE_TCP_SERVER: boolean;
  readonly TCPSERV_PORT: number;
  readonly ENABLE_UDP_SERVER: boolean;
  readonly UDPSERV_PORT: number;
  /** µs */
  readonly UDPSERV_SELECT_TIMEOUT: number;
  readonly LOCALE?: string;
  readonly SYSLOG_IDENTITY: string;
  readonly SYSLOG_FACILITY: SyslogFacility;
  readonly ENABLE_X_FORWARDED_FOR: boolean;
  readonly ENABLE_DESTINATION_RULE: boolean;
  readonly ENABLE_RULE_PREPEND: boolean;
  readonly ENABLE_NAT_DNS: boolean;
  readonly ENABLE_IPT_FORWARDING: boolean;
  readonly ENABLE_IPT_LOCAL_NAT: boolean;
  readonly ENABLE_IPT_SNAT: boolean;
  /** IPv4 */
  readonly SNAT_TRANSLATE_IP?: IpAddress;
  readonly ENABLE_IPT_OUTPUT: boolean;
  readonly FLUSH_IPT_AT_INIT: boolean;
  readonly FLUSH_IPT_AT_EXIT: boolean;
  readonly IPT_INPUT_ACCESS: ChainAccess;
  readonly IPT_OUTPUT_ACCESS: ChainAccess;
  readonly IPT_FORWARD_ACCESS: ChainAccess;
  readonly IPT_DNAT_ACCESS: ChainAccess;
  readonly IPT_SNAT_ACCESS: ChainAccess;
  readonly IPT_MASQUERADE_ACCESS: ChainAccess;
  readonly ENABLE_IPT_COMMENT_CHECK: boolean;
  readonly FWKNOP_RUN_DIR: string;
  readonly FWKNOP_CONF_DIR: string;
  readonly ACCESS_FILE: string;
  readonly ACCESS_FOLDER?: string;
  readonly FWKNOP_PID_FILE: string;
  readonly DIGEST_FILE: string;
  readonly GPG_HOME_DIR: string;
  readonly GPG_EXE: string;
  readonly SUDO_EXE: string;
  readonly FIREWALL_EXE: string;
  readonly VERBOSE: number;
  readonly FAULT_INJECTION_TAG?: string;

  // Ours.
  readonly ENABLE_HTTP_SERVER: boolean;
  /** Absent: every address. */
  readonly HTTP_SERVER_ADDRESS?: string;
  readonly HTTP_SERVER_PORT: number;
  readonly HTTP_SERVER_STATUS: 200 | 204 | 403 | 404 | 503;
  readonly TRUSTED_PROXIES: readonly IpNetwork[];
  readonly NFT_EXE: string;
  readonly NFT_MODE: NftablesMode;
  readonly NFT_TABLE: NftTable;
  readonly NFT_INPUT_CHAIN: string;
  readonly NFT_OUTPUT_CHAIN: string;
  readonly NFT_FORWARD_CHAIN: string;
  /** Absent: what the stanzas open. */
  readonly NFT_GUARD_PORTS?: PortList;
  readonly NFT_MARK: number;
  /** Sets of the administrator's, used instead of any mode. */
  readonly NFT_SET?: NftSets;
  readonly IPT_USE_IPSET: boolean;
  readonly IPSET_EXE: string;
  readonly CONNTRACK_ON_EXPIRE: "keep" | "kill";
  readonly CONNTRACK_EXE: string;

  // Of the other builds of fwknop 2.x, and beside them.
  readonly IPFW_START_RULE_NUM: number;
  readonly IPFW_MAX_RULES: number;
  readonly IPFW_ACTIVE_SET_NUM: number;
  readonly IPFW_EXPIRE_SET_NUM: number;
  /** Seconds. */
  readonly IPFW_EXPIRE_PURGE_INTERVAL: number;
  readonly IPFW_ADD_CHECK_STATE: boolean;
  readonly PF_ANCHOR_NAME: string;
  /** Seconds. */
  readonly PF_EXPIRE_INTERVAL: number;
  /** Absent: rules in the anchor. */
  readonly PF_TABLE?: string;
  /** Absent: the default zone. */
  readonly FIREWD_ZONE?: string;
  readonly FIREWD_DIRECT: boolean;

  // fwknop 1.x.
  readonly AUTH_MODE: AuthMode;
  /** Followed as it grows, from its present end (FILE_PCAP). */
  readonly PCAP_PKT_FILE: string;
  readonly FIREWALL_TYPE: "iptables" | "nftables" | "ipfw" | "pf" | "firewalld" | "external_cmd" | "print" | "auto";
  readonly ipfwCmd: string;
  /** This and the next two: any of them makes the layout that of 1.x. */
  readonly IPFW_RULE_NUM?: number;
  readonly IPFW_SET_NUM?: number;
  /** Seconds. */
  readonly IPFW_DYNAMIC_INTERVAL?: number;
  readonly ENABLE_COOKED_INTF: boolean;
  readonly ENABLE_INTF_CHECKS: boolean;
  /** Seconds. */
  readonly INTF_CHECKS_INTERVAL: number;
  readonly ENABLE_INTF_EXISTS_CHECK: boolean;
  readonly ENABLE_INTF_RUNNING_CHECK: boolean;
  readonly ENABLE_INTF_BYTES_CHECK: boolean;
  readonly BLACKLIST?: AddressList;
  readonly REQUIRE_SOURCE_ADDRESS: boolean;
  readonly ENABLE_PROC_IP_FORWARD: boolean;
  readonly PROC_IP_FORWARD_FILE: string;
  readonly IPT_EXEC_TRIES: number;
  /** Seconds between two commands. */
  readonly IPT_EXEC_SLEEP: number;
  /** Seconds that a firewall command may take. */
  readonly IPT_CMD_ALARM: number;
  readonly ENABLE_CONNTRACK_PERSIST: boolean;
  /** TCP ports. */
  readonly CONNTRACK_ESTAB_PORTS: readonly number[];
  readonly ENABLE_EXTERNAL_CMDS: boolean;
  readonly EXTERNAL_CMD_OPEN?: string;
  readonly EXTERNAL_CMD_CLOSE?: string;
  /** Seconds. */
  readonly EXTERNAL_CMD_ALARM: number;
  readonly ENABLE_EXT_CMD_PREFIX: boolean;
  readonly EXT_CMD_PREFIX: string;
  readonly EMAIL_ADDRESSES: readonly string[];
  readonly HOSTNAME?: string;
  readonly ALERTING_METHODS: AlertingMethods;
  readonly FWKNOP_DIR: string;
  readonly sendmailCmd: string;
  readonly mailCmd: string;
}

/** A variable of the daemon. */
export type DaemonVariableName = keyof DaemonConfig;

/** Values as text, by name. */
export type DaemonTexts = Readonly<Partial<Record<DaemonVariableName, string>>>;

/** What is known besides the files. */
export interface DaemonConfigOptions {
  /** Values from options, which beat every file. */
  readonly commandLine?: DaemonTexts;
  /** Defaults that the host knows better than the table. */
  readonly defaults?: DaemonTexts;
}

/** A configuration that was read. With errors among its problems the refused values are those of the defaults. */
export interface ParsedDaemonConfig {
  readonly config: DaemonConfig;
  readonly problems: readonly ConfigProblem[];
  /** Every value, defaults included, as text after expansion; for `--dump-config`. */
  readonly texts: DaemonTexts;
  /** Which program's file it is: settles the doubt about an access.conf that could be either's. */
  readonly dialect: Dialect;
}

/**
 * Reads the configuration.
 *
 * @param files the main file and the override files, in their order; later values replace earlier ones
 * @param options values and defaults from elsewhere
 * @returns the values and everything that is to be said about the files; never throws
 */
export function parseDaemonConfig(files: readonly ConfigFile[], options: DaemonConfigOptions = {}): ParsedDaemonConfig {
  const settings = new Settings(files, options.commandLine ?? {}, options.defaults ?? {});
  const problems: ConfigProblem[] = [...settings.problems];
  const texts: Partial<Record<DaemonVariableName, string>> = {};
  const values: Record<string, unknown> = {};
  const refused: { readonly setting: Setting; readonly variable: Variable<unknown>; readonly parsed: ParsedValue<unknown> & { readonly ok: false } }[] = [];

  for (const [name, variable] of Object.entries(daemonVariables()) as [DaemonVariableName, Variable<unknown>][]) {
    const setting = settings.get(name);
    const text = setting?.text ?? settings.defaultOf(name);
    if (text !== undefined) texts[name] = text;
    if (variable.absent !== undefined) values[name] = variable.absent;
    if (text === undefined || variable.kind.secret) continue;
    const parsed = variable.kind.parse(text, setting?.spelling ?? name);
    if (parsed.ok) {
      values[name] = parsed.value;
      if (parsed.warning !== undefined && setting !== undefined) problems.push({ severity: "warning", ...setting.place, message: parsed.warning });
      continue;
    }
    // Without a place it is a default that the host gave, and the option is to blame that is named like it.
    refused.push({ setting: setting ?? { spelling: name, text, place: { file: COMMAND_LINE, line: 0, column: 0 } }, variable, parsed });
    const fallback = settings.defaultOf(name);
    const again = fallback === undefined ? undefined : variable.kind.parse(fallback, name);
    if (again?.ok) values[name] = again.value;
  }

  for (const { setting, variable, parsed } of refused) {
    const { file, line, column } = setting.place;
    const unused = variable.onlyWith !== undefined && values[variable.onlyWith] !== true;
    // In an expanded value the offset is not the place in the file.
    const shift = setting.expanded === true ? 0 : (parsed.offset ?? 0);
    problems.push({ severity: unused ? "warning" : "error", file, line, column: column === 0 ? 0 : column + shift, message: parsed.message });
  }
  if (texts.PCAP_FILE !== undefined && settings.get("ENABLE_SPA_PACKET_AGING") === undefined) {
    values["ENABLE_SPA_PACKET_AGING"] = false;
    texts.ENABLE_SPA_PACKET_AGING = "N";
  }
  const config = values as unknown as DaemonConfig;
  problems.push(...contradictions(config, settings));
  return { config, problems, texts, dialect: settings.dialect };
}

/** What each value allows and all together do not. */
function contradictions(config: DaemonConfig, settings: Settings): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const say = (severity: ConfigProblem["severity"], name: DaemonVariableName, message: string): void => {
    problems.push({ severity, ...(settings.get(name)?.place ?? { file: settings.mainFile, line: 0, column: 0 }), message });
  };
  if (config.ENABLE_X_FORWARDED_FOR && config.TRUSTED_PROXIES.length === 0) {
    say("warning", "ENABLE_X_FORWARDED_FOR", "ENABLE_X_FORWARDED_FOR has no effect without TRUSTED_PROXIES: nobody's header is believed");
  }
  if (!config.ENABLE_X_FORWARDED_FOR && config.TRUSTED_PROXIES.length > 0) {
    say("warning", "TRUSTED_PROXIES", "TRUSTED_PROXIES has no effect without ENABLE_X_FORWARDED_FOR");
  }
  if ((config.EXTERNAL_CMD_OPEN === undefined) !== (config.EXTERNAL_CMD_CLOSE === undefined)) {
    const [set, missing] = config.EXTERNAL_CMD_OPEN === undefined ? (["EXTERNAL_CMD_CLOSE", "EXTERNAL_CMD_OPEN"] as const) : (["EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE"] as const);
    say("error", set, `Cannot set ${set} without also setting ${missing}`);
  }
  if (config.FIREWALL_TYPE === "external_cmd" && config.EXTERNAL_CMD_OPEN === undefined && config.EXTERNAL_CMD_CLOSE === undefined) {
    say("error", "FIREWALL_TYPE", "FIREWALL_TYPE external_cmd needs EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE");
  }
  if (config.FIREWALL_TYPE !== "external_cmd") {
    const idle = (["EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE", "ENABLE_EXTERNAL_CMDS"] as const).filter((name) => config[name] !== undefined && config[name] !== false);
    if (idle.length > 0) say("warning", idle[0]!, `${idle.join(", ")}: without effect unless FIREWALL_TYPE is external_cmd; a stanza may have commands of its own`);
  }
  if (config.AUTH_MODE === "SOCKET" && !config.ENABLE_UDP_SERVER && !config.ENABLE_TCP_SERVER && !config.ENABLE_HTTP_SERVER) {
    say("error", "AUTH_MODE", "AUTH_MODE SOCKET hears nothing without ENABLE_UDP_SERVER, ENABLE_TCP_SERVER or ENABLE_HTTP_SERVER");
  }
  if (config.IPFW_ACTIVE_SET_NUM === config.IPFW_EXPIRE_SET_NUM) {
    say("error", "IPFW_EXPIRE_SET_NUM", `IPFW_ACTIVE_SET_NUM and IPFW_EXPIRE_SET_NUM are both ${config.IPFW_EXPIRE_SET_NUM}: expected two different sets`);
  }
  if (config.NFT_SET !== undefined && (config.ENABLE_DESTINATION_RULE || config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT || config.ENABLE_IPT_OUTPUT)) {
    say("error", "NFT_SET", "NFT_SET only opens ports of this host: it goes neither with NAT nor with ENABLE_DESTINATION_RULE or ENABLE_IPT_OUTPUT");
  }
  return problems;
}
