/**
 * How many packets with a wrong HMAC one core refuses: from the bytes of a capture to the verdict, log lines included,
 * beside the C daemon reading the same file.
 *
 *     node --import tsx bench/refuse.ts
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8Bytes } from "../src/bytes.ts";
import { encodeMessage, sealMessage } from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { CaptureFeed, createFrameCounts } from "../src/node/hearing/capture-feed.ts";
import { Pipeline } from "../src/server/pipeline.ts";
import { ReplayMemory } from "../src/server/replay.ts";
import { sha256 } from "../src/sha.ts";
import { generator } from "../test/support/gen.ts";
import { config, message, NOW, stanza } from "../test/support/stanza.ts";

const PACKETS = 100_000;
/** The C daemon takes 100 packets, then sleeps a tenth of a second: fewer are enough to see it. */
const C_PACKETS = 2000;

const random = generator("refuse");

/** A capture of raw IPv4 with one UDP packet a record, all sealed with another HMAC key than the daemon's. */
function capture(count: number): Uint8Array {
  const keys = { mode: "cbc" as const, key: utf8Bytes("testkey"), hmac: new HmacKey(sha256, utf8Bytes("another key")) };
  const packets = Array.from({ length: 500 }, () => utf8Bytes(sealMessage(encodeMessage(message()).plaintext, { ...keys, salt: random.bytes(8) })));
  const records: Uint8Array[] = [];
  const header = new DataView(new ArrayBuffer(24));
  [0xa1b2c3d4, 0x00020004, 0, 0, 65535, 101].forEach((word, at) => header.setUint32(4 * at, word));
  records.push(new Uint8Array(header.buffer));
  for (let number = 0; number < count; number++) {
    const payload = packets[number % packets.length]!;
    const frame = new Uint8Array(16 + 28 + payload.length);
    const view = new DataView(frame.buffer);
    view.setUint32(0, NOW);
    view.setUint32(8, 28 + payload.length);
    view.setUint32(12, 28 + payload.length);
    frame.set([0x45, 0, (28 + payload.length) >> 8, (28 + payload.length) & 255, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 7, 192, 0, 2, 1], 16);
    view.setUint16(36, 40000);
    view.setUint16(38, 62201);
    view.setUint16(40, 8 + payload.length);
    frame.set(payload, 44);
    records.push(frame);
  }
  return Buffer.concat(records);
}

async function ours(bytes: Uint8Array): Promise<number> {
  let lines = 0;
  const pipeline = new Pipeline({ config: config(), stanzas: [stanza()], testMode: false }, new ReplayMemory(), {
    log: () => void lines++,
    now: () => NOW,
    monotonicMs: () => performance.now(),
    remember: async () => {},
    open: async () => ({ ok: false, reason: "no firewall" }),
    resolveHost: async () => undefined,
    answer: async () => ({ ok: false, reason: "none here" }),
    runCommand: async () => {},
    runCycle: async () => {},
  });
  const feed = new CaptureFeed({ handle: (datagram) => pipeline.handle(datagram), counts: createFrameCounts(), packetLimit: 0, log: () => {} });
  const before = process.cpuUsage();
  for (let at = 0; at < bytes.length; at += 65536) await feed.feed(bytes.subarray(at, at + 65536));
  const { user, system } = process.cpuUsage(before);
  const refused = pipeline.counts.refused.hmac ?? 0;
  if (refused !== PACKETS || lines === 0) throw new Error(`${refused} of ${PACKETS} packets were refused for their HMAC, ${lines} lines`);
  return refused / ((user + system) / 1e6);
}

/** Packets a second of wall time; the C daemon is asleep for most of it. */
async function theirs(folder: string): Promise<number | undefined> {
  if (!existsSync("/usr/sbin/fwknopd")) return undefined;
  const path = (name: string) => join(folder, name);
  writeFileSync(path("c.pcap"), capture(C_PACKETS), { mode: 0o600 });
  writeFileSync(path("fwknopd.conf"), `FWKNOP_RUN_DIR ${folder};\nPCAP_FILTER udp port 62201;\n`, { mode: 0o600 });
  writeFileSync(path("access.conf"), "SOURCE ANY\nKEY testkey\nHMAC_KEY testhmac\n", { mode: 0o600 });
  const started = performance.now();
  const argv = ["-f", "-t", "-c", path("fwknopd.conf"), "-a", path("access.conf"), "--pcap-file", path("c.pcap"), "-C", String(C_PACKETS)];
  const child = spawn("/usr/sbin/fwknopd", argv, { stdio: "ignore" });
  await new Promise((resolve) => child.on("exit", resolve));
  return C_PACKETS / ((performance.now() - started) / 1000);
}

const folder = mkdtempSync(join(tmpdir(), "fko-bench-"));
try {
  const bytes = capture(PACKETS);
  const rates: number[] = [];
  for (let round = 0; round < 5; round++) rates.push(await ours(bytes));
  const median = rates.sort((left, right) => left - right)[2]!;
  console.log(`ours: ${Math.round(median)} packets a second of CPU time refused for their HMAC (median of five, first one cold)`);
  const peer = await theirs(folder);
  if (peer === undefined) console.log("C fwknopd is not installed: no ratio");
  else console.log(`C fwknopd 2.6.10: ${Math.round(peer)} a second of wall time; ours / theirs = ${(median / peer).toFixed(0)}`);
  console.log(`machine: Node ${process.version}, ${execFileSync("uname", ["-sm"], { encoding: "utf8" }).trim()}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
