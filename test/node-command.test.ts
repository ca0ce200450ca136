import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCommand, wrapCommand } from "../src/node/daemon/command.ts";
import { identifyProcess } from "../src/node/daemon/process-identity.ts";
import { findGroup, findUser } from "../src/node/users.ts";
import { requirePeers, requireRoot } from "./support/require-peer.ts";

const folder = mkdtempSync(join(tmpdir(), "fko-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const user = { name: "joe", uid: 1000, gid: 1001, home: "/home/joe" };
const self = { identity: { kind: "self" }, timeoutMs: 10_000 } as const;

test("wrapCommand() gives the user his own groups, and another primary one when asked", () => {
  assert.deepEqual(wrapCommand(["id", "-u"], { kind: "user", user }, "/bin/setpriv"), {
    argv: ["/bin/setpriv", "--reuid=1000", "--regid=1001", "--init-groups", "--", "id", "-u"],
    env: { HOME: "/home/joe", USER: "joe", LOGNAME: "joe" },
  });
  assert.equal(wrapCommand(["id"], { kind: "user", user, group: { name: "www", gid: 33 } }, "/bin/setpriv").argv[2], "--regid=33");
  assert.deepEqual(wrapCommand(["id"], { kind: "user", user }, undefined).ids, { uid: 1000, gid: 1001 });
});

test("wrapCommand() has sudo ask for nothing", () => {
  assert.deepEqual(wrapCommand(["-x", "a b"], { kind: "sudo", program: "/usr/bin/sudo", user: "joe", group: "www" }, undefined).argv,
    ["/usr/bin/sudo", "-n", "-u", "joe", "-g", "www", "--", "-x", "a b"]);
  assert.deepEqual(wrapCommand(["id"], { kind: "sudo", program: "sudo" }, undefined).argv, ["sudo", "-n", "--", "id"]);
});

test("runCommand() gives words to the program as they are, with no shell between", async () => {
  const result = await runCommand(["printf", "%s|", "$(id)", "a;b", "`x`", ">f"], self);
  assert.deepEqual([result.exitStatus, result.output], [0, "$(id)|a;b|`x`|>f|"]);
  assert.equal(result.display, "printf '%s|' '$(id)' 'a;b' '`x`' '>f'");
});

test("runCommand() tells status and both outputs, cut", async () => {
  const result = await runCommand(["sh", "-c", "echo out; echo err >&2; exit 3"], self);
  assert.deepEqual([result.exitStatus, result.output, result.startError], [3, "out\nerr", undefined]);
  const long = await runCommand(["sh", "-c", "yes | head -c 1000000"], self);
  assert.ok(long.output.length <= 2048);
  assert.equal(long.exitStatus, 0);
});

test("runCommand() ends a command and its children at the time limit", async () => {
  const file = join(folder, "pid");
  const result = await runCommand(["sh", "-c", `sleep 60 & echo $! >${file}; wait`], { ...self, timeoutMs: 300 });
  assert.equal(result.timedOut, true);
  // Not by signal 0: it reaches zombies that nobody has collected.
  assert.equal(identifyProcess(Number(readFileSync(file, "utf8"))), undefined);
});

test("runCommand() says why a program cannot be started", async () => {
  const result = await runCommand([join(folder, "none")], self);
  assert.deepEqual([result.exitStatus, result.startError], [undefined, "No such file or directory"]);
});

test("runCommand() runs as the user, with his groups and none of ours", async (t) => {
  if (!(requireRoot(t) && requirePeers(t, "setpriv"))) return;
  const nobody = findUser("nobody")!;
  const ids = await runCommand(["sh", "-c", "id -u; id -g; id -G; echo $HOME $USER"], { ...self, identity: { kind: "user", user: nobody } });
  assert.deepEqual(ids.output.split("\n"), [String(nobody.uid), String(nobody.gid), String(nobody.gid), `${nobody.home} nobody`]);
  const group = findGroup("daemon")!;
  const other = await runCommand(["id", "-g"], { ...self, identity: { kind: "user", user: nobody, group } });
  assert.equal(other.output, String(group.gid));
});

test("runCommand() names the program that somebody else could not start", async (t) => {
  if (!(requireRoot(t) && requirePeers(t, "setpriv"))) return;
  const result = await runCommand(["/no/such/program"], { ...self, identity: { kind: "user", user: findUser("nobody")! } });
  assert.equal(result.startError, "failed to execute /no/such/program: No such file or directory");
});
