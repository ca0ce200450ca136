/**
 * The page in a real Chromium: a person fills the form in and presses the button, and a port opens, of the C daemon and
 * of ours. `SCREENSHOTS=docs/web` keeps a picture of each state.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { utf8Bytes } from "../../src/bytes.ts";
import { DIGESTS, type DigestType, type EncryptionMode, openPacket } from "../../src/fko.ts";
import { HmacKey } from "../../src/hmac.ts";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { Browser, BROWSER_PEERS } from "../support/browser.ts";
import { ensureBuilt, ROOT, shipped } from "../support/dist.ts";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { HMAC_KEY_BASE64, KEY_BASE64, startDaemon } from "../support/peers.ts";
import { nginxExample } from "../support/proxy-example.ts";

const PAGE = join(ROOT, "dist", "web", "index.html");
const KNOCK_PORT = 62201;
const PAGE_PORT = 8000;
const TAB = "\uE004";
const ESCAPE = "\uE00C";
const ENTER = "\uE007";
const DOWN = "\uE015";

/** Opens the server's firewall for web requests: a browser's knock is a connection. */
async function letRequestsIn(lab: Lab): Promise<void> {
  await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", `80,${PAGE_PORT},${KNOCK_PORT}`, "-j", "ACCEPT"]);
}

/**
 * Answers each request with a file, or without one with 204.
 *
 * @returns the server, which says the first line of each request
 */
async function serveFile(lab: Lab, port: number, file?: string): Promise<WatchedChild> {
  const respond = file === undefined
    ? "response.writeHead(204, { connection: 'close' }).end()"
    : `response.writeHead(200, { "content-type": "text/html" }).end(require("node:fs").readFileSync(${JSON.stringify(file)}))`;
  const server = lab.start(lab.server, [process.execPath, "-e", `require("node:http").createServer((request, response) => { console.log(request.method, request.url.slice(0, 20)); ${respond}; }).listen(${port}, () => console.log("listening"))`]);
  await server.waitFor("listening");
  return server;
}

/** Fills in what the lab's stanza wants. */
async function fillIn(browser: Browser, port = KNOCK_PORT): Promise<void> {
  await browser.fill("#server", SERVER.v4);
  await browser.fill("#port", String(port));
  await browser.fill("#key", KEY_BASE64);
  await browser.choose("#keyForm", "base64");
  await browser.fill("#hmacKey", HMAC_KEY_BASE64);
  await browser.choose("#hmacKeyForm", "base64");
}

/** Keeps a picture where that was asked for. */
async function keep(browser: Browser, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder) await browser.picture(join(ROOT, folder, `${name}.png`));
}

/** What a page must never be reproached with. */
async function assertQuiet(browser: Browser): Promise<void> {
  assert.deepEqual((await browser.console()).filter((line) => /^SEVERE|Content Security Policy|Trusted/i.test(line)), []);
}

