/**
 * Signals of the daemon.
 *
 * @module
 */

/** What the daemon does on each. */
export interface SignalHandlers {
  /** HUP: read the files again. Ignored without one. */
  readonly reload?: () => void;
  /** INT, TERM: leave. Without one the signal ends the process as ever. */
  readonly stop?: (signal: "SIGINT" | "SIGTERM") => void;
}

/**
 * Takes charge of the signals. To be called first of all: an unhandled USR1 opens Node's
 * inspector to every local user, and ends Bun and Deno. USR2 is ignored as well, as the C
 * daemon does; PIPE is ignored by the runtime.
 *
 * @param handlers what to do
 * @returns gives the signals back
 */
export function handleSignals(handlers: SignalHandlers): () => void {
  const ignore = (): void => {};
  const listeners: (readonly [NodeJS.Signals, () => void])[] = [
    ["SIGUSR1", ignore],
    ["SIGUSR2", ignore],
    ["SIGHUP", handlers.reload ?? ignore],
  ];
  const { stop } = handlers;
  if (stop !== undefined) listeners.push(["SIGINT", () => stop("SIGINT")], ["SIGTERM", () => stop("SIGTERM")]);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
