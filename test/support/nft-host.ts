/**
 * Rule sets of nftables for hosts of the laboratory, and a firewall on them.
 *
 * @module
 */
import type { TestContext } from "node:test";
import { createNftables, type NftablesSettings } from "../../src/firewall/nftables.ts";
import { Firewall, type FirewallOptions } from "../../src/node/firewall/firewall.ts";
import type { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import { keepingLog } from "./firewall-fixture.ts";
import type { ManualClock } from "./manual-clock.ts";

/** An administrator's rules: everything is dropped but answers and what IPv6 cannot live without (RFC 4890 §4.4). */
export const DROPPING = `table inet filter {
  set theirs { type ipv4_addr; elements = { 10.99.0.1 } }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
    ip saddr @theirs accept comment "not ours"
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
  chain output {
    type filter hook output priority filter; policy accept;
  }
}
table ip other {
  chain fwknop_lookalike {
    counter
  }
}
`;

/** An administrator who drops nothing. */
export const OPEN = `table inet theirs {
  chain input { type filter hook input priority filter; policy accept;
    counter accept
  }
}
`;

/** Settings of the default configuration, for a host. */
export function nftSettings(host: NamespaceHost | undefined, changes: Partial<NftablesSettings> = {}): NftablesSettings {
  return {
    program: host === undefined ? ["/usr/sbin/nft"] : host.argv(["nft"]), mode: "inject", table: { family: "inet", name: "filter" },
    inputChain: "input", outputChain: "output", forwardChain: "forward", guarded: [], mark: 0x20000,
    destinations: false, output: false, nat: false, sourceNat: false, prefixes: [], once: false, ...changes,
  };
}

/** Removes what the lab came with, and loads rules. */
export async function loadRules(host: NamespaceHost, rules: string): Promise<void> {
  await host.run(["nft", "-f", "-"], { input: `flush ruleset\n${rules}` });
}

/** The whole rule set without what changes by itself. */
export async function ruleset(host: NamespaceHost): Promise<string> {
  const { stdout } = await host.run(["nft", "list", "ruleset"]);
  return stdout.replace(/counter packets \d+ bytes \d+/g, "counter");
}

/** A firewall on a host, started, and stopped after the test. */
export async function startNftables(
  t: TestContext, host: NamespaceHost, clock: ManualClock | undefined, changes: Partial<NftablesSettings> = {}, options: Partial<FirewallOptions> = {},
): Promise<{ firewall: Firewall; said: string[] }> {
  const { log, said } = keepingLog();
  const backend = createNftables(nftSettings(host, changes), () => clock?.wallSeconds ?? Date.now() / 1000);
  const firewall = new Firewall({ backend, log: { ...log, debug() {} }, clearAtStart: true, clearAtStop: true, gatherMs: 0, ...(clock && { clock }), ...options });
  await firewall.start();
  t.after(() => firewall.stop());
  return { firewall, said };
}
