/** The main job, with the C programs and ours at either end: a packet opens a port, once, for its time. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, openLab } from "../support/lab.ts";
import { CLIENT_PEERS, DAEMON_PEERS, knock, type Maker, sendPayloads, startDaemon } from "../support/peers.ts";

const MAKERS: readonly Maker[] = ["C", "ours"];

describe("main job", { concurrency: 2 }, () => {
  for (const client of MAKERS) {
    for (const daemon of MAKERS) {
      test(`fwknop (${client}) opens a port of fwknopd (${daemon}) for its time and only once`, async (t) => {
        const lab = await openLab(t, [...CLIENT_PEERS[client], ...DAEMON_PEERS[daemon]]);
        if (lab === undefined) return;
        await lab.serve(lab.server, 22);
        const fwknopd = await startDaemon(lab, daemon);
        assert.equal(await lab.probe(22), "filtered", "before the knock");

        await knock(lab, client, { args: ["-B", lab.path("packet")] });
        await fwknopd.waitFor(/Added access rule to FWKNOP_INPUT for 10\.77\.0\.2 -> 0\.0\.0\.0\/0 tcp\/22, expires at \d+/);
        assert.equal(await lab.probe(22), "open", "after the knock");
        const [rule, ...others] = await lab.rules("FWKNOP_INPUT");
        assert.match(rule ?? "", new RegExp(`^-A FWKNOP_INPUT -s ${CLIENT.v4}/32 -p tcp -m tcp --dport 22 -m comment --comment "?_exp_\\d+"? -j ACCEPT$`));
        assert.deepEqual(others, []);

        await fwknopd.waitFor(/Removed rule 1 from FWKNOP_INPUT with expire time of \d+/);
        assert.equal(await lab.probe(22), "filtered", "after its time");

        await sendPayloads(lab, [readFileSync(lab.path("packet"), "latin1").trim()]);
        await fwknopd.waitFor(`Replay detected from source IP: ${CLIENT.v4}`);
        assert.deepEqual(await lab.rules("FWKNOP_INPUT"), [], "after the replay");

        assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
        assert.match(fwknopd.log, /Got SIGTERM/);
        const { stdout } = await lab.server.run(["iptables", "-S"]);
        assert.doesNotMatch(stdout, /FWKNOP/);
      });
    }
  }
});
