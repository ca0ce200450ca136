/** HUP: what is read again changes what it says and nothing else, and what cannot be read changes nothing. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const asking = (port: number, protocol = "tcp"): string => makePacket({ message: `${CLIENT.v4},${protocol}/${port}` });

async function hup(fwknopd: WatchedChild, says: string | RegExp = "Re-starting fwknopd"): Promise<void> {
  const before = fwknopd.count(says);
  process.kill(fwknopd.pid, "SIGHUP");
  await fwknopd.waitFor(says, before + 1);
}

async function openPorts(lab: Lab): Promise<number[]> {
  return (await lab.rules("FWKNOP_INPUT")).map((rule) => Number(/--dport (\d+)/.exec(rule)?.[1])).sort((left, right) => left - right);
}

describe("HUP", { concurrency: 2 }, () => {
  test("fwknopd loses no packet and no grant while it reads its files again and again", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA] });
    const tcpdumps = capturesOf(lab);
    const rounds = 20;
    const sending = (async () => {
      for (let round = 0; round < rounds; round++) await sendPayloads(lab, Array.from({ length: 5 }, (_, at) => asking(1000 + 5 * round + at)));
    })();
    let isOver = false;
    void sending.finally(() => (isOver = true));
    let hups = 0;
    for (; !isOver; hups++) {
      process.kill(fwknopd.pid, "SIGHUP");
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await sending;
    await fwknopd.waitFor("Granted", 5 * rounds);
    assert.deepEqual(await openPorts(lab), Array.from({ length: 5 * rounds }, (_, at) => 1000 + at));
    assert(hups > 10 && fwknopd.count("Re-starting fwknopd") > 3, `${hups} HUPs, ${fwknopd.count("Re-starting fwknopd")} readings`);
    assert.deepEqual(capturesOf(lab), tcpdumps, "tcpdump goes on");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.doesNotMatch(fwknopd.log, /Non-corresponding|Replay|error/i);
  });

  test("fwknopd takes new stanzas, keeps grants and the replay cache, and stays as it was when a file is broken", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA] });
    const first = asking(22);
    await sendPayloads(lab, [first]);
    await fwknopd.waitFor("Granted");

    writeDaemonFiles(lab, { stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/80" }] });
    await hup(fwknopd);
    await sendPayloads(lab, [asking(23), first, asking(80)]);
    await fwknopd.waitFor("Granted", 2);
    assert.match(fwknopd.log, /Requested: tcp\/23/);
    assert.match(fwknopd.log, /Replay detected/);
    assert.deepEqual(await openPorts(lab), [22, 80]);

    for (const [broken, says] of [
      [{ stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/x" }] }, /access\.conf:\d+:\d+: .*tcp\/x/],
      [{ config: { MAX_SPA_PACKET_AGE: "never" }, stanzas: [STANZA] }, /fwknopd\.conf:\d+:\d+: /],
      [{ stanzas: [] }, /Could not find valid SOURCE stanza/],
      [{ stanzas: [{ SOURCE: "ANY" }] }, /No keys found/],
      [{ config: { PCAP_FILTER: "udp purt 1" }, stanzas: [STANZA] }, /Error compiling pcap filter/],
      [{ config: { PCAP_INTF: "eth0, nowhere0" }, stanzas: [STANZA] }, /nowhere0.*packets are heard as before/],
    ] as const) {
      writeDaemonFiles(lab, broken);
      await hup(fwknopd, /the old configuration stays in force/);
      assert.match(fwknopd.log, says);
    }
    await sendPayloads(lab, [asking(24)]);
    await fwknopd.waitFor("Requested: tcp/24");
    assert.deepEqual(await openPorts(lab), [22, 80]);

    writeDaemonFiles(lab, { config: { DIGEST_FILE: lab.path("elsewhere"), ALERTING_METHODS: "nosyslog" }, stanzas: [STANZA] });
    await hup(fwknopd);
    assert.match(fwknopd.log, /A new value counts from the next start on: DIGEST_FILE, ALERTING_METHODS \(syslog\)/);
    assert(!existsSync(lab.path("elsewhere")));
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("fwknopd hears elsewhere, and opens elsewhere, from the HUP on; grants move along", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const options = { stanzas: [STANZA] };
    const fwknopd = await startDaemon(lab, "ours", options);
    await sendPayloads(lab, [asking(22)]);
    await fwknopd.waitFor("Granted");
    writeDaemonFiles(lab, { ...options, config: { PCAP_FILTER: "udp port 4000", ENABLE_IPT_OUTPUT: "Y", IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, OTHER_INPUT, 1" } });
    await hup(fwknopd);
    await sendPayloads(lab, [asking(80)]);
    await sendPayloads(lab, [asking(23)], 4000);
    await fwknopd.waitFor("Granted", 2);
    const filter = (await lab.server.run(["iptables", "-S"])).stdout;
    assert.deepEqual([...filter.matchAll(/^-A (\w+) .*--([ds]port \d+)/gm)].map(([, chain, port]) => `${chain} ${port}`).sort(), ["FWKNOP_OUTPUT sport 22", "FWKNOP_OUTPUT sport 23", "OTHER_INPUT dport 22", "OTHER_INPUT dport 23"]);
    assert.doesNotMatch(filter, /FWKNOP_INPUT/);

    writeDaemonFiles(lab, { ...options, config: { ENABLE_UDP_SERVER: "Y", UDPSERV_PORT: 4001 } });
    await lab.server.run(["iptables", "-A", "INPUT", "-p", "udp", "-j", "ACCEPT"]);
    await hup(fwknopd);
    assert.equal(capturesOf(lab).length, 0, "tcpdump has left");
    await sendPayloads(lab, [asking(24)], 4001);
    await fwknopd.waitFor("Granted", 3);
    writeDaemonFiles(lab, { ...options, config: { ENABLE_UDP_SERVER: "Y", UDPSERV_PORT: 4001, MAX_SNIFF_BYTES: 1400 } });
    await hup(fwknopd);
    await sendPayloads(lab, [asking(25)], 4001);
    await fwknopd.waitFor("Granted", 4);
    assert.deepEqual(await openPorts(lab), [22, 23, 24, 25]);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP|OTHER/);
  });
});

/** The tcpdump processes on the lab's server. */
function capturesOf(lab: Lab): number[] {
  return lab.server.pids().filter((pid) => programOf(pid) === "tcpdump");
}

function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined; // it ended
  }
}
