import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import type { DaemonConfig, DaemonVariableName } from "../src/config/daemon-config.ts";
import { type DaemonConfigOptions, type ParsedDaemonConfig, parseDaemonConfig } from "../src/config/daemon-config-parser.ts";
import { daemonVariables, OBSOLETE_DAEMON_VARIABLES } from "../src/config/daemon-variables.ts";
import { formatProblem, hasErrors, type Variable } from "../src/config/variable.ts";
import { formatIp } from "../src/ip.ts";
import { generator } from "./support/gen.ts";
import { networkText } from "./support/network-text.ts";

const parse = (text: string, options?: DaemonConfigOptions, ...overrides: readonly string[]): ParsedDaemonConfig =>
  parseDaemonConfig([text, ...overrides].map((part, at) => ({ path: at === 0 ? "f" : `o${at}`, bytes: utf8Bytes(part) })), options);

const fixture = (path: string) => ({ path: path.replace(/^.*\//, ""), bytes: readFileSync(new URL(`../fixtures/config/${path}`, import.meta.url)) });

/** `severity file:line:column: message`, without what is merely informative. */
const told = ({ problems }: ParsedDaemonConfig): readonly string[] =>
  problems.filter(({ severity }) => severity !== "info").map((problem) => `${problem.severity} ${formatProblem(problem)}`);

const ROWS = Object.entries(daemonVariables()) as readonly (readonly [DaemonVariableName, Variable<unknown>])[];
const NAMES = ROWS.flatMap(([name, { synonyms }]) => [name, ...Object.keys(synonyms ?? {})]);

/** What each variable refuses, and what it says then. Variables that are missing here take any text. */
const BAD: Readonly<Partial<Record<DaemonVariableName, readonly (readonly [text: string, message: RegExp])[]>>> = {
  PCAP_INTF: [["eth0/1", /'eth0\/1' is not a network interface/], [",", /holds no network interface/], ["x".repeat(65), /is not a network interface/]],
  PCAP_DISPATCH_COUNT: numbers("PCAP_DISPATCH_COUNT", 1, 8388608),
  PCAP_LOOP_SLEEP: numbers("PCAP_LOOP_SLEEP", 1, 8388608),
  MAX_SNIFF_BYTES: numbers("MAX_SNIFF_BYTES", 1, 32768),
  MAX_SPA_PACKET_AGE: numbers("MAX_SPA_PACKET_AGE", 1, 100000),
  RULES_CHECK_THRESHOLD: numbers("RULES_CHECK_THRESHOLD", 0, 131071),
  CMD_EXEC_TIMEOUT: numbers("CMD_EXEC_TIMEOUT", 1, 86400),
  TCPSERV_PORT: numbers("TCPSERV_PORT", 1, 65535),
  UDPSERV_PORT: numbers("UDPSERV_PORT", 1, 65535),
  UDPSERV_SELECT_TIMEOUT: numbers("UDPSERV_SELECT_TIMEOUT", 1, 8388608),
  INTF_CHECKS_INTERVAL: numbers("INTF_CHECKS_INTERVAL", 1, 86400),
  IPT_EXEC_TRIES: numbers("IPT_EXEC_TRIES", 1, 100),
  IPT_EXEC_SLEEP: numbers("IPT_EXEC_SLEEP", 0, 3600),
  IPT_CMD_ALARM: numbers("IPT_CMD_ALARM", 1, 3600),
  EXTERNAL_CMD_ALARM: numbers("EXTERNAL_CMD_ALARM", 1, 3600),
  VERBOSE: [["-1", /VERBOSE value '-1' not in the range \(>0\)/], ["x", /VERBOSE value 'x' not in the range/]],
  SYSLOG_FACILITY: [["LOG_MAIL", /Invalid SYSLOG_FACILITY setting 'LOG_MAIL'/], ["LOG_LOCAL8", /Invalid SYSLOG_FACILITY/]],
  FWKNOP_RUN_DIR: [["run", /Path 'run' is not absolute\./]],
  HTTP_SERVER_ADDRESS: [["localhost", /HTTP_SERVER_ADDRESS value 'localhost' is not an address/], ["10.0.0.0/8", /is not an address/]],
  HTTP_SERVER_PORT: numbers("HTTP_SERVER_PORT", 1, 65535),
  HTTP_SERVER_STATUS: [["418", /value '418' is none of 200, 204, 403, 404, 503/], ["2", /is none of/]],
  TRUSTED_PROXIES: [["ANY", /must name each/], ["10.0.0.1, !10.0.0.2", /must name each/], ["proxy.example", /Fatal invalid TRUSTED_PROXIES/]],
  AUTH_MODE: [["LISTEN", /none of PCAP, FILE_PCAP, ULOG_PCAP, SOCKET, KNOCK/], ["x", /AUTH_MODE value 'x'/]],
  MAX_HOPS: numbers("MAX_HOPS", 0, 255),
  FIREWALL_TYPE: [["ebtables", /FIREWALL_TYPE value 'ebtables' is none of/]],
  IPFW_START_RULE_NUM: numbers("IPFW_START_RULE_NUM", 1, 65534),
  IPFW_MAX_RULES: numbers("IPFW_MAX_RULES", 1, 65535),
  IPFW_ACTIVE_SET_NUM: numbers("IPFW_ACTIVE_SET_NUM", 1, 30),
  IPFW_EXPIRE_SET_NUM: numbers("IPFW_EXPIRE_SET_NUM", 1, 30),
  IPFW_EXPIRE_PURGE_INTERVAL: numbers("IPFW_EXPIRE_PURGE_INTERVAL", 1, 131071),
  IPFW_RULE_NUM: numbers("IPFW_RULE_NUM", 1, 65534),
  IPFW_SET_NUM: numbers("IPFW_SET_NUM", 1, 30),
  IPFW_DYNAMIC_INTERVAL: numbers("IPFW_DYNAMIC_INTERVAL", 1, 131071),
  PF_ANCHOR_NAME: [["-F", /PF_ANCHOR_NAME value '-F' is no name of an anchor/], ["a b", /no name/], ["x".repeat(64), /no name/]],
  PF_EXPIRE_INTERVAL: numbers("PF_EXPIRE_INTERVAL", 1, 131071),
  PF_TABLE: [["-T", /PF_TABLE value '-T' is no name of a table/], ["a/b", /no name/]],
  FIREWD_ZONE: [["a b", /FIREWD_ZONE value 'a b' is no name of a zone/], ["-x", /no name/]],
  NFT_MODE: [["accept", /NFT_MODE value 'accept' is none of inject, guard, mark/]],
  IPT_USE_IPSET: [["maybe", /IPT_USE_IPSET value 'maybe' is none of auto, Y, N/], ["1", /none of/], ["autos", /none of/]],
  NFT_TABLE: [["filter", /is not inet, ip or ip6 and the name of a table/], ["arp filter", /is not inet/], ["inet a b", /is not inet/], ["inet a{", /is not inet/]],
  ...Object.fromEntries(["INPUT", "OUTPUT", "FORWARD"].map((role) => [`NFT_${role}_CHAIN`, [["in put", /is no name in nftables/], ["in{", /is no name/], ["1", /is no name/]] as const])),
  NFT_GUARD_PORTS: [["tcp", /Parse error.*invalid NFT_GUARD_PORTS/], ["tcp/99999", /invalid NFT_GUARD_PORTS/]],
  NFT_MARK: [["0", /is not a number of 1 to 0xffffffff/], ["0x100000000", /is not a number/], ["x", /is not a number/]],
  NFT_SET: [["inet filter", /is not a family, a table and one or two sets/], ["inet t a b c", /is not a family/], ["bridge t a", /is not a family/]],
  CONNTRACK_ON_EXPIRE: [["drop", /CONNTRACK_ON_EXPIRE value 'drop' is none of keep, kill/]],
  BLACKLIST: [["10.0.0.0/33", /Invalid IP mask str '33'.*Fatal invalid BLACKLIST/], ["!10.0.0.1", /begin it with ANY/]],
  CONNTRACK_ESTAB_PORTS: [["22,x", /item 'x' is not a port/], ["65536", /not a port/], ["udp/53", /not a port/]],
  EMAIL_ADDRESSES: [["-oQ/tmp", /not a mail address/], ["a@b,<c>", /item '<c>' is not a mail address/]],
  ALERTING_METHODS: [["none", /ALERTING_METHODS item 'NONE' is none of/]],
  ...Object.fromEntries(["INPUT", "OUTPUT", "FORWARD", "DNAT", "SNAT", "MASQUERADE"].map((role) => [`IPT_${role}_ACCESS`, chains(`IPT_${role}_ACCESS`)])),
};

function numbers(name: string, min: number, max: number): readonly (readonly [string, RegExp])[] {
  const range = new RegExp(`^var ${name} value '.*' not in the range ${min}-${max}`);
  return [[String(min - 1), range], [String(max + 1), range], ["x", /not in the range.*expected a whole number/], [`${min}x`, range], ["1.5", range], ["9".repeat(40), range], ["0x10", range]];
}

function chains(name: string): readonly (readonly [string, RegExp])[] {
  const invalid = new RegExp(`^Invalid ${name} specification, see fwknopd\\.conf comments`);
  return [
    ["ACCEPT, filter, INPUT, 1, X", invalid], ["ACCEPT, filter, INPUT, 1, X, 1, 1", invalid], ["ACCEPT, filter, INPUT, 1, A-B, 1", invalid],
    ["ACCEPT, filter, , 1, X, 1", invalid], ["x", invalid], ["ACCEPT, filter, INPUT, 65537, X, 1", /^invalid jump rule position in Line: /],
    ["ACCEPT, filter, INPUT, x, X, 1", /^invalid jump rule position/], ["ACCEPT, filter, INPUT, 1, X, 65537", /^invalid to_chain rule position in Line: .*invalid chain rule position/],
  ];
}

/** Two different values of each variable. */
const GOOD: Readonly<Partial<Record<DaemonVariableName, readonly [string, string]>>> = {
  PCAP_INTF: ["eth1", "lo,eth2"],
  SYSLOG_FACILITY: ["LOG_LOCAL1", "log_local2"],
  SNAT_TRANSLATE_IP: ["10.0.0.1", "10.0.0.2"],
  HTTP_SERVER_ADDRESS: ["10.0.0.1", "::1"],
  HTTP_SERVER_STATUS: ["404", "200"],
  TRUSTED_PROXIES: ["10.0.0.1", "10.0.0.0/24"],
  AUTH_MODE: ["FILE_PCAP", "PCAP"],
  FIREWALL_TYPE: ["print", "iptables"],
  PF_ANCHOR_NAME: ["spa", "spa/guests"],
  PF_TABLE: ["guests", "spa.guests"],
  FIREWD_ZONE: ["public", "dmz"],
  NFT_MODE: ["guard", "mark"],
  IPT_USE_IPSET: ["yes", "n"],
  NFT_TABLE: ["ip own", "inet host"],
  NFT_INPUT_CHAIN: ["IN", "to_us"],
  NFT_OUTPUT_CHAIN: ["OUT", "from_us"],
  NFT_FORWARD_CHAIN: ["FWD", "through"],
  NFT_GUARD_PORTS: ["tcp/22", "tcp/22,udp/60000-61000"],
  NFT_MARK: ["0x1", "256"],
  NFT_SET: ["inet filter four", "inet filter four six"],
  CONNTRACK_ON_EXPIRE: ["kill", "keep"],
  BLACKLIST: ["10.0.0.1", "10.0.0.2"],
  CONNTRACK_ESTAB_PORTS: ["22", "22,443"],
  EMAIL_ADDRESSES: ["a@example.org", "b@example.org"],
  ALERTING_METHODS: ["noemail", "both"],
  ...Object.fromEntries(["INPUT", "OUTPUT", "FORWARD", "DNAT", "SNAT", "MASQUERADE"].map((role) => [`IPT_${role}_ACCESS`, ["ACCEPT, filter, A, 2, B, 1", "DROP,raw,C,3,D,9"]])),
};

function goodValues(name: DaemonVariableName, { kind }: Variable<unknown>): readonly [string, string] {
  if (kind.describe === "Y or N") return ["Y", "N"];
  return GOOD[name] ?? (/^\d/.test(kind.describe) ? ["3", "7"] : ["/one/two", "/three four"]);
}

describe("parseDaemonConfig()", () => {
  it("gives every default when nothing is set", () => {
    const { config, problems, texts, dialect } = parse("");
    assert.deepEqual(problems, []);
    assert.equal(dialect, "c");
    assert.equal(config.FWKNOP_PID_FILE, "/run/fwknop/fwknopd.pid");
    assert.equal(config.DIGEST_FILE, "/run/fwknop/digest.cache");
    assert.deepEqual(config.PCAP_INTF, ["eth0"]);
    assert.deepEqual(config.IPT_INPUT_ACCESS, { target: "ACCEPT", table: "filter", from: "INPUT", position: 1, chain: "FWKNOP_INPUT" });
    const optional = ["PCAP_FILE", "LOCALE", "SNAT_TRANSLATE_IP", "ACCESS_FOLDER", "FAULT_INJECTION_TAG", "HTTP_SERVER_ADDRESS", "NFT_GUARD_PORTS", "NFT_SET", "PF_TABLE", "FIREWD_ZONE", "FWKNOP_SERV_SOCK", "IPFW_RULE_NUM", "IPFW_SET_NUM", "IPFW_DYNAMIC_INTERVAL", "BLACKLIST", "EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE", "HOSTNAME"];
    assert.deepEqual(ROWS.map(([name]) => name).filter((name) => config[name] === undefined), optional);
    assert.equal(texts.VERBOSE, undefined);
  });

  for (const [name, variable] of ROWS) {
    const takesText = ["text", "path", "command"].includes(variable.kind.describe) || ["PCAP_FILTER", "OVERRIDE_CONFIG"].includes(name);
    const bad = variable.kind.describe === "Y or N" ? (["x", "1", "true", "Y N", "yep"] as const).map((text) => [text, /is neither Y nor N/] as const) : (BAD[name] ?? []);
    // SNAT_TRANSLATE_IP has a test of its own: it is looked at only when it is used.
    if (!takesText && name !== "SNAT_TRANSLATE_IP") {
      it(`refuses each bad value of ${name} with its place, and keeps the default`, () => {
        assert(bad.length > 0, "nothing bad is known of it");
        for (const [text, message] of bad) {
          const parsed = parse(`# first\n ${name}   ${text};\n`);
          const [problem] = parsed.problems.filter(({ severity }) => severity === "error");
          assert(problem, `${name} ${text}`);
          assert.match(problem.message, message);
          assert.deepEqual([problem.file, problem.line, problem.column >= name.length + 5], ["f", 2, true], text);
          assert.deepEqual(parsed.config[name], parse("").config[name]);
        }
      });
    }

    it(`takes the later of two values of ${name} and says so`, () => {
      const [first, second] = goodValues(name, variable);
      const value = (text: string) => {
        const parsed = parse(text);
        assert.deepEqual(parsed.problems.filter(({ severity, message }) => severity === "error" && !message.startsWith("Cannot set")), [], text);
        return parsed.config[name];
      };
      assert.notDeepEqual(value(`${name} ${first}`), value(`${name} ${second};`));
      assert.deepEqual(value(`${name} ${first};\n${name} ${second};`), value(`${name} ${second}`));
      assert.deepEqual(parse(`${name} ${first}\n`, {}, `${name} ${second}\n`).config[name], value(`${name} ${second}`));
      assert(parse(`${name} ${first}\n\n${name} ${second}\n`).problems.some((problem) => problem.severity === "info" && formatProblem(problem) === `f:3:1: ${name} replaces what line 1 sets`));
    });
  }

  for (const name of NAMES) {
    it(`does not take a misspelt ${name}, and tells the right name`, () => {
      const middle = Math.floor(name.length / 2);
      for (const misspelt of [`${name.slice(0, middle)}${name.slice(middle + 1)}`, `${name.slice(0, middle)}QQ${name.slice(middle)}`]) {
        if (NAMES.includes(misspelt)) continue;
        const parsed = parse(`${misspelt} Y;`);
        const [problem, ...more] = told(parsed);
        assert.deepEqual(more, []);
        assert.match(problem!, new RegExp(`^warning f:1:1: Ignoring unknown configuration parameter: '${misspelt}'`));
        assert.deepEqual(parsed.config, parse("").config);
        // FLUSH_IPF_AT_INIT is as near to one name as to the other.
        if (name.length > 7) assert.match(problem!, new RegExp(`, did you mean ${name.replace("FLUSH_IPFW", "FLUSH_IP(FW|T)")}\\?$`));
      }
    });
  }

  const values: readonly (readonly [text: string, name: DaemonVariableName, value: unknown])[] = [
    ["PCAP_FILTER udp port 1 or tcp;", "PCAP_FILTER", "udp port 1 or tcp"],
    ["PCAP_FILTER NONE;", "PCAP_FILTER", ""],
    ["PCAP_INTF any", "PCAP_INTF", ["any"]],
    ["PCAP_INTF eth0, eth1;", "PCAP_INTF", ["eth0", "eth1"]],
    ["ENABLE_NAT_DNS no", "ENABLE_NAT_DNS", false],
    ["ENABLE_NAT_DNS Yes;", "ENABLE_NAT_DNS", true],
    ["LOCALE NONE;", "LOCALE", undefined],
    ["BLACKLIST NONE;", "BLACKLIST", undefined],
    ["HOSTNAME _CHANGEME_;", "HOSTNAME", undefined],
    ["EXTERNAL_CMD_OPEN __NONE__;", "EXTERNAL_CMD_OPEN", undefined],
    ["SYSLOG_IDENTITY __NONE__;", "SYSLOG_IDENTITY", "fwknopd"],
    ["AUTH_MODE ULOG_PCAP;", "AUTH_MODE", "FILE_PCAP"],
    ["CONNTRACK_ESTAB_PORTS 0;", "CONNTRACK_ESTAB_PORTS", []],
    ["CONNTRACK_ESTAB_PORTS tcp/22, 80;", "CONNTRACK_ESTAB_PORTS", [22, 80]],
    ["ALERTING_METHODS noemail, verbose;", "ALERTING_METHODS", { syslog: true, email: false, verbose: true }],
    ["ALERTING_METHODS both;", "ALERTING_METHODS", { syslog: true, email: true, verbose: false }],
    ["IPT_DNAT_ACCESS DNAT, src, nat, PREROUTING, 3, KNOCK, 1;", "IPT_DNAT_ACCESS", { target: "DNAT", table: "nat", from: "PREROUTING", position: 3, chain: "KNOCK" }],
    ["IPT_INPUT_ACCESS ACCEPT, src, filter, INPUT, KNOCK;", "IPT_INPUT_ACCESS", { target: "ACCEPT", table: "filter", from: "INPUT", position: 1, chain: "KNOCK" }],
    ["FIREWD_INPUT_ACCESS DROP, a, b, 2, c, 1", "IPT_INPUT_ACCESS", { target: "DROP", table: "a", from: "b", position: 2, chain: "c" }],
    ["ENABLE_FIREWD_FORWARDING Y", "ENABLE_IPT_FORWARDING", true],
    ["ACCESS_CONF /a/b;", "ACCESS_FILE", "/a/b"],
    ["iptablesCmd /sbin/iptables;", "FIREWALL_EXE", "/sbin/iptables"],
    ["gpgCmd /opt/gpg;", "GPG_EXE", "/opt/gpg"],
    ["GPG_DEFAULT_HOME_DIR /opt/home;", "GPG_HOME_DIR", "/opt/home"],
    ["PCAP_CMD_TIMEOUT 7;", "CMD_EXEC_TIMEOUT", 7],
    ["PCAP_FILE /a.pcap", "ENABLE_SPA_PACKET_AGING", false],
    ["PCAP_FILE /a.pcap\nENABLE_SPA_PACKET_AGING Y", "ENABLE_SPA_PACKET_AGING", true],
  ];
  for (const [text, name, value] of values) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parse(text).config[name], value));
  }

  it("warns of the five fields of old", () => assert.match(told(parse("IPT_INPUT_ACCESS ACCEPT, src, filter, INPUT, KNOCK;")).join(), /^warning f:1:18: .*five fields/));

  it("lets the name of iptables beat that of firewalld, whichever comes first", () => {
    for (const text of ["ENABLE_IPT_SNAT N\nENABLE_FIREWD_SNAT Y", "ENABLE_FIREWD_SNAT Y\nENABLE_IPT_SNAT N"]) assert.equal(parse(text).config.ENABLE_IPT_SNAT, false);
  });

  it("lets options beat files, and the host's defaults beat those of the table", () => {
    const options = { commandLine: { PCAP_INTF: "lo" }, defaults: { FIREWALL_EXE: "/here/iptables", SUDO_EXE: "/here/sudo" } };
    const { config, texts } = parse("PCAP_INTF eth7;\nSUDO_EXE /set/sudo;\n", options);
    assert.deepEqual([config.PCAP_INTF, config.FIREWALL_EXE, config.SUDO_EXE], [["lo"], "/here/iptables", "/set/sudo"]);
    assert.equal(texts.PCAP_INTF, "lo");
    assert.deepEqual(told(parse("", { commandLine: { FWKNOP_RUN_DIR: "relative" } })), ["error command line: Path 'relative' is not absolute."]);
  });

  it("regards SNAT_TRANSLATE_IP only where it is used", () => {
    for (const text of ["__CHANGEME__", "fe80::1", "1.2.3", "1.2.3.4.5"]) {
      assert.match(told(parse(`SNAT_TRANSLATE_IP ${text};`)).join(), /^warning f:1:19: Invalid IPv4 addr for SNAT_TRANSLATE_IP: /);
      assert.match(told(parse(`ENABLE_IPT_SNAT Y\nSNAT_TRANSLATE_IP ${text};`)).join(), /^error f:2:19: Invalid IPv4 addr for SNAT_TRANSLATE_IP: /);
    }
    assert.deepEqual(told(parse("ENABLE_IPT_SNAT Y\nSNAT_TRANSLATE_IP _CHANGEME_;")), []);
    assert.equal(formatIp(parse("SNAT_TRANSLATE_IP 192.0.2.1;").config.SNAT_TRANSLATE_IP!), "192.0.2.1");
  });

  it("wants to be told whose X-Forwarded-For is true", () => {
    assert.match(told(parse("ENABLE_X_FORWARDED_FOR Y;")).join(), /^warning f:1:24: ENABLE_X_FORWARDED_FOR has no effect without TRUSTED_PROXIES/);
    const { config, problems } = parse("ENABLE_X_FORWARDED_FOR Y;\nTRUSTED_PROXIES 10.0.0.1, 2001:db8::/32;");
    assert.deepEqual([problems, config.TRUSTED_PROXIES.map(networkText)], [[], ["10.0.0.1", "2001:db8::/32"]]);
    assert.match(told(parse("TRUSTED_PROXIES 10.0.0.1;")).join(), /^warning f:1:17: TRUSTED_PROXIES has no effect/);
  });

  it("wants a socket to hear on with AUTH_MODE SOCKET", () => {
    assert.match(told(parse("AUTH_MODE SOCKET;")).join(), /^error f:1:11: AUTH_MODE SOCKET hears nothing without ENABLE_UDP_SERVER, /);
    for (const kind of ["UDP", "TCP", "HTTP"]) assert.deepEqual(told(parse(`AUTH_MODE SOCKET;\nENABLE_${kind}_SERVER Y;`)), []);
    assert.deepEqual(told(parse("AUTH_MODE SOCKET;\nFWKNOP_SERV_SOCK /run/fwknop/serv.sock;")), []);
  });

  it("wants both external commands or none", () => {
    assert.deepEqual(told(parse("FIREWALL_TYPE external_cmd;\nEXTERNAL_CMD_OPEN /a $SRC;")), ["error f:2:19: Cannot set EXTERNAL_CMD_OPEN without also setting EXTERNAL_CMD_CLOSE"]);
    assert.match(told(parse("FIREWALL_TYPE external_cmd;")).join(), /^error f:1:15: FIREWALL_TYPE external_cmd needs EXTERNAL_CMD_OPEN/);
    const { config, problems } = parse("FIREWALL_TYPE external_cmd;\nEXTERNAL_CMD_OPEN /a $SRC $PORT;\nEXTERNAL_CMD_CLOSE /b $SRC;");
    assert.deepEqual([problems, config.EXTERNAL_CMD_OPEN, config.EXTERNAL_CMD_CLOSE], [[], "/a $SRC $PORT", "/b $SRC"]);
    assert.deepEqual(told(parse("ENABLE_EXTERNAL_CMDS Y;\nEXTERNAL_CMD_OPEN /a;\nEXTERNAL_CMD_CLOSE /b;")), [
      ...["2:19: EXTERNAL_CMD_OPEN", "3:20: EXTERNAL_CMD_CLOSE", "1:22: ENABLE_EXTERNAL_CMDS"].map((name) => `warning f:${name} has no effect unless FIREWALL_TYPE is external_cmd; a stanza may have commands of its own`),
    ]);
    assert.deepEqual(told(parse("ENABLE_EXTERNAL_CMDS N;\nEXTERNAL_CMD_OPEN __NONE__;\nEXTERNAL_CMD_CLOSE __NONE__;")), []);
  });
});

