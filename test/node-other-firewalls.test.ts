import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseDaemonConfig } from "../src/config/daemon-config-parser.ts";
import { firewallTypeOf } from "../src/config/firewall-type.ts";
import { DEFAULT_CHAINS } from "../src/firewall/iptables.ts";
import { firewallOptions } from "../src/node/daemon/firewall-options.ts";
import { makeOtherFirewall } from "../src/node/firewall/other-firewalls.ts";
import { performPlan } from "../src/node/firewall/perform-plan.ts";
import { run } from "../src/node/run.ts";

/** The ground that a configuration leads to: which firewall, which program, which places. */
function groundOf(text: string): string {
  const { config, problems } = parseDaemonConfig([{ path: "f", bytes: new TextEncoder().encode(text) }]);
  assert.deepEqual(problems.filter(({ severity }) => severity === "error"), [], text);
  const program = config.FIREWALL_EXE.split(" ") as [string, ...string[]];
  return makeOtherFirewall(config, { program, chains: { input: DEFAULT_CHAINS.input }, prepend: false, checkComment: true, checkSupport: true })?.ground ?? "other";
}

test("firewallTypeOf() goes by the program while the type says iptables or print", () => {
  const types = (["iptables", "print", "auto", "pf"] as const).map((FIREWALL_TYPE) =>
    ["/sbin/iptables", "sudo -n /usr/sbin/nft", "/sbin/ipfw", "ipfw-wrapper"].map((FIREWALL_EXE) => firewallTypeOf({ FIREWALL_TYPE, FIREWALL_EXE })));
  const byProgram = ["iptables", "nftables", "ipfw", "iptables"];
  assert.deepEqual(types, [byProgram, byProgram, Array(4).fill("auto"), Array(4).fill("pf")]);
});

const SETS = { kind: "sets", activeSet: 1, expiredSet: 2, firstNumber: 10000, maxRules: 65535, checkState: false };
const SHARED = { kind: "shared", activeSet: 0, expiredSet: 1, firstNumber: 1, maxRules: 65535, checkState: false };

const GROUNDS: readonly (readonly [text: string, ground: unknown])[] = [
  ["", undefined],
  ["FIREWALL_TYPE nftables;", undefined],
  ["FIREWALL_TYPE ipfw;", ["ipfw", ["/sbin/ipfw"], SETS]],
  ["FIREWALL_EXE /usr/local/sbin/ipfw;", ["ipfw", ["/usr/local/sbin/ipfw"], SETS]],
  ["FIREWALL_TYPE ipfw;\nIPFW_START_RULE_NUM 500;\nIPFW_MAX_RULES 9;\nIPFW_ACTIVE_SET_NUM 5;\nIPFW_EXPIRE_SET_NUM 6;\nIPFW_ADD_CHECK_STATE Y;",
    ["ipfw", ["/sbin/ipfw"], { kind: "sets", activeSet: 5, expiredSet: 6, firstNumber: 500, maxRules: 9, checkState: true }]],
  ["FIREWALL_TYPE ipfw;\nIPFW_SET_NUM 7;", ["ipfw", ["/sbin/ipfw"], { ...SHARED, expiredSet: 7 }]],
  ["FIREWALL_TYPE ipfw;\nIPFW_RULE_NUM 300;\nipfwCmd /x/ipfw;", ["ipfw", ["/x/ipfw"], { ...SHARED, firstNumber: 300 }]],
  ["FIREWALL_TYPE ipfw;\nIPFW_DYNAMIC_INTERVAL 5;", ["ipfw", ["/sbin/ipfw"], SHARED]],
  ["FIREWALL_TYPE pf;", ["pf", ["/sbin/pfctl"], "fwknop", null]],
  ["FIREWALL_EXE /sbin/pfctl;\nPF_ANCHOR_NAME spa;\nPF_TABLE guests;", ["pf", ["/sbin/pfctl"], "spa", "guests"]],
  ["FIREWALL_TYPE firewalld;", ["firewalld", { program: ["/usr/bin/firewall-cmd"], nat: false, interface: "eth0" }]],
  ["FIREWALL_TYPE firewalld;\nPCAP_INTF any;", ["firewalld", { program: ["/usr/bin/firewall-cmd"], nat: false }]],
  ["FIREWALL_EXE /usr/bin/firewall-cmd;\nFIREWD_ZONE dmz;\nENABLE_FIREWD_FORWARDING Y;", ["firewalld", { program: ["/usr/bin/firewall-cmd"], nat: true, zone: "dmz", interface: "eth0" }]],
];

