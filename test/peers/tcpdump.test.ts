/** Our captures by the real tcpdump, on a real interface that is set down, deleted and made again. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { identifyProcess } from "../../src/node/daemon/process-identity.ts";
import type { CaptureEvent, CaptureOptions } from "../../src/node/hearing/capture.ts";
import type { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { findUser } from "../../src/node/users.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";

const PEERS = ["tcpdump", "setpriv", "bash"];
const RUNNER = [process.execPath, "--import", import.meta.resolve("tsx"), fileURLToPath(new URL("../support/capture-runner.ts", import.meta.url))] as const;
const PORT = 62201;

/** Starts a capture on the lab's server. */
function capture(lab: Lab, options: Partial<CaptureOptions> = {}): WatchedChild {
  const all: CaptureOptions = {
    interfaceName: "eth0", filter: `udp port ${PORT}`, snapLength: 1500, promiscuous: false, anyDirection: false,
    watchIntervalMs: 50, minBackOffMs: 20, maxBackOffMs: 100, ...options,
  };
  return lab.start(lab.server, [...RUNNER, JSON.stringify(all)] as unknown as [string, ...string[]], { stdio: ["pipe", "pipe", "pipe"] });
}

function events(runner: WatchedChild): CaptureEvent[] {
  return runner.log.split("\n").slice(0, -1).map((line) => JSON.parse(line) as CaptureEvent);
}

function starts(runner: WatchedChild): Extract<CaptureEvent, { kind: "start" }>[] {
  return events(runner).filter((event) => event.kind === "start");
}

async function send(from: NamespaceHost, to: string, text: string): Promise<void> {
  await from.run(["bash", "-c", 'printf %s "$1" >"/dev/udp/$2/$3"', "send", text, to, String(PORT)]);
}

/** As it stands in the runner's log. */
const hex = (text: string): string => Buffer.from(text).toString("hex");

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000 && !holds(); waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(holds(), "what was waited for did not come");
}

async function close(runner: WatchedChild): Promise<void> {
  runner.stdin.write("close\n");
  assert.deepEqual(await runner.exit, { status: 0, signal: null }, runner.log);
}

