import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hexText, latin1Text, utf8Bytes } from "../src/bytes.ts";
import { type EncryptedKnocks, encryptedKnocks, sharedKnocks } from "../src/client/port-knocks.ts";
import { readRcLines } from "../src/config/fwknoprc.ts";
import { parseIp } from "../src/ip.ts";
import { deriveKeyAndIv, fitPerlKey } from "../src/kdf.ts";
import { formatKnock, type PortKnock } from "../src/port-knock.ts";
import { decryptRijndael, unpadPkcs7 } from "../src/rijndael.ts";
import { type ClientBench, openClientBench } from "./support/client-host.ts";
import { requirePeer } from "./support/require-peer.ts";

const KEY = utf8Bytes("knock key");
const REQUEST: EncryptedKnocks = {
  address: parseIp("203.0.113.5")!, access: { protocol: "tcp", port: 8022 }, username: "alice", key: KEY, salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), offset: 61000, isRotated: false,
};

const blobOf = (knocks: readonly PortKnock[], offset = 61000): Uint8Array => Uint8Array.from(knocks, (knock) => (knock.protocol === "icmp" ? Number.NaN : knock.port - offset));

/** What a server makes of the ports. */
function decrypted(knocks: readonly PortKnock[], offset: number): Uint8Array {
  const blob = blobOf(knocks, offset);
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

test("encryptedKnocks() tells ICMP as port 0, and a name of 7 bytes whole", () => {
  assert.equal(hexText(decrypted(encryptedKnocks({ ...REQUEST, access: { protocol: "icmp" }, username: "sevenxx" }), 61000)), `cb00710500000142${hexText(utf8Bytes("sevenxx"))}`);
});

test("encryptedKnocks() is opened by openssl, with a short key that is padded and with a long one that is not cut", (t) => {
  if (!requirePeer(t, "openssl")) return;
  for (const [key, passphrase] of [["short", "short00000000000"], ["a key that is longer than sixteen bytes", "a key that is longer than sixteen bytes"]] as const) {
    const input = blobOf(encryptedKnocks({ ...REQUEST, key: utf8Bytes(key) }));
    const { status, stdout, stderr } = spawnSync("openssl", ["enc", "-d", "-aes-256-cbc", "-md", "md5", "-pass", `pass:${passphrase}`], { input });
    assert.equal(status, 0, String(stderr));
    assert.deepEqual([...stdout], [203, 0, 113, 5, 31, 86, 6, 188, ...Buffer.from("alice")], key);
  }
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

test("sharedKnocks() knows a server by its name in any case, or by the address that this stands for", () => {
  const lines = readRcLines(utf8Bytes("Old.example.com: UDP/9, icmp/0\n192.0.2.7: tcp/1\n192.0.2.8: tcp/1,,udp/1\n192.0.2.9: tcp/65536\n"));
  const read = (server: string, address: string): string => {
    const knocks = sharedKnocks(lines, server, parseIp(address));
    return knocks.ok ? knocks.value.map(formatKnock).join(" ") : knocks.message;
  };
  assert.equal(read("old.example.com", "203.0.113.1"), "udp/9 icmp");
  assert.equal(read("gate.example.com", "192.0.2.7"), "tcp/1");
  assert.match(read("192.0.2.8", "192.0.2.8"), /got ''$/);
  assert.match(read("192.0.2.9", "192.0.2.9"), /line 4 of the rc file, got 'tcp\/65536'$/);
});

const bench = (t: TestContext): ClientBench => openClientBench(t, t.name);
const KNOCK = ["--Server-mode", "knock", "-A", "tcp/22", "-a", "203.0.113.5", "-D", "127.0.0.1", "--key-rijndael", "knock key", "--no-save-args"];

/** What `-T` lists. */
const listed = (stdout: string): PortKnock[] => [...stdout.matchAll(/^ (tcp|udp)\/(\d+)$/gm)].map(([, protocol, port]) => ({ protocol: protocol as "tcp" | "udp", port: Number(port) }));

test("fwknop --Server-mode knock -T lists the knocks for a host name of -a, an address of -s, and the name of -U, and sends none", async (t) => {
  const { run } = bench(t);
  const said = async (...argv: string[]): Promise<Uint8Array> => {
    const { status, stdout, stderr } = await run(...KNOCK, "-T", "--no-rc-file", "-o", "2000", "--rotate-proto", ...argv);
    assert.deepEqual([status, stderr], [0, ""]);
    const knocks = listed(stdout);
    assert.deepEqual(knocks.map(({ protocol }) => protocol), Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? "tcp" : "udp")));
    return decrypted(knocks, 2000);
  };
  const plaintext = await said();
  assert.deepEqual([...plaintext.subarray(0, 7)], [203, 0, 113, 5, 0, 22, 6]);
  assert.equal(latin1Text(plaintext.subarray(8)), "alice");
  assert.deepEqual([...(await said("-a", "localhost")).subarray(0, 4)], [127, 0, 0, 1]);
  assert.deepEqual([...(await said("-s")).subarray(0, 4)], [0, 0, 0, 0]);
  assert.equal(latin1Text((await said("-U", "bob")).subarray(8)), "bob");
  assert.deepEqual([...(await said("-A", "UDP/53")).subarray(4, 7)], [0, 53, 17]);
  assert.deepEqual([...(await said("-A", "icmp")).subarray(4, 7)], [0, 0, 1]);
});

test("fwknop --Server-mode shared knocks at the ports of the rc file, whose stanzas are read and saved as ever", async (t) => {
  const { run, home } = bench(t);
  const heard: number[] = [];
  const open = async (): Promise<number> => {
    const server = createServer((socket) => {
      heard.push(socket.localPort!);
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    return (server.address() as { port: number }).port;
  };
  const [first, second] = [await open(), await open()];
  const line = `127.0.0.1: tcp/${second}, udp/${first}, tcp/${first}\n`;
  writeFileSync(join(home, ".fwknoprc"), `${line}[default]\nFW_TIMEOUT 9\n`, { mode: 0o600 });
  // What [default] says of packets is refused by name, not passed over.
  assert.match((await run("--Server-mode", "shared", "-D", "127.0.0.1")).stderr, /^fwknop: error: --Server-mode shared: cannot be combined with --fw-timeout\n$/);
  writeFileSync(join(home, ".fwknoprc"), `${line}[default]\n`, { mode: 0o600 });
  assert.deepEqual(await run("--Server-mode", "shared", "-D", "localhost", "--time-delay", "0"), { status: 0, stdout: "", stderr: "" });
  for (let look = 0; look < 100 && heard.length < 2; look++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(heard, [second, first]);
  assert.equal((await run("-T", "-A", "tcp/22", "-s", "-D", "127.0.0.1", "--key-rijndael", "k", "--save-rc-stanza", "-n", "other", "--no-save-args")).status, 0);
  const saved = readFileSync(join(home, ".fwknoprc"), "latin1");
  assert.ok(saved.startsWith(line) && saved.includes("[other]\n"), saved);
  assert.match((await run("--Server-mode", "shared", "-D", "127.0.0.1", "-A", "tcp/22", "--time-delay", "0")).stderr, /^fwknop: warning: --access and --allow-ip are not told by a shared sequence: [^\n]*\n$/);
});

const REFUSED: readonly (readonly [name: string, argv: readonly string[], words: RegExp])[] = [
  ["no port", ["--Server-mode", "knock", "-T", "-s"], /^--access: expected one PROTO\/PORT for --Server-mode knock, got ''$/],
  ["port 0", [...KNOCK, "-A", "tcp/0"], /^--access: .*, got 'tcp\/0'$/],
  ["an IPv6 server", [...KNOCK, "-D", "::1"], /^--destination: .*IPv4/],
  ["-6", [...KNOCK, "-6"], /^--Server-mode knock: cannot be combined with --ipv6$/],
  ["a server with a port", [...KNOCK, "-D", "127.0.0.1:22"], /^--destination: expected a host without a port for --Server-mode knock, got '127\.0\.0\.1:22'$/],
  ["no address to open for", ["--Server-mode", "knock", "-T", "-A", "tcp/22", "--key-rijndael", "k"], /^--allow-ip: expected an IPv4 address for --Server-mode knock$/],
  ["no server", ["--Server-mode", "shared"], /^Must use --destination/],
  ["NAT", [...KNOCK, "-N", "h:1"], /^--Server-mode knock: cannot be combined with --nat-access$/],
  ["GnuPG", [...KNOCK, "--gpg-recipient-key", "r"], /^--Server-mode knock: cannot be combined with --gpg-encryption$/],
  ["a transport", [...KNOCK, "-P", "tcp"], /^--Server-mode knock: cannot be combined with --server-proto$/],
  ["a time", [...KNOCK, "--time-offset-plus", "1"], /^--Server-mode knock: cannot be combined with --time-offset-plus$/],
  ["a file for the packet", [...KNOCK, "--Save-packet"], /^--Server-mode knock: cannot be combined with --save-packet$/],
  ["an offset for a shared sequence", ["--Server-mode", "shared", "-D", "127.0.0.1", "--offset", "1"], /^--Server-mode shared: cannot be combined with --offset$/],
  ["an offset without a sequence", ["-T", "-A", "tcp/22", "-s", "--offset", "1"], /^--offset: expected --Server-mode knock$/],
];
for (const [name, argv, words] of REFUSED) {
  test(`fwknop --Server-mode refuses ${name} in one line`, async (t) => {
    const { status, stdout, stderr } = await bench(t).run(...argv, "--no-save-args", "--no-rc-file");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^fwknop: error: [^\n]*\n$/);
    assert.match(stderr.replace(/^fwknop: error: /, "").trimEnd(), words);
  });
}
