/**
 * The client program: from a command line to a packet that was sent.
 *
 * @module
 */
import { wipe } from "../../bytes.ts";
import { CLIENT, CLIENT_OPTIONS, type ClientOptions } from "../../cli/client-options.ts";
import { applyOccurrences, type ScannedArguments, scanArguments } from "../../cli/getopt.ts";
import { describeObsoleteOptions } from "../../cli/options.ts";
import { FKO_EXISTS } from "../../cli/vocabularies.ts";
import { checkSettings } from "../../client/checks.ts";
import { type ClientSettings, isPortKnocking, mergeSettings } from "../../client/settings.ts";
import { readStanza, stanzaNames } from "../../config/fwknoprc.ts";
import { FkoError } from "../../fko-error.ts";
import { printableText } from "../../foreign-text.ts";
import { FileError } from "../files.ts";
import { packageVersion } from "../version.ts";
import { type ClientHost, systemHost } from "./host.ts";
import { type CompiledClient, keepCompiled } from "./keep-compiled.ts";
import { argumentFiles, keepCommandLine, keptCommandLine } from "./kept-commands.ts";
import { knock } from "./knock.ts";
import { ClientError, ClientOutput, unwrap } from "./output.ts";
import { openRcFile, type RcFile, rcPathOf } from "./rc-file.ts";

const PROTOCOL_VERSION_TEXT = "FKO protocol version 3.0.0";

/**
 * Runs the client program on this process.
 *
 * @param compiled the program as V8 has it, if that is to be kept
 */
export function startClient(compiled?: CompiledClient): void {
  const argv = process.argv.slice(2);
  process.title = "fwknop"; // overwrites the arguments, which may hold keys, in the list of processes
  void runClient(argv, { ...systemHost(), ...(compiled && { compiled }) }).then((status) => {
    // All was written and closed. This is what process.exit() ends in; what it does before, for those who leave something behind, takes 1 % of a run.
    const { reallyExit = process.exit } = process as { reallyExit?: typeof process.exit };
    reallyExit.call(process, status);
  });
}

/**
 * Runs the client program.
 *
 * @param argv the words after the program's name
 * @param host the system
 * @returns the exit status
 */
export async function runClient(argv: readonly string[], host: ClientHost = systemHost()): Promise<number> {
  const output = new ClientOutput(host);
  try {
    return await run(argv, host, output);
  } catch (error) {
    return await tellFailure(error, output);
  }
}

/** One line about what ended the run; anything that nobody foresaw goes on as it is. */
async function tellFailure(error: unknown, output: ClientOutput): Promise<number> {
  if (error instanceof FkoError) {
    const { adviceOnFkoError } = await import("../../client/fko-advice.ts");
    const advice = adviceOnFkoError(error.code);
    output.error(`fwknop: ${error.message}${advice === undefined ? "" : `: ${advice}`}`); // begins as the C program's
    return 1;
  }
  if (error instanceof ClientError) {
    output.error(`fwknop: error: ${error.message}`);
    if (error.hint !== undefined) output.error(`hint: ${error.hint}`);
    return error.exitStatus;
  }
  if (error instanceof FileError) {
    output.error(`fwknop: error: ${error.message}`);
    return 1;
  }
  throw error;
}

const HELP_HINT = "'fwknop --help' lists the options";

async function run(argv: readonly string[], host: ClientHost, output: ClientOutput): Promise<number> {
  const scanned = unwrap(scanArguments(CLIENT, argv), HELP_HINT);
  if (scanned.occurrences.some(({ key }) => key === "help")) {
    const { renderUsage } = await import("../../cli/usage.ts");
    output.result(renderUsage(CLIENT, packageVersion()));
    return 0;
  }
  const given = unwrap(applyOccurrences(CLIENT_OPTIONS, scanned.occurrences, {}), HELP_HINT);
  if (given.completion !== undefined) {
    const { renderCompletion } = await import("../../cli/completion.ts");
    output.result(renderCompletion(CLIENT, given.completion));
    return 0;
  }
  if (given.testFkoExists) {
    output.result(FKO_EXISTS);
    return 0;
  }
  applyOutputOptions(given, output);
  const kept = keptCommandLine(given, host, output);
  if (kept === undefined) return runScanned(scanned, given, host, output);
  const line = kept.text;
  if (!given.lastCmd && given.lastHost === undefined) {
    output.result(`Last fwknop client command line: ${line}`);
    return 0;
  }
  // What is said now wins over what was said then: keys, for instance, have to be.
  const both = { occurrences: [...kept.scanned.occurrences, ...scanned.occurrences], operands: kept.scanned.operands };
  output.info(`Executing: ${line}`);
  return runScanned(both, { ...unwrap(applyOccurrences(CLIENT_OPTIONS, both.occurrences, {}), HELP_HINT), noSaveArgs: true }, host, output);
}

function applyOutputOptions(settings: ClientOptions, output: ClientOutput): void {
  output.verbosity = settings.quiet ? -1 : settings.verbose ?? 0;
  output.isStdoutTaken = settings.json === true || settings.then !== undefined;
}

