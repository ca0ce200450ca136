/** IPT_USE_IPSET: rules while few grants are open, elements of sets beside a crowd; both at once, and from one to the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../src/firewall/grant.ts";
import { createIpset, type IpsetSettings } from "../src/firewall/ipset.ts";
import { createIptables, DEFAULT_CHAINS, type IptablesSettings } from "../src/firewall/iptables.ts";
import { createPrint } from "../src/firewall/print.ts";
import { Firewall, type FirewallOptions } from "../src/node/firewall/firewall.ts";
import { FakeIpset } from "./support/fake-ipset.ts";
import { ip, keepingLog, ports } from "./support/firewall-fixture.ts";
import { generator } from "./support/gen.ts";
import { ManualClock } from "./support/manual-clock.ts";

const NOW = 1_700_000_000;
/** So many rules are a crowd here. */
const CROWD = 4;
const { input, output } = DEFAULT_CHAINS;

interface Setup {
  readonly clock: ManualClock;
  readonly fake: FakeIpset;
  readonly said: string[];
  readonly firewall: Firewall;
  /** Options of a firewall like this one, as after a HUP or a restart. */
  options(changes?: Changes): FirewallOptions;
}

type Changes = Partial<FirewallOptions> & { readonly use?: IpsetSettings["use"]; readonly chains?: IptablesSettings["chains"] };

function setUp(changes: Changes = {}, clock = new ManualClock(NOW), fake = new FakeIpset(clock)): Setup {
  const { log, said } = keepingLog();
  const options = ({ use = "auto", chains = { input }, ...rest }: Changes = {}): FirewallOptions => {
    const iptables = createIptables({ program: ["iptables"], chains, prepend: false, checkComment: false, checkSupport: true });
    const settings = { program: ["ipset"] as const, input: chains.input, use, crowd: CROWD, mayHaveSets: () => fake.sets.size > 0 };
    return { backend: createIpset(iptables, settings, () => clock.wallSeconds), log, clearAtStart: true, clearAtStop: true, gatherMs: 0, run: fake.run, clock, ...rest };
  };
  return { clock, fake, said, options, firewall: new Firewall(options(changes)) };
}

function grant(source: string, seconds: number, changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: ports("tcp/22"), expiresAt: NOW + seconds, ...changes };
}

/** Opens one after the other. */
async function openAll({ firewall }: Setup, ...sources: readonly string[]): Promise<void> {
  for (const source of sources) assert.ok((await firewall.open(grant(source, 60))).ok, source);
}

const addresses = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, at) => `10.0.0.${from + at}`);

/** Who has rules, and who is in a set that a rule lets in, each with its port. */
function whoIsIn({ fake }: Setup): { rules: string[]; elements: string[] } {
  const lines = ([4, 6] as const).flatMap((family) => {
    const listing = fake.iptables.listing(family);
    return listing.includes("-A INPUT -j FWKNOP_INPUT") ? listing.filter((line) => line.startsWith("-A FWKNOP_INPUT")) : [];
  });
  return {
    rules: lines.flatMap((line) => /-s (\S+)\/(?:32|128) .*--dport (\d+)/.exec(line)?.slice(1).join(" ") ?? []),
    elements: [...fake.sets.keys()].filter((name) => lines.some((line) => line.includes(`--match-set ${name} `)))
      .flatMap((name) => fake.elements(name).map((element) => element.replace(/,tcp:/, " "))),
  };
}

async function settle({ firewall }: Setup): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await firewall.list("ours").catch(() => {});
  }
}

const warnings = ({ said }: Setup): string[] => said.filter((line) => /^(warning|error)/.test(line));

