import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeQr, type QrCode } from "../src/qr.ts";
import { renderQrSvg, renderQrText } from "../src/tool/qr-text.ts";

/** Modules with the quiet zone, as one string a row. */
function framed(code: QrCode): string[] {
  const blank = " ".repeat(code.size + 8);
  const inner = Array.from({ length: code.size }, (_, row) => `    ${Array.from({ length: code.size }, (_, column) => (code.modules[row * code.size + column] === 1 ? "#" : " ")).join("")}    `);
  return [...Array.from({ length: 4 }, () => blank), ...inner, ...Array.from({ length: 4 }, () => blank)];
}

test("renderQrText() shows each module as half a character, dark on light, with the quiet zone", () => {
  const code = encodeQr("half blocks");
  const lines = renderQrText(code).split("\n");
  assert.equal(lines.pop(), "");
  const modules: string[] = [];
  for (const line of lines) {
    const drawn = /^\x1b\[30;107m([ ▀▄█]+)\x1b\[0m$/.exec(line)?.[1];
    assert.ok(drawn !== undefined, JSON.stringify(line));
    modules.push(drawn.replaceAll("▀", "#").replaceAll("█", "#").replaceAll("▄", " "));
    modules.push(drawn.replaceAll("▀", " ").replaceAll("█", "#").replaceAll("▄", "#"));
  }
  assert.deepEqual(modules.slice(0, code.size + 8), framed(code));
});

test("renderQrSvg() draws each dark module once, on white, with the quiet zone", () => {
  const code = encodeQr("vector");
  const svg = renderQrSvg(code);
  const side = code.size + 8;
  assert.match(svg, new RegExp(`^<svg xmlns="http://www.w3.org/2000/svg" [^>]*viewBox="0 0 ${side} ${side}"`));
  assert.match(svg, new RegExp(`<path fill="#fff" d="M0 0h${side}v${side}h-${side}z"/>`));
  const cells = Array.from({ length: side }, () => Array.from({ length: side }, () => " "));
  for (const [, x, y, width] of svg.slice(svg.lastIndexOf("<path")).matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    for (let at = 0; at < Number(width); at++) {
      assert.equal(cells[Number(y)]![Number(x) + at], " ", "no module is drawn twice");
      cells[Number(y)]![Number(x) + at] = "#";
    }
  }
  assert.deepEqual(cells.map((row) => row.join("")), framed(code));
});
