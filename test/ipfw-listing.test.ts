import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { expiryOf, type ListedRule, meaningOf, readIpfwListing } from "../src/firewall/_ipfw-listing.ts";
import { FakeIpfw } from "./support/fake-ipfw.ts";

const RECORDED = new URL("../fixtures/ipfw/", import.meta.url);

function recorded(name: string): string {
  return readFileSync(new URL(name, RECORDED), "utf8");
}

/** The commands of the recording, in their order, and the packets between them. */
const STEPS = recorded("README.md").split("\n").flatMap((line): { file?: string; status?: number; command: string }[] => {
  const [, file, status, command] = line.split("|").map((cell) => cell.trim());
  if (/^\d\d-/.test(file ?? "")) return [{ file: file!, status: Number(status), command: /`ipfw (.*)`/.exec(command!)![1]! }];
  return command?.startsWith("(packet injected") ? [{ command }] : [];
});

test("FakeIpfw answers every recorded command byte for byte", () => {
  const fake = new FakeIpfw();
  let compared = 0;
  for (const { file, status, command } of STEPS) {
    if (file === undefined) {
      const packet = /(TCP SYN|UDP) ([\d.]+):(\d+) -> ([\d.]+):(\d+)\)/.exec(command);
      const port = packet?.[5];
      // What the recorded engine let through and remembered; all other packets matched nothing or what was there.
      const rule = fake.open().find(({ body }) => body.includes(`from ${packet?.[2]} `) && new RegExp(`dst-port ${port} (setup )?keep-state`).test(body) && !(body.includes(" udp ") && body.includes("setup")));
      if (packet !== null && rule !== undefined) {
        const isTcp = packet[1] !== "UDP";
        fake.connect(rule, `${isTcp ? "tcp" : "udp"} ${packet[2]} ${packet[3]} <-> ${packet[4]} ${port}`, isTcp ? 20 : 10, isTcp ? 40 : 28);
      }
      continue;
    }
    if (file.startsWith("76")) fake.fault = "noKernel";
    const stderr = file.replace(".txt", ".stderr.txt");
    assert.deepEqual(fake.type(command), { status, stdout: recorded(file), stderr: existsSync(new URL(stderr, RECORDED)) ? recorded(stderr) : "" }, `${file}: ipfw ${command}`);
    compared++;
  }
  assert.equal(compared, 76);
});

/** Lines of listings that are no rules. */
const NO_RULES = /^(## Dynamic rules.*|\d{5} .*STATE .*|disable .* enable .*|Flushed all rules\.|connect: .*|ipfw: .*|)$/;

test("readIpfwListing() reads each line of every recorded output", () => {
  const files = readdirSync(RECORDED).filter((name) => name.endsWith(".txt"));
  assert.ok(files.length >= 76);
  for (const name of files) {
    const lines = recorded(name).split("\n");
    const { rules, inUse } = readIpfwListing(recorded(name));
    const expected = lines.filter((line) => !NO_RULES.test(line));
    assert.equal(rules.length, expected.length, name);
    rules.forEach((rule, at) => {
      const line = expected[at]!;
      assert.equal(rule.disabled, line.startsWith("# DISABLED"), line);
      assert.equal(rule.number, Number(/\d{5}/.exec(line)![0]), line);
      assert.equal(rule.set, / set (\d+) /.exec(line) === null ? undefined : Number(/ set (\d+) /.exec(line)![1]), line);
      assert.ok(line.endsWith(rule.comment === "" ? rule.body : `${rule.body} // ${rule.comment}`), line);
      assert.match(rule.body, /^(allow|deny|check-state|fwd)\b/, line);
      assert.equal(expiryOf(rule), /_exp_(\d+)$/.exec(line) === null ? undefined : Number(/_exp_(\d+)$/.exec(line)![1]), line);
    });
    assert.deepEqual([...inUse], lines.flatMap((line) => (line.includes(" STATE ") ? [Number(line.slice(0, 5))] : [])), name);
  }
});

test("readIpfwListing() reads what other releases print", () => {
  const { rules, inUse } = readIpfwListing([
    "10001 set 1 allow tcp from 10.1.2.3 to me 22 setup keep-state :default // _exp_1700000000",
    "10002      3    180 Mon Nov 24 20:11:11 2025 set 1 allow tcp from 2001:db8::5 to me6 dst-port 22 setup keep-state :default // _exp_5",
    "00100 allow ip from any to any via lo0",
    "## Dynamic rules (2):",
    "10001      4    320 (299s) STATE tcp 10.1.2.3 40000 <-> 10.9.9.9 22 :default",
    "10002 PARENT 1 tcp 10.1.2.3 0 <-> 0.0.0.0 0 :default",
  ].join("\n"));
  assert.deepEqual(rules.map(({ number, set }) => [number, set]), [[10001, 1], [10002, 1], [100, undefined]]);
  assert.equal(rules[1]!.body, "allow tcp from 2001:db8::5 to me6 dst-port 22 setup keep-state :default");
  assert.equal(meaningOf(rules[1]!.body), meaningOf("pass 6 from 2001:db8::5 to me6 dst-port 22 keep-state"));
  assert.deepEqual([...inUse], [10001, 10002]);
  for (const comment of ["_exp_", "_exp_x", "_exp_123456789012", "x_exp_5", "_exp_5 more"]) assert.equal(expiryOf({ comment } as ListedRule), undefined, comment);
});
