/**
 * QR codes, first half: text to codewords. Sections are those of ISO/IEC 18004:2015.
 *
 * @module
 */
import { type Bytes, utf8Bytes } from "./bytes.ts";

/** How much of a symbol may be unreadable: about 7, 15, 25 and 30 percent. */
export type QrErrorCorrection = "L" | "M" | "Q" | "H";

/** Codewords of a symbol, and the smallest version that holds them. */
export interface QrCodewords {
  /** 1..40. */
  readonly version: number;
  /** Data and error correction, interleaved as they are placed. */
  readonly codewords: Bytes;
}

/** A way to write characters as bits (§7.3, Table 2). */
interface Mode {
  readonly indicator: number;
  /** Width of the character count for versions 1..9, 10..26 and 27..40 (Table 3). */
  readonly countBits: readonly [number, number, number];
  readonly alphabet: RegExp;
  write(data: Uint8Array, bits: BitWriter): void;
}

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** Numeric, alphanumeric and byte mode: the densest first, and the last takes everything (§7.4.3 to §7.4.5). */
const MODES: readonly [Mode, Mode, Mode] = [
  {
    indicator: 1,
    countBits: [10, 12, 14],
    alphabet: /^[0-9]+$/,
    write(data, bits) {
      for (let at = 0; at < data.length; at += 3) {
        const digits = data.subarray(at, at + 3);
        bits.push(digits.reduce((number, digit) => 10 * number + digit - 0x30, 0), 3 * digits.length + 1);
      }
    },
  },
  {
    indicator: 2,
    countBits: [9, 11, 13],
    alphabet: /^[0-9A-Z $%*+\-./:]+$/,
    write(data, bits) {
      const value = (at: number): number => ALPHANUMERIC.indexOf(String.fromCharCode(data[at]!));
      for (let at = 0; at + 1 < data.length; at += 2) bits.push(45 * value(at) + value(at + 1), 11);
      if (data.length % 2 === 1) bits.push(value(data.length - 1), 6);
    },
  },
  {
    indicator: 4,
    countBits: [8, 16, 16],
    alphabet: /^/,
    write(data, bits) {
      for (const byte of data) bits.push(byte, 8);
    },
  },
];

