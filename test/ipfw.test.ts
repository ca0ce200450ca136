import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../src/firewall/grant.ts";
import { createIpfw, type IpfwLayout } from "../src/firewall/ipfw.ts";
import { createPrint } from "../src/firewall/print.ts";
import { Firewall, type FirewallOptions } from "../src/node/firewall/firewall.ts";
import { FakeIpfw, type FakeRule } from "./support/fake-ipfw.ts";
import { ip, keepingLog, mortal, ports } from "./support/firewall-fixture.ts";
import { generator } from "./support/gen.ts";
import { ManualClock } from "./support/manual-clock.ts";

const NOW = 1_700_000_000;
const SETS: IpfwLayout = { kind: "sets", activeSet: 1, expiredSet: 2, firstNumber: 10000, maxRules: 100, checkState: false };
const SHARED: IpfwLayout = { kind: "shared", activeSet: 0, expiredSet: 1, firstNumber: 1, maxRules: 65534, checkState: false };

function grant(source: string, seconds: number, what = "tcp/22", changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: ports(what), expiresAt: NOW + seconds, ...changes };
}

interface Bench {
  readonly fake: FakeIpfw;
  readonly clock: ManualClock;
  readonly said: string[];
  readonly firewall: Firewall;
  /** From now on it does nothing. */
  kill(): void;
}

function bench(changes: Partial<IpfwLayout & FirewallOptions & { purgeSeconds: number }> = {}, fake: FakeIpfw = new FakeIpfw(), clock: ManualClock = new ManualClock(NOW)): Bench {
  const { log, said } = keepingLog();
  const { clearAtStart = true, clearAtStop = true, sweepSeconds = 0, purgeSeconds = 30, ...layout } = changes;
  const { run, kill } = mortal(fake.run);
  const firewall = new Firewall({
    backend: createIpfw({ program: ["/sbin/ipfw"], layout: { ...SETS, ...layout }, purgeSeconds }),
    log, clearAtStart, clearAtStop, sweepSeconds, gatherMs: 0, run, clock,
  });
  return { fake, clock, said, firewall, kill };
}

async function settle({ firewall, fake }: Bench): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    const { fault } = fake;
    await firewall.list("all").catch(() => {});
    fake.fault = fault;
  }
  // Looking leaves no trace.
  for (let at = fake.calls.indexOf("list"); at >= 0; at = fake.calls.indexOf("list")) fake.calls.splice(at, 1);
}

function active(fake: FakeIpfw, set = 1): string[] {
  return fake.rules.filter((rule) => rule.set === set).map(({ number, body }) => `${number} ${body}`);
}

