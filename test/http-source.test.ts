import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { formatIp, parseIpNetwork, type IpNetwork } from "../src/ip.ts";
import type { DatagramSource } from "../src/node/hearing/datagram-source.ts";
import { httpAnswer, type HttpSourceOptions, openHttpSource } from "../src/node/hearing/http-source.ts";
import type { Datagram } from "../src/packet.ts";
import { connectTo, portOf } from "./support/source-reader.ts";

const sources: DatagramSource[] = [];
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(sources.splice(0).map((source) => source.close()));
});

const LOOPBACK = [parseIpNetwork("127.0.0.1")] as IpNetwork[];
const PACKET = "8ab+/cd/".repeat(20);
const PATH = PACKET.replaceAll("+", "-").replaceAll("/", "_");
const ANSWER = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

async function open(options: Partial<HttpSourceOptions> = {}) {
  const warnings: string[] = [];
  const source = await openHttpSource({ port: 0, address: "127.0.0.1", status: () => 204, trustedProxies: () => [], log: ({ message }) => warnings.push(message), ...options });
  sources.push(source);
  const iterator = source[Symbol.asyncIterator]();
  const heard: Datagram[] = [];
  const listening = (async () => {
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) heard.push(step.value);
  })();
  return { source, port: portOf(source), heard, warnings, listening };
}

async function join(port: number): Promise<Socket> {
  const socket = await connectTo(port);
  clients.push(socket);
  return socket;
}

/** What comes back until the other side has said all. */
async function answerTo(port: number, ...pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = await join(port);
  return answerOn(socket, ...pieces);
}

async function answerOn(socket: Socket, ...pieces: readonly (string | Uint8Array)[]): Promise<string> {
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => (answer += text));
  const ended = once(socket, "end");
  for (const piece of pieces) {
    socket.write(piece);
    if (pieces.length > 1) await sleep(5);
  }
  await ended;
  socket.end();
  return answer;
}

const get = (path: string, ...headers: readonly string[]): string => [`GET /${path} HTTP/1.1`, "Host: knock.example.org", ...headers, "", ""].join("\r\n");

