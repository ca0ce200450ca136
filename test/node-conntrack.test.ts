import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Rule } from "../src/firewall/backend.ts";
import { findRulesInUse } from "../src/node/firewall/conntrack.ts";
import { ip, ports } from "./support/firewall-fixture.ts";

const RULE: Rule = {
  key: "a", family: 4, table: "filter", chain: "IN", kind: "access", words: [], subject: "", expiresAt: 1, grant: { source: ip("10.1.2.3"), ports: ports("tcp/22"), expiresAt: 1 },
};

test("findRulesInUse() asks the program of CONNTRACK_EXE, with the words in front of it, and says when it has no answer", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fko-conntrack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "tracker");
  writeFileSync(program, "#!/bin/sh\n[ \"$*\" = '--own -L -f ipv4 -p tcp --state ESTABLISHED -s 10.1.2.3' ] || exit 3\n"
    + "echo 'tcp      6 431999 ESTABLISHED src=10.1.2.3 dst=10.9.9.9 sport=40000 dport=22 src=10.9.9.9 dst=10.1.2.3 sport=22 dport=40000 [ASSURED] mark=0 use=1'\n");
  chmodSync(program, 0o755);
  const said: string[] = [];
  const log = ({ message }: { readonly message?: string }): void => void said.push(message ?? "");
  assert.deepEqual(await findRulesInUse([RULE], [program, "--own"], [], log), [RULE]);
  assert.deepEqual(said, []);
  assert.deepEqual(await findRulesInUse([RULE], [join(folder, "none")], [], log), []);
  assert.deepEqual(said, [`Cannot tell which connections last, so grants end in time (ENABLE_CONNTRACK_PERSIST): ${join(folder, "none")}: No such file or directory`]);
});
