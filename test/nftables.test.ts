import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../src/firewall/backend.ts";
import type { Grant, NatTarget } from "../src/firewall/grant.ts";
import { createNftables, type NftablesSettings } from "../src/firewall/nftables.ts";
import { createPrint } from "../src/firewall/print.ts";
import { Firewall, type FirewallOptions } from "../src/node/firewall/firewall.ts";
import { FakeNft } from "./support/fake-nft.ts";
import { ip, keepingLog } from "./support/firewall-fixture.ts";
import { generator } from "./support/gen.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { nftSettings } from "./support/nft-host.ts";

const NOW = 1_700_000_000;
const THEIRS = `add table inet filter
add chain inet filter input { type filter hook input priority 0; policy drop; }
add rule inet filter input ct state established,related accept
add chain inet filter forward { type filter hook forward priority 0; policy drop; }
add rule inet filter forward ct state established,related accept
add chain inet filter output { type filter hook output priority 0; policy accept; }`;

function grant(changes: Partial<Grant> = {}): Grant {
  return { source: ip("10.1.2.3"), ports: [{ protocol: "tcp", port: 22 }], expiresAt: NOW + 30, ...changes };
}

function nat(changes: Partial<NatTarget> = {}): NatTarget {
  return { kind: "forward", address: ip("192.168.10.5"), port: 22, rewriteDestination: true, wholeHost: false, ...changes };
}

const ALL: Partial<NftablesSettings> = { destinations: true, output: true, nat: true, sourceNat: true, once: true, prefixes: [{ family: 4, length: 24 }, { family: 6, length: 64 }] };

function plan(wanted: Grant, changes: Partial<NftablesSettings> = ALL, live: ReadonlyMap<string, Rule> = new Map()): string[] | string {
  const planned = createNftables(nftSettings(undefined, changes), () => NOW).rulesFor(wanted, live);
  return planned.ok ? planned.rules.map(({ table, chain, words }) => `${table} ${chain} ${words.join(" ")}`) : planned.reason;
}

const V6 = { source: ip("2001:db8::3") };
const OUTER = [{ protocol: "tcp", port: 2222 }] as const;

