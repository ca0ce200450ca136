/**
 * The daemon: listeners, pipeline, firewall, replay store and commands, from start to end and across reloads.
 *
 * @module
 */

import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerOptions } from "../../cli/server-options.ts";
import type { AccessStanza } from "../../config/access-config.ts";
import { wipeStanzas } from "../../config/access-config-parser.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { formatProblem, hasErrors } from "../../config/variable.ts";
import { hexDump } from "../../hex-dump.ts";
import { formatIp } from "../../ip.ts";
import { MIN_PAYLOAD } from "../../server/decide.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { Pipeline } from "../../server/pipeline.ts";
import { ReplayMemory } from "../../server/replay.ts";
import { Firewall } from "../firewall/firewall.ts";
import { groundsOf } from "../firewall/firewall-choice.ts";
import { GroundClaims } from "../firewall/ground-claims.ts";
import type { ActivatedSocket } from "../hearing/activated-sockets.ts";
import { createFrameCounts, type FrameCounts } from "../hearing/capture-feed.ts";
import type { ListenerEnd } from "../hearing/listener.ts";
import { Listening, type WayOfHearing } from "../hearing/listening.ts";
import { waysOfHearing } from "../hearing/ways-of-hearing.ts";
import { resolveHost } from "../resolve-host.ts";
import { messageOf } from "../system-error.ts";
import { answerDecision } from "./decision-answers.ts";
import { firewallOptions, needsFirewall, prepareForwarding } from "./firewall-options.ts";
import { loadAccess, loadDaemonConfig } from "./load-config.ts";
import { hasLocale } from "./locale.ts";
import type { Log } from "./log.ts";
import { Mailer } from "./mailer.ts";
import { PacketCommands } from "./packet-commands.ts";
import { ReplayStore } from "./replay-store.ts";
import { handleSignals } from "./signals.ts";

/** What the daemon starts with. */
export interface DaemonSetup {
  readonly options: ServerOptions;
  readonly config: DaemonConfig;
  readonly stanzas: readonly AccessStanza[];
  /** Sockets that the service manager handed over. */
  readonly sockets: readonly ActivatedSocket[];
  /** Where relative paths begin: the working folder of the start, which the daemon leaves. */
  readonly folder: string;
  readonly log: Log;
  /** Is called when nothing that is sent from now on will be missed. */
  readonly onReady: () => void;
}

/** So many -v show what packets carry. */
const PAYLOAD_DETAIL = 3;
/** Limit for looking up a NAT target, milliseconds. */
const RESOLVE_TIMEOUT_MS = 5000;
/** How often it is told what was kept out of the log, milliseconds. */
const SUPPRESSED_INTERVAL_MS = 60_000;
/** How long what packets set off may go on at the end, before it is ended and the firewall put back, and then to say so, milliseconds. */
const SETTLE_MS = 1500;

/** Variables that are obeyed at the next start only. */
const START_VARIABLES = ["FWKNOP_RUN_DIR", "FWKNOP_PID_FILE", "DIGEST_FILE", "ENABLE_DIGEST_PERSISTENCE", "SYSLOG_IDENTITY", "SYSLOG_FACILITY"] as const satisfies readonly (keyof DaemonConfig)[];

/** Packets could not be heard from the start. The message is one line for the user. */
export class ListenError extends Error {
  readonly code: string = "LISTEN";

  /** @param message what was tried and what came of it */
  constructor(message: string) {
    super(message);
    this.name = "ListenError";
  }
}

/**
 * Runs the daemon until a signal, the end of what is read, or the packet limit.
 *
 * @param setup options and configuration
 * @returns the exit status
 * @throws {FileError | FirewallError | GroundTakenError | AppendError | ListenError} when something does not work that must before packets are heard;
 * the message is one line for the user
 */
export async function runDaemon(setup: DaemonSetup): Promise<number> {
  const daemon = new Daemon(setup);
  const restoreSignals = handleSignals({ reload: () => daemon.reload(), stop: (signal) => daemon.stop(signal) });
  const onUncaught = (error: unknown): void => daemon.fail(error);
  try {
    return await daemon.run(() => process.on("uncaughtException", onUncaught));
  } finally {
    process.off("uncaughtException", onUncaught);
    restoreSignals();
  }
}

