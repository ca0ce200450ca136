/** What scripts look for in the words of a running fwknopd and in its listings, where the C programs would say it. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { run } from "../../src/node/run.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { pcapHeader } from "../../src/pcap-writer.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, daemonArgv, HMAC_KEY_BASE64, KEY_BASE64, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { requirePeers } from "../support/require-peer.ts";
import { PHRASE_ROWS, writePhraseFiles } from "../support/server-phrases.ts";
import { capturedUdp, makePacket, type PacketFields } from "../support/spa.ts";

const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const NAT: Settings = { ENABLE_IPT_FORWARDING: "Y" };
const SNAT: Settings = { ...NAT, ENABLE_IPT_SNAT: "Y" };
const OTHER_KEY = Buffer.alloc(32, "other").toString("base64");
const forward: PacketFields = { message: "127.0.0.2,tcp/22", type: 2, natAccess: "192.168.1.2,22" };

interface Row {
  readonly title: string;
  readonly config?: Settings;
  readonly stanzas?: readonly Settings[];
  readonly packets?: readonly PacketFields[];
  /** Puts each into something else. */
  readonly wrap?: (packet: string) => string;
  /** Who seems to have sent them. */
  readonly from?: string;
  /** Each comes twice. */
  readonly repeat?: true;
  /** It ends by itself. */
  readonly ends?: true;
  /** Whom they seem to be for. */
  readonly to?: string;
  /** Said while it runs, with -v. */
  readonly says?: readonly RegExp[];
  readonly never?: readonly RegExp[];
  /** In `--fw-list`. */
  readonly lists?: readonly RegExp[];
  readonly listsNever?: readonly RegExp[];
  readonly args?: readonly string[];
  /** Why Debian's fwknopd does not say so here. */
  readonly notC?: string;
}

