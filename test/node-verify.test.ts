import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { probePort } from "../src/node/client/probe-port.ts";

const host = "127.0.0.1";

test("probePort() sees an open and a closed TCP port", async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, host);
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  assert.deepEqual(await probePort({ host, protocol: "tcp", port }), { state: "open", attempts: 1, message: `Port tcp/${port} on 127.0.0.1 is open (connection accepted)` });
  server.close();
  await once(server, "close");
  const closed = await probePort({ host, protocol: "tcp", port, retries: 2, pauseMs: 1 });
  assert.deepEqual(closed, { state: "closed", attempts: 3, message: `Port tcp/${port} on 127.0.0.1 is closed (Connection refused, 3 attempts)` });
});

test("probePort() tries again until the port opens", async (t) => {
  const server = createServer((socket) => socket.destroy());
  t.after(() => server.close());
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  const probing = probePort({ host, protocol: "tcp", port, retries: 1000, pauseMs: 20 });
  setTimeout(() => server.listen(port, host), 60);
  const result = await probing;
  assert.equal(result.state, "open");
  assert.ok(result.attempts > 1);
});

test("probePort() knows an open UDP port by its answer, a closed one by ICMP, and else nothing", async (t) => {
  const socket = createSocket("udp4");
  socket.bind(0, host);
  await once(socket, "listening");
  const { port } = socket.address();
  let isOpen = true;
  t.after(() => isOpen && socket.close());
  assert.equal((await probePort({ host, protocol: "udp", port, timeoutMs: 100 })).state, "filtered");
  socket.on("message", (_, from) => socket.send("pong", from.port, from.address));
  assert.equal((await probePort({ host, protocol: "udp", port })).state, "open");
  socket.close();
  isOpen = false;
  await once(socket, "close");
  assert.equal((await probePort({ host, protocol: "udp", port })).state, "closed");
});

test("probePort() counts a host that cannot be resolved as not open", async () => {
  const result = await probePort({ host: "no..name", protocol: "tcp", port: 22 });
  assert.equal(result.state, "filtered");
  assert.match(result.message, /'no\.\.name'/);
});