/** What is granted, and where it goes. */
const ELEMENTS: readonly [title: string, wanted: Grant, elements: readonly string[], changes?: Partial<NftablesSettings>][] = [
  ["several ports", grant({ ports: [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }] }), [
    "inet filter fwknop_g4 10.1.2.3 . tcp . 22", "inet filter fwknop_o4 10.1.2.3 . tcp . 22", "inet filter fwknop_g4 10.1.2.3 . udp . 53", "inet filter fwknop_o4 10.1.2.3 . udp . 53",
  ]],
  ["IPv6, without answers", grant({ ...V6, withoutOutput: true }), ["inet filter fwknop_g6 2001:db8::3 . tcp . 22"]],
  ["one address of ours", grant({ destination: ip("10.9.9.9"), withoutOutput: true }), ["inet filter fwknop_gd4 10.1.2.3 . 10.9.9.9 . tcp . 22"]],
  ["a network", grant({ source: ip("10.1.2.0"), sourcePrefix: 24, withoutOutput: true }), ["inet filter fwknop_g4_24 10.1.2.0 . tcp . 22"]],
  ["one connection", grant({ once: true, withoutOutput: true }), ["inet filter fwknop_u4 10.1.2.3 . tcp . 22"]],
  ["a host behind us", grant({ ports: OUTER, nat: nat() }), ["inet filter fwknop_f4 10.1.2.3 . 192.168.10.5 . tcp . 22", "inet fwknop fwknop_dnat4 10.1.2.3 . tcp . 2222 : 192.168.10.5 . 22"]],
  ["a host behind us, SNAT, in IPv6", grant({ ...V6, ports: OUTER, nat: nat({ address: ip("fd00::5"), sourceNat: { kind: "snat", address: ip("fd00::1") } }) }), [
    "inet filter fwknop_f6 2001:db8::3 . fd00::5 . tcp . 22", "inet fwknop fwknop_dnat6 2001:db8::3 . tcp . 2222 : fd00::5 . 22", "inet fwknop fwknop_snat6 2001:db8::3 . fd00::5 . tcp . 22 : fd00::1",
  ]],
  ["a host behind us, masqueraded, by one address of ours", grant({ ports: OUTER, destination: ip("10.9.9.9"), nat: nat({ sourceNat: { kind: "masquerade" } }) }), [
    "inet filter fwknop_f4 10.1.2.3 . 192.168.10.5 . tcp . 22", "inet fwknop fwknop_dnatd4 10.1.2.3 . 10.9.9.9 . tcp . 2222 : 192.168.10.5 . 22", "inet fwknop fwknop_masq4 10.1.2.3 . 192.168.10.5 . tcp . 22",
  ]],
  ["a whole host", grant({ nat: nat({ wholeHost: true, sourceNat: { kind: "masquerade" } }) }), [
    "inet filter fwknop_fh4 10.1.2.3 . 192.168.10.5", "inet fwknop fwknop_dnath4 10.1.2.3 : 192.168.10.5", "inet fwknop fwknop_masqh4 10.1.2.3 . 192.168.10.5",
  ]],
  ["everything behind us", grant({ nat: nat({ wholeHost: true, address: ip("0.0.0.0"), sourceNat: { kind: "snat", address: ip("192.168.10.9") } }) }), [
    "inet filter fwknop_fs4 10.1.2.3", "inet fwknop fwknop_snats4 10.1.2.3 : 192.168.10.9",
  ]],
  ["another port of ours", grant({ ports: OUTER, nat: nat({ kind: "local", address: ip("127.0.0.1") }) }), ["inet filter fwknop_g4 10.1.2.3 . tcp . 22", "inet fwknop fwknop_redir4 10.1.2.3 . tcp . 2222 : 22"]],
  ["another port of another address of ours", grant({ ports: OUTER, destination: ip("10.9.9.9"), nat: nat({ kind: "local", address: ip("10.9.9.8") }) }), [
    "inet filter fwknop_gd4 10.1.2.3 . 10.9.9.8 . tcp . 22", "inet fwknop fwknop_dnatd4 10.1.2.3 . 10.9.9.9 . tcp . 2222 : 10.9.9.8 . 22",
  ]],
  ["a host behind a guard: the port that is asked for", grant({ ports: OUTER, nat: nat() }), ["inet fwknop fwknop_g4 10.1.2.3 . tcp . 2222", "inet fwknop fwknop_dnat4 10.1.2.3 . tcp . 2222 : 192.168.10.5 . 22"], { ...ALL, mode: "guard" }],
  ["a whole host behind a guard", grant({ nat: nat({ wholeHost: true }) }), ["inet fwknop fwknop_s4 10.1.2.3", "inet fwknop fwknop_dnath4 10.1.2.3 : 192.168.10.5"], { ...ALL, mode: "guard" }],
  ["marks, in a table of ours", grant(), ["inet fwknop fwknop_g4 10.1.2.3 . tcp . 22"], { mode: "mark" }],
];

for (const [title, wanted, elements, changes] of ELEMENTS) {
  test(`rulesFor() puts ${title} into sets`, () => assert.deepEqual(plan(wanted, changes), elements));
}

const REFUSALS: readonly [reason: RegExp, wanted: Grant, changes?: Partial<NftablesSettings>][] = [
  [/^the NAT target fd00::5 is no IPv4 address, but 10\.1\.2\.3 is$/, grant({ nat: nat({ address: ip("fd00::5") }) })],
  [/^the destination fd00::5 is no IPv4/, grant({ destination: ip("fd00::5") })],
  [/which stands for none$/, grant({ source: ip("::") })],
  [/^the NAT target 0\.0\.0\.0 stands for no address$/, grant({ nat: nat({ address: ip("0.0.0.0") }) })],
  [/^forwarding is not enabled$/, grant({ nat: nat() }), {}],
  [/^source NAT is not enabled$/, grant({ nat: nat({ sourceNat: { kind: "masquerade" } }) }), { nat: true }],
  [/^a whole host cannot be granted for one connection$/, grant({ once: true, nat: nat({ wholeHost: true }) })],
  [/^no set was made for networks of \/20$/, grant({ source: ip("10.1.0.0"), sourcePrefix: 20 })],
  [/^the table ip own sees no IPv6 packets$/, grant(V6), { table: { family: "ip", name: "own" } }],
];

for (const [reason, wanted, changes] of REFUSALS) {
  test(`rulesFor() refuses: ${reason.source}`, () => assert.match(String(plan(wanted, changes)), reason));
}

