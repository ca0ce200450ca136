/**
 * TCP on the hosts of {@link ./namespaces.ts}: a service that greets, and a probe that sees a port as nmap would.
 *
 * Both run in processes of their own, for a process has only one network.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { scriptArgv } from "../own-runtime.ts";
import { NamespaceError, type NamespaceHost } from "./namespaces.ts";

/** What a probe sees: an answer, a refusal, or nothing at all. */
export type PortState = "open" | "closed" | "filtered";

/** How long silence must last to count as `filtered`; a loaded machine needs a second for the first connection. */
const SILENCE_MS = 1500;

/** What the service says to everybody who gets through. */
export const GREETING = "Welcome";

/**
 * Starts a TCP service on all addresses of a host. Connections stay open until the other side ends them, and each
 * byte that comes goes back.
 *
 * @param host where
 * @param port its port
 * @returns the process, once it listens; it ends with the host
 * @throws {NamespaceError} when it cannot listen
 */
export async function startTcpService(host: NamespaceHost, port: number): Promise<ChildProcess> {
  const child = host.start(scriptArgv(`import("node:net").then(({ createServer }) => {
    createServer((socket) => socket.on("error", () => {}).pipe(socket).write("${GREETING}\\n"))
      .listen({ host: "::", port: ${port} }, () => console.log("listening"));
  });`));
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  const failed = once(child, "close").then(() => {
    throw new NamespaceError(`Cannot listen on port ${port} of ${host.name}: ${said.trim()}`, "STATUS");
  });
  failed.catch(() => {}); // after the start its end is no failure
  await Promise.race([once(child.stdout!, "data"), failed]);
  return child;
}

/**
 * Looks at a port from another host.
 *
 * @param from where the probe stands
 * @param address of the host that is looked at
 * @param port 1..65535
 * @param silenceMs how long to wait for an answer, milliseconds
 * @returns what is to be seen
 */
export async function probePort(from: NamespaceHost, address: string, port: number, silenceMs: number = SILENCE_MS): Promise<PortState> {
  const { stdout } = await from.run(scriptArgv(`import("node:net").then(({ connect }) => {
    const end = (state) => { console.log(state); process.exit(); };
    connect({ host: ${JSON.stringify(address)}, port: ${port} })
      .on("connect", () => end("open"))
      .on("error", (error) => end(error.code === "ECONNREFUSED" ? "closed" : "filtered"));
    setTimeout(end, ${silenceMs}, "filtered");
  });`));
  return stdout.trim() as PortState;
}
