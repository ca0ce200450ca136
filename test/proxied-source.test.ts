import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, utf8Bytes } from "../src/bytes.ts";
import { formatIp, parseIp } from "../src/ip.ts";
import { findClient, parseProxyHeader } from "../src/proxied-source.ts";
import { generator } from "./support/gen.ts";

const ip = (text: string) => parseIp(text)!;
/** A header of version 2. */
function version2(command: number, family: number, body: readonly number[]): Uint8Array {
  return concatBytes(utf8Bytes("\r\n\r\n\0\r\nQUIT\n"), Uint8Array.of(0x20 | command, family, body.length >> 8, body.length & 255), Uint8Array.from(body));
}
const V4_BODY = [203, 0, 113, 7, 192, 0, 2, 1, 0x9c, 0x40, 0, 80];
const V6_BODY = [...ip("2001:db8::7").bytes, ...ip("2001:db8::1").bytes, 0x9c, 0x40, 0, 80];

test("parseProxyHeader() reads both versions and both families, with what follows left alone", () => {
  const cases: readonly (readonly [Uint8Array, string | undefined])[] = [
    [utf8Bytes("PROXY TCP4 203.0.113.7 192.0.2.1 40000 80\r\n"), "203.0.113.7"],
    [utf8Bytes("PROXY TCP6 2001:db8::7 2001:db8::1 40000 80\r\n"), "2001:db8::7"],
    [utf8Bytes("PROXY UNKNOWN\r\n"), undefined],
    [utf8Bytes("PROXY UNKNOWN whatever this is\r\n"), undefined],
    [version2(1, 0x11, V4_BODY), "203.0.113.7"],
    [version2(1, 0x21, V6_BODY), "2001:db8::7"],
    [version2(1, 0x11, [...V4_BODY, 4, 0, 1, 0]), "203.0.113.7"],
    [version2(0, 0, []), undefined],
    [version2(1, 0x31, Array.from({ length: 216 }, () => 0)), undefined],
  ];
  for (const [header, source] of cases) {
    const parsed = parseProxyHeader(concatBytes(header, utf8Bytes("GET / HTTP/1.1\r\n")));
    assert(parsed.kind === "found", JSON.stringify(parsed));
    assert.deepEqual([parsed.length, parsed.source && formatIp(parsed.source)], [header.length, source]);
    for (let length = 1; length < header.length; length++) assert.equal(parseProxyHeader(header.subarray(0, length)).kind, "incomplete");
  }
});

test("parseProxyHeader() refuses what only looks like a header, and leaves other bytes to HTTP", () => {
  const broken = [
    utf8Bytes("PROXY TCP4 203.0.113.7 192.0.2.1 40000\r\n"),
    utf8Bytes("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"),
    utf8Bytes("PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n"),
    utf8Bytes("PROXY TCP4 203.0.113.256 192.0.2.1 1 2\r\n"),
    utf8Bytes("PROXY TCP5 203.0.113.7 192.0.2.1 1 2\r\n"),
    utf8Bytes(`PROXY TCP4 ${"1".repeat(200)}`),
    version2(2, 0x11, V4_BODY),
    version2(1, 0x11, V4_BODY.slice(0, 8)),
    version2(1, 0x11, Array.from({ length: 3000 }, () => 0)),
  ];
  for (const bytes of broken) assert.equal(parseProxyHeader(bytes).kind, "broken");
  for (const text of ["GET / HTTP/1.1\r\n", "PROXYX", "\r\n\r\nGET", "\x16\x03\x01"]) assert.equal(parseProxyHeader(utf8Bytes(text)).kind, "none");
  assert.equal(parseProxyHeader(new Uint8Array(0)).kind, "none");
});

test("parseProxyHeader() never throws, whatever comes", () => {
  const gen = generator("parseProxyHeader");
  for (let round = 0; round < 2000; round++) {
    const start = gen.pick([utf8Bytes("PROXY TCP4 "), version2(1, 0x11, V4_BODY), gen.bytes(3)]);
    parseProxyHeader(gen.flipBit(concatBytes(start, gen.bytes(gen.below(40)))));
  }
});

test("findClient() takes the rightmost hop that is no trusted proxy", () => {
  const isTrusted = (address: ReturnType<typeof ip>): boolean => formatIp(address).startsWith("10.");
  const cases: readonly (readonly [peer: string, forwardedFor: readonly string[], forwarded: readonly string[], client: string | RegExp])[] = [
    ["192.0.2.9", ["203.0.113.7"], ["for=203.0.113.7"], "192.0.2.9"],
    ["10.0.0.1", [], [], "10.0.0.1"],
    ["10.0.0.1", ["203.0.113.7"], [], "203.0.113.7"],
    ["10.0.0.1", ["1.1.1.1, 203.0.113.7, 10.0.0.2"], [], "203.0.113.7"],
    ["10.0.0.1", ["1.1.1.1", "203.0.113.7"], [], "203.0.113.7"],
    ["10.0.0.1", ["junk, 203.0.113.7"], [], "203.0.113.7"],
    ["10.0.0.1", ["10.0.0.3, 10.0.0.2"], [], "10.0.0.3"],
    ["10.0.0.1", ["203.0.113.7, junk"], [], /'junk' is not an IP address/],
    ["10.0.0.1", [""], [], /'' is not an IP address/],
    ["10.0.0.1", [], ["for=203.0.113.7"], "203.0.113.7"],
    ["10.0.0.1", [], ["for=1.1.1.1, For=\"[2001:db8::7]:4711\";proto=http;by=10.0.0.1"], "2001:db8::7"],
    ["10.0.0.1", [], ["by=\"a,b\";for=203.0.113.7:80"], "203.0.113.7"],
    ["10.0.0.1", [], ["for=unknown"], /'unknown' is not an IP address/],
    ["10.0.0.1", [], ["proto=http"], /'for=ADDRESS'/],
    ["10.0.0.1", [], ["for=203.0.113.7, for=\"1.1.1.1"], /'for=ADDRESS'/],
    ["10.0.0.1", [], ["by=\"a, for=203.0.113.7"], /'for=ADDRESS'/],
    ["10.0.0.1", [], ['"\\'.repeat(500_000)], /'for=ADDRESS'/],
    ["10.0.0.1", ["203.0.113.7"], ["for=203.0.113.7"], "203.0.113.7"],
    ["10.0.0.1", ["203.0.113.7"], ["for=1.1.1.1"], /different clients/],
  ];
  for (const [peer, forwardedFor, forwarded, client] of cases) {
    const found = findClient(ip(peer), { forwardedFor, forwarded }, isTrusted);
    if (typeof client === "string") assert.equal(found.ok ? formatIp(found.source) : found.reason, client);
    else assert.match(found.ok ? formatIp(found.source) : found.reason, client);
  }
});
