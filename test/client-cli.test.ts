/** The client program, from its command line to its exit status, output and files. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { utf8Bytes } from "../src/bytes.ts";
import { CLIENT } from "../src/cli/client-options.ts";
import { listOptions } from "../src/cli/options.ts";
import { DIGESTS, openPacket } from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { systemHost } from "../src/node/client/host.ts";
import { perlSettings } from "../src/node/client/perl-options.ts";
import { type ClientBench, type ClientRun, openClientBench } from "./support/client-host.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";
import { setLimit } from "./support/limits.ts";
import { requirePeers } from "./support/require-peer.ts";

const KEYS = ["--key-rijndael", "testkey", "--key-hmac", "testhmac"];
const REQUEST = ["-A", "tcp/22", "-a", "203.0.113.5", "-D", "127.0.0.1"];
const QUIET = ["--no-rc-file", "--no-save-args"];
/** Many ports: with the default digests and a user name of 24 letters the packet is just short enough for the C program. */
const CROWDED = ["-A", Array(11).fill("tcp/1234").join(",")];

const bench = (t: TestContext): ClientBench => openClientBench(t, t.name);

function messageIn(stdout: string): string | undefined {
  return /^ Message String: (.*)$/m.exec(stdout)?.[1];
}

/** The fields of a packet that was made with {@link KEYS}, or with others; an empty HMAC key stands for none. */
function open(packet: string, key = "testkey", hmacKey = "testhmac"): ReturnType<typeof openPacket> {
  return openPacket(utf8Bytes(packet.trim()), { mode: "cbc", key: utf8Bytes(key), ...(hmacKey !== "" && { hmac: new HmacKey(DIGESTS.sha256.hash, utf8Bytes(hmacKey)) }) });
}

/** A failed run: one line on standard error that starts like all of ours, perhaps a hint, nothing else. */
function assertRefused(run: ClientRun, words: RegExp, status = 1): void {
  assert.equal(run.status, status, run.stdout + run.stderr);
  const [line, ...others] = run.stderr.trimEnd().split("\n").filter((text) => !text.startsWith("[-] file:"));
  assert.match(line!, words);
  assert.match(line!, /^fwknop: (error: )?[\w*-]/);
  assert.ok(others.every((other) => other.startsWith("hint: ")), run.stderr);
}

describe("fwknop: what is asked for", () => {
  test("fwknop -T makes a packet that opens with its keys, and sends nothing", async (t) => {
    const { run, home } = bench(t);
    const packet = join(home, "packet");
    const { status, stdout, stderr } = await run("-T", ...REQUEST, ...KEYS, ...QUIET, "-B", packet);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, /^test mode enabled, SPA packet not actually sent\.$/m);
    const opened = open(readFileSync(packet, "latin1"));
    assert.ok(opened.ok);
    assert.deepEqual(
      { ...opened.message, random: "" },
      { random: "", username: "alice", timestamp: 1795344073, version: "3.0.0", type: 1, message: "203.0.113.5,tcp/22", digestType: "sha256" },
    );
  });

  test("fwknop sends a datagram without a word", async (t) => {
    const { run } = bench(t);
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    t.after(() => socket.close());
    await once(socket, "listening");
    const heard = once(socket, "message") as Promise<[Buffer, { port: number }]>;
    assert.deepEqual(await run(...REQUEST, ...KEYS, ...QUIET, "-p", String(socket.address().port)), { status: 0, stdout: "", stderr: "" });
    assert.ok(open((await heard)[0].toString("latin1")).ok);
  });

  test("fwknop -D HOST:PORT sends there", async (t) => {
    const { run } = bench(t);
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    t.after(() => socket.close());
    await once(socket, "listening");
    const heard = once(socket, "message") as Promise<[Buffer]>;
    await run("-A", "tcp/22", "-s", "-D", `127.0.0.1:${socket.address().port}`, ...KEYS, ...QUIET);
    const opened = open((await heard)[0].toString("latin1"));
    assert.ok(opened.ok && opened.message.message === "0.0.0.0,tcp/22");
  });

  test("fwknop --close asks for one second", async (t) => {
    assert.match((await bench(t).run("-T", ...REQUEST, ...KEYS, ...QUIET, "-f", "60", "--close")).stdout, /^ Client Timeout: 1$/m);
  });

  test("fwknop -a takes IPv6, and says that C servers do not", async (t) => {
    const { stdout, stderr } = await bench(t).run("-T", "-A", "tcp/22", "-a", "2001:DB8::0:1", ...KEYS, ...QUIET);
    assert.equal(messageIn(stdout), "2001:db8::1,tcp/22");
    assert.match(stderr, /^fwknop: warning: --allow-ip: an IPv6 address is understood by fko-tool's server only.*\n$/);
  });

  test("fwknop -a takes a host name, whose IPv4 address goes into the packet; with -6 the IPv6 one", async (t) => {
    const { run } = bench(t);
    const { stdout, stderr } = await run("-T", "-v", "-A", "tcp/22", "--allow-IP", "localhost", ...KEYS, ...QUIET);
    assert.deepEqual([messageIn(stdout), stderr], ["127.0.0.1,tcp/22", ""]);
    assert.match(stdout, /^\[\+\] Resolved localhost as: 127\.0\.0\.1$/m);
    const other = await run("-T", "-6", "-A", "tcp/22", "-a", "localhost", ...KEYS, ...QUIET); // not every machine has one
    if (other.status === 0) assert.equal(messageIn(other.stdout), "::1,tcp/22");
    else assertRefused(other, /Invalid allow IP specified for SPA access: --allow-ip: .*IPv6/);
  });

  test("fwknop -s warns with -v, and not in test mode", async (t) => {
    const { run } = bench(t);
    const knock = ["-A", "tcp/22", "-s", "-D", "127.0.0.1", "-v", ...KEYS, ...QUIET];
    assert.match((await run(...knock)).stderr, /\[-\] WARNING: Should use -a or -R to harden SPA against potential MITM attacks/);
    assert.equal((await run(...knock, "-T")).stderr, "");
  });

  test("fwknop finds the user's name where the C program does", async (t) => {
    const { run, env } = bench(t);
    const name = async (): Promise<string> => /Username: (.*)/.exec((await run("-T", ...REQUEST, ...KEYS, ...QUIET)).stdout)![1]!;
    assert.equal(await name(), "alice");
    env["SPOOF_USER"] = "spoofed";
    assert.equal(await name(), "spoofed");
    delete env["SPOOF_USER"];
    delete env["LOGNAME"];
    env["USER"] = "last";
    assert.equal(await name(), "login");
    env["LOGNAME"] = "x".repeat(60);
    assert.equal(await name(), "x".repeat(48));
  });

  test("fwknop --server-auth puts the password into the packet and shows it nowhere", async (t) => {
    const { run, home } = bench(t);
    const file = join(home, "p");
    const { stdout } = await run("-T", "-v", ...REQUEST, ...KEYS, ...QUIET, "--server-auth", "crypt,s3cret", "-B", file);
    assert.match(stdout, /^ {4}Server Auth: crypt,\(hidden\)$/m);
    assert.ok(!stdout.includes("s3cret") && !stdout.includes(Buffer.from("crypt,s3cret").toString("base64").replace(/=+$/, "")), stdout);
    const opened = open(readFileSync(file, "latin1"));
    assert.ok(opened.ok && opened.message.serverAuth === "crypt,s3cret");
  });

  test("fwknop --json prints one object without keys, and talks on standard error", async (t) => {
    const { run } = bench(t);
    const { stdout, stderr } = await run("-T", "-v", ...REQUEST, ...KEYS, ...QUIET, "--json", "-f", "9", "-N", "h:1");
    const { packet, random, ...report } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(report, {
      sent: false, bytesSent: 0, protocol: "udp", server: "127.0.0.1", address: null, port: 62201, sourcePort: null, username: "alice", timestamp: 1795344073, version: "3.0.0",
      messageType: 4, messageTypeName: "Client timeout NAT access msg", message: "203.0.113.5,tcp/22", natAccess: "h,1", clientTimeout: 9, digestType: "sha256", hmacType: "sha256",
      encryptionMode: "cbc", verify: null,
    });
    assert.match(String(random), /^\d{16}$/);
    assert.ok(open(String(packet)).ok);
    assert.match(stderr, /SPA Field Values:/);
    assert.ok(!/testkey|testhmac/.test(stdout + stderr));
  });
});

