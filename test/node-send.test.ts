import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { formatIp, parseIp } from "../src/ip.ts";
import { type SendFailure, type SendPlan, sendPacket, type SendResult, type SendSuccess } from "../src/node/client/send.ts";

const packet = "9EZ+k9DyCZVtK4Lk/oclyy1cVbztK5a7";
const userAgent = "Fwknop/2.6.11";

function sent(result: SendResult): SendSuccess {
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result;
}

function failed(result: SendResult): SendFailure {
  assert.ok(!result.ok);
  assert.match(result.message, /^send_spa_packet: packet not sent\. [ -~]+$/);
  return result;
}

interface Heard {
  readonly port: number;
  /** What came in the first datagram or connection, and from which port. */
  readonly first: Promise<{ readonly text: string; readonly fromPort: number }>;
}

async function hearUdp(t: TestContext, address = "127.0.0.1"): Promise<Heard> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  t.after(() => socket.close());
  socket.bind(0, address);
  await once(socket, "listening");
  const first = once(socket, "message").then(([message, from]) => ({ text: String(message), fromPort: from.port as number }));
  return { port: socket.address().port, first };
}

/** Listens; says `answer` once something came, and closes after it unless it is to stay silent. */
async function hearTcp(t: TestContext, answer?: string | "silent", address = "127.0.0.1"): Promise<Heard> {
  const sockets = new Set<Socket>();
  let settle!: (heard: { text: string; fromPort: number }) => void;
  const first = new Promise<{ text: string; fromPort: number }>((resolve) => (settle = resolve));
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    const fromPort = socket.remotePort!;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (answer !== undefined && answer !== "silent" && text.endsWith("\r\n\r\n")) socket.end(answer);
    });
    socket.on("close", () => settle({ text, fromPort }));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, address);
  await once(server, "listening");
  return { port: (server.address() as { port: number }).port, first };
}

/** A port of loopback that nobody has: it was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

test("sendPacket() sends one datagram over UDP and counts its bytes", async (t) => {
  const heard = await hearUdp(t);
  const result = sent(await sendPacket({ transport: "udp", packet, host: "127.0.0.1", port: heard.port }));
  assert.deepEqual([result.bytesSent, formatIp(result.address)], [packet.length, "127.0.0.1"]);
  assert.equal((await heard.first).text, packet);
});

test("sendPacket() sends over IPv6, and prefers IPv4 for a name that has both", async (t) => {
  const heard = await hearUdp(t, "::1");
  assert.equal(formatIp(sent(await sendPacket({ transport: "udp", packet, host: "::1", port: heard.port })).address), "::1");
  assert.equal((await heard.first).text, packet);
  assert.equal(formatIp(sent(await sendPacket({ transport: "udp", packet, host: "localhost", port: heard.port })).address), "127.0.0.1");
});

test("sendPacket() takes a closed UDP port for no failure", async () => {
  sent(await sendPacket({ transport: "udp", packet, host: "127.0.0.1", port: await freePort() }));
});

test("sendPacket() sends from the source port it is told, over UDP, TCP and HTTP", async (t) => {
  for (const transport of ["udp", "tcp", "http"] as const) {
    const heard = transport === "udp" ? await hearUdp(t) : await hearTcp(t, "HTTP/1.1 200 OK\r\n\r\n");
    const sourcePort = await freePort();
    const plan: SendPlan = { transport, packet, host: "127.0.0.1", port: heard.port, sourcePort, http: { userAgent } };
    sent(await sendPacket(plan));
    assert.equal((await heard.first).fromPort, sourcePort, transport);
  }
});

test("sendPacket() says when the source port is taken", async (t) => {
  const [heard, other] = [await hearUdp(t), await hearUdp(t, "0.0.0.0")];
  const result = failed(await sendPacket({ transport: "udp", packet, host: "127.0.0.1", port: heard.port, sourcePort: other.port }));
  assert.equal(result.reason, "failed");
  assert.match(result.message, /Address already in use/);
});

test("sendPacket() sends the packet over TCP and closes", async (t) => {
  const heard = await hearTcp(t);
  const result = sent(await sendPacket({ transport: "tcp", packet, host: "127.0.0.1", port: heard.port }));
  assert.equal(result.bytesSent, packet.length);
  assert.equal((await heard.first).text, packet);
});

test("sendPacket() sends the request over HTTP, whatever the server answers", async (t) => {
  for (const [answer, status] of [["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 404 Not Found"], ["HTTP/1.1 503 \x1b[2J\r\n\r\n", "HTTP/1.1 503 \\x1b[2J"], ["", undefined]] as const) {
    const heard = await hearTcp(t, answer);
    const result = sent(await sendPacket({ transport: "http", packet, host: "127.0.0.1", port: heard.port, http: { userAgent } }));
    const { text } = await heard.first;
    assert.equal(text, `GET /9EZ-k9DyCZVtK4Lk_oclyy1cVbztK5a7 HTTP/1.1\r\nUser-Agent: ${userAgent}\r\nAccept: */*\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    assert.equal(result.bytesSent, text.length);
    assert.equal(result.status, status);
  }
});

