import assert from "node:assert/strict";
import { fdatasync, ftruncate, mkdtempSync, readFileSync, renameSync, rmSync, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import type { AppendCalls } from "../src/node/daemon/append-file.ts";
import { ReplayStore } from "../src/node/daemon/replay-store.ts";
import { parseReplayFile, REPLAY_HEADER, type ReplayEntry } from "../src/server/replay.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-replay-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let counter = 0;

function entry(letter: string): ReplayEntry {
  return { digest: letter.repeat(43), protocol: 17, source: undefined, sourcePort: 1, destination: undefined, destinationPort: 2, createdAt: 3 };
}

/** A store in a new file, with what it logged and how to accept a packet. */
async function openStore(replaced: Partial<AppendCalls> = {}) {
  const path = join(folder, `cache${counter++}`);
  const said: string[] = [];
  const calls: AppendCalls = {
    write: async (descriptor, bytes, offset) => (await promisify(write)(descriptor, bytes, offset)).bytesWritten,
    sync: promisify(fdatasync),
    truncate: promisify(ftruncate),
    ...replaced,
  };
  const store = await ReplayStore.open({ path, rotate: false, log: ({ message }) => said.push(message), calls });
  const accept = (letter: string): Promise<void> => {
    store.memory.add(entry(letter));
    return store.remember([entry(letter)]);
  };
  return { path, said, store, accept, digests: () => parseReplayFile(readFileSync(path, "utf8")).entries.map(({ digest }) => digest[0]).join("") };
}

test("ReplayStore writes what the disk did not take with the next packet, or at its end", async () => {
  let isFull = false;
  const calls: Partial<AppendCalls> = {
    async write(descriptor, bytes, offset) {
      if (isFull) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return (await promisify(write)(descriptor, bytes, offset)).bytesWritten;
    },
  };
  for (const takesAgain of ["with the next", "at the end"]) {
    const { said, store, accept, digests } = await openStore(calls);
    await accept("a");
    isFull = true;
    await accept("b");
    await accept("c");
    assert.equal(digests(), "a");
    assert.equal(said.length, 2);
    assert.match(said[0]!, /Could not add digest to replay cache: .*No space left on device; remembered until the daemon ends or the disk takes it/);
    isFull = false;
    if (takesAgain === "with the next") await accept("d");
    await store.close();
    assert.equal(digests(), takesAgain === "with the next" ? "abcd" : "abc");
    assert.equal(said.length, 2);
  }
});

test("ReplayStore writes all that it knows into a new file when its own was taken away", async () => {
  const { path, said, store, accept, digests } = await openStore();
  await accept("a");
  await accept("b");
  renameSync(path, `${path}.moved`);
  await accept("c");
  assert.match(said.join(), /it was removed or replaced/);
  await accept("d");
  assert.equal(digests(), "abcd");
  assert.equal(readFileSync(path, "utf8").split("\n")[0], REPLAY_HEADER);
  await accept("e");
  await store.close();
  assert.equal(digests(), "abcde");
  assert.equal(said.length, 1);
});

test("ReplayStore writes again what a failed sync may have lost", async () => {
  let failsNext = false;
  const { store, accept, digests } = await openStore({
    async sync(descriptor) {
      if (!failsNext) return promisify(fdatasync)(descriptor);
      failsNext = false;
      throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
    },
  });
  await accept("a");
  failsNext = true;
  await accept("b");
  await accept("c");
  await store.close();
  assert.equal(digests(), "abbc");
});
