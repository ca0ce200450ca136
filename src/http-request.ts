/**
 * An SPA packet as an HTTP GET request, and back. The packet is the request target, with `+`
 * and `/` written as `-` and `_`.
 *
 * @module
 */
import { encodeBase64, padBase64 } from "./base64.ts";
import { type Bytes, concatBytes, latin1Text, utf8Bytes } from "./bytes.ts";
import { printableText } from "./foreign-text.ts";

/** An HTTP proxy, and what it wants to hear before it forwards. */
export interface HttpProxy {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  /** The password's bytes; the caller wipes them. */
  readonly password?: Uint8Array;
}

/** What goes into the request. */
export interface SpaRequestOptions {
  /** The packet as it would go over UDP: base64 without padding. */
  readonly packet: string;
  /** The server as the user named it; goes into the Host field or the proxy's target. */
  readonly server: string;
  readonly userAgent: string;
  readonly proxy?: HttpProxy;
}

/** A packet that was carried by a request, and what the header says about its way. */
export interface UnwrappedRequest {
  readonly ok: true;
  /** The packet with `+` and `/` back in place. A fresh array; its alphabet is not checked. */
  readonly packet: Bytes;
  /** The User-Agent field. */
  readonly userAgent?: string;
  /** The X-Forwarded-For fields, unparsed, in their order. */
  readonly forwardedFor: readonly string[];
  /** The Forwarded fields (RFC 7239), unparsed, in their order. */
  readonly forwarded: readonly string[];
}

/** A GET request that is not read as one with a packet in it. */
export interface RequestRefusal {
  readonly ok: false;
  readonly layer: "http";
  /** What was expected and what came, foreign text escaped. */
  readonly reason: string;
}

/**
 * Writes the request that carries a packet.
 *
 * @param options packet, server, user agent and proxy; with a proxy the target is absolute and
 *   the Host field names the proxy, as the C and Perl programs have it
 * @returns a fresh array; it holds the proxy's password, if there is one
 * @throws {RangeError} for a part with characters that would break the request
 */
export function buildSpaRequest(options: SpaRequestOptions): Bytes {
  const { packet, server, userAgent, proxy } = options;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(packet)) throw new RangeError("Cannot build request: expected a base64 packet");
  requireToken("server", server);
  if (/[^\x20-\x7e\x80-\u{10ffff}]/u.test(userAgent)) {
    throw new RangeError(`Cannot build request: expected a user agent without control characters, got '${printableText(userAgent)}'`);
  }
  if (proxy !== undefined) requireToken("proxy", proxy.host);

  const path = requestPath(packet);
  const target = proxy === undefined ? path : `http://${inBrackets(server)}${path}`;
  const head = [
    `GET ${target} HTTP/1.1`,
    `User-Agent: ${userAgent}`,
    "Accept: */*",
    `Host: ${inBrackets(proxy?.host ?? server)}`,
    "Connection: close",
    "",
  ].join("\r\n");
  return concatBytes(utf8Bytes(head), proxyAuthorization(proxy), utf8Bytes("\r\n"));
}

/**
 * Writes a packet as the path of a URL.
 *
 * @param packet base64 text
 * @returns a slash and the packet, with `-` and `_` for the two characters that mean something in a URL
 */
export function requestPath(packet: string): string {
  return `/${packet.replaceAll("+", "-").replaceAll("/", "_")}`;
}

function requireToken(what: string, text: string): void {
  if (!/^[!-~\x80-\u{10ffff}]+$/u.test(text)) {
    throw new RangeError(`Cannot build request: expected a ${what} without blanks, got '${printableText(text)}'`);
  }
}

/** RFC 3986 §3.2.2: an IPv6 address stands in brackets. */
function inBrackets(host: string): string {
  return /^[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F.:]*(%.*)?$/.test(host) ? `[${host.replace(/%.*/, "")}]` : host;
}

/** RFC 7617 §2. */
function proxyAuthorization(proxy: HttpProxy | undefined): Bytes {
  if (proxy?.user === undefined) return new Uint8Array(0);
  if (/[\x00-\x1f:\x7f]/.test(proxy.user)) {
    throw new RangeError(`Cannot build request: expected a proxy user without ':' and control characters, got '${printableText(proxy.user)}'`);
  }
  const pair = concatBytes(utf8Bytes(`${proxy.user}:`), proxy.password ?? new Uint8Array(0));
  const field = utf8Bytes(`Proxy-Authorization: Basic ${padBase64(encodeBase64(pair))}\r\n`);
  pair.fill(0);
  return field;
}

