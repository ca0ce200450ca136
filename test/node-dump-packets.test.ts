import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { replayDigest } from "../src/server/replay.ts";
import { ensureBuilt, shipped } from "./support/dist.ts";
import { HMAC_KEY_BASE64, KEY_BASE64 } from "./support/peers.ts";
import { makePacket } from "./support/spa.ts";

before(ensureBuilt);

/** A folder with a daemon's files, and the daemon run on them. */
function host(t: TestContext): { write(name: string, text: string): void; has(name: string): boolean; run(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } } {
  const folder = mkdtempSync(join(tmpdir(), "fko-dump-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write("fwknopd.conf", `FWKNOP_RUN_DIR ${folder}/run;\n`);
  write("access.conf", `SOURCE ANY\nKEY_BASE64 ${KEY_BASE64}\nHMAC_KEY_BASE64 ${HMAC_KEY_BASE64}\nOPEN_PORTS tcp/22\nENABLE_CMD_EXEC Y\n`);
  return {
    write,
    has: (name) => existsSync(join(folder, name)),
    run(...args) {
      const [program, ...words] = shipped("fwknopd", "-c", "fwknopd.conf", "-a", "access.conf", ...args);
      const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8" });
      return { status, stdout, stderr };
    },
  };
}

test("fwknopd --spa-dump-packets shows what is in each packet, and does nothing about it", (t) => {
  const { write, has, run } = host(t);
  const packets = [
    makePacket({ message: "10.1.2.3,tcp/22", username: "alice" }),
    makePacket({ message: "10.1.2.3,tcp/23", username: "bob" }),
    makePacket({ type: 0, message: "10.1.2.3,/bin/touch ran" }),
  ];
  write("packets", `\n  ${packets[0]}\r\n\n${packets.slice(1).join("\n")}`);
  const { status, stdout, stderr } = run("-s", "packets");
  assert.deepEqual([status, stderr], [0, ""]);
  const shown = stdout.split(/^(?=Packet \d)/m);
  assert.equal(shown.length, 3);
  for (const [at, packet] of packets.entries()) {
    assert.ok(shown[at]!.startsWith(`Packet ${at + 1}: ${packet.length} bytes, replay digest ${replayDigest(utf8Bytes(packet), true)}\n`), shown[at]);
  }
  assert.match(shown[0]!, /^ +Username: alice$[^]*^ Message String: 10\.1\.2\.3,tcp\/22$[^]*^\(stanza #1\) A daemon would accept this packet \(user alice, /m);
  assert.match(shown[1]!, /^ +Username: bob$[^]*One or more requested protocol\/ports was denied/m);
  assert.match(shown[2]!, /Message Type: 0 [^]*A daemon would accept this packet/);
  assert.deepEqual([has("ran"), has("run")], [false, false], "no command ran, no folder was made");
  assert.equal(run("--spa-dump-packets", "packets").stdout.match(/would accept/g)?.length, 2, "the same again");
});

test("fwknopd --spa-dump-packets fails for what it cannot open", (t) => {
  const { write, run } = host(t);
  write("packets", `${makePacket({})}\nnothing of the kind\n${makePacket({ hmacKeyBase64: KEY_BASE64 })}\n`);
  const { status, stdout } = run("-s", "packets");
  assert.equal(status, 1);
  assert.match(stdout, /Packet 2: 19 bytes\n\[127\.0\.0\.1\] preprocess_spa_data\(\) returned error 4096: .* 19 bytes are too few\n/);
  assert.match(stdout, /Packet 3: \d+ bytes\n.*received with access source match\n.*Non-corresponding HMAC/);
  write("empty", "\n \n");
  assert.deepEqual(run("-s", "empty"), { status: 1, stdout: "", stderr: "fwknopd: error: Could not find a packet in file: empty\n" });
  assert.match(run("-s", "nowhere").stderr, /^fwknopd: error: Could not open packet file: nowhere: No such file/);
});

test("fwknopd takes the options of 1.9 that mean nothing any more, and says once for each reason what does their work now", (t) => {
  const { run } = host(t);
  const { status, stderr } = run(
    "--knoptmCmd", "/usr/sbin/knoptm", "--fwknop_servCmd", "a", "--knoptm-debug-file", "b", "--knoptm-debug-pidname", "c", "--fwkserv-debug-file", "d", "--fwkserv-debug-pidname", "e",
    "--no-FKO-module", "--Lib-dir", "f", "--no-gpg", "--gpg-agent-info", "g", "--gpg-use-options", "--gpg-no-options", "--fw-log", "h", "-o", "-I", "-T", "--no-locale", "--exit-parse-config",
  );
  assert.equal(status, 0);
  assert.deepEqual(stderr.trim().split("\n").map((line) => /^command line: Without effect: (.*?)\. [A-Z-].{10,}$/.exec(line)?.[1] ?? line), [
    "--knoptmCmd, --fwknop_servCmd, --knoptm-debug-file, --knoptm-debug-pidname, --fwkserv-debug-file, --fwkserv-debug-pidname",
    "--no-FKO-module, --Lib-dir", "--no-gpg, --gpg-agent-info, --gpg-use-options, --gpg-no-options", "--os", "--Include-all-config", "Configs parsed, exiting.",
  ]);
  assert.match(run("--no-locale", "-D").stdout, /LOCALE +=  '<not set>'/);
  assert.deepEqual(run("--test-FKO-exists"), { status: 0, stdout: "[+] FKO messages are understood without a module\n", stderr: "" });
});
