/**
 * The way to the system's log: journald's stream socket, or a lasting `logger`.
 *
 * @module
 */

import { statSync } from "node:fs";
import { findProgram } from "../find-program.ts";
import { openJournal } from "./journal-sink.ts";
import type { LogSink, SyslogOptions } from "./log-sink.ts";
import { openLogger } from "./logger-sink.ts";

const JOURNAL_SOCKET = "/run/systemd/journal/stdout";

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
