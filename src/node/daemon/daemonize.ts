/**
 * Becoming a daemon: the program starts itself again in a session of its own, and the parent
 * leaves with the truth about how that went.
 *
 * @module
 */

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { programArgv } from "../own-runtime.ts";
import { reasonOf } from "../system-error.ts";
import type { PidFileLock } from "./pid-file.ts";

/** How the daemon process is started. */
export interface DaemonizeOptions {
  /** The program file, as in `process.argv[1]`. */
  readonly main: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Handed over; the parent's own descriptor goes with the parent. */
  readonly lock?: PidFileLock;
}

/** What the parent prints and returns. */
export interface DaemonizeResult {
  readonly exitStatus: number;
  /** Warnings and errors of the start, for stderr; lines with their ends. */
  readonly text: string;
}

/** Tells the daemon process what it is: `ready`, or `ready,` and the guard of the lock that it inherits. */
const VARIABLE = "FKO_TOOL_DAEMON";
const READY_DESCRIPTOR = 3;
const LOCK_DESCRIPTOR = 4;
/** Ends what the daemon says before it is ready. */
const READY_MARK = "\0";
/** More talk than this is a loop, not a start. */
const MAX_TEXT = 65_536;

/**
 * In the parent: starts the daemon and waits until it is ready or dead. Signals that ask us to
 * leave are passed on to it.
 *
 * @param options what to start
 * @returns the exit status that tells how it went, and what to print
 */
export function startDaemon(options: DaemonizeOptions): Promise<DaemonizeResult> {
  const { main, args, lock } = options;
  const [program, ...words] = programArgv(main, ...args);
  return new Promise((resolve) => {
    let child: ChildProcess | undefined;
    const passOn = (signal: NodeJS.Signals): void => void child?.kill(signal);
    const signals = ["SIGINT", "SIGTERM"] as const;
    const settle = (result: DaemonizeResult): void => {
      for (const signal of signals) process.off(signal, passOn);
      resolve(result);
    };
    // Before there is a child: a signal that comes while it is made is dealt with after that.
    for (const signal of signals) process.on(signal, passOn);
    try {
      child = spawn(program, words, {
        detached: true,
        env: { ...process.env, [VARIABLE]: lock === undefined ? "ready" : `ready,${lock.guard}` },
        // Not our stderr: whoever called us through ssh or $(…) would wait for its end.
        stdio: ["ignore", "ignore", "ignore", "pipe", lock?.descriptor ?? "ignore"],
      });
    } catch (error) {
      settle({ exitStatus: 1, text: `Cannot start the daemon: ${reasonOf(error)}\n` });
      return;
    }
    const started = child;
    started.on("error", (error) => {
      if (started.pid === undefined) settle({ exitStatus: 1, text: `Cannot start the daemon: ${reasonOf(error)}\n` });
    });
    if (started.pid === undefined) return; // for want of descriptors, for example, and then there is no pipe

    let text = "";
    const pipe = started.stdio[READY_DESCRIPTOR] as Readable;
    pipe.on("error", () => {}); // a reset when it dies; "close" tells
    pipe.on("data", (chunk: Uint8Array) => {
      if (text.length < MAX_TEXT) text += String(chunk);
      const mark = text.indexOf(READY_MARK);
      if (mark < 0) return;
      pipe.destroy();
      started.unref();
      settle({ exitStatus: 0, text: text.slice(0, mark) });
    });
    started.on("close", (status, signal) => {
      const end = signal === null ? "" : `The daemon died of ${signal} before it was ready\n`;
      settle({ exitStatus: status || (signal === null ? 1 : 128 + constants.signals[signal]), text: text + end });
    });
  });
}

/** In the daemon: the way to tell the parent. */
export interface Readiness {
  /** The pid file lock that was handed over. */
  readonly lock: { readonly descriptor: number; readonly guard: PidFileLock["guard"] } | undefined;
  /** @param line goes to the terminal that started us, while somebody waits there */
  say(line: string): void;
  /**
   * Lets the parent leave with 0, and makes `/` our folder, so that no mount is kept busy.
   *
   * @returns whether somebody waited for it; if not, the start was given up and the daemon should leave
   */
  ready(): boolean;
}

/**
 * In the daemon, first of all: takes up the connection to the parent, removes the traces of it
 * from the environment, and closes new files to other users. Until it is ready an uncaught
 * error is told to the parent.
 *
 * @returns undefined when this process was not started by `startDaemon`
 */
export function inheritReadiness(): Readiness | undefined {
  const value = process.env[VARIABLE];
  delete process.env[VARIABLE];
  const match = /^ready(?:,(all|own|none))?$/.exec(value ?? "");
  if (match === null) return undefined;
  process.umask(0o077);
  const guard = match[1] as PidFileLock["guard"] | undefined;
  let open = true;
  const write = (text: string): boolean => {
    if (!open) return false;
    try {
      writeSync(READY_DESCRIPTOR, text);
      return true;
    } catch {
      // EPIPE: the parent was killed.
      return false;
    }
  };
  const onUncaught = (error: Error): void => {
    write(`${error.stack ?? String(error)}\n`);
    process.exit(1);
  };
  process.on("uncaughtException", onUncaught);
  return {
    lock: guard === undefined ? undefined : { descriptor: LOCK_DESCRIPTOR, guard },
    say: (line) => void write(`${line.replaceAll(READY_MARK, "")}\n`),
    ready() {
      process.off("uncaughtException", onUncaught);
      const heard = write(READY_MARK);
      if (open) closeSync(READY_DESCRIPTOR);
      open = false;
      process.chdir("/");
      return heard;
    },
  };
}
