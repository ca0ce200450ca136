import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Bytes } from "../src/bytes.ts";
import { buildRequest, messageOf, randomPort, type RequestFacts } from "../src/client/request.ts";
import { planSending, type SendFacts } from "../src/client/send-target.ts";
import type { ClientSettings } from "../src/client/settings.ts";
import { encodeMessage } from "../src/fko.ts";
import { parseIp } from "../src/ip.ts";

const NOW = 1795344073;
const FACTS: RequestFacts = { username: "alice", allowIp: "203.0.113.5", randomPort: () => 40001 };

const build = (settings: ClientSettings, facts: Partial<RequestFacts> = {}): ReturnType<typeof buildRequest> =>
  buildRequest({ destination: "192.0.2.10", ...settings }, { ...FACTS, ...facts });

const fieldsOf = (settings: ClientSettings, facts: Partial<RequestFacts> = {}): string => {
  const built = build(settings, facts);
  if (!built.ok) return built.message;
  const { type, message, natAccess, clientTimeout } = built.value.fields;
  return [type, message, natAccess, clientTimeout].filter((field) => field !== undefined).join(" | ");
};

test("messageOf() makes the plaintexts of the published vectors", () => {
  const plaintext = (settings: ClientSettings, random: string): string => {
    const built = build(settings);
    assert.ok(built.ok);
    return encodeMessage(messageOf(built.value, random, NOW)).plaintext;
  };
  assert.equal(
    plaintext({ access: "tcp/22" }, "1182424375169723"),
    "1182424375169723:YWxpY2U:1795344073:3.0.0:1:MjAzLjAuMTEzLjUsdGNwLzIy:UkYpmLc5DeieW2zZO0RV4EyFcqXkvzNqq8encyzdhgg",
  );
  assert.equal(
    plaintext({ access: "tcp/22,udp/53", fwTimeout: 60 }, "1731320062165881"),
    "1731320062165881:YWxpY2U:1795344073:3.0.0:3:MjAzLjAuMTEzLjUsdGNwLzIyLHVkcC81Mw:60:Pmh5N2APm9Cj5EN9QPfsHBqciSDSTAnCIg7TsE5tWXs",
  );
  assert.equal(
    plaintext({ access: "tcp/22", natLocal: true, natPort: 40001, fwTimeout: 30, digestType: "md5" }, "9066847711207939"),
    "9066847711207939:YWxpY2U:1795344073:3.0.0:6:MjAzLjAuMTEzLjUsdGNwLzQwMDAx:MTkyLjAuMi4xMCwyMg:30:irWwhdcfCp/FiZssJh7uUg",
  );
});

test("buildRequest() picks the message type and fields", () => {
  const cases: readonly (readonly [settings: ClientSettings, expected: string])[] = [
    [{ access: "tcp/22" }, "1 | 203.0.113.5,tcp/22"],
    [{ access: "tcp/22", fwTimeout: 0 }, "1 | 203.0.113.5,tcp/22"],
    [{ access: "tcp/22", fwTimeout: 9 }, "3 | 203.0.113.5,tcp/22 | 9"],
    [{ access: "tcp/22", fwTimeout: 9, close: true }, "3 | 203.0.113.5,tcp/22 | 1"],
    [{ access: "tcp/22", close: true, natAccess: "h" }, "4 | 203.0.113.5,tcp/22 | h,22 | 1"],
    [{ access: "tcp/0022", natAccess: "h" }, "2 | 203.0.113.5,tcp/0022 | h,22"],
    [{ access: "tcp/22", natAccess: "192.168.10.5:2222" }, "2 | 203.0.113.5,tcp/22 | 192.168.10.5,2222"],
    [{ access: "tcp/22", natAccess: "h,65535" }, "2 | 203.0.113.5,tcp/22 | h,65535"],
    [{ access: "tcp/22", natAccess: "a.b-c.d." }, "2 | 203.0.113.5,tcp/22 | a.b-c.d.,22"],
    [{ access: "tcp/22", natAccess: "[2001:DB8::5]:80" }, "2 | 203.0.113.5,tcp/22 | 2001:db8::5,80"],
    [{ access: "tcp/22", natAccess: "2001:db8::5" }, "2 | 203.0.113.5,tcp/22 | 2001:db8::5,22"],
    [{ access: "tcp/22,udp/53", natAccess: "h:1" }, "2 | 203.0.113.5,tcp/22,udp/53 | h,1"],
    [{ access: "tcp/22", natLocal: true }, "5 | 203.0.113.5,tcp/22 | 192.0.2.10,22"],
    [{ access: "tcp/22", natLocal: true, destination: "host:62201" }, "5 | 203.0.113.5,tcp/22 | host,22"],
    [{ access: "tcp/22", natLocal: true, natRandPort: true }, "5 | 203.0.113.5,tcp/40001 | 192.0.2.10,22"],
    [{ access: "tcp/22", natPort: 99 }, "1 | 203.0.113.5,tcp/99"],
    [{ access: "tcp/22,tcp/23", natPort: 0 }, "1 | 203.0.113.5,tcp/22,tcp/23"],
    [{ serverCmd: "/bin/ls -l, x" }, "0 | 203.0.113.5,/bin/ls -l, x"],
    [{ serverCmd: "x", access: "tcp/22", natPort: 9 }, "0 | 203.0.113.5,x"],
    [{ serverCmd: "", access: "tcp/22", natAccess: "" }, "1 | 203.0.113.5,tcp/22"],
  ];
  for (const [settings, expected] of cases) assert.equal(fieldsOf(settings), expected, JSON.stringify(settings));
});

