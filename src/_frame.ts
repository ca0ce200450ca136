/**
 * What the walk over link-layer headers and the walk over IP headers share.
 *
 * @module
 */

/**
 * Where the walk through a frame stands. A header that does not fit below `wireEnd` is malformed; one that
 * fits there but not below `end` was cut off by the capture.
 */
export interface FrameCursor {
  buffer: Uint8Array;
  /** The first byte that was not looked at. */
  at: number;
  /** Behind the last captured byte. */
  end: number;
  /** Behind the last byte that the frame had on the wire, as far as the headers before told; may lie past the buffer. */
  wireEnd: number;
}

/**
 * Reads a number of two bytes in network order.
 *
 * @param buffer where
 * @param at its first byte; the caller has checked that both are there
 * @returns 0..65535
 */
export function readUint16(buffer: Uint8Array, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}
