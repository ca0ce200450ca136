/** Chains under other names, in either program's words, and chains that somebody takes away while our daemon runs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const asking = (port: number): string => makePacket({ message: `${CLIENT.v4},tcp/${port}` });

/** What the lab's own firewall consists of. */
const THEIRS = [
  "-P INPUT DROP", "-P FORWARD DROP", "-P OUTPUT ACCEPT",
  "-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
];

/** All of a table but what the lab's own firewall consists of, with one word for every end. */
async function table(lab: Lab, name: string): Promise<string[]> {
  const { stdout } = await lab.server.run(["iptables", "-t", name, "-S"]);
  return stdout.split("\n").map((line) => line.replace(/_exp_\d+/, "_exp_N")).filter((line) => line !== "" && (name === "filter" ? !THEIRS.includes(line) : !line.startsWith("-P ")));
}

const END = "-m comment --comment _exp_N";
const rule = (chain: string, port: number): string => `-A ${chain} -s ${CLIENT.v4}/32 -p tcp -m tcp --dport ${port} ${END}`;

/** The same chains as 2.6 and as 1.9 name them. */
const CHAINS: Readonly<Record<string, Settings>> = {
  "2.6": {
    IPT_INPUT_ACCESS: "ACCEPT, filter, INPUT, 2, KNOCKED, 1", IPT_OUTPUT_ACCESS: "RETURN, filter, OUTPUT, 1, ANSWERS, 1",
    IPT_FORWARD_ACCESS: "ACCEPT, filter, FORWARD, 1, PASSING, 1", IPT_DNAT_ACCESS: "DNAT, nat, PREROUTING, 1, LEADING, 1",
  },
  "1.9": {
    IPT_INPUT_ACCESS: "ACCEPT, src, filter, INPUT, 2, KNOCKED, 1", IPT_OUTPUT_ACCESS: "RETURN, dst, filter, OUTPUT, 1, ANSWERS, 1",
    IPT_FORWARD_ACCESS: "ACCEPT, src, filter, FORWARD, 1, PASSING, 1", IPT_DNAT_ACCESS: "DNAT, src, nat, PREROUTING, 1, LEADING, 1",
  },
};

describe("chains", { concurrency: 2 }, () => {
  for (const [words, maker] of [["2.6", "C"], ["2.6", "ours"], ["1.9", "ours"]] as const satisfies readonly (readonly [string, Maker])[]) {
    test(`fwknopd (${maker}) keeps its rules in the chains that IPT_*_ACCESS name in the words of ${words}, and takes them away at its end`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS[maker]);
      if (lab === undefined) return;
      const fwknopd = await startDaemon(lab, maker, { config: { ...CHAINS[words], ENABLE_IPT_OUTPUT: "Y", ENABLE_IPT_FORWARDING: "Y" }, stanzas: [STANZA] });
      await sendPayloads(lab, [asking(22), makePacket({ message: `${CLIENT.v4},tcp/2222`, type: 2, natAccess: "192.168.10.5,22" })]);
      await fwknopd.waitFor("Added DNAT rule to LEADING");
      await fwknopd.waitFor("Added OUTPUT rule to ANSWERS");
      const inside = maker === "C" ? "" : " -d 192.168.10.5/32"; // C's rules have no destination
      assert.deepEqual(await table(lab, "filter"), [
        "-N ANSWERS", "-N KNOCKED", "-N PASSING",
        "-A INPUT -j KNOCKED", "-A FORWARD -j PASSING", "-A OUTPUT -j ANSWERS",
        `-A ANSWERS -d ${CLIENT.v4}/32 -p tcp -m tcp --sport 22 ${END} -j RETURN`,
        `${rule("KNOCKED", 22)} -j ACCEPT`,
        `${rule("PASSING", 22).replace("/32 ", `/32${inside} `)} -j ACCEPT`,
      ]);
      assert.deepEqual(await table(lab, "nat"), ["-N LEADING", "-A PREROUTING -j LEADING", `${rule("LEADING", 2222)} -j DNAT --to-destination 192.168.10.5:22`]);
      assert.match((await lab.server.run(["iptables", "-S", "INPUT"])).stdout, /-i lo -j ACCEPT\n-A INPUT -j KNOCKED\n/, "in the second place");
      await fwknopd.stop();
      assert.deepEqual([await table(lab, "filter"), await table(lab, "nat")], [[], []]);
    });
  }

  const REMOVALS: readonly { readonly what: string; readonly commands: readonly string[] }[] = [
    { what: "its jump", commands: ["-D INPUT -j FWKNOP_INPUT"] },
    { what: "its chain and the jump to it", commands: ["-D INPUT -j FWKNOP_INPUT", "-F FWKNOP_INPUT", "-X FWKNOP_INPUT"] },
    { what: "everything", commands: ["-F", "-X"] },
  ];
  for (const { what, commands } of REMOVALS) {
    test(`fwknopd puts ${what} back for the next grant when somebody took it away, and all grants that are not over`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS.ours);
      if (lab === undefined) return;
      await lab.serve(lab.server, 22);
      const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA] });
      await sendPayloads(lab, [asking(22)]);
      await fwknopd.waitFor("Granted tcp/22");
      assert.equal(await lab.probe(22), "open");
      for (const command of commands) await lab.server.run(["iptables", ...command.split(" ")] as [string, ...string[]]);
      assert.equal(await lab.probe(22), "filtered");
      await sendPayloads(lab, [asking(23)]);
      await fwknopd.waitFor("Granted tcp/23");
      assert.equal(fwknopd.count("Added jump rule from chain: INPUT to chain: FWKNOP_INPUT"), 2);
      assert.deepEqual(await table(lab, "filter"), ["-N FWKNOP_INPUT", "-A INPUT -j FWKNOP_INPUT", `${rule("FWKNOP_INPUT", 22)} -j ACCEPT`, `${rule("FWKNOP_INPUT", 23)} -j ACCEPT`]);
      assert.equal(await lab.probe(22), "open");
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
      assert.deepEqual(await table(lab, "filter"), []);
    });
  }
});
