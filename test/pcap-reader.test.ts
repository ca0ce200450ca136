import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { type Bytes, concatBytes, hexText, utf8Bytes } from "../src/bytes.ts";
import { createPcapRecord, MAX_CAPTURED_LENGTH, type PcapEnd, PcapReader } from "../src/pcap-reader.ts";
import { type CapturedFrame, ethernet, hexRows, ipv4, ipv6, pcapFile, PcapngWriter, udp } from "./support/frames.ts";
import { generator } from "./support/gen.ts";
import { tcpdumpLines, tcpdumpOutput, WITHOUT_TCPDUMP } from "./support/tcpdump.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

interface Seen {
  readonly data: string;
  readonly originalLength: number;
  readonly linkType: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

function readAll(chunks: readonly Uint8Array[]): { seen: Seen[]; end: PcapEnd } {
  const reader = new PcapReader();
  const record = createPcapRecord();
  const seen: Seen[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    while (reader.next(record)) {
      seen.push({
        data: hexText(record.buffer.subarray(record.offset, record.offset + record.capturedLength)),
        originalLength: record.originalLength,
        linkType: record.linkType,
        seconds: record.timestampSeconds,
        nanoseconds: record.timestampNanoseconds,
      });
    }
  }
  return { seen, end: reader.end() };
}

function everyByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

const PACKET = ethernet(0x0800, ipv4(udp(hexRows("61 62 63"))));
const FRAMES: readonly CapturedFrame[] = [
  { data: PACKET, seconds: 1700000000, fraction: 999999 },
  { data: PACKET.subarray(0, 30), originalLength: PACKET.length, seconds: 4294967295, fraction: 0 },
  { data: new Uint8Array(0), originalLength: 60, seconds: 1700000001, fraction: 1 },
  { data: ethernet(0x86dd, ipv6(udp(hexRows("64")))), seconds: 1700000002, fraction: 5 },
];

function expectedOf(frames: readonly CapturedFrame[], linkType: number, nanosecondsPerTick: number): Seen[] {
  return frames.map(({ data, originalLength, seconds, fraction }) => ({
    data: hexText(data),
    originalLength: originalLength ?? data.length,
    linkType,
    seconds: seconds!,
    nanoseconds: fraction! * nanosecondsPerTick,
  }));
}

interface Variant {
  readonly name: string;
  readonly file: Bytes;
  readonly expected: Seen[];
  /** What keeps tcpdump from reading it. */
  readonly unknownToTcpdump?: string;
}

const PATCHED_EXTRA = hexRows("00000001 0800 00 00"); // interface index, protocol, packet type, padding

function pcapVariants(): Variant[] {
  return [false, true].flatMap((littleEndian) => {
    const order = littleEndian ? "little-endian" : "big-endian";
    return [
      { name: `${order} microseconds`, file: pcapFile(FRAMES, { littleEndian }), expected: expectedOf(FRAMES, 1, 1000) },
      { name: `${order} nanoseconds`, file: pcapFile(FRAMES, { littleEndian, magic: 0xa1b23c4d }), expected: expectedOf(FRAMES, 1, 1) },
      {
        name: `${order} patched`,
        file: pcapFile(FRAMES, { littleEndian, magic: 0xa1b2cd34, recordExtra: PATCHED_EXTRA }),
        expected: expectedOf(FRAMES, 1, 1000),
      },
      {
        name: `${order} with the length of the frame check sequence`,
        file: pcapFile(FRAMES, { littleEndian, linkType: 0x44000001 }),
        expected: expectedOf(FRAMES, 1, 1000),
      },
    ];
  });
}

function pcapngVariants(): Variant[] {
  return [false, true].flatMap((littleEndian): Variant[] => {
    const order = littleEndian ? "little-endian" : "big-endian";
    const write = new PcapngWriter(littleEndian);
    const stamp = 1700000000_999999n;
    const comment = concatBytes(write.option(1, Uint8Array.of(104, 105, 33)), write.option(0, new Uint8Array(0)));
    const seen = (data: Uint8Array, seconds: number, nanoseconds: number, linkType = 1, originalLength = data.length): Seen => ({
      data: hexText(data),
      originalLength,
      linkType,
      seconds,
      nanoseconds,
    });
    const other = new PcapngWriter(!littleEndian);
    return [
      {
        name: `pcapng ${order}: all packet blocks among unknown ones`,
        file: concatBytes(
          write.section(comment),
          write.block(0x0bad, new Uint8Array(8)),
          write.interface(1, comment),
          write.enhancedPacket(0, stamp, PACKET, PACKET.length, comment),
          write.block(4, new Uint8Array(0)), // name resolution; the shortest block there can be
          write.obsoletePacket(0, stamp + 1n, PACKET.subarray(0, 31), PACKET.length),
          write.block(5, new Uint8Array(100)), // statistics
          write.simplePacket(PACKET),
          write.block(0x80000001, new Uint8Array(4)),
        ),
        expected: [
          seen(PACKET, 1700000000, 999999000),
          seen(PACKET.subarray(0, 31), 1700000001, 0, 1, PACKET.length),
          seen(PACKET, 0, 0),
        ],
      },
      {
        name: `pcapng ${order}: a snapshot length shortens simple packets`,
        file: concatBytes(write.section(), write.interface(1, new Uint8Array(0), 33), write.simplePacket(PACKET.subarray(0, 33), PACKET.length)),
        expected: [seen(PACKET.subarray(0, 33), 0, 0, 1, PACKET.length)],
      },
      {
        name: `pcapng ${order}: interfaces of other resolutions and an offset`,
        file: concatBytes(
          write.section(),
          write.interface(1, concatBytes(write.option(9, Uint8Array.of(9)), comment)),
          write.interface(1, concatBytes(write.option(2, utf8Bytes("eth12")), write.option(9, Uint8Array.of(3)))),
          write.interface(1, write.option(9, Uint8Array.of(0))),
          write.interface(1, write.option(9, Uint8Array.of(0x80 | 10))),
          write.interface(1, concatBytes(write.option(14, write.long(-3600n)), write.option(9, Uint8Array.of(6)))),
          write.enhancedPacket(0, 1700000000_123456789n, PACKET),
          write.enhancedPacket(1, 1700000000_123n, PACKET),
          write.enhancedPacket(2, 1700000000n, PACKET),
          write.enhancedPacket(3, 1700000000n * 1024n + 512n, PACKET),
          write.enhancedPacket(4, 1700000000_000001n, PACKET),
        ),
        expected: [
          seen(PACKET, 1700000000, 123456789),
          seen(PACKET, 1700000000, 123000000),
          seen(PACKET, 1700000000, 0),
          seen(PACKET, 1700000000, 500000000),
          seen(PACKET, 1700000000 - 3600, 1000),
        ],
      },
      {
        name: `pcapng ${order}: picoseconds, and an interface for each link type`,
        unknownToTcpdump: "libpcap wants one link type a file",
        file: concatBytes(
          write.section(),
          write.interface(101, write.option(9, Uint8Array.of(12))),
          write.interface(276, write.option(9, Uint8Array.of(0x80 | 63))),
          write.enhancedPacket(0, 1700000_123456789012n, PACKET),
          write.interface(1, write.option(9, Uint8Array.of(0))),
          write.enhancedPacket(1, (3n << 63n) / 2n, PACKET),
          write.enhancedPacket(2, 0x3_0000_0001n, PACKET),
        ),
        expected: [seen(PACKET, 1700000, 123456789, 101), seen(PACKET, 1, 500000000, 276), seen(PACKET, 0x3_0000_0001, 0)],
      },
      {
        name: `pcapng ${order}: a second section in the other byte order, with interfaces of its own`,
        file: concatBytes(
          write.section(),
          write.interface(1),
          write.interface(1),
          write.enhancedPacket(1, stamp, PACKET),
          other.section(),
          other.interface(1, other.option(9, Uint8Array.of(9))),
          other.enhancedPacket(0, 1700000000_123456789n, PACKET),
        ),
        expected: [seen(PACKET, 1700000000, 999999000), seen(PACKET, 1700000000, 123456789)],
        unknownToTcpdump: "libpcap wants one byte order a file",
      },
    ];
  });
}

const VARIANTS: readonly Variant[] = [...pcapVariants(), ...pcapngVariants()];

for (const { name, file, expected, unknownToTcpdump } of VARIANTS) {
  test(`PcapReader reads ${name}, however the stream is cut into chunks`, () => {
    assert.deepEqual(readAll([file]), { seen: expected, end: { kind: "complete" } });
    assert.deepEqual(readAll(everyByte(file)), { seen: expected, end: { kind: "complete" } });
    const gen = generator(name);
    for (let round = 0; round < 50; round++) {
      assert.deepEqual(readAll(gen.chunks(gen.unaligned(file), 12)).seen, expected);
    }
  });

  test(`PcapReader gives what is complete of every prefix of ${name}`, () => {
    let most = 0;
    for (let length = 0; length < file.length; length++) {
      const { seen, end } = readAll([file.subarray(0, length)]);
      assert.deepEqual(seen, expected.slice(0, seen.length));
      assert.ok(seen.length >= most && end.kind !== "broken");
      if (end.kind === "cut") assert.ok(end.offset <= length);
      most = seen.length;
    }
  });

  if (!unknownToTcpdump) test(`tcpdump reads ${name} the same`, { skip: WITHOUT_TCPDUMP }, () => {
    // It prints `seconds.nanoseconds`, but no empty frame and no time after 2038.
    const printable = expected.filter((row) => row.data !== "" && row.seconds < 2 ** 31);
    const stamps = printable.map((row) => `${row.seconds}.${String(row.nanoseconds).padStart(9, "0")}`);
    const lines = tcpdumpLines(file, "-tt", "--time-stamp-precision=nano");
    assert.deepEqual(lines.map((line) => line.split(" ", 1)[0]).filter((word) => /^\d/.test(word!)), stamps);
    // It writes every capture as classic pcap.
    const rewritten = tcpdumpOutput(file, "--time-stamp-precision=nano", "-w", "-");
    assert.deepEqual(readAll([rewritten]), { seen: expected, end: { kind: "complete" } });
  });
}

test("PcapReader.end() tells a cut stream and where", () => {
  const file = pcapFile([{ data: PACKET }]);
  const ends: readonly (readonly [number, PcapEnd])[] = [
    [0, { kind: "cut", offset: 0, reason: "The stream is empty" }],
    [3, { kind: "cut", offset: 0, reason: "The stream ends inside its header" }],
    [23, { kind: "cut", offset: 0, reason: "The stream ends inside its header" }],
    [24, { kind: "complete" }],
    [25, { kind: "cut", offset: 24, reason: "The stream ends inside a record" }],
    [file.length - 1, { kind: "cut", offset: 24, reason: "The stream ends inside a record" }],
    [file.length, { kind: "complete" }],
  ];
  for (const [length, end] of ends) {
    assert.deepEqual(readAll([file.subarray(0, length)]).end, end);
    assert.deepEqual(readAll(everyByte(file.subarray(0, length))).end, end);
  }
});

test("PcapReader.end() tells that a pcapng stream was cut inside a block that nobody reads", () => {
  const write = new PcapngWriter(true);
  const head = concatBytes(write.section(), write.interface(1));
  const file = concatBytes(head, write.block(5, new Uint8Array(40)));
  for (let length = head.length + 1; length < file.length; length++) {
    for (const chunks of [[file.subarray(0, length)], everyByte(file.subarray(0, length))]) assert.equal(readAll(chunks).end.kind, "cut");
  }
  for (const length of [head.length, file.length]) assert.equal(readAll([file.subarray(0, length)]).end.kind, "complete");
});

function brokenStreams(): (readonly [string, Uint8Array, number, RegExp])[] {
  const write = new PcapngWriter(true);
  const head = concatBytes(write.section(), write.interface(1));
  const good = write.enhancedPacket(0, 5n, PACKET);
  const patch = (bytes: Uint8Array, at: number, ...values: number[]): Bytes => {
    const patched = Uint8Array.from(bytes);
    patched.set(values, at);
    return patched;
  };
  const classic = pcapFile([{ data: PACKET }, { data: PACKET }]);
  const second = 24 + 16 + PACKET.length;
  return [
    ["a compressed file", hexRows("1f8b0800 00000000"), 0, /magic number of pcap or pcapng, got 1f8b0800$/],
    ["text", utf8Bytes("tcpdump: no such device"), 0, /got 74637064$/],
    ["pcap of an unknown version", pcapFile([], { version: [2, 3] }), 0, /expected 2\.4, got 2\.3$/],
    ["pcap with a giant record", patch(classic, second + 8, 0xff, 0xff, 0xff, 0xff), second, /262144 captured bytes, got 4294967295$/],
    ["pcap with a record one byte too long", patch(classic, second + 8, 0, 4, 0, 1), second, /got 262145$/],
    ["pcapng without a byte order", patch(write.section(), 8, 0), 0, /byte-order magic/],
    ["pcapng of an unknown version", patch(write.section(), 12, 2), 0, /expected 1, got 2$/],
    ["pcapng with a short section", concatBytes(write.words(0x0a0d0d0a, 24), write.words(0x1a2b3c4d)), 0, /at least 28, divisible by 4, got 24$/],
    ["pcapng with a block that is too short", concatBytes(head, good, write.words(77, 8, 8)), head.length + good.length, /got 8$/],
    ["pcapng with an odd length", concatBytes(head, good, write.words(77, 13, 8)), head.length + good.length, /divisible by 4, got 13$/],
    ["pcapng with a giant packet", concatBytes(head, good, write.words(6, 0x7ffffffc, 0)), head.length + good.length, /at most 327680 bytes/],
    ["pcapng with two lengths", concatBytes(head, good, patch(good, good.length - 4, 1)), head.length + good.length, /begins with length \d+, ends with/],
    ["pcapng with two lengths of an unknown block", concatBytes(head, write.words(77, 16, 0, 20)), head.length + 12, /length 16, ends with 20$/],
    ["pcapng with a packet of no interface", concatBytes(head, good, write.enhancedPacket(1, 0n, PACKET)), head.length + good.length, /1 interfaces, got number 1$/],
    ["pcapng with a simple packet before any interface", concatBytes(write.section(), write.simplePacket(PACKET)), 28, /0 interfaces/],
    ["pcapng with a packet longer than its block", concatBytes(head, good, patch(good, 20, 0xff)), head.length + good.length, /captured bytes, got 255$/],
    ["pcapng with an option longer than its block", concatBytes(write.section(), write.interface(1, write.words(0x00500002))), 28, /option 2/],
    [
      "pcapng with too many interfaces",
      concatBytes(write.section(), ...new Array<Bytes>(4097).fill(write.interface(1))),
      28 + 4096 * 20,
      /at most 4096/,
    ],
  ];
}

for (const [name, stream, offset, reason] of brokenStreams()) {
  test(`PcapReader finds ${name} broken and keeps what was before`, () => {
    for (const chunks of [[stream], everyByte(stream)]) {
      const reader = new PcapReader();
      const record = createPcapRecord();
      let records = 0;
      for (const chunk of chunks) {
        reader.push(chunk);
        while (reader.next(record)) records += 1;
      }
      const end = reader.end();
      assert.ok(end.kind === "broken");
      assert.equal(reader.broken, end);
      assert.equal(end.offset, offset);
      assert.match(end.reason, reason);
      assert.equal(records, offset > 60 && offset < 1000 && !name.includes("unknown block") ? 1 : 0);
      reader.push(pcapFile([{ data: PACKET }]));
      assert.equal(reader.next(record), false, "a broken stream stays broken");
    }
  });
}

test("PcapReader skips an unknown pcapng block that is far longer than any it would keep", () => {
  const write = new PcapngWriter(false);
  const length = 64 * 1024 * 1024;
  const reader = new PcapReader();
  const record = createPcapRecord();
  reader.push(concatBytes(write.section(), write.interface(1), write.words(0x0bad, length)));
  assert.equal(reader.next(record), false);
  const filling = new Uint8Array(1 << 20);
  for (let left = length - 12; left > 0; left -= filling.length) {
    reader.push(filling.subarray(0, Math.min(left, filling.length)));
    assert.equal(reader.next(record), false);
  }
  reader.push(concatBytes(write.words(length), write.enhancedPacket(0, 1n, PACKET)));
  assert.equal(reader.next(record), true);
  assert.equal(record.capturedLength, PACKET.length);
  assert.equal(reader.next(record), false);
  assert.deepEqual(reader.end(), { kind: "complete" });
});

test("PcapReader reads the longest record, whole and in pieces", () => {
  const gen = generator("longest record");
  const data = gen.bytes(MAX_CAPTURED_LENGTH);
  const file = pcapFile([{ data, seconds: 1, fraction: 2 }, { data: PACKET, seconds: 3, fraction: 4 }]);
  const whole = readAll([file]);
  assert.equal(whole.seen[0]!.data, hexText(data));
  assert.deepEqual(whole.end, { kind: "complete" });
  assert.deepEqual(readAll(gen.chunks(file, 20)), whole);
});

test("PcapReader.next() gives places in the pushed chunk, copying only what its end cut", () => {
  const file = pcapFile(FRAMES);
  const reader = new PcapReader();
  const record = createPcapRecord();
  reader.push(file);
  while (reader.next(record)) assert.equal(record.buffer.buffer, file.buffer);
  assert.equal(record.buffer.length, file.length);
});

test("PcapReader.push() throws RangeError while records of the chunk before are left", () => {
  const file = pcapFile(FRAMES);
  const reader = new PcapReader();
  const record = createPcapRecord();
  reader.push(file.subarray(0, 200));
  assert.equal(reader.next(record), true);
  assert.throws(() => reader.push(file.subarray(200)), RangeError);
  while (reader.next(record));
  reader.push(file.subarray(200));
  while (reader.next(record));
  assert.deepEqual(reader.end(), { kind: "complete" });
});

test("PcapReader survives flipped bits and random bytes, and reads them alike in any chunks", () => {
  const gen = generator("damaged captures");
  for (let round = 0; round < 2000; round++) {
    let bytes: Uint8Array = gen.chance(10) ? gen.bytes(gen.below(200)) : gen.pick(VARIANTS).file;
    for (let flips = gen.below(4); flips > 0 && bytes.length > 0; flips--) bytes = gen.flipBit(bytes);
    const whole = readAll([bytes]);
    assert.deepEqual(readAll(gen.chunks(bytes, 10)), whole);
  }
});

test("PcapReader reads every capture among the fixtures to its end", () => {
  for (const folder of ["pcap/", "perl-1.9.12/"]) {
    const files = readdirSync(new URL(folder, FIXTURES)).filter((name) => name.endsWith(".pcap"));
    assert.ok(files.length > 3);
    for (const name of files) {
      const { seen, end } = readAll([readFileSync(new URL(folder + name, FIXTURES))]);
      assert.deepEqual(end, { kind: "complete" }, name);
      assert.ok(seen.length > 0, name);
    }
  }
});
