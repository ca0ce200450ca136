/** `fko-tool` as it is shipped: what it prints where, and how it ends. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ensureBuilt, shipped } from "./support/dist.ts";

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function tool(args: readonly string[], stdin: string | Uint8Array | number = "", stdout: "pipe" | number = "pipe"): Run {
  const [program, ...words] = shipped("fko-tool", ...args);
  const [input, first] = typeof stdin === "number" ? [undefined, stdin] : [stdin, "pipe" as const];
  const { status, stdout: out, stderr } = spawnSync(program, words, { input, stdio: [first, stdout, "pipe"], encoding: "utf8", timeout: 60_000, env: { PATH: process.env["PATH"] } });
  return { status, stdout: out ?? "", stderr };
}

before(ensureBuilt);

const KEYS = ["--key", "testkey", "--hmac-key", "testhmac"];
/** V1 and V3 of the C client. */
const PLAIN = "9kpYEGUeKtPSPhE3U+dKfMERgqLAboi2m5PTCakFFTMGgizqOIuEwWbug2ECdBgcv5RJABIEfiLlkPwlfUXZsGup2KTlMmy1P0OHI0Tg0uEBE3CcV9AY/o0YzADaHLu02qMOC58pBZKQHBmKcznBDPEiGtVE/GJ16aHGv/QaBUuALyX2jW6TVtru1BM/vO8RdqOWgPJghY8Vyc3nqReQRw7DprjypcrOQ";
const PLAIN_FIELDS = {
  random: "1182424375169723", username: "alice", timestamp: 1795344073, version: "3.0.0", messageType: 1, message: "203.0.113.5,tcp/22",
  natAccess: null, serverAuth: null, clientTimeout: null, digest: "UkYpmLc5DeieW2zZO0RV4EyFcqXkvzNqq8encyzdhgg", digestType: "SHA256", hmacType: "SHA256",
};

interface Vector {
  readonly name: string;
  readonly options: string;
  readonly keyHex: string;
  readonly hmacKeyHex: string | null;
  readonly salt: string;
  readonly fields: { readonly random: string; readonly username: string; readonly timestamp: number; readonly type: number; readonly message: string; readonly rest: readonly string[] };
  readonly packet: string;
}

const VECTORS: readonly Vector[] = JSON.parse(readFileSync("fixtures/c-2.6/packets.json", "utf8"));
const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
const option = ({ options }: Vector, pattern: RegExp): string | undefined => pattern.exec(options)?.[1];

/** Options that decode and encode share. */
function keysOf(vector: Vector): string[] {
  const hmacType = option(vector, /--hmac-digest-type (\w+)/);
  return [
    "--key-base64", base64(vector.keyHex),
    ...(vector.hmacKeyHex === null ? [] : ["--hmac-key-base64", base64(vector.hmacKeyHex), ...(hmacType === undefined ? [] : ["--hmac-digest-type", hmacType])]),
    "--encryption-mode", option(vector, /-M (\w+)/) ?? "CBC",
  ];
}

