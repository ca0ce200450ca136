import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import type { AccessStanza } from "../src/config/access-config.ts";
import type { DaemonConfig } from "../src/config/daemon-config.ts";
import type { Message } from "../src/fko.ts";
import { formatIp } from "../src/ip.ts";
import type { Datagram } from "../src/packet.ts";
import { decide } from "../src/server/decide.ts";
import type { DecisionRequest, PasswordAnswer } from "../src/server/decision-request.ts";
import { readyStanza } from "../src/server/open-packet.ts";
import { ReplayMemory } from "../src/server/replay.ts";
import type { Decision, Granted, RefusalReason } from "../src/server/verdict.ts";
import { generator } from "./support/gen.ts";
import { base64, plaintextOf } from "./support/plaintext.ts";
import { addresses, config, datagram, ip, message, NOW, packetFor, ports, sealFor, stanza } from "./support/stanza.ts";

const random = generator("decide");
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

interface Case {
  readonly stanzas?: readonly AccessStanza[];
  readonly config?: Partial<DaemonConfig>;
  readonly replay?: ReplayMemory;
  readonly now?: number;
  readonly testMode?: boolean;
}

/** Decides without OpenPGP. */
function decideNow(packet: Datagram, { stanzas = [stanza()], config: overrides = {}, replay = new ReplayMemory(), now = NOW, testMode = false }: Case = {}): Decision {
  const step = decide(packet, { config: config(overrides), stanzas: stanzas.map(readyStanza), replay, now, testMode }).next();
  assert(step.done, "asked for OpenPGP");
  return step.value;
}

const send = (fields: Partial<Message> = {}, target = stanza()): Datagram => datagram(packetFor(target, message(fields), random));

function granted(decision: Decision): Granted {
  assert.equal(decision.verdict.kind, "granted", JSON.stringify(decision.verdict));
  return decision.verdict as Granted;
}

/** What a refusal says, after its reason was checked. */
function refusedFor(decision: Decision, reason: RefusalReason): string {
  assert(decision.verdict.kind === "refused", JSON.stringify(decision.verdict));
  assert.equal(decision.verdict.reason, reason, decision.verdict.record.message);
  return decision.verdict.record.message;
}

describe("decide() grants", () => {
  it("the address inside the packet, for the stanza's time", () => {
    const { source, ports: opened, lifetimeSeconds, stanza: number, nat } = granted(decideNow(send()));
    assert.equal(formatIp(source), "203.0.113.5");
    assert.deepEqual(opened, [{ protocol: "tcp", port: 22 }]);
    assert.deepEqual([lifetimeSeconds, number, nat], [30, 1, undefined]);
  });

  it("the packet's source when the message says 0.0.0.0 or ::", () => {
    for (const address of ["0.0.0.0", "::"]) assert.equal(formatIp(granted(decideNow(send({ message: `${address},tcp/22` }))).source), "192.0.2.7");
  });

  const lifetimes: readonly (readonly [what: string, fields: Partial<Message>, overrides: Partial<AccessStanza>, seconds: number])[] = [
    ["the client's timeout", { type: 3, clientTimeout: 60 }, {}, 60],
    ["at most MAX_FW_TIMEOUT", { type: 3, clientTimeout: 65536 }, {}, 300],
    ["the stanza's time when the client's is 0", { type: 3, clientTimeout: 0 }, {}, 30],
    ["FW_ACCESS_TIMEOUT capped by MAX_FW_TIMEOUT, which C forgets", {}, { FW_ACCESS_TIMEOUT: 600 }, 300],
  ];
  for (const [what, fields, overrides, seconds] of lifetimes) {
    it(what, () => assert.equal(granted(decideNow(send(fields), { stanzas: [stanza(overrides)] })).lifetimeSeconds, seconds));
  }

  it("an early end to who asks for one second, which is how fwknop --close says it", () => {
    assert.equal(granted(decideNow(send({ type: 3, clientTimeout: 1 }))).endsEarlier, true);
    assert.equal(granted(decideNow(send({ type: 3, clientTimeout: 2 }))).endsEarlier, undefined);
  });

  it("by the second stanza what the first one refuses after opening it", () => {
    const first = stanza({ OPEN_PORTS: ports("tcp/80") });
    const second = stanza({ number: 2 });
    const decision = decideNow(send(), { stanzas: [first, second] });
    assert.equal(granted(decision).stanza, 2);
    assert(decision.notes.some(({ level, message: text }) => level === "warning" || /denied per access.conf/.test(text)));
  });

  it("by the stanza whose keys fit", () => {
    const other = stanza({ HMAC_KEY: utf8Bytes("another") });
    assert.equal(granted(decideNow(send(), { stanzas: [other, stanza({ number: 2 })] })).stanza, 2);
  });

  it("the packet's destination only with ENABLE_DESTINATION_RULE", () => {
    assert.equal(granted(decideNow(send())).destination, undefined);
    assert.deepEqual(granted(decideNow(send(), { config: { ENABLE_DESTINATION_RULE: true } })).destination, ip("192.0.2.1"));
  });
});

