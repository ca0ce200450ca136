import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult } from "../src/firewall/backend.ts";
import { createFirewalld } from "../src/firewall/firewalld.ts";
import { createFirewalldDirect } from "../src/firewall/firewalld-direct.ts";
import type { Grant, NatTarget } from "../src/firewall/grant.ts";
import { DEFAULT_CHAINS } from "../src/firewall/iptables.ts";
import { Firewall } from "../src/node/firewall/firewall.ts";
import type { RunResult } from "../src/node/run.ts";
import { ip, keepingLog } from "./support/firewall-fixture.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { runResult } from "./support/run-result.ts";

const NOW = 1_700_000_000;

function grant(source: string, seconds: number, changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: [{ protocol: "tcp", port: 22 }], expiresAt: NOW + seconds, ...changes };
}

function nat(changes: Partial<NatTarget> = {}): NatTarget {
  return { kind: "forward", address: ip("10.0.0.5"), port: 2222, rewriteDestination: true, wholeHost: false, ...changes };
}

function rich(family: 4 | 6, source: string, rest: string): string {
  return `rule priority="-6220" family="ipv${family}" source address="${source}" ${rest}`;
}

const SSH = rich(4, "10.1.2.3", "port port=\"22\" protocol=\"tcp\" accept");

/** What firewall-cmd keeps of rich rules; its answers are those of firewalld 1.3.3. */
class FakeFirewallCmd {
  readonly calls: string[][] = [];
  rules = new Set<string>(["rule family=\"ipv4\" source address=\"192.0.2.1\" reject"]);
  failing: { readonly when: string; readonly status: number; readonly stderr: string } | undefined;

  readonly run = async (argv: readonly string[]): Promise<RunResult> => {
    const words = argv.slice(1);
    this.calls.push(words);
    const answer = (parts: Partial<CommandResult>): RunResult => runResult(argv, { status: 0, stdout: "success\n", ...parts });
    if (this.failing !== undefined && words.some((word) => word.includes(this.failing!.when))) return answer({ ...this.failing, stdout: "" });
    if (words[0] === "--get-default-zone") return answer({ stdout: "public\n" });
    if (words[0] === "--get-zone-of-interface=eth1") return answer({ stdout: "external\n" });
    if (words[0]!.startsWith("--get-zone-of-interface=")) return answer({ status: 2, stdout: "", stderr: "no zone\n" });
    if (words[1] === "--list-rich-rules") return answer({ stdout: `${[...this.rules].join("\n")}\n` });
    const warnings: string[] = [];
    for (const word of words) {
      const [, what, text] = /^--(add|remove)-rich-rule=(.*)$/.exec(word) ?? [];
      if (what === "add" && this.rules.has(text!)) warnings.push(`Warning: ALREADY_ENABLED: '${text}' already in 'public'\n`);
      if (what === "remove" && !this.rules.has(text!)) warnings.push(`Warning: NOT_ENABLED: '${text}' not in 'public'\n`);
      if (what === "add") this.rules.add(text!);
      if (what === "remove") this.rules.delete(text!);
    }
    return answer({ stderr: warnings.join("") });
  };
}

function bench(options: { readonly zone?: string; readonly interface?: string; readonly nat?: boolean } = {}): { firewall: Firewall; fake: FakeFirewallCmd; clock: ManualClock; said: string[] } {
  const fake = new FakeFirewallCmd();
  const clock = new ManualClock(NOW);
  const { log, said } = keepingLog();
  const backend = createFirewalld({ program: ["firewall-cmd"], nat: true, ...options }, () => clock.wallSeconds);
  return { firewall: new Firewall({ backend, log, clearAtStart: true, clearAtStop: true, gatherMs: 0, run: fake.run, clock }), fake, clock, said };
}

async function settle(firewall: Firewall): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    await firewall.list("all");
  }
}

const RULES: readonly (readonly [title: string, wanted: Grant, rules: readonly string[]])[] = [
  ["a port", grant("10.1.2.3", 30), [SSH]],
  ["several ports", grant("2001:db8::3", 30, { ports: [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }] }), [
    rich(6, "2001:db8::3", "port port=\"22\" protocol=\"tcp\" accept"), rich(6, "2001:db8::3", "port port=\"53\" protocol=\"udp\" accept"),
  ]],
  ["a network and one address of ours", grant("10.1.2.0", 30, { sourcePrefix: 24, destination: ip("10.9.9.9") }), [
    rich(4, "10.1.2.0/24", "destination address=\"10.9.9.9\" port port=\"22\" protocol=\"tcp\" accept"),
  ]],
  ["another port of ours", grant("10.1.2.3", 30, { nat: nat({ kind: "local", address: ip("127.0.0.1") }) }), [
    rich(4, "10.1.2.3", "forward-port port=\"22\" protocol=\"tcp\" to-port=\"2222\""),
  ]],
  ["a host behind us", grant("10.1.2.3", 30, { nat: nat() }), [rich(4, "10.1.2.3", "forward-port port=\"22\" protocol=\"tcp\" to-port=\"2222\" to-addr=\"10.0.0.5\"")]],
];

