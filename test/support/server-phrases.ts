/**
 * What scripts look for in the words of fwknopd's start, each with the situation in which it is said.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Of the stanza. */
export const KEYS = { KEY_BASE64: "c2l4dGVlbiBieXRlcyBvZiBrZXkgYW5kIHNvbWUgbW8=", HMAC_KEY_BASE64: "YW5vdGhlciBrZXksIGZvciB0aGUgSE1BQyBvbmx5LCBvZiBzb21lIGxlbmd0aA==" };
const STANZA = { SOURCE: "ANY", ...KEYS };
const NAT = { ENABLE_IPT_FORWARDING: "Y", ENABLE_IPT_SNAT: "Y" };

/** A situation. */
export interface PhraseRow {
  /** In its words, wherever they go. */
  readonly says: readonly RegExp[];
  readonly never?: readonly RegExp[];
  /** `HERE` in a value stands for the folder of the files. */
  readonly config?: Readonly<Record<string, string>>;
  /** Lines of access.conf. */
  readonly stanza?: Readonly<Record<string, string>>;
  /** In the place of a stanza. */
  readonly access?: string;
  /** Files beside the two. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** How often -v is given, twice when absent. */
  readonly verbose?: number;
  /** 1 when absent. */
  readonly status?: number;
  /** Why Debian's fwknopd does not say so here. */
  readonly notC?: string;
}

const text = (settings: Readonly<Record<string, string>>): string => Object.entries(settings).map(([name, value]) => `${name} ${value}\n`).join("");

