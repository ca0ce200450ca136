/** What scripts look for in the words of fwknopd's start, in the situations in which the C program says it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "../src/node/run.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";
import { PHRASE_ROWS, writePhraseFiles } from "./support/server-phrases.ts";

describe("fwknopd says", { concurrency: 4 }, () => {
  let folder: string;
  before(async () => {
    await ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "fko-tool-phrases-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [at, row] of PHRASE_ROWS.entries()) {
    test(`${row.says.map(({ source }) => source).join(" and ")} (${at})`, async () => {
      const here = join(folder, String(at));
      const { status, stdout, stderr } = await run(shipped("fwknopd", ...writePhraseFiles(here, row)), { timeoutMs: 20_000, cwd: here });
      for (const says of row.says) assert.match(stdout + stderr, says);
      for (const never of row.never ?? []) assert.doesNotMatch(stdout + stderr, never);
      assert.equal(status, row.status ?? 1, stdout + stderr);
      assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
    });
  }
});
