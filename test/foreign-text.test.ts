import assert from "node:assert/strict";
import { test } from "node:test";
import { printableText } from "../src/foreign-text.ts";
import { generator } from "./support/gen.ts";

test("printableText() leaves ASCII alone but for the backslash, which it doubles", () => {
  assert.equal(printableText("tcp/22 '\"~"), "tcp/22 '\"~");
  assert.equal(printableText("a\\b"), "a\\\\b");
});

test("printableText() escapes what a terminal or a log would obey", () => {
  assert.equal(printableText("a\nb\r\x1b[31m\x00\x7f"), "a\\x0ab\\x0d\\x1b[31m\\x00\\x7f");
  assert.equal(printableText("é\u2028\u{1f600}"), "\\xe9\\u{2028}\\u{1f600}");
  assert.equal(printableText(Uint8Array.of(0x41, 0xc3, 0xa9)), "A\\xc3\\xa9");
});

test("printableText() keeps as many characters as it is told, and marks a cut", () => {
  assert.equal(printableText("abc", 3), "abc");
  assert.equal(printableText("abcd", 3), "abc...");
  assert.equal(printableText("\u{1f600}\u{1f600}", 1), "\\u{1f600}...");
  assert.equal(printableText(new Uint8Array(100_000), 2), "\\x00\\x00...");
});

test("printableText() gives printable ASCII for any bytes", () => {
  const gen = generator("printableText");
  for (let round = 0; round < 200; round++) assert.match(printableText(gen.bytes(gen.below(100))), /^[ -~]*$/);
});
