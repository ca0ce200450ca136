/**
 * A small network inside this machine: hosts that are network namespaces, joined by cables that are veth pairs.
 *
 * Nothing here has a name outside: no entry in `ip netns`, no interface, no mount. A host lives as long as the one
 * process that holds its namespaces, and that process reads a pipe from us: however we end, the kernel takes the
 * whole network down. So nothing has to be cleaned up, and any number of such networks can exist at once.
 *
 * @module
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { childEnvironment } from "../child-env.ts";
import { findProgram } from "../find-program.ts";
import { failureText, run, type RunOptions, type RunResult } from "../run.ts";

/** What the network is made with, and the Debian package that holds it. */
export const NAMESPACE_PROGRAMS: Readonly<Record<string, string>> = {
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
  ip: "iproute2",
};

const COMMAND_TIMEOUT_MS = 10_000;

/** A host could not be made, or a command in it failed. */
export class NamespaceError extends Error {
  /** `STATUS` for a command that ran and failed, else the system's code. */
  readonly code: string;

  /**
   * @param message what was tried and what came of it
   * @param code see {@link NamespaceError.code}
   */
  constructor(message: string, code: string) {
    super(message);
    this.name = "NamespaceError";
    this.code = code;
  }
}

/** How a program in a host is started. */
export interface StartOptions {
  /** As for `spawn`; nothing in, stdout and stderr piped, when absent. */
  readonly stdio?: StdioOptions;
  /** Added to what {@link childEnvironment} gives. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A host: a network, a `/run` and a `/sys` of its own; it shares processes and all other files with this machine. */
export class NamespaceHost {
  /** For messages. */
  readonly name: string;
  readonly #holder: ChildProcess;
  readonly #enter: readonly string[];
  readonly #started = new Set<ChildProcess>();
  #closed = false;

  private constructor(name: string, holder: ChildProcess) {
    this.name = name;
    this.#holder = holder;
    const namespaces = `/proc/${holder.pid}/ns`;
    this.#enter = ["nsenter", `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`, "--"];
  }

