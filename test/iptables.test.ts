import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommandResult, FirewallError, type Note, type Plan, type Rule } from "../src/firewall/backend.ts";
import type { Grant, NatTarget } from "../src/firewall/grant.ts";
import { type ChainSettings, createIptables, DEFAULT_CHAINS, type IptablesSettings } from "../src/firewall/iptables.ts";
import { createPrint } from "../src/firewall/print.ts";
import { FakeIptables } from "./support/fake-iptables.ts";
import { ip } from "./support/firewall-fixture.ts";

const EXPIRES_AT = 1_795_344_374;

function settings(changes: Partial<IptablesSettings> = {}): IptablesSettings {
  return { program: ["/sbin/iptables"], chains: DEFAULT_CHAINS, prepend: false, checkComment: true, checkSupport: true, ...changes };
}

function grant(changes: Partial<Grant> = {}): Grant {
  return { source: ip("10.1.2.3"), ports: [{ protocol: "tcp", port: 22 }], expiresAt: EXPIRES_AT, ...changes };
}

function nat(changes: Partial<NatTarget> = {}): NatTarget {
  return { kind: "forward", address: ip("192.168.10.5"), port: 22, rewriteDestination: true, wholeHost: false, ...changes };
}

function rulesOf(wanted: Grant, changes: Partial<IptablesSettings> = {}): readonly Rule[] {
  const planned = createIptables(settings(changes)).rulesFor(wanted, new Map());
  assert.ok(planned.ok, planned.ok ? "" : planned.reason);
  return planned.rules;
}

function typed(rules: readonly Rule[]): string[] {
  return rules.map((rule) => `${rule.chain} -t ${rule.table} ${rule.words.join(" ")}`);
}

/** Performs a plan on a fake. */
async function perform<T>(plan: Plan<T>, fake: FakeIptables, notes: Note[] = []): Promise<{ learnt: T; notes: Note[] }> {
  let result: CommandResult = { status: 0, stdout: "", stderr: "" };
  for (;;) {
    const step = plan.next(result);
    if (step.done) return { learnt: step.value, notes };
    if (step.value.kind === "note") notes.push(step.value);
    else {
      const { argv, stdin } = step.value;
      const { status, stdout, stderr, startError, timedOut } = await fake.run(argv, { timeoutMs: 1, ...(stdin === undefined ? {} : { input: stdin }) });
      const failure = startError?.code ?? (timedOut ? "TIMEOUT" : undefined);
      result = { status, stdout, stderr, ...(failure === undefined ? {} : { failure }) };
    }
  }
}

const END = `-m comment --comment _exp_${EXPIRES_AT}`;
const V6 = { source: ip("2001:db8::3") };

