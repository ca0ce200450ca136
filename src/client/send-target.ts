/**
 * Where and how the client sends its packets: settings → target. What is random comes as an argument.
 *
 * @module
 */

import { utf8Bytes } from "../bytes.ts";
import type { ServerProto } from "../cli/client-options.ts";
import { type Parsed, refuse } from "../cli/options.ts";
import { printableText } from "../foreign-text.ts";
import type { HttpProxy } from "../http-request.ts";
import { type IpAddress, parseIp } from "../ip.ts";
import { destinationOf, parsePort, splitHostPort } from "./destination.ts";
import { type ClientSettings, DEFAULT_SERVER_PORT, familyOf, isRawTransport, transportOf } from "./settings.ts";

/** Where and how packets are sent. */
export interface SendTarget {
  readonly transport: ServerProto;
  /** Name or address of the server, as the user typed it (IPv6 without brackets). */
  readonly host: string;
  /** Destination port; not used by icmp. */
  readonly port: number;
  /** Only addresses of this family; without it IPv4 is preferred. */
  readonly family?: 4 | 6;
  /** Bound for udp, tcp and http; written into the header for udpraw and tcpraw, where it is random when absent or 0. */
  readonly sourcePort?: number;
  /** Source address in the header of udpraw, tcpraw and icmp. */
  readonly spoofedSource?: IpAddress;
  /** ICMP type and code as IPv4 numbers them, 0 and 0 when absent; echo request and reply are translated for IPv6. */
  readonly icmp?: { readonly type: number; readonly code: number };
  /** For http. */
  readonly http?: { readonly userAgent: string; readonly proxy?: HttpProxy };
}

/** What the settings do not hold. */
export interface SendFacts {
  /** Chooses a port for `-r`, and the source of hand-made packets. */
  randomPort(): number;
  /** Ours, for the user agent. */
  readonly version: string;
}

/**
 * Decides where and how packets are sent.
 *
 * @param settings checked settings
 * @param facts all that the settings do not hold
 * @returns the target, or one line that names the option to change; a proxy's password in it is a copy, which the caller wipes
 */
export function planSending(settings: ClientSettings, facts: SendFacts): Parsed<SendTarget> {
  const transport = transportOf(settings);
  const { host, port: namedPort } = destinationOf(settings);
  const usualPort = settings.http ? 80 : DEFAULT_SERVER_PORT;
  const port = settings.randPort ? facts.randomPort() : settings.serverPort ?? namedPort ?? usualPort;
  const family = familyOf(settings);
  const sourcePort = settings.sourcePort || (isRawTransport(transport) ? facts.randomPort() : undefined);
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
