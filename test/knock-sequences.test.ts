import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { encryptedKnocks } from "../src/client/port-knocks.ts";
import type { AccessStanza } from "../src/config/access-config.ts";
import type { LoggedPacket } from "../src/firewall-log.ts";
import { KNOCK_NUMBERS, MAX_STRANGERS, parseKnock, type PortKnock } from "../src/port-knock.ts";
import { KnockSequences, MAX_SOURCES } from "../src/server/knock-sequences.ts";
import { generator } from "./support/gen.ts";
import { addresses, ip, stanza } from "./support/stanza.ts";

const random = generator("knock-sequences");
const SEQUENCE = ["tcp/5501", "udp/1001", "icmp", "tcp/5501", "tcp/20"];
const knocksOf = (words: readonly string[]): readonly PortKnock[] => words.map((word) => parseKnock(word)!);
const shared = (overrides: Partial<AccessStanza> = {}): KnockSequences => new KnockSequences(stanza({ SHARED_SEQUENCE: knocksOf(SEQUENCE), KNOCK_INTERVAL: 60, ...overrides }));
const encrypted = (overrides: Partial<AccessStanza> = {}): KnockSequences => new KnockSequences(stanza({ ENCRYPT_SEQUENCE: true, PORT_OFFSET: 61000, KNOCK_INTERVAL: 60, ...overrides }));

let ports = 0;
/** A packet by a port of its own, as each connection has one. */
function packet(knock: PortKnock, source = "192.0.2.7", sourcePort = 1024 + (ports++ % 60_000)): LoggedPacket {
  const isIcmp = knock.protocol === "icmp";
  return { payload: new Uint8Array(0), source: ip(source), destination: ip("192.0.2.1"), protocol: KNOCK_NUMBERS[knock.protocol], sourcePort: isIcmp ? 0 : sourcePort, destinationPort: isIcmp ? 0 : knock.port, timestamp: 0 };
}

/** Knocks once a second, or when the second words say: what the last knock made of it. */
function knock(sequences: KnockSequences, knocks: readonly PortKnock[], { source = "192.0.2.7", gap = 1, from = 0 }: { source?: string; gap?: number; from?: number } = {}): string | undefined {
  let end: ReturnType<KnockSequences["hear"]>;
  for (const [at, each] of knocks.entries()) end = sequences.hear(packet(each, source), from + at * gap);
  return end?.kind === "broken" ? end.why : end?.kind;
}

