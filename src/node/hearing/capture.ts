/**
 * A capture that lasts: tcpdump is restarted when it ends, when its interface comes back or
 * was replaced.
 *
 * @module
 */

import { Pause } from "../pause.ts";
import { Channel } from "./channel.ts";
import { compareInterface, hasInterface, readInterface, type InterfaceState } from "./interface-state.ts";
import { launchers, Tcpdump, type CaptureCounters, type CaptureEnd, type Launcher, type TcpdumpOptions } from "./tcpdump.ts";

/** What happens on a captured interface. */
export type CaptureEvent =
  /** tcpdump listens: a new pcap stream with its own header begins. */
  | { readonly kind: "start"; readonly linkType: string; readonly launcher: Launcher; readonly argv: readonly string[]; readonly pid: number }
  /** Bytes of that stream; fresh, the consumer's own. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** tcpdump ended; it is started again after `restartInMs`, or never when that is undefined. */
  | { readonly kind: "end"; readonly reason: CaptureEnd; readonly restartInMs: number | undefined }
  /** The interface was set down or is gone (EXIT_AT_INTF_DOWN is the caller's to obey). */
  | { readonly kind: "down"; readonly cause: "gone" | "down"; readonly text: string }
  /** A cable was pulled: the capture goes on, and hears nothing until it is back. */
  | { readonly kind: "no-carrier"; readonly text: string }
  /** It can be heard on again. */
  | { readonly kind: "up"; readonly text: string }
  /** Another device has the name now, or its counters went back; tcpdump is restarted. */
  | { readonly kind: "replaced"; readonly text: string }
  /** The kernel dropped packets since the last look: more came than tcpdump, or we, could take. */
  | { readonly kind: "lost"; readonly count: number };

/** What is captured, and what is watched besides tcpdump itself. */
export interface CaptureOptions extends Omit<TcpdumpOptions, "cookedIndex"> {
  /** Cooked frames whatever link type the interface has (ENABLE_COOKED_INTF). */
  readonly cooked?: boolean;
  /** How often the interface is looked at, milliseconds; 0 for never (ENABLE_INTF_CHECKS N). */
  readonly watchIntervalMs?: number;
  /** ENABLE_INTF_EXISTS_CHECK */
  readonly checkExists?: boolean;
  /** ENABLE_INTF_RUNNING_CHECK */
  readonly checkRunning?: boolean;
  /** ENABLE_INTF_BYTES_CHECK */
  readonly checkBytes?: boolean;
  /** How often tcpdump is asked what the kernel dropped, milliseconds. */
  readonly lossIntervalMs?: number;
  /** First pause before a restart, milliseconds; doubled each time it fails again. */
  readonly minBackOffMs?: number;
  /** Longest pause, milliseconds. */
  readonly maxBackOffMs?: number;
}

/** Listening this long means that the next end is a new trouble, not the old one. */
const SETTLED_MS = 60_000;

const DEFAULTS = {
  cooked: false, watchIntervalMs: 1000, checkExists: true, checkRunning: true, checkBytes: true, lossIntervalMs: 60_000, minBackOffMs: 500, maxBackOffMs: 30_000,
} as const;

/**
 * Captures on one interface until it is closed. The iteration ends at once when the first start
 * fails, for then the configuration is wrong; later failures are waited out.
 */
export class Capture implements AsyncIterable<CaptureEvent> {
  readonly #options: Required<Omit<CaptureOptions, "program">> & Pick<CaptureOptions, "program">;
  readonly #channel: Channel<CaptureEvent> = new Channel({ onEnd: () => this.#release() });
  #run: Tcpdump | undefined;
  #supervision: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #lossWatch: NodeJS.Timeout | undefined;
  /** What this tcpdump has said that the kernel dropped. */
  #dropped = 0;
  /** Whether there is anything to ask about. */
  #hasHeard = false;
  #state: InterfaceState | undefined;
  /** The device that had the name when tcpdump was last started. */
  #heardIndex: number | undefined;
  #closed = false;
  /** Before tcpdump is started again. */
  readonly #pause = new Pause();

