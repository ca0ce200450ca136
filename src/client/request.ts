/**
 * What the client asks for: settings → message. Time, randomness and names come as arguments.
 *
 * @module
 */

import { parseAccessMessage, parsePortSpec } from "../access-message.ts";
import { utf8Bytes } from "../bytes.ts";
import { type Parsed, refuse } from "../cli/options.ts";
import type { PortSpec } from "../firewall/grant.ts";
import { FkoError } from "../fko-error.ts";
import { type Message, messageTypeOf, PROTOCOL_VERSION } from "../fko-message.ts";
import { printableText } from "../foreign-text.ts";
import { formatIp, parseIp } from "../ip.ts";
import { destinationOf, isHostName, parsePort, splitHostPort } from "./destination.ts";
import type { ClientSettings } from "./settings.ts";

/** What the settings do not hold. */
export interface RequestFacts {
  /** Name inside the packet unless `-U` gives one. */
  readonly username: string;
  /** Address to open for; undefined when there is none. */
  readonly allowIp: string | undefined;
  /** Chooses what `--nat-rand-port` opens. */
  randomPort(): number;
  /** `crypt,PASSWORD` for the server auth field. */
  readonly serverAuth?: string;
}

/** All random ports are in 10000..65534. */
const RANDOM_PORT_FLOOR = 10000;
const RANDOM_PORTS = 55535;

/**
 * Makes a port of a random number.
 *
 * @param random any of 0..2^32-1
 * @returns 10000..65534
 */
export function randomPort(random: number): number {
  return RANDOM_PORT_FLOOR + (random % RANDOM_PORTS);
}

/** Servers read at most 256 base64 characters of a message; the C client sends up to 255 bytes all the same. */
const MAX_MESSAGE_BYTES = 192;

/** libfko's words for what only the whole message shows to be wrong. */
const fkoWords = (code: number, operation: string): string => new FkoError(code, operation).message;

/** What is asked for, for any number of packets, and what to tell about it. */
export interface ClientRequest {
  /** The fields that all of these packets have in common. */
  readonly fields: Omit<Message, "random" | "timestamp">;
  /** Added to the time inside a packet, seconds. */
  readonly timeOffset: number;
  /** What was decided by chance: one line for the user. */
  readonly notice?: string;
}

/**
 * Makes the request.
 *
 * @param settings all of the user's wishes
 * @param facts all that the settings do not hold
 * @returns the request, or one line that names the option to change
 */
export function buildRequest(settings: ClientSettings, facts: RequestFacts): Parsed<ClientRequest> {
  const isCommand = settings.serverCmd !== undefined && settings.serverCmd !== "";
  const natPort = settings.natRandPort ? facts.randomPort() : settings.natPort || undefined;
  const text = isCommand ? commandMessage(settings.serverCmd!, facts.allowIp) : accessMessage(settings, facts.allowIp, natPort);
  if (!text.ok) return text;
  const { length } = utf8Bytes(text.value);
  if (length > MAX_MESSAGE_BYTES) {
    const option = isCommand ? "--server-cmd" : "--access";
    return refuse(`${fkoWords(94, "fko_set_spa_message")}: ${option} makes a message of ${length} bytes, servers take at most ${MAX_MESSAGE_BYTES}`);
  }
  const nat = natField(settings);
  if (!nat.ok) return nat;
  const clientTimeout = settings.close ? 1 : settings.fwTimeout ?? 0;
  const kind = nat.value === undefined ? "none" : settings.natLocal ? "local" : "forward";
  const type = messageTypeOf({ command: isCommand, nat: kind, timeout: clientTimeout > 0 });
  const fields: ClientRequest["fields"] = {
    username: settings.spoofUser || facts.username,
    version: PROTOCOL_VERSION,
    type,
    message: text.value,
    ...(nat.value !== undefined && { natAccess: nat.value }),
    ...(facts.serverAuth !== undefined && { serverAuth: facts.serverAuth }),
    ...(clientTimeout > 0 && { clientTimeout }),
    digestType: settings.digestType ?? "sha256",
  };
  const notice = settings.natRandPort && !isCommand && nat.value !== undefined && `[+] Randomly assigned port '${natPort}' on: '${text.value}' will grant access to: '${nat.value}'`;
  return { ok: true, value: { fields, timeOffset: timeOffset(settings), ...(notice && { notice }) } };
}

