/**
 * QR codes, second half: codewords to modules. Sections are those of ISO/IEC 18004:2015.
 *
 * @module
 */
import { encodeQrCodewords, type QrErrorCorrection } from "./qr-codewords.ts";

export type { QrErrorCorrection } from "./qr-codewords.ts";

/** A QR code, without its quiet zone. */
export interface QrCode {
  /** 1..40. */
  readonly version: number;
  readonly errorCorrection: QrErrorCorrection;
  /** Which of the eight masks was taken, 0..7. */
  readonly mask: number;
  /** Modules a side. */
  readonly size: number;
  /** size * size modules, row by row; 1 is dark. */
  readonly modules: Uint8Array;
}

/**
 * Makes a QR code.
 *
 * @param data text (UTF-8) or bytes; digits and upper-case text take less room
 * @param errorCorrection M when absent: 15 percent may be unreadable
 * @returns the code in the smallest version that holds the data
 * @throws {RangeError} when none does
 */
export function encodeQr(data: string | Uint8Array, errorCorrection: QrErrorCorrection = "M"): QrCode {
  const { version, codewords } = encodeQrCodewords(data, errorCorrection);
  const size = 17 + 4 * version;
  const canvas = new Canvas(size);
  drawFunctionPatterns(canvas, version);
  drawCodewords(canvas, codewords);
  let best: { readonly mask: number; readonly modules: Uint8Array; readonly penalty: number } | undefined;
  for (let mask = 0; mask < MASKS.length; mask++) {
    const masked = canvas.masked(MASKS[mask]!);
    drawFormat(masked, errorCorrection, mask);
    const penalty = penaltyOf(masked);
    if (best === undefined || penalty < best.penalty) best = { mask, modules: masked.modules, penalty };
  }
  return { version, errorCorrection, mask: best!.mask, size, modules: best!.modules };
}

/** Modules, and which of them belong to function patterns. */
class Canvas {
  readonly size: number;
  readonly modules: Uint8Array;
  readonly #reserved: Uint8Array;

  constructor(size: number, modules: Uint8Array = new Uint8Array(size * size), reserved: Uint8Array = new Uint8Array(size * size)) {
    this.size = size;
    this.modules = modules;
    this.#reserved = reserved;
  }

  isDark(row: number, column: number): boolean {
    return this.modules[row * this.size + column] === 1;
  }

  isReserved(row: number, column: number): boolean {
    return this.#reserved[row * this.size + column] === 1;
  }

  set(row: number, column: number, isDark: boolean): void {
    this.modules[row * this.size + column] = isDark ? 1 : 0;
  }

  /** Sets a module of a function pattern; one outside of the code is left out. */
  reserve(row: number, column: number, isDark: boolean): void {
    if (row < 0 || column < 0 || row >= this.size || column >= this.size) return;
    this.set(row, column, isDark);
    this.#reserved[row * this.size + column] = 1;
  }

  /** A copy whose data modules are inverted where the mask says so. */
  masked(mask: Mask): Canvas {
    const copy = new Canvas(this.size, this.modules.slice(), this.#reserved);
    for (let row = 0; row < this.size; row++) {
      for (let column = 0; column < this.size; column++) {
        if (!this.isReserved(row, column) && mask(row, column)) copy.set(row, column, !this.isDark(row, column));
      }
    }
    return copy;
  }
}

/** §6.3.3 to §6.3.6, and room for the format information. */
function drawFunctionPatterns(canvas: Canvas, version: number): void {
  const { size } = canvas;
  for (let at = 0; at < size; at++) {
    canvas.reserve(6, at, at % 2 === 0);
    canvas.reserve(at, 6, at % 2 === 0);
  }
  // Finder and separator: rings around the centre, of which the second and the fourth are light.
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]] as const) {
    drawRings(canvas, row, column, 4, (ring) => ring !== 2 && ring !== 4);
  }
  const positions = alignmentPositions(version);
  for (const row of positions) {
    for (const column of positions) {
      const isInFinder = (row === 6 && (column === 6 || column === size - 7)) || (row === size - 7 && column === 6);
      if (!isInFinder) drawRings(canvas, row, column, 2, (ring) => ring !== 1);
    }
  }
  drawFormat(canvas, "L", 0); // reserves its place; overwritten for each mask
  if (version < 7) return;
  // Version information (§7.10): six bits and twelve check bits, twice, the lowest in the corner.
  const bits = (version << 12) | bchRemainder(version, 12, 0x1f25);
  for (let bit = 0; bit < 18; bit++) {
    const [across, along] = [size - 11 + (bit % 3), Math.floor(bit / 3)];
    const isDark = ((bits >> bit) & 1) === 1;
    canvas.reserve(along, across, isDark);
    canvas.reserve(across, along, isDark);
  }
}

