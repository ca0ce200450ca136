/**
 * The daemon's log: levels, verbosity, format, and the sinks behind it.
 *
 * @module
 */

import type { LogRecord, LogValue } from "../server/log-record.ts";
import type { LogSink } from "./syslog.ts";

/** How the log looks and where it goes. */
export interface LogOptions {
  readonly sinks: readonly LogSink[];
  /** How often -v was given. */
  readonly verbosity: number;
  readonly format: "text" | "json";
}

/** Takes records and gives lines to every sink. */
export class Log {
  /** @param options sinks, verbosity and format */
  constructor(options: LogOptions) {
    void options;
  }

  /** @param record what happened; dropped when the verbosity hides it */
  write(record: LogRecord): void {
    void record;
  }

  error(message: string, fields?: Readonly<Record<string, LogValue>>): void {
    this.write({ level: "error", message, ...(fields && { fields }) });
  }

  warning(message: string, fields?: Readonly<Record<string, LogValue>>): void {
    this.write({ level: "warning", message, ...(fields && { fields }) });
  }

  info(message: string, fields?: Readonly<Record<string, LogValue>>): void {
    this.write({ level: "info", message, ...(fields && { fields }) });
  }

  debug(message: string, fields?: Readonly<Record<string, LogValue>>): void {
    this.write({ level: "debug", message, ...(fields && { fields }) });
  }

  /** Waits until the sinks have passed on what they hold, at most `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    void timeoutMs;
  }
}
