/**
 * Which events are worth a mail, and how the mail looks. The subject says it all, as in fwknop 1.9.
 *
 * @module
 */

import { encodeBase64, padBase64 } from "../base64.ts";
import { utf8Bytes } from "../bytes.ts";
import { escapeText, type LogRecord } from "./log-record.ts";
import type { RefusalReason } from "./verdict.ts";

/** A mail in short. */
export interface Alert {
  /** Good news or bad. */
  readonly sign: "[+]" | "[-]";
  readonly text: string;
}

/** Refusals that somebody should look at: each comes from one who has the keys, or had a packet of theirs. */
const ALERTING_REASONS: readonly RefusalReason[] = ["replay", "signer", "age", "user", "command"];
/** What the pipeline says of packets that were taken. */
const ALERTING_VERDICTS: readonly unknown[] = ["granted", "renewed", "failed", "command", "cycle"];
/** What the firewall says of grants that have ended. */
const ALERTING_EVENTS: readonly unknown[] = ["closed"];
/** Longest text in a subject, UTF-16 units; RFC 5322 section 2.1.1 allows lines of 998 bytes. */
const MAX_SUBJECT = 450;

/**
 * Tells whether an event is mailed.
 *
 * @param record the event
 * @param verbose mail whatever is logged (ALERTING_METHODS verbose)
 * @returns the mail in short, or undefined
 */
export function alertOf({ level, message, fields }: LogRecord, verbose: boolean): Alert | undefined {
  const verdict = fields?.["verdict"];
  const refused = verdict === "refused" && level !== "debug" && ALERTING_REASONS.includes(fields?.["reason"] as RefusalReason);
  const happened = ALERTING_VERDICTS.includes(verdict) || ALERTING_EVENTS.includes(fields?.["event"]);
  const wanted = refused || happened || (verbose && level !== "debug");
  if (!wanted) return undefined;
  // The rule is too much for a subject.
  const rule = fields?.["rule"];
  const end = rule === undefined ? "" : ` by ${rule}`;
  const short = message.endsWith(end) ? message.slice(0, message.length - end.length) : message;
  return { sign: level === "info" ? "[+]" : "[-]", text: escapeText(short, MAX_SUBJECT) };
}

/**
 * Makes a subject.
 *
 * @param alert the mail in short
 * @param host HOSTNAME
 * @returns one line
 */
export function alertSubject({ sign, text }: Alert, host: string): string {
  return `${sign} ${host} fwknopd: ${text}`;
}

/**
 * Makes a whole message for `sendmail -t`.
 *
 * @param addresses who gets it; the first is also the sender
 * @param subject one line
 * @param body lines, empty for none
 * @returns head and body (RFC 5322)
 */
export function formatMail(addresses: readonly string[], subject: string, body: string): string {
  const head = [
    `From: ${addresses[0]}`,
    `To: ${addresses.join(", ")}`,
    `Subject: ${encodeHeader(subject)}`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
  ];
  return `${head.join("\n")}\n\n${body}`;
}

/** Bytes that an encoded word of 75 characters holds (RFC 2047 section 2). */
const WORD_BYTES = 45;

/** Text that is not ASCII becomes encoded words, each of whole characters. */
function encodeHeader(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (utf8Bytes(word + character).length > WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  const encode = (part: string): string => `=?UTF-8?B?${padBase64(encodeBase64(utf8Bytes(part)))}?=`;
  return [...words, word].map(encode).join("\n ");
}
