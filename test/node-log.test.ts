import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { after, test } from "node:test";
import { BoundedWriter } from "../src/node/daemon/bounded-writer.ts";
import { openJournal } from "../src/node/daemon/journal-sink.ts";
import { Log, renderRecord } from "../src/node/daemon/log.ts";
import { FACILITIES, type LogSink } from "../src/node/daemon/log-sink.ts";
import { loggerArgv, openLogger } from "../src/node/daemon/logger-sink.ts";
import { isJournalStream, openStderr } from "../src/node/daemon/stderr-sink.ts";
import { findProgram } from "../src/node/find-program.ts";
import { lossRecord, type LogLevel } from "../src/server/log-record.ts";
import { setLimit, useUpDescriptors } from "./support/limits.ts";
import { requirePeers } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const who = { identity: "fwknopd", facility: FACILITIES["LOG_LOCAL3"]!, pid: 4711 };

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000 && !holds(); waited += 5) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(holds(), "what was waited for did not come");
}

/** Remembers lines. */
function memory(): LogSink & { readonly lines: [LogLevel, string][] } {
  const lines: [LogLevel, string][] = [];
  return { lines, write: (level, line) => void lines.push([level, line]), flush: async () => {}, close: () => {} };
}

test("Log gives shown records to every sink, and follows a change of verbosity", () => {
  const [first, second] = [memory(), memory()];
  const log = new Log({ sinks: [first, second], verbosity: 0, format: "text" });
  log.debug("hidden");
  log.info("one\ntwo");
  log.configure({ verbosity: 1 });
  const { write } = log;
  write({ level: "debug", message: "shown" });
  assert.deepEqual(first.lines, [["info", "one\\ntwo"], ["debug", "shown"]]);
  assert.deepEqual(second.lines, first.lines);
});

test("Log writes objects in the JSON format", () => {
  const sink = memory();
  new Log({ sinks: [sink], verbosity: 0, format: "json", now: () => 0 }).error("no", { code: 4 });
  assert.deepEqual(JSON.parse(sink.lines[0]![1]), { time: "1970-01-01T00:00:00.000Z", level: "error", message: "no", code: 4 });
});

test("openStderr() writes plain lines to a file, or lines with the severity for the journal", async () => {
  const path = join(folder, "stderr");
  const descriptor = openSync(path, "w");
  const plain = openStderr({ prefixed: false, descriptor });
  plain.write("info", "hello");
  await plain.flush(1000);
  const prefixed = openStderr({ prefixed: true, descriptor });
  prefixed.write("error", "bad");
  prefixed.write("debug", "detail");
  await prefixed.flush(1000);
  closeSync(descriptor);
  assert.equal(readFileSync(path, "utf8"), "hello\n<3>bad\n<7>detail\n");
});

test("openStderr() neither blocks nor grows when nobody reads the pipe, and tells later what was lost", async () => {
  const fifo = join(folder, "fifo");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = openStderr({ prefixed: false, descriptor: openSync(fifo, constants.O_WRONLY) });
  const line = "x".repeat(999);
  for (let at = 0; at < 6000; at++) sink.write("info", line);
  await sink.flush(50);
  let text = "";
  const buffer = Buffer.alloc(65_536);
  await until(() => {
    for (;;) {
      let count = 0;
      try {
        count = readSync(reader, buffer, 0, buffer.length, null);
      } catch { /* EAGAIN: nothing there now */ }
      if (count === 0) break;
      text += buffer.toString("latin1", 0, count);
    }
    return /\d+ log lines were lost/.test(text);
  });
  const arrived = text.split("\n").filter((each) => each === line).length;
  const lost = Number(/(\d+) log lines were lost/.exec(text)![1]);
  assert.equal(arrived + lost, 6000);
  assert.ok(arrived >= 4000 && arrived < 4500, `${arrived} arrived`);
  sink.close();
  closeSync(reader);
});

