/**
 * The firewall that a configuration asks for.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import type { AccessStanza } from "../../config/access-config.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { firewallTypeOf, programName } from "../../config/firewall-type.ts";
import type { FirewallBackend } from "../../firewall/backend.ts";
import { detectFirewall, type FirewallFinding, type FirewallTraces, type IptablesKind } from "../../firewall/detect.ts";
import { createIpset } from "../../firewall/ipset.ts";
import { createIptables, type IptablesSettings, programOf } from "../../firewall/iptables.ts";
import { createNftables, createNftSet, type NftablesSettings } from "../../firewall/nftables.ts";
import { createPrint } from "../../firewall/print.ts";
import { findProgram } from "../find-program.ts";
import { run } from "../run.ts";
import { makeOtherFirewall } from "./other-firewalls.ts";

/** What is known besides the configuration. */
export interface FirewallChoice {
  /** Off with --no-ipt-check-support. */
  readonly checkSupport: boolean;
  /** What grants may be like; none for commands that only list and flush. */
  readonly stanzas: readonly AccessStanza[];
  /** Is told what FIREWALL_TYPE auto found. */
  readonly tell: (message: string) => void;
  /** Is given the commands of FIREWALL_TYPE print: some lines each, without the last line end. */
  readonly print: (text: string) => void;
}

/** Limit for a look at the host's firewall, milliseconds. */
const PROBE_TIMEOUT_MS = 5000;

const nowSeconds = (): number => Date.now() / 1000;

/** The chains that a configuration has a use for. */
function chainsOf(config: DaemonConfig): IptablesSettings["chains"] {
  const nat = config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT;
  return {
    input: config.IPT_INPUT_ACCESS,
    ...(config.ENABLE_IPT_OUTPUT && { output: config.IPT_OUTPUT_ACCESS }),
    ...(nat && { forward: config.IPT_FORWARD_ACCESS, dnat: config.IPT_DNAT_ACCESS }),
    ...(nat && config.ENABLE_IPT_SNAT && { snat: config.IPT_SNAT_ACCESS, masquerade: config.IPT_MASQUERADE_ACCESS }),
  };
}

/**
 * Names what of the firewall one daemon alone can use.
 *
 * @param config the daemon's configuration
 * @param backend what {@link chooseFirewall} made of it
 * @returns each in words that begin a sentence; equal for two daemons that would be in each other's way
 */
export function groundsOf(config: DaemonConfig, { name, ground }: FirewallBackend): readonly string[] {
  if (name === "print") return [];
  if (name === "nftables") {
    const { NFT_SET: set, NFT_MODE: mode, NFT_TABLE: table } = config;
    const sets = set?.sets.map((word) => `The set ${word} of table ${set.table.family} ${set.table.name}`);
    return sets ?? [mode === "inject" ? `The table ${table.family} ${table.name} of nftables` : "The table fwknop of nftables"];
  }
  if (name === "iptables") return Object.values(chainsOf(config)).map(({ table, chain }) => `The chain ${chain} of table ${table}`);
  return [`The firewall ${ground}`];
}

/**
 * Makes the backend.
 *
 * @param config the daemon's configuration
 * @param choice what else is known
 * @returns the planner for FIREWALL_TYPE
 */
export async function chooseFirewall(config: DaemonConfig, choice: FirewallChoice): Promise<FirewallBackend> {
  if (config.FIREWALL_TYPE === "print") return createPrint(makeFirewall(config, choice), choice.print);
  if (config.FIREWALL_TYPE !== "auto") return makeFirewall(config, choice);
  const finding = detectFirewall(await lookAtHost(config));
  choice.tell(`FIREWALL_TYPE auto: ${finding.type}, for ${finding.reason}`);
  return makeFirewall(await adapt({ ...config, FIREWALL_TYPE: finding.type }, finding), choice);
}

function makeFirewall(config: DaemonConfig, choice: FirewallChoice): FirewallBackend {
  return firewallTypeOf(config) === "nftables" ? makeNftables(config, choice) : makeIptables(config, choice);
}

/** iptables, unless FIREWALL_TYPE or the program is that of another system. */
function makeIptables(config: DaemonConfig, { checkSupport }: FirewallChoice): FirewallBackend {
  const settings: IptablesSettings = {
    program: splitProgram(config.FIREWALL_EXE),
    chains: chainsOf(config),
    prepend: config.ENABLE_RULE_PREPEND,
    checkComment: config.ENABLE_IPT_COMMENT_CHECK,
    checkSupport,
  };
  const other = makeOtherFirewall(config, settings);
  if (other !== undefined) return other;
  const { IPSET_EXE, IPT_INPUT_ACCESS: input, IPT_USE_IPSET: use } = config;
  return createIpset(createIptables(settings), { program: splitProgram(IPSET_EXE), input, use, mayHaveSets }, nowSeconds);
}

/** Without a list of modules, as in some containers, they may be anywhere. */
function mayHaveSets(): boolean {
  return existsSync("/sys/module/ip_set") || !existsSync("/sys/module");
}