/** What is granted, and the rules, in the words that programs match on. */
const RULES: readonly [title: string, wanted: Grant, rules: readonly string[]][] = [
  ["several ports", grant({ ports: [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }] }), [
    `FWKNOP_INPUT -t filter -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_OUTPUT -t filter -p 6 -d 10.1.2.3 -s 0.0.0.0/0 --sport 22 ${END} -j ACCEPT`,
    `FWKNOP_INPUT -t filter -p 17 -s 10.1.2.3 -d 0.0.0.0/0 --dport 53 ${END} -j ACCEPT`,
    `FWKNOP_OUTPUT -t filter -p 17 -d 10.1.2.3 -s 0.0.0.0/0 --sport 53 ${END} -j ACCEPT`,
  ]],
  ["one address of ours", grant({ destination: ip("10.9.9.9") }), [
    `FWKNOP_INPUT -t filter -p 6 -s 10.1.2.3 -d 10.9.9.9 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_OUTPUT -t filter -p 6 -d 10.1.2.3 -s 10.9.9.9 --sport 22 ${END} -j ACCEPT`,
  ]],
  ["a host behind us: the FORWARD rule has its address", grant({ ports: [{ protocol: "tcp", port: 2222 }, { protocol: "tcp", port: 80 }], nat: nat() }), [
    `FWKNOP_FORWARD -t filter -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`,
  ]],
  ["a host behind us, without DNAT", grant({ nat: nat({ rewriteDestination: false }) }), [
    `FWKNOP_FORWARD -t filter -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j ACCEPT`,
  ]],
  ["a host behind us, SNAT: the rule has the source", grant({ nat: nat({ sourceNat: { kind: "snat", address: ip("192.168.10.1") } }) }), [
    `FWKNOP_FORWARD -t filter -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j DNAT --to-destination 192.168.10.5:22`,
    `FWKNOP_POSTROUTING -t nat -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j SNAT --to-source 192.168.10.1`,
  ]],
  ["a host behind us, masqueraded", grant({ ports: [{ protocol: "tcp", port: 2222 }], nat: nat({ sourceNat: { kind: "masquerade" } }) }), [
    `FWKNOP_FORWARD -t filter -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`,
    `FWKNOP_MASQUERADE -t nat -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j MASQUERADE --to-ports 2222`,
  ]],
  ["a whole host", grant({ nat: nat({ wholeHost: true, sourceNat: { kind: "masquerade" } }) }), [
    `FWKNOP_FORWARD -t filter -s 10.1.2.3 -d 192.168.10.5 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -s 10.1.2.3 -d 0.0.0.0/0 ${END} -j DNAT --to-destination 192.168.10.5`,
    `FWKNOP_MASQUERADE -t nat -s 10.1.2.3 -d 192.168.10.5 ${END} -j MASQUERADE`,
  ]],
  ["everything behind us: no DNAT to 0.0.0.0", grant({
    nat: nat({ wholeHost: true, address: ip("0.0.0.0"), port: 0, sourceNat: { kind: "snat", address: ip("192.168.10.9") } }),
  }), [
    `FWKNOP_FORWARD -t filter -s 10.1.2.3 ${END} -j ACCEPT`,
    `FWKNOP_POSTROUTING -t nat -s 10.1.2.3 ${END} -j SNAT --to-source 192.168.10.9`,
  ]],
  ["another port of ours", grant({ ports: [{ protocol: "tcp", port: 40001 }], nat: nat({ kind: "local", address: ip("127.0.0.1") }) }), [
    `FWKNOP_INPUT -t filter -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 40001 ${END} -j DNAT --to-destination 127.0.0.1:22`,
  ]],
  ["another port of ours, one address: INPUT sees the rewritten one",
    grant({ destination: ip("10.9.9.9"), ports: [{ protocol: "tcp", port: 40001 }], nat: nat({ kind: "local", address: ip("10.9.9.8"), wholeHost: true }) }), [
      `FWKNOP_INPUT -t filter -p 6 -s 10.1.2.3 -d 10.9.9.8 --dport 22 ${END} -j ACCEPT`,
      `FWKNOP_PREROUTING -t nat -p 6 -s 10.1.2.3 -d 10.9.9.9 --dport 40001 ${END} -j DNAT --to-destination 10.9.9.8:22`,
    ]],
  ["another port of ours in IPv6: what is sent to ::1 would be thrown away", grant({ ...V6, destination: ip("2001:db8::1"), ports: [{ protocol: "tcp", port: 40001 }], nat: nat({ kind: "local", address: ip("::1") }) }), [
    `FWKNOP_INPUT -t filter -p 6 -s 2001:db8::3 -d ::/0 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 2001:db8::3 -d 2001:db8::1 --dport 40001 ${END} -j REDIRECT --to-ports 22`,
  ]],
  ["a whole network", grant({ source: ip("10.1.2.0"), sourcePrefix: 24 }), [
    `FWKNOP_INPUT -t filter -p 6 -s 10.1.2.0/24 -d 0.0.0.0/0 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_OUTPUT -t filter -p 6 -d 10.1.2.0/24 -s 0.0.0.0/0 --sport 22 ${END} -j ACCEPT`,
  ]],
  ["IPv6", grant({ ...V6, ports: [{ protocol: "udp", port: 53 }] }), [
    `FWKNOP_INPUT -t filter -p 17 -s 2001:db8::3 -d ::/0 --dport 53 ${END} -j ACCEPT`,
    `FWKNOP_OUTPUT -t filter -p 17 -d 2001:db8::3 -s ::/0 --sport 53 ${END} -j ACCEPT`,
  ]],
  ["IPv6, a host behind us", grant({ ...V6, nat: nat({ address: ip("2001:db8:1::5"), sourceNat: { kind: "snat", address: ip("2001:db8:1::1") } }) }), [
    `FWKNOP_FORWARD -t filter -p 6 -s 2001:db8::3 -d 2001:db8:1::5 --dport 22 ${END} -j ACCEPT`,
    `FWKNOP_PREROUTING -t nat -p 6 -s 2001:db8::3 -d ::/0 --dport 22 ${END} -j DNAT --to-destination [2001:db8:1::5]:22`,
    `FWKNOP_POSTROUTING -t nat -p 6 -s 2001:db8::3 -d 2001:db8:1::5 --dport 22 ${END} -j SNAT --to-source 2001:db8:1::1`,
  ]],
];