test("createIpfw() in the layout of 2.x runs the very commands of the C program", async () => {
  const setup = bench({ checkState: true });
  const { fake, clock, said, firewall } = setup;
  fake.type("add 10050 set 1 pass 6 from 10.9.9.9 to me dst-port 22 setup keep-state // _exp_1");
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 31, "tcp/22,udp/53"));
  await firewall.open(grant("2001:db8::5", 60, "tcp/22"));
  await firewall.open(grant("10.1.2.0", 60, "tcp/8080", { destination: ip("198.51.100.9"), sourcePrefix: 24 }));
  assert.deepEqual(fake.calls.filter((call) => call !== "-S list"), [
    "set disable 2", "delete set 1", "add 10000 set 1 check-state",
    `add 10001 set 1 pass 6 from 10.1.2.3 to me dst-port 22 setup keep-state // _exp_${NOW + 31}`,
    `add 10002 set 1 pass 17 from 10.1.2.3 to me dst-port 53 keep-state // _exp_${NOW + 31}`,
    `add 10003 set 1 pass tcp from 2001:db8::5 to me6 dst-port 22 setup keep-state // _exp_${NOW + 60}`,
    `add 10004 set 1 pass 6 from 10.1.2.0/24 to 198.51.100.9 dst-port 8080 setup keep-state // _exp_${NOW + 60}`,
  ]);
  assert.ok(said.includes(`info: Added Rule 10001 for 10.1.2.3, tcp/22 expires at ${NOW + 31}`), said.join("\n"));
  fake.connect(fake.rules.find(({ number }) => number === 10001)!, "tcp 10.1.2.3 40000 <-> 10.9.9.9 22", 300, 40);
  clock.advance(30); // the first look for what can be purged
  await settle(setup);
  fake.calls.length = 0;
  clock.advance(1);
  await settle(setup);
  assert.deepEqual(fake.calls.filter((call) => call !== "-S list"), ["set move rule 10001 to 2", "set move rule 10002 to 2"]);
  assert.ok(said.includes(`info: Moved rule 10001 with expire time of ${NOW + 31} to set 2.`));
  clock.advance(30);
  await settle(setup);
  assert.ok(said.includes("info: Purged rule 10002 from set 2"), "no connection needs it");
  assert.ok(!said.includes("info: Purged rule 10001 from set 2"), "a connection goes on");
  fake.states = [];
  clock.advance(30);
  await settle(setup);
  assert.ok(said.includes("info: Purged rule 10001 from set 2"));
  clock.advance(30);
  await settle(setup);
  assert.equal(clock.nextAlarmMs, undefined, "with nothing left there is no timer");
  await firewall.stop();
  assert.deepEqual(active(fake).concat(active(fake, 2)), []);
});

test("createIpfw() renews in a new place, so that connections of the old rule go on", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30));
  setup.fake.connect(setup.fake.rules[0]!, "tcp 10.1.2.3 40000 <-> 10.9.9.9 22", 300, 40);
  const again = await setup.firewall.open(grant("10.1.2.3", 90));
  assert.ok(again.ok && again.renewed);
  assert.deepEqual(active(setup.fake), [`10001 allow tcp from 10.1.2.3 to me dst-port 22 setup keep-state // _exp_${NOW + 90}`]);
  assert.deepEqual(active(setup.fake, 2).length, 1);
  assert.equal(setup.fake.states.length, 1);
  const shorter = await setup.firewall.open(grant("10.1.2.3", 60));
  assert.ok(shorter.ok && shorter.expiresAt === NOW + 90);
  assert.equal(active(setup.fake).length, 1);
  setup.fake.rules = setup.fake.rules.filter(({ set }) => set !== 1);
  assert.ok((await setup.firewall.open(grant("10.1.2.3", 60))).ok, "and puts it back when somebody took it away");
  assert.deepEqual(active(setup.fake).map((line) => line.split("// ")[1]), [`_exp_${NOW + 90}`]);
  await setup.firewall.stop();
});

test("createIpfw() in the layout of 1.x switches a closed rule on again instead of adding one", async () => {
  const setup = bench(SHARED);
  const { fake, clock, said, firewall } = setup;
  fake.type("add 1 check-state");
  fake.type("add 2 deny ip from 10.66.0.0/16 to any");
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 30));
  assert.deepEqual(active(fake, 0).slice(2), [`3 allow tcp from 10.1.2.3 to any dst-port 22 keep-state // _exp_${NOW + 30}`]);
  fake.connect(fake.rules[2]!, "tcp 10.1.2.3 40000 <-> 10.9.9.9 22", 300, 40);
  clock.advance(30);
  await settle(setup);
  assert.deepEqual([active(fake, 0).length, active(fake, 1).length], [2, 1]);
  assert.ok(said.includes(`info: Removed rule 3 with expire time of ${NOW + 30}`));
  fake.calls.length = 0;
  await firewall.open(grant("10.1.2.3", 90));
  assert.deepEqual(fake.calls.filter((call) => !call.includes("list")), ["set move rule 3 to 0"]);
  assert.equal(fake.states.length, 1, "its connections go on");
  clock.advance(60);
  await settle(setup);
  assert.deepEqual(active(fake, 0).length, 2, "it is closed at its new end");
  await firewall.stop();
  assert.deepEqual(active(fake, 0), ["1 check-state", "2 deny ip from 10.66.0.0/16 to any"], "the rules of others stay");
});

