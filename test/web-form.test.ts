import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { latin1Text, utf8Bytes } from "../src/bytes.ts";
import { decodeMessage, encodeMessage } from "../src/fko.ts";
import { DEFAULTS, describeWish, type FieldName, fieldRows, type FormValues, readForm } from "../web/knock-form.ts";

/** A form that can be sent. */
const GOOD: FormValues = { ...DEFAULTS, server: "knock.example.org", key: "testkey", hmacKey: "testhmac" };

function knockOf(changes: Partial<FormValues>) {
  const read = readForm({ ...GOOD, ...changes });
  assert(read.ok, JSON.stringify(read.ok ? "" : [...read.errors]));
  return read.knock;
}

test("readForm() makes each of the seven message types", () => {
  const cases: readonly (readonly [Partial<FormValues>, number, string, string?])[] = [
    [{ purpose: "command", command: "/bin/true" }, 0, "0.0.0.0,/bin/true"],
    [{ purpose: "command", command: "/bin/true", timeout: "hidden" }, 0, "0.0.0.0,/bin/true"],
    [{}, 1, "0.0.0.0,tcp/22"],
    [{ open: " TCP/22 , udp/53" }, 1, "0.0.0.0,tcp/22,udp/53"],
    [{ whose: "typed", address: " 2001:db8::7 " }, 1, "2001:db8::7,tcp/22"],
    [{ purpose: "nat", natHost: "192.168.10.5", natPort: "22", open: "tcp/2222" }, 2, "0.0.0.0,tcp/2222", "192.168.10.5,22"],
    [{ timeout: "60" }, 3, "0.0.0.0,tcp/22"],
    [{ purpose: "nat", natHost: "inner.example.org", natPort: "80", timeout: "9" }, 4, "0.0.0.0,tcp/22", "inner.example.org,80"],
    [{ purpose: "local-nat", natPort: "22", open: "tcp/40001" }, 5, "0.0.0.0,tcp/40001", "knock.example.org,22"],
    [{ purpose: "local-nat", natPort: "22", timeout: "30" }, 6, "0.0.0.0,tcp/22", "knock.example.org,22"],
  ];
  for (const [changes, type, text, natAccess] of cases) {
    const { message } = knockOf(changes);
    assert.deepEqual([message.type, message.message, message.natAccess], [type, text, natAccess]);
    encodeMessage({ ...message, random: "1234567890123456", timestamp: 1795344073 });
  }
});

test("readForm() reads keys as passphrases with their blanks, and as base64", () => {
  const asText = knockOf({ key: " two words ", hmacKey: "é" }).keys;
  assert.equal(latin1Text(asText.key), " two words ");
  assert.deepEqual([...asText.hmac!.key], [0xc3, 0xa9]);
  const asBase64 = knockOf({ key: "AAEC", keyForm: "base64", hmacKey: "/w==", hmacKeyForm: "base64" }).keys;
  assert.deepEqual([[...asBase64.key], [...asBase64.hmac!.key]], [[0, 1, 2], [255]]);
  assert.equal(knockOf({ useHmac: "no", hmacKey: "" }).keys.hmac, undefined);
});