/** Runs a command line, with the rc file beside it. */
async function runScanned(scanned: ScannedArguments<ClientOptions>, given: ClientOptions, host: ClientHost, output: ClientOutput): Promise<number> {
  applyOutputOptions(given, output);
  const rcPath = rcPathOf(given, host);
  const rc = rcPath === undefined ? undefined : await openRcFile(rcPath, given, output);
  try {
    return await runWithRcFile(rc, scanned, given, host, output);
  } finally {
    if (rc !== undefined) wipe(rc.bytes);
  }
}

async function runWithRcFile(
  rc: RcFile | undefined, scanned: ScannedArguments<ClientOptions>, given: ClientOptions, host: ClientHost, output: ClientOutput,
): Promise<number> {
  if (given.stanzaList && rc !== undefined) {
    output.result([`The following stanzas are configured in ${rc.path} :`, ...stanzaNames(rc.lines).map((name) => ` - ${printableText(name)}`)].join("\n"));
    return 0;
  }
  const settings = await joinSettings(rc, given, host, output);
  applyOutputOptions(settings, output);
  if (settings.version) {
    output.result(`fwknop client ${packageVersion()}, ${PROTOCOL_VERSION_TEXT}`);
    return 0;
  }
  const problem = checkSettings(settings);
  if (problem !== undefined) throw new ClientError(problem);
  for (const message of describeObsoleteOptions(CLIENT_OPTIONS, settings)) output.warning(message);
  if (settings.keyGen || settings.keyGenFile !== undefined) {
    const { makeKeys } = await import("./key-gen.ts");
    makeKeys(settings, optionsToSave(scanned, given), rc, host, output);
    return 0;
  }
  if (settings.saveRcStanza && rc !== undefined) {
    const { saveRcStanza } = await import("./rc-edit.ts");
    saveRcStanza(rc, optionsToSave(scanned, given), host, output);
  }
  if (!settings.noSaveArgs) keepCommandLine(argumentFiles(settings, host), scanned, { ofHost: !settings.test, isPreferred: settings.saveDst === true }, output);
  const status = await makeKnock(settings, rc, host, output);
  if (status !== 0) return status;
  // Now: what --then runs may never end by itself.
  if (host.compiled !== undefined) keepCompiled(host.compiled, !settings.noHomeDir && settings.homeDir === undefined);
  if (settings.then === undefined || settings.test) return 0;
  const { runThen } = await import("./run-then.ts");
  return runThen(settings.then);
}

async function makeKnock(settings: ClientSettings, rc: RcFile | undefined, host: ClientHost, output: ClientOutput): Promise<number> {
  if (!isPortKnocking(settings)) return knock(settings, host, output);
  const { knockAtPorts } = await import("./port-knock.ts");
  return knockAtPorts(settings, rc, host, output);
}

/** What the rc file, the command line and the environment say together. */
async function joinSettings(rc: RcFile | undefined, given: ClientOptions, host: ClientHost, output: ClientOutput): Promise<ClientSettings> {
  const layers = rcLayers(rc, given, output);
  const said = mergeSettings(...layers, given);
  // VERBOSE is the one variable that wins over its option, as in the C program.
  const verbose = layers.findLast((layer) => layer.verbose !== undefined)?.verbose;
  return mergeSettings(said, await perlLayer(said, host), verbose === undefined ? {} : { verbose });
}

/** A proxy has no variable, so what `-H` implies is not saved either. */
function optionsToSave(scanned: ScannedArguments<ClientOptions>, given: ClientOptions): ClientOptions {
  const isProtoGiven = scanned.occurrences.some(({ key }) => key === "serverProto" || key === "http");
  const saved = { ...given, ...(given.perlSpoofSource !== undefined && { spoofSource: given.perlSpoofSource }) };
  if (!isProtoGiven && (given.httpProxy !== undefined || given.perlHttpProxy !== undefined)) delete saved.serverProto;
  return saved;
}

async function perlLayer(settings: ClientSettings, host: ClientHost): Promise<ClientSettings> {
  if (!PERL_OPTIONS.some((key) => settings[key] !== undefined)) return {};
  const { perlSettings } = await import("./perl-options.ts");
  return perlSettings(settings, host);
}

/** What leaves something open that the environment, or another option, says. */
const PERL_OPTIONS = ["perlHttpProxy", "perlSavePacket", "perlSpoofSource", "spoofProto"] as const;

/** [default], and over it the stanza of `-n`, unless that is about to be written. */
function rcLayers(rc: RcFile | undefined, given: ClientOptions, output: ClientOutput): readonly ClientSettings[] {
  if (rc === undefined) return [];
  const names = ["default", ...(given.namedConfig !== undefined && !given.saveRcStanza ? [given.namedConfig] : [])];
  return names.map((name) => {
    output.debug(`process_rc_section() : Parsing section '${name}' ...`);
    const stanza = readStanza(rc.lines, name, rc.path);
    if (!stanza.isFound && name === given.namedConfig) {
      throw new ClientError(`Named configuration stanza: [${printableText(name)}] was not found.`, { hint: `'fwknop --stanza-list' lists the stanzas of ${rc.path}` });
    }
    const last = stanza.problems.at(-1);
    if (last === undefined) return stanza.settings;
    for (const problem of stanza.problems.slice(0, -1)) output.error(`fwknop: error: ${problem}`);
    throw new ClientError(last);
  });
}
