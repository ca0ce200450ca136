/** What scripts look for in the words of fwknopd's start, in the situations in which the C program says it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "../src/node/run.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";

const KEYS = { KEY_BASE64: "c2l4dGVlbiBieXRlcyBvZiBrZXkgYW5kIHNvbWUgbW8=", HMAC_KEY_BASE64: "YW5vdGhlciBrZXksIGZvciB0aGUgSE1BQyBvbmx5LCBvZiBzb21lIGxlbmd0aA==" };
const STANZA = { SOURCE: "ANY", ...KEYS };
const NAT = { ENABLE_IPT_FORWARDING: "Y", ENABLE_IPT_SNAT: "Y" };

interface Row {
  readonly says: readonly RegExp[];
  readonly config?: Readonly<Record<string, string>>;
  /** Lines of access.conf. */
  readonly stanza?: Readonly<Record<string, string>>;
  /** In the place of a stanza. */
  readonly access?: string;
  /** Files beside the two. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** 1 when absent. */
  readonly status?: number;
}

const text = (settings: Readonly<Record<string, string>>): string => Object.entries(settings).map(([name, value]) => `${name} ${value}\n`).join("");

const ROWS: readonly Row[] = [
  // fwknopd.conf
  { says: [/ACCESS\sspecification/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter" } },
  { says: [/invalid jump rule position/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 99999, FWKNOP_INPUT, 1" } },
  { says: [/invalid to_chain rule position/, /invalid chain rule position/], config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, FWKNOP_INPUT, 99999" } },
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
  { says: [/unable to l?stat/], args: ["--sudo-exe", "access.conf"] },
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
  { says: [/Could not find valid SOURCE stanza/, /not\sfind.*SOURCE/], access: "# nothing\n" },
  { says: [/Invalid\saccess\sfile\sentry/], access: "SOURCE ANY\nKEY\n" },
  { says: [/Could not open access file/], access: `${text(STANZA)}%include /nonexistent\n` },
  { says: [/Refusing to go deeper than/], access: `${text(STANZA)}%include one\n`, files: { one: "%include two\n", two: "%include three\n", three: "%include four\n", four: "" } },
  { says: [/Invalid access folder/, /Invalid access folder directory/], args: ["--access-folder", "/nonexistent"] },
  { says: [/could not find any/], args: ["--access-folder", "empty"], files: { "empty/": "" } },
  { says: [/Ignoring invalid entry: 'INVALID_STATEMENT'/, /Ignoring invalid entry: 'SOURCE'/], access: "SOURCE ANY\n%include_keys keys\n", files: { keys: `INVALID_STATEMENT x\nSOURCE ANY\n${text(KEYS)}` }, status: 0 },
  { says: [/skipping stanza/], access: `SOURCE 10.0.0.1\n%include_keys keys\n${text(STANZA)}`, files: { keys: "KEY __CHANGEME__\n" } },
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
  { says: [/FORCE_SNAT requires either/], stanza: { ...STANZA, FORCE_NAT: "192.168.1.2 22", FORCE_SNAT: "1.2.3.4" } },
  { says: [/requires either FORCE_NAT or FORWARD_ALL/], config: NAT, stanza: { ...STANZA, FORCE_SNAT: "1.2.3.4" } },
  { says: [/requires either FORCE_NAT or FORWARD_ALL/], config: NAT, stanza: { ...STANZA, FORCE_MASQUERADE: "Y" } },
  { says: [/invalid\sdate\svalue/], stanza: { ...STANZA, ACCESS_EXPIRE: "soon" } },
  { says: [/invalid epoch seconds value/], stanza: { ...STANZA, ACCESS_EXPIRE_EPOCH: "9".repeat(20) } },
  { says: [/must\sbe\sone\sof/i], stanza: { ...STANZA, HMAC_DIGEST_TYPE: "sha9" } },
  { says: [/Unrecognized.*MODE/], stanza: { ...STANZA, ENCRYPTION_MODE: "PCBC" } },
  { says: [/Unable.*UID/], stanza: { ...STANZA, CMD_EXEC_USER: "nobody-at-all" } },
  { says: [/Unable.*GID/], stanza: { ...STANZA, CMD_EXEC_USER: "root", CMD_EXEC_GROUP: "nobody-at-all" } },
  { says: [/Setting gid/], stanza: { ...STANZA, CMD_EXEC_USER: "root" }, status: 0 },
  { says: [/GPG_REQUIRE_SIG and GPG_DISABLE_SIG are both set/], stanza: { SOURCE: "ANY", GPG_ALLOW_NO_PW: "Y", GPG_REQUIRE_SIG: "Y", GPG_DISABLE_SIG: "Y" }, status: 0 },
  { says: [/Must have either sig/], stanza: { SOURCE: "ANY", GPG_ALLOW_NO_PW: "Y" } },
  // Commands
  { says: [/Configs parsed/], status: 0 },
  { says: [/FILTER.*1234/, /PCAP\S*FILTER.*\b1234/, /ENABLE_PCAP_PROMISC.*'Y'/, /SYSLOG_IDENTITY/, /test\.pid/, /SOURCE.*\sANY/], config: { ENABLE_PCAP_PROMISC: "Y" }, args: ["-D", "-P", "udp port 1234", "-p", "/tmp/test.pid"], status: 0 },
  { says: [/ENABLE_PCAP_PROMISC.*'N'/], args: ["-D"], status: 0 },
  { says: [/Invalid\skey\slength/], args: ["--key-gen", "--key-len", "129"] },
  { says: [/Invalid\shmac\skey\slength/], args: ["--key-gen", "--hmac-key-len", "129"] },
  { says: [/Invalid\shmac\sdigest\stype/], args: ["--key-gen", "--hmac-digest-type", "sha9"] },
  { says: [/^KEY_BASE64:?\s\S{10}/m, /HMAC_KEY_BASE64:?\s\S{10}/], args: ["--key-gen"], status: 0 },
  { says: [/Wrote.*\skeys/], args: ["--key-gen", "--key-gen-file", "new-keys"], status: 0 },
];

describe("fwknopd says", { concurrency: 4 }, () => {
  let folder: string;
  before(async () => {
    await ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "fko-tool-phrases-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [at, row] of ROWS.entries()) {
    test(`${row.says.map(({ source }) => source).join(" and ")} (${at})`, async () => {
      const here = join(folder, String(at));
      mkdirSync(here);
      for (const [name, content] of Object.entries(row.files ?? {})) {
        if (name.endsWith("/")) mkdirSync(join(here, name));
        else writeFileSync(join(here, name), content, { mode: 0o600 });
      }
      const config = { FWKNOP_RUN_DIR: here, ...row.config };
      writeFileSync(join(here, "fwknopd.conf"), Object.entries(config).map(([name, value]) => `${name} ${value};\n`).join(""), { mode: 0o600 });
      writeFileSync(join(here, "access.conf"), row.access ?? text(row.stanza ?? STANZA), { mode: 0o600 });
      const args = ["-c", "fwknopd.conf", "-a", "access.conf", "-v", "-v", "--exit-parse-config", ...(row.args ?? [])];
      const { status, stdout, stderr } = await run(shipped("fwknopd", ...args), { timeoutMs: 20_000, cwd: here });
      for (const says of row.says) assert.match(stdout + stderr, says);
      assert.equal(status, row.status ?? 1, stdout + stderr);
      assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
    });
  }
});
