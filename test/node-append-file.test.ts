import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, fdatasync, ftruncate, lchownSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, write, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { AppendError, AppendFile, type AppendCalls } from "../src/node/daemon/append-file.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-append-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let counter = 0;
const fresh = (): string => join(folder, `file${counter++}`);

/** The system's calls, with some replaced. */
function calls(replaced: Partial<AppendCalls>): AppendCalls {
  return {
    write: async (descriptor, bytes, offset) => (await promisify(write)(descriptor, bytes, offset)).bytesWritten,
    sync: promisify(fdatasync),
    truncate: promisify(ftruncate),
    ...replaced,
  };
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, write`), { code });
}

test("AppendFile makes a private file and stores lines in order", async () => {
  const path = fresh();
  const file = AppendFile.open(path);
  assert.equal(file.initialLength, 0);
  await Promise.all(Array.from({ length: 50 }, (_, at) => file.append(`line ${at}`)));
  await file.append("é");
  await file.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readFileSync(path, "utf8"), Array.from({ length: 50 }, (_, at) => `line ${at}\n`).join("") + "é\n");
});

test("AppendFile answers all lines that wait with one sync", async () => {
  let syncs = 0;
  const file = AppendFile.open(fresh(), calls({ sync: async (descriptor) => (syncs++, promisify(fdatasync)(descriptor)) }));
  await Promise.all(Array.from({ length: 100 }, (_, at) => file.append(String(at))));
  await file.close();
  assert.equal(syncs, 1);
});

test("AppendFile does not answer before the sync has ended", async () => {
  let release: () => void = () => {};
  const file = AppendFile.open(fresh(), calls({ sync: () => new Promise((resolve) => (release = resolve)) }));
  let answered = false;
  const stored = file.append("x").then(() => (answered = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(answered, false);
  release();
  await stored;
  await file.close();
});

test("AppendFile ends a line that a crash cut, and goes on after it", async () => {
  const path = fresh();
  writeFileSync(path, "whole\ntor");
  const file = AppendFile.open(path);
  assert.equal(file.initialLength, 9);
  await file.append("next");
  await file.close();
  assert.equal(readFileSync(path, "utf8"), "whole\ntor\nnext\n");
});

test("AppendFile takes a part back when the disk is full, and can go on later", async () => {
  const path = fresh();
  let room = 100;
  const file = AppendFile.open(path, calls({
    write: async (descriptor, bytes, offset) => {
      if (room === 0) throw failure("ENOSPC");
      const count = Math.min(room, bytes.length - offset);
      room -= count;
      return (await promisify(write)(descriptor, bytes, offset, count)).bytesWritten;
    },
  }));
  await file.append("a".repeat(50));
  await assert.rejects(file.append("b".repeat(80)), (error) => error instanceof AppendError && error.code === "ENOSPC" && !error.final);
  assert.equal(readFileSync(path, "utf8"), `${"a".repeat(50)}\n`);
  room = 100;
  await file.append("c");
  await file.close();
  assert.equal(readFileSync(path, "utf8"), `${"a".repeat(50)}\nc\n`);
});

test("AppendFile completes a short write", async () => {
  const path = fresh();
  const file = AppendFile.open(path, calls({ write: async (descriptor, bytes, offset) => (await promisify(write)(descriptor, bytes, offset, Math.min(3, bytes.length - offset))).bytesWritten }));
  await Promise.all([file.append("ab"), file.append("cdef")]);
  await file.close();
  assert.equal(readFileSync(path, "utf8"), "ab\ncdef\n");
});

test("AppendFile believes no second sync after a failed one", async () => {
  let attempts = 0;
  const file = AppendFile.open(fresh(), calls({ sync: async () => (attempts++, Promise.reject(failure("EIO"))) }));
  const first = file.append("a");
  await assert.rejects(first, (error) => error instanceof AppendError && error.code === "EIO" && error.final);
  await assert.rejects(file.append("b"), { code: "EIO", final: true });
  assert.equal(attempts, 1);
  await file.close();
});

test("AppendFile notices that its file was moved away", async () => {
  const path = fresh();
  const file = AppendFile.open(path);
  await file.append("a");
  renameSync(path, `${path}-old`);
  await assert.rejects(file.append("b"), { code: "REPLACED", final: true });
  const again = AppendFile.open(path);
  await again.append("c");
  await again.close();
  assert.equal(readFileSync(path, "utf8"), "c\n");
  assert.equal(readFileSync(`${path}-old`, "utf8"), "a\n");
});

test("AppendFile writes behind what another program added", async () => {
  const path = fresh();
  const file = AppendFile.open(path);
  await file.append("a");
  appendFileSync(path, "foreign\n");
  await file.append("b");
  await file.close();
  assert.equal(readFileSync(path, "utf8"), "a\nforeign\nb\n");
});

test("AppendFile does not write where another user's link leads", { skip: process.geteuid?.() === 0 ? false : "only root can make one" }, () => {
  const target = join(folder, "target");
  writeFileSync(target, "theirs\n");
  const link = join(folder, "link");
  symlinkSync(target, link);
  void AppendFile.open(link).close();
  lchownSync(link, 65534, 65534);
  assert.throws(() => AppendFile.open(link), { name: "FileError", code: "LINK", message: `Could not open digest cache: ${link}: it is a link of another user` });
  assert.equal(readFileSync(target, "utf8"), "theirs\n");
});

test("AppendFile refuses lines after close, and what is no file", async () => {
  const file = AppendFile.open(fresh());
  await file.close();
  await assert.rejects(file.append("x"), { code: "CLOSED" });
  const fifo = fresh();
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  assert.throws(() => AppendFile.open(fifo), { name: "FileError", code: "NOT_REGULAR" });
  assert.throws(() => AppendFile.open(folder), { name: "FileError", code: "EISDIR" });
  assert.throws(() => AppendFile.open(join(folder, "none", "x")), { name: "FileError", code: "ENOENT" });
});