test("createIpset() on auto asks for no set below the crowd, puts what comes later into sets, and says so once", async () => {
  const setup = setUp();
  await setup.firewall.start();
  await openAll(setup, ...addresses(1, 3));
  assert.deepEqual(setup.fake.calls.filter((call) => call.startsWith("ipset")), []);
  await openAll(setup, ...addresses(4, 9));
  assert.deepEqual(whoIsIn(setup), { rules: addresses(1, 4).map((source) => `${source} 22`), elements: addresses(5, 9).map((source) => `${source} 22`) });
  assert.ok((await setup.firewall.open(grant("2001:db8::1", 60))).ok);
  assert.ok((await setup.firewall.open(grant("2001:db8::2", 60))).ok);
  assert.ok((await setup.firewall.open(grant("10.9.0.0", 60, { sourcePrefix: 24 }))).ok);
  assert.ok((await setup.firewall.open(grant("10.8.0.1", 60, { destination: ip("192.0.2.1") }))).ok);
  assert.deepEqual(whoIsIn(setup).elements.slice(5), ["10.9.0.0/24 22", "2001:db8::2 22"]);
  assert.deepEqual(whoIsIn(setup).rules.slice(4), ["10.8.0.1 22", "2001:db8::1 22"]);
  assert.deepEqual(setup.said.filter((line) => line.includes("IPT_USE_IPSET")), [
    "info: 4 rules are open: IPv4 grants go into sets from now on (IPT_USE_IPSET auto)",
    "info: 10 rules are open: IPv6 grants go into sets from now on (IPT_USE_IPSET auto)",
  ]);
  assert.deepEqual(warnings(setup), []);
  await setup.firewall.stop();
  assert.deepEqual(setup.fake.all, [[], [], []]);
});

test("createIpset() makes rules again when the crowd has gone, and renewals alone do not make one", async () => {
  const setup = setUp();
  await setup.firewall.start();
  const knock = (): Promise<unknown> => Promise.all(addresses(1, 3).map((source) => setup.firewall.open(grant(source, 60))));
  await knock();
  await knock();
  assert.deepEqual([...setup.fake.sets.keys()], []);
  await openAll(setup, ...addresses(4, 8));
  setup.clock.advance(60);
  await settle(setup);
  assert.equal(setup.firewall.rules.length, 0);
  await setup.firewall.open(grant("10.0.0.9", 90));
  assert.deepEqual(whoIsIn(setup), { rules: ["10.0.0.9 22"], elements: [] });
  await setup.firewall.stop();
});

test("rulesFor() of createIpset() renews each port as what it is, so nobody is let in twice and an early end finds all", async () => {
  const setup = setUp({ chains: { input, output } });
  await setup.firewall.start();
  await setup.firewall.open(grant("10.0.0.1", 60, { ports: ports("tcp/22") }));
  await openAll(setup, ...addresses(2, 4));
  const both = { ports: ports("tcp/22,tcp/80") };
  for (const seconds of [70, 80]) {
    await setup.firewall.open(grant("10.0.0.1", seconds, both));
    const { rules, elements } = whoIsIn(setup);
    assert.deepEqual([rules.filter((one) => one.startsWith("10.0.0.1 ")), elements.filter((one) => one.startsWith("10.0.0.1 "))], [["10.0.0.1 22"], ["10.0.0.1 80"]]);
  }
  assert.equal(setup.fake.iptables.listing().filter((line) => line.includes("-A FWKNOP_OUTPUT") && line.includes("10.0.0.1/32")).length, 2);
  await setup.firewall.open(grant("10.0.0.1", 1, { ...both, endsEarlier: true }));
  setup.clock.advance(1);
  await settle(setup);
  assert.ok(!JSON.stringify(whoIsIn(setup)).includes("10.0.0.1 "));
  assert.ok(!setup.fake.iptables.listing().some((line) => line.includes("10.0.0.1/32")));
  await setup.firewall.stop();
});