for (const [text, ground] of GROUNDS) {
  test(`makeOtherFirewall() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(groundOf(text), ground === undefined ? "other" : JSON.stringify(ground));
  });
}

test("makeOtherFirewall() takes the direct way of firewalld only when it is asked for", () => {
  assert.match(groundOf("FIREWALL_TYPE firewalld;\nFIREWD_DIRECT Y;"), /^firewalld \["iptables",\["\/usr\/bin\/firewall-cmd","--direct","--passthrough","ipv4"\]/);
});

test("parseDaemonConfig() refuses one set for open and expired rules", () => {
  const { problems } = parseDaemonConfig([{ path: "f", bytes: new TextEncoder().encode("IPFW_EXPIRE_SET_NUM 1;") }]);
  assert.match(problems.map(({ severity, message }) => `${severity} ${message}`).join(), /^error IPFW_ACTIVE_SET_NUM and IPFW_EXPIRE_SET_NUM are both 1: expected two different sets$/);
});

test("firewallOptions() says in the log what a background daemon would print", async () => {
  const { config } = parseDaemonConfig([{ path: "f", bytes: new TextEncoder().encode("FIREWALL_TYPE print;\nENABLE_IPT_COMMENT_CHECK N;") }]);
  const said: string[] = [];
  const options = await firewallOptions(config, [], {}, ({ message }) => void said.push(message));
  await performPlan(options.backend.prepare({ fresh: true }), options);
  assert.deepEqual(said.slice(0, 6), ["/usr/sbin/iptables-restore --noflush -w 5 <<'EOF'", "*filter", "-N FWKNOP_INPUT", "-I INPUT 1 -j FWKNOP_INPUT", "COMMIT", "EOF"]);
});

/** A program that prints its name and arguments, or says why it cannot. */
const ECHO = "#!/bin/sh\necho \"${0##*/} $*\"\n";
const NO_KERNEL = "#!/bin/sh\nprintf 'connect: Connection refused\\nipfw: socket: Invalid argument\\n' >&2\nexit 69\n";

test("fwknopd --fw-list, --fw-list-all and --fw-flush speak with each firewall", { timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-firewalls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const command = async (name: string, script: string, option: string, more = ""): Promise<string> => {
    writeFileSync(join(folder, name), script);
    chmodSync(join(folder, name), 0o755);
    writeFileSync(join(folder, "fwknopd.conf"), `FIREWALL_EXE ${join(folder, name)};\nFWKNOP_RUN_DIR ${folder};\n${more}`, { mode: 0o600 });
    writeFileSync(join(folder, "access.conf"), "SOURCE ANY\nKEY abcdefgh\n", { mode: 0o600 });
    const main = fileURLToPath(new URL("../bin/fwknopd.ts", import.meta.url));
    const { stdout, stderr } = await run([process.execPath, "--import", import.meta.resolve("tsx"), main, "-c", join(folder, "fwknopd.conf"), "-a", join(folder, "access.conf"), ...option.split(" ")],
      { timeoutMs: 30_000 });
    return `${stdout}${stderr}`;
  };
  const expected: readonly (readonly [name: string, script: string, option: string, said: RegExp])[] = [
    ["ipfw", ECHO, "--fw-list", /^Active Rules:\nipfw -d -S set 1 list\n\nExpired Rules:\nipfw -d -S set 2 list\n$/],
    ["ipfw", ECHO, "--fw-list-all", /^Listing all ipfw rules\.\.\.\nipfw list\n$/],
    ["ipfw", NO_KERNEL, "--fw-flush", /^Deleting any existing firewall rules\.\.\.\nThe kernel has no ipfw: load it \(kldload ipfw\).*connect: Connection refused; ipfw: socket: Invalid argument\n$/],
    ["pfctl", ECHO, "--fw-list", /^Listing rules in pf anchor fwknop\.\.\.\npfctl -a fwknop -s rules\n$/],
    ["pfctl", ECHO, "--fw-flush", /^Deleting any existing firewall rules\.\.\.\n$/],
    ["firewall-cmd", ECHO, "--fw-list-all", /^Listing all firewalld zones\.\.\.\nfirewall-cmd --list-all-zones\n$/],
  ];
  for (const [name, script, option, said] of expected) assert.match(await command(name, script, option), said, `${name} ${option}`);
  // fwknop 1.9 showed whole tables then.
  assert.match(await command("iptables", ECHO, "--fw-list -v", "AUTH_MODE PCAP;\n"), /^Listing all iptables rules in applicable tables\.\.\.\niptables -w 5 -t filter -v -n -L --line-numbers\n/m);
  assert.match(await command("iptables", ECHO, "--fw-list -v"), /^Listing rules in fwknopd iptables chains\.\.\.\n\niptables -w 5 -t filter -L FWKNOP_INPUT --line-numbers -n\n/m);
});
