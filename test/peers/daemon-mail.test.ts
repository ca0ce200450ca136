/** Mail about what happens, through a sendmail of the test's own, and grants that last while their connections do. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DROPPING, loadRules } from "../support/nft-host.ts";
import { DAEMON_PEERS, PLAIN_STANZA, sendPayloads, startDaemon } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

/** A program in the lab that everybody may run. */
function script(lab: Lab, name: string, text: string): string {
  const path = lab.write(name, `#!/bin/bash\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function until<T>(look: () => T | undefined, what: string): Promise<T> {
  for (let turn = 0; turn < 500; turn++) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`There never was ${what}`);
}

describe("mail", { concurrency: 2 }, () => {
  test("fwknopd mails grants, removals and replays through sendmail -t, and waits for none", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const box = lab.path("box");
    const sendmail = script(lab, "sendmail", `{ echo "ARGS $*"; cat; echo "=="; } >> ${box}.part; sleep 0.3; mv -f ${box}.part ${box}.$(date +%s%N)`);
    const slow = { EMAIL_ADDRESSES: "root@localhost, ops@example.org", HOSTNAME: "gate.example.org", sendmailCmd: sendmail, mailCmd: "/nonexistent" };
    const fwknopd = await startDaemon(lab, "ours", { config: slow, stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 1 }] });
    const packet = makePacket();
    await sendPayloads(lab, [packet, packet, "A".repeat(200)]);
    await fwknopd.waitFor("Removed rule");
    const mails = await until(() => {
      const found = readMails(box);
      return found.length === 3 ? found : undefined;
    }, "a third mail");
    const subjects = mails.map((mail) => /^Subject: (.*)$/m.exec(mail)![1]!);
    const expected = [/^\[-\] gate\.example\.org fwknopd: Replay detected/, /^\[\+\] gate\.example\.org fwknopd: .*Granted tcp\/22 for 10\.77\.0\.2/, /^\[\+\] gate\.example\.org fwknopd: Removed rule 1 from FWKNOP_INPUT/];
    for (const pattern of expected) assert.equal(subjects.filter((subject) => pattern.test(subject)).length, 1, `${pattern}: ${subjects.join("\n")}`);
    for (const mail of mails) assert.match(mail, /^ARGS -t\nFrom: root@localhost\nTo: root@localhost, ops@example\.org\nSubject: /);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("fwknopd ends a mail program that hangs, and waits for it no longer than a moment", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const sendmail = script(lab, "sendmail", `trap "touch ${lab.path("ended")}; exit" TERM; touch ${lab.path("begun")}; sleep 600 & wait`);
    const fwknopd = await startDaemon(lab, "ours", { config: { EMAIL_ADDRESSES: "root@localhost", sendmailCmd: sendmail } });
    await sendPayloads(lab, [makePacket()]);
    await until(() => existsSync(lab.path("begun")) || undefined, "a mail");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert(existsSync(lab.path("ended")));
  });

  test("fwknopd uses mail where sendmail is missing, is silent with noemail, and complains once about a program that fails", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const box = lab.path("box");
    const mail = script(lab, "mail", `printf '<%s>' "$@" >> ${box}; exit 3`);
    const config = { EMAIL_ADDRESSES: "root@localhost", HOSTNAME: "gate", sendmailCmd: "/nonexistent", mailCmd: mail };
    const fwknopd = await startDaemon(lab, "ours", { config });
    const twice = [makePacket(), makePacket({ message: `${CLIENT.v4},tcp/23` })];
    await sendPayloads(lab, twice);
    await fwknopd.waitFor("Granted", 2);
    await until(() => (existsSync(box) && readFileSync(box, "utf8").split("<-s>").length === 3 ? true : undefined), "two mails");
    assert.match(readFileSync(box, "utf8"), /^<-s><\[\+\] gate fwknopd: \[10\.77\.0\.2\] \(stanza #1\) Granted [^>]*><root@localhost>/);
    await fwknopd.waitFor("could not be sent by");
    await fwknopd.stop();
    assert.equal(fwknopd.count("could not be sent by"), 1);
    const silent = await startDaemon(lab, "ours", { config: { ...config, ALERTING_METHODS: "noemail" }, name: "silent" });
    const before = readFileSync(box, "utf8").length;
    await sendPayloads(lab, [makePacket()]);
    await silent.waitFor("Granted");
    await silent.stop();
    assert.equal(readFileSync(box, "utf8").length, before);
  });
});

describe("connections that last", { concurrency: 2 }, () => {
  // nftables and ipset end a grant by themselves: it has to be given more time.
  for (const [type, config] of [["iptables", {}], ["ipset", { IPT_USE_IPSET: "Y" }], ["nftables", { FIREWALL_TYPE: "nftables" }]] as const) {
    test(`fwknopd with ENABLE_CONNTRACK_PERSIST keeps a grant while its connection is established, and no longer (${type})`, async (t) => {
      const lab = await openLab(t, [...DAEMON_PEERS.ours, "conntrack", "nft", "ipset"]);
      if (lab === undefined) return;
      if (type === "nftables") await loadRules(lab.server, DROPPING);
      await lab.serve(lab.server, 22);
      const fwknopd = await startDaemon(lab, "ours", {
        config: { ...config, ENABLE_CONNTRACK_PERSIST: "Y", CONNTRACK_ESTAB_PORTS: "22" }, args: ["-v"], stanzas: [{ ...PLAIN_STANZA, GRANT_PREFIX_V4: "/30", FW_ACCESS_TIMEOUT: 5 }],
      });
      await sendPayloads(lab, [makePacket(), makePacket({ message: "10.77.0.9,tcp/22" })]);
      await fwknopd.waitFor("Granted", 2);
      const session = lab.start(lab.client, [process.execPath, "-e", `require("node:net").connect(22, "${SERVER.v4}").pipe(process.stdout);`]);
      await session.waitFor("Welcome");
      await fwknopd.waitFor(/stays after its time/);
      await fwknopd.waitFor("Removed rule"); // the one without a connection
      assert.equal(await lab.probe(22), "open", "for a new connection, too");
      await session.stop("SIGKILL");
      await fwknopd.waitFor("Removed rule", 2);
      assert.equal(await lab.probe(22), "filtered");
      await fwknopd.stop();
    });
  }

  test("fwknopd with ENABLE_CONNTRACK_PERSIST opens no second connection for GRANT_USES 1", async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS.ours, "conntrack", "nft"]);
    if (lab === undefined) return;
    await loadRules(lab.server, DROPPING);
    await lab.serve(lab.server, 22);
    const fwknopd = await startDaemon(lab, "ours", { config: { FIREWALL_TYPE: "nftables", ENABLE_CONNTRACK_PERSIST: "Y" }, stanzas: [{ ...PLAIN_STANZA, GRANT_USES: 1 }] });
    await sendPayloads(lab, [makePacket()]);
    await fwknopd.waitFor("Granted");
    const session = lab.start(lab.client, [process.execPath, "-e", `require("node:net").connect(22, "${SERVER.v4}").pipe(process.stdout);`]);
    await session.waitFor("Welcome");
    await fwknopd.waitFor("Removed rule");
    assert.equal(await lab.probe(22), "filtered");
    await fwknopd.stop();
  });
});

function readMails(box: string): readonly string[] {
  const folder = box.replace(/\/[^/]*$/, "");
  return readdirSync(folder).filter((name) => /^box\.\d+$/.test(name)).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
}
