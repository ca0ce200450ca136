/** The daemon's HTTP listener behind real web servers, with the lines of the manual: the client is granted, whatever it writes into its request. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, type Lab, openLab, SERVER } from "../support/lab.ts";
import { startDaemon } from "../support/peers.ts";
import { nginxExample, proxyExample } from "../support/proxy-example.ts";
import { makePacket } from "../support/spa.ts";

const PROXIED = { ENABLE_HTTP_SERVER: "Y", ENABLE_X_FORWARDED_FOR: "Y", TRUSTED_PROXIES: "127.0.0.1" };
/** Each request asks for a port of its own. */
const granted = (open: number): string => `Added access rule to FWKNOP_INPUT for ${CLIENT.v4} -> 0.0.0.0/0 tcp/${open},`;

/** What the web servers of the page and of the example have in common. */
async function assertPage(lab: Lab): Promise<void> {
  const script = `const get = (path) => fetch("http://${SERVER.v4}/" + path).then(async (response) => [response.status, response.headers.get("content-type"), response.headers.get("content-security-policy"), (await response.text()).length > 100]);
    Promise.all(["", "sw.js", "manifest.webmanifest", "icon.svg", "SHA256SUMS"].map(get)).then((answers) => console.log(JSON.stringify(answers)))`;
  const policy = "frame-ancestors 'none'";
  assert.deepEqual(JSON.parse((await lab.client.run([process.execPath, "-e", script])).stdout), [
    [200, "text/html", policy, true], [200, "text/javascript", policy, true], [200, "application/manifest+json", policy, true], [200, "image/svg+xml", policy, true],
    [204, null, null, false],
  ]);
}

/** Waits until the web server listens. */
async function untilOpen(lab: Lab): Promise<void> {
  for (let tries = 0; (await lab.probe(80)) !== "open"; tries++) assert(tries < 200, "the web server does not listen");
}

/** Starts nginx with the example of the manual. */
async function startNginx(lab: Lab): Promise<void> {
  const example = nginxExample();
  const folder = lab.folder;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  const config = lab.write("nginx.conf", `user root; daemon off; pid ${folder}/nginx.pid; error_log stderr notice; events {} http { access_log off; ${temporary} ${example} }`);
  lab.start(lab.server, ["nginx", "-e", "stderr", "-c", config]);
  await untilOpen(lab);
  await assertPage(lab);
}

async function startApache(lab: Lab): Promise<void> {
  const modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "headers"].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join("");
  const config = lab.write("apache.conf", `${modules}ServerName localhost\nServerRoot ${lab.folder}\nDefaultRuntimeDir ${lab.folder}\nPidFile apache.pid\nErrorLog error.log\nListen 80\n${proxyExample("apache")}`);
  lab.start(lab.server, ["apache2", "-D", "FOREGROUND", "-f", config]);
}

async function startCaddy(lab: Lab): Promise<void> {
  const config = lab.write("Caddyfile", `{\n admin off\n}\n${proxyExample("caddy").replace("knock.example.org", ":80")}`);
  lab.start(lab.server, ["caddy", "run", "--config", config, "--adapter", "caddyfile"]);
}

async function startHaproxy(lab: Lab, changes: (example: string) => string = (example) => example): Promise<void> {
  const limits = "defaults\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n";
  const config = lab.write("haproxy.conf", limits + changes(proxyExample("haproxy")));
  lab.start(lab.server, ["haproxy", "-db", "-f", config]);
}

/** What the manual has in the place of the last two lines. */
const sendingProxyHeader = (version: string) => (example: string): string =>
  example.replace(/\n +option forwardfor[^]*/, "\n").replace("mode http", "mode tcp").replace("127.0.0.1:62201", `$& ${version}`);

/** The program, and how it is started in front of the daemon. */
const PROXIES: readonly (readonly [name: string, program: string, start: (lab: Lab) => Promise<void>])[] = [
  ["nginx", "nginx", startNginx],
  ["Apache", "apache2", startApache],
  ["Caddy", "caddy", startCaddy],
  ["HAProxy", "haproxy", startHaproxy],
  ["HAProxy, by PROXY protocol 1,", "haproxy", (lab) => startHaproxy(lab, sendingProxyHeader("send-proxy"))],
  ["HAProxy, by PROXY protocol 2,", "haproxy", (lab) => startHaproxy(lab, sendingProxyHeader("send-proxy-v2"))],
];

/** Sends a packet that names no address as a web request from the lab's client. */
async function request(lab: Lab, open: number, headers: Readonly<Record<string, string>> = {}, port = 80): Promise<string> {
  const path = makePacket({ message: `0.0.0.0,tcp/${open}` }).replaceAll("+", "-").replaceAll("/", "_");
  const script = `fetch(${JSON.stringify(`http://${SERVER.v4}:${port}/${path}`)}, { headers: ${JSON.stringify(headers)} }).then((response) => console.log(response.status))`;
  return (await lab.client.run([process.execPath, "-e", script])).stdout.trim();
}

describe("web servers in front of fwknopd", { concurrency: 2 }, () => {
  for (const [name, program, start] of PROXIES) {
    test(`${name} tells the client's address, and a client cannot tell another one`, async (t) => {
      const lab = await openLab(t, [program, "tcpdump"]);
      if (lab === undefined) return;
      await lab.server.run(["iptables", "-I", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", "80,62201", "-j", "ACCEPT"]);
      const fwknopd = await startDaemon(lab, "ours", { config: PROXIED });
      await start(lab);
      await untilOpen(lab);
      const lies: readonly Readonly<Record<string, string>>[] = [
        {}, { "X-Forwarded-For": "198.51.100.9" }, { "X-Forwarded-For": "127.0.0.1, 198.51.100.9, 127.0.0.1" }, { Forwarded: "for=198.51.100.9" }, { "X-Real-IP": "198.51.100.9" },
      ];
      for (const [at, headers] of lies.entries()) {
        assert.equal(await request(lab, 1000 + at, headers), "204");
        await fwknopd.waitFor(granted(1000 + at));
      }
      // Past the proxy nobody is one.
      assert.equal(await request(lab, 2000, { "X-Forwarded-For": "198.51.100.9" }, 62201), "204");
      await fwknopd.waitFor(granted(2000));
      assert.doesNotMatch(fwknopd.log, /198\.51\.100\.9|for 127\.0\.0\.1/);
    });
  }
});
