/**
 * What fwknopd.conf, or the fwknop.conf of fwknop 1.x, tells the daemon as a whole.
 *
 * @module
 */

import type { ChainSettings } from "../firewall/iptables.ts";
import type { NftablesMode, NftTable } from "../firewall/nftables.ts";
import type { IpAddress, IpNetwork } from "../ip.ts";
import type { AddressList } from "./address-list.ts";
import type { PortList } from "./port-list.ts";

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
export type AuthMode = "PCAP" | "FILE_PCAP" | "SOCKET" | "KNOCK";

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
  readonly IPT_USE_IPSET: boolean | "auto";
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
  /** A Unix socket to listen at (SOCKET). */
  readonly FWKNOP_SERV_SOCK?: string;
  /** What the firewall's lines have in their prefix (KNOCK). */
  readonly FW_MSG_SEARCH: string;
  readonly ENABLE_SYSLOG_FILE: boolean;
  readonly IPT_SYSLOG_FILE: string;
  /** With ENABLE_SYSLOG_FILE N, in this order the first that is there. */
  readonly KNOPMD_FIFO: string;
  readonly FW_DATA_FILE: string;
  /** Fingerprints of operating systems. */
  readonly P0F_FILE: string;
  readonly MAX_HOPS: number;
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
