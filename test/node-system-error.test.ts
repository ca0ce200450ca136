import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { codeOf, reasonOf } from "../src/node/system-error.ts";

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("reasonOf() has the words of strerror for files", () => {
  assert.equal(reasonOf(caught(() => openSync("/no/such/file", "r"))), "No such file or directory");
  assert.equal(reasonOf(caught(() => openSync("/dev/null/x", "r"))), "Not a directory");
  assert.equal(reasonOf(caught(() => readFileSync("/"))), "Is a directory");
});

test("reasonOf() has words for processes and sockets, whose errors have none", async () => {
  assert.equal(reasonOf(caught(() => process.kill(2 ** 22 + 1, 0))), "No such process");
  assert.equal(reasonOf(caught(() => spawn("true", ["x".repeat(4 << 20)]))), "Argument list too long");
  const [error] = await once(connect(1, "127.0.0.1"), "error").then(() => [undefined], (reason: unknown) => [reason]);
  assert.equal(reasonOf(error ?? Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })), "Connection refused");
});

test("reasonOf() gives the message of any other error, and anything else as text", () => {
  assert.equal(reasonOf(new Error("plain")), "plain");
  assert.equal(reasonOf(Object.assign(new Error("odd"), { code: "EODD" })), "odd");
  assert.equal(reasonOf("text"), "text");
});

test("codeOf() gives the code of a system error only", () => {
  assert.equal(codeOf(caught(() => openSync("/no/such/file", "r"))), "ENOENT");
  assert.equal(codeOf(new Error("plain")), undefined);
  assert.equal(codeOf({ code: "ENOENT" }), undefined);
});
