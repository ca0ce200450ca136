/** What strangers and broken pipes can send to our daemon, and what comes of it: a line in the log, and nothing else. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { concatBytes, utf8Bytes } from "../../src/bytes.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { pcapHeader } from "../../src/pcap-writer.ts";
import { generator } from "../support/gen.ts";
import { GATEWAY, INNER, type Lab, openLab } from "../support/lab.ts";
import { daemonArgv, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { capturedUdp, makePacket } from "../support/spa.ts";

/** Starts the daemon on the lab's server with a pipe in the place of tcpdump. */
async function startOnPipe(lab: Lab, args: readonly string[] = [], stanza: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }, config: Settings = {}): Promise<WatchedChild> {
  const files = writeDaemonFiles(lab, { config, stanzas: [stanza] });
  const fwknopd = lab.start(lab.server, await daemonArgv("ours", ["--stdin", ...files, ...args]), { stdio: ["pipe", "pipe", "pipe"] });
  fwknopd.stdin.write(pcapHeader());
  await fwknopd.waitFor("main event loop");
  return fwknopd;
}

/** Ends the daemon by the end of its pipe. */
async function endOfPipe(fwknopd: WatchedChild): Promise<void> {
  fwknopd.stdin.end();
  assert.deepEqual(await fwknopd.exit, { status: 0, signal: null }, fwknopd.log);
}

const OTHER_KEY = Buffer.alloc(32, "other").toString("base64");
const now = (): number => Math.floor(Date.now() / 1000);

/** Each is refused for the reason that its line in the log tells. */
const REFUSED: readonly { readonly what: string; readonly make: () => string | Uint8Array; readonly says: RegExp }[] = [
  { what: "text that is not base64", make: () => makePacket().replace(/.$/, "!"), says: /Data is not an SPA message/ },
  { what: "bytes that are no text", make: () => generator("bytes that are no text").bytes(200), says: /Data is not an SPA message/ },
  { what: "a packet that is too long", make: () => "A".repeat(1500), says: /Data is not an SPA message/ },
  { what: "base64 text that is no packet", make: () => "A".repeat(200), says: /Non-corresponding HMAC/ },
  { what: "a truncated packet", make: () => makePacket().slice(0, -1), says: /Non-corresponding HMAC/ },
  { what: "a packet with a changed character", make: () => makePacket().replace(/^./, (first) => (first === "A" ? "B" : "A")), says: /Non-corresponding HMAC/ },
  { what: "an HMAC of another key", make: () => makePacket({ hmacKeyBase64: OTHER_KEY }), says: /Non-corresponding HMAC/ },
  { what: "a packet without an HMAC", make: () => makePacket({ hmacKeyBase64: null }), says: /Non-corresponding HMAC/ },
  { what: "a packet of another key", make: () => makePacket({ keyBase64: OTHER_KEY }), says: /Decryption failed or decrypted data is invalid/ },
  { what: "a packet of another mode", make: () => makePacket({ mode: "ctr" }), says: /Decryption failed or decrypted data is invalid/ },
  { what: "an old packet", make: () => makePacket({ timestamp: now() - 130 }), says: /SPA data time difference is too great \(1[23]\d seconds\)/ },
  { what: "a packet from the future", make: () => makePacket({ timestamp: now() + 190 }), says: /SPA data time difference is too great \(1[89]\d seconds\)/ },
];

