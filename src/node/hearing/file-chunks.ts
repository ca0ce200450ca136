/**
 * A file as a stream of chunks: read to its end, or followed while it grows, as ulogd and syslog let it.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync, statSync, type Stats } from "node:fs";
import { promisify } from "node:util";
import { concatBytes } from "../../bytes.ts";
import { FileError, notRegular } from "../files.ts";
import { Pause } from "../pause.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** What happens in a file. A `start` means that another file begins. */
export type FileEvent =
  | { readonly kind: "start" }
  /** A view that is overwritten by the next event. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** Everything that is there was read; with `follow` more may come. */
  | { readonly kind: "end" };

/** How a file is read. */
export interface FileChunksOptions {
  /** Go on at the end: wait for more, reopen when the file shrinks or is replaced. */
  readonly follow?: boolean;
  /** It is a log: what it holds at first is passed over, and it may be a pipe. */
  readonly isLog?: boolean;
  /** How often a quiet file is looked at, milliseconds. */
  readonly pollMs?: number;
}

const CHUNK_BYTES = 262_144;
const POLL_MS = 200;
/** How much of its beginning tells whether a file is still the one that was read: a header and the time of a packet at least. */
const HEAD_BYTES = 512;

/** Reads a file. */
export class FileChunks implements AsyncIterable<FileEvent> {
  readonly #path: string;
  readonly #follow: boolean;
  readonly #isLog: boolean;
  readonly #pollMs: number;
  readonly #buffer: Uint8Array = new Uint8Array(CHUNK_BYTES);
  #descriptor: number;
  /** Where reading begins. */
  readonly #start: number;
  /** The first bytes of the file, as far as reading has come. */
  #head: Uint8Array;
  #closed = false;
  readonly #pause = new Pause();

  /**
   * @param path a regular file, or the pipe that a log may be
   * @param options whether to go on at its end
   * @throws {FileError} when it is absent, unreadable or no regular file
   */
  constructor(path: string, options: FileChunksOptions = {}) {
    this.#path = path;
    this.#follow = options.follow ?? false;
    this.#isLog = options.isLog ?? false;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#descriptor = openFile(path, this.#isLog);
    this.#start = this.#isLog ? fstatSync(this.#descriptor).size : 0;
    this.#head = new Uint8Array(Math.min(this.#start, HEAD_BYTES));
    readSync(this.#descriptor, this.#head, 0, this.#head.length, 0);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FileEvent> {
    try {
      yield { kind: "start" };
      let position = this.#start;
      while (!this.#closed) {
        const bytesRead = await this.#read(position);
        if (position < HEAD_BYTES) this.#head = concatBytes(this.#head, this.#buffer.subarray(0, Math.min(bytesRead, HEAD_BYTES - position)));
        position += bytesRead;
        if (bytesRead > 0) {
          yield { kind: "chunk", bytes: this.#buffer.subarray(0, bytesRead) };
          continue;
        }
        yield { kind: "end" };
        if (!this.#follow) return;
        const change = await this.#change(position);
        if (change === "closed") return;
        if (change === "grown") continue;
        position = 0;
        this.#head = new Uint8Array(0);
        yield { kind: "start" };
      }
    } finally {
      closeSync(this.#descriptor);
    }
  }

  /** Ends the iteration, also one that waits. */
  close(): void {
    this.#closed = true;
    this.#pause.cut();
  }

  async #read(position: number): Promise<number> {
    const isPipe = fstatSync(this.#descriptor).isFIFO();
    try {
      return (await promisify(read)(this.#descriptor, this.#buffer, 0, this.#buffer.length, isPipe ? null : position)).bytesRead;
    } catch (error) {
      if (isPipe && codeOf(error) === "EAGAIN") return 0; // its writer has nothing to say
      throw error;
    }
  }

  /** Waits until there is something to read: behind `position`, or in a file that is new or was emptied. */
  async #change(position: number): Promise<"grown" | "anew" | "closed"> {
    while (!this.#closed) {
      const stats = fstatSync(this.#descriptor);
      if (!stats.isFIFO() && stats.size > position) return (await this.#isSame()) ? "grown" : "anew";
      if (!stats.isFIFO() && stats.size < position) return "anew";
      if (this.#reopen()) return "anew";
      await this.#pause.wait(this.#pollMs);
      if (stats.isFIFO()) return "grown"; // perhaps: a pipe does not tell
    }
    return "closed";
  }

  /** Whether it still begins as it did: one that was emptied may have outgrown its former length before anybody looked. */
  async #isSame(): Promise<boolean> {
    const head = new Uint8Array(this.#head.length);
    const { bytesRead } = await promisify(read)(this.#descriptor, head, 0, head.length, 0);
    return bytesRead === head.length && head.every((byte, at) => byte === this.#head[at]);
  }

  /** Whether another file has the name now; it is open then. While there is none, the old one may still grow. */
  #reopen(): boolean {
    let named: Stats | undefined;
    try {
      named = statSync(this.#path, { throwIfNoEntry: false });
    } catch {
      return false;
    }
    const ours = fstatSync(this.#descriptor);
    if (named === undefined || (named.ino === ours.ino && named.dev === ours.dev)) return false;
    let fresh: number;
    try {
      fresh = openFile(this.#path, this.#isLog);
    } catch {
      return false; // not readable yet, or gone again
    }
    closeSync(this.#descriptor);
    this.#descriptor = fresh;
    return true;
  }
}

function openFile(path: string, isLog: boolean): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new FileError(`Could not open ${isLog ? "log" : "pcap"} file: ${path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
  }
  const stats = fstatSync(descriptor);
  if (stats.isFile() || (isLog && stats.isFIFO())) return descriptor;
  closeSync(descriptor);
  throw notRegular(path);
}
