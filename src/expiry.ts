/**
 * The ledger of what is open: by what it opens, and by when it ends.
 *
 * The end is kept on two clocks. The wall clock is what rules and files say, but it can be set
 * back, and then a grant would stay open longer than it was given for. The monotonic clock cannot
 * be set, but stands still while the machine sleeps. What either of them says is due is due.
 *
 * @module
 */

/** Something with an end. */
export interface Timed {
  /** What it opens: a second one with the same key takes the place of the first. */
  readonly key: string;
  /** Unix time, seconds, of its end. */
  readonly expiresAt: number;
}

/** Two clocks at one moment, milliseconds. */
export interface Moment {
  /** Unix time. */
  readonly wallMs: number;
  /** Since some moment in the past; never set. */
  readonly monotonicMs: number;
}

interface Entry<T> {
  readonly item: T;
  /** Greater for what was entered later. */
  readonly order: number;
  /** The end on each clock; postponed when closing failed. */
  readonly wallMs: number;
  readonly monotonicMs: number;
}

const CLOCKS = ["wallMs", "monotonicMs"] as const;

/** Old nodes that are tolerated in a heap before it is built anew, beside as many as are live. */
const SLACK = 64;

/** What is open and when it ends. Finding what is due costs nothing for what is not. */
export class Ledger<T extends Timed> {
  readonly #items = new Map<string, T>();
  readonly #entries = new Map<string, Entry<T>>();
  #nextOrder = 0;
  /** One for each clock. Entries that were renewed or removed stay inside until they come up. */
  #heaps: Readonly<Record<keyof Moment, Heap<Entry<T>>>> = emptyHeaps();

  /** How much is open. */
  get size(): number {
    return this.#items.size;
  }

  /** What is open, by key, oldest or longest not renewed first. A view: changes with the ledger. */
  get items(): ReadonlyMap<string, T> {
    return this.#items;
  }

  /**
   * Enters something, in place of what had its key; it is then the last in the order.
   *
   * @param item what is open now
   * @param now the clocks
   */
  put(item: T, now: Moment): void {
    this.remove(item.key);
    const wallMs = item.expiresAt * 1000;
    this.#items.set(item.key, item);
    this.#enter({ item, order: this.#nextOrder++, wallMs, monotonicMs: now.monotonicMs + (wallMs - now.wallMs) });
  }

  /**
   * Strikes something out.
   *
   * @param key of what is closed now
   */
  remove(key: string): void {
    this.#items.delete(key);
    this.#entries.delete(key);
  }

  /**
   * Puts off the end of something that could not be closed.
   *
   * @param key of what is still open
   * @param now the clocks
   * @param delayMs until the next try, milliseconds
   */
  postpone(key: string, now: Moment, delayMs: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#enter({ ...entry, wallMs: now.wallMs + delayMs, monotonicMs: now.monotonicMs + delayMs });
  }

  /**
   * Tells what has ended. It stays in the ledger, and is due until it is removed or postponed.
   *
   * @param now the clocks
   * @returns a fresh array, what was entered first comes first
   */
  due(now: Moment): T[] {
    const found = new Set<Entry<T>>();
    for (const clock of CLOCKS) {
      const heap = this.#heaps[clock];
      for (let top = heap.top(); top !== undefined && top[clock] <= now[clock]; top = heap.top()) {
        heap.pop();
        if (this.#isCurrent(top)) found.add(top);
      }
    }
    for (const entry of found) this.#enter(entry);
    return [...found].sort((left, right) => left.order - right.order).map((entry) => entry.item);
  }

  /**
   * Tells how long something has to go.
   *
   * @param key of what is open
   * @param now the clocks
   * @returns milliseconds on the clock that says less, negative when it is over; undefined when it is not open
   */
  leftMs(key: string, now: Moment): number | undefined {
    const entry = this.#entries.get(key);
    return entry && Math.min(...CLOCKS.map((clock) => entry[clock] - now[clock]));
  }

  /**
   * Tells how long nothing will be due.
   *
   * @param now the clocks
   * @returns milliseconds, 0 when something is due already, undefined when nothing ever will be
   */
  nextDueMs(now: Moment): number | undefined {
    let soonest: number | undefined;
    for (const clock of CLOCKS) {
      const heap = this.#heaps[clock];
      while (heap.top() !== undefined && !this.#isCurrent(heap.top()!)) heap.pop();
      const top = heap.top();
      if (top !== undefined) soonest = Math.min(soonest ?? Infinity, Math.max(0, top[clock] - now[clock]));
    }
    return soonest;
  }

  #enter(entry: Entry<T>): void {
    this.#entries.set(entry.item.key, entry);
    for (const clock of CLOCKS) this.#heaps[clock].push(entry);
    if (CLOCKS.every((clock) => this.#heaps[clock].size <= 2 * this.#entries.size + SLACK)) return;
    this.#heaps = emptyHeaps();
    for (const current of this.#entries.values()) for (const clock of CLOCKS) this.#heaps[clock].push(current);
  }

  #isCurrent(entry: Entry<T>): boolean {
    return this.#entries.get(entry.item.key) === entry;
  }
}

function emptyHeaps<T>(): Record<keyof Moment, Heap<Entry<T>>> {
  return { wallMs: new Heap((entry) => entry.wallMs), monotonicMs: new Heap((entry) => entry.monotonicMs) };
}

/** A binary heap with the smallest rank on top. */
class Heap<T> {
  readonly #rank: (item: T) => number;
  readonly #items: T[] = [];

  constructor(rank: (item: T) => number) {
    this.#rank = rank;
  }

  get size(): number {
    return this.#items.length;
  }

  top(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#rank(items[parent]!) <= this.#rank(item)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#rank(items[child + 1]!) < this.#rank(items[child]!)) child++;
      if (this.#rank(items[child]!) >= this.#rank(last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
  }
}