for (const [title, wanted, expected] of RULES) {
  test(`rulesFor() plans ${title}`, () => {
    const rules = rulesOf(wanted);
    assert.deepEqual(typed(rules), expected);
    for (const rule of rules) assert.equal(rule.family, wanted.source.version);
  });
}

const { input, dnat, masquerade } = DEFAULT_CHAINS;

/** Grants that cannot be made, with the reason; never a rule in the wrong family. */
const REFUSALS: readonly [reason: RegExp, wanted: Grant, chains?: IptablesSettings["chains"]][] = [
  [/^the NAT target 2001:db8::9 is no IPv4 address, but 10\.1\.2\.3 is$/, grant({ nat: nat({ address: ip("2001:db8::9") }) })],
  [/^the NAT target 192\.168\.10\.5 is no IPv6 address/, grant({ ...V6, nat: nat() })],
  [/^the destination 2001:db8::9 is no IPv4/, grant({ destination: ip("2001:db8::9") })],
  [/^the source NAT address 192\.168\.10\.1 is no IPv6/, grant({
    ...V6, nat: nat({ address: ip("2001:db8::9"), sourceNat: { kind: "snat", address: ip("192.168.10.1") } }),
  })],
  [/^this firewall does not count connections, which GRANT_USES needs$/, grant({ once: true })],
  [/0\.0\.0\.0, which stands for none$/, grant({ source: ip("0.0.0.0") })],
  [/^the NAT target 0\.0\.0\.0 stands for no address$/, grant({ nat: nat({ address: ip("0.0.0.0") }) })],
  [/^forwarding is not enabled$/, grant({ nat: nat() }), { input }],
  [/^destination NAT is not enabled$/, grant({ nat: nat({ kind: "local", address: ip("127.0.0.1") }) }), { input }],
  [/^source NAT is not enabled$/, grant({ nat: nat({ kind: "local", sourceNat: { kind: "snat", address: ip("10.0.0.1") } }) }), { input, dnat, masquerade }],
  [/^masquerading is not enabled$/, grant({ nat: nat({ kind: "local", sourceNat: { kind: "masquerade" } }) }), { input, dnat }],
];

for (const [reason, wanted, chains = DEFAULT_CHAINS] of REFUSALS) {
  test(`rulesFor() refuses: ${reason.source}`, () => {
    const planned = createIptables(settings({ chains })).rulesFor(wanted, new Map());
    assert.match(planned.ok ? "planned" : planned.reason, reason);
  });
}

test("rulesFor() throws for what no grant can be", () => {
  for (const wrong of [
    { ports: [] }, { ports: [{ protocol: "tcp", port: 0 }] }, { ports: [{ protocol: "tcp", port: 65536 }] }, { ports: [{ protocol: "tcp", port: 1.5 }] },
    { nat: nat({ port: 0 }) }, { expiresAt: NaN }, { expiresAt: Infinity }, { expiresAt: 1.5 }, { expiresAt: -1 },
  ] as const) {
    assert.throws(() => rulesOf(grant(wrong as Partial<Grant>)), RangeError, JSON.stringify(wrong));
  }
});

test("rulesFor() gives what opens the same one key, and everything else another", () => {
  const key = (wanted: Grant): string => rulesOf(wanted)[0]!.key;
  assert.equal(key(grant()), key(grant({ expiresAt: EXPIRES_AT + 60 })));
  const others = [
    grant({ source: ip("10.1.2.4") }), grant({ ports: [{ protocol: "udp", port: 22 }] }), grant({ ports: [{ protocol: "tcp", port: 23 }] }),
    grant({ destination: ip("10.9.9.9") }), grant(V6), grant({ nat: nat() }), grant({ nat: nat({ port: 23 }) }),
  ].map(key);
  assert.equal(new Set([key(grant()), ...others]).size, others.length + 1);
});

test("createIptables() refuses names that could be more than names", () => {
  const wrong: Partial<ChainSettings>[] = [
    { chain: "" }, { chain: "A B" }, { chain: "A\nB" }, { chain: "x".repeat(29) }, { chain: "-F" }, { table: "*filter" }, { target: "ACCEPT;" }, { from: "IN PUT" },
    { position: -1 }, { position: 1.5 },
  ];
  for (const changes of wrong) {
    assert.throws(() => createIptables(settings({ chains: { input: { ...input, ...changes } } })), RangeError, JSON.stringify(changes));
  }
  assert.throws(() => createIptables(settings({ program: [""] })), RangeError);
});

