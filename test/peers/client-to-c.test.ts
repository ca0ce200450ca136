/** All that our client can send, in every way it can send it, as Debian's fwknopd takes it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { CLIENT, INNER, type Lab, openLab, SERVER } from "../support/lab.ts";
import { CLIENT_PEERS, knock, PLAIN_STANZA, type Settings, startDaemon } from "../support/peers.ts";

/** What a packet is to leave on the server. */
interface Case {
  readonly name: string;
  readonly access?: string;
  readonly args?: readonly string[];
  /** Rules as `iptables -S` has them, without their comments. */
  readonly rules: readonly RegExp[];
  /** Seconds for which the grant is asked; the stanza's own when absent. */
  readonly timeout?: number;
}

/** The stanza's own time, and one that only a client can have asked for. */
const [STANZA_TIMEOUT, CLIENT_TIMEOUT] = [300, 250];
const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: STANZA_TIMEOUT };

const accept = (port: number, protocol = "tcp"): RegExp => new RegExp(`^-A FWKNOP_INPUT -s ${CLIENT.v4}/32 -p ${protocol} -m ${protocol} --dport ${port} `);

/** Each opens a port of its own, so that the rules tell which packet was heard. */
const TRANSPORTS: readonly Case[] = ([
  ["udp"],
  ["udp from a port of our choice", "-S", "4500"],
  ["udp to a random port", "-r"],
  ["udp to another port", "-p", "53"],
  ["tcp", "-P", "tcp"],
  ["tcp from a port of our choice", "-P", "tcp", "-S", "4501"],
  ["http", "-P", "http"],
  ["http through a proxy", "-H", "user:secret@127.0.0.1:8080"],
  ["udpraw", "-P", "udpraw"],
  ["udpraw from a spoofed source and port", "-P", "udpraw", "-Q", "10.77.0.99", "-S", "53"],
  ["udpraw to a random port", "-P", "udpraw", "-r"],
  ["tcpraw", "-P", "tcpraw", "-p", "443"],
  ["tcpraw from a spoofed source", "-P", "tcpraw", "-Q", "10.77.0.99"],
  ["icmp", "-P", "icmp"],
  ["icmp of a type and a code", "-P", "icmp", "--icmp-type", "8", "--icmp-code", "0"],
  ["icmp from a spoofed source", "-P", "icmp", "-Q", "10.77.0.99", "--icmp-type", "3", "--icmp-code", "3"],
] as const).map(([name, ...args], at) => ({ name, args, access: `tcp/${7001 + at}`, rules: [accept(7001 + at)] }));

const forward = (port: number, inner: number): readonly RegExp[] => [
  new RegExp(`^-A FWKNOP_PREROUTING -s ${CLIENT.v4}/32 -p tcp -m tcp --dport ${port} .*--to-destination ${INNER.v4}:${inner}$`),
  new RegExp(`^-A FWKNOP_FORWARD -s ${CLIENT.v4}/32 -p tcp -m tcp --dport ${inner} `),
];
const local = (port: number, inner: number): readonly RegExp[] => [
  new RegExp(`^-A FWKNOP_PREROUTING -s ${CLIENT.v4}/32 -p tcp -m tcp --dport ${port} .*--to-destination ${SERVER.v4}:${inner}$`),
  accept(inner),
];

const MESSAGES: readonly Case[] = ([
  ["one port", "tcp/8001", [], [accept(8001)]],
  ["many ports", "tcp/8002,udp/8003,tcp/8004", [], [accept(8002), accept(8003, "udp"), accept(8004)]],
  ["NAT", "tcp/8005", ["-N", `${INNER.v4}:8006`], forward(8005, 8006)],
  ["NAT to a port that --nat-port gives to the server", "tcp/8007", ["-N", `${INNER.v4}:8007`, "--nat-port", "8008"], forward(8008, 8007)],
  ["NAT without a port", "tcp/8009", ["-N", INNER.v4], forward(8009, 8009)],
  ["local NAT", "tcp/8010", ["--nat-local", "--nat-port", "8011"], local(8011, 8010)],
  ["local NAT of the same port", "tcp/8012", ["--nat-local"], local(8012, 8012)],
] as const).flatMap(([name, access, args, rules]) => [
  { name, access, args, rules },
  // The same ten thousand ports further up.
  {
    name: `${name}, with a client timeout`, timeout: CLIENT_TIMEOUT, access: shifted(access),
    args: [...args.map(shifted), "-f", String(CLIENT_TIMEOUT)], rules: rules.map((rule) => new RegExp(shifted(rule.source))),
  },
]);

