/**
 * Runs a program that takes or gives secrets: bytes in, bytes out, more descriptors than three, and
 * no copy of them as text. What speaks text is run by run.ts.
 *
 * @module
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { Duplex, Readable, Writable } from "node:stream";
import { type Bytes, concatBytes, wipe } from "../bytes.ts";
import { codeOf } from "./system-error.ts";

/** What a child gets and may cost. */
export interface ChildOptions {
  readonly stdin?: Uint8Array;
  /** Further descriptors from 3 on: bytes to be read by the child, or "read" for what it writes there. */
  readonly descriptors?: readonly (Uint8Array | "read")[];
  /** Added to PATH, HOME and LC_ALL=C, which is all of the environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Ends it before. */
  readonly signal?: AbortSignal | undefined;
  /** For each of stdout, stderr and the further descriptors; 1 MiB when absent. */
  readonly maxOutputBytes?: number;
}

/** How a child ended. */
export type ChildResult =
  | {
    readonly kind: "exited";
    /** Undefined when a signal ended it. */
    readonly status: number | undefined;
    readonly signal: string | undefined;
    /** Fresh arrays; the caller wipes what is secret. */
    readonly stdout: Bytes;
    readonly stderr: Bytes;
    /** One entry a further descriptor, empty for those that were inputs. */
    readonly outputs: readonly Bytes[];
  }
  /** It could not be started; `code` is the system's, ENOENT for an absent program. */
  | { readonly kind: "not-started"; readonly code: string | undefined; readonly cause: unknown }
  | { readonly kind: "timeout" }
  | { readonly kind: "aborted" }
  | { readonly kind: "too-much-output" };

/**
 * Runs a program without a shell, in a session of its own, and waits until it has ended and all
 * of its output is there. At the time limit it is killed with everything it started.
 *
 * @param argv program and arguments; never secrets, which every user can read there
 * @param options input, environment and limits
 * @returns how it ended; never rejects for what the program does
 */
export function runChild(argv: readonly [string, ...string[]], options: ChildOptions): Promise<ChildResult> {
  return new Promise((resolve) => {
    const descriptors = options.descriptors ?? [];
    let child: ChildProcess;
    try {
      child = spawn(argv[0], argv.slice(1), {
        detached: true, // its own process group, so that its children can be killed too
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], LC_ALL: "C", ...options.env },
        stdio: ["pipe", "pipe", "pipe", ...descriptors.map(() => "pipe" as const)],
      });
    } catch (error) { // E2BIG, a NUL in an argument
      resolve({ kind: "not-started", code: codeOf(error), cause: error });
      return;
    }
    const settle = (result: ChildResult): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      resolve(result);
    };
    const stop = (result: ChildResult): void => {
      killGroup(child);
      for (const stream of child.stdio) stream?.destroy(); // a daemon it started may still hold them
      settle(result);
    };
    const timer = setTimeout(() => stop({ kind: "timeout" }), options.timeoutMs);
    const abort = (): void => stop({ kind: "aborted" });
    options.signal?.addEventListener("abort", abort);
    const limit = options.maxOutputBytes ?? 1 << 20;
    const collect = (stream: Readable): Uint8Array[] => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      stream.on("error", () => {}); // a reset at the end; what came counts
      stream.on("data", (chunk: Uint8Array) => {
        length += chunk.length;
        if (length > limit) stop({ kind: "too-much-output" });
        else chunks.push(chunk);
      });
      return chunks;
    };

    child.on("error", (error) => settle({ kind: "not-started", code: codeOf(error), cause: error }));
    if (child.pid === undefined) return; // the error is on its way; Deno and Bun have made no streams
    give(child.stdin!, options.stdin ?? new Uint8Array(0));
    const stdout = collect(child.stdout!);
    const stderr = collect(child.stderr!);
    const outputs = descriptors.map((descriptor, at) => {
      const stream = child.stdio[3 + at] as Duplex;
      if (descriptor === "read") return collect(stream);
      give(stream, descriptor);
      stream.resume();
      return [];
    });
    child.on("close", (status, signal) => settle({
      kind: "exited",
      status: status ?? undefined,
      signal: signal ?? undefined,
      stdout: join(stdout),
      stderr: join(stderr),
      outputs: outputs.map(join),
    }));
    if (options.signal?.aborted) abort();
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch { /* all of it is gone already */ }
}

function give(stream: Writable, bytes: Uint8Array): void {
  stream.on("error", () => {}); // EPIPE when the child leaves early: its exit status tells
  stream.end(bytes);
}

/** Joins chunks and wipes them: a child's output may be a secret. */
function join(chunks: readonly Uint8Array[]): Bytes {
  const joined = concatBytes(...chunks);
  wipe(...chunks);
  return joined;
}
