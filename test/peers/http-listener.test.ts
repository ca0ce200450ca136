/** The daemon's HTTP listener among those who mean no good: it answers dully or cuts, stays small, and knocks go on. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { knock, startDaemon } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

/** An address of the client from which nothing bad comes. */
const QUIET = "10.77.0.3";
const CONNECTIONS = 10_000;
const GROWTH_KB = 60_000;

/** Opens connections that send half a head and wait, as many at once as the system lets it, and begins anew whatever is cut. */
const IDLERS = `import("node:net").then(({ connect }) => {
  let opened = 0;
  const open = () => {
    if (++opened > ${CONNECTIONS}) return opened === ${CONNECTIONS} + 50 ? console.log("all were opened") : undefined;
    const socket = connect({ host: "${SERVER.v4}", port: 62201, localAddress: "${CLIENT.v4}" });
    socket.on("connect", () => socket.write("GET /" + "x".repeat(7000)));
    socket.on("error", () => {}).on("close", open).resume();
  };
  for (let at = 0; at < 50; at++) open();
});`;

const granted = (open: number): string => `Added access rule to FWKNOP_INPUT for ${QUIET} -> 0.0.0.0/0 tcp/${open},`;

const memoryKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);

async function request(lab: Lab, open: number): Promise<string> {
  const path = makePacket({ message: `0.0.0.0,tcp/${open}` }).replaceAll("+", "-").replaceAll("/", "_");
  const script = `require("node:http").get({ host: "${SERVER.v4}", port: 62201, localAddress: "${QUIET}", path: "/${path}" }, ({ statusCode }) => { console.log(statusCode); process.exit(); })`;
  return (await lab.client.run([process.execPath, "-e", script])).stdout.trim();
}

describe("fwknopd that captures requests", () => {
  test("takes a packet out of a request that came in pieces", async (t) => {
    const lab = await openLab(t, ["tcpdump"]);
    if (lab === undefined) return;
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "8080", "-j", "ACCEPT"]);
    await lab.serve(lab.server, 8080);
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_SPA_OVER_HTTP: "Y", PCAP_FILTER: "tcp port 8080" } });
    const path = makePacket({ message: "0.0.0.0,tcp/22" }).replaceAll("+", "-").replaceAll("/", "_");
    const pieces = [`GET /${path.slice(0, 20)}`, path.slice(20, 150), `${path.slice(150)} HTTP/1.1\r\nHost: a\r\nUser-`, "Agent: Fwknop/3.0.0\r\n\r\n"];
    const script = `const socket = require("node:net").connect({ host: "${SERVER.v4}", port: 8080, noDelay: true });
      socket.resume();
      const pieces = ${JSON.stringify(pieces)};
      const next = () => pieces.length > 0 ? socket.write(pieces.shift(), () => setTimeout(next, 30)) : socket.destroy();
      next();`;
    await lab.client.run([process.execPath, "-e", script]);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    assert.equal(fwknopd.count("Replay"), 0);
  });
});

describe("the HTTP listener of fwknopd", () => {
  test("takes the same request by ten connections within a moment, as Firefox sends it when it is cut off, for one knock", async (t) => {
    const lab = await openLab(t, ["tcpdump"]);
    if (lab === undefined) return;
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "62201", "-j", "ACCEPT"]);
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_HTTP_SERVER: "Y" } });
    const paths = ["22", "23"].map((open) => makePacket({ message: `0.0.0.0,tcp/${open}` }).replaceAll("+", "-").replaceAll("/", "_"));
    const script = `const [first, last] = ${JSON.stringify(paths)};
      const send = (path) => fetch("http://${SERVER.v4}:62201/" + path).then(({ status }) => status);
      Promise.all(Array.from({ length: 10 }, () => send(first))).then((statuses) => send(last).then((status) => console.log(statuses.join(), status)));`;
    const { stdout } = await lab.client.run([process.execPath, "-e", script]);
    assert.equal(stdout.trim(), `${Array.from({ length: 10 }, () => 204).join()} 204`);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/23`);
    assert.equal(fwknopd.count(/Added access rule .* tcp\/22/), 1);
    assert.doesNotMatch(fwknopd.log, /Replay/);
  });

  test(`takes knocks by UDP and by HTTP while somebody opens ${CONNECTIONS} connections that never finish, and stays as small as it is`, async (t) => {
    const lab = await openLab(t, ["tcpdump"]);
    if (lab === undefined) return;
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "62201", "-j", "ACCEPT"]);
    await lab.client.run(["ip", "addr", "add", `${QUIET}/24`, "dev", "eth0"]);
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_HTTP_SERVER: "Y" } });
    assert.equal(await request(lab, 1001), "204");
    await fwknopd.waitFor(granted(1001));
    const before = memoryKb(fwknopd.pid);

    const idlers = lab.start(lab.client, [process.execPath, "-e", IDLERS]);
    await knock(lab, "ours");
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    assert.equal(await request(lab, 1002), "204", "in the middle of it");
    await fwknopd.waitFor(granted(1002));
    await idlers.waitFor("all were opened");
    const after = memoryKb(fwknopd.pid);
    t.diagnostic(`resident memory: ${before} kB before, ${after} kB after`);
    assert(after - before < GROWTH_KB, `${before} kB became ${after} kB`);
    assert.equal(await request(lab, 1003), "204", "after it");
    await fwknopd.waitFor(granted(1003));
    assert(fwknopd.log.length < 20_000, "nothing of it fills the log");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });
});