/** A daemon in its run. */
class Daemon {
  readonly #setup: DaemonSetup;
  readonly #options: ServerOptions;
  readonly #log: Log;
  readonly #mailer: Mailer;
  readonly #commands: PacketCommands;
  /** Nobody waits for gpg or crypt(3) at the end. */
  readonly #answeringEnd = new AbortController();
  readonly #counts: FrameCounts = createFrameCounts();
  #config: DaemonConfig;
  #listening: Listening | undefined;
  #pipeline: Pipeline | undefined;
  #firewall: Firewall | undefined;
  /** What the firewall opens things on. */
  #grounds: readonly string[] = [];
  readonly #claims: GroundClaims;
  #stopReason: string | undefined;
  #hasFailed = false;
  /** One reload at a time; undefined before the daemon is ready for one. */
  #reloads: Promise<void> | undefined;
  #reloadAsked = false;

  constructor(setup: DaemonSetup) {
    this.#setup = setup;
    this.#options = setup.options;
    this.#config = setup.config;
    this.#log = setup.log;
    setMaxListeners(0, this.#answeringEnd.signal);
    this.#claims = new GroundClaims(setup.log.write);
    this.#mailer = new Mailer(setup.config, setup.log.write);
    this.#commands = new PacketCommands(setup.config, this.#write);
  }

  /** To the log, and to those who get mail. */
  readonly #write: LogFunction = (record) => {
    this.#log.write(record);
    this.#mailer.take(record);
  };

  /** INT or TERM. */
  stop(signal: string): void {
    this.#stopReason = `Got ${signal}. Exiting...`;
    this.#listening?.end();
  }

  /** A mistake of ours. Nobody sees it on a terminal, and rules must not stay because of it: told, and ended in good order. */
  fail(error: unknown): void {
    const [first, place] = (error instanceof Error ? (error.stack ?? error.message) : String(error)).split("\n");
    this.#log.error(`Internal error, the daemon ends: ${first}${place === undefined ? "" : ` ${place.trim()}`}`);
    this.#hasFailed = true;
    this.#listening?.end();
  }

