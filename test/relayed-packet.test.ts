import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text } from "../src/bytes.ts";
import { formatIp } from "../src/ip.ts";
import { parseRelayedPacket } from "../src/relayed-packet.ts";

function read(line: string): string | undefined {
  const packet = parseRelayedPacket(line, 1);
  return packet && `${formatIp(packet.source)} ${packet.protocol} ${latin1Text(packet.payload)} ${formatIp(packet.destination)}`;
}

test("parseRelayedPacket() reads address, protocol, and the packet up to a blank", () => {
  assert.equal(read("192.0.2.7:17:abc+/="), "192.0.2.7 17 abc+/= 0.0.0.0");
  assert.equal(read("192.0.2.7:6:abc\r"), "192.0.2.7 6 abc 0.0.0.0");
  assert.equal(read("2001:6::17:1:17:abc and more"), "2001:6::17:1 17 abc ::");
});

test("parseRelayedPacket() refuses what does not say whom it is from", () => {
  for (const line of ["", "abc", ":17:abc", "localhost:17:abc", "192.0.2.256:17:abc", "192.0.2.7:1:abc", "192.0.2.7:17:", "192.0.2.7:17: abc", "192.0.2.7:17:a:b", " 192.0.2.7:17:abc", "17:abc"]) {
    assert.equal(read(line), undefined, line);
  }
});
