/**
 * Clocks that a test moves by hand.
 *
 * @module
 */
import type { Moment } from "../../src/expiry.ts";
import type { Clock } from "../../src/node/clock.ts";

/** A wall clock, a monotonic clock, and the timers that hang on them. */
export class ManualClock implements Clock {
  wallMs: number;
  monotonicMs = 5000;
  /** When each open alarm rings next; undefined for one that is not set. */
  readonly #alarms = new Map<() => void, number | undefined>();

  /** @param wallSeconds Unix time to begin with */
  constructor(wallSeconds: number) {
    this.wallMs = 1000 * wallSeconds;
  }

  get wallSeconds(): number {
    return this.wallMs / 1000;
  }

  /** Milliseconds to the next alarm, undefined when none is set. */
  get nextAlarmMs(): number | undefined {
    const times = [...this.#alarms.values()].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times) - this.monotonicMs;
  }

  read(): Moment {
    return { wallMs: this.wallMs, monotonicMs: this.monotonicMs };
  }

  alarm(onWake: () => void): { set(wallMs: number | undefined): void; close(): void } {
    return {
      set: (wallMs) => {
        this.#alarms.set(onWake, wallMs === undefined ? undefined : this.monotonicMs + (wallMs - this.wallMs));
        setImmediate(() => this.ring()); // a time that has passed already
      },
      close: () => void this.#alarms.delete(onWake),
    };
  }

  /** Lets time pass; rings what has come due. */
  advance(seconds: number): void {
    this.wallMs += 1000 * seconds;
    this.monotonicMs += 1000 * seconds;
    this.ring();
  }

  /** Somebody sets the wall clock; alarms notice it, as the real one does within half a minute. */
  step(seconds: number): void {
    this.wallMs += 1000 * seconds;
    for (const onWake of this.#alarms.keys()) onWake();
  }

  ring(): void {
    for (const [onWake, time] of this.#alarms) {
      if (time === undefined || time > this.monotonicMs) continue;
      this.#alarms.set(onWake, undefined);
      onWake();
    }
  }
}