  /** Whether everything has been heard once. */
  get #isReady(): boolean {
    return this.#reloads !== undefined;
  }

  /** HUP: what comes while files are read leads to one more reading. */
  reload(): void {
    const isUnderWay = this.#reloadAsked;
    this.#reloadAsked = true;
    if (isUnderWay || this.#reloads === undefined) return;
    this.#reloads = this.#reloads.then(() => this.#reload());
  }

  /** @param onRunning is called when whoever started us is told that all is well */
  async run(onRunning: () => void): Promise<number> {
    const { store, memory } = await this.#openStore();
    const pipeline = this.#makePipeline(memory, store);
    this.#pipeline = pipeline;
    await this.#tellLocale(this.#config);
    if (needsFirewall(this.#config, this.#setup.stanzas, this.#options)) await this.#openFirewall(this.#config, this.#setup.stanzas);

    const telling = setInterval(() => pipeline.tellSuppressed(), SUPPRESSED_INTERVAL_MS);
    const end = this.#stopReason === undefined ? await this.#listen(pipeline, onRunning) : { kind: "done" as const };
    clearInterval(telling);
    if (this.#stopReason === undefined) await pipeline.decided();
    const settle = () => Promise.race([pipeline.settle(), sleep(SETTLE_MS, undefined, { ref: false })]);
    await settle();
    this.#answeringEnd.abort();
    await pipeline.decided();
    this.#tellEnd(end);
    // One that is under way would put back what is taken down here.
    await this.#reloads;
    await Promise.all([this.#commands.stop(), this.#firewall?.stop()]);
    await settle();
    this.#claims.keep([]);
    await store?.close();
    await this.#mailer.stop();
    this.#log.info("Shutting Down fwknopd.");
    if (end.kind === "failed" && !this.#isReady) throw new ListenError(end.text);
    return end.kind === "failed" || this.#hasFailed ? 1 : 0;
  }

  async #openStore(): Promise<{ readonly store: ReplayStore | undefined; readonly memory: ReplayMemory }> {
    const { DIGEST_FILE: path, ENABLE_DIGEST_PERSISTENCE: isPersistent, FWKNOP_DIR: oldFolder } = this.#config;
    if (!isPersistent) {
      this.#log.warning("ENABLE_DIGEST_PERSISTENCE is off: packets are remembered only until the daemon ends");
      return { store: undefined, memory: new ReplayMemory() };
    }
    const store = await ReplayStore.open({ path, older: [join(oldFolder, "md5sums")], log: this.#write, rotate: this.#options.rotateDigestCache ?? false });
    this.#log.debug(store.summary);
    return { store, memory: store.memory };
  }

  #makePipeline(memory: ReplayMemory, store: ReplayStore | undefined): Pipeline {
    return new Pipeline(this.#settings(this.#config, this.#setup.stanzas), memory, {
      log: this.#write,
      now: () => Date.now() / 1000,
      monotonicMs: () => performance.now(),
      remember: async (entries) => store?.remember(entries),
      open: async (grant) => this.#firewall?.open(grant) ?? { ok: false, reason: "there is no firewall" },
      resolveHost: async (name, family) => {
        const resolved = await resolveHost(name, { family, timeoutMs: RESOLVE_TIMEOUT_MS });
        if (!resolved.ok) {
          this.#log.error(`ipv${family}_resolve() : ${resolved.message}`);
          return undefined;
        }
        const { ip } = resolved.addresses[0];
        this.#log.info(`Resolved NAT IP in SPA message: ${name} is ${formatIp(ip)}`);
        return ip;
      },
      answer: (request) => answerDecision(request, {
        folder: this.#setup.folder, insecurePermissions: this.#options.insecurePermissions ?? false, signal: this.#answeringEnd.signal,
      }),
      runCommand: (verdict, stanza) => this.#commands.runCommand(verdict, stanza),
      runCycle: (verdict, stanza) => this.#commands.runCycle(verdict, stanza),
    });
  }

  #settings(config: DaemonConfig, stanzas: readonly AccessStanza[]): ConstructorParameters<typeof Pipeline>[0] {
    return { config, stanzas, testMode: this.#options.test ?? false };
  }

  #ways(config: DaemonConfig): readonly WayOfHearing[] {
    return waysOfHearing(config, this.#options, this.#setup.sockets, () => this.#config);
  }

  async #tellLocale({ LOCALE: name }: DaemonConfig): Promise<void> {
    if (name !== undefined && !(await hasLocale(name))) this.#log.warning(`WARNING: Unable to set locale to ${name}: this system does not have it`);
  }

  async #listen(pipeline: Pipeline, onRunning: () => void): Promise<ListenerEnd> {
    this.#listening = new Listening({
      handle: (datagram) => {
        if (this.#log.verbosity >= PAYLOAD_DETAIL) this.#tellPayload(datagram.payload);
        return pipeline.handle(datagram);
      },
      handleKnock: (packet) => pipeline.handleKnock(packet),
      counts: this.#counts,
      packetLimit: this.#options.packetLimit ?? 0,
      log: this.#log.write,
    });
    return this.#listening.run(this.#ways(this.#config), () => {
      this.#log.info("Starting fwknopd main event loop.");
      this.#setup.onReady();
      onRunning();
      const wasAsked = this.#reloadAsked;
      this.#reloads = Promise.resolve();
      this.#reloadAsked = false;
      if (wasAsked) this.reload();
    });
  }

  #tellPayload(payload: Uint8Array): void {
    if (payload.length < MIN_PAYLOAD) return;
    for (const message of ["[+] candidate SPA packet payload:", ...hexDump(payload)]) this.#log.write({ level: "debug", detail: PAYLOAD_DETAIL, message });
  }

  #tellEnd(end: ListenerEnd): void {
    const limit = this.#options.packetLimit ?? 0;
    const isFull = limit > 0 && this.#counts.frames >= limit;
    if (isFull) this.#log.warning(`* Incoming packet count limit of ${limit} reached`);
    this.#pipeline?.tellSuppressed(true);
    const refused = Object.entries(this.#counts.refused).filter(([, count]) => count > 0);
    const unread = refused.map(([reason, count]) => `${count} ${reason}`).join(", ");
    this.#log.debug(`${this.#counts.frames} ${this.#counts.frames === 1 ? "frame was" : "frames were"} captured${unread === "" ? "" : `; not read as packets: ${unread}`}`);
    if (end.kind === "failed" && this.#isReady) this.#log.error(end.text);
    this.#log.info("Gracefully leaving the fwknopd event loop.");
    if (isFull) this.#log.info(`Packet count limit (${limit}) reached. Exiting...`);
    if (this.#stopReason !== undefined) this.#log.warning(this.#stopReason);
  }

  /** Reads the files again. Grants, sources and memory stay; a file with errors changes nothing. */
  async #reload(): Promise<void> {
    this.#reloadAsked = false;
    this.#log.warning("Got SIGHUP. Re-reading configs.");
    try {
      const problem = await this.#readAgain();
      if (problem === undefined) this.#log.info("Re-starting fwknopd");
      else if (this.#stopReason === undefined) this.#log.error(`${problem}; the old configuration stays in force`);
    } catch (error) {
      this.#log.error(`The old configuration stays in force: ${messageOf(error)}`);
    }
  }

  /** Returns why nothing was changed. What can fail comes before what cannot. */
  async #readAgain(): Promise<string | undefined> {
    const { folder } = this.#setup;
    const loaded = loadDaemonConfig(this.#options, folder);
    const access = hasErrors(loaded.problems) ? undefined : loadAccess(this.#options, loaded, folder, Date.now() / 1000);
    const problems = [...loaded.problems, ...(access?.problems ?? [])];
    for (const problem of problems) this.#log.write({ level: problem.severity, message: formatProblem(problem) });
    let why: string | undefined = "The configuration has errors";
    try {
      if (access !== undefined && !hasErrors(problems)) why = await this.#take(loaded.config, access.stanzas);
      return why;
    } finally {
      if (why !== undefined) wipeStanzas(access?.stanzas ?? []);
    }
  }

  /** Goes by what was read from now on, or returns why not. */
  async #take(config: DaemonConfig, stanzas: readonly AccessStanza[]): Promise<string | undefined> {
    const isListening = await this.#listening?.change(this.#ways(config), async () => {
      if (needsFirewall(config, stanzas, this.#options)) await this.#openFirewall(config, stanzas);
    });
    if (isListening !== undefined) return `${isListening}; packets are heard as before`;
    const unheeded: string[] = START_VARIABLES.filter((name) => config[name] !== this.#config[name]);
    if (config.ALERTING_METHODS.syslog !== this.#config.ALERTING_METHODS.syslog) unheeded.push("ALERTING_METHODS (syslog)");
    if (unheeded.length > 0) this.#log.warning(`A new value counts from the next start on: ${unheeded.join(", ")}`);
    this.#config = config;
    this.#pipeline?.reconfigure(this.#settings(config, stanzas));
    this.#commands.reconfigure(config);
    this.#mailer.reconfigure(config);
    this.#log.configure({ verbosity: (this.#options.verbose ?? 0) + config.VERBOSE });
    await this.#tellLocale(config);
    return undefined;
  }

  /** Starts the firewall, or gives it new settings; one that refuses them keeps the old ones. */
  async #openFirewall(config: DaemonConfig, stanzas: readonly AccessStanza[]): Promise<void> {
    const options = await firewallOptions(config, stanzas, this.#options, this.#write);
    const grounds = groundsOf(config, options.backend);
    await this.#claims.take(grounds);
    const firewall = this.#firewall ?? new Firewall(options);
    try {
      await (this.#firewall === undefined ? firewall.start() : firewall.reload(options));
    } catch (error) {
      this.#claims.keep(this.#grounds);
      throw error;
    }
    this.#firewall = firewall;
    this.#grounds = grounds;
    this.#claims.keep(grounds);
    const forwarding = prepareForwarding(config);
    if (forwarding !== undefined) this.#log.write(forwarding);
  }
}
