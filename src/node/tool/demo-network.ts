/**
 * The demonstration with a real network: two hosts inside this machine, a firewall that drops everything, and our own
 * client and daemon as separate programs.
 *
 * @module
 */
import { findProgram } from "../find-program.ts";
import { programArgv } from "../own-runtime.ts";
import type { UndoList } from "../undo-list.ts";
import { demoKeys, demoSettings, type DemoOptions } from "./demo-settings.ts";
import { type PortState, probePort, startTcpService } from "./host-tcp.ts";
import { joinHosts, NAMESPACE_PROGRAMS, NamespaceHost } from "./namespaces.ts";
import { WatchedChild } from "./watched-child.ts";

const SERVER = "10.77.0.1";
const CLIENT = "10.77.0.2";
const PORT = 22;
const OPEN_SECONDS = 4;

/** All of it is the server's or the client's own `/run`. */
const CONFIG_FILE = "/run/fwknopd.conf";
const ACCESS_FILE = "/run/access.conf";
const CLIENT_FILE = "/run/fwknoprc";

/** Drops everything but answers. */
const DEFAULT_DROP = `*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
COMMIT
`;

/** The two hosts. */
export interface DemoNetwork {
  readonly server: NamespaceHost;
  readonly client: NamespaceHost;
}

/**
 * Says why there can be no real network.
 *
 * @returns the reason, or undefined when it may be tried
 */
export function lackForNetwork(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "that needs root";
  const programs = { ...NAMESPACE_PROGRAMS, iptables: "iptables", "iptables-restore": "iptables", tcpdump: "tcpdump" };
  const missing = Object.keys(programs).filter((program) => findProgram(program) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed`;
}

/**
 * Makes server and client.
 *
 * @param undo takes the end of both
 * @returns both hosts, with a service on the server and a firewall before it
 * @throws {NamespaceError} when this machine does not allow it
 */
export async function openDemoNetwork(undo: UndoList): Promise<DemoNetwork> {
  const open = async (name: string): Promise<NamespaceHost> => {
    const host = await NamespaceHost.open(name);
    await undo.add(() => host.close());
    return host;
  };
  const network = { server: await open("server"), client: await open("client") };
  await joinHosts(
    { host: network.server, interfaceName: "eth0", addresses: [`${SERVER}/24`] },
    { host: network.client, interfaceName: "eth0", addresses: [`${CLIENT}/24`] },
  );
  await network.server.run(["iptables-restore"], { input: DEFAULT_DROP });
  await startTcpService(network.server, PORT);
  return network;
}

/**
 * Shows filtered, knock, open, expired.
 *
 * @param network from {@link openDemoNetwork}
 * @param options where to talk
 * @throws {Error} when something else is seen
 */
export async function showNetwork({ server, client }: DemoNetwork, { say, main }: DemoOptions): Promise<void> {
  const look = async (expected: PortState, remark: string): Promise<void> => {
    const state = await probePort(client, SERVER, PORT);
    say(`client  probe ${SERVER} ${PORT}/tcp: ${state}${remark}`);
    if (state !== expected) throw new Error(`Expected port ${PORT} to be ${expected}, saw that it is ${state}`);
  };
  const start = (host: NamespaceHost, args: readonly string[], words: string): WatchedChild => {
    say(`${host.name}  ${words}`);
    return new WatchedChild(words, host.start(programArgv(main, ...args), { env: { HOME: "/run" } }));
  };

  say("Two hosts inside this machine (network namespaces), real tcpdump, real iptables; all of it goes with this program.");
  say("");
  say(`server  ${SERVER}, a TCP service on port ${PORT}, iptables drops whatever is no answer`);
  say(`client  ${CLIENT}`);
  say("");
  await look("filtered", "");

  const keys = demoKeys();
  const settings = demoSettings(keys, { PCAP_INTF: "eth0", FWKNOP_RUN_DIR: "/run/fwknop" }, OPEN_SECONDS);
  server.write(CONFIG_FILE, settings.config);
  server.write(ACCESS_FILE, settings.access);
  client.write(CLIENT_FILE, settings.client);
  const daemonWords = ["-f", "-c", CONFIG_FILE, "-a", ACCESS_FILE];
  const daemon = start(server, ["server", ...daemonWords], `fwknopd ${daemonWords.join(" ")} &`);
  await daemon.waitFor("main event loop");

  const clientWords = ["-A", `tcp/${PORT}`, "-a", CLIENT, "-D", SERVER, "-n", "demo", "--rc-file", CLIENT_FILE, "--no-save-args"];
  const knock = start(client, ["client", ...clientWords], `fwknop ${clientWords.join(" ")}`);
  const { status } = await knock.exit;
  if (status !== 0) throw new Error(`The client failed: ${knock.log.trim()}`);
  await daemon.waitFor("Added access rule");
  say(`server  ${lastLine(daemon.log, "Added access rule")}`);
  await look("open", `, for ${OPEN_SECONDS} seconds`);

  await daemon.waitFor("Removed rule");
  say(`server  ${lastLine(daemon.log, "Removed rule")}`);
  await look("filtered", " again");

  const exit = await daemon.stop();
  if (exit.status !== 0) throw new Error(`The daemon ended with status ${exit.status}: ${daemon.log.slice(-1000)}`);
  say("");
  say("One packet, without an answer, opened one port for one address, and the port closed by itself.");
}

/** The last line that holds a text. */
function lastLine(log: string, text: string): string {
  return log.split("\n").findLast((line) => line.includes(text)) ?? "";
}
