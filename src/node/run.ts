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
  return new Promise((resolve) => new Running(argv, options, resolve).start());
}

/** A program from its start to its end. */
class Running {
  readonly #argv: readonly [string, ...string[]];
  readonly #options: RunBytesOptions;
  readonly #resolve: (result: RunBytesResult) => void;
  readonly #startedAt = performance.now();
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #outputs: readonly Output[];
  #child: ChildProcess | undefined;
  /** Why we ended it. */
  #endedFor: "timeout" | "abort" | "output" | undefined;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(argv: readonly [string, ...string[]], options: RunBytesOptions, resolve: (result: RunBytesResult) => void) {
    const { descriptors = [], maxOutputBytes = 1 << 20 } = options;
    this.#argv = argv;
    this.#options = options;
    this.#resolve = resolve;
    this.#stdout = new Output(maxOutputBytes);
    this.#stderr = new Output(maxOutputBytes);
    this.#outputs = descriptors.map(() => new Output(maxOutputBytes));
  }

  start(): void {
    const { signal, timeoutMs } = this.#options;
    if (signal?.aborted) {
      this.#endedFor = "abort";
      this.#settle(undefined, "SIGTERM");
      return;
    }
    let child: ChildProcess;
    try {
      child = spawnGroup(this.#argv, this.#options);
    } catch (error) { // E2BIG, EPERM for another user, a NUL in an argument
      this.#settle(undefined, undefined, error);
      return;
    }
    this.#child = child;
    child.on("error", (error) => {
      if (child.pid === undefined) this.#settle(undefined, undefined, error);
    });
    if (child.pid === undefined) return; // the error is on its way; Deno and Bun have made no streams
    this.#connect(child);
    child.on("close", (status, by) => this.#settle(status ?? undefined, by ?? undefined));
    signal?.addEventListener("abort", this.#abort);
    // After a time in which we were stopped the timer is looked at first; what ended meanwhile ended in time.
    this.#timer ??= setTimeout(() => setImmediate(() => this.#end("timeout")), Math.min(timeoutMs, 0x7fffffff));
  }

  /** Gives it its input, and takes its output. */
  #connect({ stdin, stdout, stderr, stdio }: ChildProcess): void {
    const { input, descriptors = [], killWhenFull } = this.#options;
    const onFull = (): void => {
      if (killWhenFull) this.#end("output");
    };
    if (input !== undefined) give(stdin!, input);
    this.#stdout.collect(stdout!, onFull);
    this.#stderr.collect(stderr!, onFull);
    for (const [at, descriptor] of descriptors.entries()) {
      const stream = stdio[3 + at] as Duplex;
      if (descriptor === "read") this.#outputs[at]!.collect(stream, onFull);
      else give(stream, descriptor).resume();
    }
  }

  readonly #abort = (): void => this.#end("abort");

  /** The first reason counts. Only whom the caller ends may take leave. */
  #end(why: "timeout" | "abort" | "output"): void {
    if (this.#settled || this.#endedFor !== undefined) return;
    this.#endedFor = why;
    clearTimeout(this.#timer);
    if (why !== "abort") {
      this.#kill();
      return;
    }
    signalGroup(this.#child!, "SIGTERM");
    this.#timer = setTimeout(() => this.#kill(), GRACE_MS);
  }

  #kill(): void {
    const child = this.#child!;
    signalGroup(child, "SIGKILL");
    this.#timer = setTimeout(() => {
      for (const stream of child.stdio) stream?.destroy();
      this.#settle(undefined, "SIGKILL");
    }, DRAIN_MS);
  }

  #settle(status: number | undefined, signal: string | undefined, startError?: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
    const truncated = [this.#stdout, this.#stderr, ...this.#outputs].some((output) => output.truncated);
    this.#resolve({
      argv: this.#argv, status, signal, truncated,
      ok: status === 0 && this.#endedFor === undefined && !truncated,
      timedOut: this.#endedFor === "timeout",
      aborted: this.#endedFor === "abort",
      startError: startError === undefined ? undefined : { code: startCode(startError), message: reasonOf(startError) },
      stdout: this.#stdout.take(), stderr: this.#stderr.take(), outputs: this.#outputs.map((output) => output.take()),
      durationMs: performance.now() - this.#startedAt,
    });
  }
}

/** @throws {Error} what Node throws instead of telling the child's `error` event */
function spawnGroup(argv: readonly [string, ...string[]], { cwd = "/", env, input, uid, gid, descriptors = [] }: RunBytesOptions): ChildProcess {
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
