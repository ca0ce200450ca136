import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult, Plan } from "../src/firewall/backend.ts";
import type { Grant, NatTarget } from "../src/firewall/grant.ts";
import { createIpset } from "../src/firewall/ipset.ts";
import { createIptables, DEFAULT_CHAINS, type IptablesSettings } from "../src/firewall/iptables.ts";
import { createNftables } from "../src/firewall/nftables.ts";
import { createPrint } from "../src/firewall/print.ts";
import { sweepSeconds } from "../src/node/daemon/firewall-options.ts";
import { Firewall, type FirewallOptions } from "../src/node/firewall/firewall.ts";
import { FakeIptables } from "./support/fake-iptables.ts";
import { ip, keepingLog } from "./support/firewall-fixture.ts";
import { generator } from "./support/gen.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { nftSettings } from "./support/nft-host.ts";
import { runResult } from "./support/run-result.ts";

const NOW = 1_700_000_000;
const { input, forward, dnat } = DEFAULT_CHAINS;

function grant(source: string, seconds: number, changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: [{ protocol: "tcp", port: 22 }], expiresAt: NOW + seconds, ...changes };
}

function nat(address: string): NatTarget {
  return { kind: "forward", address: ip(address), port: 22, rewriteDestination: true, wholeHost: false };
}

interface Bench {
  readonly fake: FakeIptables;
  readonly clock: ManualClock;
  readonly said: string[];
  readonly options: FirewallOptions;
  readonly firewall: Firewall;
}

/** A firewall on a fake, with clocks to be moved by hand. */
function bench(changes: Partial<FirewallOptions & IptablesSettings> = {}, fake: FakeIptables = new FakeIptables(), clock: ManualClock = new ManualClock(NOW)): Bench {
  const { log, said } = keepingLog();
  const options: FirewallOptions = {
    backend: createIptables({
      program: ["/sbin/iptables"], chains: changes.chains ?? { input, forward, dnat }, prepend: changes.prepend ?? false, checkComment: false, checkSupport: true,
    }),
    log, clearAtStart: true, clearAtStop: true, gatherMs: 0, run: fake.run, clock, ...changes,
  };
  return { fake, clock, said, options, firewall: new Firewall(options) };
}

/** Waits until the firewall has done what it has to do. */
async function settle({ firewall }: Bench): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await firewall.list("ours").catch(() => {});
  }
}

function openRules(fake: FakeIptables, family: 4 | 6 = 4): string[] {
  return [...fake.listing(family), ...fake.listing(family, "nat")].filter((line) => line.includes("_exp_"));
}

test("Firewall.open() gathers what comes together into one transaction", async () => {
  const setup = bench();
  await setup.firewall.start();
  setup.fake.calls.length = 0;
  const results = await Promise.all(Array.from({ length: 200 }, (_, at) => setup.firewall.open(grant(`10.0.0.${at + 1}`, 30))));
  assert.ok(results.every(({ ok }) => ok));
  assert.equal(openRules(setup.fake).length, 200);
  assert.deepEqual(setup.fake.calls.map(({ argv }) => argv.slice(0, 1).concat(argv.slice(-2)).join(" ")), ["/sbin/iptables -S INPUT", "/sbin/iptables-restore -w 5"]);
  await setup.firewall.stop();
});

test("Firewall closes on time, by the timer alone, and says so", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  await setup.firewall.open(grant("10.0.0.2", 60));
  await settle(setup);
  setup.fake.calls.length = 0;
  assert.equal(setup.clock.nextAlarmMs, 30_000);
  setup.clock.advance(29);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(setup.fake.calls, [], "an idle firewall with live grants starts no process");
  setup.clock.advance(1);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake).map((line) => line.split(" ")[3]), ["10.0.0.2/32"]);
  assert.ok(setup.said.includes(`info: Removed rule 1 from FWKNOP_INPUT with expire time of ${NOW + 30}`));
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake), []);
  assert.equal(setup.clock.nextAlarmMs, undefined, "nothing open, no timer");
  await setup.firewall.stop();
});

