/** What our daemon says of each packet: one final line, the same in words and in JSON, and nothing of stanzas that are not meant. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { pcapHeader } from "../../src/pcap-writer.ts";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { daemonArgv, PLAIN_STANZA, type Settings, writeDaemonFiles } from "../support/peers.ts";
import { capturedUdp, makePacket, type PacketFields } from "../support/spa.ts";

const key = (text: string): string => Buffer.alloc(32, text).toString("base64");
const OWN = { keyBase64: key("own"), hmacKeyBase64: key("nwo") } as const;

/** Of five stanzas a packet is meant for the second and third; the others' keys or addresses are not its. */
const STANZAS: readonly Settings[] = [
  { ...PLAIN_STANZA, HMAC_KEY_BASE64: key("another") },
  { ...PLAIN_STANZA, REQUIRE_USERNAME: "tester", OPEN_PORTS: "tcp/22-29, udp/53", MAX_FW_TIMEOUT: 100, FW_ACCESS_TIMEOUT: 60 },
  { ...PLAIN_STANZA, OPEN_PORTS: "tcp/80", REQUIRE_USERNAME: "tester", ENABLE_CMD_EXEC: "Y", FW_ACCESS_TIMEOUT: 60 },
  { ...PLAIN_STANZA, SOURCE: "192.0.2.0/24" },
  { SOURCE: "ANY", KEY_BASE64: OWN.keyBase64, HMAC_KEY_BASE64: OWN.hmacKeyBase64, CMD_CYCLE_OPEN: "/bin/true $PORT", CMD_CYCLE_CLOSE: "NONE" },
];

interface Row {
  readonly what: string;
  readonly packet: PacketFields | string;
  /** Skew of the sender's clock, seconds; 0 when absent. */
  readonly skew?: number;
  /** The final record without source, user and skew. */
  readonly says: Readonly<Record<string, unknown>>;
  /** The final line, a `…` in it standing for anything, `CLOCK` for what it says of the sender's. */
  readonly line: string;
}

const RULE = `-p 6 -s ${CLIENT.v4} -d 0.0.0.0/0 --dport`;
const ROWS: readonly Row[] = [
  {
    what: "a grant", packet: {}, skew: -7, says: { stanza: 2, verdict: "granted", address: CLIENT.v4, ports: "tcp/22" },
    line: `(stanza #2) Granted tcp/22 for ${CLIENT.v4} for 60 s, expires at …  (user tester, CLOCK) by FWKNOP_INPUT ${RULE} 22 -m comment --comment _exp_… -j ACCEPT`,
  },
  {
    what: "its renewal, cut", packet: { type: 3, clientTimeout: 200 }, skew: 19, says: { stanza: 2, verdict: "renewed", address: CLIENT.v4, ports: "tcp/22" },
    line: `(stanza #2) Renewed tcp/22 for ${CLIENT.v4} for 100 s, expires at … (user tester, CLOCK) by FWKNOP_INPUT ${RULE} 22 …`,
  },
  { what: "a grant by the second that could open it", packet: { message: `${CLIENT.v4},tcp/80` }, says: { stanza: 3, verdict: "granted", address: CLIENT.v4, ports: "tcp/80" }, line: `(stanza #3) Granted tcp/80 for ${CLIENT.v4} …` },
  {
    what: "a port that none allows", packet: { message: `${CLIENT.v4},tcp/30` }, skew: 13, says: { stanza: 3, verdict: "refused", reason: "ports" },
    line: "(stanza #3) One or more requested protocol/ports was denied per access.conf. Requested: tcp/30 (user tester, CLOCK)",
  },
  { what: "another user", packet: { username: "mallory" }, says: { stanza: 3, verdict: "refused", reason: "user" }, line: "(stanza #3) Username in SPA data (mallory) does not match required username: tester (user mallory, CLOCK)" },
  { what: "an old packet", packet: {}, skew: -500, says: { stanza: 3, verdict: "refused", reason: "age" }, line: "(stanza #3) SPA data time difference is too great (… seconds), 120 are allowed (user tester, CLOCK)" },
  { what: "a command", packet: { type: 0, message: `${CLIENT.v4},/bin/false` }, skew: -2, says: { stanza: 3, verdict: "command", command: "/bin/false", exitStatus: 1 }, line: "(stanza #3) CMD_EXEC: command returned 0, pid_status: 1 (user tester, CLOCK)" },
  { what: "a command that is none", packet: { type: 0, message: `${CLIENT.v4},${"w ".repeat(30)}` }, says: { stanza: 3, verdict: "failed", reason: "words" }, line: "(stanza #3) run_extcmd(): Error converting cmd str to argv via strtoargv(): … (user tester, CLOCK)" },
  {
    what: "a cycle of two ports", packet: { ...OWN, message: `${CLIENT.v4},tcp/1,udp/2` }, says: { stanza: 5, verdict: "cycle", address: CLIENT.v4, ports: "tcp/1,udp/2" },
    line: `(stanza #5) Ran CMD_CYCLE_OPEN for tcp/1,udp/2 of ${CLIENT.v4} (user tester, CLOCK)`,
  },
  { what: "a packet of nobody's keys", packet: { hmacKeyBase64: key("nobody") }, says: { stanza: 5, verdict: "refused", reason: "hmac" }, line: "(stanza #5) Non-corresponding HMAC for this stanza: Args contain invalid data: FKO_ERROR_INVALID_DATA_HMAC_COMPAREFAIL" },
  { what: "a packet that none decrypts", packet: { keyBase64: key("nobody") }, says: { stanza: 3, verdict: "refused", reason: "decryption" }, line: "(stanza #3) Error creating fko context: …" },
];

