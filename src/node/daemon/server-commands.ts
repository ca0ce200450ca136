/**
 * What the server program does and is over with: help, keys, asking after the daemon, looking at the firewall.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { renderCompletion } from "../../cli/completion.ts";
import { SERVER, type ServerOptions } from "../../cli/server-options.ts";
import { renderUsage } from "../../cli/usage.ts";
import { FKO_EXISTS } from "../../cli/vocabularies.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import type { Dialect } from "../../config/entries.ts";
import { parseIp } from "../../ip.ts";
import { describeServerErrors } from "../../server/error-codes.ts";
import { generateKeyFile } from "../client/key-gen.ts";
import { findProgram } from "../find-program.ts";
import { Firewall } from "../firewall/firewall.ts";
import { chooseFirewall } from "../firewall/firewall-choice.ts";
import { writeText } from "../standard-output.ts";
import { packageVersion } from "../version.ts";
import { type ControlResult, killDaemon, reportStatus, restartDaemon } from "./control.ts";
import { Log } from "./log.ts";
import { openStderr } from "./stderr-sink.ts";

const print = (text: string): void => writeText(1, text);

/** A command that needs no file. */
interface EarlyCommand {
  readonly isAsked: (options: ServerOptions) => unknown;
  readonly run: (options: ServerOptions) => void;
}

const EARLY_COMMANDS: readonly EarlyCommand[] = [
  { isAsked: ({ version }) => version, run: () => print(`fwknopd server ${packageVersion()}, compiled for firewall bin: ${findProgram("iptables") ?? "none"}\n`) },
  { isAsked: ({ keyGen, keyGenFile }) => keyGen || keyGenFile, run: (options) => generateKeyFile(options, randomBytes, print) },
  { isAsked: ({ help }) => help, run: () => print(`${renderUsage(SERVER, packageVersion())}\n`) },
  { isAsked: ({ completion }) => completion, run: ({ completion }) => print(`${renderCompletion(SERVER, completion!)}\n`) },
  { isAsked: ({ testFkoExists }) => testFkoExists, run: () => print(`${FKO_EXISTS}\n`) },
  { isAsked: ({ dumpServErrCodes }) => dumpServErrCodes, run: () => print(describeServerErrors()) },
];

/**
 * Does what needs no configuration, if that is asked for.
 *
 * @param options the command line
 * @returns whether it was
 * @throws {FkoError} for a key length that the cipher does not take
 * @throws {FileError} when a key file cannot be written
 */
export function runEarlyCommand(options: ServerOptions): boolean {
  const command = EARLY_COMMANDS.find(({ isAsked }) => isAsked(options));
  command?.run(options);
  return command !== undefined;
}

/** A command that needs the configuration; returns the exit status. */
interface ControlCommand {
  readonly isAsked: (options: ServerOptions) => unknown;
  readonly run: (config: DaemonConfig, options: ServerOptions, dialect: Dialect) => Promise<number>;
}

/** In C's order: the first that is asked for is done. */
const CONTROL_COMMANDS: readonly ControlCommand[] = [
  { isAsked: ({ kill }) => kill, run: async (config) => tellControl(await killDaemon(config.FWKNOP_PID_FILE)) },
  { isAsked: ({ status }) => status, run: async (config) => tellControl(reportStatus(config.FWKNOP_PID_FILE)) },
  { isAsked: ({ restart }) => restart, run: async (config) => tellControl(restartDaemon(config.FWKNOP_PID_FILE)) },
  { isAsked: ({ fwListAll }) => fwListAll, run: async (config, options) => tellFirewall(await (await openFirewall(config, options)).list("all")) },
  { isAsked: ({ fwList }) => fwList, run: listFirewall },
  { isAsked: ({ fwFlush, fwDelChains }) => fwFlush || fwDelChains, run: async (config, options) => tellFirewall(await (await openFirewall(config, options)).flush()) },
  { isAsked: ({ fwDelIp }) => fwDelIp, run: deleteAddress },
];

/** Whether something is asked for that needs the configuration and nothing else. */
export function isControlCommand(options: ServerOptions): boolean {
  return CONTROL_COMMANDS.some(({ isAsked }) => isAsked(options));
}

/**
 * Does what needs the configuration and nothing else, if that is asked for.
 *
 * @param config fwknopd.conf
 * @param options the command line
 * @param dialect whose file it is
 * @returns the exit status, or undefined when it was not asked for
 * @throws {FirewallError} when the firewall cannot be used
 */
export async function runControlCommand(config: DaemonConfig, options: ServerOptions, dialect: Dialect): Promise<number | undefined> {
  return CONTROL_COMMANDS.find(({ isAsked }) => isAsked(options))?.run(config, options, dialect);
}

function tellControl({ exitStatus, stdout, stderr }: ControlResult): number {
  print(stdout);
  writeText(2, stderr);
  return exitStatus;
}

function tellFirewall({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): number {
  print(stdout);
  writeText(2, stderr);
  return 0;
}

/** --fw-list; that of fwknop 1.9 shows whole tables with --verbose. */
async function listFirewall(config: DaemonConfig, options: ServerOptions, dialect: Dialect): Promise<number> {
  const scope = dialect === "perl" && (options.verbose ?? 0) > 0 ? "all" : "ours";
  return tellFirewall(await (await openFirewall(config, options)).list(scope));
}

/** --fw-del-ip: the running daemon, if there is one, finds them gone when their time comes. */
async function deleteAddress(config: DaemonConfig, options: ServerOptions): Promise<number> {
  const address = options.fwDelIp!;
  const closed = await (await openFirewall(config, options)).closeAddress(parseIp(address)!);
  const rules = closed.map(({ chain, words }) => `Removed from ${chain}: ${words.join(" ")}\n`);
  print(rules.length === 0 ? `No rule lets ${address} in\n` : rules.join(""));
  return 0;
}

async function openFirewall(config: DaemonConfig, { verbose = 0, noIptCheckSupport, noFirewdCheckSupport }: ServerOptions): Promise<Firewall> {
  // Info lines are the daemon's: what a command finds goes to standard output.
  const log = new Log({ sinks: [openStderr()], verbosity: verbose - 1, format: "text" });
  const backend = await chooseFirewall(config, { checkSupport: !noIptCheckSupport && !noFirewdCheckSupport, stanzas: [], tell: (message) => log.debug(message), print: (text) => print(`${text}\n`) });
  return new Firewall({ backend, log, clearAtStart: false, clearAtStop: false });
}
