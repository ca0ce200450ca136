/**
 * Every kind of grant through our daemon: the rules that it makes, and real traffic between three hosts, which passes
 * while it lasts and neither before nor after.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, GATEWAY, INNER, type Lab, openLab, SERVER } from "../support/lab.ts";
import { DAEMON_PEERS, HMAC_KEY_BASE64, KEY_BASE64, sendPayloads, type Settings, startDaemon } from "../support/peers.ts";
import { makePacket, type PacketFields } from "../support/spa.ts";

const FORWARDING: Settings = { ENABLE_IPT_FORWARDING: "Y" };
const LOCAL: Settings = { ENABLE_IPT_LOCAL_NAT: "Y" };
const SNAT: Settings = { ...FORWARDING, ENABLE_IPT_SNAT: "Y" };
const END = "-m comment --comment _exp_N";
const FROM = `-s ${CLIENT.v4}/32`;
const INSIDE = `-d ${INNER.v4}/32`;

interface Row {
  readonly title: string;
  /** IPv6: the rules are those of ip6tables. */
  readonly family?: 6;
  readonly config?: Settings;
  readonly stanza?: Settings;
  readonly message: PacketFields;
  /** Lines of `iptables -S` about our chains' rules. */
  readonly filter: readonly string[];
  readonly nat?: readonly string[];
  /** Where the client can connect while the grant lasts; nowhere when absent. */
  readonly opens?: { readonly address?: string; readonly port: number };
}

const access = (ports: string): PacketFields => ({ message: `${CLIENT.v4},${ports}` });
const forward: PacketFields = { ...access("tcp/2222"), type: 2, natAccess: `${INNER.v4},22` };
const accept = (chain: string, match: string): string => `-A ${chain} ${match} ${END} -j ACCEPT`;
const FORWARD = accept("FWKNOP_FORWARD", `${FROM} ${INSIDE} -p tcp -m tcp --dport 22`);
const dnat = (port: number, to = `${INNER.v4}:22`): string => `-A FWKNOP_PREROUTING ${FROM} -p tcp -m tcp --dport ${port} ${END} -j DNAT --to-destination ${to}`;

const FROM6 = `-s ${CLIENT.v6}/128`;
const INSIDE6 = `-d ${INNER.v6}/128`;
const access6 = (ports: string): PacketFields => ({ message: `${CLIENT.v6},${ports}` });
const forward6: PacketFields = { ...access6("tcp/2222"), type: 2, natAccess: `${INNER.v6},22` };
const FORWARD6 = accept("FWKNOP_FORWARD", `${FROM6} ${INSIDE6} -p tcp -m tcp --dport 22`);
const dnat6 = (port: number, to = `[${INNER.v6}]:22`): string => `-A FWKNOP_PREROUTING ${FROM6} -p tcp -m tcp --dport ${port} ${END} -j DNAT --to-destination ${to}`;

