import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, utf8Bytes } from "../src/bytes.ts";
import { DIGESTS, type DigestType, encodeMessage, type EncryptionMode, type Message, MESSAGE_TYPES, type MessageType, openPacket, sealMessage } from "../src/fko.ts";
import { HmacKey } from "../src/hmac.ts";
import { MODES } from "../web/knock-form.ts";
import { makePacket } from "../web/packet.ts";
import { choosePrimitives } from "../web/primitives.ts";
import { generator } from "./support/gen.ts";

const PLACES = { "with WebCrypto": choosePrimitives(crypto.subtle), "without WebCrypto": choosePrimitives(undefined) };
const TYPES = Object.keys(MESSAGE_TYPES).map(Number) as MessageType[];

function messageOf(type: MessageType, digestType: DigestType): Message {
  const { nat, timeout } = MESSAGE_TYPES[type];
  return {
    random: "1182424375169723", username: "web", timestamp: 1795344073, version: "3.0.0", type, digestType,
    message: type === 0 ? "203.0.113.5,/bin/echo 1" : "203.0.113.5,tcp/22",
    ...(nat !== "none" && { natAccess: "192.168.10.5,22" }),
    ...(timeout && { clientTimeout: 60 }),
  };
}

for (const [place, primitives] of Object.entries(PLACES)) {
  test(`makePacket() ${place} makes the packets of sealMessage() for every type, mode, digest and HMAC`, async () => {
    const random = generator(`makePacket ${place}`);
    let packets = 0;
    for (const mode of MODES as readonly EncryptionMode[]) {
      for (const digestType of Object.keys(DIGESTS) as DigestType[]) {
        for (const hmacType of [undefined, ...Object.keys(DIGESTS) as DigestType[]]) {
          const message = messageOf(random.pick(TYPES), digestType);
          const [key, hmacKey, salt] = [random.bytes(random.between(1, 32)), random.bytes(random.between(1, 128)), random.bytes(8)];
          const hmac = hmacType && new HmacKey(DIGESTS[hmacType].hash, hmacKey);
          const expected = sealMessage(encodeMessage(message).plaintext, { mode, key, salt, ...(hmac && { hmac }) });
          const made = await makePacket(message, { mode, key, ...(hmacType && { hmac: { type: hmacType, key: hmacKey } }) }, salt, primitives);
          assert.equal(made.packet, expected, `${mode} ${digestType} ${hmacType}`);
          packets++;
        }
      }
    }
    assert.equal(packets, MODES.length * 7 * 8);
    for (const type of TYPES) {
      const message = messageOf(type, "sha256");
      const [key, salt] = [random.bytes(32), random.bytes(8)];
      const made = await makePacket(message, { mode: "cbc", key }, salt, primitives);
      assert.equal(made.packet, sealMessage(encodeMessage(message).plaintext, { mode: "cbc", key, salt }));
      const opened = openPacket(utf8Bytes(made.packet), { mode: "cbc", key });
      assert.deepEqual(opened.ok && opened.message, message);
    }
  });
}

test("makePacket() reproduces a packet of the C client", async () => {
  const message: Message = {
    random: "1182424375169723", username: "alice", timestamp: 1795344073, version: "3.0.0", type: 1, message: "203.0.113.5,tcp/22", digestType: "sha256",
  };
  const salt = Uint8Array.from([0x64, 0xa5, 0x81, 0x06, 0x51, 0xe2, 0xad, 0x3d]);
  const keys = { mode: "cbc", key: utf8Bytes("testkey"), hmac: { type: "sha256", key: utf8Bytes("testhmac") } } as const;
  const fromC =
    "9kpYEGUeKtPSPhE3U+dKfMERgqLAboi2m5PTCakFFTMGgizqOIuEwWbug2ECdBgcv5RJABIEfiLlkPwlfUXZsGup2KTlMmy1P0OHI0Tg0uEBE3CcV9AY/o0YzADaHLu02qMOC58pBZKQHBmKcznBDPEiGtVE/GJ16aHGv/QaBUuALyX2jW6TVtru1BM/vO8RdqOWgPJghY8Vyc3nqReQRw7DprjypcrOQ";
  for (const primitives of Object.values(PLACES)) assert.equal((await makePacket(message, keys, salt, primitives)).packet, fromC);
});

test("choosePrimitives() gives the same bytes with and without WebCrypto for data of every length up to three blocks", async () => {
  const random = generator("choosePrimitives");
  const [web, hand] = Object.values(PLACES) as [typeof PLACES["with WebCrypto"], typeof PLACES["with WebCrypto"]];
  for (let length = 0; length <= 48; length++) {
    const [data, key, iv] = [random.bytes(length), random.bytes(32), random.bytes(16)];
    for (const mode of ["cbc", "ctr", "cfb", "ofb", "ecb"] as const) assert.deepEqual(await web.encrypt(mode, key, iv, data), await hand.encrypt(mode, key, iv, data));
    for (const type of Object.keys(DIGESTS) as DigestType[]) {
      assert.deepEqual(await web.digest(type, data), await hand.digest(type, data));
      assert.deepEqual(await web.hmac(type, Uint8Array.of(7), data), await hand.hmac(type, Uint8Array.of(7), data));
    }
  }
  // A counter at its end runs over all sixteen bytes.
  const full = concatBytes(new Uint8Array(16).fill(0xff));
  assert.deepEqual(await web.encrypt("ctr", random.bytes(32).fill(1), full, new Uint8Array(40)), await hand.encrypt("ctr", new Uint8Array(32).fill(1), full, new Uint8Array(40)));
});