/** Has the page make a packet of every type, mode, digest and HMAC, and opens each with the server's code. */
async function assertEveryKindOpens(browser: Browser): Promise<void> {
  const made = await browser.runAsync<{ kind: Record<string, string>; packet: string }[]>(EVERY_KIND);
  assert(Array.isArray(made), String(made));
  const types = new Set<number>();
  for (const { kind, packet } of made) {
    const hmac = kind["useHmac"] === "yes" ? { hmac: new HmacKey(DIGESTS[kind["hmacType"] as DigestType].hash, Buffer.from(HMAC_KEY_BASE64, "base64")) } : {};
    const opened = openPacket(utf8Bytes(packet), { mode: kind["mode"] as EncryptionMode, key: Buffer.from(KEY_BASE64, "base64"), ...hmac });
    assert(opened.ok, JSON.stringify([kind, opened]));
    assert.equal(opened.message.digestType, kind["digestType"]);
    types.add(opened.message.type);
  }
  assert.deepEqual([...types].sort(), [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(new Set(made.map(({ packet }) => packet)).size, made.length, "each is fresh");
}

describe("the page", { concurrency: 1 }, () => {
  test("as a saved file opens a port of fwknopd (C) for the browser's address", async (t) => {
    const lab = await openLab(t, [...BROWSER_PEERS, "curl", "fwknopd"]);
    if (lab === undefined) return;
    await ensureBuilt();
    await letRequestsIn(lab);
    const [server] = await Promise.all([serveFile(lab, KNOCK_PORT), lab.serve(lab.server, 22)]);
    const fwknopd = await startDaemon(lab, "C", { config: { ENABLE_SPA_OVER_HTTP: "Y", PCAP_FILTER: `tcp port ${KNOCK_PORT}` } });
    const browser = await Browser.open(lab);
    await browser.resize(720, 900);
    // fwknopd 2.6.10 has no ALLOW_ANY_USER_AGENT yet.
    await browser.devtools("Network.setUserAgentOverride", { userAgent: "Fwknop/3.0.0" });
    await browser.go(pathToFileURL(PAGE).href);
    assert.deepEqual(await browser.run("return [isSecureContext, location.protocol]"), [true, "file:"]);
    await keep(browser, "empty");

    await browser.click("#send");
    assert.match(await browser.text("#status"), /^Nothing was sent: 3 fields/);
    assert.equal(await browser.run("return document.activeElement.id"), "server");
    await keep(browser, "error");

    await fillIn(browser);
    assert.equal(await lab.probe(22), "filtered", "before the knock");
    await keep(browser, "filled");
    await browser.click("#send");
    const status = await browser.waitForText("#status", /Delivered/);
    assert.doesNotMatch(status, /opened/i);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    assert.equal(await lab.probe(22), "open", "after the knock");
    await keep(browser, "sent");

    await fwknopd.waitFor("Removed rule 1 from FWKNOP_INPUT");
    await browser.click("#send");
    await fwknopd.waitFor("Added access rule to FWKNOP_INPUT", 2);
    assert.equal(fwknopd.count("Replay detected"), 0, "a fresh packet at each press");
    assert.match(server.log, /^listening\n(GET \/[\w-]{19}\n){2}$/, "one request a press, and nothing else");

    // What is shown can be taken elsewhere: to the clipboard, and to a terminal.
    await browser.fill("#open", "tcp/23");
    await browser.click("#make");
    await browser.waitForText("#status", /not sent/);
    await keep(browser, "packet");
    const [, url, , curl] = await browser.run<string[]>("return [...document.querySelectorAll('#texts pre')].map(({ textContent }) => textContent)");
    await browser.devtools("Browser.grantPermissions", { permissions: ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    await browser.click("button[aria-label='Copy URL']");
    await browser.waitForText("#texts", /Copied/);
    assert.equal(await browser.runAsync("return navigator.clipboard.readText()"), url);
    await lab.client.run(["sh", "-c", curl!]);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/23`);
    assert.equal(server.count(url!.slice(url!.lastIndexOf("/"), url!.lastIndexOf("/") + 20)), 1, "made is not sent");

    await assertEveryKindOpens(browser);
    await assertQuiet(browser);
    assert.deepEqual(await browser.run("return [document.title, location.href.includes('?') || location.href.includes('#'), localStorage.length]"), ["Knock – fko-tool", false, 0]);
  });

  for (const [who, place, peers] of [["C", "plain http, without crypto.subtle,", ["fwknopd"]], ["ours", "a saved file", ["tcpdump"]]] as const) {
    test(`from ${place} opens a port of fwknopd (${who}) that captures what goes to a web server`, async (t) => {
      const lab = await openLab(t, [...BROWSER_PEERS, ...peers]);
      if (lab === undefined) return;
      await ensureBuilt();
      await letRequestsIn(lab);
      await Promise.all([serveFile(lab, KNOCK_PORT), serveFile(lab, PAGE_PORT, PAGE), lab.serve(lab.server, 22)]);
      const fwknopd = await startDaemon(lab, who, { config: { ENABLE_SPA_OVER_HTTP: "Y", PCAP_FILTER: `tcp port ${KNOCK_PORT}`, ...(who === "ours" && { ALLOW_ANY_USER_AGENT: "Y" }) } });
      const browser = await Browser.open(lab);
      if (who === "C") await browser.devtools("Network.setUserAgentOverride", { userAgent: "Fwknop/3.0.0" });
      await browser.go(who === "C" ? `http://${SERVER.v4}:${PAGE_PORT}/` : pathToFileURL(PAGE).href);
      await fillIn(browser);
      await browser.click("#send");
      await browser.waitForText("#status", /Delivered/);
      await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
      assert.equal(await lab.probe(22), "open");
    });
  }

  test("from plain http, without crypto.subtle, opens a port of our fwknopd by its own HTTP listener", async (t) => {
    const lab = await openLab(t, [...BROWSER_PEERS, "tcpdump"]);
    if (lab === undefined) return;
    await ensureBuilt();
    await letRequestsIn(lab);
    await Promise.all([lab.serve(lab.server, 22), serveFile(lab, PAGE_PORT, PAGE)]);
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_HTTP_SERVER: "Y" }, args: ["-v", "-v"] });
    const browser = await Browser.open(lab);
    await browser.go(`http://${SERVER.v4}:${PAGE_PORT}/`);
    assert.deepEqual(await browser.run("return [isSecureContext, typeof crypto.subtle]"), [false, "undefined"]);
    assert.match(await browser.text("#insecure"), /plain http/);

    await fillIn(browser);
    await browser.click("#send");
    await browser.waitForText("#status", /Delivered/);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    assert.equal(await lab.probe(22), "open", "after the knock");

    await browser.click("#result summary");
    await browser.click("button[aria-label='Copy curl']");
    assert.match(await browser.text("#texts"), /Copied/);
    await browser.click("#result summary");

    // The same by opening the address: the 204 leaves the page where it is.
    await browser.runAsync("location.href = [...document.querySelectorAll('#texts pre')][1].textContent; await new Promise((resolve) => setTimeout(resolve, 500));");
    assert.equal(await browser.url(), `http://${SERVER.v4}:${PAGE_PORT}/`);
    assert.match(await browser.text("#status"), /Delivered/);
    assert.doesNotMatch(fwknopd.log, /warning.*Replay/i, "what a browser sends again is no attack");

    // It counts down what was asked for.
    await browser.fill("#timeout", "2");
    await browser.click("#send");
    assert.match(await browser.waitForText("#status", /[12] s are left/), /^Delivered/);
    await browser.waitForText("#status", /If it was, its time is over/);
    await browser.fill("#timeout", "");

    // A port that keeps silent, and one where nobody listens.
    await browser.fill("#port", "62299");
    assert.equal(await browser.run("return document.getElementById('status').textContent"), "", "old news goes when something changes");
    await browser.run(RECORD_SHIFTS);
    await browser.click("#send");
    assert.match(await browser.waitForText("#status", /No answer .* in 8 seconds/), /try the service/);
    assert.deepEqual(await browser.runAsync(SHIFTS), [], "nothing moves when the answer does not come");
    await keep(browser, "silent");
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "62299", "-j", "REJECT", "--reject-with", "tcp-reset"]);
    await browser.click("#send");
    assert.match(await browser.waitForText("#status", /Not delivered/), /Nothing listens there/);
    await keep(browser, "not-delivered");
    assert.equal(await browser.run("return document.getElementById('navigate').hidden"), false);
    await assertEveryKindOpens(browser);
  });

  test("behind a real nginx opens the port for the browser, not for nginx", async (t) => {
    const lab = await openLab(t, [...BROWSER_PEERS, "nginx", "tcpdump"]);
    if (lab === undefined) return;
    await ensureBuilt();
    await letRequestsIn(lab);
    await lab.serve(lab.server, 22);
    const fwknopd = await startDaemon(lab, "ours", {
      config: { ENABLE_HTTP_SERVER: "Y", HTTP_SERVER_ADDRESS: "127.0.0.1", ENABLE_X_FORWARDED_FOR: "Y", TRUSTED_PROXIES: "127.0.0.1" },
    });
    // The example of the manual, with what makes it run here.
    const example = nginxExample();
    const folder = lab.folder;
    const config = lab.write("nginx.conf", `user root; daemon off; pid ${folder}/nginx.pid; error_log stderr notice; events {}
      http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      ${example} }`);
    const nginx = lab.start(lab.server, ["nginx", "-e", "stderr", "-c", config]);
    await nginx.waitFor("start worker process");
    const browser = await Browser.open(lab);
    await browser.go(pathToFileURL(PAGE).href);
    await fillIn(browser, 80);
    await browser.click("#send");
    await browser.waitForText("#status", /Delivered/);
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    assert.equal(await lab.probe(22), "open");
    assert.equal(fwknopd.count("Added access rule"), 1);

    // A port of the web can be looked at from the page.
    await browser.fill("#open", "tcp/22, tcp/80");
    await browser.click("#send");
    await browser.waitForText("#status", /Delivered/);
    await browser.click("#probe");
    await browser.waitForText("#status", /Something answers at http:\/\/10\.77\.0\.1\//);
    await assertQuiet(browser);
  });

  test("from https knocks at plain http by opening the address, stays where it is, and is an app that works offline", async (t) => {
    const lab = await openLab(t, [...BROWSER_PEERS, "openssl", "tcpdump"]);
    if (lab === undefined) return;
    await ensureBuilt();
    await letRequestsIn(lab);
    const [key, certificate] = [lab.path("key.pem"), lab.path("certificate.pem")];
    await lab.server.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=knock", "-keyout", key, "-out", certificate]);
    // A certificate that the browser is told to know, so that it takes the page for a secure one in all respects.
    const spki = createHash("sha256").update(createPublicKey(readFileSync(certificate)).export({ type: "spki", format: "der" })).digest("base64");
    const types = { "": "text/html", "sw.js": "text/javascript", "manifest.webmanifest": "application/manifest+json", "icon.svg": "image/svg+xml" };
    const server = lab.start(lab.server, [process.execPath, "-e", `const read = require("node:fs").readFileSync, types = ${JSON.stringify(types)};
      require("node:https").createServer({ key: read(${JSON.stringify(key)}), cert: read(${JSON.stringify(certificate)}) }, (request, response) => {
        const name = request.url.slice(1);
        if (name in types) response.writeHead(200, { "content-type": types[name] }).end(read(${JSON.stringify(join(ROOT, "dist", "web"))} + "/" + (name || "index.html")));
        else response.writeHead(404).end();
      }).listen(${PAGE_PORT}, () => console.log("listening"))`]);
    await Promise.all([server.waitFor("listening"), lab.serve(lab.server, 22)]);
    const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_HTTP_SERVER: "Y" } });
    const browser = await Browser.open(lab, lab.client, [`--ignore-certificate-errors-spki-list=${spki}`]);
    const url = `https://${SERVER.v4}:${PAGE_PORT}/`;
    await browser.go(url);
    await fillIn(browser);
    await browser.click("#send");
    await fwknopd.waitFor(`Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/22`);
    const status = await browser.waitForText("#status", /going to its address/);
    assert.match(status, /cannot be seen from here/);
    assert.doesNotMatch(status, /opened/i);
    assert.deepEqual([await browser.url(), await browser.run("return history.length"), await lab.probe(22)], [url, 2, "open"]);
    await browser.waitUntil("document.getElementById('send').ariaDisabled === 'false'");
    await keep(browser, "https");

    // What a page from https cannot tell apart it lists.
    await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "62299", "-j", "REJECT", "--reject-with", "tcp-reset"]);
    await browser.click("#more summary");
    await browser.run("document.getElementById('scheme').focus()");
    await browser.press(DOWN);
    assert.equal(await browser.run("return document.getElementById('port').value"), "443");
    await browser.fill("#port", "62299");
    await browser.devtools("Browser.setPermission", { permission: { name: "local-network" }, setting: "denied" });
    await browser.click("#send");
    assert.match(await browser.waitForText("#status", /Not delivered/), /certificate.*local network.*opening the address/);

    // It can be installed from here, and then needs no server to be there.
    await browser.runAsync("await navigator.serviceWorker.ready");
    const { installabilityErrors } = await browser.devtools<{ installabilityErrors: { errorId: string }[] }>("Page.getInstallabilityErrors");
    assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"), []);
    await server.stop();
    await browser.reload();
    await fillIn(browser);
    await browser.click("#make");
    await browser.waitForText("#status", /packet is below/);
  });

  test("of fko-tool web keeps profiles that nobody can read, works offline, and is used by keyboard on a narrow screen", async (t) => {
    const lab = await openLab(t, [...BROWSER_PEERS, "zbarimg"]);
    if (lab === undefined) return;
    await ensureBuilt();
    const web = lab.start(lab.client, shipped("fko-tool", "web", "--port", "0"));
    await web.waitFor("Ctrl-C");
    const url = /http:\S+/.exec(web.log)![0];
    // The browser's camera shows its test picture, and whoever looks for a code in it finds this one.
    const browser = await Browser.open(lab, lab.client, ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]);
    const scanned = `fwknop://knock.example.org:8443?ACCESS=udp/53&KEY=scanned`;
    await browser.devtools("Page.addScriptToEvaluateOnNewDocument", {
      source: `globalThis.BarcodeDetector = class { async detect(video) { return video.videoWidth > 0 ? [{ rawValue: "${scanned}" }] : []; } };
        const { setTimeout: set } = globalThis;
        globalThis.setTimeout = (act, ms) => set(ms === 600_000 ? (globalThis.tenMinutesLater = act) : act, ms);`,
    });
    await browser.resize(720, 680);
    await browser.go(url);

    await t.test("fills the form in from a scanned code, and gives the camera back", async () => {
      await browser.click("[data-dialog=import]");
      await browser.click("#scan");
      await browser.waitForText("#status", /Filled in/);
      assert.deepEqual(await browser.run("return ['server', 'port', 'open', 'key'].map((id) => document.getElementById(id).value)"), ["knock.example.org", "8443", "udp/53", "scanned"]);
      assert.equal(await browser.run("return document.getElementById('camera').srcObject"), null);
      assert.equal(await browser.run("return document.activeElement.id"), "hmacKey", "what is still missing");
      await browser.reload();
    });

    await t.test("fills the form in from a link behind its own address, but for one with keys", async () => {
      await browser.go("about:blank");
      await browser.go(`${url}#fwknop://knock.example.org:8080?ACCESS=tcp/443&FW_TIMEOUT=20`);
      assert.match(await browser.text("#status"), /Filled in from the link/);
      assert.deepEqual(await browser.run("return ['server', 'port', 'open', 'timeout'].map((id) => document.getElementById(id).value)"), ["knock.example.org", "8080", "tcp/443", "20"]);
      await browser.go("about:blank");
      await browser.go(`${url}#fwknop://knock.example.org?KEY=secret`);
      assert.match(await browser.text("#status"), /held keys and was not used/);
      assert.deepEqual([await browser.run("return document.getElementById('key').value + document.getElementById('server').value"), await browser.url()], ["", url]);
      await browser.run("location.hash = 'fwknop://second.example.org?ACCESS=tcp/80'");
      await browser.waitForText("#status", /Filled in from the link/);
      await browser.run("location.hash = 'fwknop://third.example.org?HMAC_KEY=secret'");
      await browser.waitForText("#status", /held keys and was not used/);
      assert.deepEqual([await browser.run("return document.getElementById('hmacKey').value + document.getElementById('server').value"), await browser.url()], ["second.example.org", url]);
      await browser.reload();
    });

    await t.test("fills the form in from a pasted stanza", async () => {
      await browser.click("[data-dialog=import]");
      assert.equal(await browser.run("return document.activeElement.id"), "paste");
      await browser.fill("#paste", "SERVER_CMD");
      await browser.click("#take");
      assert.match(await browser.text("#paste-error"), /expected NAME and VALUE/);
      await keep(browser, "import");
      await browser.fill("#paste", `[${SERVER.v4}]\nACCESS tcp/22\nKEY_BASE64 ${KEY_BASE64}\nHMAC_KEY_BASE64 ${HMAC_KEY_BASE64}\nUSE_HMAC Y\nVERBOSE 1\n`);
      await browser.click("#take");
      assert.match(await browser.text("#status"), /Filled in from \[10\.77\.0\.1\].*\n?.*Not used here: VERBOSE/);
      assert.deepEqual(await browser.run("return [document.getElementById('key').value, document.getElementById('paste').value, document.activeElement.id]"), [KEY_BASE64, "", "send"]);
    });

    await t.test("keeps a profile sealed, over a reload", async () => {
      await browser.click("[data-dialog=profiles]");
      await browser.press(..."correct horse battery", ENTER);
      await browser.waitForText("#unlocked", /Name/);
      await browser.fill("#profileName", "at home");
      await browser.click("#save");
      await browser.waitForText("#vault-status", /Saved as “at home”/);
      await keep(browser, "profiles");
      const stored = await browser.run<string>("return JSON.stringify(localStorage)");
      for (const secret of [KEY_BASE64, HMAC_KEY_BASE64, SERVER.v4, "at home", "tcp/22", "battery"]) assert(!stored.includes(secret), secret);

      await browser.reload();
      assert.equal(await browser.run("return document.getElementById('key').value"), "");
      await browser.click("[data-dialog=profiles]");
      await browser.fill("#passphrase", "wrong horse");
      await browser.click("#unlock");
      await browser.waitForText("#passphrase-error", /does not open/);
      await browser.fill("#passphrase", "correct horse battery");
      await browser.click("#unlock");
      await browser.waitForText("#profile", /at home/);
      await browser.click("#load");
      assert.match(await browser.text("#status"), /Filled in from “at home”/);
      assert.deepEqual(await browser.run("return ['server', 'key', 'hmacKey'].map((id) => document.getElementById(id).value)"), [SERVER.v4, KEY_BASE64, HMAC_KEY_BASE64]);
    });

    await t.test("locks the profiles when another tab changes them, and deletes one at the second press only", async () => {
      await browser.click("[data-dialog=profiles]");
      const rest = (await browser.run<string>("return localStorage.getItem('fko-tool.vault')"));
      await browser.run("dispatchEvent(new StorageEvent('storage', { key: 'fko-tool.vault' }))");
      assert.match(await browser.text("#vault-status"), /another tab/);
      await browser.fill("#passphrase", "correct horse battery");
      await browser.click("#unlock");
      await browser.waitForText("#profile", /at home/);
      await browser.click("#remove");
      assert.equal(await browser.spoken("#remove"), "button Really delete?");
      assert.equal(await browser.run("return localStorage.getItem('fko-tool.vault')"), rest);
      await browser.click("#remove");
      await browser.waitForText("#vault-status", /Deleted “at home”/);
      assert.notEqual(await browser.run("return localStorage.getItem('fko-tool.vault')"), rest);
      await browser.run("localStorage.setItem('fko-tool.vault', arguments[0])", rest);
      await browser.press(ESCAPE);
    });

    await t.test("shows the settings as a QR code that a scanner reads", async () => {
      await browser.click("[data-dialog=qr]");
      await browser.click("#draw");
      const svg = await browser.run<string>("return document.querySelector('#code svg').outerHTML");
      assert.match(svg, /^<svg/);
      await browser.resize(720, 900);
      const { data } = await browser.devtools<{ data: string }>("Page.captureScreenshot");
      const { stdout } = spawnSync("zbarimg", ["--raw", "-q", lab.write("code.png", Buffer.from(data, "base64"))], { encoding: "utf8" });
      assert.match(stdout, /^fwknop:\/\/10\.77\.0\.1:62201\?ACCESS=tcp\/22/);
      await keep(browser, "qr");
      await browser.press(ESCAPE);
      await browser.waitUntil("document.querySelector('dialog[open], #code *') === null");
    });

    await t.test("can be installed, and comes back without a network", async () => {
      await browser.runAsync("await navigator.serviceWorker.ready");
      const { installabilityErrors } = await browser.devtools<{ installabilityErrors: { errorId: string }[] }>("Page.getInstallabilityErrors");
      assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"), []);
      await web.stop();
      await browser.reload();
      assert.equal(await browser.run("return document.title"), "Knock – fko-tool");
      assert.equal(await browser.text("h1"), "Knock");
    });

    await t.test("stays where it is while it loads", async () => {
      for (const width of [320, 1280]) {
        await browser.resize(width, 640);
        await browser.reload();
        await browser.run(RECORD_SHIFTS);
        assert.deepEqual(await browser.runAsync(SHIFTS), [], `${width} pixels wide`);
      }
    });

    await t.test("asks nobody for anything but its own parts", async () => {
      const asked = await browser.run<string[]>("return performance.getEntriesByType('resource').map(({ name }) => name)");
      assert.deepEqual(asked.filter((name) => !name.startsWith(url) && !name.startsWith("data:")), []);
      await assertQuiet(browser);
    });

    await t.test("forgets keys and locks profiles when nobody is there any more", async () => {
      await fillIn(browser);
      await browser.click("[data-dialog=profiles]");
      await browser.fill("#passphrase", "correct horse battery");
      await browser.click("#unlock");
      await browser.waitForText("#profile", /at home/);
      await browser.run("dispatchEvent(new Event('pagehide'))");
      assert.deepEqual(await browser.run("return ['key', 'hmacKey', 'passphrase'].map((id) => document.getElementById(id).value)"), ["", "", ""]);
      assert.deepEqual(await browser.run("return ['locked', 'unlocked'].map((id) => document.getElementById(id).hidden)"), [false, true]);
      assert.equal(await browser.run("return document.querySelectorAll('dialog[open]').length"), 0);
    });

    await t.test("wipes the keys, and says so, when ten minutes go by without a touch", async () => {
      await fillIn(browser);
      await browser.run("tenMinutesLater()");
      assert.deepEqual(await browser.run("return ['key', 'hmacKey', 'server'].map((id) => document.getElementById(id).value)"), ["", "", SERVER.v4]);
      assert.match(await browser.text("#status"), /keys were wiped/);
    });

    await t.test("names every control to those who cannot see it", async () => {
      await browser.run("for (const part of document.querySelectorAll('details, dialog, [hidden]')) { part.open = true; part.hidden = false; }");
      const ids = await browser.run<string[]>("return [...document.querySelectorAll('input, select, textarea, button, summary')].filter((element) => element.checkVisibility()).map((element, at) => element.id ||= `control${at}`)");
      assert(ids.length > 35, String(ids.length));
      for (const id of ids) assert.match(await browser.spoken(`#${id}`), /^\S+ ./, id);
      assert.equal(await browser.spoken("#send"), "button Send knock");
      assert.equal(await browser.spoken("#hmacKey"), "textbox HMAC key");
      await browser.reload();
    });

    await t.test("is used by keyboard alone, from the first field to the knock", async () => {
      await browser.run("document.activeElement.blur()");
      const order: string[] = [];
      for (let step = 0; step < 16; step++) {
        await browser.press(TAB);
        const place = await browser.run<string>("const { activeElement: { id, value, tagName, dataset } } = document; return id || dataset.show || dataset.dialog || value || tagName");
        if (place === "server") await browser.press(..."knock.example.org");
        order.push(place);
      }
      assert.deepEqual(order, ["import", "profiles", "qr", "server", "port", "open", "timeout", "source", "key", "key", "keyForm", "hmacKey", "hmacKey", "hmacKeyForm", "SUMMARY", "send"]);
      await browser.run("document.getElementById('key').focus()");
      await browser.press(..."secret", ENTER);
      assert.match(await browser.text("#status"), /Nothing was sent: one field/);
      assert.equal(await browser.run("return document.activeElement.id"), "hmacKey");
      await browser.press(..."other", TAB, TAB, TAB, TAB, TAB, ENTER);
      await browser.waitForText("#status", /packet is below/);
      assert.equal(await browser.run("return document.activeElement.id"), "make", "the place is kept");
    });

    for (const scheme of ["light", "dark"]) {
      await t.test(`has contrast enough for everybody (${scheme})`, async () => {
        await browser.prefer({ "prefers-color-scheme": scheme });
        assert.deepEqual(await browser.run(CONTRASTS), []);
      });
    }

    await t.test("fits on 320 pixels without scrolling sideways, and fingers find its buttons", async () => {
      await browser.resize(320, 640);
      await browser.run("for (const part of document.querySelectorAll('details, dialog')) part.open = true");
      const [needed, given] = await browser.run<[number, number]>("const { scrollWidth, clientWidth } = document.documentElement; return [scrollWidth, clientWidth]");
      assert(needed <= given && given <= 320, `${needed} of ${given}`);
      const small = await browser.run<string[]>("return [...document.querySelectorAll('button, input:not([type=radio]), select, summary, .choice')].filter((part) => part.checkVisibility() && part.getBoundingClientRect().height < 44).map((part) => part.outerHTML)");
      assert.deepEqual(small, []);
      await browser.reload();
      await fillIn(browser);
      await browser.click("#make");
      await browser.waitForText("#status", /below/);
      await browser.click("#result summary");
      await keep(browser, "dark-narrow");
      await browser.resize(720, 900);
      await browser.click("#more summary");
      await keep(browser, "dark");
    });
  });
});

