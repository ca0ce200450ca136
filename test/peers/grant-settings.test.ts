/** What fwknopd.conf and access.conf say of grants, as it reaches real firewalls through the daemon. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openLab, SERVER } from "../support/lab.ts";
import { DROPPING, loadRules, OPEN, ruleset } from "../support/nft-host.ts";
import { daemonArgv, knock, PLAIN_STANZA, startDaemon, writeDaemonFiles } from "../support/peers.ts";

describe("settings of grants", { concurrency: 2 }, () => {
  test("GRANT_PREFIX_V4, GRANT_USES, CONNTRACK_ON_EXPIRE with nftables; --fw-list and --fw-flush", async (t) => {
    const lab = await openLab(t, ["tcpdump", "nft", "conntrack"]);
    if (lab === undefined) return;
    await loadRules(lab.server, DROPPING);
    const before = await ruleset(lab.server);
    for (const port of [22, 23]) await lab.serve(lab.server, port);
    const options = {
      config: { FIREWALL_TYPE: "nftables", CONNTRACK_ON_EXPIRE: "kill", FLUSH_IPT_AT_EXIT: "N" },
      stanzas: [
        { ...PLAIN_STANZA, OPEN_PORTS: "tcp/22", GRANT_PREFIX_V4: "/24", FW_ACCESS_TIMEOUT: 6 },
        { ...PLAIN_STANZA, OPEN_PORTS: "tcp/23", GRANT_USES: 1, FW_ACCESS_TIMEOUT: 6 },
      ],
    };
    const fwknopd = await startDaemon(lab, "ours", options);
    await knock(lab, "ours");
    await fwknopd.waitFor("for 10.77.0.0/24 -> 0.0.0.0/0 tcp/22, expires at");
    assert.equal(await lab.probe(22), "open");
    await knock(lab, "ours", { access: "tcp/23" });
    await fwknopd.waitFor("Added access rule to fwknop_u4 for 10.77.0.2 -> 0.0.0.0/0 tcp/23");
    assert.deepEqual([await lab.probe(23), await lab.probe(23)], ["open", "filtered"]);

    const files = writeDaemonFiles(lab, options).slice(1);
    const run = async (...args: string[]) => lab.server.run(await daemonArgv("ours", [...files, ...args]));
    const listed = await run("--fw-list");
    assert.match(listed.stdout, /^Listing elements in fwknopd nftables sets\.\.\.\n[\s\S]*set fwknop_g4_24 \{[^}]*10\.77\.0\.0 \. tcp \. 22 timeout/);
    assert.doesNotMatch(listed.stdout, /theirs|lookalike/);
    assert.match((await run("--fw-list-all")).stdout, /set theirs/);
    await fwknopd.waitFor(/Removed rule 1 from fwknop_g4_24/);
    assert.equal(await lab.probe(22), "filtered");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.notEqual(await ruleset(lab.server), before, "FLUSH_IPT_AT_EXIT N");
    await run("--fw-flush");
    assert.equal(await ruleset(lab.server), before);
  });

  test("NFT_MODE guard closes what the stanzas open, and IPT_USE_IPSET keeps grants in a set", async (t) => {
    const lab = await openLab(t, ["tcpdump", "nft", "ipset"]);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    const withIpset = await startDaemon(lab, "ours", { config: { IPT_USE_IPSET: "Y" } });
    await knock(lab, "ours");
    await withIpset.waitFor("Added access rule to fwknop_g4 for 10.77.0.2");
    assert.equal(await lab.probe(22), "open");
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 2);
    await withIpset.stop();
    assert.equal(await lab.probe(22), "filtered");

    await loadRules(lab.server, OPEN);
    assert.equal(await lab.probe(22), "open", "nothing drops");
    const guard = await startDaemon(lab, "ours", { name: "guard", config: { FIREWALL_TYPE: "nftables", NFT_MODE: "guard" }, stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/20-25" }] });
    assert.deepEqual([await lab.probe(22), await lab.probe(22, SERVER.v6)], ["filtered", "filtered"]);
    await knock(lab, "ours");
    await guard.waitFor("Added access rule to fwknop_g4 for 10.77.0.2");
    assert.deepEqual([await lab.probe(22), await lab.probe(22, SERVER.v6)], ["open", "filtered"]);
    await guard.stop();
    assert.equal(await lab.probe(22), "open");
  });
});
