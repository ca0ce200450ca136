import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hexText } from "../src/bytes.ts";
import { parseLogLine } from "../src/firewall-log.ts";
import { formatIp } from "../src/ip.ts";

// Written by Linux 6.18 for iptables -j LOG --log-prefix "DROP " --log-tcp-options, as dmesg shows it.
const TCP = "[11763.016031] DROP IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 SRC=127.0.0.1 DST=127.0.0.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=33528 DF PROTO=TCP SPT=40250 DPT=5501 WINDOW=65495 RES=0x00 SYN URGP=0 OPT (0204FFD70402080ACDC110B9000000000103030A) ";
const RESET = "[11763.016056] DROP IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 SRC=127.0.0.1 DST=127.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=TCP SPT=5501 DPT=40250 WINDOW=0 RES=0x00 ACK RST URGP=0 ";
const UDP = "[11763.016342] DROP IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 SRC=127.0.0.1 DST=127.0.0.1 LEN=30 TOS=0x00 PREC=0x00 TTL=64 ID=46405 DF PROTO=UDP SPT=51240 DPT=1001 LEN=10 ";
const ERROR = "[11763.016360] DROP IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 SRC=127.0.0.1 DST=127.0.0.1 LEN=58 TOS=0x00 PREC=0xC0 TTL=64 ID=46588 PROTO=ICMP TYPE=3 CODE=3 [SRC=127.0.0.1 DST=127.0.0.1 LEN=30 TOS=0x00 PREC=0x00 TTL=64 ID=46405 DF PROTO=UDP SPT=51240 DPT=1001 LEN=10 ] ";
const V6 = "[11763.016414] DROP6: IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:86:dd SRC=0000:0000:0000:0000:0000:0000:0000:0001 DST=0000:0000:0000:0000:0000:0000:0000:0001 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=315421 PROTO=TCP SPT=46088 DPT=22 WINDOW=65476 RES=0x00 SYN URGP=0 OPT (0204FFC40402080A145CA49A000000000103030A) ";
// Written by ulogd 2.0.8 (LOGEMU) for -j NFLOG --nflog-prefix "DROP ".
const ULOGD = "Nov 27 17:18:05 vm DROP  IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 SRC=127.0.0.1 DST=127.0.0.1 LEN=60 TOS=00 PREC=0x00 TTL=64 ID=48109 DF PROTO=TCP SPT=51558 DPT=5501 SEQ=4284409624 ACK=0 WINDOW=65495 SYN URGP=0 MARK=0x0 ";

const PING = TCP.replace(/PROTO=TCP.*/, "PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=1 ");
const WITHOUT_TIME = UDP.replace(/^\[.*?\] /, "");

/** What is read of a line, in short. */
function read(line: string, search = "DROP"): string | undefined {
  const packet = parseLogLine(line, search, 1);
  return packet && `${formatIp(packet.source)} ${packet.sourcePort} > ${formatIp(packet.destination)} ${packet.protocol}/${packet.destinationPort}`;
}

describe("parseLogLine()", () => {
  it("reads what the kernel and ulogd wrote of first packets", () => {
    assert.equal(read(TCP), "127.0.0.1 40250 > 127.0.0.2 6/5501");
    assert.equal(read(UDP), "127.0.0.1 51240 > 127.0.0.1 17/1001");
    assert.equal(read(V6), "::1 46088 > ::1 6/22");
    assert.equal(read(ULOGD), "127.0.0.1 51558 > 127.0.0.1 6/5501");
    assert.equal(read(PING), "127.0.0.1 0 > 127.0.0.2 1/0");
  });

  it("reads the fingerprint of a connection's first packet over IPv4, where all of it is told", () => {
    const { options, ...facts } = parseLogLine(TCP, "DROP", 1)!.syn!;
    assert.deepEqual([facts, hexText(options)], [{ window: 65495, ttl: 64, length: 60, dontFragment: true }, "0204ffd70402080acdc110b9000000000103030a"]);
    for (const line of [V6, ULOGD, UDP, TCP.replace("OPT (02", "OPT (2"), TCP.replace("WINDOW=65495", "WINDOW=65536"), TCP.replace("TTL=64 ", "")]) assert.equal(parseLogLine(line, "DROP", 1)!.syn, undefined, line);
  });

  it("takes no packet that begins nothing, is a reply, or leaves", () => {
    for (const line of [RESET, ERROR, TCP.replace(" SYN ", " ACK SYN "), TCP.replace(" SYN ", " "), PING.replace("TYPE=8", "TYPE=0"), TCP.replace("IN=lo OUT=", "IN= OUT=lo")]) assert.equal(read(line), undefined, line);
  });

  it("takes every head that syslog daemons write, and the prefix anywhere behind the kernel's tag", () => {
    for (const head of ["", "<4>", "<4>[  12.000001] ", "Nov  2 10:47:59 host kernel: ", "Nov 22 10:47:59 host kernel: [11763.016342] ", "2026-11-22T10:47:59.123456+01:00 host kernel: ", "2026-11-22T10:47:59Z host kernel:", "Nov 22 10:47:59 [kernel] "]) {
      assert.equal(read(`${head}${WITHOUT_TIME}`), "127.0.0.1 51240 > 127.0.0.1 17/1001", head);
    }
    assert.notEqual(read(`Nov 22 10:47:59 host kernel: [UFW BLOCK] ${WITHOUT_TIME.slice(5)}`, "BLOCK"), undefined);
    assert.notEqual(read(`Nov 22 10:47:59 host kernel: DROP${WITHOUT_TIME.slice(5)}`), undefined, "a prefix without a blank");
  });

  it("takes no words that strangers put into other programs' lines, and no other prefix", () => {
    for (const line of [
      `Nov 22 10:47:59 host sshd[7]: Invalid user ${WITHOUT_TIME}`, `Nov 22 10:47:59 host sshd[7]: Invalid user kernel: ${WITHOUT_TIME}`,
      `Nov 22 10:47:59 host kernel-x: ${WITHOUT_TIME}`, `x ${WITHOUT_TIME}`, `Nov 22 10:47:59 host fw DROP ${WITHOUT_TIME.slice(5)}`,
      WITHOUT_TIME.replace("DROP", "ACCEPT"), `Nov 22 10:47:59 host kernel: ${WITHOUT_TIME.replace("DROP", "drop")}`,
    ]) assert.equal(read(line), undefined, line);
  });

  it("takes no line with a wrong or missing field", () => {
    for (const [from, to] of [["SRC=127.0.0.1", "SRC=127.0.0.256"], ["SRC=127.0.0.1", ""], ["DST=127.0.0.1", "DST="], ["DPT=1001", "DPT=65536"], ["DPT=1001", "DPT=1e3"], ["DPT=1001", ""], ["SPT=51240", "SPT=-1"], ["PROTO=UDP", "PROTO=SCTP"], ["PROTO=UDP", "PROTO=17"], ["IN=lo ", ""]] as const) {
      assert.equal(read(UDP.replace(from, to)), undefined, to);
    }
    for (let end = 0; end < UDP.indexOf("1001"); end++) assert.equal(read(UDP.slice(0, end)), undefined);
    for (const line of ["", "DROP", "IN=lo OUT= ", "DROP IN=lo OUT= PROTO=__proto__ SRC=1.1.1.1 DST=1.1.1.1", "DROP IN=lo OUT= PROTO=constructor SRC=1.1.1.1 DST=1.1.1.1"]) assert.equal(read(line), undefined, line);
  });
});
