/** What sendPacket() puts on a cable, as tcpdump and a real firewall at the other end see it. */
import assert from "node:assert/strict";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildSpaRequest } from "../../src/http-request.ts";
import type { ProbeOptions, ProbeResult } from "../../src/node/client/probe-port.ts";
import type { SendPlan, SendResult } from "../../src/node/client/send.ts";
import { systemPath } from "../../src/node/find-program.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";

/** 161 characters, an odd number, as most packets have. */
const PACKET = "AEc+NuxlPMqBVSlITAMz45d+oZtqBPlN91qrG1sxR6C16EYN1l9qTyqrQvs1btIT5w/BaPCMpX9tqBUz3FtMLKtiu1/UhA3fX/75MbMgd+we2fw6VkmtIanUk4AH/anx/nNrs9b35zr9XLCvBHvvBH6IozRh46".padEnd(161, "x");
const PORT = 62201;

/** A plan as text: the address to spoof is parsed where it is used. */
type Plan = Partial<Omit<SendPlan, "spoofedSource">> & { readonly transport: SendPlan["transport"]; readonly spoof?: string };

/** Bundles a module with a main program, so that it runs in a host of the lab without this repository's loader. */
async function bundle(lab: Lab, name: string, contents: string): Promise<string> {
  const outfile = lab.path(name);
  await build({ stdin: { contents, resolveDir: fileURLToPath(new URL("../..", import.meta.url)) }, outfile, bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "error" });
  return outfile;
}

/** Sends packets from the client. */
async function send(lab: Lab, plans: readonly Plan[], before: readonly string[] = []): Promise<SendResult[]> {
  const program = await bundle(lab, "send.mjs", `
    import { sendPacket } from "./src/node/client/send.ts";
    import { parseIp } from "./src/ip.ts";
    for (const { spoof, ...plan } of JSON.parse(process.argv[2])) {
      console.log(JSON.stringify(await sendPacket({ packet: "${PACKET}", host: "${SERVER.v4}", port: ${PORT}, ...plan, ...(spoof ? { spoofedSource: parseIp(spoof) } : {}) })));
    }`);
  const [first, ...rest] = [...before, process.execPath, program, JSON.stringify(plans)];
  const { stdout } = await lab.client.run([first!, ...rest], { timeoutMs: 60_000 });
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as SendResult);
}

/** What tcpdump on the server says about packets, one line each, after as many as are wanted. */
async function watch(lab: Lab, count: number, act: () => Promise<unknown>): Promise<string[]> {
  const tcpdump = lab.start(lab.server, ["tcpdump", "-i", "eth0", "-nn", "-vv", "-A", "-l", "-t", "--immediate-mode", "-Q", "in",
    `udp port ${PORT} or tcp port ${PORT} or icmp or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129) or udp[4:2] = 169`]);
  await tcpdump.waitFor("listening on");
  await act();
  await tcpdump.waitFor(PACKET, count);
  await tcpdump.stop("SIGINT");
  return tcpdump.log.replace(/^[^]*?listening on [^\n]*\n/, "").split(/^(?=IP6? )/m).map((packet) => packet.replaceAll("\n", " ")).filter((packet) => packet.includes(PACKET));
}