test("prepare() makes chains and jumps in one transaction, and nothing when they are there", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings({ checkComment: false }));
  const { notes } = await perform(backend.prepare({ fresh: false }), fake);
  assert.equal(fake.calls.filter(({ input: lines }) => lines !== "").length, 1);
  assert.ok(notes.some(({ level, message }) => level === "info" && message === "Added jump rule from chain: INPUT to chain: FWKNOP_INPUT"));
  assert.ok(notes.some(({ level, message }) => level === "debug" && message === "'filter' table 'FWKNOP_INPUT' chain exists"));
  const before = [fake.listing(), fake.listing(4, "nat")];
  assert.deepEqual(before[1], [
    "-N FWKNOP_MASQUERADE", "-N FWKNOP_POSTROUTING", "-N FWKNOP_PREROUTING",
    "-A PREROUTING -j FWKNOP_PREROUTING", "-A POSTROUTING -j FWKNOP_MASQUERADE", "-A POSTROUTING -j FWKNOP_POSTROUTING",
  ]);
  fake.calls.length = 0;
  await perform(backend.prepare({ fresh: false }), fake);
  assert.equal(fake.calls.filter(({ input: lines }) => lines !== "").length, 0);
  assert.deepEqual([fake.listing(), fake.listing(4, "nat")], before);
  assert.deepEqual(fake.listing(6), [], "IPv6 is left alone until it is needed");
});

test("prepare() tests the comment match without leaving a trace, in the transaction that it needs anyway", async () => {
  const fake = new FakeIptables();
  const { notes } = await perform(createIptables(settings({ chains: { input } })).prepare({ fresh: true }), fake);
  assert.deepEqual(fake.listing(), ["-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT"]);
  assert.ok(notes.some(({ message }) => message === "iptables 'comment' match is available"));
  assert.equal(fake.calls.filter(({ input: lines }) => lines.includes("__TMPCOMMENT__")).length, 1);
});

test("prepare() without a usable comment match says so, leaves nothing, and fails", async () => {
  const fake = new FakeIptables();
  fake.faultOf = (_, lines) => (lines.includes("--comment") ? "locked" : undefined);
  const notes: Note[] = [];
  await assert.rejects(perform(createIptables(settings({ chains: { input } })).prepare({ fresh: true }), fake, notes), FirewallError);
  assert.deepEqual(notes.map(({ message }) => message), ["Warning: Could not use the 'comment' match"]);
  assert.deepEqual(fake.listing(), []);
});

test("prepare() reports the rules that a killed daemon left, of both families, with their ends", async () => {
  const fake = new FakeIptables();
  fake.type("iptables -N FWKNOP_INPUT");
  fake.type("iptables -A FWKNOP_INPUT -p tcp -s 10.1.2.3 --dport 22 -m comment --comment _exp_1234 -j ACCEPT");
  fake.type("iptables -A FWKNOP_INPUT -s 10.1.2.4 -m comment --comment mine -j ACCEPT");
  fake.type("iptables -A INPUT -s 10.1.2.5 -m comment --comment _exp_1234 -j ACCEPT");
  fake.type("ip6tables -N FWKNOP_INPUT");
  fake.type("ip6tables -A FWKNOP_INPUT -p tcp -s 2001:db8::3 --dport 22 -m comment --comment _exp_5678 -j ACCEPT");
  const { learnt } = await perform(createIptables(settings({ chains: { input } })).prepare({ fresh: false }), fake);
  assert.deepEqual(learnt.map(({ family, chain, expiresAt }) => [family, chain, expiresAt]), [[4, "FWKNOP_INPUT", 1234], [6, "FWKNOP_INPUT", 5678]]);
  assert.equal(learnt[0]!.key, rulesOf(grant())[0]!.key, "a rule that was found is known again when the same is asked for");
  assert.equal(learnt[1]!.key, rulesOf(grant(V6))[0]!.key);
});

test("prepare() from scratch empties our chains in both families and nothing else", async () => {
  const fake = new FakeIptables();
  for (const program of ["iptables", "ip6tables"]) {
    const address = program === "iptables" ? "10.1.2.3" : "2001:db8::3";
    fake.type(`${program} -N FWKNOP_INPUT`);
    fake.type(`${program} -I INPUT 1 -j FWKNOP_INPUT`);
    fake.type(`${program} -I INPUT 1 -j FWKNOP_INPUT`);
    fake.type(`${program} -A INPUT -s ${address} -j DROP`);
    fake.type(`${program} -A FWKNOP_INPUT -s ${address} -j ACCEPT`);
  }
  const { learnt } = await perform(createIptables(settings({ chains: { input } })).prepare({ fresh: true }), fake);
  assert.deepEqual(learnt, []);
  assert.deepEqual(fake.listing(4), ["-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", "-A INPUT -s 10.1.2.3/32 -j DROP"]);
  assert.deepEqual(fake.listing(6), ["-A INPUT -s 2001:db8::3/128 -j DROP"]);
});

