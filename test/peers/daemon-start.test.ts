/** Starting, asking after and ending our daemon as an administrator does, and all that can be in its way. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { hasSyslog } from "../../src/node/daemon/syslog.ts";
import type { RunResult } from "../../src/node/run.ts";
import { run } from "../../src/node/run.ts";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { FAULTS } from "../support/fake-iptables.ts";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, type DaemonOptions, PLAIN_STANZA, sendPayloads, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { captureOf, makePacket } from "../support/spa.ts";

/** Runs our server program on the lab's server to its end. */
async function fwknopd(lab: Lab, args: readonly string[], options: { input?: Uint8Array; cwd?: string } = {}): Promise<RunResult> {
  await ensureBuilt();
  const { cwd = "/", input } = options;
  return run(lab.server.argv(["env", "-C", cwd, ...shipped("fwknopd", ...args)]), { timeoutMs: 15_000, env: { HOME: lab.folder }, ...(input && { input }) });
}

/** What a daemon says that goes into the background: the lab has the host's log, if that has one. */
const START_TEXT = hasSyslog() ? "" : "fwknopd: warning: nobody takes the log: there is neither a journal nor /dev/log (-f logs to standard error)\n";

/** The arguments of a daemon in the background. */
function backgroundFiles(lab: Lab, options: DaemonOptions = {}): string[] {
  return writeDaemonFiles(lab, options).slice(1);
}

function told({ status, stdout, stderr }: RunResult): readonly [number | undefined, string, string] {
  return [status, stdout, stderr];
}

const chains = async (lab: Lab): Promise<boolean> => /FWKNOP/.test((await lab.server.run(["iptables", "-S"])).stdout);

