import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readableSource } from "../src/node/hearing/byte-source.ts";
import { kindOfDescriptor, openStdin } from "../src/node/hearing/stdin-source.ts";
import { generator } from "./support/gen.ts";
import { requirePeers } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-stdin-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const reader = [process.execPath, "--import", "tsx", fileURLToPath(new URL("support/stdin-reader.ts", import.meta.url))];

/** A FIFO's reading end, and somebody who writes a file into the other. */
function fifoWith(content: Uint8Array): number {
  const fifo = join(folder, `fifo${children.length}`);
  const file = `${fifo}.data`;
  writeFileSync(file, content);
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  children.push(spawn("cp", [file, fifo], { stdio: "ignore" }));
  // Waits for the writer to open the other end.
  return openSync(fifo, constants.O_RDONLY);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("openStdin() passes on every byte of a pipe in order", async () => {
  const content = generator("pipe").bytes(300_001);
  const hash = createHash("sha256");
  for await (const chunk of openStdin(fifoWith(content))) hash.update(chunk);
  assert.equal(hash.digest("hex"), digest(content));
});

test("openStdin() holds the writer back for a slow reader and does not overwrite the chunk it holds", async () => {
  const content = generator("slow").bytes(500_001);
  const hash = createHash("sha256");
  for await (const chunk of openStdin(fifoWith(content))) {
    const before = digest(chunk);
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(digest(chunk), before);
    hash.update(chunk);
  }
  assert.equal(hash.digest("hex"), digest(content));
});

test("openStdin() ends when closed, while the pipe is quiet", async () => {
  const fifo = join(folder, "quiet");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  const writer = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const source = openStdin(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK));
  const iterator = source[Symbol.asyncIterator]();
  const next = iterator.next();
  setImmediate(() => source.close());
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  closeSync(writer);
});

test("openStdin() reads a regular file to its end", async () => {
  const content = generator("file").bytes(600_000);
  const path = join(folder, "capture");
  writeFileSync(path, content);
  const descriptor = openSync(path, "r");
  const hash = createHash("sha256");
  for await (const chunk of openStdin(descriptor)) hash.update(chunk);
  closeSync(descriptor);
  assert.equal(hash.digest("hex"), digest(content));
});

test("openStdin() refuses /dev/null and folders with words", () => {
  const nothing = openSync("/dev/null", "r");
  assert.throws(() => openStdin(nothing), { name: "StdinError", code: "EMPTY" });
  closeSync(nothing);
  const directory = openSync(folder, "r");
  assert.throws(() => openStdin(directory), { name: "StdinError", code: "KIND" });
  closeSync(directory);
});

test("kindOfDescriptor() calls a terminal a terminal whatever else it is", () => {
  const descriptor = openSync("/dev/null", "r");
  assert.equal(kindOfDescriptor(fstatSync(descriptor), true), "terminal");
  closeSync(descriptor);
});

test("openStdin() refuses a terminal", (t) => {
  if (!requirePeers(t, "script")) return;
  const run = spawnSync("script", ["-qec", reader.map((word) => `'${word}'`).join(" "), "/dev/null"], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8", timeout: 20_000 });
  assert.equal(run.stdout.trim(), "TERMINAL");
});

const DATAGRAM = "import socket,subprocess,sys\na,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\nsys.exit(subprocess.call(sys.argv[1:],stdin=a))";

test("openStdin() refuses a datagram socket", (t) => {
  if (!requirePeers(t, "python3")) return;
  const run = spawnSync("python3", ["-c", DATAGRAM, ...reader], { encoding: "utf8", timeout: 20_000 });
  assert.equal(run.stdout.trim(), "DATAGRAM");
});

test("a process that reads a quiet pipe leaves when told to", async () => {
  const child = spawn(reader[0]!, reader.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  let said = "";
  child.stdout.on("data", (chunk: Uint8Array) => {
    said += String(chunk);
    if (said === "open\n") child.stdin.write("12345");
    if (said === "open\n") setTimeout(() => child.kill("SIGTERM"), 50);
  });
  const status = await new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal)));
  assert.equal(status, 0);
  assert.equal(said, "open\nread 5\n");
});

test("readableSource() passes on a stream's chunks, and its error after them", async () => {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from("ab");
    yield Buffer.from("c");
    throw new Error("torn");
  }
  let text = "";
  await assert.rejects(async () => {
    for await (const chunk of readableSource(Readable.from(chunks(), { objectMode: false }))) text += String(chunk);
  }, /torn/);
  assert.equal(text, "abc");
});

test("readableSource() lets go of the stream when the reader leaves", async () => {
  const stream = Readable.from([Buffer.from("ab"), Buffer.from("c")], { objectMode: false });
  for await (const chunk of readableSource(stream)) {
    assert.equal(String(chunk), "ab");
    break;
  }
  assert.equal(stream.destroyed, true);
});