test("sendPacket() needs no answer over HTTP", async (t) => {
  const heard = await hearTcp(t, "silent");
  assert.equal(sent(await sendPacket({ transport: "http", packet, host: "127.0.0.1", port: heard.port, http: { userAgent }, timeoutMs: 200 })).status, undefined);
});

test("sendPacket() asks a proxy, with user and password, and tells what it says", async (t) => {
  const heard = await hearTcp(t, "HTTP/1.1 404 Not Found\r\n\r\n");
  const proxy = { host: "127.0.0.1", port: heard.port, user: "Aladdin", password: utf8Bytes("open sesame") };
  const result = sent(await sendPacket({ transport: "http", packet, host: "server.invalid", port: 80, http: { userAgent, proxy } }));
  assert.equal(result.status, "HTTP/1.1 404 Not Found");
  const { text } = await heard.first;
  assert.match(text, /^GET http:\/\/server\.invalid\/9EZ-/);
  assert.match(text, /\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n$/);
});

test("sendPacket() fails when the proxy says no, hangs up or stays silent", async (t) => {
  for (const [answer, reason, message] of [
    ["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy", /proxy 127\.0\.0\.1 port \d+ said no: HTTP\/1\.1 407 Proxy Authentication Required/],
    ["HTTP/1.0 403 Forbidden\r\n\r\n", "proxy", /said no: HTTP\/1\.0 403 Forbidden/],
    ["HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy", /said no/],
    ["SSH-2.0-OpenSSH\r\n", "proxy", /said no: SSH-2\.0-OpenSSH/],
    ["", "proxy", /closed the connection without an answer/],
    ["silent", "timeout", /gave no answer within 200 ms/],
  ] as const) {
    const heard = await hearTcp(t, answer);
    const result = failed(await sendPacket({ transport: "http", packet, host: "h", port: 80, http: { userAgent, proxy: { host: "127.0.0.1", port: heard.port } }, timeoutMs: answer === "silent" ? 200 : 20_000 }));
    assert.equal(result.reason, reason);
    assert.match(result.message, message);
  }
});

test("sendPacket() tells refused, unresolvable and impossible apart, in the C client's words", async () => {
  const port = await freePort();
  for (const [plan, reason, message] of [
    [{ transport: "tcp", packet, host: "127.0.0.1", port }, "refused", /send_spa_packet_tcp_or_udp: Could not create socket: Connection refused \(127\.0\.0\.1 port/],
    [{ transport: "http", packet, host: "127.0.0.1", port, http: { userAgent } }, "refused", /Could not create socket: Connection refused/],
    [{ transport: "udp", packet, host: "no..name", port }, "unresolvable", /error in getaddrinfo: .+ \('no\.\.name'\)/],
    [{ transport: "udp", packet, host: "a\0b", port }, "unresolvable", /error in getaddrinfo: .+ \('a\\x00b'\)/],
    [{ transport: "udpraw", packet, host: "no..name", port }, "unresolvable", /resolve_dst_addr\(\) : .+; Unable to resolve no\.\.name as an ip address/],
    [{ transport: "udp", packet, host: "127.0.0.1", port, family: 6 }, "unresolvable", /as an IPv6 host|has no IPv6 address/],
    [{ transport: "udp", packet, host: "127.0.0.1", port: 0 }, "invalid", /expected a port in 1\.\.65535, got 0/],
    [{ transport: "udpraw", packet, host: "127.0.0.1", port, spoofedSource: parseIp("::1")! }, "invalid", /expected an IPv4 source address/],
    [{ transport: "icmp", packet, host: "127.0.0.1", port, icmp: { type: 256, code: 0 } }, "invalid", /expected ICMP type/],
    [{ transport: "http", packet, host: "127.0.0.1", port, http: { userAgent: "a\r\nb" } }, "invalid", /user agent without control characters/],
  ] as const) {
    const result = failed(await sendPacket(plan));
    assert.equal(result.reason, reason, result.message);
    assert.match(result.message, message);
  }
});

test("sendPacket() does not take an HTTP plan without a user agent", async () => {
  await assert.rejects(sendPacket({ transport: "http", packet, host: "127.0.0.1", port: 1 }), { name: "TypeError" });
});
