import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { handleSignals } from "../src/node/daemon/signals.ts";

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
