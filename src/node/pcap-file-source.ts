/**
 * A capture file as a stream of chunks: read to its end, or followed while it grows (ulogd).
 *
 * @module
 */

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

/** Reads a capture file. */
export class PcapFileSource implements AsyncIterable<PcapFileEvent> {
  /**
   * @param path a regular file
   * @param options whether to go on at its end
   * @throws {FileError} when it is absent, unreadable or no regular file
   */
  constructor(path: string, options: PcapFileOptions = {}) {
    void path;
    void options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PcapFileEvent> {
    yield { kind: "end" };
  }

  /** Ends the iteration, also one that waits. */
  close(): void {}
}
