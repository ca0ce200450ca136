/**
 * Streams of bytes as async iterables with back-pressure: nothing is read before it is asked
 * for, but for one chunk ahead.
 *
 * @module
 */

import { Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";
import type { Readable } from "node:stream";

/** A stream of bytes. A chunk may be overwritten once the next one is asked for: copy what is to stay. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Ends the iteration, also one that waits for the next chunk. */
  close(): void;
}

/** What a pipe of Linux gives at once, bytes. */
const CHUNK_BYTES = 65_536;

/** Hands chunks from a producer that calls to a consumer that awaits; holds at most one. */
export class ChunkQueue implements AsyncIterator<Uint8Array> {
  #waiting: { resolve(result: IteratorResult<Uint8Array>): void; reject(error: unknown): void } | undefined;
  #pending: Uint8Array | undefined;
  #ended = false;
  #error: unknown;
  readonly #resume: () => void;
  readonly #release: () => void;

  /**
   * @param resume lets the producer go on after `put` refused more
   * @param release frees the producer; called once, when the consumer leaves or the stream ended
   */
  constructor(resume: () => void, release: () => void) {
    this.#resume = resume;
    this.#release = release;
  }

  /**
   * @param chunk bytes that stay valid until the consumer asks for the next
   * @returns whether the producer may go on; otherwise it waits for `resume`
   */
  put(chunk: Uint8Array): boolean {
    if (this.#ended) return false;
    if (this.#waiting === undefined) {
      this.#pending = chunk;
      return false;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting.resolve({ done: false, value: chunk });
    return true;
  }

  /** @param error why the stream ended, undefined when it ended well */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#finish(waiting);
    this.#release();
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#pending;
    if (chunk !== undefined) {
      this.#pending = undefined;
      if (!this.#ended) this.#resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#finish({ resolve, reject });
      else this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#pending = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(waiting: { resolve(result: IteratorResult<Uint8Array>): void; reject(error: unknown): void }): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }
}

/** A source over one queue; it can be iterated once, as a stream can. */
class QueueSource implements ByteSource {
  readonly queue: ChunkQueue;

  constructor(queue: ChunkQueue) {
    this.queue = queue;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.queue;
  }

  close(): void {
    void this.queue.return();
  }
}

/**
 * Reads a pipe or a stream socket by its descriptor, into two buffers of its own by turns
 * (measured: a third of the time of `process.stdin`, and unlike a pending `fs.read` it does
 * not keep the process from ending).
 *
 * @param descriptor an open pipe or stream socket; belongs to the source from now on
 * @returns its chunks until the other side closes
 * @throws {TypeError} `ERR_INVALID_FD_TYPE` when the descriptor is of another kind
 */
export function socketSource(descriptor: number): ByteSource {
  const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const;
  let filling: 0 | 1 = 0;
  // The type declarations know `onread` for connect only; the constructor takes it as well.
  const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    fd: descriptor,
    readable: true,
    writable: false,
    onread: {
      // Asked again right after each callback: the buffer that the consumer does not hold.
      buffer: () => buffers[filling],
      callback: (length, buffer) => {
        filling = filling === 0 ? 1 : 0;
        return queue.put(buffer.subarray(0, length));
      },
    },
  };
  const socket = new Socket(options);
  const queue = new ChunkQueue(() => void socket.resume(), () => void socket.destroy());
  socket.on("end", () => queue.end());
  socket.on("close", () => queue.end());
  socket.on("error", (error) => queue.end(error));
  return new QueueSource(queue);
}

/**
 * Reads a stream of Node's, such as a child's output.
 *
 * @param stream belongs to the source from now on
 * @returns its chunks until it ends; each is fresh
 */
export function readableSource(stream: Readable): ByteSource {
  const queue = new ChunkQueue(() => void stream.resume(), () => void stream.destroy());
  stream.on("data", (chunk: Uint8Array) => {
    if (!queue.put(chunk)) stream.pause();
  });
  stream.on("end", () => queue.end());
  stream.on("close", () => queue.end());
  stream.on("error", (error) => queue.end(error));
  return new QueueSource(queue);
}
