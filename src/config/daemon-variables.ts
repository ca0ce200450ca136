/**
 * The variables of fwknopd.conf and fwknop.conf, one row each.
 *
 * @module
 */

import type { NftTable } from "../firewall/nftables.ts";
import { formatIp, type IpNetwork, parseIp } from "../ip.ts";
import { accept, addresses, choice, command, integer, ipv4, path, refuse, shown, text, words, yesNo } from "./_kinds.ts";
import type { AlertingMethods, AuthMode, ChainAccess, DaemonConfig, NftSets, SyslogFacility } from "./daemon-config.ts";
import { parsePortList, type PortList } from "./port-list.ts";
import type { ObsoleteVariables, TextKind, Variable, VariableTable } from "./variable.ts";

// --- Kinds of values that only this file has --------------------------------------------------------------------------

/** C reads up to 131071 and wraps. */
const port = /* @__PURE__ */ integer(1, 65535);
const microseconds = /* @__PURE__ */ integer(1, 8388608);

const absolutePath: TextKind<string> = {
  describe: "absolute path",
  parse: (text) => (text.startsWith("/") ? accept(text) : refuse(`Path ${shown(text)} is not absolute.`)),
};

const filter: TextKind<string> = {
  describe: "pcap expression, or NONE",
  parse: (text) => accept(text === "NONE" ? "" : text),
};

/** Field counts: 6 is C's line, 7 that of fwknop 1.9 with a direction, 5 the older one without positions. */
const chain: TextKind<ChainAccess> = {
  describe: "TARGET, TABLE, FROM, POSITION, CHAIN, POSITION",
  parse(text, name) {
    const invalid = (why: string) => refuse(`Invalid ${name} specification, see fwknopd.conf comments: ${why}`);
    if (!/^[A-Za-z0-9_ ,]+$/.test(text)) return invalid("names have only letters, digits and _");
    const fields = text.split(",").map((field) => field.trim());
    if (fields.includes("")) return invalid("a field is empty");
    const { length } = fields;
    const hasDirection = (length === 5 || length === 7) && /^(src|dst|both)$/i.test(fields[1]!);
    if (length !== 6 && !hasDirection) return invalid(`expected 6 fields, got ${length}`);
    if (hasDirection) fields.splice(1, 1);
    const [target, table, from] = fields as [string, string, string];
    const [jump, chain, rule] = length === 5 ? ["1", fields[3]!, "1"] : (fields.slice(3) as [string, string, string]);
    if (!isPosition(jump)) return refuse(`invalid jump rule position in Line: ${text}`);
    if (!isPosition(rule)) return refuse(`invalid to_chain rule position in Line: ${text} (invalid chain rule position, expected 0..65536)`);
    const value = { target, table, from, position: Number(jump), chain };
    return length === 5 ? { ok: true, value, warning: `${name} has the five fields of old; both positions are 1` } : accept(value);
  },
};

const isPosition = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65536;

const FACILITIES: Readonly<Record<SyslogFacility, SyslogFacility>> = {
  LOG_DAEMON: "LOG_DAEMON", LOG_LOCAL0: "LOG_LOCAL0", LOG_LOCAL1: "LOG_LOCAL1", LOG_LOCAL2: "LOG_LOCAL2", LOG_LOCAL3: "LOG_LOCAL3",
  LOG_LOCAL4: "LOG_LOCAL4", LOG_LOCAL5: "LOG_LOCAL5", LOG_LOCAL6: "LOG_LOCAL6", LOG_LOCAL7: "LOG_LOCAL7",
};

const autoYesNo: TextKind<boolean | "auto"> = {
  describe: "auto, Y or N",
  parse(text, name) {
    if (/^auto$/i.test(text)) return accept("auto");
    const parsed = yesNo.parse(text, name);
    return parsed.ok ? parsed : refuse(`${name} value ${shown(text)} is none of auto, Y, N`);
  },
};

const address: TextKind<string> = {
  describe: "address",
  parse(text, name) {
    const ip = parseIp(text);
    return ip === undefined ? refuse(`${name} value ${shown(text)} is not an address`) : accept(formatIp(ip));
  },
};

/** The last set cannot be switched off, and set 0 is everybody's. */
const ipfwSet = /* @__PURE__ */ integer(1, 30);

const named = (describe: string, pattern: RegExp): TextKind<string> => ({
  describe,
  parse: (text, name) => (pattern.test(text) ? accept(text) : refuse(`${name} value ${shown(text)} is no ${describe}`)),
});

const anchor = /* @__PURE__ */ named("name of an anchor", /^[\w.][\w./-]{0,62}$/);
const pfTable = /* @__PURE__ */ named("name of a table", /^[\w.][\w.-]{0,30}$/);
const zone = /* @__PURE__ */ named("name of a zone", /^\w[\w-]{0,31}$/);