describe("fwknop -R", () => {
  test("fwknop asks all resolvers, wants them to agree, and tells how far the clock is off", async (t) => {
    const lab = bench(t);
    const answers: Record<string, string> = { "/a": " 198.51.100.7\r\n", "/b": "198.51.100.7", "/other": "198.51.100.8", "/junk": "<html>", "/six": "2001:db8::5", "/a,other": "198.51.100.9" };
    const agents: (string | undefined)[] = [];
    const server = createHttpServer((request, response) => {
      agents.push(request.headers["user-agent"]);
      response.setHeader("Date", new Date((lab.now - 300) * 1000).toUTCString());
      response.end(answers[request.url!]);
    }).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const resolve = (paths: readonly string[], ...more: string[]): Promise<ClientRun> =>
      lab.run("-T", "-v", "-A", "tcp/22", ...KEYS, ...QUIET, "--resolve-http-only", "--resolve-url", paths.map((path) => base + path).join(","), ...more);

    const good = await resolve(["/a", "/b"]);
    assert.equal(messageIn(good.stdout), "198.51.100.7,tcp/22");
    assert.match(good.stdout, /^\[\+\] Resolved external IP \(via '.*\/a', '.*\/b'\) as: 198\.51\.100\.7$/m);
    assert.match(good.stderr, /^fwknop: warning: our clock is (299|300) seconds fast, servers refuse packets .*; --time-offset-minus corrects it\n$/);
    assert.match(agents[0]!, /^Fwknop\/\d/);
    assertRefused(await resolve(["/a", "/other"]), /Could not resolve IP via: '.*\/other'/);
    assertRefused(await resolve(["/junk"]), /Could not resolve IP via: .*Invalid IP/);
    lab.now = Math.floor(Date.now() / 1000);
    assert.match((await resolve(["/six"])).stderr, /^fwknop: warning: --resolve-ip-https: an IPv6 address is understood by fko-tool's server only/m);
    const one = await lab.run("-T", "-A", "tcp/22", ...KEYS, ...QUIET, "--resolve-http-only", "--resolve-url", `${base}/a,other`);
    assert.equal(messageIn(one.stdout), "198.51.100.9,tcp/22");
    assert.match(one.stderr, /--resolve-url: '.*\/a,other' is asked as one URL; of several, each needs its http:\/\/ or https:\/\//);
    assert.equal(messageIn((await resolve(["/junk"], "-a", "1.1.1.1")).stdout), "1.1.1.1,tcp/22");
    assert.equal(messageIn((await resolve(["/a"], "--Max-resolve-http-size", "15")).stdout), "198.51.100.7,tcp/22");
    assertRefused(await resolve(["/a"], "--Max-resolve-http-size", "14"), /Could not resolve IP via: .*: More than 14 bytes came/);
    await resolve(["/a"], "--use-wget-user-agent");
    assert.equal(agents.at(-1), undefined);
    const insecure = await lab.run("-T", "-A", "tcp/22", ...KEYS, ...QUIET, "-R", "--resolve-url", `${base}/a`);
    assert.match(insecure.stderr, /\[-\] Warning: IP resolution URL '.*' should begin with 'https:\/\/' in -R mode\./);
  });
});

describe("fwknop: what is refused", () => {
  const REFUSED: readonly (readonly [name: string, argv: readonly string[], words: RegExp])[] = [
    ["no destination", ["-A", "tcp/22", "-s"], /error: Must use --destination unless --test mode is used/],
    ["no address", ["-A", "tcp/22", "-D", "h"], /error: Must use one of \[-s\|-R\|-a\] to specify IP for SPA access/],
    ["a command without an address", ["-C", "x", "-D", "h"], /Must use one of \[-s\|-a\]/],
    ["a bad address", ["-T", "-A", "tcp/22", "-a", "256.1.1.1"], /Invalid allow IP specified for SPA access: --allow-ip expects/],
    ["a server that no HTTP request can name", ["-T", "-v", ...REQUEST, ...KEYS, "-P", "http", "-D", "a b"], /send_spa_packet: packet not sent\. Cannot build request: expected a server without blanks, got 'a b'$/],
    ["a user agent of two lines", ["-T", ...REQUEST, ...KEYS, "-P", "http", "-u", "a\nb"], /send_spa_packet: packet not sent\. Cannot build request: expected a user agent without control characters, got 'a\\x0ab'$/],
    ["an address with octal digits", ["-T", "-A", "tcp/22", "-a", "0.0.0.00"], /Invalid allow IP/],
    ["what a resolver would take for an address", ["-T", "-A", "tcp/22", "-a", "0x7f.1"], /Invalid allow IP .* or a host name, got '0x7f\.1'/],
    ["a host name with a bad character", ["-T", "-A", "tcp/22", "-a", "a_b!"], /Invalid allow IP/],
    ["a host name that nobody knows", ["-T", "-A", "tcp/22", "-a", "no.such.host.invalid"], /Invalid allow IP specified for SPA access: --allow-ip: .* \('no\.such\.host\.invalid'\)/],
    ["an address that is too long", ["-T", "-A", "tcp/22", "-a", "123.123.123.1234"], /Invalid allow IP/],
    ["-T without an address", ["-T", "-A", "tcp/22"], /fko_set_spa_message: Error 100 - .*, use -a, -R or -s$/],
    ["-T -C without an address", ["-T", "-C", "x"], /fko_set_spa_message: Error 101 - .*, use -a or -s$/],
    ["no ports", ["-T", "-s"], /Invalid SPA access message format: no ports to open, use -A/],
    ["none/0", ["-T", "-s", "-A", "none/0"], /Error 102 - Invalid SPA access message format: --access expects/],
    ["a bad spoofed source", ["-T", ...REQUEST, "-P", "icmp", "-Q", "3.3.3"], /Invalid spoof IP: --spoof-source/],
    ["a spoofed source over a socket", ["-T", ...REQUEST, "-Q", "3.3.3.3"], /Must set -P <udpraw\|tcpraw\|icmp> with a spoofed source IP/],
    ["a proxy without HTTP", ["-T", ...REQUEST, "-H", "p", "-P", "udp"], /Cannot set --http-proxy with a non-HTTP protocol/],
    ["a proxy's port", ["-T", ...REQUEST, "-H", "p:0"], /--http-proxy: proxy port value is invalid, must be in \[1-65535\].*packet not sent/],
    ["GnuPG without a recipient", ["-T", ...REQUEST, "-g"], /Must specify --gpg-recipient-key when GPG is used/],
    ["asymmetric mode without GnuPG", ["-T", ...REQUEST, "-M", "Asymmetric"], /Must specify GPG recipient/],
    ["legacy mode with an HMAC", ["-T", ...REQUEST, "-M", "legacy", ...KEYS], /Legacy encryption mode is incompatible with HMAC usage/],
    ["the same key twice", ["-T", ...REQUEST, "--key-rijndael", "x", "--key-hmac", "x"], /The encryption passphrase and HMAC key should not be identical, no SPA packet sent/],
    ["the same key twice, once in base64", ["-T", ...REQUEST, "--key-rijndael", "x", "--key-base64-hmac", "eA=="], /should not be identical/],
    ["a key of 33 bytes", ["-T", ...REQUEST, "--key-rijndael", "x".repeat(33)], /^fwknop: fko_spa_data_final: Error 95 - Invalid key length: .* --key-rijndael$/],
    ["a key that is no base64", ["-T", ...REQUEST, "--key-base64-rijndael", "a!"], /--key-base64-rijndael: Base64 encoded Rijndael argument doesn't look like base64-encoded data/],
    ["an HMAC key that is no base64", ["-T", ...REQUEST, "--key-base64-hmac", "a!"], /--key-base64-hmac: Base64 encoded HMAC argument doesn't look like base64-encoded data/],
    ["an HMAC key of no bytes", ["-T", ...REQUEST, "--key-rijndael", "x", "--key-base64-hmac", ""], /Invalid decoded key length: '0', must be in \[1,128\]/],
    ["a command with NAT", ["-T", "-a", "1.1.1.1", "-C", "x", "-N", "h:1", ...KEYS], /--server-cmd: cannot be combined with --nat-access.*Args contain invalid data/],
    ["server authentication with NAT", ["-T", ...REQUEST, "-N", "h:1", "--server-auth", "crypt,x"], /--server-auth: cannot be combined/],
    ["a time before 1970", ["-T", ...REQUEST, "--time-offset-minus", "65536d", ...KEYS], /fko_set_timestamp: Error 88 - .*: --time-offset-plus or --time-offset-minus leads out/],
    ["a server authentication of 64 bytes", ["-T", ...REQUEST, "--server-auth", `crypt,${"x".repeat(58)}`, ...KEYS], /fko_set_spa_server_auth: Error 94 - .*: --server-auth takes at most 63 bytes$/],
    ["to close what a command did", ["-T", "-s", "-C", "x", "--close"], /--close: cannot be combined with --server-cmd/],
    ["a password for no proxy", ["-T", ...REQUEST, "-P", "http", "--http-proxy-password", "x"], /--http-proxy-user, --http-proxy-password: expected a proxy/],
    ["port knocking with a packet's options", ["-T", ...REQUEST, ...KEYS, "--Server-mode", "knock"], /--Server-mode knock: cannot be combined with --use-hmac/],
    ["port knocking at two ports", ["-T", "-s", "-D", "h", "-A", "tcp/1,tcp/2", "--Server-mode", "knock"], /--access: expected one PROTO\/PORT for --Server-mode knock, got 'tcp\/1,tcp\/2'/],
    ["port knocking for an IPv6 address", ["-T", "-a", "::1", "-D", "h", "-A", "tcp/1", "--Server-mode", "knock"], /--allow-ip: expected an IPv4 address for --Server-mode knock/],
    ["a delay without port knocking", ["-T", ...REQUEST, ...KEYS, "--time-delay", "1"], /--time-delay: expected --Server-mode knock/],
    ["a sequence that the rc file does not have", ["-T", "-D", "h", "--Server-mode", "shared"], /--Server-mode shared: expected a line 'h: tcp\/5501, udp\/1001, icmp' in front of the rc file's stanzas/],
    ["tries without a port to try", [...REQUEST, "--retry", "3"], /--retry: expected --verify/],
    ["both families", ["-T", ...REQUEST, "-4", "-6"], /--ipv6: cannot be combined/],
    ["a bad port to verify", [...REQUEST, "--verify", "icmp/1"], /--verify: expected tcp\/PORT or udp\/PORT/],
    ["a command in a message of 193 bytes", ["-T", "-a", "203.0.113.5", "-C", "x".repeat(181), ...KEYS], /fko_set_spa_message: Error 94 - .*: --server-cmd makes a message of 193 bytes, servers take at most 192/],
    ["many ports in a message of 193 bytes", ["-T", "-a", "203.0.113.5", "-A", `${"tcp/1234,".repeat(18)}tcp/12345,udp/12345`, ...KEYS], /Error 94 - .*: --access makes a message of 193 bytes/],
    ["a NAT host of 71 characters", ["-T", ...REQUEST, "-N", `${"a".repeat(35)}.${"b".repeat(35)}:1`, ...KEYS], /fko_set_nat_access_str: Error 103 - /],
    ["a gpg that is not there", ["-T", ...REQUEST, "--gpg-recipient-key", "r", "--gpg-exe", "/no/such/gpg"], /--gpg-exe: fko_set_gpg_exe: Error 134 - Unable to stat the given GPG executable: '\/no\/such\/gpg'/],
    ["a folder of key rings that is not there", ["-T", ...REQUEST, "--gpg-recipient-key", "r", "--gpg-exe", process.execPath, "--gpg-home-dir", "/no/such"], /--gpg-home-dir: fko_set_gpg_home_dir: Error 135 - Unable to stat the given GPG home directory: '\/no\/such'/],
    ["an option that does not exist", ["--nosuch"], /unrecognized option '--nosuch'/],
    ["a user name with a bad first character", ["-T", ...REQUEST, "-U", ":a", ...KEYS], /fko_set_username: Error 90 - .*: --spoof-user/],
    ["a bad user name from the environment", ["-T", ...REQUEST, "-U", "a:b", ...KEYS], /fko_set_username: Error 91 - .*: --spoof-user/],
  ];
  for (const [name, argv, words] of REFUSED) {
    test(`fwknop refuses ${name} in one line`, async (t) => assertRefused(await bench(t).run(...argv, ...QUIET), words));
  }

  test("fwknop takes what lies just inside: keys of 32 and 128 bytes, a message of 192, a packet of 399 for the C program", async (t) => {
    const { run } = bench(t);
    for (const argv of [
      ["-T", ...REQUEST, "--key-rijndael", "x".repeat(32), "--key-hmac", "y".repeat(128)],
      ["-T", "-a", "203.0.113.5", "-C", "x".repeat(125), ...KEYS],
      ["-T", "-a", "1.1.1.1", ...CROWDED, "-U", "u".repeat(24), ...KEYS],
      ["-T", ...REQUEST, "-M", "legacy", "--key-rijndael", "x".repeat(16)],
      ["-T", ...REQUEST, "--server-auth", `crypt,${"x".repeat(57)}`, "--time-offset-minus", "1d", ...KEYS],
    ]) assert.deepEqual({ ...(await run(...argv, ...QUIET)), stdout: "" }, { status: 0, stdout: "", stderr: "" });
    for (const argv of [["-C", "x".repeat(180)], ["-A", `${"tcp/1234,".repeat(19)}udp/12345`]]) assert.equal((await run("-T", "-a", "203.0.113.5", ...argv, ...KEYS, ...QUIET)).status, 0);
  });

  test("fwknop says when a packet is longer than the C program's server takes", async (t) => {
    const { run } = bench(t);
    for (const argv of [["-a", "203.0.113.5", "-C", "x".repeat(126)], ["-a", "1.1.1.1", ...CROWDED, "-U", "u".repeat(25)]]) {
      const { status, stderr } = await run("-T", ...argv, ...KEYS, ...QUIET);
      assert.equal(status, 0);
      assert.match(stderr, /^fwknop: warning: the packet has \d{3} characters, more than the C program's server takes: ask for less\n$/);
    }
  });

  test("fwknop says when it cuts a key as older programs do", async (t) => {
    const { run } = bench(t);
    assert.match((await run("-T", ...REQUEST, "-M", "legacy", "--key-rijndael", "x".repeat(17), ...QUIET)).stderr, /Encryption key in '-M legacy' mode must be <= 16 bytes long/);
    assert.match((await run("-T", ...REQUEST, "--key-rijndael", "x", "--key-hmac", "y".repeat(129), ...QUIET)).stderr, /only the first 128 of 129 bytes/);
  });

  test("fwknop tells network failures apart", async (t) => {
    const { run } = bench(t);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    assertRefused(await run(...REQUEST, ...KEYS, ...QUIET, "-P", "tcp", "-p", String(port)), /packet not sent\. .*Could not create socket: Connection refused/);
    assertRefused(await run("-A", "tcp/22", "-s", "-D", "no.such.host.invalid", ...KEYS, ...QUIET), /packet not sent\. error in getaddrinfo: /);
    assertRefused(await run("-A", "tcp/22", "-s", "-D", "no.such.host.invalid", "-P", "icmp", "-T", ...KEYS, ...QUIET), /resolve_dst_addr\(\) : .*Unable to resolve no\.such\.host\.invalid as an ip address/);
  });
});

describe("fwknop: keys", () => {
  const opensWith = async (t: TestContext, lab: ClientBench, argv: readonly string[], key: string, hmacKey: string): Promise<void> => {
    const file = join(lab.home, "packet");
    const run = await lab.run("-T", ...REQUEST, ...QUIET, "-B", file, ...argv);
    assert.equal(run.status, 0, run.stderr);
    assert.ok(open(readFileSync(file, "latin1"), key, hmacKey).ok, t.name);
  };

  test("fwknop --stdin reads two keys, a line each, and ends at the end of the file", async (t) => {
    const lab = bench(t);
    lab.input = ["first key", "second"];
    await opensWith(t, lab, ["--stdin", "--use-hmac"], "first key", "second");
    lab.input = ["only"];
    await opensWith(t, lab, ["--stdin", "--key-hmac", "h"], "only", "h");
    lab.input = ["only"];
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--stdin", "--use-hmac"), /HMAC key: expected a line on file descriptor 0, got the end of the file/);
    lab.input = [""];
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--stdin"), /Invalid key length: '0'/);
  });

  test("fwknop --fd names a descriptor that is not open", async (t) => {
    assertRefused(await bench(t).run("-T", ...REQUEST, ...QUIET, "--fd", "987"), /Unable to create a stream from the file descriptor 987: Bad file descriptor/);
  });

  test("fwknop --fd leaves descriptors alone that Node has open for itself", { skip: process.platform !== "linux" && "only Linux tells what a descriptor is" }, async () => {
    await ensureBuilt();
    const listed = spawnSync(process.execPath, ["-e", `const fs = require("node:fs");
      for (const fd of fs.readdirSync("/proc/self/fd")) try { console.log(fd + " " + fs.readlinkSync("/proc/self/fd/" + fd)); } catch {}`], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    const links = listed.stdout.trim().split("\n").map((line) => line.split(" ")).filter(([fd]) => Number(fd) > 2);
    const own = links.filter(([, link]) => link!.startsWith("anon_inode:") || (link!.startsWith("pipe:") && links.filter(([, other]) => other === link).length > 1)).map(([fd]) => fd!);
    assert.ok(own.length > 3, own.join());
    for (const fd of own) {
      const fwknop = (...args: readonly string[]): string => {
        const [program, ...words] = shipped("fwknop", "-T", ...REQUEST, ...QUIET, "--fd", fd, ...args);
        const { status, signal, stderr } = spawnSync(program, words, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"], timeout: 20_000 });
        return `${status ?? signal} ${stderr}`;
      };
      assert.equal(fwknop(), `1 fwknop: error: getpasswd() - Unable to create a stream from the file descriptor ${fd}: Bad file descriptor\n`);
      assert.equal(fwknop("--key-rijndael", "k"), "0 ");
    }
    // bash hands this pipe over twice, and the numbers that Node then takes are others.
    const given = spawnSync("bash", ["-c", `exec "$@" 4< <(printf 'one\\ntwo\\n')`, "bash", ...shipped("fwknop", "-T", ...REQUEST, ...QUIET, "--use-hmac", "--fd", "4")], { encoding: "utf8", timeout: 20_000 });
    assert.deepEqual([given.status, given.stderr], [0, ""]);
  });

  test("fwknop -G takes the key of the destination from a file", async (t) => {
    const lab = bench(t);
    const file = join(lab.home, "keys");
    writeFileSync(file, "127.0.0.1: a key; # with all\nh: x\n", { mode: 0o600 });
    await opensWith(t, lab, ["-G", file], "a key; # with all", "");
    await opensWith(t, lab, ["-G", file, "--get-hmac-key", file, "--key-rijndael", "k"], "k", "a key; # with all");
    assertRefused(await lab.run("-T", "-D", "other", "-A", "tcp/22", "-s", ...QUIET, "-G", file), /Could not get key for IP: other from: .*key for it not found/);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "-G", `${file}.none`), /Could not open config file: .*\.none/);
    chmodSync(file, 0o622);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "-G", file), /other users can change this file, so it is not used/);
    assert.equal((await lab.run("-T", ...REQUEST, ...QUIET, "-G", file, "--insecure-permissions")).status, 0);
  });

  test("fwknop --key-cmd takes the first line of a command, which no shell sees", async (t) => {
    const lab = bench(t);
    await opensWith(t, lab, ["--key-cmd", `printf 'a key\\nuser: x\\n'`, "--hmac-key-cmd", `printf %s "$HOME"`], "a key", "$HOME");
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", "false"), /Key command false ended with status 1, expected the key on its first line/);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", "true"), /Key command true printed nothing/);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", "yes"), /Key command yes printed more than 65536 bytes/);
    for (const stubborn of ["yes & wait", "trap '' TERM; yes & while :; do sleep 1; done"]) {
      assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", `sh -c "${stubborn}"`), /Key command sh -c '.*' printed more than 65536 bytes/);
    }
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", "/no/such"), /Key command \/no\/such cannot be started: No such file or directory/);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", "a 'b"), /quotes in pairs/);
    assertRefused(await lab.run("-T", ...REQUEST, ...QUIET, "--key-cmd", '""'), /Key command: expected a program/);
  });

  test("fwknop prefers KEY over KEY_BASE64, wherever they come from", async (t) => {
    const lab = bench(t);
    const rc = join(lab.home, "rc");
    writeFileSync(rc, "[default]\nKEY stanza\nHMAC_KEY h\n", { mode: 0o600 });
    const file = join(lab.home, "packet");
    assert.equal((await lab.run("-T", ...REQUEST, "--no-save-args", "--rc-file", rc, "--key-base64-rijndael", "AAAA", "-B", file)).status, 0);
    assert.ok(open(readFileSync(file, "latin1"), "stanza", "h").ok);
  });

  test("fwknop -k prints keys, -K writes them for us alone, also over a link and an older file", async (t) => {
    const { run, home } = bench(t);
    assert.match((await run("-k", ...QUIET)).stdout, /^KEY_BASE64: \S{44}\nHMAC_KEY_BASE64: \S{88}\n$/);
    assert.match((await run("-k", ...QUIET, "--key-len", "16", "--hmac-digest-type", "md5")).stdout, /^KEY_BASE64: \S{24}\nHMAC_KEY_BASE64: \S{24}\n$/);
    const file = join(home, "keys");
    const link = join(home, "link");
    writeFileSync(file, "old", { mode: 0o644 });
    symlinkSync(file, link);
    assert.deepEqual(await run("-K", link, ...QUIET), { status: 0, stdout: `[+] Wrote Rijndael and HMAC keys to: ${link}\n`, stderr: "" });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, "latin1"), /^KEY_BASE64: /);
    assertRefused(await run("-k", ...QUIET, "--key-len", "33"), /^fwknop: fko_key_gen: Error 68 - .*: --key-len takes 1 to 32$/);
    assertRefused(await run("-K", "/no/such/folder/file", ...QUIET), /Could not write file: \/no\/such\/folder\/file: No such file or directory/);
  });

  test("fwknop without a key and without a terminal says what to do", async (t) => {
    // A session of its own has no terminal.
    const child = spawn(process.execPath, [...IMPORT, PROGRAM, "-T", ...REQUEST, ...QUIET], { detached: true, stdio: ["ignore", "ignore", "pipe"], env: bench(t).env });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    assert.deepEqual(await once(child, "close"), [1, null]);
    assert.match(stderr, /^fwknop: error: getpasswd\(\) key error\. There is no terminal.*\n$/);
  });
});

