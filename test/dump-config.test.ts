import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { parseAccessConfig } from "../src/config/access-config-parser.ts";
import { parseDaemonConfig } from "../src/config/daemon-config-parser.ts";
import { dumpConfig } from "../src/config/dump.ts";

function dump(daemonText: string, accessText: string): string {
  const { config, texts, dialect } = parseDaemonConfig([{ path: "f", bytes: utf8Bytes(daemonText) }]);
  const host = {
    read: () => ({ bytes: utf8Bytes(accessText) }),
    readPublic: () => ({ bytes: utf8Bytes(accessText) }),
    list: () => ({ names: [] }),
    findUser: (name: string) => ({ name, uid: 1, gid: 1, home: "/" }),
    findGroup: (name: string) => ({ name, gid: 1 }),
    startOfDay: () => 2082758400,
  };
  const { stanzas } = parseAccessConfig({ file: "a" }, host, { config, dialect, now: 1795344100 });
  return dumpConfig(texts, stanzas, (unixSeconds) => `at ${unixSeconds}`);
}

describe("dumpConfig()", () => {
  it("prints every variable of C in its order, numbered, and each stanza", () => {
    const lines = dump("", "SOURCE ANY\nKEY thekey\n").split("\n");
    assert.deepEqual([lines[0], lines[1], lines[3]], ["Current fwknopd config settings:", "  0. CONFIG_FILE                  =  '/etc/fwknop/fwknopd.conf'", "  2. PCAP_INTF                    =  'eth0'"]);
    assert.equal(lines[17], " 16. ENABLE_SPA_OVER_HTTP         =  'N'");
    assert.equal(lines[18], " 17. ALLOW_ANY_USER_AGENT         =  'N'");
    assert.deepEqual(lines.slice(55, 62), [
      " 54. VERBOSE                      =  '<not set>'", " 55. FAULT_INJECTION_TAG          =  '<not set>'", "", "Current fwknopd access settings:", "SOURCE (1):  ANY",
      "==============================================================", "                DESTINATION:  <not set>",
    ]);
    assert.deepEqual(lines.slice(-4), ["         GPG_FINGERPRINT_ID:  <not set>", "", "", ""]);
  });

  it("adds what C does not have where it is set", () => {
    const text = dump("BLACKLIST 10.0.0.1;\nIPT_EXEC_TRIES 1;\nIPT_EXEC_SLEEP 2;\n", "SOURCE ANY\nKEY thekey\n");
    assert.deepEqual(text.match(/^ 5[5-9]\. .*$/gm), [" 55. FAULT_INJECTION_TAG          =  '<not set>'", " 56. BLACKLIST                    =  '10.0.0.1'", " 57. IPT_EXEC_SLEEP               =  '2'"]);
  });

  const stanzas: readonly (readonly [lines: string, shown: readonly string[]])[] = [
    ["KEY_BASE64 dGVzdHRlc3Q=\nHMAC_KEY hmachmac", ["KEY:  <see the access.conf file>", "KEY_BASE64:  <see the access.conf file>", "KEY_LEN:  8", "HMAC_KEY_BASE64:  <not set>", "HMAC_KEY_LEN:  8", "HMAC_DIGEST_TYPE:  3"]],
    ["KEY a passphrase of old times\nENCRYPTION_MODE legacy", ["KEY_LEN:  16", "HMAC_DIGEST_TYPE:  0"]],
    ["KEY k\nREQUIRE_SOURCE_ADDRESS 10.0.0.0/8\nACCESS_EXPIRE 01/01/2036", ["REQUIRE_SOURCE_ADDRESS:  Yes", "ACCESS_EXPIRE:  at 2082758400"]],
    ["KEY k\nFORCE_NAT 10.0.0.1 22", ["FORCE_NAT (ip):  10.0.0.1", "FORCE_NAT (proto):  <not set>", "FORCE_NAT (port):  22"]],
    ["KEY k\nFORWARD_ALL Y\nFORCE_MASQUERADE Y", ["FORCE_NAT (ip):  0.0.0.0", "FORCE_NAT (port):  0", "FORCE_MASQUERADE:  Yes", "FORWARD_ALL:  Yes"]],
    ["GPG_DECRYPT_PW thepassword\nGPG_DISABLE_SIG Y", ["GPG_HOME_DIR:  /root/.gnupg", "GPG_EXE:  <not set>", "GPG_DECRYPT_PW:  <see the access.conf file>", "GPG_REQUIRE_SIG:  No", "KEY_LEN:  0"]],
    ["GPG_ALLOW_NO_PW Y\nGPG_REMOTE_ID ABCDEF0123456789\nGPG_PATH /g", ["GPG_REQUIRE_SIG:  Yes", "GPG_REMOTE_ID:  ABCDEF0123456789", "GPG_EXE:  /g"]],
  ];
  for (const [lines, shown] of stanzas) {
    it(`shows no secret of ${JSON.stringify(lines)}`, () => {
      const text = dump("ENABLE_IPT_FORWARDING Y;\nENABLE_IPT_SNAT Y;\n", `SOURCE ANY\n${lines}\n`);
      for (const line of shown) assert(text.includes(`${" ".repeat(27 - line.indexOf(":"))}${line}\n`), `${line}\n${text}`);
      assert.doesNotMatch(text, /testtest|dGVzd|hmachmac|passphrase|thepassword/);
    });
  }
});