  /**
   * Makes a host with nothing but a loopback interface.
   *
   * @param name for messages
   * @returns the host, to be closed by the caller
   * @throws {NamespaceError} without root, without the programs, or where the kernel does not allow it
   */
  static async open(name: string): Promise<NamespaceHost> {
    const holder = spawn("unshare", ["--net", "--mount", "--", "cat"], {
      env: childEnvironment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const failed = new Promise<never>((_, reject) => {
      let said = "";
      holder.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
      holder.on("error", (error: NodeJS.ErrnoException) => reject(new NamespaceError(`Cannot start unshare: ${error.message}`, error.code ?? "STATUS")));
      holder.on("close", () => reject(new NamespaceError(`Cannot make a network namespace: ${said.trim()}`, "STATUS")));
    });
    failed.catch(() => {}); // after the start its end is no failure
    holder.stdin.on("error", () => {}); // EPIPE when it left: "close" tells
    // `cat` runs after `unshare` did its work; what it gives back proves that the namespaces are there.
    holder.stdin.write("ready\n");
    await Promise.race([once(holder.stdout, "data"), failed]);

    const host = new NamespaceHost(name, holder);
    try {
      await host.run(["mount", "-t", "tmpfs", "tmpfs", "/run"]); // iptables' lock, pid files
      await host.run(["mount", "-t", "sysfs", "sysfs", "/sys"]); // /sys/class/net of this host
      await host.run(["ip", "link", "set", "lo", "up"]);
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  /** Process whose namespaces are this host's. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /**
   * Runs a program in this host to its end.
   *
   * @param argv the program and its arguments
   * @param options input, environment and limits; 10 seconds when absent
   * @returns its output
   * @throws {NamespaceError} when it fails; the message has its argument vector and what it said
   */
  async run(argv: readonly [string, ...string[]], options: Partial<RunOptions> = {}): Promise<RunResult> {
    const result = await run(this.argv(argv), { timeoutMs: COMMAND_TIMEOUT_MS, ...options });
    if (result.ok) return result;
    throw new NamespaceError(`Cannot run "${argv.join(" ")}" on ${this.name}: ${failureText(result)}`, result.startError?.code ?? "STATUS");
  }

  /**
   * Writes a file that only this host and root see, and that goes with it.
   *
   * @param path in `/run`, absolute
   * @param content what it holds; its mode is 0600
   */
  write(path: string, content: string | Uint8Array): void {
    writeFileSync(`/proc/${this.pid}/root${path}`, content, { mode: 0o600 });
  }

  /**
   * The argument vector that runs a program in this host, in `/`.
   *
   * @param argv the program and its arguments
   * @returns a fresh array; the process that it starts becomes the program, under the same pid
   */
  argv(argv: readonly [string, ...string[]]): [string, ...string[]] {
    return [...this.#enter, ...argv] as [string, ...string[]];
  }

  /**
   * Starts a program in this host. It ends with us, whatever becomes of us.
   *
   * @param argv the program and its arguments
   * @param options descriptors and environment
   * @returns the child; its pid is the program's own
   */
  start(argv: readonly [string, ...string[]], options: StartOptions = {}): ChildProcess {
    // The death signal is lost when a program changes its user, as tcpdump does: {@link close} looks for such ones.
    const withUs = findProgram("setpriv") === undefined ? [] : ["setpriv", "--pdeathsig", "KILL", "--"];
    const [program, ...rest] = this.argv([...withUs, ...argv] as [string, ...string[]]);
    const child = spawn(program, rest, {
      env: childEnvironment(options.env),
      stdio: options.stdio ?? ["ignore", "pipe", "pipe"],
    });
    this.#started.add(child);
    child.once("exit", () => this.#started.delete(child));
    return child;
  }

  /** Kills what still runs in this host and lets the kernel take it down. May be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ended = [...this.#started].map((child) => once(child, "exit"));
    for (const child of this.#started) child.kill("SIGKILL");
    for (const pid of this.pids()) {
      try {
        process.kill(pid, "SIGKILL"); // those that went into the background, those whose parent was killed
      } catch { /* gone since it was found */ }
    }
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) ended.push(once(this.#holder, "exit"));
    this.#holder.stdin!.end();
    await Promise.all(ended);
  }

  /**
   * Finds what runs in this host.
   *
   * @returns the processes whose network is this host's, but for the one that holds it
   */
  pids(): number[] {
    const network = (pid: number | string): string | undefined => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`);
      } catch {
        return undefined; // it ended
      }
    };
    const own = network(this.pid);
    if (own === undefined) return [];
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && network(name) === own).map(Number).filter((pid) => pid !== this.pid);
  }
}

/** One end of a cable. */
export interface CableEnd {
  readonly host: NamespaceHost;
  /** `eth0` or the like, new in that host. */
  readonly interfaceName: string;
  /** With prefix lengths, of both families: `10.77.0.1/24`, `fd77::1/64`. */
  readonly addresses: readonly string[];
}

/**
 * Joins two hosts by a cable and sets both ends up.
 *
 * @param left one end
 * @param right the other
 * @throws {NamespaceError} when an interface cannot be made
 */
export async function joinHosts(left: CableEnd, right: CableEnd): Promise<void> {
  const peer = ["type", "veth", "peer", "name", right.interfaceName, "netns", String(right.host.pid)];
  await left.host.run(["ip", "link", "add", left.interfaceName, ...peer]);
  for (const { host, interfaceName, addresses } of [left, right]) {
    for (const address of addresses) {
      // Without `nodad` an IPv6 address is of no use for its first second (RFC 4862 §5.4).
      await host.run(["ip", "addr", "add", address, "dev", interfaceName, ...(address.includes(":") ? ["nodad"] : [])]);
    }
    await host.run(["ip", "link", "set", interfaceName, "up"]);
  }
}