describe("KnockSequences, shared", () => {
  it("hears the sequence in its order, of each source by itself, and again", () => {
    const sequences = shared();
    const knocks = knocksOf(SEQUENCE);
    for (const [at, each] of knocks.slice(0, -1).entries()) {
      for (const source of ["192.0.2.7", "192.0.2.8", "2001:db8::1"]) assert.equal(sequences.hear(packet(each, source), at), undefined);
    }
    assert.deepEqual(sequences.hear(packet(knocks.at(-1)!, "192.0.2.8"), 5), { kind: "complete", spelled: undefined, syn: undefined });
    assert.equal(knock(sequences, knocks.slice(-1), { from: 5 }), "complete");
    assert.equal(sequences.size, 1);
    assert.equal(knock(sequences, knocks, { from: 6 }), "complete");
  });

  it("hears no other order, no other protocol and no part of it", () => {
    const knocks = knocksOf(SEQUENCE);
    for (const wrong of [knocks.toReversed(), knocks.slice(1), knocks.slice(0, -1), knocksOf(["tcp/5501", "tcp/1001", "icmp", "tcp/5501", "tcp/20"]), knocksOf(["tcp/5501", "udp/1001", "tcp/5501", "icmp", "tcp/20"])]) {
      assert.notEqual(knock(shared(), wrong), "complete");
    }
  });

  it("holds to both sides of each limit", () => {
    const knocks = knocksOf(SEQUENCE);
    for (const [limits, gap, isHeard] of [
      [{ KNOCK_INTERVAL: 8 }, 2, true], [{ KNOCK_INTERVAL: 8 }, 2.01, false], [{ MAX_TIME_DIFF: 2 }, 2.4, true], [{ MAX_TIME_DIFF: 2 }, 2.6, false],
      [{ MIN_TIME_DIFF: 2 }, 1.6, true], [{ MIN_TIME_DIFF: 2 }, 1.4, false], [{ MIN_TIME_DIFF: 0 }, 0, true], [{ MIN_TIME_DIFF: 1 }, 0, false],
    ] as const) assert.equal(knock(shared(limits), knocks, { gap }) === "complete", isHeard, JSON.stringify([limits, gap]));
  });

  it("tells why a source has to begin anew", () => {
    const [first, second] = knocksOf(SEQUENCE) as [PortKnock, PortKnock];
    const why = (limits: Partial<AccessStanza>, gap: number): unknown => {
      const sequences = shared(limits);
      sequences.hear(packet(first), 0);
      return sequences.hear(packet(second), gap);
    };
    assert.deepEqual(why({}, 61), { kind: "broken", count: 1, why: "not done within 60 s (KNOCK_INTERVAL)" });
    assert.deepEqual(why({ MAX_TIME_DIFF: 2 }, 3), { kind: "broken", count: 1, why: "the next knock did not come within 2 s (MAX_TIME_DIFF)" });
    assert.deepEqual(why({ MIN_TIME_DIFF: 2 }, 1), { kind: "broken", count: 1, why: "the next knock came before 2 s (MIN_TIME_DIFF)" });
    const sequences = shared();
    sequences.hear(packet(first), 0);
    for (let count = 0; count < MAX_STRANGERS; count++) assert.equal(sequences.hear(packet({ protocol: "tcp", port: 7 }), 1), undefined);
    assert.deepEqual(sequences.hear(packet({ protocol: "tcp", port: 7 }), 1), { kind: "broken", count: 1, why: "too many other packets in its midst" });
    assert.equal(sequences.size, 0);
  });

  it("takes the first packet of a connection once, however often it is sent or logged", () => {
    const sequences = shared({ SHARED_SEQUENCE: knocksOf(["tcp/1", "tcp/1", "udp/2"]) });
    for (let count = 0; count < 20; count++) assert.equal(sequences.hear(packet({ protocol: "tcp", port: 1 }, "192.0.2.7", 4000), count), undefined);
    assert.equal(sequences.hear(packet({ protocol: "udp", port: 2 }), 20), undefined, "tcp/1 came once");
    assert.equal(sequences.hear(packet({ protocol: "tcp", port: 1 }), 21), undefined);
    assert.equal(sequences.hear(packet({ protocol: "udp", port: 2 }), 22)?.kind, "complete");
  });

  it("hears any sequence embedded in as much noise as is allowed, and in no more", () => {
    for (let round = 0; round < 300; round++) {
      const sequence = Array.from({ length: random.between(2, 8) }, (): PortKnock => ({ protocol: random.below(2) === 0 ? "tcp" : "udp", port: random.between(1, 999) }));
      const embed = (count: number): PortKnock[] => {
        const knocks = [...sequence];
        // Between the first and the last.
        for (let left = count; left > 0; left--) knocks.splice(random.between(1, knocks.length - 1), 0, { protocol: "tcp", port: random.between(1000, 65535) });
        return knocks;
      };
      const noise = random.between(0, MAX_STRANGERS);
      assert.equal(knock(shared({ SHARED_SEQUENCE: sequence }), embed(noise)), "complete", JSON.stringify(sequence));
      assert.notEqual(knock(shared({ SHARED_SEQUENCE: sequence }), embed(MAX_STRANGERS + 1)), "complete", JSON.stringify(sequence));
    }
  });

  it("is not opened by a sweep of all ports, up, down or shuffled", () => {
    const all = Array.from({ length: 65_535 }, (_, at): PortKnock => ({ protocol: "tcp", port: at + 1 }));
    const shuffled = [...all];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = random.below(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
    }
    const sequences = [["tcp/1000", "tcp/2000", "tcp/3000"], ["tcp/9000", "tcp/8000", "tcp/20"], ["tcp/1000", "tcp/1007"]].map((words) => shared({ SHARED_SEQUENCE: knocksOf(words) }));
    for (const sweep of [all, all.toReversed(), shuffled]) {
      for (const each of [...sequences, encrypted()]) {
        for (const probe of sweep) assert.notEqual(each.hear(packet(probe, "203.0.113.9"), 0)?.kind, "complete");
        assert(each.size <= 1);
      }
    }
  });

  it("remembers a bounded number of sources, and no scanner pushes out who knocks on", () => {
    const sequences = shared();
    const [first, second, ...others] = knocksOf(SEQUENCE) as [PortKnock, PortKnock, ...PortKnock[]];
    const stranger = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    let number = 0;
    const flood = (knocks: readonly PortKnock[], count: number): void => {
      for (let left = count; left > 0; left--, number++) for (const each of knocks) sequences.hear(packet(each, stranger(number)), 0);
    };
    flood(knocksOf(["tcp/1", "udp/5501", "tcp/1001"]), 50_000);
    assert.equal(sequences.size, 0, "what begins no sequence leaves nothing behind");
    sequences.hear(packet(first), 0);
    for (const each of [second, ...others]) {
      flood([first, second], MAX_SOURCES - 1);
      assert.equal(sequences.size, MAX_SOURCES);
      const end = sequences.hear(packet(each), 0);
      assert.equal(end?.kind, each === others.at(-1) ? "complete" : undefined);
    }
  });

  it("is for the stanza's addresses, and counts the grants of each where they are limited", () => {
    const sequences = shared({ SOURCE: addresses("192.0.2.0/24"), DESTINATION: addresses("192.0.2.1"), KNOCK_LIMIT: 2 });
    assert.deepEqual(["192.0.2.9", "192.0.3.9"].map((source) => sequences.concerns(packet({ protocol: "icmp" }, source))), [true, false]);
    assert.equal(sequences.concerns({ ...packet({ protocol: "icmp" }), destination: ip("192.0.2.2") }), false);
    sequences.countGrant(ip("192.0.2.9"));
    sequences.countGrant(ip("192.0.2.9"));
    assert.deepEqual(["192.0.2.9", "192.0.2.8"].map((source) => sequences.grantsTo(ip(source))), [2, 0]);
    const unlimited = shared();
    unlimited.countGrant(ip("192.0.2.9"));
    assert.equal(unlimited.grantsTo(ip("192.0.2.9")), 0);
  });
});

