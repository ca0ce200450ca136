import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message, Verified } from "../src/fko.ts";
import { PacketCommands } from "../src/node/daemon/packet-commands.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { config, ip, message, NOW, stanza } from "./support/stanza.ts";

/** Commands with clocks to be moved by hand. */
function bench() {
  const said: string[] = [];
  const clock = new ManualClock(NOW);
  const commands = new PacketCommands(config({ CMD_EXEC_TIMEOUT: 600 }), ({ message: text }) => void said.push(text), clock);
  const accepted = { stanza: 1, message: message() as Verified<Message>, arrivedAt: NOW, packetSource: ip("192.0.2.7"), packetDestination: ip("192.0.2.1"), source: ip("192.0.2.7") };
  const cycle = (lifetimeSeconds: number, open = "/bin/true", ports: readonly number[] = [22]): Promise<void> => commands.runCycle({
    kind: "cycle", ...accepted, ports: ports.map((port) => ({ protocol: "tcp", port })), lifetimeSeconds,
  }, stanza({ CMD_CYCLE_OPEN: open, CMD_CYCLE_CLOSE: "/bin/true", CMD_CYCLE_TIMER: 1 }));
  const command = (text: string): Promise<void> => commands.runCommand({ kind: "command", ...accepted, command: text }, stanza());
  return { clock, commands, cycle, command, said, closed: () => said.filter((text) => text.includes("Timer expired")).length };
}

test("PacketCommands closes after months what was opened for months, and not before", async () => {
  const { clock, commands, cycle, closed } = bench();
  const months = 8_388_608; // longer than a timer of the runtime can be
  await cycle(months);
  clock.advance(months - 1);
  assert.equal(closed(), 0);
  clock.advance(1);
  assert.equal(closed(), 1);
  await commands.stop();
  assert.equal(closed(), 1, "once");
});

test("PacketCommands keeps a close for each repetition, goes by the faster clock, and closes the rest at its end", async () => {
  const { clock, commands, cycle, closed } = bench();
  for (const seconds of [10, 10, 20, 500]) await cycle(seconds);
  clock.advance(10);
  assert.equal(closed(), 2);
  clock.wallMs -= 3_600_000;
  clock.advance(10);
  assert.equal(closed(), 3, "although the wall clock was set back");
  await commands.stop();
  assert.equal(closed(), 4);
});

test("PacketCommands ends at its end what packets have run, opens nothing more, and closes what was opened", async () => {
  const { commands, cycle, command, said, closed } = bench();
  const running = [command("/bin/sleep 500"), cycle(500, "/bin/sleep 500", [22, 23])];
  await commands.stop();
  const told = said.length;
  assert.equal(said.filter((text) => /(CMD_EXEC|CMD_CYCLE_OPEN): command returned 0, pid_status: ended by SIGTERM/.test(text)).length, 2);
  assert.match(said.join("\n"), /Ran CMD_CYCLE_OPEN for tcp\/22,tcp\/23 .*, which failed for tcp\/22,tcp\/23/);
  assert.equal(closed(), 1, "the port whose command was begun");
  await Promise.all([...running, cycle(500), command("/bin/sleep 500")]);
  assert.equal(said.slice(told).filter((text) => /Running CMD_CYCLE_OPEN/.test(text)).length, 0);
});

test("PacketCommands runs many commands at once without a complaint of the runtime", async () => {
  const warnings: string[] = [];
  const onWarning = ({ message: text }: Error): void => void warnings.push(text);
  process.on("warning", onWarning);
  const { commands, command, said } = bench();
  await Promise.all(Array.from({ length: 30 }, () => command("/bin/sleep 0.2")));
  await commands.stop();
  process.off("warning", onWarning);
  assert.equal(said.filter((text) => text.includes("CMD_EXEC: command returned 0, pid_status: 0")).length, 30);
  assert.deepEqual(warnings, []);
});
