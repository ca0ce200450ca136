/**
 * What a stanza says to a message that it could open: the checks of access.conf in their order, and the grant that
 * follows when all hold.
 *
 * @module
 */

import { parseAccessMessage, parseCommandMessage, parseNatAccess } from "../access-message.ts";
import { type AccessStanza, requiresSourceAddress } from "../config/access-config.ts";
import { matchesAddressList } from "../config/address-list.ts";
import type { DaemonConfig } from "../config/daemon-config.ts";
import { allowsPort } from "../config/port-list.ts";
import type { PortSpec, SourceNat } from "../firewall/grant.ts";
import { isPerlVersion, MESSAGE_TYPES, type Message, type Verified } from "../fko.ts";
import { formatIp, type IpAddress, isLoopbackIp, isUnspecifiedIp, parseIp } from "../ip.ts";
import type { Datagram } from "../packet.ts";
import { ask, type Deciding } from "./decision-request.ts";
import type { LogLevel } from "./log-record.ts";
import { refusal } from "./trail.ts";
import type { Accepted, Commanded, Cycled, Granted, NatWish, RefusalReason, Refused, Verdict } from "./verdict.ts";

/** What the checks look at besides the stanza and the message. */
export interface PolicyContext {
  readonly config: DaemonConfig;
  /** Unix time, seconds. */
  readonly now: number;
  /** Decide as always, change nothing (`-t`). */
  readonly testMode: boolean;
  /** The client's address as a trusted proxy told it. */
  readonly forwardedSource: IpAddress | undefined;
}

/** Why a check ends the decision; a warning unless another level is named. */
interface Objection {
  readonly reason: RefusalReason;
  readonly level?: LogLevel;
  /** The line for the log, without what it begins with. */
  readonly text: string;
  /** What the line begins with, where that is not who sent the packet and which stanza says no. */
  readonly who?: string;
}

/**
 * Judges an opened message by the stanza that opened it.
 *
 * @param stanza the stanza
 * @param message what the packet said
 * @param datagram how it came
 * @param context configuration and clock
 * @yields a request to check a password, where the stanza requires one
 * @returns a refusal, a grant, or a command to run
 */
export function* applyPolicy(stanza: AccessStanza, message: Verified<Message>, datagram: Datagram, context: PolicyContext): Deciding<Verdict> {
  const { config, now, testMode } = context;
  const refused = ({ reason, level = "warning", text, who = `[${formatIp(datagram.source)}] (stanza #${stanza.number})` }: Objection): Refused =>
    refusal(datagram, now, { stanza: stanza.number, message }, { reason, level, text: `${who} ${text}` });

  const untimely = objectToAge(message, context);
  if (untimely !== undefined) return refused(untimely);
  const request = readRequest(message);
  if ("reason" in request) return refused(request);
  const source = chooseAddress(request.address, stanza, datagram, context);
  if ("reason" in source) return refused(source);
  const stranger = objectToUser(stanza, message) ?? (yield* objectToPassword(stanza, message));
  if (stranger !== undefined) return refused(stranger);
  const objection = objectToNat(stanza, message, datagram, config) ?? objectToTimeout(stanza, message) ?? objectToPorts(stanza, request, config);
  if (objection !== undefined) return refused(objection);

  const accepted: Accepted = { stanza: stanza.number, message, arrivedAt: now, packetSource: datagram.source, packetDestination: datagram.destination, source };
  const answer = answerRequest(stanza, request, accepted, config);
  if ("reason" in answer) return refused(answer);
  if (testMode) return refused({ reason: "test-mode", text: `--test mode enabled, skipping ${answer.kind === "granted" ? "firewall manipulation" : "command execution"}.` });
  return answer;
}

// --- What every message must meet ------------------------------------------------------------------------------------

