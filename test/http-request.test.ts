import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { buildSpaRequest, unwrapSpaRequest } from "../src/http-request.ts";
import { generator } from "./support/gen.ts";

const PACKET = "9EZ+k9DyCZVtK4Lk/oclyy1cVbztK5a7HZ8tODo+zppeMlvbT0ENjHPgyvOtC66";
const TARGET = "9EZ-k9DyCZVtK4Lk_oclyy1cVbztK5a7HZ8tODo-zppeMlvbT0ENjHPgyvOtC66";
const plan = { packet: PACKET, server: "fw.example.org", userAgent: "Fwknop/2.6.11" };

function unwrapText(text: string): ReturnType<typeof unwrapSpaRequest> {
  return unwrapSpaRequest(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

test("buildSpaRequest() writes what fwknop 2.6.11 writes", () => {
  assert.equal(latin1Text(buildSpaRequest(plan)), [
    `GET /${TARGET} HTTP/1.1`, "User-Agent: Fwknop/2.6.11", "Accept: */*", "Host: fw.example.org", "Connection: close", "", "",
  ].join("\r\n"));
});

test("buildSpaRequest() writes an absolute target for a proxy, and names the proxy as host", () => {
  assert.equal(latin1Text(buildSpaRequest({ ...plan, proxy: { host: "proxy.example.org", port: 3128 } })), [
    `GET http://fw.example.org/${TARGET} HTTP/1.1`, "User-Agent: Fwknop/2.6.11", "Accept: */*", "Host: proxy.example.org", "Connection: close", "", "",
  ].join("\r\n"));
});

test("buildSpaRequest() gives the proxy user and password in one header line (RFC 7617 §2)", () => {
  const request = buildSpaRequest({ ...plan, proxy: { host: "p", user: "Aladdin", password: utf8Bytes("open sesame") } });
  assert.match(latin1Text(request), /\r\nConnection: close\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n$/);
});

test("buildSpaRequest() puts an IPv6 address in brackets", () => {
  assert.match(latin1Text(buildSpaRequest({ ...plan, server: "2001:db8::1" })), /\r\nHost: \[2001:db8::1\]\r\n/);
  assert.match(latin1Text(buildSpaRequest({ ...plan, server: "fe80::1%eth0" })), /\r\nHost: \[fe80::1\]\r\n/);
  assert.match(latin1Text(buildSpaRequest({ ...plan, server: "10.0.0.1:80" })), /\r\nHost: 10.0.0.1:80\r\n/);
});

test("buildSpaRequest() refuses parts that would add a header line or break the target", () => {
  const refused: readonly (readonly [Parameters<typeof buildSpaRequest>[0], RegExp])[] = [
    [{ ...plan, packet: "ab cd" }, /expected a base64 packet/],
    [{ ...plan, packet: "" }, /expected a base64 packet/],
    [{ ...plan, server: "a\r\nX: y" }, /expected a server without blanks, got 'a\\x0d\\x0aX: y'/],
    [{ ...plan, userAgent: "a\nb" }, /expected a user agent without control characters/],
    [{ ...plan, proxy: { host: "" } }, /expected a proxy without blanks/],
    [{ ...plan, proxy: { host: "p", user: "a:b" } }, /expected a proxy user without ':'/],
  ];
  for (const [options, message] of refused) assert.throws(() => buildSpaRequest(options), { name: "RangeError", message });
});

test("unwrapSpaRequest() gives back what buildSpaRequest() took", () => {
  const gen = generator("http round trip");
  for (let round = 0; round < 100; round++) {
    const packet = gen.text(gen.between(1, 300), "ABCXYZabcxyz019+/");
    const request = buildSpaRequest({ ...plan, packet, ...(gen.chance() ? { proxy: { host: "p" } } : {}) });
    const unwrapped = unwrapSpaRequest(gen.unaligned(request));
    assert.ok(unwrapped?.ok);
    assert.equal(latin1Text(unwrapped.packet), packet);
    assert.equal(unwrapped.userAgent, "Fwknop/2.6.11");
  }
});

test("unwrapSpaRequest() takes the requests of other clients", () => {
  for (const text of [
    `GET /${TARGET} HTTP/1.0\r\n\r\n`, // 2.6.10
    `get /${TARGET} http/1.1\nhost: x\n\n`,
    `GET http://host.example:8080/${TARGET} HTTP/1.0\r\n\r\n`, // Perl through a proxy
    `GET HTTP://[::1]/${TARGET} HTTP/1.0\r\n\r\n`,
    `GET /${TARGET}.html HTTP/1.0\r\n\r\n`, // what a Perl server takes
    `GET /${TARGET}? HTTP/1.1\r\n\r\n`, // what a form sends
    `GET /${TARGET}?a=/b#c HTTP/1.1\r\n\r\n`,
    `GET /${TARGET}\r\n`,
    `GET  /${TARGET}\tHTTP/1.1 \r\n\r\n`,
    `GET /${TARGET} HTTP/1.1`,
  ]) {
    const unwrapped = unwrapText(text);
    assert.ok(unwrapped?.ok, text);
    assert.equal(latin1Text(unwrapped.packet), PACKET, text);
  }
});

test("unwrapSpaRequest() returns undefined for what is no GET request", () => {
  for (const text of ["", "G", "GET", "GETA", `GET${PACKET}`, "POST / HTTP/1.1\r\n\r\n", PACKET]) assert.equal(unwrapText(text), undefined, text);
});

test("unwrapSpaRequest() reads header names in any case, and all forwarding fields in their order", () => {
  const unwrapped = unwrapText([
    "GET /abc HTTP/1.1", "uSER-aGENT:Fwknop/1 ", "X-FORWARDED-FOR: 192.0.2.1, 10.0.0.1", "Forwarded: for=192.0.2.7;proto=https", "x-forwarded-for:\t10.0.0.2",
    "User-Agent: second", "", "X-Forwarded-For: 6.6.6.6", "",
  ].join("\r\n"));
  assert.ok(unwrapped?.ok);
  assert.equal(unwrapped.userAgent, "Fwknop/1");
  assert.deepEqual(unwrapped.forwardedFor, ["192.0.2.1, 10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(unwrapped.forwarded, ["for=192.0.2.7;proto=https"]);
});

test("unwrapSpaRequest() takes no forwarding field from a line that is cut off", () => {
  const unwrapped = unwrapText("GET /abc HTTP/1.1\r\nUser-Agent: Fwknop/1\r\nX-Forwarded-For: 192.0.2.1");
  assert.ok(unwrapped?.ok);
  assert.deepEqual(unwrapped.forwardedFor, []);
  const agent = unwrapText("GET /abc HTTP/1.1\r\nUser-Agent: Fwknop/1");
  assert.ok(agent?.ok);
  assert.equal(agent.userAgent, "Fwknop/1");
});

test("unwrapSpaRequest() refuses targets and header lines that readers could differ about", () => {
  for (const [text, reason] of [
    ["GET / HTTP/1.1\r\n\r\n", /expected a packet as target/],
    ["GET abc HTTP/1.1\r\n\r\n", /expected a path or an http:\/\/ address as target, got 'abc'/],
    ["GET https://host/abc HTTP/1.1\r\n\r\n", /expected a path/],
    ["GET  \r\n\r\n", /expected/],
    ["GET /abc def HTTP/1.1\r\n\r\n", /expected 'GET TARGET HTTP\/1.1'/],
    ["GET /abc FTP/1\r\n\r\n", /expected 'GET TARGET HTTP\/1.1'/],
    ["GET /abc HTTP/1.1\r\nX-Forwarded-For : 1.2.3.4\r\n\r\n", /expected 'NAME: VALUE' in the header, got 'X-Forwarded-For : 1.2.3.4/],
    ["GET /abc HTTP/1.1\r\nA: b\r\n c\r\n\r\n", /expected 'NAME: VALUE'/],
    ["GET /abc HTTP/1.1\r\nA: b\rX-Forwarded-For: 1.2.3.4\r\n\r\n", /expected 'NAME: VALUE'/],
    ["GET /abc HTTP/1.1\r\nA: \0\r\n\r\n", /expected 'NAME: VALUE'/],
    ["GET /abc HTTP/1.1\r\n\x1b[2J\r\n\r\n", /got '\\x1b\[2J/],
  ] as const) {
    const unwrapped = unwrapText(text);
    assert.ok(unwrapped !== undefined && !unwrapped.ok, text);
    assert.equal(unwrapped.layer, "http");
    assert.match(unwrapped.reason, reason);
  }
});

test("unwrapSpaRequest() takes time in proportion to a megabyte of any one character, where a quadratic reader would take an hour", () => {
  for (const filler of ["?", "#", "/", ".html", "a", " ", "\t", "\r", ":", "a:"]) {
    const much = filler.repeat(1_000_000 / filler.length);
    for (const text of [`GET /${TARGET}${much}\rx HTTP/1.1\r\n\r\n`, `GET http://${much}/x\r\n\r\n`, `GET /${TARGET}\r\nX: ${much}\r\n${much}\r\n\r\n`]) unwrapSpaRequest(utf8Bytes(text));
  }
});

test("unwrapSpaRequest() never throws, whatever comes", () => {
  const gen = generator("http hostile");
  const request = buildSpaRequest(plan);
  for (let round = 0; round < 2000; round++) {
    let bytes = gen.chance(30) ? gen.bytes(gen.below(200)) : request.slice(0, gen.below(request.length + 1));
    for (let flips = gen.below(8); flips > 0 && bytes.length > 0; flips--) bytes = gen.flipBit(bytes);
    if (bytes.length > 3 && gen.chance()) bytes.set([0x47, 0x45, 0x54, 0x20]);
    const before = bytes.slice();
    unwrapSpaRequest(bytes);
    assert.deepEqual(bytes, before);
  }
});
