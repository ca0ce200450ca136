import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pfMeaningOf, readPfListing } from "../src/firewall/_pf-listing.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { createPf } from "../src/firewall/pf.ts";
import { createPrint } from "../src/firewall/print.ts";
import { Firewall, type FirewallOptions } from "../src/node/firewall/firewall.ts";
import { FakePfctl } from "./support/fake-pfctl.ts";
import { ip, keepingLog, mortal, ports } from "./support/firewall-fixture.ts";
import { generator } from "./support/gen.ts";
import { ManualClock } from "./support/manual-clock.ts";

const NOW = 1_700_000_000;
const RECORDED = new URL("../fixtures/pf/", import.meta.url);

function grant(source: string, seconds: number, what = "tcp/22", changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: ports(what), expiresAt: NOW + seconds, ...changes };
}

interface Bench {
  readonly fake: FakePfctl;
  readonly clock: ManualClock;
  readonly said: string[];
  readonly firewall: Firewall;
  /** From now on it does nothing. */
  kill(): void;
}

function bench(changes: Partial<FirewallOptions & { table: string }> = {}, fake: FakePfctl = new FakePfctl(), clock: ManualClock = new ManualClock(NOW)): Bench {
  const { log, said } = keepingLog();
  const { run, kill } = mortal(fake.run);
  const { table, ...options } = changes;
  const firewall = new Firewall({
    backend: createPf({ program: ["/sbin/pfctl"], anchor: "fwknop", ...(table !== undefined && { table }) }),
    log, clearAtStart: true, clearAtStop: true, gatherMs: 0, run, clock, ...options,
  });
  return { fake, clock, said, firewall, kill };
}

async function settle({ firewall }: Bench): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    await firewall.list("all").catch(() => {});
  }
}

function changesOf(fake: FakePfctl): string[] {
  return fake.calls.filter(({ command }) => !command.includes("-s ") && !command.endsWith("show")).map(({ command, input }) => `${command}${input === "" ? "" : ` < ${input.trimEnd()}`}`);
}

test("readPfListing() reads each line of every recorded listing", () => {
  for (const name of readdirSync(RECORDED).filter((file) => file.endsWith(".txt"))) {
    const text = readFileSync(new URL(name, RECORDED), "utf8");
    const listed = readPfListing(text);
    assert.deepEqual(listed.map(({ line }) => `${line}\n`).join(""), text, name);
    for (const { line, label, expiresAt } of listed) {
      assert.equal(label, /label "(.*)"/.exec(line)?.[1], line);
      assert.equal(expiresAt, undefined, "none of them is ours");
      assert.equal(pfMeaningOf(line), line);
    }
  }
});

test("readPfListing() reads our rules as they are typed and as pf prints them", () => {
  const typed = "pass in quick proto 6 from 10.1.2.3 to any port 22 keep state label _exp_1700000030";
  const printed = [
    "pass in quick inet proto tcp from 10.1.2.3 to any port = ssh flags S/SA keep state label \"_exp_1700000030\"",
    "pass in quick inet proto tcp from 10.1.2.3 to any port = 22 flags S/SA keep state (source-track rule, max-src-states 3) label \"_exp_1700000030\"",
  ];
  for (const line of [typed, ...printed]) {
    assert.deepEqual(readPfListing(`${line}\n`), [{ line, label: "_exp_1700000030", expiresAt: 1_700_000_030 }]);
    assert.equal(pfMeaningOf(line), "tcp 10.1.2.3 any 22");
  }
  for (const label of ["_exp_", "_exp_x", "x_exp_1", "_exp_123456789012", "_exp_1 more"]) assert.equal(readPfListing(`pass all label "${label}"`)[0]!.expiresAt, undefined, label);
});

test("Firewall.open() ends in an event for the log, whatever the firewall's own words for that are", async () => {
  const events: unknown[] = [];
  const setup = bench({ log: { ...keepingLog().log, info: (message, fields) => void (fields && events.push([message, fields])) } });
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30));
  assert.deepEqual(events, []);
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(events, [[`Deleting rule with expire time of ${NOW + 30}.`, { event: "closed" }]]);
  await setup.firewall.stop();
});

