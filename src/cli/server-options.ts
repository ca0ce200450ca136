/**
 * The options of `fwknopd`.
 *
 * @module
 */

import type { DigestType } from "../fko-message.ts";
import { printableText } from "../foreign-text.ts";
import { formatIp, parseIp } from "../ip.ts";
import type { Shell } from "./completion.ts";
import { parseArguments } from "./getopt.ts";
import { obsolete, type OptionTable, type Parsed, type Program } from "./options.ts";
import { choice, count, custom, flag, integer, text } from "./values.ts";
import { digestType, keyLength, shell } from "./vocabularies.ts";

/** The values of the options, as they were given. Absent: not given. */
export interface ServerOptions {
  configFile?: string;
  /** Read after the configuration file, in this order. */
  overrideConfig?: readonly string[];
  accessFile?: string;
  accessFolder?: string;
  insecurePermissions?: true;
  interface?: string;
  pcapFilter?: string;
  pcapFile?: string;
  pcapAnyDirection?: true;
  linuxCookedIntf?: true;
  stdin?: true;
  udpServer?: true;
  packetLimit?: number;
  foreground?: true;
  test?: true;
  verbose?: number;
  syslogEnable?: true;
  logFormat?: "text" | "json";
  locale?: string;
  runDir?: string;
  pidFile?: string;
  digestFile?: string;
  rotateDigestCache?: true;
  gpgHomeDir?: string;
  gpgExe?: string;
  sudoExe?: string;
  fwType?: string;
  noIptCheckSupport?: true;
  noFirewdCheckSupport?: true;
  status?: true;
  restart?: true;
  kill?: true;
  dumpConfig?: true;
  check?: true;
  exitParseConfig?: true;
  exitParseDigestCache?: true;
  fwList?: true;
  fwListAll?: true;
  fwFlush?: true;
  fwDelChains?: true;
  /** Canonical text of an address. */
  fwDelIp?: string;
  /** Name of a file of packets, one a line. */
  spaDumpPackets?: string;
  keyGen?: true;
  keyGenFile?: string;
  keyLen?: number;
  hmacKeyLen?: number;
  hmacDigestType?: DigestType;
  testMode?: true;
  noLocale?: true;
  testFkoExists?: true;
  knoptmCmd?: string;
  fwknopServCmd?: string;
  knoptmDebugFile?: string;
  knoptmDebugPidname?: string;
  fwkservDebugFile?: string;
  fwkservDebugPidname?: string;
  noFkoModule?: true;
  libDir?: string;
  noGpg?: true;
  gpgAgentInfo?: string;
  gpgUseOptions?: true;
  gpgNoOptions?: true;
  fwLog?: string;
  os?: true;
  includeAllConfig?: true;
  dumpServErrCodes?: true;
  completion?: Shell;
  version?: true;
  help?: true;
}

/** -C counts up to here, as C's signed number does. */
const MAX_PACKET_LIMIT = 2 ** 31 - 1;

function absolutePath(given: string): Parsed<string> {
  return given.startsWith("/") ? { ok: true, value: given } : { ok: false, message: `Path '${printableText(given, 200)}' is not absolute.` };
}

function address(given: string): Parsed<string> {
  const ip = parseIp(given);
  return ip === undefined ? { ok: false, message: `expected an address such as 192.0.2.1, got '${printableText(given)}'` } : { ok: true, value: formatIp(ip) };
}

function fileList(given: string): Parsed<readonly string[]> {
  const files = given.split(",").map((file) => file.trim());
  return files.includes("") ? { ok: false, message: `expected FILE[,FILE...], got '${printableText(given, 200)}'` } : { ok: true, value: files };
}

const NO_HELPERS = "The daemon does itself what knoptm and fwknop_serv did; there are no helpers to configure";
const BUILT_IN = "Everything is built in";
const GPG_ITSELF = "GnuPG finds its agent and the options of its home itself, and is run only for stanzas that have GPG_DECRYPT_PW or GPG_ALLOW_NO_PW";