test("createIpset() makes one kind of two grants for the same thing in the batch that makes the crowd", async () => {
  const setup = setUp();
  await setup.firewall.start();
  const batch = [...addresses(1, 6), ...addresses(1, 6)];
  await Promise.all(batch.map((source, at) => setup.firewall.open(grant(source, 60 + at))));
  assert.deepEqual(whoIsIn(setup), { rules: addresses(1, 6).map((source) => `${source} 22`), elements: [] });
  await Promise.all([...batch, "10.0.0.7"].map((source, at) => setup.firewall.open(grant(source, 90 + at))));
  assert.deepEqual(whoIsIn(setup), { rules: addresses(1, 6).map((source) => `${source} 22`), elements: ["10.0.0.7 22"] });
  await setup.firewall.stop();
});

for (const [title, spoil] of [
  ["ipset is not installed", (fake: FakeIpset) => (fake.fault = "missing")],
  ["the kernel refuses sets", (fake: FakeIpset) => (fake.fault = "denied")],
  ["iptables has no match for sets", (fake: FakeIpset) => (fake.hasNoMatch = true)],
] as const) {
  test(`createIpset() on auto keeps to rules when ${title}: no grant is lost, one warning, no second try, nothing left`, async () => {
    const setup = setUp();
    spoil(setup.fake);
    await setup.firewall.start();
    await openAll(setup, ...addresses(1, 4));
    const calls = (): number => setup.fake.calls.filter((call) => call.startsWith("ipset")).length;
    const tried = calls();
    assert.ok(tried > 0);
    await openAll(setup, ...addresses(5, 9));
    assert.ok((await setup.firewall.open(grant("2001:db8::1", 60))).ok);
    assert.deepEqual([calls(), whoIsIn(setup).rules.length, whoIsIn(setup).elements], [tried, 10, []]);
    assert.equal(warnings(setup).length, 1, warnings(setup).join("\n"));
    assert.match(warnings(setup)[0]!, /^warning: Many rules are open, and grants stay rules, for sets cannot be used here: .*; iptables compares each/);
    setup.clock.advance(60);
    await settle(setup);
    await setup.firewall.stop();
    assert.deepEqual([setup.fake.all, warnings(setup).length], [[[], [], []], 1]);
  });
}

test("createIpset() warns once of a crowd with N and runs no ipset, and never warns with Y", async () => {
  for (const use of [false, true]) {
    const setup = setUp({ use });
    await setup.firewall.start();
    await openAll(setup, ...addresses(1, 9));
    assert.deepEqual(warnings(setup), use ? [] : [
      "warning: 4 rules are open: iptables compares each new connection with all of them, and grants begin to take longer; with IPT_USE_IPSET auto, or in nftables, they would be looked up",
    ]);
    assert.equal(whoIsIn(setup).elements.length, use ? 9 : 0);
    assert.equal(setup.fake.calls.some((call) => call.startsWith("ipset")), use);
    await setup.firewall.stop();
    assert.deepEqual(setup.fake.all, [[], [], []]);
  }
});

test("createIpset() with Y does not start without ipset", async () => {
  const setup = setUp({ use: true });
  setup.fake.fault = "missing";
  await assert.rejects(setup.firewall.start(), { code: "ENOENT" });
});

