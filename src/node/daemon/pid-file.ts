/**
 * One daemon a pid file: a lock that dies with its holder, and a pid that can be checked later.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { childEnvironment } from "../child-env.ts";
import { FileError, notRegular, writeFileAtomically } from "../files.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { identifyProcess } from "./process-identity.ts";

/** The pid file is ours until `close`. */
export interface PidFileLock {
  readonly path: string;
  /** Hand this to a child as an inherited descriptor to hand the lock over. */
  readonly descriptor: number;
  /**
   * Who respects the lock: `all`, also the C daemon; `own`, only daemons like this one, for want
   * of perl and python3; `none`, nobody, for want of flock as well.
   */
  readonly guard: "all" | "own" | "none";
  /**
   * Writes the pid, and beside the file what proves later that the pid is still this process.
   *
   * @param pid whose it is
   * @throws {FileError} when the disk does not take it
   */
  write(pid: number): void;
  /** Empties the file and gives the lock up; the file itself stays, as the C daemon leaves it. */
  close(): void;
}

/** What came of asking for the lock. */
export type PidFileResult =
  | { readonly ok: true; readonly lock: PidFileLock }
  /** Somebody holds it; the pid is what the file says, undefined when it says nothing. */
  | { readonly ok: false; readonly pid: number | undefined };

// Both kinds of lock belong to the open file, which the helper shares with us, so they stay ours
// when it has left. The first kind (F_OFD_SETLK, 37) conflicts with the C daemon's lockf(); the
// second with daemons that could take no other. Status 0: ours, 1: taken, else: cannot tell.
const PERL_LOCK =
  'open(F,"+<&=",3) or exit 2; my $l=pack("s s x![q] q q l x![q]",1,0,0,0,0);' +
  "if(!fcntl(F,37,$l)){exit($!{EAGAIN}||$!{EACCES}?1:2)} exit(flock(F,6)?0:1)";
const PYTHON_LOCK =
  "import fcntl,struct,sys\n" +
  "try:\n fcntl.fcntl(3,37,struct.pack('hhqqi4x',1,0,0,0,0))\n fcntl.flock(3,6)\n" +
  "except (BlockingIOError,PermissionError):\n sys.exit(1)\n" +
  "except OSError:\n sys.exit(2)";

/** The helpers that can take a lock for us, best first. */
const LOCKERS: readonly { readonly argv: readonly [string, ...string[]]; readonly guard: PidFileLock["guard"] }[] = [
  { argv: ["perl", "-MErrno", "-e", PERL_LOCK], guard: "all" },
  { argv: ["python3", "-c", PYTHON_LOCK], guard: "all" },
  { argv: ["flock", "-n", "3"], guard: "own" },
];

/** O_EXLOCK of the BSDs: open and lock in one call. There flock and fcntl locks see each other. */
const O_EXLOCK = 0x20;

/**
 * Takes the pid file.
 *
 * @param path FWKNOP_PID_FILE
 * @returns the lock, or who has it
 * @throws {FileError} when the file cannot be opened or is no regular file
 */