/**
 * Makes the message of one packet.
 *
 * @param request what is asked for
 * @param random 16 random digits, new for each packet
 * @param now Unix time, seconds
 * @returns the message
 */
export function messageOf({ fields, timeOffset }: ClientRequest, random: string, now: number): Message {
  return { ...fields, random, timestamp: now + timeOffset };
}

function timeOffset(settings: ClientSettings): number {
  return settings.timeOffsetMinus !== undefined ? -settings.timeOffsetMinus : settings.timeOffsetPlus ?? 0;
}

function commandMessage(command: string, allowIp: string | undefined): Parsed<string> {
  if (allowIp === undefined) return refuse(`${fkoWords(101, "fko_set_spa_message")}: no address to run it for, use -a or -s`);
  return { ok: true, value: `${allowIp},${command}` };
}

function accessMessage(settings: ClientSettings, allowIp: string | undefined, natPort: number | undefined): Parsed<string> {
  const access = settings.access ?? "";
  // C sends `none/0` then, which every server refuses.
  if (access === "") return refuse(`${fkoWords(102, "fko_set_spa_message")}: no ports to open, use -A, such as '-A tcp/22'`);
  if (allowIp === undefined) return refuse(`${fkoWords(100, "fko_set_spa_message")}: no address to open for, use -a, -R or -s`);
  const opened = openedAccess(settings, access, natPort);
  if (!opened.ok) return opened;
  const text = `${allowIp},${opened.value}`;
  const parsed = parseAccessMessage(text);
  if (parsed.ok) return { ok: true, value: text };
  return refuse(`${fkoWords(parsed.code, "fko_set_spa_message")}: --access expects PROTO/PORT[,...], got '${printableText(access)}'`);
}

/** With `--nat-port` the server opens that port, and the one of `-A` is where it leads to. */
function openedAccess(settings: ClientSettings, access: string, natPort: number | undefined): Parsed<string> {
  if (natPort === undefined) return { ok: true, value: access };
  if (access.includes(",")) {
    const option = settings.natRandPort ? "nat-rand-port" : "nat-port";
    return refuse(`--${option}: NAT for multiple ports/protocols not yet supported, got '${printableText(access)}'`);
  }
  const spec = parsePortSpec(access);
  return spec === undefined ? refuse(expectingSpec(access)) : { ok: true, value: `${spec.protocol}/${natPort}` };
}

const expectingSpec = (access: string): string => `Expecting <proto>/<port> for -A arg, got '${printableText(access)}'`;

const natError = (): string => fkoWords(4, "fko_set_nat_access_str");

const MAX_NAT_HOST = 70;

/** The field `host,port`, or undefined when no NAT is wanted. */
function natField(settings: ClientSettings): Parsed<string | undefined> {
  const wanted = settings.natAccess || undefined;
  if (wanted === undefined && !settings.natLocal) return { ok: true, value: undefined };
  const first: PortSpec | undefined = parsePortSpec((settings.access ?? "").split(",")[0]!);
  if (wanted === undefined) {
    if (first === undefined) return refuse(`${expectingSpec(settings.access ?? "")}; ${natError()}`);
    return { ok: true, value: `${destinationOf(settings).host},${first.port}` };
  }
  const target = splitNatTarget(wanted);
  const port = target.port === undefined ? first?.port : parsePort(target.port);
  if (port === undefined) return refuse(`--nat-access: Invalid port value in -N arg, expected 1..65535, got '${printableText(wanted)}'; ${natError()}`);
  if (target.host.length > MAX_NAT_HOST) return refuse(fkoWords(103, "fko_set_nat_access_str"));
  const address = parseIp(target.host);
  if (address === undefined && !isHostName(target.host)) {
    return refuse(`--nat-access: Invalid NAT destination '${printableText(target.host)}' for -N arg; ${natError()}`);
  }
  return { ok: true, value: `${address === undefined ? target.host : formatIp(address)},${port}` };
}

/** `host:port`, `host,port`, `host`; IPv6 as an address or in brackets. */
function splitNatTarget(text: string): { readonly host: string; readonly port?: string } {
  const comma = text.indexOf(",");
  if (comma < 0) return splitHostPort(text);
  return { host: splitHostPort(text.slice(0, comma)).host, port: text.slice(comma + 1) };
}
