/**
 * The ways to the system's log: prefixes on stderr, journald's stream socket, a lasting `logger`.
 *
 * @module
 */

import type { LogLevel } from "../server/log-record.ts";

/** A place that takes finished lines. It never blocks and never grows without bound. */
export interface LogSink {
  /** @param level how much it matters  @param line one line without its end */
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
}

/** SYSLOG_FACILITY: the numbers of RFC 5424 section 6.2.1, those that the daemon takes. */
export const FACILITIES: Readonly<Record<string, number>> = {
  LOG_DAEMON: 3, LOG_LOCAL0: 16, LOG_LOCAL1: 17, LOG_LOCAL2: 18, LOG_LOCAL3: 19,
  LOG_LOCAL4: 20, LOG_LOCAL5: 21, LOG_LOCAL6: 22, LOG_LOCAL7: 23,
};

/** Opens the best way there is. */
export function openSyslog(options: SyslogOptions): LogSink {
  throw new RangeError(options.identity);
}

/** Lines on stderr: no timestamp; under systemd with the priority in front. */
export function openStderr(): LogSink {
  throw new RangeError("stderr");
}
