/**
 * Looks whether a port is open.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { printableText } from "../../foreign-text.ts";
import { connectTcp } from "../connect-tcp.ts";
import { resolveHost } from "../resolve-host.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** What to probe, and how patiently. */
export interface ProbeOptions {
  readonly host: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly family?: 4 | 6;
  /** For one attempt; 2000 when absent. */
  readonly timeoutMs?: number;
  /** Further attempts after the first, until the port is open; 0 when absent. */
  readonly retries?: number;
  /** Between attempts; 500 when absent. */
  readonly pauseMs?: number;
}

/** What was found in the last attempt. */
export interface ProbeResult {
  /**
   * `closed`: somebody said so. `filtered`: nobody answered, or a router refused. UDP is open only
   * when something answers the empty datagram.
   */
  readonly state: "open" | "closed" | "filtered";
  readonly attempts: number;
  /** One line. */
  readonly message: string;
}

/** One attempt: the state, and the words of the system. */
interface Attempt {
  readonly state: ProbeResult["state"];
  readonly words: string;
}

/**
 * Probes a port until it is open or the attempts are used up.
 *
 * @param options host, port and patience
 * @returns the last attempt's finding
 */
export async function probePort(options: ProbeOptions): Promise<ProbeResult> {
  const { host, protocol, port, family, timeoutMs = 2000, retries = 0, pauseMs = 500 } = options;
  const name = `${protocol}/${port} on ${printableText(host)}`;
  for (let attempts = 1; ; attempts++) {
    const { state, words } = await probeOnce(host, protocol, port, family, timeoutMs);
    if (state === "open" || attempts > retries) {
      const count = attempts === 1 ? "" : `, ${attempts} attempts`;
      return { state, attempts, message: `Port ${name} is ${state} (${words}${count})` };
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function probeOnce(host: string, protocol: "tcp" | "udp", port: number, family: 4 | 6 | undefined, timeoutMs: number): Promise<Attempt> {
  const resolved = await resolveHost(host, { family, timeoutMs });
  if (!resolved.ok) return { state: "filtered", words: resolved.message };
  const [{ ip, text }] = resolved.addresses;
  if (protocol === "udp") return probeUdp(ip.version, text, port, timeoutMs);
  const connected = await connectTcp({ address: text, port, timeoutMs });
  if (connected.ok) {
    connected.socket.destroy();
    return { state: "open", words: "connection accepted" };
  }
  if (connected.error === "timeout") return { state: "filtered", words: `no answer within ${timeoutMs} ms` };
  return { state: codeOf(connected.error) === "ECONNREFUSED" ? "closed" : "filtered", words: reasonOf(connected.error) };
}

/** A connected socket, unlike the one that knocks, is told of an ICMP "port unreachable" (not by Deno 2.9: "filtered" there). */
function probeUdp(version: 4 | 6, address: string, port: number, timeoutMs: number): Promise<Attempt> {
  return new Promise((resolve) => {
    const socket = createSocket(version === 4 ? "udp4" : "udp6");
    let isSettled = false;
    const settle = (state: ProbeResult["state"], words: string): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      socket.close();
      resolve({ state, words });
    };
    const fail = (error: Error): void => settle(codeOf(error) === "ECONNREFUSED" ? "closed" : "filtered", reasonOf(error));
    const timer = setTimeout(() => settle("filtered", `no answer within ${timeoutMs} ms`), timeoutMs);
    socket.on("error", fail);
    socket.on("message", () => settle("open", "answered"));
    socket.connect(port, address, ((error?: Error) => {
      if (error) fail(error);
      else socket.send(new Uint8Array(0), (sendError) => sendError && fail(sendError));
    }) as () => void);
  });
}
