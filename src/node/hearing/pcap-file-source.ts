/**
 * A capture file as a stream of chunks: read to its end, or followed while it grows (ulogd).
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, statSync, type Stats } from "node:fs";
import { promisify } from "node:util";
import { FileError, notRegular } from "../files.ts";
import { Pause } from "../pause.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** What happens in a capture file. A `start` means that a new file header follows. */
export type PcapFileEvent =
  | { readonly kind: "start" }
  /** A view that is overwritten by the next event. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** Everything that is there was read; with `follow` more may come. */
  | { readonly kind: "end" };

/** How a capture file is read. */
export interface PcapFileOptions {
  /** Go on at the end: wait for more, reopen when the file shrinks or is replaced. */
  readonly follow?: boolean;
  /** How often a quiet file is looked at, milliseconds. */
  readonly pollMs?: number;
}

const CHUNK_BYTES = 262_144;
const POLL_MS = 200;

/** Reads a capture file. */
export class PcapFileSource implements AsyncIterable<PcapFileEvent> {
  readonly #path: string;
  readonly #follow: boolean;
  readonly #pollMs: number;
  readonly #buffer: Uint8Array = new Uint8Array(CHUNK_BYTES);
  #descriptor: number;
  #closed = false;
  readonly #pause = new Pause();

  /**
   * @param path a regular file
   * @param options whether to go on at its end
   * @throws {FileError} when it is absent, unreadable or no regular file
   */
  constructor(path: string, options: PcapFileOptions = {}) {
    this.#path = path;
    this.#follow = options.follow ?? false;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#descriptor = openRegular(path);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PcapFileEvent> {
    try {
      yield { kind: "start" };
      let position = 0;
      while (!this.#closed) {
        const { bytesRead } = await promisify(read)(this.#descriptor, this.#buffer, 0, this.#buffer.length, position);
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

  /** Waits until there is something to read: behind `position`, or in a file that is new or was emptied. */
  async #change(position: number): Promise<"grown" | "anew" | "closed"> {
    while (!this.#closed) {
      const size = fstatSync(this.#descriptor).size;
      if (size > position) return "grown";
      if (size < position) return "anew";
      if (this.#reopen()) return "anew";
      await this.#pause.wait(this.#pollMs);
    }
    return "closed";
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
      fresh = openRegular(this.#path);
    } catch {
      return false; // not readable yet, or gone again
    }
    closeSync(this.#descriptor);
    this.#descriptor = fresh;
    return true;
  }
}

function openRegular(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new FileError(`Could not open pcap file: ${path}: ${reasonOf(cause)}`, codeOf(cause) ?? "FAILED", path, cause);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw notRegular(path);
}
