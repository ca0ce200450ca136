/**
 * Seeded randomness for property tests, so that a failure can be run again.
 *
 * Every run draws the same values unless the environment says `SEED=n`, or `SEED=random` for a seed from the clock.
 * A test file that fails after it drew from a {@link generator} ends with the seed that makes the failure come back.
 *
 * @module
 */

import type { Bytes } from "../../src/bytes.ts";

const DEFAULT_SEED = 0x5eed;

/** The seed of this run. */
const SEED: number = chooseSeed(process.env["SEED"]);

function chooseSeed(wanted: string | undefined): number {
  if (wanted === undefined || wanted === "") return DEFAULT_SEED;
  if (wanted === "random") return Date.now() % 0x7fffffff;
  const seed = Number(wanted);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`Cannot read SEED: expected an integer or "random", got "${wanted}"`);
  return seed;
}

/** A stream of pseudo-random values: xorshift128 (Marsaglia 2003, §4), never for anything secret. */
export class Gen {
  readonly #state = new Int32Array(4);

  constructor(seed: number) {
    // Spreads small seeds over the whole state, which must not be zero (the multiplier is Knuth's, TAOCP 3.3.4).
    let word = seed | 0;
    for (let at = 0; at < 4; at++) this.#state[at] = word = (Math.imul(word ^ (word >>> 15), 1664525) + 1013904223) | 0;
    if (this.#state.every((value) => value === 0)) this.#state[0] = 1;
    for (let skipped = 0; skipped < 16; skipped++) this.uint32();
  }

  /** @returns any of 0..2^32-1 */
  uint32(): number {
    const state = this.#state;
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0] >>> 0;
  }

  /** @returns an integer from `first` to `last`, both included */
  between(first: number, last: number): number {
    return first + Math.floor((this.uint32() / 2 ** 32) * (last - first + 1));
  }

  /** @returns an integer from 0 to `limit` - 1 */
  below(limit: number): number {
    return this.between(0, limit - 1);
  }

  /** @returns true `of` times in a hundred */
  chance(of = 50): boolean {
    return this.below(100) < of;
  }

  /** @returns one of the list */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** @returns a list of `length` values */
  list<T>(length: number, make: (gen: Gen) => T): T[] {
    return Array.from({ length }, () => make(this));
  }

  /** @returns the list in another order */
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
    }
    return shuffled;
  }

  /** @returns random bytes that own their buffer */
  bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.uint32() >>> 24;
    return bytes;
  }

  /** @returns text of characters from an alphabet, printable ASCII unless given */
  text(length: number, alphabet: string = PRINTABLE): string {
    let text = "";
    while (text.length < length) text += alphabet[this.below(alphabet.length)]!;
    return text;
  }

  /** @returns a copy that begins at an odd offset of a larger buffer, between bytes that are not its own */
  unaligned(bytes: Uint8Array): Bytes {
    const offset = 1 + 2 * this.below(8);
    const buffer = this.bytes(offset + bytes.length + this.below(8));
    buffer.set(bytes, offset);
    return buffer.subarray(offset, offset + bytes.length);
  }

  /** @returns views that together are the bytes; some may be empty */
  chunks(bytes: Uint8Array, mostChunks = 8): Uint8Array[] {
    const cuts = this.list(this.below(mostChunks), (gen) => gen.below(bytes.length + 1)).sort((a, b) => a - b);
    return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length));
  }

  /** @returns a copy with one bit changed */
  flipBit(bytes: Uint8Array): Bytes {
    const flipped = Uint8Array.from(bytes);
    const bit = this.below(8 * bytes.length);
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    return flipped;
  }
}

const PRINTABLE = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join("");

let announced = false;

/**
 * Begins a stream of values for one test. Streams of different names have nothing in common, so a test draws the same
 * whether its neighbours run or not.
 *
 * @param name the test's own
 * @returns a generator of this run's seed
 */
export function generator(name: string): Gen {
  if (!announced) {
    announced = true;
    process.on("exit", (status) => {
      if (status !== 0) console.error(`Run again with SEED=${SEED}`);
    });
  }
  // FNV-1a over the name.
  let mixed = SEED ^ 0x811c9dc5;
  for (let at = 0; at < name.length; at++) mixed = Math.imul(mixed ^ name.charCodeAt(at), 0x01000193);
  return new Gen(mixed);
}