test("createIpfw() in the layout of 1.x makes and deletes plain rules where the policy has no dynamic ones", async () => {
  const setup = bench(SHARED);
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30));
  assert.deepEqual(active(setup.fake, 0), [`1 allow tcp from 10.1.2.3 to any dst-port 22 // _exp_${NOW + 30}`]);
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(setup.fake.rules, []);
  await setup.firewall.stop();
});

test("createIpfw() takes no number that anybody uses, nor one that an old release would confuse with somebody's", async () => {
  const setup = bench({ maxRules: 6 });
  for (const command of ["add 17 deny ip from 10.6.6.6 to any", "add 10002 allow ip from any to any via lo0", "add 10003 set 2 pass 6 from 10.1.1.1 to me 22 keep-state // _exp_5"]) setup.fake.type(command);
  await setup.firewall.start();
  const results = await Promise.all([4, 5, 6, 7].map((host) => setup.firewall.open(grant(`10.1.2.${host}`, 30))));
  // 10001 & 255 is 17.
  assert.deepEqual(active(setup.fake).map((line) => line.slice(0, 5)), ["10000", "10004", "10005"]);
  assert.deepEqual(results.map(({ ok }) => ok), [true, true, true, false]);
  assert.equal(results[3]!.ok ? "" : results[3]!.reason, "Access request rejected: Maximum allowed number of rules has been reached.");
  await setup.firewall.stop();
});

test("createIpfw() sees that a release moved nothing, and closes all the same", async () => {
  const setup = bench();
  setup.fake.movesLowBitsOnly = true;
  setup.fake.type("add 100 deny ip from 10.6.6.6 to any");
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30));
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(setup.fake.open().map(({ number }) => number), [100]);
  assert.ok(setup.said.some((line) => line.startsWith("warning: ipfw did not move rule 10000 to set 2")), setup.said.join("\n"));
  await setup.firewall.stop();
});

test("createIpfw() adopts rules of the C program, several under one number, and closes each at its own end", async () => {
  const fake = new FakeIpfw();
  for (const what of ["tcp dst-port 22", "tcp dst-port 80"]) {
    const [protocol, ...port] = what.split(" ");
    fake.type(`add 10000 set 1 pass ${protocol} from 10.1.2.3 to me ${port.join(" ")} setup keep-state // _exp_${NOW + 30}`);
  }
  fake.type("add 10001 set 1 pass tcp from 10.1.2.4 to me dst-port 22 setup keep-state // _exp_1");
  fake.type("add 10002 set 1 pass tcp from 10.1.2.5 to me dst-port 22 setup keep-state // mine");
  const setup = bench({ clearAtStart: false }, fake);
  await setup.firewall.start();
  assert.deepEqual(setup.firewall.rules.map(({ chain }) => chain), ["10000", "10000"], "what had ended is closed at once");
  const renewed = await setup.firewall.open(grant("10.1.2.3", 60, "tcp/80"));
  assert.ok(renewed.ok && renewed.renewed);
  assert.deepEqual(active(fake).map((line) => line.slice(line.indexOf("dst-port"))).sort(), [
    `dst-port 22 setup keep-state // _exp_${NOW + 30}`, "dst-port 22 setup keep-state // mine", `dst-port 80 setup keep-state // _exp_${NOW + 60}`,
  ]);
  setup.clock.advance(30);
  await settle(setup);
  assert.equal(active(fake).length, 2);
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(active(fake).map((line) => line.split("// ")[1]), ["mine"]);
  await setup.firewall.stop();
});

