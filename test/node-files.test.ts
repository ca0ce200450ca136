import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync,
  writeFileSync, chownSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensurePrivateFolder, FileError, judgeFile, kindOfPath, readOwnFile, writeFileAtomically } from "../src/node/files.ts";
import { requireRoot } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-files-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let counter = 0;
function place(content: string | Uint8Array = "x", mode = 0o600): string {
  const path = join(folder, `file${counter++}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const options = { maxBytes: 1000, kind: "access" } as const;

test("readOwnFile() returns the content of a private file without a problem", () => {
  const read = readOwnFile(place("KEY x\n"), options);
  assert.equal(Buffer.from(read.bytes).toString(), "KEY x\n");
  assert.deepEqual(read.problems, []);
});

test("readOwnFile() reads an empty file and one of exactly the largest size", () => {
  assert.equal(readOwnFile(place(""), options).bytes.length, 0);
  assert.equal(readOwnFile(place("y".repeat(1000)), options).bytes.length, 1000);
});

test("readOwnFile() reads a file whose size the system does not tell", { skip: !existsSync("/proc/self/status") && "no /proc" }, () => {
  const read = readOwnFile("/proc/self/status", { maxBytes: 100_000, kind: "status" });
  assert.match(Buffer.from(read.bytes).toString(), /^Name:/);
});

test("readOwnFile() refuses what is one byte too long", () => {
  assert.throws(() => readOwnFile(place("y".repeat(1001)), options), (error) => error instanceof FileError && error.code === "TOO_LARGE");
});

test("readOwnFile() gives the two phrases of the C daemon for mode and owner", (t) => {
  if (!requireRoot(t)) return;
  const path = place("x", 0o644);
  chownSync(path, 12345, 12345);
  const messages = readOwnFile(path, options).problems.map((problem) => problem.message);
  assert.ok(messages.includes(`[-] file: ${path} permissions should only be user read/write (0600, -rw-------)`));
  assert.ok(messages.includes(`[-] file: ${path} not owned by current effective user id`));
});

test("judgeFile() tells who else can read or write", () => {
  const kinds = (mode: number, uid: number): string[] => judgeFile("f", { mode: 0o100000 | mode, uid }, 1000).map((problem) => problem.kind);
  assert.deepEqual(kinds(0o600, 1000), []);
  assert.deepEqual(kinds(0o400, 1000), ["mode"]);
  assert.deepEqual(kinds(0o640, 1000), ["mode", "readable"]);
  assert.deepEqual(kinds(0o620, 1000), ["mode", "writable"]);
  assert.deepEqual(kinds(0o666, 1000), ["mode", "writable", "readable"]);
  assert.deepEqual(kinds(0o600, 0), ["owner"]);
  assert.deepEqual(kinds(0o600, 1001), ["owner", "writable"]);
});

test("readOwnFile() follows a link unless told to refuse it", () => {
  const link = join(folder, "link");
  symlinkSync(place("target"), link);
  assert.equal(Buffer.from(readOwnFile(link, options).bytes).toString(), "target");
  assert.throws(() => readOwnFile(link, { ...options, symlink: "refuse" }), {
    code: "NOT_REGULAR", message: `[-] file: ${link} is not a regular file or symbolic link.`,
  });
});

test("readOwnFile() refuses folders, devices and a FIFO, without waiting for its writer", () => {
  const fifo = join(folder, "fifo");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  for (const path of [folder, "/dev/null", fifo]) {
    assert.throws(() => readOwnFile(path, options), { code: "NOT_REGULAR", message: `[-] file: ${path} is not a regular file or symbolic link.` });
  }
});

test("readOwnFile() names a file that is absent", () => {
  const path = join(folder, "none");
  assert.throws(() => readOwnFile(path, options), { code: "ENOENT", message: `Could not open access file: ${path}: No such file or directory` });
});

test("writeFileAtomically() makes a file with the mode that was asked for, whatever the umask", () => {
  const path = join(folder, "new");
  const old = process.umask(0o077);
  try {
    writeFileAtomically(path, new TextEncoder().encode("one"), 0o644);
  } finally {
    process.umask(old);
  }
  assert.equal(readFileSync(path, "utf8"), "one");
  assert.equal(statSync(path).mode & 0o7777, 0o644);
});

test("writeFileAtomically() keeps the owner and never widens the mode", (t) => {
  if (!requireRoot(t)) return;
  const path = place("old", 0o440);
  chownSync(path, 1234, 4321);
  writeFileAtomically(path, new TextEncoder().encode("new"), 0o600);
  const stats = statSync(path);
  assert.deepEqual([stats.uid, stats.gid, stats.mode & 0o7777, readFileSync(path, "utf8")], [1234, 4321, 0o400, "new"]);
});

test("writeFileAtomically() replaces what a link points to and leaves the link", () => {
  const target = place("old");
  const link = join(folder, "link2");
  symlinkSync(target, link);
  writeFileAtomically(link, new TextEncoder().encode("new"), 0o600);
  assert.equal(readlinkSync(link), target);
  assert.equal(readFileSync(target, "utf8"), "new");
});

test("writeFileAtomically() leaves the old file and no litter when it fails", () => {
  const sub = join(folder, "sub");
  mkdirSync(join(sub, "taken"), { recursive: true });
  assert.throws(() => writeFileAtomically(join(sub, "taken"), new Uint8Array(1), 0o600), { code: "NOT_REGULAR" });
  assert.throws(() => writeFileAtomically(join(sub, "none", "x"), new Uint8Array(1), 0o600), { code: "ENOENT" });
  assert.deepEqual(readdirSync(sub), ["taken"]);
});

test("ensurePrivateFolder() makes a folder and its parents for us alone", () => {
  const path = join(folder, "run", "fko");
  assert.deepEqual(ensurePrivateFolder(path, "Run directory"), { created: true, problems: [] });
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, "run")).mode & 0o777, 0o700);
  assert.deepEqual(ensurePrivateFolder(path, "Run directory"), { created: false, problems: [] });
});

test("ensurePrivateFolder() tells when others can change the folder", () => {
  const path = join(folder, "open");
  mkdirSync(path);
  chmodSync(path, 0o777);
  assert.deepEqual(ensurePrivateFolder(path, "Run directory").problems.map((problem) => problem.kind), ["writable"]);
  chmodSync(path, 0o1777);
  assert.deepEqual(ensurePrivateFolder(path, "Run directory").problems, []);
});

test("ensurePrivateFolder() refuses a file and a dangling link in its place", () => {
  const path = place();
  assert.throws(() => ensurePrivateFolder(path, "Run directory"), { code: "NOT_A_FOLDER", message: `Specified Run directory: ${path} is NOT a directory` });
  assert.throws(() => ensurePrivateFolder(join(path, "below"), "Run directory"), (error) => error instanceof FileError && error.code === "ENOTDIR");
  const link = join(folder, "dangling");
  symlinkSync(join(folder, "nowhere"), link);
  assert.throws(() => ensurePrivateFolder(link, "Run directory"), FileError);
  assert.ok(!existsSync(join(folder, "nowhere")));
  assert.ok(lstatSync(link).isSymbolicLink());
});

test("kindOfPath() looks at the link itself", () => {
  const link = join(folder, "link3");
  symlinkSync(folder, link);
  assert.deepEqual([kindOfPath(place()), kindOfPath(folder), kindOfPath(link), kindOfPath("/dev/null"), kindOfPath(join(folder, "no"))],
    ["file", "folder", "link", "other", undefined]);
});
