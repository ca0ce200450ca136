import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { type EncryptedKnocks, encryptedKnocks } from "../src/client/port-knocks.ts";
import type { AccessStanza } from "../src/config/access-config.ts";
import type { DaemonConfig } from "../src/config/daemon-config.ts";
import type { LoggedPacket } from "../src/firewall-log.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { encryptSalted } from "../src/fko.ts";
import { formatIp } from "../src/ip.ts";
import { parseFingerprints, type SynFacts } from "../src/os-fingerprint.ts";
import { KNOCK_NUMBERS, type PortKnock } from "../src/port-knock.ts";
import type { LogRecord } from "../src/server/log-record.ts";
import { Pipeline } from "../src/server/pipeline.ts";
import { type ReplayEntry, ReplayMemory } from "../src/server/replay.ts";
import { generator } from "./support/gen.ts";
import { addresses, config, datagram, ip, message, NOW, packetFor, ports, stanza } from "./support/stanza.ts";

const random = generator("decide-knocks");
const SOURCE = "192.0.2.7";
const KEY = utf8Bytes("knock key");
const encrypted = (overrides: Partial<AccessStanza> = {}): AccessStanza =>
  stanza({ ENCRYPT_SEQUENCE: true, PORT_OFFSET: 61000, KNOCK_INTERVAL: 60, KEY, OPEN_PORTS: ports("tcp/22, tcp/80"), ...overrides });
const shared = (overrides: Partial<AccessStanza> = {}): AccessStanza =>
  stanza({ SHARED_SEQUENCE: [{ protocol: "tcp", port: 7000 }, { protocol: "udp", port: 80 }], ENCRYPT_SEQUENCE: false, KNOCK_INTERVAL: 60, OPEN_PORTS: ports("tcp/22, udp/53"), ...overrides });

function spell(fields: Partial<EncryptedKnocks> = {}): readonly PortKnock[] {
  return encryptedKnocks({ address: ip("203.0.113.5"), access: { protocol: "tcp", port: 22 }, username: "alice", key: KEY, salt: random.bytes(8), offset: 61000, isRotated: false, ...fields });
}

/** Knocks for a plaintext of whatever kind. */
const spellBytes = (plaintext: Uint8Array): readonly PortKnock[] => Array.from(encryptSalted(plaintext, { mode: "perl", key: KEY, salt: random.bytes(8) }), (byte) => ({ protocol: "tcp", port: 61000 + byte }));
const SHARED: readonly PortKnock[] = [{ protocol: "tcp", port: 7000 }, { protocol: "udp", port: 80 }];

/** A pipeline with hands that only write down. */
function bench(stanzas: readonly AccessStanza[], changes: Partial<DaemonConfig> & { testMode?: boolean } = {}) {
  const records: LogRecord[] = [];
  const grants: Grant[] = [];
  const remembered: ReplayEntry[] = [];
  const { testMode = false, ...settings } = changes;
  const configuration = config({ AUTH_MODE: "KNOCK", MAX_HOPS: 20, ...settings });
  let clock = 0;
  let sourcePort = 1024;
  const pipeline = new Pipeline({ config: configuration, stanzas, testMode }, new ReplayMemory(), {
    log: (record) => void records.push(record),
    now: () => NOW,
    monotonicMs: () => (clock += 1000),
    remember: async (entries) => void remembered.push(...entries),
    async open(grant) {
      grants.push(grant);
      return { ok: true, renewed: false, expiresAt: grant.expiresAt, rules: [] };
    },
    resolveHost: async () => undefined,
    answer: async () => assert.fail("knocks ask for nothing"),
    runCommand: async () => assert.fail(),
    runCycle: async () => {},
  });
  return {
    pipeline, records, grants, remembered,
    /** Says what the last line about the knocks was. */
    async knock(knocks: readonly PortKnock[], { source = SOURCE, syn }: { source?: string; syn?: SynFacts } = {}): Promise<string> {
      const before = records.length;
      for (const each of knocks) {
        const isIcmp = each.protocol === "icmp";
        const packet: LoggedPacket = {
          payload: new Uint8Array(0), source: ip(source), destination: ip("192.0.2.1"), protocol: KNOCK_NUMBERS[each.protocol],
          sourcePort: isIcmp ? 0 : sourcePort++, destinationPort: isIcmp ? 0 : each.port, timestamp: NOW, ...(syn && { syn }),
        };
        await pipeline.handleKnock(packet);
      }
      await pipeline.settle();
      return records.slice(before).filter(({ level }) => level !== "debug").map((record) => record.message).join("\n");
    },
  };
}