test("createIpfw() undoes half of a grant, and gives back what somebody flushed", async () => {
  const setup = bench();
  await setup.firewall.start();
  setup.fake.refuse = (command) => (command.includes("dst-port 53") ? "ipfw: getsockopt(IP_FW_XADD): Invalid argument\n" : undefined);
  const refused = await setup.firewall.open(grant("10.1.2.3", 30, "tcp/22,udp/53"));
  assert.match(refused.ok ? "" : refused.reason, /^create_rule\(\) Error 69: ipfw: getsockopt\(IP_FW_XADD\): Invalid argument$/);
  assert.deepEqual(active(setup.fake), []);
  setup.fake.refuse = () => undefined;
  await setup.firewall.open(grant("10.1.2.3", 60));
  setup.fake.type("-q flush");
  setup.fake.type("set enable 2");
  await setup.firewall.open(grant("10.1.2.4", 30));
  assert.equal(active(setup.fake).length, 2);
  assert.ok(setup.said.some((line) => line === "warning: Somebody else removed the rules of set 1: made again 1 whose time is not over"), setup.said.join("\n"));
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(setup.fake.open().map(({ body }) => body.split(" ")[3]), ["10.1.2.3"], "the set of what ended is switched off again");
  await setup.firewall.stop();
});

const REFUSALS: readonly (readonly [reason: RegExp, wanted: Grant])[] = [
  [/^Local NAT requests are not currently supported\.$/, grant("10.1.2.3", 30, "tcp/22", { nat: { kind: "local", address: ip("127.0.0.1"), port: 22, rewriteDestination: true, wholeHost: false } })],
  [/^Forwarding\/NAT requests are not currently supported\.$/, grant("10.1.2.3", 30, "tcp/22", { nat: { kind: "forward", address: ip("10.0.0.5"), port: 22, rewriteDestination: true, wholeHost: false } })],
  [/which stands for none$/, grant("0.0.0.0", 30)],
  [/^the destination 2001:db8::9 is no IPv4 address/, grant("10.1.2.3", 30, "tcp/22", { destination: ip("2001:db8::9") })],
  [/GRANT_USES/, grant("10.1.2.3", 30, "tcp/22", { once: true })],
];

for (const [reason, wanted] of REFUSALS) {
  test(`createIpfw() refuses: ${reason.source}`, async () => {
    const { firewall } = bench();
    await firewall.start();
    const opened = await firewall.open(wanted);
    assert.match(opened.ok ? "opened" : opened.reason, reason);
    await firewall.stop();
  });
}

test("createIpfw() refuses settings that would hit the rules of others", () => {
  for (const layout of [
    { activeSet: 0 }, { activeSet: 31 }, { expiredSet: 0 }, { expiredSet: 31 }, { activeSet: 2 }, { firstNumber: 0 }, { firstNumber: 65535 }, { maxRules: 0 }, { maxRules: 1.5 },
  ]) assert.throws(() => bench(layout), RangeError, JSON.stringify(layout));
  assert.throws(() => bench({ purgeSeconds: 0 }), RangeError);
});

test("createIpfw() tells a missing program, a missing right and a missing kernel module apart", async () => {
  for (const [fault, said, code] of [
    ["missing", /Error ENOENT from cmd:'\/sbin\/ipfw -S list': No such file or directory$/, "ENOENT"],
    ["denied", /^ipfw may not be used without root: .* Error 69 from .*: ipfw: socket: Operation not permitted$/, "EPERM"],
    ["noKernel", /^The kernel has no ipfw: load it \(kldload ipfw\).* Error 69 from .*: connect: Connection refused; ipfw: socket: Invalid argument$/, "ENOTSUP"],
    ["hanging", /Error TIMEOUT from cmd/, "TIMEOUT"],
  ] as const) {
    const { firewall, fake } = bench();
    fake.fault = fault;
    await assert.rejects(firewall.start(), (error: Error & { code: string }) => said.test(error.message) && error.code === code, fault);
    assert.match((await firewall.flush()).stderr.trimEnd(), said);
  }
});

