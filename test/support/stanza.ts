/** Stanzas, configurations and packets for tests of the server's core. */

import { utf8Bytes } from "../../src/bytes.ts";
import type { AccessStanza } from "../../src/config/access-config.ts";
import { parseAddressList } from "../../src/config/address-list.ts";
import type { DaemonConfig } from "../../src/config/daemon-config.ts";
import { parsePortList } from "../../src/config/port-list.ts";
import { DIGESTS, encodeMessage, type Message, sealMessage } from "../../src/fko.ts";
import { HmacKey } from "../../src/hmac.ts";
import { type IpAddress, parseIp } from "../../src/ip.ts";
import type { Datagram } from "../../src/packet.ts";
import type { Gen } from "./gen.ts";

/** Unix time, seconds, at which all tests play. */
export const NOW = 1795344100;

export const ip = (text: string): IpAddress => parseIp(text)!;

export function addresses(text: string) {
  const parsed = parseAddressList(text);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.value;
}

export function ports(text: string) {
  const parsed = parsePortList(text);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.value;
}

/** A stanza that takes whatever comes with the right keys. */
export function stanza(overrides: Partial<AccessStanza> = {}): AccessStanza {
  return {
    number: 1,
    file: "access.conf",
    line: 1,
    SOURCE: addresses("ANY"),
    KEY: utf8Bytes("testkey"),
    HMAC_KEY: utf8Bytes("testhmac"),
    HMAC_DIGEST_TYPE: "sha256",
    ENCRYPTION_MODE: "cbc",
    FW_ACCESS_TIMEOUT: 30,
    MAX_FW_TIMEOUT: 300,
    PERMIT_CLIENT_TIMEOUT: true,
    REQUIRE_SOURCE_ADDRESS: false,
    DISABLE_FW_ACCESS: false,
    ENABLE_CMD_EXEC: false,
    FORWARD_ALL: false,
    FORCE_MASQUERADE: false,
    DISABLE_DNAT: false,
    ENABLE_GPG: false,
    ...overrides,
  } as AccessStanza;
}

/** A configuration with everything off that is off by default. */
export function config(overrides: Partial<DaemonConfig> = {}): DaemonConfig {
  return {
    ENABLE_SPA_PACKET_AGING: true,
    MAX_SPA_PACKET_AGE: 120,
    ENABLE_SPA_OVER_HTTP: false,
    ALLOW_ANY_USER_AGENT: false,
    ENABLE_X_FORWARDED_FOR: false,
    TRUSTED_PROXIES: [],
    ENABLE_IPT_FORWARDING: false,
    ENABLE_IPT_LOCAL_NAT: false,
    ENABLE_IPT_SNAT: false,
    ENABLE_NAT_DNS: true,
    ENABLE_DESTINATION_RULE: false,
    REQUIRE_SOURCE_ADDRESS: false,
    ...overrides,
  } as DaemonConfig;
}

/** A message that {@link stanza} grants. */
export function message(overrides: Partial<Message> = {}): Message {
  return {
    random: "1234567890123456",
    username: "alice",
    timestamp: NOW,
    version: "3.0.0",
    type: 1,
    message: "203.0.113.5,tcp/22",
    digestType: "sha256",
    ...overrides,
  };
}

/** Seals a message for a stanza. */
export function packetFor(target: AccessStanza, fields: Message, random: Gen): string {
  return sealFor(target, encodeMessage(fields).plaintext, random);
}

/** Seals whatever plaintext for a stanza. */
export function sealFor(target: AccessStanza, plaintext: string, random: Gen): string {
  const hmac = target.HMAC_KEY && new HmacKey(DIGESTS[target.HMAC_DIGEST_TYPE].hash, target.HMAC_KEY);
  return sealMessage(plaintext, { mode: target.ENCRYPTION_MODE, key: target.KEY!, salt: random.bytes(8), ...(hmac && { hmac }) });
}

/** A datagram that carries a payload. */
export function datagram(payload: string | Uint8Array, overrides: Partial<Datagram> = {}): Datagram {
  return {
    payload: typeof payload === "string" ? utf8Bytes(payload) : payload,
    source: ip("192.0.2.7"),
    destination: ip("192.0.2.1"),
    protocol: 17,
    sourcePort: 40000,
    destinationPort: 62201,
    timestamp: NOW,
    ...overrides,
  };
}
