import assert from "node:assert/strict";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ensureBuilt, ROOT } from "./support/dist.ts";

/** Programs with a firewall of every system 192 kB, the page 34, manuals 16, texts 12; with iptables alone and no page it was 149. */
const MOST_BYTES = 258_000;
const PROGRAMS = ["fko-tool", "fwknop", "fwknopd"] as const;

/** Nothing else may be in the package. */
const ALLOWED = [
  /^package\.json$/,
  /^(LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md)$/,
  /^dist\/[a-z-]+\.cjs$/,
  /^dist\/web\/(index\.html|sw\.js|manifest\.webmanifest|icon\.svg|SHA256SUMS)$/,
  /^man\/[\w.-]+\.[1-8]$/,
  /^docs\/[\w./-]+\.md$/,
];

describe("the package", () => {
  let folder: string;
  let tarball: string;
  let installed: string;
  const npm = (args: readonly string[], cwd: string): SpawnSyncReturns<string> =>
    spawnSync("npm", args, { cwd, encoding: "utf8", timeout: 120_000, env: { ...process.env, npm_config_cache: join(folder, "cache"), npm_config_update_notifier: "false" } });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "fko-tool-package-"));
    await ensureBuilt();
    const packed = npm(["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], ROOT);
    assert.equal(packed.status, 0, packed.stderr);
    tarball = join(folder, packed.stdout.trim());
    installed = join(folder, "installed");
    mkdirSync(installed);
    const install = npm(["install", "--offline", "--no-audit", "--no-fund", "--prefix", installed, tarball], installed);
    assert.equal(install.status, 0, install.stderr);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("npm pack makes a tarball below 258 kB of nothing but what is meant for users", () => {
    const { size } = statSync(tarball);
    assert(size < MOST_BYTES, `${size} bytes`);
    const listing = spawnSync("tar", ["-tzf", tarball], { encoding: "utf8" });
    const files = listing.stdout.trim().split("\n").map((path) => path.replace(/^package\//, ""));
    assert.deepEqual(files.filter((file) => !ALLOWED.some((allowed) => allowed.test(file))), []);
    for (const program of PROGRAMS) assert(files.includes(`dist/${program}.cjs`), `${program} is missing`);
  });

  test("package.json has no dependencies at run time", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
    for (const kind of ["dependencies", "optionalDependencies", "peerDependencies", "bundleDependencies"]) assert.equal(manifest[kind], undefined, kind);
  });

  test("npx runs the tarball in an empty folder without asking the registry", () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    copyFileSync(tarball, join(empty, basename(tarball)));
    const help = npm(["exec", "--offline", "--yes", "--", `./${basename(tarball)}`, "--help"], empty);
    assert.equal(help.status, 0, help.stderr);
    assert.match(help.stdout, /^Usage: fko-tool COMMAND/);
    assert.deepEqual(readdirSync(empty), [basename(tarball)]);
  });

  const runInstalled = (program: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(join(installed, "node_modules", ".bin", program), args, {
      encoding: "utf8",
      timeout: 30_000,
      env: { PATH: process.env["PATH"], HOME: folder, LOGNAME: "alice", LC_ALL: "C" },
    });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  };

  test("the installed programs run, and say their versions", () => {
    assert.deepEqual(readdirSync(join(installed, "node_modules")).filter((name) => !name.startsWith(".")), ["fko-tool"]);
    const says = { "fko-tool": /^fko-tool 0\.1\.0\b/, fwknop: /^fwknop client .*, FKO protocol version 3\.0\.0$/m, fwknopd: /^fwknopd server / };
    for (const program of PROGRAMS) assert.match(runInstalled(program, "--version"), says[program]);
  });

  test("the installed fwknop keeps what V8 compiled, without a script of npm's, and starts with it", () => {
    const dist = join(installed, "node_modules", "fko-tool", "dist");
    const state = (): readonly string[] => readdirSync(dist).filter((name) => /^fwknop-[0-9a-f]{32}-/.test(name)).map((name) => `${name} ${statSync(join(dist, name)).ino}`);
    assert.deepEqual(state(), []);
    const makePacket = (): string => runInstalled("fwknop", "-T", "-A", "tcp/22", "-a", "192.0.2.1", "--key-rijndael", "k", "--no-rc-file", "--no-save-args");
    makePacket();
    const made = state();
    assert.equal(made.length, 1);
    assert.match(makePacket(), /Final SPA Data/);
    assert.deepEqual(state(), made);
  });
});
