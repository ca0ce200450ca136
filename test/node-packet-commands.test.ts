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
  const commands = new PacketCommands(config(), ({ message: text }) => void said.push(text), clock);
  const cycling = stanza({ CMD_CYCLE_OPEN: "/bin/true", CMD_CYCLE_CLOSE: "/bin/true", CMD_CYCLE_TIMER: 1 });
  const cycle = (lifetimeSeconds: number): Promise<void> => commands.runCycle({
    kind: "cycle", stanza: 1, message: message() as Verified<Message>, arrivedAt: NOW, packetSource: ip("192.0.2.7"), packetDestination: ip("192.0.2.1"), source: ip("192.0.2.7"),
    ports: [{ protocol: "tcp", port: 22 }], lifetimeSeconds,
  }, cycling);
  return { clock, commands, cycle, closed: () => said.filter((text) => text.includes("Timer expired")).length };
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