test("Firewall counts places before the removal, from the newest where those come first", async () => {
  for (const [prepend, expected] of [[false, ["1", "3"]], [true, ["3", "1"]]] as const) {
    const setup = bench({ prepend });
    await setup.firewall.start();
    for (const [source, seconds] of [["10.0.0.1", 10], ["10.0.0.2", 20], ["10.0.0.3", 10]] as const) await setup.firewall.open(grant(source, seconds));
    setup.clock.advance(10);
    await settle(setup);
    assert.deepEqual(setup.said.flatMap((line) => /Removed rule (\d+) /.exec(line)?.[1] ?? []), expected);
    await setup.firewall.stop();
  }
});

test("Firewall.open() of what is open renews it: one rule, the longer end, and the log says so", async () => {
  const setup = bench();
  await setup.firewall.start();
  const first = await setup.firewall.open(grant("10.0.0.1", 30));
  assert.ok(first.ok && !first.renewed);
  const longer = await setup.firewall.open(grant("10.0.0.1", 60));
  assert.ok(longer.ok && longer.renewed && longer.expiresAt === NOW + 60);
  assert.ok(setup.said.includes(`info: Added access rule to FWKNOP_INPUT for 10.0.0.1 -> 0.0.0.0/0 tcp/22, expires at ${NOW + 60} (renewed, was ${NOW + 30})`));
  const shorter = await setup.firewall.open(grant("10.0.0.1", 40));
  assert.ok(shorter.ok && shorter.renewed && shorter.expiresAt === NOW + 60, "nobody's access is shortened");
  assert.equal(setup.said.filter((line) => line.startsWith("info: Added access")).length, 2);
  assert.ok(setup.said.some((line) => /rule_exists\(\) Rule : '.*' in FWKNOP_INPUT already exists/.test(line)));
  assert.equal(openRules(setup.fake).length, 1);
  setup.clock.advance(30);
  await settle(setup);
  assert.equal(openRules(setup.fake).length, 1);
  await setup.firewall.stop();
});

test("Firewall.open() of what is open puts it back when somebody took it away", async () => {
  const setup = bench({ chains: { input } });
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 60));
  const before = setup.fake.listing();
  for (const commands of [["-F FWKNOP_INPUT"], ["-F INPUT"], ["-F INPUT", "-F FWKNOP_INPUT", "-X FWKNOP_INPUT"]]) {
    for (const command of commands) setup.fake.type(`iptables ${command}`);
    const result = await setup.firewall.open(grant("10.0.0.1", 40));
    assert.ok(result.ok && result.expiresAt === NOW + 60);
    assert.deepEqual(setup.fake.listing(), before, commands.join(", "));
  }
  setup.clock.advance(60);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake), []);
  await setup.firewall.stop();
});

test("Firewall.open() after the wall clock was set back gives what was asked for, no more", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  setup.clock.step(-3600);
  setup.clock.advance(20);
  const again = await setup.firewall.open(grant("10.0.0.1", -3600 + 20 + 30));
  assert.ok(again.ok && again.renewed && again.expiresAt === NOW - 3600 + 50);
  setup.clock.advance(29);
  await settle(setup);
  assert.equal(openRules(setup.fake).length, 1);
  setup.clock.advance(1);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake), []);
  await setup.firewall.stop();
});

test("Firewall.open() of the same twice at once opens it once, with the later end", async () => {
  const setup = bench();
  await setup.firewall.start();
  const results = await Promise.all([30, 60, 45].map((seconds) => setup.firewall.open(grant("10.0.0.1", seconds))));
  assert.deepEqual(results.map((result) => result.ok && result.expiresAt), [NOW + 60, NOW + 60, NOW + 60]);
  assert.equal(openRules(setup.fake).length, 1);
  await setup.firewall.stop();
});

test("Firewall.open() shortens what is open when the grant asks to end earlier", async () => {
  const setup = bench();
  await setup.firewall.start();
  assert.ok((await setup.firewall.open(grant("10.0.0.1", 30))).ok);
  const closing = await setup.firewall.open(grant("10.0.0.1", 2, { endsEarlier: true }));
  assert.ok(closing.ok && closing.expiresAt === NOW + 2);
  const rules = openRules(setup.fake);
  assert.equal(rules.length, 1);
  assert.match(rules[0]!, new RegExp(`_exp_${NOW + 2}\\b`));
  await setup.firewall.stop();
});

