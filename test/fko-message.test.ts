import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { decodeMessage, encodeMessage, type Message, MESSAGE_TYPES, type MessageType, messageTypeOf } from "../src/fko.ts";
import { generator } from "./support/gen.ts";
import { base64, plaintextOf as plaintextText } from "./support/plaintext.ts";

const message: Message = {
  random: "1234567890123456",
  username: "alice",
  timestamp: 1795344073,
  version: "3.0.0",
  type: 1,
  message: "203.0.113.5,tcp/22",
  digestType: "sha256",
};

const plaintextOf = (...fields: readonly string[]): Uint8Array => utf8Bytes(plaintextText(...fields));
const head = ["1234567890123456", base64("alice"), "1795344073", "3.0.0"];
const access = base64("203.0.113.5,tcp/22");

describe("decodeMessage()", () => {
  const refusals: readonly (readonly [what: string, plaintext: Uint8Array, code: number])[] = [
    ["a short plaintext", utf8Bytes("a:b:c:d:e:f:g"), 6],
    ["a plaintext of 1500 characters", utf8Bytes("a".repeat(1500)), 6],
    ["a control character", utf8Bytes(`${"1".repeat(40)}\n`), 7],
    ["a byte over 126", utf8Bytes(`${"1".repeat(40)}é`), 7],
    ["too few fields", plaintextOf(...head, "1"), 8],
    ["a digest of no known length", utf8Bytes(`${[...head, "1", access].join(":")}:abcdef`), 99],
    ["a digest that is not the one of the fields", utf8Bytes(`${[...head, "1", access].join(":")}:${"A".repeat(43)}`), 108],
    ["a random value of 15 digits", plaintextOf("123456789012345", ...head.slice(1), "1", access), 12],
    ["a random value with a letter", plaintextOf("123456789012345x", ...head.slice(1), "1", access), 12],
    ["no user name", plaintextOf(head[0]!, "", ...head.slice(2), "1", access), 13],
    ["a user name of 49 bytes", plaintextOf(head[0]!, base64("a".repeat(49)), ...head.slice(2), "1", access), 14],
    ["a user name that is not base64", plaintextOf(head[0]!, "a!b", ...head.slice(2), "1", access), 15],
    ["a user name with a forbidden character", plaintextOf(head[0]!, base64("a;b"), ...head.slice(2), "1", access), 16],
    ["a user name with a NUL", plaintextOf(head[0]!, base64("alice\0root"), ...head.slice(2), "1", access), 16],
    ["a timestamp with trailing junk", plaintextOf(head[0]!, head[1]!, "1795344073x", "3.0.0", "1", access), 19],
    ["a negative timestamp", plaintextOf(head[0]!, head[1]!, "-1", "3.0.0", "1", access), 19],
    ["a timestamp of 13 digits", plaintextOf(head[0]!, head[1]!, "1".repeat(13), "3.0.0", "1", access), 18],
    ["a version of 9 characters", plaintextOf(...head.slice(0, 3), "3.0.0.0.0", "1", access), 21],
    ["message type 7", plaintextOf(...head, "7", access), 24],
    ["message type x", plaintextOf(...head, "x", access), 24],
    ["an empty message", plaintextOf(...head, "1", ""), 25],
    ["a message of 193 bytes", plaintextOf(...head, "1", base64("a".repeat(193))), 26],
    ["a message with a line feed", plaintextOf(...head, "0", base64("10.0.0.1,a\nb")), 28],
    ["NAT access without its field", plaintextOf(...head, "2", access, ""), 30],
    ["a timeout that is no number", plaintextOf(...head, "3", access, "30x"), 41],
    ["an empty timeout", plaintextOf(...head, "3", access, ""), 39],
    ["a timeout of 65537 s", plaintextOf(...head, "3", access, "65537"), 42],
    ["a timeout of 65537 s after NAT access", plaintextOf(...head, "4", access, base64("10.0.0.1,22"), "65537"), 42],
    ["server auth that is not base64", plaintextOf(...head, "1", access, "a!b"), 35],
    ["server auth before a timeout that is not base64", plaintextOf(...head, "3", access, "a!b", "30"), 38],
    ["a message without ports", plaintextOf(...head, "1", base64("203.0.113.5")), 29],
    ["a message with port 0", plaintextOf(...head, "1", base64("203.0.113.5,tcp/0")), 29],
    ["a message with port 65536", plaintextOf(...head, "3", base64("203.0.113.5,tcp/65536"), "30"), 29],
    ["a message that asks for nothing", plaintextOf(...head, "1", base64("0.0.0.0,none/0")), 29],
    ["a message for a name", plaintextOf(...head, "1", base64("host.example,tcp/22")), 29],
    ["a command without an address", plaintextOf(...head, "0", base64("/bin/date")), 28],
    ["an address without a command", plaintextOf(...head, "0", base64("203.0.113.5,")), 28],
    ["a NAT target without a port", plaintextOf(...head, "2", access, base64("10.0.0.1")), 33],
    ["a NAT target with port 0", plaintextOf(...head, "5", access, base64("10.0.0.1,0")), 33],
    ["a NAT target of 71 characters", plaintextOf(...head, "2", access, base64(`${"a".repeat(71)},22`)), 33],
    ["NAT access that is not base64", plaintextOf(...head, "2", access, "a!b"), 32],
    ["a plaintext of 35 characters", utf8Bytes("1234567890123456:a:b:c:d:e:f:ghijkl"), 6],
    ["a plaintext of thirteen fields", plaintextOf(...head, "1", access, ..."abcdef"), 99],
    ["one field too many for its type", plaintextOf(...head, "1", access, base64("x"), "30"), 10],
  ];
  for (const [what, plaintext, code] of refusals) {
    it(`refuses ${what} with number ${code}`, () => {
      const refused = decodeMessage(plaintext);
      assert(!refused.ok);
      assert.equal(refused.code, code, refused.reason);
    });
  }

  const accepted: readonly (readonly [what: string, plaintext: Uint8Array, fields: Partial<Message>])[] = [
    ["server auth in an access message", plaintextOf(...head, "1", access, base64("crypt,secret")), { serverAuth: "crypt,secret" }],
    ["an empty server auth before the timeout", plaintextOf(...head, "3", access, "", "30"), { clientTimeout: 30 }],
    ["server auth and timeout", plaintextOf(...head, "3", access, base64("x"), "30"), { serverAuth: "x", clientTimeout: 30 }],
    ["a timeout of 0", plaintextOf(...head, "3", access, "0"), { clientTimeout: 0 }],
    ["a timeout of 65536 s", plaintextOf(...head, "3", access, "65536"), { clientTimeout: 65536 }],
    ["a user name of 48 bytes", plaintextOf(head[0]!, base64("a".repeat(48)), ...head.slice(2), "1", access), { username: "a".repeat(48) }],
    ["a time after 2038", plaintextOf(head[0]!, head[1]!, "4102444800", "3.0.0", "1", access), { timestamp: 4102444800 }],
    ["a message of 192 bytes", plaintextOf(...head, "0", base64(`0.0.0.0,${"a".repeat(184)}`)), { message: `0.0.0.0,${"a".repeat(184)}` }],
    ["a version of 8 characters", plaintextOf(...head.slice(0, 3), "3.0.0 rc", "1", access), { version: "3.0.0 rc" }],
    ["a timestamp of 12 digits", plaintextOf(...head.slice(0, 2), "999999999999", "3.0.0", "1", access), { timestamp: 999999999999 }],
    ["a NAT target of 70 characters", plaintextOf(...head, "2", access, base64(`${"a".repeat(70)},65535`)), { natAccess: `${"a".repeat(70)},65535` }],
    ["an IPv6 address", plaintextOf(...head, "1", base64("2001:db8::1,tcp/22")), { message: "2001:db8::1,tcp/22" }],
    ["a Perl message that asks for nothing", plaintextOf(...head.slice(0, 3), "1.9.12", "1", base64("0.0.0.0,none/0")), { message: "0.0.0.0,none/0" }],
    ["a Perl command with a timeout behind it", plaintextOf(...head.slice(0, 3), "1.9.12", "0", base64("0.0.0.0,/bin/date"), "60"), { message: "0.0.0.0,/bin/date" }],
    ["a Perl user name with any character", plaintextOf(head[0]!, "YTpiIGM=", "1795344073", "1.9.12", "1", access), { username: "a:b c" }],
  ];
  for (const [what, plaintext, fields] of accepted) {
    it(`reads ${what}`, () => {
      const decoded = decodeMessage(plaintext);
      assert(decoded.ok, JSON.stringify(decoded));
      assert.deepEqual({ ...decoded.message, ...fields }, decoded.message);
    });
  }

  it("never throws on text of the right alphabet", () => {
    const random = generator("fko-message");
    const alphabet = "0123456789:abcXYZ+/=.";
    for (let round = 0; round < 5000; round++) {
      const text = Array.from({ length: 36 + random.below(200) }, () => alphabet[random.below(alphabet.length)]).join("");
      assert(!decodeMessage(utf8Bytes(text)).ok);
    }
  });

  it("never throws on any fields behind a right digest, and encodeMessage() writes again what it read", () => {
    const random = generator("fko-message fields");
    const samples: readonly string[] = [...head, ...["0", "1", "2", "3", "4", "5", "6", "30"], access, base64("10.0.0.1,22"), base64("10.0.0.1,/bin/date"), base64("crypt,x"), "1.9.12", ""];
    let read = 0;
    for (let round = 0; round < 20000; round++) {
      const type = String(random.below(7));
      const fields = [...head, type, type === "0" ? base64("10.0.0.1,ls") : access, ...random.list(random.below(4), () => random.pick(samples))];
      if (random.below(3) === 0) fields[random.below(fields.length)] = random.pick([random.pick(samples), random.text(random.below(30), "0123456789abcXYZ+/=,. \n")]);
      const decoded = decodeMessage(plaintextOf(...fields));
      if (!decoded.ok) continue;
      read++;
      const again = decodeMessage(utf8Bytes(encodeMessage(decoded.message).plaintext));
      assert(again.ok, JSON.stringify({ fields, again }));
      assert.deepEqual(again.message, decoded.message);
    }
    assert(read > 1000, `${read} were read`);
  });
});

