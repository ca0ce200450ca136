/**
 * Runs a program to its end: an argument vector, never a shell, with limits on time and output. {@link run} is for
 * programs that speak text; {@link runBytes} for those that take or give secrets, of which text could not be wiped.
 *
 * @module
 */

import { spawn, type ChildProcess } from "node:child_process";
import type { Duplex, Readable, Writable } from "node:stream";
import { type Bytes, concatBytes, wipe } from "../bytes.ts";
import { childEnvironment } from "./child-env.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/** What a program gets and may cost. */
export interface RunOptions {
  /** Given on stdin, which is empty when absent. */
  readonly input?: string | Uint8Array;
  /** After that it is killed with everything it started. */
  readonly timeoutMs: number;
  /** Ends it before: it and what it started are asked by TERM, and killed when they are still there after {@link GRACE_MS}. */
  readonly signal?: AbortSignal | undefined;
  /** Added to what {@link childEnvironment} gives. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `/` when absent. */
  readonly cwd?: string;
  /** Numbers; the supplementary groups are dropped, not replaced. */
  readonly uid?: number;
  readonly gid?: number;
  /** Kept of stdout and of stderr each, 1 MiB when absent; what comes after it is read and forgotten. */
  readonly maxOutputBytes?: number;
}

/** What a program gets that takes or gives secrets. */
export interface RunBytesOptions extends RunOptions {
  /** Further descriptors from 3 on: bytes to be read by the program, or "read" for what it writes there. */
  readonly descriptors?: readonly (Uint8Array | "read")[];
  /** End it as soon as it has written more than `maxOutputBytes`, to wherever. */
  readonly killWhenFull?: boolean;
}

/** How a program ended. */
export interface Ending {
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
  readonly durationMs: number;
}

/** What came of a program that speaks text. */
export interface RunResult extends Ending {
  readonly stdout: string;
  readonly stderr: string;
}

/** What came of a program that gives bytes. */
export interface RunBytesResult extends Ending {
  /** Whether the caller's signal ended it. */
  readonly aborted: boolean;
  /** Fresh arrays; the caller wipes what is secret. */
  readonly stdout: Bytes;
  readonly stderr: Bytes;
  /** One entry a further descriptor, empty for those that were inputs. */
  readonly outputs: readonly Bytes[];
}

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
 * @returns how it ended, its output as text
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const { stdout, stderr, outputs: _outputs, aborted: _aborted, ...ending } = await runBytes(argv, options);
  return { ...ending, stdout: textOf(stdout), stderr: textOf(stderr) };
}

/**
 * Says in a few words why a program failed.
 *
 * @param result of one that is not `ok`
 */
export function failureText({ startError, timedOut, stderr, stdout, status }: RunResult): string {
  return startError?.message ?? (timedOut ? "it took too long" : stderr.trim() || stdout.trim() || `exit status ${status}`);
}

/**
 * Runs a program as {@link run} does, without any copy of its input or output but the ones that are returned.
 *
 * @param argv program and arguments; never secrets, which every user can read there
 * @param options input, environment and limits
 * @returns how it ended, its output as bytes
 */
