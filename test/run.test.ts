import assert from "node:assert/strict";
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { utf8Bytes, utf8Text } from "../src/bytes.ts";
import { findProgram } from "../src/node/find-program.ts";
import { run, runBytes } from "../src/node/run.ts";

const PATIENCE_MS = 20_000;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "fko-run-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A small program; what the tests start is allowed a shell, what they test never uses one. */
function script(t: TestContext, body: string): string {
  const path = join(folder(t), "program");
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

/** Whether a process is there and no zombie. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !condition();) {
    assert.ok(performance.now() < end, "it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("run() tells exit status, stdout and stderr apart", async (t) => {
  const result = await run([script(t, "echo out; echo err >&2; exit 3")], { timeoutMs: PATIENCE_MS });
  assert.deepEqual(
    { ...result, argv: undefined, durationMs: undefined },
    {
      argv: undefined, ok: false, status: 3, signal: undefined, timedOut: false, truncated: false, startError: undefined,
      stdout: "out\n", stderr: "err\n", durationMs: undefined,
    },
  );
  assert.ok((await run(["true"], { timeoutMs: PATIENCE_MS })).ok);
});

test("run() passes arguments as they are: nothing is a shell's", async () => {
  const words = ["a b", "$HOME", "`id`", "; exit 9", "*", "", "'\"\\", "ä\n"];
  const { stdout } = await run(["printf", "%s|", ...words], { timeoutMs: PATIENCE_MS });
  assert.equal(stdout, words.map((word) => `${word}|`).join(""));
});

test("run() gives input, and an empty stdin without", async () => {
  assert.equal((await run(["cat"], { input: "a\0b\n", timeoutMs: PATIENCE_MS })).stdout, "a\0b\n");
  assert.equal((await run(["cat"], { input: Uint8Array.of(0x68, 0x69), timeoutMs: PATIENCE_MS })).stdout, "hi");
  assert.deepEqual(await run(["cat"], { timeoutMs: PATIENCE_MS }).then(({ ok, stdout }) => [ok, stdout]), [true, ""]);
});

test("run() does not mind a program that leaves without reading its input", async () => {
  const result = await run(["true"], { input: "x".repeat(10_000_000), timeoutMs: PATIENCE_MS });
  assert.equal(result.status, 0);
});

/** Runs a function with another PATH. */
async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = process.env["PATH"];
  process.env["PATH"] = path;
  try {
    return await work();
  } finally {
    process.env["PATH"] = before;
  }
}

test("run() gives our PATH with sbin, LC_ALL=C and what was asked for, nothing else of ours", async () => {
  process.env["FKO_SECRET"] = "secret";
  const { stdout } = await withPath("/bin:relative:.::/opt/own", () => run(["env"], { timeoutMs: PATIENCE_MS, env: { SRC: "10.1.2.3" } }));
  delete process.env["FKO_SECRET"];
  assert.deepEqual(stdout.trim().split("\n").sort(), [
    "LC_ALL=C", "PATH=/bin:/opt/own:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin", "SRC=10.1.2.3",
  ]);
});

test("run() finds the very program that findProgram() names, and none in a relative folder", async (t) => {
  const own = folder(t);
  writeFileSync(join(own, "uname"), "#!/bin/sh\necho own\n", { mode: 0o755 });
  await withPath(own, async () => {
    assert.equal(findProgram("uname"), join(own, "uname"));
    assert.equal((await run(["uname"], { timeoutMs: PATIENCE_MS })).stdout, "own\n");
  });
  await withPath(relative(process.cwd(), own), async () => {
    assert.notEqual(findProgram("uname"), join(own, "uname"));
    assert.notEqual((await run(["uname"], { timeoutMs: PATIENCE_MS, cwd: process.cwd() })).stdout, "own\n");
  });
});

test("run() starts in / and gives the child no descriptor that we opened", async (t) => {
  assert.equal((await run(["pwd"], { timeoutMs: PATIENCE_MS })).stdout, "/\n");
  assert.equal((await run(["pwd"], { timeoutMs: PATIENCE_MS, cwd: tmpdir() })).stdout, `${tmpdir()}\n`);
  if (process.platform !== "linux") return t.skip("needs /proc");
  const secret = join(folder(t), "secret");
  const fd = openSync(secret, "w");
  const { stdout } = await run(["ls", "-l", "/proc/self/fd"], { timeoutMs: PATIENCE_MS });
  closeSync(fd);
  // What this process was itself started with is nobody's secret here, and Node gives it on.
  assert.match(stdout, / 0 -> \/dev\/null\n/);
  assert.match(stdout, / 1 -> (pipe|socket):/);
  assert.doesNotMatch(stdout, /fko-run-/);
});