test("readForm() says what is wrong with each field, at that field and nowhere else", () => {
  const cases: readonly (readonly [Partial<FormValues>, FieldName, RegExp])[] = [
    [{ server: "" }, "server", /name or address/],
    [{ server: "http://knock.example.org/" }, "server", /without http/],
    [{ server: "10.0.0.999" }, "server", /no name or address/],
    [{ server: "a b" }, "server", /no name or address/],
    [{ server: "x\u0000y" }, "server", /no name or address/],
    [{ port: "0" }, "port", /1 to 65535/],
    [{ port: "65536" }, "port", /1 to 65535/],
    [{ port: "6e4" }, "port", /1 to 65535/],
    [{ open: "" }, "open", /tcp\/22/],
    [{ open: "22" }, "open", /“22” is not a port/],
    [{ open: "tcp/22,icmp/1" }, "open", /“icmp\/1” is not a port/],
    [{ open: "tcp/0" }, "open", /not a port/],
    [{ open: Array.from({ length: 19 }, (_, at) => `tcp/${at + 10000}`).join(",") }, "open", /too long/],
    [{ whose: "typed", address: "10.0.0.1.2" }, "address", /203\.0\.113\.7/],
    [{ purpose: "nat", natHost: "", natPort: "22" }, "natHost", /inner host/],
    [{ purpose: "nat", natHost: "10.0.0.1", natPort: "" }, "natPort", /1 to 65535/],
    [{ purpose: "nat", natHost: "10.0.0.1", natPort: "22", open: "tcp/1,tcp/2" }, "open", /only one port/],
    [{ purpose: "command", command: " " }, "command", /command/],
    [{ purpose: "nat", natHost: `${"a".repeat(60)}.${"b".repeat(10)}`, natPort: "22" }, "natHost", /at most 70/],
    [{ purpose: "local-nat", server: `${"a".repeat(60)}.${"b".repeat(10)}`, natPort: "22" }, "server", /at most 70/],
    [{ purpose: "command", command: "x".repeat(185) }, "command", /at most 192/],
    [{ timeout: "0" }, "timeout", /1 to 65535/],
    [{ timeout: "1.5" }, "timeout", /1 to 65535/],
    [{ key: "" }, "key", /Type the key/],
    [{ key: "x".repeat(33) }, "key", /33 bytes; expected 1 to 32/],
    [{ key: "no base64!", keyForm: "base64" }, "key", /not base64/],
    [{ key: "A", keyForm: "base64" }, "key", /not base64/],
    [{ hmacKey: "" }, "hmacKey", /Type the HMAC key/],
    [{ hmacKey: "x".repeat(129) }, "hmacKey", /129 bytes; expected 1 to 128/],
    [{ mode: "legacy" }, "mode", /no HMAC/],
    [{ user: "" }, "user", /user name/],
    [{ user: "a:b" }, "user", /none of/],
    [{ user: "x".repeat(49) }, "user", /at most 48/],
  ];
  for (const [changes, field, words] of cases) {
    const read = readForm({ ...GOOD, ...changes });
    assert(!read.ok, JSON.stringify(changes));
    assert.deepEqual([...read.errors.keys()], [field], JSON.stringify(changes));
    assert.match(read.errors.get(field)!, words);
  }
});

test("readForm() never repeats a key in what it says", () => {
  const read = readForm({ ...GOOD, key: "hunter2!".repeat(9), hmacKey: "hunter2!", hmacKeyForm: "base64" });
  assert(!read.ok);
  assert.equal(read.errors.size, 2);
  assert.doesNotMatch([...read.errors.values()].join(), /hunter2/);
});

test("describeWish() says what will happen while the form is still being filled in", () => {
  assert.match(describeWish({ ...DEFAULTS, open: "", server: "" }), /opens … on …/);
  assert.equal(
    describeWish({ ...GOOD, whose: "typed", address: "203.0.113.7", timeout: "30" }),
    "If the server agrees, this opens tcp/22 on knock.example.org to 203.0.113.7, for 30 s.",
  );
});

test("fieldRows() shows every field and no key", () => {
  const { message, keys } = knockOf({ purpose: "nat", natHost: "192.0.2.9", natPort: "22", timeout: "7" });
  const rows = fieldRows({ ...message, random: "1234567890123456", timestamp: 1795344073 }, keys);
  assert.deepEqual(rows.map(([name]) => name), [
    "Random Value", "Username", "Timestamp", "FKO Version", "Message Type", "Message String", "Nat Access", "Client Timeout", "Digest Type", "HMAC Type", "Encryption Mode",
  ]);
  assert.doesNotMatch(JSON.stringify(rows), /testkey|testhmac/);
});

test("readForm() lets pass what receivers take, up to the last character", () => {
  const { message } = knockOf({ user: "u".repeat(48), purpose: "nat", natHost: `${"a".repeat(60)}.${"b".repeat(9)}`, natPort: "65535", timeout: "65535", open: "tcp/65535" });
  const command = knockOf({ purpose: "command", command: "x".repeat(192 - "0.0.0.0,".length) }).message;
  for (const made of [message, command]) {
    const { plaintext } = encodeMessage({ ...made, random: "1234567890123456", timestamp: 1795344073 });
    const decoded = decodeMessage(utf8Bytes(plaintext));
    assert(decoded.ok, JSON.stringify(decoded));
  }
});

test("readForm() names wrong fields in the order of the page, so that the first is where the person goes", () => {
  const read = readForm({ ...DEFAULTS, port: "x", open: "", timeout: "x", whose: "typed", purpose: "nat", mode: "legacy", user: "" });
  assert(!read.ok);
  const page = readFileSync(new URL("../web/index.html", import.meta.url), "utf8");
  const names = [...read.errors.keys()];
  assert.equal(names.length, 11);
  assert.deepEqual(names, [...names].sort((a, b) => page.indexOf(`id="${a}"`) - page.indexOf(`id="${b}"`)));
});