const AUTH_MODES: Readonly<Record<string, AuthMode>> = { PCAP: "PCAP", FILE_PCAP: "FILE_PCAP", ULOG_PCAP: "FILE_PCAP", SOCKET: "SOCKET", KNOCK: "KNOCK" };

const networks: TextKind<readonly IpNetwork[]> = {
  describe: "address list, or NONE",
  parse(text, name) {
    const parsed = addresses.parse(text, name);
    if (!parsed.ok) return parsed;
    const { any, except, networks } = parsed.value;
    return any || except.length > 0 ? refuse(`${name} must name each address or network; ANY would let everybody choose the address that is opened`) : accept(networks);
  },
};

/** Names of nftables; they go into text that its program reads. */
const nftName: TextKind<string> = {
  describe: "name",
  parse: (text, name) => (NFT_NAME.test(text) ? accept(text) : refuse(`${name} value ${shown(text)} is no name in nftables`)),
};

const NFT_NAME = /^[A-Za-z][\w./\\-]{0,127}$/;

const nftTable: TextKind<NftTable> = {
  describe: "FAMILY TABLE",
  parse(text, name) {
    const [family, table, ...others] = text.split(/\s+/);
    const known = (["inet", "ip", "ip6"] as const).find((word) => word === family);
    if (known === undefined || table === undefined || others.length > 0 || !NFT_NAME.test(table)) return refuse(`${name} value ${shown(text)} is not inet, ip or ip6 and the name of a table`);
    return accept({ family: known, name: table });
  },
};

const nftSets: TextKind<NftSets> = {
  describe: "FAMILY TABLE SET, or two sets",
  parse(text, name) {
    const [family = "", table = "", ...sets] = text.split(/\s+/);
    const parsed = nftTable.parse(`${family} ${table}`, name);
    if (!parsed.ok || sets.length < 1 || sets.length > 2 || !sets.every((set) => NFT_NAME.test(set))) {
      return refuse(`${name} value ${shown(text)} is not a family, a table and one or two sets`);
    }
    return accept({ table: parsed.value, sets });
  },
};

const portList: TextKind<PortList> = {
  describe: "tcp/PORT, udp/PORT, tcp/LOW-HIGH between commas",
  parse(text, name) {
    const parsed = parsePortList(text);
    return parsed.ok ? parsed : { ...parsed, message: `${parsed.message}: invalid ${name}` };
  },
};

const mark: TextKind<number> = {
  describe: "bits as a decimal or hexadecimal number",
  parse(text, name) {
    const value = /^(0x[0-9a-f]{1,8}|[1-9]\d{0,9})$/i.test(text) ? Number(text) : 0;
    return value > 0 && value <= 0xffffffff ? accept(value) : refuse(`${name} value ${shown(text)} is not a number of 1 to 0xffffffff`);
  },
};

const ALERTS = ["ALL", "BOTH", "NOSYSLOG", "NOEMAIL", "VERBOSE"];

const alerts: TextKind<AlertingMethods> = {
  describe: "ALL, both, nosyslog, noemail, verbose",
  parse(text, name) {
    const list = text.toUpperCase().split(/[\s,]+/).filter((word) => word !== "");
    const unknown = list.find((word) => !ALERTS.includes(word));
    if (unknown !== undefined) return refuse(`${name} item ${shown(unknown)} is none of ${alerts.describe}`);
    return accept({ syslog: !list.includes("NOSYSLOG"), email: !list.includes("NOEMAIL"), verbose: list.includes("VERBOSE") });
  },
};

// --- The table --------------------------------------------------------------------------------------------------------

/** The same variable under the names that the firewalld build and others have for it. */
const firewalld = (...names: readonly string[]): Pick<Variable<never>, "synonyms"> =>
  ({ synonyms: Object.fromEntries(names.map((name) => [name, { origin: "C", weak: true }])) });

const NO_POLLING = "Nothing is polled; the daemon sleeps until a packet comes or a grant ends.";

let table: VariableTable<DaemonConfig> | undefined;

/**
 * The table of variables.
 *
 * @returns the rows, those of C in the order in which `--dump-config` prints them; the same object each time
 */
