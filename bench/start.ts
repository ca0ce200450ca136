/**
 * What it costs to start the bundled client: `fwknop -T`, which makes one packet, beside `node -e 0`, which does nothing.
 *
 *     npm run build && node --import tsx bench/start.ts
 */

import { spawnSync } from "node:child_process";

const ROUNDS = 21;
const CLIENT = ["dist/fwknop.js", "-T", "-A", "tcp/22", "-a", "203.0.113.5", "-D", "192.0.2.1", "--key-rijndael", "k", "--key-hmac", "h", "--no-rc-file", "--no-save-args"];

const env: NodeJS.ProcessEnv = { ...process.env };
delete env["NODE_EXTRA_CA_CERTS"]; // costs each start more than everything measured here

function time(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(String(stderr));
  return performance.now() - started;
}

/** Largest resident set, MiB, as the process itself reports it at its end. */
function memory(args: readonly string[]): string {
  const report = 'process.on("exit", () => process.stderr.write(`maxRSS=${process.resourceUsage().maxRSS}`))';
  const { stderr } = spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(report)}`, ...args], { env, encoding: "utf8" });
  const kibibytes = /maxRSS=(\d+)/.exec(stderr)?.[1];
  return kibibytes === undefined ? "unknown" : `${(Number(kibibytes) / 1024).toFixed(0)} MiB`;
}

const times = { nothing: [] as number[], client: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  times.nothing.push(time(["-e", "0"]));
  times.client.push(time(CLIENT));
}
const median = (values: number[]): number => values.sort((left, right) => left - right)[values.length >> 1]!;
console.log(`fwknop -T takes ${(median(times.client) / median(times.nothing)).toFixed(2)} times as long as node -e 0 (median of ${ROUNDS}, ${process.version})`);
console.log(`its largest memory is ${memory(CLIENT)}`);
