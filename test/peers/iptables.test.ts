/**
 * The real iptables and ip6tables, both variants, in a network of its own: what each grant makes of the rule set, as
 * `-S` shows it, and that nothing is left of it afterwards.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Grant, NatTarget } from "../../src/firewall/grant.ts";
import { createIptables, DEFAULT_CHAINS, type IptablesSettings } from "../../src/firewall/iptables.ts";
import type { IpAddress } from "../../src/ip.ts";
import { Firewall, type FirewallLog, type FirewallOptions } from "../../src/node/firewall/firewall.ts";
import { run, type RunResult } from "../../src/node/run.ts";
import { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import { FakeIptables } from "../support/fake-iptables.ts";
import { ip, keepingLog } from "../support/firewall-fixture.ts";
import { generator } from "../support/gen.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { requirePeers, requireRoot } from "../support/require-peer.ts";

/** Every `-S` below shows this end of a grant. */
const EXPIRES_AT = 1_795_344_374;
const END = `-m comment --comment _exp_${EXPIRES_AT}`;
const TABLES = ["filter", "nat"];

type Chains = IptablesSettings["chains"];
const { input, output, forward, dnat, snat, masquerade } = DEFAULT_CHAINS;

function ports(text: string): Grant["ports"] {
  return text.split(",").map((spec) => ({ protocol: spec.split("/")[0] as "tcp" | "udp", port: Number(spec.split("/")[1]) }));
}

function nat(address: string, port: number, changes: Partial<NatTarget> = {}): NatTarget {
  return { kind: "forward", address: ip(address), port, rewriteDestination: true, wholeHost: false, ...changes };
}

interface Row {
  readonly title: string;
  readonly chains?: Chains;
  readonly prepend?: boolean;
  readonly grant: Omit<Grant, "expiresAt" | "source"> & { readonly source?: IpAddress };
  /** Lines of `-S` about our chains' rules, for each table. */
  readonly filter: readonly string[];
  readonly nat?: readonly string[];
}

const NAT: Chains = { input, forward, dnat };
const SNAT: Chains = { input, forward, dnat, snat, masquerade };

