/** What scripts written for the C program look for: in what the client says, and in the rc file that it writes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type ClientBench, type ClientRun, openClientBench } from "./support/client-host.ts";

const KEYS = ["--key-rijndael", "testkey"];
const HMAC = [...KEYS, "--key-hmac", "testhmac"];
const BASE = ["-T", "-A", "tcp/22", "-a", "203.0.113.5", "-D", "127.0.0.1"];
/** Makes and lists a packet. */
const MAKE = [...BASE, ...HMAC];

/** A phrase, and the command line that must lead to it, or with `absent` must not. */
interface Row {
  readonly phrase: RegExp;
  readonly argv: readonly string[];
  /** What the rc file holds; none is used when absent. */
  readonly rc?: string;
  readonly absent?: true;
  /** Changes the system before the run. */
  readonly before?: (bench: ClientBench) => void;
}

const says = (phrase: RegExp, ...argv: readonly string[]): Row => ({ phrase, argv });
const rows = (argvOf: (value: string) => readonly string[], phraseOf: (value: string) => RegExp, values: readonly string[]): Row[] => values.map((value) => says(phraseOf(value), ...argvOf(value)));

const SHOWN: readonly Row[] = [
  ...rows((type) => [...MAKE, "-m", type], (type) => new RegExp(`Digest\\sType\\:\\s.*${type}`), ["MD5", "SHA1", "SHA256", "SHA384", "SHA512", "SHA3_256", "SHA3_512"]),
  ...rows((type) => [...MAKE, "--hmac-digest-type", type], (type) => new RegExp(`HMAC\\sType\\:\\s.*${type}`), ["MD5", "SHA1", "SHA256", "SHA384", "SHA512"]),
  ...rows((mode) => [...MAKE, "-M", mode], (mode) => new RegExp(`Encryption\\sMode\\:\\s.*${mode}`), ["CBC", "CFB", "CTR", "ECB", "OFB"]),
  says(/Encryption\sMode\:\s.*legacy/, ...BASE, ...KEYS, "-M", "legacy"),
  ...rows((proto) => [...MAKE, "-v", "-P", proto], (proto) => new RegExp(`protocol:\\s${proto}$`, "m"), ["http", "icmp", "tcp", "tcpraw", "udp"]),
  says(/HMAC.*SHA256/, ...MAKE),
  says(/FKO\sVersion/, ...MAKE),
  says(/Random\sValue/, ...MAKE),
  says(/Client\sTimeout:\s1234/, ...MAKE, "-f", "1234"),
  says(/Client\sTimeout:\s0/, ...MAKE),
  says(/Nat\sAccess\:\s192.168.10.1\,12345/, ...MAKE, "-N", "192.168.10.1:12345"),
  says(/Nat\sAccess\:\s127.0.0.1\,22/, ...MAKE, "--nat-local"),
  says(/Message.*22211/, ...MAKE, "--nat-local", "--nat-port", "22211"),
  says(/Message.*0.0.0.0/, "-T", "-A", "tcp/22", "-s", ...HMAC),
  says(/Username\:\sAAAA/, ...MAKE, "-U", "A".repeat(100)),
  says(/Username\:\ssomeuser/, ...MAKE, "-U", "someuser"),
  says(/destination\sport:\s65421/, ...MAKE, "-v", "-p", "65421"),
  says(/destination\sport:\s22/, ...MAKE, "-v", "-p", "22"),
  says(/destination\sport\:\s(?!62201)/, ...MAKE, "-v", "-r"),
  says(/source\sport:\s65421/, ...MAKE, "-v", "-S", "65421"),
  says(/source\sport:\s22/, ...MAKE, "-v", "-S", "22"),
  says(/test\smode\senabled/, ...MAKE),
];

