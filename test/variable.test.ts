import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accessVariables, OBSOLETE_ACCESS_VARIABLES } from "../src/config/access-variables.ts";
import { daemonVariables, OBSOLETE_DAEMON_VARIABLES } from "../src/config/daemon-variables.ts";
import { formatProblem, hasErrors, indexVariables, nearestName, type Variable, withSuggestion } from "../src/config/variable.ts";

describe("nearestName()", () => {
  const names = ["SOURCE", "KEY", "KEY_BASE64", "OPEN_PORTS", "iptablesCmd"];
  const near: readonly (readonly [written: string, meant: string | undefined])[] = [
    ["SUORCE", "SOURCE"],
    ["SOURC", "SOURCE"],
    ["SOURCES", "SOURCE"],
    ["source", "SOURCE"],
    ["OPENPORT", "OPEN_PORTS"],
    ["KYE", "KEY"],
    ["KEY_BASE_64", "KEY_BASE64"],
    ["IPTABLESCMD", "iptablesCmd"],
    ["X", undefined],
    ["KEYXY", undefined],
    ["DESTINATION", undefined],
    ["", undefined],
    [`SOURCE${"E".repeat(100_000)}`, undefined],
  ];
  for (const [written, meant] of near) {
    it(`takes ${JSON.stringify(written.slice(0, 20))} for ${meant ?? "nothing"}`, () => assert.equal(nearestName(written, names), meant));
  }

  it("prefers fewer slips", () => assert.equal(nearestName("KEY_BASE6", ["KEY_BASE", "KEY_BASE64", "KEY_BASE6X"]), "KEY_BASE"));
});

describe("withSuggestion()", () => {
  it("adds what was meant", () => assert.equal(withSuggestion("Unknown", "KYE", ["KEY"]), "Unknown, did you mean KEY?"));
  it("adds nothing without a guess", () => assert.equal(withSuggestion("Unknown", "ZZZ", ["KEY"]), "Unknown"));
});

describe("formatProblem()", () => {
  const problem = { severity: "error", file: "/etc/x.conf", line: 3, column: 7, message: "No" } as const;
  it("writes file, line and column", () => assert.equal(formatProblem(problem), "/etc/x.conf:3:7: No"));
  it("leaves out what is not known", () => {
    assert.equal(formatProblem({ ...problem, column: 0 }), "/etc/x.conf:3: No");
    assert.equal(formatProblem({ ...problem, line: 0 }), "/etc/x.conf: No");
  });
  it("escapes a file name that would break the line", () => assert.equal(formatProblem({ ...problem, file: "a\nb" }), "a\\x0ab:3:7: No"));
});

describe("hasErrors()", () => {
  it("counts errors only", () => {
    const problem = { severity: "warning", file: "f", line: 1, column: 1, message: "m" } as const;
    assert.equal(hasErrors([problem, { ...problem, severity: "info" }]), false);
    assert.equal(hasErrors([problem, { ...problem, severity: "error" }]), true);
  });
});

describe("the tables of variables", () => {
  const nobody = { findUser: () => undefined, findGroup: () => undefined, startOfDay: () => 0 };
  const tables = { daemon: daemonVariables(), access: accessVariables(nobody) };
  const gone = {
    daemon: OBSOLETE_DAEMON_VARIABLES.flatMap(({ names }) => names),
    access: OBSOLETE_ACCESS_VARIABLES.flatMap(({ names }) => names),
  };
  for (const which of ["daemon", "access"] as const) {
    const rows = Object.entries(tables[which]) as [string, Variable<unknown>][];

    it(`have each ${which} name once`, () => {
      const names = [...rows.flatMap(([name, { synonyms }]) => [name, ...Object.keys(synonyms ?? {})]), ...gone[which]];
      assert.deepEqual(names.filter((name, at) => names.indexOf(name) !== at), []);
      assert.equal(indexVariables(tables[which] as never).size + gone[which].length, names.length);
    });

    it(`have ${which} defaults that parse`, () => {
      for (const [name, { kind, default: usual, perlDefault }] of rows) {
        for (const text of [usual, perlDefault]) {
          if (text !== undefined && !text.includes("$")) assert.deepEqual([name, text, kind.secret !== true && kind.parse(text, name).ok], [name, text, true]);
        }
      }
    });

    it(`say of each ${which} variable what it does`, () => {
      for (const [name, { doc, kind }] of rows) {
        assert.match(doc, /^[A-Z0-9].*(\.|…)$/, name);
        assert.notEqual(kind.describe, "", name);
      }
    });
  }
});
