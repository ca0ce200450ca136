import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allowsPort, parsePortList } from "../src/config/port-list.ts";
import type { PortSpec } from "../src/firewall/grant.ts";

const allows = (list: string, spec: string): boolean => {
  const parsed = parsePortList(list);
  assert(parsed.ok, list);
  const [protocol, port] = spec.split("/") as [PortSpec["protocol"], string];
  return allowsPort(parsed.value, { protocol, port: Number(port) });
};

describe("allowsPort()", () => {
  const rows: readonly (readonly [list: string, inside: readonly string[], outside: readonly string[]])[] = [
    ["tcp/22", ["tcp/22"], ["udp/22", "tcp/2", "tcp/220"]],
    ["tcp/22,tcp/22", ["tcp/22"], ["tcp/80"]],
    ["TCP/22 , Udp/53", ["tcp/22", "udp/53"], ["tcp/53", "udp/22"]],
    ["tcp/6000-6010", ["tcp/6000", "tcp/6005", "tcp/6010"], ["tcp/5999", "tcp/6011", "udp/6005"]],
    ["udp/1-65535", ["udp/1", "udp/65535"], ["tcp/1"]],
    ["tcp/9-9", ["tcp/9"], ["tcp/8", "tcp/10"]],
    ["tcp/22, icmp, icmp/0, icmp/", ["tcp/22"], ["tcp/0", "udp/22"]],
    ["icmp/0", [], ["tcp/22", "udp/1"]],
  ];
  for (const [list, inside, outside] of rows) {
    it(`finds in "${list}" what is in it and nothing else`, () => {
      assert.deepEqual(inside.filter((spec) => !allows(list, spec)), []);
      assert.deepEqual(outside.filter((spec) => allows(list, spec)), []);
    });
  }
});

describe("parsePortList()", () => {
  const refused: readonly (readonly [list: string, message: RegExp, offset: number])[] = [
    ["tcp", /^Parse error on access port entry: tcp$/, 0],
    ["tcp/22,", /^Parse error on access port entry: an empty item$/, 7],
    ["tcp/22,,udp/53", /^Parse error/, 7],
    ["tcp/22/23", /^Parse error/, 0],
    ["tcp/22, sctp/22", /^Invalid protocol in access port entry/, 8],
    ["ANY", /^Parse error/, 0],
    ["tcp/x", /^Invalid port/, 0],
    ["tcp/22x", /^Invalid port/, 0],
    ["tcp/0", /^Invalid port/, 0],
    ["tcp/65536", /^Invalid port/, 0],
    ["tcp/-22", /^Invalid port/, 0],
    ["tcp/25-22", /^Invalid port/, 0],
    ["tcp/22-", /^Invalid port/, 0],
    ["tcp/22-25-28", /^Invalid port/, 0],
    ["tcp/", /^Invalid port/, 0],
    ["tcp/ 22", /^Invalid port/, 0],
    ["tcp/22 udp/53", /^Parse error/, 0],
    ["icmp/8", /^Invalid protocol/, 0],
  ];
  for (const [list, message, offset] of refused) {
    it(`refuses "${list}"`, () => {
      const parsed = parsePortList(list);
      assert(!parsed.ok);
      assert.match(parsed.message, message);
      assert.equal(parsed.offset, offset);
    });
  }
});
