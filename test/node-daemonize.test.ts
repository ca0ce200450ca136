import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { killDaemon } from "../src/node/daemon/control.ts";
import { startDaemon } from "../src/node/daemon/daemonize.ts";
import { daemonStatus } from "../src/node/daemon/pid-file.ts";
import { identifyProcess } from "../src/node/daemon/process-identity.ts";
import { useUpDescriptors } from "./support/limits.ts";
import { requirePeers } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-daemon-"));
const pidFiles: string[] = [];
after(async () => {
  for (const path of pidFiles) await killDaemon(path, 1000);
  rmSync(folder, { recursive: true, force: true });
});

const program = fileURLToPath(new URL("support/daemon-fixture.ts", import.meta.url));
const TIMEOUT_MS = 30_000;

function argvFor(what: string): { argv: string[]; pidFile: string; report: string } {
  const pidFile = join(folder, `${what}.pid`);
  const report = join(folder, `${what}.json`);
  pidFiles.push(pidFile);
  return { argv: ["--import", "tsx", program, what, pidFile, report], pidFile, report };
}

function start(what: string): { status: number | null; stdout: string; stderr: string; pidFile: string; report: string } {
  const { argv, pidFile, report } = argvFor(what);
  // Ends only when nobody holds its stdout and stderr any more, so a daemon that kept them would hang this.
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: TIMEOUT_MS });
  return { status, stdout, stderr, pidFile, report };
}

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < TIMEOUT_MS && !holds(); waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(holds(), "what was waited for did not come");
}

test("startDaemon() leaves a daemon behind that has the lock, a session of its own and nothing of ours", async () => {
  const { status, stderr, pidFile, report } = start("ready");
  assert.deepEqual([status, stderr], [0, "a warning\n"]);
  const running = daemonStatus(pidFile);
  assert.ok(running.state === "running");
  await until(() => existsSync(report) && readFileSync(report, "utf8").endsWith("}"));
  assert.deepEqual(JSON.parse(readFileSync(report, "utf8")), { heard: true, cwd: "/", umask: 0o077, guard: "all", variables: [] });
  if (process.platform === "linux") {
    const session = readFileSync(`/proc/${running.pid}/stat`, "latin1").split(") ")[1]!.split(" ")[3];
    assert.equal(Number(session), running.pid);
  }

  const second = spawnSync(process.execPath, ["--import", "tsx", program, "ready", pidFile, `${report}2`], { encoding: "utf8", timeout: TIMEOUT_MS });
  assert.deepEqual([second.status, second.stderr], [1, `already running: ${running.pid}\n`]);

  // Without a handler this would open the inspector.
  process.kill(running.pid, "SIGUSR1");
  process.kill(running.pid, "SIGUSR2");
  process.kill(running.pid, "SIGHUP");
  const killed = await killDaemon(pidFile);
  assert.deepEqual(killed, { exitStatus: 0, stdout: `Killed fwknopd (pid=${running.pid}) via SIGTERM\n`, stderr: "" });
  assert.equal(readFileSync(`${report}.end`, "utf8"), "SIGTERM");
  assert.equal(readFileSync(pidFile, "utf8"), "");
});

test("startDaemon() returns the status of a daemon that refuses to start, and what it said", () => {
  const { status, stderr } = start("exit");
  assert.deepEqual([status, stderr], [2, "a warning\n"]);
});

test("startDaemon() tells of an uncaught error", () => {
  const { status, stderr } = start("throw");
  assert.equal(status, 1);
  assert.match(stderr, /^a warning\nError: unforeseen\n/);
});

test("startDaemon() names the signal that ended the daemon", () => {
  const { status, stderr } = start("kill");
  assert.deepEqual([status, stderr], [137, "a warning\nThe daemon died of SIGKILL before it was ready\n"]);
});

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return ""; // gone again
  }
}

test("startDaemon() passes on the signal that ends the wait", async () => {
  const { argv } = argvFor("wait");
  const parent = spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "pipe"] });
  let daemon = 0;
  try {
    const ended = once(parent, "close");
    daemon = await new Promise<number>((resolve) => {
      const timer = setInterval(() => {
        const pid = Number(readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").split(" ").find((each) => each !== ""));
        // Not by its words: until it is another program, a child that takes the lock has ours.
        if (pid > 0 && environOf(pid).includes("FKO_TOOL_DAEMON=")) {
          clearInterval(timer);
          resolve(pid);
        }
      }, 10);
    });
    // Its handlers stand when it has opened its files; before that the signal ends it as well.
    parent.kill("SIGTERM");
    const [status] = await ended as [number];
    assert.ok(status === 143 || status === 1, `status ${status}`);
    await until(() => identifyProcess(daemon) === undefined);
  } finally {
    parent.kill("SIGKILL");
    if (daemon !== 0 && identifyProcess(daemon) !== undefined) process.kill(daemon, "SIGKILL");
  }
});

test("startDaemon() says that there are no descriptors to start it with", async (t) => {
  if (!requirePeers(t, "prlimit")) return;
  const giveBack = useUpDescriptors();
  try {
    assert.deepEqual(await startDaemon({ main: program, args: [] }), { exitStatus: 1, text: "Cannot start the daemon: Too many open files\n" });
  } finally {
    giveBack();
  }
});