test("rulesFor() refuses to bend a port that leads elsewhere for longer, and lets a later grant have it", () => {
  const backend = createNftables(nftSettings(undefined, ALL), () => NOW);
  const first = backend.rulesFor(grant({ ports: OUTER, nat: nat() }), new Map());
  assert.ok(first.ok);
  const live = new Map(first.rules.map((rule) => [rule.key, rule]));
  const other = nat({ address: ip("192.168.10.6") });
  assert.match(String(plan(grant({ ports: OUTER, nat: other, expiresAt: NOW + 20 }), ALL, live)), /tcp\/2222 leads to 192\.168\.10\.5 \. 22 until 1700000030, which is longer/);
  assert.equal(plan(grant({ ports: OUTER, nat: other, expiresAt: NOW + 40 }), ALL, live).length, 2);
});

test("createNftables() refuses what could not be a name", () => {
  for (const changes of [{ inputChain: "in put" }, { table: { family: "inet", name: "a;b" } }, { mode: "mark", mark: 0 }, { program: [""] }] as const) {
    assert.throws(() => createNftables(nftSettings(undefined, changes as Partial<NftablesSettings>), () => NOW), RangeError);
  }
});

interface Setup { readonly fake: FakeNft; readonly clock: ManualClock; readonly said: string[]; make(options?: Partial<FirewallOptions>): Firewall }

function setUp(changes: Partial<NftablesSettings> = {}): Setup {
  const clock = new ManualClock(NOW);
  const fake = new FakeNft(() => clock.wallSeconds);
  fake.type(THEIRS);
  const { log, said } = keepingLog();
  const make = (options: Partial<FirewallOptions> = {}): Firewall => new Firewall({
    backend: createNftables(nftSettings(undefined, changes), () => clock.wallSeconds), log: { ...log, debug() {} }, clock, clearAtStart: true, clearAtStop: true, gatherMs: 0, run: fake.run, ...options,
  });
  return { fake, clock, said, make };
}

test("A grant is one nft, with all of its elements; renewing it replaces time and comment", async () => {
  const { fake, clock, make } = setUp(ALL);
  const firewall = make();
  await firewall.start();
  const before = fake.calls.length;
  assert.ok((await firewall.open(grant({ ports: OUTER, nat: nat() }))).ok);
  assert.equal(fake.calls.length, before + 1);
  assert.deepEqual(fake.calls.at(-1)!.argv, ["/usr/sbin/nft", "-f", "-"]);
  assert.equal(fake.calls.at(-1)!.input, `add element inet filter fwknop_f4 { 10.1.2.3 . 192.168.10.5 . tcp . 22 timeout 1s }
delete element inet filter fwknop_f4 { 10.1.2.3 . 192.168.10.5 . tcp . 22 }
add element inet fwknop fwknop_dnat4 { 10.1.2.3 . tcp . 2222 timeout 1s : 192.168.10.5 . 22 }
delete element inet fwknop fwknop_dnat4 { 10.1.2.3 . tcp . 2222 }
add element inet filter fwknop_f4 { 10.1.2.3 . 192.168.10.5 . tcp . 22 timeout 30000ms comment "_exp_${NOW + 30}" }
add element inet fwknop fwknop_dnat4 { 10.1.2.3 . tcp . 2222 timeout 30000ms comment "_exp_${NOW + 30}" : 192.168.10.5 . 22 }
`);
  clock.advance(10);
  assert.ok((await firewall.open(grant({ ports: OUTER, nat: nat({ address: ip("192.168.10.6") }), expiresAt: NOW + 90 }))).ok);
  assert.deepEqual(fake.elements("inet fwknop", "fwknop_dnat4"), [`10.1.2.3 . tcp . 2222 : 192.168.10.6 . 22 _exp_${NOW + 90}`]);
  await firewall.stop();
});