const REFUSED: readonly Row[] = [
  says(/Could not resolve IP.*wget/, "-A", "tcp/22", "-R", "--resolve-url", "https://127.0.0.1:1/", "-D", "127.0.0.1", ...HMAC),
  says(/Could not resolve IP/, "-A", "tcp/22", "--resolve-http-only", "--resolve-url", "http://127.0.0.1:1/", "-D", "127.0.0.1", ...HMAC),
  says(/Warning.*IP resolution URL/, "-A", "tcp/22", "-R", "--resolve-url", "http://127.0.0.1:1/", "-D", "127.0.0.1", ...HMAC),
  says(/Could\snot\sopen/, "--show-last", "-E", "/nonexistent/args"),
  says(/could\snot\sopen/i, ...BASE, "-G", "/nonexistent/keys"),
  says(/Could\snot|Last\sfwknop/i, "--show-last", "-E", "/nonexistent/args"),
  { ...says(/Error\sparsing/, "-l"), before: ({ home }) => writeFileSync(join(home, ".fwknop.run"), "fwknop --nosuch\n") },
  says(/Invalid time offset/, ...MAKE, "--time-offset-plus", "5x"),
  says(/Invalid time offset/, ...MAKE, "--time-offset-minus", "123456789999"),
  says(/Invalid\sSPA\saccess\smessage/i, ...MAKE, "-A", "tcp"),
  says(/Invalid\shmac\sdigest\stype/i, ...MAKE, "--hmac-digest-type", "invalid"),
  says(/must\sbe\sone\sof/i, ...MAKE, "--hmac-digest-type", "invalid"),
  says(/Invalid\sdigest\stype/i, ...MAKE, "-m", "invalid"),
  says(/Invalid\sencryption\smode:\sPCBC/, ...MAKE, "-M", "PCBC"),
  says(/Invalid\sencryption\smode:\sbadmode/, ...MAKE, "-M", "badmode"),
  says(/Invalid\sicmp/, ...MAKE, "-P", "icmp", "--icmp-type", "41"),
  says(/Invalid\sicmp/, ...MAKE, "-P", "icmp", "--icmp-code", "16"),
  says(/Must\suse.*destination/, "-A", "tcp/22", "-s", ...HMAC),
  says(/must\suse\sone\sof/i, "-A", "tcp/22", "-D", "127.0.0.1", ...HMAC),
  { ...says(/key\sfor.*not\sfound/, ...BASE, "-G", "keys"), before: ({ home }) => writeFileSync(join(home, "keys"), "192.0.2.1: key\n", { mode: 0o600 }) },
  says(/look\slike\sbase64/, ...BASE, "--key-base64-rijndael", "%%%"),
  says(/look\slike\sbase64\-encoded/, ...MAKE, "--key-base64-hmac", "%%%"),
  says(/not.*supported/i, ...MAKE, "-A", "tcp/22,tcp/23", "-N", "h:1", "--nat-port", "5"),
  says(/NAT\sfor\smultiple/, ...MAKE, "-A", "tcp/22,tcp/23", "--nat-local", "--nat-rand-port"),
  says(/packet\snot\ssent/, ...MAKE.slice(1), "-P", "tcp", "-p", "1"),
  says(/port.*invalid/i, ...MAKE, "-H", "127.0.0.1:65536"),
  says(/Args\scontain\sinvalid/, ...MAKE, "-N", "1.2.3.4:0"),
  says(/Args\scontain\sinvalid/, ...MAKE, "-N", "1.2.3.4.:99999"),
  says(/Invalid\sport/, ...MAKE, "-N", "1.2.3.4:99999"),
  says(/Invalid\sNAT\sdestination/, ...MAKE, "-N", "-bad-:22"),
  says(/Expecting.*A\sarg/, ...MAKE, "-A", "tcp22", "--nat-local", "--nat-port", "5"),
  says(/Bad\sfile\sdescriptor/, ...BASE, "--fd", "999"),
  says(/Cannot list stanzas in/, "--no-rc-file", "--stanza-list"),
  says(/Cannot save an rc stanza in/, "--no-rc-file", "--save-rc-stanza"),
  says(/Cannot set stanza name/, "--no-rc-file", "-n", "x"),
  says(/must\sset\s\-\-rc\-file\spath/, "--no-home-dir", "-E", "/dev/null"),
  says(/Invalid\sallow\sIP/i, ...MAKE, "-a", "invalid"),
  says(/Invalid\sspoof/, ...MAKE, "-P", "udpraw", "-Q", "invalid"),
  says(/Must\sset.*udpraw/, ...MAKE, "-Q", "3.3.3.3"),
  says(/Must\sspecify\sGPG\srecipient/, ...MAKE, "-M", "Asymmetric"),
  says(/incompatible\swith\sHMAC/, ...MAKE, "-M", "legacy"),
  {
    ...says(/FKO_ERROR_INVALID_DATA_ENCRYPT_GPG_RESULT_MSGLEN_VALIDFAIL/, ...MAKE, "--gpg-recipient-key", "r", "--gpg-no-signing-pw", "--gpg-exe", "gpg"),
    // Two keys of 4096 bits make as much.
    before: ({ home }) => writeFileSync(join(home, "gpg"), "#!/bin/sh\ncat >&2\necho '[GNUPG:] END_ENCRYPTION' >&3\nhead -c 1200 /dev/zero\n", { mode: 0o700 }),
  },
  says(/Invalid\sdecoded\skey\slength/, ...BASE, ...KEYS, "--key-base64-hmac", ""),
  says(/Invalid\skey\slength/, "-k", "--key-len", "129"),
  says(/Invalid\shmac\skey\slength/, "-k", "--hmac-key-len", "0"),
  says(/Unrecognized\sproto/, ...MAKE, "-P", "invalid"),
  says(/Value\s.*out\sof\srange/, ...MAKE, "-p", "65536"),
  says(/Value\s.*out\sof\srange/, ...MAKE, "-S", "99999"),
  says(/timeout\smust\sbe\swithin/, ...MAKE, "-f", "131073"),
  says(/should\snot\sbe\sidentical/i, ...BASE, "--key-rijndael", "same", "--key-hmac", "same"),
  says(/Unable\sto\sstat/, ...MAKE, "--rc-file", "/dev/null/rc"),
  { ...says(/Unable\sto\sdetermine/i, ...MAKE), rc: "", before: ({ env }) => delete env["HOME"] },
  { ...says(/Parameter\serror/, ...MAKE), rc: "[default]\nFW_TIMEOUT x\n" },
  { ...says(/Invalid\sentry/, ...MAKE), rc: "[default]\nJUNK\n" },
  { ...says(/Named\sconfiguration.*not\sfound/, ...MAKE, "-n", "nosuch"), rc: "[default]\n" },
];