test("Firewall.open() renews of several ports those that are open, and opens the others", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  const both = await setup.firewall.open(grant("10.0.0.1", 60, { ports: [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }] }));
  assert.ok(both.ok && !both.renewed && both.rules.length === 2);
  assert.equal(openRules(setup.fake).length, 2);
  await setup.firewall.stop();
});

test("Firewall goes by the monotonic clock when the wall clock is set back, by the wall clock when it is set forward", async () => {
  const back = bench();
  await back.firewall.start();
  await back.firewall.open(grant("10.0.0.1", 30));
  back.clock.step(-3600);
  back.clock.advance(29);
  await settle(back);
  assert.equal(openRules(back.fake).length, 1);
  back.clock.advance(1);
  await settle(back);
  assert.deepEqual(openRules(back.fake), []);

  const on = bench();
  await on.firewall.start();
  await on.firewall.open(grant("10.0.0.1", 3000));
  on.clock.step(3600);
  await settle(on);
  assert.deepEqual(openRules(on.fake), []);
  await Promise.all([back.firewall.stop(), on.firewall.stop()]);
});

test("Firewall.open() refuses what the backend cannot do, what has ended, and everything after stop()", async () => {
  const setup = bench({ chains: { input } });
  await setup.firewall.start();
  const reason = async (wanted: Grant): Promise<string> => {
    const result = await setup.firewall.open(wanted);
    return result.ok ? "open" : result.reason;
  };
  setup.fake.calls.length = 0;
  assert.equal(await reason(grant("10.0.0.1", 30, { nat: nat("10.9.9.9") })), "forwarding is not enabled");
  assert.match(await reason(grant("10.0.0.1", 30, { ports: [] })), /at least one port/);
  assert.equal(await reason(grant("10.0.0.1", 0)), `it had ended at ${NOW}, before the firewall could open it`);
  assert.deepEqual(setup.fake.calls, []);
  const waiting = reason(grant("10.0.0.1", 30));
  await setup.firewall.stop();
  assert.equal(await waiting, "the firewall is being closed");
  assert.equal(await reason(grant("10.0.0.1", 30)), "the firewall is being closed");
  assert.deepEqual(setup.fake.listing(), []);
});

test("Firewall.open() does not count as open what the firewall refused, and tells all about it", async () => {
  for (const fault of ["denied", "locked", "missing", "hanging"] as const) {
    const setup = bench();
    await setup.firewall.start();
    setup.fake.fault = fault;
    setup.fake.calls.length = 0;
    const results = await Promise.all([1, 2, 3].map((at) => setup.firewall.open(grant(`10.0.0.${at}`, 30))));
    for (const result of results) {
      assert.ok(!result.ok && result.error !== undefined);
      assert.deepEqual([result.error.argv[0], result.error.stdin.startsWith("*filter\n-A FWKNOP_INPUT")], ["/sbin/iptables-restore", true]);
      assert.equal(result.error.status, { denied: 4, locked: 4, missing: undefined, hanging: undefined }[fault]);
      assert.equal(result.error.code, { denied: "STATUS", locked: "STATUS", missing: "ENOENT", hanging: "TIMEOUT" }[fault]);
      assert.match(result.error.message, /^create_rule\(\) Error .* from cmd:'\/sbin\/iptables-restore .*10\.0\.0\.1.*': .+/);
      assert.match(result.reason, /^create_rule\(\) Error (?:4|ENOENT|TIMEOUT): .+/);
      assert.ok(setup.said.includes(`error: ${result.error.message}`));
    }
    assert.deepEqual(setup.firewall.rules, []);
    assert.equal(setup.said.filter((line) => line.startsWith("error")).length, 1, "one failure, one line");
    assert.ok(setup.fake.calls.length <= 3, "and no repeating of what cannot be");
    setup.fake.fault = undefined;
    assert.ok((await setup.firewall.open(grant("10.0.0.1", 30))).ok);
    await setup.firewall.stop();
  }
});