const RAW: readonly (readonly [plan: Plan, seen: RegExp, bytes: number])[] = [
  [{ transport: "udpraw", sourcePort: 4001 }, /ttl 255, .*proto UDP.* 10\.77\.0\.2\.4001 > 10\.77\.0\.1\.62201: \[udp sum ok\] UDP, length 161 /, 189],
  [{ transport: "tcpraw", sourcePort: 4002 }, /10\.77\.0\.2\.4002 > 10\.77\.0\.1\.62201: Flags \[S\], cksum 0x[0-9a-f]{4} \(correct\), seq 1:162, win 32767, length 161 /, 201],
  [{ transport: "icmp" }, /10\.77\.0\.2 > 10\.77\.0\.1: ICMP echo reply, id 0, seq 0, length 169 /, 189],
  [{ transport: "icmp", icmp: { type: 8, code: 0 } }, /10\.77\.0\.2 > 10\.77\.0\.1: ICMP echo request, id \d+, seq 1, length 169 /, 189],
  [{ transport: "icmp", icmp: { type: 40, code: 15 } }, /10\.77\.0\.2 > 10\.77\.0\.1: ICMP .*#40, length 169 /, 189],
  [{ transport: "udpraw", spoof: "198.51.100.9" }, / 198\.51\.100\.9\.\d{5} > 10\.77\.0\.1\.62201: \[udp sum ok\]/, 189],
  [{ transport: "tcpraw", spoof: "198.51.100.9" }, / 198\.51\.100\.9\.\d{5} > 10\.77\.0\.1\.62201: Flags \[S\], cksum 0x[0-9a-f]{4} \(correct\)/, 201],
  [{ transport: "icmp", spoof: "198.51.100.9" }, / 198\.51\.100\.9 > 10\.77\.0\.1: ICMP echo reply/, 189],
  [{ transport: "udpraw", host: SERVER.v6, sourcePort: 4003 }, /hlim 255, .*fd77::2\.4003 > fd77::1\.62201: \[udp sum ok\] UDP, length 161 /, 209],
  [{ transport: "tcpraw", host: SERVER.v6 }, /fd77::2\.\d{5} > fd77::1\.62201: Flags \[S\], cksum 0x[0-9a-f]{4} \(correct\)/, 221],
  [{ transport: "icmp", host: SERVER.v6 }, /fd77::2 > fd77::1: \[icmp6 sum ok\] ICMP6, echo reply, id 0, seq 0 /, 209],
  [{ transport: "icmp", host: SERVER.v6, icmp: { type: 8, code: 0 } }, /fd77::2 > fd77::1: \[icmp6 sum ok\] ICMP6, echo request, id \d+, seq 1 /, 209],
  [{ transport: "udpraw", host: SERVER.v6, spoof: "2001:db8::9" }, / 2001:db8::9\.\d{5} > fd77::1\.62201: \[udp sum ok\]/, 209],
];

function assertSeen(seen: readonly string[], results: readonly SendResult[]): void {
  assert.equal(seen.length, RAW.length, seen.join("\n"));
  for (const [at, [plan, expected, bytes]] of RAW.entries()) {
    const result = results[at]!;
    assert.ok(result.ok, result.ok ? "" : result.message);
    assert.equal(result.bytesSent, bytes);
    assert.match(seen[at]!, expected, JSON.stringify(plan));
    assert.doesNotMatch(seen[at]!, /bad|wrong|incorrect/);
  }
}

test("sendPacket() puts hand-made packets on the wire that tcpdump calls correct: through perl, and through python3 where perl is not", async (t) => {
  const lab = await openLab(t, ["tcpdump", "perl", "python3"]);
  if (lab === undefined) return;
  // The first packet to an IPv6 neighbour may be lost while it is looked for.
  await lab.client.run(["ping", "-6", "-c", "1", "-W", "1", SERVER.v6]).catch(() => {});
  const plans = RAW.map(([plan]) => plan);
  let results: SendResult[] = [];
  assertSeen(await watch(lab, RAW.length, async () => (results = await send(lab, plans))), results);

  const hide = async (name: string): Promise<void> => {
    const paths = systemPath().split(delimiter).map((folder) => join(folder, name)).filter((path) => existsSync(path));
    for (const path of new Set(paths.map((path) => realpathSync(path)))) await lab.client.run(["mount", "--bind", "/dev/null", path]);
  };
  await hide("perl");
  assertSeen(await watch(lab, RAW.length, async () => (results = await send(lab, plans))), results);

  await hide("python3");
  const [lacking] = await send(lab, [{ transport: "udpraw" }]);
  assert.ok(lacking?.ok === false);
  assert.equal(lacking.reason, "injector");
  assert.match(lacking.message, /^send_spa_packet: packet not sent\. send_spa_packet_udpraw: Hand-made packets need perl or python3 to open a raw socket \(perl: Permission denied; python3: Permission denied\)$/);
});

test("sendPacket() sends over UDP, TCP and HTTP in both families, from the port it is told", async (t) => {
  const lab = await openLab(t, ["tcpdump"]);
  if (lab === undefined) return;
  for (const program of ["iptables", "ip6tables"]) await lab.server.run([program, "-I", "INPUT", "-p", "tcp", "--dport", String(PORT), "-j", "ACCEPT"]);
  await lab.serve(lab.server, PORT);
  const http = { userAgent: "Fwknop/2.6.11" };
  const plans: readonly Plan[] = [SERVER.v4, SERVER.v6].flatMap((host, at) => [
    { transport: "udp", host, sourcePort: 5001 + at }, { transport: "tcp", host, sourcePort: 5003 + at }, { transport: "http", host, sourcePort: 5005 + at, http, packet: PACKET.replaceAll(/[+/]/g, "x") },
  ]);
  let results: SendResult[] = [];
  const tcpdump = lab.start(lab.server, ["tcpdump", "-i", "eth0", "-nn", "-A", "-l", "-t", "--immediate-mode", "-Q", "in", `port ${PORT}`]);
  await tcpdump.waitFor("listening on");
  results = await send(lab, plans);
  for (const host of [CLIENT.v4, CLIENT.v6]) {
    for (const base of [5001, 5003, 5005]) await tcpdump.waitFor(new RegExp(`${host}\\.${base + (host === CLIENT.v4 ? 0 : 1)} > .*length [1-9]`));
  }
  await tcpdump.stop("SIGINT");
  const lengths = plans.map(({ transport, host }) => (transport === "http" ? buildSpaRequest({ packet: PACKET, server: host!, ...http }).length : PACKET.length));
  assert.deepEqual(results.map((result) => result.ok && result.bytesSent), lengths);
  assert.equal(tcpdump.count(PACKET), 4, "as it is over UDP and TCP");
  assert.equal(tcpdump.count(`GET /${PACKET.replaceAll(/[+/]/g, "x")} HTTP/1.1`), 2);
});

test("sendPacket() tells refused, unreachable, forbidden and timed out apart", async (t) => {
  const lab = await openLab(t, []);
  if (lab === undefined) return;
  const rules = [["server", "INPUT", "--dport", "7", "REJECT", "--reject-with", "tcp-reset"], ["server", "INPUT", "--dport", "8", "REJECT", "--reject-with", "icmp-host-unreachable"]] as const;
  for (const [host, chain, option, port, target, ...rest] of rules) await lab[host].run(["iptables", "-I", chain, "-p", "tcp", option, port, "-j", target, ...rest]);
  await lab.client.run(["iptables", "-I", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "DROP"]);
  const results = await send(lab, [
    { transport: "tcp", port: 7 }, { transport: "tcp", port: 8 }, { transport: "tcp", port: 10, timeoutMs: 300 },
    { transport: "udp", host: "203.0.113.1" }, { transport: "tcp", host: "203.0.113.1" }, { transport: "udpraw", host: "203.0.113.1" }, { transport: "udpraw", host: "203.0.113.1", spoof: "10.77.0.9" },
    { transport: "udp", port: 9 }, { transport: "udp", host: "10.77.0.255" },
  ]);
  assert.deepEqual(results.map((result) => (result.ok ? "sent" : result.reason)), [
    "refused", "unreachable", "timeout", "unreachable", "unreachable", "unreachable", "unreachable", "permission", "permission",
  ], JSON.stringify(results));
  for (const result of results) assert.match(result.ok ? "" : result.message, /^send_spa_packet: packet not sent\. [ -~]+$/);

  const [powerless] = await send(lab, [{ transport: "udpraw" }], ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
  assert.ok(powerless?.ok === false);
  assert.equal(powerless.reason, "permission");
  assert.match(powerless.message, /send_spa_packet_udpraw: socket: Operation not permitted \(raw sockets need root or CAP_NET_RAW\)$/);
});

test("probePort() sees through a real firewall what a user would", async (t) => {
  const lab = await openLab(t, []);
  if (lab === undefined) return;
  await lab.serve(lab.server, 22);
  const program = await bundle(lab, "probe.mjs", `
    import { probePort } from "./src/node/client/probe-port.ts";
    console.log(JSON.stringify(await probePort(JSON.parse(process.argv[2]))));`);
  const probe = async (options: Partial<ProbeOptions>): Promise<ProbeResult> => {
    const { stdout } = await lab.client.run([process.execPath, program, JSON.stringify({ host: SERVER.v4, protocol: "tcp", port: 22, timeoutMs: 300, ...options })], { timeoutMs: 60_000 });
    return JSON.parse(stdout) as ProbeResult;
  };
  assert.equal((await probe({})).state, "filtered");
  assert.equal((await probe({ protocol: "udp" })).state, "filtered");
  const opening = probe({ retries: 200, pauseMs: 20 });
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT"]);
  assert.equal((await opening).state, "open");
  await lab.server.run(["iptables", "-I", "INPUT", "-j", "REJECT"]);
  assert.equal((await probe({ protocol: "udp", port: 500 })).state, "closed");
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"]);
  assert.equal((await probe({ timeoutMs: 5000 })).state, "closed");
});
