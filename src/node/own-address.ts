/**
 * Asks resolvers on the web for the address we are seen with.
 *
 * @module
 */
import type { IpAddress } from "../ip.ts";

export interface OwnAddressOptions {
  /** Resolvers; every one must answer, and all with the same address. */
  readonly urls: readonly string[];
  /** Asked one after the other when `urls` gave no address (not when they disagreed). */
  readonly fallbackUrls?: readonly string[];
  /** Only plain http: URLs (--resolve-http-only). */
  readonly httpOnly?: boolean;
  /** Absent: no User-Agent field. */
  readonly userAgent?: string;
  readonly family?: 4 | 6;
  /** For a whole exchange with one resolver; 10000 when absent. */
  readonly timeoutMs?: number;
  /** Our clock, milliseconds since 1970; Date.now when absent. */
  readonly now?: () => number;
}
export type OwnAddressResult =
  | {
    readonly ok: true;
    readonly address: IpAddress;
    /** The resolvers that said so. */
    readonly urls: readonly string[];
    /** Our clock minus theirs; the one farthest from 0 when several were asked. Positive: ours is ahead. */
    readonly clockSkewSeconds?: number;
    /** One line: `Resolved external IP (via 'URL') as: A.B.C.D`. */
    readonly message: string;
  }
  | {
    readonly ok: false;
    readonly reason: "unreachable" | "answer" | "disagreement" | "scheme";
    /** The resolver that failed. */
    readonly url: string;
    /** One line, with `Could not resolve IP via: 'URL'` or `Invalid IP () in HTTP response:` in it. */
    readonly message: string;
  };
export declare const DEFAULT_RESOLVE_URL: string;
export declare const DEFAULT_HTTP_RESOLVE_URLS: readonly [string, string];
export declare function resolveOwnAddress(options: OwnAddressOptions): Promise<OwnAddressResult>;
