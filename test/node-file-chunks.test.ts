import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, closeSync, mkdtempSync, openSync, renameSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FileChunks } from "../src/node/hearing/file-chunks.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-pcap-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let counter = 0;
const fresh = (content: string | Uint8Array): string => {
  const path = join(folder, `file${counter++}`);
  writeFileSync(path, content);
  return path;
};

/** Follows a file; each step runs when all that is there was read, and the source is closed after the last. */
async function follow(path: string, ...steps: readonly (() => void)[]): Promise<string> {
  return read(new FileChunks(path, { follow: true, pollMs: 2 }), steps);
}

async function read(source: FileChunks, steps: readonly (() => void)[]): Promise<string> {
  let seen = "";
  let at = 0;
  for await (const event of source) {
    if (event.kind === "start") seen += "[";
    else if (event.kind === "chunk") seen += Buffer.from(event.bytes).toString("latin1");
    else if (at < steps.length) steps[at++]!();
    else source.close();
  }
  return seen;
}

test("FileChunks reads a file to its end, once", async () => {
  const content = Buffer.alloc(600_000, "pcap ");
  const seen: Buffer[] = [];
  const kinds: string[] = [];
  for await (const event of new FileChunks(fresh(content))) {
    if (kinds.at(-1) !== event.kind) kinds.push(event.kind);
    if (event.kind === "chunk") seen.push(Buffer.from(event.bytes));
  }
  assert.deepEqual(kinds, ["start", "chunk", "end"]);
  assert.ok(Buffer.concat(seen).equals(content));
});

test("FileChunks follows a file that grows", async () => {
  const path = fresh("a");
  assert.equal(await follow(path, () => appendFileSync(path, "b"), () => appendFileSync(path, "c")), "[abc");
});

test("FileChunks begins anew when the file was replaced, and when it shrank", async () => {
  const path = fresh("old");
  const seen = await follow(path,
    () => {
      renameSync(path, `${path}.1`);
      writeFileSync(path, "new file");
    },
    () => {
      truncateSync(path, 0);
      writeFileSync(path, "tiny");
    });
  assert.equal(seen, "[old[new file[tiny");
});

test("FileChunks begins anew when the file was emptied and has outgrown its former length since", async () => {
  const path = fresh("old");
  assert.equal(await follow(path, () => writeFileSync(path, "written anew"), () => appendFileSync(path, "!")), "[old[written anew!");
});

test("FileChunks reads what is left of a file that was moved before it goes to the next", async () => {
  const path = fresh("old");
  const seen = await follow(path, () => {
    appendFileSync(path, " rest");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "new");
  }, () => {});
  assert.equal(seen, "[old rest[new");
});

test("FileChunks passes over what a log held when it was opened, and nothing that came later", async () => {
  const path = fresh("old");
  const source = new FileChunks(path, { follow: true, isLog: true, pollMs: 2 });
  appendFileSync(path, "new");
  const seen = await read(source, [() => appendFileSync(path, " line"), () => {
    renameSync(path, `${path}.1`);
    writeFileSync(path, "another");
  }]);
  assert.equal(seen, "[new line[another");
});

test("FileChunks reads a log that is a pipe, also when its writers come and go, and one by one", async () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  assert.throws(() => new FileChunks(path, { follow: true }), { code: "NOT_REGULAR" });
  const source = new FileChunks(path, { follow: true, isLog: true, pollMs: 2 });
  const writer = openSync(path, "w");
  const seen = await read(source, [() => writeSync(writer, "a"), () => writeSync(writer, "b"), () => closeSync(writer), () => writeFileSync(path, "c"), () => {
    renameSync(path, `${path}.1`);
    writeFileSync(path, "file");
  }]);
  assert.equal(seen, "[abc[file");
});

test("FileChunks stays with a file that has lost its name", async () => {
  const path = fresh("a");
  const seen = await follow(path, () => {
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, "b");
  });
  assert.equal(seen, "[ab");
});

test("FileChunks.close() ends a wait at once", async () => {
  const source = new FileChunks(fresh("a"), { follow: true, pollMs: 3_600_000 });
  const kinds: string[] = [];
  for await (const event of source) {
    kinds.push(event.kind);
    if (event.kind === "end") setImmediate(() => source.close());
  }
  assert.deepEqual(kinds, ["start", "chunk", "end"]);
});

test("FileChunks refuses what is no file, in words", () => {
  assert.throws(() => new FileChunks(folder), { code: "NOT_REGULAR" });
  assert.throws(() => new FileChunks("/dev/null"), { code: "NOT_REGULAR" });
  const path = join(folder, "none");
  assert.throws(() => new FileChunks(path), { code: "ENOENT", message: `Could not open pcap file: ${path}: No such file or directory` });
});