describe("encodeMessage()", () => {
  const throws: readonly (readonly [what: string, overrides: Partial<Message>, error: RegExp])[] = [
    ["a random value of 15 digits", { random: "123456789012345" }, /fko_set_rand_value: Error 86/],
    ["no user name", { username: "" }, /fko_set_username: Error 89/],
    ["a user name with a slash", { username: "a/b" }, /fko_set_username: Error 91/],
    ["a user name that begins with a slash", { username: "/a" }, /fko_set_username: Error 90/],
    ["a timestamp of 13 digits", { timestamp: 1e12 }, /fko_set_timestamp: Error 88/],
    ["a timestamp with a fraction", { timestamp: 1.5 }, /fko_set_timestamp: Error 88/],
    ["a message that is none", { message: "x" }, /fko_set_spa_message: Error 100/],
    ["a message without ports", { message: "203.0.113.5" }, /fko_set_spa_message: Error 102/],
    ["an address without a command", { type: 0, message: "203.0.113.5" }, /fko_set_spa_message: Error 101/],
    ["a command for a name", { type: 0, message: "x,ls" }, /fko_set_spa_message: Error 101/],
    ["a command of two lines", { type: 0, message: "203.0.113.5,a\nb" }, /fko_set_spa_message: Error 101/],
    ["a NAT target without a port", { type: 2, natAccess: "h" }, /fko_set_spa_nat_access: Error 103/],
    ["server auth of no bytes", { serverAuth: "" }, /fko_set_spa_server_auth: Error 87/],
    ["server auth of 64 bytes", { serverAuth: "a".repeat(64) }, /fko_set_spa_server_auth: Error 94/],
    ["a timeout of 65537 s", { type: 3, clientTimeout: 65537 }, /fko_set_spa_client_timeout: Error 93/],
    ["an empty message", { message: "" }, /fko_set_spa_message: Error 80/],
    ["a message of 256 bytes", { message: "a".repeat(256) }, /fko_set_spa_message: Error 94/],
    ["NAT access without target", { type: 2 }, /fko_set_spa_nat_access: Error 85/],
    ["a NAT target of 128 bytes", { type: 2, natAccess: "a".repeat(128) }, /fko_set_spa_nat_access: Error 94/],
    ["a negative timeout", { type: 3, clientTimeout: -1 }, /fko_set_spa_client_timeout: Error 5/],
  ];
  for (const [what, overrides, error] of throws) {
    it(`refuses ${what}`, () => assert.throws(() => encodeMessage({ ...message, ...overrides }), error));
  }

  it("takes fields of the greatest length", () => {
    encodeMessage({ ...message, type: 0, message: `0.0.0.0,${"a".repeat(247)}` });
    encodeMessage({ ...message, type: 2, natAccess: `${"a".repeat(70)},65535` });
    encodeMessage({ ...message, type: 3, serverAuth: "a".repeat(63), clientTimeout: 65536 });
    encodeMessage({ ...message, timestamp: 999999999999 });
  });

  it("writes only the fields that the type carries, and decodeMessage() reads them back", () => {
    for (const [number, row] of Object.entries(MESSAGE_TYPES)) {
      const full: Message = { ...message, type: Number(number) as MessageType, message: "10.0.0.9,tcp/22", natAccess: "10.0.0.1,22", clientTimeout: 30, serverAuth: "crypt,x" };
      const decoded = decodeMessage(utf8Bytes(encodeMessage(full).plaintext));
      assert(decoded.ok, JSON.stringify(decoded));
      assert.equal(decoded.message.natAccess, row.nat === "none" ? undefined : "10.0.0.1,22");
      assert.equal(decoded.message.clientTimeout, row.timeout ? 30 : undefined);
      assert.equal(decoded.message.serverAuth, "crypt,x");
    }
  });
});

describe("messageTypeOf()", () => {
  it("is the inverse of the table of types", () => {
    for (const [number, row] of Object.entries(MESSAGE_TYPES)) {
      assert.equal(messageTypeOf({ command: number === "0", nat: row.nat, timeout: row.timeout }), Number(number));
    }
  });
});
