import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import type { ClientSettings } from "../src/client/settings.ts";
import { readRcLines, readStanza, stanzaNames } from "../src/config/fwknoprc.ts";
import { criticalLines, rcTemplate, saveStanza } from "../src/config/fwknoprc-edit.ts";
import { assignmentsOf } from "../src/config/fwknoprc-variables.ts";
import { generator } from "./support/gen.ts";

const save = (file: string, stanza: string, given: ClientSettings, keptLines: readonly number[] = []): string => {
  const assignments = assignmentsOf(given);
  assert.ok(assignments.ok);
  return latin1Text(saveStanza(utf8Bytes(file), { stanza, assignments: assignments.value, keptLines: new Set(keptLines) }));
};

const FILE = `# head

[default]
FW_TIMEOUT 5

# about a
[A]
# the server
SPA_SERVER   old   # moved
NAT_PORT     1
KEY          abc

# about b
[b]
ACCESS tcp/2 # b's
`;

test("saveStanza() keeps comments and other stanzas, replaces in place, drops what was not given again", () => {
  assert.equal(save(FILE, "a", { destination: "new", access: "tcp/22" }), `# head

[default]
FW_TIMEOUT 5

# about a
[A]
# the server
SPA_SERVER                  new
ACCESS                      tcp/22

# about b
[b]
ACCESS tcp/2 # b's
`);
});

test("saveStanza() keeps the lines it is told to, and does not write their new values", () => {
  const kept = criticalLines(readRcLines(utf8Bytes(FILE)), "a");
  assert.deepEqual(kept, [{ number: 11, variable: "KEY", stanza: "A" }]);
  assert.equal(save("[a]\nKEY old\nNAT_PORT 2\n", "a", { keyRijndael: utf8Bytes("new"), verbose: 1 }, [2]), "[a]\nKEY old\nVERBOSE                     Y\n");
});

test("saveStanza() appends an unknown stanza behind a blank line", () => {
  const added = "[c]\nVERBOSE                     Y\n";
  assert.equal(save("", "c", { verbose: 1 }), added);
  assert.equal(save("[a]\nVERBOSE Y\n", "c", { verbose: 1 }), `[a]\nVERBOSE Y\n\n${added}`);
  assert.equal(save("[a]\nVERBOSE Y", "c", { verbose: 1 }), `[a]\nVERBOSE Y\n\n${added}`);
});

test("saveStanza() puts a blank line before a stanza that follows closely", () => {
  assert.equal(save("[a]\nVERBOSE 2\n[b]\n", "a", { verbose: 1 }), "[a]\nVERBOSE                     Y\n\n[b]\n");
});

test("saveStanza() empties further stanzas of the same name, whose values would win", () => {
  assert.equal(save("[a]\nACCESS tcp/1\n\n[b]\n[A]\n# c\nACCESS tcp/2\n", "a", { access: "tcp/3" }), "[a]\nACCESS                      tcp/3\n\n[b]\n[A]\n# c\n");
});

test("saveStanza() writes what readStanza() reads, into any file, and leaves the other stanzas as they were", () => {
  const gen = generator("rc save");
  const lines = ["[a]", "[B]", "[c]", "# c", "", "ACCESS tcp/1", "KEY k", "VERBOSE 3", "junk", "FW_TIMEOUT 9", "   "];
  for (let round = 0; round < 300; round++) {
    const file = gen.list(gen.below(12), () => gen.pick(lines)).join("\n") + (gen.chance() ? "\n" : "");
    const given: ClientSettings = { access: "tcp/22", ...(gen.chance() && { fwTimeout: 1 }), ...(gen.chance() && { keyRijndael: utf8Bytes("z") }) };
    const saved = readRcLines(utf8Bytes(save(file, "b", given)));
    assert.deepEqual(readStanza(saved, "b", "rc"), { isFound: true, settings: given, problems: [] }, file);
    const before = readRcLines(utf8Bytes(file));
    for (const other of ["a", "c"]) assert.deepEqual(readStanza(saved, other, "rc").settings, readStanza(before, other, "rc").settings, file);
    const comments = (all: typeof saved): number => all.filter(({ bytes }) => latin1Text(bytes).startsWith("# c")).length;
    assert.equal(comments(saved), comments(before), file);
  }
});

test("rcTemplate() is a file with an empty stanza of defaults", () => {
  const lines = readRcLines(utf8Bytes(rcTemplate()));
  assert.deepEqual(readStanza(lines, "default", "rc"), { isFound: true, settings: {}, problems: [] });
  assert.deepEqual(stanzaNames(lines), []);
});
