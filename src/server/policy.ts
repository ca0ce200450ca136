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
import type { Granted, NatWish, RefusalReason, Refused, Verdict } from "./verdict.ts";

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

/** A step of the decision: the verdict when it ends here. */
type Refusing = { readonly reason: RefusalReason; readonly text: string; readonly level?: LogLevel };

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
  const who = `[${formatIp(datagram.source)}] (stanza #${stanza.number})`;
  const refused = ({ level = "warning", ...rest }: Refusing): Refused => refusal(datagram, now, { stanza: stanza.number, message }, { level, ...rest });

  const skew = message.timestamp - Math.floor(now);
  if (config.ENABLE_SPA_PACKET_AGING && Math.abs(skew) > config.MAX_SPA_PACKET_AGE) {
    return refused({
      reason: "age",
      text: `${who} SPA data time difference is too great (${Math.abs(skew)} seconds), ${config.MAX_SPA_PACKET_AGE} are allowed`,
    });
  }

  const isCommand = message.type === 0;
  const request = isCommand ? parseCommandMessage(message.message) : parseAccessMessage(message.message);
  if (!request.ok) {
    const phrase = request.code === 100 ? "Invalid source IP in SPA message, ignoring SPA packet" : "Error parsing SPA message string";
    return refused({ reason: "message", text: `${who} ${phrase}: ${request.reason}` });
  }

  const meansPacketSource = isUnspecifiedIp(request.address);
  if (meansPacketSource && (config.REQUIRE_SOURCE_ADDRESS || requiresSourceAddress(stanza, datagram.source))) {
    return refused({ reason: "address", text: `${who} Got 0.0.0.0 when valid source IP was required.` });
  }
  const source = meansPacketSource ? (context.forwardedSource ?? datagram.source) : request.address;
  if (config.BLACKLIST !== undefined && matchesAddressList(config.BLACKLIST, source)) {
    return refused({ reason: "address", text: `${who} The address ${formatIp(source)} is in BLACKLIST` });
  }

  if (stanza.REQUIRE_USERNAME !== undefined && !stanza.REQUIRE_USERNAME.includes(message.username)) {
    return refused({
      reason: "user",
      text: `${who} Username in SPA data (${message.username}) does not match required username: ${stanza.REQUIRE_USERNAME.join(",")}`,
    });
  }

  const unauthenticated = yield* authenticate(stanza, message);
  if (unauthenticated !== undefined) return refused({ reason: "auth", text: `${who} ${unauthenticated}` });

  const { nat: natKind } = MESSAGE_TYPES[message.type];
  const natEnabled = {
    none: stanza.ENABLE_FORWARD_ACCESS !== true || isCommand,
    forward: config.ENABLE_IPT_FORWARDING && stanza.ENABLE_FORWARD_ACCESS !== false,
    local: config.ENABLE_IPT_LOCAL_NAT,
  }[natKind];
  if (!natEnabled && natKind === "none") {
    return refused({ reason: "nat", text: `${who} The stanza takes requests for NAT only (ENABLE_FORWARD_ACCESS)` });
  }
  if (!natEnabled) {
    return refused({
      reason: "nat",
      text: `(stanza #${stanza.number}) SPA packet from ${formatIp(datagram.source)} requested NAT access, but is not enabled/supported`,
    });
  }

  const common = { stanza: stanza.number, message, arrivedAt: now, packetSource: datagram.source, packetDestination: datagram.destination, source };
  const clientSeconds = message.clientTimeout || undefined;
  if (clientSeconds !== undefined && !stanza.PERMIT_CLIENT_TIMEOUT) {
    return refused({ reason: "timeout", text: `${who} Clients may not choose how long a port stays open (PERMIT_CLIENT_TIMEOUT)` });
  }
  const lifetimeSeconds = Math.min(clientSeconds ?? stanza.FW_ACCESS_TIMEOUT, stanza.MAX_FW_TIMEOUT);

  const ports = "ports" in request ? request.ports : [];
  const leavesPortsToCommand = config.FIREWALL_TYPE === "external_cmd" && config.ENABLE_EXTERNAL_CMDS && stanza.EXTERNAL_CMD_OPEN !== undefined;
  if (!leavesPortsToCommand && !portsAllowed(stanza, ports)) {
    return refused({
      reason: "ports",
      text: `${who} One or more requested protocol/ports was denied per access.conf. Requested: ${ports.map(formatPort).join(",")}`,
    });
  }

  if (stanza.CMD_CYCLE_OPEN !== undefined) {
    if ("command" in request) {
      return refused({ reason: "cycle", level: "error", text: `${who} Could not build CMD_CYCLE_OPEN command. A command message names no port` });
    }
    if (testMode) return refused({ reason: "test-mode", text: `${who} --test mode enabled, skipping command execution.` });
    return { kind: "cycle", ...common, ports, lifetimeSeconds: Math.min(clientSeconds ?? stanza.CMD_CYCLE_TIMER ?? 0, stanza.MAX_FW_TIMEOUT) };
  }

  if ("command" in request) {
    if (!stanza.ENABLE_CMD_EXEC) {
      return refused({ reason: "command", text: `${who} SPA Command messages are not allowed in the current configuration.` });
    }
    if (stanza.CMD_REGEX !== undefined && !stanza.CMD_REGEX.test(message.message)) {
      return refused({ reason: "command", text: `${who} SPA Command messages are not allowed in the current configuration: the command does not match CMD_REGEX` });
    }
    if (testMode) return refused({ reason: "test-mode", text: `${who} --test mode enabled, skipping command execution.` });
    return { kind: "command", ...common, command: request.command };
  }
  if (stanza.DISABLE_FW_ACCESS) {
    return refused({ reason: "ports", text: `${who} The stanza takes commands only (DISABLE_FW_ACCESS)` });
  }

  if (stanza.EXTERNAL_CMD_OPEN !== undefined) {
    if (testMode) return refused({ reason: "test-mode", text: `${who} --test mode enabled, skipping command execution.` });
    return { kind: "cycle", ...common, ports, lifetimeSeconds };
  }

  const nat = natWish(stanza, message, { source, ports }, config);
  if (nat !== undefined && "reason" in nat) return refused({ ...nat, text: `${who} ${nat.text}` });
  if (testMode) return refused({ reason: "test-mode", text: `${who} --test mode enabled, skipping firewall manipulation.` });
  const sourcePrefix = source.version === 4 ? stanza.GRANT_PREFIX_V4 : stanza.GRANT_PREFIX_V6;
  const granted: Granted = {
    kind: "granted",
    ...common,
    ports: natKind !== "none" && isPerlVersion(message.version) ? perlOutsidePort(message, ports) : ports,
    ...(config.ENABLE_DESTINATION_RULE && { destination: datagram.destination }),
    ...(stanza.ENABLE_OUTPUT_ACCESS === false && { withoutOutput: true }),
    ...(clientSeconds === CLOSING_SECONDS && { endsEarlier: true }),
    ...(nat !== undefined && { nat }),
    ...(sourcePrefix !== undefined && { sourcePrefix }),
    ...(stanza.GRANT_USES === 1 && { once: true }),
    lifetimeSeconds,
  };
  return granted;
}

