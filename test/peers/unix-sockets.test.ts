/** Packets that another program relays to a Unix socket, one of ours or one of the service manager's. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { shipped } from "../support/dist.ts";
import { CLIENT, type Lab, openLab } from "../support/lab.ts";
import { PLAIN_STANZA, type Settings, startDaemon, writeDaemonFiles } from "../support/peers.ts";
import { makePacket } from "../support/spa.ts";

const STANZA: Settings = { ...PLAIN_STANZA, SOURCE: "10.77.0.0/24", FW_ACCESS_TIMEOUT: 300 };
const asking = (port: number): string => makePacket({ message: `${CLIENT.v4},tcp/${port}` });

function send(path: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => void connect(path).on("error", reject).on("close", () => resolve()).end(text).resume());
}

/** Starts a program with a Unix socket as descriptor 3, as a service manager does (sd_listen_fds(3)). */
const ACTIVATE = `use Socket; use Fcntl; my ($type, $path, @argv) = @ARGV; my $s;
socket($s, PF_UNIX, $type eq "datagram" ? SOCK_DGRAM : SOCK_STREAM, 0) && bind($s, pack_sockaddr_un($path)) or die $!;
listen($s, 5) if $type eq "stream";
require POSIX; POSIX::dup2(fileno($s), 3) unless fileno($s) == 3;
open(my $own, "+<&=", 3); fcntl($own, F_SETFD, 0);
$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @argv;`;
const SEND_DATAGRAMS = `use Socket; socket(my $s, PF_UNIX, SOCK_DGRAM, 0); my $path = shift; send($s, $_, 0, pack_sockaddr_un($path)) // die $! for @ARGV`;

async function startActivated(lab: Lab, type: "datagram" | "stream") {
  const path = lab.path(`${type}.sock`);
  const fwknopd = lab.start(lab.server, ["perl", "-e", ACTIVATE, type, path, ...shipped("fwknopd", ...writeDaemonFiles(lab, { name: type, stanzas: [STANZA] }), "-v")]);
  await fwknopd.waitFor("main event loop");
  return { path, fwknopd };
}

/** Children of a process that have a program's name. */
function childrenOf(lab: Lab, parent: number, name: string): number[] {
  return lab.server.pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, "latin1").startsWith(`${pid} (${name}) `) && readFileSync(`/proc/${pid}/stat`, "latin1").split(" ")[3] === String(parent);
    } catch {
      return false; // it ended
    }
  });
}

describe("Unix sockets", () => {
  test("fwknopd with AUTH_MODE SOCKET reads the lines of 1.9 at FWKNOP_SERV_SOCK, which is for its user alone, and takes none without a source", async (t) => {
    const lab = await openLab(t);
    if (lab === undefined) return;
    const path = lab.path("serv.sock");
    const config = { AUTH_MODE: "SOCKET", FWKNOP_SERV_SOCK: path };
    const fwknopd = await startDaemon(lab, "ours", { stanzas: [STANZA], config, args: ["-v"] });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await send(path, `${asking(21)}\nnobody:17:${asking(21)}\n10.78.0.9:17:${asking(21)}\n10.77.0.9:17:${asking(22)}\n`);
    await fwknopd.waitFor(/\[10\.77\.0\.9\] \(stanza #1\) Granted tcp\/22 for 10\.77\.0\.2/);
    assert.equal(fwknopd.count("does not say whom it is from"), 2);
    assert.equal(fwknopd.count("Granted"), 1);
    await send(path, `10.77.0.9:6:${asking(23)}\n`);
    await fwknopd.waitFor("Granted tcp/23 for 10.77.0.2");
    assert.deepEqual(await fwknopd.stop("SIGKILL"), { status: null, signal: "SIGKILL" });
    assert(existsSync(path));
    const second = await startDaemon(lab, "ours", { stanzas: [STANZA], config });
    await send(path, `10.77.0.9:17:${asking(24)}\n`);
    await second.waitFor("Granted tcp/24 for 10.77.0.2");
    assert.deepEqual(await second.stop(), { status: 0, signal: null });
    assert(!existsSync(path));
    writeFileSync(path, "no socket");
    const refused = lab.start(lab.server, shipped("fwknopd", ...writeDaemonFiles(lab, { stanzas: [STANZA], config })));
    assert.deepEqual(await refused.exit, { status: 1, signal: null });
    assert.match(refused.log, /fwknopd: error: Cannot listen at .*serv\.sock: /);
  });

  test("fwknopd hears such lines in the datagrams of an activated socket, again after its reader was killed, and leaves no reader", async (t) => {
    const lab = await openLab(t, ["perl"]);
    if (lab === undefined) return;
    const { path, fwknopd } = await startActivated(lab, "datagram");
    const sendDatagrams = (...datagrams: readonly string[]) => lab.server.run(["perl", "-e", SEND_DATAGRAMS, path, ...datagrams]);
    await sendDatagrams(asking(21), `10.77.0.9:17:${asking(22)}`);
    await fwknopd.waitFor("Granted tcp/22 for 10.77.0.2");
    assert.equal(fwknopd.count("does not say whom it is from"), 1);
    const [relay, ...others] = childrenOf(lab, fwknopd.pid, "perl");
    assert.deepEqual(others, []);
    process.kill(relay!, "SIGKILL");
    await sendDatagrams(`10.77.0.9:17:${asking(23)}`);
    await fwknopd.waitFor("Granted tcp/23 for 10.77.0.2");
    assert.match(fwknopd.log, /Cannot read on from descriptor 3: .*perl ended \(status SIGKILL\); it is started again/);
    const [last] = childrenOf(lab, fwknopd.pid, "perl");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
    assert(!lab.server.pids().includes(last!));
  });

  test("fwknopd hears such lines on the connections of an activated stream socket", async (t) => {
    const lab = await openLab(t, ["perl"]);
    if (lab === undefined) return;
    const { path, fwknopd } = await startActivated(lab, "stream");
    await send(path, `10.77.0.9:17:${asking(22)}\n`);
    await fwknopd.waitFor("Granted tcp/22 for 10.77.0.2");
    assert.deepEqual(await fwknopd.stop(), { status: 0, signal: null });
  });
});