export function daemonVariables(): VariableTable<DaemonConfig> {
  return (table ??= {
    CONFIG_FILE: { kind: path, origin: "C", default: "/etc/fwknop/fwknopd.conf", doc: "This file.", obsolete: "Which file is read says --config-file." },
    OVERRIDE_CONFIG: { kind: words("path", /^/, String), origin: "C", absent: [], doc: "Files that are read after it, in this order; those of --override-config if it is given." },
    PCAP_INTF: {
      kind: words("network interface", /^[^\s/]{1,64}$/, String), origin: "C, Perl", default: "eth0",
      doc: "Interfaces to listen on, between commas; any for all of them.",
    },
    PCAP_FILE: { kind: path, origin: "C", doc: "Read packets from this capture file instead of an interface. Packets of any age are then accepted, unless ENABLE_SPA_PACKET_AGING is set." },
    ENABLE_PCAP_PROMISC: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Also hear frames that are addressed to other hosts." },
    PCAP_FILTER: { kind: filter, origin: "C, Perl", default: "udp port 62201", doc: "Which packets are looked at, as a pcap expression; NONE for all." },
    PCAP_DISPATCH_COUNT: { kind: integer(1, 8388608), origin: "C", default: "100", doc: "Packets taken at once.", obsolete: NO_POLLING },
    PCAP_LOOP_SLEEP: { kind: microseconds, origin: "C", default: "100000", doc: "Microseconds between two looks at the capture.", obsolete: NO_POLLING },
    ENABLE_PCAP_ANY_DIRECTION: { kind: yesNo, origin: "C", absent: false, doc: "Also hear what this host sends or forwards." },
    EXIT_AT_INTF_DOWN: { kind: yesNo, origin: "C", default: "Y", doc: "End with status 1 when the interface goes down; otherwise wait until it is back." },
    MAX_SNIFF_BYTES: { kind: integer(1, 32768), origin: "C, Perl", default: "1500", doc: "Bytes kept of each frame; longer ones are not heard." },
    ENABLE_SPA_PACKET_AGING: { kind: yesNo, origin: "C, Perl", default: "Y", doc: "Refuse packets whose time stamp is too far from this host's clock." },
    MAX_SPA_PACKET_AGE: { kind: integer(1, 100000), origin: "C, Perl", default: "120", doc: "Seconds that a packet may be old, or ahead." },
    ENABLE_DIGEST_PERSISTENCE: { kind: yesNo, origin: "C, Perl", default: "Y", doc: "Remember accepted packets in DIGEST_FILE, so that none is accepted twice even after a restart." },
    RULES_CHECK_THRESHOLD: { kind: integer(0, 131071), origin: "C", default: "20", doc: "How often the firewall is searched for rules of others with a time mark, which are removed at their time: when a grant ends; with the first that begins 15 seconds times this number after the last search; and, while none is open, every so often. NFT_MODE guard looks as often whether the guard is there. 0 for never." },
    CMD_EXEC_TIMEOUT: {
      kind: integer(1, 86400), origin: "C", absent: 60, doc: "Seconds after which a command is ended that a packet asked for; 60 when it is not set.",
      synonyms: { PCAP_CMD_TIMEOUT: { origin: "Perl" } },
    },
    ENABLE_SPA_OVER_HTTP: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Also take packets out of HTTP requests." },
    ALLOW_ANY_USER_AGENT: { kind: yesNo, origin: "C", default: "N", doc: "Take HTTP requests whatever their User-Agent is." },
    ENABLE_TCP_SERVER: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Listen on TCPSERV_PORT." },
    TCPSERV_PORT: { kind: port, origin: "C, Perl", default: "62201", doc: "Port of the TCP server." },
    ENABLE_UDP_SERVER: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Listen on UDPSERV_PORT instead of capturing." },
    UDPSERV_PORT: { kind: port, origin: "C, Perl", default: "62201", doc: "Port of the UDP server." },
    UDPSERV_SELECT_TIMEOUT: { kind: microseconds, origin: "C", default: "500000", doc: "Microseconds between two looks at the socket.", obsolete: NO_POLLING },
    LOCALE: { kind: text, origin: "C, Perl", unset: ["NONE"], doc: "LC_ALL of the commands that packets ask for." },
    SYSLOG_IDENTITY: { kind: text, origin: "C, Perl", default: "fwknopd", doc: "Name before each line of the log." },
    SYSLOG_FACILITY: {
      kind: choice(FACILITIES, (name, value) => `Invalid ${name} setting ${value}, expected LOG_DAEMON or LOG_LOCAL0 to LOG_LOCAL7`),
      origin: "C, Perl", default: "LOG_DAEMON", doc: "Syslog facility.",
    },
    ENABLE_X_FORWARDED_FOR: { kind: yesNo, origin: "C", default: "N", doc: "Believe the X-Forwarded-For header of requests that come from TRUSTED_PROXIES." },
    ENABLE_DESTINATION_RULE: { kind: yesNo, origin: "C", default: "N", doc: "Open for the address only that the packet was sent to." },
    ENABLE_RULE_PREPEND: { kind: yesNo, origin: "C", default: "N", doc: "Put rules at the head of the chain." },
    ENABLE_NAT_DNS: { kind: yesNo, origin: "C", default: "Y", doc: "Resolve host names in requests for NAT." },
    ENABLE_IPT_FORWARDING: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Grant access to other hosts by NAT.", ...firewalld("ENABLE_FIREWD_FORWARDING") },
    ENABLE_IPT_LOCAL_NAT: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Grant access to other ports of this host by NAT.", ...firewalld("ENABLE_FIREWD_LOCAL_NAT") },
    ENABLE_IPT_SNAT: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Also rewrite the source of what NAT forwards.", ...firewalld("ENABLE_FIREWD_SNAT") },
    SNAT_TRANSLATE_IP: {
      kind: ipv4((name, value) => `Invalid IPv4 addr for ${name}: ${value}`), origin: "C, Perl", unset: ["_CHANGEME_"], onlyWith: "ENABLE_IPT_SNAT",
      doc: "The source that ENABLE_IPT_SNAT writes in IPv4; without it, and in IPv6, the address of the outgoing interface.",
    },
    ENABLE_IPT_OUTPUT: { kind: yesNo, origin: "C, Perl", default: "N", doc: "Also let answers out, for hosts that restrict what leaves them.", ...firewalld("ENABLE_FIREWD_OUTPUT") },
    FLUSH_IPT_AT_INIT: { kind: yesNo, origin: "C, Perl", default: "Y", doc: "Remove rules of an earlier run at the start; otherwise they are taken over.", ...firewalld("FLUSH_FIREWD_AT_INIT", "FLUSH_IPFW_AT_INIT") },
    FLUSH_IPT_AT_EXIT: { kind: yesNo, origin: "C", default: "Y", doc: "Remove all rules at the end.", ...firewalld("FLUSH_FIREWD_AT_EXIT", "FLUSH_IPFW_AT_EXIT") },
    IPT_INPUT_ACCESS: { kind: chain, origin: "C, Perl", default: "ACCEPT, filter, INPUT, 1, FWKNOP_INPUT, 1", doc: "Chain for access to this host.", ...firewalld("FIREWD_INPUT_ACCESS") },
    IPT_OUTPUT_ACCESS: { kind: chain, origin: "C, Perl", default: "ACCEPT, filter, OUTPUT, 1, FWKNOP_OUTPUT, 1", doc: "Chain for answers.", ...firewalld("FIREWD_OUTPUT_ACCESS") },
    IPT_FORWARD_ACCESS: { kind: chain, origin: "C, Perl", default: "ACCEPT, filter, FORWARD, 1, FWKNOP_FORWARD, 1", doc: "Chain for access to other hosts.", ...firewalld("FIREWD_FORWARD_ACCESS") },
    IPT_DNAT_ACCESS: { kind: chain, origin: "C, Perl", default: "DNAT, nat, PREROUTING, 1, FWKNOP_PREROUTING, 1", doc: "Chain that rewrites destinations.", ...firewalld("FIREWD_DNAT_ACCESS") },
    IPT_SNAT_ACCESS: { kind: chain, origin: "C, Perl", default: "SNAT, nat, POSTROUTING, 1, FWKNOP_POSTROUTING, 1", doc: "Chain that rewrites sources to a fixed address.", ...firewalld("FIREWD_SNAT_ACCESS") },
    IPT_MASQUERADE_ACCESS: { kind: chain, origin: "C, Perl", default: "MASQUERADE, nat, POSTROUTING, 1, FWKNOP_MASQUERADE, 1", doc: "Chain that rewrites sources to the interface's address.", ...firewalld("FIREWD_MASQUERADE_ACCESS") },
    ENABLE_IPT_COMMENT_CHECK: { kind: yesNo, origin: "C", default: "Y", doc: "Test at the start whether rules can carry the time of their end.", ...firewalld("ENABLE_FIREWD_COMMENT_CHECK") },
    FWKNOP_RUN_DIR: { kind: absolutePath, origin: "C, Perl", default: "/run/fwknop", doc: "Folder for state; created when it is missing." },
    FWKNOP_CONF_DIR: { kind: path, origin: "C, Perl", default: "/etc/fwknop", doc: "Folder of the configuration, for use in other values." },
    ACCESS_FILE: { kind: path, origin: "C", default: "/etc/fwknop/access.conf", doc: "The file of stanzas.", synonyms: { ACCESS_CONF: { origin: "Perl" } } },
    ACCESS_FOLDER: { kind: path, origin: "C", doc: "Folder of such files, read instead of ACCESS_FILE." },
    FWKNOP_PID_FILE: { kind: path, origin: "C, Perl", default: "$FWKNOP_RUN_DIR/fwknopd.pid", doc: "File that holds the daemon's pid and its lock." },
    DIGEST_FILE: { kind: path, origin: "C, Perl", default: "$FWKNOP_RUN_DIR/digest.cache", doc: "File of the packets that were accepted." },
    GPG_HOME_DIR: { kind: path, origin: "C", default: "/root/.gnupg", doc: "GnuPG's home for stanzas that name none.", synonyms: { GPG_DEFAULT_HOME_DIR: { origin: "Perl" } } },
    GPG_EXE: { kind: path, origin: "C", default: "/usr/bin/gpg", doc: "GnuPG, for stanzas that name none.", synonyms: { gpgCmd: { origin: "Perl" } } },
    SUDO_EXE: { kind: path, origin: "C", default: "/usr/bin/sudo", doc: "Put in front of commands with ENABLE_CMD_SUDO_EXEC." },
    FIREWALL_EXE: { kind: command, origin: "C", default: "/usr/sbin/iptables", doc: "The firewall's program.", synonyms: { iptablesCmd: { origin: "Perl" } } },
    VERBOSE: {
      kind: integer(0, Number.MAX_SAFE_INTEGER, (name, value) => `${name} value ${value} not in the range (>0)`),
      origin: "C", absent: 0, doc: "As many times --verbose.",
    },
    FAULT_INJECTION_TAG: { kind: text, origin: "C", doc: "Where a build made for testing fails on purpose.", obsolete: "There is no such build." },

    ENABLE_HTTP_SERVER: { kind: yesNo, origin: "own", default: "N", doc: "Listen on HTTP_SERVER_PORT for packets in web requests, and answer everybody alike." },
    HTTP_SERVER_ADDRESS: { kind: address, origin: "own", unset: ["NONE"], doc: "The address of the HTTP server, 127.0.0.1 behind a proxy on this host; without it, every address." },
    HTTP_SERVER_PORT: { kind: port, origin: "own", default: "62201", doc: "Port of the HTTP server." },
    HTTP_SERVER_STATUS: {
      kind: choice({ 204: 204, 200: 200, 403: 403, 404: 404, 503: 503 } as const, (name, value) => `${name} value ${value} is none of 200, 204, 403, 404, 503`),
      origin: "own", default: "204", doc: "Status of every answer. With 204 a browser stays on its page.",
    },
    TRUSTED_PROXIES: { kind: networks, origin: "own", unset: ["NONE"], absent: [], doc: "Proxies whose X-Forwarded-For is believed, with ENABLE_X_FORWARDED_FOR; by the HTTP server also Forwarded and the PROXY protocol. The client is the last hop that is none of them." },

    NFT_EXE: { kind: command, origin: "own", default: "/usr/sbin/nft", doc: "The program of nftables." },
    NFT_MODE: {
      kind: choice({ inject: "inject", guard: "guard", mark: "mark" } as const, (name, value) => `${name} value ${value} is none of inject, guard, mark`),
      origin: "own", default: "inject",
      doc: "How grants get past what drops packets here. inject: sets in NFT_TABLE and a jump at the head of its chains. guard: a table of ours that closes NFT_GUARD_PORTS to all who have no grant. mark: granted packets get NFT_MARK, and a rule of yours accepts those.",
    },
    NFT_TABLE: { kind: nftTable, origin: "own", default: "inet filter", doc: "Family and name of the table that drops packets here, for NFT_MODE inject." },
    NFT_INPUT_CHAIN: { kind: nftName, origin: "own", default: "input", doc: "Its chain for packets to this host." },
    NFT_OUTPUT_CHAIN: { kind: nftName, origin: "own", default: "output", doc: "Its chain for packets from this host, with ENABLE_IPT_OUTPUT." },
    NFT_FORWARD_CHAIN: { kind: nftName, origin: "own", default: "forward", doc: "Its chain for packets to other hosts, with ENABLE_IPT_FORWARDING." },
    NFT_GUARD_PORTS: { kind: portList, origin: "own", doc: "What NFT_MODE guard closes; when it is not set, the OPEN_PORTS of all stanzas." },
    NFT_MARK: { kind: mark, origin: "own", default: "0x20000", doc: "The bits that NFT_MODE mark sets in the mark of granted packets." },
    NFT_SET: { kind: nftSets, origin: "own", unset: ["NONE"], doc: "Family, table and one set for each address family, all yours: grants are only added to them, and NFT_MODE does not matter." },
    IPT_USE_IPSET: { kind: autoYesNo, origin: "own", default: "auto", doc: "With FIREWALL_TYPE iptables: keep access to this host in sets with a time for each element, so that any number of grants is one rule. auto: only what is granted while 250 rules are open, if sets can be used here." },
    IPSET_EXE: { kind: command, origin: "own", default: "/usr/sbin/ipset", doc: "The program of these sets." },
    CONNTRACK_ON_EXPIRE: {
      kind: choice({ keep: "keep", kill: "kill" } as const, (name, value) => `${name} value ${value} is none of keep, kill`),
      origin: "own", default: "keep", doc: "What becomes of a grant's connections when it ends: keep leaves them, kill makes the kernel forget them.",
    },
    CONNTRACK_EXE: { kind: command, origin: "own", default: "/usr/sbin/conntrack", doc: "The program that does it, and tells ENABLE_CONNTRACK_PERSIST which connections are established." },

    // Of the other builds of fwknop 2.x, and beside them.
    IPFW_START_RULE_NUM: { kind: integer(1, 65534), origin: "other C", default: "10000", doc: "First number of our rules in ipfw." },
    IPFW_MAX_RULES: { kind: integer(1, 65535), origin: "other C", default: "65535", doc: "How many numbers there are for them." },
    IPFW_ACTIVE_SET_NUM: { kind: ipfwSet, origin: "other C", default: "1", doc: "The set of open rules, which must be for us alone: it is deleted at the start and at the end." },
    IPFW_EXPIRE_SET_NUM: { kind: ipfwSet, origin: "other C", default: "2", doc: "The set, switched off, to which rules are moved that ended, so that their connections go on." },
    IPFW_EXPIRE_PURGE_INTERVAL: { kind: integer(1, 131071), origin: "other C", default: "30", doc: "Seconds between two looks at that set for rules that no connection needs any more." },
    IPFW_ADD_CHECK_STATE: { kind: yesNo, origin: "other C", default: "N", doc: "Put a check-state rule before ours, for policies that have none." },
    PF_ANCHOR_NAME: { kind: anchor, origin: "other C", default: "fwknop", doc: "The anchor of pf that our rules are in; pf.conf has to name it." },
    PF_EXPIRE_INTERVAL: { kind: integer(1, 131071), origin: "other C", default: "30", doc: "Seconds between two looks for expired rules.", obsolete: NO_POLLING },
    PF_TABLE: { kind: pfTable, origin: "own", unset: ["NONE"], doc: "A table in that anchor: addresses are put into it instead of rules into the anchor, and what they may reach is said by rules of yours." },
    FIREWD_ZONE: { kind: zone, origin: "own", unset: ["NONE"], doc: "The zone of firewalld that is opened; without it, the zone of the first interface of PCAP_INTF, or else the default zone." },
    FIREWD_DIRECT: { kind: yesNo, origin: "own", default: "N", doc: "With FIREWALL_TYPE firewalld: direct rules as by fwknop 2.x, which open nothing unless firewalld itself drives iptables." },

    AUTH_MODE: {
      kind: choice(AUTH_MODES, (name, value) => `${name} value ${value} is none of PCAP, FILE_PCAP, ULOG_PCAP, SOCKET, KNOCK`),
      origin: "Perl", default: "PCAP",
      doc: "Hear packets on interfaces, in PCAP_PKT_FILE as it grows, or on the sockets of the TCP and UDP server. KNOCK: hear port knocking in the firewall's log, and packets on these sockets only.",
    },
    PCAP_PKT_FILE: { kind: path, origin: "Perl", default: "/var/log/sniff.pcap", doc: "Capture file that another program writes, for AUTH_MODE FILE_PCAP." },
    FWKNOP_SERV_SOCK: { kind: path, origin: "Perl", unset: ["NONE"], doc: "With AUTH_MODE SOCKET: a Unix socket to which other programs of our user relay packets, in lines ADDRESS:PROTOCOL:PACKET, the protocol 6 or 17." },
    FW_MSG_SEARCH: { kind: text, origin: "Perl", default: "DROP", doc: "What the prefix of the firewall's lines has in it (iptables -j LOG --log-prefix), for AUTH_MODE KNOCK. In lines that are not marked as the kernel's the prefix must begin with it." },
    ENABLE_SYSLOG_FILE: { kind: yesNo, origin: "Perl", default: "Y", doc: "Read these lines in IPT_SYSLOG_FILE; with N, from the pipe KNOPMD_FIFO, or in FW_DATA_FILE where there is no such pipe." },
    IPT_SYSLOG_FILE: { kind: path, origin: "Perl", default: "/var/log/messages", doc: "The log, a file or a pipe." },
    KNOPMD_FIFO: { kind: path, origin: "Perl", default: "/var/lib/fwknop/fwknopfifo", doc: "A pipe that the syslog daemon writes to." },
    FW_DATA_FILE: { kind: path, origin: "Perl", default: "/var/log/fwknop/fwdata", doc: "A file that holds the firewall's lines alone." },
    P0F_FILE: { kind: path, origin: "Perl", default: "/etc/fwknop/pf.os", doc: "Fingerprints of operating systems (pf.os(5)), for REQUIRE_OS." },
    MAX_HOPS: { kind: integer(0, 255), origin: "Perl", default: "20", doc: "Hops that a fingerprint may have come." },
    FIREWALL_TYPE: {
      kind: choice(
        { iptables: "iptables", nftables: "nftables", ipfw: "ipfw", pf: "pf", firewalld: "firewalld", command: "external_cmd", external_cmd: "external_cmd", print: "print", auto: "auto" } as const,
        (name, value) => `${name} value ${value} is none of iptables, nftables, ipfw, pf, firewalld, command, external_cmd, print, auto`,
      ),
      origin: "Perl", default: "iptables",
      doc: "What grants are given to: iptables, nftables, ipfw, pf, firewalld, the commands EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE (command or external_cmd), or print: nobody, the commands are only printed. auto: what this host uses. While it says iptables or print, a FIREWALL_EXE that is ipfw, pfctl, firewall-cmd or nft tells which firewall.",
    },
    ipfwCmd: { kind: path, origin: "Perl", default: "/sbin/ipfw", doc: "The program of ipfw, where FIREWALL_EXE names another firewall's." },
    IPFW_RULE_NUM: { kind: integer(1, 65534), origin: "Perl", doc: "First number of our rules in ipfw. This or one of the next two makes them be in set 0, as in fwknop 1.x." },
    IPFW_SET_NUM: { kind: ipfwSet, origin: "Perl", doc: "The set, switched off, of rules that ended, 1 when it is not set. They are switched on again when the same is asked for." },
    IPFW_DYNAMIC_INTERVAL: { kind: integer(1, 131071), origin: "Perl", doc: "Seconds between two looks at that set for rules that no connection needs any more, 60 when it is not set." },
    ENABLE_COOKED_INTF: { kind: yesNo, origin: "Perl", default: "N", doc: "Capture without link-layer headers, for interfaces whose headers are unknown." },
    ENABLE_INTF_CHECKS: { kind: yesNo, origin: "Perl", default: "Y", doc: "Watch the interfaces and begin to listen anew when one was away or replaced." },
    INTF_CHECKS_INTERVAL: { kind: integer(1, 86400), origin: "Perl", default: "1", doc: "Seconds between two looks at the interfaces." },
    ENABLE_INTF_EXISTS_CHECK: { kind: yesNo, origin: "Perl", default: "Y", doc: "Notice that an interface is gone." },
    ENABLE_INTF_RUNNING_CHECK: { kind: yesNo, origin: "Perl", default: "Y", doc: "Notice that an interface is down or has no carrier." },
    ENABLE_INTF_BYTES_CHECK: { kind: yesNo, origin: "Perl", default: "Y", doc: "Notice that an interface's counters went back." },
    BLACKLIST: { kind: addresses, origin: "Perl", unset: ["NONE"], doc: "Addresses that nothing is granted to, and whose packets are dropped unread; ! excepts." },
    REQUIRE_SOURCE_ADDRESS: { kind: yesNo, origin: "Perl", default: "N", doc: "Refuse packets that do not name the address to open for, in all stanzas that say nothing else." },
    ENABLE_PROC_IP_FORWARD: { kind: yesNo, origin: "Perl", default: "N", doc: "With ENABLE_IPT_FORWARDING: have the kernel forward packets, if it does not. It goes on after the daemon has ended." },
    PROC_IP_FORWARD_FILE: { kind: path, origin: "Perl", default: "/proc/sys/net/ipv4/ip_forward", doc: "The kernel's switch for that." },
    IPT_EXEC_TRIES: { kind: integer(1, 100), origin: "Perl", default: "1", doc: "How often a firewall command is tried." },
    IPT_EXEC_SLEEP: { kind: integer(0, 3600), origin: "Perl", default: "0", doc: "Seconds between two firewall commands." },
    IPT_CMD_ALARM: { kind: integer(1, 3600), origin: "Perl", default: "30", doc: "Seconds that a firewall command may take." },
    ENABLE_CONNTRACK_PERSIST: { kind: yesNo, origin: "Perl", default: "N", doc: "Keep a grant while a connection of it is established." },
    CONNTRACK_ESTAB_PORTS: {
      kind: words("port", /^(tcp\/)?(0|[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/i, (word) => Number(word.replace(/^.*\//, ""))),
      origin: "Perl", unset: ["0"], absent: [], doc: "Ports of the connections that ENABLE_CONNTRACK_PERSIST regards.",
    },
    ENABLE_EXTERNAL_CMDS: { kind: yesNo, origin: "Perl", default: "N", doc: "With FIREWALL_TYPE external_cmd: leave the check of the ports to the command." },
    EXTERNAL_CMD_OPEN: { kind: command, origin: "Perl", verbatim: true, doc: "Program and arguments that open a grant; $SRC, $PORT, $PROTO and the stanza's variables are put in." },
    EXTERNAL_CMD_CLOSE: { kind: command, origin: "Perl", verbatim: true, doc: "Program and arguments that close it." },
    EXTERNAL_CMD_ALARM: { kind: integer(1, 3600), origin: "Perl", default: "30", doc: "Seconds that such a program may take." },
    ENABLE_EXT_CMD_PREFIX: { kind: yesNo, origin: "Perl", default: "N", doc: "Variables in such commands have names that begin with EXT_CMD_PREFIX." },
    EXT_CMD_PREFIX: { kind: text, origin: "Perl", default: "FWKNOP_", doc: "That prefix." },
    EMAIL_ADDRESSES: { kind: words("mail address", /^[^\s,;:<>()"\\-][^\s,;:<>()"\\]{0,253}$/, String), origin: "Perl", absent: [], doc: "Who gets mail about grants and refusals." },
    HOSTNAME: { kind: text, origin: "Perl", unset: ["_CHANGEME_", "__CHANGEME__"], doc: "This host's name in the subject of such mail." },
    ALERTING_METHODS: { kind: alerts, origin: "Perl", default: "ALL", doc: "Switches reports off: nosyslog, noemail; verbose mails everything." },
    FWKNOP_DIR: { kind: path, origin: "Perl", default: "/var/log/fwknop", doc: "Folder of the logs of fwknop 1.x, for use in other values; md5sums in it is a replay cache that is read as well." },
    sendmailCmd: { kind: path, origin: "Perl", default: "/usr/sbin/sendmail", doc: "Sends mail." },
    mailCmd: { kind: path, origin: "Perl", default: "/bin/mail", doc: "Sends mail where sendmailCmd is missing." },
  });
}

/** What older files set. */
export const OBSOLETE_DAEMON_VARIABLES: readonly ObsoleteVariables[] = [
  {
    now: "Packets are captured by tcpdump, which the daemon starts itself",
    origin: "C",
    names: ["ENABLE_NFQ_CAPTURE", "NFQ_INTERFACE", "NFQ_PORT", "NFQ_TABLE", "NFQ_CHAIN", "NFQ_QUEUE_NUMBER", "NFQ_LOOP_SLEEP"],
  },
  {
    now: "The daemon does itself what knoptm, knopwatchd, knopmd and fwknop_serv did; there are no helpers to configure",
    origin: "Perl",
    names: [
      "ENABLE_VOLUNTARY_EXITS", "EXIT_INTERVAL", "KNOPWATCHD_CHECK_INTERVAL", "KNOPWATCHD_MAX_RETRIES", "FWKNOP_CMDLINE_FILE", "TCPSERV_PID_FILE",
      "KNOPWATCHD_PID_FILE", "KNOPMD_PID_FILE", "KNOPTM_PID_FILE", "KNOPTM_IP_TIMEOUT_SOCK",
      "KNOPTM_SYSLOG_IDENTITY", "KNOPTM_SYSLOG_FACILITY", "KNOPTM_SYSLOG_PRIORITY", "FWSERV_SYSLOG_IDENTITY", "FWSERV_SYSLOG_FACILITY",
      "FWSERV_SYSLOG_PRIORITY", "fwknopdCmd", "fwknop_servCmd", "knopmdCmd", "knoptmCmd", "knopwatchdCmd", "mknodCmd", "ifconfigCmd",
    ],
  },
  {
    now: "The log is looked at five times a second, whoever writes it",
    origin: "Perl",
    names: ["SLEEP_INTERVAL", "SYSLOG_DAEMON"],
  },
  {
    now: "Firewall commands are run in one way, without a shell, and their output goes to the log",
    origin: "Perl",
    names: ["IPT_EXEC_STYLE", "IPT_OUTPUT_FILE", "IPT_ERROR_FILE", "KNOPTM_IPT_OUTPUT_FILE", "KNOPTM_IPT_ERROR_FILE", "shCmd"],
  },
  {
    now: "Every digest is recognised and remembered, with the packet's source",
    origin: "Perl",
    names: ["DIGEST_TYPE", "ENABLE_DIGEST_INCLUDE_SRC"],
  },
  {
    now: "Everything is built in, and each message has its own priority",
    origin: "Perl",
    names: [
      "ENABLE_FKO_MODULE", "MIN_SPA_PKT_LEN", "MIN_GNUPG_MSG_SIZE", "SYSLOG_PRIORITY", "IPT_CONNTRACK_FILE", "FWKNOP_LIB_DIR", "FWKNOP_MOD_DIR",
      "FWKNOP_ERR_DIR",
    ],
  },
];
