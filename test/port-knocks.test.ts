import assert from "node:assert/strict";
import { test } from "node:test";
import { hexText, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { type EncryptedKnocks, encryptedKnocks, formatKnock, type PortKnock, sharedKnocks } from "../src/client/port-knocks.ts";
import { readRcLines } from "../src/config/fwknoprc.ts";
import { parseIp } from "../src/ip.ts";
import { deriveKeyAndIv, fitPerlKey } from "../src/kdf.ts";
import { decryptRijndael, unpadPkcs7 } from "../src/rijndael.ts";

const KEY = utf8Bytes("knock key");
const REQUEST: EncryptedKnocks = {
  address: parseIp("203.0.113.5")!, access: { protocol: "tcp", port: 8022 }, username: "alice", key: KEY, salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), offset: 61000, isRotated: false,
};

/** What a server makes of the ports. */
function decrypted(knocks: readonly PortKnock[], offset: number): Uint8Array {
  const blob = Uint8Array.from(knocks, (knock) => (knock.protocol === "icmp" ? Number.NaN : knock.port - offset));
  assert.equal(latin1Text(blob.subarray(0, 8)), "Salted__");
  const { key, iv } = deriveKeyAndIv(fitPerlKey(KEY), blob.subarray(8, 16));
  return unpadPkcs7(decryptRijndael(blob.subarray(16), { mode: "cbc", key, iv }));
}

test("encryptedKnocks() spells address, port, protocol, checksum and name in 32 ports", () => {
  const knocks = encryptedKnocks(REQUEST);
  assert.equal(knocks.length, 32);
  assert.ok(knocks.every((knock) => knock.protocol === "tcp" && knock.port >= 61000 && knock.port <= 61255));
  // 203 + 0 + 113 + 5 + 31 + 86 + 6 = 444, modulo 256 = 188
  assert.equal(hexText(decrypted(knocks, 61000)), `cb0071051f5606bc${hexText(utf8Bytes("alice"))}`);
});

test("encryptedKnocks() cuts a name that would need more knocks, takes another offset, and can take turns with UDP", () => {
  const knocks = encryptedKnocks({ ...REQUEST, username: "wolfgang", access: { protocol: "udp", port: 53 }, offset: 0, isRotated: true });
  assert.deepEqual(knocks.map(({ protocol }) => protocol), Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? "tcp" : "udp")));
  const plaintext = decrypted(knocks, 0);
  assert.equal(plaintext[6], 17);
  assert.equal(latin1Text(plaintext.subarray(8)), "wolfgan");
});

test("sharedKnocks() reads the line of a server in front of the stanzas", () => {
  const lines = readRcLines(utf8Bytes("# 10.0.0.1: tcp/1\n10.0.0.1:tcp/5501, udp/1001 ,icmp\n10.0.0.11 : tcp/2\n10.0.0.2: tcp/0\n[default]\n10.0.0.3: tcp/3\n"));
  const read = (server: string): string => {
    const knocks = sharedKnocks(lines, server);
    return knocks.ok ? knocks.value.map(formatKnock).join(" ") : knocks.message;
  };
  assert.equal(read("10.0.0.1"), "tcp/5501 udp/1001 icmp");
  assert.equal(read("10.0.0.11"), "tcp/2");
  assert.match(read("10.0.0.2"), /^--Server-mode shared: expected tcp\/PORT, udp\/PORT or icmp in line 4 of the rc file, got 'tcp\/0'$/);
  for (const server of ["10.0.0.3", "10.0.0", ""]) assert.match(read(server), /^--Server-mode shared: expected a line '.*: tcp\/5501, udp\/1001, icmp' in front of the rc file's stanzas$/);
});