/** Notes what moves by itself, from the loading of the page on: neither a key nor a click was within half a second before. */
const RECORD_SHIFTS = "globalThis.shifts ??= []; new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });";
const SHIFTS = "await new Promise((resolve) => setTimeout(resolve, 100)); return shifts.filter(({ hadRecentInput }) => !hadRecentInput).map(({ value, sources }) => [value, ...sources.map(({ node }) => node?.id || node?.nodeName)].join(' '));";

/** Each list in turn, the others at their first value. */
const EVERY_KIND = `
  const byId = (id) => document.getElementById(id);
  const set = (id, value) => { byId(id).value = value; byId(id).dispatchEvent(new Event("input", { bubbles: true })); };
  const valuesOf = (id) => [...byId(id).options].map(({ value }) => value);
  const usual = { purpose: "access", timeout: "", mode: "cbc", digestType: "sha256", hmacType: "sha256", useHmac: "yes", natHost: "192.168.10.5", natPort: "22", command: "/bin/true" };
  const kinds = [];
  for (const purpose of valuesOf("purpose")) for (const timeout of purpose === "command" ? [""] : ["", "30"]) kinds.push({ ...usual, purpose, timeout });
  for (const mode of valuesOf("mode")) kinds.push({ ...usual, mode, useHmac: mode === "legacy" ? "no" : "yes" });
  for (const digestType of valuesOf("digestType")) kinds.push({ ...usual, digestType });
  for (const hmacType of valuesOf("hmacType")) kinds.push({ ...usual, hmacType });
  const made = [];
  for (const kind of kinds) {
    for (const [id, value] of Object.entries(kind)) set(id, value);
    byId("make").click();
    while (byId("make").ariaDisabled === "true" || byId("status").textContent === "") await new Promise((resolve) => setTimeout(resolve, 1));
    if (byId("result").hidden) throw new Error(byId("status").textContent);
    made.push({ kind, packet: document.querySelector("#texts pre").textContent });
  }
  for (const [id, value] of Object.entries(usual)) set(id, value);
  return made;`;