test("run() tells apart why a program could not be started", async (t) => {
  const path = join(folder(t), "not-executable");
  writeFileSync(path, "");
  chmodSync(path, 0o644);
  const codes = async (argv: [string, ...string[]], more = {}): Promise<string | undefined> => {
    const result = await run(argv, { timeoutMs: PATIENCE_MS, ...more });
    assert.equal(result.ok, false);
    assert.equal(result.status, undefined);
    return result.startError?.code;
  };
  assert.equal(await codes(["/nonexistent/iptables"]), "ENOENT");
  assert.equal(await codes(["no-such-program-anywhere"]), "ENOENT");
  assert.equal(await codes(["true"], { cwd: "/nonexistent" }), "ENOENT");
  assert.equal(await codes([path]), "EACCES");
  assert.equal(await codes(["true", "a\0b"]), "EINVAL");
  assert.equal(await codes(["true", "x".repeat(4 << 20)]), "E2BIG");
  assert.equal((await run([path], { timeoutMs: PATIENCE_MS })).startError?.message, "Permission denied");
});

test("run() says EPERM when it may not become the user", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root, to lose it");
  const result = await run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, "-e", `
    require("node:child_process").spawn("true", [], { uid: 0 }).on("error", (error) => console.log(error.code));
  `], { timeoutMs: PATIENCE_MS });
  assert.match(result.stdout + result.stderr, /EPERM/);
  assert.equal((await run(["id", "-u"], { timeoutMs: PATIENCE_MS, uid: 65534, gid: 65534 })).stdout, "65534\n");
});

test("run() names the signal that ended a program", async (t) => {
  const result = await run([script(t, "kill -TERM $$")], { timeoutMs: PATIENCE_MS });
  assert.deepEqual([result.ok, result.status, result.signal, result.timedOut], [false, undefined, "SIGTERM", false]);
});

test("run() kills a program that takes too long, with everything it started", async (t) => {
  const path = folder(t);
  const program = script(t, `sleep 60 & echo $! > ${path}/grandchild; echo early; wait`);
  const result = await run([program], { timeoutMs: 300 });
  assert.deepEqual([result.ok, result.status, result.signal, result.timedOut, result.stdout], [false, undefined, "SIGKILL", true, "early\n"]);
  const grandchild = Number(readFileSync(join(path, "grandchild"), "latin1"));
  await until(() => !isAlive(grandchild));
});

test("run() ends a program that is not wanted any more by TERM, and by KILL if that is not obeyed, with everything it started", async (t) => {
  const path = folder(t);
  const endAt = async (body: string) => {
    const end = new AbortController();
    const running = run([script(t, `${body}; sleep 60 & echo $! > ${path}/grandchild; wait; echo woke; wait`)], { timeoutMs: 60_000, signal: end.signal });
    await until(() => existsSync(join(path, "grandchild")) && readFileSync(join(path, "grandchild"), "latin1") !== "");
    end.abort();
    const { status, signal, timedOut, stdout } = await running;
    const grandchild = Number(readFileSync(join(path, "grandchild"), "latin1"));
    await until(() => !isAlive(grandchild));
    rmSync(join(path, "grandchild"));
    return [status, signal, timedOut, stdout];
  };
  assert.deepEqual(await endAt("trap 'echo goodbye; exit 3' TERM"), [3, undefined, false, "goodbye\n"]);
  assert.deepEqual(await endAt(":"), [undefined, "SIGTERM", false, ""]);
  assert.deepEqual(await endAt("trap '' TERM"), [undefined, "SIGKILL", false, ""]);
  const unwanted = await run(["true"], { timeoutMs: PATIENCE_MS, signal: AbortSignal.abort() });
  assert.deepEqual([unwanted.ok, unwanted.signal], [false, "SIGTERM"], "it is not started");
});

test("run() comes back although a process that left the group holds its pipes", async (t) => {
  const path = folder(t);
  const program = script(t, `setsid sh -c 'echo $$ > ${path}/escaped; exec sleep 60' & wait`);
  const result = await run([program], { timeoutMs: 700 });
  assert.ok(result.timedOut);
  const escaped = Number(readFileSync(join(path, "escaped"), "latin1"));
  if (isAlive(escaped)) process.kill(escaped, "SIGKILL");
});

