import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { killDaemon, reportStatus, restartDaemon } from "../src/node/daemon/control.ts";
import { daemonStatus, lockPidFile, type PidFileLock } from "../src/node/daemon/pid-file.ts";
import { identifyByPs, identifyProcess } from "../src/node/daemon/process-identity.ts";
import { findProgram } from "../src/node/find-program.ts";
import { requirePeers } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-pid-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

let counter = 0;
const fresh = (): string => join(folder, `pid${counter++}`);

function lock(path: string): PidFileLock {
  const result = lockPidFile(path);
  assert.ok(result.ok);
  return result.lock;
}

/** A process that only waits, and says so first. */
async function waiter(program: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout!, "data");
  return child as ChildProcess & { pid: number };
}

const sleeper = (trap = ""): Promise<ChildProcess & { pid: number }> => waiter("sh", "-c", `${trap} echo ready; while :; do sleep 0.05; done`);

test("lockPidFile() gives the lock to one, and tells the others whose it is", () => {
  const path = fresh();
  const mine = lock(path);
  mine.write(process.pid);
  assert.deepEqual(lockPidFile(path), { ok: false, pid: process.pid });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  mine.close();
  lock(path).close();
});

test("lockPidFile() takes the lock in a way that lockf() sees", (t) => {
  if (!requirePeers(t, "python3")) return;
  const path = fresh();
  const mine = lock(path);
  const attempt = (): number | null => spawnSync("python3", ["-c", "import fcntl,sys;fcntl.lockf(open(sys.argv[1],'r+'),fcntl.LOCK_EX|fcntl.LOCK_NB)", path], { stdio: "ignore" }).status;
  assert.equal(mine.guard, "all");
  assert.equal(attempt(), 1);
  mine.close();
  assert.equal(attempt(), 0);
});

test("lockPidFile() leaves a file alone that another holds with lockf()", async (t) => {
  if (!requirePeers(t, "python3")) return;
  const path = fresh();
  writeFileSync(path, "4242\n");
  await waiter("python3", "-c", "import fcntl,sys,time;f=open(sys.argv[1],'r+');fcntl.lockf(f,fcntl.LOCK_EX);print('locked',flush=True);time.sleep(60)", path);
  assert.deepEqual(lockPidFile(path), { ok: false, pid: 4242 });
  assert.equal(readFileSync(path, "utf8"), "4242\n");
});

test("the lock dies with its holder's last descriptor, not with the one that took it", async () => {
  const path = fresh();
  const mine = lock(path);
  const heir = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", mine.descriptor] });
  children.push(heir);
  mine.close();
  assert.equal(lockPidFile(path).ok, false);
  heir.kill("SIGKILL");
  await once(heir, "exit");
  lock(path).close();
});

test("PidFileLock.write() leaves nothing of a longer pid, close() leaves an empty file", () => {
  const path = fresh();
  writeFileSync(path, "123456789\nrest\n", { mode: 0o600 });
  const mine = lock(path);
  mine.write(process.pid);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  mine.close();
  assert.equal(readFileSync(path, "utf8"), "");
});

test("lockPidFile() refuses what somebody planted under the name", () => {
  const target = fresh();
  writeFileSync(target, "keep");
  const link = fresh();
  symlinkSync(target, link);
  assert.throws(() => lockPidFile(link), { code: "NOT_REGULAR" });
  const fifo = fresh();
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  assert.throws(() => lockPidFile(fifo), { code: "NOT_REGULAR" });
  assert.throws(() => lockPidFile(join(folder, "none", "pid")), { code: "ENOENT" });
  assert.equal(readFileSync(target, "utf8"), "keep");
});

test("daemonStatus() believes a pid only with its proof, or the name of the C daemon", async () => {
  const path = fresh();
  assert.deepEqual(daemonStatus(path), { state: "stopped", stalePid: undefined });
  const child = await sleeper();
  // As after a crash: the number is in use, by somebody else.
  writeFileSync(path, `${child.pid}\n`);
  assert.deepEqual(daemonStatus(path), { state: "stopped", stalePid: child.pid });
  writeFileSync(`${path}.start`, `${child.pid} 00000000-0000-0000-0000-000000000000 1\n`);
  assert.deepEqual(daemonStatus(path), { state: "stopped", stalePid: child.pid });
  const mine = lock(path);
  mine.write(child.pid);
  assert.equal(daemonStatus(path).state, "running");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.deepEqual(daemonStatus(path), { state: "stopped", stalePid: child.pid });
  mine.close();

  const program = join(folder, "fwknopd");
  copyFileSync(findProgram("sh")!, program);
  chmodSync(program, 0o755);
  const foreign = await waiter(program, "-c", "echo ready; while :; do sleep 0.05; done");
  writeFileSync(path, `${foreign.pid}\n9\n`);
  assert.equal(daemonStatus(path).state, "running");
});

