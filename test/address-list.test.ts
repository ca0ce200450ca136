import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchesAddressList, parseAddressList } from "../src/config/address-list.ts";
import { formatIp, ipFromBytes, parseIp } from "../src/ip.ts";
import { generator } from "./support/gen.ts";

const matches = (list: string, ip: string): boolean => {
  const parsed = parseAddressList(list);
  assert(parsed.ok, list);
  return matchesAddressList(parsed.value, parseIp(ip)!);
};

describe("matchesAddressList()", () => {
  const rows: readonly (readonly [list: string, inside: readonly string[], outside: readonly string[]])[] = [
    ["ANY", ["0.0.0.0", "255.1.2.3", "::", "2001:db8::1"], []],
    ["any", ["1.2.3.4", "2001:db8::1"], []],
    ["10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.4", "::10.1.2.3"]],
    ["10.0.0.0/8,192.168.1.1", ["10.255.0.1", "192.168.1.1"], ["11.0.0.0", "192.168.1.2", "::1"]],
    [" 10.0.0.0/8 ,  192.168.1.1 ", ["10.0.0.0", "192.168.1.1"], ["192.168.1.0"]],
    ["172.16.0.0/255.240.0.0", ["172.31.9.9"], ["172.32.0.0"]],
    ["10.0.0.1/255.0.0.255", ["10.9.9.1"], ["10.9.9.2"]],
    ["2001:db8::/32, ::1", ["2001:db8:ffff::", "::1"], ["2001:db9::", "::2", "1.2.3.4"]],
    ["ANY, !10.0.0.0/8", ["11.0.0.1", "::1"], ["10.0.0.1", "::ffff:10.0.0.1"]],
    ["!10.9.9.9, 10.0.0.0/8", ["10.9.9.8"], ["10.9.9.9", "11.0.0.0"]],
    ["! 10.9.9.9, 10.0.0.0/8", ["10.9.9.8"], ["10.9.9.9"]],
  ];
  for (const [list, inside, outside] of rows) {
    it(`finds in "${list}" what is in it and nothing else`, () => {
      assert.deepEqual(inside.filter((ip) => !matches(list, ip)), []);
      assert.deepEqual(outside.filter((ip) => matches(list, ip)), []);
    });
  }

  it("finds each random address in the list of itself and not in that of its neighbour", () => {
    const gen = generator("address lists");
    for (let round = 0; round < 300; round++) {
      const ip = ipFromBytes(gen.bytes(gen.pick([4, 16])));
      assert.equal(matches(formatIp(ip), formatIp(ip)), true);
      assert.equal(matches(formatIp(ipFromBytes(gen.flipBit(ip.bytes))), formatIp(ip)), false);
      assert.equal(matches(`ANY,!${formatIp(ip)}`, formatIp(ip)), false);
    }
  });
});

describe("parseAddressList()", () => {
  const refused: readonly (readonly [list: string, message: RegExp, offset: number | undefined])[] = [
    ["10.0.0.0/33", /^Invalid IP mask str '33'/, 0],
    ["10.0.0.0/0", /^Invalid IP mask str '0'/, 0],
    ["1.1.1.1, 10.0.0.0/x", /^Invalid IP mask str 'x'/, 9],
    ["10.0.0.0/", /^Missing mask value/, 0],
    ["10.0.0.0/255.255.255.999", /error parsing IP mask to int for: 255\.255\.255\.999/, 0],
    ["1.2.3.999", /^Fatal error parsing IP to int for: 1\.2\.3\.999/, 0],
    ["1.2.3.4 5.6.7.8", /Fatal error parsing IP to int for: 1\.2\.3\.4 5\.6\.7\.8/, 0],
    ["10.1", /Fatal error parsing IP/, 0],
    ["0.0.0.00", /Fatal error parsing IP/, 0],
    ["010.0.0.1", /Fatal error parsing IP/, 0],
    ["1.1.1.1,", /Fatal error parsing IP/, 8],
    ["1.1.1.1,,2.2.2.2", /Fatal error parsing IP/, 8],
    ["host.example", /Fatal error parsing IP/, 0],
    ["2001:db8::/129", /Invalid IP mask str '129'/, 0],
    ["!ANY", /Fatal error parsing IP/, 0],
    ["!10.0.0.1", /begin it with ANY/, undefined],
    ["1.1.1.1\u001b[2J", /1\.1\.1\.1\\x1b/, 0],
    [`1.1.1.1/${"9".repeat(500)}`, /^.{1,120}$/, 0],
  ];
  for (const [list, message, offset] of refused) {
    it(`refuses ${JSON.stringify(list.slice(0, 40))}`, () => {
      const parsed = parseAddressList(list);
      assert(!parsed.ok);
      assert.match(parsed.message, message);
      assert.equal(parsed.offset, offset);
    });
  }
});
