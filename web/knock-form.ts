/**
 * What a person fills in, read and checked: texts → a knock, or what is wrong with each of them in words.
 *
 * @module
 */

import { parsePortSpec } from "../src/access-message.ts";
import { decodeBase64 } from "../src/base64.ts";
import { type Bytes, utf8Bytes } from "../src/bytes.ts";
import { DIGESTS, type DigestType, ENCRYPTION_MODES, type EncryptionMode, FORBIDDEN_IN_USERNAME, type Message, MESSAGE_TYPES, messageTypeOf, PROTOCOL_VERSION } from "../src/fko.ts";
import { parseIp } from "../src/ip.ts";
import type { KnockKeys } from "./packet.ts";

/** How a key is written. */
export type KeyForm = "passphrase" | "base64";

/** What is asked for. */
export type Purpose = "access" | "nat" | "local-nat" | "command";

/** Everything in the form, as text. */
export interface FormValues {
  server: string;
  port: string;
  scheme: "http" | "https";
  purpose: Purpose;
  /** `tcp/22, udp/53`. */
  open: string;
  natHost: string;
  natPort: string;
  command: string;
  /** `source` asks for whatever address the packet seems to come from. */
  whose: "source" | "typed";
  address: string;
  timeout: string;
  key: string;
  keyForm: KeyForm;
  /** `yes` or `no`. */
  useHmac: "yes" | "no";
  hmacKey: string;
  hmacKeyForm: KeyForm;
  hmacType: DigestType;
  user: string;
  digestType: DigestType;
  mode: EncryptionMode;
}

/** A field of the form. */
export type FieldName = keyof FormValues;

/** What the form starts with. */
export const DEFAULTS: Readonly<FormValues> = {
  server: "", port: "62201", scheme: "http", purpose: "access", open: "tcp/22", natHost: "", natPort: "", command: "", whose: "source", address: "",
  timeout: "", key: "", keyForm: "passphrase", useHmac: "yes", hmacKey: "", hmacKeyForm: "passphrase", hmacType: "sha256", user: "web",
  digestType: "sha256", mode: "cbc",
};

/** The modes that a browser can make. */
export const MODES: readonly EncryptionMode[] = ["cbc", "ctr", "cfb", "ofb", "ecb", "legacy"];

/** A knock that can be made. */
export interface Knock {
  readonly server: string;
  readonly port: number;
  readonly scheme: "http" | "https";
  /** All of the message but what is new in each packet. */
  readonly message: Omit<Message, "random" | "timestamp">;
  /** Fresh arrays, which the caller wipes. */
  readonly keys: KnockKeys;
}

/** What came of reading a form. */
export type ReadForm = { readonly ok: true; readonly knock: Knock } | { readonly ok: false; readonly errors: ReadonlyMap<FieldName, string> };

const MAX_TIMEOUT_SECONDS = 65535;
const MAX_RIJNDAEL_KEY = 32;
const MAX_HMAC_KEY = 128;
/** Receivers take fields of 64 and 256 characters, base64; longer ones would only be sent. */
const MAX_USER = 48;
const MAX_MESSAGE = 192;
const MAX_NAT_HOST = 70;
const HOST = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** A rule: what is wrong with a field, or undefined. */
type Rule = (values: FormValues) => string | undefined;

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
const asks = ({ purpose }: FormValues): { nat: boolean; ports: boolean; command: boolean } => ({
  nat: purpose === "nat" || purpose === "local-nat", ports: purpose !== "command", command: purpose === "command",
});
const usesHmac = ({ useHmac }: FormValues): boolean => useHmac === "yes";

