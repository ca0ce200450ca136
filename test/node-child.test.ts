import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes, utf8Text } from "../src/bytes.ts";
import { runChild } from "../src/node/child.ts";

const timeoutMs = 20_000;

test("runChild() carries bytes both ways on every descriptor", async () => {
  const result = await runChild(["sh", "-c", "cat; cat <&4 >&3; echo said >&2; exit 3"], {
    stdin: Uint8Array.of(0, 255, 10), descriptors: ["read", utf8Bytes("secret")], timeoutMs,
  });
  assert.ok(result.kind === "exited");
  assert.deepEqual([result.status, result.signal], [3, undefined]);
  assert.deepEqual(result.stdout, Uint8Array.of(0, 255, 10));
  assert.equal(utf8Text(result.stderr), "said\n");
  assert.deepEqual(result.outputs.map(utf8Text), ["secret", ""]);
});

test("runChild() gives its environment and nothing else of ours", async () => {
  process.env["FKO_TOOL_TEST"] = "must not show";
  const result = await runChild(["env"], { env: { EXTRA: "x", ABSENT: undefined }, timeoutMs });
  delete process.env["FKO_TOOL_TEST"];
  assert.ok(result.kind === "exited");
  const names = utf8Text(result.stdout)!.split("\n").map((line) => line.split("=")[0]);
  assert.deepEqual(names.filter((name) => name !== "" && name !== "_" && name !== "PWD").sort(), ["EXTRA", "HOME", "LC_ALL", "PATH"]);
});

test("runChild() does not mind a child that leaves before it has read its input", async () => {
  const result = await runChild(["true"], { stdin: new Uint8Array(1 << 20), descriptors: [new Uint8Array(1 << 20)], timeoutMs });
  assert.ok(result.kind === "exited");
  assert.equal(result.status, 0);
});

test("runChild() names the signal that ended a child", async () => {
  const result = await runChild(["sh", "-c", "kill -TERM $$"], { timeoutMs });
  assert.ok(result.kind === "exited");
  assert.deepEqual([result.status, result.signal], [undefined, "SIGTERM"]);
});

test("runChild() ends at its time limit, with what the child started", async () => {
  assert.deepEqual(await runChild(["sh", "-c", "sleep 60 & sleep 60"], { timeoutMs: 100 }), { kind: "timeout" });
});

test("runChild() ends even when a daemon keeps the pipes open", async () => {
  const result = await runChild(["sh", "-c", "setsid sleep 3 & exit 0"], { timeoutMs: 300 });
  assert.deepEqual(result, { kind: "timeout" });
});

test("runChild() ends when it is told to, before or after its start", async () => {
  const ending = new AbortController();
  const running = runChild(["sh", "-c", "sleep 60 & sleep 60"], { timeoutMs, signal: ending.signal });
  setTimeout(() => ending.abort(), 20);
  assert.deepEqual(await running, { kind: "aborted" });
  assert.deepEqual(await runChild(["sleep", "60"], { descriptors: ["read", new Uint8Array(1)], timeoutMs, signal: ending.signal }), { kind: "aborted" });
});

test("runChild() bounds the output", async () => {
  assert.deepEqual(await runChild(["cat", "/dev/zero"], { timeoutMs, maxOutputBytes: 1000 }), { kind: "too-much-output" });
});

test("runChild() says what could not be started", async () => {
  const absent = await runChild(["/nonexistent/program"], { descriptors: ["read", new Uint8Array(1)], timeoutMs });
  assert.ok(absent.kind === "not-started");
  assert.equal(absent.code, "ENOENT");
  const impossible = await runChild(["true", "a\0b"], { timeoutMs });
  assert.equal(impossible.kind, "not-started");
});
