import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { unwrapSpaRequest } from "../src/http-request.ts";
import { curlLine, knockUrl, lengthWarning, probeUrl, requestText, sendingWay } from "../web/knock-request.ts";

const PACKET = "8ab+/cd/".repeat(20);
const TARGET = { scheme: "http", server: "knock.example.org", port: 62201 } as const;

test("requestText() is read back by the server's unwrapSpaRequest()", () => {
  const unwrapped = unwrapSpaRequest(utf8Bytes(requestText(TARGET, PACKET).replaceAll("\n", "\r\n") + "\r\n"));
  assert(unwrapped?.ok);
  assert.equal(latin1Text(unwrapped.packet), PACKET);
});

test("knockUrl() leaves the usual port out and puts IPv6 in brackets", () => {
  assert.equal(knockUrl(TARGET, "a+b/c"), "http://knock.example.org:62201/a-b_c");
  assert.equal(knockUrl({ ...TARGET, port: 80 }, "a"), "http://knock.example.org/a");
  assert.equal(knockUrl({ scheme: "https", server: "2001:db8::1", port: 443 }, "a"), "https://[2001:db8::1]/a");
});

test("curlLine() names the user agent that servers want, and quotes what a shell would read", () => {
  assert.equal(curlLine({ ...TARGET, server: "::1" }, "a+b"), "curl -gs -o /dev/null -A Fwknop 'http://[::1]:62201/a-b'");
});

test("sendingWay() navigates only from an https page to plain http", () => {
  assert.deepEqual(["file:", "http:", "https:"].map((page) => sendingWay(page, TARGET)), ["fetch", "fetch", "navigation"]);
  assert.equal(sendingWay("https:", { ...TARGET, scheme: "https" }), "fetch");
});

test("probeUrl() finds the port that a browser can look at", () => {
  assert.equal(probeUrl(["tcp/22", "tcp/443"], "knock.example.org"), "https://knock.example.org/");
  assert.equal(probeUrl(["tcp/8080"], "::1"), "http://[::1]:8080/");
  assert.equal(probeUrl(["udp/443", "tcp/22"], "knock.example.org"), undefined);
});

test("lengthWarning() speaks of packets that the C daemon takes for OpenPGP ones, and of no others", () => {
  assert.deepEqual(lengthWarning("x".repeat(399)), []);
  assert.match(lengthWarning("x".repeat(400)).join(), /400 characters/);
});
