import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant, NatTarget } from "../src/firewall/grant.ts";
import { parseIp } from "../src/ip.ts";
import { isInUse, parseConnections } from "../src/server/connections.ts";

const ip = (text: string) => parseIp(text)!;

/** As conntrack 1.4.7 and the kernel's own file list them. */
const LISTING = `tcp      6 431999 ESTABLISHED src=10.1.2.3 dst=10.0.0.1 sport=40000 dport=22 src=10.0.0.1 dst=10.1.2.3 sport=22 dport=40000 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 300 ESTABLISHED src=10.1.2.4 dst=10.0.0.1 sport=40001 dport=2222 src=192.168.10.5 dst=10.1.2.4 sport=80 dport=40001 [ASSURED] mark=0 use=1
ipv6     10 tcp      6 300 ESTABLISHED src=fd00::5 dst=fd00::1 sport=40002 dport=443 src=fd00::1 dst=fd00::5 sport=443 dport=40002 [ASSURED] use=2
tcp      6 100 TIME_WAIT src=10.1.2.9 dst=10.0.0.1 sport=40003 dport=22 src=10.0.0.1 dst=10.1.2.9 sport=22 dport=40003 [ASSURED] mark=0 use=1
udp      17 20 src=10.1.2.9 dst=10.0.0.1 sport=40003 dport=53 src=10.0.0.1 dst=10.1.2.9 sport=53 dport=40003 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.
`;

const grant = (source: string, changes: Partial<Grant> = {}): Grant => ({ source: ip(source), ports: [{ protocol: "tcp", port: 22 }], expiresAt: 9, ...changes });
const tcp = (port: number): Pick<Grant, "ports"> => ({ ports: [{ protocol: "tcp", port }] });
const nat = (changes: Partial<NatTarget> = {}): Pick<Grant, "nat"> => ({ nat: { kind: "forward", address: ip("192.168.10.5"), port: 80, rewriteDestination: true, wholeHost: false, ...changes } });

const CASES: readonly (readonly [what: string, grant: Grant, ports: readonly number[], isInUse: boolean])[] = [
  ["its port", grant("10.1.2.3"), [], true],
  ["one of its ports", grant("10.1.2.3", { ports: [{ protocol: "udp", port: 53 }, { protocol: "tcp", port: 22 }] }), [], true],
  ["another port", grant("10.1.2.3", tcp(23)), [], false],
  ["the same port of another protocol", grant("10.1.2.3", { ports: [{ protocol: "udp", port: 22 }] }), [], false],
  ["another client's port", grant("10.1.2.5"), [], false],
  ["a connection that is being closed", grant("10.1.2.9"), [], false],
  ["a port of CONNTRACK_ESTAB_PORTS", grant("10.1.2.3"), [80, 22], true],
  ["a port that CONNTRACK_ESTAB_PORTS does not name", grant("10.1.2.3"), [80], false],
  ["the outer port of NAT, of which the inner one is named", grant("10.1.2.4", { ...tcp(2222), ...nat() }), [80], true],
  ["the inner port where no destination is rewritten", grant("10.1.2.3", { ...tcp(2222), ...nat({ port: 22, rewriteDestination: false }) }), [], true],
  ["the outer port where no destination is rewritten", grant("10.1.2.4", { ...tcp(2222), ...nat({ port: 22, rewriteDestination: false }) }), [], false],
  ["any port of a whole host", grant("10.1.2.4", { ...tcp(9), ...nat({ wholeHost: true }) }), [], true],
  ["another host than the whole one", grant("10.1.2.3", { ...tcp(9), ...nat({ wholeHost: true }) }), [], false],
  ["anything behind us", grant("10.1.2.3", { ...tcp(9), ...nat({ wholeHost: true, address: ip("0.0.0.0") }) }), [], true],
  ["a client within its network", grant("10.1.2.0", { sourcePrefix: 24 }), [], true],
  ["a client outside of its network", grant("10.1.3.0", { sourcePrefix: 24 }), [], false],
  ["IPv6", grant("fd00::", { ...tcp(443), sourcePrefix: 64 }), [], true],
];

for (const [what, wanted, ports, expected] of CASES) {
  test(`isInUse() ${expected ? "knows" : "does not count"} ${what}`, () => assert.equal(isInUse(wanted, parseConnections(LISTING), ports), expected));
}
