import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT } from "../src/cli/client-options.ts";
import { scanArguments } from "../src/cli/getopt.ts";
import { findCommandForHost, formatCommandLine, parseCommandLine, rememberForHost } from "../src/client/last-command.ts";

const scan = (...argv: string[]): Extract<ReturnType<typeof parseCommandLine>, { ok: true }>["value"] => {
  const scanned = scanArguments(CLIENT, argv);
  assert.ok(scanned.ok);
  return scanned.value;
};

test("formatCommandLine() leaves secrets out and says which", () => {
  const scanned = scan(
    "-A", "tcp/22", "--key-rijndael", "s3cret", "--key-base64-hmac=czNjcmV0", "--http-proxy-password", "s3cret", "-H", "http://u:s3cret@proxy:80", "-C", "echo a b",
    "--server-auth", "crypt", "-vT",
  );
  const line = formatCommandLine(scanned);
  assert.equal(line.text, "fwknop -A tcp/22 -H http://proxy:80 -C 'echo a b' --server-auth crypt -v -T");
  assert.deepEqual(line.left, ["--key-rijndael", "--key-base64-hmac", "--http-proxy-password"]);
  assert.deepEqual(formatCommandLine(scan("--Server-auth", "crypt,s3cret")), { text: "fwknop", left: ["--server-auth"] });
});

test("formatCommandLine() leaves out all of a proxy's password, whatever signs are in it", () => {
  for (const scheme of ["", "http://", "HTTP://"]) {
    assert.equal(formatCommandLine(scan("-H", `${scheme}u:s3@cr/e\nt@proxy:80`, `--HTTP-proxy=${scheme}s3cret@proxy`)).text, `fwknop -H ${scheme}proxy:80 --HTTP-proxy ${scheme}proxy`);
  }
});

test("parseCommandLine() reads back what formatCommandLine() writes", () => {
  const scanned = scan("-A", "tcp/22", "-C", "it's $HOME\n\"x\"", "-n", "", "--then", "nc", "-v", "a b");
  const parsed = parseCommandLine(formatCommandLine(scanned).text);
  assert.deepEqual(parsed, { ok: true, value: scanned });
});

test("parseCommandLine() reads lines of the C program, which has no quotes", () => {
  const parsed = parseCommandLine("/usr/bin/fwknop -A tcp/22 -C it's -D h --key-rijndael k \n");
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value.occurrences.map(({ key, words }) => [key, ...words]), [["access", "tcp/22"], ["serverCmd", "it's"], ["destination", "h"], ["keyRijndael", "k"]]);
  assert.deepEqual(parseCommandLine("fwknop --nosuch"), { ok: false, message: "unrecognized option '--nosuch'" });
});

test("rememberForHost() keeps one line a server, findCommandForHost() finds it", () => {
  let file = "";
  for (const argv of [["-D", "a", "-A", "tcp/1"], ["-D", "b:99", "-A", "tcp/2"], ["-A", "tcp/3"], ["-D", "a", "-A", "tcp/4"]]) file = rememberForHost(file, scan(...argv)) ?? file;
  assert.equal(file, "fwknop -D b:99 -A tcp/2\nfwknop -D a -A tcp/4\n");
  assert.equal(findCommandForHost(file, "b"), "fwknop -D b:99 -A tcp/2");
  assert.equal(findCommandForHost(file, "c"), undefined);
  assert.equal(findCommandForHost("\0garbage\n--\n", "c"), undefined);
});
