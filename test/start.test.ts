/**
 * How the shipped client starts: with what V8 compiled in an earlier run, or without.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync, chownSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Script } from "node:vm";
import { CLIENT_OPTIONS } from "../src/cli/client-options.ts";
import { ensureBuilt, ROOT, shipped } from "./support/dist.ts";

const KEYS = ["--key-rijndael", "Tr0ub4dor", "--key-hmac", "horse-staple"];
const PACKET = ["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-D", "192.0.2.2", ...KEYS, "--no-rc-file", "--no-save-args"];
const SOMEBODY_ELSE = 65534;
const isRoot = process.geteuid?.() === 0;

/** A run's words, without what differs from packet to packet. */
const sameWords = (text: string): string => text.replace(/\S{40,}|\d{10,}/g, "…");

describe("starting the client", () => {
  let folder: string;
  let home: string;
  /** Where a run keeps what V8 compiled. */
  let kept: string;
  let source: string;

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], HOME: home, LOGNAME: "alice", LC_ALL: "C" });
  const run = (args: readonly string[] = PACKET, more: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
    const [node, program] = shipped("fwknop");
    const { status, stdout, stderr } = spawnSync(node, [...flags, program!, ...args], { cwd: folder, encoding: "utf8", timeout: 30_000, env: { ...env(), ...more } });
    return { status, stdout: sameWords(stdout), stderr };
  };
  const filesOf = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path) : []);
  const cacheFile = (): string => {
    const names = filesOf(kept);
    assert.equal(names.length, 1, names.join());
    return join(kept, names[0]!);
  };
  /** What the run says that begins with nothing. */
  let plain: ReturnType<typeof run>;

  before(async () => {
    await ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "fko-tool-start-"));
    source = readFileSync(join(ROOT, "dist/fwknop-client.cjs"), "utf8");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    home = mkdtempSync(join(folder, "home-"));
    kept = join(home, ".cache", "fko-tool");
    plain = run();
    assert.match(plain.stdout, /Final SPA Data: …/);
    assert.deepEqual({ status: plain.status, stderr: plain.stderr }, { status: 0, stderr: "" });
  });

  /** A cache that V8 takes for the client's, and that says that it ran. */
  const planted = (): Buffer => {
    const evil = '(function () { process.stdout.write("planted"); process.exit(7); ';
    const code = new Script(`${evil}${" ".repeat(source.length - evil.length - 2)}})`).createCachedData();
    return Buffer.concat([code, code]);
  };

  test("fwknop -T keeps what V8 compiled where only its user can write, and nothing else", () => {
    const file = cacheFile();
    assert.deepEqual([home, join(home, ".cache"), kept].map((path) => readdirSync(path).length), [1, 1, 1]);
    assert.deepEqual([join(home, ".cache"), kept, file].map((path) => (statSync(path).mode & 0o777).toString(8)), ["700", "700", "600"]);
    const bytes = readFileSync(file);
    const script = new Script(source, { filename: join(ROOT, "dist/fwknop-client.cjs"), cachedData: bytes.subarray(0, bytes.length / 2) });
    assert.equal(script.cachedDataRejected, false);
    for (const key of ["Tr0ub4dor", "horse-staple"]) assert(!bytes.includes(key), "a key is kept");
  });

  test("the shipped client makes a row of its options only when it is asked for", () => {
    assert.deepEqual(Object.keys(CLIENT_OPTIONS).filter((key) => !source.includes(`get ${key}(){return`)), []);
  });

  test("fwknop -T takes what was kept, and leaves it as it is", () => {
    const { ino } = statSync(cacheFile());
    assert.deepEqual(run(), plain);
    assert.equal(statSync(cacheFile()).ino, ino);
  });

  test("what is kept is what runs", () => {
    writeFileSync(cacheFile(), planted());
    assert.deepEqual(run(), { status: 7, stdout: "planted", stderr: "" });
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
  for (const [fault, spoil] of Object.entries(spoilt)) {
    test(`fwknop -T does not take what was kept, which ${fault}, and replaces it`, () => {
      const file = cacheFile();
      spoil(file);
      const before = existsSync(elsewhere()) ? readFileSync(elsewhere()) : undefined;
      const { ino } = statSync(file);
      assert.deepEqual(run(), plain);
      const fresh = statSync(cacheFile());
      assert.notEqual(fresh.ino, ino);
      assert.deepEqual([fresh.mode & 0o777, fresh.uid, fresh.nlink], [0o600, process.geteuid!(), 1]);
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
      writeFileSync(file, planted());
      spoil();
      assert.deepEqual(run(), plain);
      assert.deepEqual(readFileSync(cacheFile()), planted());
      rmSync(file);
      assert.deepEqual(run(), plain);
      assert.deepEqual(readdirSync(kept), []);
    });
  }

  const silent: Readonly<Record<string, readonly [readonly string[], NodeJS.ProcessEnv?]>> = {
    "fwknop -V": [["-V", "--no-rc-file"]],
    "fwknop -h": [["-h"]],
    "fwknop --key-gen": [["--key-gen", "--no-rc-file"]],
    "a run that fails": [[...PACKET, "-P", "tpc"]],
    "fwknop --no-home-dir": [[...PACKET, "--no-home-dir", "-E", "/dev/null"]],
    "fwknop --no-home-dir, shortened": [[...PACKET, "--no-hom", "-E", "/dev/null"]],
    "fwknop --home-dir": [[...PACKET, "--home-dir", "."]],
    "fwknop without HOME": [PACKET, { HOME: undefined }],
    "fwknop with an empty HOME": [PACKET, { HOME: "" }],
    "fwknop with a HOME that cannot be written to": [PACKET, { HOME: "/proc" }],
    "fwknop with a HOME that is not there": [PACKET, { HOME: "/nonexistent" }],
  };
  for (const [name, [args, more]] of Object.entries(silent)) {
    test(`${name} keeps nothing`, () => {
      rmSync(join(home, ".cache"), { recursive: true });
      const { status, stderr } = run(args, more);
      const isFailure = args.includes("tpc");
      assert.equal(status, isFailure ? 1 : 0, stderr);
      if (!isFailure) assert.equal(stderr, "");
      assert.deepEqual(readdirSync(home), []);
      assert.deepEqual(readdirSync(folder).filter((entry) => !entry.startsWith("home-")), []);
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
    const [node, ...words] = shipped("fwknop", ...PACKET);
    const children = Array.from({ length: 6 }, () => spawn(node, words, { env: env(), stdio: ["ignore", "ignore", "inherit"] }));
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
});
