import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult, Note, Rule } from "../src/firewall/backend.ts";
import { forgetCommands, forgetConnections } from "../src/firewall/connections.ts";
import type { Grant } from "../src/firewall/grant.ts";
import { parseIp } from "../src/ip.ts";

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