describe("fko-tool", () => {
  for (const vector of VECTORS) {
    const { random, username, timestamp, type, message, rest } = vector.fields;
    const nat = [2, 4, 5, 6].includes(type) ? Buffer.from(rest[0]!, "base64").toString() : undefined;
    const timeout = [3, 4, 6].includes(type) ? rest.at(-1) : undefined;

    it(`decode --json shows the fields of ${vector.name}`, () => {
      const { status, stdout, stderr } = tool(["decode", ...keysOf(vector), "--json", vector.packet]);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      const fields = JSON.parse(stdout);
      assert.deepEqual(Object.keys(fields), Object.keys(PLAIN_FIELDS));
      const { natAccess, clientTimeout } = fields;
      assert.deepEqual(
        { ...fields, natAccess, clientTimeout, digest: "", digestType: "", hmacType: "" },
        { random, username, timestamp, version: "3.0.0", messageType: type, message, natAccess: nat ?? null, serverAuth: null, clientTimeout: timeout === undefined ? null : Number(timeout), digest: "", digestType: "", hmacType: "" },
      );
    });

    it(`encode makes ${vector.name} byte for byte`, () => {
      const args = [
        "--random", random, "--time", String(timestamp), "--salt", vector.salt, "-U", username, "-m", option(vector, /-m (\w+)/) ?? "sha256",
        ...(nat === undefined ? [] : ["-N", nat]), ...(type > 4 ? ["--nat-local"] : []), ...(timeout === undefined ? [] : ["-f", timeout]), ...(type === 0 ? ["--command"] : []), message,
      ];
      assert.deepEqual(tool(["encode", ...keysOf(vector), ...args]), { status: 0, stdout: `${vector.packet}\n`, stderr: "" });
    });
  }

  it("decode takes the packet from standard input, with - and without", () => {
    for (const operand of [[], ["-"]]) {
      const { status, stdout } = tool(["decode", ...KEYS, "--json", ...operand], `  ${PLAIN}\r\n`);
      assert.equal(status, 0);
      assert.deepEqual(JSON.parse(stdout), PLAIN_FIELDS);
    }
  });

  it("decode opens what the Perl client sent over HTTP, as it stands in the URL and in the whole request", () => {
    const packets = (JSON.parse(readFileSync("fixtures/perl-1.9.12/client-packets.json", "utf8")) as { key: string; packet: string; http_request?: string; fields: { random: string } }[]).filter(({ http_request }) => http_request);
    assert.equal(packets.length, 3);
    for (const { key, packet, http_request, fields } of packets) {
      for (const pasted of [packet, http_request!]) {
        const { status, stdout } = tool(["decode", "--key", key, "-M", "perl", "--json"], pasted);
        assert.deepEqual([status, JSON.parse(stdout).random], [0, fields.random], pasted);
      }
    }
    const listing = tool(["decode", ...KEYS], `GET /${PLAIN.replaceAll("+", "-").replaceAll("/", "_")} HTTP/1.1\r\nHost: example.org\r\n\r\n`);
    assert.equal(listing.stdout, tool(["decode", ...KEYS, PLAIN]).stdout);
  });

  it("decode shows the listing of the client without --json", () => {
    const { status, stdout } = tool(["decode", ...KEYS, PLAIN]);
    assert.equal(status, 0);
    assert.match(stdout, /^SPA Field Values:\n=================\n   Random Value: 1182424375169723\n {7}Username: alice\n/);
    assert.match(stdout, /\n   Message Type: 1 \(Access msg\)\n/);
    assert.match(stdout, /\n {11}HMAC: ru1BM\/vO8RdqOWgPJghY8Vyc3nqReQRw7DprjypcrOQ\n/);
  });

  const junk = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 37) & 255));
  const refused: readonly (readonly [what: string, args: readonly string[], stdin: string | Uint8Array, error: { layer: string; reason: string | RegExp }])[] = [
    ["nothing", KEYS, "", { layer: "text", reason: "Missing or incomplete SPA data" }],
    ["binary junk", KEYS, junk, { layer: "text", reason: "Missing or incomplete SPA data" }],
    ["some megabytes of zeros", KEYS, Buffer.alloc(1 << 23), { layer: "text", reason: "Missing or incomplete SPA data" }],
    ["a packet with a blank in it", KEYS, PLAIN.replace("UeK", "U K"), { layer: "text", reason: /NOTBASE64$/ }],
    ["a packet that lost its end", KEYS, PLAIN.slice(0, -1), { layer: "hmac", reason: /HMAC_COMPAREFAIL$/ }],
    ["a packet of another HMAC key", ["--key", "testkey", "--hmac-key", "other"], PLAIN, { layer: "hmac", reason: /HMAC_COMPAREFAIL$/ }],
    ["a packet of another key", ["--key", "other", "--hmac-key", "testhmac"], PLAIN, { layer: "decryption", reason: "Decryption failed or decrypted data is invalid" }],
    ["a key of 33 bytes", ["--key", "k".repeat(33)], PLAIN, { layer: "decryption", reason: "Invalid key length" }],
  ];
  for (const [what, args, stdin, error] of refused) {
    it(`decode refuses ${what} with status 1, in one line or as JSON`, () => {
      const json = tool(["decode", ...args, "--json"], stdin);
      assert.deepEqual({ ...json, stdout: "" }, { status: 1, stdout: "", stderr: "" });
      const told = JSON.parse(json.stdout);
      assert.deepEqual(Object.keys(told.error), ["layer", "reason"]);
      assert.equal(told.error.layer, error.layer);
      assert.match(told.error.reason, error.reason instanceof RegExp ? error.reason : new RegExp(`^${error.reason}$`));
      assert.deepEqual(tool(["decode", ...args], stdin), { status: 1, stdout: "", stderr: `fko-tool: error: the packet is refused at the ${error.layer} layer: ${told.error.reason}\n` });
    });
  }

  it("decode says in one line that standard input cannot be read", () => {
    const folder = openSync(tmpdir(), "r");
    try {
      assert.deepEqual(tool(["decode", ...KEYS], folder), { status: 1, stdout: "", stderr: "fko-tool: error: Cannot read standard input: Is a directory\n" });
    } finally {
      closeSync(folder);
    }
  });

  it("says in one line that standard output is full", () => {
    const full = openSync("/dev/full", "w");
    try {
      for (const args of [["keygen"], ["--help"], ["decode", ...KEYS, PLAIN], ["web", "--port", "0"]]) {
        assert.deepEqual(tool(args, "", full), { status: 1, stdout: "", stderr: "fko-tool: error: Cannot write to standard output: No space left on device\n" }, args[0]);
      }
    } finally {
      closeSync(full);
    }
  });

  it("server and client work from a folder that was removed", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "fko-tool-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const from = (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"', "sh", ...shipped("fko-tool", ...args)], { encoding: "utf8" });
      return { status, stdout, stderr };
    };
    const config = join(folder, "fwknopd.conf");
    writeFileSync(config, `FWKNOP_RUN_DIR ${folder};\n`, { mode: 0o600 });
    assert.deepEqual(from("server", "-S", "-c", config), { status: 1, stdout: "No running fwknopd detected.\n", stderr: "" });
    assert.deepEqual(from("client", "--key-gen", "--no-rc-file", "--no-save-args", "--key-gen-file", "keys"), { status: 1, stdout: "", stderr: "fwknop: error: Could not write file: keys: No such file or directory\n" });
  });

  it("says nothing when nobody reads what it prints", () => {
    const [program, ...words] = shipped("fko-tool", "--help");
    const { status, stderr } = spawnSync("bash", ["-c", 'set -o pipefail; (sleep 0.2; exec "$@") | true', "bash", program, ...words], { encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  });

  const misused: readonly (readonly [args: readonly string[], error: string, command?: string])[] = [
    [["bogus\u001b[1m"], "unknown command 'bogus\\x1b[1m', expected one of keygen encode decode client server web demo", ""],
    [["keygen", "--bogus"], "unrecognized option '--bogus'"],
    [["keygen", "extra"], "unexpected word 'extra', expected options only"],
    [["keygen", "--key-len", "0"], "--key-len: expected 1..32, got '0'"],
    [["keygen", "--key-len", "33"], "--key-len: expected 1..32, got '33'"],
    [["keygen", "--hmac-key-len", "129"], "--hmac-key-len: expected 1..128, got '129'"],
    [["demo", "extra"], "unexpected word 'extra', expected options only"],
    [["decode", PLAIN], "expected --key or --key-base64"],
    [["decode", "--key"], "option '--key' requires an argument"],
    [["decode", "--key", "", PLAIN], "--key: Rijndael key: Invalid key length: '0', must be in [1,128]"],
    [["decode", "--key", "k", "--hmac-key", "h".repeat(129), PLAIN], "--hmac-key: HMAC key: Invalid decoded key length: '129', must be in [1,128]"],
    [["decode", "--key", "k", "--hmac-digest-type", "md5", PLAIN], "--hmac-digest-type: expected --hmac-key or --hmac-key-base64 too"],
    [["decode", "--key", "k", "--key-base64", "aw==", PLAIN], "expected either --key or --key-base64, got both"],
    [["decode", "--key-base64", "aw==aw==", PLAIN], "--key-base64: Base64 encoded Rijndael argument doesn't look like base64-encoded data"],
    [["decode", "--key", "k", "--hmac-key-base64", "=", PLAIN], "--hmac-key-base64: HMAC key: Invalid decoded key length: '0', must be in [1,128]"],
    [["decode", "--key", "k", "-M", "pcbc", PLAIN], "-M: expected one of cbc ecb cfb ofb ctr legacy perl, got 'pcbc'"],
    [["decode", "--key", "k", "--hmac-digest-type", "crc", PLAIN], "--hmac-digest-type: expected one of md5 sha1 sha256 sha384 sha512 sha3_256 sha3_512, got 'crc'"],
    [["decode", "--key", "k", "a", "b"], "unexpected word 'b', expected one word besides the options"],
    [["encode", "--key", "k"], "expected a message, such as 203.0.113.5,tcp/22"],
    [["encode", "203.0.113.5,tcp/22"], "expected --key or --key-base64"],
    [["encode", "--key", "k", "--random", "12", "203.0.113.5,tcp/22"], "--random: expected 16 digits, got '12'"],
    [["encode", "--key", "k", "--salt", "12", "203.0.113.5,tcp/22"], "--salt: expected 16 hexadecimal digits, got '12'"],
    [["encode", "--key", "k", "--time", "-1", "203.0.113.5,tcp/22"], "--time: expected 0..999999999999, got '-1'"],
    [["encode", "--key", "k", "-f", "65537", "203.0.113.5,tcp/22"], "-f: expected 0..65536, got '65537'"],
    [["encode", "--key", "k", "--protocol-version", "3:0", "203.0.113.5,tcp/22"], "--protocol-version: expected 1 to 8 characters without blanks and colons, got '3:0'"],
    [["encode", "--key", "k", "--nat-local", "203.0.113.5,tcp/22"], "--nat-local: expected --nat-access too"],
    [["encode", "--key", "k", "--command", "-f", "30", "203.0.113.5,ls"], "--command: expected no --timeout"],
  ];
  for (const [args, error, command = args[0]] of misused) {
    it(`says '${error}' and ends with status 2`, () => {
      const hint = `hint: 'fko-tool ${command === "" ? "" : `${command} `}--help' shows how it is done\n`;
      assert.deepEqual(tool(args), { status: 2, stdout: "", stderr: `fko-tool: error: ${error}\n${hint}` });
    });
  }

  const unsendable: readonly (readonly [args: readonly string[], error: string])[] = [
    [[""], "fko_set_spa_message: Error 80 - Args contain invalid data: FKO_ERROR_INVALID_DATA_MESSAGE_EMPTY"],
    [["203.0.113.5,tcp/0"], "fko_set_spa_message: Error 102 - Invalid SPA access message format"],
    [["-N", "10.0.0.1", "203.0.113.5,tcp/22"], "fko_set_spa_nat_access: Error 103 - Invalid SPA nat_access message format"],
    [["--key", "k".repeat(33), "203.0.113.5,tcp/22"], "fko_encrypt_spa_data: Error 95 - Invalid key length"],
  ];
  for (const [args, error] of unsendable) {
    it(`encode says '${error}' and ends with status 1`, () => {
      assert.deepEqual(tool(["encode", ...KEYS, ...args]), { status: 1, stdout: "", stderr: `fko-tool: error: ${error}\n` });
    });
  }

  it("encode writes a timeout of 0 as none, which is another type of message", () => {
    const { stdout } = tool(["encode", ...KEYS, "-f", "0", "203.0.113.5,tcp/22"]);
    const fields = JSON.parse(tool(["decode", ...KEYS, "--json", stdout]).stdout);
    assert.deepEqual([fields.messageType, fields.clientTimeout], [1, null]);
  });

  it("--help fits on one screen, and each command has one of its own", () => {
    const { status, stdout } = tool(["--help"]);
    assert.equal(status, 0);
    assert(stdout.split("\n").length <= 24 && stdout.split("\n").every((line) => line.length < 80), stdout);
    const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}\w/gm)].map(([, name]) => name!);
    assert.deepEqual(commands, ["keygen", "encode", "decode", "client", "server", "web", "demo"]);
    for (const command of commands) {
      const help = tool([command, "--help"]);
      assert.equal(help.status, 0, command);
      assert.match(help.stdout, /^\w.*\n\nUsage: .*[^\n]\n$/s, command);
    }
    const nothing = tool([]);
    assert.deepEqual(nothing, { status: 2, stdout: "", stderr: stdout });
  });

  describe("keygen", () => {
    const folder = mkdtempSync(join(tmpdir(), "fko-tool-"));
    after(() => rmSync(folder, { recursive: true }));
    const lengths = (text: string): number[] => [...text.matchAll(/^(?:HMAC_)?KEY_BASE64: (\S+)$/gm)].map(([, key]) => Buffer.from(key!, "base64").length);

    it("prints two fresh keys of the lengths that were asked for", () => {
      assert.deepEqual(lengths(tool(["keygen"]).stdout), [32, 64]);
      assert.deepEqual(lengths(tool(["keygen", "--key-len", "1", "--hmac-key-len", "128"]).stdout), [1, 128]);
      assert.deepEqual(lengths(tool(["keygen", "--hmac-digest-type", "sha3_512"]).stdout), [32, 72]);
      assert.notEqual(tool(["keygen"]).stdout, tool(["keygen"]).stdout);
    });

    it("writes them to a file that only its owner can read", () => {
      const path = join(folder, "keys");
      assert.deepEqual(tool(["keygen", "-o", path]), { status: 0, stdout: "", stderr: "" });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(lengths(readFileSync(path, "utf8")), [32, 64]);
    });

    it("says in one line that it cannot write there", () => {
      const { status, stdout, stderr } = tool(["keygen", "-o", join(folder, "absent", "keys")]);
      assert.deepEqual({ status, stdout }, { status: 1, stdout: "" });
      assert.match(stderr, /^fko-tool: error: .*absent.*No such file or directory\n$/);
    });
  });
});