/** The table. Order within a group is the order in usage. */
export const SERVER_OPTIONS: OptionTable<ServerOptions> = {
  configFile: {
    long: "config-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "files",
    doc: "The configuration; /etc/fwknop/fwknopd.conf unless given.",
  },
  overrideConfig: {
    long: "override-config", synonyms: ["Override-config"], value: /* @__PURE__ */ custom("FILE[,FILE...]", fileList, { completes: "file" }), group: "files",
    doc: "Read after it, in this order; what they say wins.",
  },
  accessFile: {
    long: "access-file", synonyms: ["access-conf"], value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "files",
    doc: "Who may ask for what; /etc/fwknop/access.conf unless given.",
  },
  accessFolder: {
    long: "access-folder", value: /* @__PURE__ */ text("FOLDER", { completes: "folder" }), group: "files", doc: "Read each *.conf file of a folder instead.",
  },
  insecurePermissions: {
    long: "insecure-permissions", added: true, value: flag, group: "files", doc: "Use files with keys although other users can write to them.",
  },

  interface: { long: "interface", synonyms: ["intf"], value: /* @__PURE__ */ text("NAME"), group: "packets", doc: "Network interface to listen on (PCAP_INTF)." },
  pcapFilter: { long: "pcap-filter", value: /* @__PURE__ */ text("EXPRESSION"), group: "packets", doc: "Which packets tcpdump takes (PCAP_FILTER)." },
  pcapFile: { long: "pcap-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "packets", doc: "Read packets from a capture file, and end with it." },
  pcapAnyDirection: { long: "pcap-any-direction", value: flag, group: "packets", doc: "Take outgoing packets as well as incoming ones." },
  linuxCookedIntf: { long: "Linux-cooked-intf", added: true, value: flag, group: "packets", minor: true, doc: "Capture without link-layer headers (ENABLE_COOKED_INTF)." },
  stdin: { long: "stdin", added: true, value: flag, group: "packets", doc: "Read a capture from standard input: 'tcpdump -U -w - ... | fwknopd --stdin'." },
  udpServer: { long: "udp-server", value: flag, group: "packets", doc: "Listen on a UDP port instead of capturing." },
  packetLimit: {
    long: "packet-limit", synonyms: ["Count"],
    value: /* @__PURE__ */ integer("COUNT", 0, MAX_PACKET_LIMIT, (shown) => `invalid -C packet count limit '${shown}', expected 0..${MAX_PACKET_LIMIT}`), group: "packets",
    doc: "End after so many packets; 0 is no limit.",
  },

  foreground: { long: "foreground", synonyms: ["debug"], value: flag, group: "running", doc: "Do not become a daemon; log to standard error." },
  test: { long: "test", value: flag, group: "running", doc: "Decide about packets, but change no firewall, run no command and remember no packet." },
  verbose: { long: "verbose", value: count, group: "running", doc: "Say more; twice: each command that is run, too; three times: what packets carry." },
  syslogEnable: { long: "syslog-enable", value: flag, group: "running", doc: "With -f: log to syslog as well." },
  logFormat: {
    long: "log-format", added: true, value: /* @__PURE__ */ choice("FORMAT", ["text", "json"]), group: "running",
    doc: "Write the log as text (default) or as one JSON object a line.",
  },
  locale: { long: "locale", value: /* @__PURE__ */ text("NAME"), group: "running", doc: "Locale (LOCALE)." },
  runDir: { long: "run-dir", value: /* @__PURE__ */ custom("FOLDER", absolutePath, { completes: "folder" }), group: "running", doc: "Folder of pid file and replay cache (FWKNOP_RUN_DIR)." },
  pidFile: { long: "pid-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "running", doc: "The pid file (FWKNOP_PID_FILE)." },
  digestFile: { long: "digest-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "running", doc: "The replay cache (DIGEST_FILE). In fwknop 1.9 the letter stood for --debug, which is -f here." },
  rotateDigestCache: { long: "rotate-digest-cache", value: flag, group: "running", doc: "Put the replay cache aside and start an empty one." },
  gpgHomeDir: { long: "gpg-home-dir", value: /* @__PURE__ */ text("FOLDER", { completes: "folder" }), group: "running", doc: "Folder of the GnuPG key rings (GPG_HOME_DIR)." },
  gpgExe: { long: "gpg-exe", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "running", doc: "The gpg program (GPG_EXE)." },
  sudoExe: { long: "sudo-exe", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "running", doc: "The sudo program (SUDO_EXE)." },
  fwType: { long: "fw-type", added: true, value: /* @__PURE__ */ text("TYPE"), group: "running", minor: true, doc: "The firewall (FIREWALL_TYPE)." },
  noIptCheckSupport: { long: "no-ipt-check-support", value: flag, group: "running", doc: "Do not use 'iptables -C'." },
  noFirewdCheckSupport: { long: "no-firewd-check-support", value: flag, group: "running", doc: "The same for firewalld." },

  status: { long: "status", synonyms: ["Status"], value: flag, group: "control", doc: "Tell whether the daemon runs, and exit." },
  restart: { long: "restart", synonyms: ["Restart"], value: flag, group: "control", doc: "Have the running daemon read its files again." },
  kill: { long: "kill", synonyms: ["Kill"], value: flag, group: "control", doc: "End the running daemon." },
  dumpConfig: { long: "dump-config", synonyms: ["Dump-config"], value: flag, group: "control", doc: "Print all settings and exit." },
  check: { long: "check", added: true, value: flag, group: "control", doc: "Look for mistakes in the files and in the host's set-up, and exit." },
  exitParseConfig: { long: "exit-parse-config", value: flag, group: "control", doc: "Read the files and exit." },
  exitParseDigestCache: { long: "exit-parse-digest-cache", value: flag, group: "control", doc: "Read the files and the replay cache and exit." },
  fwList: { long: "fw-list", value: flag, group: "control", doc: "List our chains of the firewall and exit." },
  fwListAll: { long: "fw-list-all", value: flag, group: "control", doc: "List the whole tables that they are in." },
  fwFlush: { long: "fw-flush", value: flag, group: "control", doc: "Remove our chains and exit." },
  fwDelChains: { long: "fw-del-chains", added: true, value: flag, group: "control", minor: true, doc: "As --fw-flush." },
  fwDelIp: { long: "fw-del-ip", added: true, value: /* @__PURE__ */ custom("ADDRESS", address), group: "control", doc: "Remove the rules that let an address in, and exit." },

  spaDumpPackets: {
    long: "spa-dump-packets", added: true, value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "control",
    doc: "Print what is in the packets of a file, one a line, as if they had come from 127.0.0.1, and exit. Nothing is opened, run or remembered.",
  },

  keyGen: { long: "key-gen", value: flag, group: "keygen", doc: "Print an encryption key and an HMAC key, for both sides' files, and exit." },
  keyGenFile: { long: "key-gen-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "keygen", doc: "Write them to a file that only we can read." },
  keyLen: { long: "key-len", value: /* @__PURE__ */ keyLength("key"), group: "keygen", doc: "Bytes of the encryption key, 1 to 32; 32 unless given." },
  hmacKeyLen: { long: "hmac-key-len", value: /* @__PURE__ */ keyLength("hmac key"), group: "keygen", doc: "Bytes of the HMAC key, 1 to 128; as many as suit its digest unless given." },
  hmacDigestType: { long: "hmac-digest-type", value: /* @__PURE__ */ digestType("hmac digest"), group: "keygen", doc: "Digest that the HMAC key is for: md5, sha1, sha256 (default), sha384, sha512, sha3_256, sha3_512." },

  testMode: { long: "Test-mode", added: true, value: flag, implies: { test: true }, group: "perl", minor: true, doc: "As --test." },
  noLocale: { long: "no-locale", added: true, synonyms: ["no-LC_ALL"], value: flag, implies: { locale: "NONE" }, group: "perl", minor: true, doc: "As '--locale NONE': commands get the locale C." },
  testFkoExists: { long: "test-FKO-exists", added: true, value: flag, group: "perl", minor: true, doc: "Say that FKO messages are understood, and exit." },
  knoptmCmd: /* @__PURE__ */ obsolete("knoptmCmd", /* @__PURE__ */ text("FILE"), NO_HELPERS),
  fwknopServCmd: /* @__PURE__ */ obsolete("fwknop_servCmd", /* @__PURE__ */ text("FILE"), NO_HELPERS),
  knoptmDebugFile: /* @__PURE__ */ obsolete("knoptm-debug-file", /* @__PURE__ */ text("FILE"), NO_HELPERS),
  knoptmDebugPidname: /* @__PURE__ */ obsolete("knoptm-debug-pidname", /* @__PURE__ */ text("NAME"), NO_HELPERS),
  fwkservDebugFile: /* @__PURE__ */ obsolete("fwkserv-debug-file", /* @__PURE__ */ text("FILE"), NO_HELPERS),
  fwkservDebugPidname: /* @__PURE__ */ obsolete("fwkserv-debug-pidname", /* @__PURE__ */ text("NAME"), NO_HELPERS),
  noFkoModule: /* @__PURE__ */ obsolete("no-FKO-module", flag, BUILT_IN),
  libDir: /* @__PURE__ */ obsolete("Lib-dir", /* @__PURE__ */ text("FOLDER"), BUILT_IN),
  noGpg: /* @__PURE__ */ obsolete("no-gpg", flag, GPG_ITSELF),
  gpgAgentInfo: /* @__PURE__ */ obsolete("gpg-agent-info", /* @__PURE__ */ text("TEXT"), GPG_ITSELF),
  gpgUseOptions: /* @__PURE__ */ obsolete("gpg-use-options", flag, GPG_ITSELF),
  gpgNoOptions: /* @__PURE__ */ obsolete("gpg-no-options", flag, GPG_ITSELF),
  fwLog: { long: "fw-log", added: true, value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "perl", minor: true, doc: "The firewall's log, for AUTH_MODE KNOCK (IPT_SYSLOG_FILE)." },
  os: /* @__PURE__ */ obsolete("os", flag, "The sender's operating system is looked at where access.conf has REQUIRE_OS"),
  includeAllConfig: /* @__PURE__ */ obsolete("Include-all-config", flag, "--dump-config prints every setting but secrets"),

  dumpServErrCodes: { long: "dump-serv-err-codes", value: flag, group: "other", doc: "Print the numbers of errors and their meanings, and exit." },
  completion: {
    long: "completion", added: true, value: /* @__PURE__ */ shell(), group: "other",
    doc: "Print a completion script for this shell and exit.",
  },
  version: { long: "version", synonyms: ["Version"], value: flag, group: "other", doc: "Print the version and exit." },
  help: { long: "help", value: flag, group: "other", doc: "Print this and exit." },
};

/** The program. */
export const SERVER: Program<ServerOptions> = {
  name: "fwknopd",
  summary: "open ports for whoever sends the right encrypted packet",
  synopsis: ["[OPTION]...", "--stdin [OPTION]... < CAPTURE", "{-S | -R | -K | -D} [OPTION]..."],
  options: SERVER_OPTIONS,
  letters: {
    c: "configFile", O: "overrideConfig", a: "accessFile", i: "interface", P: "pcapFilter", U: "udpServer", C: "packetLimit", f: "foreground", t: "test", v: "verbose", l: "locale",
    r: "runDir", p: "pidFile", d: "digestFile", S: "status", R: "restart", K: "kill", D: "dumpConfig", s: "spaDumpPackets", T: "testMode", o: "os", I: "includeAllConfig",
    V: "version", h: "help",
  },
  groups: {
    files: "Files",
    packets: "Where packets come from",
    running: "How it runs",
    control: "A running daemon, its files and its firewall",
    keygen: "Making keys",
    perl: "Options of older programs",
    other: "Other",
  },
};

/** The commands of which only one can be meant. */
const EXCLUSIVE = ["dumpConfig", "kill", "restart", "status"] as const;

/**
 * Reads the server's command line. Words that are no options are ignored, as the C program does.
 *
 * @param argv the words after the program's name
 * @returns the values, or one line that names the option that is wrong
 */
export function parseServerOptions(argv: readonly string[]): Parsed<ServerOptions> {
  const parsed = parseArguments(SERVER, argv);
  if (!parsed.ok) return parsed;
  const { values } = parsed.value;
  if (EXCLUSIVE.filter((key) => values[key]).length > 1) {
    return { ok: false, message: "The -D, -K, -R, and -S options are mutually exclusive.  Pick only one." };
  }
  return { ok: true, value: values };
}
