/**
 * Draws QR codes: with half blocks for a terminal, and as SVG.
 *
 * @module
 */
import type { QrCode } from "../qr.ts";

/** Light modules around the code, ISO/IEC 18004 §6.3.8. */
const QUIET_ZONE = 4;

/** A code as a drawing, in modules, the quiet zone counted. */
export interface QrDrawing {
  /** Width and height. */
  readonly side: number;
  /** The dark modules as an SVG path. */
  readonly path: string;
}

/**
 * Draws for a terminal, two modules a character. Colours are set, so that it is dark on light
 * whatever the terminal's own are.
 *
 * @param code the code
 * @returns lines, each ended, with the quiet zone
 */
export function renderQrText(code: QrCode): string {
  const side = code.size + 2 * QUIET_ZONE;
  const isDark = (row: number, column: number): boolean => isDarkAt(code, row - QUIET_ZONE, column - QUIET_ZONE);
  let text = "";
  for (let row = 0; row < side; row += 2) {
    text += "\x1b[30;107m"; // black on bright white
    for (let column = 0; column < side; column++) {
      const [upper, lower] = [isDark(row, column), isDark(row + 1, column)];
      text += upper ? (lower ? "█" : "▀") : lower ? "▄" : " ";
    }
    text += "\x1b[0m\n";
  }
  return text;
}

/**
 * Draws as an SVG document: dark on light, with the quiet zone, four pixels a module unless scaled.
 *
 * @param code the code
 * @returns the document
 */
export function renderQrSvg(code: QrCode): string {
  const { side, path } = drawQr(code);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${4 * side}" height="${4 * side}" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges">`,
    `<path fill="#fff" d="M0 0h${side}v${side}h-${side}z"/>`,
    `<path d="${path}"/>`,
    "</svg>",
    "",
  ].join("\n");
}

/**
 * Draws as a path, for whoever makes the document around it.
 *
 * @param code the code
 * @returns the path and its size
 */
export function drawQr(code: QrCode): QrDrawing {
  let path = "";
  for (let row = 0; row < code.size; row++) {
    for (let column = 0; column < code.size; column++) {
      if (!isDarkAt(code, row, column)) continue;
      let width = 1;
      while (isDarkAt(code, row, column + width)) width++;
      path += `M${column + QUIET_ZONE} ${row + QUIET_ZONE}h${width}v1h-${width}z`;
      column += width;
    }
  }
  return { side: code.size + 2 * QUIET_ZONE, path };
}

function isDarkAt(code: QrCode, row: number, column: number): boolean {
  return row >= 0 && column >= 0 && row < code.size && column < code.size && code.modules[row * code.size + column] === 1;
}
