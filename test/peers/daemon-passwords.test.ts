/** Passwords of the server's users in packets of our client (REQUIRE_AUTH_METHOD crypt), by hashes that others made. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import { crypt } from "../../src/node/daemon/crypt.ts";
import { CLIENT, openLab } from "../support/lab.ts";
import { daemonArgv, DAEMON_PEERS, knock, PLAIN_STANZA, sendPayloads, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const PASSWORD = "correct horse, battery";

test("fwknopd opens for the password that the user has on its host, and tells of every other why not", async (t) => {
  const lab = await openLab(t, [...DAEMON_PEERS.ours, "openssl", "perl"]);
  if (lab === undefined) return;
  const openssl = async (kind: string): Promise<string> => (await lab.server.run(["openssl", "passwd", kind, "-stdin"], { input: `${PASSWORD}\n` })).stdout.trim();
  const yescrypt = await crypt(Buffer.from(PASSWORD), Buffer.from("$y$j9T$0123456789abcdef$"), { timeoutMs: 10_000 });
  const hashes: Readonly<Record<string, string>> = {
    sha512: await openssl("-6"), sha256: await openssl("-5"), md5: await openssl("-1"), ...(yescrypt.ok && { yescrypt: Buffer.from(yescrypt.hash).toString() }),
  };
  const lines = [...Object.entries(hashes), ["locked", `!${hashes["sha512"]}`], ["system", "*"], ["none", ""]];
  const shadow = lab.write("shadow", lines.map(([name, hash]) => `${name}:${hash}:19000:0:99999:7:::\n`).join(""));
  const required = { OPEN_PORTS: "tcp/22", REQUIRE_AUTH_METHOD: "crypt", SHADOW_FILE: shadow, FW_ACCESS_TIMEOUT: 30 };
  const perl = { SOURCE: "ANY", KEY: "a key of the past", ENCRYPTION_MODE: "perl" };
  const fwknopd = await startDaemon(lab, "ours", { stanzas: [{ ...PLAIN_STANZA, ...required }, { ...perl, ...required }], args: ["-v"] });
  const ask = async (user: string, password: string | undefined, said: RegExp, times = 1): Promise<void> => {
    const told = await knock(lab, "ours", { args: ["-U", user, ...(password === undefined ? [] : ["--server-auth", `crypt,${password}`])] });
    assert.equal(told, "");
    await fwknopd.waitFor(said, times);
  };
  for (const user of Object.keys(hashes)) {
    await ask(user, PASSWORD, new RegExp(`Granted tcp/22 for ${CLIENT.v4} for 30 s, .*user ${user}|Renewed tcp/22 for ${CLIENT.v4} for \\d+ s, .*user ${user}`));
    await ask(user, `${PASSWORD} `, new RegExp(`Server authentication failed \\(REQUIRE_AUTH_METHOD crypt\\): the password is wrong \\(user ${user},`));
  }
  assert.equal((await lab.rules("FWKNOP_INPUT")).length, 1);
  await ask("mallory", PASSWORD, /there is no such user \(user mallory,/);
  await ask("locked", PASSWORD, /the user's password is locked \(user locked,/);
  await ask("system", "*", /the user's password is locked \(user system,/);
  await ask("none", PASSWORD, /the user has no password \(user none,/);
  await ask("sha512", undefined, /The packet bears no password, but REQUIRE_AUTH_METHOD crypt wants one .*\(user sha512,/);
  await sendPayloads(lab, [makePacket({ username: "sha512", message: `${CLIENT.v4},tcp/22`, serverAuth: "kerberos,ticket" })]);
  await fwknopd.waitFor(/The packet is authenticated in another way than REQUIRE_AUTH_METHOD crypt \(user sha512,/);
  assert.equal(fwknopd.count(/REQUIRE_AUTH_METHOD crypt.*\(user|no such user|is locked|has no password/), Object.keys(hashes).length + 6, "one line for each");
  assert(!fwknopd.log.includes(PASSWORD) && !fwknopd.log.includes("ticket"), "no password is told");

  const perlKeys = { version: "1.9.12", mode: "perl", keyBase64: Buffer.from(perl.KEY).toString("base64"), hmacKeyBase64: null } as const;
  await sendPayloads(lab, [makePacket({ ...perlKeys, username: "md5", message: "10.77.0.9,tcp/22", serverAuth: `crypt,${PASSWORD}` })]);
  await fwknopd.waitFor(/\(stanza #2\) Granted tcp\/22 for 10\.77\.0\.9 .*user md5/);

  const repeated = makePacket({ username: "sha512", message: `${CLIENT.v4},tcp/22`, serverAuth: `crypt,${PASSWORD}` });
  await sendPayloads(lab, [repeated, repeated]);
  await fwknopd.waitFor("Replay detected");
  chmodSync(shadow, 0o666);
  await ask("sha512", PASSWORD, /shadow can be changed by other users .*, so it is not used .*\(user sha512,/);
  assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
});

test("fwknopd --check tells that no password can be checked", async (t) => {
  const lab = await openLab(t, DAEMON_PEERS.ours);
  if (lab === undefined) return;
  const check = async (shadow: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const args = writeDaemonFiles(lab, { stanzas: [{ ...PLAIN_STANZA, REQUIRE_AUTH_METHOD: "crypt", SHADOW_FILE: shadow }] });
    return (await lab.server.run(await daemonArgv("ours", [...args, "--check"]), { env })).stderr;
  };
  assert.match(await check("/nonexistent/shadow"), /access\.conf:1:1: \(stanza #1\) REQUIRE_AUTH_METHOD lets nobody in: Could not open shadow file: \/nonexistent\/shadow/);
  for (const name of ["perl", "python3"]) chmodSync(lab.write(name, "#!/bin/sh\nexit 1\n"), 0o755);
  const shadow = lab.write("shadow", "");
  assert.match(await check(shadow, { PATH: `${lab.folder}:${process.env["PATH"]}` }), /\(stanza #1\) REQUIRE_AUTH_METHOD lets nobody in: neither perl nor python3/);
  assert.doesNotMatch(await check(shadow), /lets nobody in/);
});
