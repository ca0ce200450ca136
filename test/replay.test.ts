import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { parseIp } from "../src/ip.ts";
import { formatReplayLine, parseReplayFile, plaintextDigests, REPLAY_HEADER, replayDigest, ReplayMemory } from "../src/server/replay.ts";

const C_LINE = "KLrZcUAUIUfU7UBemXi2/yMnVCBzYFVaxfALxhrESQY 17 127.0.0.1 35575 127.0.0.1 62201 1795344190";

describe("parseReplayFile()", () => {
  it("reads what formatReplayLine() writes, which is C's line", () => {
    const { entries, bad } = parseReplayFile(`${REPLAY_HEADER}\n${C_LINE}\n`);
    assert.deepEqual(bad, []);
    assert.equal(entries.length, 1);
    assert.equal(formatReplayLine(entries[0]!), C_LINE);
    assert.equal(entries[0]!.createdAt, 1795344190);
  });

  it("reads the three forms of the Perl programs", () => {
    const sum = "36wD3+KXvmfLyEJBZ8dYWS0ehj/IFrzZ0g6pDSlB4dk";
    const { entries, bad } = parseReplayFile(`127.0.0.1 ${sum} [Sun Nov 22 10:47:59 2026]\n127.0.0.2 ${sum}\n${sum}\n`);
    assert.deepEqual(bad, []);
    assert.deepEqual(entries.map((entry) => [entry.digest, entry.createdAt]), [[sum, Date.UTC(2026, 10, 22, 10, 47, 59) / 1000], [sum, 0], [sum, 0]]);
    assert.deepEqual(entries[0]!.source, parseIp("127.0.0.1"));
  });

  it("reports bad lines by number and goes on", () => {
    const { entries, bad } = parseReplayFile(`# c\n; c\n\ngarbage here\n${C_LINE.slice(0, 60)}\n${C_LINE}\r\n\0\0\0\n`);
    assert.equal(entries.length, 1);
    assert.deepEqual(bad.map(({ line }) => line), [4, 5, 7]);
  });

  it("reads the lines of IPv6 packets", () => {
    const line = C_LINE.replaceAll("127.0.0.1", "2001:db8::1");
    const { entries } = parseReplayFile(line);
    assert.equal(formatReplayLine(entries[0]!), line);
  });
});

describe("replayDigest()", () => {
  it("equals C's digest of an untampered packet", () => {
    // SHA-256 of the text, computed by another program: printf %s … | openssl dgst -sha256 -binary | base64
    assert.equal(replayDigest(utf8Bytes("A".repeat(162)), false), "6MauPT8F1T1YIA2z8xODhh1DTGq79m+C6SUyECkFihA");
  });

  it("is the same for texts that differ only in bits that a decoder ignores", () => {
    // 161 characters and the prefix of ten: 171 = 3 modulo 4, two bits unused.
    const packet = "B".repeat(160);
    const digests = new Set(["Q", "R", "S", "T"].map((last) => replayDigest(utf8Bytes(packet + last), false)));
    assert.equal(digests.size, 1);
    assert.notEqual(replayDigest(utf8Bytes(`${packet}U`), false), [...digests][0]);
  });

  it("keeps those bits apart where an HMAC vouches for the text", () => {
    const packet = "B".repeat(160);
    assert.notEqual(replayDigest(utf8Bytes(`${packet}Q`), true), replayDigest(utf8Bytes(`${packet}R`), true));
  });
});

describe("ReplayMemory", () => {
  it("keeps the first arrival of a packet", () => {
    const memory = new ReplayMemory();
    const entry = (createdAt: number) => ({ digest: plaintextDigests("x", "y")[0], protocol: 17, source: undefined, sourcePort: 0, destination: undefined, destinationPort: 0, createdAt });
    memory.add(entry(1));
    memory.add(entry(2));
    assert.equal(memory.size, 1);
    assert.equal(memory.find(entry(3).digest)?.createdAt, 1);
    assert.equal(memory.find("other"), undefined);
  });
});