/** One row a field that can be wrong, in the order of the form. A value's text never appears in what is said of a key. */
const RULES: readonly (readonly [name: FieldName, rule: Rule])[] = [
  ["server", ({ server, purpose }) => {
    if (server === "") return "Type the server’s name or address, such as knock.example.org.";
    if (hostOf(server) === undefined) return "This is no name or address. Expected knock.example.org, 192.0.2.1 or 2001:db8::1, without http://, port or path.";
    return purpose === "local-nat" && server.length > MAX_NAT_HOST ? `For local NAT the name may have at most ${MAX_NAT_HOST} characters; the address will do, too.` : undefined;
  }],
  ["port", ({ port }) => (isPort(port) ? undefined : "Expected a port from 1 to 65535; 62201 is usual.")],
  ["open", (values) => {
    if (!asks(values).ports) return undefined;
    const specs = openList(values.open);
    if (specs.length === 0) return "Type what to open, such as tcp/22.";
    const wrong = specs.find((spec) => parsePortSpec(spec) === undefined);
    if (wrong !== undefined) return `“${wrong.slice(0, 40)}” is not a port. Expected tcp/22 or udp/53, several between commas.`;
    return asks(values).nat && specs.length > 1 ? "With forwarding only one port can be opened." : lengthProblem(values);
  }],
  ["timeout", (values) => {
    if (values.timeout === "" || asks(values).command) return undefined;
    return /^\d{1,5}$/.test(values.timeout) && Number(values.timeout) >= 1 && Number(values.timeout) <= MAX_TIMEOUT_SECONDS
      ? undefined
      : `Expected seconds from 1 to ${MAX_TIMEOUT_SECONDS}, or nothing: then the server decides.`;
  }],
  ["command", (values) => {
    if (!asks(values).command) return undefined;
    return values.command === "" ? "Type the command that the server shall run." : lengthProblem(values);
  }],
  ["address", ({ whose, address }) => {
    if (whose === "source") return undefined;
    return parseIp(address) === undefined ? "Expected the address to open for, such as 203.0.113.7 or 2001:db8::7." : undefined;
  }],
  ["key", ({ key, keyForm, mode }) => keyProblem(key, keyForm, mode === "legacy" ? MAX_HMAC_KEY : MAX_RIJNDAEL_KEY, "key")],
  ["hmacKey", (values) => (usesHmac(values) ? keyProblem(values.hmacKey, values.hmacKeyForm, MAX_HMAC_KEY, "HMAC key") : undefined)],
  ["natHost", ({ purpose, natHost }) => {
    if (purpose !== "nat") return undefined;
    return hostOf(natHost) === undefined || natHost.length > MAX_NAT_HOST ? `Type the inner host’s name or address, such as 192.168.10.5, with at most ${MAX_NAT_HOST} characters.` : undefined;
  }],
  ["natPort", (values) => (!asks(values).nat || isPort(values.natPort) ? undefined : "Expected the inner port, from 1 to 65535.")],
  ["user", ({ user }) => {
    if (user === "") return "Type a user name; servers log it, and some ask for a certain one.";
    return user.length > MAX_USER || FORBIDDEN_IN_USERNAME.test(user) ? `Expected at most ${MAX_USER} letters, digits and simple signs, none of " / \\ [ ] : ; | = , + * ? < >.` : undefined;
  }],
  ["mode", (values) => (values.mode === "legacy" && usesHmac(values) ? "Legacy packets bear no HMAC: choose CBC, or switch HMAC off." : undefined)],
];

/**
 * Takes the field of ports apart.
 *
 * @param open `tcp/22, udp/53`
 * @returns its parts in lower case, not checked
 */
export function openList(open: string): string[] {
  return open.toLowerCase().split(/[\s,;]+/).filter((spec) => spec !== "");
}

/** A host as URLs and messages want it: brackets off, mistakes refused. */
function hostOf(text: string): string | undefined {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (parseIp(bare) !== undefined) return bare;
  // 10.0.0.999 is no name: a browser reads whatever ends in digits as an address.
  return HOST.test(text) && !/(^|\.)\d+\.?$/.test(text) ? text : undefined;
}

function lengthProblem(values: FormValues): string | undefined {
  return utf8Bytes(messageText(values)).length > MAX_MESSAGE ? `This is too long for one packet: at most ${MAX_MESSAGE} characters together with the address.` : undefined;
}

function keyProblem(text: string, form: KeyForm, most: number, name: string): string | undefined {
  if (text === "") return `Type the ${name}; it is the one in the server’s access.conf.`;
  const key = keyBytes(text, form);
  if (key === undefined) return `This is not base64. Choose “passphrase” if the ${name} is meant as it stands.`;
  const { length } = key;
  key.fill(0);
  return length >= 1 && length <= most ? undefined : `The ${name} has ${length} bytes; expected 1 to ${most}.`;
}

/** The bytes of a key, or undefined when it is not what it is said to be. */
function keyBytes(text: string, form: KeyForm): Bytes | undefined {
  if (form === "passphrase") return utf8Bytes(text);
  const trimmed = text.trim();
  return /^[A-Za-z0-9+/]+={0,2}$/.test(trimmed) && trimmed.replace(/=+$/, "").length % 4 !== 1 ? decodeBase64(trimmed) : undefined;
}

