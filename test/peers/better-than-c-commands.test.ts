/** The same command to the C daemon and to ours, where the C one runs it as somebody else, when it should not, or waits for it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, daemonArgv, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makeRecorder } from "../support/recorder.ts";
import { makePacket } from "../support/spa.ts";

const MAKERS: readonly Maker[] = ["C", "ours"];
const COMMANDS: Settings = { ...PLAIN_STANZA, ENABLE_CMD_EXEC: "Y" };
const command = (text: string): string => makePacket({ type: 0, message: `${CLIENT.v4},${text}` });

/** Whom the command runs as; absent: the daemon does not start. */
interface Identity {
  readonly what: string;
  readonly stanza: Settings;
  readonly runsAs: Readonly<Record<Maker, RegExp | undefined>>;
}

const IDENTITIES: readonly Identity[] = [
  { what: "a user whose name begins with root", stanza: { CMD_EXEC_USER: "rooter" }, runsAs: { C: /uid=0 gid=0 /, ours: /uid=4242 gid=4242 groups=4242 / } },
  { what: "a group of no user's name", stanza: { CMD_EXEC_USER: "nobody", CMD_EXEC_GROUP: "operators" }, runsAs: { C: undefined, ours: /uid=65534 gid=4343 / } },
  { what: "a group without a user", stanza: { CMD_EXEC_GROUP: "nobody" }, runsAs: { C: /uid=0 gid=0 /, ours: undefined } },
  { what: "a user, from a daemon with groups of its own", stanza: { CMD_EXEC_USER: "nobody" }, runsAs: { C: /uid=65534 gid=65534 groups=65534 .*\b24\b/, ours: /uid=65534 gid=65534 groups=65534 LC_ALL/ } },
];

describe("better than C: commands", { concurrency: 2 }, () => {
  for (const maker of MAKERS) {
    for (const { what, stanza, runsAs } of IDENTITIES) {
      const expected = runsAs[maker];
      test(`fwknopd (${maker}) ${expected === undefined ? "does not start with" : `runs a command as ${expected.source} for`} ${what}`, async (t) => {
        const lab = await openLab(t, [...DAEMON_PEERS[maker], "mount", "setpriv"]);
        if (lab === undefined) return;
        // Seen by the lab's server alone.
        for (const [file, line] of [["/etc/passwd", "rooter:x:4242:4242::/:/bin/sh"], ["/etc/group", "operators:x:4343:"]] as const) {
          await lab.server.run(["mount", "--bind", lab.write(file.replaceAll("/", "."), `${readFileSync(file, "utf8")}${line}\n`), file]);
          await lab.server.run(["chmod", "0644", file]);
        }
        const record = makeRecorder(lab, "record");
        const files = writeDaemonFiles(lab, { stanzas: [{ ...COMMANDS, ...stanza }] });
        const fwknopd = lab.start(lab.server, ["setpriv", "--groups", "4,24", ...(await daemonArgv(maker, files))]);
        if (expected === undefined) {
          assert.deepEqual(await fwknopd.exit, { status: 1, signal: null }, fwknopd.log);
          assert.match(fwknopd.log, /CMD_EXEC_GROUP/);
          return;
        }
        await fwknopd.waitFor("main event loop");
        await sendPayloads(lab, [command(record.path)]);
        await fwknopd.waitFor("CMD_EXEC: command returned 0, pid_status: 0");
        assert.match(record.lines().join("\n"), expected);
      });
    }

    test(`fwknopd (${maker}) ${maker === "C" ? "runs" : "does not run"} a stanza's command with -t, and for a port that is not in OPEN_PORTS; it does so for ${maker === "C" ? "the first port" : "each"}`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS[maker]);
      if (lab === undefined) return;
      const record = makeRecorder(lab, "record");
      const options = { stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/22,tcp/23", CMD_CYCLE_OPEN: `${record.path} $PORT`, CMD_CYCLE_CLOSE: "NONE" }] };
      const last = makePacket({ message: `${CLIENT.v4},tcp/22,tcp/23` });
      const testing = await startDaemon(lab, maker, { ...options, args: ["-t"] });
      await sendPayloads(lab, [makePacket()]);
      await testing.waitFor(maker === "C" ? "Running CMD_CYCLE_OPEN" : "--test mode enabled");
      await testing.stop();
      const inTest = record.lines().length;
      assert.equal(inTest, maker === "C" ? 1 : 0);
      const fwknopd = await startDaemon(lab, maker, options);
      await sendPayloads(lab, [makePacket({ message: `${CLIENT.v4},tcp/99` }), last]);
      await fwknopd.waitFor(maker === "C" ? "Running CMD_CYCLE_OPEN" : "Ran CMD_CYCLE_OPEN", maker === "C" ? 2 : 1);
      await fwknopd.stop();
      assert.deepEqual(record.lines().slice(inTest).map((line) => line.split(" ")[0]), maker === "C" ? ["[99]", "[22]"] : ["[22]", "[23]"]);
    });

    test(`fwknopd (${maker}) opens a port ${maker === "C" ? "only after" : "during"} a command that lasts`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS[maker]);
      if (lab === undefined) return;
      const fwknopd = await startDaemon(lab, maker, { stanzas: [COMMANDS] });
      await sendPayloads(lab, [command("/bin/sleep 2"), makePacket()]);
      await fwknopd.waitFor("Added access rule");
      await fwknopd.waitFor("CMD_EXEC: command returned 0, pid_status: 0");
      assert.match(fwknopd.log, maker === "C" ? /pid_status: 0[\s\S]*Added access rule/ : /Added access rule[\s\S]*pid_status: 0/);
    });
  }
});
