import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { after, test } from "node:test";
import { formatIp } from "../src/ip.ts";
import { createFrameCounts } from "../src/node/hearing/capture-feed.ts";
import type { DatagramSource } from "../src/node/hearing/datagram-source.ts";
import { listenToUdp } from "../src/node/hearing/server-listeners.ts";
import { openUdpSource, type UdpSourceOptions } from "../src/node/hearing/udp-source.ts";
import { useUpDescriptors } from "./support/limits.ts";
import { requirePeers, requireRoot } from "./support/require-peer.ts";
import { readerOf, type SourceReader } from "./support/source-reader.ts";

const opened: DatagramSource[] = [];
after(() => Promise.all(opened.map((source) => source.close())));

const hasIpv6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");

async function open(options: Partial<UdpSourceOptions> = {}): Promise<SourceReader> {
  const source = await openUdpSource({ port: 0, maxPayload: () => 1499, destination: "any", ...options });
  opened.push(source);
  return readerOf(source);
}

async function send(port: number, address: string, ...payloads: readonly (string | Uint8Array)[]): Promise<number> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.connect(port, address);
  await once(socket, "connect");
  const own = socket.address().port;
  for (const payload of payloads) await new Promise((resolve) => socket.send(payload, resolve));
  socket.close();
  return own;
}

test("openUdpSource() gives payload, addresses, ports and time", async () => {
  const { port, next } = await open();
  const before = Date.now() / 1000;
  const sourcePort = await send(port, "127.0.0.1", "packet");
  const { payload, source, destination, timestamp, ...rest } = await next();
  assert.equal(String(payload), "packet");
  assert.deepEqual([formatIp(source), formatIp(destination)], ["127.0.0.1", "0.0.0.0"]);
  assert.deepEqual(rest, { protocol: 17, sourcePort, destinationPort: port });
  assert.ok(timestamp >= before - 1 && timestamp <= Date.now() / 1000 + 1);
});

test("openUdpSource() hears both families by default", { skip: !hasIpv6 && "this host has no IPv6" }, async () => {
  const { port, next } = await open();
  await send(port, "::1", "six");
  const { source, destination } = await next();
  assert.deepEqual([formatIp(source), formatIp(destination)], ["::1", "::"]);
});

test("openUdpSource() tells the true destination with a socket for each address", async () => {
  const { port } = await open({ addresses: ["127.0.0.1"] });
  await opened.pop()!.close();
  const { source, next } = await open({ port, destination: "exact" });
  assert.ok(source.bound.includes(`127.0.0.1:${port}`));
  await send(port, "127.0.0.1", "four");
  assert.equal(formatIp((await next()).destination), "127.0.0.1");
  if (hasIpv6) {
    await send(port, "::1", "six");
    assert.equal(formatIp((await next()).destination), "::1");
  }
});

test("openUdpSource() binds the addresses that it is given, and no other", async () => {
  const { source, port, next } = await open({ addresses: ["127.0.0.1"] });
  assert.deepEqual(source.bound, [`127.0.0.1:${port}`]);
  await send(port, "127.0.0.1", "x");
  assert.equal(formatIp((await next()).destination), "127.0.0.1");
});

test("openUdpSource() counts what is too long and passes on what follows", async () => {
  const { source, port, next } = await open({ maxPayload: () => 10 });
  await send(port, "127.0.0.1", "x".repeat(11), "y".repeat(10));
  assert.equal(String((await next()).payload), "y".repeat(10));
  assert.deepEqual(source.drops, { oversized: 1, overflowed: 0 });
});