describe("fwknop: the rc file", () => {
  test("fwknop makes one of comments for who has none, readable by them alone", async (t) => {
    const { run, home } = bench(t);
    const path = join(home, ".fwknoprc");
    const first = await run("-T", ...REQUEST, ...KEYS, "--no-save-args");
    assert.ok(first.stdout.startsWith(`[*] Creating initial rc file: ${path}.\n`));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, "latin1"), /^\[default\]$/m);
    assert.ok(!(await run("-T", ...REQUEST, ...KEYS, "--no-save-args")).stdout.includes("Creating"));
  });

  test("fwknop goes on when it cannot make one", async (t) => {
    const { run } = bench(t);
    const { status, stderr } = await run("-T", ...REQUEST, ...KEYS, "--no-save-args", "--rc-file", "/no/such/rc");
    assert.equal(status, 0);
    assert.match(stderr, /^fwknop: warning: Unable to create initial rc file: \/no\/such\/rc: No such file or directory\n$/);
  });

  test("fwknop reads [default], the named stanza over it, the command line over both", async (t) => {
    const { run, home } = bench(t);
    writeFileSync(join(home, ".fwknoprc"), "[default]\nSPA_SERVER a\nACCESS tcp/1\nALLOW_IP 1.1.1.1\nKEY k\n[n]\nACCESS tcp/2\n[r]\nALLOW_IP source\nFW_TIMEOUT 8\n", { mode: 0o600 });
    const message = async (...argv: string[]): Promise<string | undefined> => messageIn((await run("-T", "--no-save-args", ...argv)).stdout);
    assert.equal(await message(), "1.1.1.1,tcp/1");
    assert.equal(await message("-n", "N"), "1.1.1.1,tcp/2");
    assert.equal(await message("-n", "n", "-A", "tcp/3"), "1.1.1.1,tcp/3");
    assert.equal(await message("-n", "r"), "0.0.0.0,tcp/1");
    assert.equal(await message("-n", "r", "-a", "2.2.2.2"), "2.2.2.2,tcp/1");
    assertRefused(await run("-T", "--no-save-args", "-n", "none"), /Named configuration stanza: \[none\] was not found\./);
    assert.match((await run("-T", "-vv", "--no-save-args", "-n", "r")).stdout, /Parsing section 'default' \.\.\.\n.*Parsing section 'r'/);
  });

  test("fwknop lets VERBOSE of a stanza win over -v, as the C program does", async (t) => {
    const { run, home } = bench(t);
    writeFileSync(join(home, ".fwknoprc"), "[default]\nVERBOSE 0\n[n]\nVERBOSE 2\n", { mode: 0o600 });
    const said = async (...argv: string[]): Promise<string> => (await run("-T", ...REQUEST, ...KEYS, "--no-save-args", ...argv)).stdout;
    assert.doesNotMatch(await said("-v"), /Generating SPA packet/);
    assert.match(await said("-n", "n"), /Generating SPA packet/);
  });

  test("fwknop tells each mistake of the stanzas that it uses, with file and line", async (t) => {
    const { run, home } = bench(t);
    const rc = join(home, "rc");
    writeFileSync(rc, "[default]\n[n]\nFW_TIMEOUT x\nFOO bar\n[other]\nBAD\n", { mode: 0o600 });
    const { status, stderr } = await run("-T", ...REQUEST, ...KEYS, "--rc-file", rc, "--no-save-args", "-n", "n");
    assert.equal(status, 1);
    assert.deepEqual(stderr.split("\n"), [
      `fwknop: error: Parameter error in ${rc}, line 3: var=FW_TIMEOUT, val=x: --fw-timeout must be within [0-65536], got 'x'`,
      `fwknop: error: Parameter error in ${rc}, line 4: var=FOO, val=bar: no such variable`,
      "",
    ]);
    assert.equal((await run("-T", ...REQUEST, ...KEYS, "--rc-file", rc, "--no-save-args")).status, 0);
  });

  test("fwknop warns of an rc file that others can read, and refuses one that others can write", async (t) => {
    const { run, home } = bench(t);
    const rc = join(home, "rc");
    writeFileSync(rc, "[default]\n");
    chmodSync(rc, 0o644);
    const readable = await run("-T", ...REQUEST, ...KEYS, "--rc-file", rc, "--no-save-args");
    assert.equal(readable.status, 0);
    assert.match(readable.stderr, /permissions should only be user read\/write \(0600, -rw-------\)/);
    chmodSync(rc, 0o660);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, "--rc-file", rc, "--no-save-args"), /other users can change this file/);
    assert.equal((await run("-T", ...REQUEST, ...KEYS, "--rc-file", rc, "--no-save-args", "--insecure-permissions")).status, 0);
  });

  test("fwknop takes /dev/null for an rc file when it is told to, no folder, and leaves the device alone", async (t) => {
    const { run, home } = bench(t);
    const mode = statSync("/dev/null").mode;
    assert.equal((await run("-T", ...REQUEST, ...KEYS, "--rc-file", "/dev/null", "-E", "/dev/null")).status, 0);
    assert.match((await run("-T", ...REQUEST, ...KEYS, "--rc-file", "", "--no-save-args")).stdout, /Creating initial rc file: .*\.fwknoprc\.$/m);
    assert.equal(statSync("/dev/null").mode, mode);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, "--rc-file", home, "--no-save-args"), /expected an rc file, got a folder/);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, "--rc-file", "/dev/null/x", "--no-save-args"), /Unable to stat\(\) or read rc file/);
  });

  test("fwknop refuses options that contradict each other about files", async (t) => {
    const { run, env } = bench(t);
    assertRefused(await run("--no-rc-file", "-n", "x"), /Cannot set stanza name in --no-rc-file mode/);
    assertRefused(await run("--no-rc-file", "--save-rc-stanza"), /Cannot save an rc stanza in --no-rc-file mode/);
    assertRefused(await run("--no-rc-file", "--stanza-list"), /Cannot list stanzas in --no-rc-file mode/);
    assertRefused(await run("--no-home-dir", "-E", "x"), /in --no-home-dir mode, must set --rc-file path/);
    assertRefused(await run("--no-home-dir", "--rc-file", "x"), /In --no-home-dir mode must set the args save file path with -E/);
    assertRefused(await run("--no-home-dir", "--no-rc-file", "--no-save-args"), /must set the args save file path/);
    delete env["HOME"];
    assertRefused(await run("-T", ...REQUEST, ...KEYS), /Unable to determine HOME directory/);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, "--no-rc-file"), /Unable to determine args save file/);
  });

  test("fwknop --stanza-list lists all but default", async (t) => {
    const { run, home } = bench(t);
    const rc = join(home, "rc");
    writeFileSync(rc, "[default]\n[stanza_1]\njunk\n[stanza_2]\n[stanza_1]\n", { mode: 0o600 });
    assert.deepEqual(await run("--rc-file", rc, "--stanza-list"), {
      status: 0, stdout: `The following stanzas are configured in ${rc} :\n - stanza_1\n - stanza_2\n - stanza_1\n`, stderr: "",
    });
    assertRefused(await run("--rc-file", `${rc}.none`, "--stanza-list"), /Unable to open rc file: .*rc\.none: No such file or directory/);
    assert.ok(!existsSync(`${rc}.none`));
  });

  test("fwknop --save-rc-stanza saves what was given, then goes on", async (t) => {
    const { run, home } = bench(t);
    const rc = join(home, "rc");
    writeFileSync(rc, "# mine\n[default]\n", { mode: 0o600 });
    const options = ["--rc-file", rc, "--no-save-args"];
    const saved = await run("-T", ...REQUEST, ...KEYS, ...options, "--save-rc-stanza", "-m", "md5", "--time-offset-minus", "60");
    assert.equal(messageIn(saved.stdout), "203.0.113.5,tcp/22");
    const text = readFileSync(rc, "latin1");
    assert.ok(text.startsWith("# mine\n[default]\n\n[127.0.0.1]\nDIGEST_TYPE                 MD5\n"), text);
    const replayed = await run("-T", "-n", "127.0.0.1", "--no-save-args", "--rc-file", rc);
    assert.equal(messageIn(replayed.stdout), "203.0.113.5,tcp/22");
    assert.match(replayed.stdout, /Digest Type: 1 \(MD5\)/);
    assertRefused(await run("-T", "-A", "tcp/22", ...options, "--save-rc-stanza"), /Must use --destination/);
    assertRefused(await run("-T", ...REQUEST, ...options, "--save-rc-stanza", "-n", "a]b"), /--named-config: expected a name without '\]'/);
    assertRefused(await run("-T", ...REQUEST, ...options, "--save-rc-stanza", "-u", "a b"), /Cannot save HTTP_USER_AGENT/);
    assert.equal(readFileSync(rc, "latin1"), text);
  });

  test("fwknop --save-rc-stanza asks before it overwrites keys; the end of the input means no", async (t) => {
    const lab = bench(t);
    const rc = join(lab.home, "rc");
    const before = "[n]\nKEY old\nGPG_SIGNER s\n";
    const save = (...more: string[]): Promise<ClientRun> =>
      lab.run("-T", "-n", "N", ...REQUEST, "--key-rijndael", "new", "--rc-file", rc, "--no-save-args", "--save-rc-stanza", ...more);
    const after = async (input: readonly string[], ...more: string[]): Promise<string> => {
      writeFileSync(rc, before, { mode: 0o600 });
      lab.input = [...input];
      const { status, stdout } = await save(...more);
      assert.equal(status, 0);
      assert.equal(/^Variable 'KEY' found in stanza 'n'\. Overwrite \[N\/y\] \? $/m.test(stdout), !more.includes("--force-stanza"));
      assert.match(stdout, /^SPA Field Values:$/m);
      return readFileSync(rc, "latin1").split("\n").filter((line) => /KEY|SIGNER/.test(line)).map((line) => line.replace(/ +/, "=")).join(" ");
    };
    assert.equal(await after(["y", "n"]), "KEY=new GPG_SIGNER=s");
    assert.equal(await after(["Y", "yes"]), "KEY=old");
    assert.equal(await after([]), "KEY=old GPG_SIGNER=s");
    assert.equal(await after([], "--force-stanza"), "KEY=new");
  });

  test("fwknop --save-rc-stanza does not undo what an editor did while it waited for an answer", async (t) => {
    const lab = bench(t);
    const rc = join(lab.home, "rc");
    writeFileSync(rc, "[n]\nKEY old\n", { mode: 0o600 });
    const edited = "[n]\nKEY edited\n";
    lab.input = Object.assign([], { shift: () => (writeFileSync(rc, edited), "y") });
    assertRefused(await lab.run("-T", "-n", "n", ...REQUEST, "--key-rijndael", "new", "--rc-file", rc, "--no-save-args", "--save-rc-stanza"), /Stanza was not saved: .*rc has been changed by somebody else meanwhile/);
    assert.equal(readFileSync(rc, "latin1"), edited);
  });

  test("fwknop -k --save-rc-stanza saves the keys, or says that it could not", async (t) => {
    const lab = bench(t);
    const rc = join(lab.home, "rc");
    writeFileSync(rc, "", { mode: 0o600 });
    const made = await lab.run("-k", "-n", "n", "-A", "tcp/22", "-s", "-D", "h", "--rc-file", rc, "--save-rc-stanza");
    assert.deepEqual(made, { status: 0, stdout: `[+] Wrote Rijndael and HMAC keys to rc file: ${rc}\n`, stderr: "" });
    const text = readFileSync(rc, "latin1");
    assert.match(text, /^KEY_BASE64 +\S{44}$/m);
    assert.match(text, /^HMAC_KEY_BASE64 +\S{88}$/m);
    assert.equal((await lab.run("-T", "-n", "n", "--rc-file", rc, "--no-save-args")).status, 0);
    assertRefused(await lab.run("-k", "-n", "n", "--rc-file", rc, "--save-rc-stanza"), /Stanza was not saved: KEY_BASE64 stays in .*rc, line \d+/);
    assert.equal(readFileSync(rc, "latin1"), text);
  });
});

