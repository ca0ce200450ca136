/**
 * The clocks, and what it means when they disagree.
 *
 * @module
 */

import { uptime } from "node:os";
import type { Moment } from "../expiry.ts";

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

/** Smaller disagreements are slewing, or the grain of the boot clock. */
const JUMP_MS = 2000;
/** The clocks are compared at least so often. */
const COMPARE_MS = 30_000;

/**
 * Reads all clocks.
 *
 * @returns a fresh reading
 */
export function readClocks(): ClockReading {
  return { wallMs: Date.now(), monotonicMs: performance.now(), bootMs: uptime() * 1000 };
}

/**
 * Compares two readings.
 *
 * @param before the earlier
 * @param after the later
 * @returns what happened to the wall clock, or undefined when nothing did
 */
export function findClockJump(before: ClockReading, after: ClockReading): ClockJump | undefined {
  const elapsed = after.monotonicMs - before.monotonicMs;
  const wall = after.wallMs - before.wallMs - elapsed;
  if (Math.abs(wall) <= JUMP_MS) return undefined;
  const asleep = after.bootMs - before.bootMs - elapsed;
  return { kind: Math.abs(wall - asleep) <= JUMP_MS ? "sleep" : "step", seconds: Math.round(wall / 1000) };
}

/** Clocks and timers, as the daemon or a test has them. */
export interface Clock {
  read(): Moment;
  /** @param onWake called at the time that was set, or earlier */
  alarm(onWake: () => void): { set(wallMs: number | undefined): void; close(): void };
}

/** The system's. */
export const SYSTEM_CLOCK: Clock = { read: readClocks, alarm: (onWake) => new Alarm(onWake) };

/**
 * One timer for the earliest deadline. Deadlines are told in Unix time, as they are kept in files
 * and rules, and are also held on the monotonic clock: whichever comes first counts, so a clock
 * that was set back prolongs nothing. Wakes at least every 30 s to compare the clocks.
 */
export class Alarm {
  readonly #onWake: (now: ClockReading, jump: ClockJump | undefined) => void;
  readonly #read: () => ClockReading;
  #timer: NodeJS.Timeout | undefined;
  #last: ClockReading;
  #deadline: { readonly wallMs: number; readonly monotonicMs: number } | undefined;
  #closed = false;

  /**
   * @param onWake called when the deadline has come, and when a clock has jumped
   * @param read reads the clocks
   */
  constructor(onWake: (now: ClockReading, jump: ClockJump | undefined) => void, read: () => ClockReading = readClocks) {
    this.#onWake = onWake;
    this.#read = read;
    this.#last = read();
    this.#arm();
  }

  /**
   * Sets the deadline, in place of the one before.
   *
   * @param wallMs Unix time of the earliest deadline, milliseconds; undefined for none
   */
  set(wallMs: number | undefined): void {
    const now = this.#read();
    this.#deadline = wallMs === undefined ? undefined : { wallMs, monotonicMs: now.monotonicMs + (wallMs - now.wallMs) };
    this.#arm();
  }

  /** Lets the process end. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const now = this.#read();
    const wait = this.#deadline === undefined ? COMPARE_MS
      : Math.min(this.#deadline.wallMs - now.wallMs, this.#deadline.monotonicMs - now.monotonicMs);
    // Rounded up: a timer that fires a fraction early would fire twice.
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, Math.min(COMPARE_MS, Math.ceil(wait))));
  }

  #wake(): void {
    const now = this.#read();
    const jump = findClockJump(this.#last, now);
    this.#last = now;
    const deadline = this.#deadline;
    const due = deadline !== undefined && (now.wallMs >= deadline.wallMs || now.monotonicMs >= deadline.monotonicMs);
    if (due) this.#deadline = undefined;
    this.#arm();
    if (due || jump !== undefined) this.#onWake(now, jump);
  }
}
