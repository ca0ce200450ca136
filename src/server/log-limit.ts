/**
 * Keeps a flood of refusals from becoming a flood of log lines: the first few of a kind are
 * told as they come, the rest are counted and told as one number later.
 *
 * @module
 */

/** How much is let through. */
export interface LogLimitOptions {
  /** Lines of one kind that are told at once within a window. */
  readonly burst: number;
  /** Length of a window, milliseconds. */
  readonly windowMs: number;
  /** Kinds that are kept apart; whatever is beyond is counted together. */
  readonly maxKinds: number;
}

/** What was kept back of one kind. */
export interface Suppressed {
  /** The kind, or undefined for those beyond `maxKinds`. */
  readonly kind: string | undefined;
  readonly count: number;
}

const DEFAULTS: LogLimitOptions = { burst: 10, windowMs: 60_000, maxKinds: 1000 };

interface Window {
  told: number;
  suppressed: number;
}

/** Counts the events of each kind within a window. The clock is the caller's. */
export class LogLimit {
  readonly #options: LogLimitOptions;
  readonly #windows: Map<string, Window> = new Map();
  readonly #overflow: Window = { told: 0, suppressed: 0 };
  #startedAt: number | undefined;

  /** @param options burst, window and number of kinds; what is left out has a default */
  constructor(options: Partial<LogLimitOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Asks whether an event may be told now; counts it if not.
   *
   * @param kind what kind of event it is, such as the refusal's reason and source
   * @param nowMs a monotonic clock, milliseconds
   * @returns whether to tell it
   */
  admit(kind: string, nowMs: number): boolean {
    this.#startedAt ??= nowMs;
    let window = this.#windows.get(kind);
    if (window === undefined) {
      if (this.#windows.size < this.#options.maxKinds) this.#windows.set(kind, (window = { told: 0, suppressed: 0 }));
      else window = this.#overflow;
    }
    if (window.told < this.#options.burst) {
      window.told++;
      return true;
    }
    window.suppressed++;
    return false;
  }

  /**
   * Closes the window when its time is over.
   *
   * @param nowMs the same clock
   * @returns what was kept back since the last window, largest count first; empty while the window lasts
   */
  collect(nowMs: number): Suppressed[] {
    if (this.#startedAt === undefined || nowMs - this.#startedAt < this.#options.windowMs) return [];
    return this.flush();
  }

  /**
   * Closes the window now, as at the end of the program.
   *
   * @returns what was kept back, largest count first
   */
  flush(): Suppressed[] {
    const kept: Suppressed[] = [];
    for (const [kind, window] of this.#windows) if (window.suppressed > 0) kept.push({ kind, count: window.suppressed });
    if (this.#overflow.suppressed > 0) kept.push({ kind: undefined, count: this.#overflow.suppressed });
    this.#windows.clear();
    this.#overflow.told = 0;
    this.#overflow.suppressed = 0;
    this.#startedAt = undefined;
    return kept.sort((left, right) => right.count - left.count);
  }
}