test("prepare() puts a jump at the end of a chain that is shorter than the position asked for", async () => {
  for (const [position, expected] of [[0, 0], [1, 0], [2, 1], [3, 2], [99, 2]] as const) {
    const fake = new FakeIptables();
    fake.type("iptables -A INPUT -s 10.0.0.1 -j DROP");
    fake.type("iptables -A INPUT -s 10.0.0.2 -j DROP");
    await perform(createIptables(settings({ chains: { input: { ...input, position } } })).prepare({ fresh: true }), fake);
    await perform(createIptables(settings({ chains: { input: { ...input, position } } })).prepare({ fresh: true }), fake);
    assert.equal(fake.listing().filter((line) => line.startsWith("-A INPUT")).indexOf("-A INPUT -j FWKNOP_INPUT"), expected, `position ${position}`);
  }
});

test("prepare() shares a chain between two purposes with one jump", async () => {
  const fake = new FakeIptables();
  const chains = { ...DEFAULT_CHAINS, masquerade: { ...masquerade, chain: "FWKNOP_POSTROUTING" } };
  const backend = createIptables(settings({ chains }));
  await perform(backend.prepare({ fresh: true }), fake);
  assert.equal(fake.listing(4, "nat").filter((line) => line === "-A POSTROUTING -j FWKNOP_POSTROUTING").length, 1);
  await perform(backend.clear(), fake);
  assert.deepEqual(fake.listing(4, "nat"), []);
});

test("change() opens grants of several tables by one program, and reads only the chains that jump to ours", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings());
  await perform(backend.prepare({ fresh: true }), fake);
  fake.calls.length = 0;
  await perform(backend.change({ add: rulesOf(grant({ nat: nat() })), remove: [], keep: [] }), fake);
  assert.deepEqual(fake.calls.map(({ argv }) => argv.join(" ")), [
    "/sbin/iptables -w 5 -t filter -S FORWARD",
    "/sbin/iptables -w 5 -t nat -S PREROUTING",
    "/sbin/iptables-restore --noflush -w 5",
  ]);
  assert.equal(fake.calls[2]!.input, [
    "*filter",
    `-A FWKNOP_FORWARD -p 6 -s 10.1.2.3 -d 192.168.10.5 --dport 22 ${END} -j ACCEPT`,
    "COMMIT",
    "*nat",
    `-A FWKNOP_PREROUTING -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j DNAT --to-destination 192.168.10.5:22`,
    "COMMIT",
    "",
  ].join("\n"));
});

test("change() says the lines that programs match on", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings({ prepend: true }));
  await perform(backend.prepare({ fresh: true }), fake);
  const add = [...rulesOf(grant({ source: ip("127.0.0.2") })), ...rulesOf(grant({ nat: nat({ address: ip("192.168.1.2") }) }))];
  const said = (await perform(backend.change({ add, remove: [], keep: [] }), fake)).notes.map(({ message }) => message);
  for (const phrase of [
    /FWKNOP_FORWARD\s.*dport\s22\s/, /\s-I\sFWKNOP_INPUT.*\s-s\s127.0.0.2/, /'\schain exists/, /FWKNOP_INPUT.*dport\s22.*\sACCEPT/,
    /FWKNOP_FORWARD.*dport\s22\s.*\sACCEPT/, /FWKNOP_PREROUTING.*\sDNAT\s.*to-destination\s192.168.1.2:22/,
    new RegExp(`create_rule\\(\\) Rule: '-t filter -p 6 -s 127\\.0\\.0\\.2 -d 0\\.0\\.0\\.0/0 --dport 22 ${END} -j ACCEPT' added to FWKNOP_INPUT`),
  ]) assert.ok(said.some((line) => phrase.test(line)), `${phrase} in\n${said.join("\n")}`);
  const [rule] = add;
  assert.equal(backend.lines.opened(rule!), `Added access rule to FWKNOP_INPUT for 127.0.0.2 -> 0.0.0.0/0 tcp/22, expires at ${EXPIRES_AT}`);
  assert.equal(backend.lines.opened({ ...rule!, expiresAt: 9 }, { ...rule!, expiresAt: 5 }),
    "Added access rule to FWKNOP_INPUT for 127.0.0.2 -> 0.0.0.0/0 tcp/22, expires at 9 (renewed, was 5)");
  assert.equal(backend.lines.closed(rule!, 3), `Removed rule 3 from FWKNOP_INPUT with expire time of ${EXPIRES_AT}`);
  assert.match(backend.lines.present(rule!), /^rule_exists\(\) Rule : '-t filter .*--dport 22 .*' in FWKNOP_INPUT already exists$/);
  assert.equal(createIptables(settings({ checkSupport: false })).lines.present(rule!),
    `rule_exists_no_chk_support()  tcp  22 -> 127.0.0.2 expires: ${EXPIRES_AT} rule already exists`);
});

