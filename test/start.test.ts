/**
 * How the shipped client starts: with what V8 compiled in an earlier run, or without.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync, chownSync, copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Script } from "node:vm";
import { CLIENT_OPTIONS } from "../src/cli/client-options.ts";
import { ensureBuilt, ROOT } from "./support/dist.ts";

const KEYS = ["--key-rijndael", "Tr0ub4dor", "--key-hmac", "horse-staple"];
const PACKET = ["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-D", "192.0.2.2", ...KEYS, "--no-rc-file", "--no-save-args"];
const FILES = ["fwknop.cjs", "fwknop-client.cjs", "fwknop-lazy.cjs"];
/** How the names of such files begin. */
const CACHE = /^fwknop-[0-9a-f]{32}-/;
const SOMEBODY_ELSE = 65534;
const isRoot = process.geteuid?.() === 0;

function canBecome(uid: number): boolean {
  return isRoot && spawnSync(process.execPath, ["-e", "0"], { cwd: "/", uid }).status === 0;
}

/** A run's words, without what differs from packet to packet. */
const sameWords = (text: string): string => text.replace(/\S{40,}|\d{10,}/g, "…");

describe("starting the client", () => {
  let folder: string;
  let home: string;
  /** Where a run keeps what V8 compiled, if it cannot beside the program. */
  let kept: string;
  /** The client in a folder in which its user may write nothing, and in one where that is possible. */
  let installed: string;
  let own: string;
  /** The one of them that runs. */
  let program: string;
  let source: string;

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], HOME: home, LOGNAME: "alice", LC_ALL: "C" });
  const run = (args: readonly string[] = PACKET, more: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, join(program, "fwknop.cjs"), ...args], { cwd: folder, encoding: "utf8", timeout: 30_000, env: { ...env(), ...more } });
    return { status, stdout: sameWords(stdout), stderr };
  };
  const filesOf = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path) : []);
  const cachesIn = (path: string): readonly string[] => filesOf(path).filter((name) => CACHE.test(name));
  const cacheFile = (): string => {
    const place = program === own ? own : kept;
    const names = cachesIn(place);
    assert.equal(names.length, 1, names.join());
    return join(place, names[0]!);
  };
  /** What the run says that begins with nothing. */
  let plain: ReturnType<typeof run>;

  before(async () => {
    process.umask(0o022);
    await ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "fko-tool-start-"));
    source = readFileSync(join(ROOT, "dist/fwknop-client.cjs"), "utf8");
    installed = copyOfProgram("installed");
    // Root could write to any folder, but leaves nothing in one of somebody else's.
    if (isRoot) chownSync(installed, SOMEBODY_ELSE, SOMEBODY_ELSE);
    else chmodSync(installed, 0o555);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    home = mkdtempSync(join(folder, "home-"));
    kept = join(home, ".cache", "fko-tool");
    own = copyOfProgram("own");
    program = installed;
    plain = run();
    assert.match(plain.stdout, /Final SPA Data: …/);
    assert.deepEqual({ status: plain.status, stderr: plain.stderr }, { status: 0, stderr: "" });
  });

  function copyOfProgram(name: string): string {
    const path = join(folder, name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { mode: 0o755 });
    for (const file of FILES) copyFileSync(join(ROOT, "dist", file), join(path, file));
    return path;
  }

  /** Runs the client for the first time from where it may write. */
  function runOwn(): void {
    rmSync(join(home, ".cache"), { recursive: true });
    program = own;
    assert.deepEqual(run(), plain);
  }

  /** A cache that V8 takes for the client's, and that says that it ran. */
  const planted = (flags: readonly string[] = []): Buffer => {
    const evil = '(function () { process.stdout.write("planted"); process.exit(7); ';
    const make = `const { Script } = require("vm"); process.stdout.write(new Script(${JSON.stringify(evil)} + " ".repeat(${source.length - evil.length - 2}) + "})").createCachedData())`;
    const code = spawnSync(process.execPath, [...flags, "-e", make]).stdout;
    return Buffer.concat([code, code]);
  };

  const isWhole = (file: string): boolean => {
    const bytes = readFileSync(file);
    for (const key of ["Tr0ub4dor", "horse-staple"]) assert(!bytes.includes(key), "a key is kept");
    return new Script(source, { filename: join(ROOT, "dist/fwknop-client.cjs"), cachedData: bytes.subarray(0, bytes.length / 2) }).cachedDataRejected === false;
  };

  test("fwknop -T keeps what V8 compiled beside the program, if it may write there, and nothing else", () => {
    runOwn();
    assert.deepEqual([filesOf(own).length, filesOf(home)], [FILES.length + 1, []]);
    assert.equal((statSync(cacheFile()).mode & 0o777).toString(8), "644");
    assert(isWhole(cacheFile()));
  });

  test("fwknop -T keeps it otherwise in the user's cache folder, where only that user can write, and nothing else", () => {
    assert.deepEqual(filesOf(installed).length, FILES.length);
    const file = cacheFile();
    assert.deepEqual([home, join(home, ".cache"), kept].map((path) => readdirSync(path).length), [1, 1, 1]);
    assert.deepEqual([join(home, ".cache"), kept, file].map((path) => (statSync(path).mode & 0o777).toString(8)), ["700", "700", "644"]);
    assert(isWhole(file));
  });

  test("a build makes the first packet itself", () => {
    const names = cachesIn(join(ROOT, "dist")).filter((name) => name.endsWith(`-${process.version}-${process.arch}`));
    assert.deepEqual(names.map((name) => isWhole(join(ROOT, "dist", name))), [true]);
  });

  test("what is kept has what reads a stanza, even if the first run named none", () => {
    assert(readFileSync(cacheFile()).includes("*Invalid entry in "));
  });

  test("the shipped client makes a row of its options only when it is asked for", () => {
    assert.deepEqual(Object.keys(CLIENT_OPTIONS).filter((key) => !source.includes(`get ${key}(){return`)), []);
  });

  test("the shipped client asks for a module of Node once", () => {
    const asked = [...source.matchAll(/require\("(node:\w+)"\)/g)].map((match) => match[1]);
    assert(asked.includes("node:fs"));
    assert.deepEqual(asked, [...new Set(asked)]);
  });

  test("the shipped client's tables have no prototype", () => {
    for (const table of ["get access(){return", "md5:{number:1,", "ecb:{number:1,", 'A:"access"', "DIGEST_TYPE:"]) assert(source.includes(`{__proto__:null,${table}`), table);
  });

  test("fwknop -T takes what was kept, and leaves it as it is", () => {
    const { ino } = statSync(cacheFile());
    assert.deepEqual(run(), plain);
    assert.equal(statSync(cacheFile()).ino, ino);
  });

  test("what is kept is what runs", () => {
    writeFileSync(cacheFile(), planted());
    assert.deepEqual(run(), { status: 7, stdout: "planted", stderr: "" });
    runOwn();
    writeFileSync(cacheFile(), planted());
    assert.deepEqual(run(), { status: 7, stdout: "planted", stderr: "" });
  });

  test("where flags in NODE_OPTIONS keep V8 from taking what is beside the program, more is kept in the home", () => {
    const flags = { NODE_OPTIONS: "--stack-trace-limit=50" };
    runOwn();
    if (isRoot) chownSync(own, SOMEBODY_ELSE, SOMEBODY_ELSE);
    else chmodSync(own, 0o555);
    assert.deepEqual(run(PACKET, flags), plain);
    const names = cachesIn(kept);
    assert.equal(names.length, 1);
    writeFileSync(join(kept, names[0]!), planted(["--stack-trace-limit=50"]));
    assert.equal(run(PACKET, flags).stdout, "planted");
    assert.deepEqual(run(), plain);
    chmodSync(own, 0o755);
  });

  test("what the owner of the program keeps serves everybody", { skip: !isRoot && "needs root" }, () => {
    runOwn();
    const file = cacheFile();
    writeFileSync(file, planted());
    for (const name of [...FILES.map((name) => join(own, name)), file]) chownSync(name, SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.equal(run().stdout, "planted");
    chmodSync(file, 0o664);
    assert.deepEqual(run(), plain);
  });

  test("what is kept can be read by everybody, whatever the umask", () => {
    process.umask(0o077);
    try {
      runOwn();
    } finally {
      process.umask(0o022);
    }
    assert.equal((statSync(cacheFile()).mode & 0o777).toString(8), "644");
  });

  test("what root keeps serves everybody", { skip: !canBecome(SOMEBODY_ELSE) && "needs root, and a node that everybody can run" }, () => {
    runOwn();
    writeFileSync(cacheFile(), planted());
    for (const path of [folder, own]) chmodSync(path, 0o755);
    const { status, stdout } = spawnSync(process.execPath, [join(own, "fwknop.cjs"), ...PACKET], { cwd: "/", uid: SOMEBODY_ELSE, encoding: "utf8", env: env() });
    assert.deepEqual([status, stdout], [7, "planted"]);
  });

  const elsewhere = (): string => join(home, "elsewhere");
  const spoilt: Readonly<Record<string, (file: string) => void>> = {
    "is empty": (file) => truncateSync(file),
    "was cut short": (file) => truncateSync(file, 5000),
    "has a byte changed": (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length >> 2]! ^= 1;
      writeFileSync(file, bytes);
    },
    "was made by V8 with other flags": () => run(PACKET, {}, ["--no-opt"]),
    "is that of another source": (file) => {
      const code = new Script("(function () { return 1; })").createCachedData();
      writeFileSync(file, Buffer.concat([code, code]));
    },
    "the group can change": (file) => {
      writeFileSync(file, planted());
      chmodSync(file, 0o620);
    },
    "everybody can change": (file) => {
      writeFileSync(file, planted());
      chmodSync(file, 0o602);
    },
    "is a link": (file) => {
      writeFileSync(elsewhere(), planted(), { mode: 0o600 });
      rmSync(file);
      symlinkSync(elsewhere(), file);
    },
    "has a second name": (file) => {
      writeFileSync(file, planted());
      linkSync(file, elsewhere());
    },
    ...(isRoot && {
      "belongs to somebody else": (file: string) => {
        writeFileSync(file, planted());
        chownSync(file, SOMEBODY_ELSE, SOMEBODY_ELSE);
      },
    }),
  };
  const places: Readonly<Record<string, () => void>> = { "beside it": runOwn, "in the home": () => {} };
  const faults = Object.entries(spoilt).flatMap(([fault, spoil]) => Object.entries(places).map(([place, go]) => ({ fault, spoil, place, go })));
  for (const { fault, spoil, place, go } of faults) {
    test(`fwknop -T does not take what was kept ${place}, which ${fault}, and replaces it`, () => {
      go();
      const file = cacheFile();
      spoil(file);
      const before = existsSync(elsewhere()) ? readFileSync(elsewhere()) : undefined;
      const { ino } = statSync(file);
      assert.deepEqual(run(), plain);
      const fresh = statSync(cacheFile());
      assert.notEqual(fresh.ino, ino);
      assert.deepEqual([fresh.mode & 0o777, fresh.uid, fresh.nlink], [0o644, process.geteuid!(), 1]);
      if (before !== undefined) assert.deepEqual(readFileSync(elsewhere()), before, "the file behind the name was written to");
      assert.deepEqual(run(), plain);
      assert.equal(statSync(file).ino, fresh.ino);
    });
  }

  const untrusted: Readonly<Record<string, () => void>> = {
    "the group can write to": () => chmodSync(kept, 0o770),
    "everybody can write to": () => chmodSync(kept, 0o1777),
    "is a link": () => {
      renameSync(kept, elsewhere());
      symlinkSync(elsewhere(), kept);
    },
    ...(isRoot && { "belongs to somebody else": () => chownSync(kept, SOMEBODY_ELSE, SOMEBODY_ELSE) }),
  };
  for (const [fault, spoil] of Object.entries(untrusted)) {
    test(`fwknop -T takes nothing from a folder, which ${fault}, and leaves nothing there`, () => {
      const file = cacheFile();
      const bytes = planted();
      writeFileSync(file, bytes);
      spoil();
      assert.deepEqual(run(), plain);
      assert.deepEqual(readFileSync(cacheFile()), bytes);
      rmSync(file);
      assert.deepEqual(run(), plain);
      assert.deepEqual(readdirSync(kept), []);
    });
  }

  const homeless: Readonly<Record<string, readonly [readonly string[], NodeJS.ProcessEnv?]>> = {
    "fwknop --no-home-dir": [[...PACKET, "--no-home-dir", "-E", "/dev/null"]],
    "fwknop --no-home-dir, shortened": [[...PACKET, "--no-hom", "-E", "/dev/null"]],
    "fwknop --home-dir": [[...PACKET, "--home-dir", "."]],
    "fwknop without HOME": [PACKET, { HOME: undefined }],
    "fwknop with an empty HOME": [PACKET, { HOME: "" }],
    "fwknop with a HOME that cannot be written to": [PACKET, { HOME: "/proc" }],
    "fwknop with a HOME that is not there": [PACKET, { HOME: "/nonexistent" }],
  };
  for (const [name, [args, more]] of Object.entries(homeless)) {
    test(`${name} keeps it beside the program, and takes it from there`, () => {
      rmSync(join(home, ".cache"), { recursive: true });
      program = own;
      assert.equal(run(args, more).status, 0);
      assert.deepEqual([cachesIn(own).length, filesOf(home)], [1, []]);
      writeFileSync(cacheFile(), planted());
      assert.equal(run(args, more).stdout, "planted");
    });
  }

  const silent: Readonly<Record<string, readonly [readonly string[], NodeJS.ProcessEnv?]>> = {
    "fwknop -V": [["-V", "--no-rc-file"]],
    "fwknop -h": [["-h"]],
    "fwknop --key-gen": [["--key-gen", "--no-rc-file"]],
    "a run that fails": [[...PACKET, "-P", "tpc"]],
    ...homeless,
  };
  for (const [name, [args, more]] of Object.entries(silent)) {
    test(`${name} keeps nothing in the home`, () => {
      rmSync(join(home, ".cache"), { recursive: true });
      const { status, stderr } = run(args, more);
      const isFailure = args.includes("tpc");
      assert.equal(status, isFailure ? 1 : 0, stderr);
      if (!isFailure) assert.equal(stderr, "");
      assert.deepEqual(readdirSync(home), []);
      assert.deepEqual(readdirSync(folder).filter((entry) => !entry.startsWith("home-")), ["installed", "own"]);
      assert.deepEqual(cachesIn(installed), []);
      assert(!existsSync("/.cache/fko-tool"), "something is in the root folder");
    });
  }

  test("a program that --then runs finds it kept already", () => {
    rmSync(join(home, ".cache"), { recursive: true });
    const { status, stdout, stderr } = run([...PACKET.filter((word) => word !== "-T"), "-D", "127.0.0.1", "--then", "ls", kept]);
    assert.deepEqual([status, stderr, stdout.split("\n").length], [0, "", 2]);
  });

  test("fwknop --no-home-dir takes nothing out of it either", () => {
    writeFileSync(cacheFile(), planted());
    assert.deepEqual(run([...PACKET, "--no-home-dir", "-E", "/dev/null"]), plain);
  });

  test("root keeps nothing in the home of a user whose HOME sudo left as it was", { skip: !isRoot && "needs root" }, () => {
    rmSync(join(home, ".cache"), { recursive: true });
    chownSync(home, SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.deepEqual(run(), plain);
    assert.deepEqual(readdirSync(home), []);
    mkdirSync(join(home, ".cache"));
    chownSync(join(home, ".cache"), SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.deepEqual(run(), plain);
    assert.deepEqual(readdirSync(join(home, ".cache")), []);
  });

  test("XDG_CACHE_HOME names the folder, if it is a whole path", () => {
    rmSync(join(home, ".cache"), { recursive: true });
    run(PACKET, { XDG_CACHE_HOME: join(home, "xdg") });
    assert.deepEqual([readdirSync(home), filesOf(join(home, "xdg", "fko-tool")).length], [["xdg"], 1]);
    run(PACKET, { XDG_CACHE_HOME: "xdg" });
    assert.equal(filesOf(kept).length, 1);
    assert(!existsSync(join(folder, "xdg")));
  });

  test("many first runs at once all make their packets, and leave one file", async () => {
    rmSync(join(home, ".cache"), { recursive: true });
    const children = Array.from({ length: 6 }, () => spawn(process.execPath, [join(program, "fwknop.cjs"), ...PACKET], { env: env(), stdio: ["ignore", "ignore", "inherit"] }));
    assert.deepEqual(await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number)), children.map(() => 0));
    cacheFile();
  });

  test("what other builds kept goes after a month", () => {
    const file = cacheFile();
    const [old, recent] = [31, 29].map((days) => {
      const other = `${file}-${days}`;
      writeFileSync(other, "");
      utimesSync(other, Date.now() / 1000 - days * 86400, Date.now() / 1000 - days * 86400);
      return other;
    });
    rmSync(file);
    run();
    assert.deepEqual([file, old, recent].map((path) => existsSync(path!)), [true, false, true]);
  });

  test("of a program's folder nothing else goes", () => {
    for (const file of FILES) utimesSync(join(own, file), 0, 0);
    runOwn();
    assert.deepEqual(readdirSync(own).filter((name) => !CACHE.test(name)).sort(), [...FILES].sort());
  });
});