export const PHRASE_ROWS: readonly PhraseRow[] = [
  // fwknopd.conf
  { says: [/ACCESS\sspecification/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter" } },
  { says: [/invalid jump rule position/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 99999, FWKNOP_INPUT, 1" } },
  { says: [/invalid to_chain rule position/, /invalid chain rule position/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, FWKNOP_INPUT, 99999" }, notC: "each version has one of the two" },
  { says: [/Invalid\sIPv4/], config: { ...NAT, SNAT_TRANSLATE_IP: "1.2.3" } },
  { says: [/Invalid SYSLOG_FACILITY/], config: { SYSLOG_FACILITY: "LOG_NOWHERE" } },
  { says: [/Invalid embedded/], config: { FWKNOP_PID_FILE: "$NOWHERE/x" }, status: 0 },
  { says: [/Invalid\sconfig\sfile\sentry/], config: { PCAP_FILTER: "" }, status: 0 },
  { says: [/not in the range/, /var PCAP_DISPATCH_COUNT value/], config: { PCAP_DISPATCH_COUNT: "0" } },
  { says: [/not\sin\sthe\srange/], config: { MAX_SPA_PACKET_AGE: "0" } },
  { says: [/is not absolute/], args: ["-r", "relative"] },
  { says: [/path is too long/], args: ["--access-folder", `/${"x".repeat(5000)}`] },
  { says: [/unable to l?stat/], args: ["--gpg-home-dir", "/nonexistent"] },
  { says: [/unable to l?stat/], args: ["--gpg-exe", "/nonexistent"] },
  { says: [/unable to l?stat/], args: ["--sudo-exe", "access.conf"], notC: "it says stat()" },
  { says: [/Could not open config file|was not found/], args: ["-c", "/nonexistent"] },
  // access.conf
  { says: [/error\sparsing.*IP/, /Fatal\sinvalid/, /Fatal\serror\sparsing\sIP\sto\sint/], stanza: { ...STANZA, SOURCE: "1.2.3.x" } },
  { says: [/Invalid\sIP\smask/], stanza: { ...STANZA, SOURCE: "1.2.3.0/99" } },
  { says: [/error parsing IP mask/], stanza: { ...STANZA, SOURCE: "1.2.3.0/255.255.255.256" } },
  { says: [/Missing\smask/], stanza: { ...STANZA, SOURCE: "1.2.3.0/" } },
  { says: [/Invalid\sproto/], stanza: { ...STANZA, OPEN_PORTS: "ftp/22" } },
  { says: [/Parse\serror/, /Fatal\sinvalid/], stanza: { ...STANZA, RESTRICT_PORTS: "22" } },
  { says: [/KEY\s.*not\sproperly/, /KEY value is not properly/], stanza: { SOURCE: "ANY", KEY: "__CHANGEME__" } },
  { says: [/KEY_BASE64\s.*not\sproperly/, /KEY_BASE64 value is not properly/], stanza: { SOURCE: "ANY", KEY_BASE64: "__CHANGEME__" } },
  { says: [/HMAC_KEY value is not properly/], stanza: { ...STANZA, HMAC_KEY: "__CHANGEME__" } },
  { says: [/HMAC_KEY_BASE64 value is not properly/], stanza: { ...STANZA, HMAC_KEY_BASE64: "__CHANGEME__" } },
  { says: [/PW\s.*not\sproperly/], stanza: { SOURCE: "ANY", GPG_DECRYPT_PW: "__CHANGEME__", GPG_REMOTE_ID: "AAAABBBB" } },
  { says: [/look\slike\sbase64/], stanza: { ...STANZA, KEY_BASE64: "a%b" } },
  { says: [/look like base64/], stanza: { ...STANZA, HMAC_KEY_BASE64: "a%b" } },
  { says: [/No\skeys\sfound/], stanza: { SOURCE: "ANY", OPEN_PORTS: "tcp/22" } },
  { says: [/encryption\spassphrase/, /should\snot\sbe\sidentical/i], stanza: { SOURCE: "ANY", KEY: "same", HMAC_KEY: "same" } },
  { says: [/Could not find valid SOURCE stanza/, /not\sfind\svalid\sSOURCE/, /not\sfind.*SOURCE/], access: "# nothing\n" },
  { says: [/skipping stanza/], access: "SOURCE 10.0.0.1\n%include_keys keys\n", files: { keys: "KEY __CHANGEME__\n" } },
  { says: [/Invalid\saccess\sfile\sentry/], access: "SOURCE ANY\nKEY\n" },
  { says: [/Could not open access file|was not found/], access: `${text(STANZA)}%include /nonexistent\n` },
  { says: [/Refusing to go deeper than/], access: `${text(STANZA)}%include one\n`, files: { one: "%include two\n", two: "%include three\n", three: "%include four\n", four: "" } },
  { says: [/Invalid access folder/, /Invalid access folder directory/], args: ["--access-folder", "/nonexistent"] },
  { says: [/could not find any/], args: ["--access-folder", "empty"], files: { "empty/": "" } },
  { says: [/Ignoring invalid entry: 'INVALID_STATEMENT'/, /Ignoring invalid entry: 'SOURCE'/], access: "SOURCE ANY\n%include_keys keys\n", files: { keys: `INVALID_STATEMENT x\nSOURCE ANY\n${text(KEYS)}` }, status: 0 },
  { says: [/skipping stanza/], access: `SOURCE 10.0.0.1\n%include_keys keys\n${text(STANZA)}`, files: { keys: "KEY __CHANGEME__\n" }, notC: "it leaves the stanza out and starts" },
  { says: [/not\sin\srange/], stanza: { ...STANZA, FW_ACCESS_TIMEOUT: "99999999" } },
  { says: [/CMD_CYCLE_TIMER.*not in range/], stanza: { ...STANZA, CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_CLOSE: "/bin/true", CMD_CYCLE_TIMER: "0" } },
  { says: [/Must set.*CMD_CYCLE_TIMER/], stanza: { ...STANZA, CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_CLOSE: "/bin/true" } },
  { says: [/also setting CMD_CYCLE_CLOSE/], stanza: { ...STANZA, CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_TIMER: "1" } },
  { says: [/also setting CMD_CYCLE_OPEN/], stanza: { ...STANZA, CMD_CYCLE_CLOSE: "/bin/true", CMD_CYCLE_TIMER: "1" } },
  { says: [/CMD_CYCLE_OPEN.*too long/], stanza: { ...STANZA, CMD_CYCLE_OPEN: `/bin/${"x".repeat(300)}`, CMD_CYCLE_CLOSE: "NONE" } },
  { says: [/CMD_CYCLE_CLOSE.*too long/], stanza: { ...STANZA, CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_CLOSE: `/bin/${"x".repeat(300)}`, CMD_CYCLE_TIMER: "1" } },
  { says: [/honoring\sMAX_FW_TIMEOUT/], stanza: { ...STANZA, FW_ACCESS_TIMEOUT: "500", MAX_FW_TIMEOUT: "100" }, status: 0 },
  { says: [/invalid FORCE_NAT arg/, /need.*IP.*PORT/], config: NAT, stanza: { ...STANZA, FORCE_NAT: "192.168.1.2" } },
  { says: [/invalid\sFORCE_NAT\sIP/], config: NAT, stanza: { ...STANZA, FORCE_NAT: "192.168.1 22" } },
  { says: [/invalid\sFORCE_NAT\sport/], config: NAT, stanza: { ...STANZA, FORCE_NAT: "192.168.1.2 99999" } },
  { says: [/invalid\sFORCE_SNAT\sIP/], config: NAT, stanza: { ...STANZA, FORCE_NAT: "192.168.1.2 22", FORCE_SNAT: "1.2" } },
  { says: [/requires either ENABLE_IPT_FORWARDING/i], stanza: { ...STANZA, FORCE_NAT: "192.168.1.2 22" } },
  { says: [/FORCE_SNAT requires either/], stanza: { ...STANZA, FORWARD_ALL: "Y", FORCE_SNAT: "1.2.3.4" } },
  { says: [/requires either FORCE_NAT or FORWARD_ALL/], config: NAT, stanza: { ...STANZA, FORCE_SNAT: "1.2.3.4" } },
  { says: [/requires either FORCE_NAT or FORWARD_ALL/], config: NAT, stanza: { ...STANZA, FORCE_MASQUERADE: "Y" } },
  { says: [/invalid\sdate\svalue/], stanza: { ...STANZA, ACCESS_EXPIRE: "soon" } },
  { says: [/invalid epoch seconds value/], stanza: { ...STANZA, ACCESS_EXPIRE_EPOCH: "9".repeat(20) } },
  { says: [/must\sbe\sone\sof/i], stanza: { ...STANZA, HMAC_DIGEST_TYPE: "sha9" } },
  { says: [/Unrecognized.*MODE/], stanza: { ...STANZA, ENCRYPTION_MODE: "PCBC" } },
  { says: [/Unable.*UID/], stanza: { ...STANZA, CMD_EXEC_USER: "nobody-at-all" } },
  { says: [/Unable.*GID/], stanza: { ...STANZA, CMD_EXEC_USER: "root", CMD_EXEC_GROUP: "nobody-at-all" } },
  { says: [/Setting gid/], stanza: { ...STANZA, CMD_EXEC_USER: "nobody" }, status: 0 },
  { says: [/GPG_REQUIRE_SIG and GPG_DISABLE_SIG are both set/], stanza: { SOURCE: "ANY", GPG_ALLOW_NO_PW: "Y", GPG_REQUIRE_SIG: "Y", GPG_DISABLE_SIG: "Y" }, status: 0 },
  { says: [/Must have either sig/], stanza: { SOURCE: "ANY", GPG_ALLOW_NO_PW: "Y" } },
  { says: [/not\senabled\sfor\s.*\s'192.168.10.1'/], stanza: { ...STANZA, SOURCE: "192.168.10.1" }, status: 0 },
  { says: [/GPG_HOME_DIR directory '\/nonexistent' stat\(\)\/existence problem/], stanza: { ...STANZA, GPG_HOME_DIR: "/nonexistent" } },
  { says: [/^(.*: )?Opened access file: access\.conf$/m, /^(.*: )?Opened access file: more$/m, /Including key file: 'keys'/], never: [/Opened access file: keys/], verbose: 1, access: "SOURCE ANY\n%include_keys keys\n%include more\n", files: { keys: text(KEYS), more: text(STANZA) }, status: 0 },
  { says: [/Configs parsed/], never: [/Opened access file/], verbose: 0, status: 0 },
  // Commands
  { says: [/Configs parsed/], never: [/skipping stanza/, /Could not find valid SOURCE stanza/, /was not found/], status: 0 },
  { says: [/to\screate/, /Run directory: \S+ does not exist\. Attempting to create it\./, /Successfully created Run directory: /, /Using Digest Cache: .* \(entry count = 0\)/, /Digest cache parsed/], config: { FWKNOP_RUN_DIR: "HERE/run" }, args: ["--exit-parse-digest-cache"], status: 0 },
  { says: [/Unable to create Run directory: \/proc\/nosuch\/run/], config: { FWKNOP_RUN_DIR: "/proc/nosuch/run" }, args: ["--exit-parse-digest-cache"] },
  { says: [/NOT a directory/], config: { FWKNOP_RUN_DIR: "HERE/access.conf" }, args: ["--exit-parse-digest-cache"] },
  { says: [/Invalid access\.conf file path '\/nonexistent'/], args: ["-a", "/nonexistent"] },
  { says: [/mutually exclusive/], args: ["-K", "-S"] },
  { says: [/FILTER.*1234/, /PCAP\S*FILTER.*\b1234/, /ENABLE_PCAP_PROMISC.*'Y'/, /SYSLOG_IDENTITY/, /test\.pid/, /SOURCE.*\sANY/], config: { ENABLE_PCAP_PROMISC: "Y" }, args: ["-D", "-P", "udp port 1234", "-p", "/tmp/test.pid"], status: 0 },
  { says: [/SOURCE\s.*ANY/, /SOURCE\s.*123\.3\.3\.3/, /SOURCE\s.*99\.9\.9\.9/, /SOURCE\s.*9\.9\.9\.9/, /SOURCE.*4.*\sANY/, /SOURCE.*5.*\sANY/], args: ["-D"],
    access: `${text({ ...STANZA, SOURCE: "123.3.3.3" })}%include_folder folder\n${text(STANZA)}`,
    files: { "folder/": "", "folder/a.conf": text({ ...STANZA, SOURCE: "99.9.9.9" }), "folder/b.conf": `${text({ ...STANZA, SOURCE: "9.9.9.9" })}${text(STANZA)}` }, status: 0,
    notC: "it reads a folder in the order of the directory" },
  { says: [/FORCE_NAT.*0\.0\.0\.0/], config: NAT, stanza: { ...STANZA, FORWARD_ALL: "Y", FORCE_SNAT: "1.2.3.4" }, args: ["-D"], status: 0 },
  { says: [/LOCALE\s+=\s+'NONE'/, /GPG_REQUIRE_SIG:\s+Yes/], config: { LOCALE: "NONE" }, stanza: { ...STANZA, GPG_REQUIRE_SIG: "Y" }, args: ["-D"], status: 0 },
  { says: [/ENABLE_PCAP_PROMISC.*'N'/], args: ["-D"], status: 0 },
  { says: [/Invalid\skey\slength/], args: ["--key-gen", "--key-len", "129"] },
  { says: [/--key-len takes 1 to 32: .*FKO_ERROR_INVALID_DATA_FUNCS_GEN_KEYLEN_VALIDFAIL/], args: ["--key-gen", "--key-len", "33"], notC: "it says the number alone" },
  { says: [/Invalid\shmac\skey\slength/], args: ["--key-gen", "--hmac-key-len", "129"] },
  { says: [/Invalid\shmac\sdigest\stype/], args: ["--key-gen", "--hmac-digest-type", "sha9"] },
  { says: [/^KEY_BASE64:?\s\S{10}/m, /HMAC_KEY_BASE64:?\s\S{10}/], args: ["--key-gen"], status: 0 },
  { says: [/Wrote.*\skeys/], args: ["--key-gen", "--key-gen-file", "new-keys"], status: 0 },
];

/**
 * Writes the files of a situation.
 *
 * @param here a folder of its own, which is made
 * @returns the arguments of the daemon, which has to be started in the folder
 */
export function writePhraseFiles(here: string, { config = {}, stanza = STANZA, access, files = {}, args = [], verbose = 2 }: PhraseRow): string[] {
  mkdirSync(here);
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith("/")) mkdirSync(join(here, name));
    else writeFileSync(join(here, name), content, { mode: 0o600 });
  }
  const lines = Object.entries({ FWKNOP_RUN_DIR: here, ...config }).map(([name, value]) => `${name} ${value.replace("HERE", here)};\n`);
  writeFileSync(join(here, "fwknopd.conf"), lines.join(""), { mode: 0o600 });
  writeFileSync(join(here, "access.conf"), access ?? text(stanza), { mode: 0o600 });
  const end = args.includes("--exit-parse-digest-cache") ? [] : ["--exit-parse-config"];
  return ["-c", "fwknopd.conf", "-a", "access.conf", ...Array<string>(verbose).fill("-v"), ...end, ...args];
}
