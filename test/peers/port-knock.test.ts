/** The port knocking of our client program, as tcpdump at the other end of a cable sees it: no server of our peers hears it any more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../src/node/run.ts";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";

/** Runs our client and tells what reached the server: `tcp/61083`, `icmp`, in their order. */
async function knocksOf(lab: Lab, args: readonly string[]): Promise<string[]> {
  await ensureBuilt();
  const tcpdump = lab.start(lab.server, ["tcpdump", "-i", "eth0", "-nn", "-l", "-t", "--immediate-mode", "-Q", "in", "ip and (icmp or udp or tcp[tcpflags] & tcp-syn != 0)"]);
  await tcpdump.waitFor("listening on");
  const result = await run(lab.client.argv(shipped("fwknop", "-D", SERVER.v4, "--no-save-args", "--time-delay", "0", ...args)), { timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, "", ""]);
  // One more packet, which says that all others have been seen.
  await run(lab.client.argv([process.execPath, "-e", `const socket = require("node:dgram").createSocket("udp4"); socket.send(Buffer.alloc(1234), 9, "${SERVER.v4}", () => socket.close())`]), { timeoutMs: 10_000 });
  await tcpdump.waitFor("length 1234");
  await tcpdump.stop("SIGINT");
  const seen = tcpdump.log.matchAll(/^IP \S+ > 10\.77\.0\.1(?:\.(\d+))?: (Flags|UDP|ICMP echo request)(?!.*length 1234)/gm);
  return [...seen].map(([, port, what]) => (what!.startsWith("ICMP") ? "icmp" : `${what === "UDP" ? "udp" : "tcp"}/${port}`));
}

test("fwknop --Server-mode shared knocks at the ports of the rc file, in their order, once each", async (t) => {
  const lab = await openLab(t, ["tcpdump", "perl"]);
  if (lab === undefined) return;
  lab.write(".fwknoprc", `${SERVER.v4}: tcp/5501, udp/1001, icmp, tcp/22, tcp/23\n[default]\n`);
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "22", "-j", "REJECT", "--reject-with", "tcp-reset"]);
  assert.deepEqual(await knocksOf(lab, ["--Server-mode", "shared"]), ["tcp/5501", "udp/1001", "icmp", "tcp/22", "tcp/23"]);
});

test("fwknop --Server-mode knock makes 32 knocks, which begin as an encrypted message does", async (t) => {
  const lab = await openLab(t, ["tcpdump"]);
  if (lab === undefined) return;
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"]);
  const knocks = await knocksOf(lab, ["--Server-mode", "knock", "--rotate-proto", "-A", "tcp/22", "-a", CLIENT.v4, "--key-rijndael", "knock key", "--no-rc-file"]);
  assert.equal(knocks.length, 32, knocks.join(" "));
  assert.deepEqual(knocks.slice(0, 8), [..."Salted__"].map((letter, at) => `${at % 2 === 0 ? "tcp" : "udp"}/${61000 + letter.charCodeAt(0)}`));
});
