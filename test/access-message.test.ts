import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAccessMessage, parseCommandMessage, parseNatAccess, parsePortSpec } from "../src/access-message.ts";
import { formatIp } from "../src/ip.ts";

describe("parseAccessMessage()", () => {
  const accepted: readonly (readonly [text: string, address: string, ports: string])[] = [
    ["203.0.113.5,tcp/22", "203.0.113.5", "tcp/22"],
    ["0.0.0.0,tcp/22,udp/53,tcp/65535", "0.0.0.0", "tcp/22 udp/53 tcp/65535"],
    ["2001:db8::1,tcp/22", "2001:db8::1", "tcp/22"],
    ["::ffff:192.0.2.1,tcp/1", "192.0.2.1", "tcp/1"],
  ];
  for (const [text, address, ports] of accepted) {
    it(`reads ${text}`, () => {
      const request = parseAccessMessage(text);
      assert(request.ok);
      assert.equal(formatIp(request.address), address);
      assert.equal(request.ports.map(({ protocol, port }) => `${protocol}/${port}`).join(" "), ports);
    });
  }

  const refused: readonly (readonly [text: string, code: number])[] = [
    ["0.0.0.00,tcp/22", 100],
    ["10.1,tcp/22", 100],
    ["host.example,tcp/22", 100],
    [",tcp/22", 100],
    ["010.0.0.1,tcp/22", 100],
    ["203.0.113.5", 102],
    ["203.0.113.5,", 102],
    ["203.0.113.5,none/0", 102],
    ["203.0.113.5,icmp/8", 102],
    ["203.0.113.5,TCP/22", 102],
    ["203.0.113.5,tcp/0", 102],
    ["203.0.113.5,tcp/65536", 102],
    ["203.0.113.5,tcp/22-25", 102],
    ["203.0.113.5,tcp/22,", 102],
    ["203.0.113.5,tcp/22 ", 102],
    ["203.0.113.5,tcp/22;reboot", 102],
  ];
  for (const [text, code] of refused) {
    it(`refuses ${text} with number ${code}`, () => {
      const request = parseAccessMessage(text);
      assert(!request.ok);
      assert.equal(request.code, code);
    });
  }
});

describe("parsePortSpec()", () => {
  it("takes no sign, blank or hexadecimal number", () => {
    for (const text of ["tcp/+22", "tcp/ 22", "tcp/0x16", "tcp/2e1", "tcp//22", "tcp", "/22", ""]) assert.equal(parsePortSpec(text), undefined, text);
  });
});

describe("parseCommandMessage()", () => {
  it("keeps commas and quotes of the command", () => {
    const request = parseCommandMessage('0.0.0.0,logger "spa: hello, you" && /bin/date');
    assert(request.ok);
    assert.equal(request.command, 'logger "spa: hello, you" && /bin/date');
  });

  it("refuses a message without a command, or without an address", () => {
    for (const [text, code] of [["203.0.113.5", 101], ["203.0.113.5, ", 101], ["x,/bin/date", 100]] as const) {
      const request = parseCommandMessage(text);
      assert(!request.ok);
      assert.equal(request.code, code, text);
    }
  });
});

describe("parseNatAccess()", () => {
  it("reads addresses of both families and names", () => {
    for (const [text, host, port] of [["192.168.10.5,22", "192.168.10.5", 22], ["2001:db8::5,443", "2001:db8::5", 443], ["host.example.com,65535", "host.example.com", 65535], [",22", "", 22]] as const) {
      assert.deepEqual(parseNatAccess(text), { ok: true, host, port });
    }
  });

  it("refuses what is not host,port", () => {
    for (const text of ["192.168.10.5", "h,0", "h,65536", "h,22,23", "a b,22", "a/b,22", 'a",22', `${"a".repeat(71)},22`]) assert(!parseNatAccess(text).ok, text);
  });
});
