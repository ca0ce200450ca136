/**
 * Where the daemon hears packets: each way is a listener that gives datagrams to one handler until it ends or is closed.
 *
 * @module
 */

import type { LoggedPacket } from "../../firewall-log.ts";
import type { CaptureFeedOptions } from "./capture-feed.ts";

/** How listening ended. `failed` makes the daemon's exit status 1. */
export type ListenerEnd = { readonly kind: "done" } | { readonly kind: "failed"; readonly text: string };

/** One way of hearing. */
export interface Listener {
  /**
   * Hears until the end.
   *
   * @param onReady is called when nothing that is sent from now on will be missed
   * @returns how it ended; never rejects for what comes from outside
   */
  run(onReady: () => void): Promise<ListenerEnd>;
  /** Ends {@link run}. */
  close(): Promise<void> | void;
}

/** What every listener is given. */
export interface ListenerOptions extends CaptureFeedOptions {
  /** Is given each packet of the firewall's log that begins a conversation; a promise asks for a pause until it resolves. */
  readonly handleKnock: (packet: LoggedPacket) => Promise<void> | undefined;
}

/** It came to its end, or was closed. */
export const DONE: ListenerEnd = { kind: "done" };
