/** The demonstration, as root and as nobody, to its end and interrupted. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { NAMESPACE_PROGRAMS } from "../../src/node/tool/namespaces.ts";
import { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { requirePeers, requireRoot } from "../support/require-peer.ts";

/** Starts the demonstration as a terminal would, in a process group and with a temporary folder of its own. */
async function startDemo(t: TestContext, identity: { uid?: number; gid?: number } = {}): Promise<{ demo: WatchedChild; folder: string }> {
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-test-"));
  chmodSync(folder, 0o777);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [program, ...args] = shipped("fko-tool", "demo");
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, env: { PATH: process.env["PATH"], TMPDIR: folder, HOME: folder }, ...identity });
  const demo = new WatchedChild("fko-tool demo", child);
  t.after(() => demo.stop("SIGKILL"));
  return { demo, folder };
}

describe("fko-tool demo", { concurrency: 2 }, () => {
  test("runDemo() shows a real port filtered, open and filtered again", async (t) => {
    if (!requireRoot(t) || !requirePeers(t, ...Object.keys(NAMESPACE_PROGRAMS), "iptables", "tcpdump")) return;
    const { demo, folder } = await startDemo(t);
    await demo.waitFor("22/tcp: open");
    const family = descendants(demo.pid);
    assert(family.length >= 4, "daemon, service and the holders of two hosts");
    assert.deepEqual(await demo.exit, { status: 0, signal: null }, demo.log);
    assert.deepEqual([...demo.log.matchAll(/22\/tcp: (\w+)/g)].map(([, state]) => state), ["filtered", "open", "filtered"]);
    await gone(family);
    assert.deepEqual(readdirSync(folder), []);
  });

  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    test(`runDemo() leaves nothing behind when ${signal} interrupts it`, async (t) => {
      if (!requireRoot(t) || !requirePeers(t, ...Object.keys(NAMESPACE_PROGRAMS), "iptables", "tcpdump")) return;
      const { demo, folder } = await startDemo(t);
      await demo.waitFor("22/tcp: open");
      const family = descendants(demo.pid);
      process.kill(-demo.pid, signal);
      assert.deepEqual(await demo.exit, { status, signal: null }, demo.log);
      await gone(family);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  test("runDemo() shows the commands that it would run where it may not make a network", async (t) => {
    if (!requireRoot(t)) return; // to become somebody who is not
    const { demo, folder } = await startDemo(t, { uid: 65534, gid: 65534 });
    assert.deepEqual(await demo.exit, { status: 0, signal: null }, demo.log);
    assert.match(demo.log, /^No real network here: that needs root\.$/m);
    assert.match(demo.log, /^  -A FWKNOP_INPUT .*--dport 22 .*-j ACCEPT$/m);
    assert.match(demo.log, /^  EOF$/m, "commands as they could be typed");
    const order = ["Non-corresponding HMAC", "Added access rule", "Replay detected", "Removed rule"].map((phrase) => demo.log.indexOf(phrase));
    assert.deepEqual(order, [...order].sort((a, b) => a - b), demo.log);
    assert(!order.includes(-1), demo.log);
    assert.deepEqual(readdirSync(folder), []);
  });
});

/** All processes that a process started, and those that they started. */
function descendants(pid: number): number[] {
  const parents = new Map(readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(Number(name))]));
  const family: number[] = [pid];
  for (const member of family) family.push(...[...parents].filter(([, parent]) => parent === member).map(([child]) => child));
  return family.slice(1);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined; // it ended
  }
}

async function gone(pids: readonly number[]): Promise<void> {
  for (let turn = 0; pids.some((pid) => existsSync(`/proc/${pid}/ns/net`)); turn++) {
    assert(turn < 500, `left behind: ${pids.filter((pid) => existsSync(`/proc/${pid}/ns/net`)).join(" ")}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
