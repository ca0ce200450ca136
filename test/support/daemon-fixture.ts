/**
 * A program that becomes a daemon. Arguments: what happens at its start, its pid file, a file
 * for what it finds when it is ready.
 */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { inheritReadiness, startDaemon } from "../../src/node/daemon/daemonize.ts";
import { adoptPidFile, lockPidFile } from "../../src/node/daemon/pid-file.ts";
import { handleSignals } from "../../src/node/daemon/signals.ts";

const [what, pidFile, report] = process.argv.slice(2) as [string, string, string];
const readiness = inheritReadiness();
if (readiness === undefined) {
  const result = lockPidFile(pidFile);
  if (!result.ok) {
    console.error(`already running: ${result.pid}`);
    process.exit(1);
  }
  const { exitStatus, text } = await startDaemon({ main: process.argv[1]!, args: process.argv.slice(2), lock: result.lock });
  process.stderr.write(text);
  process.exit(exitStatus);
}

const out = resolve(report);
const stop = handleSignals({ stop: (signal) => {
  writeFileSync(`${out}.end`, signal);
  lock.close();
  process.exit(0);
} });
const lock = adoptPidFile(pidFile, readiness.lock!.descriptor, readiness.lock!.guard);
readiness.say("a warning");
if (what === "exit") process.exit(2);
if (what === "throw") setTimeout(() => {
  throw new Error("unforeseen");
});
else if (what === "kill") process.kill(process.pid, "SIGKILL");
else if (what === "wait") setInterval(() => {}, 1000);
else {
  lock.write(process.pid);
  const heard = readiness.ready();
  writeFileSync(out, JSON.stringify({
    heard, cwd: process.cwd(), umask: process.umask(), guard: lock.guard, variables: Object.keys(process.env).filter((name) => name.startsWith("FKO_")),
  }));
  setInterval(() => {}, 1000);
  void stop;
}
