/** Commands of packets through Debian's sudo, beside the C daemon where it does the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { makeRecorder } from "../support/recorder.ts";
import { makePacket } from "../support/spa.ts";

/** Users, groups and rules that the lab's server alone sees. */
async function addPeople(lab: Lab, rules: string): Promise<void> {
  const bind = async (path: string, text: string, mode: string): Promise<void> => {
    await lab.server.run(["mount", "--bind", lab.write(path.replaceAll("/", "."), text), path]);
    await lab.server.run(["chmod", mode, path]);
  };
  await bind("/etc/passwd", `${readFileSync("/etc/passwd", "utf8")}knocker:x:4242:4242::/:/bin/sh\n`, "0644");
  await bind("/etc/group", `${readFileSync("/etc/group", "utf8")}knocker:x:4242:\noperators:x:4343:knocker\n`, "0644");
  await bind("/etc/shadow", `${readFileSync("/etc/shadow", "utf8")}knocker:*:19000:0:99999:7:::\n`, "0640");
  await bind("/etc/sudoers", rules, "0440");
}

interface Row {
  readonly what: string;
  readonly makers: readonly Maker[];
  readonly stanza: Settings;
  readonly runsAs: string;
}

const SUDO = { ENABLE_CMD_SUDO_EXEC: "Y" };
const ROWS: readonly Row[] = [
  { what: "by sudo", makers: ["C", "ours"], stanza: SUDO, runsAs: "uid=0 gid=0 groups=0" },
  { what: "by sudo as a user", makers: ["C", "ours"], stanza: { ...SUDO, CMD_SUDO_EXEC_USER: "knocker" }, runsAs: "uid=4242 gid=4242 groups=4242 4343" },
  { what: "by sudo as a user in a group", makers: ["ours"], stanza: { ...SUDO, CMD_SUDO_EXEC_USER: "knocker", CMD_SUDO_EXEC_GROUP: "operators" }, runsAs: "uid=4242 gid=4343 groups=4343" },
  { what: "by sudo in a group", makers: ["ours"], stanza: { ...SUDO, CMD_SUDO_EXEC_GROUP: "operators" }, runsAs: "uid=0 gid=4343 groups=4343 0" },
  { what: "as a user", makers: ["ours"], stanza: { CMD_EXEC_USER: "knocker" }, runsAs: "uid=4242 gid=4242 groups=4242 4343" },
  { what: "as a user in a group", makers: ["ours"], stanza: { CMD_EXEC_USER: "knocker", CMD_EXEC_GROUP: "operators" }, runsAs: "uid=4242 gid=4343 groups=4343" },
];
const keysOf = (at: number) => ({ keyBase64: Buffer.alloc(32, `key ${at}`).toString("base64"), hmacKeyBase64: Buffer.alloc(64, `hmac ${at}`).toString("base64") });
const stanzaOf = (at: number, stanza: Settings): Settings => ({ ...PLAIN_STANZA, KEY_BASE64: keysOf(at).keyBase64, HMAC_KEY_BASE64: keysOf(at).hmacKeyBase64, ENABLE_CMD_EXEC: "Y", ...stanza });
const command = (at: number, text: string): string => makePacket({ ...keysOf(at), type: 0, message: `${CLIENT.v4},${text}` });

for (const maker of ["C", "ours"] as const) {
  test(`fwknopd (${maker}) has Debian's sudo run commands as whom the stanza says`, async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS[maker], "sudo", "setpriv"]);
    if (lab === undefined) return;
    await addPeople(lab, "Defaults env_reset, use_pty\nroot ALL=(ALL:ALL) ALL\n");
    const record = makeRecorder(lab, "record");
    const rows = ROWS.filter(({ makers }) => makers.includes(maker));
    const fwknopd = await startDaemon(lab, maker, { stanzas: rows.map(({ stanza }, at) => stanzaOf(at, stanza)) });
    for (const [at, { what, runsAs }] of rows.entries()) {
      await sendPayloads(lab, [command(at, `${record.path} ${at} a;b $HOME *`)]);
      await fwknopd.waitFor("CMD_EXEC: command returned 0, pid_status: 0", at + 1);
      assert(record.lines().at(-1)!.startsWith(`[${at}][a;b][$HOME][*] ${runsAs} `), `${what}: ${record.lines().at(-1)}`);
    }
  });
}

test("fwknopd tells what sudo's rules do not allow, and leaves nothing of sudo behind at the time limit and at the end", async (t) => {
  const lab = await openLab(t, [...DAEMON_PEERS.ours, "sudo"]);
  if (lab === undefined) return;
  await addPeople(lab, "Defaults env_reset, use_pty\nroot ALL=(knocker) /bin/sleep\n");
  const fwknopd = await startDaemon(lab, "ours", { config: { CMD_EXEC_TIMEOUT: 1 }, stanzas: [stanzaOf(0, { ...SUDO, CMD_SUDO_EXEC_USER: "knocker" })] });
  const idle = lab.server.pids().length;
  await sendPayloads(lab, [command(0, "/bin/date")]);
  await fwknopd.waitFor(/CMD_EXEC: command returned 0, pid_status: 1 .*: Sorry, user root is not allowed to execute '\/bin\/date' as knocker/);
  await sendPayloads(lab, [command(0, "/bin/sleep 41")]);
  await fwknopd.waitFor("pid_status: killed at its time limit");
  assert.equal(lab.server.pids().length, idle);
  await sendPayloads(lab, [command(0, "/bin/sleep 42")]);
  await fwknopd.waitFor("Running command", 3);
  assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  assert.deepEqual(lab.server.pids(), []);
});