for (const [title, wanted, rules] of RULES) {
  test(`createFirewalld() plans ${title}`, () => {
    const planned = createFirewalld({ program: ["firewall-cmd"], nat: true }, () => NOW).rulesFor(wanted, new Map());
    assert.deepEqual(planned.ok ? planned.rules.map(({ words }) => words[0]) : planned.reason, rules);
  });
}

const REFUSALS: readonly (readonly [reason: RegExp, changes: Partial<Grant>, hasNat?: boolean])[] = [
  [/^forwarding is not enabled$/, { nat: nat() }, false],
  [/^local NAT is not enabled$/, { nat: nat({ kind: "local" }) }, false],
  [/set up masquerading in the zone$/, { nat: nat({ sourceNat: { kind: "masquerade" } }) }],
  [/whole host$/, { nat: nat({ wholeHost: true }) }],
  [/unset DISABLE_DNAT$/, { nat: nat({ rewriteDestination: false }) }],
  [/stands for no address$/, { nat: nat({ address: ip("0.0.0.0") }) }],
  [/^the NAT target 2001:db8::9 is no IPv4 address/, { nat: nat({ address: ip("2001:db8::9") }) }],
  [/GRANT_USES/, { once: true }],
];

for (const [reason, changes, hasNat = true] of REFUSALS) {
  test(`createFirewalld() refuses: ${reason.source}`, () => {
    const planned = createFirewalld({ program: ["firewall-cmd"], nat: hasNat }, () => NOW).rulesFor(grant("10.1.2.3", 30, changes), new Map());
    assert.match(planned.ok ? "planned" : planned.reason, reason);
  });
}

test("createFirewalld() asks once for the zone, removes before it adds, and gives firewalld the time that is left", async () => {
  const { firewall, fake, clock, said } = bench();
  await firewall.start();
  await Promise.all([firewall.open(grant("10.1.2.3", 30)), firewall.open(grant("10.1.2.3", 30, { ports: [{ protocol: "udp", port: 53 }] }))]);
  const dns = SSH.replace("port=\"22\" protocol=\"tcp\"", "port=\"53\" protocol=\"udp\"");
  assert.deepEqual(fake.calls, [
    ["--get-default-zone"], ["--zone=public", "--list-rich-rules"],
    ["--zone=public", `--remove-rich-rule=${SSH}`, `--remove-rich-rule=${dns}`], ["--zone=public", `--add-rich-rule=${SSH}`, `--add-rich-rule=${dns}`, "--timeout=30"],
  ]);
  fake.calls.length = 0;
  clock.advance(10);
  await firewall.open(grant("10.1.2.3", 60));
  assert.deepEqual(fake.calls.slice(1), [["--zone=public", `--remove-rich-rule=${SSH}`], ["--zone=public", `--add-rich-rule=${SSH}`, "--timeout=50"]]);
  assert.ok(said.includes(`info: Added access rule to firewalld for 10.1.2.3 -> 0.0.0.0/0 tcp/22, expires at ${NOW + 60} (renewed, was ${NOW + 30})`), said.join("\n"));
  assert.match((await firewall.list("ours")).stdout, /^Listing rich rules of fwknopd in firewalld\.\.\.\n(rule priority="-6220" .*\n){2}$/);
  clock.advance(50);
  await settle(firewall);
  assert.equal(fake.rules.size, 1, "the administrator's");
  assert.equal(clock.nextAlarmMs, undefined);
  await firewall.stop();
});

test("closeAddress() of firewalld closes what an earlier daemon opened for one address, or for a network that it is in", async () => {
  const { firewall, fake } = bench();
  const others = [...fake.rules];
  await firewall.start();
  for (const source of ["10.1.2.3", "10.1.2.30", "2001:db8::3"]) assert.ok((await firewall.open(grant(source, 30))).ok);
  assert.ok((await firewall.open(grant("10.1.2.0", 30, { sourcePrefix: 24 }))).ok);
  const { firewall: other, fake: now } = bench();
  now.rules = fake.rules;
  assert.deepEqual((await other.closeAddress(ip("10.1.2.3"))).map(({ chain, words }) => [chain, ...words]), [["public", SSH], ["public", SSH.replace("2.3", "2.0/24")]]);
  assert.deepEqual([...fake.rules].filter((rule) => !others.includes(rule)).map((rule) => /source address="(.*?)"/.exec(rule)![1]), ["10.1.2.30", "2001:db8::3"]);
  assert.deepEqual(others.filter((rule) => !fake.rules.has(rule)), []);
});

