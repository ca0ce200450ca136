/**
 * A child process whose words are waited for.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";

/** What is waited for comes within a second on a quiet machine; this is for a loaded one. */
const PATIENCE_MS = 20_000;

/** Between looks at the log for what is waited for: a look at each piece would keep a talkative child waiting. */
const LOOK_MS = 20;

/** How a child ended. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Gathers what a child says on stdout and stderr, as it comes. */
export class WatchedChild {
  /** All that it said so far. */
  log = "";
  /** Settles when it has ended and all of its output is in {@link WatchedChild.log}; rejects when it could not be started. */
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  /**
   * @param title for messages
   * @param child from `spawn`, with stdout and stderr piped
   * @param onLine given each line as it is complete
   */
  constructor(title: string, child: ChildProcess, onLine: (line: string) => void = () => {}) {
    this.#title = title;
    this.#child = child;
    let soon: NodeJS.Timeout | undefined;
    const look = (): void => {
      clearTimeout(soon);
      soon = undefined;
      this.#waiting.forEach((waiting) => waiting());
    };
    for (const stream of [child.stdout, child.stderr]) {
      let line = "";
      stream?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (line + text).split("\n");
        line = lines.pop()!;
        lines.forEach(onLine);
        this.log += text;
        if (this.#waiting.size > 0) soon ??= setTimeout(look, LOOK_MS);
      });
    }
    child.stdin?.on("error", () => {}); // EPIPE when it leaves early: its end tells
    this.exit = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status, signal) => {
        this.#ended = true;
        look();
        resolve({ status, signal });
      });
    });
    this.exit.catch(() => {}); // for those who only wait for words
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it reads; only where that was piped. */
  get stdin(): NodeJS.WritableStream {
    return this.#child.stdin!;
  }

  /** How often a text or pattern is in the log. */
  count(pattern: string | RegExp): number {
    if (typeof pattern === "string") return this.log.split(pattern).length - 1;
    return [...this.log.matchAll(new RegExp(pattern, pattern.flags.replace("g", "") + "g"))].length;
  }

  /**
   * Waits until a text or pattern is in the log.
   *
   * @param pattern what to wait for
   * @param times how often it must be there
   * @throws {Error} with the end of the log, when the child ends before, or is silent for 20 seconds
   */
  waitFor(pattern: string | RegExp, times = 1): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (problem?: string): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (problem === undefined) resolve();
        else reject(new Error(`${this.#title} ${problem} without saying ${pattern}${times === 1 ? "" : ` ${times} times`}; it said:\n${this.log.slice(-3000)}`));
      };
      const look = (): void => {
        if (this.count(pattern) >= times) settle();
        else if (this.#ended) settle("ended");
      };
      const timer = setTimeout(settle, PATIENCE_MS, `ran for ${PATIENCE_MS / 1000} s`);
      this.#waiting.add(look);
      look();
    });
  }

  /**
   * Sends a signal and waits for the end; kills a child that does not obey.
   *
   * @param signal SIGTERM when absent
   * @returns how it ended; SIGKILL when it did not obey
   */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    // Not by `child.kill`: after that Deno reports the signal for the end, whatever the child made of it.
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    try {
      return await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }
}