  /** @param options what to capture and what to watch */
  constructor(options: CaptureOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  [Symbol.asyncIterator](): AsyncIterator<CaptureEvent> {
    this.#supervision ??= this.#supervise().then(() => this.#channel.end(), (error: unknown) => this.#channel.end(error));
    return this.#channel;
  }

  /**
   * Asks tcpdump what it counted.
   *
   * @param timeoutMs how long to wait
   * @returns the counters since its last start; undefined without an answer, which means that it
   * waits for us to read, or that it does not run
   */
  async counters(timeoutMs: number = 1000): Promise<CaptureCounters | undefined> {
    return this.#run?.counters(timeoutMs);
  }

  /**
   * Stops tcpdump and ends the iteration.
   *
   * @returns settles when tcpdump is gone
   */
  async close(): Promise<void> {
    void this.#channel.return();
    await this.#supervision;
  }

  #release(): void {
    this.#closed = true;
    clearInterval(this.#watch);
    clearInterval(this.#lossWatch);
    this.#pause.cut();
    void this.#run?.stop();
  }

  async #supervise(): Promise<void> {
    let ways = launchers(process.geteuid?.() === 0);
    let anyDirection = this.#options.anyDirection;
    let backOffMs = this.#options.minBackOffMs;
    let everListened = false;
    while (!this.#closed) {
      const startedAt = performance.now();
      const { reason, listened } = await this.#runOnce(ways[0]!, anyDirection);
      if (this.#closed) return;
      everListened ||= listened;
      // Where setpriv or the drop of rights does not work, the next way may.
      if (!listened && ways.length > 1 && (reason.kind === "no-setpriv" || reason.kind === "no-permission" || reason.kind === "missing-program")) {
        ways = ways.slice(1);
        continue;
      }
      if (!listened && reason.kind === "no-direction" && !anyDirection) {
        anyDirection = true;
        continue;
      }
      if (!everListened) {
        this.#channel.put({ kind: "end", reason, restartInMs: undefined });
        return;
      }
      // We stopped it ourselves for a new device: no pause.
      if (reason.kind === "stopped") continue;
      if (performance.now() - startedAt > SETTLED_MS) backOffMs = this.#options.minBackOffMs;
      this.#channel.put({ kind: "end", reason, restartInMs: backOffMs });
      if (!this.#closed) await this.#pause.wait(backOffMs);
      backOffMs = Math.min(this.#options.maxBackOffMs, backOffMs * 2);
      await this.#channel.room();
    }
  }

  /** One life of tcpdump. */
  async #runOnce(launcher: Launcher, anyDirection: boolean): Promise<{ reason: CaptureEnd; listened: boolean }> {
    const { interfaceName, cooked } = this.#options;
    const seen = interfaceName === "any" ? undefined : readInterface(interfaceName);
    if (cooked && interfaceName !== "any" && seen === undefined) {
      return { reason: { kind: "no-device", text: `${interfaceName}: No such device exists` }, listened: false };
    }
    this.#heardIndex = seen?.index;
    const run = new Tcpdump({ ...this.#options, anyDirection, ...(cooked && seen !== undefined && { cookedIndex: seen.index }) }, launcher);
    this.#run = run;
    this.#dropped = 0;
    const opened = await run.opened;
    if (opened !== undefined && !this.#closed) {
      this.#channel.put({ kind: "start", linkType: opened.linkType, launcher: opened.launcher, argv: run.argv, pid: run.pid! });
      this.#state ??= seen;
      this.#startWatch();
      this.#lossWatch ??= setInterval(() => void this.#tellLosses(), this.#options.lossIntervalMs);
    }
    for await (const bytes of run.bytes) {
      this.#hasHeard = true;
      if (this.#channel.put({ kind: "chunk", bytes }) > 0) await this.#channel.room();
    }
    const reason = await run.ended;
    this.#run = undefined;
    return { reason, listened: opened !== undefined };
  }

  /** Where nothing came, nothing was lost. */
  async #tellLosses(): Promise<void> {
    const run = this.#run;
    if (!this.#hasHeard || run === undefined) return;
    this.#hasHeard = false;
    const counters = await this.counters();
    if (counters === undefined || run !== this.#run || counters.dropped <= this.#dropped) return;
    this.#channel.put({ kind: "lost", count: counters.dropped - this.#dropped });
    this.#dropped = counters.dropped;
  }

  #startWatch(): void {
    const { watchIntervalMs, interfaceName } = this.#options;
    // /sys is Linux; "any" is no device and is never down.
    if (this.#watch !== undefined || watchIntervalMs === 0 || interfaceName === "any" || process.platform !== "linux") return;
    this.#watch = setInterval(() => this.#look(), watchIntervalMs);
  }

  #look(): void {
    const { interfaceName, checkExists, checkRunning, checkBytes } = this.#options;
    const before = this.#state;
    const now = readInterface(interfaceName);
    if (now === undefined && hasInterface(interfaceName)) return; // all descriptors are in use: it is there, and looked at next time
    this.#state = now;
    for (const { kind, text } of compareInterface(interfaceName, before, now, { exists: checkExists, running: checkRunning, bytes: checkBytes })) {
      switch (kind) {
        case "gone":
        case "down":
          this.#channel.put({ kind: "down", cause: kind, text });
          break;
        case "no-carrier":
          this.#channel.put({ kind, text });
          break;
        case "up":
          this.#channel.put({ kind: "up", text });
          // A device that was gone is a new one: whatever was started on the old one listens to nobody.
          if (before === undefined && now?.index !== this.#heardIndex) void this.#run?.stop();
          this.#pause.cut();
          break;
        case "replaced":
        case "reset":
          this.#channel.put({ kind: "replaced", text });
          void this.#run?.stop();
          this.#pause.cut();
          break;
      }
    }
  }
}
