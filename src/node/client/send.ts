/**
 * Sends an SPA packet over the network, in each of the ways a server can hear it.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:net";
import { type Bytes, utf8Bytes } from "../../bytes.ts";
import { buildIcmpPacket, buildTcpPacket, buildUdpPacket } from "../../client/raw-packet.ts";
import type { SendTarget } from "../../client/send-target.ts";
import { isRawTransport } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import { buildSpaRequest } from "../../http-request.ts";
import { type IpAddress, parseIp } from "../../ip.ts";
import { connectTcp } from "../connect-tcp.ts";
import { type HostAddress, resolveHost } from "../resolve-host.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { injectPacket } from "./inject.ts";

/** Everything {@link sendPacket} has to know. */
export interface SendPlan extends SendTarget {
  /** The packet: base64 text as sealMessage() returns it. */
  readonly packet: string;
  /** For each of: resolving, connecting, the proxy's answer. 5000 when absent. */
  readonly timeoutMs?: number;
}

/** What kept a packet from leaving. */
export type SendFailureReason =
  | "unresolvable" | "refused" | "unreachable" | "proxy" | "timeout" | "permission"
  /** Neither perl nor python3 is there to send a hand-made packet. */
  | "injector"
  /** The plan asks for what cannot be sent, say a spoofed source of the other family. */
  | "invalid"
  /** Any other error of the system. */
  | "failed";

/** A packet that has left. */
export interface SendSuccess {
  readonly ok: true;
  /** As the C client counts: with headers for hand-made packets, the whole request for HTTP. */
  readonly bytesSent: number;
  /** Where it was sent: the server, or the proxy. */
  readonly address: IpAddress;
  /** The first line of the answer over HTTP, if there was one. */
  readonly status?: string;
}

/** A packet that has not left, or did not get past the proxy. */
export interface SendFailure {
  readonly ok: false;
  readonly reason: SendFailureReason;
  /** One line for the user. */
  readonly message: string;
}

/** The outcome of {@link sendPacket}. */
export type SendResult = SendSuccess | SendFailure;

const DEFAULT_TIMEOUT_MS = 5000;
/** How long a web server that is not a proxy may take to answer before nobody cares. */
const ANSWER_PAUSE_MS = 1000;

/**
 * Sends a packet once. A closed UDP port is no failure: servers do not answer, and a firewall that
 * drops everything in front of one is the normal case.
 *
 * @param plan what to send, where and how
 * @returns how much has left, or what kept it from leaving
 */
export async function sendPacket(plan: SendPlan): Promise<SendResult> {
  const isRaw = isRawTransport(plan.transport);
  const proxy = plan.transport === "http" ? plan.http?.proxy : undefined;
  const timeoutMs = plan.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const host = proxy?.host ?? plan.host;
  const port = proxy?.port ?? plan.port;
  if (!isRaw && !(Number.isInteger(port) && port > 0 && port <= 0xffff)) {
    return failure("invalid", `Invalid argument (expected a port in 1..65535, got ${port})`);
  }
  const resolved = await resolveHost(host, { family: plan.family, timeoutMs });
  if (!resolved.ok) {
    const words = isRaw
      ? `resolve_dst_addr() : ${resolved.message}; Unable to resolve ${printableText(host)} as an ip address`
      : `error in getaddrinfo: ${resolved.message}`;
    return failure(resolved.reason, words);
  }
  const { addresses } = resolved;
  switch (plan.transport) {
    case "udp":
      return sendUdp(plan, addresses[0]);
    case "tcp":
      return sendTcp(plan, addresses, timeoutMs);
    case "http":
      return sendHttp(plan, addresses, timeoutMs);
    case "udpraw":
    case "tcpraw":
    case "icmp":
      return sendRaw(plan, addresses[0], timeoutMs);
  }
}

function sendUdp(plan: SendPlan, to: HostAddress): Promise<SendResult> {
  const payload = utf8Bytes(plan.packet);
  return new Promise((resolve) => {
    const socket = createSocket(to.ip.version === 4 ? "udp4" : "udp6");
    const settle = (result: SendResult): void => {
      socket.close();
      resolve(result);
    };
    const fail = (error: unknown): void => settle(systemFailure(error, "udp", to.text, plan.port));
    // Not connected: an ICMP "port unreachable" then reaches no socket of ours.
    const send = (): void => socket.send(payload, plan.port, to.text, (error, bytesSent) => {
      if (error) fail(error);
      else settle({ ok: true, bytesSent, address: to.ip });
    });
    socket.once("error", fail);
    if (plan.sourcePort) socket.bind(plan.sourcePort, send);
    else send();
  });
}

