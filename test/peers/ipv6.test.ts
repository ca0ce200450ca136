/**
 * IPv6 from end to end: our client, over IPv6, to our daemon, to ip6tables and to nftables; both families at once, and
 * never a rule in the wrong one.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, INNER, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DROPPING, loadRules } from "../support/nft-host.ts";
import { knock, PLAIN_STANZA, startDaemon } from "../support/peers.ts";

const STANZA = { ...PLAIN_STANZA, SOURCE: "10.77.0.0/24, fd77::/64", DESTINATION: "10.77.0.1, fd77::/120", FW_ACCESS_TIMEOUT: 4 };

/** What each firewall holds for each family. */
const HELD: Readonly<Record<"iptables" | "nftables", (lab: Lab) => Promise<{ v4: string[]; v6: string[] }>>> = {
  async iptables(lab) {
    return { v4: await lab.rules("FWKNOP_INPUT"), v6: await lab.rules("FWKNOP_INPUT", { program: "ip6tables" }) };
  },
  async nftables(lab) {
    const elements = async (name: string): Promise<string[]> => {
      const { stdout } = await lab.server.run(["nft", "list", "set", "inet", "filter", name]);
      return stdout.split(/[\n,]/).filter((line) => line.includes("_exp_"));
    };
    return { v4: await elements("fwknop_g4"), v6: await elements("fwknop_g6") };
  },
};

describe("IPv6", { concurrency: 2 }, () => {
  for (const type of ["iptables", "nftables"] as const) {
    test(`fwknop opens a port of fwknopd over IPv6 and over both families, ${type}`, async (t) => {
      const lab = await openLab(t, ["tcpdump", "nft"], { inner: true });
      if (lab === undefined) return;
      if (type === "nftables") await loadRules(lab.server, DROPPING);
      await lab.serve(lab.server, 22);
      await lab.serve(lab.inner, 22);
      const look = async (): Promise<string> => `${await lab.probe(22, SERVER.v4)} ${await lab.probe(22, SERVER.v6)}`;
      const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_TYPE: type, ENABLE_IPT_FORWARDING: "Y", ENABLE_IPT_LOCAL_NAT: "Y" }, stanzas: [STANZA] });
      assert.equal(await look(), "filtered filtered", "before");

      await knock(lab, "ours", { args: ["-a", CLIENT.v6, "-D", SERVER.v6] });
      await fwknopd.waitFor(`for ${CLIENT.v6} -> ::/0 tcp/22, expires at`);
      assert.equal(await look(), "filtered open", "IPv6 over IPv6");
      const held = await HELD[type](lab);
      assert.deepEqual([held.v4.length, held.v6.length], [0, 1]);
      assert.match(held.v6.join(), /fd77::2/);
      await fwknopd.waitFor(/Removed rule 1 from FWKNOP_INPUT|Removed rule 1 from fwknop_g6/);
      assert.equal(await look(), "filtered filtered", "after its time");

      await knock(lab, "ours", { args: ["-a", CLIENT.v4, "-D", SERVER.v6] });
      await knock(lab, "ours", { args: ["-s", "-D", SERVER.v6] });
      await fwknopd.waitFor(`for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22, expires at`);
      assert.equal(await look(), "open open", "IPv4 asked for over IPv6, and the packet's own source");
      const both = await HELD[type](lab);
      assert.deepEqual([both.v4.length, both.v6.length], [1, 1]);
      assert.doesNotMatch(both.v4.join(), /fd77/);
      assert.doesNotMatch(both.v6.join(), /10\.77/);

      await knock(lab, "ours", { access: "tcp/2222", args: ["-a", CLIENT.v6, "-D", SERVER.v6, "-N", `[${INNER.v6}]:22`] });
      await fwknopd.waitFor(/Added DNAT rule/);
      assert.equal(await lab.probe(2222, SERVER.v6), "open", "NAT");
      assert.equal(await lab.probe(2222, SERVER.v4), "filtered", "NAT in the other family");

      await knock(lab, "ours", { access: "tcp/2223", args: ["-a", CLIENT.v6, "-D", SERVER.v6, "-N", "[::1]:22"] });
      await fwknopd.waitFor(/Added REDIRECT rule/);
      assert.equal(await lab.probe(2223, SERVER.v6), "open", "NAT to a port of this host");

      await knock(lab, "ours", { access: "tcp/2222", args: ["-a", CLIENT.v6, "-D", SERVER.v6, "-N", `${INNER.v4}:22`] });
      await fwknopd.waitFor(/NAT target 10\.78\.0\.2 is no IPv6 address, but fd77::2 is/);
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
      const left = await lab.server.run(["nft", "list", "ruleset"]);
      assert.doesNotMatch(left.stdout.replace("fwknop_lookalike", ""), /fwknop/i);
    });
  }

  test("nftables: nothing stays open past its time behind a daemon that was killed", async (t) => {
    const lab = await openLab(t, ["tcpdump", "nft"]);
    if (lab === undefined) return;
    await loadRules(lab.server, DROPPING);
    await lab.serve(lab.server, 22);
    const config = { FIREWALL_TYPE: "auto", FLUSH_IPT_AT_INIT: "N" };
    const fwknopd = await startDaemon(lab, "ours", { config, stanzas: [STANZA] });
    assert.match(fwknopd.log, /FIREWALL_TYPE auto: nftables, for chain input of the nftables table inet filter drops packets/);
    await knock(lab, "ours");
    await fwknopd.waitFor(/Added access rule to fwknop_g4 for .* expires at \d+/);
    const end = /expires at (\d+)/.exec(fwknopd.log)?.[1];
    process.kill(fwknopd.pid, "SIGKILL");
    assert.equal(await lab.probe(22), "open");
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 * Number(end) - Date.now() + 100)));
    assert.equal(await lab.probe(22), "filtered");
  });
});
