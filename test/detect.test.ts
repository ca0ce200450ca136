import assert from "node:assert/strict";
import { test } from "node:test";
import { detectFirewall, type FirewallTraces } from "../src/firewall/detect.ts";

const chain = (family: string, table: string, name: string, policy = "accept", hook = "input") => ({ chain: { family, table, name, type: "filter", hook, policy } });
const rule = (family: string, table: string, name: string, ...expr: object[]) => ({ rule: { family, table, chain: name, expr } });
const listing = (...objects: readonly object[]): string => JSON.stringify({ nftables: [{ metainfo: { version: "1.0.6" } }, ...objects] });

const LEGACY_DROP = { legacyTables: ["filter"], legacyRules: "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-N LAST\n-A INPUT -j LAST\n-A LAST -j DROP\n" };

const CASES: readonly [title: string, traces: Partial<FirewallTraces>, type: string, reason: RegExp, chain?: string][] = [
  ["nothing at all, with iptables", { ruleset: listing() }, "iptables", /^nothing drops packets here, and iptables is installed$/],
  ["nothing at all, without iptables", { ruleset: listing(), hasIptables: false }, "nftables", /ports are to be guarded/],
  ["no program that answers", { hasIptables: false }, "iptables", /neither iptables nor nft could be asked/],
  ["no nft that answers, with iptables", {}, "iptables", /^nft cannot be asked what drops packets, and iptables is installed$/],
  ["text that is no listing", { ruleset: "{" }, "iptables", /nothing drops/],
  ["a table that drops", { ruleset: listing(chain("inet", "host", "in", "drop")) }, "nftables", /^chain in of the nftables table inet host drops packets$/, "inet host in"],
  ["a table that drops, with other chains", {
    ruleset: listing(chain("inet", "host", "in", "drop"), chain("inet", "other", "no", "drop", "forward"), chain("inet", "host", "through", "drop", "forward"), chain("inet", "host", "out", "accept", "output")),
  }, "nftables", /inet host/, "inet host in through out"],
  ["a last rule that rejects", { ruleset: listing(chain("ip", "filter", "input"), rule("ip", "filter", "input", { counter: null }, { reject: null })) }, "nftables", /ip filter/, "ip filter input"],
  ["a table that is switched off", { ruleset: listing({ table: { family: "inet", name: "old", flags: "dormant" } }, chain("inet", "old", "in", "drop"), chain("inet", "host", "in", "drop")) }, "nftables", /^chain in of the nftables table inet host drops packets$/, "inet host in"],
  ["a table that is switched off, as nft 1.0.6 tells it", { ruleset: listing({ table: { family: "inet", name: "old", handle: 1, flags: "old" } }, chain("inet", "old", "in", "drop")) }, "iptables", /nothing drops/],
  ["a table with other flags", { ruleset: listing({ table: { family: "inet", name: "host", flags: ["owner", "persist"] } }, chain("inet", "host", "in", "drop")) }, "nftables", /inet host/, "inet host in"],
  ["a list of banned hosts before the table that drops the rest", {
    ruleset: listing(
      chain("inet", "f2b-table", "f2b-chain"), rule("inet", "f2b-table", "f2b-chain", { match: { left: "saddr", right: "@banned" } }, { reject: null }),
      chain("inet", "host", "in"), rule("inet", "host", "in", { match: { left: "dport", right: 80 } }, { accept: null }), rule("inet", "host", "in", { counter: null }, { log: null }, { drop: null }),
    ),
  }, "nftables", /^chain in of the nftables table inet host drops packets; what is dropped by chain f2b-chain of the nftables table inet f2b-table stays closed$/, "inet host in"],
  ["a table for each family", { ruleset: listing(chain("ip", "fw", "in", "drop"), chain("ip6", "fw", "in", "drop")) }, "nftables", /^chain in of the nftables table ip fw drops packets; what is dropped by chain in of the nftables table ip6 fw stays closed$/, "ip fw in"],
  ["a table that drops beside iptables that does", { ruleset: listing(chain("ip", "filter", "INPUT", "drop"), chain("inet", "host", "in", "drop")) }, "nftables", /; what is dropped by chain INPUT of the nftables table ip filter stays closed$/, "inet host in"],
  ["chains of iptables", { ruleset: listing(chain("ip", "filter", "INPUT", "drop")) }, "iptables of the kind nft", /iptables has chains in nftables/],
  ["chains of iptables beside a table that drops", { ruleset: listing(chain("ip", "filter", "INPUT"), chain("inet", "filter", "input", "drop")) }, "nftables", /inet filter/, "inet filter input"],
  ["a chain behind a jump that drops", {
    ruleset: listing(chain("inet", "host", "in"), { chain: { family: "inet", table: "host", name: "more" } }, rule("inet", "host", "in", { goto: { target: "more" } }), rule("inet", "host", "more", { drop: null })),
  }, "nftables", /^chain in of the nftables table inet host drops packets$/, "inet host in"],
  ["a chain that others have in another table", {
    ruleset: listing(chain("inet", "host", "in"), rule("inet", "host", "in", { jump: { target: "more" } }), rule("inet", "other", "more", { drop: null })),
  }, "iptables", /nothing drops/],
  ["tables of the older iptables", { legacyTables: ["filter", "nat"] }, "iptables of the kind legacy", /^the older iptables has the tables filter, nat$/],
  ["the older iptables, which drops, beside the newer, which does not", { ruleset: listing(chain("ip", "filter", "INPUT")), ...LEGACY_DROP }, "iptables of the kind legacy", /^the older iptables drops packets$/],
  ["the newer iptables, which rejects, beside the older, which does not", {
    ruleset: listing(chain("ip6", "filter", "INPUT"), rule("ip6", "filter", "INPUT", { xt: { type: "target", name: "REJECT" } })), legacyTables: ["filter"], legacyRules: "-P INPUT ACCEPT\n",
  }, "iptables of the kind nft", /^iptables has chains in nftables/],
  ["both kinds of iptables that drop", { ruleset: listing(chain("ip", "filter", "INPUT", "drop")), ...LEGACY_DROP }, "iptables of the kind nft", /but so has iptables-legacy, which no grant opens/],
  ["firewalld on iptables", { ruleset: listing(chain("ip", "filter", "INPUT"), { chain: { family: "ip", table: "filter", name: "INPUT_ZONES" } }) }, "firewalld", /^the iptables chain INPUT_ZONES is its$/],
  ["firewalld on the older iptables", { legacyTables: ["filter"], legacyRules: "-P INPUT ACCEPT\n-N INPUT_ZONES\n" }, "firewalld", /^the iptables chain INPUT_ZONES is its$/],
  ["firewalld", { ruleset: listing(chain("inet", "firewalld", "filter_INPUT", "accept"), rule("inet", "firewalld", "filter_INPUT", { reject: null })) }, "firewalld", /inet firewalld/],
  ["a table of ours that guards", { ruleset: listing(chain("inet", "fwknop", "fwknop_input", "drop")) }, "iptables", /nothing drops/],
  ["a chain that only forwards", { ruleset: listing(chain("inet", "filter", "forward", "drop", "forward")) }, "iptables", /nothing drops/],
  ["FreeBSD", { platform: "freebsd" }, "ipfw", /freebsd/],
  ["OpenBSD", { platform: "openbsd" }, "pf", /openbsd/],
];