test("createIpfw() lists what is open and what is kept for connections, and --fw-flush removes what nobody needs", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30));
  await setup.firewall.open(grant("10.1.2.4", 60));
  setup.fake.connect(setup.fake.rules[0]!, "tcp 10.1.2.3 40000 <-> 10.9.9.9 22", 300, 40);
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual((await setup.firewall.list("ours")).stdout, [
    "Active Rules:",
    `10001 set 1 allow tcp from 10.1.2.4 to me dst-port 22 setup keep-state // _exp_${NOW + 60}`,
    "## Dynamic rules (1 144):",
    "",
    "Expired Rules:",
    `# DISABLED 10000 set 2 allow tcp from 10.1.2.3 to me dst-port 22 setup keep-state // _exp_${NOW + 30}`,
    "## Dynamic rules (1 144):",
    "10000 STATE tcp 10.1.2.3 40000 <-> 10.9.9.9 22",
    "",
  ].join("\n"));
  assert.match((await setup.firewall.list("all")).stdout, /^Listing all ipfw rules\.\.\.\n[^]*65535 allow ip from any to any\n$/);
  assert.deepEqual(await setup.firewall.flush(), { stdout: "Deleting any existing firewall rules...\n", stderr: "" });
  assert.deepEqual(setup.fake.rules.map(({ number }) => number), [10000]);
  assert.deepEqual(await setup.firewall.flush(), { stdout: "Deleting any existing firewall rules...\n", stderr: "" }, "again");
});

test("closeAddress() closes what one address was granted", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.1.2.3", 30, "tcp/22,tcp/80"));
  await setup.firewall.open(grant("10.1.2.30", 30));
  assert.equal((await bench({}, setup.fake).firewall.closeAddress(ip("10.1.2.3"))).length, 2);
  assert.deepEqual(active(setup.fake).map((line) => line.split(" ")[4]), ["10.1.2.30"]);
});

test("createPrint() of ipfw prints what would be run, and runs nothing", async () => {
  const fake = new FakeIpfw();
  const clock = new ManualClock(NOW);
  const printed: string[] = [];
  const backend = createPrint(createIpfw({ program: ["ipfw"], layout: SETS, purgeSeconds: 30 }), (text) => void printed.push(text));
  const options: FirewallOptions = { backend, log: { error() {}, warning() {}, info() {}, debug() {} }, clearAtStart: true, clearAtStop: true, gatherMs: 0, run: fake.run, clock };
  const firewall = new Firewall(options);
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 30));
  clock.advance(30);
  await firewall.list("ours");
  await firewall.stop();
  assert.deepEqual(fake.calls, []);
  assert.deepEqual(printed, ["ipfw set disable 2", `ipfw add 10000 set 1 pass 6 from 10.1.2.3 to me dst-port 22 setup keep-state // _exp_${NOW + 30}`, "ipfw set move rule 10000 to 2"]);
});

// --- A day, with a model beside it ------------------------------------------------------------------------------------

/** Who may reach what, as the rules of a fake say it. */
function openOf(fake: FakeIpfw): string[] {
  return fake.open().filter(({ body }) => body.includes("_exp_")).map(({ body }) => {
    const [, protocol, , source, , , , port] = body.split(" ");
    return `${source} ${protocol}/${port}`;
  }).sort();
}

const FOREIGN = ["add 100 allow ip from any to any via lo0", "add 10007 deny ip from 10.6.6.6 to any", "add 1 check-state", "add 20000 deny ip from any to any"];