describe("fwknop: the last command line", () => {
  test("fwknop keeps its options without keys, and runs and shows them again", async (t) => {
    const { run, home } = bench(t);
    await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "-C", "");
    const file = join(home, ".fwknop.run");
    assert.equal(readFileSync(file, "latin1"), "fwknop -T -A tcp/22 -a 203.0.113.5 -D 127.0.0.1 --no-rc-file -C ''\n");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await run("--show-last")).stdout, "Last fwknop client command line: fwknop -T -A tcp/22 -a 203.0.113.5 -D 127.0.0.1 --no-rc-file -C ''\n");
    const again = await run("-l", "-v", ...KEYS);
    assert.match(again.stdout, /^Executing: fwknop -T -A tcp\/22/);
    assert.equal(messageIn(again.stdout), "203.0.113.5,tcp/22");
    assert.equal(messageIn((await run("-l", "-A", "udp/53", ...KEYS)).stdout), "203.0.113.5,udp/53");
    assert.equal(readFileSync(file, "latin1").split(" ")[1], "-T");
  });

  test("fwknop reads the C program's file, and shows no keys from it", async (t) => {
    const { run, home } = bench(t);
    const file = join(home, "args");
    writeFileSync(file, "fwknop -T -A tcp/22 -a 1.2.3.4 --no-rc-file --key-rijndael s3cret \n", { mode: 0o600 });
    assert.equal((await run("-E", file, "--show-last")).stdout, "Last fwknop client command line: fwknop -T -A tcp/22 -a 1.2.3.4 --no-rc-file\n");
    assert.equal(messageIn((await run("-E", file, "-l")).stdout), "1.2.3.4,tcp/22");
  });

  test("fwknop warns of kept command lines that others can read, and refuses those that others can write", async (t) => {
    const { run, home } = bench(t);
    const file = join(home, "args");
    writeFileSync(file, "fwknop -T -A tcp/22 -a 1.2.3.4 --no-rc-file --then touch /tmp/x\n");
    chmodSync(file, 0o644);
    const shown = await run("-E", file, "--show-last");
    assert.deepEqual([shown.status, shown.stdout.startsWith("Last fwknop client command line: fwknop -T")], [0, true]);
    assert.match(shown.stderr, /^\[-\] file: .*args permissions should only be user read\/write \(0600, -rw-------\)$/m);
    chmodSync(file, 0o620);
    for (const option of ["--show-last", "-l"]) assertRefused(await run("-E", file, option, ...KEYS), /args: other users can change this file, so it is not used/);
  });

  test("fwknop says on standard error which options are not kept, and when nothing can be", async (t) => {
    const { run, home } = bench(t);
    const { stdout, stderr } = await run("-T", "-v", ...REQUEST, ...KEYS, "--no-rc-file");
    assert.equal(stderr, "fwknop: warning: not kept for --last-cmd, because of their secrets: --key-rijndael --key-hmac\n");
    assert.ok(stdout.startsWith("SPA Field Values:\n"));
    const unkept = await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "-E", home);
    assert.deepEqual([unkept.status, unkept.stderr], [0, `fwknop: warning: Could not open args file: ${home}: Is a directory; the command line is not kept\n`]);
    await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "-E", "", "-U", "");
    assert.match((await run("--show-last")).stdout, / -E '' -U ''$/m);
    assert.match((await run("-l", ...KEYS)).stdout, /^ +Username: alice$/m);
  });

  test("fwknop says when there is no command line", async (t) => {
    const { run, home } = bench(t);
    assertRefused(await run("-l"), /Could not open args file: .*\.fwknop\.run/);
    assertRefused(await run("--show-last", "-E", join(home, "x")), /Could not open args file: .*\/x/);
    assertRefused(await run("--last-host", "h"), /Could not open args file: .*\.fwknop\.hosts/);
    for (const option of ["--last-host", "--show-host-cmd"]) {
      assertRefused(await run(option, "h", "--home-dir", fileURLToPath(import.meta.url)), /Could not open args file: .*\.fwknop\.hosts: Not a directory$/);
    }
  });

  test("fwknop keeps the last command line of each server that it sent to", async (t) => {
    const { run } = bench(t);
    for (const [host, port] of [["127.0.0.1", "1"], ["127.0.0.2", "2"], ["127.0.0.1", "3"]]) await run("-A", `tcp/${port}`, "-s", "-D", host!, ...KEYS, "--no-rc-file");
    assert.equal((await run("--show-host-cmd", "127.0.0.1")).stdout, "Last fwknop client command line: fwknop -A tcp/3 -s -D 127.0.0.1 --no-rc-file\n");
    assert.equal(messageIn((await run("--Last-host", "127.0.0.2", "-T", ...KEYS)).stdout), "0.0.0.0,tcp/2");
    assertRefused(await run("--last-host", "h"), /Could not find a command line for h/);
  });

  test("fwknop --Save-dst keeps a command line that --Last-host prefers to later ones", async (t) => {
    const { run, home } = bench(t);
    const knockAt = (port: string, ...more: string[]): Promise<ClientRun> => run("-A", `tcp/${port}`, "-s", "-D", "127.0.0.1", ...KEYS, "--no-rc-file", ...more);
    await knockAt("1", "--Save-dst");
    await knockAt("2");
    assert.equal(statSync(join(home, ".fwknop.save")).mode & 0o777, 0o600);
    assert.equal(messageIn((await run("--Last-host", "127.0.0.1", "-T", ...KEYS)).stdout), "0.0.0.0,tcp/1");
    assert.match(readFileSync(join(home, ".fwknop.hosts"), "latin1"), /tcp\/2/);
    assert.match((await run("--show-last")).stdout, /tcp\/2/);
    await knockAt("3", "--save-dst");
    assert.match((await run("--Show-host-cmd", "127.0.0.1")).stdout, /-A tcp\/3 /);
  });

  test("fwknop --Save-packet and --HTTP-proxy need no argument, as the Perl program's", async (t) => {
    const { run, home, env } = bench(t);
    assert.equal((await run("--Save-packet", "-T", ...REQUEST, ...KEYS, ...QUIET)).status, 0);
    const [file] = readdirSync(home);
    assert.match(file!, /^fwknop_save_packet\.\d+$/);
    assert.ok(open(readFileSync(join(home, file!), "latin1")).ok);
    const requestOf = async (...argv: string[]): Promise<string | undefined> => /^GET (http:\S+\/)/m.exec((await run("-T", "-v", ...REQUEST, ...KEYS, ...QUIET, ...argv)).stdout)?.[0];
    assertRefused(await run("-T", ...REQUEST, ...KEYS, ...QUIET, "--HTTP-proxy"), /--HTTP-proxy: expected a proxy behind it, or in the environment's http_proxy/);
    env["http_proxy"] = "http://proxy.example.com:8080";
    assert.equal(await requestOf("--HTTP-proxy", "-p", "7"), "GET http://127.0.0.1/");
    assert.equal(await requestOf("--HTTP-proxy", "other.example.com"), "GET http://127.0.0.1/");
    await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "--HTTP-proxy", "user:secret@other:80");
    assert.match(readFileSync(join(home, ".fwknop.run"), "latin1"), / --HTTP-proxy other:80$/m);
  });

  test("fwknop --Spoof-src chooses transport and user name, and --Spoof-proto icmp an echo request, as the Perl program's", async (t) => {
    const { run, home } = bench(t);
    const listing = async (...argv: string[]): Promise<string> => (await run("-T", "-v", ...REQUEST, ...KEYS, "--no-save-args", ...argv)).stdout;
    const alone = await listing("--Spoof-src", "3.3.3.3");
    assert.match(alone, /protocol: udpraw\b/);
    assert.match(alone, /Username: root$/m);
    assert.match(await listing("--Spoof-src", "3.3.3.3", "-P", "tcpraw", "-U", "bob"), /Username: bob$[^]*protocol: tcpraw\b/m);
    assert.match(await listing("--Spoof-src", "3.3.3.3", "--Spoof-proto", "tcp"), /protocol: tcpraw\b/);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, ...QUIET, "--Spoof-src", "3.3.3.3", "-P", "udp"), /Must set -P <udpraw\|tcpraw\|icmp> with a spoofed source IP/);
    assertRefused(await run("-T", ...REQUEST, ...KEYS, ...QUIET, "--Spoof-src", "3.3.3"), /Invalid spoof IP/);
    assert.match(await listing("--Spoof-proto", "icmp"), /protocol: icmp\b/);
    assert.deepEqual(perlSettings({ spoofProto: "icmp" }, systemHost()), { icmpType: 8 });
    assert.deepEqual(perlSettings({ spoofProto: "icmp", icmpType: 0 }, systemHost()), { icmpType: 0 });
    writeFileSync(join(home, ".fwknoprc"), "[default]\nSPOOF_USER carol\nSPA_SERVER_PROTO icmp\n", { mode: 0o600 });
    assert.match(await listing("--Spoof-src", "3.3.3.3"), /Username: carol$[^]*protocol: icmp\b/m);
  });

  test("fwknop says on standard error, once for each reason, which options have no effect", async (t) => {
    const { run, home } = bench(t);
    const { status, stdout, stderr } = await run("-T", ...REQUEST, ...KEYS, ...QUIET, "--Lib-dir", "x", "-w", "wget", "--no-locale", "--LC_ALL", "C", "--no-FKO-module");
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /effect/);
    assert.deepEqual(stderr.split("\n").map((line) => /^fwknop: warning: Without effect: (.*?)\. \S.{10,}$/.exec(line)?.[1] ?? line), [
      "--Lib-dir", "--wget-cmd", "--no-locale, --locale", "--no-FKO-module", "",
    ]);
    writeFileSync(join(home, ".fwknoprc"), "[default]\nWGET_CMD /usr/bin/wget\n", { mode: 0o600 });
    assert.match((await run("-T", ...REQUEST, ...KEYS, "--no-save-args")).stderr, /^fwknop: warning: Without effect: --wget-cmd\. .*\bWGET_CMD\b.*\n$/);
  });

  test("every option of fwknop whose text says that it has no effect is warned about", () => {
    const silent = listOptions(CLIENT).filter((row) => /without effect/i.test(row.doc) !== (row.obsolete !== undefined));
    assert.deepEqual(silent.map(({ long }) => long), []);
  });

  test("fwknop --Max-packet-size refuses a longer packet, over HTTP with the slash in front of it", async (t) => {
    const { run, home } = bench(t);
    const file = join(home, "p");
    const argv = ["-T", ...REQUEST, ...KEYS, ...QUIET];
    await run(...argv, "-B", file);
    const length = readFileSync(file, "latin1").trimEnd().length;
    for (const [transport, most] of [["udp", length], ["http", length + 1]] as const) {
      assert.equal((await run(...argv, "-P", transport, "--Max-packet-size", String(most))).status, 0);
      assertRefused(await run(...argv, "-P", transport, "--Max-packet-size", String(most - 1)), new RegExp(`--Max-packet-size: the packet has ${most} bytes, more than ${most - 1}; ask for less$`));
    }
  });

  test("fwknop --gpg-no-options and --gpg-verbose reach gpg, whose words are shown", async (t) => {
    const { run, home } = bench(t);
    const exe = join(home, "gpg");
    writeFileSync(exe, `#!/bin/sh\necho "$*" > ${join(home, "words")}\necho "gpg: speaks" >&2\nexit 2\n`, { mode: 0o700 });
    const gpg = ["-T", ...REQUEST, ...QUIET, "--gpg-recipient-key", "r", "--gpg-no-signing-pw", "--gpg-exe", exe];
    const words = (): string => readFileSync(join(home, "words"), "latin1");
    assert.ok(!(await run(...gpg)).stdout.includes("speaks"));
    assert.ok(!/--no-options|--verbose/.test(words()), words());
    assert.match((await run(...gpg, "--gpg-no-options", "--gpg-verbose")).stdout, /^gpg: speaks$/m);
    assert.match(words(), /--no-options --verbose/);
    await run(...gpg, "--gpg-no-options", "--gpg-use-options");
    assert.ok(!words().includes("--no-options"), words());
  });

  test("fwknop --get-key finds the key of a destination with a port by its name alone, unless the file has the port, too", async (t) => {
    const { run, home } = bench(t);
    const keyIn = async (text: string): Promise<boolean> => {
      writeFileSync(join(home, "keys"), text, { mode: 0o600 });
      const { status } = await run("-T", "-A", "tcp/22", "-s", "-D", "127.0.0.1:7", "--get-key", join(home, "keys"), "--get-hmac-key", join(home, "keys"), "--key-hmac", "testhmac", ...QUIET, "-B", join(home, "p"));
      assert.equal(status, 0);
      return open(readFileSync(join(home, "p"), "latin1"), "a key ").ok;
    };
    assert.equal(await keyIn("127.0.0.1: a key \n"), true); // the blank at its end is the key's
    assert.equal(await keyIn("127.0.0.1: a key\n"), false);
    assert.equal(await keyIn("127.0.0.1:7: a key \n127.0.0.1: other\n"), true);
  });

  test("fwknop --Home-dir takes the place of HOME, --user-rc of --rc-file", async (t) => {
    const { run, home, env } = bench(t);
    delete env["HOME"];
    const other = join(home, "other");
    mkdirSync(other);
    writeFileSync(join(other, ".fwknoprc"), "[default]\nSPOOF_USER bob\n", { mode: 0o600 });
    writeFileSync(join(home, "rc"), "[default]\nSPOOF_USER carol\n", { mode: 0o600 });
    assert.match((await run("-T", ...REQUEST, ...KEYS, "--Home-dir", other)).stdout, /Username: bob/);
    assert.ok(existsSync(join(other, ".fwknop.run")));
    assert.match((await run("-T", ...REQUEST, ...KEYS, "--Home-dir", other, "--user-rc", join(home, "rc"))).stdout, /Username: carol/);
  });

  test("fwknop leaves nothing of a longer line in the file of a shorter one", async (t) => {
    const { run, home } = bench(t);
    const kept = join(home, ".fwknop.run");
    await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "-u", "a long name of an agent");
    const long = statSync(kept).size;
    await run("-T", ...REQUEST, ...KEYS, "--no-rc-file");
    const text = readFileSync(kept, "utf8");
    assert.match(text, /^fwknop .* --no-rc-file\n$/);
    assert(text.length < long);
  });

  test("fwknop does not write a command line again that is kept already, unless others can read it", async (t) => {
    const { run, home } = bench(t);
    const kept = join(home, ".fwknop.run");
    const argv = ["-T", ...REQUEST, ...KEYS, "--no-rc-file"];
    await run(...argv);
    const content = readFileSync(kept, "latin1");
    for (const [mode, isWritten] of [[0o600, false], [0o644, true]] as const) {
      chmodSync(kept, mode);
      utimesSync(kept, 1, 1);
      await run(...argv);
      assert.equal(statSync(kept).mtimeMs !== 1000, isWritten);
      assert.equal(statSync(kept).mode & 0o777, 0o600);
      assert.equal(readFileSync(kept, "latin1"), content);
    }
  });

  test("fwknop --no-save-args keeps nothing", async (t) => {
    const { run, home } = bench(t);
    await run("-T", ...REQUEST, ...KEYS, ...QUIET);
    assert.ok(!existsSync(join(home, ".fwknop.run")) && !existsSync(join(home, ".fwknoprc")));
  });
});