function objectToAge({ timestamp }: Message, { config, now }: PolicyContext): Objection | undefined {
  const skew = Math.abs(timestamp - Math.floor(now));
  if (!config.ENABLE_SPA_PACKET_AGING || skew <= config.MAX_SPA_PACKET_AGE) return undefined;
  return { reason: "age", text: `SPA data time difference is too great (${skew} seconds), ${config.MAX_SPA_PACKET_AGE} are allowed` };
}

/** What a message asks for. */
interface Request {
  /** As the message names it: `0.0.0.0` and `::` stand for the packet's source. */
  readonly address: IpAddress;
  /** None with a command. */
  readonly ports: readonly PortSpec[];
  readonly command?: string;
}

function readRequest({ type, message }: Message): Request | Objection {
  const request = type === 0 ? parseCommandMessage(message) : parseAccessMessage(message);
  if (request.ok) return { ports: [], ...request };
  const phrase = request.code === 100 ? "Invalid source IP in SPA message, ignoring SPA packet" : "Error parsing SPA message string";
  return { reason: "message", text: `${phrase}: ${request.reason}` };
}

/** The address to open for: the one that was asked for, or the packet's source where the stanza leaves that to it. */
function chooseAddress(requested: IpAddress, stanza: AccessStanza, { source: packetSource }: Datagram, { config, forwardedSource }: PolicyContext): IpAddress | Objection {
  const meansPacketSource = isUnspecifiedIp(requested);
  if (meansPacketSource && (config.REQUIRE_SOURCE_ADDRESS || requiresSourceAddress(stanza, packetSource))) {
    return { reason: "address", text: "Got 0.0.0.0 when valid source IP was required." };
  }
  const source = meansPacketSource ? (forwardedSource ?? packetSource) : requested;
  const isBlacklisted = config.BLACKLIST !== undefined && matchesAddressList(config.BLACKLIST, source);
  return isBlacklisted ? { reason: "address", text: `The address ${formatIp(source)} is in BLACKLIST` } : source;
}

function objectToUser({ REQUIRE_USERNAME: users }: AccessStanza, { username }: Message): Objection | undefined {
  if (users === undefined || users.includes(username)) return undefined;
  return { reason: "user", text: `Username in SPA data (${username}) does not match required username: ${users.join(",")}` };
}

/** What stands in the place of a password is never shown. */
function* objectToPassword({ REQUIRE_AUTH_METHOD: required, SHADOW_FILE: shadowFile }: AccessStanza, { username: user, serverAuth = "" }: Message): Deciding<Objection | undefined> {
  if (required === undefined) return undefined;
  const objection = (text: string): Objection => ({ reason: "auth", text });
  if (serverAuth === "") return objection(`The packet bears no password, but REQUIRE_AUTH_METHOD ${required} wants one (fwknop --server-auth)`);
  if (!serverAuth.startsWith(`${required},`)) return objection(`The packet is authenticated in another way than REQUIRE_AUTH_METHOD ${required}`);
  const answer = yield* ask({ kind: "password", shadowFile, user, password: serverAuth.slice(required.length + 1) });
  return answer.ok ? undefined : objection(`Server authentication failed (REQUIRE_AUTH_METHOD ${required}): ${answer.reason}`);
}

function objectToNat(stanza: AccessStanza, { type }: Message, { source }: Datagram, config: DaemonConfig): Objection | undefined {
  const { nat } = MESSAGE_TYPES[type];
  const isEnabled = {
    none: stanza.ENABLE_FORWARD_ACCESS !== true || type === 0,
    forward: config.ENABLE_IPT_FORWARDING && stanza.ENABLE_FORWARD_ACCESS !== false,
    local: config.ENABLE_IPT_LOCAL_NAT,
  };
  if (isEnabled[nat]) return undefined;
  if (nat === "none") return { reason: "nat", text: "The stanza takes requests for NAT only (ENABLE_FORWARD_ACCESS)" };
  return { reason: "nat", who: `(stanza #${stanza.number})`, text: `SPA packet from ${formatIp(source)} requested NAT access, but is not enabled/supported` };
}