/** Texts with less than 4.5 : 1 against what is behind them, edges of fields with less than 3 : 1 (WCAG 2.2 §1.4.3 and §1.4.11), with every part of the page shown. */
const CONTRASTS = `
  for (const part of document.querySelectorAll("details, dialog")) part.open = true;
  for (const part of document.querySelectorAll(".error, .notice")) { part.hidden = false; part.textContent ||= "x"; }
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => [red, green, blue].map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = channels(getComputedStyle(element).backgroundColor);
      if (color[3] !== 0) return color;
    }
  };
  const ratioOf = (one, other) => {
    const [light, dark] = [luminance(channels(one)), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const bad = [];
  for (const field of document.querySelectorAll("input:not([type=radio]), select, textarea")) {
    for (const inside of [channels(getComputedStyle(field).backgroundColor), behind(field.parentElement)]) {
      const ratio = ratioOf(getComputedStyle(field).borderTopColor, inside);
      if (!(ratio >= 3)) bad.push("edge of " + field.id + " " + ratio.toFixed(2));
    }
  }
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "") || "value" in element;
    if (!hasText || !element.checkVisibility() || element.closest("video, option, :disabled, script")) continue;
    const colors = [getComputedStyle(element).color];
    if (element.placeholder) colors.push(getComputedStyle(element, "::placeholder").color);
    for (const color of colors) {
      const ratio = ratioOf(color, behind(element));
      if (!(ratio >= 4.5)) bad.push(element.outerHTML.slice(0, 80) + " " + ratio.toFixed(2));
    }
  }
  return bad;`;