describe("parseDaemonConfig(), $NAME", () => {
  const FORWARD = /^warning f:1:13: Invalid embedded variable in: '\$FWKNOP_RUN_DIR\/x' to fwknopd 2\.6, for FWKNOP_RUN_DIR is not set above; here it is what is set below or by default$/;
  const rows: readonly (readonly [text: string, name: DaemonVariableName, value: string, said?: RegExp])[] = [
    ["FWKNOP_RUN_DIR /a;\nDIGEST_FILE $FWKNOP_RUN_DIR/x;", "DIGEST_FILE", "/a/x"],
    ["SYSLOG_IDENTITY one;\nLOCALE $SYSLOG_IDENTITY;\nSYSLOG_IDENTITY two;", "LOCALE", "one"],
    ["DIGEST_FILE $FWKNOP_RUN_DIR/x;", "DIGEST_FILE", "/run/fwknop/x", FORWARD],
    ["AUTH_MODE PCAP;\nDIGEST_FILE $FWKNOP_RUN_DIR/x;", "DIGEST_FILE", "/run/fwknop/x"],
    ["DIGEST_FILE $FWKNOP_RUN_DIR/x;\nFWKNOP_RUN_DIR /late;", "DIGEST_FILE", "/late/x", FORWARD],
    ["DIGEST_FILE $FWKNOP_PID_FILE.x;\nFWKNOP_RUN_DIR /late;", "DIGEST_FILE", "/late/fwknopd.pid.x", /^warning f:1:13: Invalid embedded variable in: '\$FWKNOP_PID_FILE\.x' to fwknopd 2\.6, for FWKNOP_PID_FILE is not set above/],
    ["GPG_EXE $FIREWALL_EXE", "GPG_EXE", "/usr/sbin/iptables"],
    ["FWKNOP_ERR_DIR /e;\nDIGEST_FILE $FWKNOP_ERR_DIR/x;", "DIGEST_FILE", "/e/x"],
    ["DIGEST_FILE $FWKNOP_ERR_DIR/x;\nFWKNOP_ERR_DIR $FWKNOP_DIR/e;", "DIGEST_FILE", "/var/log/fwknop/e/x"],
    ["DIGEST_FILE /a$FWKNOP_RUN_DIR;", "DIGEST_FILE", "/a/run/fwknop"],
    ["DIGEST_FILE /a/$NOTHING/b;", "DIGEST_FILE", "/a/$NOTHING/b"],
    ["SYSLOG_IDENTITY x;\nLOCALE $SYSLOG_IDENTITYy;", "LOCALE", "xy"],
    ["ACCESS_CONF /a;\nDIGEST_FILE $ACCESS_CONF.x;", "DIGEST_FILE", "/a.x"],
    ["DIGEST_FILE $NOTHING/b;", "DIGEST_FILE", "/run/fwknop/digest.cache", /^warning f:1:13: Invalid embedded variable in: '\$NOTHING\/b'.*Ignoring unknown configuration parameter: 'DIGEST_FILE', for there is no 'NOTHING'/],
    ["DIGEST_FILE $FWKNOP_RUNDIR/b;", "DIGEST_FILE", "/run/fwknop/digest.cache", /Invalid embedded variable.*did you mean FWKNOP_RUN_DIR\?/],
    ["DIGEST_FILE $;", "DIGEST_FILE", "/run/fwknop/digest.cache", /Invalid embedded variable/],
    ["DIGEST_FILE $DIGEST_FILE;", "DIGEST_FILE", "/run/fwknop/digest.cache", /Invalid embedded variable/],
    ["LOCALE $SYSLOG_IDENTITY;\nSYSLOG_IDENTITY $LOCALE;", "SYSLOG_IDENTITY", "fwknopd", /Invalid embedded variable/],
  ];
  for (const [text, name, value, said] of rows) {
    it(`gives ${name} = ${value} for ${JSON.stringify(text)}`, () => {
      const parsed = parse(text);
      assert.equal(parsed.config[name], value);
      assert.equal(parsed.texts[name], value);
      const about = told(parsed).filter((line) => !line.includes("Without effect"));
      if (said === undefined) assert.deepEqual(about, []);
      else assert.match(about.join("\n"), said);
    });
  }

  it("takes a value of the command line that stands in a file", () => {
    assert.equal(parse("DIGEST_FILE $FWKNOP_RUN_DIR/x;", { commandLine: { FWKNOP_RUN_DIR: "/r" } }).config.DIGEST_FILE, "/r/x");
    assert.equal(parse("", { commandLine: { FWKNOP_RUN_DIR: "/r" } }).config.DIGEST_FILE, "/r/digest.cache");
  });

  it("keeps a value that an override's later value does not reach, as C does", () => {
    const { config } = parse("FWKNOP_RUN_DIR /a;\nDIGEST_FILE $FWKNOP_RUN_DIR/x;\n", {}, "FWKNOP_RUN_DIR /b;\n");
    assert.deepEqual([config.FWKNOP_RUN_DIR, config.DIGEST_FILE, config.FWKNOP_PID_FILE], ["/b", "/a/x", "/b/fwknopd.pid"]);
  });

  it("refuses values that grow without end", () => {
    const doubling = ["LOCALE aaaaaaaa", ...Array.from({ length: 40 }, () => "LOCALE $LOCALE$LOCALE")].join("\n");
    const { config, problems } = parse(doubling);
    assert(config.LOCALE!.length <= 4096);
    assert(problems.some(({ message }) => message.includes("more than 4096 characters")));
  });
});

