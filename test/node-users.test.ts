import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findGroup, findUser, parseGroups, parsePasswd } from "../src/node/users.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-users-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const PASSWD = [
  "root:x:0:0:root:/root:/bin/bash",
  "joe:x:1000:1001:Joe,,,:/home/joe:/bin/sh",
  "42:x:1042:1042::/home/42:/bin/sh",
  "+nis::::::",
  "short:x:1:1",
  "negative:x:-1:0::/:/bin/sh",
  "huge:x:4294967295:0::/:/bin/sh",
  ":x:5:5::/:/bin/sh",
  "",
].join("\n");
const GROUP = "root:x:0:\nwww-data:x:33:joe,ann\nbad:x:y:\n+:::\n";

test("parsePasswd() reads users and passes over what is none", () => {
  assert.deepEqual(parsePasswd(PASSWD).map(({ name, uid, gid, home }) => [name, uid, gid, home]),
    [["root", 0, 0, "/root"], ["joe", 1000, 1001, "/home/joe"], ["42", 1042, 1042, "/home/42"]]);
});

test("parseGroups() reads groups and passes over what is none", () => {
  assert.deepEqual(parseGroups(GROUP), [{ name: "root", gid: 0 }, { name: "www-data", gid: 33 }]);
});

test("findUser() and findGroup() find by name first, then by number, and nothing by half a name", () => {
  const [users, groups] = [join(folder, "passwd"), join(folder, "group")];
  writeFileSync(users, PASSWD);
  writeFileSync(groups, GROUP);
  assert.equal(findUser("joe", users)?.uid, 1000);
  assert.equal(findUser("1000", users)?.name, "joe");
  assert.equal(findUser("42", users)?.uid, 1042);
  for (const name of ["roo", "rootx", "", "0x0", " joe", "9999"]) assert.equal(findUser(name, users), undefined, name);
  assert.equal(findGroup("www-data", groups)?.gid, 33);
  assert.equal(findGroup("33", groups)?.name, "www-data");
  assert.equal(findGroup("joe", groups), undefined);
  assert.equal(findUser("joe", join(folder, "none")), undefined);
});
