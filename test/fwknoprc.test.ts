import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import type { ClientSettings } from "../src/client/settings.ts";
import { readRcLines, readStanza, stanzaNames } from "../src/config/fwknoprc.ts";
import { assignmentsOf, rcVariables } from "../src/config/fwknoprc-variables.ts";
import { generator } from "./support/gen.ts";

const stanzaOf = (text: string, name = "x"): { settings: ClientSettings; problems: readonly string[]; isFound: boolean } => readStanza(readRcLines(utf8Bytes(text)), name, "rc");
const settingsOf = (...lines: string[]): ClientSettings => {
  const { settings, problems } = stanzaOf(`[x]\n${lines.join("\n")}\n`);
  assert.deepEqual(problems, []);
  return settings;
};
const problemsOf = (...lines: string[]): readonly string[] => stanzaOf(`[x]\n${lines.join("\n")}\n`).problems;

test("readStanza() reads the values of each variable", () => {
  const cases: readonly (readonly [line: string, expected: ClientSettings])[] = [
    ["DIGEST_TYPE sha512", { digestType: "sha512" }],
    ["DIGEST_TYPE: SHA1", { digestType: "sha1" }],
    ["  DIGEST_TYPE \t sha1", { digestType: "sha1" }],
    ["SPA_SERVER_PROTO TCP", { serverProto: "tcp" }],
    ["SPA_SERVER_PORT 65535", { serverPort: 65535 }],
    ["SPA_SOURCE_PORT 1", { sourcePort: 1 }],
    ["FW_TIMEOUT 65536", { fwTimeout: 65536 }],
    ["ALLOW_IP 1.2.3.4", { allowIp: "1.2.3.4" }],
    ["ALLOW_IP gate.example.com", { allowIp: "gate.example.com" }],
    ["ALLOW_IP source", { allowIp: "0.0.0.0" }],
    ["ALLOW_IP Resolve", { resolveIpHttps: true }],
    ["TIME_OFFSET 5m", { timeOffsetPlus: 300 }],
    ["TIME_OFFSET -1h", { timeOffsetMinus: 3600 }],
    ["ENCRYPTION_MODE legacy", { encryptionMode: "legacy" }],
    ["USE_GPG Y", { gpgEncryption: true }],
    ["USE_GPG y", { gpgEncryption: true }],
    ["USE_GPG yes", {}],
    ["USE_GPG N", {}],
    ["GPG_RECIPIENT ABCD", { gpgRecipientKey: "ABCD" }],
    ["GPG_SIGNING_PW pw", { gpgSigningPw: utf8Bytes("pw") }],
    ["ACCESS tcp/22;rest", { access: "tcp/22" }],
    ["ACCESS tcp/22#rest", { access: "tcp/22" }],
    ["ACCESS tcp/22 rest", { access: "tcp/22" }],
    ["ACCESS tcp/22\r", { access: "tcp/22" }],
    ["KEY k\u00e9y", { keyRijndael: utf8Bytes("kéy") }],
    ["KEY_BASE64 QQ==", { keyBase64Rijndael: utf8Bytes("QQ==") }],
    ["HMAC_KEY k", { keyHmac: utf8Bytes("k"), useHmac: true }],
    ["HMAC_KEY_BASE64 QUI", { keyBase64Hmac: utf8Bytes("QUI"), useHmac: true }],
    ["HMAC_DIGEST_TYPE md5", { hmacDigestType: "md5" }],
    ["KEY_FILE /k", { getKey: "/k" }],
    ["HMAC_KEY_FILE /h", { getHmacKey: "/h", useHmac: true }],
    ["KEY_CMD pass show 'a b' ; x # y  ", { keyCmd: "pass show 'a b' ; x # y" }],
    ["HMAC_KEY_CMD pass h\r", { hmacKeyCmd: "pass h", useHmac: true }],
    ["RESOLVE_URL https://x/", { resolveUrl: "https://x/" }],
    ["RESOLVE_HTTP_ONLY Y", { resolveHttpOnly: true, resolveIpHttps: true }],
    ["RESOLVE_IP_HTTP Y", { resolveIpHttps: true }],
    ["VERBOSE Y", { verbose: 1 }],
    ["VERBOSE 4", { verbose: 4 }],
    ["VERBOSE 0", { verbose: 0 }],
    [`SPOOF_USER ${"A".repeat(35)}`, { spoofUser: "A".repeat(29) }],
    ["NO_SAVE_ARGS Y", { noSaveArgs: true }],
  ];
  for (const [line, expected] of cases) assert.deepEqual(settingsOf(line), expected, line);
});

