import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type Bytes, concatBytes, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { formatIp } from "../src/ip.ts";
import {
  createPacketLayout,
  createRefusalCounts,
  type Datagram,
  datagramOf,
  PACKET_REFUSALS,
  type PacketRefusal,
  parsePacket,
} from "../src/packet.ts";
import { createPcapRecord, PcapReader } from "../src/pcap-reader.ts";
import { ethernet, hexRows, icmp, ipv4, ipv6, pcapFile, tcp, udp } from "./support/frames.ts";
import { generator } from "./support/gen.ts";
import { tcpdumpLines, WITHOUT_TCPDUMP } from "./support/tcpdump.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
const PAYLOAD = utf8Bytes("knock");

// An IPv4 and an IPv6 packet, each with UDP and the payload "knock".
const IPV4 = hexRows(`
  45 00 00 21  12 34 40 00  # version, header of 5 words, total length 33; id, don't fragment
  40 11 00 00               # TTL, UDP, checksum
  c0 00 02 01  c6 33 64 02  # 192.0.2.1 to 198.51.100.2
  9c 41 f2 f9  00 0d 00 00  # ports 40001 to 62201, length 13, no checksum
  6b 6e 6f 63 6b`);
const IPV6 = hexRows(`
  60 00 00 00  00 0d 11 40                          # version, payload length 13, UDP, hop limit
  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01   # 2001:db8::1
  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02   # 2001:db8::2
  9c 41 f2 f9  00 0d 00 00
  6b 6e 6f 63 6b`);
const MACS = "02 00 00 00 00 02  02 00 00 00 00 01 ";

interface Accepted {
  readonly name: string;
  readonly linkType: number;
  readonly frame: Bytes;
  /** As {@link describe} writes it. */
  readonly datagram: string;
  /** Set where tcpdump 4.99 does not read the frame as meant. */
  readonly unknownToTcpdump?: true;
  /** The frame's length is the packet's length, so a shorter frame is a shorter packet. */
  readonly lengthOfFrame?: true;
}

const UDP4 = "17 192.0.2.1.40001 > 198.51.100.2.62201 knock";
const UDP6 = "17 2001:db8::1.40001 > 2001:db8::2.62201 knock";
const TCP4 = "6 192.0.2.1.40002 > 198.51.100.2.62202 knock";

function link(name: string, linkType: number, header: string, ip: Uint8Array, more: Partial<Accepted> = {}): Accepted {
  return { name, linkType, frame: concatBytes(hexRows(header), ip), datagram: ip === IPV4 ? UDP4 : UDP6, ...more };
}

