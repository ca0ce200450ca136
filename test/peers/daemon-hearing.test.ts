/** Every way in which our daemon hears a packet. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { pcapHeader } from "../../src/pcap-writer.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, daemonArgv, knock, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { requirePeer } from "../support/require-peer.ts";
import { capturedUdp, makePacket } from "../support/spa.ts";

const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const asking = (port: number): string => makePacket({ message: `${CLIENT.v4},tcp/${port}` });
const granted = (fwknopd: WatchedChild, port: number): Promise<void> => fwknopd.waitFor(new RegExp(`Granted tcp/${port} for`));

/** Sends a packet over TCP, in pieces that must arrive one by one. */
async function sendTcp(lab: Lab, pieces: readonly string[], port: number): Promise<void> {
  await lab.client.run([process.execPath, "-e", `
    const pieces = ${JSON.stringify(pieces)};
    const socket = require("node:net").connect(${port}, "${SERVER.v4}");
    socket.setNoDelay(true);
    const next = () => {
      const piece = pieces.shift();
      if (piece === undefined) socket.end();
      else socket.write(piece, () => setTimeout(next, 60));
    };
    socket.on("connect", next).resume();`]);
}

function tcpdumps(lab: Lab): number[] {
  return lab.server.pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "tcpdump";
    } catch {
      return false; // it ended
    }
  });
}