test("Firewall runs a command again as often as it was told, where that can help", async () => {
  for (const [fault, runs] of [["locked", 3], ["hanging", 3], ["missing", 1]] as const) {
    const setup = bench({ tries: 3 });
    await setup.firewall.start();
    setup.fake.faultOf = (argv) => (argv[0]!.endsWith("-restore") ? fault : undefined);
    setup.fake.calls.length = 0;
    await setup.firewall.open(grant("10.0.0.1", 30));
    assert.equal(setup.fake.calls.filter(({ argv }) => argv[0]!.endsWith("-restore")).length, runs, fault);
    await setup.firewall.stop();
  }
  const third = bench({ tries: 3, pauseSeconds: 0.001 });
  await third.firewall.start();
  let left = 2;
  third.fake.faultOf = (argv) => (argv[0]!.endsWith("-restore") && left-- > 0 ? "locked" : undefined);
  assert.ok((await third.firewall.open(grant("10.0.0.1", 30))).ok, "the third time it works");
  await third.firewall.stop();
});

test("Firewall leaves a pause between any two commands, of one plan, of one try and the next, of two grants", async () => {
  const fake = new FakeIptables();
  const times: { start: number; end: number }[] = [];
  const run: typeof fake.run = async (argv, options) => {
    const start = performance.now();
    const result = await fake.run(argv, options);
    times.push({ start, end: performance.now() });
    return result;
  };
  const setup = bench({ tries: 2, pauseSeconds: 0.03, run }, fake);
  await setup.firewall.start();
  let isLocked = true;
  fake.faultOf = (argv) => (argv[0]!.endsWith("-restore") && isLocked ? ((isLocked = false), "locked") : undefined);
  for (const at of [1, 2]) assert.ok((await setup.firewall.open(grant(`10.0.0.${at}`, 30))).ok);
  await setup.firewall.stop();
  assert.ok(times.length > 8, `${times.length} commands`);
  for (const [at, { start }] of times.slice(1).entries()) assert.ok(start - times[at]!.end > 28, `${start - times[at]!.end} ms before command ${at + 1}`);
});

test("Firewall removes soon what a program left that failed after its work, and nothing that somebody was granted", async () => {
  const fake = new FakeIptables();
  let kills = 0;
  const run: typeof fake.run = async (argv, options) => {
    const result = await fake.run(argv, options);
    if (!argv[0]!.endsWith("-restore") || kills-- <= 0) return result;
    return { ...result, ok: false, status: undefined, signal: "SIGKILL", timedOut: true };
  };
  const setup = bench({ run, sweepSeconds: 0 }, fake);
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 300));
  kills = 1;
  assert.equal((await setup.firewall.open(grant("10.0.0.2", 200))).ok, false);
  kills = 1;
  assert.equal((await setup.firewall.open(grant("10.0.0.1", 400))).ok, false, "a renewal");
  assert.equal(openRules(fake).length, 2, "the program had done it");
  setup.clock.advance(2);
  await settle(setup);
  assert.equal(openRules(fake).length, 1);
  assert.match(openRules(fake)[0]!, /-s 10\.0\.0\.1\/32 /, "who was granted something keeps it");
  assert.ok(setup.said.some((line) => line === "warning: 1 rules of grants that had failed were there all the same; they are removed"));
  setup.clock.advance(400);
  await settle(setup);
  assert.deepEqual(openRules(fake), []);
  const looks = (): number => fake.calls.filter(({ argv }) => argv.includes("-S")).length;
  const before = looks();
  setup.clock.advance(100_000);
  await settle(setup);
  assert.equal(looks(), before, "and it is looked for no more");
  await setup.firewall.stop();
});

test("Firewall.open() keeps one bad grant from spoiling the others of its batch", async () => {
  const setup = bench();
  await setup.firewall.start();
  const run = setup.fake.run;
  const picky = bench({
    run: (argv, options) => String(options.input ?? "").includes("-s 10.0.0.13 ")
      ? Promise.resolve(runResult(argv, { status: 1, stderr: "iptables-restore: line 2 failed: Invalid argument.\n" }))
      : run(argv, options),
  }, setup.fake, setup.clock);
  const results = await Promise.all(Array.from({ length: 20 }, (_, at) => picky.firewall.open(grant(`10.0.0.${at + 1}`, 30))));
  assert.deepEqual(results.flatMap(({ ok }, at) => (ok ? [] : [at + 1])), [13]);
  assert.equal(openRules(setup.fake).length, 19);
  await picky.firewall.stop();
});