const LINKS: readonly Accepted[] = [
  link("Ethernet, IPv4", 1, `${MACS} 08 00`, IPV4),
  link("Ethernet, IPv6", 1, `${MACS} 86 dd`, IPV6),
  link("Ethernet with an 802.1Q tag", 1, `${MACS} 81 00 60 07 08 00`, IPV4),
  link("Ethernet with an 802.1Q tag of priority only", 1, `${MACS} 81 00 e0 00 86 dd`, IPV6),
  link("Ethernet with 802.1ad and 802.1Q tags", 1, `${MACS} 88 a8 00 64 81 00 00 08 08 00`, IPV4),
  link("Ethernet with two 802.1Q tags", 1, `${MACS} 81 00 00 64 81 00 00 08 86 dd`, IPV6),
  link("Ethernet with three tags", 1, `${MACS} 91 00 00 01 88 a8 00 02 81 00 00 03 08 00`, IPV4),
  link("PPPoE on Ethernet, IPv4", 1, `${MACS} 88 64  11 00 00 2a 00 23  00 21`, IPV4),
  link("PPPoE on Ethernet, IPv6", 1, `${MACS} 88 64  11 00 00 2a 00 37  00 57`, IPV6),
  link("PPPoE on Ethernet with a tag", 1, `${MACS} 81 00 00 07 88 64  11 00 00 2a 00 23  00 21`, IPV4),
  link("PPPoE with the padding of a short Ethernet frame", 1, `${MACS} 88 64  11 00 00 2a 00 23  00 21`, concatBytes(IPV4, new Uint8Array(8)), {
    datagram: UDP4,
  }),
  link("PPPoE, IPv4", 51, "11 00 00 2a 00 23  00 21", IPV4),
  link("PPPoE, IPv6", 51, "11 00 00 2a 00 37  00 57", IPV6),
  link("PPP, IPv4", 9, "00 21", IPV4),
  link("PPP, IPv6", 9, "00 57", IPV6),
  link("PPP with address and control", 9, "ff 03 00 21", IPV4),
  link("PPP with a compressed protocol", 9, "21", IPV4),
  link("PPP with address, control and a compressed protocol", 9, "ff 03 57", IPV6),
  link("PPP in HDLC-like framing, IPv4", 50, "ff 03 00 21", IPV4),
  link("PPP in HDLC-like framing, IPv6", 50, "ff 03 00 57", IPV6),
  link("Linux cooked v1, IPv4", 113, "00 04 00 01 00 06 02 00 00 00 00 02 00 00 08 00", IPV4),
  link("Linux cooked v1, IPv6", 113, "00 00 03 04 00 06 00 00 00 00 00 00 00 00 86 dd", IPV6),
  link("Linux cooked v1 with a tag", 113, "00 00 00 01 00 06 02 00 00 00 00 02 00 00 81 00 00 07 08 00", IPV4),
  link("Linux cooked v2, IPv4", 276, "08 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 02 00 00", IPV4),
  link("Linux cooked v2, IPv6", 276, "86 dd 00 00 00 00 00 02 03 04 00 06 02 00 00 00 00 02 00 00", IPV6),
  link("Linux cooked v2 with a tag", 276, "81 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 02 00 00 00 07 86 dd", IPV6),
  link("raw IP, IPv4", 101, "", IPV4),
  link("raw IP, IPv6", 101, "", IPV6),
  link("raw IP under number 12", 12, "", IPV4),
  link("raw IP under number 14", 14, "", IPV6, { unknownToTcpdump: true }),
  link("raw IPv4", 228, "", IPV4),
  link("raw IPv6", 229, "", IPV6),
  link("BSD loopback, IPv4, little-endian", 0, "02 00 00 00", IPV4),
  link("BSD loopback, IPv4, big-endian", 0, "00 00 00 02", IPV4),
  link("BSD loopback, IPv6 of Linux", 0, "0a 00 00 00", IPV6, { unknownToTcpdump: true }),
  link("BSD loopback, IPv6 of Windows", 0, "17 00 00 00", IPV6, { unknownToTcpdump: true }),
  link("BSD loopback, IPv6 of NetBSD", 0, "18 00 00 00", IPV6),
  link("BSD loopback, IPv6 of FreeBSD", 0, "1c 00 00 00", IPV6),
  link("BSD loopback, IPv6 of macOS, big-endian", 0, "00 00 00 1e", IPV6),
  link("OpenBSD loopback, IPv4", 108, "00 00 00 02", IPV4),
  link("OpenBSD loopback, IPv6", 108, "00 00 00 18", IPV6),
];

const ATOMIC = hexRows("00 00 00 00  12 34 56 78"); // fragment header: offset 0, no more fragments
const PADDING = hexRows("00 00 01 04 00 00 00 00"); // an options header with nothing but padding
const ROUTING = hexRows("00 02 02 00 00 00 00 00  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09"); // all segments done
const AUTHENTICATION = hexRows("00 04 00 00 00 00 01 00  00 00 00 01 11 22 33 44 55 66 77 88 99 aa bb cc"); // 6 words

function onEthernet(name: string, ip: Uint8Array, datagram: string, more: Partial<Accepted> = {}): Accepted {
  return { name, linkType: 1, frame: ethernet(ip[0]! >> 4 === 4 ? 0x0800 : 0x86dd, ip), datagram, ...more };
}