describe("decide() refuses", () => {
  it("what is too short to be a packet, at debug", () => {
    const decision = decideNow(datagram("A".repeat(139)));
    refusedFor(decision, "size");
    assert(decision.verdict.kind === "refused" && decision.verdict.record.level === "debug");
  });

  it("what is not base64, with the number that programs know", () => {
    assert.match(refusedFor(decideNow(datagram("!".repeat(200))), "text"), /preprocess_spa_data\(\) returned error 4098: 'Data is not an SPA message'/);
  });

  it("a source that no stanza knows, by one line", () => {
    const decision = decideNow(send(), { stanzas: [stanza({ SOURCE: addresses("10.0.0.0/8") })] });
    assert.equal(refusedFor(decision, "source"), "No access data found for source IP: 192.0.2.7");
    assert.deepEqual(decision.notes, []);
  });

  it("a destination that no stanza knows", () => {
    assert.match(refusedFor(decideNow(send(), { stanzas: [stanza({ DESTINATION: addresses("10.0.0.1") })] }), "filtered"), /\(stanza #1\) SPA packet \(192\.0\.2\.7 -> 192\.0\.2\.1\) filtered by SOURCE and\/or DESTINATION criteria/);
  });

  it("a wrong HMAC, without decryption", () => {
    const text = refusedFor(decideNow(send(), { stanzas: [stanza({ HMAC_KEY: utf8Bytes("another") })] }), "hmac");
    assert.match(text, /\(stanza #1\) Non-corresponding HMAC for this stanza/);
    assert.match(text, /stanza #1\).*\sArgs\scontain\sinvalid\sdata/);
  });

  it("a packet without an HMAC where one is required, and with one where none is", () => {
    const bare = stanza();
    delete (bare as { HMAC_KEY?: unknown }).HMAC_KEY;
    refusedFor(decideNow(send({}, bare)), "hmac");
    refusedFor(decideNow(send(), { stanzas: [bare] }), "decryption");
  });

  it("a wrong key", () => {
    assert.match(refusedFor(decideNow(send(), { stanzas: [stanza({ KEY: utf8Bytes("another") })] }), "decryption"), /Error creating fko context: Decryption failed/);
  });

  for (const [skew, words] of [[121, "behind"], [-121, "ahead"]] as const) {
    it(`a clock that is 121 s ${words}`, () => {
      const text = refusedFor(decideNow(send(), { now: NOW + skew }), "age");
      assert.match(text, /SPA data time difference is too great \(121 seconds\)/);
      assert.match(text, new RegExp(words));
    });
  }

  it("no clock that is 120 s off, and none at all without aging", () => {
    granted(decideNow(send(), { now: NOW + 120 }));
    granted(decideNow(send(), { now: NOW - 120 }));
    granted(decideNow(send(), { now: NOW + 9999, config: { ENABLE_SPA_PACKET_AGING: false } }));
  });

  it("an expired stanza", () => {
    refusedFor(decideNow(send(), { stanzas: [stanza({ ACCESS_EXPIRE: NOW - 1 })] }), "expired");
    granted(decideNow(send(), { stanzas: [stanza({ ACCESS_EXPIRE: NOW + 1 })] }));
  });

  for (const address of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) {
    it(`the address ${address} under REQUIRE_SOURCE_ADDRESS`, () => {
      assert.match(refusedFor(decideNow(send({ message: `${address},tcp/22` }), { stanzas: [stanza({ REQUIRE_SOURCE_ADDRESS: true })] }), "address"), /Got 0\.0\.0\.0 when valid source IP was required/);
    });
  }

  it("the address 0.0.0.00, which C lets past", () => {
    refusedFor(decideNow(send({ version: "1.9.12", message: "0.0.0.00,tcp/22" }), { stanzas: [stanza({ REQUIRE_SOURCE_ADDRESS: true })] }), "message");
  });

  it("a Perl client's wish for no port at all", () => {
    assert.match(refusedFor(decideNow(send({ version: "1.9.12", message: "0.0.0.0,none/0" })), "message"), /Error parsing SPA message string: Invalid SPA access message format/);
  });

  const malformed: readonly (readonly [type: string, texts: readonly string[], symbol: string])[] = [
    ...["203.0.113.5", "203.0.113.5,none/0", "203.0.113.5,tcp/0", "203.0.113.5,tcp/70000", "203.0.113.5,TCP/22", "300.1.1.1,tcp/22"].map((text) => ["1", [text], "ACCESS_VALIDFAIL"] as const),
    ["0", ["203.0.113.5, "], "MESSAGE_VALIDFAIL"],
    ["2", ["203.0.113.5,tcp/22", "10.0.0.5,99999"], "NATACCESS_VALIDFAIL"],
  ];
  for (const [type, texts, symbol] of malformed) {
    it(`the message ${texts.join(" with ")}, with libfko's words for it`, () => {
      const plaintext = plaintextOf("1234567890123456", base64("alice"), String(NOW), "3.0.0", type, ...texts.map(base64));
      const text = refusedFor(decideNow(datagram(sealFor(stanza(), plaintext, random)), { config: { ENABLE_IPT_FORWARDING: true } }), "decryption");
      assert.match(text, new RegExp(`\\(stanza #1\\) Error creating fko context: Args contain invalid data: FKO_ERROR_INVALID_DATA_DECODE_${symbol}`));
    });
  }

  it("the last stanza that came as far as another, after what it says of the others in their order", () => {
    const { verdict, notes } = decideNow(send(), { stanzas: [1, 2, 3].map((number) => stanza({ number, OPEN_PORTS: ports("tcp/80") })) });
    assert.equal(verdict.stanza, 3);
    assert.deepEqual(notes.flatMap(({ message: text }) => /^\[.*\(stanza #(\d)\) One or more/.exec(text)?.[1] ?? []), ["1", "2"]);
  });

  it("another user", () => {
    assert.match(refusedFor(decideNow(send(), { stanzas: [stanza({ REQUIRE_USERNAME: ["bob"] })] }), "user"), /Username in SPA data \(alice\) does not match required username: bob/);
  });

  const portCases: readonly (readonly [request: string, overrides: Partial<AccessStanza>, allowed: boolean])[] = [
    ["tcp/22", { OPEN_PORTS: ports("tcp/22") }, true],
    ["tcp/22", { OPEN_PORTS: ports("tcp/22,tcp/22") }, true],
    ["tcp/22,tcp/80", { OPEN_PORTS: ports("tcp/22,tcp/22") }, false],
    ["tcp/22,tcp/80", { OPEN_PORTS: ports("tcp/22") }, false],
    ["udp/22", { OPEN_PORTS: ports("tcp/22") }, false],
    ["tcp/6005", { OPEN_PORTS: ports("tcp/6000-6010") }, true],
    ["tcp/6011", { OPEN_PORTS: ports("tcp/6000-6010") }, false],
    ["tcp/22", { RESTRICT_PORTS: ports("tcp/22") }, false],
    ["tcp/22", { OPEN_PORTS: ports("tcp/22"), RESTRICT_PORTS: ports("tcp/22") }, false],
    ["tcp/80", { RESTRICT_PORTS: ports("tcp/22") }, true],
  ];
  for (const [request, overrides, allowed] of portCases) {
    const lists = Object.entries(overrides).map(([name, list]) => `${name} ${(list as { text: string }).text}`).join(", ");
    it(`${allowed ? "nothing about" : ""} ${request} under ${lists}`.trim(), () => {
      const decision = decideNow(send({ message: `203.0.113.5,${request}` }), { stanzas: [stanza(overrides)] });
      if (allowed) granted(decision);
      else assert.match(refusedFor(decision, "ports"), /stanza #1\)\sOne\sor\smore\srequested\sprotocol\/ports\swas\sdenied/);
    });
  }

  it("commands unless the stanza allows them, and NAT unless the configuration does", () => {
    assert.match(refusedFor(decideNow(send({ type: 0, message: "203.0.113.5,/bin/date" })), "command"), /Command messages are not allowed/);
    assert.equal(decideNow(send({ type: 0, message: "203.0.113.5,/bin/date" }), { stanzas: [stanza({ ENABLE_CMD_EXEC: true })] }).verdict.kind, "command");
    assert.match(refusedFor(decideNow(send({ type: 2, natAccess: "192.168.10.1,22" })), "nat"), /requested\sNAT\saccess.*not\senabled/i);
  });

  it("everything in test mode, after all checks, and remembers nothing", () => {
    const decision = decideNow(send(), { testMode: true });
    assert.match(refusedFor(decision, "test-mode"), /--test mode enabled, skipping firewall manipulation/);
    assert.deepEqual(decision.remember, []);
    refusedFor(decideNow(send(), { testMode: true, stanzas: [stanza({ RESTRICT_PORTS: ports("tcp/22") })] }), "ports");
  });
});

describe("decide() and passwords", () => {
  const required = stanza({ REQUIRE_AUTH_METHOD: "crypt", SHADOW_FILE: "/etc/shadow", REQUIRE_USERNAME: ["alice"], OPEN_PORTS: ports("tcp/22") });

  /** Decides about a packet of a stanza with a password; what is asked for, and the decision. */
  function decideBy(answer: PasswordAnswer, fields: Partial<Message>, { now = NOW, by = required } = {}) {
    const steps = decide(send(fields, by), { config: config(), stanzas: [by].map(readyStanza), replay: new ReplayMemory(), now, testMode: false });
    const asked: DecisionRequest[] = [];
    let step = steps.next();
    while (step.done !== true) {
      asked.push(step.value);
      step = steps.next(answer);
    }
    return { asked, decision: step.value };
  }

  it("asks about the user's password, and goes by the answer", () => {
    const right = decideBy({ ok: true }, { serverAuth: "crypt,a,b" });
    assert.deepEqual(right.asked, [{ kind: "password", shadowFile: "/etc/shadow", user: "alice", password: "a,b" }]);
    granted(right.decision);
    const wrong = decideBy({ ok: false, reason: "the password is wrong" }, { serverAuth: "crypt,a" });
    assert.match(refusedFor(wrong.decision, "auth"), /\(stanza #1\) Server authentication failed \(REQUIRE_AUTH_METHOD crypt\): the password is wrong \(user alice/);
    assert.equal(wrong.decision.remember.length, 1, "a guess is good for one time");
  });

  it("asks for a command message's and with a client's timeout as well", () => {
    for (const fields of [{ type: 0, message: "203.0.113.5,/bin/true" }, { type: 3, clientTimeout: 20 }] as const) {
      assert.equal(decideBy({ ok: true }, { ...fields, serverAuth: "crypt,a" }, { by: { ...required, ENABLE_CMD_EXEC: true } }).asked.length, 1);
    }
  });

  it("asks nothing of a packet that fails before, or bears none; and shows nothing of what stands there", () => {
    const refusals: readonly [RefusalReason, Partial<Message>, { readonly now?: number }?][] = [
      ["age", { serverAuth: "crypt,a" }, { now: NOW + 1000 }],
      ["user", { serverAuth: "crypt,a", username: "mallory" }],
      ["auth", {}],
      ["auth", { serverAuth: "hunter2" }],
      ["auth", { serverAuth: "crypt" }],
      ["auth", { serverAuth: "kerberos,hunter2" }],
      ["auth", { serverAuth: "Crypt,hunter2" }],
    ];
    for (const [reason, fields, more] of refusals) {
      const { asked, decision } = decideBy({ ok: true }, fields, more);
      assert.deepEqual(asked, [], JSON.stringify(fields));
      assert.doesNotMatch(refusedFor(decision, reason), /hunter2|kerberos/);
    }
  });

  for (const version of ["3.0.0", "1.9.12"]) {
    it(`shows no password of a client of ${version} to the debugging reader, as it is or in base64`, () => {
      for (const password of ["h", "hu", "hun", "hunter2"]) {
        const { decision } = decideBy({ ok: true }, { version, serverAuth: `crypt,${password}` });
        const said = decision.notes.map(({ message }) => message).join("\n");
        assert.match(said, /Server Auth: crypt,\(hidden\)/);
        assert.match(said, /Encoded Data: [^\n]*:\(hidden\)/);
        assert.doesNotMatch(said, new RegExp(Buffer.from(`crypt,${password}`).toString("base64").replace(/=+$/, "")));
      }
    });
  }

  it("refuses a copy that was accepted while the password was checked", () => {
    const replay = new ReplayMemory();
    const packet = send({ serverAuth: "crypt,a" }, required);
    const steps = [packet, packet].map((copy) => decide(copy, { config: config(), stanzas: [required].map(readyStanza), replay, now: NOW, testMode: false }));
    for (const each of steps) assert.equal(each.next().done, false);
    const [first, second] = steps.map((each) => {
      const step = each.next({ ok: true });
      assert(step.done);
      for (const entry of step.value.remember) replay.add(entry);
      return step.value;
    });
    granted(first!);
    refusedFor(second!, "replay");
  });
});

describe("decide() and repetition", () => {
  const bare = stanza();
  delete (bare as { HMAC_KEY?: unknown }).HMAC_KEY;

  /** Sends a packet and then a variant of it; tells what became of the variant. */
  function replay(target: AccessStanza, vary: (packet: string) => string, overrides: Partial<DaemonConfig> = {}): Decision {
    const memory = new ReplayMemory();
    // A plaintext of 132 characters: 160 bytes of ciphertext with its head, so the last base64 character has bits to spare.
    const packet = packetFor(target, message({ message: "203.0.113.5,tcp/22,tcp/80,tcp/443" }), random);
    const first = decideNow(datagram(packet), { stanzas: [target], replay: memory, config: overrides });
    granted(first);
    assert(first.remember.length > 0);
    for (const entry of first.remember) memory.add(entry);
    return decideNow(datagram(vary(packet)), { stanzas: [target], replay: memory, config: overrides });
  }

  const get = (packet: string) => `GET /${packet.replaceAll("+", "-").replaceAll("/", "_")} HTTP/1.1\r\nUser-Agent: Fwknop/2.6.11\r\n\r\n`;
  const variants: readonly (readonly [what: string, target: AccessStanza, vary: (packet: string) => string])[] = [
    ["the same packet", stanza(), (packet) => packet],
    ["with the prefix put back", stanza(), (packet) => `U2FsdGVkX1${packet}`],
    ["over HTTP", stanza(), get],
    ["over HTTP with the prefix put back", stanza(), (packet) => get(`U2FsdGVkX1${packet}`)],
    ["without HMAC, with = behind it", bare, (packet) => `${packet}=`],
    ["without HMAC, with unused bits changed", bare, (packet) => packet.slice(0, -1) + ALPHABET[ALPHABET.indexOf(packet.at(-1)!) ^ 1]],
  ];
  for (const [what, target, vary] of variants) {
    it(`refuses a packet that comes again: ${what}`, () => {
      const text = refusedFor(replay(target, vary, { ENABLE_SPA_OVER_HTTP: true }), "replay");
      assert.match(text, /^Replay detected from source IP: 192\.0\.2\.7, Destination proto\/port: 17\/62201, Original source IP: 192\.0\.2\.7, Original dst proto\/port: 17\/62201, Entry created: \d\d\/\d\d\/\d\d \d\d:\d\d:\d\d$/);
    });
  }

  it("refuses a packet whose HMAC was cut off for a stanza of the same key that wants none", () => {
    const stanzas = [stanza(), { ...bare, number: 2 }];
    const memory = new ReplayMemory();
    const packet = packetFor(stanza(), message(), random);
    const first = decideNow(datagram(packet), { stanzas, replay: memory });
    granted(first);
    for (const entry of first.remember) memory.add(entry);
    refusedFor(decideNow(datagram(packet), { stanzas, replay: memory }), "replay");
    refusedFor(decideNow(datagram(packet.slice(0, -43)), { stanzas, replay: memory }), "replay");
  });

  it("remembers a packet that was opened and then refused", () => {
    const decision = decideNow(send(), { stanzas: [stanza({ RESTRICT_PORTS: ports("tcp/22") })] });
    refusedFor(decision, "ports");
    assert.equal(decision.remember.length, 1);
  });

  it("remembers nothing that was not opened", () => {
    assert.deepEqual(decideNow(send(), { stanzas: [stanza({ HMAC_KEY: utf8Bytes("x") })] }).remember, []);
    assert.deepEqual(decideNow(send(), { stanzas: [stanza({ KEY: utf8Bytes("x") })] }).remember, []);
  });

  it("says it quietly when one TCP connection is heard twice within seconds, and aloud for any other repetition", () => {
    const packet = packetFor(stanza(), message(), random);
    const cases = [
      ["debug", { protocol: 6 }, {}],
      ["warning", { protocol: 6 }, { sourcePort: 40001 }],
      ["warning", { protocol: 6 }, { source: ip("192.0.2.8") }],
      ["warning", { protocol: 17 }, {}],
    ] as const;
    for (const [level, first, second] of cases) {
      const memory = new ReplayMemory();
      for (const entry of decideNow(datagram(packet, first)).remember) memory.add(entry);
      const { verdict } = decideNow(datagram(packet, { ...first, ...second }), { replay: memory });
      assert(verdict.kind === "refused" && verdict.reason === "replay");
      assert.equal(verdict.record.level, level);
    }
  });

  it("takes what a browser sends again by itself for one event, for seconds and from the same address only", () => {
    const packet = packetFor(stanza(), message(), random);
    const first = { protocol: 6, isFromHttp: true } as const;
    const cases = [
      ["debug", { sourcePort: 40001 }, NOW + 2],
      ["warning", { sourcePort: 40001 }, NOW + 11],
      ["warning", { source: ip("192.0.2.8") }, NOW + 2],
    ] as const;
    for (const [level, second, now] of cases) {
      const memory = new ReplayMemory();
      for (const entry of decideNow(datagram(packet, first)).remember) memory.add(entry);
      const { verdict } = decideNow(datagram(packet, { ...first, ...second }), { replay: memory, now });
      assert(verdict.kind === "refused" && verdict.reason === "replay");
      assert.equal(verdict.record.level, level);
    }
  });

  it("does not take another packet for a repetition", () => {
    const memory = new ReplayMemory();
    for (const entry of decideNow(send()).remember) memory.add(entry);
    granted(decideNow(send({ random: "6543210987654321" }), { replay: memory }));
  });
});

describe("decide() and HTTP", () => {
  const request = (headers: string) => {
    const packet = packetFor(stanza(), message({ message: "0.0.0.0,tcp/22" }), random).replaceAll("+", "-").replaceAll("/", "_");
    return datagram(`GET /${packet} HTTP/1.1\r\n${headers}\r\n\r\n`, { protocol: 6 });
  };
  const on = { ENABLE_SPA_OVER_HTTP: true };

  it("takes a packet out of a request only when that is enabled", () => {
    granted(decideNow(request("User-Agent: Fwknop/2.6.11"), { config: on }));
    refusedFor(decideNow(request("User-Agent: Fwknop/2.6.11")), "text");
  });

  it("takes any user agent only when that is allowed", () => {
    refusedFor(decideNow(request("User-Agent: curl/8"), { config: on }), "http");
    granted(decideNow(request("User-Agent: curl/8"), { config: { ...on, ALLOW_ANY_USER_AGENT: true } }));
  });

  const proxies = { ...on, ENABLE_X_FORWARDED_FOR: true, TRUSTED_PROXIES: addresses("192.0.2.7,10.0.0.0/8").networks };
  const forwarded: readonly (readonly [what: string, header: string, overrides: Partial<DaemonConfig>, source: string])[] = [
    ["nobody that is not trusted", "198.51.100.9", { ...proxies, TRUSTED_PROXIES: [] }, "192.0.2.7"],
    ["no header without the setting", "198.51.100.9", { ...proxies, ENABLE_X_FORWARDED_FOR: false }, "192.0.2.7"],
    ["a trusted proxy", "198.51.100.9", proxies, "198.51.100.9"],
    ["the rightmost hop that is no proxy", "203.0.113.66, 198.51.100.9, 10.1.1.1", proxies, "198.51.100.9"],
    ["nothing that is no address", "203.0.113.66, junk", proxies, "192.0.2.7"],
  ];
  for (const [what, header, overrides, source] of forwarded) {
    it(`believes ${what} about where a request comes from`, () => {
      const decision = decideNow(request(`User-Agent: Fwknop/2.6.11\r\nX-Forwarded-For: ${header}`), { config: overrides as Partial<DaemonConfig> });
      assert.equal(formatIp(granted(decision).source), source);
      if (header.includes("junk")) assert(decision.notes.some(({ message: text }) => /Error\sparsing.*IP/.test(text)));
    });
  }
});

describe("decide() and NAT", () => {
  const nat = (fields: Partial<Message>, overrides: Partial<AccessStanza>, settings: Partial<DaemonConfig>) =>
    granted(decideNow(send(fields), { stanzas: [stanza(overrides)], config: settings })).nat;
  const forwarding = { ENABLE_IPT_FORWARDING: true };

  it("forwards to the requested host", () => {
    assert.deepEqual(nat({ type: 2, natAccess: "192.168.10.5,22", message: "203.0.113.5,tcp/2222" }, {}, forwarding), { kind: "forward", host: "192.168.10.5", port: 22, rewriteDestination: true, wholeHost: false });
  });

  it("takes a NAT target that is this host for a request for another port of this host, where that is enabled", () => {
    for (const [host, kind] of [["127.0.0.1", "local"], ["::1", "local"], ["192.168.10.5", "forward"]] as const) {
      const kinds = [true, false].map((ENABLE_IPT_LOCAL_NAT) => nat({ type: 2, natAccess: `${host},22` }, {}, { ...forwarding, ENABLE_IPT_LOCAL_NAT })?.kind);
      assert.deepEqual(kinds, [kind, "forward"], host);
    }
  });

  it("forwards to FORCE_NAT's host whatever was requested", () => {
    const forced = { FORCE_NAT: { address: ip("192.168.10.7"), port: 2022 } };
    for (const fields of [{}, { type: 2, natAccess: "192.168.10.5,22" }] as Partial<Message>[]) {
      assert.deepEqual(nat(fields, forced, forwarding), { kind: "forward", host: "192.168.10.7", port: 2022, rewriteDestination: true, wholeHost: false });
    }
  });

  it("rewrites no destination with DISABLE_DNAT", () => {
    assert.equal(nat({}, { FORCE_NAT: { address: ip("192.168.10.7"), port: 22 }, DISABLE_DNAT: true }, forwarding)?.rewriteDestination, false);
  });

  it("forwards everything with FORWARD_ALL and a rewritten source, without a DNAT to nowhere", () => {
    assert.deepEqual(nat({}, { FORWARD_ALL: true, FORCE_SNAT: ip("192.168.10.9") }, forwarding), {
      kind: "forward", host: "0.0.0.0", port: 0, rewriteDestination: false, wholeHost: true, sourceNat: { kind: "snat", address: ip("192.168.10.9") },
    });
    assert.equal(nat({}, { FORWARD_ALL: true }, forwarding), undefined);
  });

  it("chooses the source as C does", () => {
    const snat = { ...forwarding, ENABLE_IPT_SNAT: true };
    const natFields: Partial<Message> = { type: 2, natAccess: "192.168.10.5,22" };
    assert.deepEqual(nat(natFields, {}, snat)?.sourceNat, { kind: "masquerade" });
    assert.deepEqual(nat(natFields, {}, { ...snat, SNAT_TRANSLATE_IP: ip("192.168.10.1") })?.sourceNat, { kind: "snat", address: ip("192.168.10.1") });
    assert.deepEqual(nat(natFields, { FORCE_MASQUERADE: true }, { ...snat, SNAT_TRANSLATE_IP: ip("192.168.10.1") })?.sourceNat, { kind: "masquerade" });
    assert.equal(nat(natFields, {}, forwarding)?.sourceNat, undefined);
    const natFields6: Partial<Message> = { type: 2, message: "fd00::5,tcp/22", natAccess: "fd01::5,22" };
    assert.deepEqual(nat(natFields6, {}, { ...snat, SNAT_TRANSLATE_IP: ip("192.168.10.1") })?.sourceNat, { kind: "masquerade" }, "of IPv6, for which there is no such address");
  });

  it("reads the ports of the Perl programs the other way round", () => {
    const verdict = granted(decideNow(send({ version: "1.9.12", type: 2, natAccess: "10.20.30.40,33022" }), { config: forwarding }));
    assert.deepEqual(verdict.ports, [{ protocol: "tcp", port: 33022 }]);
    assert.equal(verdict.nat?.port, 22);
  });

  it("asks for names only where they may be resolved", () => {
    const fields: Partial<Message> = { type: 2, natAccess: "host.example.com,22" };
    assert.equal(nat(fields, {}, forwarding)?.host, "host.example.com");
    assert.match(refusedFor(decideNow(send(fields), { config: { ...forwarding, ENABLE_NAT_DNS: false } }), "nat"), /NAT SPA message, but hostname is disabled/);
    for (const natAccess of ["-bad-,22", ",22"]) assert.match(refusedFor(decideNow(send({ type: 2, natAccess }), { config: forwarding }), "nat"), /Invalid Hostname in NAT SPA message/);
  });
});