export function lockPidFile(path: string): PidFileResult {
  const atOpen = process.platform !== "linux";
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | (atOpen ? O_EXLOCK : 0), 0o600);
  } catch (cause) {
    if (atOpen && codeOf(cause) === "EAGAIN") return { ok: false, pid: readPid(path) };
    if (codeOf(cause) === "ELOOP") throw notRegular(path);
    throw new FileError(`Error trying to open PID file: ${path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
  }
  if (!fstatSync(descriptor).isFile()) {
    closeSync(descriptor);
    throw notRegular(path);
  }
  const guard = atOpen ? "all" : takeLock(descriptor);
  if (guard === undefined) {
    const pid = pidIn(descriptor);
    closeSync(descriptor);
    return { ok: false, pid };
  }
  if (guard !== "all") {
    // Nobody can ask the kernel for us; the file and the processes tell most of it.
    const holder = isPosixLocked(descriptor) ? { state: "running" as const, pid: pidIn(descriptor) } : daemonStatus(path);
    if (holder.state === "running") {
      closeSync(descriptor);
      return { ok: false, pid: holder.pid };
    }
  }
  return { ok: true, lock: makeLock(path, descriptor, guard) };
}

/**
 * Goes on with a lock that was inherited as a descriptor.
 *
 * @param path the same file
 * @param descriptor where the parent put it
 * @param guard what the parent's lock said
 * @returns the same lock
 */
export function adoptPidFile(path: string, descriptor: number, guard: PidFileLock["guard"] = "all"): PidFileLock {
  return makeLock(path, descriptor, guard);
}

function takeLock(descriptor: number): PidFileLock["guard"] | undefined {
  for (const { argv: [program, ...args], guard } of LOCKERS) {
    const { status } = spawnSync(program, args, { stdio: ["ignore", "ignore", "ignore", descriptor], timeout: 10_000, env: childEnvironment() });
    if (status === 0) return guard;
    if (status === 1) return undefined;
  }
  return "none";
}

/** Whether somebody holds a lock of the C daemon's kind, as the kernel lists it (proc(5)). */
function isPosixLocked(descriptor: number): boolean {
  const { dev, ino } = fstatSync(descriptor);
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  // Linux's 32-bit device numbers: 12 bits of major around 20 of minor.
  const place = `${hex((dev >>> 8) & 0xfff)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00))}:${ino}`;
  try {
    return readFileSync("/proc/locks", "latin1").split("\n").some((line) => line.includes(" POSIX ") && line.includes(` ${place} `));
  } catch {
    return false;
  }
}

function makeLock(path: string, descriptor: number, guard: PidFileLock["guard"]): PidFileLock {
  return {
    path,
    descriptor,
    guard,
    write(pid) {
      try {
        ftruncateSync(descriptor, 0);
        writeSync(descriptor, `${pid}\n`, 0);
        fsyncSync(descriptor);
      } catch (cause) {
        throw new FileError(`Could not write PID file: ${path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
      }
      const start = identifyProcess(pid)?.start ?? "";
      writeFileAtomically(proofPath(path), new TextEncoder().encode(`${pid} ${start}\n`), 0o600);
    },
    close() {
      try {
        // A pid left behind would name a stranger one day.
        ftruncateSync(descriptor, 0);
      } finally {
        closeSync(descriptor);
      }
    },
  };
}

/** Beside the pid file: pid and start of the process that wrote it. */
function proofPath(path: string): string {
  return `${path}.start`;
}

/** Whether a daemon runs, by its pid file alone; nothing is written. */
export type DaemonStatus =
  /** `start` tells the process from another that gets its number later. */
  | { readonly state: "running"; readonly pid: number; readonly start: string }
  | { readonly state: "stopped"; readonly stalePid: number | undefined };

/**
 * Tells whether the daemon that wrote a pid file still lives. Works for the files of the C and
 * Perl daemons too, which hold the pid alone: there the program's name has to do.
 *
 * @param path FWKNOP_PID_FILE
 * @returns its pid, or the stale one
 */
export function daemonStatus(path: string): DaemonStatus {
  const pid = readPid(path);
  const identity = pid === undefined ? undefined : identifyProcess(pid);
  if (pid === undefined || identity === undefined) return { state: "stopped", stalePid: pid };
  const proof = readText(proofPath(path)) ?? "";
  const same = proof.startsWith(`${pid} `) ? proof.trim() === `${pid} ${identity.start}` : identity.name === "fwknopd";
  return same ? { state: "running", pid, start: identity.start } : { state: "stopped", stalePid: pid };
}

function readPid(path: string): number | undefined {
  return parsePid(readText(path) ?? "");
}

function pidIn(descriptor: number): number | undefined {
  const buffer = Buffer.alloc(64);
  return parsePid(buffer.toString("latin1", 0, readSync(descriptor, buffer, 0, buffer.length, 0)));
}

/** The C daemon does not truncate: after a shorter pid's newline old digits may follow. */
function parsePid(text: string): number | undefined {
  const match = /^\s*(\d{1,10})\s/.exec(`${text}\n`);
  const pid = Number(match?.[1]);
  // 0 and 1 are never a daemon of ours; a signal to 0 would hit our own group.
  return pid > 1 ? pid : undefined;
}

function readText(path: string): string | undefined {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(256);
      return buffer.toString("latin1", 0, readSync(descriptor, buffer, 0, buffer.length, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
