/** Commands that packets set off, by our daemon as root: whose they are, what they are given, and that no shell sees them. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, PLAIN_STANZA, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { makeRecorder } from "../support/recorder.ts";
import { makePacket, type PacketFields } from "../support/spa.ts";

const KEYS = Array.from({ length: 12 }, (_, at) => ({
  keyBase64: Buffer.alloc(32, `key ${at}`).toString("base64"),
  hmacKeyBase64: Buffer.alloc(64, `hmac ${at}`).toString("base64"),
}));

/** A stanza with keys of its own. */
function stanzaOf(at: number, settings: Settings): Settings {
  const { keyBase64, hmacKeyBase64 } = KEYS[at]!;
  return { ...PLAIN_STANZA, KEY_BASE64: keyBase64, HMAC_KEY_BASE64: hmacKeyBase64, ...settings };
}

const packet = (at: number, fields: PacketFields): string => makePacket({ ...KEYS[at]!, ...fields });

describe("commands of packets", { concurrency: 2 }, () => {
  test("fwknopd runs a command message as the user it should be, without a shell, in time and within 28 words", async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS.ours, "setpriv"]);
    if (lab === undefined) return;
    const record = makeRecorder(lab, "record");
    const sudo = lab.write("sudo", `#!/bin/bash\nexec ${record.path} sudo "$@"\n`);
    chmodSync(sudo, 0o755);
    const run = { ENABLE_CMD_EXEC: "Y" };
    const fwknopd = await startDaemon(lab, "ours", {
      config: { CMD_EXEC_TIMEOUT: 1, SUDO_EXE: sudo, LOCALE: "C.UTF-8" },
      stanzas: [
        stanzaOf(0, run),
        stanzaOf(1, { ...run, CMD_EXEC_USER: "nobody" }),
        stanzaOf(2, { ...run, CMD_EXEC_USER: "nobody", CMD_EXEC_GROUP: "daemon" }),
        stanzaOf(3, { ...run, ENABLE_CMD_SUDO_EXEC: "Y", CMD_SUDO_EXEC_USER: "nobody", CMD_SUDO_EXEC_GROUP: "daemon" }),
        stanzaOf(4, { ...run, CMD_REGEX: "^[^,]*,/bin/true$" }),
        stanzaOf(5, {}),
      ],
    });
    const command = (at: number, text: string): string => packet(at, { type: 0, message: `${CLIENT.v4},${text}` });
    await sendPayloads(lab, [command(0, `${record.path} a;id $(id) |b >c 'd e' $HOME *`)]);
    await fwknopd.waitFor("CMD_EXEC: command returned 0, pid_status: 0");
    assert.deepEqual(record.lines(), ["[a;id][$(id)][|b][>c]['d][e'][$HOME][*] uid=0 gid=0 groups=0 LC_ALL=C.UTF-8"]);

    await sendPayloads(lab, [command(1, record.path)]);
    await fwknopd.waitFor("pid_status: 0", 2);
    await sendPayloads(lab, [command(2, record.path)]);
    await fwknopd.waitFor("pid_status: 0", 3);
    await sendPayloads(lab, [command(3, "/bin/date -u")]);
    await fwknopd.waitFor("pid_status: 0", 4);
    const [, asNobody, inGroup, bySudo] = record.lines();
    assert.match(asNobody!, /uid=65534 gid=65534 groups=65534 /);
    assert.match(inGroup!, /uid=65534 gid=1 /);
    assert.match(bySudo!, /^\[sudo\]\[-n\]\[-u\]\[nobody\]\[-g\]\[daemon\]\[--\]\[\/bin\/date\]\[-u\]/);
    assert(fwknopd.log.includes(`Running command '${sudo} -n -u nobody -g daemon -- /bin/date -u'`), fwknopd.log);
    assert.match(fwknopd.log, /setuid\/setgid user\/group to nobody\/daemon \(UID=65534,GID=1\)/);

    const before = performance.now();
    await sendPayloads(lab, [command(0, "/bin/sleep 30"), packet(0, { message: `${CLIENT.v4},tcp/22` })]);
    await fwknopd.waitFor("Added access rule");
    assert(performance.now() - before < 900, "a packet behind a slow command does not wait for it");
    await fwknopd.waitFor("pid_status: killed at its time limit");
    for (const [at, text, says] of [
      [0, Array.from({ length: 29 }, () => "w").join(" "), /Error converting cmd str to argv/],
      [0, "/nonexistent/program", /execvp\(\) failed: .*pid_status: 255/],
      [0, "/bin/false", /pid_status: 1/],
      [4, "/bin/false", /Command messages are not allowed .* CMD_REGEX/],
      [5, "/bin/true", /Command messages are not allowed in the current configuration/],
    ] as const) {
      await sendPayloads(lab, [command(at, text)]);
      await fwknopd.waitFor(says);
    }
    assert.equal(record.lines().length, 4);
  });

  test("fwknopd ends at its end a command that still runs, and says so before its last words", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { config: { CMD_EXEC_TIMEOUT: 60 }, stanzas: [stanzaOf(0, { ENABLE_CMD_EXEC: "Y" })] });
    await sendPayloads(lab, [packet(0, { type: 0, message: `${CLIENT.v4},/bin/sleep 55` })]);
    await fwknopd.waitFor("Running command '/bin/sleep 55'");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    const [result, ...after] = fwknopd.log.slice(fwknopd.log.indexOf("CMD_EXEC: ")).trim().split("\n");
    assert.match(result!, /^CMD_EXEC: command returned 0, pid_status: ended by SIGTERM/);
    assert.match(after.at(-1)!, /Shutting Down fwknopd\.$/);
  });

  test("fwknopd runs a stanza's commands for each port, with every variable, and closes what is open at its end", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const record = makeRecorder(lab, "cycle");
    const variables = "$IP $SRC $PKT_SRC $DST $PORTy $PROTO $TIMEOUT $CLIENT_TIMEOUT $FOO";
    const cycle = { CMD_CYCLE_OPEN: `${record.path} OPEN ${variables}`, CMD_CYCLE_CLOSE: `${record.path} CLOSE ${variables}`, CMD_CYCLE_TIMER: 1, OPEN_PORTS: "tcp/22, udp/53" };
    const fwknopd = await startDaemon(lab, "ours", {
      config: { ENABLE_EXT_CMD_PREFIX: "Y" },
      stanzas: [
        stanzaOf(0, cycle),
        stanzaOf(1, { ...cycle, CMD_CYCLE_CLOSE: "NONE" }),
        stanzaOf(2, { EXTERNAL_CMD_OPEN: `${record.path} xopen $FWKNOP_SRC $FWKNOP_PORT $FWKNOP_PROTO $SOURCE $FWKNOP_SOURCE $FW_ACCESS_TIMEOUT $SRC $KEY`, EXTERNAL_CMD_CLOSE: `${record.path} xclose $FWKNOP_PORT`, FW_ACCESS_TIMEOUT: 1 }),
        stanzaOf(3, { ...cycle, CMD_CYCLE_TIMER: 300 }),
      ],
    });
    assert.doesNotMatch((await lab.server.run(["iptables", "-S"])).stdout, /FWKNOP/, "commands need no firewall");

    const timestamp = Math.floor(Date.now() / 1000);
    await sendPayloads(lab, [packet(0, { timestamp, message: "10.9.8.7,tcp/22,udp/53" })]);
    await fwknopd.waitFor(/Timer expired, running CMD_CYCLE_CLOSE/, 2);
    await fwknopd.waitFor(/CMD_CYCLE_CLOSE: command returned 0/, 2);
    const given = (what: string, port: number, protocol: number): string =>
      `[${what}][10.9.8.7][10.9.8.7][${CLIENT.v4}][${SERVER.v4}][${port}y][${protocol}][${timestamp + 1}][1][FOO]`;
    const arguments_ = (): readonly string[] => record.lines().map((line) => line.split(" ")[0]!);
    assert.deepEqual([...arguments_()].sort(), [given("CLOSE", 22, 6), given("CLOSE", 53, 17), given("OPEN", 22, 6), given("OPEN", 53, 17)]);
    assert.match(fwknopd.log, /Running CMD_CYCLE_CLOSE command in 1 seconds/);

    await sendPayloads(lab, [packet(0, { message: "10.9.8.7,tcp/23" })]);
    await fwknopd.waitFor(/\(stanza #1\) One or more requested protocol\/ports was denied/);
    await sendPayloads(lab, [packet(0, { type: 0, message: "10.9.8.7,/bin/true" })]);
    await fwknopd.waitFor("Could not build CMD_CYCLE_OPEN command");
    await sendPayloads(lab, [packet(1, { message: "10.9.8.7,tcp/22" })]);
    await fwknopd.waitFor(/\(stanza #2\) CMD_CYCLE_OPEN: command returned 0/);
    await sendPayloads(lab, [packet(2, { message: "10.9.8.7,tcp/80" })]);
    await fwknopd.waitFor(/EXTERNAL_CMD_CLOSE: command returned 0/);
    assert.deepEqual(arguments_().slice(-2), ["[xopen][10.9.8.7][80][tcp][ANY][ANY][1][$SRC][$KEY]", "[xclose][80]"], "no key is ever put into a command");

    await sendPayloads(lab, [packet(3, { message: "10.9.8.7,tcp/22", type: 3, clientTimeout: 200 })]);
    await fwknopd.waitFor(/\(stanza #4\) CMD_CYCLE_OPEN: command returned 0/);
    await fwknopd.stop();
    assert.match(arguments_().at(-1)!, /^\[CLOSE\].*\[22y\]\[6\]\[\d+\]\[200\]/, "what is open is closed at the end");
    assert.equal(arguments_().filter((line) => line.startsWith("[CLOSE]")).length, 3, "and NONE closes nothing");
  });

  test("fwknopd with FIREWALL_TYPE external_cmd grants by the configuration's commands, and in -t by none", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const record = makeRecorder(lab, "external");
    const options = {
      config: { FIREWALL_TYPE: "external_cmd", ENABLE_EXTERNAL_CMDS: "Y", EXTERNAL_CMD_OPEN: `${record.path} open $SRC $PORT`, EXTERNAL_CMD_CLOSE: `${record.path} close $SRC $PORT` },
      stanzas: [{ ...PLAIN_STANZA, OPEN_PORTS: "tcp/80", FW_ACCESS_TIMEOUT: 1 }],
    };
    const testing = await startDaemon(lab, "ours", { ...options, args: ["-t"] });
    await sendPayloads(lab, [makePacket()]);
    await testing.waitFor("--test mode enabled, skipping command execution.");
    await testing.stop();
    assert.deepEqual(record.lines(), []);
    const fwknopd = await startDaemon(lab, "ours", options);
    await sendPayloads(lab, [makePacket()]);
    await fwknopd.waitFor(/EXTERNAL_CMD_CLOSE: command returned 0/);
    assert.deepEqual(record.lines().map((line) => line.split(" ")[0]), [`[open][${CLIENT.v4}][22]`, `[close][${CLIENT.v4}][22]`]);
    await fwknopd.stop();

    const slow = await startDaemon(lab, "ours", { ...options, config: { ...options.config, EXTERNAL_CMD_OPEN: "/bin/sleep 30", EXTERNAL_CMD_ALARM: 1 } });
    await sendPayloads(lab, [makePacket()]);
    await slow.waitFor(/EXTERNAL_CMD_OPEN: command returned 0, pid_status: killed at its time limit/);
    await slow.waitFor(/Ran EXTERNAL_CMD_OPEN for tcp\/22 of 10\.77\.0\.2 .*, which failed for tcp\/22/);
  });
});