describe("hearing", { concurrency: 3 }, () => {
  test("fwknopd hears on several interfaces, and again after their tcpdumps were killed", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours, { inner: true });
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA], config: { PCAP_INTF: "eth0, eth1" } });
    const fromInner = async (port: number): Promise<void> => {
      const script = `const s = require("node:dgram").createSocket("udp4"); s.send("${asking(port)}", 62201, "10.78.0.1", () => s.close());`;
      await lab.inner.run([process.execPath, "-e", script]);
    };
    await sendPayloads(lab, [asking(22)]);
    await granted(fwknopd, 22);
    await fromInner(23);
    await granted(fwknopd, 23);
    const running = tcpdumps(lab);
    assert.equal(running.length, 2);
    for (const pid of running) process.kill(pid, "SIGKILL");
    await fwknopd.waitFor("Sniffing interface: eth0", 2);
    await fwknopd.waitFor("Sniffing interface: eth1", 2);
    assert.match(fwknopd.log, /Error from pcap_dispatch: .*started again in \d+ ms/);
    await sendPayloads(lab, [asking(24)]);
    await granted(fwknopd, 24);
    await fromInner(25);
    await granted(fwknopd, 25);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.deepEqual(tcpdumps(lab), []);
  });

  for (const [what, config] of [["any interface", { PCAP_INTF: "any" }], ["an interface without an address", {}], ["cooked frames", { ENABLE_COOKED_INTF: "Y" }]] as const) {
    test(`fwknopd hears on ${what}`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS.ours);
      if (lab === undefined) return;
      if (what === "an interface without an address") {
        const mac = /link\/ether (\S+)/.exec((await lab.server.run(["ip", "link", "show", "eth0"])).stdout)![1]!;
        await lab.client.run(["ip", "neigh", "replace", SERVER.v4, "lladdr", mac, "nud", "permanent", "dev", "eth0"]);
        await lab.server.run(["ip", "addr", "flush", "dev", "eth0"]);
      }
      const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA], config });
      await sendPayloads(lab, [asking(22)]);
      await granted(fwknopd, 22);
    });
  }

  test("fwknopd takes a packet out of ICMP, and only what comes in unless it is told otherwise", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA], config: { PCAP_FILTER: "icmp or udp port 62201" } });
    await knock(lab, "ours", { args: ["-P", "icmp"] });
    await granted(fwknopd, 22);
    assert.match(readFileSync(lab.path("fwknopd.run/digest.cache"), "utf8"), /^\S+ 1 10\.77\.0\.2 0 10\.77\.0\.1 0 \d+$/m);
    const own = makePacket({ message: "10.77.0.9,tcp/99" });
    await lab.server.run([process.execPath, "-e", `const s = require("node:dgram").createSocket("udp4"); s.send("${own}", 62201, "${CLIENT.v4}", () => s.close());`]);
    await sendPayloads(lab, [asking(23)]);
    await granted(fwknopd, 23);
    assert.doesNotMatch(fwknopd.log, /tcp\/99/);
  });

  test("fwknopd follows a capture file that another program writes, also into a new one", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const file = lab.write("ulog.pcap", Buffer.concat([pcapHeader(), capturedUdp(asking(1))]));
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA], config: { AUTH_MODE: "ULOG_PCAP", PCAP_PKT_FILE: file } });
    const record = capturedUdp(asking(22));
    appendFileSync(file, record.subarray(0, 100));
    await new Promise((resolve) => setTimeout(resolve, 300));
    appendFileSync(file, record.subarray(100));
    await granted(fwknopd, 22);
    lab.write("ulog.pcap", Buffer.concat([pcapHeader(), capturedUdp(asking(23))]));
    await granted(fwknopd, 23);
    assert.doesNotMatch(fwknopd.log, /tcp\/1 /, "what was there before");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("fwknopd hears by its own UDP server at the address that was meant, and by its TCP server whatever the segments", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.server.run(["ip", "addr", "add", "10.77.0.77/24", "dev", "eth0"]);
    for (const protocol of ["udp", "tcp"]) await lab.server.run(["iptables", "-A", "INPUT", "-p", protocol, "--dport", "62201", "-j", "ACCEPT"]);
    const fwknopd = await startDaemon(lab, "ours", {
      stanzas: [{ ...STANZA, DESTINATION: SERVER.v4 }],
      config: { ENABLE_TCP_SERVER: "Y", ENABLE_DESTINATION_RULE: "Y", PCAP_INTF: "nowhere0" },
      args: ["-U", "-v"],
    });
    for (const server of ["UDP", "TCP"]) assert.match(fwknopd.log, new RegExp(`Kicking off ${server} server to listen on port 62201\\.`));
    const other = asking(80);
    await lab.client.run([process.execPath, "-e", `const s = require("node:dgram").createSocket("udp4"); s.send("${other}", 62201, "10.77.0.77", () => s.close());`]);
    await fwknopd.waitFor(/10\.77\.0\.2 -> 10\.77\.0\.77\) filtered by SOURCE and\/or DESTINATION/);
    await sendPayloads(lab, [asking(22)]);
    await granted(fwknopd, 22);
    assert.match((await lab.rules("FWKNOP_INPUT"))[0]!, /-d 10\.77\.0\.1\/32 /);
    const packet = asking(23);
    await sendTcp(lab, [packet.slice(0, 1), packet.slice(1, 120), packet.slice(120)], 62201);
    await granted(fwknopd, 23);
    assert.deepEqual(tcpdumps(lab), []);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.match(fwknopd.log, /Gracefully leaving[\s\S]*Got SIGTERM/);
  });

  test("fwknopd hears by the sockets that a service manager hands over", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined || requirePeer(t, "python3") === undefined) return;
    const argv = await daemonArgv("ours", ["-v", ...writeDaemonFiles(lab, { stanzas: [STANZA], config: { PCAP_INTF: "nowhere0" } })]);
    for (const protocol of ["udp", "tcp"]) await lab.server.run(["iptables", "-A", "INPUT", "-p", protocol, "--dport", "4000", "-j", "ACCEPT"]);
    const manager = `
import os, socket, sys
opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_STREAM)]
for one in opened: one.bind(("0.0.0.0", 4000))
opened[1].listen()
high = [os.dup2(one.fileno(), 50 + at) for at, one in enumerate(opened)]
for at, one in enumerate(high): os.dup2(one, 3 + at, inheritable=True)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])`;
    const fwknopd = lab.start(lab.server, ["python3", "-c", manager, ...argv]);
    await fwknopd.waitFor("main event loop");
    await sendPayloads(lab, [asking(22)], 4000);
    await granted(fwknopd, 22);
    const packet = asking(23);
    await sendTcp(lab, [packet.slice(0, 60), packet.slice(60)], 4000);
    await granted(fwknopd, 23);
    await fwknopd.waitFor(`tcp_server: Got TCP connection from ${CLIENT.v4}.`);
    await sendPayloads(lab, ["A".repeat(139)], 4000);
    await fwknopd.waitFor(`udp_server: Got UDP datagram (139 bytes) from: ${CLIENT.v4}`);
    await fwknopd.waitFor(`[${CLIENT.v4}] preprocess_spa_data() returned error 4096: 'Data is not a valid SPA message format' for incoming packet: 139 bytes are too few`);
    assert.deepEqual(tcpdumps(lab), []);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("fwknopd ends when its interface goes down, or waits for it with EXIT_AT_INTF_DOWN N", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const patient = await startDaemon(lab, "ours", { stanzas: [STANZA], config: { EXIT_AT_INTF_DOWN: "N" } });
    await lab.client.run(["ip", "link", "set", "eth0", "down"]);
    await patient.waitFor("The interface eth0 lost its carrier");
    await lab.client.run(["ip", "link", "set", "eth0", "up"]);
    await patient.waitFor("The interface eth0 is up");
    await lab.server.run(["ip", "link", "set", "eth0", "down"]);
    await patient.waitFor("Error from pcap_dispatch");
    await lab.server.run(["ip", "link", "set", "eth0", "up"]);
    await patient.waitFor("The interface eth0 is up", 2);
    for (let turn = 0; !patient.log.includes("Granted"); turn++) {
      assert(turn < 20, patient.log);
      await sendPayloads(lab, [asking(22)]).catch(() => {}); // ARP may take its time
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await patient.stop();
    const hasty = await startDaemon(lab, "ours", { stanzas: [STANZA] });
    await lab.server.run(["ip", "link", "set", "eth0", "down"]);
    assert.deepEqual(await hasty.exit, { status: 1, signal: null });
    assert.match(hasty.log, /Fatal error from pcap_dispatch/);
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/);
  });
});
