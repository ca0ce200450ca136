/**
 * One daemon a pid file: a lock that dies with its holder, and a pid that is checked before
 * anything is signalled.
 *
 * @module
 */

/** The pid file is ours until `close`. */
export interface PidFileLock {
  readonly path: string;
  /** Hand this to a child as an inherited descriptor to hand the lock over. */
  readonly descriptor: number;
  /** Whether the C daemon would notice the lock; false without perl and python3. */
  readonly seenByOthers: boolean;
  /** Writes the pid, and beside the file what proves later that the pid is still this process. */
  write(pid: number): void;
  /** Gives the lock up; the file stays, as the C daemon leaves it. */
  close(): void;
}

/** What came of asking for the lock. */
export type PidFileResult =
  | { readonly ok: true; readonly lock: PidFileLock }
  /** Somebody holds it; the pid is what the file says, undefined when it says nothing. */
  | { readonly ok: false; readonly pid: number | undefined };

/**
 * Takes the pid file.
 *
 * @param path FWKNOP_PID_FILE
 * @returns the lock, or who has it
 * @throws {FileError} when the file cannot be opened or is no regular file
 */
export function lockPidFile(path: string): PidFileResult {
  throw new RangeError(path);
}

/**
 * Goes on with a lock that was inherited as a descriptor.
 *
 * @param path the same file
 * @param descriptor where the parent put it
 * @returns the same lock
 */
export function adoptPidFile(path: string, descriptor: number): PidFileLock {
  throw new RangeError(`${path} ${descriptor}`);
}

/** Whether a daemon runs, by its pid file alone; nothing is written. */
export type DaemonStatus =
  | { readonly state: "running"; readonly pid: number }
  | { readonly state: "stopped"; readonly stalePid: number | undefined };

/** @param path FWKNOP_PID_FILE  @returns whether the process that wrote it still lives */
export function daemonStatus(path: string): DaemonStatus {
  throw new RangeError(path);
}

/** What -S, -K and -R print and return. */
export interface ControlResult {
  readonly exitStatus: 0 | 1;
  readonly stdout: string;
  readonly stderr: string;
}

/** -S: says whether the daemon runs. */
export function reportStatus(path: string): ControlResult {
  throw new RangeError(path);
}

/** -R: sends HUP. */
export function restartDaemon(path: string): ControlResult {
  throw new RangeError(path);
}

/** -K: sends TERM, waits, sends KILL. */
export async function killDaemon(path: string): Promise<ControlResult> {
  throw new RangeError(path);
}
