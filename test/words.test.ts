import assert from "node:assert/strict";
import { test } from "node:test";
import { splitWords } from "../src/client/words.ts";
import { commandText } from "../src/command-text.ts";
import { generator } from "./support/gen.ts";

test("splitWords() splits at blanks, as quotes and backslashes allow", () => {
  assert.deepEqual(splitWords("  pass   show x\t y\n"), ["pass", "show", "x", "y"]);
  assert.deepEqual(splitWords(`a 'b c' "d \\" e" f\\ g '' "" h'i'"j"`), ["a", "b c", 'd " e', "f g", "", "", "hij"]);
  assert.deepEqual(splitWords(String.raw`sed "s/\(.*\)\n/\$1\\/" \d`), ["sed", String.raw`s/\(.*\)\n/$1\/`, "d"]);
  assert.deepEqual(splitWords("a $HOME `x` ; | > *"), ["a", "$HOME", "`x`", ";", "|", ">", "*"]);
  assert.deepEqual(splitWords(""), []);
  for (const open of ["'a", '"a', "a \\", "$'a", "a'"]) assert.equal(splitWords(open), undefined, open);
});

test("splitWords() gives up on a quote that is not closed after one look, however many escapes are in it", () => {
  for (const open of ["$'", '"', "'"]) assert.equal(splitWords(open + "\\123".repeat(10_000)), undefined, open);
});

test("splitWords() reads back what commandText() writes", () => {
  const gen = generator("words");
  for (let round = 0; round < 500; round++) {
    const words = gen.list(gen.below(5), () => gen.text(gen.below(8), "ab \t\n'\"\\$é0123\u0007;="));
    assert.deepEqual(splitWords(commandText(words)), words, JSON.stringify(words));
  }
});
