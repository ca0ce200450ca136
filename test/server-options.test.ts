import assert from "node:assert/strict";
import { test } from "node:test";
import { listOptions } from "../src/cli/options.ts";
import { parseServerOptions, SERVER } from "../src/cli/server-options.ts";

const read = (...argv: string[]): object | string => {
  const parsed = parseServerOptions(argv);
  return parsed.ok ? parsed.value : parsed.message;
};

test("SERVER_OPTIONS has no name twice, and a heading for each row", () => {
  const rows = listOptions(SERVER);
  const names = rows.flatMap((row) => [row.long, ...(row.synonyms ?? [])]);
  assert.equal(new Set(names).size, names.length);
  const letters = rows.flatMap((row) => row.letters).sort().join("");
  assert.equal(letters, [..."acOfiCdDKRSlpPrtUvVh", ..."sToI"].sort().join(""));
  for (const row of rows) {
    assert.ok(row.group in SERVER.groups, row.long);
    assert.match(row.doc, /^[A-Z'].*\.$/s, row.long);
  }
});

test("parseServerOptions() reads C's and Perl's spellings", () => {
  assert.deepEqual(read("-fvvc", "/a", "-a/b", "-O", "x,y", "-C", "3"), { foreground: true, verbose: 2, configFile: "/a", accessFile: "/b", overrideConfig: ["x", "y"], packetLimit: 3 });
  assert.deepEqual(read("--Kill"), { kill: true });
  assert.deepEqual(read("--Status"), { status: true });
  assert.deepEqual(read("--Dump-config", "--Override-config", "f"), { dumpConfig: true, overrideConfig: ["f"] });
  assert.deepEqual(read("--Count", "5", "--intf", "eth1", "--access-conf", "a", "--config", "c"), { packetLimit: 5, interface: "eth1", accessFile: "a", configFile: "c" });
  assert.deepEqual(read("--fw-del-ip", "2001:DB8::1", "--fw-del-chains"), { fwDelIp: "2001:db8::1", fwDelChains: true });
  assert.deepEqual(read("--debug", "--fw-type", "ipfw", "--Linux-cooked-intf"), { foreground: true, fwType: "ipfw", linuxCookedIntf: true });
  assert.deepEqual(read("-T", "-s", "f"), { test: true, testMode: true, spaDumpPackets: "f" });
  assert.deepEqual(read("--Test-mode", "--spa-dump-packets", "f", "--no-locale"), { test: true, testMode: true, spaDumpPackets: "f", locale: "NONE", noLocale: true });
  assert.deepEqual(read("--sta", "--os"), { status: true, os: true }, "C's abbreviations stay C's");
  assert.deepEqual(read("--stdin", "--check", "words", "are", "ignored"), { stdin: true, check: true });
});

test("parseServerOptions() draws its limits and names the option", () => {
  assert.deepEqual(read("-C", "2147483647"), { packetLimit: 2147483647 });
  assert.match(String(read("-C", "2147483648")), /^-C: invalid -C packet count limit '2147483648'/);
  assert.match(String(read("-C", "x")), /^-C: invalid -C packet count limit 'x'/);
  assert.deepEqual(read("-r", "/run/x"), { runDir: "/run/x" });
  assert.equal(read("-r", "run/x"), "-r: Path 'run/x' is not absolute.");
  assert.match(String(read("--key-len", "129")), /Invalid key length '129'/);
  assert.match(String(read("--hmac-digest-type", "x")), /Invalid hmac digest type: x/);
  assert.match(String(read("--fw-del-ip", "1.2.3")), /^--fw-del-ip: expected an address/);
  assert.match(String(read("-O", "a,,b")), /^-O: expected FILE/);
  assert.equal(read("--nosuch"), "unrecognized option '--nosuch'");
  assert.equal(read("--nfq-capture"), "unrecognized option '--nfq-capture'");
});

test("parseServerOptions() refuses two commands at once", () => {
  const commands = ["-D", "-K", "-R", "-S"];
  for (const first of commands) {
    for (const second of commands) {
      const parsed = read(first, second);
      if (first === second) assert.equal(typeof parsed, "object");
      else assert.equal(parsed, "The -D, -K, -R, and -S options are mutually exclusive.  Pick only one.");
    }
  }
});
