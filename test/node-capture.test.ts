import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { identifyProcess } from "../src/node/daemon/process-identity.ts";
import { Capture, type CaptureEvent, type CaptureOptions } from "../src/node/hearing/capture.ts";
import { useUpDescriptors } from "./support/limits.ts";
import { requirePeers } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-capture-"));
// Whoever runs tcpdump must be able to reach it.
chmodSync(folder, 0o755);
const captures: Capture[] = [];
after(async () => {
  await Promise.all(captures.map((capture) => capture.close()));
  rmSync(folder, { recursive: true, force: true });
});

let counter = 0;

/** A capture by a script in the place of tcpdump. */
function scripted(script: string, options: Partial<CaptureOptions> = {}): Capture {
  const program = join(folder, `tcpdump${counter++}`);
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  const capture = new Capture({
    program, interfaceName: "any", filter: "", snapLength: 1500, promiscuous: false, anyDirection: false, minBackOffMs: 4, maxBackOffMs: 10, ...options,
  });
  captures.push(capture);
  return capture;
}

const LISTENING = 'echo "tcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 1500 bytes" >&2';

async function take(capture: Capture, enough: (events: readonly CaptureEvent[]) => boolean): Promise<CaptureEvent[]> {
  const events: CaptureEvent[] = [];
  for await (const event of capture) {
    events.push(event);
    if (enough(events)) break;
  }
  return events;
}

const ends = (events: readonly CaptureEvent[]): Extract<CaptureEvent, { kind: "end" }>[] => events.filter((event) => event.kind === "end");

test("Capture waits longer each time that tcpdump leaves soon, up to a bound", async () => {
  const events = await take(scripted(`${LISTENING}; exit 0`), (seen) => ends(seen).length === 4);
  assert.deepEqual(ends(events).map((event) => event.restartInMs), [4, 8, 10, 10]);
  assert.equal(events.filter((event) => event.kind === "start").length, 4);
});

test("Capture ends with the first start that fails", async () => {
  const events = await take(scripted("echo 'tcpdump: some new trouble' >&2; exit 1"), () => false);
  assert.deepEqual(events, [{ kind: "end", reason: { kind: "failed", text: "some new trouble" }, restartInMs: undefined }]);
});

test("Capture passes on every byte to a slow reader", async () => {
  const capture = scripted(`${LISTENING}; head -c 2000000 /dev/zero; exec sleep 60`);
  let length = 0;
  for await (const event of capture) {
    if (event.kind !== "chunk") continue;
    length += event.bytes.length;
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (length >= 2_000_000) break;
  }
  assert.equal(length, 2_000_000);
});

test("Capture does without the direction where it cannot be told", async () => {
  const script = `case "$*" in *"-Q in"*) echo "tcpdump: any: pcap_setdirection() failed: not supported" >&2; exit 1;; esac; ${LISTENING}; exec sleep 60`;
  const [start] = await take(scripted(script), (seen) => seen.length === 1);
  assert.equal(start?.kind, "start");
});

test("Capture.close() ends tcpdump, also one that does not listen to reason", async () => {
  const capture = scripted(`${LISTENING}; exec sleep 60`);
  const [start] = await take(capture, (seen) => seen.length === 1);
  assert.ok(start?.kind === "start");
  await capture.close();
  assert.equal(identifyProcess(start.pid), undefined);

  const stubborn = scripted(`trap '' TERM PIPE; ${LISTENING}; while :; do sleep 0.05; done`);
  const [other] = await take(stubborn, (seen) => seen.length === 1);
  assert.ok(other?.kind === "start");
  await stubborn.close();
  assert.equal(identifyProcess(other.pid), undefined);
});

test("Capture.counters() has no answer from a tcpdump that gives none, and none before the start", async () => {
  const capture = scripted(`trap '' USR1; ${LISTENING}; while :; do sleep 0.05; done`);
  assert.equal(await capture.counters(10), undefined);
  assert.equal((await capture[Symbol.asyncIterator]().next()).value?.kind, "start");
  assert.equal(await capture.counters(50), undefined);
});

test("Capture tells how much the kernel dropped since it last did", async () => {
  const answer = (dropped: number): string => `echo "tcpdump: 1 packet captured, 9 packets received by filter, ${dropped} packets dropped by kernel" >&2`;
  const script = `asked=0; trap 'asked=$((asked+1)); case $asked in 1) ${answer(3)};; 2) ${answer(3)};; *) ${answer(8)};; esac; echo more' USR1
    ${LISTENING}; echo first; while :; do sleep 0.01; done`;
  const events = await take(scripted(script, { lossIntervalMs: 20 }), (seen) => seen.filter(({ kind }) => kind === "lost").length === 2);
  assert.deepEqual(events.flatMap((event) => (event.kind === "lost" ? [event.count] : [])), [3, 5]);
});

test("Capture outlives a time without descriptors: the interface is not gone, and tcpdump is started again when there are some", async (t) => {
  if (process.platform !== "linux" || !requirePeers(t, "prlimit")) return;
  const go = join(folder, "go");
  const capture = scripted(`${LISTENING}; while [ ! -e ${go} ]; do sleep 0.01; done`, { interfaceName: "lo", watchIntervalMs: 5 });
  let giveBack = (): void => {};
  const events = await take(capture, (seen) => {
    if (seen.length === 1) {
      giveBack = useUpDescriptors();
      // Looks at the interface come meanwhile, and then the end of tcpdump, which cannot be started.
      setTimeout(() => mkdirSync(go), 50);
    }
    const { length } = ends(seen);
    if (length === 2) giveBack();
    return length >= 2 && seen.at(-1)!.kind === "start";
  });
  giveBack();
  assert.deepEqual([...new Set(events.map(({ kind }) => kind))].sort(), ["end", "start"]);
  assert.match(ends(events)[1]!.reason.text, /Too many open files/);
});
