import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { runOnTerminal } from "./support/pty.ts";
import { requirePeer } from "./support/require-peer.ts";

const MODULE = new URL("../src/node/client/prompt.ts", import.meta.url).href;

/** Asks as often as told and prints what was typed in hexadecimal, or why nothing was. */
function asking(times = 1): string[] {
  return [process.execPath, ...process.execArgv, "-e", `import(${JSON.stringify(MODULE)}).then(async ({ promptSecret }) => {
    try {
      for (let at = 0; at < ${times}; at++) console.log("got=" + Buffer.from(await promptSecret("Key " + at + ": ")).toString("hex") + ".");
    } catch (error) {
      console.log(error.name, error.code);
      process.exitCode = error.code === "INTERRUPTED" ? 130 : 1;
    }
  });`];
}

/** UTF-8 as code points 0..255. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}

test("promptSecret() shows nothing of what is typed, and restores the terminal", async (t) => {
  if (requirePeer(t, "python3") === undefined) return;
  const record = await runOnTerminal(asking(2), [{ waitFor: "Key 0: ", type: "open sesame\r" }, { waitFor: "Key 1: ", type: "second\n" }]);
  assert.equal(record.output, `Key 0: \r\ngot=${hexOf("open sesame")}.\r\nKey 1: \r\ngot=${hexOf("second")}.\r\n`);
  assert.deepEqual(record.echo, [true, false, false, true]);
  assert.equal(record.status, 0);
});

test("promptSecret() restores the terminal after Ctrl-C", async (t) => {
  if (requirePeer(t, "python3") === undefined) return;
  const record = await runOnTerminal(asking(), [{ waitFor: "Key 0: ", type: "half a key\x03" }]);
  assert.equal(record.output, "Key 0: \r\nPromptError INTERRUPTED\r\n");
  assert.deepEqual(record.echo, [true, false, true]);
  assert.equal(record.status, 130);
});

test("promptSecret() restores the terminal when a signal ends the program", async (t) => {
  if (requirePeer(t, "python3") === undefined) return;
  for (const [signal, status] of [["SIGTERM", -15], ["SIGINT", -2], ["SIGHUP", -1]] as const) {
    const record = await runOnTerminal(asking(), [{ waitFor: "Key 0: ", signal }]);
    assert.deepEqual([record.output, record.echo, record.status], ["Key 0: \r\n", [true, false, true], status]);
  }
});

test("promptSecret() lets the user correct, takes bytes as they come, and Ctrl-D for an empty key", async (t) => {
  if (requirePeer(t, "python3") === undefined) return;
  const cases: readonly (readonly [typed: string, expected: string])[] = [
    ["\r", ""],
    ["abc\x7f\x08x\n", hexOf("ax")],
    [bytesOf("sesämë€\x7f\x7f\x7fx\r"), hexOf("sesäx")],
    ["\x7f\x7fa\r", hexOf("a")],
    ["wrong\x15right\r", hexOf("right")],
    ["a\x04b\r", hexOf("ab")],
    ["\x04", ""],
    ["\xff\x00\x1b[A\r", "ff001b5b41"],
    [`${"k".repeat(127)}\r`, hexOf("k".repeat(127))],
    [`${"k".repeat(128)}\r`, hexOf("k".repeat(127))],
  ];
  const record = await runOnTerminal(asking(cases.length), cases.map(([type], at) => ({ waitFor: `Key ${at}: `, type })));
  assert.deepEqual(record.output.split("\r\n").filter((line) => line.startsWith("got=")), cases.map(([, expected]) => `got=${expected}.`));
});

test("promptSecret() says so when there is no terminal", async () => {
  const child = spawn(process.execPath, [...process.execArgv, "-e", `import(${JSON.stringify(MODULE)}).then(({ promptSecret }) => promptSecret("Key: ")).catch((error) => console.log(error.code, error.message))`], {
    detached: true, // a new session, which has no terminal
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  const [status] = await once(child, "close") as [number | null];
  assert.match(said, /^NO_TERMINAL getpasswd\(\) key error\. There is no terminal to ask on \(\/dev\/tty: ENXIO\); give the key on a descriptor \(--stdin, --fd\) or in a file\n$/);
  assert.equal(status, 0);
});
