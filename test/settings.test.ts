import assert from "node:assert/strict";
import { test } from "node:test";
import { splitHostPort } from "../src/client/destination.ts";
import { randomDigits } from "../src/client/random-digits.ts";
import { encryptionModeOf, hmacTypeOf, isAddressResolved, mergeSettings, transportOf } from "../src/client/settings.ts";
import { parseTimeOffset } from "../src/client/time-offset.ts";
import { generator } from "./support/gen.ts";

test("mergeSettings() lets the later layer win, also where two settings exclude each other", () => {
  assert.deepEqual(mergeSettings({ access: "a", serverPort: 1 }, {}, { access: "b" }), { access: "b", serverPort: 1 });
  assert.deepEqual(mergeSettings({ allowIp: "1.1.1.1" }, { resolveIpHttps: true }), { resolveIpHttps: true });
  assert.deepEqual(mergeSettings({ resolveIpHttps: true }, { allowIp: "1.1.1.1" }), { resolveIpHttps: true, allowIp: "1.1.1.1" });
  assert.deepEqual(mergeSettings({ timeOffsetMinus: 5 }, { timeOffsetPlus: 6 }), { timeOffsetPlus: 6 });
  assert.deepEqual(mergeSettings({ timeOffsetPlus: 6 }, { timeOffsetMinus: 5 }), { timeOffsetPlus: 6, timeOffsetMinus: 5 });
});

test("isAddressResolved() is true where -R counts", () => {
  assert.equal(isAddressResolved({ resolveIpHttps: true }), true);
  assert.equal(isAddressResolved({ resolveIpHttps: true, allowIp: "1.1.1.1" }), false);
  assert.equal(isAddressResolved({ resolveIpHttps: true, serverCmd: "x" }), false);
  assert.equal(isAddressResolved({ resolveUrl: "u" }), true);
  assert.equal(isAddressResolved({ resolveUrl: "u", test: true }), false);
  assert.equal(isAddressResolved({ resolveIpHttps: true, test: true }), true);
});

test("transportOf(), encryptionModeOf() and hmacTypeOf() know the defaults", () => {
  assert.equal(transportOf({}), "udp");
  assert.equal(transportOf({ spoofProto: "udp", serverProto: "tcp" }), "udpraw");
  assert.equal(encryptionModeOf({}), "cbc");
  assert.equal(encryptionModeOf({ gpgEncryption: true, encryptionMode: "ctr" }), "asymmetric");
  assert.equal(hmacTypeOf({ hmacDigestType: "md5" }), undefined);
  assert.equal(hmacTypeOf({ useHmac: true }), "sha256");
});

test("splitHostPort() knows IPv6 from a port", () => {
  assert.deepEqual(splitHostPort("h"), { host: "h" });
  assert.deepEqual(splitHostPort("h:1"), { host: "h", port: "1" });
  assert.deepEqual(splitHostPort("h:"), { host: "h", port: "" });
  assert.deepEqual(splitHostPort("::1"), { host: "::1" });
  assert.deepEqual(splitHostPort("[::1]"), { host: "::1" });
  assert.deepEqual(splitHostPort("[::1]:5"), { host: "::1", port: "5" });
});

test("parseTimeOffset() reads seconds, minutes, hours and days", () => {
  for (const [text, seconds] of [["0", 0], ["90", 90], ["90s", 90], ["5M", 300], ["5min", 300], ["2 hours", 7200], ["1d", 86400], ["65536d", 65536 * 86400]] as const) {
    assert.deepEqual(parseTimeOffset(text), { ok: true, value: seconds }, text);
  }
  for (const text of ["", "m", "-1", "+1", "1x", "1.5h", "65537", "123456789"]) assert.equal(parseTimeOffset(text).ok, false, text);
});

test("randomDigits() uses each digit alike and skips bytes that would not", () => {
  let call = 0;
  assert.equal(randomDigits((length) => new Uint8Array(length).fill([255, 250, 249, 0][call++]!)), "9".repeat(16));
  const gen = generator("digits");
  const counts = new Array<number>(10).fill(0);
  for (let round = 0; round < 2000; round++) {
    const digits = randomDigits((length) => gen.bytes(length));
    assert.match(digits, /^\d{16}$/);
    for (const digit of digits) counts[Number(digit)]!++;
  }
  for (const count of counts) assert.ok(Math.abs(count - 3200) < 250, counts.join());
});
