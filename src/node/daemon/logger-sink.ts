/**
 * The log through logger(1), for systems without a journal.
 *
 * @module
 */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { SEVERITY, type LogLevel } from "../../server/log-record.ts";
import { childEnvironment } from "../child-env.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { FACILITIES, type LogSink, MAX_PAUSE_MS, MIN_PAUSE_MS, plainLossLine, type SyslogOptions } from "./log-sink.ts";

/** `prefix`: one child, the priority before each line (util-linux); `level`: one child a severity (BSD, BusyBox). */
export type LoggerStyle = "prefix" | "level";

/**
 * Builds the command line of a lasting `logger`.
 *
 * @param program the path of logger
 * @param options who we are
 * @param style what this logger can do
 * @param level the severity of an unmarked line
 * @returns the argument vector
 */
export function loggerArgv(program: string, options: SyslogOptions, style: LoggerStyle, level: LogLevel): [string, ...string[]] {
  const priority = `${facilityName(options.facility)}.${SYSLOG_NAMES[level]}`;
  switch (style) {
    case "prefix":
      // Longer than this a line would be split; ours are cut before.
      return [program, "--prio-prefix", `--id=${options.pid}`, "-S", "32768", "-t", options.identity, "-p", priority];
    case "level":
      return [program, "-t", `${options.identity}[${options.pid}]`, "-p", priority];
  }
}

/** As `logger -p` takes them. */
const SYSLOG_NAMES: Readonly<Record<LogLevel, string>> = { error: "err", warning: "warning", info: "info", debug: "debug" };

function facilityName(facility: number): string {
  const name = Object.keys(FACILITIES).find((key) => FACILITIES[key] === facility) ?? "LOG_DAEMON";
  return name.slice("LOG_".length).toLowerCase();
}

/** What a logger says that does not know our options; util-linux's leaves for want of /dev/log as well. */
const MISUSE = /(?:unrecognized|invalid|illegal|unknown) option|usage:/i;

/** One `logger` that reads lines for as long as we live, and is started again when it leaves. */
class LoggerProcess {
  readonly #argv: readonly [string, ...string[]];
  readonly #writer: BoundedWriter;
  readonly #onMisuse: (() => void) | undefined;
  #child: ChildProcessByStdio<Writable, null, Readable> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = MIN_PAUSE_MS;
  #closed = false;

  constructor(argv: readonly [string, ...string[]], writer: BoundedWriter, onMisuse: (() => void) | undefined) {
    this.#argv = argv;
    this.#writer = writer;
    this.#onMisuse = onMisuse;
    this.#start();
  }

  #start(): void {
    const [program, ...args] = this.#argv;
    const startedAt = performance.now();
    // A session of its own: Ctrl-C in the foreground shall not end it before our last line.
    const child = spawn(program, args, { detached: true, stdio: ["pipe", "ignore", "pipe"], env: childEnvironment() });
    this.#child = child;
    child.unref();
    let misused = false;
    let over = false;
    const leave = (): void => {
      if (over) return;
      over = true;
      this.#writer.detach();
      if (this.#closed) return;
      if (misused && this.#onMisuse !== undefined) {
        this.#onMisuse();
        return;
      }
      if (performance.now() - startedAt > MAX_PAUSE_MS) this.#pauseMs = MIN_PAUSE_MS;
      this.#timer = setTimeout(() => this.#start(), this.#pauseMs).unref();
      this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2);
    };
    child.on("error", leave);
    child.on("close", leave);
    if (child.pid === undefined) return; // "error" follows; there are no streams when no descriptor was left for them
    child.stdin.on("error", () => {}); // EPIPE when it leaves; "close" follows
    (child.stdin as Socket).unref();
    (child.stderr as Socket).unref();
    child.stderr.on("data", (chunk: Uint8Array) => (misused ||= MISUSE.test(String(chunk))));
    this.#writer.attach(child.stdin);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    // It reads what is there and leaves by itself.
    if (this.#child?.pid !== undefined) this.#child.stdin.end();
  }
}

/**
 * A lasting `logger`.
 *
 * @param options who we are
 * @param program the path of logger
 * @param style what this logger can do; found out when absent
 * @returns the sink
 */
export function openLogger(options: SyslogOptions, program: string, style: LoggerStyle = process.platform === "linux" ? "prefix" : "level"): LogSink {
  const { lossLine = plainLossLine } = options;
  let current = style;
  const format = (level: LogLevel, line: string): string => (current === "prefix" ? `<${options.facility * 8 + SEVERITY[level]}>${line}\n` : `${line}\n`);
  const processes = new Map<LogLevel, { writer: BoundedWriter; process: LoggerProcess }>();
  const processFor = (level: LogLevel): BoundedWriter => {
    const key = current === "prefix" ? "info" : level;
    let entry = processes.get(key);
    if (entry === undefined) {
      const writer = new BoundedWriter((count) => format("warning", lossLine(count)));
      const onMisuse = (): void => {
        // BusyBox: no --prio-prefix. What it was given is lost; the next line starts the other style.
        current = "level";
        writer.close();
        processes.delete(key);
      };
      entry = { writer, process: new LoggerProcess(loggerArgv(program, options, current, key), writer, current === "prefix" ? onMisuse : undefined) };
      processes.set(key, entry);
    }
    return entry.writer;
  };
  return {
    write: (level, line) => processFor(level).write(level, format(level, line)),
    flush: async (timeoutMs) => {
      await Promise.all(Array.from(processes.values(), ({ writer }) => writer.flush(timeoutMs)));
    },
    close: () => {
      for (const { writer, process: logger } of processes.values()) {
        writer.close();
        logger.close();
      }
      processes.clear();
    },
  };
}
