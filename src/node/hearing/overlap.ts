/**
 * What two ways hear that are open at once, while one takes the place of the other: each packet counts once.
 *
 * @module
 */

import { latin1Text } from "../../bytes.ts";
import { ipKey } from "../../ip.ts";
import type { Datagram } from "../../packet.ts";

/** Packets that are remembered; more of them are heard twice, and refused as replays. */
const MAX_HEARD = 4000;

/** The time in which both hear. */
export class Overlap {
  #heard: Set<string> | undefined;
  #until = Infinity;

  /** Both hear from now on. */
  begin(): void {
    this.#heard = new Set();
    this.#until = Infinity;
  }

  /**
   * One of them has fallen silent. What was captured before may still be on its way.
   *
   * @param now Unix time, seconds
   */
  end(now: number): void {
    this.#until = now;
  }

  /**
   * Tells whether a packet was heard before in this time.
   *
   * @param datagram is remembered when it was not
   */
  isRepeat({ timestamp, source, payload }: Datagram): boolean {
    if (this.#heard === undefined) return false;
    if (timestamp > this.#until) {
      this.#heard = undefined;
      return false;
    }
    const key = `${ipKey(source)} ${latin1Text(payload)}`;
    if (this.#heard.has(key)) return true;
    if (this.#heard.size < MAX_HEARD) this.#heard.add(key);
    return false;
  }
}
