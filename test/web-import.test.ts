import assert from "node:assert/strict";
import { test } from "node:test";
import { androidKeyText } from "../src/tool/android-key-text.ts";
import { exportLink, importText } from "../web/import-text.ts";
import { DEFAULTS, type FormValues, MODES } from "../web/knock-form.ts";
import { generator } from "./support/gen.ts";

function imported(text: string) {
  const result = importText(text);
  assert(result.ok, result.ok ? "" : result.message);
  return result;
}

test("importText() reads a stanza of .fwknoprc with the defaults in front of it", () => {
  const { values, name, unused } = imported(`# mine
[default]
HMAC_DIGEST_TYPE   sha512
FW_TIMEOUT 20

[other]
KEY  wrong

[knock.example.org]
ALLOW_IP                    resolve
ACCESS                      tcp/22,udp/53
SPA_SERVER_PORT             62299 ; a comment
KEY_BASE64                  AAECAwQ=
HMAC_KEY_BASE64             BQYHCA==
USE_HMAC                    Y
ENCRYPTION_MODE             CBC
RESOLVE_IP_HTTPS            Y
`);
  assert.equal(name, "knock.example.org");
  assert.deepEqual(values, {
    server: "knock.example.org", port: "62299", open: "tcp/22,udp/53", whose: "source", address: "", key: "AAECAwQ=", keyForm: "base64",
    hmacKey: "BQYHCA==", hmacKeyForm: "base64", useHmac: "yes", hmacType: "sha512", timeout: "20", mode: "cbc",
  });
  assert.deepEqual(unused, ["RESOLVE_IP_HTTPS"]);
});

test("importText() reads key lines of access.conf and the text that the Android client scans", () => {
  const keys = { key: "AAECAwQ=", keyForm: "base64", hmacKey: "BQYHCA==", hmacKeyForm: "base64", useHmac: "yes" };
  assert.deepEqual(imported("KEY_BASE64   AAECAwQ=\r\nHMAC_KEY_BASE64: BQYHCA==\r\n").values, keys);
  assert.deepEqual(imported(androidKeyText({ keyBase64: "AAECAwQ=", hmacKeyBase64: "BQYHCA==" })).values, keys);
  assert.deepEqual(imported(androidKeyText({ keyBase64: "AAECAwQ=", hmacKeyBase64: "BQYHCA==", clientIp: "203.0.113.7" })).values, { ...keys, whose: "typed", address: "203.0.113.7" });
});

test("importText() reads links, with base64 that somebody forgot to escape", () => {
  assert.deepEqual(imported("fwknop://[2001:db8::1]:62201/?KEY_BASE64=a+b/cw==&ACCESS=tcp/22&NAT_ACCESS=192.168.10.5:80").values, {
    server: "2001:db8::1", port: "62201", key: "a+b/cw==", keyForm: "base64", open: "tcp/22", purpose: "nat", natHost: "192.168.10.5", natPort: "80",
  });
});

test("importText() refuses with words, and never with a key in them", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /^Paste/],
    ["hello", /Line 1 is not understood/],
    ["HELLO world", /no setting/],
    ["KEY:correct hunter2", /^Expected NAME:VALUE/],
    ["KEY:correct :hunter2", /^Expected NAME:VALUE/],
    ["fwknop:server", /^Expected fwknop:/],
    ["fwknop://a:b:c?KEY=hunter2", /^Expected HOST:PORT/],
    ["fwknop://a?hunter2", /NAME=VALUE/],
    ["fwknop://a?KEY=%zzhunter2", /NAME=VALUE/],
    ["ALLOW_IP nonsense", /ALLOW_IP cannot be “nonsense”/],
    ["KEY hunter2\nENCRYPTION_MODE asymmetric", /ENCRYPTION_MODE cannot be/],
    ["KEY hunter2\nHMAC_DIGEST_TYPE sha999", /HMAC_DIGEST_TYPE cannot be|cannot be used/],
    ["KEY hunter2\nDIGEST_TYPE constructor", /DIGEST_TYPE cannot be/],
    ["__proto__ hunter2", /no setting/],
    ["constructor: hunter2", /no setting/],
  ];
  for (const [text, words] of cases) {
    const result = importText(text);
    assert(!result.ok, text);
    assert.match(result.message, words);
    assert.doesNotMatch(result.message, /hunter2/);
  }
});

test("importText() tells names that every object has from settings", () => {
  assert.deepEqual(importText("fwknop://host?__proto__=1&toString=2&KEY=x"), { ok: true, values: { server: "host", key: "x", keyForm: "passphrase" }, unused: ["__proto__", "toString"] });
});

test("exportLink() is read back as it was by importText()", () => {
  const gen = generator("exportLink");
  for (let round = 0; round < 200; round++) {
    const purpose = gen.pick(["access", "nat", "local-nat", "command"] as const);
    const isNat = purpose === "nat" || purpose === "local-nat";
    const useHmac = gen.pick(["yes", "no"] as const);
    const values: FormValues = {
      ...DEFAULTS,
      server: gen.pick(["knock.example.org", "2001:db8::1", "192.0.2.1"]),
      port: String(gen.between(1, 65535)),
      scheme: gen.pick(["http", "https"]),
      purpose,
      natHost: isNat ? "192.168.10.5" : "",
      natPort: isNat ? "22" : "",
      command: purpose === "command" ? `/bin/echo ${gen.text(10)}x` : "",
      timeout: gen.pick(["", "60"]),
      key: gen.text(12),
      useHmac,
      hmacKey: useHmac === "yes" ? gen.text(12) : "",
      hmacType: useHmac === "yes" ? gen.pick(["md5", "sha512", "sha3_256"]) : "sha256",
      mode: gen.pick(MODES),
      digestType: gen.pick(["sha1", "sha384"]),
    };
    assert.deepEqual({ ...DEFAULTS, ...imported(exportLink(values)).values }, values);
  }
});