const PACKETS: readonly Accepted[] = [
  onEthernet("IPv4 options", ipv4(udp(PAYLOAD), { options: hexRows("01 01 01 01 01 01 01 00") }), UDP4),
  onEthernet("the longest IPv4 header", ipv4(udp(PAYLOAD), { options: new Uint8Array(40).fill(1) }), UDP4),
  onEthernet("the padding of a short Ethernet frame", concatBytes(IPV4, new Uint8Array(13)), UDP4),
  onEthernet("a frame check sequence behind IPv6", concatBytes(IPV6, hexRows("de ad be ef")), UDP6),
  onEthernet("bytes between the end of UDP and the end of IP", ipv4(concatBytes(udp(PAYLOAD), hexRows("ff ff"))), UDP4),
  onEthernet("an empty UDP datagram", ipv4(udp(new Uint8Array(0))), UDP4.replace("knock", "")),
  onEthernet("TCP", ipv4(tcp(PAYLOAD), { protocol: 6 }), TCP4),
  onEthernet("TCP with options", ipv4(tcp(PAYLOAD, 8, hexRows("01 01 01 01 01 01 01 01 01 01 01 00")), { protocol: 6 }), TCP4),
  onEthernet("TCP without data", ipv4(tcp(new Uint8Array(0)), { protocol: 6 }), TCP4.replace("knock", "")),
  onEthernet("TCP before segmentation offload", ipv4(tcp(PAYLOAD), { protocol: 6, totalLength: 0 }), TCP4, { lengthOfFrame: true, unknownToTcpdump: true }),
  onEthernet("ICMP echo reply", ipv4(icmp(PAYLOAD), { protocol: 1 }), "1 192.0.2.1.0 > 198.51.100.2.0 knock"),
  onEthernet("ICMP of any type and code", ipv4(icmp(PAYLOAD, 37, 3), { protocol: 1 }), "1 192.0.2.1.0 > 198.51.100.2.0 knock"),
  onEthernet("ICMPv6", ipv6(icmp(PAYLOAD, 129), { next: 58 }), "58 2001:db8::1.0 > 2001:db8::2.0 knock"),
  onEthernet("TCP over IPv6", ipv6(tcp(PAYLOAD), { next: 6 }), "6 2001:db8::1.40002 > 2001:db8::2.62202 knock"),
  onEthernet("IPv6 hop-by-hop options", ipv6(udp(PAYLOAD), { extensions: [[0, PADDING]] }), UDP6),
  onEthernet("IPv6 destination options", ipv6(udp(PAYLOAD), { extensions: [[60, PADDING]] }), UDP6),
  onEthernet("an IPv6 routing header", ipv6(udp(PAYLOAD), { extensions: [[43, ROUTING]] }), UDP6),
  onEthernet("an atomic IPv6 fragment", ipv6(udp(PAYLOAD), { extensions: [[44, ATOMIC]] }), UDP6),
  onEthernet("an IPv6 authentication header", ipv6(udp(PAYLOAD), { extensions: [[51, AUTHENTICATION]] }), UDP6),
  onEthernet(
    "every IPv6 extension header",
    ipv6(tcp(PAYLOAD), { next: 6, extensions: [[0, PADDING], [60, PADDING], [43, ROUTING], [44, ATOMIC], [51, AUTHENTICATION]] }),
    "6 2001:db8::1.40002 > 2001:db8::2.62202 knock",
  ),
  onEthernet(
    "IPv4-mapped addresses",
    ipv6(udp(PAYLOAD), { source: "192.0.2.1", destination: "198.51.100.2" }),
    UDP4,
    { unknownToTcpdump: true }, // prints the mapped form
  ),
];

const ACCEPTED: readonly Accepted[] = [...LINKS, ...PACKETS];

interface Outcome {
  readonly refusal: PacketRefusal | undefined;
  readonly datagram: Datagram | undefined;
}

/** Parses a frame that lies between foreign bytes. */
function parse(linkType: number, frame: Uint8Array, originalLength: number = frame.length, around = 0x45): Outcome {
  const buffer = new Uint8Array(frame.length + 100).fill(around);
  buffer.set(frame, 50);
  const record = Object.assign(createPcapRecord(), {
    buffer,
    offset: 50,
    capturedLength: frame.length,
    originalLength,
    linkType,
    timestampSeconds: 1700000000,
    timestampNanoseconds: 500_000_000,
  });
  const layout = createPacketLayout();
  const refusal = parsePacket(record, layout);
  if (refusal !== undefined) return { refusal, datagram: undefined };
  const { payloadOffset, payloadLength } = layout;
  assert.ok(payloadLength >= 0 && payloadOffset >= 50 && payloadOffset + payloadLength <= 50 + frame.length, "stays inside the frame");
  return { refusal, datagram: datagramOf(record, layout) };
}