test("createIpset() on auto finds what a killed daemon left in sets: adopts it, lists it, closes it for an address, removes it", async () => {
  const killed = setUp({ clearAtStop: false });
  await killed.firewall.start();
  await openAll(killed, ...addresses(1, 8));
  await killed.firewall.stop();
  const { clock, fake } = killed;

  const adopting = setUp({ clearAtStart: false, clearAtStop: false }, clock, fake);
  await adopting.firewall.start();
  assert.deepEqual(adopting.firewall.rules.map(({ table }) => table), [...Array<string>(4).fill("filter"), ...Array<string>(4).fill("ipset")]);
  await openAll(adopting, "10.0.0.8", "10.0.0.9", "10.0.0.10"); // the first is renewed as an element: the sets are in use
  assert.deepEqual(whoIsIn(adopting).elements, addresses(5, 10).map((source) => `${source} 22`));
  assert.equal(fake.iptables.listing().filter((line) => line.includes("--match-set")).length, 2, "one rule a set");
  await adopting.firewall.stop();

  const command = setUp({}, clock, fake);
  assert.match((await command.firewall.list("ours")).stdout, /Name: fwknop_g4/);
  assert.equal((await command.firewall.closeAddress(ip("10.0.0.6"))).length, 1);
  assert.ok(!whoIsIn(command).elements.includes("10.0.0.6 22"));

  const fresh = setUp({ clearAtStop: false }, clock, fake);
  await fresh.firewall.start();
  assert.deepEqual([fresh.firewall.rules, fake.elements("fwknop_g4"), whoIsIn(fresh).rules], [[], [], []]);
  await openAll(fresh, ...addresses(1, 8));
  await fresh.firewall.stop();
  assert.equal((await command.firewall.flush()).stderr, "");
  assert.deepEqual(fake.all, [[], [], []]);
  assert.deepEqual([killed, adopting, command, fresh].flatMap(warnings), []);
});

test("createIpset() on auto empties sets that it does not know of before it uses them", async () => {
  const setup = setUp();
  await setup.firewall.start();
  await setup.fake.run(["ipset", "restore"], { timeoutMs: 1, input: 'create fwknop_g4 hash:ip,port\nadd fwknop_g4 10.6.6.6,tcp:22 timeout 99 comment "_exp_1700000099"' });
  await openAll(setup, ...addresses(1, 5));
  assert.deepEqual(whoIsIn(setup).elements, ["10.0.0.5 22"]);
  await setup.firewall.stop();
});

test("createIpset() says nothing of sets that are not ours, and of an ipset that is missing where others have them", async () => {
  const setup = setUp();
  await setup.fake.run(["ipset", "restore"], { timeoutMs: 1, input: "create theirs hash:ip\n" });
  for (const fault of [undefined, "missing", "denied"] as const) {
    setup.fake.fault = fault;
    const { firewall } = setUp({}, setup.clock, setup.fake);
    await firewall.start();
    await firewall.list("ours");
    await firewall.stop();
  }
  assert.deepEqual([warnings(setup), [...setup.fake.sets.keys()]], [[], ["theirs"]]);
});

test("createIpset() puts back the jump, a set's rule, the chain and the sets that somebody took away, with the next grant", async () => {
  for (const use of ["auto", true] as const) {
    const setup = setUp({ use });
    await setup.firewall.start();
    await openAll(setup, ...addresses(1, 6));
    const type = (command: string): void => setup.fake.iptables.type(`iptables ${command}`);
    const rule = setup.fake.iptables.listing().find((line) => line.includes("--match-set fwknop_g4"))!;
    const ways: readonly (readonly [string, () => void])[] = [
      ["a rule", () => type(rule.replace("-A", "-D"))],
      ["a jump", () => type("-D INPUT -j FWKNOP_INPUT")],
      ["a chain", () => ["-F INPUT", "-F FWKNOP_INPUT", "-X FWKNOP_INPUT"].forEach(type)],
      ["chain and sets", () => (["-F INPUT", "-F FWKNOP_INPUT", "-X FWKNOP_INPUT"].forEach(type), setup.fake.sets.clear())],
      ["rules and sets", () => (type("-F FWKNOP_INPUT"), setup.fake.sets.clear())],
      ["everything", () => (setup.fake.iptables.reset(), setup.fake.sets.clear())],
    ];
    let next = 100;
    for (const [title, takeAway] of ways) {
      takeAway();
      setup.clock.advance(title === "a jump" ? 2 : 0); // more often it does not look for that
      const before = setup.firewall.rules.filter(({ table }) => table === "ipset").length;
      await openAll(setup, `10.0.0.${++next}`);
      const { rules, elements } = whoIsIn(setup);
      assert.equal(elements.length, before + 1, `${String(use)}, ${title}: ${setup.said.slice(-5).join("\n")}`);
      assert.ok(elements.includes(`10.0.0.${next} 22`));
      if (use === "auto") assert.equal(rules.length, title === "rules and sets" ? 0 : 4, `what was removed one by one stays away, after ${title}`);
      assert.equal(setup.fake.iptables.listing().filter((line) => line.includes("--match-set fwknop_g4")).length, 1, title);
      if (use === "auto" && rules.length === 0) await openAll(setup, ...addresses(1, 4));
    }
    await setup.firewall.stop();
    assert.deepEqual(setup.fake.all, [[], [], []]);
  }
});