describe("parseDaemonConfig(), lines", () => {
  it("says that a name has no value, and goes on", () => {
    const parsed = parse("PCAP_INTF\nPCAP_INTF ;\nPCAP_INTF=lo\nMAX_SNIFF_BYTES 99\n");
    assert.deepEqual(told(parsed), [1, 2, 3].map((line) => `warning f:${line}:1: Invalid config file entry: expected NAME VALUE, got '${line === 3 ? "PCAP_INTF=lo" : "PCAP_INTF"}' without a value`));
    assert.equal(parsed.config.MAX_SNIFF_BYTES, 99);
  });

  it("reads lines that C would cut, and says so", () => {
    const networks = Array.from({ length: 200 }, (_, at) => `10.0.${at}.0/24`).join(",");
    const parsed = parse(`BLACKLIST ${networks};\n# ${"x".repeat(5000)}\n`);
    assert.equal(parsed.config.BLACKLIST?.networks.length, 200);
    assert.match(told(parsed).join("\n"), /^warning f:1:1: This line has \d+ bytes; it is read whole[^\n]*$/);
  });

  it("refuses control codes in values", () => assert.deepEqual(told(parse("SYSLOG_IDENTITY a\u001b[2J;")), ["error f:1:1: SYSLOG_IDENTITY has a control code in its value"]));

  it("names what is obsolete once for each reason, with what does it now", () => {
    for (const { names, now } of OBSOLETE_DAEMON_VARIABLES) {
      const warnings = told(parse([...names, ...names].map((name) => `${name} 1;\n`).join("")));
      assert.deepEqual(warnings, [`warning f:1:1: Without effect: ${names.join(", ")}. ${now}`]);
    }
    assert.match(told(parse("PCAP_LOOP_SLEEP 5;\n")).join(), /^warning f:1:1: Without effect: PCAP_LOOP_SLEEP\. Nothing is polled/);
  });
});

