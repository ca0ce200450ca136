/**
 * QR codes, ISO/IEC 18004.
 *
 * @module
 */

export type QrErrorCorrection = "L" | "M" | "Q" | "H";
export interface QrCode {
  /** 1..40. */
  readonly version: number;
  readonly errorCorrection: QrErrorCorrection;
  readonly mask: number;
  /** Modules a side. */
  readonly size: number;
  /** size * size modules, row by row; 1 is dark. No quiet zone. */
  readonly modules: Uint8Array;
}
/** @throws RangeError when the data fits no version */
export declare function encodeQr(data: string | Uint8Array, errorCorrection?: QrErrorCorrection): QrCode;