const STANZAS = "[default]\n[stanza_1]\nACCESS tcp/22\n[stanza_2]\n";
const FILES: readonly Row[] = [
  { ...says(/The\sfollowing\sstanzas\sare\sconfigured/i, "--stanza-list"), rc: STANZAS },
  { ...says(/stanza_1/, "--stanza-list"), rc: STANZAS },
  { ...says(/stanza_2/, "--stanza-list"), rc: STANZAS },
  { ...says(/default/, "--stanza-list"), rc: STANZAS, absent: true },
  { ...says(/Updating\sparam.*SHA1/, ...MAKE, "-n", "stanza_1", "--save-rc-stanza", "-m", "sha1", "-vv"), rc: STANZAS },
  { ...says(/Wrote.*HMAC.*keys/, "-k", "-n", "new", "-D", "h", "-A", "tcp/22", "-s", "--save-rc-stanza"), rc: STANZAS },
  says(/Wrote.*\skeys/, "-K", "keys"),
  says(/^KEY_BASE64\:?\s\S{10}/m, "-k"),
  says(/HMAC_KEY_BASE64\:?\s\S{10}/, "-k"),
];

/** Runs a row's command line; its rc file is HOME's. */
async function runRow(bench: ClientBench, { argv, rc, before }: Row): Promise<ClientRun> {
  if (rc !== undefined) writeFileSync(join(bench.home, ".fwknoprc"), rc, { mode: 0o600 });
  before?.(bench);
  const isFileChosen = rc !== undefined || argv.some((word) => /^--(no-)?(rc-file|home-dir)$/.test(word) || word === "-l");
  const words = argv.map((word) => (word === "keys" || word === "gpg" ? join(bench.home, word) : word));
  return bench.run(...words, ...(isFileChosen ? [] : ["--no-rc-file"]), ...(argv.includes("--show-last") || argv.includes("-l") ? [] : ["--no-save-args"]));
}

