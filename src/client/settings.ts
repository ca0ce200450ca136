/**
 * What a run of the client is to do: options, rc variables, and what wins when both speak.
 *
 * @module
 */

import type { Bytes } from "../bytes.ts";
import type { ClientOptions, ServerProto } from "../cli/client-options.ts";
import type { DigestType } from "../fko-message.ts";
import type { EncryptionMode } from "../fko-packet.ts";

/** The values of options and of rc variables that have no option. Absent: not set. */
export interface ClientSettings extends ClientOptions {
  gpgSigningPw?: Bytes;
  /** The base64 text. */
  gpgSigningPwBase64?: Bytes;
}

/** The port that servers listen to. */
export const DEFAULT_SERVER_PORT = 62201;

/**
 * Joins layers of settings.
 *
 * @param layers from the weakest to the strongest
 * @returns fresh settings; values are shared with the layers
 */
export function mergeSettings(...layers: readonly ClientSettings[]): ClientSettings {
  const merged: ClientSettings = {};
  for (const layer of layers) {
    // An address wins over -R beside it, but a stanza's address must not win over -R on the command line.
    if (layer.resolveIpHttps && layer.allowIp === undefined) delete merged.allowIp;
    if (layer.timeOffsetPlus !== undefined) delete merged.timeOffsetMinus;
    Object.assign(merged, layer);
  }
  return merged;
}

/** @returns how the packet travels */
export function transportOf(settings: ClientSettings): ServerProto {
  const spoofed = { udp: "udpraw", tcp: "tcpraw", icmp: "icmp" } as const;
  return settings.spoofProto === undefined ? settings.serverProto ?? "udp" : spoofed[settings.spoofProto];
}

/** @returns the only family of addresses that is wanted, or undefined */
export function familyOf(settings: ClientSettings): 4 | 6 | undefined {
  return settings.ipv6 ? 6 : settings.ipv4 || settings.serverResolveIpv4 ? 4 : undefined;
}

/** @returns whether a transport makes whole IP packets by hand */
export function isRawTransport(transport: ServerProto): transport is "udpraw" | "tcpraw" | "icmp" {
  return transport === "udpraw" || transport === "tcpraw" || transport === "icmp";
}

/** @returns whether ports are tried one after the other instead of a packet being sent */
export function isPortKnocking(settings: ClientSettings): boolean {
  return settings.serverMode === "knock" || settings.serverMode === "shared";
}

/** @returns how the packet is encrypted */
export function encryptionModeOf(settings: ClientSettings): EncryptionMode {
  return settings.gpgEncryption ? "asymmetric" : settings.encryptionMode ?? "cbc";
}

/** @returns the digest of the HMAC, or undefined when there is to be none */
export function hmacTypeOf(settings: ClientSettings): DigestType | undefined {
  return settings.useHmac ? settings.hmacDigestType ?? "sha256" : undefined;
}

/** @returns whether the web is asked for our address */
export function isAddressResolved(settings: ClientSettings): boolean {
  // A URL alone is reason enough to ask it, but a test should not need the net for what was not asked for.
  const isWanted = settings.resolveIpHttps === true || (settings.resolveUrl !== undefined && !settings.test);
  return isWanted && settings.allowIp === undefined && !settings.serverCmd;
}