test("daemonStatus() takes no number that would signal a group or init", () => {
  const path = fresh();
  for (const text of ["0\n", "1\n", "-1\n", "", "x\n", "99999999999\n"]) {
    writeFileSync(path, text);
    assert.deepEqual(daemonStatus(path), { state: "stopped", stalePid: undefined }, text);
  }
});

test("reportStatus(), restartDaemon() and killDaemon() say that nothing runs, and write nothing", async () => {
  const path = fresh();
  assert.deepEqual(reportStatus(path), { exitStatus: 1, stdout: "No running fwknopd detected.\n", stderr: "" });
  assert.deepEqual(restartDaemon(path), { exitStatus: 1, stdout: "No running fwknopd detected.\n", stderr: "" });
  assert.deepEqual(await killDaemon(path), { exitStatus: 1, stdout: "", stderr: "No running fwknopd detected.\n" });
  assert.throws(() => statSync(path), { code: "ENOENT" });
});

test("killDaemon() never signals a stranger who got the number", async () => {
  const path = fresh();
  const stranger = await sleeper();
  writeFileSync(path, `${stranger.pid}\n`);
  assert.equal((await killDaemon(path)).exitStatus, 1);
  assert.equal(restartDaemon(path).exitStatus, 1);
  assert.notEqual(identifyProcess(stranger.pid), undefined);
});

test("restartDaemon() sends HUP, killDaemon() TERM", async () => {
  const path = fresh();
  const child = await sleeper("trap 'echo hup' HUP; trap 'echo term; exit 0' TERM;");
  const closed = once(child, "close");
  let said = "";
  child.stdout!.on("data", (chunk: Uint8Array) => (said += String(chunk)));
  const mine = lock(path);
  mine.write(child.pid);
  assert.deepEqual(reportStatus(path), { exitStatus: 0, stdout: `Detected fwknopd is running (pid=${child.pid}).\n`, stderr: "" });
  assert.deepEqual(restartDaemon(path), { exitStatus: 0, stdout: `Sent restart signal to fwknopd (pid=${child.pid})\n`, stderr: "" });
  assert.deepEqual(await killDaemon(path), { exitStatus: 0, stdout: `Killed fwknopd (pid=${child.pid}) via SIGTERM\n`, stderr: "" });
  await closed;
  assert.equal(said, "hup\nterm\n");
  mine.close();
});

test("killDaemon() sends KILL to what ignores TERM", async () => {
  const path = fresh();
  const child = await sleeper("trap '' TERM;");
  const mine = lock(path);
  mine.write(child.pid);
  assert.deepEqual(await killDaemon(path, 100), { exitStatus: 0, stdout: `Killed fwknopd (pid=${child.pid}) via SIGKILL\n`, stderr: "" });
  mine.close();
});

test("identifyProcess() gives a living process one identity, and a zombie none", { skip: process.platform !== "linux" && "no /proc" }, async () => {
  const first = await sleeper();
  assert.equal(identifyProcess(first.pid)?.start, identifyProcess(first.pid)?.start);
  assert.notEqual(identifyProcess(first.pid), undefined);
  assert.equal(identifyProcess(first.pid)?.name, "sh");
  assert.equal(identifyProcess(2 ** 22 + 1), undefined);
  // A parent that does not collect its child.
  const parent = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(parent);
  const [line] = await once(parent.stdout, "data") as [Uint8Array];
  const zombie = Number(String(line));
  for (let waited = 0; waited < 5000 && identifyProcess(zombie) !== undefined; waited += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(identifyProcess(zombie), undefined);
  assert.equal(process.kill(zombie, 0), true);
});

test("identifyByPs() agrees that a process lives, where there is no /proc", async (t) => {
  if (!requirePeers(t, "ps")) return;
  const child = await sleeper();
  const identity = identifyByPs(child.pid);
  assert.equal(identity?.name, "sh");
  assert.match(identity!.start, /^\w{3} \w{3} \d+ [\d:]{8} \d{4}$/);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(identifyByPs(child.pid), undefined);
});
