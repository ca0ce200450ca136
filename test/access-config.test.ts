import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { type AccessHost, type AccessStanza, type ParsedAccessConfig, requiresSourceAddress } from "../src/config/access-config.ts";
import { parseAccessConfig, wipeStanzas } from "../src/config/access-config-parser.ts";
import { accessVariables, type AccessVariables, OBSOLETE_ACCESS_VARIABLES } from "../src/config/access-variables.ts";
import { matchesAddressList } from "../src/config/address-list.ts";
import { parseDaemonConfig } from "../src/config/daemon-config-parser.ts";
import type { Dialect } from "../src/config/entries.ts";
import { allowsPort } from "../src/config/port-list.ts";
import { formatProblem, hasErrors, type Variable } from "../src/config/variable.ts";
import { formatIp, parseIp } from "../src/ip.ts";
import { generator } from "./support/gen.ts";

const NOW = 1795344100;
const USERS: Readonly<Record<string, { uid: number; gid: number }>> = { nobody: { uid: 65534, gid: 65533 }, rooty: { uid: 7, gid: 8 } };
const GROUPS: Readonly<Record<string, number>> = { nogroup: 65533, staff: 50 };

/** A host whose files are texts; folders are the paths that end with a slash. */
function hostOf(files: Readonly<Record<string, string | Uint8Array>>): AccessHost {
  const read: AccessHost["read"] = (path) => {
    const content = files[path];
    return content === undefined ? { error: `Could not open access file: ${path}: No such file or directory` } : { bytes: typeof content === "string" ? utf8Bytes(content) : content };
  };
  return {
    read,
    readPublic: read,
    list(folder) {
      const prefix = folder.endsWith("/") ? folder : `${folder}/`;
      const names = Object.keys(files).filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
      return names.length > 0 ? { names } : { error: "No such file or directory" };
    },
    findUser: (name) => (Object.hasOwn(USERS, name) ? { name, home: "/", ...USERS[name]! } : undefined),
    findGroup: (name) => (Object.hasOwn(GROUPS, name) ? { name, gid: GROUPS[name]! } : undefined),
    startOfDay: (year, month, day) => Date.UTC(year, month - 1, day) / 1000,
  };
}

