/**
 * The server program: from a command line to a daemon, or to one of the things that are done and over.
 *
 * @module
 */

import { parseServerOptions, type ServerOptions } from "../../cli/server-options.ts";
import { adviceOnFkoError } from "../../client/fko-advice.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { dumpConfig } from "../../config/dump.ts";
import { type ConfigProblem, formatProblem, hasErrors } from "../../config/variable.ts";
import { FirewallError } from "../../firewall/backend.ts";
import { FkoError } from "../../fko-error.ts";
import { formatJson, lossRecord, type LogRecord } from "../../server/log-record.ts";
import { ensurePrivateFolder, FileError } from "../files.ts";
import { GroundTakenError } from "../firewall/ground-claims.ts";
import { type ActivatedSocket, takeActivatedSockets } from "../hearing/activated-sockets.ts";
import { StdinError } from "../hearing/stdin-source.ts";
import { writeText } from "../standard-output.ts";
import { AppendError } from "./append-file.ts";
import { checkHost } from "./check-host.ts";
import { type DaemonSetup, ListenError, runDaemon } from "./daemon.ts";
import { inheritReadiness, type Readiness, startDaemon } from "./daemonize.ts";
import { loadAccess, loadDaemonConfig } from "./load-config.ts";
import { Log, renderRecord } from "./log.ts";
import { FACILITIES, type LogSink, type LossLine } from "./log-sink.ts";
import { adoptPidFile, lockPidFile, type PidFileLock } from "./pid-file.ts";
import { ReplayStore } from "./replay-store.ts";
import { isControlCommand, runControlCommand, runEarlyCommand } from "./server-commands.ts";
import { handleSignals } from "./signals.ts";
import { openStderr } from "./stderr-sink.ts";
import { hasSyslog, openSyslog } from "./syslog.ts";

/** Exit status of `--check` when the files have errors: EX_CONFIG of sysexits.h. */
const CONFIG_ERROR_STATUS = 78;
/** Said before the terminal is left. A log that is started later is found all the same. */
const NO_SYSLOG = "fwknopd: warning: nobody takes the log: there is neither a journal nor /dev/log (-f logs to standard error)";
/** How long the log may take to leave, milliseconds. */
const LOG_FLUSH_MS = 2000;

const print = (text: string): void => writeText(1, text);
const complain = (line: string): void => writeText(2, `${line}\n`);

/** Ends the program with a line on standard error. */
class ServerError extends Error {
  readonly exitStatus: number;
  constructor(message: string, exitStatus = 1) {
    super(message);
    this.name = "ServerError";
    this.exitStatus = exitStatus;
  }
}

/** The world's failures that are told in one line. */
const EXPECTED_ERRORS = [ServerError, FileError, FirewallError, AppendError, StdinError, FkoError, ListenError, GroundTakenError] as const;

/** Runs the program on this process. */
export function startServer(): void {
  void runServer(process.argv.slice(2)).then((status) => {
    process.exit(status); // neither for a log that nobody reads nor for a name server that is silent anything waits any more
  });
}

/**
 * Runs the server program.
 *
 * @param argv the words after the program's name
 * @returns the exit status
 */
export async function runServer(argv: readonly string[]): Promise<number> {
  const readiness = inheritReadiness();
  const say = readiness === undefined ? complain : readiness.say;
  try {
    return await run(argv, readiness);
  } catch (error) {
    if (!EXPECTED_ERRORS.some((kind) => error instanceof kind)) throw error;
    const advice = error instanceof FkoError ? adviceOnFkoError(error.code) : undefined;
    say(`fwknopd: error: ${advice === undefined ? "" : `${advice}: `}${(error as Error).message}`);
    return error instanceof ServerError ? error.exitStatus : 1;
  }
}

async function run(argv: readonly string[], readiness: Readiness | undefined): Promise<number> {
  const parsed = parseServerOptions(argv);
  if (!parsed.ok) throw new ServerError(`${parsed.message}\nhint: 'fwknopd --help' lists the options`);
  const options = parsed.value;
  if (runEarlyCommand(options)) return 0;

  const folder = workingFolder();
  const loaded = loadDaemonConfig(options, folder);
  // What the parent said, the daemon that it started says to the log alone.
  const isChild = readiness !== undefined;
  const problems = tellProblems(loaded.problems, options, isChild);
  if (hasErrors(problems) && !options.check) throw new ServerError("The configuration has errors", 1);
  const controlled = await runControlCommand(loaded.config, options, loaded.dialect);
  if (controlled !== undefined) return controlled;

  const access = loadAccess(options, loaded, folder, Date.now() / 1000);
  const all = [...problems, ...tellProblems(access.problems, options, isChild)];
  if (options.check) {
    all.push(...tellProblems(checkHost(loaded.config, access.stanzas, options), options, isChild));
    const errors = all.filter(({ severity }) => severity === "error").length;
    print(errors === 0 ? `No errors; stanzas: ${access.stanzas.length}\n` : `Errors: ${errors}\n`);
    return errors === 0 ? 0 : CONFIG_ERROR_STATUS;
  }
  if (hasErrors(all)) throw new ServerError("The access configuration has errors");
  const dump = (): void => print(dumpConfig(loaded.texts, access.stanzas, asctime));
  if (options.dumpConfig) {
    dump();
    return 0;
  }
  if (options.spaDumpPackets !== undefined) {
    const { dumpPackets } = await import("./dump-packets.ts");
    return dumpPackets(options.spaDumpPackets, { config: loaded.config, stanzas: access.stanzas, options, folder }, print);
  }
  if (options.exitParseConfig) {
    complain("Configs parsed, exiting.");
    return 0;
  }
  const untold = all.filter((problem) => isChild || !isToldAtOnce(problem, options));
  return runDaemonProgram({ options, config: loaded.config, stanzas: access.stanzas, folder }, dump, untold, readiness);
}