async function start(lab: Lab, name: string, args: readonly string[]): Promise<WatchedChild> {
  const fwknopd = lab.start(lab.server, await daemonArgv("ours", ["--stdin", ...writeDaemonFiles(lab, { name, stanzas: STANZAS }), ...args]), { stdio: ["pipe", "pipe", "pipe"] });
  fwknopd.stdin.write(pcapHeader());
  await fwknopd.waitFor("main event loop");
  return fwknopd;
}

/** Makes the packets, each now. */
function sealed({ packet, skew = 0 }: Row): string {
  return typeof packet === "string" ? packet : makePacket({ timestamp: Math.floor(Date.now() / 1000) + skew, ...packet });
}

const literally = (text: string): string =>
  text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replace(/\s*…\s*/g, ".*").replace("CLOCK", "clock (?:exact|\\d+ s (?:ahead|behind))");

describe("saying why", { concurrency: 2 }, () => {
  test("fwknopd --log-format json gives one object a line, and one with a verdict for each packet, with all that the words say", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const fwknopd = await start(lab, "json", ["--log-format", "json"]);
    for (const [at, row] of ROWS.entries()) {
      fwknopd.stdin.write(capturedUdp(sealed(row)));
      await fwknopd.waitFor('"verdict":', at + 1);
    }
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    const records = fwknopd.log.trim().split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, unknown>> & { readonly message: string });
    const final = records.filter(({ verdict }) => verdict !== undefined);
    assert.equal(final.length, ROWS.length, "one for each packet");
    for (const [at, { what, packet, skew = 0, says, line }] of ROWS.entries()) {
      const { time, level, message, source, user, skew: told, expiresAt, rule, ...rest } = final[at]!;
      assert.match(message, new RegExp(`^\\[${literally(CLIENT.v4)}\\] ${literally(line)}$`), what);
      assert.deepEqual([typeof time, typeof level, source], ["string", "string", CLIENT.v4], what);
      assert.deepEqual(rest, says, what);
      const isOpened = !["hmac", "decryption"].includes(String(says["reason"]));
      assert.equal(user, isOpened ? (packet as PacketFields).username ?? "tester" : undefined, what);
      if (isOpened) {
        // A second may have passed on the way.
        assert(typeof told === "number" && told <= skew && told > skew - 5, `${what}: ${told}`);
        assert(message.includes(told === 0 ? "clock exact" : `clock ${Math.abs(told)} s ${told > 0 ? "ahead" : "behind"}`), what);
      }
      const isOpen = ["granted", "renewed"].includes(String(says["verdict"]));
      assert.equal(isOpen, typeof expiresAt === "number" && message.includes(`expires at ${expiresAt}`), what);
      assert.equal(isOpen, typeof rule === "string" && message.endsWith(` by ${rule}`), what);
    }
    assert(records.every(({ level }) => level !== "debug"));
  });

  test("fwknopd says the same in words, and of stanzas that merely did not match at -v only", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const tell = async (name: string, args: readonly string[]): Promise<string> => {
      const fwknopd = await start(lab, name, args);
      for (const row of ROWS) {
        const pattern = new RegExp(literally(row.line));
        const before = fwknopd.count(pattern);
        fwknopd.stdin.write(capturedUdp(sealed(row)));
        await fwknopd.waitFor(pattern, before + 1).catch((error: Error) => assert.fail(`${row.what}: ${error.message}`));
      }
      assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
      return fwknopd.log;
    };
    const [quiet, verbose] = [await tell("quiet", []), await tell("verbose", ["-v"])];
    // Stanzas 1 and 4 never match; a packet of nobody's keys is told of the last stanza that it came to.
    const unmatched = /\(stanza #[14]\)/;
    assert.doesNotMatch(quiet, unmatched);
    assert.match(verbose, /\(stanza #1\) Non-corresponding HMAC/);
    assert.match(verbose, /\(stanza #4\) SPA packet \(10\.77\.0\.2 -> 10\.77\.0\.1\) filtered by SOURCE and\/or DESTINATION criteria/);
  });
});
