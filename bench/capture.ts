/**
 * The walk over a capture file against programs that read the same file. See README.md.
 *
 *     node --import tsx bench/capture.ts
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { concatBytes, utf8Bytes } from "../src/bytes.ts";
import { createPacketLayout, createRefusalCounts, parsePacket } from "../src/packet.ts";
import { createPcapRecord, PcapReader } from "../src/pcap-reader.ts";
import { ethernet, icmp, ipv4, ipv6, pcapFile, tcp, udp } from "../test/support/frames.ts";
import { Gen } from "../test/support/gen.ts";
import { childrenSeconds } from "./measure.ts";

const ROUNDS = 6;
const REPEATED = 30_000;

const gen = new Gen(1);
/** What passes a server: bulk and bare TCP, DNS-like UDP, both IP versions, ARP. */
const BACKGROUND = [
  ethernet(0x0800, ipv4(tcp(gen.bytes(1460)), { protocol: 6 })),
  ethernet(0x0800, ipv4(tcp(gen.bytes(1460)), { protocol: 6 })),
  ethernet(0x0800, ipv4(tcp(new Uint8Array(0)), { protocol: 6 })),
  ethernet(0x0800, ipv4(tcp(gen.bytes(200), 8, new Uint8Array(12)), { protocol: 6 })),
  ethernet(0x86dd, ipv6(tcp(gen.bytes(1440)), { next: 6 })),
  ethernet(0x86dd, ipv6(tcp(new Uint8Array(0)), { next: 6 })),
  ethernet(0x0800, ipv4(icmp(gen.bytes(56)), { protocol: 1 })),
  ethernet(0x0800, concatBytes(ipv4(concatBytes(Uint8Array.of(0x12, 0x34, 0, 53), udp(gen.bytes(40)).subarray(4))))),
  ethernet(0x0806, new Uint8Array(46)),
];
/** Looks like a packet to whoever has no key, and ends the C daemon's run, which stops after one such. */
const KNOCK = ethernet(0x0800, ipv4(udp(utf8Bytes(gen.text(200, "ABCDEFGHIJKLMNOPabcdefghijklmnop0123456789+/")))));

const folder = mkdtempSync(join(tmpdir(), "fko-bench-"));
try {
  const file = join(folder, "capture.pcap");
  writeCapture(file);
  const peers: readonly (readonly [name: string, program: string, words: readonly string[]])[] = [
    ["tcpdump -r FILE -w /dev/null", "tcpdump", ["-r", file, "-w", "/dev/null"]],
    ["the same with the filter `udp port 62201`", "tcpdump", ["-r", file, "-w", "/dev/null", "udp port 62201"]],
    ["C fwknopd --pcap-file, with that filter", "fwknopd", fwknopdWords(file)],
  ];
  const ours: number[] = [];
  const theirs = peers.map((): number[] => []);
  walk(file); // warm
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(ownSeconds(() => walk(file)));
    for (const [at, [, program, words]] of peers.entries()) {
      const seconds = childSeconds(program, words);
      if (seconds !== undefined) theirs[at]!.push(seconds);
    }
  }
  console.log("CPU time on one file, the time of walking and parsing it with src/ = 1");
  for (const [at, [name, program]] of peers.entries()) {
    const seconds = theirs[at]!;
    console.log(`${name}: ${seconds.length < ROUNDS ? `skipped, ${program} is missing or failed` : (sum(seconds) / sum(ours)).toFixed(1)}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function writeCapture(file: string): void {
  const head = pcapFile([], { littleEndian: true });
  const once = pcapFile(BACKGROUND.map((data) => ({ data, seconds: 1700000000 })), { littleEndian: true }).subarray(head.length);
  const last = pcapFile([{ data: KNOCK, seconds: 1700000000 }], { littleEndian: true }).subarray(head.length);
  const descriptor = openSync(file, "w");
  writeFileSync(descriptor, head);
  const hundred = concatBytes(...new Array<Uint8Array>(100).fill(once));
  for (let written = 0; written < REPEATED; written += 100) writeFileSync(descriptor, hundred);
  writeFileSync(descriptor, last);
  closeSync(descriptor);
}

/** What the daemon does with a frame before it asks whether the payload can be a packet. */
function walk(file: string): void {
  const reader = new PcapReader();
  const record = createPcapRecord();
  const layout = createPacketLayout();
  const refused = createRefusalCounts();
  const chunk = new Uint8Array(1 << 18); // as the daemon reads a file
  const descriptor = openSync(file, "r");
  let frames = 0;
  let knocks = 0;
  for (let length; (length = readSync(descriptor, chunk)) > 0; ) {
    reader.push(chunk.subarray(0, length));
    while (reader.next(record)) {
      frames += 1;
      const refusal = parsePacket(record, layout);
      if (refusal !== undefined) refused[refusal] += 1;
      else if (layout.destinationPort === 62201 && layout.payloadLength >= 140) knocks += 1;
    }
  }
  closeSync(descriptor);
  if (frames !== REPEATED * BACKGROUND.length + 1 || knocks !== 1 || refused["not-ip"] !== REPEATED || reader.end().kind !== "complete") {
    throw new Error("The walk did not find what was written");
  }
}

/** A configuration whose key fits nothing; the firewall is not touched in test mode. */
function fwknopdWords(capture: string): string[] {
  const access = join(folder, "access.conf");
  const config = join(folder, "fwknopd.conf");
  writeFileSync(access, "SOURCE ANY\nOPEN_PORTS tcp/22\nKEY bench-key\n", { mode: 0o600 });
  writeFileSync(config, "PCAP_INTF lo;\nPCAP_FILTER udp port 62201;\n", { mode: 0o600 });
  return ["-t", "-f", "-c", config, "-a", access, "-r", folder, "-p", join(folder, "pid"), "--pcap-file", capture, "-C", "1"];
}

function ownSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Gives the CPU time of a child, or undefined when it could not do its work. */
function childSeconds(program: string, words: readonly string[]): number | undefined {
  const before = childrenSeconds();
  const { status } = spawnSync(program, words, { stdio: "ignore", timeout: 60_000, env: { PATH: process.env["PATH"], LC_ALL: "C" } });
  return status === 0 ? childrenSeconds() - before : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
