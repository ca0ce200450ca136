/**
 * Standard input as a stream of chunks: `tcpdump -w - | fwknopd --stdin`.
 *
 * @module
 */

import { fstatSync, read, type Stats } from "node:fs";
import { isatty } from "node:tty";
import { codeOf } from "../system-error.ts";
import { readableSource, socketSource, type ByteSource } from "./byte-source.ts";

/** Standard input cannot feed the daemon. */
export class StdinError extends Error {
  readonly code: "TERMINAL" | "DATAGRAM" | "EMPTY" | "KIND";

  constructor(message: string, code: StdinError["code"], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StdinError";
    this.code = code;
  }
}

/** What a descriptor is, as far as it matters here. */
export type DescriptorKind = "stream" | "file" | "terminal" | "null" | "other";

/** As many bytes of a file as are read at once. */
const FILE_CHUNK_BYTES = 262_144;

/**
 * Opens standard input. A chunk is a view that is overwritten by the next one: copy what is to stay.
 *
 * @param descriptor the descriptor to read, 0 unless a test says otherwise
 * @returns the chunks, until the writer closes its end
 * @throws {StdinError} when it is a terminal or something that carries no stream
 */
export function openStdin(descriptor: number = 0): ByteSource {
  switch (kindOfDescriptor(fstatSync(descriptor), isatty(descriptor))) {
    case "stream":
      return openStream(descriptor);
    case "file":
      return new FileSource(descriptor);
    case "terminal":
      throw new StdinError("Standard input is a terminal: expected a capture, as from tcpdump -U -w - | fwknopd --stdin", "TERMINAL");
    case "null":
      throw new StdinError("Standard input is closed or /dev/null: expected a capture, as from tcpdump -U -w -", "EMPTY");
    case "other":
      throw new StdinError("Standard input is neither a pipe nor a stream socket nor a file", "KIND");
  }
}

/**
 * Tells what kind of descriptor this is.
 *
 * @param stats what fstat says
 * @param terminal what isatty says
 * @returns its kind
 */
export function kindOfDescriptor(stats: Pick<Stats, "isFIFO" | "isSocket" | "isFile" | "isCharacterDevice" | "rdev">, terminal: boolean): DescriptorKind {
  if (terminal) return "terminal";
  if (stats.isFIFO() || stats.isSocket()) return "stream";
  if (stats.isFile()) return "file";
  // Node opens /dev/null on a standard descriptor that was closed. 1:3 on Linux.
  return stats.isCharacterDevice() && stats.rdev === 0x103 ? "null" : "other";
}

function openStream(descriptor: number): ByteSource {
  // Bun takes a net.Socket over a descriptor and then never delivers anything.
  if (process.versions["bun"] !== undefined) return readableSource(process.stdin);
  try {
    return socketSource(descriptor);
  } catch (cause) {
    if (codeOf(cause) !== "ERR_INVALID_FD_TYPE") throw cause;
    throw new StdinError("Standard input is a datagram socket: expected a stream, as from a pipe", "DATAGRAM", cause);
  }
}

/** A regular file: reading it never blocks for long, so a plain loop will do. */
class FileSource implements ByteSource {
  readonly #descriptor: number;
  readonly #buffer: Uint8Array = new Uint8Array(FILE_CHUNK_BYTES);
  #closed = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (!this.#closed) {
      const length = await new Promise<number>((resolve, reject) => {
        // Position null: where the descriptor stands, for it may have been read before.
        read(this.#descriptor, this.#buffer, 0, this.#buffer.length, null, (error, count) => {
          if (error === null) resolve(count);
          else reject(error);
        });
      });
      if (length === 0) return;
      yield this.#buffer.subarray(0, length);
    }
  }

  close(): void {
    this.#closed = true;
  }
}