test("lines.opened() names the kind and the whole request", () => {
  const all = rulesOf(grant({ ports: [{ protocol: "tcp", port: 40001 }, { protocol: "udp", port: 53 }], nat: nat({ wholeHost: true, sourceNat: { kind: "masquerade" } }) }));
  const backend = createIptables(settings());
  assert.deepEqual(all.map((rule) => backend.lines.opened(rule).split(",")[0]), [
    "Added FORWARD ALL rule to FWKNOP_FORWARD for 10.1.2.3 -> 0.0.0.0/0 */*",
    "Added DNAT ALL rule to FWKNOP_PREROUTING for 10.1.2.3 -> 0.0.0.0/0 */*",
    "Added SNAT ALL rule to FWKNOP_MASQUERADE for 10.1.2.3 -> 0.0.0.0/0 */*",
  ]);
  const local = rulesOf(grant({ ports: [{ protocol: "tcp", port: 40001 }, { protocol: "udp", port: 53 }], nat: nat({ kind: "local", address: ip("127.0.0.1") }) }));
  assert.equal(backend.lines.opened(local[0]!), `Added local NAT rule to FWKNOP_INPUT for 10.1.2.3 -> 0.0.0.0/0 tcp/40001,udp/53, expires at ${EXPIRES_AT}`);
});

test("change() renews in one transaction: there is no moment without the rule", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings({ chains: { input } }));
  await perform(backend.prepare({ fresh: true }), fake);
  const old = rulesOf(grant(), { chains: { input } });
  await perform(backend.change({ add: old, remove: [], keep: [] }), fake);
  fake.calls.length = 0;
  await perform(backend.change({ add: rulesOf(grant({ expiresAt: EXPIRES_AT + 30 }), { chains: { input } }), remove: old, keep: [] }), fake);
  assert.equal(fake.calls.filter(({ input: lines }) => lines !== "").length, 1);
  assert.deepEqual(fake.listing(), [
    "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT",
    `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 -m comment --comment _exp_${EXPIRES_AT + 30} -j ACCEPT`,
  ]);
});

test("change() puts back what somebody removed, with the rules whose time is not over", async () => {
  const chains = { input };
  const backend = createIptables(settings({ chains }));
  const kept = rulesOf(grant({ source: ip("10.0.0.7") }), { chains });
  const add = rulesOf(grant(), { chains });
  const losses: readonly [string, readonly string[], boolean][] = [
    ["the jump", ["iptables -F INPUT"], true],
    ["the chain", ["iptables -F INPUT", "iptables -F FWKNOP_INPUT", "iptables -X FWKNOP_INPUT"], true],
    ["one rule, on purpose", ["iptables -F FWKNOP_INPUT"], false],
  ];
  for (const [title, commands, back] of losses) {
    const fake = new FakeIptables();
    await perform(backend.prepare({ fresh: true }), fake);
    await perform(backend.change({ add: kept, remove: [], keep: [] }), fake);
    for (const command of commands) fake.type(command);
    const { learnt } = await perform(backend.change({ add, remove: [], keep: kept }), fake);
    assert.deepEqual(fake.listing(), [
      "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT",
      ...(back ? [`-A FWKNOP_INPUT -s 10.0.0.7/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`] : []),
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
    ], title);
    assert.equal(learnt.repaired, back, title);
  }
});

test("change() succeeds in removing what is gone already, and removes the rest", async () => {
  const chains = { input };
  const fake = new FakeIptables();
  const backend = createIptables(settings({ chains }));
  await perform(backend.prepare({ fresh: true }), fake);
  const first = rulesOf(grant(), { chains });
  const second = rulesOf(grant({ source: ip("10.0.0.7") }), { chains });
  await perform(backend.change({ add: [...first, ...second], remove: [], keep: [] }), fake);
  fake.type(`iptables -D FWKNOP_INPUT -s 10.1.2.3 -p tcp --dport 22 ${END} -j ACCEPT`);
  await perform(backend.change({ add: [], remove: [...first, ...second], keep: [] }), fake);
  assert.deepEqual(fake.listing(), ["-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT"]);
});