describe("openHttpSource()", () => {
  test("answers every request with the same bytes, and makes a datagram only of a GET", async () => {
    const { port, heard } = await open();
    const requests: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
      knock: [get(PATH)],
      "in pieces": [get(PATH).slice(0, 9), get(PATH).slice(9, 190), get(PATH).slice(190)],
      "with LF alone": [get(PATH).replaceAll("\r", "")],
      pipelined: [get(PATH) + get("second") + get("third")],
      absolute: [`GET http://knock.example.org/${PATH} HTTP/1.1\r\n\r\n`],
      junk: [get("robots.txt")],
      POST: [`POST /${PATH} HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello`],
      CONNECT: ["CONNECT example.org:443 HTTP/1.1\r\n\r\n"],
      "no HTTP": ["hello\r\n\r\n"],
      "TLS hello": [Uint8Array.of(0x16, 3, 1, 2, 0, 1)],
      "NUL bytes": [new Uint8Array(10)],
      "header bomb": [`GET /${PATH} HTTP/1.1\r\n${"A: b\r\n".repeat(20_000)}\r\n`],
      "endless line": ["GET /".padEnd(100_000, "x")],
      "PROXY of a stranger": [`PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n${get(PATH)}`],
    };
    for (const [name, pieces] of Object.entries(requests)) assert.equal(await answerTo(port, ...pieces), ANSWER, name);
    const knocks = ["knock", "in pieces", "with LF alone", "pipelined", "absolute"].map(() => PACKET);
    assert.deepEqual(heard.map(({ payload }) => Buffer.from(payload).toString()), knocks);
    assert.deepEqual(heard.map(({ source, isFromHttp, protocol }) => [formatIp(source), isFromHttp, protocol]), heard.map(() => ["127.0.0.1", true, 6]));
  });

  test("answers before it looks at the packet", async () => {
    const { port, heard } = await open();
    const answered = answerTo(port, get(PATH));
    await answered;
    assert.equal(heard.length, 1);
    assert.equal(await answerTo(port, get(PATH)), await answerTo(port, get("x")));
  });

  test("gives the status that is set, and nothing that tells who answers", async () => {
    const { port } = await open({ status: () => 404 });
    assert.equal(await answerTo(port, get(PATH)), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for (const status of [200, 204, 403, 404, 503] as const) assert.doesNotMatch(httpAnswer(status), /Server|Date|Access-Control/i);
  });

  test("reads on after its answer, so that a client that still sends is not reset", async () => {
    const { port } = await open();
    const socket = await join(port);
    let failed: unknown;
    socket.on("error", (error) => (failed = error));
    const answer = answerOn(socket, get(PATH));
    socket.write("x".repeat(200_000));
    assert.equal(await answer, ANSWER);
    await sleep(20);
    assert.equal(failed, undefined);
  });

  test("cuts whoever goes on sending for long after the answer", async () => {
    const { port } = await open();
    const socket = await join(port);
    socket.on("error", () => {}).resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const send = (): void => {
      while (socket.writable && socket.write("x".repeat(65_536)));
      socket.once("drain", send);
    };
    send();
    await closed;
    // What lay in the buffers of the two ends is on top of what was read.
    assert(socket.bytesWritten < 32 * 1024 * 1024, String(socket.bytesWritten));
  });

  test("cuts a head that drips, at a time that no byte prolongs, and closes silent connections without a word", async () => {
    const { port, heard } = await open({ deadlineMs: 150 });
    const silent = answerTo(port);
    const socket = await join(port);
    const drip = setInterval(() => socket.write("G"), 20);
    assert.equal(await answerOn(socket, "GET /"), ANSWER);
    clearInterval(drip);
    assert.equal(await silent, "");
    assert.deepEqual(heard, []);
  });

  test("lets a knock in while thousands of connections idle, of which it keeps as many as it may", async () => {
    const { port, heard, source } = await open({ maxConnections: 20, maxPerSource: 1000 });
    const idle = await Promise.all(Array.from({ length: 200 }, () => join(port)));
    for (const socket of idle) socket.write("GET /");
    assert.equal(await answerTo(port, get(PATH)), ANSWER);
    assert.equal(heard.length, 1);
    assert(source.drops.overflowed >= 180, String(source.drops.overflowed));
  });

  test("takes a bounded number of connections from one address, but for trusted proxies", async () => {
    const { port } = await open({ maxPerSource: 2 });
    const first = await Promise.all([join(port), join(port)]);
    assert.notEqual(await answerTo(port, get(PATH)).catch(() => "reset"), ANSWER);
    first[0]!.destroy();
    await sleep(20);
    assert.equal(await answerTo(port, get(PATH)), ANSWER);
    const proxied = await open({ maxPerSource: 1, trustedProxies: () => LOOPBACK });
    await Promise.all([join(proxied.port), join(proxied.port)]);
    assert.equal(await answerTo(proxied.port, get(PATH)), ANSWER);
  });

  test("believes a trusted proxy's header fields and PROXY headers, and nobody else's", async () => {
    const v2 = Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n"), Buffer.of(0x21, 0x11, 0, 12, 203, 0, 113, 9, 192, 0, 2, 1, 1, 1, 0, 80)]);
    const requests: readonly (readonly [string | Uint8Array, string | undefined])[] = [
      [get(PATH, "X-Forwarded-For: 1.1.1.1, 203.0.113.7"), "203.0.113.7"],
      [get(PATH, "Forwarded: for=203.0.113.8"), "203.0.113.8"],
      [Buffer.concat([v2, Buffer.from(get(PATH))]), "203.0.113.9"],
      [`PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n${get(PATH, "X-Forwarded-For: 1.1.1.1")}`, "2001:db8::7"],
      [`PROXY UNKNOWN\r\n${get(PATH)}`, "127.0.0.1"],
      [get(PATH), "127.0.0.1"],
      [get(PATH, "X-Forwarded-For: nonsense"), undefined],
      [`PROXY nonsense\r\n${get(PATH)}`, undefined],
    ];
    const trusting = await open({ trustedProxies: () => LOOPBACK });
    for (const [request] of requests) assert.equal(await answerTo(trusting.port, request), ANSWER);
    assert.deepEqual(trusting.heard.map(({ source }) => formatIp(source)), requests.map(([, source]) => source).filter((source) => source !== undefined));
    assert.equal(trusting.warnings.length, 2);
    assert.match(trusting.warnings[0]!, /trusted proxy 127\.0\.0\.1 is not taken: value 'nonsense' is not an IP address/);

    const wary = await open();
    assert.equal(await answerTo(wary.port, get(PATH, "X-Forwarded-For: 203.0.113.7")), ANSWER);
    assert.deepEqual(wary.heard.map(({ source }) => formatIp(source)), ["127.0.0.1"]);
  });

  test("close() ends the iteration and every connection", async () => {
    const { port, source, listening } = await open();
    const socket = await join(port);
    const closed = once(socket, "close");
    socket.resume();
    socket.on("end", () => socket.end());
    await source.close();
    await Promise.all([closed, listening]);
  });
});