describe("what fwknop says", () => {
  for (const [kind, status, table] of [["shows", 0, SHOWN], ["refuses with", 1, REFUSED], ["says about files", 0, FILES]] as const) {
    for (const row of table) {
      test(`fwknop ${row.argv.slice(0, -1).at(-1)} ${row.argv.at(-1)} ${kind}${row.absent ? " no" : ""} ${row.phrase}`, async (t) => {
        const run = await runRow(openClientBench(t, t.name), row);
        const said = run.stdout + run.stderr;
        assert.equal(run.status, status, said);
        if (row.absent) assert.doesNotMatch(said, row.phrase);
        else assert.match(said, row.phrase);
      });
    }
  }

  test("fwknop -R -v says Resolved", async (t) => {
    const server = createServer((_, response) => response.end("198.51.100.7")).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { stdout } = await openClientBench(t, t.name).run("-T", "-v", "-A", "tcp/22", "-R", "--resolve-url", url, ...HMAC, "--no-rc-file", "--no-save-args");
    assert.match(stdout, /Resolved/);
  });
});

/** Phrases of the rc file after a run that saves the stanza `new`; what is written in front of it stays. */
interface RcRow {
  readonly phrase: RegExp;
  readonly argv: readonly string[];
  readonly absent?: true;
}

const saves = (phrase: RegExp, ...argv: readonly string[]): RcRow => ({ phrase, argv });
const SAVED: readonly RcRow[] = [
  saves(/USE_HMAC.*Y/, "--use-hmac", "--key-hmac", "h"),
  { ...saves(/USE_HMAC/), absent: true },
  ...["MD5", "SHA1", "SHA256", "SHA384", "SHA512"].flatMap((type) => [
    saves(new RegExp(`^DIGEST_TYPE.*${type}`, "m"), "-m", type.toLowerCase()),
    saves(new RegExp(`HMAC_DIGEST_TYPE.*${type}`), "--hmac-digest-type", type, "--key-hmac", "h"),
  ]),
  saves(/HMAC_KEY_BASE64/, "--key-base64-hmac", "aGhoaA=="),
  saves(/KEY_BASE64.*dGVzdHRlc3Q=/, "--key-base64-rijndael", "dGVzdHRlc3Q="),
  saves(/HMAC_KEY.*hmackey/, "--key-hmac", "hmackey"),
  saves(/KEY.*newkey/, "--key-rijndael", "newkey"),
  saves(/KEY.*somefile/, "-G", "somefile"),
  saves(/VERBOSE.*(Y|\d)/, "-v"),
  saves(/VERBOSE.*Y/, "-v"),
  saves(/VERBOSE.*2/, "-v", "-v"),
  { ...saves(/VERBOSE/), absent: true },
  saves(/NAT_ACCESS.*192.168.10.1\:12345/, "-N", "192.168.10.1:12345"),
  saves(/NAT_LOCAL.*Y/, "--nat-local"),
  saves(/NAT_PORT.*22211/, "--nat-local", "--nat-port", "22211"),
  saves(/NAT_RAND_PORT.*Y/, "--nat-local", "--nat-rand-port"),
  saves(/^RAND_PORT.*Y/m, "-r"),
  saves(/ALLOW_IP.*0.0.0.0/, "-a", "0.0.0.0"),
  saves(/FW_TIMEOUT.*1234/, "-f", "1234"),
  saves(/FW_TIMEOUT.*0/, "-f", "0"),
  saves(/ENCRYPTION_MODE.*legacy/, "-M", "legacy"),
  saves(/ENCRYPTION_MODE.*CBC/, "-M", "cbc"),
  saves(/HTTP_USER_AGENT.*FwknopTestSuite\/2.6/, "-u", "FwknopTestSuite/2.6"),
  saves(/USE_WGET_USER_AGENT.*Y/, "--use-wget-user-agent"),
  saves(/SPA_SERVER_PORT.*65421/, "-p", "65421"),
  saves(/SPA_SOURCE_PORT.*65421/, "-S", "65421"),
  ...["http", "icmp", "tcp", "tcpraw", "udp"].map((proto) => saves(new RegExp(`SPA_SERVER_PROTO.*${proto}`), "-P", proto)),
  saves(/SPA_SERVER_PROTO.*UDP/i, "-P", "UDP"),
  saves(/SPOOF_SOURCE_IP.*3.3.3.3/, "-P", "udpraw", "-Q", "3.3.3.3"),
  saves(/SPOOF_USER.*AAAA/, "-U", "AAAA"),
  saves(/SPOOF_USER.*someuser/, "-U", "someuser"),
  saves(/TIME_OFFSET.*60/, "--time-offset-plus", "60"),
  saves(/TIME_OFFSET.*3600/, "--time-offset-plus", "1h"),
  saves(/TIME_OFFSET.*86400/, "--time-offset-plus", "1d"),
  saves(/TIME_OFFSET.*\-60/, "--time-offset-minus", "1m"),
  saves(/RESOLVE_URL.*127.0.0.1/, "--resolve-url", "https://127.0.0.1/"),
  saves(/RESOLVE_URL.*\swww.cipherdyne.org.*myip/, "--resolve-url", "www.cipherdyne.org/cgi-bin/myip"),
  saves(/RESOLVE_URL.*cipherdyne.org.*myip/, "--resolve-url", "https://www.cipherdyne.org/cgi-bin/myip"),
];

