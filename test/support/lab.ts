/**
 * The laboratory: a server behind a default-drop firewall and a client, two hosts joined by a cable, all inside this
 * machine and gone with the test. The firewall, the capture and the programs are real.
 *
 * @module
 */
import type { StdioOptions } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type PortState, probePort, startTcpService } from "../../src/node/tool/host-tcp.ts";
import { joinHosts, NAMESPACE_PROGRAMS, NamespaceHost } from "../../src/node/tool/namespaces.ts";
import { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { requirePeers, requireRoot } from "./require-peer.ts";

/** The server's and the client's addresses, in the order of the families. */
export const SERVER = { v4: "10.77.0.1", v6: "fd77::1" } as const;
export const CLIENT = { v4: "10.77.0.2", v6: "fd77::2" } as const;
/** The host behind the server, where a lab has one, and the server's address on that side. */
export const INNER = { v4: "10.78.0.2", v6: "fd78::2" } as const;
export const GATEWAY = { v4: "10.78.0.1", v6: "fd78::1" } as const;

/** How a lab is made. */
export interface LabOptions {
  /** With a third host behind the server, which forwards to it. */
  readonly inner?: boolean;
}

/** A laboratory. */
export class Lab {
  readonly server: NamespaceHost;
  readonly client: NamespaceHost;
  /** For the files of the lab's programs; only root can read it. */
  readonly folder: string;
  readonly #inner: NamespaceHost | undefined;

  constructor(hosts: { server: NamespaceHost; client: NamespaceHost; inner?: NamespaceHost }) {
    this.server = hosts.server;
    this.client = hosts.client;
    this.#inner = hosts.inner;
    this.folder = mkdtempSync(join(tmpdir(), "fko-tool-lab-"));
  }

  /** The host behind the server. */
  get inner(): NamespaceHost {
    if (this.#inner === undefined) throw new RangeError("This lab has no inner host: open it with { inner: true }");
    return this.#inner;
  }

  /** Writes a file into the lab's folder, readable by root alone. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.path(name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** The path of a file in the lab's folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a program in a host; it ends with the lab. */
  start(host: NamespaceHost, argv: readonly [string, ...string[]], options: { stdio?: StdioOptions; env?: Readonly<Record<string, string>> } = {}): WatchedChild {
    const env = { HOME: this.folder, ...options.env };
    return new WatchedChild(`"${argv.join(" ")}" on ${host.name}`, host.start(argv, { ...options, env }));
  }

  /** Starts a TCP service that greets and echoes. */
  async serve(host: NamespaceHost, port: number): Promise<void> {
    await startTcpService(host, port);
  }

  /** What the client sees of a port of the server. */
  probe(port: number, address: string = SERVER.v4): Promise<PortState> {
    return probePort(this.client, address, port);
  }

  /** The rules of a chain as `iptables -S` prints them; empty when there is no such chain. */
  async rules(chain: string, options: { program?: string; table?: string } = {}): Promise<string[]> {
    const { stdout } = await this.server.run([options.program ?? "iptables", "-t", options.table ?? "filter", "-S"]);
    return stdout.split("\n").filter((line) => line.startsWith(`-A ${chain} `));
  }

  async close(): Promise<void> {
    await Promise.all([this.server.close(), this.client.close(), this.#inner?.close()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Drops everything but answers, errors about them, and what IPv6 cannot live without (RFC 4890 §4.4). */
const DEFAULT_DROP = `*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
COMMIT
`;
const NEIGHBOUR_DISCOVERY = "-A INPUT -p ipv6-icmp -j ACCEPT\nCOMMIT";

/**
 * Opens a laboratory for one test, closed after it; skips the test where that is impossible.
 *
 * @param t the running test
 * @param peers programs that the test needs besides those of the lab itself
 * @param options which hosts
 * @returns the lab, or undefined: then the test returns at once
 */
export async function openLab(t: TestContext, peers: readonly string[] = [], options: LabOptions = {}): Promise<Lab | undefined> {
  if (!requireRoot(t) || !requirePeers(t, ...Object.keys(NAMESPACE_PROGRAMS), "iptables", "ip6tables", ...peers)) return undefined;
  const opened: NamespaceHost[] = [];
  const openHost = async (name: string): Promise<NamespaceHost> => {
    const host = await NamespaceHost.open(name);
    opened.push(host);
    return host;
  };
  try {
    const [server, client] = [await openHost("server"), await openHost("client")];
    await joinHosts(
      { host: server, interfaceName: "eth0", addresses: [`${SERVER.v4}/24`, `${SERVER.v6}/64`] },
      { host: client, interfaceName: "eth0", addresses: [`${CLIENT.v4}/24`, `${CLIENT.v6}/64`] },
    );
    const inner = options.inner === true ? await openHost("inner") : undefined;
    if (inner !== undefined) {
      await joinHosts(
        { host: server, interfaceName: "eth1", addresses: [`${GATEWAY.v4}/24`, `${GATEWAY.v6}/64`] },
        { host: inner, interfaceName: "eth0", addresses: [`${INNER.v4}/24`, `${INNER.v6}/64`] },
      );
      await server.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
      await inner.run(["ip", "route", "add", "default", "via", GATEWAY.v4]);
      await inner.run(["ip", "route", "add", "default", "via", GATEWAY.v6]);
    }
    await server.run(["iptables-restore"], { input: DEFAULT_DROP });
    await server.run(["ip6tables-restore"], { input: DEFAULT_DROP.replace("COMMIT", NEIGHBOUR_DISCOVERY) });
    const lab = new Lab({ server, client, ...(inner !== undefined && { inner }) });
    t.after(() => lab.close());
    return lab;
  } catch (error) {
    await Promise.all(opened.map((host) => host.close()));
    throw error;
  }
}
