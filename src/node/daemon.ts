/**
 * The daemon: listeners, pipeline, firewall, replay store and commands, from start to end and across reloads.
 *
 * @module
 */

import type { ServerOptions } from "../cli/server-options.ts";
import type { AccessStanza } from "../config/access-config.ts";
import type { DaemonConfig } from "../config/daemon-config.ts";
import { hasErrors, formatProblem } from "../config/variable.ts";
import type { OpenPgpAnswer, OpenPgpRequest } from "../server/open-packet.ts";
import { Pipeline } from "../server/pipeline.ts";
import { ReplayMemory } from "../server/replay.ts";
import { createFrameCounts, type FrameCounts } from "./capture-feed.ts";
import { Firewall, type FirewallOptions, sweepSeconds } from "./firewall.ts";
import { chooseFirewall } from "./firewall-choice.ts";
import { decrypt } from "./gpg.ts";
import { type Listener, listenToFile, listenToHttp, listenToInterface, type ListenerEnd, type ListenerOptions, listenToStdin, listenToTcp, listenToUdp } from "./listener.ts";
import { loadAccess, loadDaemonConfig } from "./load-config.ts";
import type { Log } from "./log.ts";
import { PacketCommands } from "./packet-commands.ts";
import { ReplayStore } from "./replay-store.ts";
import { resolveHost } from "./resolve-host.ts";
import { handleSignals } from "./signals.ts";

/** What the daemon starts with. */
export interface DaemonSetup {
  readonly options: ServerOptions;
  readonly config: DaemonConfig;
  readonly stanzas: readonly AccessStanza[];
  readonly log: Log;
  /** Is called when nothing that is sent from now on will be missed. */
  readonly onReady: () => void;
}

/** Limit for one decryption by gpg, milliseconds. */
const GPG_TIMEOUT_MS = 10_000;
/** Limit for looking up a NAT target, milliseconds. */
const RESOLVE_TIMEOUT_MS = 5000;
/** How often it is told what was kept out of the log, milliseconds. */
const SUPPRESSED_INTERVAL_MS = 60_000;

/** A daemon in its run. */
export class Daemon {
  readonly #options: ServerOptions;
  readonly #log: Log;
  readonly #onReady: () => void;
  readonly #counts: FrameCounts = createFrameCounts();
  readonly #commands: PacketCommands;
  readonly #firewall: Firewall | undefined;
  readonly #store: ReplayStore | undefined;
  readonly #pipeline: Pipeline;
  #config: DaemonConfig;
  #listeners: readonly Listener[] = [];
  #stopReason: string | undefined;
  #endListening: (end: ListenerEnd) => void = () => {};

  /**
   * Opens everything that must work before packets are heard.
   *
   * @param setup options and configuration
   * @throws {FileError | FirewallError | AppendError} with one line for the user
   */
  static async start(setup: DaemonSetup): Promise<Daemon> {
    const { config, options, log, stanzas } = setup;
    const store = config.ENABLE_DIGEST_PERSISTENCE
      ? await ReplayStore.open({ path: config.DIGEST_FILE, log: log.write, rotate: options.rotateDigestCache ?? false })
      : undefined;
    if (store === undefined) log.warning("ENABLE_DIGEST_PERSISTENCE is off: packets are remembered only until the daemon ends");
    else log.debug(`Using Digest Cache: '${config.DIGEST_FILE}' (entry count = ${store.memory.size})`);
    const firewall = needsFirewall(options, config, stanzas) ? new Firewall(await firewallOptions(config, stanzas, options, log)) : undefined;
    await firewall?.start();
    return new Daemon(setup, store, firewall);
  }