/** Error correction codewords a block, for versions 1..40 (Table 9). */
const CHECK_LENGTHS: Readonly<Record<QrErrorCorrection, readonly number[]>> = {
  L: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
  M: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  Q: [13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
  H: [17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
};

/** Error correction blocks, for versions 1..40 (Table 9). */
const BLOCK_COUNTS: Readonly<Record<QrErrorCorrection, readonly number[]>> = {
  L: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
  M: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
  Q: [1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68],
  H: [1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81],
};

/**
 * Encodes text in the densest mode that has all its characters.
 *
 * @param data text, written as UTF-8 where it is not ASCII, or bytes
 * @param errorCorrection the level
 * @returns the codewords for the smallest version that holds the data
 * @throws {RangeError} when none does
 */
export function encodeQrCodewords(data: string | Uint8Array, errorCorrection: QrErrorCorrection): QrCodewords {
  const bytes = typeof data === "string" ? utf8Bytes(data) : data;
  const mode = (typeof data === "string" ? MODES.find(({ alphabet }) => alphabet.test(data)) : undefined) ?? MODES[2];
  for (let version = 1; version <= 40; version++) {
    const capacity = dataLength(version, errorCorrection);
    const bits = new BitWriter(capacity);
    bits.push(mode.indicator, 4);
    const countBits = mode.countBits[version < 10 ? 0 : version < 27 ? 1 : 2];
    if (bytes.length >= 2 ** countBits) continue;
    bits.push(bytes.length, countBits); // of the characters, each one byte where the mode is not bytes
    mode.write(bytes, bits);
    if (bits.length > 8 * capacity) continue;
    return { version, codewords: addCheckWords(bits.finish(), version, errorCorrection) };
  }
  throw new RangeError(`Cannot make a QR code: ${bytes.length} bytes fit in no version at level ${errorCorrection}`);
}

/** Bits, most significant first, of which those beyond the capacity are only counted. */
class BitWriter {
  readonly #bytes: Bytes;
  length = 0;

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  push(value: number, width: number): void {
    for (let bit = width - 1; bit >= 0; bit--, this.length++) {
      const at = this.length >> 3;
      if (at < this.#bytes.length) this.#bytes[at]! |= ((value >> bit) & 1) << (7 - (this.length & 7));
    }
  }

  /** Adds the terminator, fills the last byte with zeros and the rest with pad codewords (§7.4.10). */
  finish(): Bytes {
    const used = Math.min(Math.ceil((this.length + 4) / 8), this.#bytes.length);
    for (let at = used, pad = 0xec; at < this.#bytes.length; at++, pad ^= 0xec ^ 0x11) this.#bytes[at] = pad;
    return this.#bytes;
  }
}

/** Codewords of a symbol, error correction included: what function patterns leave, in whole bytes (Table 1). */
function totalLength(version: number): number {
  const size = 17 + 4 * version;
  const alignmentsASide = version === 1 ? 0 : Math.floor(version / 7) + 2;
  const alignments = version === 1 ? 0 : alignmentsASide ** 2 - 3;
  // Those in the timing row and column, without the corners, share five modules with it.
  const shared = version === 1 ? 0 : 10 * (alignmentsASide - 2);
  const finders = 3 * 64;
  const timing = 2 * (size - 16);
  const formatAndVersion = 31 + (version < 7 ? 0 : 36);
  return Math.floor((size ** 2 - finders - timing - formatAndVersion - 25 * alignments + shared) / 8);
}

function dataLength(version: number, level: QrErrorCorrection): number {
  return totalLength(version) - CHECK_LENGTHS[level][version - 1]! * BLOCK_COUNTS[level][version - 1]!;
}

/** Cuts the data into blocks, computes each one's check words, and interleaves all (§7.5 and §7.6). */
function addCheckWords(data: Bytes, version: number, level: QrErrorCorrection): Bytes {
  const blockCount = BLOCK_COUNTS[level][version - 1]!;
  const checkLength = CHECK_LENGTHS[level][version - 1]!;
  const shortLength = Math.floor(data.length / blockCount);
  const shortCount = blockCount - (data.length % blockCount);
  const generator = generatorPolynomial(checkLength);
  const blocks: Uint8Array[] = [];
  for (let block = 0, at = 0; block < blockCount; block++) {
    const length = block < shortCount ? shortLength : shortLength + 1;
    blocks.push(data.subarray(at, at + length));
    at += length;
  }
  const checks = blocks.map((block) => remainder(block, generator));
  const result = new Uint8Array(totalLength(version));
  let written = 0;
  for (let at = 0; at <= shortLength; at++) {
    for (const block of blocks) if (at < block.length) result[written++] = block[at]!;
  }
  for (let at = 0; at < checkLength; at++) {
    for (const check of checks) result[written++] = check[at]!;
  }
  return result;
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (§7.5.2). */
function multiply(left: number, right: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((right >> bit) & 1) * left;
  }
  return product;
}

/** (x - 2^0)(x - 2^1)…, the leading 1 left out, highest power first (Annex A). */
function generatorPolynomial(degree: number): Bytes {
  const polynomial = new Uint8Array(degree);
  polynomial[degree - 1] = 1;
  let root = 1;
  for (let step = 0; step < degree; step++) {
    for (let at = 0; at < degree; at++) {
      polynomial[at] = multiply(polynomial[at]!, root) ^ (polynomial[at + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return polynomial;
}

/** Reed-Solomon check words: the remainder of the block, shifted, by the generator. */
function remainder(block: Uint8Array, generator: Uint8Array): Bytes {
  const rest = new Uint8Array(generator.length);
  for (const byte of block) {
    const factor = byte ^ rest[0]!;
    rest.copyWithin(0, 1);
    rest[rest.length - 1] = 0;
    for (let at = 0; at < rest.length; at++) rest[at]! ^= multiply(generator[at]!, factor);
  }
  return rest;
}