describe("start and end", { concurrency: 2 }, () => {
  test("fwknopd goes into the background, is found, told to read again and ended, with C's words and statuses", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const files = backgroundFiles(lab, { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] });
    const pidFile = lab.path("fwknopd.run/fwknopd.pid");
    assert.deepEqual(told(await fwknopd(lab, [...files, "-S"])), [1, "No running fwknopd detected.\n", ""]);
    assert(!existsSync(pidFile), "-S writes nothing");
    assert.deepEqual(told(await fwknopd(lab, [...files, "-K"])), [1, "", "No running fwknopd detected.\n"]);
    assert.deepEqual(told(await fwknopd(lab, [...files, "-R"])), [1, "No running fwknopd detected.\n", ""]);

    assert.deepEqual(told(await fwknopd(lab, files)), [0, "", START_TEXT], "it is ready when the command returns");
    const pid = Number(readFileSync(pidFile, "utf8"));
    assert(lab.server.pids().includes(pid));
    await sendPayloads(lab, [makePacket()]);
    for (let turn = 0; (await lab.rules("FWKNOP_INPUT")).length === 0; turn++) assert(turn < 100, "nothing was opened");
    assert.deepEqual(told(await fwknopd(lab, [...files, "-S"])), [0, `Detected fwknopd is running (pid=${pid}).\n`, ""]);
    for (const again of [files, ["-f", ...files]]) {
      const { status, stderr } = await fwknopd(lab, again);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`\\[\\*\\] An instance of fwknopd is already running: \\(PID=${pid}\\)\\.`));
    }
    assert.deepEqual(told(await fwknopd(lab, [...files, "-R"])), [0, `Sent restart signal to fwknopd (pid=${pid})\n`, ""]);
    assert.deepEqual(told(await fwknopd(lab, [...files, "-S"])), [0, `Detected fwknopd is running (pid=${pid}).\n`, ""], "after a HUP, too");
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1);

    const listed = await fwknopd(lab, [...files, "--fw-list"]);
    assert.match(listed.stdout, /^Chain FWKNOP_INPUT \(1 references\)$/m);
    assert.match(listed.stdout, /^1\s+ACCEPT\s+.*10\.77\.0\.2\s.*dpt:22 \/\* _exp_\d+ \*\//m);
    assert.doesNotMatch(listed.stdout, /^Chain INPUT/m);
    assert.match((await fwknopd(lab, [...files, "--fw-list-all"])).stdout, /^Chain INPUT[\s\S]*^Chain FWKNOP_INPUT/m);
    assert.match((await fwknopd(lab, [...files, "--fw-del-ip", "10.77.0.9"])).stdout, /No rule lets 10\.77\.0\.9 in/);
    assert.match((await fwknopd(lab, [...files, "--fw-del-ip", CLIENT.v4])).stdout, /Removed from FWKNOP_INPUT: .*10\.77\.0\.2/);
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
    assert.equal((await fwknopd(lab, [...files, "--fw-flush"])).status, 0);
    assert(!(await chains(lab)));
    await sendPayloads(lab, [makePacket({ message: `${CLIENT.v4},tcp/23` })]);
    for (let turn = 0; !(await lab.rules("FWKNOP_INPUT")).join().includes("dport 23"); turn++) assert(turn < 100, "the daemon did not put its chain back");

    assert.deepEqual(told(await fwknopd(lab, [...files, "-K"])), [0, `Killed fwknopd (pid=${pid}) via SIGTERM\n`, ""]);
    assert(!lab.server.pids().includes(pid));
    assert(!(await chains(lab)));
    assert.deepEqual(told(await fwknopd(lab, [...files, "-S"])), [1, "No running fwknopd detected.\n", ""]);
  });

  test("fwknopd in the background still finds files that were named relative to where it was started", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    backgroundFiles(lab, { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] });
    lab.write("root.conf", "%include fwknopd.access.conf\n");
    lab.write("override.conf", "PCAP_FILTER udp port 62202;\n");
    const files = ["--config-file=fwknopd.conf", "-aroot.conf", "-O", "override.conf", "-d", "own.cache", "-p", "own.pid"];
    const cwd = lab.folder;
    assert.deepEqual(told(await fwknopd(lab, files, { cwd })), [0, "", START_TEXT]);
    const isOpen = async (port: number): Promise<boolean> => (await lab.rules("FWKNOP_INPUT")).join().includes(`dport ${port} `);
    const knock = async (port: number): Promise<void> => {
      // Again and again, for one that comes before a reading of files has ended may be for the old filter.
      for (let turn = 0; !(await isOpen(port)); turn++) {
        assert(turn < 50, `${port} was not opened`);
        await sendPayloads(lab, [makePacket({ message: `${CLIENT.v4},tcp/${port}` })], 62202);
      }
    };
    await knock(22);
    lab.write("fwknopd.access.conf", readFileSync(lab.path("fwknopd.access.conf"), "utf8").replace("ANY", `${CLIENT.v4}`) + "OPEN_PORTS tcp/23\n");
    assert.match((await fwknopd(lab, [...files, "-R"], { cwd })).stdout, /^Sent restart signal/);
    await knock(23);
    await sendPayloads(lab, [makePacket({ message: `${CLIENT.v4},tcp/24` }), makePacket({ message: `${CLIENT.v4},tcp/23` })], 62202);
    const lines = (): number => readFileSync(lab.path("own.cache"), "utf8").split("\n").length - 2;
    for (let turn = 0; lines() < 4; turn++) assert(turn < 2000, `${lines()} packets are in the cache`);
    assert(!(await isOpen(24)), "the files were read again");
    assert(!existsSync("/own.cache"));
    assert.match((await fwknopd(lab, [...files, "-K"], { cwd })).stdout, /^Killed fwknopd/);
  });

  test("fwknopd leaves alone the chains that another instance uses, also with another pid file and after a HUP", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const stanzas = [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }];
    const first = await startDaemon(lab, "ours", { stanzas });
    await sendPayloads(lab, [makePacket()]);
    await first.waitFor("Granted");
    for (const mode of [[], ["-f"]]) {
      const second = await fwknopd(lab, [...mode, ...backgroundFiles(lab, { name: "second" })]);
      assert.equal(second.status, 1);
      assert.match(second.stderr, new RegExp(`The chain FWKNOP_INPUT of table filter is in use by another instance of fwknopd \\(PID=${first.pid}\\)`));
    }
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1);

    const own = { name: "second", stanzas, config: { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, SECOND, 1" } };
    const second = await startDaemon(lab, "ours", own);
    await sendPayloads(lab, [makePacket({ message: `${CLIENT.v4},tcp/23` })]);
    await Promise.all([first.waitFor("Granted", 2), second.waitFor("Granted")]);
    writeDaemonFiles(lab, { ...own, config: {} });
    process.kill(second.pid, "SIGHUP");
    await second.waitFor(/The old configuration stays in force: .*FWKNOP_INPUT of table filter is in use/);
    assert.deepEqual([(await lab.rules("FWKNOP_INPUT")).length, (await lab.rules("SECOND")).length], [2, 1]);
    await first.stop("SIGKILL");
    process.kill(second.pid, "SIGHUP");
    await second.waitFor("Re-starting fwknopd");
    assert.match((await fwknopd(lab, [...backgroundFiles(lab, { name: "third" }), "-f"])).stderr, new RegExp(`PID=${second.pid}\\b`));
    assert.deepEqual(await second.stop(), { status: 0, signal: null });
    assert(!(await chains(lab)));
  });

  test("fwknopd -S, -K and -R leave a stranger alone whose pid is in a stale file", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const files = backgroundFiles(lab);
    const stranger = lab.start(lab.server, ["sleep", "1000"]);
    writeFileSync(lab.path("fwknopd.run/fwknopd.pid"), `${stranger.pid}\n`, { mode: 0o600 });
    assert.equal((await fwknopd(lab, [...files, "-S"])).status, 1);
    assert.deepEqual(told(await fwknopd(lab, [...files, "-K"])), [1, "", "No running fwknopd detected.\n"]);
    assert.equal((await fwknopd(lab, [...files, "-R"])).status, 1);
    assert(lab.server.pids().includes(stranger.pid));
    for (const asked of ["-S", "-K", "-R"]) {
      const blind = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh", ...shipped("fwknopd", ...files, asked)] as const;
      await assert.rejects(lab.server.run([...blind]), /: fwknopd: error: Cannot tell which processes live: \/proc is not mounted$/);
    }
  });

  test("fwknopd says on standard error what is in its way, ends with status 1, and leaves nothing behind", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const failing = (name: string, { status, said }: { status: number; said: (name: string) => string }): string => {
      const path = lab.write(name, `#!/bin/bash\nprintf '%s' ${JSON.stringify(said("iptables"))} >&2\nexit ${status}\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const config = (settings: Record<string, string>): DaemonOptions => ({ config: settings });
    const holder = lab.start(lab.server, [process.execPath, "-e", "require('node:dgram').createSocket('udp4').bind(5353, () => console.log('bound'))"]);
    await holder.waitFor("bound");
    const rows: readonly (readonly [what: string, DaemonOptions, args: readonly string[], says: RegExp])[] = [
      ["no such firewall program", config({ FIREWALL_EXE: "/nonexistent/iptables" }), [], /\/nonexistent\/iptables/],
      ["a firewall whose lock is held", config({ FIREWALL_EXE: failing("locked", FAULTS.locked) }), [], /holding the xtables lock/],
      ["a firewall that we may not use", config({ FIREWALL_EXE: failing("denied", FAULTS.denied) }), [], /Permission denied/],
      ["no run directory", config({ FWKNOP_RUN_DIR: "/proc/none/fwknop" }), [], /Run directory.*\/proc\/none/],
      ["a run directory that is a file", config({ FWKNOP_RUN_DIR: lab.write("file", "") }), [], /[Rr]un directory|is not a directory/],
      ["a relative run directory", config({ FWKNOP_RUN_DIR: "run" }), [], /'run' is not absolute/],
      ["no such interface", config({ PCAP_INTF: "nowhere0" }), [], /pcap_open_live\(\) error: .*nowhere0/],
      ["a port that somebody has", config({ ENABLE_UDP_SERVER: "Y", UDPSERV_PORT: "5353" }), [], /run_udp_server: bind\(\) failed: Address already in use, port 5353\. Fatal run_udp_server\(\) error/],
      ["a filter that is none", config({ PCAP_FILTER: "udp purt 1" }), [], /Error compiling pcap filter/],
      ["a replay cache that is a folder", config({ DIGEST_FILE: lab.folder }), [], /not a regular file|digest/i],
      ["an access file that is missing", {}, ["-a", lab.path("missing")], /Invalid access\.conf file path/],
      ["the same for a command that does not read it, as with C", {}, ["-S", "-a", lab.path("missing")], /Invalid access\.conf file path/],
      ["an access file with no stanza", { stanzas: [] }, [], /Could not find valid SOURCE stanza/],
      ["an access file with a mistake", { stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/x" }] }, [], /access\.conf:\d+:\d+: /],
      ["a configuration that is missing", {}, ["-c", lab.path("missing")], /Could not open config file|was not found/],
      ["an access folder that is missing", {}, ["--access-folder", lab.path("missing")], /Invalid access folder directory/],
      ["a capture file that is missing", {}, ["--pcap-file", lab.path("missing")], /missing/],
      ["two commands", {}, ["-S", "-K"], /mutually exclusive/],
      ["an option that is none", {}, ["--nonsense"], /--nonsense/],
    ];
    for (const [what, options, args, says] of rows) {
      for (const mode of [[], ["-f"]]) {
        const result = await fwknopd(lab, [...mode, ...backgroundFiles(lab, options), ...args]);
        assert.equal(result.status, 1, `${what}: ${result.stdout}${result.stderr}`);
        assert.match(result.stderr, says, what);
        assert.doesNotMatch(result.stderr, /^ +at /m, `${what}: no stack trace`);
        assert(!(await chains(lab)), what);
        if (mode.length === 0) assert.deepEqual(lab.server.pids(), [holder.pid], `${what}: nobody is left`);
      }
    }
  });

  test("fwknopd refuses key files that others can write to, and warns of those that others can read", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const files = backgroundFiles(lab);
    chmodSync(lab.path("fwknopd.access.conf"), 0o622);
    const refused = await fwknopd(lab, [...files, "--exit-parse-config"]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /permissions should only be user read\/write[\s\S]*--insecure-permissions overrides/);
    assert.equal((await fwknopd(lab, [...files, "--exit-parse-config", "--insecure-permissions"])).status, 0);
    chmodSync(lab.path("fwknopd.access.conf"), 0o644);
    const warned = await fwknopd(lab, [...files, "--exit-parse-config"]);
    assert.equal(warned.status, 0);
    assert.match(warned.stderr, /permissions should only be user read\/write/);
  });
});

describe("commands that are done and over", { concurrency: 2 }, () => {
  test("fwknopd -D, --check, --exit-parse-config and --exit-parse-digest-cache look and start nothing", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const files = backgroundFiles(lab, { config: { PCAP_FILTER: "udp port 1234" } });
    const dumped = await fwknopd(lab, [...files, "-D"]);
    assert.equal(dumped.status, 0);
    assert.match(dumped.stdout, /PCAP_FILTER\s+= +'udp port 1234'|FILTER.*1234/);
    const options = ["-O", lab.write("o1.conf", "PCAP_INTF eth1\n") + "," + lab.write("o2.conf", "PCAP_INTF eth2\nMAX_SNIFF_BYTES 2000\n"), "-d", "x/y", "--fw-type", "nftables", "--Linux-cooked-intf"];
    const overridden = (await fwknopd(lab, [...files, ...options, "-D"])).stdout;
    for (const line of [/OVERRIDE_CONFIG += +'\/.*o1\.conf,\/.*o2\.conf'/, /PCAP_INTF += +'eth2'/, /MAX_SNIFF_BYTES += +'2000'/, /DIGEST_FILE += +'x\/y'/, /FIREWALL_TYPE += +'nftables'/, /ENABLE_COOKED_INTF += +'Y'/]) {
      assert.match(overridden, line);
    }
    const named = { name: "named", config: { OVERRIDE_CONFIG: `${lab.path("o1.conf")},${lab.path("o2.conf")}`, PCAP_INTF: "eth0" } };
    assert.match((await fwknopd(lab, [...backgroundFiles(lab, named), "-D"])).stdout, /OVERRIDE_CONFIG += +'\/.*o1\.conf,\/.*o2\.conf'\n.*PCAP_INTF += +'eth2'/);
    assert.match((await fwknopd(lab, [...backgroundFiles(lab, named), "-O", lab.path("o1.conf"), "-D"])).stdout, /PCAP_INTF += +'eth1'/);
    const broken = await fwknopd(lab, [...backgroundFiles(lab, { name: "broken", stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "x" }] }), "-D"]);
    assert.deepEqual([broken.status, broken.stdout], [1, ""]);
    assert.doesNotMatch(dumped.stdout, /c2l4dGVlbiBieXRlcyBvZiBrZXkgYW5kIHNvbWUgbW8|sixteen bytes/, "no key is printed");
    const parsed = await fwknopd(lab, [...files, "--exit-parse-config"]);
    assert.deepEqual([parsed.status, /Configs parsed, exiting\./.test(parsed.stderr)], [0, true]);
    assert.deepEqual(told(await fwknopd(lab, [...backgroundFiles(lab, { stanzas: [{ ...PLAIN_STANZA, REQUIRE_SOURCE_ADDRESS: "Y" }] }), "--check"])), [0, "No errors; stanzas: 1\n", ""]);

    mkdirSync(lab.path("fwknopd.run"), { recursive: true });
    const cache = lab.path("fwknopd.run/digest.cache");
    writeFileSync(cache, "# a comment\nnonsense\nKLrZcUAUIUfU7UBemXi2/yMnVCBzYFVaxfALxhrESQY 17 127.0.0.1 35575 127.0.0.1 62201 1795344190\n127.0.0.1 36wD3+KXKLrZcUAUIUfU7UBemXi2yMnVCBzYFVaxfAL [Sun Nov 22 10:47:59 2026]\n", { mode: 0o600 });
    const idle = backgroundFiles(lab, { name: "idle", config: { PCAP_LOOP_SLEEP: "100" } });
    assert.match((await fwknopd(lab, [...idle, "--exit-parse-config"])).stderr, /Without effect: PCAP_LOOP_SLEEP/);
    assert.deepEqual(told(await fwknopd(lab, [...idle, "-S"])), [1, "No running fwknopd detected.\n", ""], "said at the start, not by each command");

    const read = await fwknopd(lab, [...files, "-v", "--exit-parse-digest-cache"]);
    assert.equal(read.status, 0);
    assert.match(read.stderr, /Using Digest Cache: '.*digest\.cache' \(entry count = 2\)/);
    assert.match(read.stderr, /invalid digest file entry in .*digest\.cache at line 2[\s\S]*Digest cache parsed, exiting\./);
    assert(!(await chains(lab)));

    const unfit = { config: { FIREWALL_EXE: "/nonexistent/iptables -w", CONNTRACK_ON_EXPIRE: "kill", CONNTRACK_EXE: "/nonexistent/conntrack", PCAP_INTF: "eth0, nowhere0", DIGEST_FILE: "/nonexistent/log/digest.cache", SUDO_EXE: "/nonexistent/sudo" }, stanzas: [{ ...PLAIN_STANZA, ENABLE_CMD_EXEC: "Y", ENABLE_CMD_SUDO_EXEC: "Y" }] };
    const host = await fwknopd(lab, [...backgroundFiles(lab, unfit), "--check"]);
    assert.deepEqual([host.status, host.stdout], [0, "No errors; stanzas: 1\n"], "files may be checked on another host");
    assert.match(host.stderr, /fwknopd\.conf: There is no program \/nonexistent\/iptables, which FIREWALL_EXE names\n.*There is no program \/nonexistent\/conntrack, which CONNTRACK_EXE names\n.*fwknopd\.conf: There is no interface nowhere0 \(PCAP_INTF\)\n.*fwknopd\.conf: There is no folder \/nonexistent\/log, which DIGEST_FILE is in\n/);
    assert.match(host.stderr, /access\.conf:1:1: \(stanza #1\) sudo is missing: there is no program \/nonexistent\/sudo/);
    assert.doesNotMatch(host.stderr, /eth0/);

    const { status, stdout, stderr } = await fwknopd(lab, [...backgroundFiles(lab, { config: { PCAP_DISPATCH_COUNT: "0", PCAP_FILTR: "x" }, stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/22-x" }] }), "--check"]);
    assert.equal(status, 78, stdout + stderr);
    assert.match(stderr, /fwknopd\.conf:\d+:\d+: .*PCAP_DISPATCH_COUNT.* not in the range 1-8388608/);
    assert.match(stderr, /PCAP_FILTR.*did you mean '?PCAP_FILTER/);
    assert.match(stderr, /access\.conf:\d+:\d+: /);
    assert.match((await fwknopd(lab, [...backgroundFiles(lab, { stanzas: [{ ...PLAIN_STANZA, GPG_ALLOW_NO_PW: "Y", GPG_FINGERPRINT_ID: "A".repeat(40), GPG_EXE: "/nonexistent/gpg" }] }), "--check"])).stderr, /GnuPG is missing: .*\/nonexistent\/gpg/);
  });

  test("fwknopd -C ends after so many packets, -t changes nothing, --rotate-digest-cache begins anew", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const packet = makePacket();
    const limited = await startDaemon(lab, "ours", { args: ["-C", "2"] });
    await sendPayloads(lab, ["x", packet, "y"]);
    assert.deepEqual(await limited.exit, { status: 0, signal: null });
    assert.match(limited.log, /Incoming packet count limit of 2 reached[\s\S]*Gracefully leaving the fwknopd event loop\.\n[\s\S]*Shutting Down fwknopd\./);
    assert.equal(limited.count("Granted"), 1, "what it had heard");

    const capture = lab.write("capture", captureOf([packet, makePacket({ message: `${CLIENT.v4},tcp/23` })]));
    const files = writeDaemonFiles(lab);
    const tested = await fwknopd(lab, [...files, "-t", "--pcap-file", capture]);
    assert.equal(tested.status, 0);
    assert.match(tested.stderr, /Replay detected/);
    assert.equal(tested.stderr.split("--test mode enabled, skipping firewall manipulation.").length - 1, 1);
    assert.equal(readFileSync(lab.path("fwknopd.run/digest.cache"), "utf8").trim().split("\n").length, 2, "nothing was remembered");

    const rotated = await fwknopd(lab, [...files, "--rotate-digest-cache", "--pcap-file", capture]);
    assert.equal(rotated.status, 0, rotated.stderr);
    assert.match(rotated.stderr, /Rotating digest cache file\./);
    assert.equal(rotated.stderr.split("Granted").length - 1, 2);
    assert.equal(readFileSync(lab.path("fwknopd.run/digest.cache-old"), "utf8").trim().split("\n").length, 2);
    assert.match(rotated.stderr, /Gracefully leaving the fwknopd event loop\.[\s\S]*Shutting Down fwknopd\./, "a capture file ends");
  });

  test("fwknopd --log-format json says each line as an object", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const capture = lab.write("capture", captureOf([makePacket(), makePacket({ timestamp: 1 })]));
    const { status, stderr } = await fwknopd(lab, [...writeDaemonFiles(lab, { config: { ENABLE_SPA_PACKET_AGING: "Y" } }), "--log-format", "json", "--pcap-file", capture]);
    assert.equal(status, 0, stderr);
    const records = stderr.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    const granted = records.find(({ verdict }) => verdict === "granted")!;
    assert.deepEqual([granted["source"], granted["stanza"], granted["user"], granted["address"], granted["ports"]], [CLIENT.v4, 1, "tester", CLIENT.v4, "tcp/22"]);
    assert.match(String(granted["rule"]), /^FWKNOP_INPUT .*--dport 22 .*_exp_\d+/);
    const refused = records.find(({ verdict }) => verdict === "refused")!;
    assert.deepEqual([refused["reason"], refused["user"], Number(refused["skew"]) < -1e9], ["age", "tester", true]);
    assert(records.every(({ time, level, message }) => !Number.isNaN(Date.parse(String(time))) && typeof level === "string" && typeof message === "string"));
  });
});