const IPV4: readonly Row[] = [
  {
    title: "one port", grant: { ports: ports("tcp/22") },
    filter: [`-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
  },
  {
    title: "several ports", grant: { ports: ports("tcp/22,udp/53,tcp/443") },
    filter: [
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p udp -m udp --dport 53 ${END} -j ACCEPT`,
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 443 ${END} -j ACCEPT`,
    ],
  },
  {
    title: "several ports, prepended", prepend: true, grant: { ports: ports("tcp/22,udp/53,tcp/443") },
    filter: [
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 443 ${END} -j ACCEPT`,
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p udp -m udp --dport 53 ${END} -j ACCEPT`,
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
    ],
  },
  {
    title: "OUTPUT", chains: { input, output }, grant: { ports: ports("tcp/22") },
    filter: [
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
      `-A FWKNOP_OUTPUT -d 10.1.2.3/32 -p tcp -m tcp --sport 22 ${END} -j ACCEPT`,
    ],
  },
  {
    title: "one address of ours, and OUTPUT", chains: { input, output }, grant: { ports: ports("tcp/22"), destination: ip("127.0.0.1") },
    filter: [
      `-A FWKNOP_INPUT -s 10.1.2.3/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
      `-A FWKNOP_OUTPUT -s 127.0.0.1/32 -d 10.1.2.3/32 -p tcp -m tcp --sport 22 ${END} -j ACCEPT`,
    ],
  },
  {
    title: "a host behind us", chains: NAT, grant: { ports: ports("tcp/2222"), nat: nat("192.168.10.5", 22) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`],
  },
  {
    title: "a host behind us, one address of ours", chains: NAT, grant: { ports: ports("tcp/2222"), destination: ip("127.0.0.1"), nat: nat("192.168.10.5", 22) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_PREROUTING -s 10.1.2.3/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`],
  },
  {
    title: "another port of ours", chains: NAT, grant: { ports: ports("tcp/40001"), nat: nat("127.0.0.1", 22, { kind: "local" }) },
    filter: [`-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 40001 ${END} -j DNAT --to-destination 127.0.0.1:22`],
  },
  {
    title: "a forced host, of which only the first port counts", chains: NAT, grant: { ports: ports("tcp/22,tcp/80"), nat: nat("192.168.10.7", 2022) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.7/32 -p tcp -m tcp --dport 2022 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j DNAT --to-destination 192.168.10.7:2022`],
  },
  {
    title: "a forced host without DNAT", chains: NAT, grant: { ports: ports("tcp/22"), nat: nat("192.168.10.7", 2022, { rewriteDestination: false }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.7/32 -p tcp -m tcp --dport 2022 ${END} -j ACCEPT`],
  },
  {
    title: "SNAT", chains: SNAT, grant: { ports: ports("tcp/2222"), nat: nat("192.168.10.5", 22, { sourceNat: { kind: "snat", address: ip("192.168.10.1") } }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [
      `-A FWKNOP_POSTROUTING -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source 192.168.10.1`,
      `-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`,
    ],
  },
  {
    title: "MASQUERADE", chains: SNAT, grant: { ports: ports("tcp/2222"), nat: nat("192.168.10.5", 22, { sourceNat: { kind: "masquerade" } }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [
      `-A FWKNOP_MASQUERADE -s 10.1.2.3/32 -d 192.168.10.5/32 -p tcp -m tcp --dport 22 ${END} -j MASQUERADE --to-ports 2222`,
      `-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination 192.168.10.5:22`,
    ],
  },
  {
    title: "a whole host", chains: NAT, grant: { ports: ports("tcp/22"), nat: nat("192.168.10.7", 2022, { wholeHost: true }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 -d 192.168.10.7/32 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_PREROUTING -s 10.1.2.3/32 ${END} -j DNAT --to-destination 192.168.10.7`],
  },
  {
    title: "everything behind us, SNAT", chains: SNAT,
    grant: { ports: ports("tcp/22"), nat: nat("0.0.0.0", 0, { wholeHost: true, sourceNat: { kind: "snat", address: ip("192.168.10.9") } }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_POSTROUTING -s 10.1.2.3/32 ${END} -j SNAT --to-source 192.168.10.9`],
  },
  {
    title: "everything behind us, MASQUERADE, without DNAT", chains: SNAT,
    grant: { ports: ports("tcp/22"), nat: nat("0.0.0.0", 0, { wholeHost: true, rewriteDestination: false, sourceNat: { kind: "masquerade" } }) },
    filter: [`-A FWKNOP_FORWARD -s 10.1.2.3/32 ${END} -j ACCEPT`],
    nat: [`-A FWKNOP_MASQUERADE -s 10.1.2.3/32 ${END} -j MASQUERADE`],
  },
  {
    title: "another port of ours, SNAT", chains: SNAT,
    grant: { ports: ports("tcp/40001"), nat: nat("127.0.0.1", 22, { kind: "local", sourceNat: { kind: "snat", address: ip("192.168.10.1") } }) },
    filter: [`-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [
      `-A FWKNOP_POSTROUTING -s 10.1.2.3/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source 192.168.10.1`,
      `-A FWKNOP_PREROUTING -s 10.1.2.3/32 -p tcp -m tcp --dport 40001 ${END} -j DNAT --to-destination 127.0.0.1:22`,
    ],
  },
  {
    title: "chains, tables and targets of the administrator's",
    chains: { input: { target: "DROP", table: "mangle", from: "FORWARD", position: 3, chain: "MY-INPUT_1" } },
    grant: { ports: ports("udp/53") },
    filter: [],
  },
];

const V6_SOURCE = { source: ip("2001:db8::3") };

const IPV6: readonly Row[] = [
  {
    title: "several ports and OUTPUT", chains: { input, output }, grant: { ...V6_SOURCE, ports: ports("tcp/22,udp/53") },
    filter: [
      `-A FWKNOP_INPUT -s 2001:db8::3/128 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
      `-A FWKNOP_INPUT -s 2001:db8::3/128 -p udp -m udp --dport 53 ${END} -j ACCEPT`,
      `-A FWKNOP_OUTPUT -d 2001:db8::3/128 -p tcp -m tcp --sport 22 ${END} -j ACCEPT`,
      `-A FWKNOP_OUTPUT -d 2001:db8::3/128 -p udp -m udp --sport 53 ${END} -j ACCEPT`,
    ],
  },
  {
    title: "a host behind us, MASQUERADE", chains: SNAT,
    grant: { ...V6_SOURCE, ports: ports("tcp/2222"), nat: nat("2001:db8:1::5", 22, { sourceNat: { kind: "masquerade" } }) },
    filter: [`-A FWKNOP_FORWARD -s 2001:db8::3/128 -d 2001:db8:1::5/128 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`],
    nat: [
      `-A FWKNOP_MASQUERADE -s 2001:db8::3/128 -d 2001:db8:1::5/128 -p tcp -m tcp --dport 22 ${END} -j MASQUERADE --to-ports 2222`,
      `-A FWKNOP_PREROUTING -s 2001:db8::3/128 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination [2001:db8:1::5]:22`,
    ],
  },
  {
    title: "a whole host, SNAT", chains: SNAT,
    grant: { ...V6_SOURCE, ports: ports("tcp/22"), nat: nat("2001:db8:1::5", 22, { wholeHost: true, sourceNat: { kind: "snat", address: ip("2001:db8:1::1") } }) },
    filter: [`-A FWKNOP_FORWARD -s 2001:db8::3/128 -d 2001:db8:1::5/128 ${END} -j ACCEPT`],
    nat: [
      `-A FWKNOP_POSTROUTING -s 2001:db8::3/128 -d 2001:db8:1::5/128 ${END} -j SNAT --to-source 2001:db8:1::1`,
      `-A FWKNOP_PREROUTING -s 2001:db8::3/128 ${END} -j DNAT --to-destination 2001:db8:1::5`,
    ],
  },
];

async function openHost(t: TestContext, ...programs: readonly string[]): Promise<NamespaceHost | undefined> {
  if (!requireRoot(t) || !requirePeers(t, "unshare", "nsenter", "mount", "ip", ...programs)) return undefined;
  const host = await NamespaceHost.open("server");
  t.after(() => host.close());
  return host;
}

/** A firewall in a host, on clocks that the test moves. */
function firewallOn(host: NamespaceHost, clock: ManualClock, changes: Partial<IptablesSettings & FirewallOptions> & { readonly exe?: string } = {}): { firewall: Firewall; said: string[] } {
  const { log, said } = keepingLog();
  const backend = createIptables({
    program: host.argv([changes.exe ?? "iptables"]), chains: changes.chains ?? { input },
    prepend: changes.prepend ?? false, checkComment: true, checkSupport: true,
  });
  const firewall = new Firewall({
    backend, log, clock, clearAtStart: changes.clearAtStart ?? true, clearAtStop: changes.clearAtStop ?? true, gatherMs: 0, sweepSeconds: changes.sweepSeconds ?? 0,
    run: changes.run ?? run,
  });
  return { firewall, said };
}

/** `-S` without policies. */
async function listing(host: NamespaceHost, program: string, table: string): Promise<string[]> {
  const { stdout } = await host.run([program, "-t", table, "-S"]);
  return stdout.trim().split("\n").filter((line) => !line.startsWith("-P") && line !== "");
}

async function type(host: NamespaceHost, command: string): Promise<void> {
  await host.run(command.split(" ") as [string, ...string[]]);
}

for (const [variant, program] of [["nf_tables", "iptables-nft"], ["legacy", "iptables-legacy"]] as const) {
  const program6 = program.replace("ip", "ip6");

  test(`${program}: Firewall opens, lists and closes every kind of grant, and leaves nothing`, async (t) => {
    const host = await openHost(t, program, program6);
    if (host === undefined) return;
    for (const [tool, rows] of [[program, IPV4], [program6, IPV6]] as const) {
      for (const row of rows) {
        const clock = new ManualClock(EXPIRES_AT - 30);
        const { firewall, said } = firewallOn(host, clock, { exe: program, chains: row.chains ?? { input }, prepend: row.prepend ?? false });
        await firewall.start();
        const idle: string[][] = await Promise.all(TABLES.map((table) => listing(host, program, table)));
        const opened = await firewall.open({ source: ip("10.1.2.3"), ...row.grant, expiresAt: EXPIRES_AT });
        assert.ok(opened.ok, `${row.title}: ${opened.ok ? "" : opened.reason}`);
        for (const [at, table] of TABLES.entries()) {
          const rules: string[] = (await listing(host, tool, table)).filter((line) => line.includes("_exp_"));
          assert.deepEqual(rules, at === 0 ? row.filter : row.nat ?? [], `${row.title}, ${table}`);
        }
        const { stdout, stderr } = await firewall.list("ours");
        assert.equal(stdout.split(`/* _exp_${EXPIRES_AT} */`).length - 1, opened.rules.length, `${row.title}: --fw-list shows each rule\n${stdout}`);
        assert.equal(stderr, "");

        clock.advance(29.999);
        await firewall.list("ours");
        assert.equal(firewall.rules.length, opened.rules.length, row.title);
        clock.advance(0.001);
        await firewall.list("ours");
        assert.deepEqual(await Promise.all(TABLES.map((table) => listing(host, program, table))), idle, `${row.title}: closed on time`);
        const removed = said.filter((line) => /^info: Removed rule \d+ from /.test(line));
        assert.deepEqual(removed.length, opened.rules.length, removed.join("\n"));
        await firewall.stop();
        for (const table of [...TABLES, "mangle"]) {
          assert.deepEqual([await listing(host, program, table), await listing(host, program6, table)], [[], []], `${row.title}: nothing is left in ${table}`);
        }
        assert.deepEqual(said.filter((line) => /^(error|warning)/.test(line)), [], row.title);
      }
    }
  });

  test(`${program}: the idle rule set is the one that scripts expect (${variant})`, async (t) => {
    const host = await openHost(t, program);
    if (host === undefined) return;
    const { firewall } = firewallOn(host, new ManualClock(EXPIRES_AT), { exe: program, chains: SNAT });
    await type(host, `${program} -A INPUT -i lo -j ACCEPT`);
    await firewall.start();
    assert.deepEqual(await listing(host, program, "filter"), [
      "-N FWKNOP_FORWARD", "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", "-A INPUT -i lo -j ACCEPT", "-A FORWARD -j FWKNOP_FORWARD",
    ]);
    assert.deepEqual(await listing(host, program, "nat"), [
      "-N FWKNOP_MASQUERADE", "-N FWKNOP_POSTROUTING", "-N FWKNOP_PREROUTING",
      "-A PREROUTING -j FWKNOP_PREROUTING", "-A POSTROUTING -j FWKNOP_MASQUERADE", "-A POSTROUTING -j FWKNOP_POSTROUTING",
    ]);
    await firewall.stop();
    assert.deepEqual(await listing(host, program, "filter"), ["-A INPUT -i lo -j ACCEPT"]);
  });

  test(`${program}: what a killed daemon left is adopted, and closed on time or at once`, async (t) => {
    const host = await openHost(t, program, program6);
    if (host === undefined) return;
    // A clock of its own, which stands still as the daemon is killed.
    const first = firewallOn(host, new ManualClock(EXPIRES_AT - 30), { exe: program, chains: SNAT });
    await first.firewall.start();
    const natted = { ports: ports("tcp/2222"), nat: nat("192.168.10.5", 22, { sourceNat: { kind: "masquerade" } }) } as const;
    const grants: Grant[] = [
      { source: ip("10.1.2.3"), ports: ports("tcp/22"), expiresAt: EXPIRES_AT - 20 },
      { source: ip("10.1.2.4"), ...natted, expiresAt: EXPIRES_AT },
      { source: ip("2001:db8::3"), ports: ports("udp/53"), expiresAt: EXPIRES_AT },
    ];
    for (const grant of grants) assert.ok((await first.firewall.open(grant)).ok);
    // No stop: the daemon was killed. The next one comes 15 seconds later.
    const clock = new ManualClock(EXPIRES_AT - 15);
    const second = firewallOn(host, clock, { exe: program, chains: SNAT, clearAtStart: false });
    await second.firewall.start();
    assert.equal(second.firewall.rules.length, 4);
    assert.ok(second.said.includes(`info: Removed rule 1 from FWKNOP_INPUT with expire time of ${EXPIRES_AT - 20}`), second.said.join("\n"));
    const again = await second.firewall.open({ ...grants[1]!, expiresAt: EXPIRES_AT + 60 });
    assert.ok(again.ok && again.renewed, "an adopted grant is known again");
    assert.equal((await listing(host, program, "nat")).filter((line) => line.includes("_exp_")).length, 2);
    clock.advance(15);
    await second.firewall.list("ours");
    assert.deepEqual((await listing(host, program6, "filter")).filter((line) => line.includes("_exp_")), []);
    clock.advance(60);
    await second.firewall.list("ours");
    assert.deepEqual(second.firewall.rules, []);
    await second.firewall.stop();
    assert.deepEqual(second.said.filter((line) => line.startsWith("error")), []);
    assert.deepEqual([await listing(host, program, "filter"), await listing(host, program6, "filter")], [[], []]);
  });
}

test("Firewall.list() numbers rules and names their ends as scripts read them", async (t) => {
  const host = await openHost(t, "iptables");
  if (host === undefined) return;
  const { firewall } = firewallOn(host, new ManualClock(EXPIRES_AT - 30), { chains: SNAT });
  await firewall.start();
  await firewall.open({ source: ip("127.0.0.2"), ports: ports("tcp/22,udp/53"), expiresAt: EXPIRES_AT });
  await firewall.open({ source: ip("127.0.0.2"), ports: ports("tcp/22"), nat: nat("123.4.4.4", 22, { sourceNat: { kind: "masquerade" } }), expiresAt: EXPIRES_AT });
  await firewall.open({ source: ip("127.0.0.3"), ports: ports("tcp/22"), nat: nat("192.168.1.2", 22, { sourceNat: { kind: "snat", address: ip("33.3.3.3") } }), expiresAt: EXPIRES_AT });
  const { stdout } = await firewall.list("ours");
  assert.match(stdout, /^Listing rules in fwknopd iptables chains\.\.\.\n\nChain FWKNOP_INPUT \(1 references\)\n/);
  for (const phrase of [
    /ACCEPT\s{2}.*\s0\.0\.0\.0\/0\s+tcp\sdpt:22\s/, /^2\s+ACCEPT.*127.0.0.2\s.*dpt:53/m, /DNAT\s.*\*\/\sto:123.4.4.4:22/i,
    /MASQUERADE\s.*\s123.4.4.4\s.*\smasq\sports:\s22/, /\*\/\sto:192.168.1.2:22/i, /SNAT\s.*192\.168\.1\.2.*\*\/\sto:33.3.3.3/,
  ]) assert.match(stdout, phrase);
  const all = await firewall.list("all");
  assert.match(all.stdout, /^Listing all iptables rules in applicable tables\.\.\.\nChain INPUT \(policy ACCEPT/);
  assert.match(all.stdout, /Chain POSTROUTING \(policy ACCEPT/);
  await firewall.stop();
  const none = await firewall.list("ours");
  assert.match(none.stderr, /FWKNOP_INPUT/, "the program's own complaint");
  assert.deepEqual(await firewall.flush(), { stdout: "Deleting any existing firewall rules...\n", stderr: "" });
});

test("Firewall.flush() removes what another instance left, and closeAddress() what one address was granted", async (t) => {
  const host = await openHost(t, "iptables");
  if (host === undefined) return;
  const clock = new ManualClock(EXPIRES_AT - 30);
  const { firewall } = firewallOn(host, clock);
  await firewall.start();
  await firewall.open({ source: ip("10.1.2.3"), ports: ports("tcp/22,tcp/80"), expiresAt: EXPIRES_AT });
  await firewall.open({ source: ip("10.1.2.30"), ports: ports("tcp/22"), expiresAt: EXPIRES_AT });
  const other = firewallOn(host, clock, { clearAtStart: false }).firewall;
  assert.equal((await other.closeAddress(ip("10.1.2.3"))).length, 2);
  assert.equal((await listing(host, "iptables", "filter")).filter((line) => line.includes("_exp_")).length, 1);
  await other.flush();
  assert.deepEqual(await listing(host, "iptables", "filter"), []);
});

test("Firewall gives back chains that somebody flushed, with grants that are not over", async (t) => {
  const host = await openHost(t, "iptables");
  if (host === undefined) return;
  const clock = new ManualClock(EXPIRES_AT - 30);
  const { firewall, said } = firewallOn(host, clock, { chains: NAT });
  await firewall.start();
  const before: Grant = { source: ip("10.1.2.3"), ports: ports("tcp/22"), expiresAt: EXPIRES_AT };
  await firewall.open(before);
  await firewall.open({ source: ip("10.1.2.5"), ports: ports("tcp/22"), expiresAt: EXPIRES_AT - 20 });
  for (const command of ["iptables -F", "iptables -X"]) await type(host, command);
  clock.wallMs += 25_000; // 10.1.2.5's time is over, but nobody looked yet
  clock.monotonicMs += 25_000;
  assert.ok((await firewall.open({ source: ip("10.1.2.4"), ports: ports("tcp/22"), expiresAt: EXPIRES_AT })).ok);
  assert.deepEqual(await listing(host, "iptables", "filter"), [
    "-N FWKNOP_FORWARD", "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", "-A FORWARD -j FWKNOP_FORWARD",
    `-A FWKNOP_INPUT -s 10.1.2.3/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
    `-A FWKNOP_INPUT -s 10.1.2.4/32 -p tcp -m tcp --dport 22 ${END} -j ACCEPT`,
  ]);
  assert.ok(said.some((line) => line.startsWith("warning: Somebody else removed FWKNOP_INPUT, FWKNOP_FORWARD")), said.join("\n"));
  await firewall.stop();
});

test("Firewall closes rules of others with a time mark, and leaves those without", async (t) => {
  const host = await openHost(t, "iptables");
  if (host === undefined) return;
  const clock = new ManualClock(EXPIRES_AT);
  const { firewall, said } = firewallOn(host, clock, { sweepSeconds: 300 });
  await firewall.start();
  await type(host, "iptables -A FWKNOP_INPUT -s 127.0.0.2 -p tcp --dport 22 -m comment --comment _exp_1234 -j ACCEPT");
  await type(host, "iptables -A FWKNOP_INPUT -s 127.0.0.3 -p tcp --dport 22 -m comment --comment _exp_never -j ACCEPT");
  await type(host, `iptables -A FWKNOP_INPUT -s 127.0.0.4 -p tcp --dport 22 -m comment --comment _exp_${EXPIRES_AT + 400} -j ACCEPT`);
  await type(host, "iptables -A INPUT -s 127.0.0.5 -m comment --comment _exp_1234 -j ACCEPT");
  clock.advance(300);
  await firewall.list("ours");
  assert.ok(said.includes("info: Removed rule 1 from FWKNOP_INPUT with expire time of 1234"), said.join("\n"));
  clock.advance(100);
  await firewall.list("ours");
  assert.deepEqual(await listing(host, "iptables", "filter"), [
    "-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", "-A INPUT -s 127.0.0.5/32 -m comment --comment _exp_1234 -j ACCEPT",
    "-A FWKNOP_INPUT -s 127.0.0.3/32 -p tcp -m tcp --dport 22 -m comment --comment _exp_never -j ACCEPT",
  ]);
  await firewall.stop();
});

test("Firewall starts no program for a day with live grants of both families, and then removes what others left meanwhile", async (t) => {
  const host = await openHost(t, "iptables", "ip6tables");
  if (host === undefined) return;
  const day = 86_400;
  const clock = new ManualClock(EXPIRES_AT - day);
  let started = 0;
  const counting: typeof run = (argv, options) => {
    started++;
    return run(argv, options);
  };
  const { firewall, said } = firewallOn(host, clock, { sweepSeconds: 300, run: counting });
  await firewall.start();
  for (const [source, expiresAt] of [["10.1.2.3", EXPIRES_AT], ["2001:db8::1", EXPIRES_AT], ["10.1.2.4", EXPIRES_AT + day]] as const) {
    assert.ok((await firewall.open({ source: ip(source), ports: ports("tcp/22"), expiresAt })).ok);
  }
  await firewall.list("ours"); // when it is answered, everything before it has been done
  await type(host, "iptables -A FWKNOP_INPUT -s 127.0.0.2 -p tcp --dport 22 -m comment --comment _exp_1234 -j ACCEPT");
  await type(host, "ip6tables -A FWKNOP_INPUT -s ::2 -p tcp --dport 22 -m comment --comment _exp_1234 -j ACCEPT");
  const before = started;
  for (let hour = 1; hour < 24; hour++) {
    clock.advance(3600);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(started, before);
  clock.advance(3600);
  await firewall.list("ours");
  assert.deepEqual(said.filter((line) => line.startsWith("info: Removed rule")).map((line) => line.replace(/ rule \d+/, "")), [
    `info: Removed from FWKNOP_INPUT with expire time of ${EXPIRES_AT}`, `info: Removed from FWKNOP_INPUT with expire time of ${EXPIRES_AT}`,
    "info: Removed from FWKNOP_INPUT with expire time of 1234", "info: Removed from FWKNOP_INPUT with expire time of 1234",
  ]);
  assert.deepEqual((await listing(host, "iptables", "filter")).filter((line) => line.includes("_exp_")).length, 1);
  assert.deepEqual((await listing(host, "ip6tables", "filter")).filter((line) => line.includes("_exp_")), []);
  await firewall.stop();
});

test("Firewall says what is wrong without the right, the program, or a chain to jump from", async (t) => {
  const host = await openHost(t, "iptables", "setpriv");
  if (host === undefined) return;
  const clock = new ManualClock(EXPIRES_AT);
  const attempt = async (program: readonly [string, ...string[]], chains: Chains): Promise<string> => {
    const backend = createIptables({ program, chains, prepend: false, checkComment: true, checkSupport: true });
    const silent: FirewallLog = { error() {}, warning() {}, info() {}, debug() {} };
    const firewall = new Firewall({ backend, log: silent, clock, clearAtStart: true, clearAtStop: true });
    const error = await firewall.start().then(() => undefined, (caught: Error) => caught);
    return error?.message ?? "started";
  };
  const inside = host.argv(["setpriv", "--reuid", "65534", "--clear-groups", "iptables"]);
  assert.match(await attempt(inside, { input }), /^chain_exists\(\) Error 4 from cmd:'nsenter .* iptables -w 5 -t filter -S': iptables v.*Permission denied \(you must be root\)$/);
  assert.match(await attempt(["/nonexistent/iptables"], { input }), /^chain_exists\(\) Error ENOENT from cmd:'\/nonexistent\/iptables -w 5 -t filter -S': No such file or directory$/);
  assert.match(await attempt(host.argv(["iptables"]), { input: { ...input, from: "NOWHERE" } }), /^create_chain\(\) Error 1 from cmd:'.*': iptables-restore: line 3 failed: .*$/);
  assert.match(await attempt(host.argv(["iptables"]), { input: { ...input, table: "nothing" } }), /^chain_exists\(\) Error 3 from cmd:'.*': .*nothing.*$/);
  assert.deepEqual(await listing(host, "iptables", "filter"), []);
});

test("FakeIptables answers like the real program, and fails in its words", async (t) => {
  const host = await openHost(t, "iptables-nft", "ip6tables-nft");
  if (host === undefined) return;
  const { stdout: version } = await host.run(["iptables-nft", "-V"]);
  if (!version.includes("v1.8.9")) {
    t.skip(`the fake speaks as 1.8.9 does, here is ${version.trim()}`);
    return;
  }
  const gen = generator("fake iptables");
  const chains = ["INPUT", "FORWARD", "FWKNOP_A", "FWKNOP_B"];
  const rule = (): string => gen.pick([
    "-p 6 -s 10.0.0.1 -d 0.0.0.0/0 --dport 22 -m comment --comment _exp_1 -j ACCEPT", "-p 17 -s 10.0.0.2 --dport 53 -m comment --comment _exp_2 -j ACCEPT",
    "-s 10.0.0.3 -m comment --comment _exp_3 -j ACCEPT", "-p 6 -d 10.0.0.1 -s 0.0.0.0/0 --sport 22 -j ACCEPT", "-j FWKNOP_A", "-j FWKNOP_B",
    "-p tcp -m tcp --dport 22 -m comment --comment \"a \\\"b\" -j DROP",
  ]);
  const line = (): string => {
    const chain = gen.pick(chains);
    return gen.pick([
      () => `-N ${gen.pick(["FWKNOP_A", "FWKNOP_B"])}`, () => `-F ${chain}`, () => `-X ${gen.pick(["FWKNOP_A", "FWKNOP_B"])}`,
      () => `-A ${chain} ${rule()}`, () => `-A ${chain} ${rule()}`, () => `-I ${chain} ${gen.between(1, 3)} ${rule()}`, () => `-D ${chain} ${rule()}`,
    ])();
  };
  const fake = new FakeIptables();
  let failures = 0;
  for (let round = 0; round < 120; round++) {
    const lines = gen.list(gen.between(1, 3), line);
    // We never make circles of chains, nor a chain that we just removed: the kernel has more to say about those.
    if (lines.some((text) => /^-[AI] FWKNOP_. .*-j FWKNOP_/.test(text) || (text.startsWith("-X") && lines.includes(text.replace("-X", "-N"))))) continue;
    const input = `*filter\n${lines.join("\n")}\nCOMMIT\n`;
    const argv = ["iptables-nft-restore", "--noflush", "-w", "5"] as const;
    const real = await runIn(host, argv, input);
    const faked = await fake.run(argv, { timeoutMs: 1, input });
    assert.deepEqual([faked.status, faked.stderr], [real.status, real.stderr], input);
    if (real.status !== 0) failures++;
    const question = ["iptables-nft", "-w", "5", "-t", "filter", "-S", ...gen.pick([[], [gen.pick(chains)]])] as const;
    const answer = await runIn(host, question, "");
    const faked2 = await fake.run(question, { timeoutMs: 1 });
    assert.deepEqual([faked2.status, faked2.stdout, faked2.stderr], [answer.status, answer.stdout, answer.stderr], input);
  }
  assert.ok(failures > 10, "some of them fail");
});

function runIn(host: NamespaceHost, argv: readonly [string, ...string[]], input: string): Promise<RunResult> {
  return run(host.argv(argv), { timeoutMs: 10_000, input });
}
