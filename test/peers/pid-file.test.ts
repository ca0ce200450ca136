/** Our lock and the C daemon's on one pid file, each seen by the other; our -S, -K and -R on the C daemon. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { killDaemon, reportStatus, restartDaemon } from "../../src/node/daemon/control.ts";
import { daemonStatus, lockPidFile } from "../../src/node/daemon/pid-file.ts";
import { run } from "../../src/node/run.ts";
import { openLab } from "../support/lab.ts";
import { startDaemon, writeDaemonFiles } from "../support/peers.ts";

describe("the pid file", { concurrency: 2 }, () => {
  test("the C daemon finds our lock, refuses to start, and leaves our pid in the file", async (t) => {
    const lab = await openLab(t, ["fwknopd", "perl"]);
    if (lab === undefined) return;
    const files = writeDaemonFiles(lab);
    const pidFile = lab.path("fwknopd.run/fwknopd.pid");
    const result = lockPidFile(pidFile);
    assert.ok(result.ok);
    t.after(() => result.lock.close());
    assert.equal(result.lock.guard, "all");
    result.lock.write(process.pid);

    const second = await run(lab.server.argv(["fwknopd", ...files]), { timeoutMs: 10_000 });
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`An instance of fwknopd is already running: \\(PID=${process.pid}\\)`));
    const status = await run(lab.server.argv(["fwknopd", ...files.slice(1), "-S"]), { timeoutMs: 10_000 });
    assert.deepEqual([status.status, status.stdout], [0, `Detected fwknopd is running (pid=${process.pid}).\n`]);
    assert.equal(readFileSync(pidFile, "utf8"), `${process.pid}\n`);
  });

  test("we find a running C daemon, also after it lost its lock by HUP, and can end it", async (t) => {
    const lab = await openLab(t, ["fwknopd"]);
    if (lab === undefined) return;
    const daemon = await startDaemon(lab, "C");
    const pidFile = lab.path("fwknopd.run/fwknopd.pid");
    const { pid } = daemon;
    assert.equal(readFileSync(pidFile, "utf8"), `${pid}\n`);
    assert.deepEqual(lockPidFile(pidFile), { ok: false, pid });
    assert.equal(reportStatus(pidFile).stdout, `Detected fwknopd is running (pid=${pid}).\n`);

    assert.deepEqual(restartDaemon(pidFile), { exitStatus: 0, stdout: `Sent restart signal to fwknopd (pid=${pid})\n`, stderr: "" });
    await daemon.waitFor("main event loop", 2);
    assert.equal(daemonStatus(pidFile).state, "running");

    assert.deepEqual(await killDaemon(pidFile, 10_000), { exitStatus: 0, stdout: `Killed fwknopd (pid=${pid}) via SIGTERM\n`, stderr: "" });
    assert.deepEqual(await daemon.exit, { status: 0, signal: null });
    // The C daemon leaves its pid behind; nobody is killed for it.
    assert.deepEqual(daemonStatus(pidFile), { state: "stopped", stalePid: pid });
  });
});
