/**
 * Settings as text, in and out: a stanza of `.fwknoprc`, key lines of `access.conf`, the text of a key QR code, and
 * `fwknop://` links. All four use the names of `.fwknoprc`, so one table reads them.
 *
 * A link is `fwknop://HOST:PORT?NAME=VALUE&NAME=VALUE`. It holds keys: it is for QR codes and for pasting, never for the
 * address bar.
 *
 * @module
 */

import { latin1Text, utf8Bytes, utf8Text } from "../src/bytes.ts";
import { readRcLines } from "../src/config/fwknoprc.ts";
import { DIGESTS, type DigestType } from "../src/fko.ts";
import { printableText } from "../src/foreign-text.ts";
import { isUnspecifiedIp, parseIp } from "../src/ip.ts";
import { type FormValues, MODES } from "./knock-form.ts";

/** What one setting changes, or undefined when its value is none. */
type Reader = (value: string) => Partial<FormValues> | undefined;

const text = (name: "open" | "timeout" | "user" | "key" | "hmacKey" | "command"): Reader => (value) => ({ [name]: value });

function yesNo(value: string): boolean | undefined {
  return /^(y|yes)$/i.test(value) ? true : /^(n|no)$/i.test(value) ? false : undefined;
}

function digestOf(value: string): DigestType | undefined {
  const name = value.toLowerCase().replace("-", "_");
  return Object.hasOwn(DIGESTS, name) ? (name as DigestType) : undefined;
}

const address: Reader = (value) => {
  if (/^(source|resolve)$/i.test(value)) return { whose: "source", address: "" };
  const ip = parseIp(value);
  if (ip === undefined) return undefined;
  return isUnspecifiedIp(ip) ? { whose: "source", address: "" } : { whose: "typed", address: value };
};

const natTarget: Reader = (value) => {
  const [, host, port] = /^\[?([^\],]+?)\]?[,:](\d{1,5})$/.exec(value) ?? [];
  return host === undefined ? undefined : { purpose: "nat", natHost: host, natPort: port! };
};

const port: Reader = (value) => (/^\d{1,5}$/.test(value) ? { port: value } : undefined);

/** What each name sets. Names that a web page has no use for, such as `VERBOSE`, are told and not refused. */
const READERS: Readonly<Record<string, Reader>> = {
  SPA_SERVER: (value) => ({ server: value }),
  SPA_SERVER_PORT: port,
  SPA_SERVER_PROTO: () => ({}),
  SCHEME: (value) => (value === "http" || value === "https" ? { scheme: value } : undefined),
  ACCESS: text("open"),
  ALLOW_IP: address,
  CLIENT_IP: address,
  NAT_ACCESS: natTarget,
  NAT_LOCAL: (value) => (yesNo(value) ? { purpose: "local-nat" } : {}),
  SERVER_CMD: (value) => ({ purpose: "command", command: value }),
  FW_TIMEOUT: text("timeout"),
  SPOOF_USER: text("user"),
  KEY: (value) => ({ key: value, keyForm: "passphrase" }),
  KEY_BASE64: (value) => ({ key: value, keyForm: "base64" }),
  HMAC_KEY: (value) => ({ hmacKey: value, hmacKeyForm: "passphrase", useHmac: "yes" }),
  HMAC_KEY_BASE64: (value) => ({ hmacKey: value, hmacKeyForm: "base64", useHmac: "yes" }),
  USE_HMAC: (value) => {
    const wanted = yesNo(value);
    return wanted === undefined ? undefined : { useHmac: wanted ? "yes" : "no" };
  },
  HMAC_DIGEST_TYPE: (value) => {
    const hmacType = digestOf(value);
    return hmacType && { hmacType };
  },
  DIGEST_TYPE: (value) => {
    const digestType = digestOf(value);
    return digestType && { digestType };
  },
  ENCRYPTION_MODE: (value) => {
    const mode = MODES.find((name) => name === value.toLowerCase());
    return mode && { mode };
  },
};
/** Names whose value goes on to the end of the line. */
const WHOLE_LINE = /^SERVER_CMD$/;
const SECRET = /KEY/;

/** What was imported. */
export type Imported =
  | { readonly ok: true; readonly values: Partial<FormValues>; /** The stanza that was read. */ readonly name?: string; /** Names that have no place in this form. */ readonly unused: readonly string[] }
  | { readonly ok: false; readonly message: string };

const refuse = (message: string): Imported => ({ ok: false, message });

/** A name and its value, as they stand in the text. */
type Pair = readonly [name: string, value: string];

/**
 * Reads what was pasted or scanned.
 *
 * @param given the text
 * @returns the fields that it sets, or what is wrong with it; keys are never part of what is said
 */
export function importText(given: string): Imported {
  const trimmed = given.trim();
  if (trimmed === "") return refuse("Paste a stanza of .fwknoprc, key lines, the text of a key QR code, or a fwknop:// link.");
  if (/^fwknop:/i.test(trimmed)) return importLink(trimmed);
  if (/^[A-Z0-9_]+:\S/.test(trimmed) && !trimmed.includes("\n")) {
    const parts = trimmed.split(/\s+/);
    if (parts.some((part) => part.indexOf(":") < 1)) return refuse("Expected NAME:VALUE parts between blanks; a key with a blank in it has to be typed into its field.");
    return importPairs(parts.map((part): Pair => [part.slice(0, part.indexOf(":")), part.slice(part.indexOf(":") + 1)]));
  }
  return importLines(trimmed);
}

