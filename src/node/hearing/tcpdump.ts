/**
 * One run of tcpdump: how it is called, what it says, why it ended.
 *
 * @module
 */

import { spawn, type ChildProcess } from "node:child_process";
import { Readable } from "node:stream";
import { printableText } from "../../foreign-text.ts";
import { childEnvironment } from "../child-env.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { findUser, type User } from "../users.ts";
import { readableSource, type ByteSource } from "./byte-source.ts";

/** What to capture. */
export interface TcpdumpOptions {
  /** `eth0`, or `any`. */
  readonly interfaceName: string;
  /** A pcap expression; empty for everything. */
  readonly filter: string;
  /** Bytes kept of each frame. */
  readonly snapLength: number;
  /** See frames that are not addressed to us (ENABLE_PCAP_PROMISC). */
  readonly promiscuous: boolean;
  /** See what this host sends as well (--pcap-any-direction). */
  readonly anyDirection: boolean;
  /**
   * With a number: cooked frames whatever link type the interface has (ENABLE_COOKED_INTF). They
   * come from `any`, the only device that has them, narrowed to the interface of this index.
   */
  readonly cookedIndex?: number;
  /** The program; `tcpdump` when absent, searched as {@link childEnvironment} says. */
  readonly program?: string;
}

/** Packets counted by tcpdump since it started. */
export interface CaptureCounters {
  readonly captured: number;
  readonly received: number;
  /** Lost because we were too slow. */
  readonly dropped: number;
}

/** Why a run of tcpdump ended. */
export type CaptureEndKind =
  /** tcpdump is not installed. */
  | "missing-program"
  /** No such device, or it is not up. */
  | "no-device"
  /** The filter does not compile. */
  | "bad-filter"
  /** Not root, no CAP_NET_RAW. */
  | "no-permission"
  /** setpriv cannot do what we ask of it here. */
  | "no-setpriv"
  /** This system cannot tell incoming frames from outgoing ones. */
  | "no-direction"
  /** The interface was deleted while we listened. */
  | "disappeared"
  /** The interface was set down while we listened; libpcap before 1.10 leaves then. */
  | "went-down"
  /** It failed before it listened, for another reason. */
  | "failed"
  /** It left after it had listened, by itself or by somebody's signal. */
  | "ended"
  /** We told it to stop. */
  | "stopped";

/** Why a run ended, and its own words. */
export interface CaptureEnd {
  readonly kind: CaptureEndKind;
  /** One line, as libpcap says it: `The interface disappeared`. */
  readonly text: string;
}

/** tcpdump listens. */
export interface CaptureOpened {
  /** `EN10MB`, `LINUX_SLL2` … */
  readonly linkType: string;
  /** Which of the ways it was started by. */
  readonly launcher: Launcher;
}

/**
 * How tcpdump comes to its rights. `demoted`: never root itself, keeps CAP_NET_RAW alone, and
 * dies with us; `deathbound`: runs as we do, dies with us; `plain`: by itself, for systems
 * without setpriv.
 */
export type Launcher = "demoted" | "deathbound" | "plain";

/** The kernel's buffer, KiB: with less a burst of a few thousand packets is lost. */
const BUFFER_KIB = 4096;
/** How long tcpdump gets to leave before it is killed. */
const STOP_MS = 2000;
/** How much of its talk is kept. */
const MAX_TALK = 4096;

/**
 * Builds the command line.
 *
 * @param options what to capture
 * @param launcher how it comes to its rights
 * @param user whom to become, for `demoted`
 * @returns the argument vector
 */
