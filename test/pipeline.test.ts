import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import type { AccessStanza } from "../src/config/access-config.ts";
import type { DaemonConfig } from "../src/config/daemon-config.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { encodeMessage, type Message, sealOpenPgp } from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { formatIp } from "../src/ip.ts";
import type { OpenPgpAnswer } from "../src/server/decision-request.ts";
import { formatJson, formatLine, type LogRecord } from "../src/server/log-record.ts";
import { Pipeline, type PipelineEffects } from "../src/server/pipeline.ts";
import { ReplayMemory } from "../src/server/replay.ts";
import { sha256 } from "../src/sha.ts";
import { generator } from "./support/gen.ts";
import { addresses, config, datagram, message, NOW, packetFor, ports, stanza } from "./support/stanza.ts";

const gen = generator("pipeline");

/** A packet with the HMAC of {@link stanza}; what is in it, the test's own gpg says. */
function openPgpPacket(): string {
  return sealOpenPgp(Uint8Array.of(0x85, 1, 12, 3, ...gen.bytes(400)), { hmac: new HmacKey(sha256, stanza().HMAC_KEY!) });
}

const OPENPGP: Partial<AccessStanza> = { ENABLE_GPG: true, ENCRYPTION_MODE: "asymmetric", GPG_DISABLE_SIG: true };

/** A pipeline with hands that only write down. */
function bench(changes: { stanzas?: readonly AccessStanza[]; config?: Partial<DaemonConfig>; effects?: Partial<PipelineEffects>; testMode?: boolean } = {}) {
  const records: LogRecord[] = [];
  const grants: Grant[] = [];
  const done: string[] = [];
  const settings = { config: config(changes.config), stanzas: changes.stanzas ?? [stanza()], testMode: changes.testMode ?? false };
  const pipeline = new Pipeline(settings, new ReplayMemory(), {
    log: (record) => void records.push(record),
    now: () => NOW,
    monotonicMs: () => 0,
    remember: async (entries) => void done.push(...entries.map(() => "remember")),
    async open(grant) {
      done.push("open");
      grants.push(grant);
      return { ok: true, renewed: false, expiresAt: grant.expiresAt, rules: [{ chain: "FWKNOP_INPUT", words: ["-s", formatIp(grant.source), "-j", "ACCEPT"] }] };
    },
    resolveHost: async () => undefined,
    answer: async () => ({ ok: false, reason: "No data" }),
    runCommand: async () => void done.push("command"),
    runCycle: async () => void done.push("cycle"),
    ...changes.effects,
  });
  return {
    pipeline, records, grants, done, settings,
    shown: (): readonly LogRecord[] => records.filter(({ level }) => level !== "debug"),
    async send(fields: Partial<Message> = {}, sealedFor: AccessStanza = stanza()): Promise<void> {
      await pipeline.handle(datagram(packetFor(sealedFor, message(fields), gen)));
      await pipeline.settle();
    },
  };
}

