import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { formatIp } from "../src/ip.ts";
import type { DatagramSource } from "../src/node/hearing/datagram-source.ts";
import { openTcpSource, type TcpSourceOptions } from "../src/node/hearing/tcp-source.ts";
import { connectTo, readerOf, type SourceReader } from "./support/source-reader.ts";

const opened: DatagramSource[] = [];
const clients: Socket[] = [];
after(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(opened.map((source) => source.close()));
});

async function open(options: Partial<TcpSourceOptions> = {}): Promise<SourceReader> {
  const source = await openTcpSource({ port: 0, address: "127.0.0.1", maxPayload: () => 1499, ...options });
  opened.push(source);
  return readerOf(source);
}

async function join(port: number): Promise<Socket> {
  const socket = await connectTo(port);
  clients.push(socket);
  return socket;
}

test("openTcpSource() makes one datagram of what a client sends in pieces", async () => {
  const { port, next } = await open();
  const client = await join(port);
  for (const piece of ["a pac", "ket in", " pieces"]) {
    client.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  client.end();
  const { payload, source, destination, timestamp, ...rest } = await next();
  assert.equal(Buffer.from(payload).toString(), "a packet in pieces");
  assert.deepEqual([formatIp(source), formatIp(destination)], ["127.0.0.1", "127.0.0.1"]);
  assert.deepEqual(rest, { protocol: 6, sourcePort: client.localPort, destinationPort: port });
  assert.ok(Math.abs(timestamp - Date.now() / 1000) < 10);
});

test("openTcpSource() answers nothing and closes", async () => {
  const { port } = await open();
  const client = await join(port);
  let answer = 0;
  client.on("data", (chunk) => (answer += chunk.length));
  client.end("x");
  await once(client, "end");
  assert.equal(answer, 0);
});

test("openTcpSource() takes an HTTP request as ended by its empty line", async () => {
  const { port, next } = await open({ deadlineMs: 60_000 });
  const client = await join(port);
  client.write("GET /x HTTP/1.0\r\n\r");
  client.write("\n");
  assert.equal(Buffer.from((await next()).payload).toString(), "GET /x HTTP/1.0\r\n\r\n");
});

test("openTcpSource() has a deadline that dripping does not prolong, and takes what came", async () => {
  const { port, next } = await open({ deadlineMs: 100 });
  const client = await join(port);
  const drip = setInterval(() => client.write("."), 10);
  const { payload } = await next();
  clearInterval(drip);
  assert.match(Buffer.from(payload).toString(), /^\.+$/);
});

test("openTcpSource() counts and drops what is too long, without keeping it", async () => {
  const { source, port, next } = await open({ maxPayload: () => 10 });
  (await join(port)).end("x".repeat(100_000));
  (await join(port)).end("y".repeat(10));
  assert.equal(Buffer.from((await next()).payload).toString(), "y".repeat(10));
  for (let waited = 0; waited < 5000 && source.drops.oversized === 0; waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(source.drops, { oversized: 1, overflowed: 0 });
});

test("openTcpSource() makes nothing of a connection without a byte", async () => {
  const { port, next } = await open();
  (await join(port)).end();
  (await join(port)).end("after");
  assert.equal(Buffer.from((await next()).payload).toString(), "after");
});

test("openTcpSource() cuts the oldest of too many connections, not the newest, and takes what it had sent", async () => {
  const { source, port, next } = await open({ maxConnections: 20, maxPerSource: 1000, deadlineMs: 60_000 });
  const first = await join(port);
  first.write("of the oldest");
  for (let at = 0; at < 200; at++) await join(port);
  (await join(port)).end("a knock among thousands");
  assert.equal(Buffer.from((await next()).payload).toString(), "of the oldest");
  assert.equal(Buffer.from((await next()).payload).toString(), "a knock among thousands");
  assert(source.drops.overflowed >= 180, String(source.drops.overflowed));
});

test("openTcpSource() takes a bounded number of connections from one address", async () => {
  const { source, port, next } = await open({ maxPerSource: 2, deadlineMs: 60_000 });
  const [first] = [await join(port), await join(port)];
  const third = await join(port);
  third.resume();
  await once(third, "end");
  assert.equal(source.drops.overflowed, 1);
  first.end("still served");
  assert.equal(Buffer.from((await next()).payload).toString(), "still served");
});

test("closing ends the iteration, open connections and the port", async () => {
  const { source, port } = await open();
  const client = await join(port);
  const closed = once(client, "close");
  client.resume();
  const next = source[Symbol.asyncIterator]().next();
  await source.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  client.end();
  await closed;
  await (await openTcpSource({ port, address: "127.0.0.1", maxPayload: () => 1 })).close();
});

test("openTcpSource() refuses a port that is taken", async () => {
  const { port } = await open();
  await assert.rejects(openTcpSource({ port, address: "127.0.0.1", maxPayload: () => 1 }), { code: "EADDRINUSE" });
});