test("createPf() runs the very commands of the C program, and loads the anchor as a whole", async () => {
  const setup = bench();
  const { fake, firewall, said, clock } = setup;
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 30, "tcp/22,udp/53"));
  await firewall.open(grant("2001:db8::5", 60, "tcp/443", { destination: ip("2001:db8::1") }));
  await firewall.open(grant("10.1.2.0", 60, "tcp/80", { sourcePrefix: 24 }));
  const lines = [
    `pass in quick proto 6 from 10.1.2.3 to any port 22 keep state label _exp_${NOW + 30}`,
    `pass in quick proto 17 from 10.1.2.3 to any port 53 keep state label _exp_${NOW + 30}`,
    `pass in quick proto 6 from 2001:db8::5 to 2001:db8::1 port 443 keep state label _exp_${NOW + 60}`,
    `pass in quick proto 6 from 10.1.2.0/24 to any port 80 keep state label _exp_${NOW + 60}`,
  ];
  assert.deepEqual(fake.calls[0]!.command, "-s Anchor");
  assert.deepEqual(changesOf(fake), ["-a fwknop -F all", ...[2, 3, 4].map((count) => `-a fwknop -f - < ${lines.slice(0, count).join("\n")}`)]);
  assert.ok(said.includes(`info: Added Rule for 10.1.2.3, tcp/22 expires at ${NOW + 30}`), said.join("\n"));
  assert.match((await firewall.list("ours")).stdout, /^Listing rules in pf anchor fwknop\.\.\.\npass in quick inet proto tcp from 10\.1\.2\.3 to any port = ssh flags S\/SA keep state label "_exp_1700000030"\n/);
  fake.calls.length = 0;
  clock.advance(30);
  await settle(setup);
  assert.deepEqual(changesOf(fake), [`-a fwknop -f - < ${lines.slice(2).join("\n")}`]);
  assert.ok(said.includes(`info: Deleting rule with expire time of ${NOW + 30}.`));
  clock.advance(30);
  await settle(setup);
  assert.deepEqual(fake.rules.get("fwknop") ?? [], []);
  await firewall.stop();
});

test("createPf() does not start while the anchor is not active", async () => {
  const setup = bench();
  for (const anchors of [[], ["fwknop2"], ["fwknop/sub"]]) {
    setup.fake.anchors = anchors;
    await assert.rejects(setup.firewall.start(), /^FirewallError: Warning: the fwknop anchor is not active in the pf policy: expected a line anchor "fwknop" in pf\.conf$/);
  }
});

test("createPf() leaves rules of others in the anchor, and gives back what somebody flushed", async () => {
  const fake = new FakePfctl();
  const others = "block drop in quick from 10.6.6.6 to any";
  fake.type("-a fwknop -f -", `${others}\npass in quick proto tcp from 10.1.2.9 to any port 22 keep state label _exp_${NOW + 20}\n`);
  const setup = bench({ clearAtStart: false, clearAtStop: false }, fake);
  await setup.firewall.start();
  assert.equal(setup.firewall.rules.length, 1);
  const renewed = await setup.firewall.open(grant("10.1.2.9", 60));
  assert.ok(renewed.ok && renewed.renewed, "an adopted rule is known again by its meaning");
  assert.deepEqual(fake.rules.get("fwknop")!.map((line) => /label "(.*)"/.exec(line)?.[1] ?? line), [others, `_exp_${NOW + 60}`]);
  fake.type("-a fwknop -F rules");
  await setup.firewall.open(grant("10.1.2.4", 60));
  assert.equal(fake.rules.get("fwknop")!.length, 2);
  assert.ok(setup.said.some((line) => line.startsWith("warning: Somebody else emptied the anchor fwknop: made again 1 rules")), setup.said.join("\n"));
  await setup.firewall.stop();
});

test("createPf() puts addresses into a table, and empties it at the start, whatever the settings are", async () => {
  const fake = new FakePfctl();
  fake.type("-a fwknop -t guests -T add 10.9.9.9");
  const setup = bench({ table: "guests", clearAtStart: false }, fake);
  await setup.firewall.start();
  fake.calls.length = 0;
  await Promise.all([setup.firewall.open(grant("10.1.2.3", 30, "tcp/22,udp/53")), setup.firewall.open(grant("10.1.2.4", 60))]);
  await setup.firewall.open(grant("2001:db8::5", 60));
  await setup.firewall.open(grant("10.1.2.4", 90));
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(changesOf(fake), [
    "-a fwknop -t guests -T add 10.1.2.3 10.1.2.4", "-a fwknop -t guests -T add 2001:db8::5", "-a fwknop -t guests -T add 10.1.2.4", "-a fwknop -t guests -T delete 10.1.2.3",
  ]);
  assert.deepEqual([...fake.tables.get("fwknop guests")!], ["10.1.2.4", "2001:db8::5"]);
  assert.ok(setup.said.includes(`info: Added Rule for 10.1.2.3, tcp/22,udp/53 expires at ${NOW + 30}`));
  fake.tables.clear();
  await setup.firewall.open(grant("10.1.2.6", 90));
  assert.equal(fake.tables.get("fwknop guests")!.size, 3, "what was lost with the table is given back");
  assert.match((await setup.firewall.list("ours")).stdout, /^Listing addresses of table guests in pf anchor fwknop\.\.\.\n {3}10\.1\.2\.6\n/);
  fake.tables.clear();
  setup.clock.advance(60);
  await settle(setup);
  assert.deepEqual(setup.said.filter((line) => line.startsWith("error")), [], "it is no failure that it is gone");
  await setup.firewall.stop();
});