function importLink(link: string): Imported {
  const [, authority, query] = /^fwknop:\/\/([^/?#]*)\/?(?:\?([^#]*))?$/i.exec(link) ?? [];
  if (authority === undefined) return refuse("Expected fwknop://HOST:PORT?NAME=VALUE&…");
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::(\d{1,5}))?$/i.exec(authority) ?? [];
  if (host === undefined) return refuse("Expected HOST:PORT behind fwknop://");
  const pairs: Pair[] = [];
  if (host !== "") pairs.push(["SPA_SERVER", host.replace(/^\[(.*)\]$/, "$1")]);
  if (port !== undefined) pairs.push(["SPA_SERVER_PORT", port]);
  for (const part of (query ?? "").split("&").filter((piece) => piece !== "")) {
    const equals = part.indexOf("=");
    const value = decoded(part.slice(equals + 1));
    if (equals < 1 || value === undefined) return refuse("Expected NAME=VALUE pairs between & in the link");
    pairs.push([part.slice(0, equals), value]);
  }
  return importPairs(pairs);
}

/** A `+` is itself: links written by hand hold base64. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Of a file with several stanzas `default` and the last one, which overrides it, as the client would join them. */
function importLines(given: string): Imported {
  const lines = readRcLines(utf8Bytes(`${given}\n`));
  const name = lines.filter(({ kind, stanza }) => kind === "stanza" && stanza !== "default").at(-1)?.stanza;
  const pairs: Pair[] = [];
  for (const line of lines) {
    if (line.kind === "malformed") return refuse(`Line ${line.number} is not understood: expected NAME and VALUE.`);
    if (line.kind !== "parameter" || (line.stanza !== undefined && line.stanza !== "default" && line.stanza !== name)) continue;
    const rest = utf8Text(line.rest!) ?? latin1Text(line.rest!);
    pairs.push([line.name!, WHOLE_LINE.test(line.name!) ? rest.trim() : /^[^\s;#]*/.exec(rest)![0]]);
  }
  // A stanza is usually named like its server.
  const isServerNamed = pairs.some(([variable]) => variable === "SPA_SERVER");
  return importPairs(name === undefined || isServerNamed ? pairs : [["SPA_SERVER", name], ...pairs], name);
}

function importPairs(pairs: readonly Pair[], name?: string): Imported {
  const values: Partial<FormValues> = {};
  const unused: string[] = [];
  for (const [variable, value] of pairs) {
    const read = Object.hasOwn(READERS, variable) ? READERS[variable] : undefined;
    if (read === undefined) {
      unused.push(printableText(variable, 30));
      continue;
    }
    const change = read(value);
    if (change === undefined) return refuse(`${variable} ${SECRET.test(variable) ? "has a value that cannot be used" : `cannot be “${printableText(value, 40)}”`}.`);
    // NAT_LOCAL and NAT_ACCESS come in either order, and local wins.
    if (values.purpose === "local-nat" && change.purpose === "nat") delete change.purpose;
    Object.assign(values, change);
  }
  if (unused.length === pairs.length) return refuse("There is no setting in this text that is known. Expected lines such as KEY_BASE64 …, or a fwknop:// link.");
  return { ok: true, values, unused, ...(name !== undefined && { name }) };
}

/**
 * Writes the settings as a link, for a QR code.
 *
 * @param values the form
 * @returns the link; it is as secret as the keys in it
 */
export function exportLink(values: FormValues): string {
  const { server, purpose, keyForm, hmacKeyForm } = values;
  const isNat = purpose === "nat" || purpose === "local-nat";
  const usesHmac = values.useHmac === "yes";
  const settings: readonly (readonly [name: string, value: string, isWritten: boolean])[] = [
    ["ACCESS", values.open, true],
    ["SCHEME", "https", values.scheme === "https"],
    ["ALLOW_IP", values.address, values.whose === "typed"],
    ["NAT_ACCESS", `${values.natHost || server},${values.natPort}`, isNat],
    ["NAT_LOCAL", "Y", purpose === "local-nat"],
    ["SERVER_CMD", values.command, purpose === "command"],
    ["FW_TIMEOUT", values.timeout, values.timeout !== ""],
    ["SPOOF_USER", values.user, values.user !== ""],
    [keyForm === "base64" ? "KEY_BASE64" : "KEY", values.key, true],
    [hmacKeyForm === "base64" ? "HMAC_KEY_BASE64" : "HMAC_KEY", values.hmacKey, usesHmac],
    ["HMAC_DIGEST_TYPE", values.hmacType, usesHmac],
    ["USE_HMAC", "N", !usesHmac],
    ["DIGEST_TYPE", values.digestType, true],
    ["ENCRYPTION_MODE", values.mode, true],
  ];
  const host = server.includes(":") ? `[${server}]` : server;
  const encode = (value: string): string => encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%2C", ",");
  const query = settings.filter(([, , isWritten]) => isWritten).map(([name, value]) => `${name}=${encode(value)}`);
  return `fwknop://${host}:${values.port}?${query.join("&")}`;
}