test("Firewall.open() of one family does not wait for the other to work", async () => {
  const setup = bench();
  await setup.firewall.start();
  setup.fake.faultOf = (argv) => (argv[0]!.includes("ip6tables") ? "missing" : undefined);
  const [v4, v6] = await Promise.all([setup.firewall.open(grant("10.0.0.1", 30)), setup.firewall.open(grant("2001:db8::1", 30))]);
  assert.deepEqual([v4.ok, v6.ok], [true, false]);
  await setup.firewall.stop();
});

test("Firewall tries again to close what it could not close, and says that it is still open", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  setup.fake.fault = "locked";
  setup.clock.advance(30);
  await settle(setup);
  assert.ok(setup.said.some((line) => line.startsWith("error: Still open after its time, to be tried again: ")), setup.said.join("\n"));
  assert.equal(setup.firewall.rules.length, 1);
  assert.equal(setup.clock.nextAlarmMs, 1000);
  setup.clock.advance(1);
  await settle(setup);
  assert.equal(setup.clock.nextAlarmMs, 2000, "more and more patiently");
  setup.fake.fault = undefined;
  setup.clock.advance(2);
  await settle(setup);
  assert.deepEqual([openRules(setup.fake), setup.firewall.rules], [[], []]);
  await setup.firewall.stop();
});

test("Firewall.start() throws what the user is told when the firewall cannot be used", async () => {
  const setup = bench();
  setup.fake.fault = "denied";
  await assert.rejects(setup.firewall.start(), {
    name: "FirewallError", code: "STATUS",
    message: "chain_exists() Error 4 from cmd:'/sbin/iptables -w 5 -t filter -S': iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)",
  });
});

test("Firewall.start() refuses a program that succeeds in everything and shows nothing, unless it is not to be tried", async () => {
  const run: FirewallOptions["run"] = (argv) => Promise.resolve(runResult(argv, { status: 0 }));
  const on = (checkComment: boolean): Firewall =>
    bench({ run, backend: createIptables({ program: ["/bin/true"], chains: { input }, prepend: false, checkComment, checkSupport: true }) }).firewall;
  await assert.rejects(on(true).start(), { name: "FirewallError", code: "EPROGRAM", message: "/bin/true shows no chains, as iptables would" });
  await on(false).start();
});

test("Firewall.stop() leaves rules and chains when it is told to, and the next start adopts them", async () => {
  const first = bench({ clearAtStop: false });
  await first.firewall.start();
  await first.firewall.open(grant("10.0.0.1", 30));
  await first.firewall.open(grant("2001:db8::1", 10));
  await first.firewall.stop();
  assert.equal(first.clock.nextAlarmMs, undefined);
  first.clock.advance(15);
  const second = bench({ clearAtStart: false }, first.fake, first.clock);
  await second.firewall.start();
  assert.deepEqual([openRules(first.fake).length, openRules(first.fake, 6).length], [1, 0]);
  assert.equal(second.clock.nextAlarmMs, 15_000);
  const renewed = await second.firewall.open(grant("10.0.0.1", 60));
  assert.ok(renewed.ok && renewed.renewed);
  assert.equal(openRules(first.fake).length, 1);
  await second.firewall.stop();
  assert.deepEqual(first.fake.listing(), []);
});

test("Firewall.reload() takes grants of both families along, each by the program of its own", async () => {
  const setup = bench();
  await setup.firewall.start();
  await Promise.all([setup.firewall.open(grant("10.0.0.1", 60)), setup.firewall.open(grant("2001:db8::1", 60))]);
  setup.fake.calls.length = 0;
  await setup.firewall.reload({ ...setup.options, backend: bench({ chains: { input: { ...input, chain: "OTHER" } } }).options.backend });
  assert.deepEqual([openRules(setup.fake).length, openRules(setup.fake, 6).length], [1, 1]);
  const adding = setup.fake.calls.filter(({ input: lines }) => lines.includes("_exp_"));
  assert.deepEqual(adding.map(({ argv }) => argv[0]).filter((program, at, all) => all.indexOf(program) === at), ["/sbin/iptables-restore", "/sbin/ip6tables-restore"]);
  for (const { argv, input: lines } of adding) assert.equal(lines.includes("2001:db8::1"), argv[0]!.endsWith("ip6tables-restore"));
  await setup.firewall.stop();
});