/**
 * Reads the form.
 *
 * @param values all fields; blanks around them do not count, but for keys
 * @returns a knock, or each wrong field with what is wrong
 */
export function readForm(values: FormValues): ReadForm {
  const trimmed = trimForm(values);
  const errors = new Map<FieldName, string>();
  for (const [name, rule] of RULES) {
    const problem = rule(trimmed);
    if (problem !== undefined) errors.set(name, problem);
  }
  return errors.size > 0 ? { ok: false, errors } : { ok: true, knock: toKnock(trimmed) };
}

function trimForm(values: FormValues): FormValues {
  const trimmed = { ...values };
  for (const name of ["server", "port", "open", "natHost", "natPort", "command", "address", "timeout", "user"] as const) trimmed[name] = values[name].trim();
  return trimmed;
}

function messageText(values: FormValues): string {
  const address = values.whose === "source" ? "0.0.0.0" : values.address;
  return `${address},${asks(values).command ? values.command : openList(values.open).join(",")}`;
}

function toKnock(values: FormValues): Knock {
  const { nat, command } = asks(values);
  // As with the other clients, a command bears no timeout.
  const timeout = command || values.timeout === "" ? undefined : Number(values.timeout);
  const hmac = usesHmac(values) ? { type: values.hmacType, key: keyBytes(values.hmacKey, values.hmacKeyForm)! } : undefined;
  return {
    server: hostOf(values.server)!,
    port: Number(values.port),
    scheme: values.scheme,
    message: {
      username: values.user,
      version: PROTOCOL_VERSION,
      type: messageTypeOf({ command, nat: nat ? (values.purpose === "nat" ? "forward" : "local") : "none", timeout: timeout !== undefined }),
      message: messageText(values),
      ...(nat && { natAccess: `${hostOf(values.purpose === "nat" ? values.natHost : values.server)!},${values.natPort}` }),
      ...(timeout !== undefined && { clientTimeout: timeout }),
      digestType: values.digestType,
    },
    keys: { mode: values.mode, key: keyBytes(values.key, values.keyForm)!, ...(hmac && { hmac }) },
  };
}

/**
 * Says what will happen, in one sentence.
 *
 * @param values the form, whatever state it is in
 * @returns the sentence; what is missing is an ellipsis
 */
export function describeWish(values: FormValues): string {
  const or = (text: string): string => text.trim() || "…";
  const whom = values.whose === "source" ? "to the address that the packet comes from" : `to ${or(values.address)}`;
  const time = values.timeout.trim() === "" ? "for as long as it decides" : `for ${values.timeout.trim()} s`;
  const open = openList(values.open).join(", ") || "…";
  const what: Readonly<Record<Purpose, string>> = {
    access: `opens ${open} on ${or(values.server)} ${whom}, ${time}`,
    nat: `opens ${open} on ${or(values.server)}, leading to ${or(values.natHost)}:${or(values.natPort)} behind it, ${whom}, ${time}`,
    "local-nat": `opens ${open} on ${or(values.server)}, leading to its own port ${or(values.natPort)}, ${whom}, ${time}`,
    command: `has ${or(values.server)} run “${or(values.command)}”`,
  };
  return `If the server agrees, this ${what[values.purpose]}.`;
}

/** One line of what a packet holds. */
export type Row = readonly [name: string, value: string];

/**
 * Lists a message's fields under their usual names.
 *
 * @param message the fields
 * @param keys how it is sealed; no key appears
 * @returns rows for a person to read
 */
export function fieldRows(message: Message, keys: KnockKeys): Row[] {
  const rows: (readonly [string, string | undefined])[] = [
    ["Random Value", message.random],
    ["Username", message.username],
    ["Timestamp", `${message.timestamp} (${new Date(message.timestamp * 1000).toISOString()})`],
    ["FKO Version", message.version],
    ["Message Type", `${message.type} (${MESSAGE_TYPES[message.type].label})`],
    ["Message String", message.message],
    ["Nat Access", message.natAccess],
    ["Client Timeout", message.clientTimeout?.toString()],
    ["Digest Type", DIGESTS[message.digestType].label],
    ["HMAC Type", keys.hmac === undefined ? "None" : DIGESTS[keys.hmac.type].label],
    ["Encryption Mode", ENCRYPTION_MODES[keys.mode].label],
  ];
  return rows.filter((row): row is Row => row[1] !== undefined);
}
