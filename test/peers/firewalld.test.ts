/**
 * The real firewalld, with a dbus of its own, in a network of its own, with either of its back ends: a grant opens a
 * port between two hosts, in both families, and time closes it, even when our daemon is dead.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { FirewallBackend } from "../../src/firewall/backend.ts";
import { createFirewalld } from "../../src/firewall/firewalld.ts";
import { createFirewalldDirect } from "../../src/firewall/firewalld-direct.ts";
import type { Grant } from "../../src/firewall/grant.ts";
import { DEFAULT_CHAINS } from "../../src/firewall/iptables.ts";
import { Firewall } from "../../src/node/firewall/firewall.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { ip, keepingLog } from "../support/firewall-fixture.ts";
import { CLIENT, INNER, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, knock, PLAIN_STANZA, startDaemon } from "../support/peers.ts";
import { requirePeers } from "../support/require-peer.ts";

const PORT = 8080;
/** Firewalld is a Python program, and so is each command. */
const START_TIMEOUT_MS = 30_000;
const ADMINS = `rule family="ipv4" source address="192.0.2.1" port port="9999" protocol="tcp" accept`;

function seconds(): number {
  return Date.now() / 1000;
}

function grant(source: string, lifetimeSeconds: number, changes: Partial<Grant> = {}): Grant {
  return { source: ip(source), ports: [{ protocol: "tcp", port: PORT }], expiresAt: Math.ceil(seconds()) + lifetimeSeconds, ...changes };
}

/** Starts firewalld on the server, with its interfaces in the zone `public`; everything of it ends with the lab. */
async function startFirewalld(lab: Lab, backend: "nftables" | "iptables"): Promise<WatchedChild> {
  const { server } = lab;
  // The lab's own default is to drop everything, beside firewalld.
  for (const program of ["iptables", "ip6tables"]) await server.run([`${program}-restore`], { input: "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n" });
  const etc = lab.path("firewalld");
  cpSync("/etc/firewalld", etc, { recursive: true });
  const conf = `${etc}/firewalld.conf`;
  writeFileSync(conf, readFileSync(conf, "utf8").replace(/^FirewallBackend=.*$/m, `FirewallBackend=${backend}`));
  mkdirSync(lab.path("log"));
  await server.run(["mount", "--bind", etc, "/etc/firewalld"]);
  await server.run(["mount", "--bind", lab.path("log"), "/var/log"]);
  await server.run(["mkdir", "/run/dbus"]);
  lab.start(server, ["dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog"]);
  const deadline = Date.now() + START_TIMEOUT_MS;
  const isThere = async (argv: readonly [string, ...string[]]): Promise<boolean> => server.run(argv).then(() => true, () => false);
  while (!await isThere(["test", "-S", "/run/dbus/system_bus_socket"]) && Date.now() < deadline) await sleep(50);
  const daemon = lab.start(server, ["firewalld", "--nofork", "--nopid"]);
  while (!await isThere(["firewall-cmd", "--state"])) {
    if (Date.now() > deadline) throw new Error(`firewalld does not come up:\n${daemon.log}`);
    await sleep(100);
  }
  await server.run(["firewall-cmd", "--zone=public", "--change-interface=eth0"]);
  return daemon;
}

interface Running {
  readonly firewall: Firewall;
  readonly said: string[];
}

function firewallWith(t: TestContext, backend: FirewallBackend, changes: { readonly clearAtStart?: boolean } = {}): Running {
  const { log, said } = keepingLog();
  const firewall = new Firewall({ backend, log, clearAtStart: true, clearAtStop: true, ...changes });
  t.after(() => firewall.stop());
  return { firewall, said };
}

function richRules(lab: Lab, zone?: string): FirewallBackend {
  return createFirewalld({ program: lab.server.argv(["firewall-cmd"]), nat: true, ...(zone !== undefined && { zone }) }, seconds);
}

async function rulesOf(lab: Lab, zone = "public"): Promise<string[]> {
  const { stdout } = await lab.server.run(["firewall-cmd", `--zone=${zone}`, "--list-rich-rules"]);
  return stdout.split("\n").filter((line) => line !== "");
}

async function openFirewalldLab(t: TestContext, backend: "nftables" | "iptables", inner = false): Promise<{ readonly lab: Lab; readonly daemon: WatchedChild } | undefined> {
  const lab = await openLab(t, ["firewall-cmd", "firewalld", "dbus-daemon", "nft"], { inner });
  if (lab === undefined) return undefined;
  const daemon = await startFirewalld(lab, backend);
  await lab.serve(lab.server, PORT);
  return { lab, daemon };
}

/** Each takes three to ten seconds on a quiet machine. */
const TIMEOUT = { timeout: 120_000 };

