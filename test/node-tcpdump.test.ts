import assert from "node:assert/strict";
import { test } from "node:test";
import { compareInterface, readInterface, type InterfaceState } from "../src/node/hearing/interface-state.ts";
import { explainEnd, launchers, parseCounters, tcpdumpArgv, type TcpdumpOptions } from "../src/node/hearing/tcpdump.ts";

const options: TcpdumpOptions = { interfaceName: "eth0", filter: "udp port 62201", snapLength: 1500, promiscuous: false, anyDirection: false };
const user = { uid: 102, gid: 105 };

test("tcpdumpArgv() asks for each packet at once, inbound, and nothing of the names service", () => {
  assert.deepEqual(tcpdumpArgv(options, "plain", user),
    ["tcpdump", "-i", "eth0", "-n", "-p", "-U", "--immediate-mode", "-s", "1500", "-B", "4096", "-Q", "in", "-w", "-", "--", "udp port 62201"]);
});

test("tcpdumpArgv() leaves out what was not asked for", () => {
  const argv = tcpdumpArgv({ ...options, filter: "", promiscuous: true, anyDirection: true, program: "/opt/tcpdump" }, "plain", user);
  assert.deepEqual(argv, ["/opt/tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-s", "1500", "-B", "4096", "-w", "-", "--"]);
});

test("tcpdumpArgv() takes away every right but one, and ties tcpdump's life to ours", () => {
  const argv = tcpdumpArgv(options, "demoted", user).join(" ");
  assert.match(argv, /^setpriv --reuid=102 --regid=105 --clear-groups .*--bounding-set=-all,\+net_raw --no-new-privs --pdeathsig TERM tcpdump -i eth0 /);
  assert.match(tcpdumpArgv(options, "deathbound", user).join(" "), /^setpriv --pdeathsig TERM tcpdump -i eth0 /);
});

test("tcpdumpArgv() gets cooked frames from any, narrowed to the interface", () => {
  const last = (filter: string): string | undefined => tcpdumpArgv({ ...options, filter, cookedIndex: 7 }, "plain", user).at(-1);
  assert.equal(last("udp port 1 or udp port 2"), "(udp port 1 or udp port 2) and ifindex 7");
  assert.equal(last(" "), "ifindex 7");
  assert.equal(tcpdumpArgv({ ...options, cookedIndex: 7 }, "plain", user)[2], "any");
  assert.equal(tcpdumpArgv({ ...options, interfaceName: "any", cookedIndex: 7 }, "plain", user).at(-1), "udp port 62201");
});

// What tcpdump 4.99.3 with libpcap 1.10.3 writes, but for the last three, which are of other versions.
const TALKS: readonly (readonly [talk: string, listened: boolean, kind: string, text: string])[] = [
  ["tcpdump: nosuch: No such device exists\n(No such device exists)\n", false, "no-device", "nosuch: No such device exists"],
  ["tcpdump: v0: That device is not up\n", false, "no-device", "v0: That device is not up"],
  ["tcpdump: can't parse filter expression: syntax error\n", false, "bad-filter", "can't parse filter expression: syntax error"],
  ["tcpdump: unknown port 'ssssh'\n", false, "bad-filter", "unknown port 'ssssh'"],
  ["tcpdump: lo: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)\n", false, "no-permission",
    "lo: You don't have permission to perform this capture on that device"],
  ["setpriv: failed to execute tcpdump: No such file or directory\n", false, "missing-program", "setpriv: failed to execute tcpdump: No such file or directory"],
  ["setpriv: unrecognized option '--pdeathsig'\n", false, "no-setpriv", "setpriv: unrecognized option '--pdeathsig'"],
  ["tcpdump: listening on v0, link-type EN10MB (Ethernet), snapshot length 1500 bytes\ntcpdump: pcap_loop: The interface disappeared\n1 packet captured\n1 packet received by filter\n0 packets dropped by kernel\n",
    true, "disappeared", "The interface disappeared"],
  ["tcpdump: data link type LINUX_SLL2\ntcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 1500 bytes\n0 packets captured\n", true, "ended", ""],
  ["tcpdump: listening on eth0, link-type EN10MB (Ethernet), capture size 1500 bytes\ntcpdump: pcap_loop: The interface went down\n", true, "went-down", "The interface went down"],
  ["tcpdump: eth0: pcap_setdirection() failed: Setting direction is not supported on this device\n", false, "no-direction",
    "eth0: pcap_setdirection() failed: Setting direction is not supported on this device"],
  ["tcpdump: syntax error in filter expression: syntax error\n", false, "bad-filter", "syntax error in filter expression: syntax error"],
  ["something\u001b[2J new\n", false, "failed", "something\\x1b[2J new"],
];