async function sendTcp(plan: SendPlan, addresses: readonly HostAddress[], timeoutMs: number): Promise<SendResult> {
  const connected = await connectFirst(plan, addresses, plan.port, timeoutMs);
  if (!connected.ok) return connected;
  const { socket, to } = connected;
  const payload = utf8Bytes(plan.packet);
  const error = await write(socket, payload);
  socket.end(() => socket.destroy());
  return error === undefined
    ? { ok: true, bytesSent: payload.length, address: to.ip }
    : systemFailure(error, "tcp", to.text, plan.port);
}

async function sendHttp(plan: SendPlan, addresses: readonly HostAddress[], timeoutMs: number): Promise<SendResult> {
  if (plan.http === undefined) throw new TypeError("Cannot send over HTTP: expected a user agent");
  const { userAgent, proxy } = plan.http;
  let request: Bytes;
  try {
    request = buildSpaRequest({ packet: plan.packet, server: plan.host, userAgent, ...(proxy === undefined ? {} : { proxy }) });
  } catch (error) {
    return failure("invalid", (error as Error).message);
  }
  const port = proxy?.port ?? plan.port;
  const connected = await connectFirst(plan, addresses, port, timeoutMs);
  if (!connected.ok) {
    request.fill(0);
    return connected;
  }
  const { socket, to } = connected;
  // Closing at once would make a proxy drop the request; what another server answers does not matter.
  const answer = firstLine(socket, proxy === undefined ? Math.min(ANSWER_PAUSE_MS, timeoutMs) : timeoutMs);
  const error = await write(socket, request);
  request.fill(0); // may hold the proxy's password
  if (error !== undefined) {
    socket.destroy();
    return systemFailure(error, "http", to.text, port);
  }
  const line = await answer;
  socket.destroy();
  const problem = proxy === undefined ? undefined : proxyFailure(line, `proxy ${printableText(proxy.host)} port ${port}`, timeoutMs);
  return problem ?? { ok: true, bytesSent: request.length, address: to.ip, ...(typeof line === "string" ? { status: line } : {}) };
}

/** Tells from the first line of a proxy's answer whether it has kept the packet to itself. */
function proxyFailure(line: FirstLine, name: string, timeoutMs: number): SendFailure | undefined {
  if (line === TIMED_OUT) return failure("timeout", `${name} gave no answer within ${timeoutMs} ms`);
  if (line === undefined) return failure("proxy", `${name} closed the connection without an answer`);
  const status = Number(/^HTTP\/\d\.\d (\d{3})(?: |$)/.exec(line)?.[1]);
  // 404 is what a web server says to a path that it does not have: the proxy has forwarded it.
  return status < 400 || status === 404 ? undefined : failure("proxy", `${name} said no: ${line}`);
}

async function sendRaw(plan: SendPlan, to: HostAddress, timeoutMs: number): Promise<SendResult> {
  const source = plan.spoofedSource ?? await sourceTowards(to);
  if (source === undefined) return failure("unreachable", `Network is unreachable (${to.text})`);
  let packet: Bytes;
  try {
    packet = await buildPacket(plan, source, to.ip);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return failure("invalid", error.message);
  }
  const injected = await injectPacket(packet, timeoutMs);
  return injected.ok
    ? { ok: true, bytesSent: packet.length, address: to.ip }
    : failure(injected.reason, `send_spa_packet_${plan.transport}: ${injected.message}`);
}

async function buildPacket(plan: SendPlan, source: IpAddress, destination: IpAddress): Promise<Bytes> {
  const { randomInt } = await import("node:crypto"); // to load it takes a tenth of what a packet over UDP does (measured)
  const common = { source, destination, payload: utf8Bytes(plan.packet), identification: randomInt(1, 0x10000) };
  if (plan.transport === "icmp") {
    const { type, code } = plan.icmp ?? { type: 0, code: 0 };
    const typeForFamily = destination.version === 6 ? ICMPV6_TYPES[type] ?? type : type;
    return buildIcmpPacket({ ...common, type: typeForFamily, code, echoIdentifier: randomInt(0x10000) });
  }
  const ports = { sourcePort: plan.sourcePort || randomInt(10000, 65535), destinationPort: plan.port };
  return plan.transport === "udpraw" ? buildUdpPacket({ ...common, ...ports }) : buildTcpPacket({ ...common, ...ports });
}

