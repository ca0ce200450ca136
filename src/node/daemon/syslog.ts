/**
 * The ways to the system's log: prefixes on stderr, journald's stream socket, a lasting `logger`.
 *
 * @module
 */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { fstatSync, statSync, writeSync } from "node:fs";
import { connect, Socket } from "node:net";
import { Writable, type Readable } from "node:stream";
import { formatLine, lossRecord, SEVERITY, type LogLevel } from "../../server/log-record.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { childEnvironment } from "../child-env.ts";
import { findProgram } from "../find-program.ts";

/** A place that takes finished lines. It never blocks and never grows without bound. */
export interface LogSink {
  /**
   * @param level how much it matters
   * @param line one line without its end and without control characters
   */
  write(level: LogLevel, line: string): void;
  /** Waits until what was written has left this process, or `timeoutMs` are over. */
  flush(timeoutMs: number): Promise<void>;
  /** Lets go of children and sockets. */
  close(): void;
}

/** Who we are in the log. */
export interface SyslogOptions {
  /** SYSLOG_IDENTITY. */
  readonly identity: string;
  /** The facility's number: `FACILITIES.LOG_DAEMON`. */
  readonly facility: number;
  /** The process id that lines bear. */
  readonly pid: number;
  readonly lossLine?: LossLine;
}

/** SYSLOG_FACILITY: the numbers of RFC 5424 section 6.2.1, those that the daemon takes. */
export const FACILITIES: Readonly<Record<string, number>> = {
  LOG_DAEMON: 3, LOG_LOCAL0: 16, LOG_LOCAL1: 17, LOG_LOCAL2: 18, LOG_LOCAL3: 19,
  LOG_LOCAL4: 20, LOG_LOCAL5: 21, LOG_LOCAL6: 22, LOG_LOCAL7: 23,
};

const JOURNAL_SOCKET = "/run/systemd/journal/stdout";
/** Pause before a log that went away is tried again, milliseconds; doubled up to the second. */
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** Makes the line that tells how many are missing; as text unless the log has another format. */
export type LossLine = (count: number) => string;

const plainLossLine: LossLine = (count) => formatLine(lossRecord(count));

/**
 * Opens the best way to the system's log: journald when it is there, else a lasting `logger`.
 *
 * @param options who we are
 * @returns the sink, or undefined when this system has neither
 */
export function openSyslog(options: SyslogOptions): LogSink | undefined {
  if (isSocket(JOURNAL_SOCKET)) return openJournal(options, JOURNAL_SOCKET);
  const logger = findProgram("logger");
  return logger === undefined ? undefined : openLogger(options, logger);
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

/**
 * Tells whether anybody takes log lines here now. A log that is started after us is found all the same.
 *
 * @returns whether the journal's or the classic socket is there; on systems without them, whether `logger` is
 */
export function hasSyslog(): boolean {
  if (process.platform !== "linux") return findProgram("logger") !== undefined;
  return isSocket(JOURNAL_SOCKET) || (isSocket("/dev/log") && findProgram("logger") !== undefined);
}

/**
 * Tells whether a descriptor is connected to the journal, as systemd says it (systemd.exec(5)).
 *
 * @param journalStream the variable JOURNAL_STREAM
 * @param descriptor the descriptor to compare with
 * @returns whether lines there may begin with `<N>`
 */
export function isJournalStream(journalStream: string | undefined, descriptor: number): boolean {
  if (journalStream === undefined) return false;
  const stats = fstatSync(descriptor, { bigint: true });
  return journalStream === `${stats.dev}:${stats.ino}`;
}

/** How lines look on stderr. */
export interface StderrOptions {
  readonly prefixed?: boolean;
  readonly descriptor?: number;
  readonly lossLine?: LossLine;
}

/**
 * Lines on stderr: no timestamp, for whoever reads it has a clock; under systemd the severity in front.
 *
 * @param options whether lines begin with `<N>`, found out when absent; where to write, 2 when absent
 * @returns the sink
 */
export function openStderr({ prefixed = isJournalStream(process.env["JOURNAL_STREAM"], 2), descriptor = 2, lossLine = plainLossLine }: StderrOptions = {}): LogSink {
  const format = (level: LogLevel, line: string): string => (prefixed ? `<${SEVERITY[level]}>${line}\n` : `${line}\n`);
  const stream = descriptorStream(descriptor);
  stream.on("error", () => {}); // whoever read it has left; what is lost is counted
  const writer = new BoundedWriter((count) => format("warning", lossLine(count)));
  writer.attach(stream);
  return {
    write: (level, line) => writer.write(level, format(level, line)),
    flush: (timeoutMs) => writer.flush(timeoutMs),
    close: () => writer.close(),
  };
}

/** A pipe whose reader has stopped must not stop us: it is written to without blocking. Files and terminals are plainly written. */
function descriptorStream(descriptor: number): Writable {
  const stats = fstatSync(descriptor);
  // Bun takes a net.Socket over a descriptor and never writes.
  if ((stats.isFIFO() || stats.isSocket()) && process.versions["bun"] === undefined) {
    return new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  }
  return new Writable({
    write(chunk: Uint8Array, _encoding, done): void {
      try {
        writeSync(descriptor, chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}

/**
 * The journal's stream socket: our own pid, a severity a line, the facility from the first lines.
 *
 * @param options who we are
 * @param path the socket
 * @returns the sink; it connects again when journald was restarted
 */
export function openJournal(options: SyslogOptions, path: string): LogSink {
  const { lossLine = plainLossLine } = options;
  const format = (level: LogLevel, line: string): string => `<${SEVERITY[level]}>${line}\n`;
  const writer = new BoundedWriter((count) => format("warning", lossLine(count)));
  // Identity, unit, priority, level prefix, then forward to syslog, kmsg, console.
  const header = `${options.identity}\n\n${options.facility * 8 + SEVERITY.info}\n1\n0\n0\n0\n`;
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pauseMs = MIN_PAUSE_MS;
  let closed = false;
  const open = (): void => {
    // journald shuts its sending side at once: without allowHalfOpen that would close ours.
    const fresh = connect({ path, allowHalfOpen: true });
    fresh.unref();
    socket = fresh;
    fresh.on("connect", () => {
      pauseMs = MIN_PAUSE_MS;
      fresh.write(header);
      writer.attach(fresh);
    });
    fresh.on("error", () => {}); // "close" follows
    fresh.on("close", () => {
      writer.detach();
      if (closed) return;
      timer = setTimeout(open, pauseMs).unref();
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
    });
    fresh.resume();
  };
  open();
  return {
    write: (level, line) => writer.write(level, format(level, line)),
    flush: (timeoutMs) => writer.flush(timeoutMs),
    close: () => {
      closed = true;
      clearTimeout(timer);
      writer.close();
      socket?.end();
      socket?.unref();
    },
  };
}

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
    child.stdin.on("error", () => {}); // EPIPE when it leaves; "close" follows
    (child.stdin as Socket).unref();
    (child.stderr as Socket).unref();
    let misused = false;
    child.stderr.on("data", (chunk: Uint8Array) => (misused ||= MISUSE.test(String(chunk))));
    this.#writer.attach(child.stdin);
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
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    // It reads what is there and leaves by itself.
    this.#child?.stdin.end();
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
