/** The port knocking of fwknop 1.9, knocked by our client, logged by the kernel, heard by our daemon. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { run } from "../../src/node/run.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { ensureBuilt, ROOT, shipped } from "../support/dist.ts";
import { startKernelLog } from "../support/kernel-log.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { type Settings, startDaemon } from "../support/peers.ts";

/** Knocks with our client, without a pause between two knocks. */
async function knock(lab: Lab, ...args: readonly string[]): Promise<void> {
  await ensureBuilt();
  const argv = shipped("fwknop", "-D", SERVER.v4, "--no-save-args", "--time-delay", "0", ...args);
  const { status, stderr } = await run(lab.client.argv(argv), { timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
  assert.deepEqual([status, stderr], [0, ""]);
}

const encrypted = (...args: readonly string[]): string[] => ["--Server-mode", "knock", "-A", "tcp/22", "-a", CLIENT.v4, "--no-rc-file", "--key-rijndael", "knock key", ...args];
const ENCRYPTED: Settings = { SOURCE: "ANY", ENCRYPT_SEQUENCE: "Y", KEY: "knock key", OPEN_PORTS: "tcp/22, tcp/80", FW_ACCESS_TIMEOUT: 30 };
const SHARED: Settings = { SOURCE: "ANY", SHARED_SEQUENCE: "tcp/5501, udp/1001, icmp, tcp/5502", OPEN_PORTS: "tcp/22, udp/53", FW_ACCESS_TIMEOUT: 30 };

let labs = 0;

/** A lab whose kernel logs, and a daemon that reads it. */
async function openKnockLab(t: TestContext, stanzas: readonly Settings[], config: Settings = {}): Promise<{ lab: Lab; fwknopd: WatchedChild; log: string } | undefined> {
  const lab = await openLab(t, ["perl"]);
  if (lab === undefined) return undefined;
  const prefix = `KNOCK${process.pid}-${labs++}`;
  const log = await startKernelLog(t, lab, prefix);
  if (log === undefined) return undefined;
  await lab.serve(lab.server, 22);
  const fwknopd = await startDaemon(lab, "ours", { stanzas, config: { AUTH_MODE: "KNOCK", FW_MSG_SEARCH: prefix, IPT_SYSLOG_FILE: log, ...config } });
  return { lab, fwknopd, log };
}

describe("fwknopd with AUTH_MODE KNOCK", () => {
  test("opens to our client's shared sequence, which the kernel logged, until its time is over; and to no other order", async (t) => {
    const opened = await openKnockLab(t, [{ ...SHARED, FW_ACCESS_TIMEOUT: 8 }]);
    if (opened === undefined) return;
    const { lab, fwknopd } = opened;
    assert.match(fwknopd.log, /Whoever sees the knocks of a SHARED_SEQUENCE can repeat them/);
    const rc = (line: string): string[] => ["--Server-mode", "shared", "--user-rc", lab.write("rc", `${SERVER.v4}: ${line}\n[default]\n`)];
    await knock(lab, ...rc("udp/1001, tcp/5501, icmp, tcp/5502"));
    assert.equal(await lab.probe(22), "filtered");
    await knock(lab, ...rc("tcp/5501, udp/1001, tcp/7, icmp, tcp/5502"));
    await fwknopd.waitFor(/\(stanza #1\) Granted tcp\/22,udp\/53 for 10\.77\.0\.2 for \d s, expires at \d+ \(by a shared sequence of knocks\) by FWKNOP_INPUT/);
    assert.equal(fwknopd.count("Granted"), 1);
    assert.equal(await lab.probe(22), "open");
    await fwknopd.waitFor("Removed rule");
    assert.equal(await lab.probe(22), "filtered");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("opens to our client's encrypted sequence, by turns over TCP and UDP as well, once each", async (t) => {
    const opened = await openKnockLab(t, [{ ...ENCRYPTED, KEY: "another key" }, { ...ENCRYPTED, REQUIRE_USERNAME: "tester" }]);
    if (opened === undefined) return;
    const { lab, fwknopd, log } = opened;
    await knock(lab, ...encrypted("--rotate-proto"));
    await fwknopd.waitFor(/\(stanza #2\) Granted tcp\/22 for 10\.77\.0\.2 for 30 s, .*\(user tester, by encrypted knocks\)/);
    assert.equal(await lab.probe(22), "open");
    const heard = readFileSync(log);
    await knock(lab, ...encrypted());
    await fwknopd.waitFor("Renewed tcp/22 for 10.77.0.2");
    // As somebody does who has seen the knocks.
    appendFileSync(log, heard);
    await fwknopd.waitFor(/\(stanza #\d\) Replay detected from source IP: 10\.77\.0\.2/);
    await knock(lab, ...encrypted("-A", "tcp/23"));
    await fwknopd.waitFor(/\(stanza #2\) One or more requested protocol\/ports was denied .* \(user tester, by encrypted knocks\)/);
    await knock(lab, ...encrypted("-U", "mallory"));
    await fwknopd.waitFor("Username in SPA data (mallory) does not match");
    assert.equal(fwknopd.count("Granted"), 1);
  });

  test("requires an operating system by the fingerprint of the knocks", async (t) => {
    const lines = "# ours\n*:64:1:60:M*,S,T,N,W*:Linux:6::Linux 6\n*:128:1:52:M*,N,W*,N,N,S:Windows:11::Windows 11\n";
    const lab = await openLab(t, ["perl"]);
    if (lab === undefined) return;
    const prefix = `KNOCK${process.pid}-os`;
    const log = await startKernelLog(t, lab, prefix);
    if (log === undefined) return;
    const config = { AUTH_MODE: "KNOCK", FW_MSG_SEARCH: prefix, IPT_SYSLOG_FILE: log, P0F_FILE: lab.write("pf.os", lines) };
    const fwknopd = await startDaemon(lab, "ours", { config, stanzas: [{ ...ENCRYPTED, REQUIRE_OS_REGEX: "linux" }, { ...ENCRYPTED, REQUIRE_OS: "Windows", KEY: "windows key" }] });
    await knock(lab, ...encrypted());
    await fwknopd.waitFor(/\(stanza #1\) Granted tcp\/22/);
    await knock(lab, ...encrypted("--key-rijndael", "windows key"));
    await fwknopd.waitFor(/\(stanza #2\) The knocks come from another operating system than is required/);
    assert.equal(fwknopd.count("Granted"), 1);
  });

  test("goes on when the log is rotated, and reads a pipe", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const line = (port: number, source: string): string => `Nov 22 10:47:59 host kernel: [1.000001] DROP IN=eth0 OUT= MAC= SRC=${source} DST=${SERVER.v4} LEN=28 TTL=64 ID=1 PROTO=UDP SPT=9 DPT=${port} LEN=8 \n`;
    const log = lab.write("messages", line(1, "10.77.0.9") + line(2, "10.77.0.9"));
    const stanzas = [{ ...SHARED, SHARED_SEQUENCE: "udp/1, udp/200, udp/3" }];
    const fwknopd = await startDaemon(lab, "ours", { stanzas, config: { AUTH_MODE: "KNOCK", IPT_SYSLOG_FILE: log } });
    appendFileSync(log, line(3, "10.77.0.9"));
    appendFileSync(log, line(1, CLIENT.v4) + line(200, CLIENT.v4));
    renameSync(log, `${log}.1`);
    writeFileSync(log, line(3, CLIENT.v4));
    await fwknopd.waitFor("Granted tcp/22,udp/53 for 10.77.0.2");
    assert.equal(fwknopd.count("Granted"), 1, "what was in the log before is no knock");
    await fwknopd.stop();

    const pipe = lab.path("fifo");
    await run(["mkfifo", pipe], { timeoutMs: 5000 });
    const piped = await startDaemon(lab, "ours", { name: "piped", stanzas, config: { AUTH_MODE: "KNOCK", ENABLE_SYSLOG_FILE: "N", KNOPMD_FIFO: pipe } });
    writeFileSync(pipe, line(1, "10.77.0.3") + line(200, "10.77.0.3"));
    writeFileSync(pipe, line(3, "10.77.0.3"));
    await piped.waitFor("Granted tcp/22,udp/53 for 10.77.0.3");
    assert.deepEqual(await piped.stop(), { status: 0, signal: null });

    const fed = lab.start(lab.server, [...shipped("fwknopd", "--stdin", "-c", lab.path("piped.conf"), "-a", lab.path("piped.access.conf"))] as [string, ...string[]], { stdio: "pipe" });
    await fed.waitFor("main event loop");
    fed.stdin.end(line(1, "10.77.0.4") + line(200, "10.77.0.4") + line(3, "10.77.0.4"));
    await fed.waitFor("Granted tcp/22,udp/53 for 10.77.0.4");
    assert.deepEqual(await fed.exit, { status: 0, signal: null });
  });

  test("starts on untouched files of fwknop 1.9, and leaves out what knocks cannot get", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const log = lab.write("messages", "");
    const text = readFileSync(join(ROOT, "fixtures/config/perl/fwknop.conf"), "utf8").replace(/^(AUTH_MODE +)PCAP;$/m, "$1KNOCK;");
    const conf = lab.write("fwknop.conf", text.replaceAll("/var/log/messages", log).replaceAll("/var/run/fwknop", lab.path("run")).replaceAll("/var/log/fwknop", lab.folder));
    const access = lab.write("access.conf", readFileSync(join(ROOT, "fixtures/config/perl/knock-access.conf")));
    await ensureBuilt();
    const fwknopd = lab.start(lab.server, shipped("fwknopd", "-f", "-c", conf, "-a", access));
    await fwknopd.waitFor("main event loop");
    appendFileSync(log, ["tcp/3000", "udp/5000", "tcp/1000"].map((knocked) => {
      const [protocol, port] = knocked.split("/");
      return `Nov 22 10:47:59 host kernel: DROP IN=eth0 OUT= SRC=${CLIENT.v4} DST=${SERVER.v4} LEN=60 TTL=64 PROTO=${protocol!.toUpperCase()} SPT=9 DPT=${port} WINDOW=1 RES=0x00 SYN URGP=0 \n`;
    }).join(""));
    await fwknopd.waitFor("Granted tcp/22 for 10.77.0.2");
  });
});