function describe(datagram: Datagram | undefined): string | undefined {
  if (datagram === undefined) return undefined;
  const { protocol, source, sourcePort, destination, destinationPort, payload } = datagram;
  return `${protocol} ${formatIp(source)}.${sourcePort} > ${formatIp(destination)}.${destinationPort} ${latin1Text(payload)}`;
}

for (const { name, linkType, frame, datagram } of ACCEPTED) {
  test(`parsePacket() finds the datagram in ${name} (link type ${linkType})`, () => {
    const found = parse(linkType, frame);
    assert.equal(found.refusal, undefined);
    assert.equal(describe(found.datagram), datagram);
    assert.equal(found.datagram?.timestamp, 1700000000.5);
  });
}

test("parsePacket() calls every frame that the capture cut before its payload's end snapped", () => {
  for (const { name, linkType, frame, datagram } of ACCEPTED) {
    for (let length = 0; length < frame.length; length++) {
      const cut = parse(linkType, frame.subarray(0, length), frame.length);
      if (cut.refusal !== undefined) assert.equal(cut.refusal, "snapped", `${name} cut to ${length}`);
      else assert.equal(describe(cut.datagram), datagram, `${name} cut to ${length}`); // padding was cut
    }
    assert.notEqual(parse(linkType, frame.subarray(0, frame.length - 20), frame.length).refusal, undefined, name);
  }
});

test("parsePacket() calls every frame that ended early on the wire malformed", () => {
  for (const { name, linkType, frame, datagram, lengthOfFrame } of ACCEPTED) {
    for (let length = 0; length < frame.length; length++) {
      const cut = parse(linkType, frame.subarray(0, length));
      if (cut.refusal !== undefined) assert.match(cut.refusal, /^malformed-/, `${name} cut to ${length}`);
      else assert.ok(lengthOfFrame || describe(cut.datagram) === datagram, `${name} cut to ${length}`);
    }
  }
});

test("parsePacket() believes the captured bytes when the capture names a smaller original length", () => {
  assert.equal(describe(parse(101, IPV4, 0).datagram), UDP4);
});