for (const [name, layout] of [["2.x", SETS], ["1.x", SHARED]] as const) {
  test(`createIpfw() in the layout of ${name} agrees with a model at each step of a day`, async () => {
    const gen = generator(`ipfw day ${name}`);
    const fake = new FakeIpfw();
    for (const command of FOREIGN) fake.type(command);
    const foreign = JSON.stringify(fake.rules.map(({ number, set, body }) => [number, set, body]));
    const clock = new ManualClock(NOW);
    const changes = { ...layout, clearAtStart: false, clearAtStop: false, sweepSeconds: 300, purgeSeconds: 60 };
    let setup = bench(changes, fake, clock);
    await setup.firewall.start();
    /** What is open until when. */
    const model = new Map<string, number>();
    /** Those whose rule still says its former end, so that a restart closes them. */
    const awake = new Set<string>();
    let opened = 0;
    for (let step = 0; step < 300; step++) {
      const event = gen.below(100);
      const now = clock.wallSeconds;
      if (event < 55) {
        const source = gen.chance(70) ? `10.1.2.${gen.between(1, 12)}` : `2001:db8::${gen.between(1, 4)}`;
        const what = gen.pick(["tcp/22", "tcp/443", "udp/53", "tcp/22,udp/53"]);
        const end = now + gen.between(1, 600);
        const before = new Set(fake.rules.filter(({ set }) => set === layout.expiredSet));
        const result = await setup.firewall.open({ source: ip(source), ports: ports(what), expiresAt: end });
        assert.ok(result.ok, result.ok ? "" : result.reason);
        opened++;
        for (const spec of what.split(",")) {
          const key = `${source} ${spec}`;
          const old = model.get(key);
          if (old === undefined || old < end) {
            model.set(key, end);
            const line = (rule: FakeRule): boolean => rule.body.includes(`from ${source} `) && rule.body.includes(` ${spec.split("/")[0]} `) && rule.body.includes(`dst-port ${spec.split("/")[1]} `);
            if (fake.open().some((rule) => before.has(rule) && line(rule))) awake.add(key);
            else awake.delete(key);
          }
        }
      } else if (event < 80) {
        clock.advance(gen.between(1, 400));
      } else if (event < 86) { // a connection over something that is open
        const rules = fake.open().filter(({ body }) => body.includes("_exp_"));
        if (rules.length > 0) fake.connect(gen.pick(rules), `tcp 10.1.2.3 ${gen.between(1024, 65535)} <-> 10.9.9.9 22`, 300, 40);
      } else if (event < 92) { // connections end
        fake.states = fake.states.filter(() => gen.chance(40));
      } else if (event < 95) { // somebody deletes a rule of ours
        const rules = fake.open().filter(({ body }) => body.includes("_exp_"));
        if (rules.length > 1) {
          const lost = gen.pick(rules);
          const key = openOf({ open: () => [lost] } as unknown as FakeIpfw)[0]!;
          fake.rules = fake.rules.filter((rule) => rule !== lost);
          fake.states = fake.states.filter(({ rule }) => rule !== lost);
          // They knock again, for a shorter time: it is put back, and keeps its end.
          const [source, spec] = key.split(" ") as [string, string];
          assert.ok((await setup.firewall.open({ source: ip(source), ports: ports(spec), expiresAt: now + 1 })).ok);
          if (model.get(key)! < now + 1) model.set(key, now + 1);
          awake.delete(key); // with its end written anew
        }
      } else { // killed, and started again some time later
        setup.kill();
        clock.advance(gen.below(200));
        setup = bench(changes, fake, clock);
        await setup.firewall.start();
        for (const key of awake) model.delete(key);
        awake.clear();
      }
      await settle(setup);
      for (const [key, end] of model) if (end <= clock.wallSeconds) {
        model.delete(key);
        awake.delete(key);
      }
      assert.deepEqual(openOf(fake), [...model.keys()].sort(), `step ${step}`);
      assert.equal(JSON.stringify(fake.rules.filter(({ body }) => !body.includes("_exp_")).map(({ number, set, body }) => [number, set, body])), foreign);
      assert.deepEqual(setup.said.filter((line) => /^error/.test(line)), []);
      const numbers = fake.rules.map(({ number }) => number);
      assert.equal(new Set(numbers).size, numbers.length, "a number for each");
    }
    assert.ok(opened > 100);
    fake.states = [];
    clock.advance(700);
    await settle(setup);
    clock.advance(60);
    await settle(setup);
    assert.equal(JSON.stringify(fake.rules.map(({ number, set, body }) => [number, set, body])), foreign, "in the end only the rules of others are left");
  });
}