describe("fwknop: the packet's file", () => {
  test("fwknop -B makes it anew, -b appends, a link is replaced and not followed", async (t) => {
    const { run, home } = bench(t);
    const [file, target] = [join(home, "packets"), join(home, "target")];
    writeFileSync(target, "untouched");
    symlinkSync(target, file);
    const knock = ["-T", ...REQUEST, ...KEYS, ...QUIET, "-B", file];
    await run(...knock);
    assert.ok(lstatSync(file).isFile());
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await run(...knock, "-b");
    assert.equal(readFileSync(file, "latin1").trim().split("\n").filter((packet) => open(packet).ok).length, 2);
    await run(...knock);
    assert.equal(readFileSync(file, "latin1").trim().split("\n").length, 1);
    assert.equal(readFileSync(target, "latin1"), "untouched");
    mkdirSync(join(home, "folder"));
    const failed = await run("-T", ...REQUEST, ...KEYS, ...QUIET, "-B", join(home, "folder"));
    assert.equal(failed.status, 0);
    assert.match(failed.stderr, /^fwknop: warning: --save-packet: could not write .*folder: Is a directory\n$/);
  });
});

test("fwknop keeps no half of a command line where the disk takes no more, and says that a packet is not saved whole", async (t) => {
  if (!requirePeers(t, "prlimit")) return;
  const { home, run } = openClientBench(t, "full disk");
  t.after(() => setLimit("fsize", "unlimited"));
  setLimit("fsize", "30");
  const { status, stderr } = await run("-T", ...REQUEST, ...KEYS, "--no-rc-file", "-B", join(home, "packet"));
  assert.equal(status, 0);
  assert.match(stderr, /^fwknop: warning: Could not open args file: .*\.fwknop\.run: File too large; the command line is not kept\nfwknop: warning: --save-packet: could not write .*packet: File too large\n$/);
  assert.equal(readFileSync(join(home, ".fwknop.run"), "utf8"), "");
});

