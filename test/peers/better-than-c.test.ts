/** The same input to the C daemon and to ours, where the C one opens too much, too little, or the wrong thing. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, GATEWAY, INNER, type Lab, openLab, SERVER } from "../support/lab.ts";
import { type DaemonOptions, daemonArgv, HMAC_KEY_BASE64, KEY_BASE64, type Maker, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const STANZA: Settings = { SOURCE: "ANY", KEY_BASE64, HMAC_KEY_BASE64, FW_ACCESS_TIMEOUT: 200 };
const { HMAC_KEY_BASE64: _, ...WITHOUT_HMAC } = STANZA;

/** A last stanza whose packet tells that those before it were dealt with. */
const LAST = { keyBase64: Buffer.alloc(32, "last").toString("base64"), hmacKeyBase64: Buffer.alloc(32, "tsal").toString("base64") } as const;
const LAST_STANZA: Settings = { SOURCE: "ANY", KEY_BASE64: LAST.keyBase64, HMAC_KEY_BASE64: LAST.hmacKeyBase64, FW_ACCESS_TIMEOUT: 200 };
const LAST_PORT = 9999;

const HTTP: Settings = { ENABLE_SPA_OVER_HTTP: "Y", PCAP_FILTER: "udp port 62201 or tcp dst port 80" };
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BEYOND_2038 = 2 ** 31 + 1000;

interface Row {
  readonly what: string;
  readonly options: DaemonOptions;
  readonly send: (lab: Lab) => Promise<void>;
  /** What is open afterwards, `address protocol/port`. */
  readonly opens: Readonly<Record<Maker, readonly string[]>>;
}

const tcp = (ports: string): { message: string } => ({ message: `${CLIENT.v4},${ports}` });

