/**
 * What grants cost with the real iptables and the real nftables, in a network of its own. See README.md.
 *
 *     node --import tsx bench/grants.ts [part of a name...]
 *
 * @module
 */

import { performance } from "node:perf_hooks";

import type { FirewallBackend } from "../src/firewall/backend.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { createIpset } from "../src/firewall/ipset.ts";
import { createIptables, DEFAULT_CHAINS } from "../src/firewall/iptables.ts";
import { createNftables } from "../src/firewall/nftables.ts";
import { ipFromBytes } from "../src/ip.ts";
import { Firewall, type FirewallLog } from "../src/node/firewall/firewall.ts";
import { NamespaceHost } from "../src/node/tool/namespaces.ts";
import { run } from "../src/node/run.ts";

const GRANTS = 1000;
/** Beside so many live grants one more is opened. */
const LIVE = [0, 1000, 10_000];
const PACES = [{ how: "in a quick row", pauseMs: 0, rounds: 31 }, { how: "1.1 s after the last", pauseMs: 1100, rounds: 21 }];

const silent: FirewallLog = { error: (message) => console.error(message), warning() {}, info() {}, debug() {} };

function grant(number: number, expiresAt: number): Grant {
  return { source: ipFromBytes(Uint8Array.of(10, number >> 16, number >> 8, number)), ports: [{ protocol: "tcp", port: 22 }], expiresAt };
}

/** A firewall to be measured. */
interface Engine {
  readonly name: string;
  backend(host: NamespaceHost): FirewallBackend;
  /** The command that does one grant, for comparison. */
  single(address: string, end: number): readonly [string, ...string[]];
}

function iptables(kind: "nft" | "legacy", use: boolean | "auto", name: string): Engine {
  const program = `iptables-${kind}`;
  return {
    name: `${program}, IPT_USE_IPSET ${name}`,
    backend: (host) => {
      const inner = createIptables({ program: host.argv([program]), chains: { input: DEFAULT_CHAINS.input }, prepend: false, checkComment: true, checkSupport: true });
      return createIpset(inner, { program: host.argv(["ipset"]), input: DEFAULT_CHAINS.input, use, mayHaveSets: () => false }, () => Date.now() / 1000);
    },
    single: (address, end) => use === true
      ? ["ipset", "add", "fwknop_g4", `${address},tcp:22`, "timeout", "3600", "comment", `_exp_${end}`]
      : [program, "-w", "5", "-t", "filter", "-A", "FWKNOP_INPUT", "-p", "6", "-s", address, "--dport", "22", "-m", "comment", "--comment", `_exp_${end}`, "-j", "ACCEPT"],
  };
}

const NFTABLES: Engine = {
  name: "nftables",
  backend: (host) => createNftables({
    program: host.argv(["nft"]), mode: "inject", table: { family: "inet", name: "filter" }, inputChain: "input", outputChain: "output", forwardChain: "forward",
    guarded: [], mark: 1, destinations: false, output: false, nat: false, sourceNat: false, prefixes: [], once: false,
  }, () => Date.now() / 1000),
  single: (address, end) => [
    "nft", "add", "element", "inet", "filter", "fwknop_g4", `{ ${address} . tcp . 22 timeout 3600s comment "_exp_${end}" }`,
  ],
};

const RULES = `table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
  }
}
`;

