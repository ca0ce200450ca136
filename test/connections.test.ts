import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult, Note, Rule } from "../src/firewall/backend.ts";
import { forgetCommands, forgetConnections } from "../src/firewall/connections.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { parseIp } from "../src/ip.ts";
import { isInUse, parseConnections } from "../src/server/connections.ts";

const ip = (text: string) => parseIp(text)!;
const grant = (changes: Partial<Grant> = {}): Grant => ({ source: ip("10.1.2.3"), ports: [{ protocol: "tcp", port: 22 }, { protocol: "udp", port: 53 }], expiresAt: 9, ...changes });
const nat = { kind: "forward", address: ip("10.9.0.5"), port: 80, rewriteDestination: true, wholeHost: false } as const;

const CASES: readonly [title: string, grant: Grant, commands: readonly string[]][] = [
  ["each port", grant(), ["-f ipv4 -s 10.1.2.3 -p tcp --dport 22", "-f ipv4 -s 10.1.2.3 -p udp --dport 53"]],
  ["one address of ours", grant({ destination: ip("10.0.0.1"), ports: [{ protocol: "tcp", port: 22 }] }), ["-f ipv4 -s 10.1.2.3 -d 10.0.0.1 -p tcp --dport 22"]],
  ["a network", grant({ source: ip("fd00::"), sourcePrefix: 64, ports: [{ protocol: "tcp", port: 22 }] }), ["-f ipv6 -s fd00::/64 -p tcp --dport 22"]],
  ["the outer port of NAT", grant({ nat }), ["-f ipv4 -s 10.1.2.3 -p tcp --dport 22"]],
  ["forwarding without NAT", grant({ nat: { ...nat, rewriteDestination: false } }), ["-f ipv4 -s 10.1.2.3 -p tcp --dport 80"]],
  ["a whole host", grant({ nat: { ...nat, wholeHost: true } }), ["-f ipv4 -s 10.1.2.3 -r 10.9.0.5"]],
  ["everything behind us", grant({ nat: { ...nat, wholeHost: true, address: ip("0.0.0.0") } }), ["-f ipv4 -s 10.1.2.3"]],
];

for (const [title, wanted, commands] of CASES) {
  test(`forgetCommands() names the connections of ${title}`, () => {
    assert.deepEqual(forgetCommands(wanted, ["/sbin/conntrack"]).map(({ argv }) => argv.join(" ")), commands.map((words) => `/sbin/conntrack -D ${words}`));
  });
}

test("forgetConnections() asks once a grant, takes none for an answer, and says what went wrong", () => {
  const one = grant({ ports: [{ protocol: "tcp", port: 22 }] });
  const rule = (changes: Partial<Rule>): Rule => ({ key: "", family: 4, table: "", chain: "", kind: "", words: [], subject: "", expiresAt: 9, ...changes });
  const perform = (result: CommandResult): { commands: number; notes: Note[] } => {
    const plan = forgetConnections([rule({ grant: one }), rule({ grant: one }), rule({})], ["conntrack"]);
    let commands = 0;
    const notes: Note[] = [];
    for (let step = plan.next(result); step.done !== true; step = plan.next(result)) {
      if (step.value.kind === "note") notes.push(step.value);
      else commands++;
    }
    return { commands, notes };
  };
  assert.deepEqual(perform({ status: 1, stdout: "", stderr: "0 flow entries have been deleted" }), { commands: 1, notes: [] });
  const missing = perform({ status: undefined, stdout: "", stderr: "No such file or directory", failure: "ENOENT" });
  assert.equal(missing.commands, 1);
  assert.match(missing.notes[0]!.message, /^Connections outlast their grant \(CONNTRACK_ON_EXPIRE\): forget_connections\(\) Error ENOENT from cmd:'conntrack -D /);
});

test("isInUse() finds the connections of an address, or of a whole network, by the port before NAT", () => {
  const connections = parseConnections([
    "tcp      6 431999 ESTABLISHED src=10.1.2.9 dst=10.0.0.1 sport=40000 dport=2222 src=10.9.0.5 dst=10.1.2.9 sport=22 dport=40000 [ASSURED] mark=0 use=1",
    "tcp      6 100 TIME_WAIT src=10.1.2.4 dst=10.0.0.1 sport=40000 dport=22 src=10.0.0.1 dst=10.1.2.4 sport=22 dport=40000 [ASSURED] mark=0 use=1",
  ].join("\n"));
  const port = [{ protocol: "tcp", port: 2222 }] as const;
  const cases: readonly [Partial<Grant>, readonly number[], boolean][] = [
    [{ source: ip("10.1.2.9"), ports: port }, [], true],
    [{ source: ip("10.1.2.9"), ports: port }, [22], true],
    [{ source: ip("10.1.2.9"), ports: port }, [23], false],
    [{ source: ip("10.1.2.0"), sourcePrefix: 24, ports: port }, [], true],
    [{ source: ip("10.1.2.0"), sourcePrefix: 29, ports: port }, [], false],
    [{ source: ip("10.1.2.9"), ports: [{ protocol: "udp", port: 2222 }] }, [], false],
    [{ source: ip("10.1.2.4") }, [], false],
    [{ source: ip("fd00::"), sourcePrefix: 64, ports: port }, [], false],
  ];
  for (const [changes, ports, expected] of cases) assert.equal(isInUse(grant(changes), connections, ports), expected, JSON.stringify([changes, ports]));
});