/** A timeout that nobody can use for anything but the wish to be done: `fwknop --close` sends it. */
const CLOSING_SECONDS = 1;

const formatPort = (spec: PortSpec): string => `${spec.protocol}/${spec.port}`;

/** Has the password checked that a stanza requires; gives what is wrong with it. What stands in its place is never shown. */
function* authenticate({ REQUIRE_AUTH_METHOD: required, SHADOW_FILE: shadowFile }: AccessStanza, { username: user, serverAuth = "" }: Message): Deciding<string | undefined> {
  if (required === undefined) return undefined;
  if (serverAuth === "") return `The packet bears no password, but REQUIRE_AUTH_METHOD ${required} wants one (fwknop --server-auth)`;
  if (!serverAuth.startsWith(`${required},`)) return `The packet is authenticated in another way than REQUIRE_AUTH_METHOD ${required}`;
  const answer = yield* ask({ kind: "password", shadowFile, user, password: serverAuth.slice(required.length + 1) });
  return answer.ok ? undefined : `Server authentication failed (REQUIRE_AUTH_METHOD ${required}): ${answer.reason}`;
}

/** Each requested port must be allowed, none restricted; C counts matches, so that duplicates grant what is not listed. */
function portsAllowed(stanza: AccessStanza, ports: readonly PortSpec[]): boolean {
  return ports.every(
    (port) =>
      !(stanza.RESTRICT_PORTS !== undefined && allowsPort(stanza.RESTRICT_PORTS, port)) &&
      (stanza.OPEN_PORTS === undefined || allowsPort(stanza.OPEN_PORTS, port)),
  );
}

