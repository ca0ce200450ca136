import assert from "node:assert/strict";
import { test } from "node:test";
import { applyOccurrences, parseArguments, scanArguments } from "../src/cli/getopt.ts";
import type { OptionTable, Program } from "../src/cli/options.ts";
import { choice, count, flag, integer, portRefusal, rest, secret, text } from "../src/cli/values.ts";
import { generator } from "./support/gen.ts";

interface Values {
  port?: number;
  proto?: "tcp" | "udp";
  source?: string;
  spoofSource?: string;
  test?: true;
  verbose?: number;
  key?: Uint8Array;
  keyFile?: string;
  proxyUser?: string;
  proxy?: string;
  tcp?: true;
  then?: readonly string[];
}

const row = { group: "g", doc: "Text." };
const TABLE: OptionTable<Values> = {
  port: { ...row, long: "server-port", synonyms: ["Server-port"], value: integer("PORT", 0, 65535, portRefusal) },
  proto: { ...row, long: "server-proto", value: choice("PROTO", ["tcp", "udp"], (shown) => `unknown ${shown}`) },
  source: { ...row, long: "source", value: text("ADDRESS") },
  spoofSource: { ...row, long: "spoof-source", synonyms: ["spoof-src"], value: text("ADDRESS") },
  test: { ...row, long: "test", value: flag },
  verbose: { ...row, long: "verbose", value: count },
  key: { ...row, long: "key", value: secret("KEY") },
  keyFile: { ...row, long: "key-file", value: text("FILE") },
  proxyUser: { ...row, long: "proxy-user", added: true, value: text("USER") },
  proxy: { ...row, long: "proxy", value: text("HOST") },
  tcp: { ...row, long: "tcp", value: flag, implies: { proto: "tcp" } },
  then: { ...row, long: "then", value: rest("COMMAND...") },
};

const PROGRAM: Pick<Program<Values>, "options" | "letters"> = { options: TABLE, letters: { p: "port", P: "proto", s: "source", S: "source", T: "test", v: "verbose", H: "proxy" } };

const parse = (...argv: string[]): object => {
  const parsed = parseArguments(PROGRAM, argv);
  return parsed.ok ? { ...parsed.value.values, ...(parsed.value.operands.length > 0 && { operands: parsed.value.operands }) } : { message: parsed.message };
};

const ACCEPTED: readonly (readonly [argv: string, expected: object])[] = [
  ["-p 22", { port: 22 }],
  ["-p22", { port: 22 }],
  ["-Sx", { source: "x" }],
  ["--server-port 22", { port: 22 }],
  ["--server-port=22", { port: 22 }],
  ["--Server-port=22", { port: 22 }],
  ["--server-po 22", { port: 22 }],
  ["--Server 22", { port: 22 }],
  ["-Tvvp22", { test: true, verbose: 2, port: 22 }],
  ["-vTP udp", { verbose: 1, test: true, proto: "udp" }],
  ["-P UDP", { proto: "udp" }],
  ["one -T two", { test: true, operands: ["one", "two"] }],
  ["-T -- -v --x", { test: true, operands: ["-v", "--x"] }],
  ["- -T", { test: true, operands: ["-"] }],
  ["-s -T", { source: "-T" }],
  ["--source= -T", { source: "", test: true }],
  ["--source=a=b", { source: "a=b" }],
  ["-p 1 -p 2", { port: 2 }],
  ["--key-file f", { keyFile: "f" }],
  ["--key-f f", { keyFile: "f" }],
  ["--spoof-s a", { spoofSource: "a" }],
  ["--spoof-src a", { spoofSource: "a" }],
  ["--prox h", { proxy: "h" }],
  ["--proxy-u u", { proxyUser: "u" }],
  ["-P udp --tcp", { proto: "tcp", tcp: true }],
  ["--tcp -P udp", { proto: "udp", tcp: true }],
  ["-T --then nc -v -- host", { test: true, then: ["nc", "-v", "--", "host"] }],
  ["-p 0", { port: 0 }],
  ["-p 65535", { port: 65535 }],
];

const REFUSED: readonly (readonly [argv: string, message: string])[] = [
  ["--nosuch", "unrecognized option '--nosuch'"],
  ["--TEST", "unrecognized option '--TEST'"],
  ["--=x", "unrecognized option '--'"],
  ["-x", "invalid option -- 'x'"],
  ["-Tx", "invalid option -- 'x'"],
  ["--s", "option '--s' is ambiguous; possibilities: '--server-port' '--server-proto' '--source' '--spoof-source'"],
  ["--server-p 22", "option '--server-p' is ambiguous; possibilities: '--server-port' '--server-proto'"],
  ["--ke x", "option '--ke' is ambiguous; possibilities: '--key' '--key-file'"],
  ["-p", "option requires an argument -- 'p'"],
  ["-Tp", "option requires an argument -- 'p'"],
  ["--server-port", "option '--server-port' requires an argument"],
  ["--test=1", "option '--test' doesn't allow an argument"],
  ["-p 65536", "-p: Value 65536 out of range [(0)-(65535)]"],
  ["-p -1", "-p: Value -1 out of range [(0)-(65535)]"],
  ["-p 22x", "-p: Value 22x out of range [(0)-(65535)]"],
  ["-p abc", "-p: Value abc out of range [(0)-(65535)]"],
  ["--server-po=abc", "--server-port: Value abc out of range [(0)-(65535)]"],
  ["-P icmp", "-P: unknown icmp"],
  ["--then", "--then: expected COMMAND..."],
];

test("parseArguments() reads what getopt_long reads", () => {
  for (const [argv, expected] of ACCEPTED) assert.deepEqual(parse(...argv.split(" ")), expected, argv);
});

test("parseArguments() refuses in getopt's words, and values with the option as it was typed", () => {
  for (const [argv, message] of REFUSED) assert.deepEqual(parse(...argv.split(" ")), { message }, argv);
});

test("parseArguments() escapes and cuts foreign text", () => {
  assert.deepEqual(parse("--\u001b[31m"), { message: "unrecognized option '--\\x1b[31m'" });
  assert.deepEqual(parse(`--${"x".repeat(500)}`), { message: `unrecognized option '--${"x".repeat(80)}...'` });
});

test("parseArguments() makes bytes of a secret", () => {
  assert.deepEqual(parse("--key", "é"), { key: Uint8Array.of(0xc3, 0xa9) });
});

test("applyOccurrences() leaves what was set before as it is, and changes only what is given", () => {
  const scanned = scanArguments(PROGRAM, ["-v", "-p", "1"]);
  assert.ok(scanned.ok);
  const start: Values = { port: 9, source: "a", verbose: 4 };
  assert.deepEqual(applyOccurrences(TABLE, scanned.value.occurrences, start), { ok: true, value: { port: 1, source: "a", verbose: 5 } });
  assert.deepEqual(start, { port: 9, source: "a", verbose: 4 });
});

test("scanArguments() gives options and operands the same meaning in any order", () => {
  const gen = generator("getopt order");
  const groups = [["-p", "22"], ["-T"], ["operand"], ["--source=x"], ["-v"], ["--proxy", "h"]];
  const expected = parse(...groups.flat());
  for (let round = 0; round < 50; round++) assert.deepEqual(parse(...gen.shuffle(groups).flat()), expected);
});
