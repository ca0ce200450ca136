/**
 * One run of tcpdump: how it is called, what it says, why it ended.
 *
 * @module
 */

/** What to capture. */
export interface TcpdumpOptions {
  /** `eth0`, or `any`. */
  readonly interfaceName: string;
  /** A pcap expression; empty for everything. */
  readonly filter: string;
  /** Bytes kept of each frame. */
  readonly snapLength: number;
  /** See frames that are not addressed to us (ENABLE_PCAP_PROMISC). */
  readonly promiscuous: boolean;
  /** See what this host sends as well (--pcap-any-direction). */
  readonly anyDirection: boolean;
  /** Ask for the cooked link type whatever the interface has (ENABLE_COOKED_INTF). */
  readonly cooked: boolean;
  /** The program, searched in PATH unless absolute. */
  readonly program?: string;
}

/** Packets counted by tcpdump since it started. */
export interface CaptureCounters {
  readonly captured: number;
  readonly received: number;
  /** Lost because we were too slow. */
  readonly dropped: number;
}

/** Why a run of tcpdump ended. */
export type CaptureEnd =
  /** `tcpdump` is not installed. */
  | { readonly kind: "missing-program"; readonly text: string }
  /** `No such device exists`, `That device is not up`. */
  | { readonly kind: "no-device"; readonly text: string }
  /** The filter does not compile. */
  | { readonly kind: "bad-filter"; readonly text: string }
  /** Not root, no CAP_NET_RAW. */
  | { readonly kind: "no-permission"; readonly text: string }
  /** `The interface disappeared`. */
  | { readonly kind: "disappeared"; readonly text: string }
  /** It left by itself or by a signal of somebody else. */
  | { readonly kind: "ended"; readonly text: string }
  /** We told it to stop. */
  | { readonly kind: "stopped"; readonly text: string };
