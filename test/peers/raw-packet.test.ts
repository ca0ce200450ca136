import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes } from "../../src/bytes.ts";
import { buildIcmpPacket, buildTcpPacket, buildUdpPacket } from "../../src/client/raw-packet.ts";
import { formatIp, parseIp } from "../../src/ip.ts";
import { generator } from "../support/gen.ts";
import { requirePeer } from "../support/require-peer.ts";
import { tcpdumpLines } from "../support/tcpdump.ts";

/** A capture of bare IP packets (link type 101). */
function capture(packets: readonly Uint8Array[]): Uint8Array {
  const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
  return concatBytes(words(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 101), ...packets.flatMap((packet) => [words(0, 0, packet.length, packet.length), packet]));
}

const gen = generator("tcpdump judges packets");
const families = [
  { source: parseIp("192.0.2.1")!, destination: parseIp("198.51.100.7")! },
  { source: parseIp("2001:db8::1")!, destination: parseIp("2001:db8::2")! },
];

/** tcpdump's lines for one packet, joined. It decodes the payload of ICMP, so its own part is all that is wanted. */
function shown(packet: Uint8Array): string {
  return tcpdumpLines(capture([packet]), "-vv").join(" ");
}

test("tcpdump calls the checksums of buildUdpPacket() correct", (t) => {
  if (requirePeer(t, "tcpdump") === undefined) return;
  for (const addresses of families) {
    for (const length of [0, 1, 161, 1000]) {
      const line = shown(buildUdpPacket({ ...addresses, sourcePort: 40000, destinationPort: 62201, payload: gen.bytes(length), identification: 7 }));
      assert.match(line, /\[udp sum ok\]/);
      assert.ok(line.includes(`${formatIp(addresses.destination)}.62201: `), line);
      assert.match(line, new RegExp(`UDP, length ${length}$`));
      assert.match(line, addresses.source.version === 4 ? /ttl 255, id 7,.* proto UDP/ : /hlim 255, next-header UDP/);
      assert.doesNotMatch(line, /bad/);
    }
  }
});

test("tcpdump calls the checksums of buildTcpPacket() correct, and sees a SYN", (t) => {
  if (requirePeer(t, "tcpdump") === undefined) return;
  for (const addresses of families) {
    for (const length of [1, 162]) {
      const line = shown(buildTcpPacket({ ...addresses, sourcePort: 40000, destinationPort: 62201, payload: gen.bytes(length) }));
      assert.match(line, new RegExp(`Flags \\[S\\], cksum 0x[0-9a-f]{4} \\(correct\\), seq 1:${1 + length}, win 32767, length ${length}`));
      assert.doesNotMatch(line, /bad|incorrect/);
    }
  }
});

test("tcpdump finds nothing wrong with the checksums of buildIcmpPacket()", (t) => {
  if (requirePeer(t, "tcpdump") === undefined) return;
  const [v4, v6] = families as [(typeof families)[0], (typeof families)[0]];
  for (const [line, expected] of [
    [shown(buildIcmpPacket({ ...v4, type: 0, code: 0, payload: gen.bytes(161) })), /ICMP echo reply, id 0, seq 0, length 169$/],
    [shown(buildIcmpPacket({ ...v4, type: 8, code: 0, echoIdentifier: 4711, payload: gen.bytes(160) })), /ICMP echo request, id 4711, seq 1, length 168$/],
    [shown(buildIcmpPacket({ ...v6, type: 128, code: 0, echoIdentifier: 4711, payload: gen.bytes(161) })), /\[icmp6 sum ok\] ICMP6, echo request, id 4711, seq 1/],
    [shown(buildIcmpPacket({ ...v6, type: 129, code: 0, payload: gen.bytes(162) })), /\[icmp6 sum ok\] ICMP6, echo reply, id 0, seq 0/],
  ] as const) {
    assert.match(line, expected);
    assert.doesNotMatch(line, /wrong|bad/);
  }
});

test("tcpdump would see a wrong checksum", (t) => {
  if (requirePeer(t, "tcpdump") === undefined) return;
  const packet = buildUdpPacket({ ...families[0]!, sourcePort: 1, destinationPort: 62201, payload: gen.bytes(20) });
  packet[packet.length - 1]! ^= 1;
  assert.match(shown(packet), /\[bad udp cksum/);
});
