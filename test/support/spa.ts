/**
 * Packets for the keys of the lab's stanza, and captures of them.
 *
 * @module
 */
import { randomBytes, randomInt } from "node:crypto";
import { type Bytes, concatBytes, utf8Bytes } from "../../src/bytes.ts";
import { buildUdpPacket } from "../../src/client/raw-packet.ts";
import { encodeMessage, type EncryptionMode, type Message, sealMessage } from "../../src/fko.ts";
import { HmacKey } from "../../src/hmac.ts";
import { type IpAddress, parseIp } from "../../src/ip.ts";
import { pcapHeader, pcapRecord } from "../../src/pcap-writer.ts";
import { sha256 } from "../../src/sha.ts";
import { CLIENT, SERVER } from "./lab.ts";
import { HMAC_KEY_BASE64, KEY_BASE64 } from "./peers.ts";

/** What differs from a good packet of this very second. */
export interface PacketFields extends Partial<Message> {
  readonly mode?: EncryptionMode;
  readonly keyBase64?: string;
  /** null: without an HMAC */
  readonly hmacKeyBase64?: string | null;
}

/** Makes a packet that asks for tcp/22, for the client of the lab. */
export function makePacket(fields: PacketFields = {}): string {
  const { mode = "cbc", keyBase64 = KEY_BASE64, hmacKeyBase64 = HMAC_KEY_BASE64, ...message } = fields;
  const { plaintext } = encodeMessage({
    random: Array.from({ length: 16 }, () => randomInt(10)).join(""),
    username: "tester",
    timestamp: Math.floor(Date.now() / 1000),
    version: "3.0.0",
    type: 1,
    message: `${CLIENT.v4},tcp/22`,
    digestType: "sha256",
    ...message,
  });
  const hmac = hmacKeyBase64 === null ? {} : { hmac: new HmacKey(sha256, Buffer.from(hmacKeyBase64, "base64")) };
  return sealMessage(plaintext, { mode, key: Buffer.from(keyBase64, "base64"), salt: randomBytes(8), ...hmac });
}

function address(text: string): IpAddress {
  return parseIp(text)!;
}

/** A record of a capture: a UDP datagram from the client of the lab to its server, or from and to whom it seems. */
export function capturedUdp(payload: string | Uint8Array, source: string = CLIENT.v4, destination: string = SERVER.v4): Bytes {
  const packet = buildUdpPacket({
    source: address(source),
    destination: address(destination),
    sourcePort: 40000,
    destinationPort: 62201,
    payload: typeof payload === "string" ? utf8Bytes(payload) : payload,
  });
  return pcapRecord(packet, Date.now() / 1000);
}

/** A capture of UDP datagrams. */
export function captureOf(payloads: readonly (string | Uint8Array)[]): Bytes {
  return concatBytes(pcapHeader(), ...payloads.map((payload) => capturedUdp(payload)));
}