test("detectFirewall() walks through each chain once, however many ways lead to it", () => {
  const rules = Array.from({ length: 15 }, (_, depth) => Array.from({ length: 16 }, () => rule("inet", "host", `in${depth || ""}`, { jump: { target: `in${depth + 1}` } }))).flat();
  for (const end of [[], [rule("inet", "host", "in15", { drop: null })]]) {
    const finding = detectFirewall({ ruleset: listing(chain("inet", "host", "in"), ...rules, ...end), legacyTables: [], hasIptables: true, platform: "linux" });
    assert.equal(finding.type, end.length === 0 ? "iptables" : "nftables");
  }
});

for (const [title, traces, type, reason, place] of CASES) {
  test(`detectFirewall() chooses ${type} for ${title}`, () => {
    const finding = detectFirewall({ legacyTables: [], hasIptables: true, platform: "linux", ...traces });
    assert.equal(finding.type === "iptables" && finding.kind !== undefined ? `${finding.type} of the kind ${finding.kind}` : finding.type, type);
    assert.match(finding.reason, reason);
    const drops = finding.type === "nftables" ? finding.drops : undefined;
    assert.equal(drops && [drops.family, drops.table, drops.chain, drops.forward, drops.output].filter((name) => name !== undefined).join(" "), place);
  });
}