function objectToTimeout({ PERMIT_CLIENT_TIMEOUT: isPermitted }: AccessStanza, { clientTimeout }: Message): Objection | undefined {
  return !clientTimeout || isPermitted ? undefined : { reason: "timeout", text: "Clients may not choose how long a port stays open (PERMIT_CLIENT_TIMEOUT)" };
}

/** Each requested port must be allowed, none restricted; C counts matches, so that duplicates grant what is not listed. */
function objectToPorts(stanza: AccessStanza, { ports }: Request, config: DaemonConfig): Objection | undefined {
  const { OPEN_PORTS: open, RESTRICT_PORTS: restricted } = stanza;
  if (config.FIREWALL_TYPE === "external_cmd" && config.ENABLE_EXTERNAL_CMDS && stanza.EXTERNAL_CMD_OPEN !== undefined) return undefined; // the command judges
  const isAllowed = (port: PortSpec): boolean => !(restricted !== undefined && allowsPort(restricted, port)) && (open === undefined || allowsPort(open, port));
  if (ports.every(isAllowed)) return undefined;
  const requested = ports.map(({ protocol, port }) => `${protocol}/${port}`).join(",");
  return { reason: "ports", text: `One or more requested protocol/ports was denied per access.conf. Requested: ${requested}` };
}

// --- What the message gets -------------------------------------------------------------------------------------------

/** A timeout that nobody can use for anything but the wish to be done: `fwknop --close` sends it. */
const CLOSING_SECONDS = 1;

function answerRequest(stanza: AccessStanza, { ports, command }: Request, accepted: Accepted, config: DaemonConfig): Granted | Commanded | Cycled | Objection {
  const { message } = accepted;
  const clientSeconds = message.clientTimeout || undefined;
  const limit = (seconds: number): number => Math.min(clientSeconds ?? seconds, stanza.MAX_FW_TIMEOUT);
  if (stanza.CMD_CYCLE_OPEN !== undefined) {
    if (command !== undefined) return { reason: "cycle", level: "error", text: "Could not build CMD_CYCLE_OPEN command. A command message names no port" };
    return { kind: "cycle", ...accepted, ports, lifetimeSeconds: limit(stanza.CMD_CYCLE_TIMER ?? 0) };
  }
  if (command !== undefined) return objectToCommand(stanza, message) ?? { kind: "command", ...accepted, command };
  if (stanza.DISABLE_FW_ACCESS) return { reason: "ports", text: "The stanza takes commands only (DISABLE_FW_ACCESS)" };
  const lifetimeSeconds = limit(stanza.FW_ACCESS_TIMEOUT);
  if (stanza.EXTERNAL_CMD_OPEN !== undefined) return { kind: "cycle", ...accepted, ports, lifetimeSeconds };

  const nat = natWish(stanza, message, { source: accepted.source, ports }, config);
  if (nat !== undefined && "reason" in nat) return nat;
  const sourcePrefix = accepted.source.version === 4 ? stanza.GRANT_PREFIX_V4 : stanza.GRANT_PREFIX_V6;
  return {
    kind: "granted",
    ...accepted,
    ports: isPerlNat(message) ? perlOutsidePort(message, ports) : ports,
    ...(config.ENABLE_DESTINATION_RULE && { destination: accepted.packetDestination }),
    ...(stanza.ENABLE_OUTPUT_ACCESS === false && { withoutOutput: true }),
    ...(clientSeconds === CLOSING_SECONDS && { endsEarlier: true }),
    ...(nat !== undefined && { nat }),
    ...(sourcePrefix !== undefined && { sourcePrefix }),
    ...(stanza.GRANT_USES === 1 && { once: true }),
    lifetimeSeconds,
  };
}

function objectToCommand({ ENABLE_CMD_EXEC: isEnabled, CMD_REGEX: pattern }: AccessStanza, { message }: Message): Objection | undefined {
  const text = "SPA Command messages are not allowed in the current configuration";
  if (!isEnabled) return { reason: "command", text: `${text}.` };
  return pattern === undefined || pattern.test(message) ? undefined : { reason: "command", text: `${text}: the command does not match CMD_REGEX` };
}