export function tcpdumpArgv(options: TcpdumpOptions, launcher: Launcher, user: Pick<User, "uid" | "gid">): [string, ...string[]] {
  // Of "any" itself all interfaces are wanted.
  const narrowTo = options.interfaceName === "any" ? undefined : options.cookedIndex;
  const filter = narrowTo === undefined ? options.filter : narrowedFilter(options.filter, narrowTo);
  const tcpdump = [
    options.program ?? "tcpdump",
    "-i", narrowTo === undefined ? options.interfaceName : "any",
    "-n",
    ...(options.promiscuous ? [] : ["-p"]),
    // Packet by packet and at once: measured 0.3 ms instead of up to a second.
    "-U", "--immediate-mode",
    // The ring is cut in slots of this size: the default of 256 KiB loses nearly all of a flood.
    "-s", String(options.snapLength),
    "-B", String(BUFFER_KIB),
    ...(options.anyDirection ? [] : ["-Q", "in"]),
    "-w", "-",
    // A filter that begins with a dash is no option.
    "--", ...(filter === "" ? [] : [filter]),
  ];
  switch (launcher) {
    case "demoted":
      return ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw",
        "--bounding-set=-all,+net_raw", "--no-new-privs", "--pdeathsig", "TERM", ...tcpdump];
    case "deathbound":
      return ["setpriv", "--pdeathsig", "TERM", ...tcpdump];
    case "plain":
      return tcpdump as [string, ...string[]];
  }
}

function narrowedFilter(filter: string, interfaceIndex: number): string {
  const own = `ifindex ${interfaceIndex}`;
  return filter.trim() === "" ? own : `(${filter}) and ${own}`;
}

