/**
 * Runs a program to its end: an argument vector, never a shell, with limits on time and output.
 *
 * @module
 */

import { spawn, type ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { concatBytes } from "../bytes.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/** What a program gets and may cost. */
export interface RunOptions {
  /** Given on stdin, which is empty when absent. */
  readonly input?: string | Uint8Array;
  /** After that it is killed with everything it started. */
  readonly timeoutMs: number;
  /** Ends it before: it and what it started are asked by TERM, and killed when they are still there after {@link GRACE_MS}. */
  readonly signal?: AbortSignal;
  /** Added to PATH (sbin included) and LC_ALL=C, which is all of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `/` when absent. */
  readonly cwd?: string;
  /** Numbers; the supplementary groups are dropped, not replaced. */
  readonly uid?: number;
  readonly gid?: number;
  /** Kept of stdout and of stderr each, 1 MiB when absent; what comes after it is read and forgotten. */
  readonly maxOutputBytes?: number;
}

/** How a program ended. */
export interface RunResult {
  readonly argv: readonly string[];
  /** Whether it exited with status 0 and nothing of its output is missing. */
  readonly ok: boolean;
  /** Undefined when it did not exit by itself. */
  readonly status: number | undefined;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** Output was longer than the bound. */
  readonly truncated: boolean;
  /**
   * Why it could not be started: `ENOENT` no such program, `EACCES` not executable, `EPERM` not as that user,
   * `E2BIG` too many or too long arguments, `EINVAL` an argument with a NUL in it, `EAGAIN` …
   */
  readonly startError: { readonly code: string; readonly message: string } | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Where programs are looked for, whatever the environment says. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** How long a program that was asked to end may take, milliseconds. */
const GRACE_MS = 1000;

/** How long the output may still come after everything was killed: a process that left the group may hold the pipe. */
const DRAIN_MS = 500;

/**
 * Runs a program in a session of its own and waits until it has ended and its output is there.
 * Never rejects for what the program or the system does.
 *
 * @param argv program and arguments; never secrets, which every user can read there
 * @param options input, environment and limits
 * @returns how it ended
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const stdout = new Output(options.maxOutputBytes ?? 1 << 20);
    const stderr = new Output(options.maxOutputBytes ?? 1 << 20);
    let timedOut = false;
    let settled = false;
    let limit: NodeJS.Timeout | undefined;
    const settle = (status: number | undefined, signal: string | undefined, startError?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(limit);
      options.signal?.removeEventListener("abort", end);
      const truncated = stdout.truncated || stderr.truncated;
      resolve({
        argv, status, signal, timedOut, truncated,
        ok: status === 0 && !timedOut && !truncated,
        startError: startError === undefined ? undefined : { code: startCode(startError), message: reasonOf(startError) },
        stdout: stdout.text(), stderr: stderr.text(), durationMs: performance.now() - startedAt,
      });
    };

    let started: ChildProcess;
    const kill = (): void => {
      if (settled) return;
      signalGroup(started, "SIGKILL");
      limit = setTimeout(() => {
        for (const stream of started.stdio) stream?.destroy();
        settle(undefined, "SIGKILL");
      }, DRAIN_MS);
    };
    const end = (): void => {
      clearTimeout(limit);
      signalGroup(started, "SIGTERM");
      limit = setTimeout(kill, GRACE_MS);
    };
    if (options.signal?.aborted) {
      settle(undefined, "SIGTERM");
      return;
    }
    try {
      started = spawn(argv[0], argv.slice(1), {
        detached: true, // its own process group, so that its children can be killed too
        cwd: options.cwd ?? "/",
        env: { PATH, LC_ALL: "C", ...options.env },
        stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
        ...(options.uid === undefined ? {} : { uid: options.uid }),
        ...(options.gid === undefined ? {} : { gid: options.gid }),
      });
    } catch (error) { // E2BIG, EPERM for another user, a NUL in an argument
      settle(undefined, undefined, error);
      return;
    }
    started.on("error", (error) => {
      if (started.pid === undefined) settle(undefined, undefined, error);
    });
    if (started.pid === undefined) return; // the error is on its way
    stdout.collect(started.stdout!);
    stderr.collect(started.stderr!);
    started.stdin?.on("error", () => {}); // EPIPE when it leaves early: its exit status tells
    started.stdin?.end(options.input);
    started.on("close", (status, signal) => settle(status ?? undefined, signal ?? undefined));
    const timeOut = (): void => {
      if (settled) return;
      timedOut = true;
      kill();
    };
    // After a time in which we were stopped the timer is looked at first; what ended meanwhile ended in time.
    limit = setTimeout(() => setImmediate(timeOut), Math.min(options.timeoutMs, 0x7fffffff));
    options.signal?.addEventListener("abort", end);
  });
}

/** What a stream gave, up to a bound. */
class Output {
  truncated = false;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  collect(stream: Readable): void {
    stream.on("error", () => {}); // a reset at the end; what came counts
    stream.on("data", (chunk: Uint8Array) => {
      const room = this.#limit - this.#length;
      if (chunk.length > room) this.truncated = true;
      if (room <= 0) return;
      this.#chunks.push(chunk.subarray(0, room));
      this.#length += Math.min(room, chunk.length);
    });
  }

  text(): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(concatBytes(...this.#chunks));
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch { /* all of it is gone already */ }
}

function startCode(error: unknown): string {
  const code = codeOf(error) ?? "UNKNOWN";
  return code === "ERR_INVALID_ARG_VALUE" ? "EINVAL" : code;
}
