/**
 * A text file that only grows, a line at a time, and each line is on the disk before its
 * writer goes on.
 *
 * @module
 */

import { close, closeSync, constants, fdatasync, fstat, fstatSync, fsyncSync, ftruncate, openSync, readSync, stat, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { concatBytes, utf8Bytes } from "../../bytes.ts";
import { FileError, isForeignLink, notRegular, syncFolder } from "../files.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** A line could not be stored. After `final` errors the file has to be opened anew and written from memory. */
export class AppendError extends Error {
  /** The system's code, or `REPLACED` when another file has the name now, or `CLOSED`. */
  readonly code: string;
  readonly final: boolean;

  constructor(message: string, code: string, final: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AppendError";
    this.code = code;
    this.final = final;
  }
}

interface Pending {
  readonly bytes: Uint8Array;
  resolve(): void;
  reject(error: AppendError): void;
}

/** The calls to the system; a test puts failing ones in their place. */
export interface AppendCalls {
  write(descriptor: number, bytes: Uint8Array, offset: number): Promise<number>;
  sync(descriptor: number): Promise<void>;
  truncate(descriptor: number, length: number): Promise<void>;
}

const SYSTEM: AppendCalls = {
  write: async (descriptor, bytes, offset) => (await promisify(write)(descriptor, bytes, offset)).bytesWritten,
  sync: promisify(fdatasync),
  truncate: promisify(ftruncate),
};

/** A file that only grows. Lines that come while the disk works are written together. */
export class AppendFile {
  /** Its length when it was opened, bytes; 0 means that a header may be wanted. */
  readonly initialLength: number;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #calls: AppendCalls;
  #queue: Pending[] = [];
  #draining: Promise<void> | undefined;
  #failure: AppendError | undefined;

  /**
   * Opens or makes the file (0600); a torn last line, as a crash leaves it, is ended.
   *
   * @param path the file
   * @param calls the calls to the system
   * @returns the open file
   * @throws {FileError} when it cannot be opened, is no regular file, or another user's link
   */
  static open(path: string, calls: AppendCalls = SYSTEM): AppendFile {
    return new AppendFile(path, calls);
  }

  private constructor(path: string, calls: AppendCalls) {
    this.#path = path;
    this.#calls = calls;
    let descriptor: number | undefined;
    try {
      if (isForeignLink(path)) throw new FileError(`Could not open digest cache: ${path}: it is a link of another user`, "LINK", path);
      // O_NONBLOCK: a FIFO planted under the name must not hang us in open.
      descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw notRegular(path);
      this.initialLength = stats.size;
      if (stats.size === 0) {
        // A name that a crash may take back would lose the whole file.
        fsyncSync(descriptor);
        syncFolder(dirname(path));
      } else {
        endTornLine(descriptor, stats.size);
      }
      this.#descriptor = descriptor;
    } catch (cause) {
      if (descriptor !== undefined) closeSync(descriptor);
      if (cause instanceof FileError) throw cause;
      throw new FileError(`Could not open digest cache: ${path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
    }
  }

  /**
   * Adds a line.
   *
   * @param line the text without its end
   * @returns settles when the line is on the disk
   * @throws {AppendError} when it is not; then nothing of it is in the file, unless the error is final
   */
  append(line: string): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes: utf8Bytes(`${line}\n`), resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /**
   * Waits for what is under way, then closes; later lines are refused.
   *
   * @returns settles when the descriptor is closed
   */
  async close(): Promise<void> {
    await this.#draining;
    if (this.#failure !== undefined) return;
    this.#failure = new AppendError(`Cannot append to ${this.#path}: it was closed`, "CLOSED", true);
    await promisify(close)(this.#descriptor);
  }

  /** One write and one sync for all that wait: 2000 lines at once need some hundred syncs. */
  async #drain(): Promise<void> {
    // What is asked for in the same turn goes together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const failure = await this.#store(concatBytes(...batch.map((pending) => pending.bytes)));
      for (const pending of batch) {
        if (failure === undefined) pending.resolve();
        else pending.reject(failure);
      }
      if (failure?.final === true) {
        for (const pending of this.#queue.splice(0)) pending.reject(failure);
        this.#failure = failure;
        await promisify(close)(this.#descriptor).catch(() => {});
      }
    }
    // In the same turn as the last look at the queue: nothing can come in between.
    this.#draining = undefined;
  }

  async #store(bytes: Uint8Array): Promise<AppendError | undefined> {
    let goodLength: number;
    try {
      const stats = await promisify(fstat)(this.#descriptor);
      goodLength = stats.size;
      const named = await promisify(stat)(this.#path).catch(() => undefined);
      if (named?.ino !== stats.ino || named.dev !== stats.dev) {
        return new AppendError(`Cannot append to ${this.#path}: it was removed or replaced`, "REPLACED", true);
      }
    } catch (cause) {
      return this.#error(cause, true);
    }
    try {
      // A nearly full disk writes a part and says so only by the number.
      for (let offset = 0; offset < bytes.length; ) offset += await this.#calls.write(this.#descriptor, bytes, offset);
    } catch (cause) {
      try {
        await this.#calls.truncate(this.#descriptor, goodLength);
      } catch {
        return this.#error(cause, true);
      }
      return this.#error(cause, false);
    }
    try {
      await this.#calls.sync(this.#descriptor);
    } catch (cause) {
      // The kernel forgets pages that it could not write: a second sync would succeed and mean nothing.
      return this.#error(cause, true);
    }
    return undefined;
  }

  #error(cause: unknown, final: boolean): AppendError {
    return new AppendError(`Cannot append to ${this.#path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", final, cause);
  }
}

/** The next line shall not be glued to one that a crash cut. */
function endTornLine(descriptor: number, length: number): void {
  const last = new Uint8Array(1);
  readSync(descriptor, last, 0, 1, length - 1);
  if (last[0] === 0x0a) return;
  writeSync(descriptor, "\n");
  fsyncSync(descriptor);
}
