/**
 * What it costs to start the packaged client: `fwknop -T -n STANZA`, which makes one packet, beside `node -e 0`, which does nothing.
 * Medians of wall time.
 *
 *     npm run build && node --import tsx bench/start.ts
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { median } from "./measure.ts";

const ROUNDS = 101;
const PACKET = ["-T", "-n", "server"];
const STANZA = "[server]\nSPA_SERVER 192.0.2.1\nACCESS tcp/22\nALLOW_IP 203.0.113.5\nKEY_BASE64 a2V5\nHMAC_KEY_BASE64 a2V5Mg==\n";
/** Other Nodes than this one, where `npm ci` in `test/runtimes` puts them. */
const NODES = [20, 22, 24, 26].flatMap((major) => ["x64", "arm64"].map((arch) => `test/runtimes/node_modules/node${major}-${arch}/bin/node`));

const folder = mkdtempSync(join(tmpdir(), "fko-tool-bench-"));
const caches = join(folder, "caches");
const dist = join(folder, "node_modules/fko-tool/dist");
writeFileSync(join(folder, ".fwknoprc"), STANZA, { mode: 0o600 });
const env: NodeJS.ProcessEnv = { ...process.env, HOME: folder, LOGNAME: "alice", XDG_CACHE_HOME: caches };
delete env["NODE_EXTRA_CA_CERTS"]; // costs each start more than everything measured here

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout + stderr;
}

/** The package as npm unpacks it for users. */
function install(): string {
  const tarball = run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]).trim();
  run("npm", ["install", "--offline", "--silent", "--prefix", folder, join(folder, tarball)]);
  return join(folder, "node_modules/.bin/fwknop");
}

function milliseconds(program: string, args: readonly string[]): number {
  const before = performance.now();
  run(program, args);
  return performance.now() - before;
}

/** Largest resident set, MiB, as the process itself reports it at its end. */
function memory(node: string, args: readonly string[]): number {
  const report = 'const { reallyExit } = process; process.reallyExit = (status) => { process.stderr.write(`maxRSS=${process.resourceUsage().maxRSS}`); reallyExit.call(process, status); }';
  return Number(/maxRSS=(\d+)/.exec(run(node, ["--import", `data:text/javascript,${encodeURIComponent(report)}`, ...args]))![1]) / 1024;
}

/** The median time of a packet divided by that of nothing; both take turns. */
function ratio(node: string, command: string, args: readonly string[], prepare: () => void): string {
  const rounds = Array.from({ length: ROUNDS }, () => {
    prepare();
    return { nothing: milliseconds(node, ["-e", "0"]), packet: milliseconds(command, args) };
  });
  const time = (of: "nothing" | "packet"): number => median(rounds.map((round) => round[of]));
  return (time("packet") / time("nothing")).toFixed(2);
}

/** Removes what runs kept. */
function forget(): void {
  rmSync(caches, { recursive: true, force: true });
  for (const name of readdirSync(dist).filter((entry) => entry.startsWith("fwknop-") && !entry.endsWith(".cjs"))) rmSync(join(dist, name));
}

/** A user's runs: nothing is kept before the first, and the later ones take what that kept; typed as a command, which asks `env` for Node, or not. */
function compareStarts(node: string, program: string): void {
  env["PATH"] = `${dirname(resolve(node))}:${process.env["PATH"]}`;
  const first = ratio(node, node, [program, ...PACKET], forget);
  const later = ratio(node, node, [program, ...PACKET], () => {});
  const typed = ratio(node, program, PACKET, () => {});
  console.log(
    `${run(node, ["-v"]).trim()}: node -e 0 = 1, the first fwknop -T ${first}, a later one ${later}, typed as a command ${typed}, ` +
    `${memory(node, [program, ...PACKET]).toFixed(0)} MiB (${ROUNDS} rounds)`,
  );
}

try {
  const program = install();
  const nodes = NODES.filter((node) => existsSync(node));
  for (const node of nodes.length > 0 ? nodes : [process.execPath]) compareStarts(node, program);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