interface Surroundings {
  readonly config?: string;
  readonly dialect?: Dialect;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

function parse(text: string | Uint8Array, { config = "", dialect = "c", files = {} }: Surroundings = {}): ParsedAccessConfig {
  const daemon = parseDaemonConfig([{ path: "fwknopd.conf", bytes: utf8Bytes(config) }]);
  assert(!hasErrors(daemon.problems), config);
  return parseAccessConfig({ file: "a" }, hostOf({ a: text, ...files }), { config: daemon.config, dialect, now: NOW });
}

const told = ({ problems }: ParsedAccessConfig): readonly string[] =>
  problems.filter(({ severity }) => severity === "error" || severity === "warning").map((problem) => `${problem.severity} ${formatProblem(problem)}`);

/** The stanza of a file that has one and nothing to complain about. */
function only(text: string, surroundings?: Surroundings): AccessStanza {
  const parsed = parse(text, surroundings);
  assert.deepEqual(parsed.problems.filter(({ severity }) => severity === "error").map(formatProblem), [], text);
  assert.equal(parsed.stanzas.length, 1);
  return parsed.stanzas[0]!;
}

const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && latin1Text(bytes);

const NAT = "ENABLE_IPT_FORWARDING Y;\nENABLE_IPT_SNAT Y;\n";

/** What each variable refuses, and what it says then. Variables that are missing here take any text. */
const BAD: Readonly<Partial<Record<keyof AccessVariables, readonly (readonly [text: string, message: RegExp])[]>>> = {
  SOURCE: [["10.0.0.0/33", /Invalid IP mask str '33'.*Fatal invalid SOURCE in access stanza/], ["1.2.3.4 5.6.7.8", /Fatal error parsing IP to int.*Fatal invalid SOURCE/]],
  DESTINATION: [["1.1.1.1/", /Missing mask value.*Fatal invalid DESTINATION in access stanza/], ["1.2.3.0/255.255.255.x", /error parsing IP mask to int/]],
  OPEN_PORTS: [["tcp/22x", /Fatal invalid OPEN_PORTS in access stanza/], ["tcp", /Parse error.*Fatal invalid/], ["xyz/22", /Invalid protocol/]],
  RESTRICT_PORTS: [["tcp/x", /Fatal invalid RESTRICT_PORTS in access stanza/]],
  KEY: [["__CHANGEME__", /KEY value is not properly set/], ["__changeMe__", /not properly/], ["a\0b", /NUL/]],
  HMAC_KEY: [["__CHANGEME__", /HMAC_KEY value is not properly set/], ["a\rb", /NUL or carriage return/]],
  HMAC_DIGEST_TYPE: [["sha224", /HMAC_DIGEST_TYPE argument 'sha224' must be one of \{md5,sha1,sha256,sha384,sha512,sha3_256,sha3_512\}/]],
  ENCRYPTION_MODE: [["PCBC", /Unrecognized ENCRYPTION_MODE 'PCBC', use \{CBC,CTR/]],
  FW_ACCESS_TIMEOUT: [["8388609", /FW_ACCESS_TIMEOUT value not in range/], ["30s", /not in range.*whole number/], ["-1", /not in range/]],
  MAX_FW_TIMEOUT: [["8388609", /MAX_FW_TIMEOUT value not in range/], ["x", /not in range/]],
  REQUIRE_USERNAME: [["alice,,bob", /empty name/]],
  REQUIRE_AUTH_METHOD: [["kerberos", /REQUIRE_AUTH_METHOD value 'kerberos' is not crypt/], ["Y", /is not crypt/]],
  REQUIRE_SOURCE_ADDRESS: [["maybe", /neither Y nor N/], ["10.0.0.0/33", /Invalid IP mask/]],
  ACCESS_EXPIRE: [["2030-01-01", /invalid date value '2030-01-01' \(need MM\/DD\/YYYY\)/], ["99/99/2030", /invalid date value/], ["02/29/2030", /invalid date value/], ["01/01/1969", /invalid date value/], ["1/2", /invalid date value/]],
  GRANT_PREFIX_V4: [["/7", /is not a prefix length of \/8 to \/31/], ["32", /is not a prefix/], ["/x", /is not a prefix/]],
  GRANT_PREFIX_V6: [["/31", /is not a prefix length of \/32 to \/127/], ["128", /is not a prefix/]],
  GRANT_USES: [["2", /is neither 1 nor any/], ["0", /is neither/]],
  CMD_REGEX: [["a(", /CMD_REGEX value 'a\(' is not a regular expression/]],
  CMD_EXEC_USER: [["somebody", /Unable to determine UID for CMD_EXEC_USER: Not a user on this system\./], ["staff", /Unable to determine UID/]],
  CMD_EXEC_GROUP: [["nobody", /Unable to determine GID for CMD_EXEC_GROUP: Not a group on this system\./]],
  CMD_SUDO_EXEC_USER: [["somebody", /Unable to determine UID for CMD_SUDO_EXEC_USER/]],
  CMD_SUDO_EXEC_GROUP: [["somebody", /Unable to determine GID for CMD_SUDO_EXEC_GROUP/]],
  CMD_CYCLE_OPEN: [[`/bin/${"x".repeat(251)}`, /CMD_CYCLE_OPEN command is too long/]],
  CMD_CYCLE_CLOSE: [[`/bin/${"x".repeat(251)}`, /CMD_CYCLE_CLOSE command is too long/]],
  CMD_CYCLE_TIMER: [["0", /CMD_CYCLE_TIMER value not in range \[1,8388608\]/], ["8388609", /not in range/], ["x", /not in range/]],
  EXTERNAL_CMD_ALARM: [["0", /var EXTERNAL_CMD_ALARM value '0' not in the range 1-3600/]],
  FORCE_NAT: [
    ["192.168.1.2", /invalid FORCE_NAT arg '192\.168\.1\.2', need <IP> <PORT>/], ["1.2.3.4 22 33", /invalid FORCE_NAT arg/], ["1.2.3.4 x", /invalid FORCE_NAT arg/],
    ["1.2.3 22", /invalid FORCE_NAT IP '1\.2\.3'/], ["1.2.3.4 65536", /invalid FORCE_NAT port '65536'/], ["1.2.3.4 0", /invalid FORCE_NAT port/],
  ],
  FORCE_SNAT: [["1.2.3", /invalid FORCE_SNAT IP '1\.2\.3'/]],
  INTERNAL_NET_ACCESS: [["lan", /Fatal invalid INTERNAL_NET_ACCESS/]],
  SHARED_SEQUENCE: [["tcp/22,,udp/1", /SHARED_SEQUENCE item '' is none of tcp\/PORT, udp\/PORT, icmp/], ["tcp/0", /item 'tcp\/0'/], ["22", /item '22'/]],
  PORT_OFFSET: [["0", /var PORT_OFFSET value '0' not in the range 1-65280/], ["65281", /not in the range/]],
  KNOCK_INTERVAL: [["0", /var KNOCK_INTERVAL value '0' not in the range 1-86400/], ["86401", /not in the range/]],
  MIN_TIME_DIFF: [["-1", /var MIN_TIME_DIFF value '-1' not in the range 0-86400/], ["86401", /not in the range/]],
  MAX_TIME_DIFF: [["0", /var MAX_TIME_DIFF value '0' not in the range 1-86400/], ["x", /whole number/]],
  KNOCK_LIMIT: [["1000001", /not in the range 0-1000000/], ["x", /whole number/]],
  REQUIRE_OS_REGEX: [["a(", /REQUIRE_OS_REGEX value 'a\(' is not a regular expression/]],
  GPG_DECRYPT_PW: [["__CHANGEME__", /GPG_DECRYPT_PW value is not properly set/]],
  GPG_REMOTE_ID: [["A", /not a key id/], ["alice@example.org", /not a key id/], ["ABCD123", /not a key id/]],
  GPG_FINGERPRINT_ID: [["ABCD1234", /is not a fingerprint of 40 or 64/]],
};

/** Two different values of each variable, where the kind does not tell. */
const GOOD: Readonly<Partial<Record<keyof AccessVariables, readonly [string, string]>>> = {
  DESTINATION: ["10.0.0.1", "10.0.0.2"], OPEN_PORTS: ["tcp/22", "udp/53"], RESTRICT_PORTS: ["tcp/22", "udp/53"], HMAC_DIGEST_TYPE: ["md5", "SHA3_512"],
  ENCRYPTION_MODE: ["ctr", "legacy"], REQUIRE_USERNAME: ["alice", "bob, carol"], REQUIRE_AUTH_METHOD: ["crypt", "CRYPT"], REQUIRE_SOURCE_ADDRESS: ["Y", "10.0.0.0/8"], ACCESS_EXPIRE: ["01/02/2037", "12/31/36"],
  CMD_REGEX: ["^a", "b$"], CMD_EXEC_USER: ["nobody", "rooty"], CMD_EXEC_GROUP: ["nogroup", "staff"], CMD_SUDO_EXEC_USER: ["nobody", "rooty"],
  CMD_SUDO_EXEC_GROUP: ["nogroup", "staff"], FORCE_NAT: ["10.0.0.1 22", "10.0.0.1 23"], FORCE_SNAT: ["10.0.0.1", "10.0.0.2"],
  INTERNAL_NET_ACCESS: ["10.0.0.0/8", "ANY"], GPG_REMOTE_ID: ["0123456789abcdef", "FEDCBA9876543210"], GPG_FINGERPRINT_ID: ["0123456789".repeat(4), "9876543210".repeat(4)],
  SHARED_SEQUENCE: ["tcp/1, udp/2", "icmp"], REQUIRE_OS: ["Linux", "windows"],
  GPG_HOME_DIR: ["/home1", "/home2"], GRANT_PREFIX_V4: ["/24", "16"], GRANT_PREFIX_V6: ["/64", "56"], GRANT_USES: ["1", "any"],
};

const HOMES = { "/home1/pubring": "", "/home2/pubring": "", "/etc/fwknop/pf.os": "S4:64:1:60:M*,S,T,N,W7:Linux:2.6:8:Linux 2.6.8\n*:128:1:48:M*,N,N,S:Windows:XP::Windows one two three four\n" };

const ROWS = Object.entries(accessVariables(hostOf({}))) as readonly (readonly [keyof AccessVariables, Variable<unknown>])[];
const NAMES = ROWS.flatMap(([name, { synonyms }]) => [name, ...Object.keys(synonyms ?? {})]);

function goodValues(name: keyof AccessVariables, { kind }: Variable<unknown>): readonly [string, string] {
  if (kind.describe === "Y or N") return ["Y", "N"];
  return GOOD[name] ?? (/^\d/.test(kind.describe) ? ["3", "7"] : ["one two", "three four"]);
}

/** A stanza in which any other variable may stand. */
const around = (lines: string): string =>
  `SOURCE ANY\nKEY thekey\nGPG_ALLOW_NO_PW Y\nGPG_FINGERPRINT_ID ${"AB".repeat(20)}\nFORWARD_ALL Y\nCMD_EXEC_USER nobody\nCMD_CYCLE_OPEN /a\nCMD_CYCLE_CLOSE /b\nCMD_CYCLE_TIMER 9\nEXTERNAL_CMD_OPEN /a\nEXTERNAL_CMD_CLOSE /b\n${lines}\n`;
/** Hears both: no stanza is left out for what it is for. */
const KNOCK = "AUTH_MODE KNOCK;\nENABLE_UDP_SERVER Y;\n";

describe("parseAccessConfig(), variables", () => {
  it("gives every default to the least stanza", () => {
    const { given, texts, SOURCE, KEY, ...stanza } = only("SOURCE ANY\nKEY a\n");
    assert.deepEqual([...given], ["SOURCE", "KEY"]);
    assert.deepEqual([texts, textOf(KEY), SOURCE.any], [{ SOURCE: "ANY" }, "a", true]);
    assert.deepEqual(stanza, {
      number: 1, file: "a", line: 1, HMAC_DIGEST_TYPE: "sha256", ENCRYPTION_MODE: "cbc", FW_ACCESS_TIMEOUT: 30, MAX_FW_TIMEOUT: 300, PERMIT_CLIENT_PORTS: false,
      PERMIT_CLIENT_TIMEOUT: true, REQUIRE_SOURCE_ADDRESS: false, SHADOW_FILE: "/etc/shadow", DISABLE_FW_ACCESS: false, ENABLE_CMD_EXEC: false, ENABLE_CMD_SUDO_EXEC: false,
      EXTERNAL_CMD_ALARM: 30, FORCE_MASQUERADE: false, FORWARD_ALL: false, DISABLE_DNAT: false, ENCRYPT_SEQUENCE: false, PORT_OFFSET: 61000, KNOCK_INTERVAL: 60, ENABLE_GPG: false, GPG_HOME_DIR: "/root/.gnupg",
      GPG_EXE: "/usr/bin/gpg", GPG_ALLOW_NO_PW: false, GPG_REQUIRE_SIG: true, GPG_DISABLE_SIG: false, GPG_IGNORE_SIG_VERIFY_ERROR: false,
    });
  });

  for (const [name, variable] of ROWS) {
    const bad = variable.kind.describe === "Y or N" ? (["x", "1", "true", "yep"] as const).map((text) => [text, /is neither Y nor N/] as const) : (BAD[name] ?? []);
    const takesText = ["text", "path", "command"].includes(variable.kind.describe) && variable.kind.secret !== true && bad.length === 0;
    if (!takesText) {
      it(`refuses each bad value of ${name} with its place, and leaves the stanza out`, () => {
        assert(bad.length > 0, "nothing bad is known of it");
        for (const [text, message] of bad) {
          const lines = name === "SOURCE" ? `SOURCE ${text}\nKEY a\nSOURCE ANY\nKEY b\n` : `SOURCE ANY\nKEY b\n${around(`${name} ${text}`)}`;
          const parsed = parse(lines, { config: NAT });
          const problem = parsed.problems.find(({ severity }) => severity === "error");
          assert.match(problem?.message ?? "", message, text);
          assert.equal(problem?.line, name === "SOURCE" ? 1 : lines.split("\n").findIndex((line) => line.endsWith(`${name} ${text}`)) + 1);
          assert((problem?.column ?? 0) > name.length);
          assert.deepEqual(parsed.stanzas.map(({ KEY }) => textOf(KEY)), ["b"]);
          if (variable.kind.secret) assert.doesNotMatch(problem!.message, /change|a.b/i);
        }
      });
    }

    if (name !== "SOURCE") {
      it(`takes the later of two values of ${name} and says so`, () => {
        const [first, second] = goodValues(name, variable);
        const config = name.startsWith("FORCE_") ? NAT : name === "GRANT_USES" ? "FIREWALL_TYPE nftables;\n" : KNOCK;
        // The other ones need a sequence.
        const surrounding = (lines: string): string => around(name === "SHARED_SEQUENCE" ? `OPEN_PORTS tcp/22\n${lines}` : name.startsWith("REQUIRE_OS") ? `ENCRYPT_SEQUENCE Y\n${lines}` : lines);
        const value = (lines: string) => only(surrounding(lines), { config, files: HOMES })[name];
        // The one says what another one makes of it, the other has one value only.
        if (name !== "GPG_REQUIRE_SIG" && name !== "REQUIRE_AUTH_METHOD") assert.notDeepEqual(value(`${name} ${first}`), value(`${name} ${second}`));
        assert.deepEqual(value(`${name} ${first}\n${name} ${second}`), value(`${name} ${second}`));
        const text = surrounding(`${name} ${first}\n${name} ${second}`);
        const line = text.split("\n").length - 1;
        assert(parse(text, { config, files: HOMES }).problems.some((problem) => problem.severity === "info" && formatProblem(problem) === `a:${line}:1: ${name} replaces what line ${line - 1} sets`));
      });
    }
  }

  for (const name of NAMES) {
    it(`does not take a misspelt ${name}, and tells the right name`, () => {
      const middle = Math.floor(name.length / 2);
      for (const misspelt of [`${name.slice(0, middle)}${name.slice(middle + 1)}`, `${name.slice(0, middle)}QQ${name.slice(middle)}`, name.toLowerCase()]) {
        if (NAMES.includes(misspelt)) continue;
        const parsed = parse(`SOURCE ANY\nKEY b\n${misspelt} Y\n`);
        assert.equal(parsed.stanzas.length, 1);
        assert.deepEqual([...parsed.stanzas[0]!.given], ["SOURCE", "KEY"]);
        const warnings = told(parsed);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0]!, /^warning a:3:1: Ignoring unknown access parameter: /);
        if (name.length > 7) assert.match(warnings[0]!, new RegExp(`: '${misspelt}', did you mean ${name.replace("FORCE_SNAT", "FORCE_S?NAT")}\\?$`));
      }
    });
  }

  const values: readonly (readonly [lines: string, name: keyof AccessVariables, value: unknown, config?: string])[] = [
    ["FW_ACCESS_TIMEOUT 0", "FW_ACCESS_TIMEOUT", 30],
    ["MAX_FW_TIMEOUT 0", "MAX_FW_TIMEOUT", 300],
    ["HMAC_DIGEST_TYPE Sha3_256", "HMAC_DIGEST_TYPE", "sha3_256"],
    ["ENCRYPTION_MODE LEGACY", "ENCRYPTION_MODE", "legacy"],
    ["ENCRYPTION_MODE Asymmetric", "ENCRYPTION_MODE", "asymmetric"],
    ["REQUIRE_USERNAME alice", "REQUIRE_USERNAME", ["alice"]],
    ["REQUIRE_USERNAME alice, bob", "REQUIRE_USERNAME", ["alice", "bob"]],
    ["REQUIRE_SOURCE Y", "REQUIRE_SOURCE_ADDRESS", true],
    ["", "REQUIRE_SOURCE_ADDRESS", true, "REQUIRE_SOURCE_ADDRESS Y;"],
    ["REQUIRE_SOURCE_ADDRESS N", "REQUIRE_SOURCE_ADDRESS", false, "REQUIRE_SOURCE_ADDRESS Y;"],
    ["ACCESS_EXPIRE 12/31/2037", "ACCESS_EXPIRE", Date.UTC(2037, 11, 31) / 1000],
    ["ACCESS_EXPIRE 1/2/37", "ACCESS_EXPIRE", Date.UTC(2037, 0, 2) / 1000],
    ["ACCESS_EXPIRE 02/29/2036", "ACCESS_EXPIRE", Date.UTC(2036, 1, 29) / 1000],
    ["ACCESS_EXPIRE_EPOCH 4102444800", "ACCESS_EXPIRE", 4102444800],
    ["ACCESS_EXPIRE_EPOCH 8640000000000", "ACCESS_EXPIRE", 8640000000000],
    ["ACCESS_EXPIRE 12/31/2037\nACCESS_EXPIRE_EPOCH 0", "ACCESS_EXPIRE", undefined],
    ["ACCESS_EXPIRE_EPOCH 00", "ACCESS_EXPIRE", undefined],
    ["CMD_EXEC_USER nobody", "CMD_EXEC_USER", { name: "nobody", uid: 65534, gid: 65533, home: "/" }],
    ["CMD_EXEC_USER rooty", "CMD_EXEC_USER", { name: "rooty", uid: 7, gid: 8, home: "/" }],
    ["CMD_EXEC_USER nobody\nCMD_EXEC_GROUP staff", "CMD_EXEC_GROUP", { name: "staff", gid: 50 }],
    ["CMD_SUDO_EXEC_GROUP staff", "CMD_SUDO_EXEC_GROUP", { name: "staff", gid: 50 }],
    ["CMD_CYCLE_OPEN /a $IP\nCMD_CYCLE_CLOSE NONE", "CMD_CYCLE_CLOSE", undefined],
    ["FORCE_NAT 10.0.0.1   22", "FORCE_NAT", { address: parseIp("10.0.0.1"), port: 22 }, NAT],
    ["FORCE_NAT 10.0.0.1 22", "FORCE_NAT", { address: parseIp("10.0.0.1"), port: 22 }, "ENABLE_IPT_LOCAL_NAT Y;"],
    ["GPG_PATH /opt/gpg", "GPG_EXE", "/opt/gpg"],
    ["", "GPG_EXE", "/opt/gpg", "GPG_EXE /opt/gpg;"],
    ["", "GPG_HOME_DIR", "/opt/home", "GPG_HOME_DIR /opt/home;"],
    ["GPG_FINGERPRINT_ID 0123 4567 89AB CDEF 0123  4567 89ab cdef 0123 4567", "GPG_FINGERPRINT_ID", ["0123456789ABCDEF0123456789ABCDEF01234567"]],
    ["GPG_REMOTE_ID 0xabcd1234,ABCDEF0123456789", "GPG_REMOTE_ID", ["ABCD1234", "ABCDEF0123456789"]],
    ["", "EXTERNAL_CMD_ALARM", 5, "EXTERNAL_CMD_ALARM 5;"],
    ["", "EXTERNAL_CMD_OPEN", "/o $SRC", "FIREWALL_TYPE external_cmd;\nEXTERNAL_CMD_OPEN /o $SRC;\nEXTERNAL_CMD_CLOSE /c;"],
    ["EXTERNAL_CMD_OPEN /own\nEXTERNAL_CMD_CLOSE /own", "EXTERNAL_CMD_OPEN", "/own", "FIREWALL_TYPE external_cmd;\nEXTERNAL_CMD_OPEN /o $SRC;\nEXTERNAL_CMD_CLOSE /c;"],
    ["", "EXTERNAL_CMD_OPEN", undefined, "EXTERNAL_CMD_OPEN /o $SRC;\nEXTERNAL_CMD_CLOSE /c;"],
  ];
  for (const [lines, name, value, config = ""] of values) {
    it(`gives ${name} ${JSON.stringify(value)} for ${JSON.stringify(lines)}${config && ` with ${JSON.stringify(config)}`}`, () =>
      assert.deepEqual(only(`SOURCE ANY\nKEY thekey\n${lines}\n`, { config })[name], value));
  }

  it("refuses an epoch that no date has, which nothing could print", () => {
    for (const seconds of ["8640000000001", "9".repeat(20), "-1", "1e9", "x"]) {
      assert.match(parse(`SOURCE ANY\nKEY a\nACCESS_EXPIRE_EPOCH ${seconds}\n`).problems.find(({ severity }) => severity === "error")?.message ?? "", /^invalid epoch seconds value/, seconds);
    }
  });

  it("reads lists for deciding", () => {
    const { SOURCE, DESTINATION, OPEN_PORTS } = only("SOURCE 10.0.0.0/8, 2001:db8::/32\nDESTINATION ANY\nKEY a\nOPEN_PORTS tcp/22, tcp/6000-6010\n");
    assert.equal(matchesAddressList(SOURCE, parseIp("2001:db8::1")!), true);
    assert.equal(SOURCE.text, "10.0.0.0/8, 2001:db8::/32");
    assert.equal(DESTINATION?.any, true);
    assert.equal(allowsPort(OPEN_PORTS!, { protocol: "tcp", port: 6005 }), true);
  });
});