for (const backend of ["nftables", "iptables"] as const) {
  test(`firewalld with ${backend}: createFirewalld() opens in both families, renews, and time closes`, TIMEOUT, async (t) => {
    const opened = await openFirewalldLab(t, backend);
    if (opened === undefined) return;
    const { lab } = opened;
    await lab.server.run(["firewall-cmd", "--zone=public", `--add-rich-rule=${ADMINS}`]);
    const { firewall, said } = firewallWith(t, richRules(lab));
    await firewall.start();
    assert.notEqual(await lab.probe(PORT), "open");
    assert.notEqual(await lab.probe(PORT, SERVER.v6), "open");
    const first = await Promise.all([firewall.open(grant(CLIENT.v4, 60)), firewall.open(grant(CLIENT.v6, 60))]);
    assert.deepEqual(first.map((result) => (result.ok ? "open" : result.reason)), ["open", "open"]);
    assert.deepEqual([await lab.probe(PORT), await lab.probe(PORT, SERVER.v6)], ["open", "open"]);
    assert.match((await firewall.list("ours")).stdout, /^Listing rich rules of fwknopd in firewalld\.\.\.\n(rule priority="-6220" family="ipv[46]" source address="(10\.77\.0\.2|fd77::2)" port port="8080" protocol="tcp" accept\n){2}$/);

    // A renewal that is shorter than what firewalld knows already, and ends it now.
    const renewed = await firewall.open(grant(CLIENT.v4, 3, { endsEarlier: true }));
    assert.ok(renewed.ok && renewed.renewed);
    assert.equal((await rulesOf(lab)).length, 3, "one rule for each, beside the administrator's");
    for (const deadline = Date.now() + 20_000; firewall.rules.length > 1 && Date.now() < deadline;) await sleep(100);
    assert.notEqual(await lab.probe(PORT), "open");
    assert.equal(await lab.probe(PORT, SERVER.v6), "open");
    assert.ok(said.some((line) => /^info: Removed rule \d from firewalld with expire time of \d+$/.test(line)), said.join("\n"));

    await firewall.stop();
    assert.deepEqual(await rulesOf(lab), [ADMINS]);
    assert.deepEqual(said.filter((line) => /^(error|warning)/.test(line)), []);
  });
}

test("firewalld closes what a killed daemon left, and gives back after its own reload what is not over", TIMEOUT, async (t) => {
  const opened = await openFirewalldLab(t, "nftables");
  if (opened === undefined) return;
  const { lab } = opened;
  const killed = firewallWith(t, richRules(lab, "public"));
  await killed.firewall.start();
  assert.ok((await killed.firewall.open(grant(CLIENT.v4, 120))).ok);
  await lab.server.run(["firewall-cmd", "--reload"]);
  await lab.server.run(["firewall-cmd", "--zone=public", "--change-interface=eth0"]).catch(() => {});
  assert.notEqual(await lab.probe(PORT), "open", "a reload takes timed rules away");
  assert.ok((await killed.firewall.open(grant(CLIENT.v6, 4))).ok);
  assert.equal(await lab.probe(PORT), "open");
  assert.ok(killed.said.some((line) => line.startsWith("warning: firewalld was loaded anew without our rules: made again 1")), killed.said.join("\n"));
  await killed.firewall.open(grant(CLIENT.v4, 5, { endsEarlier: true }));

  // A daemon without our timers: the same plan, walked once, and then nobody.
  const backend = richRules(lab, "public");
  const orphan = firewallWith(t, backend, { clearAtStart: false });
  const planned = backend.rulesFor({ ...grant("10.77.0.9", 3), source: ip("10.77.0.9") }, new Map());
  assert.ok(planned.ok);
  await orphan.firewall.start();
  const plan = backend.change({ add: planned.rules, remove: [], keep: [] });
  let step = plan.next({ status: 0, stdout: "", stderr: "" });
  while (!step.done) {
    const answer = step.value.kind === "note" ? { stdout: "", stderr: "" } : await lab.server.run(step.value.argv.slice(step.value.argv.indexOf("firewall-cmd")) as [string, ...string[]]);
    step = plan.next({ status: 0, stdout: answer.stdout, stderr: answer.stderr });
  }
  assert.ok((await rulesOf(lab)).some((line) => line.includes("10.77.0.9")));
  const deadline = Date.now() + 20_000;
  while ((await rulesOf(lab)).some((line) => line.includes("10.77.0.9")) && Date.now() < deadline) await sleep(200);
  assert.ok(!(await rulesOf(lab)).some((line) => line.includes("10.77.0.9")), "firewalld's own timer closed it");
  await killed.firewall.stop();
});

