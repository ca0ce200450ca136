/** The fake nft against the real one: the same answers, the same effects, for anything that the planners may send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readTable } from "../../src/firewall/_nftables-listing.ts";
import { run } from "../../src/node/run.ts";
import { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import { FakeNft } from "../support/fake-nft.ts";
import { generator } from "../support/gen.ts";
import { requirePeers, requireRoot } from "../support/require-peer.ts";

const SETS = ["fwknop_a", "fwknop_b"];
const MAP = "fwknop_m";
const CHAINS = ["input", "fwknop_one", "fwknop_two"];

test("FakeNft answers as nft does", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, "unshare", "nsenter", "mount", "ip", "nft")) return;
  const host = await NamespaceHost.open("nft");
  t.after(() => host.close());
  const random = generator("fake-nft");
  const fake = new FakeNft(() => Date.now() / 1000);
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const key = (): string => `10.0.0.${1 + random.below(4)} . ${pick(["tcp", "udp"])} . ${20 + random.below(3)}`;
  // Long enough that none ends during the test.
  const attributes = (): string => `timeout ${900 + random.below(99)}s comment "_exp_${1_700_000_000 + random.below(99)}"`;
  const line: readonly (() => string)[] = [
    () => `add set inet t ${pick(SETS)} { type ipv4_addr . inet_proto . inet_service; flags timeout; }`,
    () => `add map inet t ${MAP} { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags timeout; }`,
    () => `add chain inet t ${pick(CHAINS)}`,
    () => `flush ${pick([`set inet t ${pick(SETS)}`, `chain inet t ${pick(CHAINS)}`])}`,
    () => `delete ${pick([`set inet t ${pick(SETS)}`, `chain inet t ${pick(CHAINS)}`, `map inet t ${MAP}`])}`,
    () => `add rule inet t ${pick(CHAINS)} ip saddr . meta l4proto . th dport @${pick(SETS)} counter accept comment "fwknop"`,
    () => `insert rule inet t input jump ${pick(CHAINS.slice(1))} comment "fwknop"`,
    () => `add element inet t ${pick(SETS)} { ${key()} ${attributes()} }`,
    () => `add element inet t ${pick(SETS)} { ${key()} timeout 600s, ${key()} ${attributes()} }`,
    () => `delete element inet t ${pick(SETS)} { ${key()} }`,
    () => `add element inet t ${MAP} { ${key()} ${attributes()} : 10.9.9.${1 + random.below(2)} . 22 }`,
    () => `delete element inet t ${MAP} { ${key()} }`,
  ];
  const both = async (argv: readonly string[], input?: string) => {
    const options = { timeoutMs: 10_000, ...(input !== undefined && { input }) };
    const [real, ours] = [await run(host.argv(["nft", ...argv]), options), await fake.run(["nft", ...argv], options)];
    return { real, ours };
  };
  const meaning = (stderr: string): string => /Operation not permitted|File exists|No such file or directory|Device or resource busy/.exec(stderr)?.[0] ?? stderr;
  const shape = (text: string): unknown => {
    const table = readTable(text, { family: "inet", name: "t" });
    return table && {
      sets: [...table.sets.values()].map(({ name, types, flags, elements }) => ({
        name, types, flags, elements: elements.map(({ key: parts, value, expiresAt }) => `${parts.join(" . ")} : ${value.join(" . ")} ${expiresAt}`).sort(),
      })).sort((left, right) => (left.name < right.name ? -1 : 1)),
      chains: [...table.chains].map(([name, rules]) => ({ name, rules: rules.map(({ comment, jump }) => `${comment} ${jump}`) })).sort((left, right) => (left.name < right.name ? -1 : 1)),
    };
  };
  const missing = await both(["-j", "list", "table", "inet", "t"]);
  assert.deepEqual([missing.ours.status, meaning(missing.ours.stderr)], [missing.real.status, meaning(missing.real.stderr)]);
  await both(["-f", "-"], "add table inet t\nadd chain inet t input\nadd table ip t\nadd chain ip t input\n");
  let refused = 0;
  for (let step = 0; step < 250; step++) {
    const batch = Array.from({ length: 1 + random.below(3) }, () => pick(line)()).join("\n");
    const { real, ours } = await both(["-f", "-"], `${batch}\n`);
    assert.equal(ours.status, real.status, `${batch}\n${real.stderr}\n${ours.stderr}`);
    if (real.status !== 0) {
      refused++;
      // Of two things wrong in one batch either may be told.
      if (!batch.includes("\n")) assert.equal(meaning(ours.stderr), meaning(real.stderr), `${batch}\n${real.stderr}`);
    }
    if (step % 10 === 9) {
      for (const argv of [["-j", "list", "table", "inet", "t"], ["-j", "-t", "list", "ruleset", "inet"]]) {
        const listed = await both(argv);
        assert.deepEqual(shape(listed.ours.stdout), shape(listed.real.stdout), batch);
      }
    }
  }
  assert.ok(refused > 50 && refused < 200, `${refused} of 250 batches were refused`);
});
