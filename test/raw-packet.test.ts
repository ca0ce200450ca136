import assert from "node:assert/strict";
import { test } from "node:test";
import { hexBytes, utf8Bytes } from "../src/bytes.ts";
import { buildIcmpPacket, buildTcpPacket, buildUdpPacket } from "../src/client/raw-packet.ts";
import { type IpAddress, parseIp } from "../src/ip.ts";
import { type Gen, generator } from "./support/gen.ts";

const V4 = { source: parseIp("192.0.2.1")!, destination: parseIp("198.51.100.7")! };
const V6 = { source: parseIp("2001:db8::1")!, destination: parseIp("2001:db8::2")! };

/** RFC 1071 §4.1, one 16-bit word at a time: the sum over data and checksum together is all ones. */
function onesSum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Checks both checksums of a packet as a receiver does. */
function assertChecksums(packet: Uint8Array): void {
  const all = Array.from(packet);
  const isIpv6 = all[0]! >> 4 === 6;
  const body = all.slice(isIpv6 ? 40 : 20);
  const protocol = isIpv6 ? all[6]! : all[9]!;
  if (!isIpv6) assert.equal(onesSum(all.slice(0, 20)), 0xffff, "IPv4 header checksum");
  const addresses = isIpv6 ? all.slice(8, 40) : all.slice(12, 20);
  const pseudo = protocol === 1 ? [] : [...addresses, 0, 0, body.length >> 8, body.length & 0xff, 0, 0, 0, protocol];
  assert.equal(onesSum([...pseudo, ...body]), 0xffff, `checksum of protocol ${protocol}`);
}

test("buildUdpPacket() writes the packet of RFC 791 and RFC 768, byte for byte", () => {
  const packet = buildUdpPacket({ ...V4, sourcePort: 12345, destinationPort: 62201, payload: utf8Bytes("abc"), identification: 0x1234 });
  // Packed by Python's struct module, with its own sums.
  assert.deepEqual(packet, hexBytes("4500001f12340000ff11bd5dc0000201c63364073039f2f9000b2c06616263"));
});

test("buildTcpPacket() sends a bare SYN with a payload unless told otherwise", () => {
  const packet = buildTcpPacket({ ...V4, sourcePort: 1, destinationPort: 2, payload: utf8Bytes("hi") });
  assertChecksums(packet);
  const view = new DataView(packet.buffer, 20);
  assert.deepEqual([view.getUint16(0), view.getUint16(2), view.getUint32(4), view.getUint32(8), view.getUint8(12), view.getUint8(13), view.getUint16(14), view.getUint16(18)],
    [1, 2, 1, 0, 0x50, 2, 32767, 0]);
  const ack = buildTcpPacket({ ...V4, sourcePort: 1, destinationPort: 2, payload: utf8Bytes("hi"), flags: 0x10, sequence: 0xffffffff, acknowledgment: 7, window: 65535 });
  assertChecksums(ack);
  assert.deepEqual([ack[33], new DataView(ack.buffer).getUint32(24), new DataView(ack.buffer).getUint32(28), new DataView(ack.buffer).getUint16(34)], [0x10, 0xffffffff, 7, 65535]);
});

test("buildIcmpPacket() numbers an echo request only", () => {
  const numbers = (packet: Uint8Array, at: number): number[] => [packet[at]!, packet[at + 1]!, (packet[at + 4]! << 8) | packet[at + 5]!, (packet[at + 6]! << 8) | packet[at + 7]!];
  const payload = utf8Bytes("x");
  assert.deepEqual(numbers(buildIcmpPacket({ ...V4, payload, type: 8, code: 0, echoIdentifier: 0xabcd }), 20), [8, 0, 0xabcd, 1]);
  assert.deepEqual(numbers(buildIcmpPacket({ ...V4, payload, type: 0, code: 0, echoIdentifier: 0xabcd }), 20), [0, 0, 0, 0]);
  assert.deepEqual(numbers(buildIcmpPacket({ ...V4, payload, type: 8, code: 1, echoIdentifier: 0xabcd }), 20), [8, 1, 0, 0]);
  assert.deepEqual(numbers(buildIcmpPacket({ ...V6, payload, type: 128, code: 0, echoIdentifier: 0xabcd }), 40), [128, 0, 0xabcd, 1]);
  assert.deepEqual(numbers(buildIcmpPacket({ ...V6, payload, type: 8, code: 0, echoIdentifier: 0xabcd }), 40), [8, 0, 0, 0]);
  assert.deepEqual([buildIcmpPacket({ ...V4, payload, type: 0, code: 0 })[9], buildIcmpPacket({ ...V6, payload, type: 129, code: 0 })[6]], [1, 58]);
});

