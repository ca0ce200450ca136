import assert from "node:assert/strict";
import { test } from "node:test";
import { expandCommand, MAX_WORDS, splitCommand, type TemplateValues } from "../src/server/command-template.ts";

const VALUES: TemplateValues = [["IP", "203.0.113.5"], ["SRC", "2001:db8::7"], ["PORT", "22"], ["OPEN_PORTS", "tcp/22, udp/53"], ["USER", "$IP;`x` $(y)"]];

test("splitCommand() splits at blanks, and refuses no words as well as too many", () => {
  assert.deepEqual(splitCommand("  /bin/x\ta  'b c' "), ["/bin/x", "a", "'b", "c'"]);
  for (const command of ["", " \t", Array(MAX_WORDS + 1).fill("x").join(" ")]) assert.equal(splitCommand(command), undefined);
  assert.equal(splitCommand(Array(MAX_WORDS).fill("x").join(" "))?.length, MAX_WORDS);
});

test("expandCommand() puts each value into the word that names it, never as a second word and never twice", () => {
  assert.deepEqual(expandCommand("/x $IP x$PORTy $OPEN_PORTS $USER", VALUES, "drop"), ["/x", "203.0.113.5", "x22y", "tcp/22, udp/53", "$IP;`x` $(y)"]);
  assert.deepEqual(expandCommand("/x $FOO $ $$IP", VALUES, "drop"), ["/x", "FOO", "", "203.0.113.5"]);
  assert.deepEqual(expandCommand("/x $FOO $ $$IP", VALUES, "keep"), ["/x", "$FOO", "$", "$203.0.113.5"]);
});

test("expandCommand() takes a prefix of any signs for itself, not for a pattern", () => {
  for (const prefix of ["FW.", "(", "[a", "a|b", "*", "\\d"]) {
    assert.deepEqual(expandCommand(`/x $${prefix}IP $FWxIP`, [[`${prefix}IP`, "203.0.113.5"]], "keep"), ["/x", "203.0.113.5", "$FWxIP"], prefix);
  }
});