const ROWS: readonly Row[] = [
  {
    title: "a grant of several ports",
    packets: [{ message: "127.0.0.2,tcp/22,udp/53,tcp/1234", username: "testuser" }],
    says: [
      /stanza\s\#\d+.*\sSPA Packet from IP/, /SPA\sPacket\sfrom\sIP:\s10.77.0.2\s/, /Username:\s*testuser/, /SPA Field Values:/, /'\schain exists/, /jump_rule_exists_chk_support\(\) jump rule found/, /FWKNOP_INPUT.*dport\s22.*\sACCEPT/, /fwknopd main event loop/,
    ],
    lists: [/^1\s+ACCEPT\s+(tcp|6).*dpt:22\s/m, /^2\s+ACCEPT\s+(udp|17).*dpt:53\s/m, /^3\s+ACCEPT\s+(tcp|6).*dpt:1234\s/m, /ACCEPT\s{2}.*\s0\.0\.0\.0\/0\s+tcp\sdpt:22\s/, /FWKNOP_INPUT\s\(1\sreferences/],
    never: [/rule_exists.*22.*already exists/, /rule_exists_no_chk_support/, /run_extcmd/, /candidate SPA packet/],
  },
  {
    title: "-v twice", args: ["-v"], packets: [{}],
    says: [/^run_extcmd\(\) \(with execvpe?\(\)\): running CMD: \S*iptables/m, /^run_extcmd\(\): returning 0, pid_status: 0$/m, /^Current fwknopd config settings:$/m, /^SOURCE \(1\): +ANY$/m, /^rule_exists\(\) Rule : '-t filter .*' in FWKNOP_INPUT does not exist$/m],
    never: [/candidate SPA packet/],
  },
  { title: "-v four times", args: ["-v", "-v", "-v"], packets: [{}], says: [/^\[\+\] candidate SPA packet payload:\s+0x0000:  ([\da-f]{2} {1,2}){16} \S{16}$/m], notC: "it keeps standard output to itself until it ends" },
  { title: "a packet that comes twice", stanzas: [STANZA], packets: [{ random: "0123456789012345" }], repeat: true, says: [/Replay detected from source IP: 10\.77\.0\.2, Destination proto\/port: 17\/62201, Original source IP: 10\.77\.0\.2, Original dst proto\/port: 17\/62201, Entry created: \d\d\/\d\d\/\d\d \d\d:\d\d:\d\d/] },
  { title: "a test", args: ["-t"], packets: [{}], says: [/\[10\.77\.0\.2\] \(stanza #1\) --test mode enabled, skipping firewall manipulation\./] },
  { title: "a stanza without a key of the packet's kind", stanzas: [{ SOURCE: "ANY", GPG_ALLOW_NO_PW: "Y", GPG_DISABLE_SIG: "Y" }], packets: [{}], says: [/\(stanza #1\) No stanza encryption mode match for encryption type: 1\./] },
  {
    title: "a command", args: ["-v"], stanzas: [{ ...STANZA, ENABLE_CMD_EXEC: "Y", CMD_EXEC_USER: "nobody" }], packets: [{ type: 0, message: "127.0.0.2,/bin/false x" }],
    says: [/Processing SPA Command message: command='\/bin\/false x'\./, /Running command '\/bin\/false x' setuid\/setgid user\/group to nobody\/nobody \(UID=\d+,GID=\d+\)/, /running CMD: .*\/bin\/false x$/m, /run_extcmd\(\): returning 0, pid_status: 1/, /CMD_EXEC: command returned 0, pid_status: 1/],
  },
  { title: "a command that is not there", stanzas: [{ ...STANZA, ENABLE_CMD_EXEC: "Y" }], packets: [{ type: 0, message: "127.0.0.2,/no/such" }], says: [/run_extcmd\(\): execvpe?\(\) failed: No such file or directory/, /CMD_EXEC: .*command returned 0, pid_status: 255/] },
  {
    title: "a command that prints control codes", stanzas: [{ ...STANZA, ENABLE_CMD_EXEC: "Y" }], packets: [{ type: 0, message: "127.0.0.2,/usr/bin/printf a\\033[31mb\\ncc" }],
    says: [/CMD_EXEC: command returned 0, pid_status: 0 .*: a\\x1b\[31mb\\ncc$/m], notC: "it lets the command write where it writes itself",
  },
  { title: "an end after so many packets", args: ["-C", "1"], packets: [{}], says: [/\* Incoming packet count limit of 1 reached[\s\S]*Gracefully leaving the fwknopd event loop\.[\s\S]*Packet count limit \(1\) reached\. Exiting\.\.\.[\s\S]*Shutting Down fwknopd\./], ends: true },
  { title: "two grants to one address", packets: [{ message: "127.0.0.2,tcp/23" }, { message: "127.0.0.2,tcp/22" }], lists: [/^2\s+ACCEPT.*127.0.0.2\s.*dpt:22/m] },
  // Three, so that two come within one second.
  { title: "the same grant twice", packets: [{}, {}, {}], says: [/rule_exists.*FWKNOP_INPUT already exists/] },
  { title: "the same grant twice without -C", args: ["--no-ipt-check-support"], packets: [{}, {}, {}], says: [/rule_exists_no_chk_support.*tcp.*22.*already exists/, /rule_exists_no_chk_support.* expires:\s.*already exists/] },
  { title: "the same NAT grant twice", config: NAT, packets: [forward, forward, forward], says: [/rule_exists.*FWKNOP_PREROUTING already exists/, /rule_exists.*FWKNOP_FORWARD already exists/] },
  { title: "a grant that ends", stanzas: [{ ...STANZA, FW_ACCESS_TIMEOUT: 3 }], packets: [{ message: "127.0.0.2,tcp/22,tcp/23,tcp/24" }], says: [/Removed\srule\s1/, /(Removed\srule[\s\S]*){3}/, /Did not find expire comment in rules list 0/] },
  { title: "prepended rules for one destination", config: { ENABLE_RULE_PREPEND: "Y", ENABLE_DESTINATION_RULE: "Y" }, packets: [{ message: "127.0.0.2,tcp/22" }], says: [/\s-I\sFWKNOP_INPUT.*\s-s\s127.0.0.2/], lists: [/\b127.0.0.2\s.*10.77.0.1\b/] },
  { title: "a grant for an address of its own", config: { ENABLE_DESTINATION_RULE: "Y" }, to: "127.0.0.1", packets: [{ message: "127.0.0.2,tcp/22" }], lists: [/\b127.0.0.2\s.*127.0.0.1\b/] },
  {
    title: "a renamed chain", config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, FWKNOP_INPUT_TEST, 1", IPT_FORWARD_ACCESS: "ACCEPT, filter, FORWARD, 1, FWKNOP_FORWARD_TEST, 1", ...NAT },
    packets: [forward], says: [/FWKNOP_FORWARD_TEST\s.*dport\s22\s/], lists: [/FWKNOP_INPUT_TEST\s\(1\sreferences/],
  },
  {
    title: "NAT", config: NAT, packets: [forward],
    says: [/FWKNOP_FORWARD\s.*dport\s22\s/, /FWKNOP_FORWARD.*dport\s22\s.*\sACCEPT/, /FWKNOP_PREROUTING.*\sDNAT\s.*to-destination\s192.168.1.2:22/], lists: [/\*\/\sto:192.168.1.2:22/i],
  },
  {
    title: "NAT to another port, from a spoofed address", config: NAT, from: "1.2.3.4", packets: [{ ...forward, natAccess: "192.168.1.2,40001" }],
    says: [/SPA\sPacket\sfrom\sIP:\s1.2.3.4\s/, /FWKNOP_FORWARD.*dport\s40001\s.*\sACCEPT/, /FWKNOP_FORWARD\s.*0.0.0.0\s/, /FWKNOP_PREROUTING.*\sDNAT\s.*to-destination\s192.168.1.2:40001/],
  },
  { title: "one port of two protocols", packets: [{ message: "127.0.0.2,tcp/60001,udp/60001" }], lists: [/^1\s+ACCEPT\s+(tcp|6).*dpt:60001/m, /^2\s+ACCEPT\s+(udp|17).*dpt:60001/m] },
  { title: "FORCE_NAT", config: NAT, stanzas: [{ ...STANZA, FORCE_NAT: "192.168.1.123 22" }], packets: [forward], lists: [/\*\/\sto:192.168.1.123:22/i, /\sto:192.168.1.123:22/i], listsNever: [/\sto:192.168.1.2:22/i] },
  { title: "local NAT", config: { ENABLE_IPT_LOCAL_NAT: "Y" }, packets: [{ message: "127.0.0.2,tcp/40001", type: 5, natAccess: "127.0.0.1,22" }], says: [/local NAT rule to FWKNOP_INPUT/], lists: [/\s\*\/\sto:127.0.0.1:22/i, /^1\s+ACCEPT\s+(tcp|6).*dpt:22\s/m] },
  { title: "DISABLE_DNAT", config: NAT, stanzas: [{ ...STANZA, FORCE_NAT: "192.168.1.2 22", DISABLE_DNAT: "Y" }], packets: [forward], lists: [/FWKNOP_FORWARD/], listsNever: [/DNAT\s.*\*\/\sto:/] },
  { title: "SNAT", config: { ...SNAT, SNAT_TRANSLATE_IP: "33.3.3.3" }, packets: [forward], lists: [/SNAT\s.*\*\/\sto:33.3.3.3/] },
  { title: "MASQUERADE", config: SNAT, stanzas: [{ ...STANZA, FORCE_NAT: "123.4.4.4 22", FORCE_MASQUERADE: "Y" }], packets: [forward], says: [/MASQUERADE\s.*to-ports/], lists: [/MASQUERADE\s.*\s123.4.4.4\s.*\smasq\sports:\s22/, /DNAT\s.*\*\/\sto:123.4.4.4:22/i] },
  { title: "SNAT of a whole host", config: SNAT, stanzas: [{ ...STANZA, FORWARD_ALL: "Y", FORCE_SNAT: "123.4.4.4" }], packets: [forward], says: [/Added SNAT ALL rule to FWKNOP_POSTROUTING/], lists: [/\sSNAT\s.*(all|0).*\sto:123.4.4.4/] },
  { title: "SNAT of a whole host by the daemon's own setting", config: { ...SNAT, SNAT_TRANSLATE_IP: "8.1.2.3" }, stanzas: [{ ...STANZA, FORWARD_ALL: "Y" }], packets: [forward], lists: [/\sSNAT\s.*(all|0).*\sto:8.1.2.3/] },
  { title: "MASQUERADE of a whole host", config: SNAT, stanzas: [{ ...STANZA, FORWARD_ALL: "Y", FORCE_MASQUERADE: "Y" }], packets: [forward], lists: [/MASQUERADE\s.*(all|0)/, /\sMASQUERADE\s.*(all|0)/] },
  {
    title: "refusals", config: NAT,
    stanzas: [{ ...STANZA, SOURCE: "10.77.0.2", REQUIRE_USERNAME: "somebody", OPEN_PORTS: "tcp/22", REQUIRE_SOURCE_ADDRESS: "Y" }],
    packets: [{ username: "another" }, { username: "somebody", message: "127.0.0.2,tcp/99" }, { username: "somebody", message: "0.0.0.0,tcp/22" }, { username: "somebody", timestamp: 1 }, { username: "somebody", type: 0, message: "127.0.0.2,/bin/true" }, { username: "somebody", message: "127.0.0.2,tcp/40001", type: 5, natAccess: "127.0.0.1,22" }],
    says: [/Username\s+in\s+SPA\s+data/, /stanza #1\)\sOne\sor\smore\srequested\sprotocol\/ports\swas\sdenied/, /One\s+or\s+more\s+requested/, /Got\s0.0.0.0\swhen\svalid\ssource\sIP/, /SPA\sdata\stime\sdifference/, /Command messages are not allowed/, /requested\sNAT\saccess.*not\senabled/i],
  },
  { title: "a wrong HMAC", packets: [{ hmacKeyBase64: OTHER_KEY }], says: [/stanza #1\).*\sArgs\scontain\sinvalid\sdata/], never: [/Decryption\sfailed/i] },
  { title: "a wrong key", packets: [{ keyBase64: OTHER_KEY }], says: [/Decryption\sfailed/i] },
  { title: "a source that no stanza has", stanzas: [{ ...STANZA, SOURCE: "10.1.1.1" }], packets: [{}], says: [/No\saccess\sdata\sfound/] },
  { title: "a destination that no stanza has", stanzas: [{ ...STANZA, DESTINATION: "10.1.1.1" }], packets: [{}], says: [/SPA\spacket\s.*filtered\sby\sSOURCE.*DEST/] },
  {
    title: "a proxy's word for its client that is none", config: { ENABLE_SPA_OVER_HTTP: "Y", ENABLE_X_FORWARDED_FOR: "Y", TRUSTED_PROXIES: "10.77.0.2" }, packets: [{ message: "0.0.0.0,tcp/22" }],
    wrap: (packet) => `GET /${packet.replaceAll("+", "-").replaceAll("/", "_")} HTTP/1.0\r\nUser-Agent: Fwknop/2.6.11\r\nX-Forwarded-For: me\r\n\r\n`,
    says: [/Error\sparsing.*IP/, /Added access rule to FWKNOP_INPUT for 10\.77\.0\.2 /],
  },
  { title: "a key that is too long", stanzas: [{ ...STANZA, KEY_BASE64: Buffer.alloc(33, "long").toString("base64") }], packets: [{}], says: [/Error creating fko context: .*Invalid\skey\slength/] },
  { title: "an expired stanza", stanzas: [{ ...STANZA, ACCESS_EXPIRE: "1/1/2020" }], packets: [{}], says: [/Access\sstanza\shas\sexpired/] },
  { title: "names in NAT requests", config: NAT, packets: [{ ...forward, natAccess: "nowhere.invalid,22" }, { ...forward, natAccess: "no_name!,22" }], says: [/ipv4_resolve\(\) : [\s\S]*Unable to resolve Hostname/, /Invalid Hostname in NAT SPA message/] },
  { title: "a name in a NAT request that has an address", config: NAT, packets: [{ ...forward, natAccess: "localhost,22" }], says: [/Resolved NAT IP in SPA message/, /\[\+\] Writing my PID \(\d+\) to the lock file: .*\.pid/] },
  { title: "names in NAT requests, unwanted", config: { ...NAT, ENABLE_NAT_DNS: "N" }, packets: [{ ...forward, natAccess: "nowhere.invalid,22" }], says: [/NAT SPA message, but hostname is disabled/] },
  { title: "a command of too many words", stanzas: [{ ...STANZA, ENABLE_CMD_EXEC: "Y" }], packets: [{ type: 0, message: `127.0.0.2,${"w ".repeat(29)}` }], says: [/Error converting cmd str to argv/] },
  {
    title: "a cycle", stanzas: [{ ...STANZA, CMD_CYCLE_OPEN: "/bin/true OPEN $IP $PORT 121", CMD_CYCLE_CLOSE: "/bin/true CLOSE $IP 222 2$PORT", CMD_CYCLE_TIMER: 2 }], packets: [{ message: "127.0.0.2,tcp/40001" }],
    says: [/Running.*CLOSE.*in 2 seconds/, /OPEN.*\s121/, /CLOSE.*\s222/, /CLOSE.*\s2\d{5}/, /Timer expired/],
  },
  { title: "a cycle without a close", stanzas: [{ ...STANZA, CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_CLOSE: "NONE" }], packets: [{}], says: [/CMD_CYCLE_OPEN: command returned 0/], never: [/Timer expired/], notC: "it does not tell how the command ended" },
  { title: "a locale that this system does not have", config: { LOCALE: "xx_YY.nothing" }, says: [/Unable to set locale/] },
  { title: "files that others can read", says: [/permissions\sshould\sonly\sbe\suser/] },
];

/** Starts a daemon on the lab's server: ours with a pipe in the place of tcpdump, so that packets can be from anybody. */
async function start(lab: Lab, maker: Maker, { config = {}, stanzas = [STANZA], args = [], title }: Row): Promise<{ readonly fwknopd: WatchedChild; readonly files: readonly string[] }> {
  rmSync(lab.path("fwknopd.run"), { recursive: true, force: true });
  const files = writeDaemonFiles(lab, { config, stanzas });
  if (title === "files that others can read") chmodSync(lab.path("fwknopd.conf"), 0o644);
  const fwknopd = lab.start(lab.server, await daemonArgv(maker, [...(maker === "ours" ? ["--stdin"] : []), "-v", ...files, ...args]), { stdio: ["pipe", "pipe", "pipe"] });
  if (maker === "ours") fwknopd.stdin.write(pcapHeader());
  await fwknopd.waitFor("main event loop");
  return { fwknopd, files };
}

async function send(lab: Lab, maker: Maker, fwknopd: WatchedChild, { packets = [], wrap = String, from, to, repeat }: Row): Promise<void> {
  for (const payload of packets.map((packet) => wrap(makePacket(packet))).flatMap((packet) => Array<string>(repeat ? 2 : 1).fill(packet))) {
    if (maker === "ours") fwknopd.stdin.write(capturedUdp(payload, from, to));
    else await sendPayloads(lab, [payload]);
    await new Promise((resolve) => setTimeout(resolve, 60)); // not in one transaction
  }
}

/** Lists until everything is there, or for long enough. */
async function listUntil(patterns: readonly RegExp[], argv: readonly [string, ...string[]]): Promise<string> {
  for (let left = 50; ; left--) {
    const { stdout } = await run(argv, { timeoutMs: 10_000 });
    if (left === 0 || patterns.every((pattern) => pattern.test(stdout))) return stdout;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** In no log of ours, however often -v is given: control codes and keys. */
const UNWANTED: readonly RegExp[] = [/[\0-\x08\x0b-\x1f\x7f-\x9f]/, new RegExp(KEY_BASE64), new RegExp(HMAC_KEY_BASE64)];

/** What the C daemon cannot be brought to here. */
function isForC({ from, to, notC }: Row): boolean {
  return from === undefined && to === undefined && notC === undefined;
}

describe("phrases of a running fwknopd", { concurrency: 3 }, () => {
  for (const [part, maker] of ([[0, "ours"], [1, "ours"], [2, "ours"], [0, "C"], [1, "C"], [2, "C"]] as const)) {
    test(`fwknopd (${maker}) says and lists what scripts look for (${part + 1} of 3)`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS[maker]);
      if (lab === undefined) return;
      for (const row of ROWS.filter((one) => maker === "ours" || isForC(one)).filter((_, at) => at % 3 === part)) {
        const { fwknopd, files } = await start(lab, maker, row);
        await send(lab, maker, fwknopd, row);
        for (const says of row.says ?? []) await fwknopd.waitFor(says).catch((error: Error) => assert.fail(`${row.title}: ${error.message}`));
        if (row.lists !== undefined) {
          const listed = await listUntil(row.lists, lab.server.argv(await daemonArgv(maker, [...files.slice(1), "--fw-list"])));
          for (const pattern of row.lists) assert.match(listed, pattern, row.title);
          for (const pattern of row.listsNever ?? []) assert.doesNotMatch(listed, pattern, row.title);
        }
        assert.deepEqual(await (row.ends ? fwknopd.exit : fwknopd.stop()), { status: 0, signal: null }, row.title);
        for (const pattern of [...(row.never ?? []), ...(maker === "ours" ? UNWANTED : [])]) assert.doesNotMatch(fwknopd.log, pattern, row.title);
        if (!row.ends) assert.match(fwknopd.log, /Got SIGTERM/);
      }
    });
  }

  for (const [what, config, says] of [
    ["an interface that is not there", { PCAP_INTF: "none0" }, [/pcap_open_live.*error/, /\[\*\] pcap_open_live\(\) error: /]],
    ["a filter that is none", { PCAP_FILTER: "udp porrt 62201" }, [/\[\*\] Error compiling pcap filter: /]],
  ] as const) {
    for (const maker of ["ours", "C"] as const) {
      test(`fwknopd (${maker}) says what is wrong with ${what}, and leaves no chain behind`, async (t) => {
        const lab = await openLab(t, DAEMON_PEERS[maker]);
        if (lab === undefined) return;
        const { status, stdout, stderr } = await run(lab.server.argv(await daemonArgv(maker, writeDaemonFiles(lab, { config }))), { timeoutMs: 20_000 });
        for (const pattern of says) assert.match(stdout + stderr, pattern);
        assert.equal(status, 1);
        assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/);
      });
    }
  }

  test("fwknopd of Debian says at its start what ours says", async (t) => {
    if (!requirePeers(t, "fwknopd")) return;
    const folder = mkdtempSync(join(tmpdir(), "fko-tool-phrases-c-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const [at, row] of PHRASE_ROWS.entries()) {
      if (row.notC !== undefined) continue;
      const here = join(folder, String(at));
      const { status, stdout, stderr } = await run(["fwknopd", ...writePhraseFiles(here, row)], { timeoutMs: 20_000, cwd: here });
      for (const says of row.says) assert.match(stdout + stderr, says, `${at}`);
      assert.equal(status, row.status ?? 1, `${at}: ${stdout}${stderr}`);
    }
  });

  test("fwknopd removes a rule of others in its chain when its time mark says so, and says which", async (t) => {
    const lab = await openLab(t, ["tcpdump"]);
    if (lab === undefined) return;
    writeFileSync(lab.path("cache"), "nonsense\n", { mode: 0o600 });
    const fwknopd = await startDaemon(lab, "ours", { config: { RULES_CHECK_THRESHOLD: 1 }, stanzas: [PLAIN_STANZA], args: ["-d", lab.path("cache"), "-P", "udp port 12345"] });
    assert.match(fwknopd.log, /PCAP\sfilter.*\s12345/);
    assert.match(fwknopd.log, /invalid\sdigest\sfile\sentry/);
    await lab.server.run(["iptables", "-A", "FWKNOP_INPUT", "-p", "tcp", "--dport", "5000", "-m", "comment", "--comment", "_exp_1234", "-j", "ACCEPT"]);
    await fwknopd.waitFor(/Removed\srule.*expire time of 1234/);
    await lab.server.run(["ip", "link", "del", "eth0"]);
    await fwknopd.waitFor(/Error from pcap_dispatch\b|Fatal error from pcap_dispatch\b/);
  });
});