test("Firewall.reload() keeps grants where the ground stays, and takes them along where it changes", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  await setup.firewall.open(grant("10.0.0.2", 60, { nat: nat("10.9.9.9") }));
  const calls = setup.fake.calls.length;
  await setup.firewall.reload({ ...setup.options, tries: 3 });
  assert.equal(setup.fake.calls.length, calls);

  const chains = { input: { ...input, chain: "OTHER_INPUT" } };
  await setup.firewall.reload({ ...setup.options, backend: bench({ chains }).options.backend });
  assert.deepEqual(setup.fake.listing(), [
    "-N OTHER_INPUT", "-A INPUT -j OTHER_INPUT",
    `-A OTHER_INPUT -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -m comment --comment _exp_${NOW + 30} -j ACCEPT`,
  ]);
  assert.ok(setup.said.includes("warning: A grant ended with the reload: forwarding is not enabled"));
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake), []);
  await setup.firewall.stop();
});

test("Firewall.reload() keeps grants where they were when the new ground cannot be prepared", async () => {
  const setup = bench();
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 30));
  const before = setup.fake.listing();
  setup.fake.faultOf = (_argv, lines) => (lines.includes("OTHER") ? "denied" : undefined);
  await assert.rejects(setup.firewall.reload({ ...setup.options, backend: bench({ chains: { input: { ...input, chain: "OTHER" } } }).options.backend }), /Permission denied/);
  assert.deepEqual(setup.fake.listing(), before);
  setup.clock.advance(30);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake), []);
  await setup.firewall.stop();
});

test("Firewall.reload() opens what waits meanwhile on the new ground, and after stop() nothing at all", async () => {
  const setup = bench();
  await setup.firewall.start();
  const opening = setup.firewall.open(grant("10.0.0.1", 30));
  const elsewhere = { ...setup.options, backend: bench({ chains: { input: { ...input, chain: "OTHER" } } }).options.backend };
  await setup.firewall.reload(elsewhere);
  assert.ok((await opening).ok);
  assert.match(openRules(setup.fake).join("\n"), /^-A OTHER -s 10\.0\.0\.1/);
  const stopping = setup.firewall.stop();
  await setup.firewall.reload(setup.options);
  await stopping;
  assert.deepEqual(setup.fake.listing(), []);
});

test("Firewall with live grants starts no program until one ends, and closes what others left meanwhile then", async () => {
  const setup = bench({ chains: { input }, sweepSeconds: 300 });
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 100_000));
  await setup.firewall.open(grant("10.0.0.2", 90_000));
  await setup.fake.run(["/sbin/iptables-restore", "--noflush"], {
    timeoutMs: 1, input: `*filter\n-A FWKNOP_INPUT -s 127.0.0.2 -m comment --comment _exp_1234 -j ACCEPT\nCOMMIT\n`,
  });
  await settle(setup);
  setup.fake.calls.length = 0;
  assert.equal(setup.clock.nextAlarmMs, 90_000_000);
  for (let minute = 1; minute < 1500; minute++) setup.clock.advance(60);
  await settle(setup);
  assert.deepEqual(setup.fake.calls.filter(({ argv }) => !argv.includes("-L")), [], "a day, but for the test's own listing");
  setup.clock.advance(60);
  await settle(setup);
  assert.deepEqual(openRules(setup.fake).map((line) => /-s (\S+)/.exec(line)![1]), ["10.0.0.1/32"]);
  assert.ok(setup.said.includes("info: Removed rule 2 from FWKNOP_INPUT with expire time of 1234"), setup.said.join("\n"));
  await setup.firewall.stop();
});