function makeNftables(config: DaemonConfig, { stanzas, tell }: FirewallChoice): FirewallBackend {
  const program = splitProgram(config.NFT_EXE);
  if (config.NFT_SET !== undefined) return createNftSet({ program, ...config.NFT_SET }, nowSeconds);
  const settings: NftablesSettings = {
    program,
    mode: config.NFT_MODE,
    table: config.NFT_TABLE,
    inputChain: config.NFT_INPUT_CHAIN,
    outputChain: config.NFT_OUTPUT_CHAIN,
    forwardChain: config.NFT_FORWARD_CHAIN,
    guarded: (config.NFT_GUARD_PORTS === undefined ? stanzas.flatMap(({ OPEN_PORTS }) => OPEN_PORTS?.ranges ?? []) : config.NFT_GUARD_PORTS.ranges),
    mark: config.NFT_MARK,
    destinations: config.ENABLE_DESTINATION_RULE,
    output: config.ENABLE_IPT_OUTPUT,
    nat: config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT,
    sourceNat: config.ENABLE_IPT_SNAT,
    prefixes: prefixesOf(stanzas),
    once: stanzas.some(({ GRANT_USES }) => GRANT_USES === 1),
  };
  if (settings.mode === "guard" && settings.guarded.length === 0 && stanzas.length > 0) tell("The guard closes nothing: neither NFT_GUARD_PORTS nor a stanza's OPEN_PORTS name ports");
  return createNftables(settings, nowSeconds);
}

/** Lengths of the networks that stanzas grant access to, each once. */
function prefixesOf(stanzas: readonly AccessStanza[]): NftablesSettings["prefixes"] {
  const lengths = (family: 4 | 6, values: readonly (number | undefined)[]): NftablesSettings["prefixes"] =>
    [...new Set(values.filter((value) => value !== undefined))].sort((left, right) => left - right).map((length) => ({ family, length }));
  return [...lengths(4, stanzas.map(({ GRANT_PREFIX_V4 }) => GRANT_PREFIX_V4)), ...lengths(6, stanzas.map(({ GRANT_PREFIX_V6 }) => GRANT_PREFIX_V6))];
}

/** What was found goes before what the configuration says of tables and programs: it may not say anything. */
async function adapt(config: DaemonConfig, finding: FirewallFinding): Promise<DaemonConfig> {
  if (finding.type === "iptables" && finding.kind !== undefined) return { ...config, FIREWALL_EXE: (await iptablesOfKind(config, finding.kind)).join(" ") };
  if (finding.type !== "nftables" || config.NFT_MODE !== "inject" || config.NFT_SET !== undefined) return config;
  const { drops } = finding;
  if (drops === undefined) return { ...config, NFT_MODE: "guard" };
  return {
    ...config, NFT_TABLE: { family: drops.family, name: drops.table },
    NFT_INPUT_CHAIN: drops.chain, NFT_FORWARD_CHAIN: drops.forward ?? config.NFT_FORWARD_CHAIN, NFT_OUTPUT_CHAIN: drops.output ?? config.NFT_OUTPUT_CHAIN,
  };
}

async function lookAtHost(config: DaemonConfig): Promise<FirewallTraces> {
  const { ok, stdout } = await run([...splitProgram(config.NFT_EXE), "-j", "-t", "list", "ruleset"], { timeoutMs: PROBE_TIMEOUT_MS });
  const legacyTables = [...new Set(["ip", "ip6"].flatMap((family) => linesOf(`/proc/net/${family}_tables_names`)))];
  const legacyRules = legacyTables.includes("filter") ? await listLegacy(config) : undefined;
  return {
    ...(ok && { ruleset: stdout }),
    ...(legacyRules !== undefined && { legacyRules }),
    legacyTables,
    platform: process.platform,
    hasIptables: findProgram(splitProgram(config.FIREWALL_EXE)[0]) !== undefined,
  };
}

/** The rules of the older iptables in both families. */
async function listLegacy(config: DaemonConfig): Promise<string> {
  const program = await iptablesOfKind(config, "legacy");
  const listed = await Promise.all(([4, 6] as const).map((family) => run([...programOf(program, family), "-w", "5", "-S"], { timeoutMs: PROBE_TIMEOUT_MS })));
  return listed.map(({ stdout }) => stdout).join("");
}

/** FIREWALL_EXE, or the program beside it that drives the other kernel interface. */
async function iptablesOfKind({ FIREWALL_EXE }: DaemonConfig, kind: IptablesKind): Promise<readonly [string, ...string[]]> {
  const program = splitProgram(FIREWALL_EXE);
  const { stdout } = await run([...program, "--version"], { timeoutMs: PROBE_TIMEOUT_MS });
  // Before 1.8 there was one kind, which has no name.
  const itsKind = stdout.includes("(nf_tables)") ? "nft" : "legacy";
  if (itsKind === kind || programName(FIREWALL_EXE) !== "iptables") return program;
  return splitProgram(`${program.join(" ")}-${kind}`);
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "latin1").split("\n").filter((line) => line !== "");
  } catch {
    return [];
  }
}

/**
 * Splits a program and the words in front of it.
 *
 * @param text as a configuration holds it
 */
export function splitProgram(text: string): readonly [string, ...string[]] {
  const [program = "iptables", ...words] = text.split(/\s+/).filter((word) => word !== "");
  return [program, ...words];
}
