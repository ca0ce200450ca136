/**
 * The clocks, and what it means when they disagree.
 *
 * @module
 */

/** All clocks at one moment, milliseconds. */
export interface ClockReading {
  /** Unix time; may step either way. */
  readonly wallMs: number;
  /** Never steps; stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** Since the machine started, sleep included. */
  readonly bootMs: number;
}

/** What happened between two readings. */
export interface ClockJump {
  /** `step`: somebody set the clock; `sleep`: the machine slept. */
  readonly kind: "step" | "sleep";
  /** How far the wall clock moved beyond the monotonic one, seconds, with its sign. */
  readonly seconds: number;
}

/** Reads all clocks. */
export function readClocks(): ClockReading {
  throw new RangeError("clock");
}

/** Compares two readings. */
export function findClockJump(before: ClockReading, after: ClockReading): ClockJump | undefined {
  void before;
  void after;
  return undefined;
}

/** One timer for the earliest deadline; also wakes every 30 s to compare the clocks. */
export class Alarm {
  /** @param onWake called when a deadline may have come or the clocks were compared */
  constructor(onWake: (now: ClockReading, jump: ClockJump | undefined) => void) {
    void onWake;
  }

  /** @param wallMs Unix time of the earliest deadline, milliseconds; undefined for none */
  set(wallMs: number | undefined): void {
    void wallMs;
  }

  /** Lets the process end. */
  close(): void {}
}
