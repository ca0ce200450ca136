/**
 * The daemon's log: levels, verbosity, format, and the sinks behind it.
 *
 * @module
 */

import { formatJson, formatLine, isShown, type LogRecord, type LogValue } from "../../server/log-record.ts";
import type { LogSink } from "./log-sink.ts";

/** How the log looks. */
export type LogFormat = keyof typeof FORMATS;

const FORMATS = {
  text: formatLine,
  json: formatJson,
} as const satisfies Record<string, (record: LogRecord, timeMs: number) => string>;

/**
 * Renders a record.
 *
 * @param record the event
 * @param format how the log looks
 * @param timeMs Unix time of the event, milliseconds
 * @returns one line without its end
 */
export function renderRecord(record: LogRecord, format: LogFormat, timeMs: number): string {
  return FORMATS[format](record, timeMs);
}

/** How the log looks and where it goes. */
export interface LogOptions {
  readonly sinks: readonly LogSink[];
  /** How often -v was given. */
  readonly verbosity: number;
  readonly format: LogFormat;
  /** Unix time in milliseconds, for the JSON log. */
  readonly now?: () => number;
}

/** Takes records and gives lines to every sink. */
export class Log {
  #options: LogOptions;

  /** @param options sinks, verbosity and format */
  constructor(options: LogOptions) {
    this.#options = options;
  }

  /**
   * Changes verbosity or format, as after a reload.
   *
   * @param changed what is different now
   */
  configure(changed: Partial<LogOptions>): void {
    this.#options = { ...this.#options, ...changed };
  }

  /** How often -v was given. */
  get verbosity(): number {
    return this.#options.verbosity;
  }

  /**
   * Logs an event. A bound copy of this is what everything that logs is given.
   *
   * @param record what happened; dropped when the verbosity hides it
   */
  readonly write = (record: LogRecord): void => {
    const { sinks, verbosity, format, now = Date.now } = this.#options;
    if (!isShown(record, verbosity)) return;
    const line = renderRecord(record, format, now());
    for (const sink of sinks) sink.write(record.level, line);
  };

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

  /** External commands, for whoever gave -v twice. */
  trace(message: string): void {
    this.write({ level: "debug", detail: 2, message });
  }

  /**
   * Waits until the sinks have passed on what they hold.
   *
   * @param timeoutMs at most so long
   */
  async flush(timeoutMs: number): Promise<void> {
    await Promise.all(this.#options.sinks.map((sink) => sink.flush(timeoutMs)));
  }
}