function drawRings(canvas: Canvas, row: number, column: number, radius: number, isDark: (ring: number) => boolean): void {
  for (let down = -radius; down <= radius; down++) {
    for (let right = -radius; right <= radius; right++) {
      canvas.reserve(row + down, column + right, isDark(Math.max(Math.abs(down), Math.abs(right))));
    }
  }
}

/** Rows and columns of the alignment patterns' centres (Annex E): evenly spaced from the far end, but for the first. */
function alignmentPositions(version: number): readonly number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const last = 10 + 4 * version;
  // Version 32 is the one whose step is not the rounded one.
  const step = version === 32 ? 26 : 2 * Math.ceil((last - 6) / (2 * (count - 1)));
  return [6, ...Array.from({ length: count - 1 }, (_, at) => last - (count - 2 - at) * step)];
}

/** Two columns at a time from the right, upwards and downwards in turn (§7.7.3). */
function drawCodewords(canvas: Canvas, codewords: Uint8Array): void {
  const { size } = canvas;
  let bit = 0;
  let isUpward = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right--; // the timing column counts for nothing
    for (let step = 0; step < size; step++) {
      const row = isUpward ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (canvas.isReserved(row, column)) continue;
        // The few modules that remain are light.
        canvas.set(row, column, (((codewords[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1);
        bit++;
      }
    }
    isUpward = !isUpward;
  }
}

/** §7.9.1, Table 12. */
const LEVEL_BITS: Readonly<Record<QrErrorCorrection, number>> = { L: 1, M: 0, Q: 3, H: 2 };

/** Format information (§7.9.1): level, mask and ten check bits, twice. */
function drawFormat(canvas: Canvas, level: QrErrorCorrection, mask: number): void {
  const { size } = canvas;
  const data = (LEVEL_BITS[level] << 3) | mask;
  const bits = ((data << 10) | bchRemainder(data, 10, 0x537)) ^ 0x5412;
  for (let bit = 0; bit < 15; bit++) {
    const isDark = ((bits >> bit) & 1) === 1;
    // Around the upper left finder, where the timing patterns are stepped over.
    if (bit < 8) canvas.reserve(bit < 6 ? bit : bit + 1, 8, isDark);
    else canvas.reserve(8, bit === 8 ? 7 : 14 - bit, isDark);
    // Below the upper right finder, and beside the lower left one.
    if (bit < 8) canvas.reserve(8, size - 1 - bit, isDark);
    else canvas.reserve(size - 15 + bit, 8, isDark);
  }
  canvas.reserve(size - 8, 8, true);
}

/** Check bits of a BCH code (Annexes C and D): the remainder of data * 2^width by the generator. */
function bchRemainder(data: number, width: number, generator: number): number {
  let rest = data;
  for (let step = 0; step < width; step++) rest = (rest << 1) ^ ((rest >> (width - 1)) * generator);
  return rest;
}

type Mask = (row: number, column: number) => boolean;

/** §7.8.2, Table 10. */
const MASKS: readonly Mask[] = [
  (row, column) => (row + column) % 2 === 0,
  (row) => row % 2 === 0,
  (_row, column) => column % 3 === 0,
  (row, column) => (row + column) % 3 === 0,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0,
  (row, column) => ((row * column) % 2) + ((row * column) % 3) === 0,
  (row, column) => (((row * column) % 2) + ((row * column) % 3)) % 2 === 0,
  (row, column) => (((row + column) % 2) + ((row * column) % 3)) % 2 === 0,
];

/** How hard the code is to read (§7.8.3, Table 11); lower is better. */
function penaltyOf(canvas: Canvas): number {
  const { size } = canvas;
  let penalty = 0;
  let dark = 0;
  for (let line = 0; line < size; line++) {
    let [row, column] = ["", ""];
    for (let at = 0; at < size; at++) {
      row += canvas.isDark(line, at) ? "1" : "0";
      column += canvas.isDark(at, line) ? "1" : "0";
      if (canvas.isDark(line, at)) dark++;
      // Blocks of two by two alike: 3 each.
      if (line > 0 && at > 0) {
        const colour = canvas.isDark(line, at);
        if (canvas.isDark(line - 1, at) === colour && canvas.isDark(line, at - 1) === colour && canvas.isDark(line - 1, at - 1) === colour) penalty += 3;
      }
    }
    penalty += linePenalty(row) + linePenalty(column);
  }
  // Unbalanced: 10 for each 5 percent off the middle.
  return penalty + 10 * Math.floor(Math.abs(20 * dark / size ** 2 - 10));
}

/** Runs of five and more: 3 and 1 for each further module. What looks like a finder, light on one side: 40 each. */
function linePenalty(line: string): number {
  let penalty = 0;
  for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
  const withQuietZone = `0000${line}0000`;
  for (let at = withQuietZone.indexOf("1011101"); at >= 0; at = withQuietZone.indexOf("1011101", at + 1)) {
    if (withQuietZone.startsWith("0000", at - 4) || withQuietZone.startsWith("0000", at + 7)) penalty += 40;
  }
  return penalty;
}
