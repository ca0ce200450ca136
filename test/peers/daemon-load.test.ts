/** Knocks in a stream while everything else happens to the daemon at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DROPPING, loadRules, ruleset } from "../support/nft-host.ts";
import { DAEMON_PEERS, type DaemonOptions, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const LIFETIME = 3;
/** Seconds between the end of a grant and its removal, on a machine that is kept busy. */
const MAX_LATE = 2;
const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: LIFETIME };
const OTHER_GROUND: Settings = { IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 1, OTHER_INPUT, 1" };
const SERVERS: Settings = { FIREWALL_TYPE: "nftables", ENABLE_UDP_SERVER: "Y", ENABLE_HTTP_SERVER: "Y", HTTP_SERVER_PORT: 8080 };
const askingForPort = (port: number): string => makePacket({ message: `${CLIENT.v4},tcp/${port}` });

interface Round {
  readonly firewall: string;
  readonly config: Settings;
  readonly knocks: number;
  /** What the files say by turns. */
  readonly files: readonly DaemonOptions[];
  readonly prepare?: (lab: Lab) => Promise<void>;
  /** Rules that are there, of ours. */
  readonly left: (lab: Lab) => Promise<readonly string[]>;
}

const ROUNDS: readonly Round[] = [
  {
    firewall: "iptables", config: {}, knocks: 400,
    files: [
      {},
      { stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/1-65535" }] },
      { config: { MAX_SPA_PACKET_AGE: "never" } },
      { config: OTHER_GROUND },
      { config: { IPT_INPUT_ACCESS: "ACCEPT, filter, NOWHERE, 1, OTHER_INPUT, 1", PCAP_FILTER: "udp port 4000" } },
      { stanzas: [] },
      { config: { PCAP_FILTER: "udp port 62201 or udp port 4000" } },
      { config: { FIREWALL_TYPE: "nftables" } },
    ],
    left: async (lab) => (await lab.server.run(["iptables", "-S"])).stdout.match(/.*(?:FWKNOP|OTHER_INPUT).*/g) ?? [],
  },
  {
    firewall: "nftables and its own servers", config: SERVERS, knocks: 200,
    files: [{ config: SERVERS }, { config: { ...SERVERS, MAX_SPA_PACKET_AGE: 100 } }, { config: { ...SERVERS, FIREWALL_TYPE: "nftable" } }, { config: { ...SERVERS, HTTP_SERVER_PORT: 8081 } }, { config: { ...SERVERS, MAX_SNIFF_BYTES: 1400, HTTP_SERVER_STATUS: 404 } }],
    prepare: (lab) => loadRules(lab.server, DROPPING.replace('iifname "lo" accept', "$&\n    udp dport 62201 accept")),
    left: async (lab) => (await ruleset(lab.server)).match(/.*FWKNOP.*/g) ?? [],
  },
];

describe("fwknopd under load", { concurrency: 2 }, () => {
  for (const { firewall, config, knocks, files, prepare, left } of ROUNDS) {
    test(`fwknopd with ${firewall} grants each knock once and closes it in time, whatever HUP after HUP finds in the files`, async (t) => {
      const lab = await openLab(t, [...DAEMON_PEERS.ours, ...(prepare === undefined ? [] : ["nft"])]);
      if (lab === undefined) return;
      await prepare?.(lab);
      const packets = Array.from({ length: knocks }, (_, at) => askingForPort(1000 + at));
      const fwknopd = await startDaemon(lab, "ours", { config, stanzas: [STANZA], args: ["--log-format", "json"] });
      let isOver = false;
      const sending = (async () => {
        for (let at = 0; at < knocks; at += 20) await sendPayloads(lab, packets.slice(at, at + 20));
      })().finally(() => (isOver = true));
      let hups = 0;
      for (; !isOver; hups++) {
        writeDaemonFiles(lab, { stanzas: [STANZA], ...files[hups % files.length] });
        for (const signal of ["SIGHUP", "SIGUSR1", "SIGHUP", "SIGUSR2"]) process.kill(fwknopd.pid, signal);
        await sleep(15 * (hups % 4));
      }
      await sending;
      const ends = /"message":"(?:Removed rule|A grant ended with the reload: it had ended)/;
      await fwknopd.waitFor('"verdict":"granted"', knocks);
      await fwknopd.waitFor(ends, knocks);

      writeDaemonFiles(lab, { config, stanzas: [STANZA] });
      const readings = fwknopd.count("Re-starting fwknopd");
      process.kill(fwknopd.pid, "SIGHUP");
      await fwknopd.waitFor("Re-starting fwknopd", readings + 1);
      assert(hups > 10 && readings > 3, `${hups} HUPs, ${readings} readings`);
      assert.equal(fwknopd.count("Replay"), 0, "nothing was heard twice");
      await sendPayloads(lab, packets);
      await sendPayloads(lab, [askingForPort(999)]);
      await fwknopd.waitFor('"verdict":"granted"', knocks + 1);

      const records = fwknopd.log.trim().split("\n").map((line) => JSON.parse(line) as { readonly time: string; readonly message: string; readonly verdict?: string; readonly ports?: string });
      const granted = records.filter(({ verdict }) => verdict === "granted").map(({ ports }) => ports).sort();
      assert.deepEqual(granted, Array.from({ length: knocks + 1 }, (_, at) => `tcp/${999 + at}`).sort(), "each once, and no replay");
      const late = records.flatMap(({ time, message }) => {
        const end = /^Removed rule .* expire time of (\d+)/.exec(message)?.[1];
        return end === undefined ? [] : [Date.parse(time) / 1000 - Number(end)];
      });
      assert(Math.min(...late) >= 0 && Math.max(...late) < MAX_LATE, `removed between ${Math.min(...late)} and ${Math.max(...late)} s after their ends`);
      assert.equal(fwknopd.count("Internal error"), 0);
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
      assert.deepEqual(await left(lab), []);
      assert.deepEqual(lab.server.pids(), [], "no tcpdump stays");
    });
  }

  test("fwknopd leaves in good order when TERM comes while it reads its files again, with everything changed", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const everything = { config: { ...OTHER_GROUND, PCAP_FILTER: "udp port 4000", ENABLE_HTTP_SERVER: "Y", ENABLE_TCP_SERVER: "Y", TCPSERV_PORT: 4001 }, stanzas: [STANZA] };
    let port = 1000;
    for (const delayMs of [0, 5, 15, 30, 60, 100]) {
      const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA] });
      await sendPayloads(lab, Array.from({ length: 10 }, () => askingForPort(port++)));
      writeDaemonFiles(lab, everything);
      process.kill(fwknopd.pid, "SIGHUP");
      await sleep(delayMs);
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null }, `TERM ${delayMs} ms after HUP`);
      assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP|OTHER/);
      assert.deepEqual(lab.server.pids(), []);
    }
  });
});