/** In 1.9 the NAT field carries the outside port and the access message the inside one; 2.x has them the other way round. */
function perlOutsidePort(message: Message, ports: readonly PortSpec[]): readonly PortSpec[] {
  const nat = parseNatAccess(message.natAccess ?? "");
  return nat.ok ? [{ protocol: ports[0]!.protocol, port: nat.port }] : ports;
}

/** Where the traffic is to go, if not to this host; or why that is refused. */
function natWish(stanza: AccessStanza, message: Message, { source, ports }: Pick<Granted, "source" | "ports">, config: DaemonConfig): NatWish | Refusing | undefined {
  const { nat } = MESSAGE_TYPES[message.type];
  const forced = stanza.FORCE_NAT;
  const wholeHost = stanza.FORWARD_ALL && (forced !== undefined || nat !== "none" || stanza.FORCE_SNAT !== undefined || stanza.FORCE_MASQUERADE);
  if (nat === "none" && forced === undefined && !wholeHost) return undefined;
  const sourceNat = sourceNatOf(stanza, config, source.version);
  const common = { kind: nat === "local" ? ("local" as const) : ("forward" as const), wholeHost, ...(sourceNat && { sourceNat }) };
  // `-N [::1]:22`: what is rewritten for this host never comes to the FORWARD chain.
  const ownHost = (target: IpAddress | undefined): { readonly kind?: "local" } => (config.ENABLE_IPT_LOCAL_NAT && target !== undefined && isLoopbackIp(target) ? { kind: "local" } : {});
  if (forced !== undefined) return { ...common, ...ownHost(forced.address), host: formatIp(forced.address), port: forced.port, rewriteDestination: !stanza.DISABLE_DNAT };
  // FORWARD_ALL with a rewritten source and no target: whatever the client sends through us, with nothing to rewrite it to.
  if (nat === "none") return { ...common, host: "0.0.0.0", port: 0, rewriteDestination: false };
  const wanted = parseNatAccess(message.natAccess ?? "");
  if (!wanted.ok) return { reason: "nat", text: `Invalid NAT port in SPA message or no host: ${wanted.reason}` };
  const address = parseIp(wanted.host);
  if (stanza.INTERNAL_NET_ACCESS !== undefined && !(address && matchesAddressList(stanza.INTERNAL_NET_ACCESS, address))) {
    return { reason: "nat", text: `The NAT target ${wanted.host} is not in INTERNAL_NET_ACCESS` };
  }
  if (address === undefined) {
    if (!config.ENABLE_NAT_DNS) return { reason: "nat", text: "Received Hostname in NAT SPA message, but hostname is disabled." };
    if (!/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?$/.test(wanted.host)) return { reason: "nat", text: `Invalid Hostname in NAT SPA message: ${wanted.host}` };
  }
  const port = isPerlVersion(message.version) ? ports[0]!.port : wanted.port;
  return { ...common, ...ownHost(address), host: wanted.host, port, rewriteDestination: !stanza.DISABLE_DNAT };
}

/** The first that is set decides how the source of forwarded packets is rewritten. */
function sourceNatOf(stanza: AccessStanza, config: DaemonConfig, version: 4 | 6): SourceNat | undefined {
  if (stanza.FORCE_SNAT !== undefined) return { kind: "snat", address: stanza.FORCE_SNAT };
  if (stanza.FORCE_MASQUERADE) return { kind: "masquerade" };
  if (!config.ENABLE_IPT_SNAT) return undefined;
  // It is an IPv4 address. What comes over IPv6 gets that of the interface.
  return config.SNAT_TRANSLATE_IP === undefined || version === 6 ? { kind: "masquerade" } : { kind: "snat", address: config.SNAT_TRANSLATE_IP };
}
