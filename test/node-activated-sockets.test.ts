import assert from "node:assert/strict";
import { test } from "node:test";
import { takeActivatedSockets } from "../src/node/hearing/activated-sockets.ts";

test("takeActivatedSockets() gives the descriptors and names, and clears the environment", () => {
  const env: Record<string, string | undefined> = { LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: "spa:web", PATH: "/bin" };
  assert.deepEqual(takeActivatedSockets(env, 42), [{ descriptor: 3, name: "spa" }, { descriptor: 4, name: "web" }]);
  assert.deepEqual(env, { PATH: "/bin" });
});

test("takeActivatedSockets() takes nothing that is meant for another process, and no nonsense", () => {
  for (const env of [
    { LISTEN_PID: "41", LISTEN_FDS: "1" },
    { LISTEN_FDS: "1" },
    { LISTEN_PID: "42" },
    { LISTEN_PID: "42", LISTEN_FDS: "-1" },
    { LISTEN_PID: "42", LISTEN_FDS: "9999" },
    { LISTEN_PID: "42", LISTEN_FDS: "two" },
    {},
  ]) {
    assert.deepEqual(takeActivatedSockets({ ...env }, 42), [], JSON.stringify(env));
  }
  assert.deepEqual(takeActivatedSockets({ LISTEN_PID: "42", LISTEN_FDS: "1" }, 42), [{ descriptor: 3, name: "" }]);
});