describe("Pipeline tells a grant in one final line", () => {
  it("with source, stanza, user, clock, ports, end and rule, and the same as JSON", async () => {
    const { send, shown } = bench();
    await send({ timestamp: NOW - 7 });
    const [taken, final, ...others] = shown();
    assert.match(taken!.message, /\(stanza #1\) SPA Packet from IP: 192\.0\.2\.7 /);
    assert.equal(formatLine(final!), `[192.0.2.7] (stanza #1) Granted tcp/22 for 203.0.113.5 for 30 s, expires at ${NOW + 30} (user alice, clock 7 s behind) by FWKNOP_INPUT -s 203.0.113.5 -j ACCEPT`);
    assert.deepEqual(JSON.parse(formatJson(final!, NOW * 1000)), {
      time: new Date(NOW * 1000).toISOString(), level: "info", message: final!.message,
      source: "192.0.2.7", stanza: 1, user: "alice", skew: -7, address: "203.0.113.5", ports: "tcp/22",
      verdict: "granted", expiresAt: NOW + 30, rule: "FWKNOP_INPUT -s 203.0.113.5 -j ACCEPT",
    });
    assert.deepEqual(others, []);
  });

  it("with the time that was given, however long the firewall took", async () => {
    let now = NOW + 0.9;
    const { send, shown } = bench({
      effects: {
        now: () => now,
        async open({ expiresAt }) {
          now += 2;
          return { ok: true, renewed: false, expiresAt, rules: [] };
        },
      },
    });
    await send();
    assert.match(shown().at(-1)!.message, new RegExp(` for 30 s, expires at ${NOW + 30} `));
  });

  it("as renewed when all of it was open, as failed when the firewall says no", async () => {
    for (const [outcome, text, verdict] of [
      [{ ok: true as const, renewed: true, expiresAt: NOW + 99, rules: [] }, /Renewed tcp\/22 for 203\.0\.113\.5 for 99 s/, "renewed"],
      [{ ok: false as const, reason: "locked" }, /Could not grant tcp\/22 to 203\.0\.113\.5: locked \(user alice, clock 3 s ahead\)/, "failed"],
    ] as const) {
      const { send, shown } = bench({ effects: { open: async () => outcome } });
      await send({ timestamp: NOW + 3 });
      const final = shown().at(-1)!;
      assert.match(final.message, text);
      assert.equal(final.fields?.["verdict"], verdict);
      assert.equal(final.fields?.["skew"], 3);
    }
  });

  it("names the target of NAT, and one that no name leads to", async () => {
    const natConfig = { ENABLE_IPT_FORWARDING: true };
    const request = { type: 2 as const, natAccess: "10.0.0.5,22", message: "203.0.113.5,tcp/2222" };
    const granting = bench({ config: natConfig });
    await granting.send(request);
    assert.match(granting.shown().at(-1)!.message, /Granted tcp\/2222 for 203\.0\.113\.5 through NAT to 10\.0\.0\.5:22 /);
    await granting.send({ ...request, message: "fd00::5,tcp/2222", natAccess: "fd01::5,22" });
    assert.match(granting.shown().at(-1)!.message, /Granted tcp\/2222 for fd00::5 through NAT to \[fd01::5\]:22 /);
    const lost = bench({ config: natConfig });
    await lost.send({ ...request, natAccess: "nowhere.example,22" });
    assert.match(lost.shown().at(-1)!.message, /Unable to resolve Hostname in NAT SPA message: nowhere\.example/);
    assert.deepEqual(lost.grants, []);
  });
});

describe("Pipeline tells a refusal in one final line", () => {
  const first = (): AccessStanza => stanza({ HMAC_KEY: utf8Bytes("another") });

  it("of the stanza that knew the sender; the others are for the debugging reader", async () => {
    const { send, shown, records } = bench({ stanzas: [first(), stanza({ number: 2, OPEN_PORTS: ports("tcp/80") }), stanza({ number: 3, SOURCE: addresses("10.0.0.0/8") })] });
    await send();
    assert.deepEqual(shown().map(({ message: text }) => /#(\d)/.exec(text)?.[1]), ["2", "2"], "SPA Packet, and the refusal");
    assert.match(shown()[1]!.message, /\(stanza #2\) One or more requested protocol\/ports was denied .* \(user alice, clock exact\)$/);
    assert.deepEqual(shown()[1]!.fields, { source: "192.0.2.7", stanza: 2, user: "alice", skew: 0, verdict: "refused", reason: "ports" });
    assert(records.some(({ level, message: text }) => level === "debug" && text.includes("(stanza #1) Non-corresponding HMAC")));
    assert(records.some(({ level, message: text }) => level === "debug" && /\(stanza #3\).*filtered by SOURCE/.test(text)));
  });

  it("and a grant by the second stanza says nothing of the first", async () => {
    const { send, shown } = bench({ stanzas: [first(), stanza({ number: 2 })] });
    await send();
    assert.deepEqual(shown().map(({ message: text }) => /#(\d)/.exec(text)?.[1]), ["2", "2"]);
  });

  it("of which there is one for a packet, whatever else is said of it on the way", async () => {
    const denying = stanza({ OPEN_PORTS: ports("tcp/80") });
    for (const [last, verdict] of [[stanza({ number: 2, RESTRICT_PORTS: ports("tcp/22") }), "refused"], [stanza({ number: 2 }), "granted"]] as const) {
      const { send, shown } = bench({ stanzas: [denying, last] });
      await send();
      assert.equal(shown().filter(({ message: text }) => text.includes("(stanza #1) One or more requested")).length, 1, "it knew the sender");
      assert.deepEqual(shown().flatMap(({ fields }) => fields?.["verdict"] ?? []), [verdict]);
    }
  });

  it("of an expired stanza once, and later for the debugging reader", async () => {
    const { send, shown, records } = bench({ stanzas: [stanza({ ACCESS_EXPIRE: NOW - 1 })] });
    for (let at = 0; at < 3; at++) await send();
    const expired = (among: readonly LogRecord[]): number => among.filter(({ message: text }) => /has expired/.test(text)).length;
    assert.deepEqual([expired(shown()), expired(records)], [1, 3]);
  });

  it("a hundred times a minute, and then as a number", async () => {
    const { pipeline, shown } = bench();
    for (let at = 0; at < 250; at++) pipeline.handle(datagram("A".repeat(200)));
    assert.equal(shown().filter(({ fields }) => fields?.["reason"] === "hmac").length, 100);
    pipeline.tellSuppressed(true);
    assert.match(shown().at(-1)!.message, /150 more packets were refused \(hmac\)/);
  });
});

describe("Pipeline acts", () => {
  it("on what is on the disk: remember comes before open", async () => {
    const { send, done } = bench();
    await send();
    assert.deepEqual(done, ["remember", "open"]);
  });

  it("on nothing in test mode", async () => {
    for (const overrides of [{}, { CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_TIMER: 5 }, { EXTERNAL_CMD_OPEN: "/bin/true" }]) {
      const { send, done, shown } = bench({ testMode: true, stanzas: [stanza(overrides)] });
      await send();
      assert.deepEqual(done, []);
      assert.match(shown().at(-1)!.message, /--test mode enabled, skipping/);
    }
    const { send, done } = bench({ testMode: true, stanzas: [stanza({ ENABLE_CMD_EXEC: true })] });
    await send({ type: 0, message: "203.0.113.5,/bin/true" });
    assert.deepEqual(done, []);
  });

  it("by the stanzas of its arrival although others came while gpg worked", async () => {
    const answers: ((answer: OpenPgpAnswer) => void)[] = [];
    const { pipeline, grants, settings } = bench({
      stanzas: [stanza(OPENPGP), stanza({ ...OPENPGP, number: 2 })],
      effects: { answer: () => new Promise((resolve) => answers.push(resolve)) },
    });
    assert.equal(pipeline.handle(datagram(openPgpPacket())), undefined);
    pipeline.reconfigure({ ...settings, stanzas: [stanza({ HMAC_KEY: utf8Bytes("new keys") })] });
    answers.shift()!({ ok: false, reason: "No secret key" });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answers.length, 1, "the HMAC key of the second stanza of before still verifies");
    answers.shift()!({ ok: true, plaintext: utf8Bytes(encodeMessage(message()).plaintext), signatures: [] });
    await pipeline.settle();
    assert.equal(grants.length, 1);
  });

  it("on other packets while gpg works, whatever becomes of the buffer, until four wait for it", async () => {
    const answers: ((answer: OpenPgpAnswer) => void)[] = [];
    const decrypted: Uint8Array[] = [];
    const { pipeline, send, grants } = bench({
      stanzas: [stanza(OPENPGP), stanza({ number: 2, HMAC_KEY: utf8Bytes("of the second") })],
      effects: {
        answer: (request) => {
          assert(request.kind === "openpgp");
          decrypted.push(request.message);
          return new Promise((resolve) => answers.push(resolve));
        },
      },
    });
    const first = datagram(openPgpPacket());
    assert.equal(pipeline.handle(first), undefined);
    const before = decrypted.at(-1)!.slice();
    first.payload.fill(0);
    for (const address of [first.source, first.destination]) address.bytes.fill(0);
    assert.deepEqual(decrypted.at(-1), before);
    void send({}, stanza({ HMAC_KEY: utf8Bytes("of the second") }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(grants.length, 1, "the other packet did not wait");
    assert.deepEqual([1, 2, 3].map(() => pipeline.handle(datagram(openPgpPacket())) instanceof Promise), [false, false, true]);
    for (const answer of answers) answer({ ok: true, plaintext: utf8Bytes(encodeMessage(message({ message: "0.0.0.0,tcp/22" })).plaintext), signatures: [] });
    await pipeline.settle();
    assert.deepEqual(grants.slice(1).map(({ source }) => formatIp(source)), ["192.0.2.7"], "and three repetitions of what was in it");
  });

  it("once on two copies between which gpg had no time to answer", async () => {
    const answers: (() => void)[] = [];
    const { plaintext } = encodeMessage(message({ random: "9876543210987654" }));
    const { pipeline, grants, shown } = bench({
      stanzas: [stanza(OPENPGP)],
      effects: { answer: () => new Promise((resolve) => answers.push(() => resolve({ ok: true, plaintext: utf8Bytes(plaintext), signatures: [] }))) },
    });
    const packet = openPgpPacket();
    for (const copy of [packet, packet]) pipeline.handle(datagram(copy));
    assert.equal(answers.length, 2);
    for (const answer of answers) answer();
    await pipeline.settle();
    assert.equal(grants.length, 1);
    assert(shown().some(({ fields }) => fields?.["reason"] === "replay"));
  });

  it("and wipes the keys of a configuration that is replaced", () => {
    const before = stanza({ KEY: utf8Bytes("secret"), HMAC_KEY: utf8Bytes("another"), GPG_DECRYPT_PW: utf8Bytes("third") });
    const { pipeline, settings } = bench({ stanzas: [before] });
    pipeline.reconfigure({ ...settings, stanzas: [stanza()] });
    for (const key of [before.KEY!, before.HMAC_KEY!, before.GPG_DECRYPT_PW!]) assert(key.every((byte) => byte === 0));
  });
});

describe("external commands and ports", () => {
  const open = { EXTERNAL_CMD_OPEN: "/bin/true", OPEN_PORTS: ports("tcp/80") };

  it("are checked by the stanza, unless FIREWALL_TYPE external_cmd leaves them to the command", async () => {
    const checked = bench({ stanzas: [stanza(open)] });
    await checked.send();
    assert.deepEqual(checked.done, ["remember"]);
    const left = bench({ stanzas: [stanza(open)], config: { FIREWALL_TYPE: "external_cmd", ENABLE_EXTERNAL_CMDS: true } });
    await left.send();
    assert.deepEqual(left.done, ["remember", "cycle"]);
  });
});

