import assert from "node:assert/strict";
import { test } from "node:test";
import { alertOf, alertSubject, formatMail } from "../src/server/alerts.ts";
import type { LogRecord } from "../src/server/log-record.ts";

const ROWS: readonly (readonly [what: string, record: LogRecord, sign: "[+]" | "[-]" | undefined])[] = [
  ["a grant", { level: "info", message: "Granted", fields: { verdict: "granted" } }, "[+]"],
  ["a renewal", { level: "info", message: "Renewed", fields: { verdict: "renewed" } }, "[+]"],
  ["a firewall that fails", { level: "error", message: "Could not grant", fields: { verdict: "failed" } }, "[-]"],
  ["a command", { level: "info", message: "CMD_EXEC: …", fields: { verdict: "command" } }, "[+]"],
  ["a removal", { level: "info", message: "Removed rule 1 from FWKNOP_INPUT with expire time of 1", fields: { event: "closed" } }, "[+]"],
  ["a removal in the words of pf", { level: "info", message: "Deleting rule with expire time of 1.", fields: { event: "closed" } }, "[+]"],
  ["words that only sound like one", { level: "info", message: "Removed rule 1 from a wish list" }, undefined],
  ["a replay", { level: "warning", message: "Replay detected", fields: { verdict: "refused", reason: "replay" } }, "[-]"],
  ["a user who may not", { level: "warning", message: "Username", fields: { verdict: "refused", reason: "user" } }, "[-]"],
  ["a clock that is off", { level: "warning", message: "too great", fields: { verdict: "refused", reason: "age" } }, "[-]"],
  ["one connection heard twice", { level: "debug", message: "Replay detected", fields: { verdict: "refused", reason: "replay" } }, undefined],
  ["a stranger", { level: "warning", message: "Non-corresponding HMAC", fields: { verdict: "refused", reason: "hmac" } }, undefined],
  ["talk", { level: "info", message: "Starting fwknopd" }, undefined],
];

test("alertOf() mails what concerns somebody with keys, and with verbose all but debugging", () => {
  for (const [what, record, sign] of ROWS) {
    assert.equal(alertOf(record, false)?.sign, sign, what);
    assert.equal(alertOf(record, true) !== undefined, record.level !== "debug", what);
  }
});

test("alertOf() lets no foreign text into a second line", () => {
  const alert = alertOf({ level: "info", message: "Granted\r\nBcc: everybody@example.org", fields: { verdict: "granted" } }, false)!;
  const subject = alertSubject(alert, "host.example");
  assert.equal(subject, "[+] host.example fwknopd: Granted\\r\\nBcc: everybody@example.org");
  const [head] = formatMail(["root@localhost", "ops@example.org"], subject, "").split("\n\n");
  assert.deepEqual(head!.split("\n").map((line) => line.split(":")[0]), ["From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]);
});

test("alertOf() leaves out the rule, which a subject has no room for", () => {
  const rule = "FWKNOP_INPUT -s 203.0.113.5 -j ACCEPT";
  assert.equal(alertOf({ level: "info", message: `Granted tcp/22 by ${rule}`, fields: { verdict: "granted", rule } }, false)!.text, "Granted tcp/22");
});

test("formatMail() encodes what is not ASCII in words of whole characters", () => {
  const subject = `[+] h fwknopd: ${"ü€😀".repeat(30)}`;
  const mail = formatMail(["root@localhost"], subject, "body\n");
  const words = [.../=\?UTF-8\?B\?([A-Za-z0-9+/=]+)\?=/g[Symbol.matchAll](mail)];
  assert(words.length > 3 && words.every(([word]) => word.length <= 75));
  assert.equal(words.map(([, digits]) => Buffer.from(digits!, "base64").toString("utf8")).join(""), subject);
  assert(words.every(([, digits]) => !Buffer.from(digits!, "base64").toString("utf8").includes("\ufffd")), "no character is cut in two");
  assert.match(mail, /\n\nbody\n$/);
});
