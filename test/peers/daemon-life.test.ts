/** What stays open, and for how long, whatever becomes of our daemon. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import { type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, daemonArgv, knock, PLAIN_STANZA, sendPayloads, startDaemon, writeDaemonFiles } from "../support/peers.ts";

/** Loaded before the daemon, it makes a mistake on demand. */
const MISTAKE = "process.on('SIGUSR2', () => { throw new Error('unforeseen'); });";

describe("life of fwknopd", { concurrency: 2 }, () => {
  test("fwknopd leaves an established connection alone when its grant ends", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    const fwknopd = await startDaemon(lab, "ours");
    await knock(lab, "ours");
    await fwknopd.waitFor("Added access rule");

    const session = lab.start(lab.client, [process.execPath, "-e", `
      const socket = require("node:net").connect(22, "${SERVER.v4}");
      process.stdin.pipe(socket).pipe(process.stdout);`], { stdio: ["pipe", "pipe", "pipe"] });
    await session.waitFor("Welcome");
    session.stdin.write("while it is open\n");
    await session.waitFor("while it is open");
    await fwknopd.waitFor("Removed rule");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
    session.stdin.write("after it was closed\n");
    await session.waitFor("after it was closed");
    assert.equal(await lab.probe(22), "filtered", "for a new connection");
  });

  test("fwknopd that is killed in the middle of a grant leaves nothing open after its next start", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const killed = await startDaemon(lab, "ours", { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] });
    await knock(lab, "ours", { args: ["-B", lab.path("packet")] });
    await killed.waitFor("Added access rule");
    assert.deepEqual(await killed.stop("SIGKILL"), { status: null, signal: "SIGKILL" });
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1, "the rule that nobody removes");
    await ended(lab.server, "tcpdump");

    const next = await startDaemon(lab, "ours");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), [], "removed by the next start");
    await sendPayloads(lab, [readFileSync(lab.path("packet"), "latin1").trim()]);
    await next.waitFor("Replay detected");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), [], "after a replay of what the killed one had accepted");
    await leavesNoChain(lab, await next.stop());
  });

  test("fwknopd tells a mistake of its own in one line, takes its rules away and ends with status 1", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const files = writeDaemonFiles(lab, { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] });
    const fwknopd = lab.start(lab.server, await daemonArgv("ours", files), { env: { NODE_OPTIONS: `--require ${lab.write("mistake.cjs", MISTAKE)}` } });
    await fwknopd.waitFor("main event loop");
    await knock(lab, "ours");
    await fwknopd.waitFor("Added access rule");
    assert.deepEqual(await fwknopd.stop("SIGUSR2"), { status: 1, signal: null });
    assert.match(fwknopd.log, /^Internal error, the daemon ends: Error: unforeseen at .*mistake\.cjs.*$/m);
    assert.match(fwknopd.log, /Shutting Down fwknopd/);
    assert.doesNotMatch(fwknopd.log, /^ +at /m);
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/);
  });

  test("fwknopd with FLUSH_IPT_AT_INIT N adopts the rules of its killed predecessor and closes them in time", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const options = { config: { FLUSH_IPT_AT_INIT: "N" }, stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 3 }] };
    const killed = await startDaemon(lab, "ours", options);
    await knock(lab, "ours");
    await killed.waitFor("Added access rule");
    const rules = await lab.rules("FWKNOP_INPUT");
    await killed.stop("SIGKILL");
    const next = await startDaemon(lab, "ours", options);
    if (Date.now() / 1000 < Number(/_exp_(\d+)/.exec(rules[0] ?? "")?.[1]) - 1) assert.deepEqual(await lab.rules("FWKNOP_INPUT"), rules, "adopted");
    await next.waitFor("Removed rule");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
    await leavesNoChain(lab, await next.stop("SIGINT"));
    assert.match(next.log, /Got SIGINT/);
  });

  test("fwknopd --stdin opens what tcpdump hears, and ends in good order when the pipe does", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await daemonArgv("ours", ["--stdin", ...writeDaemonFiles(lab, { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] })]);
    const pipeline = lab.start(lab.server, ["bash", "-c", `set -o pipefail; tcpdump -i eth0 -U -w - "udp port 62201" | ${fwknopd.join(" ")}`]);
    await pipeline.waitFor("main event loop");
    await pipeline.waitFor("listening on eth0");
    await knock(lab, "ours");
    await pipeline.waitFor("Added access rule");
    for (const pid of named(lab.server, "tcpdump")) process.kill(pid, "SIGTERM");
    await leavesNoChain(lab, await pipeline.exit);
  });
});

/** Asserts that a daemon ended well and took its chains with it. */
async function leavesNoChain(lab: Lab, exit: { status: number | null }): Promise<void> {
  assert.equal(exit.status, 0);
  const { stdout } = await lab.server.run(["iptables", "-S"]);
  assert.doesNotMatch(stdout, /FWKNOP/);
}

/** The processes of a host with a program's name. */
function named(host: NamespaceHost, program: string): number[] {
  return host.pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === program;
    } catch {
      return false; // it ended
    }
  });
}

/** Waits until no such program runs in a host; the kernel ends it within milliseconds. */
async function ended(host: NamespaceHost, program: string): Promise<void> {
  for (let turn = 0; named(host, program).length > 0; turn++) {
    assert(turn < 500, `${program} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