function isPerlNat({ type, version }: Message): boolean {
  return MESSAGE_TYPES[type].nat !== "none" && isPerlVersion(version);
}

/** In 1.9 the NAT field carries the outside port and the access message the inside one; 2.x has them the other way round. */
function perlOutsidePort(message: Message, ports: readonly PortSpec[]): readonly PortSpec[] {
  const nat = parseNatAccess(message.natAccess ?? "");
  return nat.ok ? [{ protocol: ports[0]!.protocol, port: nat.port }] : ports;
}

/** Where the traffic is to go, if not to this host; or why that is refused. */
function natWish(stanza: AccessStanza, message: Message, { source, ports }: Pick<Granted, "source" | "ports">, config: DaemonConfig): NatWish | Objection | undefined {
  const { nat } = MESSAGE_TYPES[message.type];
  const forced = stanza.FORCE_NAT;
  const wholeHost = stanza.FORWARD_ALL && (forced !== undefined || nat !== "none" || stanza.FORCE_SNAT !== undefined || stanza.FORCE_MASQUERADE);
  if (nat === "none" && forced === undefined && !wholeHost) return undefined;
  const sourceNat = sourceNatOf(stanza, config, source.version);
  const wish = (host: string, address: IpAddress | undefined, port: number, rewriteDestination: boolean): NatWish => ({
    // `-N [::1]:22`: what is rewritten for this host never comes to the FORWARD chain.
    kind: nat === "local" || (config.ENABLE_IPT_LOCAL_NAT && address !== undefined && isLoopbackIp(address)) ? "local" : "forward",
    host,
    port,
    rewriteDestination,
    wholeHost,
    ...(sourceNat && { sourceNat }),
  });
  if (forced !== undefined) return wish(formatIp(forced.address), forced.address, forced.port, !stanza.DISABLE_DNAT);
  // FORWARD_ALL with a rewritten source and no target: whatever the client sends through us, with nothing to rewrite it to.
  if (nat === "none") return wish("0.0.0.0", undefined, 0, false);

  const wanted = parseNatAccess(message.natAccess ?? "");
  if (!wanted.ok) return { reason: "nat", text: `Invalid NAT port in SPA message or no host: ${wanted.reason}` };
  const { host } = wanted;
  const address = parseIp(host);
  if (stanza.INTERNAL_NET_ACCESS !== undefined && !(address && matchesAddressList(stanza.INTERNAL_NET_ACCESS, address))) {
    return { reason: "nat", text: `The NAT target ${host} is not in INTERNAL_NET_ACCESS` };
  }
  if (address === undefined && !config.ENABLE_NAT_DNS) return { reason: "nat", text: "Received Hostname in NAT SPA message, but hostname is disabled." };
  if (address === undefined && !HOST_NAME.test(host)) return { reason: "nat", text: `Invalid Hostname in NAT SPA message: ${host}` };
  return wish(host, address, isPerlNat(message) ? ports[0]!.port : wanted.port, !stanza.DISABLE_DNAT);
}

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?$/;

/** The first that is set decides how the source of forwarded packets is rewritten. */
function sourceNatOf(stanza: AccessStanza, config: DaemonConfig, version: 4 | 6): SourceNat | undefined {
  if (stanza.FORCE_SNAT !== undefined) return { kind: "snat", address: stanza.FORCE_SNAT };
  if (stanza.FORCE_MASQUERADE) return { kind: "masquerade" };
  if (!config.ENABLE_IPT_SNAT) return undefined;
  // It is an IPv4 address. What comes over IPv6 gets that of the interface.
  return config.SNAT_TRANSLATE_IP === undefined || version === 6 ? { kind: "masquerade" } : { kind: "snat", address: config.SNAT_TRANSLATE_IP };
}
