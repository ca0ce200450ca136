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

    await knock(lab, "ours");
    await fwknopd.waitFor(/Removed rule 1 from fwknop_g4_24[^]*Added access rule to fwknop_g4_24/);
    await knock(lab, "ours", { access: "tcp/23" });
    await fwknopd.waitFor(/Removed rule 1 from fwknop_g4_24[^]*Added access rule to fwknop_u4/);
    assert.equal((await run("--fw-del-ip", "10.77.1.9")).stdout, "No rule lets 10.77.1.9 in\n");
    assert.deepEqual((await run("--fw-del-ip", "10.77.0.2")).stdout.split("\n").sort(), [
      "", "Removed from fwknop_g4_24: 10.77.0.0 . tcp . 22", "Removed from fwknop_u4: 10.77.0.2 . tcp . 23",
    ]);
    assert.deepEqual(await Promise.all([lab.probe(22), lab.probe(23)]), ["filtered", "filtered"]);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.notEqual(await ruleset(lab.server), before, "FLUSH_IPT_AT_EXIT N");
    await run("--fw-flush");
    assert.equal(await ruleset(lab.server), before);
  });

  test("FIREWALL_TYPE auto takes the kind of iptables that drops packets, whichever FIREWALL_EXE is", async (t) => {
    const lab = await openLab(t, ["tcpdump", "nft", "iptables-legacy", "iptables-nft"]);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    const rules = async (kind: "legacy" | "nft"): Promise<string> => (await lab.server.run([`iptables-${kind}`, "-S"])).stdout;
    // A lab's iptables drops; the other kind is there too, and lets everything through.
    for (const kind of ["nft", "legacy"] as const) {
      await lab.server.run(["nft", "flush", "ruleset"]);
      for (const chain of ["INPUT", "FORWARD", "OUTPUT"]) await lab.server.run(["iptables-legacy", "-P", chain, "ACCEPT"]);
      await lab.server.run([`iptables-${kind}`, "-P", "INPUT", "DROP"]);
      assert.equal(await lab.probe(22), "filtered", kind);
      const fwknopd = await startDaemon(lab, "ours", { name: kind, config: { FIREWALL_TYPE: "auto" } });
      await knock(lab, "ours");
      await fwknopd.waitFor("Added access rule to FWKNOP_INPUT for 10.77.0.2");
      assert.match(await rules(kind), /-A FWKNOP_INPUT -s 10\.77\.0\.2/);
      assert.doesNotMatch(await rules(kind === "nft" ? "legacy" : "nft"), /FWKNOP/);
      assert.equal(await lab.probe(22), "open", kind);
      await fwknopd.stop();
    }
  });

  test("IPT_USE_IPSET auto goes over to sets beside a crowd, keeps what is open at each HUP, and without ipset keeps to rules and says so once", async (t) => {
    const lab = await openLab(t, ["tcpdump", "ipset"]);
    if (lab === undefined) return;
    for (const port of [22, 23]) await lab.serve(lab.server, port);
    const before = (await lab.server.run(["iptables-save"])).stdout.replace(/^#.*$|\[\d+:\d+\]/gm, "");
    const crowd = Array.from({ length: 249 }, (_, at) => `-A FWKNOP_INPUT -s 10.4.0.${at}/32 -j ACCEPT -m comment --comment _exp_4000000000\n`);
    const sets = async (): Promise<string[]> => (await lab.server.run(["ipset", "list", "-n"])).stdout.split("\n").filter((name) => name !== "");
    const stanzas = [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/20-25", FW_ACCESS_TIMEOUT: 60 }];
    const look = async (): Promise<string> => `${await lab.probe(22)} ${await lab.probe(23)}`;
    const command = async (...args: string[]) => lab.server.run(await daemonArgv("ours", args));
    for (const [name, program] of [["with", "/usr/sbin/ipset"], ["without", "/nowhere/ipset"]] as const) {
      await lab.server.run(["iptables-restore", "--noflush"], { input: `*filter\n:FWKNOP_INPUT -\n${crowd.join("")}COMMIT\n` });
      const config = { FLUSH_IPT_AT_INIT: "N", IPSET_EXE: program };
      const fwknopd = await startDaemon(lab, "ours", { name, config, stanzas });
      const hup = async (use: string, says: string): Promise<void> => {
        const count = fwknopd.count(says);
        writeDaemonFiles(lab, { name, config: { ...config, IPT_USE_IPSET: use }, stanzas });
        process.kill(fwknopd.pid, "SIGHUP");
        await fwknopd.waitFor(says, count + 1);
      };
      assert.deepEqual(await sets(), []);
      await knock(lab, "ours");
      await fwknopd.waitFor("Added access rule to FWKNOP_INPUT for 10.77.0.2");
      await knock(lab, "ours", { access: "tcp/23" });
      await fwknopd.waitFor(`Added access rule to ${name === "with" ? "fwknop_g4" : "FWKNOP_INPUT"} for 10.77.0.2 -> 0.0.0.0/0 tcp/23`);
      assert.equal(await look(), "open open");
      assert.deepEqual(await sets(), name === "with" ? ["fwknop_g4", "fwknop_n4"] : []);
      for (const use of ["N", "Y", "auto"]) {
        await hup(use, name === "without" && use === "Y" ? "The old configuration stays in force" : "Re-starting fwknopd");
        assert.equal(await look(), "open open", use);
      }
      assert.equal(fwknopd.count("sets cannot be used here: "), name === "with" ? 0 : 1, fwknopd.log);
      const files = writeDaemonFiles(lab, { name, config, stanzas }).slice(1);
      assert.equal((await command(...files, "--fw-list")).stdout.includes("Name: fwknop_g4"), name === "with");
      assert.equal((await command(...files, "--fw-del-ip", "10.77.0.2")).stdout.trim().split("\n").length, 2);
      assert.equal(await look(), "filtered filtered");
      await fwknopd.stop("SIGKILL");
      assert.equal((await command(...files, "--fw-flush")).stderr, "");
      assert.deepEqual([await sets(), (await lab.server.run(["iptables-save"])).stdout.replace(/^#.*$|\[\d+:\d+\]/gm, "")], [[], before]);
    }
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
    assert.deepEqual(await Promise.all([lab.probe(22), lab.probe(22, SERVER.v6)]), ["filtered", "filtered"]);
    await knock(lab, "ours");
    await guard.waitFor("Added access rule to fwknop_g4 for 10.77.0.2");
    assert.deepEqual(await Promise.all([lab.probe(22), lab.probe(22, SERVER.v6)]), ["open", "filtered"]);
    await guard.stop();
    assert.equal(await lab.probe(22), "open");
  });
});
