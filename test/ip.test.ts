import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";

import {
  containsIp,
  equalIp,
  formatIp,
  type IpAddress,
  ipFromBytes,
  ipKey,
  networkStart,
  isLoopbackIp,
  isUnspecifiedIp,
  parseIp,
  parseIpNetwork,
} from "../src/ip.ts";
import { hexBytes, hexText } from "../src/bytes.ts";
import { generator } from "./support/gen.ts";
import { networkText } from "./support/network-text.ts";

function ip(text: string): IpAddress {
  return parseIp(text) ?? assert.fail(`not an address: ${text}`);
}

// Text, bytes, and the canonical text where it differs.
const ADDRESSES: readonly (readonly [string, string, string?])[] = [
  ["0.0.0.0", "00000000"],
  ["127.0.0.1", "7f000001"],
  ["255.255.255.255", "ffffffff"],
  ["1.20.200.9", "0114c809"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["1::", "00010000000000000000000000000000"],
  ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
  ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a", "2001:db8::8:800:200c:417a"],
  ["0:0:0:0:0:0:0:0", "00000000000000000000000000000000", "::"],
  ["2001:0db8:0000:0000:0001:0000:0000:0001", "20010db8000000000001000000000001", "2001:db8::1:0:0:1"], // RFC 5952 §4.2.3
  ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"], // RFC 5952 §4.2.2: one group is not shortened
  ["2001:db8::1:1:1:1:1", "20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1::1", "20010000000000010000000000000001", "2001:0:0:1::1"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "00000002000300040005000600070008", "0:2:3:4:5:6:7:8"],
  ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304", "1:2:3:4:5:6:102:304"],
  ["::13.1.68.3", "0000000000000000000000000d014403", "::d01:4403"],
  ["::ffff:10.1.2.3", "0a010203", "10.1.2.3"],
  ["::FFFF:0a01:0203", "0a010203", "10.1.2.3"],
  ["0:0:0:0:0:ffff:10.1.2.3", "0a010203", "10.1.2.3"],
  ["::fffe:10.1.2.3", "00000000000000000000fffe0a010203", "::fffe:a01:203"],
];

for (const [text, hex, canonical = text] of ADDRESSES) {
  test(`parseIp() and formatIp() know ${text}`, () => {
    const address = ip(text);
    assert.equal(hexText(address.bytes), hex);
    assert.equal(address.version, hex.length === 8 ? 4 : 6);
    assert.equal(formatIp(address), canonical);
  });
}

test("parseIp() refuses every other text", () => {
  const bad =
    "|.|1|1.2.3|1.2.3.4.5|1.2.3.256|1.2.3.04|01.2.3.4|0x1.2.3.4|1.2.3.4 | 1.2.3.4|1.2.3.4\n|1..2.3|1.2.3.|+1.2.3.4|1.2.3.-4|10.1|" +
    "167772161|1.2.3.1e1|１.2.3.4|:|:::|1:|:1|1::2::3|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|12345::|g::|" +
    "::1%eth0|[::1]|::1/128|1:2:3:4:5:6:7:1.2.3.4|1.2.3.4::|::1.2.3.4:5|1.2.3.4:5::|::1.2.3|::01.2.3.4|::ffff:1.2.3.256|::1\n| ::1|-1::";
  for (const text of bad.split("|")) assert.equal(parseIp(text), undefined, JSON.stringify(text));
});

test("parseIp() agrees with the platform on random and damaged texts", () => {
  const gen = generator("parseIp");
  for (let round = 0; round < 3000; round++) {
    const address = ipFromBytes(Uint8Array.from(gen.list(gen.pick([4, 16]), () => (gen.chance(60) ? 0 : gen.below(256)))));
    let text = formatIp(address);
    assert.ok(equalIp(ip(text), address), text);
    if (address.version === 6) assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`); // WHATWG writes RFC 5952 too
    const at = gen.below(text.length + 1);
    text = text.slice(0, at) + gen.text(gen.below(3), "0123456789abf:.:") + text.slice(at + gen.below(2));
    assert.equal(parseIp(text) !== undefined, net.isIP(text) !== 0, text);
  }
});

test("ipFromBytes() copies, maps IPv4-mapped addresses, and throws RangeError for other lengths", () => {
  const bytes = hexBytes("0a000001")!;
  const address = ipFromBytes(bytes);
  bytes[0] = 99;
  assert.equal(formatIp(address), "10.0.0.1");
  assert.equal(formatIp(ipFromBytes(hexBytes("00000000000000000000ffffc0000201")!)), "192.0.2.1");
  for (const length of [0, 3, 5, 15, 17]) assert.throws(() => ipFromBytes(new Uint8Array(length)), RangeError);
});

test("isLoopbackIp() is true for 127.0.0.0/8, mapped or not, and ::1 only", () => {
  for (const text of ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1"]) assert.ok(isLoopbackIp(ip(text)), text);
  for (const text of ["128.0.0.1", "0.0.0.0", "::", "::2", "::127.0.0.1", "1::1"]) assert.ok(!isLoopbackIp(ip(text)), text);
});

test("isUnspecifiedIp() is true for 0.0.0.0, :: and the mapped 0.0.0.0 only", () => {
  for (const text of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) assert.ok(isUnspecifiedIp(ip(text)), text);
  for (const text of ["0.0.0.1", "1.0.0.0", "::1", "8000::"]) assert.ok(!isUnspecifiedIp(ip(text)), text);
});

test("equalIp() and ipKey() part families and addresses alike", () => {
  const texts = ["0.0.0.0", "::", "1.2.3.4", "::1.2.3.4", "1.2.3.5", "102:304::", "::1"];
  for (const [row, left] of texts.entries()) {
    for (const [column, right] of texts.entries()) {
      assert.equal(equalIp(ip(left), ip(right)), row === column, `${left} ${right}`);
      assert.equal(ipKey(ip(left)) === ipKey(ip(right)), row === column, `${left} ${right}`);
    }
  }
  assert.equal(ipKey(ip("::ffff:1.2.3.4")), ipKey(ip("1.2.3.4")));
});

// Network, its canonical text, what is inside, what is outside.
const NETWORKS: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  ["10.1.2.3", "10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.2", "::10.1.2.3", "::"]],
  ["10.1.2.3/32", "10.1.2.3", ["10.1.2.3"], ["10.1.2.2"]],
  ["10.0.0.0/8", "10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "a00::"]],
  ["10.9.9.9/08", "10.9.9.9/8", ["10.0.0.1"], ["11.9.9.9"]],
  ["192.0.2.128/25", "192.0.2.128/25", ["192.0.2.255"], ["192.0.2.127"]],
  ["128.0.0.0/1", "128.0.0.0/1", ["255.0.0.1"], ["127.255.255.255"]],
  ["10.1.2.3/255.255.255.0", "10.1.2.3/24", ["10.1.2.99"], ["10.1.3.3"]],
  ["10.1.2.3/255.255.255.255", "10.1.2.3", ["10.1.2.3"], ["10.1.2.4"]],
  ["10.1.2.3/255.0.255.0", "10.1.2.3/255.0.255.0", ["10.77.2.88"], ["10.1.3.3", "11.1.2.3"]],
  ["10.1.2.3/0.0.0.1", "10.1.2.3/0.0.0.1", ["99.0.0.1"], ["10.1.2.2"]],
  ["10.1.2.3/0.0.0.0", "10.1.2.3/0.0.0.0", ["99.0.0.1"], ["::1"]],
  ["2001:db8::/32", "2001:db8::/32", ["2001:db8:ffff::1"], ["2001:db9::", "32.1.13.184"]],
  ["2001:db8::1", "2001:db8::1", ["2001:db8::1"], ["2001:db8::2"]],
  ["2001:db8::1/128", "2001:db8::1", ["2001:db8::1"], ["2001:db8::"]],
  ["8000::/1", "8000::/1", ["ffff::"], ["7fff::", "128.0.0.1"]],
  ["::ffff:10.0.0.0/104", "10.0.0.0/8", ["10.2.3.4"], ["11.0.0.0"]],
];

for (const [text, canonical, inside, outside] of NETWORKS) {
  test(`parseIpNetwork() and containsIp() know ${text}`, () => {
    const network = parseIpNetwork(text);
    assert.ok(!("reason" in network));
    for (const address of inside) assert.ok(containsIp(network, ip(address)), address);
    for (const address of outside) assert.ok(!containsIp(network, ip(address)), address);
    assert.equal(networkText(network), canonical);
    assert.deepEqual(parseIpNetwork(canonical.includes("/") ? canonical : text), network);
  });
}

test("parseIpNetwork() tells a bad address, a missing mask and bad masks apart", () => {
  const refusals: readonly (readonly [string, string, string])[] = [
    ["1.2.3.999", "bad-address", "1.2.3.999"],
    ["", "bad-address", ""],
    ["10.1/8", "bad-address", "10.1"],
    ["/24", "bad-address", ""],
    ["any", "bad-address", "any"],
    ["::1%lo/64", "bad-address", "::1%lo"],
    ["1.2.3.4/", "missing-mask", "1.2.3.4/"],
    ["::1/", "missing-mask", "::1/"],
    ["1.2.3.4/0", "bad-prefix-length", "0"],
    ["1.2.3.4/33", "bad-prefix-length", "33"],
    ["1.2.3.4/024", "bad-prefix-length", "024"],
    ["1.2.3.4/-1", "bad-prefix-length", "-1"],
    ["1.2.3.4/24x", "bad-prefix-length", "24x"],
    ["1.2.3.4/24/24", "bad-prefix-length", "24/24"],
    ["1.2.3.4/ 24", "bad-prefix-length", " 24"],
    ["1.2.3.4/255.0", "bad-prefix-length", "255.0"],
    ["1.2.3.4/255.255", "bad-dotted-mask", "255.255"],
    ["1.2.3.4/255.255.0.256", "bad-dotted-mask", "255.255.0.256"],
    ["1.2.3.4/abcdefgh", "bad-dotted-mask", "abcdefgh"],
    ["::1/0", "bad-prefix-length", "0"],
    ["::1/129", "bad-prefix-length", "129"],
    ["::1/255.255.255.0", "bad-prefix-length", "255.255.255.0"],
    ["::ffff:10.0.0.0/8", "bad-prefix-length", "8"],
    ["::ffff:10.0.0.0/96", "bad-prefix-length", "96"],
  ];
  for (const [text, reason, blamed] of refusals) assert.deepEqual(parseIpNetwork(text), { reason, text: blamed }, text);
});

test("networkStart() clears the bits behind the network's", () => {
  const cases = [["10.1.2.3", 24, "10.1.2.0"], ["10.1.2.255", 31, "10.1.2.254"], ["2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"], ["fd00::ff", 121, "fd00::80"]] as const;
  for (const [text, length, start] of cases) assert.equal(formatIp(networkStart(parseIp(text)!, length)), start);
  for (const length of [0, 33]) assert.throws(() => networkStart(parseIp("10.0.0.1")!, length), new RangeError(`Cannot make a network: expected 1 to 32 bits, got ${length}`));
});