/** RFC 4443 §4: echo reply and request have other numbers than in RFC 792. */
const ICMPV6_TYPES: Readonly<Record<number, number>> = { 0: 129, 8: 128 };

/** The source address the kernel would take: the checksum of TCP and UDP covers it, so it cannot be left open. */
function sourceTowards(to: HostAddress): Promise<IpAddress | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(to.ip.version === 4 ? "udp4" : "udp6");
    const settle = (address: IpAddress | undefined): void => {
      socket.close();
      resolve(address);
    };
    // Nothing is sent: connecting only asks the routing table. The callback gets the error, if there is one.
    socket.connect(9, to.text, ((error?: Error) => {
      settle(error === undefined || error === null ? parseIp(socket.address().address.replace(/%.*$/, "")) : undefined);
    }) as () => void);
  });
}

/** Connects to the first address that takes the connection; the failure told is that of the first one. */
async function connectFirst(
  plan: SendPlan, addresses: readonly HostAddress[], port: number, timeoutMs: number,
): Promise<{ readonly ok: true; readonly socket: Socket; readonly to: HostAddress } | SendFailure> {
  let first: SendFailure | undefined;
  for (const to of addresses) {
    const connected = await connectTcp({ address: to.text, port, localPort: plan.sourcePort, timeoutMs });
    if (connected.ok) return { ok: true, socket: connected.socket, to };
    first ??= connected.error === "timeout"
      ? failure("timeout", `${COULD_NOT_CONNECT}: Connection timed out (${to.text} port ${port}, after ${timeoutMs} ms)`)
      : systemFailure(connected.error, plan.transport, to.text, port);
  }
  return first!;
}

function write(socket: Socket, bytes: Uint8Array): Promise<Error | undefined> {
  return new Promise((resolve) => {
    socket.write(bytes, (error) => resolve(error ?? undefined));
  });
}

const TIMED_OUT: unique symbol = Symbol("timed out");

/** The first line of an answer, printable and cut; undefined when the connection ended before any came. */
type FirstLine = string | undefined | typeof TIMED_OUT;

function firstLine(socket: Socket, timeoutMs: number): Promise<FirstLine> {
  return new Promise((resolve) => {
    let text = "";
    const settle = (line: FirstLine): void => {
      clearTimeout(timer);
      resolve(line);
    };
    const timer = setTimeout(() => settle(TIMED_OUT), timeoutMs);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n") || text.length > 1024) settle(printableText(text.split(/\r?\n/)[0]!));
    });
    socket.once("close", () => settle(text === "" ? undefined : printableText(text)));
  });
}

/** Codes of the system: the reason, and the words of strerror(3). */
const REASONS: Readonly<Record<string, readonly [SendFailureReason, string]>> = {
  ECONNREFUSED: ["refused", "Connection refused"],
  ECONNRESET: ["refused", "Connection reset by peer"],
  EPIPE: ["refused", "Broken pipe"],
  ENETUNREACH: ["unreachable", "Network is unreachable"],
  EHOSTUNREACH: ["unreachable", "No route to host"],
  ENETDOWN: ["unreachable", "Network is down"],
  EHOSTDOWN: ["unreachable", "Host is down"],
  EADDRNOTAVAIL: ["unreachable", "Cannot assign requested address"],
  ETIMEDOUT: ["timeout", "Connection timed out"],
  EACCES: ["permission", "Permission denied"],
  EPERM: ["permission", "Operation not permitted"],
  EADDRINUSE: ["failed", "Address already in use"],
  EMSGSIZE: ["failed", "Message too long"],
};

const COULD_NOT_CONNECT = "send_spa_packet_tcp_or_udp: Could not create socket";

function systemFailure(error: unknown, transport: SendPlan["transport"], host: string, port: number): SendFailure {
  const what = transport === "udp" ? "send_spa_packet_tcp_or_udp: sendto error" : COULD_NOT_CONNECT;
  const [reason, words] = REASONS[codeOf(error) ?? ""] ?? ["failed", reasonOf(error)];
  return failure(reason, `${what}: ${words} (${host} port ${port})`);
}

function failure(reason: SendFailureReason, words: string): SendFailure {
  return { ok: false, reason, message: `send_spa_packet: packet not sent. ${words}` };
}
