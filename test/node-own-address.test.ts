import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { formatIp } from "../src/ip.ts";
import { type OwnAddressFailure, type OwnAddressOptions, type OwnAddressResult, resolveOwnAddress } from "../src/node/client/own-address.ts";
import { requirePeer } from "./support/require-peer.ts";

/** Starts a resolver on loopback and returns its URL. */
async function serve(t: TestContext, listener: RequestListener | string): Promise<string> {
  const server = createServer(typeof listener === "string" ? (_, response) => response.end(listener) : listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/myip`;
}

function failed(result: OwnAddressResult): OwnAddressFailure {
  assert.ok(!result.ok);
  assert.ok(result.message.startsWith(`Could not resolve IP via: '${result.url}': `), result.message);
  assert.match(result.message, /^[ -~]+$/);
  return result;
}

test("resolveOwnAddress() reads the answer and says who gave it", async (t) => {
  let asked: unknown;
  const url = await serve(t, (request, response) => {
    asked = [request.method, request.url, request.headers["user-agent"], request.headers.accept, request.headers.connection];
    response.end(" 192.0.2.7\r\n");
  });
  const result = await resolveOwnAddress({ urls: [url], userAgent: "Fwknop/2.6.11" });
  assert.ok(result.ok);
  assert.equal(formatIp(result.address), "192.0.2.7");
  assert.equal(result.message, `Resolved external IP (via '${url}') as: 192.0.2.7`);
  assert.deepEqual(asked, ["GET", "/myip", "Fwknop/2.6.11", "*/*", "close"]);
});

test("resolveOwnAddress() names no user agent unless told, and understands a URL without a scheme", async (t) => {
  let agent: string | undefined = "not asked";
  const url = await serve(t, (request, response) => {
    agent = request.headers["user-agent"];
    response.end("192.0.2.7");
  });
  const result = await resolveOwnAddress({ urls: [url.slice("http://".length)], httpOnly: true });
  assert.ok(result.ok);
  assert.equal(agent, undefined);
});

test("resolveOwnAddress() compares our clock with the resolver's", async (t) => {
  const url = await serve(t, (_, response) => response.setHeader("Date", "Sun, 06 Nov 1994 08:49:37 GMT").end("192.0.2.7"));
  const undated = await serve(t, (_, response) => {
    response.sendDate = false;
    response.end("192.0.2.7");
  });
  const slow = await resolveOwnAddress({ urls: [url], now: () => 784111777_000 - 300_000 });
  assert.ok(slow.ok);
  assert.equal(slow.clockSkewSeconds, -300);
  const both = await resolveOwnAddress({ urls: [undated, url], now: () => 784111777_000 + 90_600 });
  assert.ok(both.ok);
  assert.equal(both.clockSkewSeconds, 90);
  const none = await resolveOwnAddress({ urls: [undated] });
  assert.ok(none.ok && !("clockSkewSeconds" in none));
});

test("resolveOwnAddress() wants all resolvers to answer, and to agree", async (t) => {
  const [one, same, other, broken] = [await serve(t, "192.0.2.7"), await serve(t, "192.0.2.7\n"), await serve(t, "192.0.2.8"), await serve(t, "no idea")];
  const agreed = await resolveOwnAddress({ urls: [one, same] });
  assert.ok(agreed.ok);
  assert.deepEqual(agreed.urls, [one, same]);
  assert.equal(agreed.message, `Resolved external IP (via '${one}', '${same}') as: 192.0.2.7`);
  const disagreed = failed(await resolveOwnAddress({ urls: [one, same, other], fallbackUrls: [one] }));
  assert.deepEqual([disagreed.reason, disagreed.url], ["disagreement", other]);
  assert.match(disagreed.message, /it says 192\.0\.2\.8, but 'http:.*' says 192\.0\.2\.7/);
  assert.deepEqual([failed(await resolveOwnAddress({ urls: [one, broken] })).url], [broken]);
});

test("resolveOwnAddress() asks the next one when the first does not know", async (t) => {
  const [broken, good] = [await serve(t, "no idea"), await serve(t, "192.0.2.7")];
  const result = await resolveOwnAddress({ urls: [broken], fallbackUrls: [broken, good] });
  assert.ok(result.ok);
  assert.deepEqual(result.urls, [good]);
});

test("resolveOwnAddress() tells what was wrong with an answer", async (t) => {
  const cases: readonly (readonly [RequestListener | string, RegExp])[] = [
    ["<html>\x1b[2J", /Invalid IP \(\) in HTTP response: '<html>\\x1b\[2J'$/],
    ["", /Invalid IP \(\) in HTTP response: ''$/],
    [(_, response) => response.writeHead(500).end("192.0.2.7"), /HTTP status 500$/],
    ["x".repeat(5000), /More than 4096 bytes came$/],
    [(_, response) => response.writeHead(302, { Location: "https://127.0.0.1/" }).end(), /Redirect to another scheme: 'https:\/\/127\.0\.0\.1\/'$/],
    [(_, response) => response.writeHead(302, { Location: "http://[" }).end(), /Redirect to another scheme/],
    [(request, response) => response.writeHead(302, { Location: request.url }).end(), /More than 3 redirects$/],
  ];
  for (const [listener, message] of cases) {
    const result = failed(await resolveOwnAddress({ urls: [await serve(t, listener)] }));
    assert.equal(result.reason, "answer");
    assert.match(result.message, message);
  }
});

test("resolveOwnAddress() follows a redirect to the same scheme", async (t) => {
  const url = await serve(t, (request, response) => (request.url === "/there" ? response.end("192.0.2.7") : response.writeHead(301, { Location: "/there" }).end()));
  assert.ok((await resolveOwnAddress({ urls: [url] })).ok);
});

test("resolveOwnAddress() tells who could not be reached, and waits no longer than it may", async (t) => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as { port: number };
  closed.close();
  const silent = await serve(t, () => {});
  const halting = await serve(t, (_, response) => void response.write("192."));
  for (const [url, message, timeoutMs] of [
    [`http://127.0.0.1:${port}/`, /Connection refused$/, 20_000],
    ["http://no..name/", /Name or service not known$/, 20_000],
    [silent, /Timed out after 150 ms$/, 150],
    [halting, /Timed out after 150 ms$/, 150],
  ] as const) {
    const result = failed(await resolveOwnAddress({ urls: [url], timeoutMs }));
    assert.equal(result.reason, "unreachable");
    assert.match(result.message, message);
  }
});