const REFUSED: readonly (readonly [name: string, refusal: PacketRefusal, linkType: number, frame: Bytes, originalLength?: number])[] = [
  ["IEEE 802.11", "unknown-link", 105, IPV4],
  ["a link type far out", "unknown-link", 65535, IPV4],
  ["ARP", "not-ip", 1, ethernet(0x0806, new Uint8Array(46))],
  ["an 802.3 frame with its length", "not-ip", 1, ethernet(46, new Uint8Array(46))],
  ["ARP behind a tag", "not-ip", 1, ethernet(0x0806, new Uint8Array(42), [0x8100, 7])],
  ["PPPoE discovery", "not-ip", 1, ethernet(0x8863, new Uint8Array(46))],
  ["PPPoE of another version", "not-ip", 51, concatBytes(hexRows("21 00 00 2a 00 23  00 21"), IPV4)],
  ["PPPoE of another code", "not-ip", 51, concatBytes(hexRows("11 a7 00 2a 00 23  00 21"), IPV4)],
  ["PPP link control", "not-ip", 9, hexRows("ff 03 c0 21 01 01 00 04")],
  ["a BSD family of no meaning", "not-ip", 0, concatBytes(hexRows("07 00 00 00"), IPV4)],
  ["a BSD family of both byte orders", "not-ip", 0, concatBytes(hexRows("02 00 00 02"), IPV4)],
  ["raw IP of version 5", "not-ip", 101, concatBytes(hexRows("55"), IPV4.subarray(1))],
  ["an Ethernet header without its end", "malformed-link", 1, IPV4.subarray(0, 13)],
  ["a tag without its end", "malformed-link", 1, ethernet(0x8100, hexRows("00 07 08"))],
  ["PPPoE that is longer than its frame", "malformed-link", 51, concatBytes(hexRows("11 00 00 2a 00 24  00 21"), IPV4)],
  ["IPv4 that is longer than its PPPoE session packet", "malformed-ip", 51, concatBytes(hexRows("11 00 00 2a 00 22  00 21"), IPV4)],
  ["nothing behind PPPoE", "malformed-link", 51, hexRows("11 00 00 2a 00 00  00 21")],
  ["IPv6 announced as IPv4", "malformed-ip", 1, ethernet(0x0800, IPV6)],
  ["IPv4 announced as IPv6", "malformed-ip", 1, ethernet(0x86dd, concatBytes(IPV4, new Uint8Array(20)))],
  ["IPv6 as raw IPv4", "malformed-ip", 228, IPV6],
  ["an IPv4 header of 4 words", "malformed-ip", 101, ipv4(udp(PAYLOAD), { headerWords: 4 })],
  ["an IPv4 header beyond the packet", "malformed-ip", 101, ipv4(new Uint8Array(10), { headerWords: 8 })],
  ["an IPv4 length below its header", "malformed-ip", 101, ipv4(udp(PAYLOAD), { totalLength: 19 })],
  ["an IPv4 length beyond the frame", "malformed-ip", 101, ipv4(udp(PAYLOAD), { totalLength: 34 })],
  ["an IPv6 length beyond the frame", "malformed-ip", 101, ipv6(udp(PAYLOAD), { payloadLength: 14 })],
  ["the first fragment", "fragment", 101, ipv4(udp(PAYLOAD), { fragment: 0x2000 })],
  ["the last fragment", "fragment", 101, ipv4(udp(PAYLOAD), { fragment: 0x0001 })],
  ["the first IPv6 fragment", "fragment", 101, ipv6(udp(PAYLOAD), { extensions: [[44, hexRows("00 00 00 01 00 00 00 01")]] })],
  ["the last IPv6 fragment", "fragment", 101, ipv6(udp(PAYLOAD), { extensions: [[44, hexRows("00 00 00 08 00 00 00 01")]] })],
  ["an IPv6 jumbogram", "jumbogram", 101, ipv6(udp(PAYLOAD), { payloadLength: 0, extensions: [[0, hexRows("00 00 c2 04 00 01 00 00")]] })],
  ["ESP", "other-protocol", 101, ipv4(udp(PAYLOAD), { protocol: 50 })],
  ["ICMPv6 over IPv4", "other-protocol", 101, ipv4(icmp(PAYLOAD), { protocol: 58 })],
  ["ICMP over IPv6", "other-protocol", 101, ipv6(icmp(PAYLOAD), { next: 1 })],
  ["IPv6 with no next header", "other-protocol", 101, ipv6(PAYLOAD, { next: 59 })],
  ["an IPv6 extension header of no meaning", "other-protocol", 101, ipv6(udp(PAYLOAD), { next: 253 })],
  ["hop-by-hop options that are not first", "malformed-ip", 101, ipv6(udp(PAYLOAD), { extensions: [[60, PADDING], [0, PADDING]] })],
  ["an IPv6 extension header beyond the packet", "malformed-ip", 101, ipv6(udp(PAYLOAD), { extensions: [[60, hexRows("00 09 01 04 00 00 00 00")]] })],
  ["half an IPv6 extension header", "malformed-ip", 101, ipv6(hexRows("11 00 01 00"), { next: 60 })],
  ["half a UDP header", "malformed-transport", 101, ipv4(udp(PAYLOAD).subarray(0, 7))],
  ["a UDP length below 8", "malformed-transport", 101, ipv4(udp(PAYLOAD, 7))],
  ["a UDP length of 0", "malformed-transport", 101, ipv6(udp(PAYLOAD, 0))],
  ["a UDP length beyond the packet", "malformed-transport", 101, ipv4(udp(PAYLOAD, 14))],
  ["a UDP length that reaches into the padding of the frame", "malformed-transport", 1, ethernet(0x0800, concatBytes(ipv4(udp(PAYLOAD, 14)), new Uint8Array(9)))],
  ["half a TCP header", "malformed-transport", 101, ipv4(tcp(PAYLOAD).subarray(0, 19), { protocol: 6 })],
  ["a TCP header of 4 words", "malformed-transport", 101, ipv4(tcp(PAYLOAD, 4), { protocol: 6 })],
  ["a TCP header beyond the packet", "malformed-transport", 101, ipv4(tcp(PAYLOAD, 7), { protocol: 6 })],
  ["half an ICMP header", "malformed-transport", 101, ipv4(icmp(PAYLOAD).subarray(0, 7), { protocol: 1 })],
  ["a packet before segmentation offload that the capture cut", "snapped", 101, ipv4(tcp(PAYLOAD), { protocol: 6, totalLength: 0 }), 3000],
];

