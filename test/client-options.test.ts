import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { CLIENT, type ClientOptions } from "../src/cli/client-options.ts";
import { parseArguments } from "../src/cli/getopt.ts";
import { listOptions } from "../src/cli/options.ts";

const read = (...argv: string[]): Partial<ClientOptions> | string => {
  const parsed = parseArguments(CLIENT, argv);
  return parsed.ok ? parsed.value.values : parsed.message;
};

/** Names of fwknop 2.6.11: what abbreviates them must go on doing so. */
const C_NAMES = ("access allow-ip source-ip resolve-ip-https resolve-http-only resolve-url wget-cmd user-agent use-wget-user-agent destination server-port " +
  "server-proto source-port spoof-source rand-port http-proxy icmp-type icmp-code server-resolve-ipv4 nat-access nat-local nat-port nat-rand-port server-cmd " +
  "fw-timeout spoof-user time-offset-plus time-offset-minus digest-type encryption-mode use-hmac hmac-digest-type hmac-key-len key-len key-rijndael " +
  "key-base64-rijndael key-hmac key-base64-hmac get-key get-hmac-key stdin fd key-gen key-gen-file gpg-encryption gpg-recipient-key gpg-signer-key gpg-home-dir " +
  "gpg-exe gpg-agent gpg-no-signing-pw named-config rc-file no-rc-file no-home-dir save-rc-stanza force-stanza stanza-list save-args-file no-save-args last-cmd " +
  "show-last save-packet save-packet-append test verbose version help").split(" ");

/** Its letters: those that its --help lists, and two that it takes all the same. */
const C_LETTERS = "nAaDhBbCNpPsSQRuwHUlGkKrTvVmMf" + "Eg";

test("CLIENT_OPTIONS has every option of the C program, and no name twice", () => {
  const rows = listOptions(CLIENT);
  assert.deepEqual(rows.filter((row) => !row.added).map((row) => row.long).sort(), [...C_NAMES].sort());
  const names = rows.flatMap((row) => [row.long, ...(row.synonyms ?? [])]);
  assert.equal(new Set(names).size, names.length);
  const letters = rows.filter((row) => !row.added).flatMap((row) => row.letters.slice(0, 1));
  assert.deepEqual(letters.sort(), [...C_LETTERS].sort());
  for (const row of rows) {
    assert.ok(row.group in CLIENT.groups, row.long);
    assert.match(row.doc, /^[A-Z-].*\.$/s, row.long);
  }
});

test("CLIENT_OPTIONS lets every abbreviation that the C program takes mean the same option", () => {
  for (const name of C_NAMES) {
    for (let length = 1; length < name.length; length++) {
      const short = name.slice(0, length);
      if (C_NAMES.filter((other) => other.startsWith(short)).length > 1 || C_NAMES.includes(short)) continue;
      const parsed = read(`--${short}`, "1");
      assert.ok(typeof parsed === "object" || !/unrecognized|ambiguous/.test(parsed), `--${short}: ${JSON.stringify(parsed)}`);
      if (typeof parsed === "string") assert.ok(parsed.startsWith(`--${name}:`), parsed);
    }
  }
});

test("CLIENT_OPTIONS takes names of the Perl program", () => {
  const pairs: readonly (readonly [argv: string, expected: Partial<ClientOptions>])[] = [
    ["--Server-port 1", { serverPort: 1 }], ["--Access tcp/1", { access: "tcp/1" }], ["--Forward-access h:1", { natAccess: "h:1" }],
    ["--HTTP", { http: true, serverProto: "http" }], ["--TCP-sock", { tcpSock: true, serverProto: "tcp" }], ["--Spoof-src 1.1.1.1", { perlSpoofSource: "1.1.1.1" }], ["-F h:1", { natAccess: "h:1" }], ["-q", { quiet: true }],
    ["--Spoof-proto icmp", { spoofProto: "icmp" }], ["--Save-packet", { perlSavePacket: true }], ["--Save-packet-file f", { savePacket: "f" }], ["--Save-packet-append", { savePacketAppend: true }],
    ["--digest-alg SHA1", { digestType: "sha1" }], ["--Destination h", { destination: "h" }], ["--knock-dst h", { destination: "h" }],
    ["--whatismyip", { resolveIpHttps: true }], ["--Server-cmd x", { serverCmd: "x" }], ["--Spoof-user u", { spoofUser: "u" }], ["--Last-host h", { lastHost: "h" }],
    ["--Show-host-cmd h", { showHostCmd: "h" }], ["--gpg-recipient k", { gpgRecipientKey: "k", gpgEncryption: true }], ["--Server-mode pcap", { serverMode: "pcap" }], ["-o 1", { offset: 1 }], ["--Server-mode knock --offset 5 --rotate-proto --time-delay 2", { serverMode: "knock", offset: 5, rotateProto: true, timeDelay: 2 }],
    ["--Server-auth crypt", { serverAuth: utf8Bytes("crypt") }],
  ];
  for (const [argv, expected] of pairs) assert.deepEqual(read(...argv.split(" ")), expected, argv);
  const flags = "source-IP Resolve-external-IP NAT-local NAT-rand-port rand-port Include-salted Include-equals Include-gpg-prefix gpg-default-key gpg-agent gpg-verbose " +
    "gpg-use-options gpg-no-options HTTP-proxy Test-mode last-cmd Show-last-cmd Save-dst no-save-args no-locale no-LC_ALL no-FKO-module test-FKO-exists quiet verbose debug Version help";
  const texts = "allow-IP URL Max-resolve-http-size=1 User-agent HTTP-user-agent fw-timeout=1 NAT-access Server-proto=udp Source-port=1 HTTP-proxy HTTP-proxy-user HTTP-proxy-password " +
    "icmp-type=1 icmp-code=1 time-offset-plus=1 time-offset-minus=1 get-key gpg-signing-key gpg-home-dir gpg-agent-info gpg-prefix gpg-path Max-packet-size=1 user-rc Home-dir Lib-dir locale LC_ALL";
  for (const option of [...flags.split(" "), ...texts.split(" ").map((text) => (text.includes("=") ? text : `${text}=x`))]) {
    const parsed = read(`--${option}`);
    assert.ok(typeof parsed === "object", `${option}: ${JSON.stringify(parsed)}`);
  }
});