test("Firewall looks for rules of others with a grant, too, for one may be renewed for ever", async () => {
  const setup = bench({ chains: { input }, sweepSeconds: 300 });
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 60));
  await setup.fake.run(["/sbin/iptables-restore", "--noflush"], {
    timeoutMs: 1, input: `*filter\n-A FWKNOP_INPUT -s 127.0.0.2 -m comment --comment _exp_1234 -j ACCEPT\nCOMMIT\n`,
  });
  const looks = (): number => setup.fake.calls.filter(({ argv }) => argv.join(" ").endsWith("-S FWKNOP_INPUT")).length;
  for (let seconds = 30; seconds <= 330; seconds += 30) {
    setup.clock.advance(30);
    assert.equal(openRules(setup.fake).length, 2, `after ${seconds} s`);
    assert.ok((await setup.firewall.open(grant("10.0.0.1", seconds + 60))).ok);
    await settle(setup);
    if (looks() > 0) break;
  }
  assert.deepEqual([setup.clock.wallSeconds - NOW, openRules(setup.fake).length, looks()], [300, 1, 1]);
  await setup.firewall.stop();
});

test("Firewall looks for rules of others when it closes something, at most every two seconds, and now and then while nothing is open", async () => {
  assert.deepEqual([sweepSeconds(20), sweepSeconds(0)], [300, 0]);
  const setup = bench({ chains: { input }, sweepSeconds: 300 });
  await setup.firewall.start();
  for (const seconds of [10, 11, 12, 20]) await setup.firewall.open(grant(`10.0.0.${seconds}`, seconds));
  const looks = (): number => setup.fake.calls.filter(({ argv }) => argv.join(" ").endsWith("-S FWKNOP_INPUT")).length;
  const at: number[] = [];
  for (let second = 1; second <= 400; second++) {
    const before = looks();
    setup.clock.advance(1);
    if ([10, 11, 12, 20].includes(second) || setup.clock.nextAlarmMs === undefined) await settle(setup);
    if (looks() > before) at.push(second);
  }
  await settle(setup);
  assert.deepEqual(at, [10, 12, 20, 320]);
  await setup.firewall.stop();
});

test("Firewall keeps both rules of a batch of renewals when somebody removed one of them", async () => {
  const setup = bench({ chains: { input } });
  await setup.firewall.start();
  const knock = (): Promise<unknown> => Promise.all(["10.0.0.1", "10.0.0.2"].map((source) => setup.firewall.open(grant(source, 60))));
  await knock();
  const before = openRules(setup.fake);
  setup.fake.type(`iptables ${before[1]!.replace("-A", "-D")}`);
  await knock();
  assert.deepEqual(openRules(setup.fake), before);
  await setup.firewall.stop();
});

test("Firewall.open() bounds what waits for a stuck firewall", async () => {
  const setup = bench({ run: () => new Promise(() => {}) });
  const results = Array.from({ length: 10_001 }, () => setup.firewall.open(grant("10.0.0.1", 30)));
  const last = await results.at(-1)!;
  assert.ok(!last.ok && last.reason === "10000 grants are waiting for the firewall already");
});

test("Firewall on createPrint() counts grants and runs nothing", async () => {
  const printed: string[] = [];
  const plain = bench();
  const setup = bench({ backend: createPrint(plain.options.backend, (text) => printed.push(text)) });
  await setup.firewall.start();
  assert.ok((await setup.firewall.open(grant("10.0.0.1", 30))).ok);
  setup.clock.advance(30);
  await settle(setup);
  await setup.firewall.stop();
  assert.deepEqual(setup.fake.calls, []);
  assert.deepEqual(printed.map((text) => /^-[A-Z].*$/m.exec(text)?.[0].split(" ").slice(0, 2).join(" ")), [
    "-N FWKNOP_INPUT", "-A FWKNOP_INPUT", "-D FWKNOP_INPUT", "-D INPUT",
  ]);
});