test("explainEnd() names the trouble and quotes the one line that says it", () => {
  for (const [talk, listened, kind, text] of TALKS) assert.deepEqual(explainEnd(talk, listened), { kind, text }, talk);
});

test("explainEnd() does not take words said while all was well for the reason", () => {
  const talk = "tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 1500 bytes\ntcpdump: Permission denied\n";
  assert.equal(explainEnd(talk, true).kind, "ended");
});

test("parseCounters() reads every answer to the signal", () => {
  assert.deepEqual(parseCounters("tcpdump: 3 packets captured, 6 packets received by filter, 0 packets dropped by kernel\ntcpdump: 1 packet captured, 7 packets received by filter, 2 packets dropped by kernel, 0 packets dropped by interface\n"),
    [{ captured: 3, received: 6, dropped: 0 }, { captured: 1, received: 7, dropped: 2 }]);
  assert.deepEqual(parseCounters("3 packets captured\n"), []);
});

test("launchers() tries the least rights first", () => {
  if (process.platform === "linux") {
    assert.deepEqual(launchers(true), ["demoted", "deathbound", "plain"]);
    assert.deepEqual(launchers(false), ["deathbound", "plain"]);
  } else {
    assert.deepEqual(launchers(true), ["plain"]);
  }
});

const state: InterfaceState = { index: 3, up: true, running: true, receivedBytes: 100, sentBytes: 100 };
const all = { exists: true, running: true, bytes: true };

function changes(before: InterfaceState | undefined, now: InterfaceState | undefined, checks = all): string[] {
  return compareInterface("eth0", before, now, checks).map((change) => change.kind);
}

test("compareInterface() tells each change once, and only what is looked for", () => {
  assert.deepEqual(changes(state, state), []);
  assert.deepEqual(changes(state, undefined), ["gone"]);
  assert.deepEqual(changes(state, undefined, { ...all, exists: false }), []);
  assert.deepEqual(changes(undefined, state), ["up"]);
  assert.deepEqual(changes(undefined, undefined), []);
  assert.deepEqual(changes(state, { ...state, up: false, running: false }), ["down"]);
  assert.deepEqual(changes({ ...state, up: false, running: false }, state), ["up"]);
  assert.deepEqual(changes(state, { ...state, running: false }), ["no-carrier"]);
  assert.deepEqual(changes(state, { ...state, running: false }, { ...all, running: false }), []);
  assert.deepEqual(changes(state, { ...state, index: 4, receivedBytes: 0 }), ["replaced"]);
  assert.deepEqual(changes(state, { ...state, sentBytes: 99 }), ["reset"]);
  assert.deepEqual(changes(state, { ...state, sentBytes: 99 }, { ...all, bytes: false }), []);
  assert.deepEqual(changes(state, { ...state, sentBytes: 101, receivedBytes: 101 }), []);
});

test("readInterface() knows no interface by an impossible name", () => {
  for (const name of ["", ".", "..", "../../kernel", "no such interface"]) assert.equal(readInterface(name), undefined, name);
});