describe("KnockSequences, encrypted", () => {
  const spell = (offset = 61000, isRotated = false): readonly PortKnock[] =>
    encryptedKnocks({ address: ip("203.0.113.5"), access: { protocol: "tcp", port: 22 }, username: "alice", key: utf8Bytes("knock key"), salt: random.bytes(8), offset, isRotated });

  it("gives what 32 knocks spell, over whatever protocols and by whatever offset", () => {
    for (const offset of [1, 61000, 65280]) {
      for (const isRotated of [false, true]) {
        const sequences = encrypted({ PORT_OFFSET: offset });
        const knocks = spell(offset, isRotated);
        let end: ReturnType<KnockSequences["hear"]>;
        for (const [at, each] of knocks.entries()) {
          assert.equal(end, undefined);
          sequences.hear(packet({ protocol: "tcp", port: offset > 500 ? 22 : 65000 }), at); // another port is no part of it
          sequences.hear(packet({ protocol: "icmp" }), at);
          end = sequences.hear(packet(each), at);
        }
        assert.deepEqual(end, { kind: "complete", spelled: Uint8Array.from(knocks, (each) => (each.protocol === "icmp" ? 0 : each.port) - offset), syn: undefined });
      }
    }
  });

  it("hears nothing that begins otherwise, and nothing by another offset", () => {
    const knocks = [...spell()];
    for (let at = 0; at < 8; at++) {
      const wrong = knocks.with(at, { protocol: "tcp", port: 61001 });
      assert.notEqual(knock(encrypted(), wrong), "complete", String(at));
    }
    assert.equal(knock(encrypted({ PORT_OFFSET: 61001 }), knocks), undefined);
  });

  it("has to be done in KNOCK_INTERVAL", () => {
    assert.equal(knock(encrypted({ KNOCK_INTERVAL: 31 }), spell()), "complete");
    assert.notEqual(knock(encrypted({ KNOCK_INTERVAL: 30 }), spell()), "complete");
  });

  it("keeps the fingerprint of the last packet that has one", () => {
    const sequences = encrypted();
    const syn = (window: number) => ({ window, ttl: 64, dontFragment: true, length: 60, options: new Uint8Array(0) });
    let end: ReturnType<KnockSequences["hear"]>;
    for (const [at, each] of spell().entries()) end = sequences.hear({ ...packet(each), ...(at < 31 && { syn: syn(at) }) }, at);
    assert(end?.kind === "complete");
    assert.equal(end.syn?.window, 30);
  });
});
