import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findGroup, findUser, lookUpGroup, lookUpUser, parseGroups, parsePasswd } from "../src/node/users.ts";

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

test("lookUpUser() and lookUpGroup() ask the system about those that are in no file, and about nothing that is no name", () => {
  const getent = join(folder, "getent");
  const asked = join(folder, "asked");
  writeFileSync(getent, `#!/bin/sh\necho "$*" >> ${asked}\ncase "$*" in\n"passwd directory-user") echo directory-user:x:70000:70001:D:/home/d:/bin/sh ;;\n"group directory-group") echo directory-group:x:70002: ;;\n*) exit 2 ;;\nesac\n`, { mode: 0o755 });
  assert.deepEqual(lookUpUser("directory-user", getent), { name: "directory-user", uid: 70000, gid: 70001, home: "/home/d" });
  assert.deepEqual(lookUpGroup("directory-group", getent), { name: "directory-group", gid: 70002 });
  assert.deepEqual([lookUpUser("nobody at all", getent), lookUpUser("-s", getent), lookUpUser("", getent), lookUpUser("directory-user", undefined), lookUpUser("directory-user", "/nonexistent")], Array(5).fill(undefined));
  assert.equal(lookUpUser("root", getent)?.uid, 0);
  assert.deepEqual(readFileSync(asked, "utf8").split("\n").slice(0, -1), ["passwd directory-user", "group directory-group", "passwd nobody at all"], "only where it is needed");
});
