/**
 * Log lines on their way out of the process: gathered, never blocking, never more than a bound.
 *
 * @module
 */

import type { Writable } from "node:stream";
import type { LogLevel } from "../../server/log-record.ts";

/**
 * Characters that may wait for a log that has stopped reading: room for a thousand verdicts, as many as can be under way.
 * Debug lines have less of it, so that they take it from no verdict.
 */
const MAX_WAITING: Readonly<Record<LogLevel, number>> = { error: 4_194_304, warning: 4_194_304, info: 4_194_304, debug: 1_048_576 };

/**
 * Gives lines to a stream that may be slow, broken or absent for a while. What does not fit is
 * counted, and the count is told when lines flow again.
 */
export class BoundedWriter {
  readonly #tellLoss: (count: number) => string;
  #stream: Writable | undefined;
  #waiting: string[] = [];
  #waitingLength = 0;
  /** Lines that were given to the stream and not yet to the system. */
  #inFlight = 0;
  #lost = 0;
  #immediate: NodeJS.Immediate | undefined;
  readonly #onExit = (): void => this.#pass();

  /** @param tellLoss makes the line that tells how many lines are missing, with its end */
  constructor(tellLoss: (count: number) => string) {
    this.#tellLoss = tellLoss;
    // A pipe with room takes the last batch even now.
    process.on("exit", this.#onExit);
  }

  /** Lines that will never arrive and were not told of yet. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * Goes on with a stream; what waited is written first.
   *
   * @param stream has an error handler of its owner's
   */
  attach(stream: Writable): void {
    this.#stream = stream;
    stream.on("drain", () => this.#schedule());
    this.#schedule();
  }

  /** Holds lines back until the next `attach`. */
  detach(): void {
    this.#stream = undefined;
  }

  /**
   * @param level how much it matters
   * @param line one line with its end
   */
  write(level: LogLevel, line: string): void {
    if (this.#waitingLength + (this.#stream?.writableLength ?? 0) + line.length > MAX_WAITING[level]) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#schedule();
  }

  /**
   * Waits until the system has everything.
   *
   * @param timeoutMs at most so long
   */
  async flush(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.#pass();
    while ((this.#inFlight > 0 || this.#waiting.length > 0) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.#pass();
    }
  }

  /** Forgets the stream and what waits. */
  close(): void {
    this.#pass();
    this.#stream = undefined;
    process.off("exit", this.#onExit);
    clearImmediate(this.#immediate);
  }

  /** All lines of one turn of the event loop go as one write. */
  #schedule(): void {
    if (this.#immediate !== undefined || this.#stream === undefined) return;
    this.#immediate = setImmediate(() => this.#pass());
  }

  #pass(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed || !stream.writable || (this.#waiting.length === 0 && this.#lost === 0)) return;
    let count = this.#waiting.length;
    let text = this.#waiting.join("");
    const told = this.#lost;
    if (told > 0) {
      text += this.#tellLoss(told);
      this.#lost = 0;
      count++;
    }
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#inFlight += count;
    stream.write(text, (error) => {
      this.#inFlight -= count;
      if (error) this.#lost += told > 0 ? told + count - 1 : count;
    });
  }
}