/** A firewall in a host of its own, and a count of the programs that it starts. */
async function openFirewall(engine: Engine, log: FirewallLog = silent): Promise<{ firewall: Firewall; host: NamespaceHost; started: () => number }> {
  const host = await NamespaceHost.open("bench");
  let started = 0;
  const backend = engine.backend(host);
  if (engine === NFTABLES) await host.run(["nft", "-f", "-"], { input: RULES });
  const firewall = new Firewall({
    backend, log, clearAtStart: true, clearAtStop: true, sweepSeconds: 300,
    run: (argv, options) => {
      started++;
      return run(argv, options);
    },
  });
  await firewall.start();
  return { firewall, host, started: () => started };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1]!;
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** A thousand grants at once against a thousand commands. */
async function compareBatch(engine: Engine): Promise<void> {
  const { firewall, host } = await openFirewall(engine);
  const far = Math.floor(Date.now() / 1000) + 3600;
  const batch = await measure(() => Promise.all(Array.from({ length: GRANTS }, (_, at) => firewall.open(grant(at + 1, far)))));
  const single = 100;
  const commands = await measure(async () => {
    for (let at = 1; at <= single; at++) {
      await host.run(engine.single(`10.200.0.${at}`, far));
    }
  });
  console.log(`${engine.name}: ${GRANTS} grants at once, one command for each = 1: ${(batch / (commands * GRANTS / single)).toFixed(3)}`);
  await firewall.stop();
  await host.close();
}

/**
 * One more grant beside many: firewalls with few and with many take turns, for a machine is not equally busy all the time.
 * In a quick row, and with pauses, after which jumps and rules are looked after that somebody may have removed.
 */
async function compareSizes(engine: Engine): Promise<void> {
  const far = Math.floor(Date.now() / 1000) + 3600;
  const opened = await Promise.all(LIVE.map(async (live) => {
    const { firewall, host, started } = await openFirewall(engine);
    for (let first = 0; first < live; first += 5000) {
      await Promise.all(Array.from({ length: Math.min(5000, live - first) }, (_, at) => firewall.open(grant(first + at + 1, far))));
    }
    await firewall.open(grant(0x200000, far));
    return { live, firewall, host, started };
  }));
  let next = 0x200001;
  for (const { how, pauseMs, rounds } of PACES) {
    const seen = opened.map((one) => ({ ...one, before: one.started(), times: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      for (const { firewall, times } of seen) times.push(await measure(() => firewall.open(grant(next, far))));
      next++;
    }
    const none = median(seen[0]!.times);
    for (const { live, started, before, times } of seen) {
      const ratio = (median(times) / none).toFixed(2);
      console.log(`${engine.name}: one grant beside ${live}, ${how}, beside none = 1: ${ratio} (${median(times).toFixed(1)} ms, ${((started() - before) / rounds).toFixed(1)} programs)`);
    }
  }
  for (const { firewall, host } of opened) {
    await firewall.stop();
    await host.close();
  }
}

/** A thousand knocks in a row, each closed how long after its time; then an idle firewall. */
async function watchEnds(engine: Engine): Promise<void> {
  const late: number[] = [];
  const { firewall, host, started } = await openFirewall(engine, {
    ...silent,
    info: (message) => {
      const end = /^Removed rule .* expire time of (\d+)$/.exec(message)?.[1];
      if (end !== undefined) late.push(Date.now() - 1000 * Number(end));
    },
  });
  const opened: Promise<unknown>[] = [];
  const before = started();
  for (let at = 0; at < GRANTS; at++) {
    opened.push(firewall.open(grant(at + 1, Math.floor(Date.now() / 1000) + 3)));
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  await Promise.all(opened);
  while (late.length < GRANTS) await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(`${engine.name}: ${GRANTS} knocks in a row: closed ${Math.min(...late)} to ${Math.max(...late)} ms after their time, median ${median(late)}; `
    + `${((started() - before) / GRANTS).toFixed(2)} programs for each`);

  await firewall.open(grant(1, Math.floor(Date.now() / 1000) + 60));
  const idle = started();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  console.log(`${engine.name}: 5 s idle with a live grant: ${started() - idle} programs`);
  await firewall.stop();
  await host.close();
}

const ENGINES: readonly Engine[] = [
  iptables("nft", "auto", "auto"), iptables("legacy", "auto", "auto"), iptables("nft", false, "N"), iptables("legacy", false, "N"), iptables("nft", true, "Y"), NFTABLES,
];

const wanted = process.argv.slice(2);
for (const engine of ENGINES.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)))) {
  await compareBatch(engine);
  await compareSizes(engine);
  await watchEnds(engine);
}