test("readStanza() refuses what is outside its range, with file and line, and shows no key", () => {
  const cases: readonly (readonly [line: string, words: RegExp])[] = [
    ["FW_TIMEOUT 65537", /^Parameter error in rc, line 2: var=FW_TIMEOUT, val=65537: --fw-timeout must be within \[0-65536\]/],
    ["SPA_SERVER_PORT 65536", /^Parameter error in rc, line 2: var=SPA_SERVER_PORT, val=65536: Value 65536 out of range/],
    ["SPA_SERVER_PROTO x", /var=SPA_SERVER_PROTO, val=x: Unrecognized protocol/],
    ["DIGEST_TYPE = sha1", /var=DIGEST_TYPE, val==: Invalid digest type: =/],
    ["ALLOW_IP 1.2.3", /var=ALLOW_IP, val=1\.2\.3: expected an address/],
    ["TIME_OFFSET 65537", /var=TIME_OFFSET/],
    ["VERBOSE 5", /var=VERBOSE, val=5: expected Y/],
    ["ENCRYPTION_MODE PCBC", /var=ENCRYPTION_MODE/],
    ["KEY_BASE64 secret!", /^Parameter error in rc, line 2: var=KEY_BASE64, val=\(hidden\): Base64 encoded Rijndael argument doesn't look like base64-encoded data$/],
    ["CLIENT_TIMEOUT 5", /var=CLIENT_TIMEOUT, val=5: no such variable/],
    ["ACESS tcp/22", /val=tcp\/22: no such variable, did you mean ACCESS\?/],
    ["key secret", /val=\(hidden\): no such variable/],
    ["HMAC_EKY secret", /val=\(hidden\): no such variable, did you mean HMAC_KEY\?/],
    ["Kye_Base64 secret", /val=\(hidden\): no such variable, did you mean KEY_BASE64\?/],
    ["GPG_SIGNING_PASSWORD secret", /val=\(hidden\): no such variable/],
    ["  # indented", /var=#, val=indented/],
    ["DIGEST_TYPE", /^\*Invalid entry in rc, line 2: expected 'NAME value'/],
    ["DIGEST_TYPE   ;", /^\*Invalid entry in rc, line 2/],
    ["   ", /^\*Invalid entry in rc, line 2/],
    ["[unclosed", /^\*Invalid entry in rc, line 2/],
    [`ACCESS ${"x".repeat(1017)}`, /^\*Invalid entry in rc, line 2: .* of at most 1023 bytes$/],
  ];
  for (const [line, words] of cases) {
    const problems = problemsOf(line);
    assert.equal(problems.length, 1, line);
    assert.match(problems[0]!, words);
    assert.doesNotMatch(problems[0]!, /secret/);
  }
  assert.deepEqual(settingsOf(`ACCESS ${"x".repeat(1016)}`), { access: "x".repeat(1016) });
});

test("readStanza() escapes control codes of foreign values", () => {
  assert.match(problemsOf("VERBOSE \u001b[31m")[0]!, /val=\\x1b\[31m/);
});

test("readStanza() takes stanzas of one name together, in any case, and nothing of others", () => {
  const file = "ACCESS tcp/1\n# c\n;c\n\n[A]\nACCESS tcp/2\n [b] more\nACCESS tcp/3\nVERBOSE x\n[a]\nSPA_SERVER h\n[two words ]\nACCESS tcp/4\n";
  assert.deepEqual(stanzaOf(file, "a"), { isFound: true, settings: { access: "tcp/2", destination: "h" }, problems: [] });
  assert.equal(stanzaOf(file, "B").problems.length, 1);
  assert.deepEqual(stanzaOf(file, "two words ").settings, { access: "tcp/4" });
  assert.equal(stanzaOf(file, "c").isFound, false);
  assert.deepEqual(stanzaNames(readRcLines(utf8Bytes(`[default]\n${file}[Default]\n`))), ["A", "b", "a", "two words "]);
});

test("readRcLines() gives back every byte of any file, and never throws", () => {
  const gen = generator("rc lines");
  for (let round = 0; round < 300; round++) {
    const file = gen.chance() ? gen.bytes(gen.below(200)) : utf8Bytes(gen.text(gen.below(200), "[]a b\n\r\t#;:KEY=\0"));
    const lines = readRcLines(file);
    assert.deepEqual(lines.map(({ bytes }) => latin1Text(bytes)).join(""), latin1Text(file));
    for (const name of ["a", "", "KEY"]) readStanza(lines, name, "rc");
  }
});

test("assignmentsOf() writes what readStanza() reads back, for each variable", () => {
  const given: ClientSettings = {
    digestType: "sha3_256", serverProto: "tcpraw", serverPort: 1, sourcePort: 2, fwTimeout: 3, allowIp: "1.2.3.4", timeOffsetMinus: 7200, encryptionMode: "asymmetric",
    gpgEncryption: true, gpgAgent: true, gpgRecipientKey: "R", gpgSignerKey: "S", gpgHomeDir: "/h", gpgExe: "/g", gpgNoSigningPw: true, gpgSigningPw: utf8Bytes("p"),
    spoofUser: "u", spoofSource: "3.3.3.3", access: "tcp/22", destination: "d", randPort: true, keyRijndael: utf8Bytes("k"), keyBase64Rijndael: utf8Bytes("QQ=="),
    hmacDigestType: "md5", keyHmac: utf8Bytes("h"), keyBase64Hmac: utf8Bytes("QUI="), useHmac: true, useWgetUserAgent: true, getKey: "/k", getHmacKey: "/hk",
    keyCmd: "pass 'a b'", hmacKeyCmd: "pass c", natAccess: "h:1", userAgent: "x", resolveUrl: "http://x/", serverResolveIpv4: true, natLocal: true, natRandPort: true,
    natPort: 9, verbose: 2, resolveHttpOnly: true, wgetCmd: "/w", noSaveArgs: true,
  };
  const saved = assignmentsOf(given);
  assert.ok(saved.ok);
  const text = saved.value.map(({ variable, value }) => `${variable.name} ${latin1Text(value)}`);
  assert.deepEqual(settingsOf(...text), { ...given, resolveIpHttps: true });
  const order = rcVariables().map(({ name }) => name);
  assert.deepEqual(saved.value.map(({ variable }) => variable.name), order.filter((name) => saved.value.some(({ variable }) => variable.name === name)));
  assert.ok(text.includes("ENCRYPTION_MODE Asymmetric") && text.includes("DIGEST_TYPE SHA3_256") && text.includes("TIME_OFFSET -7200"));
});

test("assignmentsOf() saves a key that a reader would cut in base64, and refuses other values of that kind", () => {
  const saved = assignmentsOf({ keyRijndael: utf8Bytes("a b#c"), keyHmac: utf8Bytes("h") });
  assert.ok(saved.ok);
  assert.deepEqual(saved.value.map(({ variable, value }) => `${variable.name} ${latin1Text(value)}`), ["KEY_BASE64 YSBiI2M=", "HMAC_KEY h"]);
  assert.deepEqual(assignmentsOf({ userAgent: "Foo bar" }), { ok: false, message: "Cannot save HTTP_USER_AGENT: expected a value without blanks, ';' and '#', got 'Foo bar'" });
  assert.deepEqual(assignmentsOf({ keyCmd: "a\nb" }), { ok: false, message: "Cannot save KEY_CMD: expected a value without blanks, ';' and '#', got 'a\\x0ab'" });
});

test("assignmentsOf() writes -R as off when there is an address, and USE_HMAC only where no other variable says it", () => {
  const names = (given: ClientSettings): string[] => {
    const saved = assignmentsOf(given);
    assert.ok(saved.ok);
    return saved.value.map(({ variable, value }) => `${variable.name}=${latin1Text(value)}`);
  };
  assert.deepEqual(names({ resolveIpHttps: true }), ["RESOLVE_IP_HTTPS=Y"]);
  assert.deepEqual(names({ resolveIpHttps: true, allowIp: "0.0.0.0", sourceIp: true }), ["ALLOW_IP=0.0.0.0", "RESOLVE_IP_HTTPS=N"]);
  assert.deepEqual(names({ useHmac: true }), ["USE_HMAC=Y"]);
  assert.deepEqual(names({ useHmac: true, getHmacKey: "/f" }), ["HMAC_KEY_FILE=/f"]);
  assert.deepEqual(names({ verbose: 1 }), ["VERBOSE=Y"]);
  assert.deepEqual(names({ httpProxy: "x", serverCmd: "y", savePacket: "z", icmpType: 3, keyLen: 3 }), []);
});
