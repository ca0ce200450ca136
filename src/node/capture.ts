/**
 * A capture that lasts: tcpdump is restarted when it ends, when its interface comes back or
 * was replaced.
 *
 * @module
 */

import type { CaptureCounters, CaptureEnd, TcpdumpOptions } from "./tcpdump.ts";

/** What happens on a captured interface. */
export type CaptureEvent =
  /** tcpdump listens: a new pcap stream with its own header begins. */
  | { readonly kind: "start"; readonly linkType: string; readonly pid: number }
  /** Bytes of that stream; a view that belongs to the consumer. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** tcpdump ended; it is started again after `restartInMs`, or never when that is undefined. */
  | { readonly kind: "end"; readonly reason: CaptureEnd; readonly restartInMs: number | undefined }
  /** The interface was set down or is gone (EXIT_AT_INTF_DOWN is the caller's to obey). */
  | { readonly kind: "down"; readonly text: string }
  /** It is up again. */
  | { readonly kind: "up"; readonly text: string }
  /** Another device has the name now, or its counters went back; tcpdump is restarted. */
  | { readonly kind: "replaced"; readonly text: string };

/** What is watched besides tcpdump itself. */
export interface CaptureOptions extends TcpdumpOptions {
  /** How often the interface is looked at, milliseconds; 0 for never (ENABLE_INTF_CHECKS N). */
  readonly watchIntervalMs?: number;
  /** ENABLE_INTF_EXISTS_CHECK, ENABLE_INTF_RUNNING_CHECK, ENABLE_INTF_BYTES_CHECK. */
  readonly checkExists?: boolean;
  readonly checkRunning?: boolean;
  readonly checkBytes?: boolean;
  /** First and longest pause before a restart, milliseconds. */
  readonly minBackOffMs?: number;
  readonly maxBackOffMs?: number;
}

/** Captures on one interface until it is closed. The first failure to open ends it; later ones are retried. */
export class Capture implements AsyncIterable<CaptureEvent> {
  /** @param options what to capture and what to watch */
  constructor(options: CaptureOptions) {
    void options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureEvent> {
    yield { kind: "down", text: "" };
  }

  /** Asks tcpdump how many packets the kernel dropped; undefined when it does not answer in time, which means that it waits for us. */
  async counters(): Promise<CaptureCounters | undefined> {
    return undefined;
  }

  /** Stops tcpdump and ends the iteration. */
  async close(): Promise<void> {}
}
