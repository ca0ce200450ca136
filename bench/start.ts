/**
 * What it costs to start the bundled client: `fwknop -T`, which makes one packet, beside `node -e 0`, which does nothing.
 * CPU time, user and system, since wall time says more about who else uses the machine. Linux only.
 *
 *     npm run build && node --import tsx bench/start.ts
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childrenSeconds } from "./measure.ts";

const ROUNDS = 41;
const PACKET = ["-T", "-A", "tcp/22", "-a", "203.0.113.5", "-D", "192.0.2.1", "--key-rijndael", "k", "--key-hmac", "h", "--no-rc-file", "--no-save-args"];

const env: NodeJS.ProcessEnv = { ...process.env };
delete env["NODE_EXTRA_CA_CERTS"]; // costs each start more than everything measured here

function run(args: readonly string[]): string {
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(stderr);
  return stderr;
}

function seconds(args: readonly string[]): number {
  const before = childrenSeconds();
  run(args);
  return childrenSeconds() - before;
}

/** Largest resident set, MiB, as the process itself reports it at its end. */
function memory(args: readonly string[]): number {
  const report = 'process.on("exit", () => process.stderr.write(`maxRSS=${process.resourceUsage().maxRSS}`))';
  const stderr = run(["--import", `data:text/javascript,${encodeURIComponent(report)}`, ...args]);
  return Number(/maxRSS=(\d+)/.exec(stderr)![1]) / 1024;
}

/** A copy of dist/, whose cache this very Node makes, or nobody. */
function client(folder: string, name: string, isCached: boolean): readonly string[] {
  const copy = join(folder, name);
  cpSync("dist", copy, { recursive: true });
  rmSync(join(copy, "fwknop-client.js.cache"), { force: true });
  if (isCached) run([join(copy, "fwknop-cache.js")]);
  return [join(copy, "fwknop.js"), ...PACKET];
}

const folder = mkdtempSync(join(tmpdir(), "fko-tool-bench-"));
try {
  const candidates = { "node -e 0": ["-e", "0"], "with its cache": client(folder, "cached", true), "without": client(folder, "plain", false) };
  const times = new Map(Object.values(candidates).map((args) => [args, 0]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [args, taken] of times) times.set(args, taken + seconds(args));
  }
  const { "node -e 0": nothing, ...clients } = candidates;
  for (const [name, args] of Object.entries(clients)) {
    const ratio = times.get(args)! / times.get(nothing)!;
    console.log(`fwknop -T ${name} takes ${ratio.toFixed(2)} times as long as node -e 0, and ${memory(args).toFixed(0)} MiB (${ROUNDS} rounds, ${process.version})`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