test("buildRequest() says what chance decided, when the packet tells the server where it leads", () => {
  const built = build({ access: "tcp/22", natLocal: true, natRandPort: true });
  assert.ok(built.ok);
  assert.equal(built.value.notice, "[+] Randomly assigned port '40001' on: '203.0.113.5,tcp/40001' will grant access to: '192.0.2.10,22'");
  const alone = build({ access: "tcp/22", natRandPort: true });
  assert.ok(alone.ok && alone.value.notice === undefined);
});

test("buildRequest() refuses what no server takes, before a key is asked for", () => {
  const cases: readonly (readonly [settings: ClientSettings, words: RegExp, facts?: Partial<RequestFacts>])[] = [
    [{}, /^fko_set_spa_message: Error 102 - Invalid SPA access message format: no ports to open, use -A/],
    [{ access: "" }, /use -A/],
    [{ access: "tcp/22" }, /^fko_set_spa_message: Error 100 - Invalid allow IP/, { allowIp: undefined } as never],
    [{ serverCmd: "x" }, /^fko_set_spa_message: Error 101 - Invalid SPA command/, { allowIp: undefined } as never],
    ...["none/0", "tcp/0", "tcp/65536", "TCP/22", "icmp/1", "tcp/22,", "tcp", "tcp/22 udp/53", "tcp/x", "/22"]
      .map((access) => [{ access }, /Error 102 - Invalid SPA access message format: --access expects PROTO\/PORT/] as const),
    [{ access: "tcp/22,udp/53", natPort: 99 }, /^--nat-port: NAT for multiple ports\/protocols not yet supported/],
    [{ access: "tcp/22,udp/53", natRandPort: true, natLocal: true }, /^--nat-rand-port: NAT for multiple/],
    [{ access: "x", natPort: 99 }, /^Expecting <proto>\/<port> for -A arg, got 'x'/],
    [{ access: "tcp/22", natAccess: "h:0" }, /^--nat-access: Invalid port value in -N arg/],
    [{ access: "tcp/22", natAccess: "h:65536" }, /Invalid port value/],
    [{ access: "tcp/22", natAccess: "h:x" }, /Invalid port value/],
    [{ access: "tcp/22", natAccess: "h;x:22" }, /^--nat-access: Invalid NAT destination 'h;x' for -N arg/],
    [{ access: "tcp/22", natAccess: "-h:22" }, /Invalid NAT destination/],
    [{ access: "tcp/22", natAccess: "h..x:22" }, /Invalid NAT destination/],
    [{ access: "tcp/22", natAccess: ":22" }, /Invalid NAT destination ''/],
    [{ access: "tcp/22", natAccess: `${"a".repeat(64)}:22` }, /Invalid NAT destination/],
    [{ access: "tcp/22", natAccess: `${"a.".repeat(35)}a:22` }, /Error 103 - Invalid SPA nat_access/],
  ];
  for (const [settings, words, facts] of cases) assert.match(fieldsOf(settings, facts), words, JSON.stringify(settings));
  assert.match(fieldsOf({ access: "tcp/22", natAccess: `${"a".repeat(63)}:22` }), /^2 /);
  assert.match(fieldsOf({ access: "tcp/22", natAccess: `${"a.".repeat(34)}aa:22` }), /^2 /);
});

test("messageOf() shifts the time, the minus option winning, and takes the user's name", () => {
  const of = (settings: ClientSettings): string => {
    const built = build({ access: "tcp/22", ...settings });
    assert.ok(built.ok);
    const { timestamp, username } = messageOf(built.value, "1182424375169723", NOW);
    return `${timestamp - NOW} ${username}`;
  };
  assert.equal(of({}), "0 alice");
  assert.equal(of({ timeOffsetPlus: 5, spoofUser: "bob" }), "5 bob");
  assert.equal(of({ timeOffsetMinus: 7, timeOffsetPlus: 5 }), "-7 alice");
});

