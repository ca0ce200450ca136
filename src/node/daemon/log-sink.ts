/**
 * Where log lines go, and what all such places have in common.
 *
 * @module
 */

import { formatLine, lossRecord, type LogLevel } from "../../server/log-record.ts";

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

/** Makes the line that tells how many are missing; as text unless the log has another format. */
export type LossLine = (count: number) => string;

/** As text. */
export const plainLossLine: LossLine = (count) => formatLine(lossRecord(count));

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

/** Pause before a log that went away is tried again, milliseconds; doubled up to the second. */
export const MIN_PAUSE_MS = 1000;
export const MAX_PAUSE_MS = 30_000;
