import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, utf8Bytes } from "../src/bytes.ts";
import { buildUdpPacket } from "../src/client/raw-packet.ts";
import { parseIp } from "../src/ip.ts";
import { pcapHeader, pcapRecord } from "../src/pcap-writer.ts";
import { pcapFile } from "./support/frames.ts";
import { tcpdumpLines, WITHOUT_TCPDUMP } from "./support/tcpdump.ts";

const [source, destination] = [parseIp("192.0.2.7")!, parseIp("198.51.100.1")!];
const PACKET = buildUdpPacket({ source, destination, sourcePort: 40000, destinationPort: 62201, payload: utf8Bytes("hello") });
const CAPTURE = concatBytes(pcapHeader(), pcapRecord(PACKET, 1700000000.25), pcapRecord(PACKET, 2147483647));

test("pcapHeader() and pcapRecord() write the format byte for byte", () => {
  const frames = [{ data: PACKET, seconds: 1700000000, fraction: 250000 }, { data: PACKET, seconds: 2147483647 }];
  const expected = pcapFile(frames, { linkType: 101 });
  new DataView(expected.buffer).setUint32(16, 65535); // the snapshot length is the writer's choice
  assert.deepEqual(CAPTURE, expected);
});

test("pcapHeader() and pcapRecord() make a capture that tcpdump reads", { skip: WITHOUT_TCPDUMP }, () => {
  const line = "IP 192.0.2.7.40000 > 198.51.100.1.62201: UDP, length 5";
  assert.deepEqual(tcpdumpLines(CAPTURE, "-tt"), [`1700000000.250000 ${line}`, `2147483647.000000 ${line}`]);
});
