import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeText, formatJson, formatLine, isShown, type LogLevel } from "../src/server/log-record.ts";

test("escapeText() leaves nothing that moves a cursor, starts a line or turns the writing direction", () => {
  assert.equal(escapeText("a\nb\r\tc\u001b[2J\u007f\u0085\u0000"), "a\\nb\\r\\tc\\x1b[2J\\x7f\\x85\\x00");
  assert.equal(escapeText("x\u202ey\u2028z\u2066\u200f"), "x\\u{202e}y\\u{2028}z\\u{2066}\\u{200f}");
  assert.equal(escapeText("lone \ud800 half"), "lone \\u{d800} half");
  assert.equal(escapeText("ä € 😀 \\n"), "ä € 😀 \\n");
});

test("escapeText() cuts what is too long", () => {
  assert.equal(escapeText("abcdef", 3), "abc…");
  assert.equal(escapeText("abc", 3), "abc");
  assert.ok(formatLine({ level: "info", message: "x".repeat(100_000) }).length < 10_000);
});

test("isShown() shows info and worse, debug from the first -v on, and what takes more when it is given", () => {
  const shown = (verbosity: number): LogLevel[] => (["error", "warning", "info", "debug"] as const).filter((level) => isShown({ level }, verbosity));
  assert.deepEqual(shown(0), ["error", "warning", "info"]);
  assert.deepEqual(shown(1), ["error", "warning", "info", "debug"]);
  assert.deepEqual([1, 2].map((verbosity) => isShown({ level: "debug", detail: 2 }, verbosity)), [false, true]);
});

test("formatJson() gives one line with time, level, message and the fields", () => {
  const line = formatJson({ level: "warning", message: "two\nlines", fields: { source: "192.0.2.1", stanza: 1, replay: true, user: null } }, 1_700_000_000_123);
  assert.ok(!line.includes("\n"));
  assert.deepEqual(JSON.parse(line), {
    time: "2023-11-14T22:13:20.123Z", level: "warning", message: "two\nlines", source: "192.0.2.1", stanza: 1, replay: true, user: null,
  });
});

test("formatJson() puts nothing on the line that a terminal would obey", () => {
  const message = "\u001b[31m \u009b31m \u202eabc\u2028 \ud800 ä€";
  const line = formatJson({ level: "info", message }, 0);
  assert.match(line, /^[^\p{Control}\p{Format}\p{Surrogate}\u2028\u2029]*$/u);
  assert.equal((JSON.parse(line) as { message: string }).message, message);
  assert.ok(line.includes("ä€"));
});
