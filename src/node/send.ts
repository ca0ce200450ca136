/**
 * Sends an SPA packet over the network, in each of the ways a server can hear it.
 *
 * @module
 */
import type { IpAddress } from "../ip.ts";
import type { HttpProxy } from "../http-request.ts";

/** How a packet travels. The last three are whole IP packets made by hand. */
export type Transport = "udp" | "tcp" | "http" | "udpraw" | "tcpraw" | "icmp";

/** Everything {@link sendPacket} has to know. */
export interface SendPlan {
  readonly transport: Transport;
  /** The packet: base64 text as sealMessage() returns it. */
  readonly packet: string;
  /** Name or address of the server, as the user typed it (IPv6 without brackets). */
  readonly host: string;
  /** Destination port; not used by icmp. */
  readonly port: number;
  /** Only addresses of this family; without it IPv4 is preferred. */
  readonly family?: 4 | 6;
  /** Bound for udp, tcp and http; written into the header for udpraw and tcpraw, where it is random when absent. */
  readonly sourcePort?: number;
  /** Source address in the header of udpraw, tcpraw and icmp. */
  readonly spoofedSource?: IpAddress;
  /** ICMP type and code as IPv4 numbers them; echo request and reply are translated for IPv6. */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly http?: { readonly userAgent: string; readonly proxy?: HttpProxy };
  /** For each of: resolving, connecting, the proxy's answer. 5000 when absent. */
  readonly timeoutMs?: number;
}

/** What kept a packet from leaving. */
export type SendFailureReason =
  | "unresolvable" | "refused" | "unreachable" | "proxy" | "timeout" | "permission"
  | "injector" // neither perl nor python3 is there
  | "invalid" // the plan asks for what cannot be sent, say a spoofed source of the other family
  | "failed"; // any other system error

/** The outcome of {@link sendPacket}. */
export type SendResult =
  | {
    readonly ok: true;
    /** As the C client counts: with headers for hand-made packets, the whole request for HTTP. */
    readonly bytesSent: number;
    readonly address: IpAddress;
    /** The proxy's status line, when one was asked. */
    readonly status?: string;
  }
  | {
    readonly ok: false;
    readonly reason: SendFailureReason;
    /** One line for the user. */
    readonly message: string;
    readonly cause?: unknown;
  };

export declare function sendPacket(plan: SendPlan): Promise<SendResult>;
