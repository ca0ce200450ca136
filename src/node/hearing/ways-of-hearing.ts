/**
 * Where packets are heard, as the options and the configuration say.
 *
 * @module
 */

import { existsSync } from "node:fs";
import type { ServerOptions } from "../../cli/server-options.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import type { IpNetwork } from "../../ip.ts";
import type { ActivatedSocket } from "./activated-sockets.ts";
import type { CaptureOptions } from "./capture.ts";
import { listenToFile, listenToInterface, listenToStdin } from "./capture-listeners.ts";
import type { HttpStatus } from "./http-source.ts";
import { listenToLog, listenToUnix } from "./line-listeners.ts";
import type { Listener, ListenerOptions } from "./listener.ts";
import type { WayOfHearing } from "./listening.ts";
import { listenToHttp, listenToTcp, listenToUdp } from "./server-listeners.ts";
import { identifySocket } from "./socket-kind.ts";

/**
 * Lists the ways.
 *
 * @param config fwknopd.conf
 * @param options the command line
 * @param sockets what the service manager handed over; heard in the place of interfaces and ports
 * @param inForce the configuration at any time: what servers can obey without being opened anew
 * @returns at least one
 */
export function waysOfHearing(config: DaemonConfig, options: ServerOptions, sockets: readonly ActivatedSocket[], inForce: () => DaemonConfig = () => config): readonly WayOfHearing[] {
  const hearsKnocks = config.AUTH_MODE === "KNOCK";
  if (options.stdin) return [hearsKnocks ? logWay(config, undefined) : { key: "stdin", open: listenToStdin }];
  const { PCAP_FILE: file, PCAP_PKT_FILE: growing } = config;
  if (file !== undefined) return [{ key: `file ${file}`, open: (listener) => listenToFile(file, false, listener) }];
  if (config.AUTH_MODE === "FILE_PCAP") return [{ key: `growing file ${growing}`, open: (listener) => listenToFile(growing, true, listener) }];
  const servers = sockets.length > 0 ? sockets.map((socket) => activatedWay(socket, inForce)) : serverWays(config, inForce);
  if (hearsKnocks) return [logWay(config, firewallLogOf(config)), ...servers];
  if (sockets.length > 0) return servers;
  const replaceCapture = config.ENABLE_UDP_SERVER || config.AUTH_MODE === "SOCKET";
  return replaceCapture ? servers : [...config.PCAP_INTF.map((name) => captureWay(config, name)), ...servers];
}

/** A way whose settings are all that it depends on, but for those that it asks for each time. */
function wayBy<Settings>(kind: string, settings: Settings, open: (settings: Settings, listener: ListenerOptions) => Listener, more: Pick<WayOfHearing, "holds" | "captures">): WayOfHearing {
  return { key: `${kind} ${JSON.stringify(settings)}`, open: (listener) => open(settings, listener), ...more };
}

/**
 * Finds the log in which knocks are heard (AUTH_MODE KNOCK).
 *
 * @param config fwknopd.conf
 * @returns its path
 */
export function firewallLogOf({ ENABLE_SYSLOG_FILE, IPT_SYSLOG_FILE, KNOPMD_FIFO, FW_DATA_FILE }: DaemonConfig): string {
  if (ENABLE_SYSLOG_FILE) return IPT_SYSLOG_FILE;
  return existsSync(KNOPMD_FIFO) ? KNOPMD_FIFO : FW_DATA_FILE;
}

function logWay({ FW_MSG_SEARCH: search }: DaemonConfig, path: string | undefined): WayOfHearing {
  return wayBy("log", { path, search }, (given, listener) => listenToLog(given.path, given.search, listener), {});
}

function captureWay(config: DaemonConfig, interfaceName: string): WayOfHearing {
  const capture: CaptureOptions = {
    interfaceName,
    filter: config.PCAP_FILTER,
    snapLength: config.MAX_SNIFF_BYTES,
    promiscuous: config.ENABLE_PCAP_PROMISC,
    anyDirection: config.ENABLE_PCAP_ANY_DIRECTION,
    cooked: config.ENABLE_COOKED_INTF,
    watchIntervalMs: config.ENABLE_INTF_CHECKS ? 1000 * config.INTF_CHECKS_INTERVAL : 0,
    checkExists: config.ENABLE_INTF_EXISTS_CHECK,
    checkRunning: config.ENABLE_INTF_RUNNING_CHECK,
    checkBytes: config.ENABLE_INTF_BYTES_CHECK,
  };
  const settings = { capture, exitWhenDown: config.EXIT_AT_INTF_DOWN };
  return wayBy("interface", settings, (given, listener) => listenToInterface(given.capture, given.exitWhenDown, listener), { captures: interfaceName });
}

function serverWays(config: DaemonConfig, inForce: () => DaemonConfig): readonly WayOfHearing[] {
  const { UDPSERV_PORT, TCPSERV_PORT, HTTP_SERVER_PORT, HTTP_SERVER_ADDRESS: address } = config;
  const maxPayload = (): number => inForce().MAX_SNIFF_BYTES;
  const ways: WayOfHearing[] = [];
  if (config.ENABLE_UDP_SERVER) ways.push(wayBy("udp", { port: UDPSERV_PORT, maxPayload, destination: "exact" as const }, listenToUdp, { holds: `udp ${UDPSERV_PORT}` }));
  if (config.ENABLE_TCP_SERVER) ways.push(wayBy("tcp", { port: TCPSERV_PORT, maxPayload }, listenToTcp, { holds: `tcp ${TCPSERV_PORT}` }));
  if (config.ENABLE_HTTP_SERVER) {
    const status = (): HttpStatus => inForce().HTTP_SERVER_STATUS;
    const trustedProxies = (): readonly IpNetwork[] => (inForce().ENABLE_X_FORWARDED_FOR ? inForce().TRUSTED_PROXIES : []);
    const settings = { port: HTTP_SERVER_PORT, status, trustedProxies, ...(address !== undefined && { address }) };
    ways.push(wayBy("http", settings, (given, listener) => listenToHttp({ ...given, log: listener.log }, listener), { holds: `tcp ${HTTP_SERVER_PORT}` }));
  }
  const { FWKNOP_SERV_SOCK: path } = config;
  if (config.AUTH_MODE === "SOCKET" && path !== undefined) ways.push(wayBy("unix", { path }, listenToUnix, { holds: `unix ${path}` }));
  return ways;
}

function activatedWay({ descriptor, name }: ActivatedSocket, inForce: () => DaemonConfig): WayOfHearing {
  return {
    key: `descriptor ${descriptor}`,
    open(listener) {
      const socket = identifySocket(descriptor);
      if (socket === undefined) throw new TypeError(`Descriptor ${descriptor} (${name || "without a name"}) of the service manager is neither a UDP nor a TCP nor a Unix socket`);
      const { kind, port } = socket;
      if (kind === "unix-stream" || kind === "unix-datagram") return listenToUnix({ descriptor, isDatagram: kind === "unix-datagram" }, listener);
      const maxPayload = (): number => inForce().MAX_SNIFF_BYTES;
      return kind === "udp" ? listenToUdp({ port, descriptor, maxPayload, destination: "any" }, listener) : listenToTcp({ port, descriptor, maxPayload }, listener);
    },
  };
}
