/**
 * The log in systemd's journal, by the socket that services' own output goes to.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { SEVERITY, type LogLevel } from "../../server/log-record.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { type LogSink, MAX_PAUSE_MS, MIN_PAUSE_MS, plainLossLine, type SyslogOptions } from "./log-sink.ts";

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