/**
 * Takes the packet out of a request. Costs time linear in the length and never throws.
 *
 * @param payload what a UDP, TCP or ICMP packet carried
 * @returns the packet; or why the request is refused; or undefined when this is no GET request,
 *   so that the payload may be a packet itself
 */
export function unwrapSpaRequest(payload: Uint8Array): UnwrappedRequest | RequestRefusal | undefined {
  if (!startsRequest(payload)) return undefined;
  const [requestLine, ...header] = latin1Text(payload).split("\n");
  const path = readRequestLine(requestLine!);
  if (typeof path !== "string") return path;
  const fields = readHeader(header);
  if ("ok" in fields) return fields;
  const [userAgent] = fields["user-agent"];
  return {
    ok: true,
    packet: packetBytes(path),
    ...(userAgent === undefined ? {} : { userAgent }),
    forwardedFor: fields["x-forwarded-for"],
    forwarded: fields.forwarded,
  };
}

/** Finds the path that is the packet. */
function readRequestLine(line: string): string | RequestRefusal {
  const words = withoutCr(line).split(/[ \t]+/);
  if (words.length > 2 && words.at(-1) === "") words.pop();
  const [, target, version, more] = words;
  if (target === undefined || more !== undefined || (version !== undefined && !/^HTTP\/\d/i.test(version))) {
    return refusal("expected 'GET TARGET HTTP/1.1'", line);
  }
  const path = pathOf(target);
  if (path === undefined) return refusal("expected a path or an http:// address as target", target);
  return path === "" ? refusal("expected a packet as target", target) : path;
}

/** The fields that are of use, by their names in lower case: the values of each, in their order. */
interface Fields {
  readonly "user-agent": string[];
  readonly "x-forwarded-for": string[];
  readonly forwarded: string[];
}

/** Reads the lines up to the empty one. The last of them may be the beginning of a line that another segment goes on with. */
function readHeader(lines: readonly string[]): Fields | RequestRefusal {
  const fields: Fields = { "user-agent": [], "x-forwarded-for": [], forwarded: [] };
  for (const [at, raw] of lines.entries()) {
    const line = withoutCr(raw);
    if (line === "") break;
    const isUnfinished = at === lines.length - 1;
    // RFC 9112 §5.1 and §5.2: neither a blank before the colon nor a folded line is taken.
    const [, givenName, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\0\r]*)$/.exec(line) ?? [];
    if (givenName === undefined || value === undefined) {
      if (isUnfinished) break;
      return refusal("expected 'NAME: VALUE' in the header", line);
    }
    const name = givenName.toLowerCase();
    // An address that is cut short is another address: 192.0.2.1 may be the start of 192.0.2.18.
    if (isUnfinished && name !== "user-agent") break;
    if (Object.hasOwn(fields, name)) fields[name as keyof Fields].push(value.trim());
  }
  return fields;
}

/**
 * Tells whether a payload begins a request that could carry a packet.
 *
 * @param payload what a packet carried
 * @returns whether it begins with `GET` and a blank, in any case
 */
export function startsRequest(payload: Uint8Array): boolean {
  return (payload[0]! | 0x20) === 0x67 && (payload[1]! | 0x20) === 0x65 && (payload[2]! | 0x20) === 0x74 && payload[3] === 0x20;
}

function withoutCr(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/**
 * What follows the first slash of the path. Perl clients behind a proxy wrote an absolute target, Perl servers took
 * `.html`, and forms and proxies of the web append a query.
 */
function pathOf(target: string): string | undefined {
  const path = target.startsWith("/") ? target.slice(1) : /^http:\/\/[^/]+\/(.*)$/i.exec(target)?.[1];
  return path?.split(/[?#]/, 1)[0]!.replace(/\.html$/, "");
}

/** The target's characters as bytes, with the two that a URL cannot hold put back. */
function packetBytes(path: string): Bytes {
  const packet = new Uint8Array(path.length);
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    packet[at] = code === 0x2d ? 0x2b : code === 0x5f ? 0x2f : code;
  }
  return packet;
}

function refusal(expected: string, line: string): RequestRefusal {
  return { ok: false, layer: "http", reason: `${expected}, got '${printableText(line)}'` };
}
