/** The same files, dumped by the C daemon and by us. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AccessHost } from "../../src/config/access-config.ts";
import { parseAccessConfig } from "../../src/config/access-config-parser.ts";
import { parseDaemonConfig } from "../../src/config/daemon-config-parser.ts";
import { dumpConfig } from "../../src/config/dump.ts";
import { formatProblem, hasErrors } from "../../src/config/variable.ts";
import { findGroup, findUser } from "../../src/node/users.ts";
import { requirePeer, requireRoot } from "../support/require-peer.ts";

const NO_SECRETS = /testtest|hmachmac|passphrase|wzNP62oP|Yh\+xizBn|kept apart|folder-a/;

/** A folder for the files, gone with the test. */
function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fko-dump-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "run"), { mode: 0o700 });
  return folder;
}

/** Makes the files fit for a daemon: its folders are ours, nobody else can read them. */
function prepare(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    if (!name.endsWith(".conf")) continue;
    const path = join(folder, name);
    writeFileSync(path, readFileSync(path, "utf8").replace("/tmp/fwknop-run", join(folder, "run")));
    chmodSync(path, 0o600);
  }
}

/** What the C daemon prints. */
function dumpOfC(program: string, folder: string, overrides: readonly string[]): string {
  const args = ["-c", "fwknopd.conf", ...overrides.flatMap((file) => ["-O", file]), "-a", "access.conf", "-D"];
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8", env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" }, timeout: 20_000 });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

/** What we print, with the names of files as the C daemon was given them. */
function ourDump(folder: string, overrides: readonly string[]): string {
  const there = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const files = ["fwknopd.conf", ...overrides].map((path) => ({ path, bytes: readFileSync(there(path)) }));
  const commandLine = { CONFIG_FILE: "fwknopd.conf", OVERRIDE_CONFIG: overrides.join(",") || "fwknopd.conf", ACCESS_FILE: "access.conf" };
  const daemon = parseDaemonConfig(files, { commandLine });
  const host: AccessHost = {
    read: (path) => ({ bytes: readFileSync(there(path)) }),
    readPublic: (path) => ({ bytes: readFileSync(there(path)) }),
    list: (path) => ({ names: readdirSync(there(path)) }),
    findUser,
    findGroup,
    startOfDay: (year, month, day) => Date.UTC(year, month - 1, day) / 1000,
  };
  const access = parseAccessConfig({ file: "access.conf" }, host, { config: daemon.config, dialect: daemon.dialect, now: 1795344100 });
  const problems = [...daemon.problems, ...access.problems];
  assert(!hasErrors(problems), problems.map(formatProblem).join("\n"));
  return dumpConfig(daemon.texts, access.stanzas, asctimeUtc);
}

function asctimeUtc(unixSeconds: number): string {
  const [, weekday, day, month, year, time] = /^(\w+), 0?(\d+) (\w+) (\d+) (\S+)/.exec(new Date(unixSeconds * 1000).toUTCString())!;
  return `${weekday} ${month} ${day!.padStart(2)} ${time} ${year}`;
}

/**
 * Takes out what differs on purpose: fwknopd 2.6.10 has no ALLOW_ANY_USER_AGENT, so its numbers are others from there on,
 * and it prints an absent FORCE_SNAT as the C library prints a null pointer.
 */
function comparable(dump: string): string {
  return dump.replace(/^ *\d+\. (\S+)/gm, "$1").replace(/^ALLOW_ANY_USER_AGENT .*\n/m, "").replaceAll("(null)", "<not set>");
}

describe("dumpConfig() beside fwknopd -D", () => {
  test("prints what the C daemon prints of files with every variable", (t) => {
    const program = requireRoot(t) ? requirePeer(t, "fwknopd") : undefined;
    if (program === undefined) return;
    const folder = folderFor(t);
    cpSync(new URL("../../fixtures/config/c", import.meta.url), folder, { recursive: true });
    prepare(folder);
    const ours = ourDump(folder, ["override.conf"]);
    assert.equal(comparable(ours), comparable(dumpOfC(program, folder, ["override.conf"])));
    assert.doesNotMatch(ours, NO_SECRETS);
  });

  test("prints what the C daemon prints when nearly nothing is set", (t) => {
    const program = requireRoot(t) ? requirePeer(t, "fwknopd") : undefined;
    if (program === undefined) return;
    const folder = folderFor(t);
    writeFileSync(join(folder, "fwknopd.conf"), "FWKNOP_RUN_DIR /tmp/fwknop-run;\nENABLE_IPT_LOCAL_NAT Y;\nENABLE_IPT_SNAT Y;\n");
    writeFileSync(join(folder, "access.conf"), [
      "SOURCE ANY", "KEY testtest",
      "SOURCE 1.1.1.1", "KEY testtest1", "KEY_BASE64 dGVzdHRlc3Q=", "FORWARD_ALL Y", "FORCE_SNAT 10.1.1.1", "HMAC_DIGEST_TYPE md5", "FW_ACCESS_TIMEOUT 0",
      "SOURCE 1.1.1.2", "GPG_DECRYPT_PW testtest", "GPG_DISABLE_SIG Y", "CMD_CYCLE_OPEN /bin/true $IP", "CMD_CYCLE_CLOSE NONE", "",
    ].join("\n"));
    prepare(folder);
    assert.equal(comparable(ourDump(folder, [])), comparable(dumpOfC(program, folder, [])));
  });
});