test("fwknop says in one line that standard output is full", { skip: existsSync("/dev/full") ? false : "no /dev/full" }, async (t) => {
  const full = openSync("/dev/full", "w");
  t.after(() => closeSync(full));
  const child = spawn(process.execPath, [...IMPORT, PROGRAM, "-T", ...REQUEST, ...KEYS, ...QUIET], { stdio: ["ignore", full, "pipe"] });
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  assert.deepEqual(await once(child, "close"), [1, null]);
  assert.equal(stderr, "fwknop: error: Cannot write to standard output: No space left on device\n");
});

const PROGRAM = fileURLToPath(new URL("../bin/fwknop.ts", import.meta.url));
const IMPORT = ["--import", "tsx"];

describe("fwknop: what comes after", () => {
  test("fwknop --verify knocks again until the port is open, and fails when it stays closed", async (t) => {
    const lab = bench(t);
    const gate = createServer((socket) => socket.end());
    t.after(() => gate.close());
    gate.listen(0, "127.0.0.1");
    await once(gate, "listening");
    const { port } = gate.address() as { port: number };
    gate.close();
    await once(gate, "close");
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    t.after(() => socket.close());
    await once(socket, "listening");
    const packets = new Set<string>();
    socket.on("message", (packet) => {
      packets.add(packet.toString("latin1"));
      if (packets.size === 3) gate.listen(port, "127.0.0.1");
    });
    const knock = ["-A", "tcp/22", "-a", "127.0.0.1", "-D", "127.0.0.1", "-p", String(socket.address().port), ...KEYS, ...QUIET, "--verify", `tcp/${port}`, "--nat-local", "--nat-rand-port"];
    assertRefused(await lab.run(...knock), /--verify: Port tcp\/\d+ on 127\.0\.0\.1 is closed .*, one knock/);
    assert.equal(packets.size, 1);
    const report = await lab.run(...knock, "--retry", "2", "--json");
    assert.equal(report.status, 0, report.stderr);
    assert.deepEqual((JSON.parse(report.stdout) as { verify: object }).verify, { port: `tcp/${port}`, state: "open", knocks: 2 });
    assert.equal(packets.size, 3);
    // The request stays the same, with its random port; the packet does not.
    const [, first, second] = [...packets].map((packet) => open(packet));
    assert.ok(first?.ok && second?.ok);
    assert.equal(first.message.message, second.message.message);
    assert.notEqual(first.message.random, second.message.random);
  });

  test("fwknop --then runs a command with our input and output, and gives back its exit status", async (t) => {
    const { env } = bench(t);
    const argv = [...IMPORT, PROGRAM, "-v", ...REQUEST, ...KEYS, ...QUIET, "--then", "sh", "-c", "read line; echo got $line; exit 7"];
    const child = spawn(process.execPath, argv, { env, stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.end("hello\n");
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    assert.deepEqual(await once(child, "close"), [7, null]);
    assert.equal(stdout, "got hello\n");
    assert.match(stderr, /bytes sent: \d+/);
  });

  test("fwknop --then does not run after a failure or a test", async (t) => {
    const { run, home } = bench(t);
    const file = join(home, "ran");
    await run("-T", ...REQUEST, ...KEYS, ...QUIET, "--then", "touch", file);
    assert.equal((await run(...REQUEST, ...KEYS, ...QUIET, "-P", "tcp", "-p", "1", "--then", "touch", file)).status, 1);
    assert.ok(!existsSync(file));
    assertRefused(await run(...REQUEST, ...KEYS, ...QUIET, "--then", "/no/such"), /--then: \/no\/such cannot be started: No such file or directory/, 127);
    assertRefused(await run(...REQUEST, ...KEYS, ...QUIET, "--then", ""), /--then: expected a program and its arguments, got an empty word/, 127);
  });

  test("fwknop's program reads keys from a descriptor, and overwrites its arguments", async (t) => {
    const { env, home } = bench(t);
    const file = join(home, "packet");
    const argv = [...IMPORT, PROGRAM, ...REQUEST, ...QUIET, "--fd", "3", "--key-hmac", "testhmac", "-B", file, "-T"];
    const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const listed = join("/proc", String(child.pid), "cmdline");
    // It waits for its key now.
    if (existsSync(listed)) while (readFileSync(listed, "latin1").includes("testhmac")) await sleep(20);
    (child.stdio[3] as NodeJS.WritableStream).end("testkey\n");
    assert.deepEqual(await once(child, "close"), [0, null], stderr);
    assert.ok(open(readFileSync(file, "latin1")).ok);
  });

  test("fwknop -V, -h and --completion print and end", async (t) => {
    const { run } = bench(t);
    assert.match((await run("--test-FKO-exists")).stdout, /^\[\+\] FKO messages are understood.*\n$/);
    for (const more of [[], ["--no-rc-file"]]) {
      assert.match((await run("-V", ...more)).stdout, /^fwknop client \d+\.\d+\.\d+, FKO protocol version 3\.0\.0\n$/, "and no rc file is made");
    }
    assert.match((await run("--help", "-p", "x")).stdout, /^fwknop \d.*\n\nUsage: fwknop /);
    assert.match((await run("--completion", "bash")).stdout, /complete -F _fwknop fwknop\n$/);
    assertRefused(await run("-V", "--no-rc-file", "-p", "65536"), /-p: Value 65536 out of range/);
  });
});