for (const [fault, code, said] of [
  ["missing", "ENOENT", /No such file or directory/],
  ["forbidden", "EPERM", /^Not permitted to change the firewall; root or CAP_NET_ADMIN is needed: add_elements\(\) Error 1: Operation not permitted/],
  ["hanging", "TIMEOUT", /killed after/],
] as const) {
  test(`A grant does not count as open when nft is ${fault}; it is said once, with the command`, async () => {
    const { fake, said: log, make } = setUp();
    const firewall = make();
    await firewall.start();
    fake.fault = fault;
    const before = fake.calls.length;
    const results = await Promise.all([1, 2, 3, 4].map((host) => firewall.open(grant({ source: ip(`10.0.0.${host}`) }))));
    for (const result of results) {
      assert.ok(!result.ok);
      assert.match(result.reason, said);
      assert.equal(result.error?.code, code);
    }
    assert.equal(fake.calls.length, before + 1, "nobody gets in, so the batch is not taken apart");
    assert.equal(log.filter((line) => line.startsWith("error")).length, 1);
    assert.match(log.find((line) => line.startsWith("error"))!, /cmd:'\/usr\/sbin\/nft -f - <<< .*add element inet filter fwknop_g4/);
    assert.deepEqual(firewall.rules, []);
    fake.fault = undefined;
    await firewall.stop();
  });
}

test("What others add to our maps and sets is replaced; foreign rules that use a chain of ours keep it, empty", async () => {
  const { fake, said, make } = setUp(ALL);
  const firewall = make();
  await firewall.start();
  fake.type("add element inet fwknop fwknop_dnat4 { 10.1.2.3 . tcp . 2222 timeout 90s : 10.6.6.6 . 1 }");
  assert.ok((await firewall.open(grant({ ports: OUTER, nat: nat() }))).ok);
  assert.deepEqual(fake.elements("inet fwknop", "fwknop_dnat4"), [`10.1.2.3 . tcp . 2222 : 192.168.10.5 . 22 _exp_${NOW + 30}`]);
  fake.type("add chain inet filter special\nadd rule inet filter special jump fwknop_input");
  await firewall.stop();
  assert.deepEqual(fake.rules("inet filter", "fwknop_input"), []);
  assert.deepEqual(fake.rules("inet filter", "input"), ["ct state established,related accept"]);
  assert.equal(fake.rules("inet fwknop", "fwknop_prerouting"), undefined);
  assert.match(said.join("\n"), /warning: Sets and chains were emptied but stay, for other rules still refer to them/);
});

test("An idle firewall with live grants starts no program; one beside many costs one, and now and then a look without elements", async () => {
  const { fake, clock, make } = setUp();
  const firewall = make();
  await firewall.start();
  await Promise.all(Array.from({ length: 900 }, (_, at) => firewall.open(grant({ source: ip(`10.3.${at >> 8}.${at & 255}`), expiresAt: NOW + 500 }))));
  const before = fake.calls.length;
  clock.advance(20);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(fake.calls.length, before);
  for (const source of ["10.1.2.3", "10.1.2.4"]) assert.ok((await firewall.open(grant({ source: ip(source), expiresAt: NOW + 500 }))).ok);
  assert.deepEqual(fake.calls.slice(before).map(({ argv }) => argv.slice(1).join(" ")), ["-j -t list ruleset inet", "-f -", "-f -"]);
  await firewall.stop();
});

test("A guard that somebody took away is put back within the time between two searches, or when a grant ends; another mode looks for nothing", async () => {
  const { fake, clock, said, make } = setUp({ mode: "guard", guarded: [{ protocol: "tcp", first: 22, last: 22 }] });
  const firewall = make({ sweepSeconds: 300 });
  await firewall.start();
  const guard = fake.rules("inet fwknop", "fwknop_guard");
  assert.ok(guard?.some((rule) => rule.includes("drop")));
  const passes = async (seconds: number): Promise<void> => {
    clock.advance(seconds);
    await firewall.list("ours");
    await firewall.list("ours");
  };
  fake.type("delete table inet fwknop");
  await passes(299);
  assert.equal(fake.rules("inet fwknop", "fwknop_guard"), undefined);
  await passes(1);
  assert.deepEqual(fake.rules("inet fwknop", "fwknop_guard"), guard);
  assert.ok(said.includes("warning: Somebody else removed sets of ours: made again, with 0 grants whose time is not over"), said.join("\n"));

  assert.ok((await firewall.open(grant({ expiresAt: clock.wallSeconds + 1000 }))).ok);
  await passes(0);
  fake.type("delete table inet fwknop");
  const before = fake.calls.length;
  await passes(999);
  assert.deepEqual(fake.calls.slice(before).filter(({ argv }) => argv.includes("-t") || argv.includes("-f")), [], "while a grant is live");
  await passes(1);
  assert.deepEqual(fake.rules("inet fwknop", "fwknop_guard"), guard);
  await firewall.stop();

  const other = setUp();
  const unguarded = other.make({ sweepSeconds: 300 });
  await unguarded.start();
  assert.equal(other.clock.nextAlarmMs, undefined);
  await unguarded.stop();
});

test("createPrint() prints what nft would be told, from the start to the end", async () => {
  const printed: string[] = [];
  const backend = createPrint(createNftables(nftSettings(undefined), () => NOW), (text) => printed.push(text));
  const firewall = new Firewall({ backend, log: { error: assert.fail, warning() {}, info() {}, debug() {} }, clock: new ManualClock(NOW), clearAtStart: true, clearAtStop: true, gatherMs: 0 });
  await firewall.start();
  assert.ok((await firewall.open(grant())).ok);
  await firewall.stop();
  assert.match(printed.join("\n"), /^\/usr\/sbin\/nft -f - <<'EOF'\nadd set inet filter fwknop_g4 \{[\s\S]*insert rule inet filter input jump fwknop_input comment "fwknop"[\s\S]*add element inet filter fwknop_g4 \{ 10\.1\.2\.3 \. tcp \. 22 timeout 30000ms/);
  assert.doesNotMatch(printed.join("\n"), /delete table/, "there is none of ours");
  assert.match(printed.at(-1)!, /\ndelete rule inet filter input handle HANDLE\n[\s\S]*flush chain inet filter fwknop_input\n[\s\S]*delete chain inet filter fwknop_input\n[\s\S]*delete set inet filter fwknop_g4\n/);
});

test("Whatever happens to it, the firewall holds what was granted and has not ended", async () => {
  const random = generator("nftables");
  const { fake, clock, make } = setUp({ nat: true });
  let firewall = make({ clearAtStop: false });
  await firewall.start();
  /** Ends by element, as they should be. */
  const model = new Map<string, number>();
  for (let step = 0; step < 400; step++) {
    const source = `10.0.0.${random.below(6)}`.replace(/0$/, "9");
    const port = 20 + random.below(3);
    const expiresAt = Math.floor(clock.wallSeconds) + 1 + random.below(40);
    switch (random.below(8)) {
      case 0:
        clock.advance(random.below(15));
        break;
      case 1: // somebody loads their own rules again
        fake.type(`delete table inet filter\n${random.below(2) === 0 ? "delete table inet fwknop\nadd table inet fwknop\n" : ""}${THEIRS}`);
        break;
      case 2: // killed, and started again: what is gone from the firewall is forgotten
        if (fake.rules("inet filter", "fwknop_input") === undefined || fake.rules("inet fwknop", "fwknop_prerouting") === undefined) continue;
        await firewall.stop();
        firewall = make({ clearAtStart: false, clearAtStop: false });
        await firewall.start();
        break;
      case 3: {
        const wanted = grant({ source: ip(source), ports: [{ protocol: "tcp", port }], expiresAt, nat: nat({ address: ip(`10.8.0.${1 + random.below(2)}`) }) });
        const opened = await firewall.open(wanted);
        if (opened.ok) for (const rule of opened.rules) model.set(`${rule.table} ${rule.chain} ${rule.words.join(" ")}`, rule.expiresAt);
        break;
      }
      default: {
        const opened = await firewall.open(grant({ source: ip(source), ports: [{ protocol: "tcp", port }], expiresAt }));
        assert.ok(opened.ok, opened.ok ? "" : opened.reason);
        const key = `inet filter fwknop_g4 ${source} . tcp . ${port}`;
        const before = model.get(key) ?? 0;
        model.set(key, Math.max(before > clock.wallSeconds ? before : 0, expiresAt));
        break;
      }
    }
    await firewall.list("ours");
    for (const [key, end] of model) if (end <= clock.wallSeconds) model.delete(key);
    // Right after a grant everything is in its place again, whatever was taken away.
    const renewed = await firewall.open(grant({ source: ip("10.0.0.77"), expiresAt: Math.floor(clock.wallSeconds) + 50 }));
    assert.ok(renewed.ok);
    const held = ["inet filter fwknop_g4", "inet filter fwknop_f4"].flatMap((set) => {
      const [family, table, name] = set.split(" ") as [string, string, string];
      return fake.elements(`${family} ${table}`, name).map((element) => `${set} ${element}`);
    }).filter((line) => !line.includes("10.0.0.77"));
    const expected = [...model].filter(([key]) => key.startsWith("inet filter")).map(([key, end]) => `${key} _exp_${end}`);
    assert.deepEqual(held.sort(), expected.sort(), `step ${step}`);
  }
  await firewall.stop();
});