test("Firewall and a model agree through days of knocks, renewals, lost chains, failures, steps of the clock and restarts", async () => {
  const gen = generator("firewall days");
  for (let day = 0; day < 6; day++) {
    const fake = new FakeIptables();
    const clock = new ManualClock(NOW);
    let setup = bench({ clearAtStart: false, clearAtStop: false, chains: { input } }, fake, clock);
    await setup.firewall.start();
    /** End of what is open, by address, on both clocks. */
    const model = new Map<string, { wall: number; monotonic: number }>();
    const enter = (source: string, expiresAt: number): void => {
      const known = model.get(source);
      const leftSeconds = expiresAt - clock.wallSeconds;
      if (known !== undefined && Math.min(known.wall - clock.wallSeconds, known.monotonic - clock.monotonicMs / 1000) >= leftSeconds) return;
      model.set(source, { wall: expiresAt, monotonic: clock.monotonicMs / 1000 + leftSeconds });
    };
    for (let turn = 0; turn < 120; turn++) {
      const event = gen.below(100);
      if (event < 55) {
        const sources = gen.list(gen.between(1, 4), () => gen.pick(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::1", "2001:db8::2"]));
        const seconds = gen.between(1, 40);
        const expiresAt = Math.floor(clock.wallSeconds) + seconds;
        fake.fault = gen.chance(10) ? "locked" : undefined;
        const results = await Promise.all(sources.map((source) => setup.firewall.open({ ...grant(source, 0), expiresAt })));
        fake.fault = undefined;
        results.forEach((result, at) => {
          if (result.ok) enter(sources[at]!, expiresAt);
        });
      } else if (event < 85) clock.advance(gen.between(1, 15));
      else if (event < 90) clock.step(gen.between(-20, 20));
      else if (event < 95) {
        fake.type("iptables -F INPUT");
        if (gen.chance()) {
          fake.type("iptables -F FWKNOP_INPUT");
          fake.type("iptables -X FWKNOP_INPUT");
        }
        // They come back with the next change: a knock of somebody.
        const expiresAt = Math.floor(clock.wallSeconds) + gen.between(1, 40);
        const source = gen.pick(["10.0.0.1", "10.0.0.5"]);
        assert.ok((await setup.firewall.open({ ...grant(source, 0), expiresAt })).ok);
        enter(source, expiresAt);
      } else {
        // As if killed: nothing is cleaned up. What the rules say is all that the next one knows.
        await setup.firewall.stop();
        setup = bench({ clearAtStart: false, clearAtStop: false, chains: { input } }, fake, clock);
        await setup.firewall.start();
        for (const [source, { wall }] of model) model.set(source, { wall, monotonic: clock.monotonicMs / 1000 + wall - clock.wallSeconds });
      }
      await settle(setup);
      for (const [source, end] of model) if (end.wall <= clock.wallSeconds || end.monotonic <= clock.monotonicMs / 1000) model.delete(source);
      const open = [...openRules(fake), ...openRules(fake, 6)].map((line) => `${line.split(" ")[3]!.split("/")[0]} ${/_exp_(\d+)/.exec(line)![1]}`);
      assert.deepEqual(open.sort(), [...model].map(([source, { wall }]) => `${source} ${wall}`).sort(), `day ${day}, turn ${turn}`);
      assert.ok(fake.listing().includes("-A INPUT -j FWKNOP_INPUT"), "the jump is there");
    }
    setup = bench({ clearAtStart: true, chains: { input } }, fake, clock);
    await setup.firewall.start();
    await setup.firewall.stop();
    assert.deepEqual([fake.listing(), fake.listing(6)], [[], []]);
  }
});

test("change() does not walk through what is to be kept while nothing is missing, however many grants there are", () => {
  /** Performs a plan on a firewall in good order; counts the commands. */
  const walk = (plan: Plan<unknown>): number => {
    let result: CommandResult = { status: 0, stdout: "", stderr: "" };
    for (let commands = 0; ; ) {
      const step = plan.next(result);
      if (step.done === true) return commands;
      if (step.value.kind === "note") continue;
      commands++;
      result = { status: 0, stdout: step.value.assumedOutput ?? "", stderr: "" };
    }
  };
  const keep = { [Symbol.iterator]: () => assert.fail("walked through") };
  const iptables = createIptables({ program: ["/sbin/iptables"], chains: { input }, prepend: false, checkComment: false, checkSupport: true });
  const ipset = createIpset(iptables, { program: ["ipset"], input, use: true, mayHaveSets: () => false }, () => NOW);
  for (const backend of [iptables, ipset, createNftables(nftSettings(undefined), () => NOW)]) {
    walk(backend.prepare({ fresh: true }));
    const planned = backend.rulesFor(grant("10.1.2.3", 30), new Map());
    assert.ok(planned.ok);
    assert.ok(walk(backend.change({ add: planned.rules, remove: [], keep })) > 0, backend.name);
  }
});
