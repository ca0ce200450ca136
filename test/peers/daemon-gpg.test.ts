/** OpenPGP packets of Debian's client and of ours at our daemon: whose signature counts, and what is said of the others. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sealOpenPgp } from "../../src/fko.ts";
import { HmacKey } from "../../src/hmac.ts";
import { sha256 } from "../../src/sha.ts";
import { ensureBuilt, ROOT, shipped } from "../support/dist.ts";
import { CLIENT, openLab, SERVER } from "../support/lab.ts";
import { CLIENT_PEERS, DAEMON_PEERS, HMAC_KEY_BASE64, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { requirePeers } from "../support/require-peer.ts";
import { makePacket } from "../support/spa.ts";

/** RSA keys without passphrases. */
const FIXTURES = join(ROOT, "fixtures/perl-1.9.12");
const PASSPHRASE = "of the server";

function gpg(home: string, args: readonly string[], input: string | Uint8Array = ""): Buffer {
  const { status, stdout, stderr } = spawnSync("gpg", ["--homedir", home, "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", ...args], { input, timeout: 60_000 });
  assert.equal(status, 0, `gpg ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Fingerprints of a key: the primary one, then its subkeys'. */
function fingerprints(home: string, id: string): readonly string[] {
  return [...gpg(home, ["--with-colons", "--list-keys", id]).toString().matchAll(/^fpr:+([0-9A-F]+):/gm)].map((match) => match[1]!);
}

interface Row {
  readonly what: string;
  readonly client: Maker;
  readonly recipient: string;
  /** Absent: not signed. */
  readonly signer?: string;
  readonly stanza: Settings;
  /** Absent: granted. */
  readonly refused?: RegExp;
}

describe("OpenPGP", { concurrency: 2 }, () => {
  test("fwknopd takes what the stanza's signers signed, of either client, and says why it refuses the rest", async (t) => {
    const lab = await openLab(t, [...CLIENT_PEERS.C, ...DAEMON_PEERS.ours, "gpg", "gpgconf"]);
    if (lab === undefined) return;
    const [client, server] = [lab.path("c"), lab.path("s")];
    for (const home of [client, server]) {
      mkdirSync(home, { mode: 0o700 });
      t.after(() => void spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]));
    }
    gpg(client, ["--import", join(FIXTURES, "gpg-client.secret.asc")]);
    gpg(server, ["--import", join(FIXTURES, "gpg-server.secret.asc")]);
    const [rsaSigner] = fingerprints(client, "spa-client-b@example.com") as [string];
    const [rsaServer] = fingerprints(server, "spa-server-b@example.com") as [string];
    gpg(server, ["--passphrase", PASSPHRASE, "--quick-generate-key", "ecc@example.org", "ed25519", "sign", "never"]);
    const [eccServer] = fingerprints(server, "ecc@example.org") as [string];
    gpg(server, ["--passphrase", PASSPHRASE, "--quick-add-key", eccServer, "cv25519", "encrypt", "never"]);
    gpg(client, ["--passphrase", "", "--quick-generate-key", "sub@example.org", "ed25519", "cert", "never"]);
    const [primary] = fingerprints(client, "sub@example.org") as [string];
    gpg(client, ["--passphrase", "", "--quick-add-key", primary, "ed25519", "sign", "never"]);
    const subkey = fingerprints(client, "sub@example.org")[1]!;
    gpg(server, ["--passphrase", "", "--quick-generate-key", "small@example.org", "rsa1024", "encrypt,sign", "never"]);
    const [smallServer] = fingerprints(server, "small@example.org") as [string];
    gpg(client, ["--passphrase", "", "--quick-generate-key", "stranger@example.org", "ed25519", "sign", "never"]);
    const [stranger] = fingerprints(client, "stranger@example.org") as [string];
    gpg(server, ["--import"], gpg(client, ["--export"]));
    gpg(client, ["--import"], gpg(server, ["--export"]));
    gpg(server, ["--import-ownertrust"], `${rsaSigner}:6:\n${primary}:6:\n`);
    gpg(client, ["--import-ownertrust"], `${rsaServer}:6:\n${eccServer}:6:\n${smallServer}:6:\n`);

    spawnSync("gpgconf", ["--homedir", server, "--kill", "all"]); // it remembers the passphrase of the key that it made

    const ecc = { recipient: eccServer, client: "ours" as const };
    const rows: readonly Row[] = [
      { what: "C's client, signer's id", client: "C", recipient: rsaServer, signer: rsaSigner, stanza: { GPG_REMOTE_ID: rsaSigner.slice(-8) } },
      { what: "C's client, signer's fingerprint", client: "C", recipient: rsaServer, signer: rsaSigner, stanza: { GPG_FINGERPRINT_ID: rsaSigner } },
      { what: "another fingerprint", client: "C", recipient: rsaServer, signer: rsaSigner, stanza: { GPG_FINGERPRINT_ID: primary }, refused: /not in the GPG_FINGERPRINT_ID list/ },
      { what: "another id", client: "C", recipient: rsaServer, signer: rsaSigner, stanza: { GPG_REMOTE_ID: primary.slice(-8) }, refused: /not in the GPG_REMOTE_ID list/ },
      // Before the right one, which gpg's agent remembers.
      { what: "a wrong passphrase", ...ecc, signer: primary, stanza: { GPG_FINGERPRINT_ID: primary, GPG_DECRYPT_PW: "not it" }, refused: /GPG ERROR: / },
      { what: "an ECC recipient with a passphrase, a subkey's fingerprint", ...ecc, signer: primary, stanza: { GPG_FINGERPRINT_ID: subkey, GPG_DECRYPT_PW: PASSPHRASE } },
      { what: "a subkey's primary fingerprint", ...ecc, signer: primary, stanza: { GPG_FINGERPRINT_ID: primary, GPG_DECRYPT_PW: PASSPHRASE } },
      { what: "a passphrase that gpg's agent remembers", ...ecc, signer: primary, stanza: { GPG_FINGERPRINT_ID: primary } },
      { what: "an untrusted signer", ...ecc, signer: stranger, stanza: { GPG_FINGERPRINT_ID: stranger, GPG_DECRYPT_PW: PASSPHRASE }, refused: /Bad GPG signature \(good, validity / },
      { what: "an untrusted signer, overlooked", ...ecc, signer: stranger, stanza: { GPG_FINGERPRINT_ID: stranger, GPG_DECRYPT_PW: PASSPHRASE, GPG_IGNORE_SIG_VERIFY_ERROR: "Y" } },
      { what: "an RSA recipient of 1024 bits", client: "ours", recipient: smallServer, signer: primary, stanza: { GPG_FINGERPRINT_ID: primary } },
      { what: "one of several fingerprints and ids", client: "C", recipient: rsaServer, signer: rsaSigner, stanza: { GPG_FINGERPRINT_ID: `${primary}, ${rsaSigner}`, GPG_REMOTE_ID: `0x${primary.slice(-16)},${rsaSigner.slice(-16)}` } },
      { what: "no signature", ...ecc, stanza: { GPG_FINGERPRINT_ID: primary, GPG_DECRYPT_PW: PASSPHRASE }, refused: /Missing GPG signature/ },
      { what: "no signature, and none required", ...ecc, stanza: { GPG_DISABLE_SIG: "Y", GPG_DECRYPT_PW: PASSPHRASE } },
      { what: "GnuPG is missing", ...ecc, signer: primary, stanza: { GPG_FINGERPRINT_ID: primary, GPG_DECRYPT_PW: PASSPHRASE, GPG_EXE: "/nonexistent/gpg" }, refused: /GPG ERROR: .*\/nonexistent\/gpg/ },
    ];
    // Another HMAC key for each row, so that only its stanza takes its packet.
    const hmacKey = (at: number): string => `${Buffer.from(`key of row number ${at} `.padEnd(33)).toString("base64")}${HMAC_KEY_BASE64}`;
    const fwknopd = await startDaemon(lab, "ours", {
      stanzas: rows.map(({ stanza }, at) => ({
        SOURCE: "ANY", HMAC_KEY_BASE64: hmacKey(at), GPG_HOME_DIR: server, FW_ACCESS_TIMEOUT: 300, ...(stanza["GPG_DECRYPT_PW"] === undefined && { GPG_ALLOW_NO_PW: "Y" }), ...stanza,
      })),
    });
    assert.match(fwknopd.log, /GnuPG is missing: .*\/nonexistent\/gpg/);
    await ensureBuilt();
    const send = async (at: number, maker: Maker, recipient: string, signer?: string): Promise<void> => {
      const signing = signer === undefined ? [] : ["--gpg-signer-key", signer, "--gpg-no-signing-pw"];
      const args = [
        "-A", `tcp/${7000 + at}`, "-a", CLIENT.v4, "-D", SERVER.v4, "--no-save-args", "--no-rc-file", "--key-base64-hmac", hmacKey(at),
        "--gpg-recipient-key", recipient, "--gpg-home-dir", client, ...signing,
      ];
      await lab.client.run(maker === "C" ? ["fwknop", ...args] : shipped("fwknop", ...args), { env: { HOME: lab.folder, USER: "tester", LOGNAME: "tester" } });
    };
    for (const [at, { what, client: maker, recipient, signer, refused }] of rows.entries()) {
      await send(at, maker, recipient, signer);
      await fwknopd.waitFor(new RegExp(`\\(stanza #${at + 1}\\) ${refused === undefined ? `Granted tcp/${7000 + at} ` : `.*${refused.source}`}`)).catch((error: Error) => assert.fail(`${what}: ${error.message}`));
    }
    const opened = (await lab.rules("FWKNOP_INPUT")).map((rule) => rows[Number(/--dport (\d+)/.exec(rule)?.[1]) - 7000]!.what);
    assert.deepEqual(opened.sort(), rows.filter(({ refused }) => refused === undefined).map(({ what }) => what).sort());
    assert.match(fwknopd.log, new RegExp(`Incoming SPA data signed by '${rsaSigner.slice(-8)}' \\(fingerprint '${rsaSigner}'\\)\\.`));
    renameSync(server, `${server}.away`);
    const [{ recipient, signer }] = rows as [(typeof rows)[number]];
    await send(0, "ours", recipient, signer);
    await fwknopd.waitFor(`Error setting GPG keyring path to ${server}: Unable to stat the given GPG home directory`);
    renameSync(`${server}.away`, server);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });

    // What the C daemon makes of those that it cannot take.
    if (!requirePeers(t, ...DAEMON_PEERS.C)) return;
    const cRows = ["a subkey's primary fingerprint", "an RSA recipient of 1024 bits"].map((what) => rows.find((row) => row.what === what)!);
    const refusals = [/signed by: [0-9A-F]+, but that fingerprint is not in the GPG_FINGERPRINT_ID list/, /\(stanza #2\) Error creating fko context \(before decryption\)/];
    const c = await startDaemon(lab, "C", {
      name: "c",
      stanzas: cRows.map(({ stanza }, at) => ({ SOURCE: "ANY", HMAC_KEY_BASE64: hmacKey(at), GPG_HOME_DIR: server, FW_ACCESS_TIMEOUT: 300, GPG_ALLOW_NO_PW: "Y", GPG_FINGERPRINT_ID: stanza["GPG_FINGERPRINT_ID"]! })),
    });
    for (const [at, { signer }] of cRows.entries()) {
      await send(at, "C", at === 0 ? rsaServer : smallServer, signer);
      await c.waitFor(refusals[at]!, at + 1);
    }
    assert.deepEqual(await lab.rules("FWKNOP_INPUT"), []);
  });

  test("fwknopd opens by other keys while gpg hangs, says so at the time limit, and ends in time when it is told to", async (t) => {
    const lab = await openLab(t, [...DAEMON_PEERS.ours, "gpg"]);
    if (lab === undefined) return;
    const home = lab.path("home");
    mkdirSync(home, { mode: 0o700 });
    const hanging = lab.write("gpg", "#!/bin/bash\nexec sleep 60\n");
    chmodSync(hanging, 0o755);
    const gpgKey = Buffer.alloc(32, "of the stanza with gpg").toString("base64");
    const fwknopd = await startDaemon(lab, "ours", {
      stanzas: [
        { SOURCE: "ANY", HMAC_KEY_BASE64: gpgKey, GPG_HOME_DIR: home, GPG_EXE: hanging, GPG_ALLOW_NO_PW: "Y", GPG_FINGERPRINT_ID: "A".repeat(40) },
        { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 },
      ],
    });
    const openPgp = (): string => sealOpenPgp(Uint8Array.of(0x85, 1, 12, 3, ...randomBytes(400)), { hmac: new HmacKey(sha256, Buffer.from(gpgKey, "base64")) });
    await sendPayloads(lab, [openPgp(), makePacket()]);
    await fwknopd.waitFor("Granted tcp/22");
    assert.equal(fwknopd.count("GPG ERROR"), 0, "gpg has not ended yet");
    await fwknopd.waitFor(/\(stanza #1\) Error creating fko context: Decryption operation failed - GPG ERROR: Timeout/);
    await sendPayloads(lab, [openPgp(), makePacket({ message: `${CLIENT.v4},tcp/23` })]);
    await fwknopd.waitFor("Granted tcp/23");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert.match(fwknopd.log, /GPG ERROR: Interrupted\n[\s\S]*Shutting Down fwknopd/);
    assert.deepEqual(lab.server.pids(), [], "nor is gpg left behind");
  });
});