describe("tcpdump", { concurrency: 2 }, () => {
  test("Capture hears each packet at once, from a tcpdump that is not root, counts it, and ends it", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const runner = capture(lab);
    await runner.waitFor('"start"');
    const [start] = starts(runner);
    assert.deepEqual([start!.linkType, start!.launcher], ["EN10MB", "demoted"]);
    const status = readFileSync(`/proc/${start!.pid}/status`, "utf8");
    const user = findUser("tcpdump") ?? findUser("nobody")!;
    assert.match(status, new RegExp(`^Uid:\t${user.uid}\t${user.uid}\t${user.uid}\t`, "m"));
    // CAP_NET_RAW is bit 13.
    assert.match(status, /^CapEff:\t0000000000002000$/m);
    assert.match(status, /^CapBnd:\t0000000000002000$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);

    await send(lab.client, SERVER.v4, "over four");
    await send(lab.client, SERVER.v6, "over six");
    await runner.waitFor(hex("over six"));
    assert.equal(runner.count(hex("over four")), 1);
    runner.stdin.write("counters\n");
    await runner.waitFor('{"kind":"counters","captured":2,"received":2,"dropped":0}');
    await close(runner);
    assert.equal(identifyProcess(start!.pid), undefined);
  });

  test("Capture hears what comes in, and what goes out only when asked", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const [inward, both] = [capture(lab), capture(lab, { anyDirection: true })];
    await Promise.all([inward.waitFor('"start"'), both.waitFor('"start"')]);
    await send(lab.server, CLIENT.v4, "outward");
    await send(lab.client, SERVER.v4, "inward");
    await Promise.all([inward, both].map((runner) => runner.waitFor(hex("inward"))));
    assert.equal(both.count(hex("outward")), 1);
    assert.equal(inward.count(hex("outward")), 0);
    await Promise.all([close(inward), close(both)]);
  });

  test("Capture gives up at the first start with the reason in tcpdump's words", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    await lab.server.run(["ip", "link", "add", "down0", "type", "veth", "peer", "name", "down1"]);
    const cases: readonly (readonly [Partial<CaptureOptions>, string, RegExp])[] = [
      [{ interfaceName: "none0" }, "no-device", /^none0: No such device exists$/],
      [{ interfaceName: "none0", cooked: true }, "no-device", /^none0: No such device exists$/],
      [{ interfaceName: "down0" }, "no-device", /^down0: That device is not up$/],
      [{ filter: "udp prt 1" }, "bad-filter", /^can't parse filter expression: /],
      [{ filter: "-w /tmp/x" }, "bad-filter", /^can't parse filter expression: /],
      [{ program: "/no/such/tcpdump" }, "missing-program", /No such file or directory$/],
    ];
    await Promise.all(cases.map(async ([options, kind, text]) => {
      const runner = capture(lab, options);
      assert.deepEqual(await runner.exit, { status: 0, signal: null });
      const [end, left, ...more] = events(runner) as [Extract<CaptureEvent, { kind: "end" }>, { kind: string }, ...unknown[]];
      assert.deepEqual([end.kind, end.reason.kind, end.restartInMs, left.kind, more], ["end", kind, undefined, "left", []], runner.log);
      assert.match(end.reason.text, text);
    }));
  });

  test("Capture starts a killed tcpdump again and hears on", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const runner = capture(lab);
    await runner.waitFor('"start"');
    process.kill(starts(runner)[0]!.pid, "SIGKILL");
    await runner.waitFor('"start"', 2);
    const end = events(runner).find((event) => event.kind === "end");
    assert.deepEqual(end, { kind: "end", reason: { kind: "ended", text: "tcpdump was ended by SIGKILL" }, restartInMs: 20 });
    await send(lab.client, SERVER.v4, "after the restart");
    await runner.waitFor(hex("after the restart"));
    await close(runner);
  });

  test("Capture tells when the interface goes down and up, is deleted and made again, and hears on it", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const runner = capture(lab);
    const ip = (...words: string[]): Promise<unknown> => lab.server.run(["ip", ...words]);
    await runner.waitFor('"start"');
    await ip("link", "set", "eth0", "down");
    await runner.waitFor('{"kind":"down","cause":"down","text":"The interface eth0 went down"}');
    await ip("link", "set", "eth0", "up");
    await runner.waitFor('{"kind":"up","text":"The interface eth0 is up"}');
    await send(lab.client, SERVER.v4, "after down and up");
    await runner.waitFor(hex("after down and up"));

    await ip("link", "delete", "eth0");
    await runner.waitFor('{"kind":"down","cause":"gone","text":"The interface eth0 disappeared"}');
    await runner.waitFor('"reason":{"kind":"disappeared","text":"The interface disappeared"}');
    await ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", String(lab.client.pid));
    await ip("addr", "add", `${SERVER.v4}/24`, "dev", "eth0");
    await ip("link", "set", "eth0", "up");
    await lab.client.run(["ip", "addr", "add", `${CLIENT.v4}/24`, "dev", "eth0"]);
    await lab.client.run(["ip", "link", "set", "eth0", "up"]);
    await runner.waitFor("is up", 2);
    await until(() => starts(runner).length >= 2 && identifyProcess(starts(runner).at(-1)!.pid) !== undefined);
    // The first packets over a new cable may be lost: the carrier comes when it comes, and tcpdump may just be changing over.
    for (let tries = 0; tries < 40 && !runner.log.includes(hex("on the new device")); tries++) {
      await send(lab.client, SERVER.v4, "on the new device");
      await sleep(100);
    }
    await runner.waitFor(hex("on the new device"));
    await close(runner);
  });

  test("Capture gets cooked frames of one interface, and of all", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const [one, all] = [capture(lab, { cooked: true }), capture(lab, { interfaceName: "any" })];
    await Promise.all([one.waitFor('"start"'), all.waitFor('"start"')]);
    for (const runner of [one, all]) assert.match(starts(runner)[0]!.linkType, /^LINUX_SLL2?$/);
    await send(lab.server, "127.0.0.1", "through lo");
    await send(lab.client, SERVER.v4, "through eth0");
    await Promise.all([one, all].map((runner) => runner.waitFor(hex("through eth0"))));
    assert.equal(one.count(hex("through lo")), 0);
    assert.equal(all.count(hex("through lo")), 1);
    await Promise.all([close(one), close(all)]);
  });

  test("tcpdump dies with a daemon that is killed", async (t) => {
    const lab = await openLab(t, PEERS);
    if (lab === undefined) return;
    const runner = capture(lab);
    await runner.waitFor('"start"');
    const { pid } = starts(runner)[0]!;
    await runner.stop("SIGKILL");
    await until(() => identifyProcess(pid) === undefined);
  });
});
