/**
 * What the client asks for: settings → message, and how to send it. Time, randomness and names come as arguments.
 *
 * @module
 */

import { parseAccessMessage, parsePortSpec } from "../access-message.ts";
import type { ServerProto } from "../cli/client-options.ts";
import type { Parsed } from "../cli/options.ts";
import type { PortSpec } from "../firewall/grant.ts";
import { FkoError } from "../fko-error.ts";
import { type Message, messageTypeOf, PROTOCOL_VERSION } from "../fko.ts";
import { printableText } from "../foreign-text.ts";
import type { HttpProxy } from "../http-request.ts";
import { formatIp, type IpAddress, parseIp } from "../ip.ts";
import { utf8Bytes } from "../bytes.ts";
import { isHostName, parsePort, splitHostPort } from "./destination.ts";
import { type ClientSettings, DEFAULT_SERVER_PORT, familyOf, isRawTransport, transportOf } from "./settings.ts";

/** What the settings do not hold. */
export interface RequestFacts {
  /** 16 random digits. */
  readonly random: string;
  /** Unix time, seconds. */
  readonly now: number;
  /** Name inside the packet unless `-U` gives one. */
  readonly username: string;
  /** Address to open for; undefined when there is none. */
  readonly allowIp: string | undefined;
  /** What `--nat-rand-port` opens. */
  readonly natRandomPort: number;
  /** `crypt,PASSWORD` for the server auth field. */
  readonly serverAuth?: string;
}

/** 10000..65534, the range of all random ports. */
export const RANDOM_PORT_FLOOR = 10000;
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

/** Any text as the line in which a mistake is told. */
const refuse = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message });

/** Servers read at most 256 base64 characters of a message; the C client sends up to 255 bytes all the same. */
const MAX_MESSAGE_BYTES = 192;

/** A libfko error, for what only the whole message shows to be wrong. */
const fkoError = (code: number, operation: string): { readonly ok: false; readonly message: string } => refuse(new FkoError(code, operation).message);

/** A message and what to tell about it. */
export interface ClientRequest {
  readonly message: Message;
  /** What was decided by chance: one line for the user. */
  readonly notice?: string;
}

/**
 * Makes the message.
 *
 * @param settings all of the user's wishes
 * @param facts all that the settings do not hold
 * @returns the message, or one line that names the option to change
 */
export function buildRequest(settings: ClientSettings, facts: RequestFacts): Parsed<ClientRequest> {
  const isCommand = settings.serverCmd !== undefined && settings.serverCmd !== "";
  const text = isCommand ? commandMessage(settings.serverCmd!, facts.allowIp) : accessMessage(settings, facts);
  if (!text.ok) return text;
  const { length } = utf8Bytes(text.value);
  if (length > MAX_MESSAGE_BYTES) {
    const option = isCommand ? "--server-cmd" : "--access";
    return refuse(`${fkoError(94, "fko_set_spa_message").message}: ${option} makes a message of ${length} bytes, servers take at most ${MAX_MESSAGE_BYTES}`);
  }
  const nat = natField(settings);
  if (!nat.ok) return nat;
  const clientTimeout = settings.close ? 1 : settings.fwTimeout ?? 0;
  const kind = nat.value === undefined ? "none" : settings.natLocal ? "local" : "forward";
  const type = messageTypeOf({ command: isCommand, nat: kind, timeout: clientTimeout > 0 });
  const message: Message = {
    random: facts.random,
    username: settings.spoofUser || facts.username,
    timestamp: facts.now + timeOffset(settings),
    version: PROTOCOL_VERSION,
    type,
    message: text.value,
    ...(nat.value !== undefined && { natAccess: nat.value }),
    ...(facts.serverAuth !== undefined && { serverAuth: facts.serverAuth }),
    ...(clientTimeout > 0 && { clientTimeout }),
    digestType: settings.digestType ?? "sha256",
  };
  const announced = settings.natRandPort && !isCommand && nat.value !== undefined;
  const notice = `[+] Randomly assigned port '${facts.natRandomPort}' on: '${text.value}' will grant access to: '${nat.value}'`;
  return { ok: true, value: { message, ...(announced && { notice }) } };
}

function timeOffset(settings: ClientSettings): number {
  return settings.timeOffsetMinus !== undefined ? -settings.timeOffsetMinus : settings.timeOffsetPlus ?? 0;
}

function commandMessage(command: string, allowIp: string | undefined): Parsed<string> {
  return allowIp === undefined ? refuse(`${fkoError(101, "fko_set_spa_message").message}: no address to run it for, use -a or -s`) : { ok: true, value: `${allowIp},${command}` };
}

function accessMessage(settings: ClientSettings, facts: RequestFacts): Parsed<string> {
  const access = settings.access ?? "";
  // C sends `none/0` then, which every server refuses.
  if (access === "") return refuse(`${fkoError(102, "fko_set_spa_message").message}: no ports to open, use -A, such as '-A tcp/22'`);
  if (facts.allowIp === undefined) return refuse(`${fkoError(100, "fko_set_spa_message").message}: no address to open for, use -a, -R or -s`);
  const opened = openedAccess(settings, access, facts);
  if (!opened.ok) return opened;
  const text = `${facts.allowIp},${opened.value}`;
  const parsed = parseAccessMessage(text);
  if (parsed.ok) return { ok: true, value: text };
  return refuse(`${new FkoError(parsed.code, "fko_set_spa_message").message}: --access expects PROTO/PORT[,...], got '${printableText(access)}'`);
}