for (const table of [undefined, "guests"]) {
  test(`closeAddress() of pf ${table === undefined ? "with rules" : "with a table"} closes what an earlier daemon opened for one address, or for a network that it is in`, async () => {
    const settings = table === undefined ? {} : { table };
    const { fake, firewall } = bench(settings);
    await firewall.start();
    for (const source of ["10.1.2.3", "10.1.2.30", "2001:db8::3"]) assert.ok((await firewall.open(grant(source, 30))).ok);
    assert.ok((await firewall.open(grant("10.1.2.0", 30, "tcp/22", { sourcePrefix: 24 }))).ok);
    assert.equal((await bench(settings, fake).firewall.closeAddress(ip("10.1.2.3"))).length, 2);
    const left = table === undefined ? fake.rules.get("fwknop")!.map((line) => / from (\S+) /.exec(line)![1]) : [...fake.tables.get("fwknop guests")!];
    assert.deepEqual(left.toSorted(), ["10.1.2.30", "2001:db8::3"]);
  });

  for (const [reason, changes] of [
    [/^Local NAT requests are not currently supported\.$/, { nat: { kind: "local", address: ip("127.0.0.1"), port: 22, rewriteDestination: true, wholeHost: false } }],
    [/^Forwarding\/NAT requests are not currently supported\.$/, { nat: { kind: "forward", address: ip("10.0.0.5"), port: 22, rewriteDestination: true, wholeHost: false } }],
    [/GRANT_USES/, { once: true }], [/which stands for none$/, { source: ip("::") }], [/is no IPv4 address/, { destination: ip("::1") }],
  ] as const) {
    test(`createPf()${table === undefined ? "" : " with a table"} refuses: ${reason.source}`, () => {
      const planned = createPf({ program: ["pfctl"], anchor: "fwknop", ...(table !== undefined && { table }) }).rulesFor(grant("10.1.2.3", 30, "tcp/22", changes), new Map());
      assert.match(planned.ok ? "planned" : planned.reason, reason);
    });
  }
}

test("createPf() refuses names that could be more than names", () => {
  for (const anchor of ["", "-F", "a b", "a\"b", "x".repeat(64), "a\n"]) assert.throws(() => createPf({ program: ["pfctl"], anchor }), RangeError, anchor);
  for (const table of ["", "-T", "a b", "a/b", "x".repeat(32)]) assert.throws(() => createPf({ program: ["pfctl"], anchor: "fwknop", table }), RangeError, table);
  assert.throws(() => createPf({ program: [""], anchor: "fwknop" }), RangeError);
});

test("createPf() says in the C daemon's words that there is no room for more, with rules and with a table", async () => {
  for (const table of [undefined, "allowed"]) {
    const { firewall, fake } = bench(table === undefined ? {} : { table });
    await firewall.start();
    fake.isFull = true;
    const opened = await firewall.open(grant("10.1.2.3", 30));
    assert.match(opened.ok ? "" : opened.reason, /^Max anchor rules reached, try again later: .*Cannot allocate memory/);
    fake.isFull = false;
    assert.ok((await firewall.open(grant("10.1.2.3", 30))).ok);
  }
});

test("createPf() tells a missing program, a missing right and a missing kernel module apart, and the grant is not open", async () => {
  for (const [fault, said, code] of [
    ["missing", /Error ENOENT from cmd:'\/sbin\/pfctl -s Anchor': No such file or directory$/, "ENOENT"],
    ["denied", /^pfctl may not be used without root: .* Error 1 from .*: pfctl: \/dev\/pf: Permission denied$/, "EPERM"],
    ["noKernel", /^The kernel has no pf: load it \(kldload pf\).*: pfctl: \/dev\/pf: No such file or directory$/, "ENOTSUP"],
  ] as const) {
    const { firewall, fake } = bench();
    fake.fault = fault;
    await assert.rejects(firewall.start(), (error: Error & { code: string }) => said.test(error.message) && error.code === code, fault);
    fake.fault = undefined;
    await firewall.start();
    fake.fault = fault;
    assert.equal((await firewall.open(grant("10.1.2.3", 30))).ok, false);
    assert.deepEqual(firewall.rules, []);
  }
});

