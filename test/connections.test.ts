import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "../src/firewall/grant.ts";
import { formatIp, parseIp } from "../src/ip.ts";
import { isInUse, parseConnections } from "../src/server/connections.ts";

// As conntrack 1.4.7 and Linux 6.1 print them; the third has been translated by DNAT.
const CONNTRACK = `tcp      6 431999 ESTABLISHED src=10.77.0.2 dst=10.77.0.1 sport=40000 dport=22 src=10.77.0.1 dst=10.77.0.2 sport=22 dport=40000 [ASSURED] mark=0 use=1
tcp      6 119 TIME_WAIT src=10.77.0.3 dst=10.77.0.1 sport=40000 dport=22 src=10.77.0.1 dst=10.77.0.3 sport=22 dport=40000 [ASSURED] mark=0 use=1
tcp      6 431990 ESTABLISHED src=10.77.0.4 dst=10.77.0.1 sport=40001 dport=2222 src=10.78.0.2 dst=10.77.0.4 sport=22 dport=40001 [ASSURED] mark=0 use=1
udp      17 29 src=10.77.0.5 dst=10.77.0.1 sport=40000 dport=22 src=10.77.0.1 dst=10.77.0.5 sport=22 dport=40000 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.
`;
const PROC = "ipv6     10 tcp      6 431999 ESTABLISHED src=fd77:0000:0000:0000:0000:0000:0000:0002 dst=fd77:0000:0000:0000:0000:0000:0000:0001 sport=40000 dport=22 src=fd77:0000:0000:0000:0000:0000:0000:0001 dst=fd77:0000:0000:0000:0000:0000:0000:0002 sport=22 dport=40000 [ASSURED] mark=0 zone=0 use=2\n";

const grant = (source: string, port: number, changes: Partial<Grant> = {}): Grant => ({ source: parseIp(source)!, ports: [{ protocol: "tcp", port }], expiresAt: 0, ...changes });

test("parseConnections() takes established TCP connections out of both listings", () => {
  const read = (text: string) => parseConnections(text).map(({ source, port, innerPort }) => `${formatIp(source)} ${port} ${innerPort}`);
  assert.deepEqual(read(CONNTRACK), ["10.77.0.2 22 22", "10.77.0.4 2222 22"]);
  assert.deepEqual(read(PROC), ["fd77::2 22 22"]);
  assert.deepEqual(read("tcp ESTABLISHED \ntcp 6 1 ESTABLISHED src=x dst=y sport=z\n\0\n"), []);
});

test("isInUse() wants the grant's client on the grant's port, and one of CONNTRACK_ESTAB_PORTS if any are given", () => {
  const connections = parseConnections(CONNTRACK);
  const nat = { kind: "forward" as const, address: parseIp("10.78.0.2")!, port: 22, rewriteDestination: true, wholeHost: false };
  const rows: readonly (readonly [Grant, readonly number[], boolean])[] = [
    [grant("10.77.0.2", 22), [], true],
    [grant("10.77.0.2", 22), [22], true],
    [grant("10.77.0.2", 22), [80], false],
    [grant("10.77.0.2", 23), [], false],
    [grant("10.77.0.3", 22), [], false],
    [grant("10.77.0.5", 22), [], false],
    [grant("10.77.0.4", 2222, { nat }), [22], true],
    [grant("10.77.0.4", 2222, { nat }), [2222], true],
    [grant("10.77.0.4", 22, { nat }), [], false],
    [grant("10.77.0.4", 1, { nat: { ...nat, wholeHost: true } }), [], true],
    [{ ...grant("10.77.0.2", 22), ports: [{ protocol: "udp", port: 22 }] }, [], false],
  ];
  for (const [asked, ports, expected] of rows) assert.equal(isInUse(asked, connections, ports), expected, `${formatIp(asked.source)} ${asked.ports[0]!.port} ${ports.join()}`);
});
