/**
 * From the bytes of a firewall's log to packets in the hands of whoever takes them for knocks.
 *
 * @module
 */

import { concatBytes, latin1Text } from "../../bytes.ts";
import { type LoggedPacket, parseLogLine } from "../../firewall-log.ts";
import { type CaptureFeedOptions, isLimitReached } from "./capture-feed.ts";

/** What a log needs from its listener. */
export interface LogFeedOptions extends Pick<CaptureFeedOptions, "counts" | "packetLimit" | "log"> {
  /** Is given each packet that begins a conversation; a promise asks for a pause until it resolves. */
  readonly handleKnock: (packet: LoggedPacket) => Promise<void> | undefined;
}

/** A longer line is none of the firewall's. */
const MAX_LINE = 4096;
const LINE_FEED = 0x0a;

/** One log. */
export class LogFeed {
  readonly #search: string;
  readonly #options: LogFeedOptions;
  #rest: Uint8Array = new Uint8Array(0);
  /** The line under way is too long. */
  #isSkipping = false;

  /**
   * @param search what the firewall's prefix has in it
   * @param options handler, counts, limit
   */
  constructor(search: string, options: LogFeedOptions) {
    this.#search = search;
    this.#options = options;
  }

  /** Whether nothing more is to be read. */
  get isFull(): boolean {
    return isLimitReached(this.#options);
  }

  /** Another file begins: half a line of the old one is none. */
  begin(): void {
    this.#rest = new Uint8Array(0);
    this.#isSkipping = false;
  }

  /**
   * Handles the lines that a chunk completes.
   *
   * @param chunk the next bytes; free again when the promise resolves
   */
  async feed(chunk: Uint8Array): Promise<void> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0 && !this.isFull; end = chunk.indexOf(LINE_FEED, start)) {
      const line = this.#isSkipping ? this.#rest : concatBytes(this.#rest, chunk.subarray(start, end));
      if (!this.#isSkipping && line.length <= MAX_LINE) {
        const pause = this.#take(latin1Text(line));
        if (pause !== undefined) await pause;
      }
      this.begin();
      start = end + 1;
    }
    if (this.#isSkipping) return;
    this.#rest = concatBytes(this.#rest, chunk.subarray(start));
    if (this.#rest.length <= MAX_LINE) return;
    this.begin();
    this.#isSkipping = true;
  }

  #take(line: string): Promise<void> | undefined {
    const { counts, handleKnock } = this.#options;
    const packet = parseLogLine(line, this.#search, Date.now() / 1000);
    if (packet === undefined) return undefined;
    counts.frames++;
    return handleKnock(packet);
  }
}