export function runBytes(argv: readonly [string, ...string[]], options: RunBytesOptions): Promise<RunBytesResult> {
  const startedAt = performance.now();
  const { descriptors = [], maxOutputBytes = 1 << 20 } = options;
  const stdout = new Output(maxOutputBytes);
  const stderr = new Output(maxOutputBytes);
  const outputs = descriptors.map(() => new Output(maxOutputBytes));
  return new Promise((resolve) => {
    let endedFor: "timeout" | "abort" | "output" | undefined;
    let settled = false;
    let timer: NodeJS.Timeout | undefined;
    const abort = (): void => end("abort");
    const settle = (status: number | undefined, signal: string | undefined, startError?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      const truncated = [stdout, stderr, ...outputs].some((output) => output.truncated);
      resolve({
        argv, status, signal, truncated,
        ok: status === 0 && endedFor === undefined && !truncated,
        timedOut: endedFor === "timeout",
        aborted: endedFor === "abort",
        startError: startError === undefined ? undefined : { code: startCode(startError), message: reasonOf(startError) },
        stdout: stdout.take(), stderr: stderr.take(), outputs: outputs.map((output) => output.take()),
        durationMs: performance.now() - startedAt,
      });
    };
    if (options.signal?.aborted) {
      endedFor = "abort";
      settle(undefined, "SIGTERM");
      return;
    }

    let child: ChildProcess;
    try {
      child = start(argv, options);
    } catch (error) { // E2BIG, EPERM for another user, a NUL in an argument
      settle(undefined, undefined, error);
      return;
    }
    child.on("error", (error) => {
      if (child.pid === undefined) settle(undefined, undefined, error);
    });
    if (child.pid === undefined) return; // the error is on its way; Deno and Bun have made no streams

    const kill = (): void => {
      signalGroup(child, "SIGKILL");
      timer = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
        settle(undefined, "SIGKILL");
      }, DRAIN_MS);
    };
    /** The first reason counts. Only whom the caller ends may take leave. */
    const end = (why: "timeout" | "abort" | "output"): void => {
      if (settled || endedFor !== undefined) return;
      endedFor = why;
      clearTimeout(timer);
      if (why !== "abort") return kill();
      signalGroup(child, "SIGTERM");
      timer = setTimeout(kill, GRACE_MS);
    };
    const onFull = (): void => {
      if (options.killWhenFull) end("output");
    };
    if (options.input !== undefined) give(child.stdin!, options.input);
    stdout.collect(child.stdout!, onFull);
    stderr.collect(child.stderr!, onFull);
    for (const [at, descriptor] of descriptors.entries()) {
      const stream = child.stdio[3 + at] as Duplex;
      if (descriptor === "read") outputs[at]!.collect(stream, onFull);
      else give(stream, descriptor).resume();
    }
    child.on("close", (status, signal) => settle(status ?? undefined, signal ?? undefined));
    options.signal?.addEventListener("abort", abort);
    // After a time in which we were stopped the timer is looked at first; what ended meanwhile ended in time.
    timer ??= setTimeout(() => setImmediate(end, "timeout"), Math.min(options.timeoutMs, 0x7fffffff));
  });
}

/** @throws {Error} what Node throws instead of telling the child's `error` event */
function start(argv: readonly [string, ...string[]], { cwd = "/", env, input, uid, gid, descriptors = [] }: RunBytesOptions): ChildProcess {
  return spawn(argv[0], argv.slice(1), {
    detached: true, // its own process group, so that its children can be killed too
    cwd,
    env: childEnvironment(env),
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe", ...descriptors.map(() => "pipe" as const)],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
}

function give<Stream extends Writable>(stream: Stream, input: string | Uint8Array): Stream {
  stream.on("error", () => {}); // EPIPE when it leaves early: its exit status tells
  stream.end(input);
  return stream;
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

  /** @param onFull called for each chunk that is not kept whole */
  collect(stream: Readable, onFull: () => void): void {
    stream.on("error", () => {}); // a reset at the end; what came counts
    stream.on("data", (chunk: Uint8Array) => {
      const kept = chunk.subarray(0, this.#limit - this.#length);
      this.#length += kept.length;
      if (kept.length > 0) this.#chunks.push(kept);
      if (kept.length === chunk.length) return;
      this.truncated = true;
      wipe(chunk.subarray(kept.length));
      onFull();
    });
  }

  /** Joins what came and wipes its pieces: it may be a secret. */
  take(): Bytes {
    const joined = concatBytes(...this.#chunks);
    wipe(...this.#chunks);
    return joined;
  }
}

/** A byte order mark is kept: it is a character that somebody wrote. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
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