test("BoundedWriter writes all lines of one turn at once", async () => {
  const writes: string[] = [];
  const writer = new BoundedWriter(String);
  writer.attach(new Writable({ write: (chunk, _encoding, done) => (writes.push(String(chunk)), done()) }));
  for (const line of ["a\n", "b\n", "c\n"]) writer.write("info", line);
  await writer.flush(1000);
  assert.deepEqual(writes, ["a\nb\nc\n"]);
  writer.close();
});

test("BoundedWriter keeps lines while there is no stream, and counts those that a broken one swallowed", async () => {
  const writer = new BoundedWriter((count) => `lost ${count}\n`);
  writer.write("info", "early\n");
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  broken.on("error", () => {});
  writer.attach(broken);
  await until(() => writer.lost === 1);
  writer.detach();
  writer.write("info", "late\n");
  const good = new PassThrough();
  writer.attach(good);
  await writer.flush(1000);
  assert.equal(String(good.read()), "late\nlost 1\n");
  writer.close();
});

test("BoundedWriter drops details before verdicts when the log does not take them", async () => {
  const writer = new BoundedWriter((count) => `lost ${count}\n`);
  const line = `${"x".repeat(999)}\n`;
  for (let at = 0; at < 1100; at++) writer.write("debug", line);
  writer.write("info", "granted\n");
  const stream = new PassThrough();
  writer.attach(stream);
  await writer.flush(1000);
  const arrived = String(stream.read()).split("\n");
  assert.equal(arrived.filter((each) => `${each}\n` === line).length, 1048);
  assert.deepEqual(arrived.slice(1048), ["granted", "lost 52", ""]);
  writer.close();
});

test("renderRecord() makes an object of a loss as of every other event where the log is JSON", () => {
  assert.deepEqual(JSON.parse(renderRecord(lossRecord(2), "json", 0)), {
    time: "1970-01-01T00:00:00.000Z", level: "warning", message: "2 log lines were lost: the log did not take them in time", lost: 2,
  });
  assert.equal(renderRecord(lossRecord(1), "text", 0), "1 log line was lost: the log did not take them in time");
});

test("isJournalStream() compares device and inode with the descriptor", () => {
  const path = join(folder, "journal");
  writeFileSync(path, "");
  const descriptor = openSync(path, "r");
  const { dev, ino } = fstatSync(descriptor);
  assert.equal(isJournalStream(`${dev}:${ino}`, descriptor), true);
  assert.equal(isJournalStream(`${dev}:${ino + 1}`, descriptor), false);
  assert.equal(isJournalStream(undefined, descriptor), false);
  closeSync(descriptor);
});

function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