test("change() makes the IPv6 chains with the first IPv6 grant, and touches IPv4 no more", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings({ chains: { input } }));
  await perform(backend.prepare({ fresh: true }), fake);
  const before = fake.listing(4);
  const { notes } = await perform(backend.change({ add: rulesOf(grant(V6), { chains: { input } }), remove: [], keep: [] }), fake);
  assert.deepEqual(fake.listing(6), [
    "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", `-A FWKNOP_INPUT -s 2001:db8::3/128 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
  ]);
  assert.deepEqual(fake.listing(4), before);
  assert.deepEqual(notes.filter(({ level }) => level === "warning"), []);
});

test("change() undoes the half that was done when a later table fails", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings());
  await perform(backend.prepare({ fresh: true }), fake);
  const before = fake.listing();
  let restores = 0;
  fake.before = (argv) => {
    if (argv[0] !== "/sbin/iptables-restore" || ++restores > 2) return;
    // Somebody is always faster: takes the chain away before it is used, puts it back before it is made.
    const commands = restores === 1 ? ["-F PREROUTING", "-F FWKNOP_PREROUTING", "-X FWKNOP_PREROUTING"] : ["-N FWKNOP_PREROUTING"];
    for (const command of commands) fake.type(`iptables -t nat ${command}`);
  };
  await assert.rejects(perform(backend.change({ add: rulesOf(grant({ nat: nat() })), remove: [], keep: [] }), fake), (error) => {
    assert.ok(error instanceof FirewallError);
    assert.equal(error.code, "STATUS");
    assert.equal(error.status, 1);
    assert.match(error.message, /^create_rule\(\) Error 1 from cmd:'\/sbin\/iptables-restore --noflush -w 5 <<< \$'\*nat\\n.*': iptables-restore: line 2 failed: Chain already exists\.$/);
    return true;
  });
  assert.equal(restores, 3);
  assert.deepEqual(fake.listing(), before);
});

test("change() fails at once without a program, a right or the lock, and says which", async () => {
  for (const [fault, code, said] of [
    ["missing", "ENOENT", ""], ["hanging", "TIMEOUT", ""], ["denied", "STATUS", "Permission denied (you must be root)"], ["locked", "STATUS", "holding the xtables lock"],
  ] as const) {
    const fake = new FakeIptables();
    const backend = createIptables(settings({ chains: { input } }));
    await perform(backend.prepare({ fresh: true }), fake);
    fake.fault = fault;
    fake.calls.length = 0;
    await assert.rejects(perform(backend.change({ add: rulesOf(grant(), { chains: { input } }), remove: [], keep: [] }), fake), (error) => {
      assert.ok(error instanceof FirewallError);
      assert.equal(error.code, code);
      assert.ok(error.stderr.includes(said), error.stderr);
      return true;
    });
    assert.equal(fake.calls.length, 2, `${fault}: no use in looking further`);
  }
});

test("clear() removes jumps and chains of both families and leaves what belongs to others", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings());
  fake.type("iptables -A INPUT -s 10.9.9.9 -j DROP");
  await perform(backend.prepare({ fresh: true }), fake);
  await perform(backend.change({ add: rulesOf(grant({ nat: nat() })), remove: [], keep: [] }), fake);
  await perform(backend.change({ add: rulesOf(grant(V6)), remove: [], keep: [] }), fake);
  await perform(backend.clear(), fake);
  assert.deepEqual([fake.listing(), fake.listing(4, "nat"), fake.listing(6), fake.listing(6, "nat")], [["-A INPUT -s 10.9.9.9/32 -j DROP"], [], [], []]);
  await perform(backend.clear(), fake);
});

test("clear() empties a chain that somebody else still refers to, and says who", async () => {
  const fake = new FakeIptables();
  const backend = createIptables(settings({ chains: { input } }));
  await perform(backend.prepare({ fresh: true }), fake);
  await perform(backend.change({ add: rulesOf(grant(), { chains: { input } }), remove: [], keep: [] }), fake);
  fake.type("iptables -A FORWARD -i eth0 -j FWKNOP_INPUT");
  const { notes } = await perform(backend.clear(), fake);
  assert.deepEqual(fake.listing(), ["-N FWKNOP_INPUT", "-A FORWARD -i eth0 -j FWKNOP_INPUT"]);
  assert.deepEqual(notes.map(({ level, message }) => [level, message]),
    [["warning", "Chain FWKNOP_INPUT was emptied but stays, for FORWARD still refers to it"]]);
});

test("a wrapper under a name of its own gets single commands", async () => {
  const backend = createIptables(settings({ program: ["/opt/in-container", "/opt/fw"], chains: { input }, checkComment: false }));
  const commands: string[] = [];
  const plan = backend.change({ add: rulesOf(grant(), { chains: { input } }), remove: [], keep: [] });
  let step = plan.next();
  while (!step.done) {
    if (step.value.kind === "command") commands.push(step.value.argv.join(" "));
    step = plan.next({ status: 0, stdout: "-A INPUT -j FWKNOP_INPUT\n", stderr: "" });
  }
  assert.deepEqual(commands, [
    "/opt/in-container /opt/fw -w 5 -t filter -S INPUT",
    `/opt/in-container /opt/fw -w 5 -t filter -A FWKNOP_INPUT -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j ACCEPT`,
  ]);
});

test("the program of the other family and of the batches follows the name of the one that was given", async () => {
  for (const [given, restore, restore6] of [
    ["/sbin/iptables", "/sbin/iptables-restore", "/sbin/ip6tables-restore"],
    ["iptables-legacy", "iptables-legacy-restore", "ip6tables-legacy-restore"],
    ["/opt/iptables/iptables-nft", "/opt/iptables/iptables-nft-restore", "/opt/iptables/ip6tables-nft-restore"],
  ] as const) {
    for (const [wanted, expected] of [[grant(), restore], [grant(V6), restore6]] as const) {
      const changes = { program: [given] as [string], chains: { input } };
      const plan = createIptables(settings(changes)).change({ add: rulesOf(wanted, changes), remove: [], keep: [] });
      plan.next();
      const listed = { status: 0, stdout: "-A INPUT -j FWKNOP_INPUT\n", stderr: "" };
      let step = plan.next(listed);
      while (!step.done && step.value.kind === "note") step = plan.next(listed);
      assert.ok(!step.done && step.value.kind === "command");
      assert.equal(step.value.argv[0], expected);
    }
  }
});

test("concerns() knows an address by its value", () => {
  const backend = createIptables(settings());
  const [inputRule, outputRule] = rulesOf(grant({ source: ip("2001:db8::3") }));
  assert.ok(backend.concerns(inputRule!, ip("2001:DB8:0::3")));
  assert.ok(backend.concerns(outputRule!, ip("2001:db8::3")));
  assert.ok(!backend.concerns(inputRule!, ip("2001:db8::33")));
  assert.ok(backend.concerns({ ...inputRule!, words: ["-s", "10.1.2.3/32", "-j", "ACCEPT"] }, ip("10.1.2.3")));
  assert.ok(backend.concerns({ ...inputRule!, words: ["-s", "10.1.2.0/24", "-j", "ACCEPT"] }, ip("10.1.2.77")));
  assert.ok(!backend.concerns({ ...inputRule!, words: ["-s", "10.1.2.0/24", "-d", "0.0.0.0/0", "-j", "ACCEPT"] }, ip("10.1.3.0")));
});

test("createPrint() prints what would be run, as it could be typed, and runs nothing", async () => {
  const printed: string[] = [];
  const fake = new FakeIptables();
  const backend = createPrint(createIptables(settings({ chains: { input }, checkComment: false })), (text) => printed.push(text));
  await perform(backend.prepare({ fresh: true }), fake);
  const rules = rulesOf(grant(), { chains: { input } });
  const { learnt } = await perform(backend.change({ add: rules, remove: [], keep: [] }), fake);
  await perform(backend.change({ add: [], remove: rules, keep: [] }), fake);
  await perform(backend.clear(), fake);
  assert.deepEqual(fake.calls, []);
  assert.equal(learnt.repaired, false);
  const rule = `FWKNOP_INPUT -p 6 -s 10.1.2.3 -d 0.0.0.0/0 --dport 22 ${END} -j ACCEPT`;
  const script = (...lines: string[]): string => `/sbin/iptables-restore --noflush -w 5 <<'EOF'\n*filter\n${lines.join("\n")}\nCOMMIT\nEOF`;
  assert.deepEqual(printed, [
    script("-N FWKNOP_INPUT", "-I INPUT 1 -j FWKNOP_INPUT"),
    script(`-A ${rule}`),
    script(`-D ${rule}`),
    script("-D INPUT -j FWKNOP_INPUT", "-F FWKNOP_INPUT", "-X FWKNOP_INPUT"),
  ]);
});