describe("parseDaemonConfig(), whole files", () => {
  it("reads a file of 2.6 and its override", () => {
    const parsed = parseDaemonConfig([fixture("c/fwknopd.conf"), fixture("c/override.conf")]);
    assert.deepEqual(told(parsed).map((line) => line.slice(0, 60)), ["warning fwknopd.conf:11:1: Without effect: PCAP_DISPATCH_COU"]);
    const expected: Partial<DaemonConfig> = {
      PCAP_INTF: ["lo"], MAX_SPA_PACKET_AGE: 60, DIGEST_FILE: "/tmp/fwknop-run/other.cache", FWKNOP_PID_FILE: "/tmp/fwknop-run/knock.pid",
      ACCESS_FILE: "/etc/fwknop/access.conf", ENABLE_RULE_PREPEND: true, UDPSERV_PORT: 62203, FLUSH_IPT_AT_EXIT: false, ENABLE_NAT_DNS: false,
      PCAP_FILTER: "udp port 62201 or (tcp dst port 80 and tcp[tcpflags] & tcp-push != 0)",
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(parsed.config[name as DaemonVariableName], value, name);
    assert.equal(parsed.dialect, "c");
  });

  it("reads a file of 1.9, and only has to say what is gone", () => {
    const parsed = parseDaemonConfig([fixture("perl/fwknop.conf")]);
    assert.equal(hasErrors(parsed.problems), false);
    assert.deepEqual(told(parsed).filter((line) => !/^warning fwknop\.conf:\d+:1: Without effect: /.test(line)), []);
    const expected: Partial<DaemonConfig> = {
      DIGEST_FILE: "/var/log/fwknop/digest.cache", FWKNOP_PID_FILE: "/var/run/fwknop/fwknopd.pid", ACCESS_FILE: "/etc/fwknop/access.conf", IPT_EXEC_TRIES: 3,
      CMD_EXEC_TIMEOUT: 10, FIREWALL_EXE: "/sbin/iptables", ENABLE_PCAP_PROMISC: true, INTF_CHECKS_INTERVAL: 20, EMAIL_ADDRESSES: ["root@localhost", "admin@example.org"],
      IPT_MASQUERADE_ACCESS: { target: "MASQUERADE", table: "nat", from: "POSTROUTING", position: 1, chain: "FWKNOP_POSTROUTING" }, CONNTRACK_ESTAB_PORTS: [22, 443],
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(parsed.config[name as DaemonVariableName], value, name);
    assert.equal(parsed.config.SNAT_TRANSLATE_IP, undefined);
    assert.equal(parsed.dialect, "perl");
  });

  it("does not take a file of 2.6 with one or two names of 1.9 for one of 1.9", () => {
    assert.equal(parse("IPT_EXEC_TRIES 3;\nBLACKLIST 10.0.0.1;\n").dialect, "c");
    assert.equal(parse("IPT_EXEC_TRIES 3;\nBLACKLIST 10.0.0.1;\nKNOPTM_SYSLOG_IDENTITY x;\n").dialect, "perl");
    assert.equal(parse("AUTH_MODE PCAP;\n").dialect, "perl");
  });

  it("never throws, whatever the bytes are, and always gives a whole configuration", () => {
    const gen = generator("daemon config bytes");
    const files = [fixture("c/fwknopd.conf"), fixture("perl/fwknop.conf")];
    const whole = Object.keys(parse("").config);
    for (let round = 0; round < 150; round++) {
      const bytes = round % 3 === 0 ? gen.bytes(gen.below(400)) : Uint8Array.from(gen.pick(files).bytes.subarray(0, gen.between(1, 9000)));
      if (bytes.length > 0) for (let change = gen.below(30); change > 0; change--) bytes[gen.below(bytes.length)] = gen.pick([gen.below(256), 0x24, 0x3b, 0x0a, 0x20, 0x23]);
      const { config, problems } = parseDaemonConfig([{ path: "f", bytes }]);
      for (const name of whole) assert.notEqual(config[name as DaemonVariableName], undefined, name);
      for (const { message } of problems) assert.match(message, /^[ -~…]+$/);
    }
  });
});