/** With GnuPG or for our own address: nothing may be sent or asked for, so keys are made instead. */
const SAVED_WITH_KEYS: readonly RcRow[] = [
  saves(/KEY_BASE64/),
  saves(/GPG_HOMEDIR/, "--gpg-home-dir", "/nonexistent", "--gpg-recipient-key", "r"),
  saves(/GPG_RECIPIENT/, "--gpg-recipient-key", "r"),
  saves(/GPG_SIGNER/, "--gpg-signer-key", "s", "--gpg-recipient-key", "r"),
  saves(/RESOLVE_IP_HTTPS.*Y/, "-R"),
  saves(/RESOLVE_IP_HTTP.*Y/, "-R"),
  saves(/RESOLVE_HTTP_ONLY.*Y/, "--resolve-http-only"),
];

/** Lines that the client refuses to use, and leaves as they are. */
const KEPT: readonly (readonly [phrase: RegExp, line: string])[] = [
  [/SPOOF_SOURCE_IP.*invalid/, "SPOOF_SOURCE_IP invalid"],
  [/ENCRYPTION_MODE.*invalid/, "ENCRYPTION_MODE invalid"],
  [/TIME_OFFSET.*invalid/, "TIME_OFFSET invalid"],
  [/TIME_OFFSET.*123456789999/, "TIME_OFFSET 123456789999"],
  [/TIME_OFFSET.*-123456789999/, "TIME_OFFSET -123456789999"],
];

describe("the rc file that fwknop writes", () => {
  const common = ["-n", "new", "--save-rc-stanza", "--no-save-args", "-A", "tcp/22", "-D", "127.0.0.1"];
  const save = async (bench: ClientBench, argv: readonly string[]): Promise<string> => {
    const rc = join(bench.home, ".fwknoprc");
    writeFileSync(rc, "[default]\n", { mode: 0o600 });
    writeFileSync(join(bench.home, "somefile"), "127.0.0.1: key\n", { mode: 0o600 });
    const words = argv.map((word) => (word === "somefile" ? join(bench.home, word) : word));
    const { status, stderr } = await bench.run(...common, ...words);
    assert.equal(status, 0, stderr);
    return readFileSync(rc, "latin1");
  };
  const check = (text: string, { phrase, absent }: RcRow): void => (absent ? assert.doesNotMatch(text, phrase) : assert.match(text, phrase));

  for (const row of SAVED) {
    test(`fwknop --save-rc-stanza ${row.argv.join(" ")} writes ${row.absent ? "no " : ""}${row.phrase}`, async (t) => {
      const ownKey = row.argv.some((word) => /^(-G|--key-(base64-)?rijndael)$/.test(word)) ? [] : KEYS;
      check(await save(openClientBench(t, t.name), ["-T", "-a", "203.0.113.5", ...ownKey, ...row.argv]), row);
    });
  }
  for (const row of SAVED_WITH_KEYS) {
    test(`fwknop -k --save-rc-stanza ${row.argv.join(" ")} writes ${row.phrase}`, async (t) => check(await save(openClientBench(t, t.name), ["-k", ...row.argv]), row));
  }
  for (const [phrase, line] of KEPT) {
    test(`fwknop refuses ${line} and leaves ${phrase} where it is`, async (t) => {
      const bench = openClientBench(t, t.name);
      const rc = join(bench.home, ".fwknoprc");
      writeFileSync(rc, `[default]\n${line}\n`, { mode: 0o600 });
      const { status, stderr } = await bench.run(...MAKE, "--no-save-args");
      assert.equal(status, 1, stderr);
      assert.match(readFileSync(rc, "latin1"), phrase);
      assert.ok(!existsSync(join(bench.home, ".fwknop.run")));
    });
  }
});
