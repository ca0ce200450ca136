/** The client program between a real firewall and our daemon: what it does after the knock, and what it says when there can be none. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { RunResult } from "../../src/node/run.ts";
import { run } from "../../src/node/run.ts";
import { GREETING } from "../../src/node/tool/host-tcp.ts";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, HMAC_KEY_BASE64, KEY_BASE64, keyOptions, PLAIN_STANZA, startDaemon } from "../support/peers.ts";

const KEYS = keyOptions(KEY_BASE64, HMAC_KEY_BASE64);
const STANZA = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 60 };

/** Runs our client on the lab's client host. */
async function fwknop(lab: Lab, args: readonly string[], input = ""): Promise<RunResult> {
  await ensureBuilt();
  const argv = shipped("fwknop", "-A", "tcp/22", "-a", CLIENT.v4, "-D", SERVER.v4, ...KEYS, "--no-rc-file", "--no-save-args", ...args);
  return run(lab.client.argv(argv), { input, timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
}

/** Joins its standard input and output to a TCP port, as `nc HOST PORT` does. */
const NETCAT = [process.execPath, "-e", `const [host, port] = process.argv.slice(1);
const socket = require("node:net").connect({ host, port: Number(port) });
process.stdin.pipe(socket).pipe(process.stdout);`];

describe("our client on a network", { concurrency: 2 }, () => {
  test("fwknop --verify is an ssh ProxyCommand with --then, tells --json what it found, and --close ends the grant", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    await startDaemon(lab, "ours", { stanzas: [STANZA] });

    const closed = await fwknop(lab, ["--verify", "tcp/23"]);
    assert.equal(closed.status, 1);
    assert.match(closed.stderr, /^fwknop: error: --verify: Port tcp\/23 on 10\.77\.0\.1 is filtered \(.*\), one knock\n$/);
    assert.equal(await lab.probe(22), "open", "before --close");
    assert.equal((await fwknop(lab, ["--close"])).status, 0);
    for (let look = 0; look < 40 && (await lab.rules("FWKNOP_INPUT")).length > 0; look++) await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(await lab.probe(22), "filtered", "after --close");

    const joined = await fwknop(lab, ["-v", "--verify", "tcp/22", "--then", ...NETCAT, SERVER.v4, "22"], "SSH-2.0-test\n");
    assert.deepEqual([joined.status, joined.stdout], [0, `${GREETING}\nSSH-2.0-test\n`], joined.stderr);
    assert.match(joined.stderr, /^\[\+\] Port tcp\/22 on 10\.77\.0\.1 is open \(connection accepted/m);

    const report = await fwknop(lab, ["--verify", "tcp/22", "--json"]);
    const { sent, address, verify } = JSON.parse(report.stdout) as Record<string, unknown>;
    assert.deepEqual({ sent, address, verify, stderr: report.stderr }, { sent: true, address: SERVER.v4, verify: { port: "tcp/22", state: "open", knocks: 1 }, stderr: "" });
  });

  test("fwknop --retry knocks until a daemon that came late has opened the port", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    const knocking = fwknop(lab, ["--verify", "tcp/22", "--retry", "20", "--json"]);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // the first knock is lost by then
    await startDaemon(lab, "ours", { stanzas: [STANZA] });
    const { status, stdout } = await knocking;
    assert.equal(status, 0);
    const { verify } = JSON.parse(stdout) as { verify: { state: string; knocks: number } };
    assert.equal(verify.state, "open");
    assert.ok(verify.knocks > 1, stdout);
  });

  test("fwknop -6 knocks at an IPv6 address, for an IPv6 address, and warns once that C servers do not take it", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    await startDaemon(lab, "ours", { stanzas: [STANZA] });
    const { status, stderr } = await fwknop(lab, ["-6", "-D", SERVER.v6, "-a", CLIENT.v6, "--verify", "tcp/22", "--retry", "3"]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^fwknop: warning: --allow-ip: [^\n]*\n$/);
    assert.match((await lab.rules("FWKNOP_INPUT", { program: "ip6tables" })).join("\n"), /^-A FWKNOP_INPUT -s fd77::2\/128 -p tcp -m tcp --dport 22 [^\n]*-j ACCEPT$/);
    const wrong = await fwknop(lab, ["-6", "-D", SERVER.v4]);
    assert.match(wrong.stderr, /^fwknop: error: send_spa_packet: packet not sent\. error in getaddrinfo: [^\n]*IPv6[^\n]*\n$/);
  });

  test("fwknop -a HOST opens for the address that the name has, unless that is 0.0.0.0", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await ensureBuilt();
    await lab.serve(lab.server, 22);
    await startDaemon(lab, "ours", { stanzas: [STANZA] });
    const hosts = join(lab.folder, "hosts");
    writeFileSync(hosts, `${CLIENT.v4} laptop.example.org\n0.0.0.0 any.example.org\n`);
    const withHosts = (...args: readonly string[]): Promise<RunResult> => {
      const argv = shipped("fwknop", "-A", "tcp/22", "-D", SERVER.v4, ...KEYS, "--no-save-args", ...args);
      return run(lab.client.argv(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...argv]), { timeoutMs: 60_000, env: { HOME: lab.folder, LOGNAME: "tester" } });
    };
    const opened = await withHosts("--no-rc-file", "-a", "laptop.example.org", "--verify", "tcp/22", "--retry", "3");
    assert.deepEqual([opened.status, opened.stderr], [0, ""]);
    assert.match((await lab.rules("FWKNOP_INPUT")).join("\n"), new RegExp(`^-A FWKNOP_INPUT -s ${CLIENT.v4}/32 `));
    writeFileSync(join(lab.folder, ".fwknoprc"), "[named]\nALLOW_IP laptop.example.org\n", { mode: 0o600 });
    assert.match((await withHosts("-n", "named", "-T")).stdout, new RegExp(`Message String: ${CLIENT.v4},tcp/22\n`));
    for (const [name, words] of [["any.example.org", /: any\.example\.org has the address 0\.0\.0\.0\n$/], ["none.example.org", /'none\.example\.org'\)\n$/]] as const) {
      const refused = await withHosts("--no-rc-file", "-a", name);
      assert.deepEqual([refused.status, refused.stdout], [1, ""], name);
      assert.match(refused.stderr, /^fwknop: error: Invalid allow IP specified for SPA access: --allow-ip: [^\n]*\n$/);
      assert.match(refused.stderr, words);
    }
  });

  test("fwknop tells in one line each why a packet could not be sent", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "7", "-j", "REJECT", "--reject-with", "tcp-reset"]);
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "8", "-j", "REJECT", "--reject-with", "icmp-host-unreachable"]);
    const proxy = lab.start(lab.client, [process.execPath, "-e", `require("node:http").createServer((request, response) => {
      if (!request.url.includes("late")) response.writeHead(403).end("no");
    }).listen(8080, "127.0.0.1", () => console.log("proxy listens"));`]);
    await proxy.waitFor("proxy listens");
    const cases: Readonly<Record<string, readonly [args: readonly string[], words: RegExp]>> = {
      refused: [["-P", "tcp", "-p", "7"], /Could not create socket: Connection refused \(10\.77\.0\.1 port 7\)/],
      "unreachable host": [["-P", "http", "-p", "8"], /Could not create socket: No route to host \(10\.77\.0\.1 port 8\)/],
      "unreachable network, udp": [["-D", "203.0.113.1"], /sendto error: Network is unreachable \(203\.0\.113\.1 port 62201\)/],
      "unreachable network, raw": [["-D", "203.0.113.1", "-P", "icmp"], /Network is unreachable \(203\.0\.113\.1\)/],
      unresolvable: [["-D", "no.such.host.invalid"], /error in getaddrinfo: .* \('no\.such\.host\.invalid'\)/],
      "proxy's no": [["-H", "127.0.0.1:8080"], /proxy 127\.0\.0\.1 port 8080 said no: HTTP\/1\.1 403 Forbidden/],
      "proxy that is not there": [["-H", "127.0.0.1:8081"], /Could not create socket: Connection refused \(127\.0\.0\.1 port 8081\)/],
      "proxy's silence": [["-H", "127.0.0.1:8080", "-D", "late.example.com"], /proxy 127\.0\.0\.1 port 8080 gave no answer within 5000 ms/],
      timeout: [["-P", "tcp", "-p", "9"], /Could not create socket: Connection timed out \(10\.77\.0\.1 port 9, after 5000 ms\)/],
      "a broadcast address": [["-D", "10.77.0.255"], /sendto error: Permission denied/],
    };
    await Promise.all(Object.entries(cases).map(async ([name, [args, words]]) => {
      const { status, stdout, stderr } = await fwknop(lab, args);
      assert.deepEqual([status, stdout], [1, ""], name);
      assert.match(stderr, /^fwknop: error: send_spa_packet: packet not sent\. [^\n]*\n$/, name);
      assert.match(stderr, words, name);
    }));
  });
});
