import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { cutValue, type Entry, readEntries, valueText } from "../src/config/entries.ts";
import { generator } from "./support/gen.ts";

const read = (text: string): readonly Entry[] => readEntries({ path: "f", bytes: utf8Bytes(text) });

describe("readEntries()", () => {
  const rows: readonly (readonly [text: string, entries: readonly (readonly [line: number, name: string, column: number, rest: string, restColumn: number, ended: boolean])[]])[] = [
    ["", []],
    ["# comment\n; comment\n\n  \t\n  # indented\n\0nul\n", []],
    ["NAME value;\n", [[1, "NAME", 1, "value;", 6, true]]],
    ["NAME value", [[1, "NAME", 1, "value", 6, false]]],
    ["\nA 1\r\n\tB\t 2 # x\r\n", [[2, "A", 1, "1", 3, false], [3, "B", 2, "2 # x", 5, false]]],
    ["NAME;\nNAME ;x\nNAME\n", [[1, "NAME", 1, ";", 5, true], [2, "NAME", 1, ";x", 6, true], [3, "NAME", 1, "", 5, false]]],
    ["\ufeffA 1\n", [[1, "A", 1, "1", 3, false]]],
    ["KEY: a;b ;\n", [[1, "KEY:", 1, "a;b ;", 6, true]]],
  ];
  for (const [text, expected] of rows) {
    it(`takes ${JSON.stringify(text)} apart`, () => {
      const entries = read(text).map(({ line, name, nameColumn, rest, restColumn, ended }) => [line, name, nameColumn, latin1Text(rest), restColumn, ended]);
      assert.deepEqual(entries, expected);
    });
  }

  it("gives the same names and values whatever the line ends are", () => {
    const gen = generator("line ends");
    for (let round = 0; round < 100; round++) {
      const lines = gen.list(gen.between(1, 6), () => gen.text(gen.below(20), "AB_ \t#;$"));
      const flat = (text: string) => read(text).map(({ line, name, rest }) => [line, name, latin1Text(rest)]);
      assert.deepEqual(flat(lines.join("\r\n")), flat(lines.join("\n")));
    }
  });

  it("stays linear on a file of many lines", () => assert.equal(read("A 1\n".repeat(50_000)).length, 50_000));
});

describe("cutValue()", () => {
  const cut = (text: string, how = {}): string | undefined => {
    const value = cutValue(read(text)[0]!, how);
    return value && latin1Text(value.bytes);
  };
  const rows: readonly (readonly [text: string, value: string | undefined, toLast: string | undefined, keepingBlanks: string | undefined])[] = [
    ["N v", "v", "v", "v"],
    ["N v w  ; x", "v w", "v w", "v w  "],
    ["N a;b;c", "a", "a;b", "a"],
    ["N v \t", "v", "v", "v \t"],
    ["N ;", undefined, undefined, undefined],
    ["N;", undefined, undefined, undefined],
    ["N", undefined, undefined, undefined],
    ["N v # no comment", "v # no comment", "v # no comment", "v # no comment"],
  ];
  for (const [text, value, toLast, keepingBlanks] of rows) {
    it(`cuts the value out of ${JSON.stringify(text)}`, () => {
      assert.equal(cut(text), value);
      assert.equal(cut(text, { toLastSemicolon: true }), toLast);
      assert.equal(cut(text, { keepTrailingBlanks: true }), keepingBlanks);
    });
  }
});

describe("valueText()", () => {
  it("reads UTF-8, and any other bytes one by one", () => {
    assert.equal(valueText(utf8Bytes("/päth")), "/päth");
    assert.equal(valueText(Uint8Array.of(0x2f, 0xe4)), "/ä");
  });
  it("refuses control codes but a tab", () => {
    assert.equal(valueText(utf8Bytes("a\tb")), "a\tb");
    for (const code of ["\0", "\u001b", "\r", "\u007f"]) assert.equal(valueText(utf8Bytes(`a${code}b`)), undefined);
  });
});