test("createPrint() of pf prints what would be run, and runs nothing", async () => {
  const fake = new FakePfctl();
  const printed: string[] = [];
  const backend = createPrint(createPf({ program: ["pfctl"], anchor: "fwknop" }), (text) => void printed.push(text));
  const firewall = new Firewall({
    backend, log: { error() {}, warning() {}, info() {}, debug() {} }, clearAtStart: true, clearAtStop: false, gatherMs: 0, run: fake.run, clock: new ManualClock(NOW),
  });
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 30));
  await firewall.stop();
  assert.deepEqual(fake.calls, []);
  assert.match(printed.join("\n"), /^pfctl -a fwknop -F all\n[^]*pass in quick proto 6 from 10\.1\.2\.3 to any port 22 keep state label _exp_1700000030/);
});

// --- A day, with a model beside it ------------------------------------------------------------------------------------

for (const table of [undefined, "guests"]) {
  test(`createPf() ${table === undefined ? "with rules" : "with a table"} agrees with a model at each step of a day`, async () => {
    const gen = generator(`pf day ${table}`);
    const fake = new FakePfctl();
    const clock = new ManualClock(NOW);
    const changes = { ...(table !== undefined && { table }), clearAtStart: false, clearAtStop: false, sweepSeconds: 300 };
    const foreign = "block drop in quick from 10.6.6.6 to any";
    fake.type("-a fwknop -f -", `${foreign}\n`);
    let setup = bench(changes, fake, clock);
    await setup.firewall.start();
    const model = new Map<string, number>();
    const openNow = (): string[] => (table !== undefined ? [...fake.tables.get(`fwknop ${table}`) ?? []]
      : (fake.rules.get("fwknop") ?? []).filter((line) => line !== foreign).map((line) => `${pfMeaningOf(line)} ${readPfListing(line)[0]!.expiresAt}`)).sort();
    for (let step = 0; step < 300; step++) {
      const event = gen.below(100);
      const now = clock.wallSeconds;
      if (event < 55) {
        const source = gen.chance(70) ? `10.1.2.${gen.between(1, 12)}` : `2001:db8::${gen.between(1, 4)}`;
        const what = gen.pick(["tcp/22", "tcp/443", "udp/53", "tcp/22,udp/53"]);
        const end = now + gen.between(1, 600);
        assert.ok((await setup.firewall.open({ source: ip(source), ports: ports(what), expiresAt: end })).ok);
        const keys = table === undefined ? what.split(",").map((spec) => `${spec.split("/")[0]} ${source} any ${spec.split("/")[1]}`) : [source];
        for (const key of keys) model.set(key, Math.max(model.get(key) ?? 0, end));
      } else if (event < 85) {
        clock.advance(gen.between(1, 400));
      } else if (event < 92) { // somebody flushes everything; the next knock brings it back
        const source = `10.1.3.${step % 250}`;
        if (table === undefined) fake.type("-a fwknop -F rules");
        else fake.tables.delete(`fwknop ${table}`);
        if (table === undefined) fake.type("-a fwknop -f -", `${foreign}\n`);
        assert.ok((await setup.firewall.open({ source: ip(source), ports: ports("tcp/22"), expiresAt: now + 50 })).ok);
        model.set(table === undefined ? `tcp ${source} any 22` : source, now + 50);
      } else { // killed, and started again some time later
        setup.kill();
        clock.advance(gen.below(200));
        setup = bench(changes, fake, clock);
        await setup.firewall.start();
        if (table !== undefined) model.clear();
      }
      await settle(setup);
      for (const [key, end] of model) if (end <= clock.wallSeconds) model.delete(key);
      assert.deepEqual(openNow(), [...model].map(([key, end]) => (table === undefined ? `${key} ${end}` : key)).sort(), `step ${step}, event ${event}`);
      assert.deepEqual(fake.rules.get("fwknop")!.filter((line) => line === foreign).length, 1);
      assert.deepEqual(setup.said.filter((line) => line.startsWith("error")), []);
    }
    clock.advance(700);
    await settle(setup);
    assert.deepEqual([openNow(), clock.nextAlarmMs !== undefined], [[], true]);
  });
}