for (const [name, refusal, linkType, frame, originalLength] of REFUSED) {
  test(`parsePacket() refuses ${name}: ${refusal}`, () => {
    assert.equal(parse(linkType, frame, originalLength).refusal, refusal);
  });
}

test("PACKET_REFUSALS and createRefusalCounts() know every refusal that the tests have met", () => {
  const met = new Set(REFUSED.map(([, refusal]) => refusal));
  assert.deepEqual(Object.keys(PACKET_REFUSALS).sort(), [...met].sort());
  assert.deepEqual(Object.entries(createRefusalCounts()), Object.keys(PACKET_REFUSALS).map((refusal) => [refusal, 0]));
});

test("parsePacket() takes damaged and random frames without a throw, and never looks beyond them", () => {
  const gen = generator("damaged frames");
  const links = [...new Set(ACCEPTED.map((row) => row.linkType)), 2];
  for (let round = 0; round < 20000; round++) {
    const row = gen.pick(ACCEPTED);
    let frame: Uint8Array = gen.chance(10) ? gen.bytes(gen.below(80)) : row.frame;
    for (let flips = gen.below(4); flips > 0 && frame.length > 0; flips--) frame = gen.flipBit(frame);
    if (gen.chance(30)) frame = frame.subarray(0, gen.below(frame.length + 1));
    const linkType = gen.chance(80) ? row.linkType : gen.pick(links);
    const originalLength = gen.pick([frame.length, frame.length + 20, row.frame.length, 0, 0xffffffff]);
    const found = parse(linkType, frame, originalLength, 0x00);
    assert.ok(found.refusal === undefined || found.refusal in PACKET_REFUSALS);
    assert.deepEqual(parse(linkType, frame, originalLength, 0xff), found);
  }
});

test("datagramOf() gives a view of the payload and copies of the addresses", () => {
  const { datagram } = parse(101, IPV4);
  const buffer = new Uint8Array(datagram!.payload.buffer);
  assert.equal(buffer.length, IPV4.length + 100);
  buffer.fill(0x78);
  assert.equal(describe(datagram), UDP4.replace("knock", "xxxxx"));
});

/** Writes what tcpdump prints of a packet in the manner of {@link describe}, with the payload's length for the payload. */
function readTcpdumpLine(line: string): string | undefined {
  const addresses = /IP6? (\S+) > ([^:\s]+(?::[^:\s]*)*): /.exec(line);
  const length = /length (\d+)$/.exec(line);
  if (addresses === null || length === null) return undefined;
  let [source, destination] = [addresses[1]!, addresses[2]!];
  const behindOptions = /(\d+) > (\d+): (?:UDP|Flags)/.exec(line); // IPv6 extension headers part addresses from ports
  if (behindOptions && !source.endsWith(`.${behindOptions[1]}`)) {
    source += `.${behindOptions[1]}`;
    destination += `.${behindOptions[2]}`;
  }
  if (/ICMP6?[ ,]/.test(line)) return `${line.includes("ICMP6") ? 58 : 1} ${source}.0 > ${destination}.0 ${Number(length[1]) - 8}`;
  return `${line.includes("UDP,") ? 17 : 6} ${source} > ${destination} ${length[1]}`;
}

test("tcpdump reads the same addresses, ports and lengths in every accepted frame", { skip: WITHOUT_TCPDUMP }, () => {
  const judged = ACCEPTED.filter((row) => row.unknownToTcpdump === undefined);
  for (const linkType of new Set(judged.map((row) => row.linkType))) {
    const rows = judged.filter((row) => row.linkType === linkType);
    const lines = tcpdumpLines(pcapFile(rows.map(({ frame }) => ({ data: frame })), { linkType }), "-t");
    assert.equal(lines.length, rows.length);
    for (const [at, { name, frame, datagram }] of rows.entries()) {
      assert.equal(describe(parse(linkType, frame).datagram), datagram);
      const [words, payload] = [datagram.slice(0, datagram.lastIndexOf(" ")), datagram.slice(datagram.lastIndexOf(" ") + 1)];
      assert.equal(readTcpdumpLine(lines[at]!), `${words} ${payload.length}`, `${name}: ${lines[at]}`);
    }
  }
});