const factsOfSending = (): SendFacts => {
  const ports = [12345, 23456];
  return { randomPort: () => ports.shift()!, version: "1.2.3" };
};
const plan = (settings: ClientSettings): object => {
  const planned = planSending({ destination: "h", ...settings }, factsOfSending());
  return planned.ok ? planned.value : { message: planned.message };
};

test("planSending() decides where and how", () => {
  const cases: readonly (readonly [settings: ClientSettings, expected: object])[] = [
    [{}, { transport: "udp", host: "h", port: 62201 }],
    [{ serverPort: 0 }, { transport: "udp", host: "h", port: 0 }],
    [{ serverPort: 53, sourcePort: 99 }, { transport: "udp", host: "h", port: 53, sourcePort: 99 }],
    [{ destination: "h:53" }, { transport: "udp", host: "h", port: 53 }],
    [{ destination: "h:53", serverPort: 54 }, { transport: "udp", host: "h", port: 54 }],
    [{ destination: "[2001:db8::1]:53", ipv6: true }, { transport: "udp", host: "2001:db8::1", port: 53, family: 6 }],
    [{ destination: "2001:db8::1" }, { transport: "udp", host: "2001:db8::1", port: 62201 }],
    [{ destination: "h:x" }, { transport: "udp", host: "h:x", port: 62201 }],
    [{ randPort: true, serverPort: 5 }, { transport: "udp", host: "h", port: 12345 }],
    [{ serverResolveIpv4: true, sourcePort: 0 }, { transport: "udp", host: "h", port: 62201, family: 4 }],
    [{ serverProto: "udpraw", spoofSource: "3.3.3.3" }, { transport: "udpraw", host: "h", port: 62201, sourcePort: 12345, spoofedSource: parseIp("3.3.3.3") }],
    [{ serverProto: "tcpraw", randPort: true }, { transport: "tcpraw", host: "h", port: 12345, sourcePort: 23456 }],
    [{ spoofProto: "icmp", icmpType: 8 }, { transport: "icmp", host: "h", port: 62201, sourcePort: 12345, icmp: { type: 8, code: 0 } }],
    [{ serverProto: "http" }, { transport: "http", host: "h", port: 62201, http: { userAgent: "Fwknop/1.2.3" } }],
    [{ serverProto: "http", http: true, userAgent: "x" }, { transport: "http", host: "h", port: 80, http: { userAgent: "x" } }],
    [{ serverProto: "http", httpProxy: "p" }, { transport: "http", host: "h", port: 62201, http: { userAgent: "Fwknop/1.2.3", proxy: { host: "p", port: 62201 } } }],
    [{ serverProto: "http", httpProxy: "http://p:8080/" }, { transport: "http", host: "h", port: 62201, http: { userAgent: "Fwknop/1.2.3", proxy: { host: "p", port: 8080 } } }],
    [
      { serverProto: "http", httpProxy: "u:p@w@p:1" },
      { transport: "http", host: "h", port: 62201, http: { userAgent: "Fwknop/1.2.3", proxy: { host: "p", port: 1, user: "u", password: utf8Bytes("p@w") } } },
    ],
    [
      { serverProto: "http", httpProxy: "u@p", httpProxyPassword: utf8Bytes("w") },
      { transport: "http", host: "h", port: 62201, http: { userAgent: "Fwknop/1.2.3", proxy: { host: "p", port: 62201, user: "u", password: utf8Bytes("w") } } },
    ],
  ];
  for (const [settings, expected] of cases) assert.deepEqual(plan(settings), expected, JSON.stringify(settings));
});

test("planSending() refuses a proxy that it cannot use, and shows no password", () => {
  for (const [httpProxy, words] of [
    ["https://p", /^--http-proxy: expected \[http:\/\/\]/], ["p:0", /proxy port value is invalid, must be in \[1-65535\], got '0'/], ["p:65536", /port value is invalid/],
    ["p:x", /port value is invalid/], ["http://", /expected a host name/], ["u:secret@p:0", /got '0'/], ["ftp://u:secret@p", /^--http-proxy: expected/],
  ] as const) {
    const { message } = plan({ serverProto: "http", httpProxy }) as { message: string };
    assert.match(message, words);
    assert.doesNotMatch(message, /secret/);
  }
});

test("planSending() leaves the password of the settings to the settings", () => {
  const httpProxyPassword = utf8Bytes("w");
  const planned = planSending({ destination: "h", serverProto: "http", httpProxy: "u@p", httpProxyPassword }, factsOfSending());
  assert.ok(planned.ok);
  planned.value.http!.proxy!.password!.fill(0);
  assert.deepEqual(httpProxyPassword, utf8Bytes("w"));
});

test("randomPort() stays in 10000..65534", () => {
  assert.equal(randomPort(0), 10000);
  assert.equal(randomPort(55534), 65534);
  assert.equal(randomPort(55535), 10000);
  assert.ok(randomPort(2 ** 32 - 1) <= 65534);
});
