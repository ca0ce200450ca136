/**
 * A firewall's program that fails as the real one does, in the place of the real one: what our daemon tells apart, tries
 * again and says, beside what the C one makes of it.
 */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, daemonArgv, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

/** How it fails: what it writes to stderr, and its exit status. The words are those of iptables 1.8.9. */
const FAULTS = {
  locked: ["Another app is currently holding the xtables lock. Stopped waiting after 5s.", 4],
  permission: ["iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)", 4],
  full: ["iptables-restore v1.8.9 (nf_tables):\nline 2: RULE_APPEND failed (No space left on device): rule in chain FWKNOP_INPUT", 4],
  badRule: ["iptables-restore: line 2 failed: Invalid argument.", 1],
} as const satisfies Readonly<Record<string, readonly [string, number]>>;
type Fault = keyof typeof FAULTS | "missing" | "hanging";

const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const asking = (port: number): string => makePacket({ message: `${CLIENT.v4},tcp/${port}` });

/** iptables with faults on demand, under all of its names. */
class FaultyIptables {
  readonly program: string;
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
    const cases = Object.entries(FAULTS).map(([name, [stderr, status]]) => `${name}) printf '%b\\n' ${JSON.stringify(stderr)} >&2; exit ${status} ;;`);
    // A line "fault count": so many commands fail; without a count all of them.
    this.program = lab.write("iptables", `#!/bin/bash
name=\${0##*/}
echo "$(date +%s%N) $name $*" >> ${lab.path("calls")}
read -r fault count < ${lab.path("fault")}
if [ -n "$count" ]; then
  if [ "$count" -gt 0 ]; then echo "$fault $((count - 1))" > ${lab.path("fault")}; else fault=; fi
fi
case "$fault" in
${cases.join("\n")}
hanging) sleep 60 ;;
esac
exec /usr/sbin/$name "$@"
`);
    chmodSync(this.program, 0o755);
    for (const name of ["iptables-restore", "ip6tables", "ip6tables-restore"]) symlinkSync("iptables", lab.path(name));
    this.fail(undefined);
  }

  fail(fault: Fault | undefined, count?: number): void {
    const aside = this.#lab.path("iptables-restore.aside");
    if (fault === "missing") renameSync(this.#lab.path("iptables-restore"), aside);
    else {
      try {
        renameSync(aside, this.#lab.path("iptables-restore"));
      } catch { /* it is there */ }
    }
    this.#lab.write("fault", fault === undefined || fault === "missing" ? "\n" : `${fault}${count === undefined ? "" : ` ${count}`}\n`);
  }

  /** The calls since the last time, as `name arguments` with their times in seconds. */
  takeCalls(): readonly { readonly at: number; readonly call: string }[] {
    const lines = readFileSync(this.#lab.path("calls"), "utf8").split("\n").slice(0, -1);
    this.#lab.write("calls", "");
    return lines.map((line) => ({ at: Number(line.slice(0, line.indexOf(" "))) / 1e9, call: line.slice(line.indexOf(" ") + 1) }));
  }
}

/** For each fault: status and words that are reported, and how often the transaction is tried when three tries are allowed. */
const ROWS: readonly { readonly fault: Fault; readonly error: string; readonly says: string; readonly tries: number }[] = [
  { fault: "locked", error: "4", says: "Another app is currently holding the xtables lock", tries: 3 },
  { fault: "permission", error: "4", says: ".*Permission denied \\(you must be root\\)", tries: 3 },
  { fault: "full", error: "4", says: ".*RULE_APPEND failed \\(No space left on device\\)", tries: 3 },
  { fault: "hanging", error: "TIMEOUT", says: "killed after \\d+ ms", tries: 3 },
  { fault: "missing", error: "ENOENT", says: "No such file or directory", tries: 0 },
];

describe("a firewall that fails", { concurrency: 2 }, () => {
  test("fwknopd tells the failures of iptables apart, tries again what may work, reports command, status and stderr, and counts nothing as open", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const iptables = new FaultyIptables(lab);
    const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_EXE: iptables.program, IPT_EXEC_TRIES: 3, IPT_CMD_ALARM: 3 }, stanzas: [STANZA] });
    for (const [at, { fault, error, says, tries }] of ROWS.entries()) {
      iptables.takeCalls();
      iptables.fail(fault);
      await sendPayloads(lab, [asking(1000 + at)]);
      await fwknopd.waitFor(new RegExp(`Could not grant tcp/${1000 + at} to ${CLIENT.v4}: create_rule\\(\\) Error ${error}: ${says}`));
      assert.match(fwknopd.log, new RegExp(`create_rule\\(\\) Error ${error} from cmd:'[^']*iptables-restore --noflush -w 5 .*--dport ${1000 + at} .*': ${says}`), fault);
      assert.equal(iptables.takeCalls().filter(({ call }) => call.startsWith("iptables-restore")).length, tries, fault);
      iptables.fail(undefined);
      assert.doesNotMatch(fwknopd.log, new RegExp(`Added access rule .* tcp/${1000 + at}`), fault);
      assert.deepEqual(await lab.rules("FWKNOP_INPUT"), [], fault);
    }
    assert.equal(fwknopd.count("Could not grant"), ROWS.length, "one final line each");

    iptables.fail("locked", 2);
    await sendPayloads(lab, [asking(22)]);
    await fwknopd.waitFor("Granted tcp/22");
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1, "the third try did it");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.doesNotMatch(fwknopd.log, /^ +at /m, "no stack trace");
  });

  test("fwknopd rests for IPT_EXEC_SLEEP between two commands", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const iptables = new FaultyIptables(lab);
    const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_EXE: iptables.program, IPT_EXEC_SLEEP: 1 }, stanzas: [STANZA] });
    await sendPayloads(lab, [asking(22)]);
    await fwknopd.waitFor("Granted tcp/22");
    const times = iptables.takeCalls().map(({ at }) => at);
    assert(times.length >= 4, `${times.length} commands`);
    for (const [at, time] of times.slice(1).entries()) assert(time - times[at]! > 0.98, `${time - times[at]!} s before command ${at + 1}`);
    await fwknopd.stop();
  });

  test("fwknopd says that what it could not close is still open, and closes it when it can", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const iptables = new FaultyIptables(lab);
    const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_EXE: iptables.program }, stanzas: [{ ...STANZA, FW_ACCESS_TIMEOUT: 2 }] });
    await sendPayloads(lab, [asking(22)]);
    await fwknopd.waitFor("Granted tcp/22");
    iptables.fail("locked");
    await fwknopd.waitFor(/Still open after its time, to be tried again: rm_expired_rules\(\) Error 4 from cmd:.*xtables lock/, 2);
    assert.equal(fwknopd.count("Removed rule"), 0);
    assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1);
    iptables.fail(undefined);
    await fwknopd.waitFor("Removed rule 1 from FWKNOP_INPUT");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
    await fwknopd.stop();
  });

  test("fwknopd does not start without a firewall that works, and says which command said what", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const iptables = new FaultyIptables(lab);
    const files = (program: string) => writeDaemonFiles(lab, { config: { FIREWALL_EXE: program, IPT_CMD_ALARM: 3 }, stanzas: [STANZA] });
    for (const [fault, says] of [["locked", /Error 4 from cmd:'.*iptables .*xtables lock/], ["permission", /Error 4 from cmd:'.*you must be root/], ["hanging", /Error TIMEOUT from cmd:'.*killed after/]] as const) {
      iptables.fail(fault);
      const fwknopd = lab.start(lab.server, await daemonArgv("ours", files(iptables.program)));
      assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, `${fault}: ${fwknopd.log}`);
      assert.match(fwknopd.log, says, fault);
      assert.doesNotMatch(fwknopd.log, /^ +at /m, "no stack trace");
    }
    const fwknopd = lab.start(lab.server, await daemonArgv("ours", files(lab.path("nothing-here"))));
    assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
    assert.match(fwknopd.log, /nothing-here/);
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/);
  });

  test("fwknopd (C) tells a rule as added that no firewall has, where ours says that it could not grant it", async (t) => {
    const lab = await openLab(t, ["fwknopd"]);
    if (lab === undefined) return;
    const iptables = new FaultyIptables(lab);
    const fwknopd = await startDaemon(lab, "C", { config: { FIREWALL_EXE: iptables.program }, stanzas: [STANZA] });
    iptables.fail("badRule");
    await sendPayloads(lab, [asking(22)]);
    await fwknopd.waitFor("Added access rule to FWKNOP_INPUT");
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
  });
});
