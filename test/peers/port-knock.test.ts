/** The port knocking of our client program, as tcpdump at the other end of a cable sees it: no server of our peers hears it any more. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
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

/** A packet at the server: when, by its clock, and what. */
interface Seen {
  readonly at: number;
  readonly knock: string;
}

/** Runs our client, and tells what of it tcpdump sees arrive until as many packets are there, and a second later. */
async function watch(lab: Lab, count: number, ...args: readonly string[]): Promise<Seen[]> {
  await ensureBuilt();
  const tcpdump = lab.start(lab.server, ["tcpdump", "-i", "eth0", "-nn", "-l", "-tt", "--immediate-mode", "-Q", "in", "-q", `ip dst ${SERVER.v4}`]);
  await tcpdump.waitFor("listening on");
  const argv = shipped("fwknop", "-D", SERVER.v4, "--no-save-args", ...args);
  const { status, stderr } = await run(lab.client.argv(argv), { timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
  assert.deepEqual([status, stderr], [0, ""]);
  await tcpdump.waitFor(/ > 10\.77\.0\.1/, count);
  // The kernel repeats the first packet of a connection after a second: no knock may come twice.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await tcpdump.stop("SIGINT");
  return [...tcpdump.log.matchAll(/^(\d+\.\d+) IP 10\.77\.0\.2(?:\.\d+)? > 10\.77\.0\.1(?:\.(\d+))?: (tcp|UDP|ICMP echo request)/gm)]
    .map(([, at, port, what]) => ({ at: Number(at), knock: what!.startsWith("ICMP") ? "icmp" : `${what!.toLowerCase()}/${port}` }));
}

test("fwknop --Server-mode knock sends 32 packets, each once and in order, whose ports openssl decrypts to the request", async (t) => {
  const lab = await openLab(t, ["tcpdump", "openssl"]);
  if (lab === undefined) return;
  const seen = await watch(lab, 32, "--Server-mode", "knock", "-A", "tcp/2222", "-a", CLIENT.v4, "--key-rijndael", "legacy", "--no-rc-file", "--rotate-proto", "--time-delay", "0");
  assert.deepEqual(seen.map(({ knock }) => knock.slice(0, 3)), Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? "tcp" : "udp")));
  const bytes = Buffer.from(seen.map(({ knock }) => Number(knock.slice(4)) - 61000));
  const opened = spawnSync("openssl", ["enc", "-d", "-aes-256-cbc", "-md", "md5", "-pass", "pass:legacy0000000000"], { input: bytes });
  assert.equal(opened.status, 0, String(opened.stderr));
  const facts = [10, 77, 0, 2, 2222 >> 8, 2222 & 255, 6];
  assert.deepEqual([...opened.stdout], [...facts, facts.reduce((sum, byte) => sum + byte) % 256, ...Buffer.from("tester")]);
});

test("fwknop --Server-mode shared sends the packets of the rc file's line, a second apart", async (t) => {
  const lab = await openLab(t, ["tcpdump", "perl"]);
  if (lab === undefined) return;
  const rc = lab.write("rc", `# the Perl client's\n${SERVER.v4}: tcp/5501, udp/1001, icmp, tcp/5501\n[default]\n`);
  const seen = await watch(lab, 4, "--Server-mode", "shared", "--user-rc", rc);
  assert.deepEqual(seen.map(({ knock }) => knock), ["tcp/5501", "udp/1001", "icmp", "tcp/5501"]);
  // Much shorter it can never be; how much longer is the machine's affair.
  for (let at = 1; at < seen.length; at++) assert.ok(seen[at]!.at - seen[at - 1]!.at > 0.9, JSON.stringify(seen));
});

test("fwknop --Server-mode knock counts a refused connection as a knock, and tells of one that did not get out", async (t) => {
  const lab = await openLab(t, ["tcpdump"]);
  if (lab === undefined) return;
  await ensureBuilt();
  const knock = async (server: string): Promise<string> => {
    const argv = shipped("fwknop", "--Server-mode", "knock", "-A", "tcp/22", "-s", "-D", server, "--key-rijndael", "k", "--no-rc-file", "--no-save-args", "--time-delay", "0");
    const { status, stderr } = await run(lab.client.argv(argv), { timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
    return `${status} ${stderr}`;
  };
  for (const answer of ["tcp-reset", "icmp-admin-prohibited"]) {
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", answer]);
    assert.equal(await knock(SERVER.v4), "0 ", answer);
  }
  assert.match(await knock("203.0.113.1"), /^1 fwknop: error: Knock 1 of 32: tcp\/61083: Network is unreachable \(203\.0\.113\.1\)\n$/);
});
