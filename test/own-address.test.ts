import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { clockSkewSeconds, parseAddressAnswer } from "../src/client/own-address.ts";
import { formatIp } from "../src/ip.ts";
import { generator } from "./support/gen.ts";

function answer(body: string): string | undefined {
  const address = parseAddressAnswer(utf8Bytes(body));
  return address === undefined ? undefined : formatIp(address);
}

test("parseAddressAnswer() reads the address at the start, whatever stands around it", () => {
  for (const body of ["192.0.2.7", "192.0.2.7\n", "192.0.2.7\r\n\r\n", " \t\r\n192.0.2.7 ", "192.0.2.7 is yours", "192.0.2.7, 10.0.0.1", "192.0.2.7<br/>"]) assert.equal(answer(body), "192.0.2.7", JSON.stringify(body));
  assert.equal(answer("2001:DB8::7\r\n"), "2001:db8::7");
  assert.equal(answer("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254\n"), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
});

test("parseAddressAnswer() refuses what is no address, or one that means any", () => {
  for (const body of [
    "", "\n", "not an address", "<html>192.0.2.7</html>", "192.0.2", "192.0.2.256", "192.0.2.07", "192.0.2.7.1", "192.0.2.7x", "1.2.3.4:80", "0.0.0.0", "::", "'192.0.2.7'",
    `${"1".repeat(50)}.2.3.4`, `192.0.2.7${"0".repeat(60)}`,
  ]) assert.equal(answer(body), undefined, JSON.stringify(body));
});

test("parseAddressAnswer() never throws", () => {
  const gen = generator("own address");
  for (let round = 0; round < 500; round++) parseAddressAnswer(gen.bytes(gen.below(80)));
});

test("clockSkewSeconds() tells how far our clock is ahead", () => {
  const date = "Sun, 06 Nov 1994 08:49:37 GMT"; // the example of RFC 9110 §5.6.7
  const theirs = 784111777_000;
  for (const [now, skew] of [[theirs, 0], [theirs + 999, 0], [theirs + 61_000, 60], [theirs - 120_000, -120], [theirs + 3600_500, 3600]] as const) assert.equal(clockSkewSeconds(date, now), skew);
});

test("clockSkewSeconds() knows nothing without a date it can read", () => {
  for (const date of [undefined, "", "yesterday", "1994-11-06T08:49:37Z", "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"]) assert.equal(clockSkewSeconds(date, 0), undefined);
});
