/**
 * Reads a capture stream, pcap or pcapng, as a push machine: bytes go in as they come, records come
 * out as places in those very bytes.
 *
 * @module
 */

/** One captured frame. The reader fills the same object again and again, so the walk makes no objects. */
export interface PcapRecord {
  /** Where the frame lies. Belongs to the reader's caller or to the reader, and holds other bytes after the next call of either `next` or `push`. */
  buffer: Uint8Array;
  /** The frame's first byte in `buffer`. */
  offset: number;
  /** Bytes of the frame that are there. */
  capturedLength: number;
  /** Bytes that the frame had on the wire; more than `capturedLength` when the capture cut it. */
  originalLength: number;
  /** Number of the link-layer header type. */
  linkType: number;
  /** Unix time, whole seconds; 0 when the capture did not record any. */
  timestampSeconds: number;
  /** What is left of the second. */
  timestampNanoseconds: number;
}

/** How a stream ended. `offset` counts bytes from the start of the stream. */
export type PcapEnd =
  | { readonly kind: "complete" }
  | { readonly kind: "cut"; readonly offset: number; readonly reason: string }
  | { readonly kind: "broken"; readonly offset: number; readonly reason: string };

/**
 * Makes an empty record for {@link PcapReader.next} to fill.
 *
 * @returns a fresh object, the caller's own
 */
export function createPcapRecord(): PcapRecord {
  return {
    buffer: new Uint8Array(0),
    offset: 0,
    capturedLength: 0,
    originalLength: 0,
    linkType: 0,
    timestampSeconds: 0,
    timestampNanoseconds: 0,
  };
}

/**
 * The reader: `push` a chunk, call `next` until it returns false, push the next chunk, and `end`.
 */
export declare class PcapReader {
  /** Set as soon as the stream is found broken; no record comes after that. */
  get broken(): Extract<PcapEnd, { kind: "broken" }> | undefined;
  /** @param chunk is borrowed, not copied, until `next` has returned false */
  push(chunk: Uint8Array): void;
  /** @returns whether `record` was filled; false asks for the next chunk */
  next(record: PcapRecord): boolean;
  /** @returns whether the stream ended between two records */
  end(): PcapEnd;
}