test("firewalld: createFirewalld() leads to other ports and to hosts behind", TIMEOUT, async (t) => {
  const opened = await openFirewalldLab(t, "nftables", true);
  if (opened === undefined) return;
  const { lab } = opened;
  await lab.serve(lab.inner, 22);
  const { firewall, said } = firewallWith(t, richRules(lab));
  await firewall.start();
  const nat = { rewriteDestination: true, wholeHost: false } as const;
  const local = await firewall.open(grant(CLIENT.v4, 60, { ports: [{ protocol: "tcp", port: 5555 }], nat: { ...nat, kind: "local", address: ip(SERVER.v4), port: PORT } }));
  const forward = await firewall.open(grant(CLIENT.v4, 60, { ports: [{ protocol: "tcp", port: 2222 }], nat: { ...nat, kind: "forward", address: ip(INNER.v4), port: 22 } }));
  const forward6 = await firewall.open(grant(CLIENT.v6, 60, { ports: [{ protocol: "tcp", port: 2222 }], nat: { ...nat, kind: "forward", address: ip(INNER.v6), port: 22 } }));
  assert.deepEqual([local, forward, forward6].map((result) => (result.ok ? "open" : result.reason)), ["open", "open", "open"]);
  assert.deepEqual([await lab.probe(5555), await lab.probe(2222), await lab.probe(2222, SERVER.v6)], ["open", "open", "open"], said.join("\n"));
  assert.notEqual(await lab.probe(PORT), "open");
  await firewall.flush();
  assert.deepEqual(await rulesOf(lab), []);
  assert.notEqual(await lab.probe(5555), "open");
});

test("fwknopd with FIREWALL_TYPE auto finds firewalld and the zone of its interface: a knock opens a port, and kill -9 leaves it open no longer", TIMEOUT, async (t) => {
  const opened = await openFirewalldLab(t, "nftables");
  if (opened === undefined || !requirePeers(t, ...DAEMON_PEERS.ours)) return;
  const { lab } = opened;
  // Not the default zone, and nobody says so to our daemon.
  await lab.server.run(["firewall-cmd", "--zone=external", "--change-interface=eth0"]);
  const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_TYPE: "auto" }, stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 8 }] });
  assert.notEqual(await lab.probe(PORT), "open");
  await knock(lab, "ours", { access: `tcp/${PORT}` });
  await fwknopd.waitFor("Added access rule to firewalld");
  assert.equal(await lab.probe(PORT), "open");
  await fwknopd.stop("SIGKILL");
  const rule = (await rulesOf(lab, "external"))[0];
  assert.match(rule ?? "", /source address="10\.77\.0\.2" port port="8080"/);
  for (const deadline = Date.now() + 20_000; (await rulesOf(lab, "external")).length > 0 && Date.now() < deadline;) await sleep(200);
  assert.notEqual(await lab.probe(PORT), "open");
});

function directRules(lab: Lab): FirewallBackend {
  return createFirewalldDirect({
    program: lab.server.argv(["firewall-cmd"]), nft: lab.server.argv(["nft"]), chains: { input: DEFAULT_CHAINS.input }, prepend: false, checkComment: true, checkSupport: true,
  });
}

test("firewalld with iptables: createFirewalldDirect() opens by the C program's commands, in both families", TIMEOUT, async (t) => {
  const opened = await openFirewalldLab(t, "iptables");
  if (opened === undefined) return;
  const { lab } = opened;
  const { firewall, said } = firewallWith(t, directRules(lab));
  await firewall.start();
  for (const source of [CLIENT.v4, CLIENT.v6]) {
    const result = await firewall.open(grant(source, 60));
    assert.equal(result.ok ? "open" : result.reason, "open");
  }
  assert.deepEqual([await lab.probe(PORT), await lab.probe(PORT, SERVER.v6)], ["open", "open"]);
  assert.match((await firewall.list("ours")).stdout, /^Listing rules in fwknopd firewalld chains\.\.\.\n\nChain FWKNOP_INPUT \(1 references\)\n[^]*\/\* _exp_\d+ \*\/\n/);
  await firewall.stop();
  assert.notEqual(await lab.probe(PORT), "open");
  assert.ok(!(await lab.server.run(["iptables", "-S"])).stdout.includes("FWKNOP"));
  assert.deepEqual(said.filter((line) => line.startsWith("error")), []);
});

test("firewalld with nftables: createFirewalldDirect() refuses to start, for it would open nothing", TIMEOUT, async (t) => {
  const opened = await openFirewalldLab(t, "nftables");
  if (opened === undefined) return;
  const { lab, daemon } = opened;
  await assert.rejects(firewallWith(t, directRules(lab)).firewall.start(), /^FirewallError: firewalld drives nftables here, which rejects what direct rules accept/);
  // Nor does a zone that is not there, or a firewalld that does not run.
  await assert.rejects(firewallWith(t, richRules(lab, "nosuch")).firewall.start(), /^FirewallError: firewalld has no such zone, set FIREWD_ZONE .*: Error: INVALID_ZONE: nosuch$/);
  process.kill(daemon.pid, "SIGTERM");
  await daemon.exit;
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && await lab.server.run(["firewall-cmd", "--state"]).then(() => true, () => false);) await sleep(100);
  const { firewall } = firewallWith(t, richRules(lab));
  await assert.rejects(firewall.start(), /^FirewallError: firewalld does not run: /);
  assert.equal((await firewall.flush()).stderr, "");
});