/** With `--nat-port` the server opens that port, and the one of `-A` is where it leads to. */
function openedAccess(settings: ClientSettings, access: string, facts: RequestFacts): Parsed<string> {
  const natPort = settings.natRandPort ? facts.natRandomPort : settings.natPort || undefined;
  if (natPort === undefined) return { ok: true, value: access };
  if (access.includes(",")) return refuse(`--${settings.natRandPort ? "nat-rand-port" : "nat-port"}: NAT for multiple ports/protocols not yet supported, got '${printableText(access)}'`);
  const spec = parsePortSpec(access);
  return spec === undefined ? refuse(expectingSpec(access)) : { ok: true, value: `${spec.protocol}/${natPort}` };
}

const expectingSpec = (access: string): string => `Expecting <proto>/<port> for -A arg, got '${printableText(access)}'`;

const natError = (): string => new FkoError(4, "fko_set_nat_access_str").message;

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
  if (target.host.length > MAX_NAT_HOST) return fkoError(103, "fko_set_nat_access_str");
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

/** The server: its name, and its port where `-D` names one. */
export function destinationOf(settings: ClientSettings): { readonly host: string; readonly port?: number } {
  const { host, port: text } = splitHostPort(settings.destination ?? "");
  const port = text === undefined ? undefined : parsePort(text);
  return text !== undefined && port === undefined ? { host: settings.destination! } : { host, ...(port !== undefined && { port }) };
}

/** Where and how a packet is sent. */
export interface SendTarget {
  readonly transport: ServerProto;
  readonly host: string;
  readonly port: number;
  readonly family?: 4 | 6;
  /** Absent: the system's choice. */
  readonly sourcePort?: number;
  readonly spoofedSource?: IpAddress;
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly http?: { readonly userAgent: string; readonly proxy?: HttpProxy };
}

/**
 * Decides where and how the packet is sent.
 *
 * @param settings checked settings
 * @param facts random ports for `-r` and for the source of hand-made packets; our version for the user agent
 * @returns the target; a proxy's password in it is a copy, which the caller wipes
 */
export function planSending(
  settings: ClientSettings, facts: { readonly randomPort: number; readonly randomSourcePort: number; readonly version: string },
): Parsed<SendTarget> {
  const transport = transportOf(settings);
  const { host, port: namedPort } = destinationOf(settings);
  const usualPort = settings.http ? 80 : DEFAULT_SERVER_PORT;
  const port = settings.randPort ? facts.randomPort : settings.serverPort ?? namedPort ?? usualPort;
  const family = familyOf(settings);
  const sourcePort = settings.sourcePort || (isRawTransport(transport) ? facts.randomSourcePort : undefined);
  const spoofedSource = settings.spoofSource === undefined ? undefined : parseIp(settings.spoofSource);
  const proxy = settings.httpProxy === undefined ? undefined : parseProxy(settings);
  if (proxy?.ok === false) return proxy;
  return {
    ok: true,
    value: {
      transport,
      host,
      port,
      ...(family !== undefined && { family }),
      ...(sourcePort !== undefined && { sourcePort }),
      ...(spoofedSource !== undefined && { spoofedSource }),
      ...(transport === "icmp" && { icmp: { type: settings.icmpType ?? 0, code: settings.icmpCode ?? 0 } }),
      ...(transport === "http" && {
        http: { userAgent: settings.userAgent ?? `Fwknop/${facts.version}`, ...(proxy !== undefined && { proxy: { port, ...proxy.value } }) },
      }),
    },
  };
}

function parseProxy(settings: ClientSettings): Parsed<HttpProxy> {
  const [, scheme, credentials, place] = /^([a-z][a-z0-9+.-]*:\/\/)?(?:(.*)@)?([^/]*)\/?$/i.exec(settings.httpProxy!) ?? [];
  if (place === undefined || (scheme !== undefined && scheme.toLowerCase() !== "http://")) {
    return refuse("--http-proxy: expected [http://][USER:PASSWORD@]HOST[:PORT]");
  }
  const { host, port: portText } = splitHostPort(place);
  if (host === "") return refuse("--http-proxy: expected a host name or address, got none");
  const port = portText === undefined ? undefined : parsePort(portText);
  if (portText !== undefined && port === undefined) {
    return refuse(`--http-proxy: proxy port value is invalid, must be in [1-65535], got '${printableText(portText)}'; send_spa_packet: packet not sent`);
  }
  const colon = credentials?.indexOf(":") ?? -1;
  const user = settings.httpProxyUser ?? (colon < 0 ? credentials : credentials!.slice(0, colon));
  const password = settings.httpProxyPassword?.slice() ?? (colon < 0 ? undefined : utf8Bytes(credentials!.slice(colon + 1)));
  return {
    ok: true,
    value: { host, ...(port !== undefined && { port }), ...(user !== undefined && { user }), ...(password !== undefined && { password }) },
  };
}