test("openUdpSource() keeps a bounded number for a reader that does not come", async () => {
  const { source, port } = await open();
  await send(port, "127.0.0.1", ...Array.from({ length: 700 }, () => "x"));
  for (let waited = 0; waited < 5000 && source.drops.overflowed < 188; waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  // The kernel may have lost some as well.
  assert.ok(source.drops.overflowed > 0 && source.drops.overflowed <= 188, String(source.drops.overflowed));
});

test("openUdpSource() refuses a port that is taken", async () => {
  const { port } = await open({ addresses: ["127.0.0.1"] });
  await assert.rejects(openUdpSource({ port, addresses: ["127.0.0.1"], maxPayload: () => 1, destination: "any" }), { code: "EADDRINUSE" });
  await assert.rejects(openUdpSource({ port, maxPayload: () => 1, destination: "exact" }), { code: "EADDRINUSE" });
});

test("closing ends the iteration and frees the port", async () => {
  const { source, port } = await open({ addresses: ["127.0.0.1"] });
  const next = source[Symbol.asyncIterator]().next();
  await source.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  await (await openUdpSource({ port, addresses: ["127.0.0.1"], maxPayload: () => 1, destination: "any" })).close();
});

const ACTIVATE = "import os,socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(('127.0.0.1',0))\ns.fileno()!=3 and os.dup2(s.fileno(),3)\nos.set_inheritable(3,True)\nprint(s.getsockname()[1],flush=True)\nos.environ['LISTEN_FDS']='1'\nos.environ['LISTEN_PID']=str(os.getpid())\nos.execvp(sys.argv[1],sys.argv[1:])";

test("openUdpSource() takes a socket that was opened for us", async (t) => {
  if (!requirePeers(t, "python3")) return;
  const script = `
    import { takeActivatedSockets } from "./src/node/hearing/activated-sockets.ts";
    import { openUdpSource } from "./src/node/hearing/udp-source.ts";
    const [{ descriptor }] = takeActivatedSockets(process.env, process.pid);
    const source = await openUdpSource({ port: 0, descriptor, maxPayload: () => 100, destination: "any" });
    console.log("ready " + source.bound[0]);
    for await (const datagram of source) { console.log(String(datagram.payload) + " " + process.env.LISTEN_FDS); break; }
    await source.close();`;
  const child = spawn("python3", ["-c", ACTIVATE, process.execPath, "--import", "tsx", "--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let said = "";
    child.stdout.on("data", (chunk: Uint8Array) => {
      const port = Number(said.split("\n")[0]);
      said += String(chunk);
      if (String(chunk).includes("ready")) void send(Number(said.split("\n")[0]) || port, "127.0.0.1", "hello");
    });
    const [status] = await once(child, "close") as [number];
    assert.equal(status, 0);
    assert.match(said, /^(\d+)\nready 127\.0\.0\.1:\1\nhello undefined\n$/);
  } finally {
    child.kill("SIGKILL");
  }
});

test("openUdpSource() follows addresses that come and go", (t) => {
  if (!(requireRoot(t) && requirePeers(t, "unshare", "ip"))) return;
  const script = `
    import { execFileSync } from "node:child_process";
    import { openUdpSource } from "./src/node/hearing/udp-source.ts";
    const ip = (...words) => execFileSync("ip", words);
    const until = async (holds) => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5)); };
    ip("link", "set", "lo", "up");
    const source = await openUdpSource({ port: 62201, maxPayload: () => 100, destination: "exact", rescanMs: 5 });
    console.log(source.bound.includes("192.0.2.9:62201"));
    ip("addr", "add", "192.0.2.9/32", "dev", "lo");
    await until(() => source.bound.includes("192.0.2.9:62201"));
    ip("addr", "del", "192.0.2.9/32", "dev", "lo");
    await until(() => !source.bound.includes("192.0.2.9:62201"));
    console.log("followed");
    await source.close();`;
  const { stdout, stderr } = spawnSync("unshare", ["--net", process.execPath, "--import", "tsx", "--input-type=module", "-e", script], { encoding: "utf8", timeout: 20_000 });
  assert.deepEqual([stdout, stderr], ["false\nfollowed\n", ""]);
});

test("openUdpSource() hears on when the system cannot tell new addresses for want of descriptors", async (t) => {
  if (!requirePeers(t, "prlimit")) return;
  const { source, next } = await open({ destination: "exact", rescanMs: 5 });
  const giveBack = useUpDescriptors();
  await new Promise((resolve) => setTimeout(resolve, 30));
  giveBack();
  const port = Number(source.bound.find((bound) => bound.startsWith("127.0.0.1:"))!.split(":")[1]);
  await send(port, "127.0.0.1", "packet");
  assert.equal(String((await next()).payload), "packet");
});

test("listenToUdp() tells how much was lost while its reader was busy", async () => {
  const { port, source } = await open();
  await source.close(); // that port is free
  const said: string[] = [];
  let goOn = (): void => {};
  const busy = new Promise<void>((resolve) => (goOn = resolve));
  const listener = listenToUdp({ port, maxPayload: () => 1499, destination: "any", addresses: ["127.0.0.1"] }, {
    handle: () => busy, handleKnock: () => undefined, counts: createFrameCounts(), packetLimit: 0, log: ({ level, message }) => void said.push(`${level} ${message}`),
  });
  let ended: Promise<unknown> | undefined;
  await new Promise<void>((resolve) => (ended = listener.run(resolve)));
  // One is under way and 512 wait. A turn of the event loop takes some dozens in.
  for (let burst = 0; burst < 6; burst++) await send(port, "127.0.0.1", ...Array.from({ length: 100 }, () => "packet"));
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  goOn();
  for (let waited = 0; waited < 500 && !said.some((line) => line.startsWith("warning")); waited++) await new Promise((resolve) => setTimeout(resolve, 10));
  await listener.close();
  await ended;
  const losses = said.flatMap((line) => /^warning udp_server: arrivals lost, for too many came at once: (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  assert.equal(losses.reduce((sum, count) => sum + count, 0), 600 - 1 - 512);
});
