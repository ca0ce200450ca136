/**
 * Clients and daemons, the C programs and ours, behind one face each: a test that names neither holds for both.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import type { WatchedChild } from "../../src/node/tool/watched-child.ts";
import { ensureBuilt, shipped } from "./dist.ts";
import { CLIENT, type Lab, SERVER } from "./lab.ts";

/** Whose program. */
export type Maker = "C" | "ours";

/** Programs that {@link openLab} must find for a maker's client or daemon. */
export const CLIENT_PEERS: Readonly<Record<Maker, readonly string[]>> = { C: ["fwknop"], ours: [] };
export const DAEMON_PEERS: Readonly<Record<Maker, readonly string[]>> = { C: ["fwknopd"], ours: ["tcpdump"] };

/** Lines of `access.conf` from `SOURCE` on, or of `fwknopd.conf`; a later one replaces an earlier one. */
export type Settings = Readonly<Record<string, string | number>>;

/** The keys of the stanza that {@link startDaemon} writes when none are given. */
export const KEY_BASE64 = "c2l4dGVlbiBieXRlcyBvZiBrZXkgYW5kIHNvbWUgbW8=";
export const HMAC_KEY_BASE64 = "YW5vdGhlciBrZXksIGZvciB0aGUgSE1BQyBvbmx5LCBvZiBzb21lIGxlbmd0aA==";

/** A stanza for anybody who has both keys, for two seconds. */
export const PLAIN_STANZA: Settings = { SOURCE: "ANY", KEY_BASE64, HMAC_KEY_BASE64, FW_ACCESS_TIMEOUT: 2 };

/** How a daemon is started. */
export interface DaemonOptions {
  readonly config?: Settings;
  readonly stanzas?: readonly Settings[];
  readonly args?: readonly string[];
  /** Names its files, so that a second daemon of the same name finds those of the first. */
  readonly name?: string;
}

/**
 * Writes a daemon's files.
 *
 * @returns the arguments that name them
 */
export function writeDaemonFiles(lab: Lab, options: DaemonOptions = {}): string[] {
  const name = options.name ?? "fwknopd";
  const runFolder = lab.path(`${name}.run`);
  mkdirSync(runFolder, { recursive: true, mode: 0o700 });
  const config: Settings = { PCAP_INTF: "eth0", FWKNOP_RUN_DIR: runFolder, ...options.config };
  const lines = (settings: Settings, end: string): string => Object.entries(settings).map(([key, value]) => `${key} ${value}${end}\n`).join("");
  const configFile = lab.write(`${name}.conf`, lines(config, ";"));
  const accessFile = lab.write(`${name}.access.conf`, (options.stanzas ?? [PLAIN_STANZA]).map((stanza) => lines(stanza, "")).join("\n"));
  return ["-f", "-c", configFile, "-a", accessFile];
}

/** The argument vector of a daemon. */
export async function daemonArgv(maker: Maker, args: readonly string[]): Promise<[string, ...string[]]> {
  if (maker === "C") return ["fwknopd", ...args];
  await ensureBuilt();
  return shipped("fwknopd", ...args);
}

/**
 * Starts a daemon on the lab's server.
 *
 * @returns when it listens
 */
export async function startDaemon(lab: Lab, maker: Maker, options: DaemonOptions = {}): Promise<WatchedChild> {
  const args = [...writeDaemonFiles(lab, options), ...(options.args ?? [])];
  const daemon = lab.start(lab.server, await daemonArgv(maker, args));
  await daemon.waitFor("main event loop");
  return daemon;
}

/** What is asked for, and how. */
export interface KnockOptions {
  /** Replaces `-A tcp/22`. */
  readonly access?: string;
  /** Replaces the key options of {@link PLAIN_STANZA}. */
  readonly keys?: readonly string[];
  readonly args?: readonly string[];
}

/** Keys as options of both clients. */
export function keyOptions(keyBase64: string, hmacKeyBase64?: string): string[] {
  return ["--key-base64-rijndael", keyBase64, ...(hmacKeyBase64 === undefined ? [] : ["--key-base64-hmac", hmacKeyBase64])];
}

/**
 * Sends a packet from the lab's client to its server.
 *
 * @returns what the client said
 */
export async function knock(lab: Lab, maker: Maker, options: KnockOptions = {}): Promise<string> {
  const args = [
    "-A", options.access ?? "tcp/22", "-a", CLIENT.v4, "-D", SERVER.v4,
    "--no-rc-file", "--no-save-args", ...(options.keys ?? keyOptions(KEY_BASE64, HMAC_KEY_BASE64)), ...(options.args ?? []),
  ];
  if (maker === "ours") await ensureBuilt();
  const argv: [string, ...string[]] = maker === "C" ? ["fwknop", ...args] : shipped("fwknop", ...args);
  const { stdout, stderr } = await lab.client.run(argv, { env: { HOME: lab.folder, USER: "tester", LOGNAME: "tester" } });
  return stdout + stderr;
}

/**
 * Sends payloads as they are, from the lab's client to its server.
 *
 * @param payloads one UDP datagram each
 */
export async function sendPayloads(lab: Lab, payloads: readonly (string | Uint8Array)[], port = 62201): Promise<void> {
  const input = JSON.stringify(payloads.map((payload) => Buffer.from(payload).toString("base64")));
  const script = `
    const socket = require("node:dgram").createSocket("udp4");
    const payloads = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const next = () => {
      const payload = payloads.shift();
      if (payload === undefined) socket.close();
      else socket.send(Buffer.from(payload, "base64"), ${port}, "${SERVER.v4}", next);
    };
    next();`;
  await lab.client.run([process.execPath, "-e", script], { input });
}