test("createIpset() notices a set's rule that is gone although somebody else's rule names the set", async () => {
  const setup = setUp({ use: true });
  await setup.firewall.start();
  const theirs = "-A INPUT -m set --match-set fwknop_g4 src,dst -j DROP";
  await openAll(setup, "10.0.0.1");
  setup.fake.iptables.type(`iptables ${theirs}`);
  await openAll(setup, "10.0.0.2");
  setup.fake.iptables.type("iptables -F FWKNOP_INPUT");
  await openAll(setup, "10.0.0.3");
  assert.deepEqual(whoIsIn(setup).elements, addresses(1, 3).map((source) => `${source} 22`));
  setup.fake.iptables.type(`iptables ${theirs.replace("-A", "-D")}`);
  await setup.firewall.stop();
});

test("Firewall.reload() between auto, Y and N keeps what is open as it is, and goes on with the new setting", async () => {
  const setup = setUp();
  await setup.firewall.start();
  await openAll(setup, ...addresses(1, 6));
  const before = whoIsIn(setup);
  let rules = before.rules.length;
  let elements = before.elements.length;
  let next = 10;
  for (const use of [false, true, false, "auto", true, "auto", "auto"] as const) {
    await setup.firewall.reload(setup.options({ use }));
    assert.deepEqual([whoIsIn(setup).rules.length, whoIsIn(setup).elements.length], [rules, elements], `to ${String(use)}`);
    await openAll(setup, "10.0.0.1", "10.0.0.6"); // one of each kind
    assert.deepEqual([whoIsIn(setup).rules.length, whoIsIn(setup).elements.length], [rules, elements], `renewals with ${String(use)}`);
    await openAll(setup, `10.0.0.${++next}`);
    if (use === false) rules++;
    else elements++;
    assert.deepEqual([whoIsIn(setup).rules.length, whoIsIn(setup).elements.length], [rules, elements], `one more with ${String(use)}`);
  }
  setup.clock.advance(60);
  await settle(setup);
  assert.deepEqual([setup.firewall.rules, whoIsIn(setup)], [[], { rules: [], elements: [] }]);
  await setup.firewall.reload(setup.options({ use: false }));
  await setup.firewall.stop();
  assert.deepEqual(setup.fake.all, [[], [], []]);
});

test("Firewall.reload() refuses Y without ipset, and goes on as before", async () => {
  const setup = setUp({ use: false });
  await setup.firewall.start();
  setup.fake.fault = "missing";
  await openAll(setup, "10.0.0.1");
  await assert.rejects(setup.firewall.reload(setup.options({ use: true })), { code: "ENOENT" });
  await openAll(setup, "10.0.0.2");
  assert.deepEqual(whoIsIn(setup).rules, ["10.0.0.1 22", "10.0.0.2 22"]);
  await setup.firewall.stop();
});

