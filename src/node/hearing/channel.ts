/**
 * Hands values from producers that call to a consumer that awaits.
 *
 * @module
 */

interface Waiter<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

/** What a channel tells its producer. */
export interface ChannelOptions {
  /** The consumer took a value that had to wait: there is room again. */
  readonly onTake?: () => void;
  /** The channel ended; called once. */
  readonly onEnd?: () => void;
}

/**
 * A queue with one consumer. It does not bound itself: each producer looks at what `put` returns,
 * and pauses, waits or drops.
 */
export class Channel<T> implements AsyncIterableIterator<T> {
  readonly #options: ChannelOptions;
  readonly #values: T[] = [];
  readonly #waiters: Waiter<T>[] = [];
  #roomWaiters: (() => void)[] = [];
  #ended = false;
  #error: unknown;

  /** @param options what the producer wants to know */
  constructor(options: ChannelOptions = {}) {
    this.#options = options;
  }

  /** Values that wait for the consumer. */
  get size(): number {
    return this.#values.length;
  }

  /**
   * Adds a value; after the end it is forgotten.
   *
   * @param value must not be changed until the consumer asks for the next one
   * @returns how many values wait now; 0 when the consumer has it already
   */
  put(value: T): number {
    if (this.#ended) return 0;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#values.push(value);
    else waiter.resolve({ done: false, value });
    return this.#values.length;
  }

  /** @returns settles when no value waits any more, or the channel has ended */
  room(): Promise<void> {
    if (this.#values.length === 0 || this.#ended) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /**
   * Ends the channel after the values that wait.
   *
   * @param error what the consumer gets then instead of an orderly end
   */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#releaseRoom();
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
    this.#options.onEnd?.();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#values.length > 0) {
      const value = this.#values.shift()!;
      if (this.#values.length === 0) this.#releaseRoom();
      if (!this.#ended) this.#options.onTake?.();
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#finish({ resolve, reject });
      else this.#waiters.push({ resolve, reject });
    });
  }

  /** The consumer leaves: what waits is forgotten. */
  return(): Promise<IteratorResult<T>> {
    this.#values.length = 0;
    this.end();
    this.#releaseRoom();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #releaseRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #finish(waiter: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }
}
