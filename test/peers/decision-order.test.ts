/** The order of the checks, at the C daemon and at ours: a packet with all faults, then without the one that was told, and so on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, type DaemonOptions, type Maker, PLAIN_STANZA, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { makePacket, type PacketFields } from "../support/spa.ts";

const OTHER_KEY = Buffer.alloc(32, "other").toString("base64");
const STANZA: Settings = { ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: 300 };
const STRICT: Settings = { ...STANZA, REQUIRE_SOURCE_ADDRESS: "Y", REQUIRE_USERNAME: "somebody", OPEN_PORTS: "tcp/99" };

const HMAC = { hmacKeyBase64: OTHER_KEY };
const OLD = { timestamp: Math.floor(Date.now() / 1000) - 1000 };
const USER = { username: "another" };
const NAT: PacketFields = { type: 2, natAccess: "192.168.10.5,22" };
const NOWHERE = { message: "0.0.0.0,tcp/22" };
const PORT = { message: `${CLIENT.v4},tcp/22` };
const RIGHT: PacketFields = { username: "somebody", message: `${CLIENT.v4},tcp/99` };
const COMMAND: PacketFields = { type: 0, message: `${CLIENT.v4},/bin/true` };

interface Order {
  readonly title: string;
  readonly options: DaemonOptions;
  /** Each packet has one fault less. */
  readonly steps: readonly (readonly [faults: PacketFields, says: RegExp])[];
}

const ORDERS: readonly Order[] = [
  {
    title: "HMAC, age, address, user, NAT, ports",
    options: { stanzas: [STRICT] },
    steps: [
      [{ ...RIGHT, ...PORT, ...NAT, ...USER, ...NOWHERE, ...OLD, ...HMAC }, /\(stanza #1\) .*FKO_ERROR_INVALID_DATA_HMAC_COMPAREFAIL/],
      [{ ...RIGHT, ...PORT, ...NAT, ...USER, ...NOWHERE, ...OLD }, /\(stanza #1\) SPA data time difference is too great \(10\d\d seconds\)/],
      [{ ...RIGHT, ...PORT, ...NAT, ...USER, ...NOWHERE }, /\(stanza #1\) Got 0\.0\.0\.0 when valid source IP was required\./],
      [{ ...RIGHT, ...PORT, ...NAT, ...USER }, /\(stanza #1\) Username in SPA data \(another\) does not match required username: somebody/],
      [{ ...RIGHT, ...PORT, ...NAT }, /\(stanza #1\) SPA packet from 10\.77\.0\.2 requested NAT access, but is not enabled\/supported/],
      [{ ...RIGHT, ...PORT }, /\(stanza #1\) One or more requested protocol\/ports was denied per access\.conf\./],
      [RIGHT, /Added access rule to FWKNOP_INPUT for 10\.77\.0\.2 -> 0\.0\.0\.0\/0 tcp\/99, /],
    ],
  },
  {
    title: "age, address, user, whether commands are allowed",
    options: { stanzas: [{ ...STRICT, OPEN_PORTS: "tcp/1" }] },
    steps: [
      [{ ...COMMAND, ...USER, message: "0.0.0.0,/bin/true", ...OLD }, /SPA data time difference/],
      [{ ...COMMAND, ...USER, message: "0.0.0.0,/bin/true" }, /Got 0\.0\.0\.0/],
      [{ ...COMMAND, ...USER }, /Username in SPA data/],
      [{ ...COMMAND, username: "somebody" }, /SPA Command messages are not allowed in the current configuration\./],
    ],
  },
  {
    title: "that ports come before test mode, and commands mind no ports",
    options: { stanzas: [{ ...STANZA, OPEN_PORTS: "tcp/99", ENABLE_CMD_EXEC: "Y" }], args: ["-t"] },
    steps: [
      [PORT, /One or more requested protocol\/ports was denied/],
      [RIGHT, /--test mode enabled, skipping firewall manipulation\./],
      [COMMAND, /--test mode enabled, skipping command execution\./],
    ],
  },
  { title: "the destination before the expiry", options: { stanzas: [{ ...STANZA, DESTINATION: "192.0.2.1", ACCESS_EXPIRE: "01/01/2020" }], args: ["-v"] }, steps: [[HMAC, /\(stanza #1\) SPA packet \(10\.77\.0\.2 -> 10\.77\.0\.1\) filtered by SOURCE and\/or DESTINATION criteria/]] },
  { title: "the expiry before the HMAC", options: { stanzas: [{ ...STANZA, ACCESS_EXPIRE: "01/01/2020" }] }, steps: [[HMAC, /\(stanza #1\) Access stanza has expired/]] },
  { title: "any stanza's source before all else", options: { stanzas: [{ ...STANZA, SOURCE: "192.0.2.0/24", ACCESS_EXPIRE: "01/01/2020" }] }, steps: [[HMAC, /No access data found for source IP: 10\.77\.0\.2/]] },
  {
    title: "the next stanza after any refusal but a replay",
    options: { stanzas: [{ ...STANZA, HMAC_KEY_BASE64: OTHER_KEY }, { ...STANZA, REQUIRE_USERNAME: "nobody" }, { ...STANZA, OPEN_PORTS: "tcp/1" }, { ...STANZA, OPEN_PORTS: "tcp/22" }] },
    steps: [[PORT, /\(stanza #2\) Username in SPA data[\s\S]*\(stanza #3\) One or more requested[\s\S]*\(stanza #4\) SPA Packet[\s\S]*Added access rule/]],
  },
];

const TOLD = /HMAC_COMPAREFAIL|time difference|Got 0\.0\.0\.0|Username in|requested NAT|was denied|Added access|not allowed|test mode|filtered by|has expired|No access data/g;

describe("order of decisions", { concurrency: 2 }, () => {
  for (const maker of ["C", "ours"] as const satisfies readonly Maker[]) {
    test(`fwknopd (${maker}) checks in the order that access.conf's readers know, and tells of one fault at a time`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS[maker]);
      if (lab === undefined) return;
      for (const [at, { title, options, steps }] of ORDERS.entries()) {
        const fwknopd = await startDaemon(lab, maker, { ...options, name: `order-${at}` });
        for (const [faults, says] of steps) {
          const before = fwknopd.log.length;
          await sendPayloads(lab, [makePacket(faults)]);
          await fwknopd.waitFor(says).catch((error: Error) => assert.fail(`${title}: ${error.message}`));
          if (steps.length > 1) assert.equal(new Set(fwknopd.log.slice(before).match(TOLD)).size, 1, `${title}: ${fwknopd.log.slice(before)}`);
        }
        await fwknopd.stop();
      }
    });
  }
});