test("createFirewalld() gives back what a reload of firewalld took, but not what somebody removed", async () => {
  const { firewall, fake, clock, said } = bench({ zone: "dmz" });
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 100));
  await firewall.open(grant("10.1.2.4", 100));
  fake.rules.delete(SSH);
  await firewall.open(grant("10.1.2.5", 30));
  assert.ok(!fake.rules.has(SSH));
  fake.rules.clear();
  clock.advance(10);
  await firewall.open(grant("10.1.2.6", 30));
  assert.equal(fake.rules.size, 4);
  assert.ok(said.some((line) => line.startsWith("warning: firewalld was loaded anew without our rules: made again 3")), said.join("\n"));
  assert.ok(fake.calls.every(([zone]) => zone === "--zone=dmz"));
  await firewall.stop();
});

test("createFirewalld() leaves nothing of a grant that fails, and keeps what it was to renew", async () => {
  const { firewall, fake } = bench({ zone: "public" });
  await firewall.start();
  await firewall.open(grant("10.1.2.3", 30));
  fake.failing = { when: "--timeout=60", status: 13, stderr: "Error: COMMAND_FAILED: no\n" };
  const failed = await firewall.open(grant("10.1.2.3", 60, { ports: [{ protocol: "tcp", port: 22 }, { protocol: "tcp", port: 23 }] }));
  assert.match(failed.ok ? "" : failed.reason, /^create_rule\(\) Error 13: Error: COMMAND_FAILED: no$/);
  assert.deepEqual([...fake.rules].slice(1), [SSH]);
  await firewall.stop();
});

test("createFirewalld() tells a firewalld that does not run, a zone that is not there and a missing right apart", async () => {
  for (const [status, said, message] of [
    [252, "FirewallD is not running\n", /^FirewallError: firewalld does not run: /],
    [36, "Error: DBUS_ERROR: Failed to connect to socket\n", /^FirewallError: firewalld cannot be reached: .* Error 36 /],
    [112, "Error: INVALID_ZONE: x\n", /^FirewallError: firewalld has no such zone, set FIREWD_ZONE/],
    [253, "Authorization failed.\n", /^FirewallError: firewalld may not be told anything without root: /],
  ] as const) {
    const { firewall, fake } = bench({ zone: "x" });
    fake.failing = { when: "--", status, stderr: said };
    await assert.rejects(firewall.start(), message);
    assert.equal((await firewall.flush()).stderr === "", status === 252 || status === 36, "without firewalld there is nothing to flush");
  }
});

test("createFirewalld() opens the zone that is set, else that of the interface, else the default one", async () => {
  for (const [options, questions, zone] of [
    [{ zone: "dmz", interface: "eth1" }, [], "dmz"],
    [{ interface: "eth1" }, ["--get-zone-of-interface=eth1"], "external"],
    [{ interface: "eth0" }, ["--get-zone-of-interface=eth0", "--get-default-zone"], "public"],
    [{}, ["--get-default-zone"], "public"],
  ] as const) {
    const { firewall, fake } = bench(options);
    await firewall.start();
    assert.deepEqual(fake.calls, [...questions.map((question) => [question]), [`--zone=${zone}`, "--list-rich-rules"]]);
    await firewall.stop();
  }
});

test("createFirewalld() refuses zones that could be more than a name", () => {
  for (const zone of ["", "-x", "a b", "a\n", "x".repeat(33)]) assert.throws(() => createFirewalld({ program: ["firewall-cmd"], nat: false, zone }, () => NOW), RangeError, zone);
  assert.throws(() => createFirewalld({ program: [""], nat: false }, () => NOW), RangeError);
});

test("createFirewalldDirect() hands iptables' commands through, and reads the answers as if they were its own", async () => {
  const calls: string[] = [];
  const backend = createFirewalldDirect({
    program: ["firewall-cmd"], nft: ["nft"], chains: { input: DEFAULT_CHAINS.input }, prepend: false, checkComment: false, checkSupport: true,
  });
  const plan = backend.prepare({ fresh: false });
  let step = plan.next({ status: 0, stdout: "", stderr: "" });
  while (!step.done) {
    if (step.value.kind === "command") calls.push(step.value.argv.join(" "));
    const isList = step.value.kind === "command" && step.value.argv.includes("-S");
    step = plan.next(calls.length === 1 ? { status: 1, stdout: "", stderr: "Error: No such file or directory\n" } : { status: 0, stdout: isList ? "-P INPUT ACCEPT\n\nsuccess\n" : "success\n", stderr: "" });
  }
  assert.equal(calls[0], "nft list table inet firewalld");
  assert.ok(calls.includes("firewall-cmd --direct --passthrough ipv4 -w 5 -t filter -N FWKNOP_INPUT"), calls.join("\n"));
  assert.ok(calls.some((call) => call.startsWith("firewall-cmd --direct --passthrough ipv6 ")));
  assert.ok(calls.every((call) => call.startsWith("nft ") || call.startsWith("firewall-cmd --direct --passthrough ipv")));
});
