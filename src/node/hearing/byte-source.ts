/**
 * Streams of bytes as async iterables with back-pressure: nothing is read before it is asked
 * for, but for one chunk ahead.
 *
 * @module
 */

import { Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";
import type { Readable } from "node:stream";
import { Channel } from "./channel.ts";

/** A stream of bytes. A chunk may be overwritten once the next one is asked for: copy what is to stay. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Ends the iteration, also one that waits for the next chunk. */
  close(): void;
}

/** What a pipe of Linux gives at once, bytes. */
const CHUNK_BYTES = 65_536;

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
        return channel.put(buffer.subarray(0, length)) === 0;
      },
    },
  };
  const socket = new Socket(options);
  const channel = new Channel<Uint8Array>({ onTake: () => void socket.resume(), onEnd: () => void socket.destroy() });
  return sourceOf(socket, channel);
}

/**
 * Reads a stream of Node's, such as a child's output.
 *
 * @param stream belongs to the source from now on
 * @returns its chunks until it ends; each is fresh
 */
export function readableSource(stream: Readable): ByteSource {
  const channel = new Channel<Uint8Array>({ onTake: () => void stream.resume(), onEnd: () => void stream.destroy() });
  stream.on("data", (chunk: Uint8Array) => {
    if (channel.put(chunk) > 0) stream.pause();
  });
  return sourceOf(stream, channel);
}

function sourceOf(stream: Readable, channel: Channel<Uint8Array>): ByteSource {
  stream.on("end", () => channel.end());
  stream.on("close", () => channel.end());
  stream.on("error", (error) => channel.end(error));
  return { [Symbol.asyncIterator]: () => channel, close: () => void channel.return() };
}
