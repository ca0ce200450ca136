/** An installation of fwknop 1.9.12, nothing in it touched, with our daemon in the place of its own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { encodeMessage, type Message } from "../../src/fko.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { ROOT } from "../support/dist.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { daemonArgv, DAEMON_PEERS, sendPayloads } from "../support/peers.ts";
import { makePacket, type PacketFields } from "../support/spa.ts";

const fixture = (name: string): string => readFileSync(join(ROOT, "fixtures/config/perl", name), "utf8");

/** Puts the installation where it belongs, seen by the lab's server alone, and starts the daemon as the init script did. */
async function startInstallation(lab: Lab, options: { readonly override?: string; readonly cache?: string; readonly md5sums?: string } = {}): Promise<WatchedChild> {
  for (const folder of ["/etc/fwknop", "/var/log"]) await lab.server.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder]);
  await lab.server.run(["mkdir", "-m", "0700", "/var/log/fwknop"]);
  for (const name of ["fwknop.conf", "access.conf"]) lab.server.write(`/etc/fwknop/${name}`, fixture(name));
  if (options.cache !== undefined) lab.server.write("/var/log/fwknop/digest.cache", options.cache);
  if (options.md5sums !== undefined) lab.server.write("/var/log/fwknop/md5sums", options.md5sums);
  if (options.override !== undefined) lab.server.write("/etc/fwknop/override.conf", options.override);
  const args = options.override === undefined ? [] : ["-O", "/etc/fwknop/override.conf"];
  const fwknopd = lab.start(lab.server, await daemonArgv("ours", ["-f", ...args]));
  await fwknopd.waitFor("main event loop");
  return fwknopd;
}

/** A packet as the Perl client makes it. */
const perlPacket = (key: string, fields: PacketFields): string =>
  makePacket({ version: "1.9.12", mode: "perl", keyBase64: Buffer.from(key).toString("base64"), hmacKeyBase64: null, ...fields });

describe("fwknop 1.9", { concurrency: 2 }, () => {
  test("fwknopd starts with its files, says once what means nothing any more, and grants what its clients ask for", async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS.ours, "mount"]);
    if (lab === undefined) return;
    const old: Partial<Message> = { random: "1111222233334444", username: "alice", timestamp: Math.floor(Date.now() / 1000), message: `${CLIENT.v4},tcp/22` };
    // One packet for every DIGEST_TYPE, without and with libfko.
    const seen = ["sha256", "sha1", "md5"].flatMap((algorithm) => [true, false].map((isWhole) => ({ algorithm, isWhole })));
    const packets = seen.map((_, at) => ({ ...old, random: String(4000000000000000 + at) }));
    const lines = seen.map(({ algorithm, isWhole }, at) => {
      const { encoded, digest } = encodeMessage({ version: "1.9.12", type: 1, digestType: "sha256", ...packets[at] } as Message);
      const sum = createHash(algorithm).update(isWhole ? `${encoded}:${digest}` : encoded).digest("base64").replace(/=*$/, "");
      return `127.0.0.1 ${sum} [Sun Nov 22 10:47:59 2026]\n`;
    });
    const fwknopd = await startInstallation(lab, { cache: lines.slice(0, -1).join(""), md5sums: lines.at(-1)! });
    assert.equal(fwknopd.count(/KNOPTM_SYSLOG_IDENTITY/), 1);
    assert.match(fwknopd.log, /knoptm.*no helpers to configure|does itself what knoptm/);
    assert.doesNotMatch(fwknopd.log, /\berror\b/i);

    await sendPayloads(lab, packets.map((packet) => perlPacket("semi;colons; and blanks ", packet)));
    await fwknopd.waitFor("Replay detected", packets.length);
    await sendPayloads(lab, [perlPacket("semi;colons; and blanks ", { ...old, random: "1111222233335555" })]);
    await fwknopd.waitFor(/\(stanza #1\) Granted tcp\/22 for 10\.77\.0\.2 for 30 s/);
    await sendPayloads(lab, [perlPacket("short", { message: "10.77.0.9,tcp/4000", type: 3, clientTimeout: 77 })]);
    await fwknopd.waitFor(/\(stanza #2\) Granted tcp\/4000 for 10\.77\.0\.9 for 77 s/);
    await sendPayloads(lab, [perlPacket("short", { message: "203.0.113.8,tcp/4000" })]);
    await fwknopd.waitFor("The address 203.0.113.8 is in BLACKLIST");
    assert.deepEqual((await lab.rules("FWKNOP_INPUT")).map((rule) => /-s (\S+) .*--dport (\d+)/.exec(rule)!.slice(1).join(" ")), ["10.77.0.2/32 22", "10.77.0.9/32 4000"]);

    await sendPayloads(lab, [perlPacket("short", { message: `${CLIENT.v4},tcp/22`, type: 5, natAccess: `${SERVER.v4},40001` })]);
    await fwknopd.waitFor(/\(stanza #2\) Granted tcp\/40001 for 10\.77\.0\.2 through NAT to 10\.77\.0\.1:22/);
    assert.match((await lab.rules("FWKNOP_PREROUTING", { table: "nat" })).join(), /--dport 40001 .*--to-destination 10\.77\.0\.1:22/);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });

  test("fwknopd forwards by its one chain for SNAT and MASQUERADE", async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS.ours, "mount"]);
    if (lab === undefined) return;
    const fwknopd = await startInstallation(lab, { override: "ENABLE_IPT_FORWARDING Y;\nENABLE_IPT_SNAT Y;\n" });
    const packet = perlPacket("inside and outside", { message: "198.51.100.77,tcp/22", type: 2, natAccess: "192.168.10.7,2022" });
    assert.match(fwknopd.log, /The kernel forwards packets from now on: \/proc\/sys\/net\/ipv4\/ip_forward was 0/);
    assert.equal((await lab.server.run(["cat", "/proc/sys/net/ipv4/ip_forward"])).stdout, "1\n");
    // The stanza is for 198.51.100.0/24.
    await lab.client.run(["ip", "addr", "add", "198.51.100.77/32", "dev", "lo"]);
    await lab.client.run([process.execPath, "-e", `const s = require("node:dgram").createSocket("udp4"); s.bind(0, "198.51.100.77", () => s.send("${packet}", 62201, "${SERVER.v4}", () => s.close()));`]);
    await fwknopd.waitFor(/\(stanza #4\) Granted tcp\/2022 for 198\.51\.100\.77 through NAT to 192\.168\.10\.7:22/);
    const nat = (await lab.server.run(["iptables", "-t", "nat", "-S"])).stdout;
    assert.match(nat, /^-A FWKNOP_POSTROUTING -s 198\.51\.100\.77\/32 -d 192\.168\.10\.7\/32 .*-j MASQUERADE/m);
    assert.equal(nat.split("-A POSTROUTING -j FWKNOP_POSTROUTING").length - 1, 1);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.doesNotMatch((await lab.server.run(["iptables", "-t", "nat", "-S"])).stdout, /FWKNOP/);
  });
});
