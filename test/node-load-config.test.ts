import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadDaemonConfig } from "../src/node/daemon/load-config.ts";
import { findProgram } from "../src/node/find-program.ts";

test("loadDaemonConfig() looks elsewhere for the programs of a 1.9 file that are not where it says, as 1.9 did, and for no others", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fko-load-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const load = (text: string) => {
    writeFileSync(join(folder, "conf"), text, { mode: 0o600 });
    return loadDaemonConfig({ configFile: join(folder, "conf") }, folder);
  };
  const sh = findProgram("sh")!;
  const perl = load("AUTH_MODE PCAP;\niptablesCmd /nonexistent/sh;\ngpgCmd /nonexistent/no-such-program;\nmailCmd " + sh + ";\n");
  assert.deepEqual([perl.config.FIREWALL_EXE, perl.config.GPG_EXE, perl.config.mailCmd], [sh, "/nonexistent/no-such-program", sh]);
  assert(perl.problems.some(({ severity, message }) => severity === "info" && message === `There is no program /nonexistent/sh (FIREWALL_EXE); ${sh} is used`));
  assert.equal(load("FIREWALL_EXE /nonexistent/sh;\n").config.FIREWALL_EXE, "/nonexistent/sh");
});
