/**
 * Real traffic through real rules: what a grant opens is open, nothing else is, and only for its time.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Grant } from "../../src/firewall/grant.ts";
import { createIptables, DEFAULT_CHAINS } from "../../src/firewall/iptables.ts";
import { Firewall } from "../../src/node/firewall/firewall.ts";
import { ip } from "../support/firewall-fixture.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { natKinds } from "../support/nat-kinds.ts";

const NOW = 1_700_000_000;

function tcp(port: number): Grant["ports"] {
  return [{ protocol: "tcp", port }];
}

async function startFirewall(t: TestContext, lab: Lab): Promise<{ firewall: Firewall; clock: ManualClock }> {
  const clock = new ManualClock(NOW);
  const silent = { error() {}, warning() {}, info() {}, debug() {} };
  const backend = createIptables({ program: lab.server.argv(["iptables"]), chains: DEFAULT_CHAINS, prepend: false, checkComment: true, checkSupport: true });
  const firewall = new Firewall({ backend, log: silent, clock, clearAtStart: true, clearAtStop: true, gatherMs: 0 });
  await firewall.start();
  t.after(() => firewall.stop());
  return { firewall, clock };
}

for (const family of ["v4", "v6"] as const) {
  test(`Firewall opens a port of this host for one client and a time (${family})`, async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    for (const port of [22, 23]) await lab.serve(lab.server, port);
    const { firewall, clock } = await startFirewall(t, lab);
    const look = (): Promise<string[]> => Promise.all([22, 23].map((port) => lab.probe(port, SERVER[family])));
    assert.deepEqual(await look(), ["filtered", "filtered"]);
    assert.ok((await firewall.open({ source: ip(CLIENT[family]), ports: tcp(22), expiresAt: NOW + 30 })).ok);
    assert.deepEqual(await look(), ["open", "filtered"]);
    clock.advance(30);
    await firewall.list("ours");
    assert.deepEqual(await look(), ["filtered", "filtered"]);
  });

  test(`Firewall opens a host behind us by every kind of NAT (${family})`, async (t) => {
    const lab = await openLab(t, [], { inner: true });
    if (lab === undefined) return;
    await lab.serve(lab.inner, 22);
    await lab.serve(lab.server, 80);
    const { firewall, clock } = await startFirewall(t, lab);
    assert.deepEqual(await Promise.all([22, 2222].map((port) => lab.probe(port, SERVER[family]))), ["filtered", "filtered"]);
    for (const [title, nat, port] of natKinds(family)) {
      const expiresAt = clock.wallSeconds + 30;
      const opened = await firewall.open({ source: ip(CLIENT[family]), ports: tcp(2222), nat, expiresAt });
      assert.ok(opened.ok, title);
      assert.equal(await lab.probe(port, SERVER[family]), "open", `${title}: during`);
      clock.advance(30);
      await firewall.list("ours");
      assert.equal(await lab.probe(port, SERVER[family]), "filtered", `${title}: after`);
    }
  });
}
