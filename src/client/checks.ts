/**
 * What can be said of settings before anything is done with them.
 *
 * @module
 */

import { parsePortSpec } from "../access-message.ts";
import { CLIENT_OPTIONS, type ClientOptions } from "../cli/client-options.ts";
import { printableText } from "../foreign-text.ts";
import { parseIp } from "../ip.ts";
import { isResolvableName, splitHostPort } from "./destination.ts";
import { decodeKey, type KeyKind } from "./key-text.ts";
import { type ClientSettings, encryptionModeOf, hmacTypeOf, isAddressResolved, isPortKnocking, isRawTransport, transportOf } from "./settings.ts";

/** A rule: what is wrong when it is broken, or undefined. */
type Check = (settings: ClientSettings) => string | undefined;

const when = (broken: boolean | undefined, message: string | (() => string)): string | undefined =>
  (!broken ? undefined : typeof message === "string" ? message : message());

function keyProblem(base64: Uint8Array | undefined, kind: KeyKind): string | undefined {
  if (base64 === undefined) return undefined;
  const decoded = decodeKey(base64, kind);
  if (!decoded.ok) return `--key-base64-${kind.toLowerCase()}: ${decoded.message}`;
  decoded.value.fill(0);
  return undefined;
}

/** Runs that send nothing need neither a server nor an address. */
const sendsNothing = (settings: ClientSettings): boolean => Boolean(settings.test || settings.keyGen || settings.keyGenFile !== undefined || settings.version);

/** What a sequence of ports cannot say or do. */
const NOT_BY_KNOCKING = [
  "serverCmd", "natAccess", "natLocal", "natPort", "natRandPort", "fwTimeout", "close", "serverAuth", "timeOffsetPlus", "timeOffsetMinus",
  "serverProto", "digestType", "encryptionMode", "serverPort", "sourcePort", "randPort", "spoofSource", "spoofProto", "icmpType", "icmpCode", "ipv6",
  "httpProxy", "maxPacketSize", "savePacket", "perlSavePacket", "json", "verify", "then", "gpgEncryption", "useHmac",
] as const satisfies readonly (keyof ClientOptions)[];

/** What is nowhere in a sequence that was agreed on. */
const NOT_IN_SHARED = ["offset", "rotateProto", "spoofUser"] as const satisfies readonly (keyof ClientOptions)[];

/** What is said of knocks only, and the modes that regard it. */
const OF_KNOCKING_ONLY = { offset: "knock", rotateProto: "knock", timeDelay: "knock or shared" } as const;

function knockingOptionProblem(settings: ClientSettings): string | undefined {
  const key = (Object.keys(OF_KNOCKING_ONLY) as (keyof typeof OF_KNOCKING_ONLY)[]).find((option) => settings[option] !== undefined);
  return key && `--${CLIENT_OPTIONS[key].long}: expected --Server-mode ${OF_KNOCKING_ONLY[key]}`;
}

function knockingProblem({ serverMode: mode, ...settings }: ClientSettings): string | undefined {
  const { allowIp = "", destination = "" } = settings;
  if (mode === "knock" && parseIp(allowIp)?.version === 6) return "--allow-ip: expected an IPv4 address for --Server-mode knock";
  if (splitHostPort(destination).port !== undefined) {
    return `--destination: expected a host without a port for --Server-mode ${mode}, got '${printableText(destination)}'`;
  }
  const key = [...NOT_BY_KNOCKING, ...(mode === "shared" ? NOT_IN_SHARED : [])].find((option) => settings[option] !== undefined);
  return key && `--Server-mode ${mode}: cannot be combined with --${CLIENT_OPTIONS[key].long}`;
}

/** In the order in which scripts expect to hear of them. */
const CHECKS: readonly Check[] = [
  (s) => when(!s.destination && !sendsNothing(s), "Must use --destination unless --test mode is used"),
  (s) => when(
    s.allowIp === undefined && !isAddressResolved(s) && !sendsNothing(s) && s.serverMode !== "shared",
    !s.serverCmd
      ? "Must use one of [-s|-R|-a] to specify IP for SPA access."
      : "Must use one of [-s|-a] to specify IP for SPA access with --server-cmd.",
  ),
  (s) => when(
    s.allowIp !== undefined && parseIp(s.allowIp) === undefined && !isResolvableName(s.allowIp),
    () => `Invalid allow IP specified for SPA access: --allow-ip expects an address such as 192.0.2.1, or a host name, got '${printableText(s.allowIp ?? "")}'`,
  ),
  (s) => when(
    s.spoofSource !== undefined && parseIp(s.spoofSource) === undefined,
    () => `Invalid spoof IP: --spoof-source expects an address such as 192.0.2.1, got '${printableText(s.spoofSource ?? "")}'`,
  ),
  (s) => when(
    s.spoofSource !== undefined && !isRawTransport(transportOf(s)),
    "--spoof-source: Must set -P <udpraw|tcpraw|icmp> with a spoofed source IP",
  ),
  (s) => when(s.httpProxy !== undefined && transportOf(s) !== "http", "Cannot set --http-proxy with a non-HTTP protocol."),
  (s) => when(
    s.httpProxy === undefined && (s.httpProxyUser !== undefined || s.httpProxyPassword !== undefined),
    "--http-proxy-user, --http-proxy-password: expected a proxy, use --http-proxy",
  ),
  (s) => when(s.ipv6 && (s.ipv4 || s.serverResolveIpv4), "--ipv6: cannot be combined with --ipv4 or --server-resolve-ipv4"),
  (s) => when(s.gpgEncryption && !s.gpgRecipientKey, "Must specify --gpg-recipient-key when GPG is used."),
  (s) => when(
    s.encryptionMode === "asymmetric" && !s.gpgEncryption,
    "--encryption-mode: Must specify GPG recipient/signing keys when Asymmetric encryption mode is used.",
  ),
  (s) => when(encryptionModeOf(s) === "legacy" && hmacTypeOf(s) !== undefined, "--encryption-mode: Legacy encryption mode is incompatible with HMAC usage."),
  (s) => keyProblem(s.keyBase64Rijndael, "Rijndael"),
  (s) => keyProblem(s.keyBase64Hmac, "HMAC"),
  (s) => when(
    Boolean(s.serverCmd) && (Boolean(s.natAccess) || s.natLocal),
    "--server-cmd: cannot be combined with --nat-access or --nat-local; fko_set_nat_access_str: Error 4 - Args contain invalid data",
  ),
  (s) => when(Boolean(s.serverCmd) && s.close, "--close: cannot be combined with --server-cmd, which would run the command again"),
  (s) => when(s.serverAuth !== undefined && (Boolean(s.natAccess) || s.natLocal), "--server-auth: cannot be combined with --nat-access or --nat-local"),
  (s) => (isPortKnocking(s) ? knockingProblem(s) : knockingOptionProblem(s)),
  (s) => when(s.retry !== undefined && s.verify === undefined, "--retry: expected --verify, which says when the port is open"),
  (s) => when(
    s.verify !== undefined && parsePortSpec(s.verify) === undefined,
    () => `--verify: expected tcp/PORT or udp/PORT, got '${printableText(s.verify ?? "")}'`,
  ),
];

/**
 * Looks for contradictions between settings.
 *
 * @param settings all layers, joined
 * @returns one line about the first one, or undefined
 */
export function checkSettings(settings: ClientSettings): string | undefined {
  for (const check of CHECKS) {
    const message = check(settings);
    if (message !== undefined) return message;
  }
  return undefined;
}
