import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PcapFileSource } from "../src/node/hearing/pcap-file-source.ts";

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
  const source = new PcapFileSource(path, { follow: true, pollMs: 2 });
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

test("PcapFileSource reads a file to its end, once", async () => {
  const content = Buffer.alloc(600_000, "pcap ");
  const seen: Buffer[] = [];
  const kinds: string[] = [];
  for await (const event of new PcapFileSource(fresh(content))) {
    if (kinds.at(-1) !== event.kind) kinds.push(event.kind);
    if (event.kind === "chunk") seen.push(Buffer.from(event.bytes));
  }
  assert.deepEqual(kinds, ["start", "chunk", "end"]);
  assert.ok(Buffer.concat(seen).equals(content));
});

test("PcapFileSource follows a file that grows", async () => {
  const path = fresh("a");
  assert.equal(await follow(path, () => appendFileSync(path, "b"), () => appendFileSync(path, "c")), "[abc");
});

test("PcapFileSource begins anew when the file was replaced, and when it shrank", async () => {
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

test("PcapFileSource reads what is left of a file that was moved before it goes to the next", async () => {
  const path = fresh("old");
  const seen = await follow(path, () => {
    appendFileSync(path, " rest");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "new");
  }, () => {});
  assert.equal(seen, "[old rest[new");
});

test("PcapFileSource stays with a file that has lost its name", async () => {
  const path = fresh("a");
  const seen = await follow(path, () => {
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, "b");
  });
  assert.equal(seen, "[ab");
});

test("PcapFileSource.close() ends a wait at once", async () => {
  const source = new PcapFileSource(fresh("a"), { follow: true, pollMs: 3_600_000 });
  const kinds: string[] = [];
  for await (const event of source) {
    kinds.push(event.kind);
    if (event.kind === "end") setImmediate(() => source.close());
  }
  assert.deepEqual(kinds, ["start", "chunk", "end"]);
});

test("PcapFileSource refuses what is no file, in words", () => {
  assert.throws(() => new PcapFileSource(folder), { code: "NOT_REGULAR" });
  assert.throws(() => new PcapFileSource("/dev/null"), { code: "NOT_REGULAR" });
  const path = join(folder, "none");
  assert.throws(() => new PcapFileSource(path), { code: "ENOENT", message: `Could not open pcap file: ${path}: No such file or directory` });
});