function datagramsOf(file: string): { datagrams: Datagram[]; refusals: PacketRefusal[] } {
  const reader = new PcapReader();
  const record = createPcapRecord();
  const layout = createPacketLayout();
  const datagrams: Datagram[] = [];
  const refusals: PacketRefusal[] = [];
  reader.push(readFileSync(new URL(file, FIXTURES)));
  while (reader.next(record)) {
    const refusal = parsePacket(record, layout);
    if (refusal === undefined) datagrams.push(datagramOf(record, layout));
    else refusals.push(refusal);
  }
  return { datagrams, refusals };
}

const REAL_UDP4 = "17 10.9.0.1.40001 > 10.9.0.2.62201";
const REAL_UDP6 = "17 fd00:9::1.40001 > fd00:9::2.62201";

const CAPTURES: readonly (readonly [name: string, datagrams: readonly string[], refusals?: readonly PacketRefusal[]])[] = [
  [
    "ethernet",
    [
      REAL_UDP4,
      REAL_UDP4,
      "6 10.9.0.1.40002 > 10.9.0.2.62202",
      "1 10.9.0.1.0 > 10.9.0.2.0",
      REAL_UDP6,
      REAL_UDP6,
      "58 fd00:9::1.0 > fd00:9::2.0",
    ],
  ],
  ["fragments", [], ["fragment", "fragment", "fragment"]],
  ["snapped", [], ["snapped"]],
  ["nanoseconds", [REAL_UDP4]],
  ["vlan", [REAL_UDP4]],
  ["qinq", [REAL_UDP4]],
  ["cooked-v1", [REAL_UDP4, REAL_UDP6]],
  ["cooked-v2", [REAL_UDP4, REAL_UDP6]],
  ["raw-ip", ["17 10.9.9.1.40001 > 10.9.9.2.62201"]],
];

for (const [name, expected, refused = []] of CAPTURES) {
  test(`parsePacket() finds what the kernel sent in fixtures/pcap/${name}.pcap`, () => {
    const { datagrams, refusals } = datagramsOf(`pcap/${name}.pcap`);
    assert.deepEqual(datagrams.map(describe), expected.map((words) => `${words} A datagram that really went over a wire: ${name}`));
    assert.deepEqual(refusals, refused);
  });
}

interface PerlPacket {
  readonly transport: "udp" | "tcp" | "icmp" | "http";
  readonly wire: { readonly src: string; readonly dst: string; readonly sport?: number; readonly dport?: number };
  readonly packet: string;
  readonly http_request?: string;
}

const PERL_PROTOCOLS = { udp: 17, tcp: 6, icmp: 1, http: 6 } as const;

for (const transport of ["udp", "tcp", "icmp", "http"] as const) {
  test(`parsePacket() finds the packets of the Perl client in fixtures/perl-1.9.12/${transport}.pcap, and no other`, () => {
    const listed = JSON.parse(readFileSync(new URL("perl-1.9.12/client-packets.json", FIXTURES), "utf8")) as PerlPacket[];
    const expected = listed.filter((row) => row.transport === transport);
    const { datagrams, refusals } = datagramsOf(`perl-1.9.12/${transport}.pcap`);
    assert.deepEqual(refusals, []);
    // TCP connections bring segments without data, and what the web server answered.
    const found = datagrams.filter(({ payload, sourcePort }) => payload.length > 0 && sourcePort !== 8088);
    assert.equal(found.length, expected.length);
    for (const [at, { wire, packet, http_request: request }] of expected.entries()) {
      const datagram = found[at]!;
      assert.equal(datagram.protocol, PERL_PROTOCOLS[transport]);
      assert.equal(formatIp(datagram.source), wire.src);
      assert.equal(formatIp(datagram.destination), wire.dst);
      if (wire.sport !== undefined) assert.equal(datagram.sourcePort, wire.sport);
      assert.equal(datagram.destinationPort, wire.dport ?? 0);
      const text = latin1Text(datagram.payload);
      assert.equal(text, request ?? packet);
      if (request !== undefined) assert.equal(/^GET (?:http:\/\/[^/]+)?\/(\S+) HTTP\//.exec(text)?.[1], packet);
    }
  });
}