describe("bad input", { concurrency: 2 }, () => {
  test("fwknopd refuses each kind of bad packet with one line that tells the reason, and opens nothing", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const fwknopd = await startOnPipe(lab, ["-v"]);
    for (const [at, { what, make, says }] of REFUSED.entries()) {
      const before = fwknopd.log.length;
      fwknopd.stdin.write(capturedUdp(make()));
      // A good packet behind it tells that the bad one was dealt with.
      fwknopd.stdin.write(capturedUdp(makePacket({ message: `10.77.0.2,tcp/${1000 + at}` })));
      await fwknopd.waitFor("Added access rule", at + 1);
      const told = fwknopd.log.slice(before).split("\n").filter((line) => says.test(line));
      assert.equal(told.length, 1, `${what}:\n${fwknopd.log.slice(before)}`);
    }
    const ports = (await lab.rules("FWKNOP_INPUT")).map((rule) => Number(/--dport (\d+)/.exec(rule)?.[1]));
    assert.deepEqual(ports.sort((a, b) => a - b), REFUSED.map((_, at) => 1000 + at));
    await endOfPipe(fwknopd);
  });

  for (const hmac of ["with", "without"]) {
    test(`fwknopd accepts a packet ${hmac} HMAC once, whatever is put around it and whoever sends it again, and tells from where and when it was`, async (t) => {
      const lab = await openLab(t);
      if (lab === undefined) return;
      const { HMAC_KEY_BASE64: _, ...bare } = PLAIN_STANZA;
      const fwknopd = await startOnPipe(lab, [], { ...(hmac === "with" ? PLAIN_STANZA : bare), FW_ACCESS_TIMEOUT: 300 }, { ENABLE_SPA_OVER_HTTP: "Y", ALLOW_ANY_USER_AGENT: "Y" });
      const packet = makePacket(hmac === "with" ? {} : { hmacKeyBase64: null });
      fwknopd.stdin.write(capturedUdp(packet));
      await fwknopd.waitFor("Added access rule");
      await lab.server.run(["iptables", "-F", "FWKNOP_INPUT"]);
      const get = (text: string, path = ""): string => `GET ${path}/${text.replaceAll("+", "-").replaceAll("/", "_")} HTTP/1.0\r\n\r\n`;
      const prefixed = `U2FsdGVkX1${packet}`;
      const again = [packet, `${packet}=`, `${packet}==`, prefixed, `${prefixed}=`, get(packet), get(prefixed), get(`${packet}=`), get(packet, "http://example.org")];
      for (const replayed of again) fwknopd.stdin.write(capturedUdp(replayed));
      fwknopd.stdin.write(capturedUdp(packet, "198.51.100.7"));
      fwknopd.stdin.write(capturedUdp(makePacket({ message: "10.77.0.2,tcp/23", ...(hmac === "without" && { hmacKeyBase64: null }) })));
      await fwknopd.waitFor("Added access rule", 2);
      const from = (source: string): number => fwknopd.count(new RegExp(`Replay detected from source IP: ${source}, Destination proto/port: 17/62201, Original source IP: 10\\.77\\.0\\.2, Original dst proto/port: 17/62201, Entry created: \\d\\d/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d`));
      assert.deepEqual([from("10.77.0.2"), from("198.51.100.7")], [again.length, 1], fwknopd.log);
      assert.deepEqual((await lab.rules("FWKNOP_INPUT")).map((rule) => /--dport (\d+)/.exec(rule)?.[1]), ["23"]);
      await endOfPipe(fwknopd);
    });
  }

  test("fwknopd accepts on one interface nothing that it has heard on another", async (t) => {
    const lab = await openLab(t, ["tcpdump"], { inner: true });
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { config: { PCAP_INTF: "eth0, eth1" }, stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 }] });
    const packet = makePacket();
    await sendPayloads(lab, [packet]);
    await fwknopd.waitFor("Granted");
    await lab.server.run(["iptables", "-F", "FWKNOP_INPUT"]);
    await lab.inner.run([process.execPath, "-e", `const s = require("node:dgram").createSocket("udp4"); s.send("${packet}", 62201, "${GATEWAY.v4}", () => s.close());`]);
    await fwknopd.waitFor(`Replay detected from source IP: ${INNER.v4}`);
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
    await fwknopd.stop();
  });

  test("fwknopd does not grow under a flood of bad packets, and still hears the good one", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const fwknopd = await startOnPipe(lab);
    const gen = generator("flood");
    const good = makePacket({ message: "10.77.0.2,tcp/23" });
    const bad = [
      () => gen.text(gen.between(140, 1499), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/"),
      () => gen.bytes(gen.between(0, 1472)),
      () => makePacket({ timestamp: now() - 1000 }),
      () => good.slice(0, -1 - gen.below(100)),
      () => good,
    ];
    const flood = concatBytes(...Array.from({ length: 1000 }, (_, at) => capturedUdp(bad[at % bad.length]!())));
    const pour = async (times: number, port: number): Promise<number> => {
      for (let time = 0; time < times; time++) fwknopd.stdin.write(flood);
      fwknopd.stdin.write(capturedUdp(makePacket({ message: `10.77.0.2,tcp/${port}` })));
      await fwknopd.waitFor(`tcp/${port}, expires at`);
      return residentBytes(fwknopd.pid);
    };
    const early = await pour(4, 24);
    const late = await pour(20, 25);
    assert(late - early < 24 * 2 ** 20, `grew from ${early} to ${late} bytes over 20000 packets`);
    assert(fwknopd.log.length < 500_000, `${fwknopd.log.length} bytes of log for 24000 packets`);
    await endOfPipe(fwknopd);
  });

  test("fwknopd acts on everything before the place where its pipe breaks, then says where and ends with status 1", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const broken = capturedUdp(makePacket()).fill(0xff, 8, 16); // a captured length of 4 GB
    const fwknopd = await startOnPipe(lab);
    fwknopd.stdin.write(concatBytes(capturedUdp(makePacket()), broken));
    assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
    assert.equal(fwknopd.count("Added access rule"), 1);
    assert.match(fwknopd.log, /at byte \d+/);
    assert.doesNotMatch(fwknopd.log, /^ +at /m, "no stack trace");
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/);
  });

  test("fwknopd says that its pipe was cut inside a packet, after it acted on those before", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const fwknopd = await startOnPipe(lab);
    fwknopd.stdin.end(concatBytes(capturedUdp(makePacket()), capturedUdp(makePacket()).subarray(0, 50)));
    assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
    assert.equal(fwknopd.count("Added access rule"), 1);
  });

  test("fwknopd says in one line that its pipe brings no capture", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    for (const stream of [utf8Bytes("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"), new Uint8Array(0)]) {
      const files = writeDaemonFiles(lab);
      const fwknopd = lab.start(lab.server, await daemonArgv("ours", ["--stdin", ...files]), { stdio: ["pipe", "pipe", "pipe"] });
      fwknopd.stdin.end(stream);
      assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
      assert.match(fwknopd.log, /capture/);
      assert.doesNotMatch(fwknopd.log, /^ +at /m, "no stack trace");
    }
  });
});

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}
