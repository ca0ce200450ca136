/**
 * Becoming a daemon: the program starts itself again in a session of its own, and the parent
 * leaves with the truth about how that went.
 *
 * @module
 */

/** How the daemon process is started. */
export interface DaemonizeOptions {
  /** The program file, as in `process.argv[1]`. */
  readonly main: string;
  /** Its arguments; relative paths are resolved before. */
  readonly args: readonly string[];
  /** Descriptor of the pid file lock, handed over. */
  readonly lockDescriptor?: number;
}

/** What the parent prints and returns. */
export interface DaemonizeResult {
  readonly exitStatus: number;
  /** Warnings and errors of the start, for stderr. */
  readonly text: string;
}

/** In the parent: starts the daemon and waits until it is ready or dead. */
export async function startDaemon(options: DaemonizeOptions): Promise<DaemonizeResult> {
  throw new RangeError(options.main);
}

/** In the daemon: the way to tell the parent. */
export interface Readiness {
  /** Descriptor of the pid file lock, when one was handed over. */
  readonly lockDescriptor: number | undefined;
  /** @param line goes to the terminal that started us, while somebody waits there */
  say(line: string): void;
  /** The parent may leave now, with 0. */
  ready(): void;
}

/** In the daemon: undefined when this process was not started by `startDaemon`. */
export function inheritReadiness(): Readiness | undefined {
  return undefined;
}