const ROWS: readonly Row[] = [
  { title: "INPUT", message: access("tcp/22"), filter: [accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)], opens: { port: 22 } },
  {
    title: "INPUT of two ports, prepended", config: { ENABLE_RULE_PREPEND: "Y" }, message: access("tcp/22,udp/53"),
    filter: [accept("FWKNOP_INPUT", `${FROM} -p udp -m udp --dport 53`), accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)], opens: { port: 22 },
  },
  {
    title: "INPUT and OUTPUT for one address of ours", config: { ENABLE_IPT_OUTPUT: "Y", ENABLE_DESTINATION_RULE: "Y" }, message: access("tcp/22"),
    filter: [accept("FWKNOP_INPUT", `${FROM} -d ${SERVER.v4}/32 -p tcp -m tcp --dport 22`), accept("FWKNOP_OUTPUT", `-s ${SERVER.v4}/32 -d ${CLIENT.v4}/32 -p tcp -m tcp --sport 22`)],
    opens: { port: 22 },
  },
  { title: "a host behind us", config: FORWARDING, message: forward, filter: [FORWARD], nat: [dnat(2222)], opens: { port: 2222 } },
  {
    title: "a host behind us, as fwknop 1.9 asks for it", config: FORWARDING, message: { ...access("tcp/22"), version: "1.9.12", type: 2, natAccess: `${INNER.v4},2222` },
    filter: [FORWARD], nat: [dnat(2222)], opens: { port: 2222 },
  },
  {
    title: "another port of ours", config: LOCAL, message: { ...access("tcp/40001"), type: 5, natAccess: `${SERVER.v4},22` },
    filter: [accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)], nat: [dnat(40001, `${SERVER.v4}:22`)], opens: { port: 40001 },
  },
  {
    title: "FORCE_NAT, which does not mind what was asked for", config: FORWARDING, stanza: { FORCE_NAT: `${INNER.v4} 22` },
    message: { ...access("tcp/2022,tcp/80"), type: 2, natAccess: "192.168.1.2,99" }, filter: [FORWARD], nat: [dnat(2022)], opens: { port: 2022 },
  },
  {
    title: "FORCE_NAT without DNAT", config: FORWARDING, stanza: { FORCE_NAT: `${INNER.v4} 22`, DISABLE_DNAT: "Y" }, message: access("tcp/2022"),
    filter: [FORWARD], nat: [], opens: { address: INNER.v4, port: 22 },
  },
  {
    title: "SNAT", config: { ...SNAT, SNAT_TRANSLATE_IP: GATEWAY.v4 }, message: forward, filter: [FORWARD],
    nat: [`-A FWKNOP_POSTROUTING ${FROM} ${INSIDE} -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source ${GATEWAY.v4}`, dnat(2222)], opens: { port: 2222 },
  },
  {
    title: "MASQUERADE", config: SNAT, message: forward, filter: [FORWARD],
    nat: [`-A FWKNOP_MASQUERADE ${FROM} ${INSIDE} -p tcp -m tcp --dport 22 ${END} -j MASQUERADE --to-ports 2222`, dnat(2222)], opens: { port: 2222 },
  },
  {
    title: "FORCE_SNAT", config: SNAT, stanza: { FORCE_NAT: `${INNER.v4} 22`, FORCE_SNAT: GATEWAY.v4 }, message: access("tcp/2022"), filter: [FORWARD],
    nat: [`-A FWKNOP_POSTROUTING ${FROM} ${INSIDE} -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source ${GATEWAY.v4}`, dnat(2022)], opens: { port: 2022 },
  },
  {
    title: "FORCE_MASQUERADE", config: SNAT, stanza: { FORCE_NAT: `${INNER.v4} 22`, FORCE_MASQUERADE: "Y" }, message: access("tcp/2022"), filter: [FORWARD],
    nat: [`-A FWKNOP_MASQUERADE ${FROM} ${INSIDE} -p tcp -m tcp --dport 22 ${END} -j MASQUERADE --to-ports 2022`, dnat(2022)], opens: { port: 2022 },
  },
  {
    title: "FORWARD_ALL to a forced host", config: FORWARDING, stanza: { FORCE_NAT: `${INNER.v4} 22`, FORWARD_ALL: "Y" }, message: access("tcp/2022"),
    filter: [accept("FWKNOP_FORWARD", `${FROM} ${INSIDE}`)], nat: [`-A FWKNOP_PREROUTING ${FROM} ${END} -j DNAT --to-destination ${INNER.v4}`], opens: { port: 22 },
  },
  {
    title: "FORWARD_ALL with FORCE_SNAT, which rewrites no destination", config: SNAT, stanza: { FORWARD_ALL: "Y", FORCE_SNAT: GATEWAY.v4 }, message: access("tcp/2022"),
    filter: [accept("FWKNOP_FORWARD", FROM)], nat: [`-A FWKNOP_POSTROUTING ${FROM} ${END} -j SNAT --to-source ${GATEWAY.v4}`], opens: { address: INNER.v4, port: 22 },
  },
  {
    title: "FORWARD_ALL with FORCE_MASQUERADE", config: SNAT, stanza: { FORWARD_ALL: "Y", FORCE_MASQUERADE: "Y" }, message: access("tcp/2022"),
    filter: [accept("FWKNOP_FORWARD", FROM)], nat: [`-A FWKNOP_MASQUERADE ${FROM} ${END} -j MASQUERADE`], opens: { address: INNER.v4, port: 22 },
  },
  { title: "FORWARD_ALL alone, which a plain request does not mind", config: FORWARDING, stanza: { FORWARD_ALL: "Y" }, message: access("tcp/22"), filter: [accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)], nat: [], opens: { port: 22 } },
  {
    title: "FORWARD_ALL with a request for NAT, and nothing forced", config: FORWARDING, stanza: { FORWARD_ALL: "Y" }, message: forward,
    filter: [accept("FWKNOP_FORWARD", `${FROM} ${INSIDE}`)], nat: [`-A FWKNOP_PREROUTING ${FROM} ${END} -j DNAT --to-destination ${INNER.v4}`], opens: { port: 22 },
  },
  {
    title: "a host behind us, by one address of ours", config: { ...FORWARDING, ENABLE_DESTINATION_RULE: "Y" }, message: forward, filter: [FORWARD],
    nat: [`-A FWKNOP_PREROUTING ${FROM} -d ${SERVER.v4}/32 -p tcp -m tcp --dport 2222 ${END} -j DNAT --to-destination ${INNER.v4}:22`], opens: { port: 2222 },
  },
  {
    title: "a host behind us, for the time that the client wants", config: FORWARDING, stanza: { FW_ACCESS_TIMEOUT: 300 }, message: { ...forward, type: 4, clientTimeout: 2 },
    filter: [FORWARD], nat: [dnat(2222)], opens: { port: 2222 },
  },
  {
    title: "another port of ours, and its source rewritten", config: { ...LOCAL, ENABLE_IPT_SNAT: "Y", SNAT_TRANSLATE_IP: GATEWAY.v4 }, message: { ...access("tcp/40001"), type: 5, natAccess: `${SERVER.v4},22` },
    filter: [accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)],
    nat: [`-A FWKNOP_POSTROUTING ${FROM} -d ${SERVER.v4}/32 -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source ${GATEWAY.v4}`, dnat(40001, `${SERVER.v4}:22`)], opens: { port: 40001 },
  },
  {
    title: "FORCE_NAT of a request for local NAT", config: LOCAL, stanza: { FORCE_NAT: `${SERVER.v4} 22` }, message: { ...access("tcp/40001"), type: 6, natAccess: `${SERVER.v4},99`, clientTimeout: 2 },
    filter: [accept("FWKNOP_INPUT", `${FROM} -p tcp -m tcp --dport 22`)], nat: [dnat(40001, `${SERVER.v4}:22`)], opens: { port: 40001 },
  },
  { title: "IPv6: INPUT and OUTPUT", family: 6, config: { ENABLE_IPT_OUTPUT: "Y" }, message: access6("tcp/22"), filter: [accept("FWKNOP_INPUT", `${FROM6} -p tcp -m tcp --dport 22`), accept("FWKNOP_OUTPUT", `-d ${CLIENT.v6}/128 -p tcp -m tcp --sport 22`)], opens: { address: SERVER.v6, port: 22 } },
  { title: "IPv6: a host behind us", family: 6, config: FORWARDING, message: forward6, filter: [FORWARD6], nat: [dnat6(2222)], opens: { address: SERVER.v6, port: 2222 } },
  {
    title: "IPv6: another port of ours", family: 6, config: LOCAL, message: { ...access6("tcp/40001"), type: 5, natAccess: `${SERVER.v6},22` },
    filter: [accept("FWKNOP_INPUT", `${FROM6} -p tcp -m tcp --dport 22`)], nat: [dnat6(40001, `[${SERVER.v6}]:22`)], opens: { address: SERVER.v6, port: 40001 },
  },
  {
    title: "IPv6: FORCE_NAT without DNAT", family: 6, config: FORWARDING, stanza: { FORCE_NAT: `${INNER.v6} 22`, DISABLE_DNAT: "Y" }, message: access6("tcp/2022"),
    filter: [FORWARD6], nat: [], opens: { address: INNER.v6, port: 22 },
  },
  {
    title: "IPv6: MASQUERADE, for SNAT_TRANSLATE_IP is of IPv4", family: 6, config: { ...SNAT, SNAT_TRANSLATE_IP: GATEWAY.v4 }, message: forward6, filter: [FORWARD6],
    nat: [`-A FWKNOP_MASQUERADE ${FROM6} ${INSIDE6} -p tcp -m tcp --dport 22 ${END} -j MASQUERADE --to-ports 2222`, dnat6(2222)], opens: { address: SERVER.v6, port: 2222 },
  },
  {
    title: "IPv6: FORCE_SNAT", family: 6, config: SNAT, stanza: { FORCE_NAT: `${INNER.v6} 22`, FORCE_SNAT: GATEWAY.v6 }, message: access6("tcp/2022"), filter: [FORWARD6],
    nat: [`-A FWKNOP_POSTROUTING ${FROM6} ${INSIDE6} -p tcp -m tcp --dport 22 ${END} -j SNAT --to-source ${GATEWAY.v6}`, dnat6(2022)], opens: { address: SERVER.v6, port: 2022 },
  },
  {
    title: "IPv6: FORWARD_ALL to a forced host", family: 6, config: FORWARDING, stanza: { FORCE_NAT: `${INNER.v6} 22`, FORWARD_ALL: "Y" }, message: access6("tcp/2022"),
    filter: [accept("FWKNOP_FORWARD", `${FROM6} ${INSIDE6}`)], nat: [`-A FWKNOP_PREROUTING ${FROM6} ${END} -j DNAT --to-destination ${INNER.v6}`], opens: { address: SERVER.v6, port: 22 },
  },
  {
    title: "IPv6: FORWARD_ALL with FORCE_MASQUERADE", family: 6, config: SNAT, stanza: { FORWARD_ALL: "Y", FORCE_MASQUERADE: "Y" }, message: access6("tcp/2022"),
    filter: [accept("FWKNOP_FORWARD", FROM6)], nat: [`-A FWKNOP_MASQUERADE ${FROM6} ${END} -j MASQUERADE`], opens: { address: INNER.v6, port: 22 },
  },
  { title: "NAT that is off", message: forward, filter: [], nat: [] },
  { title: "local NAT that is off", config: FORWARDING, message: { ...access("tcp/40001"), type: 5, natAccess: `${SERVER.v4},22` }, filter: [], nat: [] },
  { title: "a target outside INTERNAL_NET_ACCESS", config: FORWARDING, stanza: { INTERNAL_NET_ACCESS: "10.99.0.0/16" }, message: forward, filter: [], nat: [] },
];