describe("knocks", () => {
  it("of a shared sequence open all of OPEN_PORTS for their source, in one final line", async () => {
    const { knock, grants, remembered, records } = bench([shared()]);
    assert.match(await knock(SHARED), /^\[192\.0\.2\.7\] \(stanza #1\) Granted tcp\/22,udp\/53 for 192\.0\.2\.7 for 30 s, expires at \d+ \(by a shared sequence of knocks\) by $/);
    assert.deepEqual(grants.map(({ source, ports: opened, expiresAt }) => [formatIp(source), opened, expiresAt]), [[SOURCE, [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }], NOW + 30]]);
    assert.deepEqual(remembered, [], "it is repeated by nature");
    const { fields } = records.at(-1)!;
    assert.deepEqual([fields?.["knocks"], fields?.["user"], fields?.["skew"], fields?.["verdict"]], ["shared", undefined, undefined, "granted"]);
    assert.match(await knock(SHARED, { source: "2001:db8::7" }), /Granted tcp\/22,udp\/53 for 2001:db8::7/);
  });

  it("of an encrypted sequence open the port that they spell for the address that they spell, once", async () => {
    const { knock, grants, remembered, records } = bench([encrypted()]);
    const knocks = spell();
    assert.match(await knock(knocks), /\(stanza #1\) Granted tcp\/22 for 203\.0\.113\.5 for 30 s, expires at \d+ \(user alice, by encrypted knocks\)/);
    assert.equal(records.at(-1)!.fields?.["user"], "alice");
    assert.deepEqual(remembered.map(({ digest: { length }, createdAt }) => [length, createdAt]), [[43, NOW]]);
    assert.match(await knock(knocks), /\(stanza #1\) Replay detected from source IP: 192\.0\.2\.7/);
    assert.match(await knock(knocks, { source: "192.0.2.8" }), /Replay detected from source IP: 192\.0\.2\.8, .*Original source IP: 192\.0\.2\.7/);
    assert.match(await knock(spell({ isRotated: true, username: "" })), /Granted/);
    assert.equal(grants.length, 2);
  });

  it("meet the same policy as packets", async () => {
    const rows: readonly (readonly [target: AccessStanza, fields: Partial<EncryptedKnocks>, line: RegExp, settings?: Partial<DaemonConfig>])[] = [
      [encrypted({ REQUIRE_USERNAME: ["bob"] }), {}, /Username in SPA data \(alice\) does not match required username: bob \(user alice, by encrypted knocks\)/],
      [encrypted({ REQUIRE_USERNAME: ["bob", "alice"] }), {}, /Granted/],
      [encrypted(), { access: { protocol: "tcp", port: 23 } }, /One or more requested protocol\/ports was denied .* Requested: tcp\/23/],
      [encrypted(), { access: { protocol: "udp", port: 22 } }, /denied/],
      [encrypted(), { access: { protocol: "icmp" } }, /Error parsing SPA message string/],
      [encrypted({ REQUIRE_SOURCE_ADDRESS: true }), { address: ip("0.0.0.0") }, /Got 0\.0\.0\.0 when valid source IP was required/],
      [encrypted(), { address: ip("0.0.0.0") }, /Granted tcp\/22 for 192\.0\.2\.7/],
      [encrypted(), {}, /The address 203\.0\.113\.5 is in BLACKLIST/, { BLACKLIST: addresses("203.0.113.0/24") }],
      [encrypted({ ACCESS_EXPIRE: NOW - 1 }), {}, /Access stanza has expired/],
      [encrypted({ REQUIRE_AUTH_METHOD: "crypt" }), {}, /bears no password/],
      [encrypted({ KEY: utf8Bytes("another") }), {}, /The knocks spell nothing that the stanza's key opens/],
      [encrypted({ MAX_FW_TIMEOUT: 5 }), {}, /for 5 s/],
      [shared({ REQUIRE_SOURCE_ADDRESS: true }), {}, /Got 0\.0\.0\.0/],
      [shared({ RESTRICT_PORTS: ports("tcp/22") }), {}, /denied/],
    ];
    for (const [target, fields, line, settings] of rows) {
      assert.match(await bench([target], settings).knock(target.ENCRYPT_SEQUENCE ? spell(fields) : SHARED), line);
    }
  });

  it("from an address in BLACKLIST or for another stanza's addresses are not heard, and change nothing with -t", async () => {
    assert.equal(await bench([encrypted()], { BLACKLIST: addresses(SOURCE) }).knock(spell()), "");
    assert.equal(await bench([encrypted({ SOURCE: addresses("10.0.0.0/8") })]).knock(spell()), "");
    const { knock, grants, remembered } = bench([encrypted()], { testMode: true });
    assert.match(await knock(spell()), /--test mode enabled, skipping firewall manipulation/);
    assert.deepEqual([grants, remembered], [[], []]);
  });

  it("are taken by the stanza whose key opens them, and the others say nothing", async () => {
    const { knock } = bench([encrypted({ KEY: utf8Bytes("another") }), encrypted({ number: 2 }), encrypted({ number: 3 })]);
    assert.match(await knock(spell()), /^\[192\.0\.2\.7\] \(stanza #2\) Granted [^\n]*$/);
    assert.match(await knock(spell({ access: { protocol: "tcp", port: 9 } })), /\(stanza #3\) One or more/);
  });

  it("that spell something else than a request are refused", async () => {
    const request = [203, 0, 113, 5, 0, 22, 6];
    const sum = request.reduce((total, byte) => total + byte) % 256;
    assert.match(await bench([encrypted()]).knock(spellBytes(Uint8Array.from([...request, sum]))), /Granted/);
    for (const bytes of [[...request, sum + 1], request, [], [...request.with(6, 7), sum + 1], [...request, sum, ...utf8Bytes("a\nb")], [...request, sum, ...utf8Bytes("a/b")], [...request, sum, 0xff]]) {
      assert.match(await bench([encrypted()]).knock(spellBytes(Uint8Array.from(bytes))), /The knocks spell nothing that the stanza's key opens/, bytes.join());
    }
    assert.match(await bench([encrypted()]).knock(spellBytes(Uint8Array.from([...request.with(5, 0), sum - 22]))), /Error parsing SPA message/);
  });

  it("with any one of them changed open nothing", async () => {
    const knocks = spell() as readonly { protocol: "tcp"; port: number }[];
    for (let at = 0; at < 32; at++) {
      const { knock, grants } = bench([encrypted({ OPEN_PORTS: ports("tcp/22") })]);
      await knock(knocks.with(at, { protocol: "tcp", port: 61000 + ((knocks[at]!.port - 61000) ^ (1 << random.below(8))) }));
      assert.deepEqual(grants, [], String(at));
    }
  });

  it("open so often for one address as KNOCK_LIMIT says", async () => {
    const { knock } = bench([encrypted({ KNOCK_LIMIT: 2 })]);
    assert.match(await knock(spell()), /Granted/);
    assert.match(await knock(spell({ username: "wrong:" })), /spell nothing/);
    assert.match(await knock(spell()), /Granted/);
    assert.match(await knock(spell()), /\(stanza #1\) No more than 2 grants to one address \(KNOCK_LIMIT\)$/);
    assert.match(await knock(spell(), { source: "192.0.2.8" }), /Granted/);
  });

  it("must come from an operating system that is required", async () => {
    const { fingerprints } = parseFingerprints("S4:64:1:60:M*,S,T,N,W7:Linux:2.6:8:Linux");
    const syn: SynFacts = { window: 5840, ttl: 60, dontFragment: true, length: 60, options: Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7) };
    for (const target of [encrypted({ OS_FINGERPRINTS: fingerprints }), shared({ OS_FINGERPRINTS: fingerprints })]) {
      const { knock } = bench([target]);
      const knocks = () => (target.ENCRYPT_SEQUENCE ? spell() : SHARED);
      assert.match(await knock(knocks(), { syn }), /Granted/);
      assert.match(await knock(knocks(), { syn: { ...syn, ttl: 128 } }), /The knocks come from another operating system than is required$/);
      assert.match(await knock(knocks()), /The knocks tell no operating system: .*--log-tcp-options/);
    }
  });

  it("that nearly were a sequence are told of, others only to the debugging reader", async () => {
    const { knock, records } = bench([encrypted({ KNOCK_INTERVAL: 20 })]);
    assert.match(await knock(spell()), /^\[192\.0\.2\.7\] \(stanza #1\) Port knocking ended after 21 of 32 knocks: not done within 20 s \(KNOCK_INTERVAL\)$/);
    const early = bench([encrypted({ MIN_TIME_DIFF: 2 })]);
    assert.equal(await early.knock(spell().slice(0, 2)), "");
    assert.match(early.records.at(-1)!.message, /ended after 1 of 32 knocks: the next knock came before 2 s/);
    assert.equal(records.at(-1)!.fields?.["reason"], "sequence");
  });

  it("and packets have stanzas of their own", async () => {
    const { pipeline, grants, records } = bench([encrypted(), shared({ number: 2 })]);
    await pipeline.handle(datagram(packetFor(stanza({ KEY }), message(), random)));
    await pipeline.settle();
    assert.deepEqual(grants, []);
    assert.match(records.at(-1)!.message, /No access data found for source IP/);
  });

  it("are decided by new stanzas after a reload, whose predecessors' keys are wiped", async () => {
    const old = encrypted({ KEY: Uint8Array.from(KEY) });
    const { pipeline, knock } = bench([old]);
    pipeline.reconfigure({ config: config({ MAX_HOPS: 20 }), stanzas: [encrypted({ KEY: utf8Bytes("new") })], testMode: false });
    assert.deepEqual([...old.KEY!], Array.from(KEY, () => 0));
    assert.match(await knock(spell({ key: utf8Bytes("new") })), /Granted/);
  });
});