function anyAddress(gen: Gen, version: 4 | 6): IpAddress {
  return { version, bytes: gen.bytes(version === 4 ? 4 : 16) };
}

test("the packets of all protocols and both families have correct lengths and checksums", () => {
  const gen = generator("raw checksums");
  for (let round = 0; round < 300; round++) {
    const version = gen.pick([4, 6] as const);
    const common = { source: anyAddress(gen, version), destination: anyAddress(gen, version), payload: gen.bytes(gen.below(1500)), identification: gen.below(65536) };
    const ports = { sourcePort: gen.below(65536), destinationPort: gen.below(65536) };
    const packet = gen.pick([
      () => buildUdpPacket({ ...common, ...ports }),
      () => buildTcpPacket({ ...common, ...ports, flags: gen.below(256), sequence: gen.uint32(), window: gen.below(65536) }),
      () => buildIcmpPacket({ ...common, type: gen.below(256), code: gen.below(256), echoIdentifier: gen.below(65536) }),
    ])();
    assertChecksums(packet);
    const view = new DataView(packet.buffer);
    assert.equal(version === 4 ? view.getUint16(2) : 40 + view.getUint16(4), packet.length);
    assert.deepEqual(packet.slice(packet.length - common.payload.length), common.payload);
  }
});

test("buildUdpPacket() writes a checksum of zero as ffff, which zero would mean 'none'", () => {
  const common = { ...V4, sourcePort: 0, destinationPort: 0 };
  const zero = buildUdpPacket({ ...common, payload: Uint8Array.of(0, 0) });
  const sum = (zero[26]! << 8) | zero[27]!;
  const packet = buildUdpPacket({ ...common, payload: Uint8Array.of(sum >> 8, sum & 0xff) });
  assert.deepEqual([packet[26], packet[27]], [0xff, 0xff]);
  assertChecksums(packet);
});

test("the builders refuse what a field cannot hold, and addresses of two families", () => {
  const udp = { ...V4, sourcePort: 1, destinationPort: 2, payload: new Uint8Array(0) };
  assert.throws(() => buildUdpPacket({ ...udp, destination: V6.destination }), { name: "RangeError", message: /expected an IPv6 source address, got an IPv4 one/ });
  assert.throws(() => buildUdpPacket({ ...udp, destinationPort: 65536 }), { name: "RangeError", message: /expected destination port in 0\.\.65535, got 65536/ });
  assert.throws(() => buildUdpPacket({ ...udp, sourcePort: 1.5 }), /expected source port/);
  assert.throws(() => buildUdpPacket({ ...udp, payload: new Uint8Array(65508) }), /expected packet length/);
  assert.throws(() => buildUdpPacket({ ...udp, payload: new Uint8Array(65528) }), /expected UDP length/);
  assert.throws(() => buildTcpPacket({ ...udp, sequence: -1 }), /expected sequence number/);
  assert.throws(() => buildIcmpPacket({ ...udp, type: 256, code: 0 }), /expected ICMP type in 0\.\.255, got 256/);
  assert.throws(() => buildIcmpPacket({ ...udp, type: 0, code: -1 }), /expected ICMP code/);
  assert.equal(buildUdpPacket({ ...udp, payload: new Uint8Array(65507) }).length, 65535);
});
