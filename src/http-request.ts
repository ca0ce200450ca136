/**
 * An SPA packet as an HTTP GET request, and back. The packet is the request target, with `+`
 * and `/` written as `-` and `_`.
 *
 * @module
 */
import type { Bytes } from "./bytes.ts";

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

/** A GET request that no careful server takes. */
export interface RequestRefusal {
  readonly ok: false;
  readonly layer: "http";
  readonly reason: string;
}

export declare function buildSpaRequest(options: SpaRequestOptions): Bytes;
/** Undefined means: no GET request at all, so the payload may be a packet itself. */
export declare function unwrapSpaRequest(payload: Uint8Array): UnwrappedRequest | RequestRefusal | undefined;
