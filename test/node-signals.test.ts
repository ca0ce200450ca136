import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { handleSignals } from "../src/node/daemon/signals.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test("handleSignals() calls the handlers, survives what is ignored, and gives the signals back", async () => {
  const got: string[] = [];
  const before = (["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGTERM"] as const).map((signal) => process.listenerCount(signal));
  // Waiting for a signal keeps nothing alive.
  const alive = setInterval(() => {}, 1000);
  const restore = handleSignals({ reload: () => got.push("reload"), stop: (signal) => got.push(signal) });
  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGTERM", "SIGINT"] as const) {
    const heard = once(process, signal);
    process.kill(process.pid, signal);
    await heard;
  }
  await turn();
  clearInterval(alive);
  restore();
  assert.deepEqual(got, ["reload", "SIGTERM", "SIGINT"]);
  assert.deepEqual((["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGTERM"] as const).map((signal) => process.listenerCount(signal)), before);
});

test("handleSignals() leaves INT and TERM to the runtime without a handler", () => {
  const before = [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")];
  const restore = handleSignals({});
  assert.deepEqual([process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")], before);
  restore();
});

/** A pipe that takes nothing more. */
function fullPipe(path: string): number {
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(descriptor, "-".repeat(4096));
  } catch { /* EAGAIN: it is full */ }
  return descriptor;
}

test("fwknopd whose log nobody reads ends in good order, whatever HUP and PIPE come while it waits for the log", async (t) => {
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "fko-signals-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const files = ["-c", write("fwknopd.conf", `FWKNOP_RUN_DIR ${folder}/run;\n`), "-a", write("access.conf", "SOURCE ANY\nKEY key\nHMAC_KEY other\n")];
  const [program, ...args] = shipped("fwknopd", "--stdin", "-t", ...files);
  const child = spawn(program, args, { stdio: ["pipe", "ignore", fullPipe(join(folder, "log"))], timeout: 60_000, killSignal: "SIGKILL" });
  const end = once(child, "exit");
  // It is made when all signals have their handlers.
  while (child.exitCode === null && !existsSync(join(folder, "run", "digest.cache"))) await turn();
  child.kill("SIGTERM");
  const others = setInterval(() => (["SIGHUP", "SIGPIPE"] as const).forEach((signal) => child.kill(signal)), 20);
  t.after(() => clearInterval(others));
  assert.deepEqual(await end, [0, null]);
  assert.equal(readFileSync(join(folder, "run", "fwknopd.pid"), "utf8"), "");
});