test("run() keeps the beginning of too much output, and says so", async (t) => {
  const result = await run([script(t, "head -c 3000000 /dev/zero; echo end >&2")], { timeoutMs: PATIENCE_MS, maxOutputBytes: 1000 });
  assert.deepEqual([result.ok, result.status, result.truncated, result.stdout.length, result.stderr], [false, 0, true, 1000, "end\n"]);
  assert.equal((await run(["printf", "12345"], { timeoutMs: PATIENCE_MS, maxOutputBytes: 5 })).truncated, false);
});

test("run() leaves no process and no descriptor behind", async () => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  const before = open();
  for (let turn = 0; turn < 20; turn++) await run(["true"], { input: "x", timeoutMs: PATIENCE_MS });
  await run(["/nonexistent/program"], { timeoutMs: PATIENCE_MS });
  await until(() => open() <= before);
});

test("run() takes what ended while we were stopped for ended in time", async () => {
  const running = run(["true"], { timeoutMs: 300 });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  assert.deepEqual(await running.then(({ ok, status }) => [ok, status]), [true, 0]);
});

test("runBytes() carries bytes both ways on every descriptor", async () => {
  const result = await runBytes(["sh", "-c", "cat; cat <&4 >&3; echo said >&2; exit 3"], {
    input: Uint8Array.of(0, 255, 10), descriptors: ["read", utf8Bytes("secret")], timeoutMs: PATIENCE_MS,
  });
  assert.deepEqual([result.ok, result.status, result.signal], [false, 3, undefined]);
  assert.deepEqual(result.stdout, Uint8Array.of(0, 255, 10));
  assert.equal(utf8Text(result.stderr), "said\n");
  assert.deepEqual(result.outputs.map(utf8Text), ["secret", ""]);
});

test("runBytes() gives what env names in place of its own, and nothing for what is undefined there", async () => {
  process.env["FKO_TOOL_TEST"] = "must not show";
  const { stdout } = await runBytes(["env"], { env: { PATH: process.env["PATH"], EXTRA: "x", ABSENT: undefined }, timeoutMs: PATIENCE_MS });
  delete process.env["FKO_TOOL_TEST"];
  assert.deepEqual(utf8Text(stdout)!.trim().split("\n").sort(), ["EXTRA=x", "LC_ALL=C", `PATH=${process.env["PATH"]}`]);
});

test("runBytes() does not mind a program that leaves before it has read its descriptors", async () => {
  const result = await runBytes(["true"], { input: new Uint8Array(1 << 20), descriptors: [new Uint8Array(1 << 20)], timeoutMs: PATIENCE_MS });
  assert.equal(result.status, 0);
});

test("runBytes() takes no success of a program whose daemon keeps the pipes open", async () => {
  const { ok, timedOut, status } = await runBytes(["sh", "-c", "setsid sleep 3 & exit 0"], { timeoutMs: 300 });
  assert.deepEqual([ok, timedOut, status], [false, true, undefined]);
});

test("runBytes() ends when it is told to, before or after its start", async () => {
  const ending = new AbortController();
  const running = runBytes(["sh", "-c", "sleep 60 & sleep 60"], { timeoutMs: PATIENCE_MS, signal: ending.signal });
  setTimeout(() => ending.abort(), 20);
  for (const { ok, aborted, timedOut, status } of [
    await running,
    await runBytes(["sleep", "60"], { descriptors: ["read", new Uint8Array(1)], timeoutMs: PATIENCE_MS, signal: ending.signal }),
  ]) assert.deepEqual([ok, aborted, timedOut, status], [false, true, false, undefined]);
});

test("runBytes() with killWhenFull ends a program at the bound of its output, on any descriptor", async () => {
  for (const command of ["cat /dev/zero", "cat /dev/zero >&2", "cat /dev/zero >&3"]) {
    const result = await runBytes(["sh", "-c", command], { descriptors: ["read"], timeoutMs: PATIENCE_MS, maxOutputBytes: 1000, killWhenFull: true });
    assert.deepEqual([result.ok, result.truncated, result.timedOut, result.signal], [false, true, false, "SIGKILL"]);
    assert.equal(result.stdout.length + result.stderr.length + result.outputs[0]!.length, 1000);
  }
});

test("runBytes() says what could not be started", async () => {
  const absent = await runBytes(["/nonexistent/program"], { descriptors: ["read", new Uint8Array(1)], timeoutMs: PATIENCE_MS });
  assert.deepEqual([absent.ok, absent.startError?.code, absent.outputs.length], [false, "ENOENT", 2]);
});