test("openJournal() introduces itself, writes on after journald has shut its side, and connects again", async () => {
  const path = join(folder, "stdout");
  const texts: string[] = [];
  const sockets: Socket[] = [];
  const server = await listen(path, (socket) => {
    const at = sockets.push(socket) - 1;
    texts[at] = "";
    socket.on("data", (chunk) => (texts[at] += String(chunk)));
    socket.end();
  });
  const sink = openJournal(who, path);
  sink.write("error", "first");
  await until(() => texts[0]?.includes("first") === true);
  sink.write("info", "second");
  await sink.flush(1000);
  await until(() => texts[0]?.includes("second") === true);
  assert.equal(texts[0], "fwknopd\n\n158\n1\n0\n0\n0\n<3>first\n<6>second\n");
  sockets[0]!.destroy();
  await until(() => {
    sink.write("info", "again");
    return texts[1]?.includes("again") === true;
  });
  assert.match(texts[1]!, /^fwknopd\n\n158\n1\n0\n0\n0\n<6>again\n/);
  sink.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** A logger that writes what it gets to a file. */
function fakeLogger(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const contentOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

test("openLogger() feeds one logger that outlives many lines", async () => {
  const out = join(folder, "logged");
  const sink = openLogger(who, fakeLogger("logger1", `echo "start $*" >>${out}; exec cat >>${out}`), "prefix");
  sink.write("error", "bad");
  await until(() => contentOf(out).includes("bad"));
  sink.write("debug", "detail");
  await sink.flush(1000);
  sink.close();
  await until(() => contentOf(out).includes("detail"));
  assert.equal(contentOf(out), "start --prio-prefix --id=4711 -S 32768 -t fwknopd -p local3.info\n<155>bad\n<159>detail\n");
});

test("openLogger() starts a logger a severity where there are no prefixes", async () => {
  const out = join(folder, "plain");
  const sink = openLogger(who, fakeLogger("logger2", `case "$1" in --*) echo "logger: unrecognized option: prio-prefix" >&2; exit 1;; esac; echo "start $*" >>${out}; exec sed "s/^/$4: /" >>${out}`), "prefix");
  sink.write("info", "swallowed by the attempt");
  // The refusal is seen when the child has left.
  for (let at = 0; at < 400 && !contentOf(out).includes("start"); at++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    sink.write("warning", "warned");
  }
  sink.write("error", "bad");
  await sink.flush(1000);
  sink.close();
  await until(() => contentOf(out).includes(": bad"));
  assert.match(contentOf(out), /start -t fwknopd\[4711\] -p local3\.warning\n/);
  assert.match(contentOf(out), /start -t fwknopd\[4711\] -p local3\.err\n/);
  await until(() => /local3\.warning: warned\n/.test(contentOf(out)));
  assert.match(contentOf(out), /local3\.err: bad\n/);
});

test("openLogger() starts a killed logger again", async () => {
  const out = join(folder, "respawned");
  const sink = openLogger(who, fakeLogger("logger3", `echo $$ >>${out}; exec cat >>${out}`), "prefix");
  sink.write("info", "one");
  await until(() => contentOf(out).includes("one"));
  process.kill(Number(contentOf(out).split("\n")[0]), "SIGKILL");
  await until(() => contentOf(out).split("\n").filter((line) => /^\d+$/.test(line)).length === 2);
  sink.write("info", "two");
  await sink.flush(1000);
  sink.close();
  await until(() => contentOf(out).includes("<158>two"));
});

const logger = findProgram("logger");

test("loggerArgv() is understood by the logger of this system", (t) => {
  if (!requirePeers(t, "logger")) return;
  const [program, ...args] = loggerArgv(logger!, who, "prefix", "info");
  const run = spawnSync(program, [...args, "-s", "--no-act", "--socket-errors=off"], { input: "<155>bad\n<159>detail\n", encoding: "utf8", timeout: 10_000 });
  assert.equal(run.status, 0);
  assert.match(run.stderr, /<155>.*fwknopd\[4711\]: bad\n<159>.*fwknopd\[4711\]: detail\n/);
});

test("openStderr() goes on with a file whose disk was full, and tells what was lost", async (t) => {
  if (!requirePeers(t, "prlimit")) return;
  const path = join(folder, "full");
  const sink = openStderr({ prefixed: false, descriptor: openSync(path, "a") });
  sink.write("info", "before");
  await sink.flush(1000);
  setLimit("fsize", "7");
  sink.write("info", "lost");
  await sink.flush(20);
  setLimit("fsize", "unlimited");
  sink.write("info", "after");
  await until(() => readFileSync(path, "utf8") === "before\nafter\n1 log line was lost: the log did not take them in time\n");
  sink.close();
});

test("openLogger() starts a logger as soon as there are descriptors for it", async (t) => {
  if (!requirePeers(t, "prlimit")) return;
  const out = join(folder, "late");
  const program = fakeLogger("logger4", `exec cat >>${out}`);
  const giveBack = useUpDescriptors();
  let sink: LogSink;
  try {
    sink = openLogger(who, program, "prefix");
    sink.write("info", "waited");
  } finally {
    giveBack();
  }
  await until(() => contentOf(out).includes("<158>waited"));
  sink.close();
});