/** What tcpdump says when it cannot go on, most telling first. */
const COMPLAINTS: readonly { readonly pattern: RegExp; readonly kind: CaptureEndKind }[] = [
  { pattern: /^setpriv: failed to execute .*: No such file/m, kind: "missing-program" },
  { pattern: /^setpriv: /m, kind: "no-setpriv" },
  { pattern: /The interface disappeared/, kind: "disappeared" },
  { pattern: /The interface went down|^tcpdump: pcap_loop: .*network is down/im, kind: "went-down" },
  { pattern: /pcap_setdirection|direction is not (?:implemented|supported)/i, kind: "no-direction" },
  { pattern: /No such device|That device is not up|is not up$/m, kind: "no-device" },
  { pattern: /You don't have permission|Operation not permitted|Permission denied/, kind: "no-permission" },
  { pattern: /filter expression|syntax error|unknown (?:host|port|network|protocol|ether host)|expression rejects all|illegal (?:port|token|char)/i, kind: "bad-filter" },
];

/** Said even when all is well. */
const CHATTER = /^(?:listening on |data link type |\d+ packets? |.*: \d+ packets captured,|dropped privs to |verbose output suppressed)/;

/**
 * Reads the last words of tcpdump.
 *
 * @param talk all that it wrote to stderr
 * @param listened whether it had got as far as listening
 * @returns the kind of end, and the line that names it
 */
export function explainEnd(talk: string, listened: boolean): CaptureEnd {
  const lines = talk.split("\n").map((line) => line.replace(/^tcpdump: /, "").trim()).filter((line) => line !== "");
  const words = lines.filter((line) => !CHATTER.test(line));
  // "(No such device exists)" repeats the line before it.
  const text = printableText((words.find((line) => !/^(?:WARNING|Warning|NOTE)\b/i.test(line)) ?? "").replace(/^pcap_(?:loop|dispatch): /, ""), 300);
  const complaint = COMPLAINTS.find(({ pattern }) => pattern.test(talk));
  const midway = complaint?.kind === "disappeared" || complaint?.kind === "went-down";
  if (complaint !== undefined && (midway || !listened)) return { kind: complaint.kind, text };
  return { kind: listened ? "ended" : "failed", text };
}

const LISTENING = /^(?:\S+: )?listening on .*?, link-type (\S+)/m;
const COUNTERS = /(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped by kernel/g;

/**
 * Finds the counters that tcpdump writes on SIGUSR1.
 *
 * @param talk what it wrote to stderr
 * @returns every answer in it, oldest first
 */
export function parseCounters(talk: string): CaptureCounters[] {
  return Array.from(talk.matchAll(COUNTERS), (match) => ({ captured: Number(match[1]), received: Number(match[2]), dropped: Number(match[3]) }));
}

/** One run of tcpdump. */
export class Tcpdump {
  readonly argv: readonly [string, ...string[]];
  /** The pcap stream. */
  readonly bytes: ByteSource;
  /** Settles when it listens, or with undefined when it ended before. */
  readonly opened: Promise<CaptureOpened | undefined>;
  /** Settles when it is gone and its output was read to the end. */
  readonly ended: Promise<CaptureEnd>;
  /** Without streams when no descriptor was left for them. */
  readonly #child: ChildProcess;
  #talk = "";
  #listening = false;
  #stopping = false;
  #gone = false;
  #onTalk: () => void = () => {};

  /**
   * Starts tcpdump.
   *
   * @param options what to capture
   * @param launcher how it comes to its rights
   */
  constructor(options: TcpdumpOptions, launcher: Launcher) {
    this.argv = tcpdumpArgv(options, launcher, captureUser());
    const [program, ...args] = this.argv;
    // A session of its own: Ctrl-C in the foreground is ours to answer, not tcpdump's.
    this.#child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], env: childEnvironment() });
    this.bytes = readableSource(this.#child.stdout ?? Readable.from([]));

    let open: (opened: CaptureOpened | undefined) => void;
    this.opened = new Promise((resolve) => (open = resolve));
    this.#child.stderr?.on("error", () => {});
    this.#child.stderr?.on("data", (chunk: Uint8Array) => {
      this.#talk = (this.#talk + String(chunk)).slice(-MAX_TALK);
      const linkType = this.#listening ? undefined : LISTENING.exec(this.#talk)?.[1];
      if (linkType !== undefined) {
        this.#listening = true;
        open({ linkType, launcher });
      }
      this.#onTalk();
    });
    this.ended = new Promise((resolve) => {
      const end = (reason: CaptureEnd): void => {
        this.#gone = true;
        open(undefined);
        this.#onTalk();
        resolve(reason);
      };
      this.#child.on("error", (error) => {
        // Also emitted for a signal that could not be sent; then it lives on.
        if (this.#child.pid !== undefined) return;
        const missing: CaptureEndKind = launcher === "plain" ? "missing-program" : "no-setpriv";
        end({ kind: codeOf(error) === "ENOENT" ? missing : "failed", text: `${program}: ${reasonOf(error)}` });
      });
      this.#child.on("close", (status, signal) => end(this.#explain(status, signal)));
    });
  }

  /** Its process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  #explain(status: number | null, signal: NodeJS.Signals | null): CaptureEnd {
    if (this.#stopping) return { kind: "stopped", text: "" };
    const said = explainEnd(this.#talk, this.#listening);
    if (said.text !== "") return said;
    return { ...said, text: signal === null ? `tcpdump left with status ${status}` : `tcpdump was ended by ${signal}` };
  }

  /**
   * Asks for the counters.
   *
   * @param timeoutMs how long to wait
   * @returns the counters, or undefined without an answer in time: then it waits for us to read
   */
  async counters(timeoutMs: number): Promise<CaptureCounters | undefined> {
    // Before it listens it has no handler yet, and the signal would end it.
    if (!this.#listening || this.#gone) return undefined;
    const answers = (): CaptureCounters[] => parseCounters(this.#talk);
    this.#talk = this.#talk.replace(COUNTERS, "");
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#onTalk = () => {};
        resolve(answers().at(-1));
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#onTalk = () => {
        if (this.#gone || answers().length > 0) settle();
      };
      this.#child.kill(process.platform === "linux" ? "SIGUSR1" : "SIGINFO");
    });
  }

  /**
   * Ends it.
   *
   * @returns settles when it is gone
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#gone || this.#child.pid === undefined) return;
    this.bytes.close();
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Debian, Fedora and others have a user for it; everybody has nobody, mostly by this number. */
function captureUser(): Pick<User, "uid" | "gid"> {
  return findUser("tcpdump") ?? findUser("nobody") ?? { uid: 65534, gid: 65534 };
}

/**
 * The ways to start tcpdump, best first.
 *
 * @param isRoot whether we may change our user
 * @returns what to try, one after the other
 */
export function launchers(isRoot: boolean): readonly Launcher[] {
  if (process.platform !== "linux") return ["plain"];
  return isRoot ? ["demoted", "deathbound", "plain"] : ["deathbound", "plain"];
}
