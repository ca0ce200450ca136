/** iptables with ipset: thousands of grants are one rule, the kernel ends them, both families, both kinds of iptables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createIpset } from "../../src/firewall/ipset.ts";
import { createIptables, DEFAULT_CHAINS } from "../../src/firewall/iptables.ts";
import { parseIp } from "../../src/ip.ts";
import { Firewall, type FirewallOptions } from "../../src/node/firewall/firewall.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";

const ip = (text: string) => parseIp(text)!;
const tcp = (port: number) => [{ protocol: "tcp" as const, port }];
const nowSeconds = (): number => Date.now() / 1000;

function firewallOn(lab: Lab, options: Partial<FirewallOptions> = {}, use: boolean | "auto" = true, program = "iptables"): { firewall: Firewall; said: string[] } {
  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const { input, output } = DEFAULT_CHAINS;
  const iptables = createIptables({ program: lab.server.argv([program]), chains: { input, output }, prepend: false, checkComment: true, checkSupport: true });
  const backend = createIpset(iptables, { program: lab.server.argv(["ipset"]), input, use, mayHaveSets: () => true }, nowSeconds);
  return { said, firewall: new Firewall({ backend, log: { error: say, warning: say, info() {}, debug() {} }, clearAtStart: true, clearAtStop: true, gatherMs: 0, ...options }) };
}

test("ipset: grants of both families are elements, one rule a set lets them in, the kernel ends them", async (t) => {
  const lab = await openLab(t, ["ipset"]);
  if (lab === undefined) return;
  await lab.serve(lab.server, 22);
  const before = await lab.server.run(["iptables-save"]);
  const { firewall, said } = firewallOn(lab, { clearAtStop: false });
  t.after(() => firewall.stop());
  await firewall.start();
  const look = async (): Promise<string> => `${await lab.probe(22, SERVER.v4)} ${await lab.probe(22, SERVER.v6)}`;
  assert.equal(await look(), "filtered filtered");
  const ends = Math.floor(nowSeconds()) + 5;
  const many = Array.from({ length: 300 }, (_, at) => firewall.open({ source: ip(`10.2.${at >> 8}.${at & 255}`), ports: tcp(22), withoutOutput: true, expiresAt: ends + 60 }));
  assert.ok((await Promise.all([...many, firewall.open({ source: ip(CLIENT.v4), ports: tcp(22), expiresAt: ends })])).every(({ ok }) => ok));
  assert.equal(await look(), "open filtered");
  assert.ok((await firewall.open({ source: ip("fd77::"), sourcePrefix: 64, ports: tcp(22), expiresAt: ends })).ok);
  assert.equal(await look(), "open open");
  assert.equal((await lab.rules("FWKNOP_INPUT")).length, 2);
  assert.equal((await lab.rules("FWKNOP_INPUT", { program: "ip6tables" })).length, 2);
  await firewall.stop(); // leaves what is open, as a killed daemon does
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 * ends - Date.now()) + 1000));
  assert.equal(await look(), "filtered filtered");

  const { firewall: second, said: saidLater } = firewallOn(lab, { clearAtStart: false });
  t.after(() => second.stop());
  await second.start();
  assert.equal(second.rules.filter(({ table }) => table === "ipset").length, 300);
  assert.equal((await second.closeAddress(ip("10.2.0.7"))).length, 1);
  // Somebody empties the chain and the sets: the next knock for the same puts its own back.
  assert.ok((await second.open({ source: ip(CLIENT.v4), ports: tcp(22), expiresAt: Math.floor(nowSeconds()) + 60 })).ok);
  await lab.server.run(["iptables", "-F", "FWKNOP_INPUT"]);
  await lab.server.run(["ipset", "flush", "fwknop_g4"]);
  assert.equal(await lab.probe(22), "filtered");
  assert.ok((await second.open({ source: ip(CLIENT.v4), ports: tcp(22), expiresAt: Math.floor(nowSeconds()) + 90 })).ok);
  assert.equal(await lab.probe(22), "open");
  assert.equal((await lab.rules("FWKNOP_INPUT")).length, 2);
  // Somebody takes away all of it: the next knock brings it back, whoever knocks, with what was open.
  for (const program of ["iptables", "ip6tables"]) {
    for (const words of [["-D", "INPUT", "-j", "FWKNOP_INPUT"], ["-F", "FWKNOP_INPUT"], ["-X", "FWKNOP_INPUT"]]) await lab.server.run([program, ...words]);
  }
  await lab.server.run(["ipset", "destroy"]);
  assert.equal(await lab.probe(22), "filtered");
  await new Promise((resolve) => setTimeout(resolve, 1100)); // more often it does not look
  assert.ok((await second.open({ source: ip("10.2.0.8"), ports: tcp(23), expiresAt: Math.floor(nowSeconds()) + 90 })).ok);
  assert.equal(await lab.probe(22), "open");
  await second.stop();
  assert.equal((await lab.server.run(["ipset", "list", "-n"])).stdout, "");
  const withoutCounts = (text: string): string => text.replace(/^#.*$|\[\d+:\d+\]/gm, "");
  assert.equal(withoutCounts((await lab.server.run(["iptables-save"])).stdout), withoutCounts(before.stdout));
  assert.deepEqual(said, []);
  assert.ok(saidLater.some((line) => /^Somebody else removed sets of ours: made again, with 3\d\d grants whose time is not over$/.test(line)), saidLater.join("\n"));
});

for (const program of ["iptables-nft", "iptables-legacy"]) {
  test(`ipset on auto with ${program}: beside a crowd a grant opens and ends in a set, a killed daemon's is found, and nothing is left`, async (t) => {
    const lab = await openLab(t, ["ipset", "nft", program]);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    await lab.server.run(["nft", "flush", "ruleset"]);
    const policy = "*filter\n:INPUT DROP\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\nCOMMIT\n";
    await lab.server.run([`${program}-restore`], { input: policy });
    const everything = async (): Promise<string> => {
      const texts = [await lab.server.run(["iptables-nft-save"]), await lab.server.run(["iptables-legacy-save"]), await lab.server.run(["ipset", "save"])];
      return texts.map(({ stdout }) => stdout.replace(/^#.*$|\[\d+:\d+\]/gm, "")).join("");
    };
    const before = await everything();
    const sets = async (): Promise<string> => (await lab.server.run(["ipset", "list", "-n"])).stdout;
    const soon = (seconds: number): number => Math.floor(nowSeconds()) + seconds;
    const crowd = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => ({ source: ip(`10.2.${(from + at) >> 8}.${(from + at) & 255}`), ports: tcp(22), withoutOutput: true as const, expiresAt: soon(90) }));

    const { firewall, said } = firewallOn(lab, { clearAtStop: false }, "auto", program);
    t.after(() => firewall.stop());
    await firewall.start();
    const opened = async (from: number, to: number): Promise<void> => {
      assert.deepEqual((await Promise.all(crowd(from, to).map((one) => firewall.open(one)))).filter(({ ok }) => !ok), []);
    };
    await opened(0, 249);
    assert.equal(await sets(), "");
    await opened(249, 1300); // in two batches: the first of them is the crowd
    assert.equal(firewall.rules.filter(({ table }) => table === "filter").length, 1249);
    assert.ok((await firewall.open({ source: ip(CLIENT.v4), ports: tcp(22), withoutOutput: true, expiresAt: soon(3) })).ok);
    assert.equal(firewall.rules.filter(({ table }) => table === "ipset").length, 52);
    assert.equal(await lab.probe(22), "open");
    await new Promise((resolve) => setTimeout(resolve, 3100));
    assert.equal(await lab.probe(22), "filtered");
    // A set's rule is put back with the next grant, for whoever it is.
    await firewall.open({ source: ip(CLIENT.v4), ports: tcp(22), withoutOutput: true, expiresAt: soon(60) });
    const rule = (await lab.rules("FWKNOP_INPUT", { program })).find((line) => line.includes("fwknop_g4"))!;
    await lab.server.run([program, ...rule.replace("-A", "-D").split(" ")] as [string, ...string[]]);
    assert.equal(await lab.probe(22), "filtered");
    await opened(1300, 1301);
    assert.equal(await lab.probe(22), "open");
    await firewall.stop(); // leaves what is open, as a killed daemon does

    const { firewall: second } = firewallOn(lab, { clearAtStart: false, clearAtStop: false }, "auto", program);
    t.after(() => second.stop());
    await second.start();
    assert.equal(second.rules.length, 1302);
    assert.equal((await second.closeAddress(ip(CLIENT.v4))).length, 1);
    assert.equal(await lab.probe(22), "filtered");
    await second.stop();
    const { firewall: command } = firewallOn(lab, {}, "auto", program);
    assert.equal((await command.flush()).stderr, "");
    assert.equal(await everything(), before);
    assert.deepEqual(said, []);
  });
}
