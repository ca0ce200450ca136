/** Packets that GnuPG encrypted and signed, made by our client program, as both daemons take them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, HMAC_KEY_BASE64, type Maker, type Settings, startDaemon } from "../support/peers.ts";

const PASSPHRASE = "correct horse";

/** Key rings of the two sides in the lab's folder, whose path is short enough for an agent's socket. */
class KeyRings {
  readonly client: string;
  readonly server: string;

  constructor(t: TestContext, lab: Lab) {
    [this.client, this.server] = [lab.path("c"), lab.path("s")];
    for (const home of [this.client, this.server]) {
      mkdirSync(home, { mode: 0o700 });
      t.after(() => spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]));
    }
  }

  /** Makes a key in one ring and tells its fingerprint; the other ring gets the public half and believes it. */
  add(owner: "client" | "server", name: string, algorithm: string, passphrase = ""): string {
    const home = this[owner];
    const other = owner === "client" ? this.server : this.client;
    const id = `${name}@example.org`;
    const isEcc = algorithm === "ed25519";
    gpg(home, ["--passphrase", passphrase, "--quick-generate-key", id, algorithm, isEcc ? "sign" : "sign,encrypt", "never"]);
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(gpg(home, ["--with-colons", "--list-keys", id]).toString())![1]!;
    if (isEcc) gpg(home, ["--passphrase", passphrase, "--quick-add-key", fingerprint, "cv25519", "encrypt", "never"]);
    gpg(other, ["--import"], gpg(home, ["--export", id]));
    gpg(other, ["--import-ownertrust"], `${fingerprint}:6:\n`);
    return fingerprint;
  }
}

function gpg(home: string, args: readonly string[], input: string | Uint8Array = ""): Buffer {
  const { status, stdout, stderr } = spawnSync("gpg", ["--homedir", home, "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", ...args], { input, timeout: 60_000 });
  assert.equal(status, 0, `gpg ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** One way to use GnuPG: what the server's stanza says, and what the client is told. */
interface Use {
  readonly name: string;
  readonly stanza: Settings;
  readonly keys: readonly string[];
  /** True when absent. */
  readonly hasHmac?: false;
}

/** Another HMAC key for each use, so that only its stanza takes its packets. */
const hmacKey = (at: number): string => String.fromCharCode(0x41 + at).repeat(4) + HMAC_KEY_BASE64;

async function uses(t: TestContext, lab: Lab, daemon: Maker): Promise<Use[]> {
  const rings = new KeyRings(t, lab);
  rings.add("server", "server", "rsa2048");
  const open = rings.add("client", "open", "rsa2048");
  const locked = rings.add("client", "locked", "rsa2048", PASSPHRASE);
  const home = ["--gpg-home-dir", rings.client];
  const common = ["--gpg-recipient-key", "server@example.org", ...home];
  lab.write("c/gpg.conf", `default-key ${open}\n`);
  lab.write("rc", `[default]\n[locked]\nGPG_SIGNING_PW_BASE64 ${Buffer.from(PASSPHRASE).toString("base64")}\n`);
  const rows: Use[] = [
    { name: "signed by a key without a passphrase", stanza: { GPG_FINGERPRINT_ID: open }, keys: [...common, "--gpg-signer-key", "open@example.org", "--gpg-no-signing-pw"] },
    { name: "signed by a key with a passphrase", stanza: { GPG_REMOTE_ID: locked.slice(-8) }, keys: [...common, "--gpg-signer-key", locked, "-n", "locked"] },
    { name: "signed by gpg's own choice", stanza: { GPG_FINGERPRINT_ID: open }, keys: [...common, "--gpg-default-key", "--gpg-no-signing-pw", "--gpg-prefix", "hQ"] },
    { name: "not signed", stanza: { GPG_DISABLE_SIG: "Y" }, keys: common },
  ];
  if (daemon === "ours") { // the C programs corrupt packets for such recipients
    rings.add("server", "ecc", "ed25519");
    const signer = rings.add("client", "edsigner", "ed25519");
    const keys = ["--gpg-recipient-key", "ecc@example.org", ...home, "--gpg-signer-key", "edsigner@example.org", "--gpg-no-signing-pw"];
    rows.push({ name: "with elliptic curves", stanza: { GPG_FINGERPRINT_ID: signer }, keys });
    rows.push({ name: "with elliptic curves, not signed: made longer", stanza: { GPG_DISABLE_SIG: "Y" }, keys: keys.slice(0, 4) });
    rows.push({ name: "with elliptic curves, not signed, no HMAC: made longer", stanza: { GPG_DISABLE_SIG: "Y" }, keys: keys.slice(0, 4), hasHmac: false });
  }
  return rows.map(({ name, stanza, keys, hasHmac = true }, at) => ({
    name,
    stanza: { SOURCE: "ANY", ...(hasHmac && { HMAC_KEY_BASE64: hmacKey(at) }), GPG_HOME_DIR: rings.server, GPG_ALLOW_NO_PW: "Y", FW_ACCESS_TIMEOUT: 300, ...stanza },
    keys: hasHmac ? [...keys, "--key-base64-hmac", hmacKey(at)] : keys,
  }));
}

describe("packets with GnuPG", { concurrency: 2 }, () => {
  for (const daemon of ["C", "ours"] as const) {
    test(`fwknopd (${daemon}) takes the packets that fwknop encrypts and signs with GnuPG`, async (t) => {
      const lab = await openLab(t, [...DAEMON_PEERS[daemon], "gpg", "gpgconf"]);
      if (lab === undefined) return;
      const all = await uses(t, lab, daemon);
      const fwknopd = await startDaemon(lab, daemon, { stanzas: all.map(({ stanza }) => stanza) });
      await ensureBuilt();
      for (const [at, { keys }] of all.entries()) {
        await lab.client.run(shipped("fwknop", "-A", `tcp/${7000 + at}`, "-a", CLIENT.v4, "-D", SERVER.v4, "--no-save-args", "--rc-file", lab.path("rc"), ...keys), { env: { HOME: lab.folder } });
      }
      await fwknopd.waitFor("Added access rule", all.length).catch(() => {}); // the rules tell which are missing
      const opened = (await lab.rules("FWKNOP_INPUT")).map((rule) => [/-s (\S+)\/32/.exec(rule)?.[1], all[Number(/--dport (\d+)/.exec(rule)?.[1]) - 7000]?.name]);
      assert.deepEqual(opened.sort(), all.map(({ name }) => [CLIENT.v4, name]).sort(), fwknopd.log.slice(-3000));
    });
  }
});