  private constructor({ options, config, stanzas, log, onReady }: DaemonSetup, store: ReplayStore | undefined, firewall: Firewall | undefined) {
    this.#options = options;
    this.#config = config;
    this.#log = log;
    this.#onReady = onReady;
    this.#store = store;
    this.#firewall = firewall;
    this.#commands = new PacketCommands(config, log.write);
    this.#pipeline = new Pipeline({ config, stanzas, testMode: options.test ?? false }, store?.memory ?? new ReplayMemory(), {
      log: log.write,
      now: () => Date.now() / 1000,
      monotonicMs: () => performance.now(),
      remember: async (entries) => store?.remember(entries),
      open: async (grant) => firewall?.open(grant) ?? { ok: false, reason: "there is no firewall" },
      resolveHost: async (name, family) => {
        const resolved = await resolveHost(name, { family, timeoutMs: RESOLVE_TIMEOUT_MS });
        return resolved.ok ? resolved.addresses[0].ip : undefined;
      },
      decryptOpenPgp,
      runCommand: (verdict, stanza) => this.#commands.runCommand(verdict, stanza),
      runCycle: (verdict, stanza) => this.#commands.runCycle(verdict, stanza),
    });
  }

  /**
   * Hears and acts until a signal, the end of what is read, or the packet limit.
   *
   * @returns the exit status
   */
  async run(): Promise<number> {
    const restoreSignals = handleSignals({
      reload: () => void this.#reload(),
      stop: (signal) => {
        this.#stopReason = `Got ${signal}. Exiting...`;
        this.#endListening({ kind: "done" });
      },
    });
    const telling = setInterval(() => this.#pipeline.tellSuppressed(), SUPPRESSED_INTERVAL_MS);
    const end = await this.#listen();
    clearInterval(telling);
    await this.#pipeline.settle();
    this.#tellEnd(end);
    await this.#commands.stop();
    await this.#firewall?.stop();
    await this.#store?.close();
    this.#log.info("Shutting Down fwknopd.");
    restoreSignals();
    return end.kind === "failed" ? 1 : 0;
  }

  /** Runs the listeners until all are done, one fails, or somebody ends them. */
  async #listen(): Promise<ListenerEnd> {
    const ended = new Promise<ListenerEnd>((resolve) => {
      this.#endListening = resolve;
    });
    this.#startListeners();
    const end = await ended;
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
    return end;
  }

  #startListeners(): void {
    let listeners: readonly Listener[];
    try {
      listeners = openListeners(this.#config, this.#options, {
        handle: (datagram) => this.#pipeline.handle(datagram),
        counts: this.#counts,
        packetLimit: this.#options.packetLimit ?? 0,
        log: this.#log.write,
      });
    } catch (error) {
      this.#endListening({ kind: "failed", text: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#listeners = listeners;
    let unready = listeners.length;
    const onReady = (): void => {
      if (--unready > 0) return;
      this.#log.info("Starting fwknopd main event loop.");
      this.#onReady();
    };
    let running = listeners.length;
    for (const listener of listeners) {
      let isFirst = true;
      const onceReady = (): void => {
        if (isFirst) onReady();
        isFirst = false;
      };
      void listener.run(onceReady).then((end) => {
        // A listener that a reload replaced has nothing to say any more.
        if (this.#listeners !== listeners) return;
        if (end.kind === "failed" || --running === 0) this.#endListening(end);
      });
    }
  }

  #tellEnd(end: ListenerEnd): void {
    const limit = this.#options.packetLimit ?? 0;
    if (limit > 0 && this.#counts.frames >= limit) {
      this.#log.warning(`* Incoming packet count limit of ${limit} reached`);
      this.#log.info(`Packet count limit (${limit}) reached. Exiting...`);
    }
    this.#pipeline.tellSuppressed(true);
    const refused = Object.entries(this.#counts.refused).filter(([, count]) => count > 0);
    const unread = refused.map(([reason, count]) => `${count} ${reason}`).join(", ");
    this.#log.debug(`${this.#counts.frames} frames were captured${unread === "" ? "" : `; not read as packets: ${unread}`}`);
    if (end.kind === "failed") this.#log.error(end.text);
    this.#log.info("Gracefully leaving the fwknopd event loop.");
    if (this.#stopReason !== undefined) this.#log.warning(this.#stopReason);
  }

  /** Reads the files again. Grants, sources and memory stay; a file with errors changes nothing. */
  async #reload(): Promise<void> {
    this.#log.warning("Got SIGHUP. Re-reading configs.");
    const loaded = loadDaemonConfig(this.#options);
    const access = hasErrors(loaded.problems) ? undefined : loadAccess(this.#options, loaded, Date.now() / 1000);
    const problems = [...loaded.problems, ...(access?.problems ?? [])];
    for (const problem of problems) this.#log.write({ level: problem.severity, message: formatProblem(problem) });
    if (access === undefined || hasErrors(problems)) {
      this.#log.error("The configuration has errors; the old one stays in force");
      return;
    }
    const previous = this.#config;
    this.#config = loaded.config;
    this.#pipeline.reconfigure({ config: loaded.config, stanzas: access.stanzas, testMode: this.#options.test ?? false });
    this.#commands.reconfigure(loaded.config);
    this.#log.configure({ verbosity: (this.#options.verbose ?? 0) + loaded.config.VERBOSE });
    await this.#firewall?.reload(await firewallOptions(loaded.config, access.stanzas, this.#options, this.#log));
    if (!this.#options.stdin && SOURCE_VARIABLES.some((name) => JSON.stringify(previous[name]) !== JSON.stringify(loaded.config[name]))) {
      const old = this.#listeners;
      this.#startListeners();
      await Promise.all(old.map((listener) => listener.close()));
    }
    this.#log.info("Re-starting fwknopd");
  }
}

/** Variables that decide where packets come from: when one changes, the listeners are opened anew. */
const SOURCE_VARIABLES = [
  "PCAP_INTF",
  "PCAP_FILTER",
  "PCAP_FILE",
  "ENABLE_PCAP_PROMISC",
  "ENABLE_PCAP_ANY_DIRECTION",
  "MAX_SNIFF_BYTES",
  "ENABLE_COOKED_INTF",
  "ENABLE_UDP_SERVER",
  "UDPSERV_PORT",
  "ENABLE_TCP_SERVER",
  "TCPSERV_PORT",
  "ENABLE_HTTP_SERVER",
  "HTTP_SERVER_ADDRESS",
  "HTTP_SERVER_PORT",
  "HTTP_SERVER_STATUS",
  "ENABLE_X_FORWARDED_FOR",
  "TRUSTED_PROXIES",
  "AUTH_MODE",
  "PCAP_PKT_FILE",
] as const satisfies readonly (keyof DaemonConfig)[];

/** Opens the ways of hearing that the options or the configuration name. */
function openListeners(config: DaemonConfig, options: ServerOptions, listener: ListenerOptions): readonly Listener[] {
  if (options.stdin) return [listenToStdin(listener)];
  if (config.PCAP_FILE !== undefined) return [listenToFile(config.PCAP_FILE, false, listener)];
  if (config.AUTH_MODE === "FILE_PCAP") return [listenToFile(config.PCAP_PKT_FILE, true, listener)];
  const maxPayload = config.MAX_SNIFF_BYTES;
  const tcp = config.ENABLE_TCP_SERVER ? [listenToTcp({ port: config.TCPSERV_PORT, maxPayload }, listener)] : [];
  const servers = [...tcp, ...openHttp(config, listener)];
  if (config.ENABLE_UDP_SERVER) return [listenToUdp({ port: config.UDPSERV_PORT, maxPayload, destination: "exact" }, listener), ...servers];
  if (config.AUTH_MODE === "SOCKET" && servers.length > 0) return servers;
  const captures = config.PCAP_INTF.map((interfaceName) =>
    listenToInterface(
      {
        interfaceName,
        filter: config.PCAP_FILTER,
        snapLength: config.MAX_SNIFF_BYTES,
        promiscuous: config.ENABLE_PCAP_PROMISC,
        anyDirection: config.ENABLE_PCAP_ANY_DIRECTION,
        cooked: config.ENABLE_COOKED_INTF,
        ...(!config.ENABLE_INTF_CHECKS && { watchIntervalMs: 0 }),
        checkExists: config.ENABLE_INTF_EXISTS_CHECK,
        checkRunning: config.ENABLE_INTF_RUNNING_CHECK,
        checkBytes: config.ENABLE_INTF_BYTES_CHECK,
      },
      config.EXIT_AT_INTF_DOWN,
      listener,
    ),
  );
  return [...captures, ...servers];
}

function openHttp(config: DaemonConfig, listener: ListenerOptions): readonly Listener[] {
  if (!config.ENABLE_HTTP_SERVER) return [];
  const { HTTP_SERVER_PORT: port, HTTP_SERVER_ADDRESS: address, HTTP_SERVER_STATUS: status } = config;
  const trustedProxies = config.ENABLE_X_FORWARDED_FOR ? config.TRUSTED_PROXIES : [];
  return [listenToHttp({ port, status, trustedProxies, log: listener.log, ...(address !== undefined && { address }) }, listener)];
}

/** In test mode nothing is opened, and stanzas that only run commands need no firewall. */
function needsFirewall(options: ServerOptions, config: DaemonConfig, stanzas: readonly AccessStanza[]): boolean {
  const runsCommands = (stanza: AccessStanza): boolean => stanza.CMD_CYCLE_OPEN !== undefined || stanza.EXTERNAL_CMD_OPEN !== undefined;
  return !options.test && config.FIREWALL_TYPE !== "external_cmd" && !stanzas.every(runsCommands);
}

async function firewallOptions(config: DaemonConfig, stanzas: readonly AccessStanza[], options: ServerOptions, log: Log): Promise<FirewallOptions> {
  const checkSupport = !options.noIptCheckSupport && !options.noFirewdCheckSupport;
  const backend = await chooseFirewall(config, { checkSupport, stanzas, tell: (message) => log.info(message) });
  return {
    backend,
    log,
    clearAtStart: config.FLUSH_IPT_AT_INIT,
    clearAtStop: config.FLUSH_IPT_AT_EXIT,
    tries: config.IPT_EXEC_TRIES,
    pauseSeconds: config.IPT_EXEC_SLEEP,
    timeoutSeconds: config.IPT_CMD_ALARM,
    sweepSeconds: backend.endsByItself ? 0 : sweepSeconds(config.RULES_CHECK_THRESHOLD),
  };
}

async function decryptOpenPgp({ stanza, message }: OpenPgpRequest): Promise<OpenPgpAnswer> {
  const answer = await decrypt({
    ciphertext: message,
    home: stanza.GPG_HOME_DIR,
    exe: stanza.GPG_EXE,
    passphrase: stanza.GPG_DECRYPT_PW ?? new Uint8Array(0),
    timeoutMs: GPG_TIMEOUT_MS,
  });
  return answer.ok ? answer : { ok: false, reason: answer.message };
}