test("change() of createIpset() that fails at a full set gives back what was to be renewed, rules and elements", async () => {
  const setup = setUp({ chains: { input, output } });
  await setup.firewall.start();
  await openAll(setup, ...addresses(1, 5)); // with OUTPUT two make the crowd
  setup.fake.room = 5;
  assert.ok((await setup.firewall.open(grant("10.0.0.5", 70, { ports: ports("tcp/22,tcp/80,tcp/443") }))).ok, "as many as there is room for");
  const full = whoIsIn(setup);
  const before = setup.fake.iptables.listing();
  const refused = await setup.firewall.open(grant("10.0.0.5", 80, { ports: ports("tcp/8080,tcp/22") }));
  assert.match(JSON.stringify(refused), /"reason":"The set is full/);
  assert.deepEqual(whoIsIn(setup).elements.sort(), full.elements.sort());
  assert.deepEqual(setup.fake.iptables.listing().sort(), before.sort());
  setup.fake.room = 9;
  await openAll(setup, "10.0.0.9");
  assert.ok(whoIsIn(setup).elements.includes("10.0.0.9 22"), "a full set is no reason to give sets up");
  await setup.firewall.stop();
});

test("createIpset() on auto goes back to rules when ipset is gone all at once", async () => {
  const setup = setUp();
  await setup.firewall.start();
  await openAll(setup, ...addresses(1, 6));
  setup.fake.fault = "missing";
  assert.ok(!(await setup.firewall.open(grant("10.0.0.7", 60))).ok);
  await openAll(setup, "10.0.0.7", "10.0.0.8");
  assert.deepEqual(whoIsIn(setup).rules.slice(4), ["10.0.0.7 22", "10.0.0.8 22"]);
  assert.equal(warnings(setup).filter((line) => line.startsWith("warning")).length, 1);
  setup.fake.fault = undefined;
  await setup.firewall.stop();
  assert.deepEqual(setup.fake.all, [[], [], []]);
});

test("Firewall looks for rules of a change that failed although elements of the same backend would end by themselves", async () => {
  const setup = setUp();
  await setup.firewall.start();
  setup.fake.iptables.faultOf = (argv) => (argv[0] === "iptables-restore" ? "hanging" : undefined);
  assert.ok(!(await setup.firewall.open(grant("10.0.0.1", 60))).ok);
  setup.fake.iptables.faultOf = () => undefined;
  // Killed after it had done its work.
  setup.fake.iptables.type(`iptables -A FWKNOP_INPUT -p 6 -s 10.0.0.1 --dport 22 -m comment --comment _exp_${NOW + 60} -j ACCEPT`);
  setup.clock.advance(2);
  await settle(setup);
  assert.deepEqual(whoIsIn(setup).rules, []);
  await setup.firewall.stop();
});

test("Firewall with ENABLE_CONNTRACK_PERSIST keeps a rule and an element of one client while its connections last", async () => {
  let isInUse = true;
  const setup = setUp({ findInUse: (due) => Promise.resolve(isInUse ? due : []) });
  await setup.firewall.start();
  await openAll(setup, ...addresses(1, 4));
  await setup.firewall.open(grant("10.0.0.4", 60, { ports: ports("tcp/22,tcp/80") }));
  for (let second = 0; second < 100; second++) {
    setup.clock.advance(1);
    await settle(setup);
    assert.deepEqual([whoIsIn(setup).rules.includes("10.0.0.4 22"), whoIsIn(setup).elements], [true, ["10.0.0.4 80"]], `second ${second}`);
  }
  isInUse = false;
  setup.clock.advance(3);
  await settle(setup);
  assert.deepEqual(whoIsIn(setup), { rules: [], elements: [] });
  await setup.firewall.stop();
});

test("createIpset() gives daemons with chains of their own sets of their own, with names that the kernel takes", async () => {
  const long = "C".repeat(28);
  const clock = new ManualClock(NOW);
  const fake = new FakeIpset(clock);
  const first = setUp({ use: true }, clock, fake);
  const second = setUp({ use: true, chains: { input: { ...input, chain: long } } }, clock, fake);
  await first.firewall.start();
  await openAll(first, "10.0.0.1");
  await second.firewall.start();
  await openAll(second, "10.0.0.2");
  assert.deepEqual([...fake.sets.keys()], ["fwknop_g4", "fwknop_n4", "fwknop_g6", "fwknop_n6", `${long}_g4`, `${long}_n4`, `${long}_g6`, `${long}_n6`]);
  await second.firewall.stop();
  assert.deepEqual(whoIsIn(first).elements, ["10.0.0.1 22"]);
  await first.firewall.stop();
  assert.deepEqual(fake.all, [[], [], []]);
});

test("createPrint() of createIpset() prints what makes a crowd's sets and takes them away", async () => {
  const setup = setUp();
  const printed: string[] = [];
  const options = setup.options();
  const firewall = new Firewall({ ...options, backend: createPrint(options.backend, (text) => printed.push(text)) });
  await firewall.start();
  await openAll({ ...setup, firewall }, ...addresses(1, 5));
  await firewall.stop();
  const text = printed.join("\n");
  for (const line of ["create fwknop_g4 hash:ip,port family inet timeout 1 comment", "add fwknop_g4 10.0.0.5,tcp:22 timeout 60", "ipset destroy fwknop_g4"]) assert.ok(text.includes(line), `${line} in ${text}`);
  assert.deepEqual(setup.fake.calls, []);
});

test("Firewall on createIpset() and a model agree through days of crowds, lost sets and rules, failures, reloads and restarts", async () => {
  const gen = generator("ipset days");
  const sources = [...addresses(1, 9), "2001:db8::1", "2001:db8::2"];
  for (let day = 0; day < 6; day++) {
    const clock = new ManualClock(NOW);
    const fake = new FakeIpset(clock);
    const uses = ["auto", "auto", true, false] as const;
    let setup = setUp({ clearAtStart: false, clearAtStop: false }, clock, fake);
    await setup.firewall.start();
    const model = new Map<string, number>();
    for (let turn = 0; turn < 150; turn++) {
      const event = gen.below(100);
      const knock = async (count: number, from = sources): Promise<void> => {
        const expiresAt = Math.floor(clock.wallSeconds) + gen.between(2, 40);
        const wanted = gen.list(count, () => ({ source: gen.pick(from), port: gen.pick([22, 80]) }));
        const results = await Promise.all(wanted.map(({ source, port }) => setup.firewall.open({ source: ip(source), ports: ports(`tcp/${port}`), expiresAt })));
        assert.deepEqual(results.filter(({ ok }) => !ok), []);
        for (const { source, port } of wanted) model.set(`${source} ${port}`, Math.max(model.get(`${source} ${port}`) ?? 0, expiresAt));
      };
      if (event < 60) await knock(gen.between(1, 4));
      else if (event < 85) clock.advance(gen.between(1, 12));
      else if (event < 90) await setup.firewall.reload(setup.options({ use: gen.pick(uses), clearAtStart: false, clearAtStop: false }));
      else if (event < 95) {
        await setup.firewall.stop();
        setup = setUp({ clearAtStart: false, clearAtStop: false, use: gen.pick(uses) }, clock, fake);
        await setup.firewall.start();
      } else {
        fake.iptables.type("iptables -F INPUT");
        if (gen.chance()) for (const words of ["-F", "-X"]) fake.iptables.type(`iptables ${words} FWKNOP_INPUT`);
        if (gen.chance() && fake.iptables.listing(6).length === 0 && !fake.iptables.listing().some((line) => line.includes("--match-set"))) fake.sets.clear();
        clock.advance(2);
        await settle(setup);
        await knock(2, addresses(1, 9)); // brings it back, with whatever was lost
      }
      await settle(setup);
      for (const [key, end] of model) if (end <= clock.wallSeconds) model.delete(key);
      const { rules, elements } = whoIsIn(setup);
      assert.deepEqual([...rules, ...elements].sort(), [...model.keys()].sort(), `day ${day}, turn ${turn}`);
    }
    await setup.firewall.stop();
    await setUp({}, clock, fake).firewall.flush();
    assert.deepEqual(fake.all, [[], [], []]);
  }
});