describe("parseAccessConfig(), keys", () => {
  const rows: readonly (readonly [lines: string, key: string | undefined, hmac: string | undefined])[] = [
    ["KEY a key; # comment", "a key", undefined],
    ["KEY: a:key#1", "a:key#1", undefined],
    ["KEY trailing  \t", "trailing", undefined],
    ["KEY p\u00e4ss", "p\u00c3\u00a4ss", undefined],
    ["KEY_BASE64 dGVzdHRlc3Q=", "testtest", undefined],
    ["KEY_BASE64 dGVzdHRlc3Q", "testtest", undefined],
    ["KEY one\nKEY_BASE64 dGVzdHRlc3Q=", "testtest", undefined],
    ["KEY_BASE64 dGVzdHRlc3Q=\nKEY one", "one", undefined],
    ["KEY a\nHMAC_KEY b", "a", "b"],
    ["KEY a\nHMAC_KEY_BASE64 AP8=", "a", "\0\u00ff"],
  ];
  for (const [lines, key, hmac] of rows) {
    it(`reads ${JSON.stringify(lines)}`, () => {
      const { KEY, HMAC_KEY } = only(`SOURCE ANY\n${lines}\n`);
      assert.deepEqual([textOf(KEY), textOf(HMAC_KEY)], [key, hmac]);
    });
  }

  it("warns of blanks at the end of a key, which fwknopd 2.6.10 took for a part of it", () => {
    assert.deepEqual(told(parse("SOURCE ANY\nKEY one \nHMAC_KEY two\t;\n")), ["warning a:2:1: KEY ends with blanks, which are no part of it; to fwknopd 2.6.10 they were", "warning a:3:1: HMAC_KEY ends with blanks, which are no part of it; to fwknopd 2.6.10 they were"]);
    assert.deepEqual(told(parse("SOURCE ANY \nKEY one; \n")), []);
  });

  it("keeps bytes that are no text as they are", () => {
    const bytes = generator("key bytes").bytes(24).map((byte) => ([0, 0x0a, 0x0d, 0x3b, 0x20, 0x09].includes(byte) ? 0x80 : byte));
    const { KEY } = parse(Uint8Array.from([...utf8Bytes("SOURCE ANY\nKEY "), ...bytes, 0x0a])).stanzas[0]!;
    assert.deepEqual(KEY, bytes);
    assert.equal(KEY!.buffer.byteLength, KEY!.length, "a copy, not a view into the file");
  });

  const refused: readonly (readonly [lines: string, message: RegExp])[] = [
    ["", /^error a:1:1: No keys found for access stanza source: 'ANY'$/],
    ["HMAC_KEY only", /No keys found/],
    ["KEY __CHANGEME__", /^error a:2:5: KEY value is not properly set/],
    ["KEY_BASE64 __CHANGEME__", /^error a:2:12: KEY_BASE64 value is not properly set/],
    ["KEY a\nHMAC_KEY_BASE64 __ChangeMe__", /HMAC_KEY_BASE64 value is not properly set/],
    ["GPG_DECRYPT_PW __CHANGEME__", /GPG_DECRYPT_PW value is not properly set/],
    ["KEY_BASE64 dGVz!HRlc3Q=", /^error a:2:12: KEY_BASE64 argument doesn't look like base64-encoded data\.$/],
    ["KEY_BASE64 dGVz=HRlc3Q", /look like base64/],
    ["KEY_BASE64 dGVzdHRlc3Q===", /look like base64/],
    ["KEY_BASE64 ====", /look like base64/],
    ["KEY_BASE64 A", /KEY_BASE64 decodes to no bytes at all/],
    ["KEY a\nHMAC_KEY_BASE64 A", /^error a:3:17: HMAC_KEY_BASE64 decodes to no bytes at all$/],
    ["KEY a\nHMAC_KEY_BASE64 ==", /HMAC_KEY_BASE64 decodes to no bytes at all/],
    ["KEY same\nHMAC_KEY same", /^error a:3:10: The encryption passphrase and HMAC key should not be identical/],
    ["KEY same\nHMAC_KEY_BASE64 c2FtZQ==", /should not be identical/],
    [`GPG_DECRYPT_PW same\nHMAC_KEY same\nGPG_FINGERPRINT_ID ${"AB".repeat(20)}`, /should not be identical/],
  ];
  for (const [lines, message] of refused) {
    it(`refuses ${JSON.stringify(lines)} without showing it`, () => {
      const parsed = parse(`SOURCE ANY\n${lines}\n`);
      assert.deepEqual(parsed.stanzas, []);
      const errors = told(parsed).filter((line) => line.startsWith("error"));
      assert.equal(errors.length, 1);
      assert.match(errors[0]!, message);
      assert.doesNotMatch(errors[0]!, /HRlc3|'same'|c2FtZQ/);
    });
  }

  it("warns of keys that no packet can be opened with, and of those that are cut", () => {
    const long = "k".repeat(33);
    assert.match(told(parse(`SOURCE ANY\nKEY ${long}\n`)).join(), /^warning a:2:5: Invalid key length: 33 bytes, at most 32 work in mode CBC/);
    assert.match(told(parse(`SOURCE ANY\nKEY ${long}\nENCRYPTION_MODE legacy\n`)).join(), /^warning a:2:5: Warning: truncating encryption key in legacy mode to 16 bytes/);
    assert.deepEqual(told(parse(`SOURCE ANY\nKEY ${long}\nENCRYPTION_MODE perl\n`)), []);
    assert.deepEqual(told(parse(`SOURCE ANY\nKEY ${"k".repeat(32)}\n`)), []);
  });

  it("wipes keys that are replaced or come to nothing", () => {
    const seen: Uint8Array[] = [];
    const from = Uint8Array.from;
    const spy = (...args: unknown[]): Uint8Array => {
      const made = Reflect.apply(from, Uint8Array, args) as Uint8Array;
      seen.push(made);
      return made;
    };
    Object.assign(Uint8Array, { from: spy });
    try {
      parse("SOURCE ANY\nKEY replaced\nKEY used\nSOURCE 1.1.1.1\nKEY lost\nFORCE_NAT x\n");
    } finally {
      Object.assign(Uint8Array, { from });
    }
    const texts = seen.map((bytes) => latin1Text(bytes));
    assert.deepEqual(texts.filter((text) => /^[a-z]+$/.test(text)), ["used"]);
    assert.equal(texts.filter((text) => /^\0{4,8}$/.test(text)).length, 2);
  });
});

describe("wipeStanzas()", () => {
  it("overwrites all keys", () => {
    const { stanzas } = parse(`SOURCE ANY\nKEY a\nHMAC_KEY b\nGPG_DECRYPT_PW c\nGPG_FINGERPRINT_ID ${"AB".repeat(20)}\n`);
    wipeStanzas(stanzas);
    assert.deepEqual([stanzas[0]!.KEY, stanzas[0]!.HMAC_KEY, stanzas[0]!.GPG_DECRYPT_PW].map(textOf), ["\0", "\0", "\0"]);
  });
});

describe("parseAccessConfig(), several variables at once", () => {
  const rows: readonly (readonly [lines: string, config: string, message: RegExp | undefined])[] = [
    ["FORCE_NAT 1.2.3.4 22", "", /^error a:3:11: FORCE_NAT requires either ENABLE_IPT_FORWARDING or ENABLE_IPT_LOCAL_NAT in fwknopd\.conf$/],
    ["FORCE_NAT 1.2.3.4 22\nFORCE_SNAT 1.2.3.5", "", /FORCE_SNAT requires either ENABLE_IPT_FORWARDING/],
    ["FORCE_NAT 1.2.3.4 22\nFORCE_SNAT 1.2.3.5", "ENABLE_IPT_FORWARDING Y;", /^error a:4:12: FORCE_SNAT requires ENABLE_IPT_SNAT/],
    ["FORCE_NAT 1.2.3.4 22\nFORCE_MASQUERADE Y", "ENABLE_IPT_FORWARDING Y;", /FORCE_MASQUERADE requires ENABLE_IPT_SNAT/],
    ["FORCE_SNAT 1.2.3.5", NAT, /^error a:3:12: FORCE_SNAT\/FORCE_MASQUERADE requires either FORCE_NAT or FORWARD_ALL: 'ANY'$/],
    ["FORCE_MASQUERADE Y", NAT, /requires either FORCE_NAT or FORWARD_ALL/],
    ["FORCE_NAT 1.2.3.4 22\nFORCE_SNAT 1.2.3.5", NAT, undefined],
    ["FORWARD_ALL Y\nFORCE_MASQUERADE Y", NAT, undefined],
    ["FORCE_MASQUERADE N", "", undefined],
    ["CMD_CYCLE_OPEN /a", "", /^error a:3:16: Cannot set CMD_CYCLE_OPEN without also setting CMD_CYCLE_CLOSE: 'ANY'$/],
    ["CMD_CYCLE_CLOSE /a", "", /Cannot set CMD_CYCLE_CLOSE without also setting CMD_CYCLE_OPEN/],
    ["CMD_CYCLE_OPEN /a\nCMD_CYCLE_CLOSE /b", "", /Must set the CMD_CYCLE_TIMER/],
    ["CMD_CYCLE_OPEN /a\nCMD_CYCLE_CLOSE /b\nCMD_CYCLE_TIMER 5", "", undefined],
    ["CMD_CYCLE_OPEN /a\nCMD_CYCLE_CLOSE NONE", "", undefined],
    ["EXTERNAL_CMD_OPEN /a", "", /Cannot set EXTERNAL_CMD_OPEN without also setting EXTERNAL_CMD_CLOSE/],
    ["CMD_EXEC_GROUP staff", "", /^error a:3:16: Cannot set CMD_EXEC_GROUP without also setting CMD_EXEC_USER/],
    ["FW_ACCESS_TIMEOUT 400", "", /^warning a:3:19: Warning: MAX_FW_TIMEOUT < FW_ACCESS_TIMEOUT, honoring MAX_FW_TIMEOUT for stanza source: 'ANY': grants last 300 s$/],
    ["CMD_CYCLE_OPEN /a\nCMD_CYCLE_CLOSE /b\nCMD_CYCLE_TIMER 600", "", /^warning a:5:17: Warning: MAX_FW_TIMEOUT < CMD_CYCLE_TIMER, .*closed after 300 s$/],
    ["FW_ACCESS_TIMEOUT 40\nMAX_FW_TIMEOUT 30", "", /^warning a:4:16: .*honoring MAX_FW_TIMEOUT/],
    ["ACCESS_EXPIRE 01/01/2020", "", /^warning a:3:15: This stanza's time is over/],
    ["PERMIT_CLIENT_PORTS Y", "", /^warning a:3:21: PERMIT_CLIENT_PORTS has a meaning only in a file of fwknop 1\.x/],
  ];
  for (const [lines, config, message] of rows) {
    it(`says ${message ?? "nothing"} of ${JSON.stringify(lines)}`, () => {
      const parsed = parse(`SOURCE ANY\nKEY thekey\n${lines}\n`, { config });
      if (message === undefined) assert.deepEqual(told(parsed), []);
      else assert.match(told(parsed).join("\n"), new RegExp(message, "m"));
      assert.equal(parsed.stanzas.length, hasErrors(parsed.problems) ? 0 : 1);
    });
  }

  it("informs of groups that go with users, and of addresses that need not be named", () => {
    const { problems } = parse("SOURCE ANY\nKEY a\nCMD_EXEC_USER nobody\nCMD_SUDO_EXEC_USER nobody\n");
    const infos = problems.filter(({ severity }) => severity === "info").map(formatProblem);
    assert.deepEqual(infos, [
      "a:3:15: Setting gid to group associated with CMD_EXEC_USER 'nobody' for setgid() execution in stanza source: 'ANY'",
      "a:4:20: Setting gid to group associated with CMD_SUDO_EXEC_USER 'nobody' in stanza source: 'ANY'",
      "a:1:1: REQUIRE_SOURCE_ADDRESS not enabled for access stanza source: 'ANY'",
    ]);
  });
});

describe("parseAccessConfig(), GnuPG", () => {
  const FPR = `GPG_FINGERPRINT_ID ${"AB".repeat(20)}`;
  const rows: readonly (readonly [lines: string, message: RegExp | undefined])[] = [
    [`GPG_DECRYPT_PW x\n${FPR}`, undefined],
    [`GPG_ALLOW_NO_PW Y\n${FPR}`, undefined],
    ["GPG_ALLOW_NO_PW Y\nGPG_REMOTE_ID 0123456789ABCDEF", undefined],
    ["GPG_DECRYPT_PW x", /^error a:1:1: .*Must have either sig ID's or fingerprints to check/],
    ["GPG_DECRYPT_PW x\nGPG_DISABLE_SIG Y", /^warning a:3:17: .*GPG_REQUIRE_SIG should really be enabled/],
    ["GPG_DECRYPT_PW x\nGPG_DISABLE_SIG Y\nGPG_REQUIRE_SIG Y", /^warning a:3:17: .*GPG_REQUIRE_SIG and GPG_DISABLE_SIG are both set/],
    [`GPG_DECRYPT_PW x\nGPG_REQUIRE_SIG N\n${FPR}`, /^warning a:3:17: .*N has no effect/],
    ["GPG_DECRYPT_PW x\nGPG_REMOTE_ID ABCD1234", /^warning a:3:15: GPG_REMOTE_ID ABCD1234 is short enough to be forged/],
    ["GPG_DECRYPT_PW x\nGPG_REMOTE_ID ANY", /^error a:3:15: GPG_REMOTE_ID ANY has a meaning only in a file of fwknop 1\.x/],
    [`GPG_DECRYPT_PW x\n${FPR}\nGPG_HOME_DIR /nowhere`, /^error a:4:14: GPG_HOME_DIR directory '\/nowhere' stat\(\)\/existence problem/],
    [`GPG_DECRYPT_PW x\n${FPR}\nGPG_HOME_DIR /home1`, undefined],
  ];
  for (const [lines, message] of rows) {
    it(`says ${message ?? "nothing"} of ${JSON.stringify(lines.slice(0, 60))}`, () => {
      const parsed = parse(`SOURCE ANY\n${lines}\n`, { files: HOMES });
      if (message === undefined) assert.deepEqual(told(parsed), []);
      else assert.match(told(parsed).join("\n"), message);
      if (!hasErrors(parsed.problems)) assert.equal(parsed.stanzas[0]!.ENABLE_GPG, true);
    });
  }

  it("requires signatures unless they are switched off, and of nobody else's by both switches", () => {
    const effect = (lines: string) => {
      const { GPG_REQUIRE_SIG, GPG_DISABLE_SIG } = only(`SOURCE ANY\nGPG_DECRYPT_PW x\n${FPR}\n${lines}\n`);
      return [GPG_REQUIRE_SIG, GPG_DISABLE_SIG];
    };
    assert.deepEqual([effect(""), effect("GPG_REQUIRE_SIG N"), effect("GPG_DISABLE_SIG Y"), effect("GPG_DISABLE_SIG Y\nGPG_REQUIRE_SIG Y")], [[true, false], [true, false], [false, true], [true, false]]);
  });
});

describe("parseAccessConfig(), lines", () => {
  const rows: readonly (readonly [text: string, message: RegExp, stanzas: number])[] = [
    ["SOURCE ANY\nKEY\n", /^error a:2:1: Invalid access file entry: KEY has no value$/, 0],
    ["KEY ;\nSOURCE ANY\nKEY a\n", /^error a:1:1: Invalid access file entry/, 1],
    ["SOURCE ANY\nKEY:thepassphrase\n", /^error a:2:1: Invalid access file entry: expected a blank after KEY:$/m, 0],
    ["SOURCE ANY\nKEY a\nThePassPhrase\n", /^error a:3:1: Invalid access file entry: expected NAME VALUE, got a word alone$/, 1],
    ["SOURCE ANY\nKEY a\nFOO\n", /^error a:3:1: Invalid access file entry: expected NAME VALUE, got 'FOO' alone$/, 1],
    ["SOURCE ANY\nKEY a\nFOO bar\n", /^warning a:3:1: Ignoring unknown access parameter: 'FOO'$/, 1],
    ["SOURCE ANY\nKEY a\nc2VjcmV0IGtleQ== bar\n", /^warning a:3:1: Ignoring unknown access parameter: \(not shown, it may belong to a key\)$/, 1],
    ["FOO bar\nKEY b\nSOURCE ANY\nKEY a\n", /^warning a:1:1: Ignoring unknown access parameter: 'FOO'\nwarning a:2:1: KEY before the first SOURCE is ignored$/, 1],
    ["SOURCE ANY\nKEY a\n%includ x\n", /^warning a:3:1: Ignoring unknown access parameter: '%includ', did you mean %include\?$/, 1],
    ["SOURCE ANY\nKEY a\n%include\n", /^error a:3:1: Invalid access file entry: expected %include PATH$/, 1],
    ["# nothing\n", /^error a: Could not find valid SOURCE stanza in access file: 'a'$/, 0],
    ["", /Could not find valid SOURCE stanza/, 0],
    ["SOURCE ANY\nKEY a\nREQUIRE_USERNAME a\u001bb\n", /^error a:3:18: REQUIRE_USERNAME has a control code in its value$/, 0],
    [`SOURCE ANY\nKEY a\nRESTRICT_PORTS ${Array.from({ length: 300 }, (_, at) => `tcp/${at + 1}`).join()}\n`, /^warning a:3:1: This line has \d+ bytes; it is read whole/, 1],
  ];
  for (const [text, message, stanzas] of rows) {
    it(`says ${message}`, () => {
      const parsed = parse(text);
      assert.match(told(parsed).join("\n"), message);
      assert.equal(parsed.stanzas.length, stanzas);
    });
  }

  it("numbers stanzas in their order and keeps their places", () => {
    const { stanzas } = parse("\n  SOURCE 1.1.1.1\nKEY a\n# x\nSOURCE: ANY\n\tKEY: b\n");
    assert.deepEqual(stanzas.map(({ number, file, line, SOURCE, KEY }) => [number, file, line, SOURCE.text, textOf(KEY)]), [[1, "a", 2, "1.1.1.1", "a"], [2, "a", 5, "ANY", "b"]]);
  });

  it("says that it cannot read the file", () => {
    const parsed = parseAccessConfig({ file: "b" }, hostOf({}), { config: parseDaemonConfig([]).config, dialect: "c", now: NOW });
    assert.deepEqual(told(parsed), ["error b: Could not open access file: b: No such file or directory"]);
  });
});

describe("parseAccessConfig(), includes", () => {
  const stanza = (key: string): string => `SOURCE ANY\nKEY ${key}\n`;
  const keys = ({ stanzas }: ParsedAccessConfig): string => stanzas.map(({ KEY }) => textOf(KEY)).join(" ");

  const rows: readonly (readonly [what: string, files: Readonly<Record<string, string>>, keys: string, message: RegExp | undefined])[] = [
    ["%include puts stanzas behind the one that is begun, which goes on", { a: "SOURCE ANY\n%include b\nKEY one\nSOURCE ANY\nKEY three\n", b: stanza("two") }, "one two three", undefined],
    ["%include works in front of everything", { a: `%include b\n${stanza("one")}`, b: stanza("two") }, "two one", undefined],
    ["%include reaches three levels", { a: `${stanza("one")}%include b\n`, b: `${stanza("two")}%include c\n`, c: stanza("three") }, "one two three", undefined],
    ["%include refuses a fourth level", { a: `${stanza("one")}%include b\n`, b: `%include c\n${stanza("two")}`, c: `${stanza("three")}%include d\n`, d: stanza("four") }, "one three two", /^error c:3:10: Refusing to go deeper than 3 levels\. Lost in Limbo: 'c'$/],
    ["%include refuses the file itself", { a: `${stanza("one")}%include ./x/../a\n`, "./x/../a": "" }, "one", /^error a:3:10: Refusing to go deeper than 3 levels\. Lost in Limbo: 'a', for '\.\/x\/\.\.\/a' would include itself$/],
    ["%include wants a file that can be read", { a: `${stanza("one")}%include nothing\n` }, "one", /^error a:3:10: Could not open access file: nothing: No such file/],
    ["%include ignores what stands before the first SOURCE of the other file", { a: `${stanza("one")}%include b\n`, b: `KEY other\n${stanza("two")}` }, "one two", /^warning b:1:1: KEY before the first SOURCE is ignored$/],
    ["%include_folder reads the files that end in .conf by their names", { a: "%include_folder d\n", "d/b.conf": stanza("b"), "d/a.conf": stanza("a"), "d/x.txt": stanza("x") }, "a b", undefined],
    ["%include_folder passes over backups and hidden files, and says so", { a: "%include_folder d/\n", "d/a.conf": stanza("a"), "d/a.conf~": stanza("b"), "d/.b.conf": stanza("c"), "d/.#a.conf": stanza("d") }, "a", /^warning a:1:17: Not read: \.#a\.conf, \.b\.conf, a\.conf~; only names that end in \.conf/],
    ["%include_folder does not follow the file that names it", { a: "%include_folder d\n", "d/a.conf": `${stanza("a")}%include_folder d\n`, "d/b.conf": stanza("b") }, "a b b", /^error d\/a\.conf:3:17: Refusing to go deeper than 3 levels\. Lost in Limbo: 'd\/a\.conf', for 'd\/a\.conf' would include itself$/],
    ["%include_folder wants a folder that can be listed", { a: `%include_folder none\n${stanza("one")}` }, "one", /^error a:1:17: Access folder: 'none' could not be opened\.$/],
    ["%include_keys sets keys only, and the stanza goes on", { a: "SOURCE ANY\n%include_keys k\nOPEN_PORTS tcp/22\n", k: "# keys\nKEY: kept \nHMAC_KEY_BASE64 aG1hYw==\nSOURCE 1.1.1.1\nINVALID_STATEMENT x\n" }, "kept ", /^warning k:4:1: Ignoring invalid entry: 'SOURCE'\nwarning k:5:1: Ignoring invalid entry: 'INVALID_STATEMENT'$/],
    ["%include_keys may be used twice in a stanza", { a: "SOURCE ANY\n%include_keys k\n%include_keys l\n", k: "KEY one\n", l: "KEY two\n" }, "two", undefined],
    ["%include_keys refuses a placeholder", { a: `${stanza("one")}SOURCE 1.1.1.1\n%include_keys k\n`, k: "KEY __CHANGEME__\n" }, "one", /^error k:1:5: KEY value is not properly set[^\n]*\nerror a:3:1: No keys found for access stanza source: '1\.1\.1\.1'\. Data error in included keyfile: 'k', skipping stanza\.$/],
    ["%include_keys refuses a file without keys", { a: `${stanza("one")}SOURCE 1.1.1.1\n%include_keys k\n`, k: "# none\n" }, "one", /^error a:3:1: No keys found.*skipping stanza\.$/],
    ["%include_keys wants a file that can be read", { a: `${stanza("one")}SOURCE 1.1.1.1\n%include_keys k\nKEY two\n` }, "one", /^error a:4:15: Could not open access file: k: No such file.*skipping stanza\.$/],
    ["%include_keys refuses a name without a value", { a: `${stanza("one")}SOURCE 1.1.1.1\n%include_keys k\n`, k: "KEY two\nHMAC_KEY\n" }, "one", /^error k:2:1: Invalid access file entry: HMAC_KEY has no value$/],
    ["%include_keys before the first SOURCE is ignored", { a: `%include_keys k\n${stanza("one")}`, k: "KEY two\n" }, "one", /^warning a:1:1: %include_keys before the first SOURCE is ignored$/],
  ];
  for (const [what, files, expected, message] of rows) {
    it(what, () => {
      const parsed = parse("", { files });
      assert.equal(keys(parsed), expected);
      if (message === undefined) assert.deepEqual(told(parsed), []);
      else assert.match(told(parsed).join("\n"), message);
    });
  }

  it("gives each %include level to folders as well, so that no folder makes it read for ever", () => {
    const files: Record<string, string> = { a: "%include_folder d\n" };
    let reads = 0;
    for (let at = 0; at < 10; at++) files[`d/${at}.conf`] = `${stanza(`k${at}`)}%include_folder d\n`;
    const host = hostOf(files);
    const counting = { ...host, read: (path: string) => (reads++, host.read(path)) };
    parseAccessConfig({ file: "a" }, counting, { config: parseDaemonConfig([]).config, dialect: "c", now: NOW });
    assert.equal(reads, 1 + 10 + 10 * 9);
  });

  const folder = (files: Readonly<Record<string, string>>) => parseAccessConfig({ folder: "d" }, hostOf(files), { config: parseDaemonConfig([]).config, dialect: "c", now: NOW });

  it("reads an access folder, each file for itself", () => {
    const parsed = folder({ "d/a.conf": `${stanza("one")}OPEN_PORTS tcp/22\n`, "d/b.conf": stanza("two"), "d/c": stanza("three") });
    assert.deepEqual([keys(parsed), parsed.stanzas[0]!.OPEN_PORTS?.ranges.length, parsed.stanzas[1]!.OPEN_PORTS], ["one two", 1, undefined]);
    assert.deepEqual(told(parsed), []);
  });

  it("refuses an access folder without stanzas, or that cannot be listed", () => {
    assert.deepEqual(told(folder({ "d/a.conf": "# none\n" })), ["error d: Fatal, could not find any valid access.conf stanzas"]);
    assert.match(told(folder({})).join(), /^error d: Invalid access folder directory 'd' could not lstat\(\), does not exist, or too large\?/);
  });
});

describe("parseAccessConfig(), files of fwknop 1.x", () => {
  const KEYED = "SOURCE: ANY;\nKEY: a key;\nOPEN_PORTS: tcp/22;\n";

  const dialects: readonly (readonly [text: string, daemon: Dialect, mode: string])[] = [
    [KEYED, "c", "cbc"],
    [KEYED, "perl", "perl"],
    [`${KEYED}DATA_COLLECT_MODE: PCAP;\n`, "c", "perl"],
    [`${KEYED}PCAP;\n`, "c", "perl"],
    [`${KEYED}PERMIT_CLIENT_TIMEOUT;\n`, "c", "perl"],
    [`SOURCE: ANY, !10.0.0.1;\nKEY: a key;\nOPEN_PORTS: tcp/22;\n`, "c", "perl"],
    [`${KEYED}HMAC_KEY: b;\n`, "perl", "cbc"],
    [`${KEYED}DATA_COLLECT_MODE: PCAP;\nHMAC_KEY: b;\n`, "perl", "cbc"],
    [`${KEYED}REQUIRE_USERNAME: a\n`, "perl", "cbc"],
    [`%include b;\n${KEYED}`, "perl", "cbc"],
  ];
  for (const [text, daemon, mode] of dialects) {
    it(`takes ${JSON.stringify(text)} beside a file of ${daemon === "c" ? "2.x" : "1.x"} for one of ${mode === "perl" ? "1.x" : "2.x"}`, () =>
      assert.equal(parse(text, { dialect: daemon, files: { b: "" } }).stanzas[0]!.ENCRYPTION_MODE, mode));
  }

  const perl = (lines: string): ParsedAccessConfig => parse(`SOURCE: ANY;\nKEY: a key;\n${lines}`, { dialect: "perl" });

  const values: readonly (readonly [lines: string, name: keyof AccessVariables, value: unknown])[] = [
    ["OPEN_PORTS: tcp/22;\n", "FW_ACCESS_TIMEOUT", 300],
    ["OPEN_PORTS: tcp/22;\nFW_ACCESS_TIMEOUT: 0;\n", "FW_ACCESS_TIMEOUT", 8388608],
    ["OPEN_PORTS: tcp/22;\nMAX_ACCESS_TIMEOUT: 7200;\n", "FW_ACCESS_TIMEOUT", 7200],
    ["OPEN_PORTS: tcp/22;\n", "MAX_FW_TIMEOUT", 8388608],
    ["OPEN_PORTS: tcp/22;\n", "PERMIT_CLIENT_TIMEOUT", false],
    ["OPEN_PORTS: tcp/22;\nPERMIT_CLIENT_TIMEOUT;\n", "PERMIT_CLIENT_TIMEOUT", true],
    ["OPEN_PORTS: tcp/22;\n", "ENABLE_FORWARD_ACCESS", false],
    ["OPEN_PORTS: tcp/22;\nENABLE_FORWARD_ACCESS;\n", "ENABLE_FORWARD_ACCESS", true],
    ["PERMIT_CLIENT_PORTS;\nOPEN_PORTS: tcp/22;\n", "OPEN_PORTS", undefined],
    ["PERMIT_CLIENT_PORTS: Y;\n", "OPEN_PORTS", undefined],
    ["OPEN_PORTS: tcp/22;\nGPG_REMOTE_ID: ANY;\nGPG_DECRYPT_PW: x;\n", "GPG_REMOTE_ID", undefined],
    ["OPEN_PORTS: tcp/22;\nREQUIRE_USERNAME: alice; # bob\n", "REQUIRE_USERNAME", ["alice"]],
    ["OPEN_PORTS: tcp/22;\nGPG_DECRYPT_ID: ABCD1234; # the server's;\n", "GPG_DECRYPT_ID", "ABCD1234"],
    ["CMD_REGEX: ^a;b$;\nDISABLE_FW_ACCESS;\n", "DISABLE_FW_ACCESS", true],
  ];
  for (const [lines, name, value] of values) {
    it(`gives ${name} ${JSON.stringify(value)} for ${JSON.stringify(lines)}`, () => {
      const parsed = perl(lines);
      assert.equal(hasErrors(parsed.problems), false, told(parsed).join("\n"));
      assert.deepEqual(parsed.stanzas[0]![name], value);
    });
  }

  it("takes keys up to the last semicolon, with all blanks", () => {
    const { stanzas } = parse("SOURCE: ANY;\nKEY: semi;colons; and blanks \t;\nOPEN_PORTS: tcp/22;\n", { dialect: "perl" });
    assert.equal(textOf(stanzas[0]!.KEY), "semi;colons; and blanks \t");
  });

  it("wants ports, or to hear that any will do", () => {
    assert.match(told(perl("REQUIRE_USERNAME: alice;\n")).join(), /^error a:1:1: OPEN_PORTS or PERMIT_CLIENT_PORTS is missing in stanza source: 'ANY'$/);
    assert.deepEqual(told(perl("EXTERNAL_CMD_OPEN: /a;\nEXTERNAL_CMD_CLOSE: /b;\n")), []);
  });

  it("leaves stanzas for port knocking out unless AUTH_MODE is KNOCK, and wants another", () => {
    for (const line of ["ENCRYPT_SEQUENCE;", "SHARED_SEQUENCE: tcp/1, tcp/2;", "DATA_COLLECT_MODE: ENCRYPT_SEQUENCE;"]) {
      const parsed = perl(`OPEN_PORTS: tcp/22;\n${line}\n`);
      assert.deepEqual(parsed.stanzas, []);
      assert.match(told(parsed).join("\n"), /^warning a:1:1: This stanza is for port knocking.*\nerror a: Could not find valid SOURCE stanza/m);
      assert.equal(parse(`SOURCE: 1.1.1.1;\nKEY: b;\nOPEN_PORTS: tcp/1;\nSOURCE: ANY;\nKEY: a;\nOPEN_PORTS: tcp/22;\n${line}\n`).stanzas.length, 1);
    }
    assert.equal(perl("OPEN_PORTS: tcp/22;\nENCRYPT_SEQUENCE: N;\n").stanzas.length, 1);
  });

  /** A stanza with AUTH_MODE KNOCK. */
  const knocking = (lines: string, files: Readonly<Record<string, string>> = {}): ParsedAccessConfig =>
    parse(`SOURCE: ANY;\nOPEN_PORTS: tcp/22;\n${lines}\n`, { dialect: "perl", config: "AUTH_MODE KNOCK;\n", files });

  it("takes both kinds of port knocking with AUTH_MODE KNOCK, and leaves out what is for packets", () => {
    const shared = knocking("SHARED_SEQUENCE: tcp/5501, UDP/1001, icmp;");
    assert.deepEqual(shared.stanzas[0]?.SHARED_SEQUENCE, [{ protocol: "tcp", port: 5501 }, { protocol: "udp", port: 1001 }, { protocol: "icmp" }]);
    assert.deepEqual(told(shared), ["warning a:1:1: Whoever sees the knocks of a SHARED_SEQUENCE can repeat them: ENCRYPT_SEQUENCE is better, single packets (AUTH_MODE PCAP) are much better"]);
    for (const line of ["ENCRYPT_SEQUENCE;", "DATA_COLLECT_MODE: ENCRYPT_SEQUENCE;", "ENCRYPT_SEQUENCE: Y;\nPERMIT_CLIENT_PORTS;"]) {
      const parsed = knocking(`KEY: a;\n${line}`);
      assert.deepEqual([parsed.stanzas[0]?.ENCRYPT_SEQUENCE, told(parsed)], [true, []], line);
    }
    const packets = knocking("KEY: a;\nDATA_COLLECT_MODE: PCAP;");
    assert.match(told(packets).join("\n"), /^warning a:1:1: This stanza is for packets, which AUTH_MODE KNOCK hears only on the sockets .*\nerror a: Could not find valid SOURCE/);
    assert.equal(parse("SOURCE: ANY;\nOPEN_PORTS: tcp/22;\nKEY: a;\n", { config: KNOCK, dialect: "perl" }).stanzas.length, 1);
    assert.equal(knocking("KEY: a;\nENCRYPT_SEQUENCE;\nKNOCK_LIMIT: 0;").stanzas[0]!.KNOCK_LIMIT, undefined);
    assert.equal(knocking("PERMIT_CLIENT_PORTS;\nSHARED_SEQUENCE: tcp/9, tcp/1;").stanzas[0]!.OPEN_PORTS!.text, "tcp/22");
  });

  it("refuses what port knocking cannot tell, and warns of what it can never grant", () => {
    const rows: readonly (readonly [lines: string, problem: RegExp])[] = [
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nREQUIRE_USERNAME: alice;", /^error a:4:19: REQUIRE_USERNAME: a shared sequence bears no user name$/m],
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nKEY: a;\nENCRYPT_SEQUENCE;", /^error a:3:18: SHARED_SEQUENCE and ENCRYPT_SEQUENCE do not go together/m],
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nOPEN_PORTS: tcp/1-9;", /^error a:4:13: SHARED_SEQUENCE opens all of OPEN_PORTS, which must name single ports/m],
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nOPEN_PORTS: icmp;", /^error a:4:13: SHARED_SEQUENCE opens all of OPEN_PORTS/m],
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nREQUIRE_AUTH_METHOD: crypt;", /^error a:4:22: REQUIRE_AUTH_METHOD: knocks bear no password$/m],
      ["ENCRYPT_SEQUENCE;", /^error a:1:1: No keys found/m],
      ["ENCRYPT_SEQUENCE;\nGPG_DECRYPT_PW: x;\nGPG_REMOTE_ID: ANY;", /^error a:1:1: ENCRYPT_SEQUENCE needs KEY/m],
      ["ENCRYPT_SEQUENCE;\nKEY: a;\nREQUIRE_USERNAME: bob, alicecooper;", /^warning a:5:19: Knocks bear 7 bytes of a user name: none is 'alicecooper'$/m],
      ["ENCRYPT_SEQUENCE;\nKEY: a;\nMIN_TIME_DIFF: 2;", /^warning a:5:16: MIN_TIME_DIFF 2 is too long for 32 knocks within KNOCK_INTERVAL 60/m],
      ["SHARED_SEQUENCE: tcp/9, tcp/1;\nMIN_TIME_DIFF: 3;\nMAX_TIME_DIFF: 2;", /^warning a:4:16: MIN_TIME_DIFF 3 is too long/m],
      ["SHARED_SEQUENCE: tcp/1000, tcp/1001, tcp/1007;", /^warning a:3:18: A scan of all ports in their order knocks this sequence/m],
      ["SHARED_SEQUENCE: udp/7;", /^warning a:3:18: A scan/m],
    ];
    for (const [lines, problem] of rows) assert.match(told(knocking(lines)).join("\n"), problem, lines);
    for (const sequence of ["tcp/1000, tcp/1001, tcp/1008", "tcp/1000, udp/1001, tcp/1002", "tcp/1, tcp/3, tcp/2"]) assert.equal(told(knocking(`SHARED_SEQUENCE: ${sequence};`)).length, 1, sequence);
    assert.match(told(parse("SOURCE: ANY;\nKEY: a;\nOPEN_PORTS: tcp/1;\nKNOCK_LIMIT: 3;\n")).join(), /^warning a:4:14: KNOCK_LIMIT has no effect without SHARED_SEQUENCE or ENCRYPT_SEQUENCE$/);
  });

  it("finds the fingerprints of the systems that are required, and lets nobody in without them", () => {
    const lines = "KEY: a;\nENCRYPT_SEQUENCE;\n";
    const named = (line: string, files: Readonly<Record<string, string>> = HOMES): string =>
      knocking(`${lines}${line}`, files).stanzas[0]?.OS_FINGERPRINTS?.map(({ name }) => name).join() ?? told(knocking(`${lines}${line}`, files)).join("\n");
    assert.equal(named("REQUIRE_OS: linux;"), "Linux:2.6:8:Linux 2.6.8");
    assert.equal(named("REQUIRE_OS: Linux 2.6.8;"), "Linux:2.6:8:Linux 2.6.8");
    assert.equal(named("REQUIRE_OS_REGEX: ^win.*XP;"), "Windows:XP::Windows one two three four");
    assert.match(named("REQUIRE_OS: BeOS;"), /^error a:5:13: REQUIRE_OS allows none of the 2 fingerprints in \/etc\/fwknop\/pf\.os\nerror a: Could not|^error a:5:13: REQUIRE_OS allows none of the 2 fingerprints in \/etc\/fwknop\/pf\.os$/);
    assert.match(named("REQUIRE_OS: Linux;\nREQUIRE_OS_REGEX: XP;"), /allows none of the 2/);
    assert.match(named("REQUIRE_OS: Linux;", {}), /^error a:5:13: REQUIRE_OS needs the file of fingerprints \(P0F_FILE\): Could not open .*pf\.os/);
    assert.match(told(knocking(`${lines}REQUIRE_OS: Linux;`, { "/etc/fwknop/pf.os": "# no\nS4:64:1:60:M*:Linux:2::x\nS4:64\n" })).join(), /^warning a:5:13: \/etc\/fwknop\/pf\.os has 1 lines that are no fingerprints, the first is line 3$/);
    assert.match(told(parse("SOURCE: ANY;\nKEY: a;\nOPEN_PORTS: tcp/1;\nREQUIRE_OS: Linux;\n")).join(), /^error a:4:13: REQUIRE_OS is possible with SHARED_SEQUENCE and ENCRYPT_SEQUENCE only/);
  });

  it("reads which password a packet must bear, and takes no other demand for this one", () => {
    const { REQUIRE_AUTH_METHOD: method, SHADOW_FILE: file } = perl("OPEN_PORTS: tcp/22;\nREQUIRE_AUTH_METHOD: crypt;\n").stanzas[0]!;
    assert.deepEqual([method, file], ["crypt", "/etc/shadow"]);
    assert.equal(perl("OPEN_PORTS: tcp/22;\nREQUIRE_AUTH_METHOD: CRYPT;\nSHADOW_FILE: /etc/other;\n").stanzas[0]!.SHADOW_FILE, "/etc/other");
    const other = perl("OPEN_PORTS: tcp/22;\nREQUIRE_AUTH_METHOD: kerberos;\n");
    assert.match(told(other).join(), /^error a:4:22: REQUIRE_AUTH_METHOD value 'kerberos' is not crypt/);
    assert.deepEqual(other.stanzas, []);
  });

  it("names what has no effect for lack of another setting, and stanzas by which nothing can be granted", () => {
    const rows: readonly (readonly [lines: string, missing: RegExp | undefined, config?: string])[] = [
      ["SHADOW_FILE: /etc/other;", /^warning a:4:14: SHADOW_FILE has no effect without REQUIRE_AUTH_METHOD crypt$/],
      ["CMD_REGEX: ^a;", /^warning a:4:12: CMD_REGEX has no effect without ENABLE_CMD_EXEC$/],
      ["CMD_REGEX: ^a;\nENABLE_CMD_EXEC;", undefined],
      ["ENABLE_OUTPUT_ACCESS;", /^warning a:4:1: ENABLE_OUTPUT_ACCESS has no effect without ENABLE_IPT_OUTPUT in fwknopd\.conf$/],
      ["ENABLE_OUTPUT_ACCESS;", undefined, "ENABLE_IPT_OUTPUT Y;\n"],
      ["ENABLE_OUTPUT_ACCESS: N;", undefined],
      ["GPG_REMOTE_ID: ANY;", /^warning a:4:16: GPG_REMOTE_ID has no effect without GPG_DECRYPT_PW or GPG_ALLOW_NO_PW$/],
      ["GPG_DECRYPT_ID: 0123456789ABCDEF;", /^warning a:4:17: GPG_DECRYPT_ID has no effect without GPG_DECRYPT_PW/],
      ["ENABLE_FORWARD_ACCESS;", /^warning a:4:1: ENABLE_FORWARD_ACCESS takes requests for NAT only, .*: nothing is granted$/],
      ["ENABLE_FORWARD_ACCESS;", undefined, "ENABLE_IPT_LOCAL_NAT Y;\n"],
      ["DISABLE_FW_ACCESS;", /^warning a:4:1: DISABLE_FW_ACCESS takes commands only, which need ENABLE_CMD_EXEC: nothing is granted$/],
    ];
    for (const [lines, message, config] of rows) {
      const parsed = parse(`SOURCE: ANY;\nKEY: b;\nOPEN_PORTS: tcp/22;\n${lines}\n`, config === undefined ? {} : { config });
      if (message === undefined) assert.deepEqual(told(parsed), [], lines);
      else assert.match(told(parsed).join("\n"), message);
    }
  });

  it("names what is obsolete once for each reason, with what does it now", () => {
    for (const { names, now } of OBSOLETE_ACCESS_VARIABLES) {
      const parsed = parse(`SOURCE: ANY;\nKEY: b;\nOPEN_PORTS: tcp/22;\n${[...names, ...names].map((name) => `${name}: N;\n`).join("")}`);
      assert(told(parsed).includes(`warning a:4:1: Without effect: ${names.join(", ")}. ${now}`), told(parsed).join("\n"));
    }
  });
});

describe("requiresSourceAddress()", () => {
  it("asks whether the packet came from where it is not required", () => {
    const asked = (value: string, from: string) => requiresSourceAddress(only(`SOURCE ANY\nKEY a\nREQUIRE_SOURCE_ADDRESS ${value}\n`), parseIp(from)!);
    assert.deepEqual([asked("Y", "10.0.0.1"), asked("N", "10.0.0.1"), asked("10.0.0.0/8", "10.0.0.1"), asked("10.0.0.0/8", "11.0.0.1")], [true, false, false, true]);
  });
});

describe("parseAccessConfig(), whole files", () => {
  const folder = (name: string): AccessHost => {
    const at = (path: string) => new URL(`../fixtures/config/${name}/${path}`, import.meta.url);
    return {
      ...hostOf({}),
      read: (path) => ({ bytes: readFileSync(at(path)) }),
      list: (path) => (path === "/tmp" ? { names: [] } : { names: readdirSync(at(path)) }),
      findUser: (user) => ({ name: user, uid: 1, gid: 1, home: "/" }),
      findGroup: (group) => ({ name: group, gid: 1 }),
    };
  };
  const load = (name: string, daemon: readonly string[]): ParsedAccessConfig => {
    const { config, dialect } = parseDaemonConfig(daemon.map((path) => ({ path, bytes: readFileSync(new URL(`../fixtures/config/${name}/${path}`, import.meta.url)) })));
    return parseAccessConfig({ file: "access.conf" }, folder(name), { config, dialect, now: NOW });
  };

  it("reads the files of 2.6", () => {
    const parsed = load("c", ["fwknopd.conf"]);
    assert.equal(hasErrors(parsed.problems), false);
    assert.deepEqual(parsed.stanzas.map(({ number, file }) => `${number} ${file}`), [
      ...[1, 2, 3, 4, 5, 6, 7].map((number) => `${number} access.conf`), "8 more.conf", "9 folder/a.conf", "10 folder/a.conf",
    ]);
    const [first, , nat, , , gpg, kept] = parsed.stanzas;
    assert.equal(first!.KEY!.length, 32);
    assert.equal(formatIp(nat!.FORCE_NAT!.address), "192.168.10.7");
    assert.equal(textOf(gpg!.GPG_DECRYPT_PW), "passphrase of the server's key");
    assert.deepEqual([textOf(kept!.KEY), textOf(kept!.HMAC_KEY), kept!.OPEN_PORTS?.text], ["kept apart", "hmac kept apart", "tcp/22"]);
  });

  it("reads the file of 1.9", () => {
    const parsed = load("perl", ["fwknop.conf"]);
    assert.equal(hasErrors(parsed.problems), false, told(parsed).join("\n"));
    assert.deepEqual(told(parsed).map((line) => /^warning access\.conf:\d+:\d+: (\w+)/.exec(line)?.[1]), ["OPEN_PORTS", "GPG_REMOTE_ID", "Without", "Without", "ENABLE_OUTPUT_ACCESS", "FW_ACCESS_TIMEOUT", "This"]);
    assert.deepEqual(parsed.stanzas.map(({ KEY, GPG_DECRYPT_PW }) => textOf(KEY ?? GPG_DECRYPT_PW)), [
      "semi;colons; and blanks ", "short", "commands and nothing else", "inside and outside", "external commands", "words; of the server",
    ]);
    const [first, second, third] = parsed.stanzas;
    assert.equal(matchesAddressList(first!.SOURCE, parseIp("10.9.9.9")!), false);
    assert.deepEqual(first!.REQUIRE_USERNAME, ["alice", "bob"]);
    assert.deepEqual([second!.OPEN_PORTS, second!.PERMIT_CLIENT_TIMEOUT, second!.ENABLE_OUTPUT_ACCESS, second!.FW_ACCESS_TIMEOUT], [undefined, true, true, 3600]);
    assert.equal(third!.CMD_REGEX!.test("10.0.0.1,/usr/local/bin/backup"), true);
    assert(!JSON.stringify(parsed.stanzas.map(({ texts }) => texts)).includes("words; of"), "secrets are not among the texts");
  });

  it("never throws, whatever the bytes are, and never shows more than a line", () => {
    const gen = generator("access config bytes");
    const files = ["c/access.conf", "perl/access.conf", "c/keys.conf"].map((path) => readFileSync(new URL(`../fixtures/config/${path}`, import.meta.url)));
    const names = ROWS.map(([name]) => name);
    for (let round = 0; round < 200; round++) {
      const lines = () => gen.list(gen.below(8), () => `${gen.pick(names)}${gen.pick([" ", ": ", ";", ""])}${gen.text(gen.below(30))}${gen.pick(["", ";"])}\n`).join("");
      const bytes = [gen.bytes(gen.below(300)), utf8Bytes(`SOURCE ANY\n${lines()}`), Uint8Array.from(gen.pick(files))][round % 3]!;
      if (bytes.length > 0) for (let change = gen.below(30); change > 0; change--) bytes[gen.below(bytes.length)] = gen.pick([gen.below(256), 0x3b, 0x0a, 0x20, 0x25]);
      const parsed = parse(bytes, { dialect: gen.pick(["c", "perl"]), files: { "keys.conf": Uint8Array.from(gen.pick(files)), "folder/a.conf": bytes } });
      assert(parsed.stanzas.length > 0 || hasErrors(parsed.problems));
      for (const problem of parsed.problems) assert.match(formatProblem(problem), /^[ -~]{1,700}$/);
    }
  });
});

describe("parseAccessConfig(), firewalls", () => {
  const cases: readonly (readonly [config: string, lines: string, message: RegExp | undefined])[] = [
    ["", "GRANT_USES 1", /^GRANT_USES needs FIREWALL_TYPE nftables/],
    ["FIREWALL_TYPE nftables;\nNFT_SET inet filter s;", "GRANT_USES 1", /^GRANT_USES needs FIREWALL_TYPE nftables without NFT_SET/],
    ["FIREWALL_TYPE nftables;\nNFT_SET inet filter s;", "GRANT_PREFIX_V4 /24", /^GRANT_PREFIX_V4 does not go with NFT_SET/],
    ["FIREWALL_TYPE nftables;\nNFT_MODE guard;", "", /^NFT_MODE guard has to know what to close: set NFT_GUARD_PORTS in fwknopd\.conf, or OPEN_PORTS/],
    ["FIREWALL_TYPE nftables;\nNFT_MODE guard;\nNFT_GUARD_PORTS tcp/22;", "", undefined],
    ["FIREWALL_TYPE nftables;\nNFT_MODE guard;", "OPEN_PORTS tcp/22", undefined],
    ["FIREWALL_TYPE nftables;\nNFT_MODE guard;", "DISABLE_FW_ACCESS Y", undefined],
  ];
  for (const [config, lines, message] of cases) {
    it(`${message === undefined ? "takes" : "refuses"} ${lines || "no OPEN_PORTS"} with ${config.replaceAll("\n", " ") || "iptables"}`, () => {
      const { problems } = parse(`SOURCE ANY\nKEY a\n${lines}\n`, { config });
      const errors = problems.filter(({ severity }) => severity === "error").map((problem) => problem.message);
      if (message === undefined) assert.deepEqual(errors, []);
      else assert.match(errors.join(), message);
    });
  }
});
