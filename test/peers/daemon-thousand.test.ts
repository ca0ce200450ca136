/** A thousand knocks in a row. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, openLab } from "../support/lab.ts";
import { DAEMON_PEERS, PLAIN_STANZA, sendPayloads, startDaemon } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const KNOCKS = 1000;
const LIFETIME = 3;
/** Seconds between the end of a grant and its removal. */
const MAX_LATE = 1.5;

describe("a thousand knocks", () => {
  test("fwknopd grants each, closes each in time, and reads its chain no more often than for ten", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [{ ...PLAIN_STANZA, FW_ACCESS_TIMEOUT: LIFETIME }], args: ["-v", "--log-format", "json"] });
    // What grows with the grants: our chain, or everything. The chain that jumps to it stays short.
    const listings = (): number => fwknopd.count(/CMD: '[^']*iptables [^']*-[SL]( FWKNOP_INPUT)?'/);
    const knock = async (from: number, count: number): Promise<void> => {
      for (let at = from; at < from + count; at += 50) {
        await sendPayloads(lab, Array.from({ length: Math.min(50, from + count - at) }, (_, step) => makePacket({ message: `${CLIENT.v4},tcp/${1000 + at + step}` })));
      }
    };
    await knock(0, 10);
    await fwknopd.waitFor('"verdict":"granted"', 10);
    await fwknopd.waitFor('"message":"Removed rule', 10);
    const forTen = listings();
    await knock(10, KNOCKS);
    await fwknopd.waitFor('"verdict":"granted"', KNOCKS + 10);
    await fwknopd.waitFor('"message":"Removed rule', KNOCKS + 10);
    // So many at once that some were elements of sets, whose rules stay.
    assert.deepEqual((await lab.rules("FWKNOP_INPUT")).filter((rule) => !rule.includes("--match-set")), []);

    const records = fwknopd.log.trim().split("\n").map((line) => JSON.parse(line) as { readonly time: string; readonly message: string });
    const late = records.flatMap(({ time, message }) => {
      const end = /^Removed rule \d+ from \w+ with expire time of (\d+)/.exec(message)?.[1];
      return end === undefined ? [] : [Date.parse(time) / 1000 - Number(end)];
    });
    assert.equal(late.length, KNOCKS + 10);
    assert(Math.min(...late) >= 0 && Math.max(...late) < MAX_LATE, `removed between ${Math.min(...late)} and ${Math.max(...late)} s after their ends`);
    // A look for rules of others when something is closed, at most every two seconds; none for a knock.
    assert(listings() - forTen <= 4, `${listings() - forTen} listings for ${KNOCKS} knocks, ${forTen} for ten and the start`);
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });
});