const ROWS: readonly Row[] = [
  {
    what: "a packet again with = appended, without HMAC",
    options: { stanzas: [WITHOUT_HMAC] },
    async send(lab) {
      const packet = makePacket({ hmacKeyBase64: null });
      await sendPayloads(lab, [packet]);
      await flushed(lab);
      await sendPayloads(lab, [`${packet}=`]);
    },
    opens: { C: [`${CLIENT.v4} tcp/22`], ours: [] },
  },
  {
    what: "a packet again with other bits in its last character, without HMAC",
    options: { stanzas: [WITHOUT_HMAC] },
    async send(lab) {
      const packet = packetWithSpareBits();
      await sendPayloads(lab, [packet]);
      await flushed(lab);
      await sendPayloads(lab, [packet.slice(0, -1) + ALPHABET[ALPHABET.indexOf(packet.at(-1)!) ^ 1]]);
    },
    opens: { C: [`${CLIENT.v4} tcp/22`], ours: [] },
  },
  {
    what: "a packet again by HTTP with the prefix that senders cut",
    options: { config: HTTP, stanzas: [STANZA] },
    async send(lab) {
      const packet = makePacket();
      await sendPayloads(lab, [packet]);
      await flushed(lab);
      await sendHttp(lab, `U2FsdGVkX1${packet}`);
    },
    opens: { C: [`${CLIENT.v4} tcp/22`], ours: [] },
  },
  {
    what: "an address that a stranger's X-Forwarded-For names",
    options: { config: { ...HTTP, ENABLE_X_FORWARDED_FOR: "Y" }, stanzas: [STANZA] },
    send: (lab) => sendHttp(lab, makePacket({ message: "0.0.0.0,tcp/22" }), "X-Forwarded-For: 203.0.113.9\r\n"),
    opens: { C: ["203.0.113.9 tcp/22"], ours: [`${CLIENT.v4} tcp/22`] },
  },
  {
    what: "a port that is not in OPEN_PORTS, which lists another twice",
    options: { stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/22,tcp/22" }] },
    send: (lab) => sendPayloads(lab, [makePacket(tcp("tcp/22,tcp/80"))]),
    opens: { C: [`${CLIENT.v4} tcp/22`, `${CLIENT.v4} tcp/80`], ours: [] },
  },
  {
    what: "the port that OPEN_PORTS lists twice",
    options: { stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/22,tcp/22" }] },
    send: (lab) => sendPayloads(lab, [makePacket(tcp("tcp/22"))]),
    opens: { C: [], ours: [`${CLIENT.v4} tcp/22`] },
  },
  {
    what: "0.0.0.00 for an address",
    options: { stanzas: [{ ...STANZA, REQUIRE_SOURCE_ADDRESS: "Y" }] },
    // Under the version of the Perl client, which does not look at what it sends.
    send: (lab) => sendPayloads(lab, [makePacket({ version: "1.9.12", message: "0.0.0.00,tcp/22" })]),
    opens: { C: ["0.0.0.0 tcp/22"], ours: [] },
  },
  {
    what: "a time after 2038",
    options: { config: { ENABLE_SPA_PACKET_AGING: "N" }, stanzas: [STANZA] },
    send: (lab) => sendPayloads(lab, [makePacket({ timestamp: BEYOND_2038 })]),
    opens: { C: [], ours: [`${CLIENT.v4} tcp/22`] },
  },
  {
    what: "a packet of 400 characters and more",
    options: { stanzas: [STANZA] },
    send: (lab) => sendPayloads(lab, [makePacket({ ...tcp("tcp/22,tcp/23,tcp/24,tcp/25,tcp/26,tcp/27,tcp/28,tcp/29,tcp/30,tcp/31,tcp/32,tcp/33,tcp/34,tcp/35,tcp/36,tcp/37"), digestType: "sha512" })]),
    opens: { C: [], ours: Array.from({ length: 16 }, (_, at) => `${CLIENT.v4} tcp/${22 + at}`) },
  },
  {
    what: "the same request twice, in different seconds",
    options: { stanzas: [STANZA] },
    async send(lab) {
      await sendPayloads(lab, [makePacket()]);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await sendPayloads(lab, [makePacket()]);
    },
    opens: { C: [`${CLIENT.v4} tcp/22`, `${CLIENT.v4} tcp/22`], ours: [`${CLIENT.v4} tcp/22`] },
  },
];

describe("better than C", { concurrency: 2 }, () => {
  for (const { what, options, send, opens } of ROWS) {
    for (const maker of ["C", "ours"] as const) {
      test(`fwknopd (${maker}) opens ${opens[maker].join(", ") || "nothing"} for ${what}`, async (t) => {
        const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
        if (lab === undefined) return;
        await lab.server.run(["iptables", "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "ACCEPT"]);
        await lab.serve(lab.server, 80);
        const fwknopd = await startDaemon(lab, maker, { ...options, stanzas: [...options.stanzas!, LAST_STANZA] });
        await send(lab);
        await sendPayloads(lab, [makePacket({ ...LAST, ...tcp(`tcp/${LAST_PORT}`) })]);
        await fwknopd.waitFor(new RegExp(`Added access rule .* tcp/${LAST_PORT}`));
        assert.deepEqual(await opened(lab), [...opens[maker], `${CLIENT.v4} tcp/${LAST_PORT}`].sort(), fwknopd.log);
      });
    }
  }

  for (const maker of ["C", "ours"] as const) {
    test(`fwknopd (${maker}) ${maker === "C" ? "leaves a port open longer than" : "closes a port after"} MAX_FW_TIMEOUT`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      const fwknopd = await startDaemon(lab, maker, { stanzas: [{ ...STANZA, MAX_FW_TIMEOUT: 100 }] });
      const sentAt = Date.now() / 1000;
      await sendPayloads(lab, [makePacket()]);
      await fwknopd.waitFor("Added access rule");
      const end = Number(/_exp_(\d+)/.exec((await lab.rules("FWKNOP_INPUT"))[0] ?? "")?.[1]);
      const allowed = maker === "C" ? 200 : 100;
      assert(Math.abs(end - sentAt - allowed) < 30, `open for ${end - sentAt} seconds`);
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "starts" : "refuses to start"} without a replay cache that it can use`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      const folder = lab.path("a folder in the place of the cache");
      mkdirSync(folder);
      chmodSync(folder, 0o700);
      await startOrEnd(lab, maker, { stanzas: [STANZA], args: ["-d", folder] }, /digest|cache/i);
    });

    test(`fwknopd (${maker}) lets ${maker === "C" ? "a client that was granted one inner host into every other, and by any target" : "a client into the inner host that was granted, and into those alone that the stanza allows"}`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"], { inner: true });
      if (lab === undefined) return;
      await lab.serve(lab.inner, 22);
      await lab.client.run(["ip", "route", "add", INNER.v4, "via", SERVER.v4]);
      // For C it is an unknown name, which it passes over.
      const stanza = { ...STANZA, INTERNAL_NET_ACCESS: `${INNER.v4},10.78.0.9` };
      const fwknopd = await startDaemon(lab, maker, { config: { ENABLE_IPT_FORWARDING: "Y", ENABLE_IPT_SNAT: "Y", SNAT_TRANSLATE_IP: GATEWAY.v4 }, stanzas: [stanza] });
      const asking = (target: string): string => makePacket({ ...tcp("tcp/2222"), type: 2, natAccess: `${target},22` });
      await sendPayloads(lab, [asking("10.78.0.9")]);
      await fwknopd.waitFor("Added SNAT rule");
      const snat = (await lab.rules("FWKNOP_POSTROUTING", { table: "nat" })).join();
      assert.match(snat, maker === "C" ? /^-A FWKNOP_POSTROUTING -d 10\.78\.0\.9\/32 / : /^-A FWKNOP_POSTROUTING -s 10\.77\.0\.2\/32 -d 10\.78\.0\.9\/32 /);
      assert.equal(await lab.probe(22, INNER.v4), maker === "C" ? "open" : "filtered", "that was not granted");
      await sendPayloads(lab, [asking("192.0.2.1")]);
      await fwknopd.waitFor(maker === "C" ? "Added SNAT rule" : "The NAT target 192.0.2.1 is not in INTERNAL_NET_ACCESS", maker === "C" ? 2 : 1);
      assert.equal((await lab.rules("FWKNOP_PREROUTING", { table: "nat" })).length, maker === "C" ? 2 : 1);
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "says nothing" : "says so, and remembers,"} when its replay cache has no room left`, async (t) => {
      const lab = await openLab(t, [...(maker === "C" ? ["fwknopd"] : ["tcpdump"]), "mount"]);
      if (lab === undefined) return;
      const disk = lab.path("disk");
      mkdirSync(disk);
      await lab.server.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "tmpfs", disk]);
      const fwknopd = await startDaemon(lab, maker, { stanzas: [STANZA], args: ["-d", `${disk}/cache`] });
      await lab.server.run(["sh", "-c", `cat /dev/zero > ${disk}/rest 2>&- || :`]);
      // As many lines as fit into what the file's last page still holds.
      const packets = Array.from({ length: 60 }, (_, at) => makePacket(tcp(`tcp/${1000 + at}`)));
      await sendPayloads(lab, packets);
      await fwknopd.waitFor(maker === "C" ? "tcp/1059, expires at" : "Granted", maker === "C" ? 1 : packets.length);
      if (maker === "C") {
        assert.doesNotMatch(fwknopd.log, /cache/);
        return;
      }
      assert.match(fwknopd.log, /Could not add digest to replay cache: .*cache: .*No space left on device; remembered until the daemon ends/);
      await lab.server.run(["iptables", "-F", "FWKNOP_INPUT"]);
      await sendPayloads(lab, [packets[0]!, packets.at(-1)!]);
      await fwknopd.waitFor("Replay detected", 2);
      assert.deepEqual(await opened(lab), []);
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "starts" : "refuses to start"} with FORCE_MASQUERADE and no chain for it`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      const stanza = { ...STANZA, FORCE_NAT: "192.168.1.2 22", FORCE_MASQUERADE: "Y" };
      await startOrEnd(lab, maker, { config: { ENABLE_IPT_FORWARDING: "Y" }, stanzas: [stanza] }, /FORCE_MASQUERADE requires ENABLE_IPT_SNAT/);
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "forgets" : "closes"} a port that stands behind sixty others in its chain`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      const fwknopd = await startDaemon(lab, maker, { stanzas: [STANZA] });
      await sendPayloads(lab, Array.from({ length: 60 }, (_, at) => makePacket(tcp(`tcp/${1000 + at}`))));
      await fwknopd.waitFor(/Added access rule .* tcp\/1\d{3}, expires at/, 60);
      await sendPayloads(lab, [makePacket({ ...tcp("tcp/22"), type: 3, clientTimeout: 2 })]);
      await fwknopd.waitFor("tcp/22, expires at");
      if (maker === "ours") await fwknopd.waitFor("Removed rule 61 from FWKNOP_INPUT");
      else {
        const end = Number(/tcp\/22, expires at (\d+)/.exec(fwknopd.log)![1]);
        // It has looked at its chain more than once by then.
        while (Date.now() / 1000 < end + 3) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const others = Array.from({ length: 60 }, (_, at) => `${CLIENT.v4} tcp/${1000 + at}`);
      assert.deepEqual(await opened(lab), [...others, ...(maker === "C" ? [`${CLIENT.v4} tcp/22`] : [])].sort());
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "denies" : "grants"} the first of two files of an access folder what both name`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      const folder = lab.path("access");
      mkdirSync(folder, { mode: 0o700 });
      for (const [at, keys] of [{}, { KEY_BASE64: LAST.keyBase64, HMAC_KEY_BASE64: LAST.hmacKeyBase64 }].entries()) {
        lab.write(`access/${at}.conf`, Object.entries({ ...STANZA, ...keys, OPEN_PORTS: "tcp/22" }).map(([name, value]) => `${name} ${value}\n`).join(""));
      }
      const fwknopd = await startDaemon(lab, maker, { args: ["--access-folder", folder] });
      await sendPayloads(lab, [makePacket(), makePacket({ ...LAST, message: "10.77.0.9,tcp/22" })]);
      // The stanza of the file that was read last holds its list once.
      if (maker === "C") await fwknopd.waitFor("One or more requested protocol/ports was denied");
      await fwknopd.waitFor("Added access rule", maker === "C" ? 1 : 2);
    });

    test(`fwknopd (${maker}) ${maker === "C" ? "starts" : "refuses to start"} with an HMAC key of no bytes`, async (t) => {
      const lab = await openLab(t, maker === "C" ? ["fwknopd"] : ["tcpdump"]);
      if (lab === undefined) return;
      await startOrEnd(lab, maker, { stanzas: [{ ...STANZA, HMAC_KEY_BASE64: "====" }] }, /HMAC_KEY_BASE64/);
    });
  }

  for (const flush of ["N", "Y"]) {
    test(`fwknopd that was killed leaves rules, and the next one with FLUSH_IPT_AT_INIT ${flush} ${flush === "Y" ? "removes them" : "closes what is over at once and the rest in time"}`, async (t) => {
      const lab = await openLab(t, ["tcpdump"]);
      if (lab === undefined) return;
      const first = await startDaemon(lab, "ours", { stanzas: [STANZA] });
      const timed = (port: number, clientTimeout: number): string => makePacket({ ...tcp(`tcp/${port}`), type: 3, clientTimeout });
      await sendPayloads(lab, [timed(22, 3), timed(23, 14), timed(24, 100)]);
      await first.waitFor("Granted", 3);
      await first.stop("SIGKILL");
      const end = Number(/tcp\/22, expires at (\d+)/.exec(first.log)![1]);
      while (Date.now() / 1000 < end) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await opened(lab)).length, 3, "nobody closed anything");
      const second = await startDaemon(lab, "ours", { stanzas: [STANZA], config: { FLUSH_IPT_AT_INIT: flush } });
      if (flush === "Y") assert.deepEqual(await opened(lab), []);
      else {
        assert.match(second.log, /Removed rule 1 from FWKNOP_INPUT with expire time of \d+[\s\S]*main event loop/);
        await second.waitFor("Removed rule", 2);
        assert.deepEqual(await opened(lab), [`${CLIENT.v4} tcp/24`]);
      }
      assert.deepEqual(await second.stop(), { status: 0, signal: null });
    });
  }
});

/** A packet whose last base64 character holds bits that no byte needs. */
function packetWithSpareBits(): string {
  for (let length = 1; ; length++) {
    const packet = makePacket({ hmacKeyBase64: null, username: "u".repeat(length) });
    // The prefix that senders cut is ten characters long.
    if ((packet.length + 10) % 4 >= 2) return packet;
  }
}

/** The C daemon starts; ours ends with a line that names the cause, and without having opened anything. */
async function startOrEnd(lab: Lab, maker: Maker, options: DaemonOptions, cause: RegExp): Promise<void> {
  if (maker === "C") {
    await startDaemon(lab, maker, options);
    return;
  }
  const fwknopd = lab.start(lab.server, await daemonArgv(maker, [...writeDaemonFiles(lab, options), ...(options.args ?? [])]));
  assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
  assert.match(fwknopd.log, cause);
  assert.doesNotMatch(fwknopd.log, /^ +at /m, "no stack trace");
}

/** Waits for a rule and removes it, so that the next one is told from it. */
async function flushed(lab: Lab): Promise<void> {
  for (let turn = 0; (await opened(lab)).length === 0; turn++) {
    assert(turn < 200, "nothing was opened");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await lab.server.run(["iptables", "-F", "FWKNOP_INPUT"]);
}

async function opened(lab: Lab): Promise<string[]> {
  const rules = await lab.rules("FWKNOP_INPUT");
  return rules.map((rule) => rule.replace(/^-A FWKNOP_INPUT -s ([\d.]+)\/32 -p (\w+) .*--dport (\d+) .*$/, "$1 $2/$3")).sort();
}

/** Sends a packet in a request of its own connection, in one segment. */
async function sendHttp(lab: Lab, packet: string, headers = ""): Promise<void> {
  const path = packet.replaceAll("+", "-").replaceAll("/", "_");
  const request = `GET /${path} HTTP/1.1\r\nHost: ${SERVER.v4}\r\nUser-Agent: Fwknop/2.6.11\r\n${headers}\r\n`;
  await lab.client.run([process.execPath, "-e", `
    const socket = require("node:net").connect(80, "${SERVER.v4}", () => socket.write(${JSON.stringify(request)}));
    socket.on("data", (data) => { if (String(data).includes("GET /")) socket.destroy(); });`]);
}
