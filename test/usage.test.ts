import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { CLIENT } from "../src/cli/client-options.ts";
import { renderCompletion } from "../src/cli/completion.ts";
import { renderManuals } from "../src/cli/manuals.ts";
import { listOptions, type Program } from "../src/cli/options.ts";
import { SERVER } from "../src/cli/server-options.ts";
import { renderUsage, wrap } from "../src/cli/usage.ts";
import { rcVariables } from "../src/config/fwknoprc-variables.ts";
import { packageVersion } from "../src/node/version.ts";
import { requirePeer } from "./support/require-peer.ts";

const PROGRAMS: readonly Program<never>[] = [CLIENT as Program<never>, SERVER as Program<never>];

/** A file that goes with the test. */
function scriptFile(t: TestContext, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fko-completion-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "script");
  writeFileSync(file, script);
  return file;
}

describe("texts made from the option tables", () => {
  for (const program of PROGRAMS) {
    const rows = listOptions<never>(program);

    test(`renderUsage() shows each option of ${program.name} in 80 columns`, () => {
      const lines = renderUsage(program, "1.2.3").split("\n");
      assert.match(lines[0]!, new RegExp(`^${program.name} 1\\.2\\.3: `));
      for (const row of rows) {
        const shown = lines.filter((line) => line.startsWith(` ${row.letters.length > 0 ? `-${row.letters[0]}, ` : "    "}--${row.long}`) && !/^[\w-]/.test(line.slice(7 + row.long.length)));
        assert.equal(shown.length, row.minor ? 0 : 1, row.long);
      }
      for (const line of lines) assert.ok(line.length < 80 && line.trimEnd() === line, line);
    });

    for (const shell of ["bash", "zsh", "fish"] as const) {
      test(`renderCompletion() writes ${shell} for ${program.name}`, (t) => {
        const script = renderCompletion(program, shell);
        for (const row of rows) assert.equal(new RegExp(`${shell === "fish" ? "-l " : "--"}${row.long}(?![\\w-])`).test(script), !row.minor, row.long);
        if (requirePeer(t, shell) === undefined) return;
        const file = scriptFile(t, script);
        const parsed = spawnSync(shell, ["-n", file], { encoding: "utf8" });
        assert.equal(parsed.status, 0, parsed.stderr);
      });
    }
  }

  test("a completion script offers options and arguments in bash", (t) => {
    if (requirePeer(t, "bash") === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), "fko-completion-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    const complete = (...words: string[]): string[] => {
      const script = `${renderCompletion(CLIENT, "bash")}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _fwknop; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", script, "bash", "fwknop", ...words], { cwd: new URL("..", import.meta.url), env, encoding: "utf8" }).stdout.trim().split("\n");
    };
    assert.deepEqual(complete("--nat-"), ["--nat-access", "--nat-local", "--nat-port", "--nat-rand-port"]);
    assert.deepEqual(complete("-P", "t"), ["tcp", "tcpraw"]);
    assert.deepEqual(complete("--rc-file", "package.js"), ["package.json"]);
    assert.deepEqual(complete("--server-proto", "=", "t"), ["tcp", "tcpraw"]);
    assert.deepEqual(complete("--server-proto", "="), ["udp", "udpraw", "tcp", "tcpraw", "icmp", "http"]);
    assert.ok(complete("-v", "--then", "bas").includes("bash"));
    assert.deepEqual(complete("--then", "cat", "package.js"), ["package.json"]);
    writeFileSync(join(folder, "a file"), "");
    assert.deepEqual(complete("-G", `${folder}/a`), [join(folder, "a file")]);
    writeFileSync(join(folder, "fwknop"), "#!/bin/sh\nprintf '%s\\n' 'The following:' ' - office' ' - other one' ' - $(exit)'\n", { mode: 0o755 });
    assert.deepEqual(complete("-n", "o"), ["office", "other\\ one"]);
    assert.deepEqual(complete("-n", ""), ["office", "other\\ one", "\\$\\(exit\\)"]);
  });

  test("a completion script offers options and arguments in fish", (t) => {
    if (requirePeer(t, "fish") === undefined) return;
    const file = scriptFile(t, renderCompletion(CLIENT, "fish"));
    const complete = (line: string): string[] => {
      const { stdout } = spawnSync("fish", ["--no-config", "-c", `source ${file}; complete -C '${line}'`], { encoding: "utf8" });
      return stdout.trim().split("\n").map((offer) => offer.split("\t")[0]!);
    };
    assert.deepEqual(complete("fwknop --nat-"), ["--nat-access", "--nat-local", "--nat-port", "--nat-rand-port"]);
    assert.deepEqual(complete("fwknop -P t").slice(0, 2), ["tcp", "tcpraw"]);
  });

  test("the manual pages are those that the tables make", () => {
    const pages = renderManuals(packageVersion());
    assert.deepEqual(Object.keys(pages), ["fwknop.8", "fwknopd.8"]);
    for (const [name, text] of Object.entries(pages)) {
      assert.ok(readFileSync(new URL(`../man/${name}`, import.meta.url), "utf8") === text, `man/${name} is out of date: node --import tsx scripts/make-docs.ts`);
    }
    for (const { name } of rcVariables()) assert.ok(pages["fwknop.8"]!.includes(`.B ${name}\n`), name);
  });

  test("the manual pages are good roff", (t) => {
    if (requirePeer(t, "groff") === undefined) return;
    for (const [name, text] of Object.entries(renderManuals("1.2.3"))) {
      const formatted = spawnSync("groff", ["-man", "-ww", "-Tutf8"], { input: text, encoding: "utf8" });
      assert.equal(formatted.status, 0, name);
      assert.equal(formatted.stderr, "", name);
      assert.match(formatted.stdout.replaceAll(/.\x08/g, ""), /^EXIT STATUS$/m);
    }
  });
});

test("wrap() breaks at blanks, and never inside a word", () => {
  assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrap("one", 1), ["one"]);
  assert.deepEqual(wrap("", 5), [""]);
});
