/**
 * The programs as they are shipped: bundled into `dist/`, run by a runtime.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The package's folder. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** What the bundle is made from. */
const SOURCES = ["bin", "src", "web", "scripts", "package.json"];
/** Test files run at the same time; one of them builds. */
const LOCK = join(ROOT, "node_modules", ".fko-tool-build");
const LONGEST_BUILD_MS = 60_000;

/**
 * The argument vector that runs a shipped program.
 *
 * @param name of the program
 * @param args its arguments
 */
export function shipped(name: "fko-tool" | "fwknop" | "fwknopd", ...args: readonly string[]): [string, ...string[]] {
  return [process.execPath, join(ROOT, "dist", `${name}.cjs`), ...args];
}

/**
 * Builds `dist/` when it is missing or older than its sources, and keeps clients from leaving something in the home of who
 * runs the tests. Test files that use {@link shipped} await this first.
 *
 * @throws {Error} with the builder's words when that fails
 */
export async function ensureBuilt(): Promise<void> {
  process.env["XDG_CACHE_HOME"] = join(ROOT, "node_modules", ".cache");
  if (!isStale()) return;
  await lock();
  try {
    if (!isStale()) return;
    const { status, stderr } = spawnSync(process.execPath, ["scripts/build.mjs"], { cwd: ROOT, encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot build dist/: ${stderr}`);
  } finally {
    rmdirSync(LOCK);
  }
}

async function lock(): Promise<void> {
  for (const deadline = Date.now() + LONGEST_BUILD_MS; ; await sleep(50)) {
    try {
      mkdirSync(LOCK);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`Cannot build dist/: ${LOCK} was left behind by a test that was killed; remove it`, { cause: error });
    }
  }
}

function isStale(): boolean {
  const built = modified(join(ROOT, "dist", "fko-tool.cjs")); // the last to be written and made executable
  return built === undefined || SOURCES.some((source) => newest(join(ROOT, source)) > built);
}

function modified(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function newest(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}
