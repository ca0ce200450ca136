import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { commandScript, commandText, quoteWord } from "../src/command-text.ts";
import { generator } from "./support/gen.ts";

test("quoteWord() leaves plain words alone and quotes the others", () => {
  for (const [word, quoted] of [
    ["/usr/sbin/iptables", "/usr/sbin/iptables"], ["--to-destination=10.0.0.1:22", "--to-destination=10.0.0.1:22"], ["0.0.0.0/0", "0.0.0.0/0"],
    ["", "''"], ["a b", "'a b'"], ["it's", "'it'\\''s'"], ["$HOME", "'$HOME'"], ["[::1]:22", "'[::1]:22'"], ["a\nb", "$'a\\nb'"], ["\x1b[0m", "$'\\033[0m'"],
    ["=x", "'=x'"], ["~", "'~'"], ["#", "'#'"],
  ] as const) assert.equal(quoteWord(word), quoted);
});

test("commandText() is one line, and a shell runs it as it was", () => {
  const gen = generator("command text");
  const alphabet = Array.from({ length: 127 }, (_, at) => String.fromCharCode(at + 1)).join("");
  for (let turn = 0; turn < 10; turn++) {
    const words = gen.list(20, () => gen.text(gen.below(12), alphabet));
    const stdin = `${gen.text(40, alphabet)}x\n`;
    const text = commandText(["printf", "%s\\0", ...words], stdin);
    assert.doesNotMatch(text, /[\n\r]/);
    assert.equal(execFileSync("bash", ["-c", text], { encoding: "latin1" }), words.map((word) => `${word}\0`).join(""));
    assert.equal(execFileSync("bash", ["-c", commandText(["cat"], stdin)], { encoding: "latin1" }), stdin);
  }
});

test("commandScript() shows what is read in lines, and any shell runs it as it was", () => {
  const script = commandScript(["cat", "-"], "*filter\n-A $X `id` 'q'\nCOMMIT\n");
  assert.equal(script, "cat - <<'EOF'\n*filter\n-A $X `id` 'q'\nCOMMIT\nEOF");
  assert.equal(execFileSync("sh", ["-c", script], { encoding: "latin1" }), "*filter\n-A $X `id` 'q'\nCOMMIT\n");
  assert.equal(commandScript(["true"]), "true");
});