/** Where relative paths begin. A folder that was removed has no name any more, and no files. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

/** A time as C's asctime writes it: `Mon Dec 31 00:00:00 2035`. */
function asctime(unixSeconds: number): string {
  const [weekday, month, day, year, time] = new Date(unixSeconds * 1000).toString().split(" ");
  return `${weekday} ${month} ${day!.replace(/^0/, " ")} ${time} ${year}`;
}

/** Prints what is to be said about files, unless another process did. */
function tellProblems(problems: readonly ConfigProblem[], options: ServerOptions, isTold: boolean): readonly ConfigProblem[] {
  for (const problem of isTold ? [] : problems) {
    if (isToldAtOnce(problem, options)) complain(options.logFormat === "json" ? formatJson(recordOf(problem), Date.now()) : formatProblem(problem));
  }
  return problems;
}

function recordOf(problem: ConfigProblem): LogRecord {
  const { severity: level, file, line, column } = problem;
  return { level, message: formatProblem(problem), fields: { file, line, column } };
}

/** Information waits for the log, unless somebody wants to see all; warnings are for those who start or check. */
function isToldAtOnce({ severity }: ConfigProblem, options: ServerOptions): boolean {
  if ((options.verbose ?? 0) > 0 || (options.check && severity !== "debug")) return true;
  return severity === "error" || (severity === "warning" && !isControlCommand(options));
}

// --- The daemon ------------------------------------------------------------------------------------------------------

async function runDaemonProgram(
  setup: Pick<DaemonSetup, "options" | "config" | "stanzas" | "folder">, dump: () => void, untold: readonly ConfigProblem[], readiness: Readiness | undefined,
): Promise<number> {
  const { options, config } = setup;
  const runFolder = ensurePrivateFolder(config.FWKNOP_RUN_DIR, "Run directory");
  const createdText = `Run directory: ${config.FWKNOP_RUN_DIR} does not exist. Attempting to create it. Successfully created Run directory: ${config.FWKNOP_RUN_DIR}`;
  const isForeground = options.foreground || options.stdin || options.exitParseDigestCache;
  const sockets: readonly ActivatedSocket[] = takeActivatedSockets(process.env, process.pid);
  if (sockets.length > 0 && !isForeground) throw new ServerError("Sockets of the service manager stay with the process that it started: use --foreground");
  const lock = readiness?.lock ? adoptPidFile(config.FWKNOP_PID_FILE, readiness.lock.descriptor, readiness.lock.guard) : takeLock(config);
  if (!isForeground && readiness === undefined) {
    if (runFolder.created) complain(createdText);
    const { exitStatus, text } = await startDaemon({ main: process.argv[1]!, args: process.argv.slice(2), lock });
    writeText(2, text);
    return exitStatus;
  }
  handleSignals({}); // for good: whoever finds our pid may send a HUP, also when there is nothing left to reload
  lock.write(process.pid);

  const log = openLog(config, options, isForeground ?? false);
  if (!isForeground && config.ALERTING_METHODS.syslog && !hasSyslog()) readiness?.say(NO_SYSLOG);
  if (lock.guard !== "all") log.warning("The pid file's lock is not seen by other programs than this one");
  try {
    log.debug(`[+] Writing my PID (${process.pid}) to the lock file: ${config.FWKNOP_PID_FILE}`);
    log.info("Starting fwknopd");
    if (isForeground && log.verbosity >= 2) dump();
    for (const problem of untold) log.write(recordOf(problem));
    if (runFolder.created) log.info(createdText);
    for (const { message } of runFolder.problems) log.warning(message);
    if (options.exitParseDigestCache) {
      const store = await ReplayStore.open({ path: config.DIGEST_FILE, log: log.write, rotate: false });
      log.debug(store.summary);
      await store.close();
      log.info("Digest cache parsed, exiting.");
      return 0;
    }
    return await runDaemon({ ...setup, sockets, log, onReady: () => readiness?.ready() });
  } catch (error) {
    if (readiness !== undefined && error instanceof Error) log.error(error.message);
    throw error;
  } finally {
    await log.flush(LOG_FLUSH_MS);
    lock.close();
  }
}

function takeLock(config: DaemonConfig): PidFileLock {
  const locked = lockPidFile(config.FWKNOP_PID_FILE);
  if (locked.ok) return locked.lock;
  throw new ServerError(`[*] An instance of fwknopd is already running: (PID=${locked.pid ?? "unknown"}).`);
}

function openLog(config: DaemonConfig, options: ServerOptions, isForeground: boolean): Log {
  const format = options.logFormat ?? "text";
  const lossLine: LossLine = (count) => renderRecord(lossRecord(count), format, Date.now());
  const wantsSyslog = (!isForeground || options.syslogEnable) && config.ALERTING_METHODS.syslog;
  const syslog = wantsSyslog ? openSyslog({ identity: config.SYSLOG_IDENTITY, facility: FACILITIES[config.SYSLOG_FACILITY]!, pid: process.pid, lossLine }) : undefined;
  const sinks: LogSink[] = [...(isForeground ? [openStderr({ lossLine })] : []), ...(syslog ? [syslog] : [])];
  return new Log({ sinks, verbosity: (options.verbose ?? 0) + config.VERBOSE, format });
}