function shifted(text: string): string {
  return text.replace(/\b80(?=\d\d\b)/g, "180");
}

/** Waits until each case has left its rules, or the daemon has had time enough; then compares. */
async function assertRules(lab: Lab, cases: readonly Case[]): Promise<void> {
  let lines: string[] = [];
  for (let look = 0; look < 40; look++) {
    lines = [...(await rules(lab, "filter")), ...(await rules(lab, "nat"))];
    if (cases.every((one) => one.rules.every((rule) => lines.some((line) => rule.test(line))))) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const now = Date.now() / 1000;
  for (const { name, rules: wanted, timeout = STANZA_TIMEOUT } of cases) {
    for (const rule of wanted) {
      const found = lines.filter((line) => rule.test(line));
      assert.equal(found.length, 1, `${name}: ${rule} in\n${lines.join("\n")}`);
      const seconds = Number(/_exp_(\d+)/.exec(found[0]!)?.[1]) - now;
      assert.ok(seconds <= timeout + 1 && seconds > timeout - 49, `${name}: ends in ${seconds} s, asked for ${timeout}`);
    }
  }
  assert.equal(lines.length, cases.flatMap((one) => one.rules).length, lines.join("\n"));
}

async function rules(lab: Lab, table: string): Promise<string[]> {
  const { stdout } = await lab.server.run(["iptables", "-t", table, "-S"]);
  return stdout.split("\n").filter((line) => /^-A FWKNOP_\w+ .*_exp_/.test(line));
}

/** Forwards requests in absolute form to port 80, from those who know the password (RFC 9112 §3.2.2, RFC 7617). */
const PROXY = `require("node:http").createServer(({ method, url, headers }, response) => {
  if (headers["proxy-authorization"] !== "Basic " + btoa("user:secret")) return response.writeHead(407).end();
  const { hostname, pathname } = new URL(url);
  const socket = require("node:net").connect(80, hostname, () => {
    socket.write(method + " " + pathname + " HTTP/1.1\\r\\nHost: " + hostname + "\\r\\nUser-Agent: " + headers["user-agent"] + "\\r\\n\\r\\n");
    response.writeHead(404).end();
    socket.end();
  });
}).listen(8080, "127.0.0.1", () => console.log("proxy listens"));`;

async function startC(lab: Lab, config: Settings, stanza: Settings): Promise<WatchedChild> {
  return startDaemon(lab, "C", { config: { PCAP_FILTER: `ip dst host ${SERVER.v4}`, ...config }, stanzas: [{ ...STANZA, ...stanza }] });
}

describe("our client and the C program's server", { concurrency: 2 }, () => {
  test("fwknopd (C) hears fwknop over each transport", async (t) => {
    const lab = await openLab(t, [...CLIENT_PEERS.C, "fwknopd", "perl"]);
    if (lab === undefined) return;
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", "80,62201", "-j", "ACCEPT"]);
    await lab.serve(lab.server, 80);
    await lab.start(lab.client, [process.execPath, "-e", PROXY]).waitFor("proxy listens");
    await startC(lab, { ENABLE_TCP_SERVER: "Y", ENABLE_SPA_OVER_HTTP: "Y" }, {});
    for (const { access, args } of TRANSPORTS) await knock(lab, "ours", { access: access!, args: args! });
    await assertRules(lab, TRANSPORTS);
  });

  test("fwknopd (C) takes each type of message from fwknop, with and without a client timeout", async (t) => {
    const lab = await openLab(t, [...CLIENT_PEERS.C, "fwknopd"]);
    if (lab === undefined) return;
    const fwknopd = await startC(lab, { ENABLE_IPT_FORWARDING: "Y", ENABLE_IPT_LOCAL_NAT: "Y" }, { ENABLE_CMD_EXEC: "Y" });
    for (const { access, args } of MESSAGES) await knock(lab, "ours", { access: access!, args: args! });
    await assertRules(lab, MESSAGES);

    const files = ["plain", "with a timeout"].map((name) => lab.path(name.replaceAll(" ", "-")));
    await knock(lab, "ours", { args: ["-C", `/usr/bin/touch ${files[0]}`] });
    await knock(lab, "ours", { args: ["-C", `/usr/bin/touch ${files[1]}`, "-f", "30"] });
    for (let look = 0; look < 40 && !files.every((file) => existsSync(file)); look++) await new Promise((resolve) => setTimeout(resolve, 250));
    assert.deepEqual(files.map((file) => existsSync(file)), [true, true], fwknopd.log.slice(-2000));
  });
});