/** The last value that is taken and the first that is not, with words of the refusal. */
const LIMITS: readonly (readonly [option: string, taken: readonly string[], refused: readonly string[], words: RegExp])[] = [
  ["--server-port", ["0", "65535"], ["-1", "65536", "x", ""], /^--server-port: Value .* out of range \[\(0\)-\(65535\)\]$/],
  ["--source-port", ["0", "65535"], ["65536"], /^--source-port: Value 65536 out of range/],
  ["--nat-port", ["0", "65535"], ["65536"], /^--nat-port: Value 65536 out of range/],
  ["--fw-timeout", ["0", "131072"], ["-1", "131073", "1m"], /^--fw-timeout: --fw-timeout must be within \[0-131072\], got '.*'$/],
  ["--icmp-type", ["0", "40"], ["-1", "41"], /^--icmp-type: Invalid icmp type '.*', must be in \[0-40\]$/],
  ["--icmp-code", ["0", "15"], ["-1", "16"], /^--icmp-code: Invalid icmp code '.*', must be in \[0-15\]$/],
  ["--key-len", ["1", "128"], ["0", "129"], /^--key-len: Invalid key length '.*', must be in \[1-128\]$/],
  ["--hmac-key-len", ["1", "128"], ["0", "129"], /^--hmac-key-len: Invalid hmac key length '.*', must be in \[1-128\]$/],
  ["--time-offset-plus", ["0", "65536", "65536d", "1M", "5min"], ["65537", "123456789", "x", "-5", "5y"], /^--time-offset-plus: Invalid time offset: '.*'/],
  ["--server-proto", ["UDP", "tcpraw"], ["sctp", ""], /^--server-proto: Unrecognized protocol: /],
  ["--digest-type", ["sha3_512", "MD5"], ["sha224"], /^--digest-type: Invalid digest type: sha224, must be one of/],
  ["--hmac-digest-type", ["SHA384"], ["x"], /^--hmac-digest-type: Invalid hmac digest type: x, must be one of/],
  ["--encryption-mode", ["cbc", "Legacy", "PERL"], ["PCBC", "badmode"], /^--encryption-mode: Invalid encryption mode: (PCBC|badmode)/],
  ["--fd", ["0", "9"], ["-1", "x"], /^--fd: expected the number of an open file/],
  ["--Max-packet-size", ["1", "65535"], ["0", "65536", "x"], /^--Max-packet-size: expected a number in \[1-65535\], got/],
  ["--Max-resolve-http-size", ["1", "65535"], ["0", "65536"], /^--Max-resolve-http-size: expected a number in \[1-65535\], got/],
  ["--retry", ["0", "100"], ["101"], /^--retry: expected a number in \[0-100\]/],
  ["--offset", ["1", "65280"], ["-1", "0", "65281"], /^--offset: expected a number in \[1-65280\]/],
  ["--time-delay", ["0", "3600"], ["-1", "3601"], /^--time-delay: expected a number in \[0-3600\]/],
  ["--Server-mode", ["pcap", "knock", "shared"], ["x"], /^--Server-mode: expected one of \{pcap,knock,shared\}, got 'x'$/],
  ["--destination", ["h"], [""], /^--destination: expected a host name/],
  ["--server-auth", ["crypt"], ["pam"], /^--server-auth: expected 'crypt'$/],
];

test("CLIENT_OPTIONS draws each limit where the specification has it, and names the option", () => {
  for (const [option, taken, refused, words] of LIMITS) {
    for (const value of taken) assert.equal(typeof read(`${option}=${value}`), "object", `${option}=${value}`);
    for (const value of refused) assert.match(String(read(`${option}=${value}`)), words, `${option}=${value}`);
  }
});

test("CLIENT_OPTIONS cuts a user name where the C program does", () => {
  assert.deepEqual(read("-U", "A".repeat(29)), { spoofUser: "A".repeat(29) });
  assert.deepEqual(read("-U", "A".repeat(30)), { spoofUser: "A".repeat(29) });
});

test("CLIENT_OPTIONS knows what an option implies", () => {
  assert.deepEqual(read("-s"), { sourceIp: true, allowIp: "0.0.0.0" });
  assert.deepEqual(read("-s", "-a", "1.1.1.1"), { sourceIp: true, allowIp: "1.1.1.1" });
  assert.deepEqual(read("-a", "1.1.1.1", "-s"), { sourceIp: true, allowIp: "0.0.0.0" });
  assert.deepEqual(read("--key-hmac", "k"), { keyHmac: utf8Bytes("k"), useHmac: true });
  assert.deepEqual(read("-P", "udp", "-H", "h"), { serverProto: "http", httpProxy: "h" });
  assert.deepEqual(read("--resolve-http-only"), { resolveHttpOnly: true, resolveIpHttps: true });
  assert.deepEqual(read("--gpg-home-dir", "d"), { gpgHomeDir: "d", gpgEncryption: true });
});
