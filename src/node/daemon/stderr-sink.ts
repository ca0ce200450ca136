/**
 * The log on standard error.
 *
 * @module
 */

import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { Writable } from "node:stream";
import { SEVERITY, type LogLevel } from "../../server/log-record.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { type LogSink, type LossLine, MIN_PAUSE_MS, plainLossLine } from "./log-sink.ts";

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
  const writer = new BoundedWriter((count) => format("warning", lossLine(count)));
  let timer: NodeJS.Timeout | undefined;
  const open = (): void => {
    const stream = descriptorStream(descriptor);
    stream.on("error", () => {
      if (stream instanceof Socket) return; // whoever read it has left
      writer.detach();
      timer = setTimeout(open, MIN_PAUSE_MS).unref(); // a disk that is full may have room again
    });
    writer.attach(stream);
  };
  open();
  return {
    write: (level, line) => writer.write(level, format(level, line)),
    flush: (timeoutMs) => writer.flush(timeoutMs),
    close: () => {
      clearTimeout(timer);
      writer.close();
    },
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
        for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}