/** The rules of our chains, with one word for every end. */
async function rules(lab: Lab, table: string, program: string): Promise<string[]> {
  const { stdout } = await lab.server.run([program, "-t", table, "-S"]);
  return stdout.split("\n").filter((line) => line.startsWith("-A FWKNOP_")).map((line) => line.replace(/"?_exp_\d+"?/, "_exp_N"));
}

describe("kinds of grants", { concurrency: 5 }, () => {
  for (const part of [0, 1, 2, 3]) {
    test(`fwknopd makes the rules of each kind, and traffic passes during the grant alone (${part + 1} of 4)`, async (t) => {
      const lab = await openLab(t, DAEMON_PEERS.ours, { inner: true });
      if (lab === undefined) return;
      await lab.serve(lab.inner, 22);
      await lab.serve(lab.server, 22);
      for (const family of ["v4", "v6"] as const) await lab.client.run(["ip", "route", "add", INNER[family], "via", SERVER[family]]);
      for (const { title, family, config = {}, stanza = {}, message, filter, nat = [], opens } of ROWS.filter((_, at) => at % 4 === part)) {
        const fwknopd = await startDaemon(lab, "ours", { config: { ENABLE_DIGEST_PERSISTENCE: "N", ...config }, stanzas: [{ SOURCE: "ANY", KEY_BASE64, HMAC_KEY_BASE64, FW_ACCESS_TIMEOUT: 2, ...stanza }] });
        const program = family === 6 ? "ip6tables" : "iptables";
        const look = async (): Promise<string> => (opens === undefined ? "filtered" : lab.probe(opens.port, opens.address));
        assert.equal(await look(), "filtered", `${title}: before`);
        await sendPayloads(lab, [makePacket(message)]);
        if (filter.length === 0) {
          await fwknopd.waitFor(/requested NAT access, but is not enabled|INTERNAL_NET_ACCESS/);
        } else {
          await fwknopd.waitFor(/\(stanza #1\) Granted/);
        }
        assert.deepEqual({ filter: await rules(lab, "filter", program), nat: await rules(lab, "nat", program) }, { filter, nat }, `${title}\n${fwknopd.log}`);
        if (opens !== undefined) {
          assert.equal(await look(), "open", `${title}: during`);
          await fwknopd.waitFor("Removed rule", filter.length + nat.length);
          assert.equal(await look(), "filtered", `${title}: after`);
        }
        assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
        const left = await Promise.all(["filter", "nat"].map(async (table) => (await lab.server.run([program, "-t", table, "-S"])).stdout));
        assert.doesNotMatch(left.join(), /FWKNOP/, `${title}: at the end`);
      }
    });
  }

  test("fwknopd opens a port for an IPv6 client that knocks over IPv6, by ip6tables", async (t) => {
    const lab = await openLab(t, DAEMON_PEERS.ours);
    if (lab === undefined) return;
    await lab.serve(lab.server, 22);
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [{ SOURCE: "fd77::/64", KEY_BASE64, HMAC_KEY_BASE64, FW_ACCESS_TIMEOUT: 3 }], config: { ENABLE_DESTINATION_RULE: "Y" } });
    assert.equal(await lab.probe(22, SERVER.v6), "filtered");
    await lab.client.run([process.execPath, "-e", `
      const socket = require("node:dgram").createSocket("udp6");
      socket.send(${JSON.stringify(makePacket({ message: "::,tcp/22" }))}, 62201, "${SERVER.v6}", () => socket.close());`]);
    await fwknopd.waitFor(/Granted tcp\/22 for fd77::2/);
    const [rule] = await lab.rules("FWKNOP_INPUT", { program: "ip6tables" });
    assert.match(rule!, /-s fd77::2\/128 -d fd77::1\/128 -p tcp -m tcp --dport 22 /);
    assert.equal(await lab.probe(22, SERVER.v6), "open");
    assert.equal(await lab.probe(22), "filtered", "IPv4 is another matter");
    await fwknopd.waitFor("Removed rule");
    assert.equal(await lab.probe(22, SERVER.v6), "filtered");
    await fwknopd.stop();
    assert.doesNotMatch((await lab.server.run(["ip6tables", "-S"])).stdout, /FWKNOP/);
  });
});
