/** The page in a real Firefox, which sends a request again and again when it is cut off: that is one knock, and no attack. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ensureBuilt, ROOT } from "../support/dist.ts";
import { Firefox, FIREFOX_PEERS } from "../support/firefox.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { HMAC_KEY_BASE64, KEY_BASE64, startDaemon } from "../support/peers.ts";

const PORT = 62201;
const granted = (open: number): string => `Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/${open},`;

/** @returns a browser that shows the saved page */
async function openPage(lab: Lab): Promise<Firefox> {
  await ensureBuilt();
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", String(PORT), "-j", "ACCEPT"]);
  await lab.serve(lab.server, 22);
  const browser = await Firefox.open(lab);
  await browser.go(pathToFileURL(join(ROOT, "dist", "web", "index.html")).href);
  return browser;
}

/** Fills the form in, presses the button, and waits for what the page says then. */
const send = (open: number): string => `
  const values = ${JSON.stringify({ open: `tcp/${open}`, server: SERVER.v4, port: String(PORT), key: KEY_BASE64, keyForm: "base64", hmacKey: HMAC_KEY_BASE64, hmacKeyForm: "base64" })};
  for (const [id, value] of Object.entries(values)) document.getElementById(id).value = value;
  document.getElementById("send").click();
  const status = document.getElementById("status");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (/elivered|No answer|Nothing was sent/.test(status.textContent)) return status.textContent;
  }`;

describe("the page in Firefox", { concurrency: 1 }, () => {
  test("opens a port by the daemon's own HTTP listener", async (t) => {
    const lab = await openLab(t, [...FIREFOX_PEERS, "tcpdump"]);
    if (lab === undefined) return;
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_HTTP_SERVER: "Y" } });
    const browser = await openPage(lab);
    assert.match(await browser.run(send(22)), /^Delivered to 10\.77\.0\.1:62201/);
    await fwknopd.waitFor(granted(22));
    assert.equal(await lab.probe(22), "open");
  });

  test("knocks once at a server that cuts every connection, though the browser sends ten times", async (t) => {
    const lab = await openLab(t, [...FIREFOX_PEERS, "tcpdump"]);
    if (lab === undefined) return;
    // Closes as soon as a request came, without an answer.
    const server = lab.start(lab.server, [process.execPath, "-e", `require("node:net").createServer((socket) => socket.on("error", () => {}).once("data", () => { console.log("request"); socket.end(); })).listen(${PORT}, () => console.log("listening"))`]);
    await server.waitFor("listening");
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_SPA_OVER_HTTP: "Y", ALLOW_ANY_USER_AGENT: "Y", PCAP_FILTER: `tcp dst port ${PORT}` } });
    const browser = await openPage(lab);
    assert.match(await browser.run(send(1001)), /^Not delivered/);
    await fwknopd.waitFor(granted(1001));
    t.diagnostic(`${server.count("request")} requests`);
    assert(server.count("request") > 1, "it did send again");
    // By the time of a second knock the repeats of the first have been decided about.
    await browser.run(send(1002));
    await fwknopd.waitFor(granted(1002));
    assert.equal(fwknopd.count("Added access rule"), 2);
    assert.doesNotMatch(fwknopd.log, /Replay|warning/i);
  });
});
