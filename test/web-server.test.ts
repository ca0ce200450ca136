import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serveWeb, type WebServer } from "../src/node/tool/web-server.ts";
import { ensureBuilt } from "./support/dist.ts";

describe("serveWeb()", () => {
  let server: WebServer;
  before(async () => {
    await ensureBuilt();
    server = await serveWeb(0);
  });
  after(() => server.close());

  test("gives the page and its parts with headers that keep them to themselves", async () => {
    const types = { "": "text/html; charset=utf-8", "index.html?x": "text/html; charset=utf-8", "sw.js": "text/javascript; charset=utf-8", "manifest.webmanifest": "application/manifest+json", "icon.svg": "image/svg+xml" };
    for (const [path, type] of Object.entries(types)) {
      const response = await fetch(server.url + path);
      assert.deepEqual([response.status, response.headers.get("content-type"), response.headers.get("x-content-type-options"), response.headers.get("referrer-policy")], [200, type, "nosniff", "no-referrer"]);
      assert.match(response.headers.get("content-security-policy")!, /frame-ancestors 'none'/);
      assert((await response.text()).length > 100);
    }
    const head = await fetch(server.url, { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });

  test("gives nothing else", async () => {
    for (const path of ["fwknop.js", "SHA256SUMS", "%2e%2e/fwknop.js", "..%2ffwknop.js", "index.html/", "constructor"]) assert.equal((await fetch(server.url + path)).status, 404, path);
    assert.equal((await fetch(server.url, { method: "POST", body: "x" })).status, 405);
  });

  test("is on the loopback address only, and says which port it got", () => {
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  test("fails with the system's error when the port is taken", async () => {
    await assert.rejects(serveWeb(Number(new URL(server.url).port)), { code: "EADDRINUSE" });
  });
});
