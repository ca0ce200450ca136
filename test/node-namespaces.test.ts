import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { probePort, startTcpService } from "../src/node/tool/host-tcp.ts";
import { joinHosts, NAMESPACE_PROGRAMS, NamespaceError, NamespaceHost } from "../src/node/tool/namespaces.ts";
import { requirePeers, requireRoot } from "./support/require-peer.ts";

const PEERS = Object.keys(NAMESPACE_PROGRAMS);

test("NamespaceHost has a network, a /run and a /sys of its own", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, ...PEERS)) return;
  const host = await NamespaceHost.open("alone");
  t.after(() => host.close());
  host.write("/run/note", "here");
  assert.equal((await host.run(["cat", "/run/note"])).stdout, "here");
  assert.equal(existsSync("/run/note"), false);
  assert.deepEqual((await host.run(["ls", "/sys/class/net"])).stdout.trim().split(/\s+/).filter((name) => name !== "bonding_masters"), ["lo"]);
});

test("NamespaceHost.run() says what failed, where and why", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, ...PEERS)) return;
  const host = await NamespaceHost.open("alone");
  t.after(() => host.close());
  await assert.rejects(host.run(["ip", "link", "show", "eth7"]), (error: unknown) => {
    assert(error instanceof NamespaceError);
    assert.equal(error.message, 'Cannot run "ip link show eth7" on alone: Device "eth7" does not exist.');
    return true;
  });
});

test("joinHosts() lets hosts reach each other, and probePort() sees a port as it is, in both families", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, ...PEERS, "iptables", "ip6tables")) return;
  const [left, right] = await Promise.all([NamespaceHost.open("left"), NamespaceHost.open("right")]);
  t.after(() => Promise.all([left.close(), right.close()]));
  await joinHosts(
    { host: left, interfaceName: "eth0", addresses: ["10.77.0.1/24", "fd77::1/64"] },
    { host: right, interfaceName: "eth0", addresses: ["10.77.0.2/24", "fd77::2/64"] },
  );
  await startTcpService(left, 22);
  await left.run(["iptables", "-A", "INPUT", "-p", "tcp", "--dport", "24", "-j", "DROP"]);
  await left.run(["ip6tables", "-A", "INPUT", "-p", "tcp", "--dport", "24", "-j", "DROP"]);
  const looks = ["10.77.0.1", "fd77::1"].flatMap((address) => [22, 23, 24].map((port) => probePort(right, address, port)));
  assert.deepEqual(await Promise.all(looks), ["open", "closed", "filtered", "open", "closed", "filtered"]);
});

test("NamespaceHost.close() ends what runs there, also what went into the background", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, ...PEERS)) return;
  const host = await NamespaceHost.open("alone");
  const child = host.start(["sh", "-c", "setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!"]);
  const [chunk] = await once(child.stdout!, "data");
  const pid = Number(String(chunk));
  assert(existsSync(`/proc/${pid}`));
  await host.close();
  await host.close();
  await gone(pid);
  await gone(host.pid);
});

test("NamespaceHost goes with its owner, also when that is killed", async (t) => {
  if (!requireRoot(t) || !requirePeers(t, ...PEERS, "setpriv")) return;
  const script = `
    import { NamespaceHost } from ${JSON.stringify(fileURLToPath(new URL("../src/node/tool/namespaces.ts", import.meta.url)))};
    const host = await NamespaceHost.open("orphan");
    const child = host.start(["sleep", "1000"]);
    console.log(host.pid, child.pid);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [chunk] = await once(owner.stdout, "data");
  const pids = String(chunk).trim().split(" ").map(Number);
  owner.kill("SIGKILL");
  for (const pid of pids) await gone(pid);
});

/** Waits until a process is gone, or is a zombie that nobody has asked about yet. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (existsSync(`/proc/${pid}/ns/net`)) {
    assert(Date.now() < deadline, `process ${pid} is still there`);
    await sleep(20);
  }
}
