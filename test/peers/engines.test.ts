/**
 * Each engine of this system with the daemon as it is shipped: a knock opens a service behind a default drop, in IPv4, in
 * IPv6 and in both at once; time closes it; a daemon that was killed leaves nothing open past its time; and what belongs to
 * others is the same before and after.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DROPPING, loadRules } from "../support/nft-host.ts";
import { knock, PLAIN_STANZA, type Settings, startDaemon } from "../support/peers.ts";

/** Rules of an administrator, for `iptables-restore` of either kind and family. */
const THEIRS = `*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
:THEIRS -
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -j THEIRS
COMMIT
*nat
:PREROUTING ACCEPT
-A PREROUTING -p tcp -m tcp --dport 9 -j REDIRECT --to-ports 7
COMMIT
`;

/** So many rules in our chain that grants become elements of sets, as an earlier daemon may have left them. */
async function loadCrowd(lab: Lab, kind: "nft" | "legacy"): Promise<void> {
  const rules = Array.from({ length: 260 }, (_, at) => `-A FWKNOP_INPUT -s 10.4.${at >> 8}.${at & 255} -p tcp --dport 9 -m comment --comment _exp_4000000000 -j ACCEPT\n`);
  await lab.server.run([`iptables-${kind}-restore`, "--noflush"], { input: `*filter\n:FWKNOP_INPUT -\n${rules.join("")}COMMIT\n` });
}

async function loadIptables(lab: Lab, kind: "nft" | "legacy"): Promise<void> {
  await lab.server.run(["nft", "flush", "ruleset"]);
  await lab.server.run([`iptables-${kind}-restore`], { input: THEIRS });
  await lab.server.run([`ip6tables-${kind}-restore`], { input: THEIRS.replace("-A INPUT -j THEIRS", "-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -j THEIRS") });
}

/** Everything that any engine holds, without what changes by itself. */
async function everything(lab: Lab): Promise<string> {
  const texts: string[] = [];
  for (const argv of [["nft", "list", "ruleset"], ["iptables-legacy-save"], ["ip6tables-legacy-save"], ["ipset", "save"]]) {
    texts.push((await lab.server.run(argv as [string, ...string[]])).stdout);
  }
  return texts.join("").replace(/packets \d+ bytes \d+|\[\d+:\d+\]/g, "").replace(/^#.*\n/gm, "");
}

interface Engine {
  readonly name: string;
  readonly config: Settings;
  load(lab: Lab): Promise<void>;
  /** The kernel ends grants. Else a daemon that is started after the killed one does. */
  readonly endsByItself: boolean;
  /** What is there of our own when the daemon starts. */
  leftover?(lab: Lab): Promise<void>;
}

const ENGINES: readonly Engine[] = [
  { name: "nftables", config: { FIREWALL_TYPE: "nftables" }, load: (lab) => loadRules(lab.server, DROPPING), endsByItself: true },
  { name: "iptables-nft", config: { FIREWALL_EXE: "/usr/sbin/iptables-nft" }, load: (lab) => loadIptables(lab, "nft"), endsByItself: false },
  { name: "iptables-legacy", config: { FIREWALL_EXE: "/usr/sbin/iptables-legacy" }, load: (lab) => loadIptables(lab, "legacy"), endsByItself: false },
  ...(["nft", "legacy"] as const).map((kind): Engine => ({
    name: `iptables-${kind} beside a crowd`, config: { FIREWALL_EXE: `/usr/sbin/iptables-${kind}` }, load: (lab) => loadIptables(lab, kind), leftover: (lab) => loadCrowd(lab, kind), endsByItself: true,
  })),
  { name: "ipset", config: { IPT_USE_IPSET: "Y", FIREWALL_EXE: "/usr/sbin/iptables-nft" }, load: (lab) => loadIptables(lab, "nft"), endsByItself: true },
  { name: "ipset with iptables-legacy", config: { IPT_USE_IPSET: "Y", FIREWALL_EXE: "/usr/sbin/iptables-legacy" }, load: (lab) => loadIptables(lab, "legacy"), endsByItself: true },
];

describe("engines", { concurrency: 3 }, () => {
  for (const { name, config, load, leftover, endsByItself } of ENGINES) {
    test(`fwknopd opens and closes with ${name}, leaves nothing open when it is killed, and leaves what is not its own`, async (t) => {
      const lab = await openLab(t, ["tcpdump", "nft", "ipset", "iptables-nft", "iptables-legacy"]);
      if (lab === undefined) return;
      await load(lab);
      await lab.serve(lab.server, 22);
      const before = await everything(lab);
      await leftover?.(lab);
      const look = async (): Promise<string> => (await Promise.all([lab.probe(22, SERVER.v4), lab.probe(22, SERVER.v6)])).join(" ");
      const options = { config: { ...config, FLUSH_IPT_AT_INIT: "N" }, stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 6 }] };
      const fwknopd = await startDaemon(lab, "ours", options);
      const closed = "filtered filtered";
      assert.equal(await look(), closed, "before");

      const knocks = { v4: ["-a", CLIENT.v4], v6: ["-a", CLIENT.v6, "-D", SERVER.v6] } as const;
      let ends = 0;
      const open = async (...families: readonly (keyof typeof knocks)[]): Promise<void> => {
        for (const family of families) await knock(lab, "ours", { args: knocks[family] });
        ends += families.length;
        await fwknopd.waitFor("Granted", ends);
      };
      await open("v4");
      assert.equal(await look(), "open filtered", "IPv4");
      await fwknopd.waitFor("Removed rule", ends);
      assert.equal(await look(), closed, "after IPv4");
      await open("v6");
      assert.equal(await look(), "filtered open", "IPv6");
      await fwknopd.waitFor("Removed rule", ends);
      await open("v4", "v6");
      assert.equal(await look(), "open open", "both");

      const lastEnd = 1000 * Math.max(...[...fwknopd.log.matchAll(/expires at (\d+)/g)].map((match) => Number(match[1])));
      if (leftover !== undefined) for (const set of ["fwknop_g4", "fwknop_g6"]) assert.ok(fwknopd.log.includes(`Added access rule to ${set} `), set);
      await fwknopd.stop("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, lastEnd - Date.now()) + 100));
      if (endsByItself) assert.equal(await look(), closed, "with no daemon at all");
      const next = await startDaemon(lab, "ours", options);
      assert.equal(await look(), closed, "with the next daemon");
      assert.deepEqual(await next.stop(), { status: 0, signal: null });
      assert.equal(await everything(lab), before);
    });
  }
});
