/**
 * One daemon a chain: a second one with another pid file would empty the chains of the first at its start, and remove
 * them at its end. So each daemon claims what it uses of the firewall.
 *
 * A claim is an abstract Unix socket (unix(7)). It belongs to the network namespace, as chains do, and is gone with its
 * holder, however that ends. Systems without such sockets have the pid file alone.
 *
 * @module
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { encodeBase64 } from "../../base64.ts";
import { utf8Bytes } from "../../bytes.ts";
import { digest } from "../../hash.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { sha256 } from "../../sha.ts";
import { codeOf } from "../system-error.ts";

/** Another daemon uses it. The message is one line for the user. */
export class GroundTakenError extends Error {
  readonly code: string = "TAKEN";

  /**
   * @param what the chain
   * @param pid whose it is
   */
  constructor(what: string, pid: number) {
    super(`[*] ${what} is in use by another instance of fwknopd (PID=${pid}), which would lose what it has opened; end that one, or use something else here`);
    this.name = "GroundTakenError";
  }
}

/** Of the address of a Unix socket. Full length: a shorter abstract name is filled up by Node 20 and not by later ones. */
const ADDRESS_BYTES = 108;
/** How long a holder may take to say its pid, milliseconds. */
const PATIENCE_MS = 1000;

/** What a daemon has claimed. */
export class GroundClaims {
  readonly #log: LogFunction;
  readonly #held = new Map<string, Server>();

  /** @param log is told of claims that nobody respects */
  constructor(log: LogFunction) {
    this.#log = log;
  }

  /**
   * Claims what is not claimed yet.
   *
   * @param grounds what to claim, in words: `The chain FWKNOP_INPUT of table filter`
   * @throws {GroundTakenError} when another daemon has one of them; then nothing new is claimed
   */
  async take(grounds: readonly string[]): Promise<void> {
    if (process.platform !== "linux") return;
    const before = new Set(this.#held.keys());
    for (const ground of grounds) {
      if (this.#held.has(ground)) continue;
      const server = await listen(addressOf(ground));
      if (server !== undefined) {
        this.#held.set(ground, server);
        continue;
      }
      const pid = await holderOf(addressOf(ground));
      if (pid === undefined) {
        this.#log({ level: "warning", message: `${ground} cannot be claimed: somebody who is no daemon of ours holds the name` });
        continue;
      }
      this.keep([...before]);
      throw new GroundTakenError(ground, pid);
    }
  }

  /**
   * Gives up all others.
   *
   * @param grounds what is used on
   */
  keep(grounds: readonly string[]): void {
    for (const [ground, server] of this.#held) {
      if (grounds.includes(ground)) continue;
      server.close();
      this.#held.delete(ground);
    }
  }
}

function addressOf(ground: string): string {
  return `\0fwknopd ${encodeBase64(digest(sha256, utf8Bytes(ground)))} `.padEnd(ADDRESS_BYTES, ".");
}

/** Returns undefined when somebody listens there. A runtime that cannot listen there (Bun) claims nothing. */
function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    // We end it: whoever stayed could take up all of our connections, and keep the answer from others.
    socket.end(`${process.pid}\n`, () => socket.destroy());
  });
  server.maxConnections = 4;
  return new Promise((resolve) => {
    server.on("error", (error) => resolve(codeOf(error) === "EADDRINUSE" ? undefined : server));
    server.listen({ path }, () => resolve(server.unref()));
  });
}

/** Asks the holder for its pid, and believes it when the kernel says the same. Anybody may hold a name. */
async function holderOf(path: string): Promise<number | undefined> {
  const pid = Number(await ask(path));
  return Number.isSafeInteger(pid) && isHeldBy(path, pid) ? pid : undefined;
}

function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ path });
    const settle = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer.trim());
    };
    const timer = setTimeout(settle, PATIENCE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      answer = (answer + String(chunk)).slice(0, 20);
    });
    socket.on("error", settle).on("close", settle);
  });
}

/** Whether a process of our user or of root has the socket (proc(5)). */
function isHeldBy(path: string, pid: number): boolean {
  try {
    if (![0, process.geteuid?.()].includes(statSync(`/proc/${pid}`).uid)) return false;
    const shown = path.replace("\0", "@");
    // Connections to it have its name as well.
    const rows = readFileSync("/proc/net/unix", "latin1").split("\n").filter((line) => line.includes(shown));
    const links = rows.map((row) => `socket:[${row.trim().split(/\s+/)[6]}]`);
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => links.includes(linkOf(`/proc/${pid}/fd/${descriptor}`)));
  } catch {
    return false; // it is gone, or not for us to look at
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed just now
  }
}
