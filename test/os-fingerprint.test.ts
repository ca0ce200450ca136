import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { hexBytes } from "../src/bytes.ts";
import { matchesFingerprint, parseFingerprints, type SynFacts } from "../src/os-fingerprint.ts";

/** What Linux sends: MSS 1460, SACK, timestamp, NOP, window scale 7. */
const LINUX = hexBytes("020405B40402080A00000001000000000103 0307".replace(" ", ""))!;
const syn = (changes: Partial<SynFacts> = {}): SynFacts => ({ window: 5840, ttl: 64, dontFragment: true, length: 60, options: LINUX, ...changes });
const matches = (line: string, facts: Partial<SynFacts> = {}, maxHops = 20): boolean => {
  const { fingerprints, bad } = parseFingerprints(line);
  assert.deepEqual([fingerprints.length, bad], [1, []], line);
  return matchesFingerprint(syn(facts), fingerprints, maxHops);
};
const line = (start: string, options = "M*,S,T,N,W7"): string => `${start}:${options}:\t\tLinux:2.6:8:Linux 2.6.8 and newer (?)`;

describe("matchesFingerprint()", () => {
  it("compares window sizes as numbers, multiples, segments and MTUs", () => {
    for (const [window, value, isRight] of [
      ["5840", 5840, true], ["5840", 5841, false], ["*", 1, true], ["%8", 5840, true], ["%8", 5841, false], ["S4", 5840, true], ["S4", 5841, false], ["S4", 7300, false],
      ["T4", 6000, true], ["T4", 5840, false], ["S", 7300, true], ["S", 7301, false], ["T", 1500, true],
    ] as const) assert.equal(matches(line(`${window}:64:1:60`), { window: value }), isRight, `${window} ${value}`);
    assert.equal(matches(line("S4:64:1:40", "."), { window: 0, length: 40, options: new Uint8Array(0) }), false, "no segment size, no multiple of it");
  });

  it("takes as many hops as it is told, and no TTL above the first", () => {
    for (const [ttl, isRight] of [[64, true], [44, true], [43, false], [65, false]] as const) assert.equal(matches(line("S4:64:1:60"), { ttl }), isRight, String(ttl));
    assert.equal(matches(line("S4:64:1:60"), { ttl: 63 }, 0), false);
  });

  it("compares DF, the packet's length, and the options in their order", () => {
    assert.equal(matches(line("S4:64:0:60")), false);
    assert.equal(matches(line("S4:64:1:52")), false);
    assert.equal(matches(line("S4:64:1:*")), true);
    for (const [options, isRight] of [
      ["M1460,S,T,N,W7", true], ["M1461,S,T,N,W7", false], ["M*,S,T0,N,W7", false], ["M*,S,T,N,W*", true], ["M%20,S,T,N,W%7", true], ["M*,T,S,N,W7", false], ["M*,S,T,N", false], ["M*,S,T,N,W7,N", false], [".", false], ["M* S T N W7", true],
    ] as const) assert.equal(matches(line("S4:64:1:60", options)), isRight, options);
    assert.equal(matches(line("S4:64:1:60", "M*,S,T0,N,W7"), { options: hexBytes("020405B40402080A00000000000000000103" + "0307")! }), true);
  });

  it("takes no packet with half an option, or with one that no fingerprint has", () => {
    for (let length = 0; length < LINUX.length; length++) assert.equal(matches(line("*:64:1:60"), { options: LINUX.subarray(0, length) }), false, String(length));
    assert.equal(matches(line("*:64:1:60"), { options: Uint8Array.of(...LINUX, 0x22, 0) }), false);
    assert.equal(matches(line("*:64:1:60"), { options: Uint8Array.of(...LINUX, 0, 0xff) }), true, "behind the end of the list there is nothing");
  });
});

describe("parseFingerprints()", () => {
  it("names what is no fingerprint by its line", () => {
    const text = ["# a remark", "", "S4:64:1:60:M*:Linux:2::x", "S4:64:1:60:M*:Linux:2", "S4:64:2:60:M*:L:2::x", "S4:a:1:60:M*:L:2::x", "Q4:64:1:60:M*:L:2::x", "S4:64:1:60:M:L:2::x", "S4:64:1:60:X:L:2::x", ":64:1:60:M*:L:2::x", "%:64:1:60:M*:L:2::x", "S4:64:1:60:M*:L:2::x:y", "S4:64:1:60::L:2::x", "S4:64:1:60:MS:L:2::x"].join("\n");
    assert.deepEqual(parseFingerprints(text).bad, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    assert.deepEqual(parseFingerprints("*:64:1:60:.:@Windows:XP:SP1:Windows XP SP1").fingerprints.map(({ name, words }) => [name, words]), [["Windows:XP:SP1:Windows XP SP1", ["Windows", "Windows XP SP1"]]]);
  });

  const DEBIAN = "/usr/share/doc/nftables/examples/pf.os";
  it("reads every line of the file that nftables brings along", { skip: !existsSync(DEBIAN) && `${DEBIAN} is missing (Debian: nftables)` }, () => {
    const { fingerprints, bad } = parseFingerprints(readFileSync(DEBIAN, "latin1"));
    assert(fingerprints.length > 200, String(fingerprints.length));
    assert.deepEqual(bad, []);
    const of = (facts: Partial<SynFacts>) => fingerprints.filter((known) => matchesFingerprint(syn(facts), [known], 20)).map(({ words }) => words[0]);
    assert.deepEqual([...new Set(of({}))], ["Linux"]);
    assert.deepEqual([...new Set(of({ window: 65535, ttl: 118, length: 48, options: hexBytes("020405B401010402")! }))], ["Windows"]);
  });
});