test("resolveOwnAddress() refuses URLs it should not ask", async () => {
  for (const options of [{ urls: ["ftp://host/"] }, { urls: ["http://["] }, { urls: ["https://127.0.0.1/"], httpOnly: true }] satisfies OwnAddressOptions[]) {
    assert.equal(failed(await resolveOwnAddress(options)).reason, "scheme");
  }
  await assert.rejects(resolveOwnAddress({ urls: [] }), { name: "RangeError" });
});

test("resolveOwnAddress() checks the certificate over HTTPS, whatever the environment says", async (t) => {
  if (requirePeer(t, "openssl") === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [keyPath, certificatePath] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyPath, "-out", certificatePath], { encoding: "utf8", timeout: 60_000 });
  assert.equal(made.status, 0, made.stderr);
  const server = createTlsServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) }, (_, response) => response.end("192.0.2.7\n")).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://127.0.0.1:${(server.address() as { port: number }).port}/`;
  const module = new URL("../src/node/client/own-address.ts", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(async ({ resolveOwnAddress }) => console.log((await resolveOwnAddress({ urls: [${JSON.stringify(url)}] })).message))`;
  const ask = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const child = spawn(process.execPath, [...process.execArgv, "-e", script], { env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
    let said = "";
    child.stdout.on("data", (chunk) => (said += String(chunk)));
    child.stderr.resume();
    await once(child, "close");
    return said.trim();
  };
  assert.equal(await ask({ NODE_EXTRA_CA_CERTS: certificatePath }), `Resolved external IP (via '${url}') as: 192.0.2.7`);
  assert.match(await ask({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }), /^Could not resolve IP via: 'https:.*': .*self.signed certificate/);
});
