import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { findShadowHash } from "../src/server/shadow.ts";

const TODAY = 20779;
const FILE = [
  "root:*:19000:0:99999:7:::",
  "älice:$6$salt$hash-of-alice:19000:0:99999:7:::",
  "old:aBcDeFgHiJkLm:19000:0:99999:7:::",
  "bsd:_J9..rasmBYk8r9AiWNc:19000:0:99999:7:::",
  "locked:!$6$salt$hash-of-locked:19000:0:99999:7:::",
  "never:!!:19000::::::",
  "empty::19000::::::",
  "nis:x:::::::",
  `gone:$6$salt$hash-of-gone:19000:0:99999:7::${TODAY}:`,
  `going:$6$salt$hash-of-going:19000:0:99999:7::${TODAY + 1}:`,
  "short",
  "älice:$6$salt$another::::::",
].join("\n");

/** The hash to compare with, and why no password is right. */
function find(user: string, file = FILE): [hash: string, refusal: string | undefined] {
  const { hash, refusal } = findShadowHash(utf8Bytes(file), user, TODAY);
  return [latin1Text(hash), refusal];
}

test("findShadowHash() finds the first line of a user, whatever kind of hash is in it", () => {
  assert.deepEqual(find("älice"), ["$6$salt$hash-of-alice", undefined]);
  assert.deepEqual(find("old"), ["aBcDeFgHiJkLm", undefined]);
  assert.deepEqual(find("bsd"), ["_J9..rasmBYk8r9AiWNc", undefined]);
  assert.deepEqual(find("going"), ["$6$salt$hash-of-going", undefined]);
});

test("findShadowHash() refuses who has no password, with somebody else's hash for the same work", () => {
  const decoy = "$6$salt$hash-of-alice";
  for (const user of ["nobody", "", "short", "älic", "älice:", "äLICE"]) assert.deepEqual(find(user), [decoy, "there is no such user"], user);
  for (const user of ["root", "locked", "never", "nis"]) assert.deepEqual(find(user), [decoy, "the user's password is locked"], user);
  assert.deepEqual(find("empty"), [decoy, "the user has no password"]);
  assert.deepEqual(find("gone"), ["$6$salt$hash-of-gone", "the user's account has expired"]);
  assert.deepEqual(find("a", `a:$6$s$h:::::: ${"9".repeat(1_000_000)}`), ["$6$s$h", undefined], "a file that is no shadow file");
  for (const file of ["", "\n\n", "root:*:\n", "::::"]) assert.match(find("älice", file)[0], /^\$6\$/, "a setting of its own, where a file has none");
});
