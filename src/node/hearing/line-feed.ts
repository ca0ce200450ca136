/**
 * From the bytes of a stream to lines in the hands of whoever reads them.
 *
 * @module
 */

import { concatBytes, latin1Text } from "../../bytes.ts";

/** Takes a line without its end; a promise asks for a pause until it resolves. */
export type LineHandler = (line: string) => Promise<void> | undefined;

/** A longer line is nobody's. */
const MAX_LINE = 4096;
const LINE_FEED = 0x0a;

/** One stream of lines. */
export class LineFeed {
  readonly #handle: LineHandler;
  readonly #isFull: () => boolean;
  #rest: Uint8Array = new Uint8Array(0);
  /** The line under way is too long. */
  #isSkipping = false;

  /**
   * @param handle is given each line
   * @param isFull whether the rest is to be left unread
   */
  constructor(handle: LineHandler, isFull: () => boolean) {
    this.#handle = handle;
    this.#isFull = isFull;
  }

  /** Another stream begins: half a line of the old one is none. */
  begin(): void {
    this.#rest = new Uint8Array(0);
    this.#isSkipping = false;
  }

  /**
   * Hands out the lines that a chunk completes.
   *
   * @param chunk the next bytes; free again when the promise resolves
   */
  async feed(chunk: Uint8Array): Promise<void> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0 && !this.#isFull(); end = chunk.indexOf(LINE_FEED, start)) {
      const isWhole = !this.#isSkipping && this.#rest.length + end - start <= MAX_LINE;
      const pause = isWhole ? this.#handle(latin1Text(concatBytes(this.#rest, chunk.subarray(start, end)))) : undefined;
      if (pause !== undefined) await pause;
      this.begin();
      start = end + 1;
    }
    if (this.#isSkipping) return;
    this.#rest = concatBytes(this.#rest, chunk.subarray(start));
    if (this.#rest.length <= MAX_LINE) return;
    this.begin();
    this.#isSkipping = true;
  }
}
