/**
 * An ipfw without a kernel: the commands that we use and their kin, their effects, and their failures, in the very words
 * and exit statuses of the recorded program. `test/ipfw-listing.test.ts` has it answer every recorded command byte for byte.
 *
 * @module
 */
import { parseIp } from "../../src/ip.ts";
import type { RunOptions, RunResult } from "../../src/node/run.ts";
import { runResult } from "./run-result.ts";

/** One rule. */
export interface FakeRule {
  readonly number: number;
  set: number;
  readonly body: string;
  packets: number;
  bytes: number;
}

/** A dynamic rule: a connection that goes on. */
export interface FakeState {
  readonly rule: FakeRule;
  readonly text: string;
  readonly seconds: number;
}

/** Ways in which everything is refused. */
export type IpfwFault = "missing" | "denied" | "noKernel" | "hanging";

class Refused extends Error {
  readonly status: number;

  constructor(status: number, stderr: string) {
    super(stderr);
    this.status = status;
  }
}

const PROTOCOLS: Readonly<Record<string, string>> = { "1": "icmp", "6": "tcp", "17": "udp" };

/** The program with its rules. */
export class FakeIpfw {
  /** Every command that was run, without the program. */
  readonly calls: string[] = [];
  fault: IpfwFault | undefined;
  /** Fails a command of its choice with this text, status 69. */
  refuse: (command: string) => string | undefined = () => undefined;
  /** Loses the higher bits of numbers that it moves, as releases before FreeBSD 12 do. */
  movesLowBitsOnly = false;
  rules: FakeRule[] = [];
  states: FakeState[] = [];
  readonly #disabled = new Set<number>();

  /** In place of the runner; bound, so that it can be passed on. */
  readonly run = async (argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> => {
    this.calls.push(argv.slice(1).join(" "));
    if (this.fault === "missing") return runResult(argv, { startError: { code: "ENOENT", message: "No such file or directory" } });
    if (this.fault === "hanging") return runResult(argv, { signal: "SIGKILL", timedOut: true, durationMs: options.timeoutMs });
    return runResult(argv, this.type(argv.slice(1).join(" ")));
  };

  /** Runs one command, ours or somebody else's. */
  type(command: string): { status: number; stdout: string; stderr: string } {
    try {
      if (this.fault === "noKernel") throw new Refused(69, "connect: Connection refused\nipfw: socket: Invalid argument\n");
      if (this.fault === "denied") throw new Refused(69, "ipfw: socket: Operation not permitted\n");
      const refusal = this.refuse(command);
      if (refusal !== undefined) throw new Refused(69, refusal);
      return { status: 0, stdout: this.#perform(command.split(" ")), stderr: "" };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { status: error.status, stdout: "", stderr: error.message };
    }
  }

  /** A packet makes a dynamic rule. */
  connect(rule: FakeRule, text: string, seconds: number, bytes: number): void {
    rule.packets++;
    rule.bytes += bytes;
    this.states.push({ rule, text, seconds });
  }

  /** Rules that let packets in now. */
  open(): FakeRule[] {
    return this.rules.filter(({ set }) => !this.#disabled.has(set));
  }

  #perform(words: readonly string[]): string {
    const rest = [...words];
    const flags = new Set<string>();
    while (rest[0]?.startsWith("-")) for (const flag of rest.shift()!.slice(1)) flags.add(flag);
    const [command, ...more] = rest;
    if (command === "add") return this.#add(more, flags);
    if (command === "list" || command === "show") return this.#list(command, undefined, more, flags);
    if (command === "flush") return this.#flush(flags);
    if (command === "delete") {
      if (more[0] === "set") this.#delete((rule) => rule.set === Number(more[1]), 0);
      else this.#delete((rule) => rule.number === Number(more[0]), Number(more[0]));
      return "";
    }
    if (command === "set") return this.#set(more, flags);
    throw new Refused(64, `ipfw: bad command \`${command}'\n`);
  }

  #set(words: readonly string[], flags: ReadonlySet<string>): string {
    const [what, ...rest] = words;
    if (what === "show") return `disable ${this.#setsWhere(true)} enable ${this.#setsWhere(false)}\n`;
    if (what === "disable" || what === "enable") {
      for (const set of rest) {
        if (!/^\d+$/.test(set) || Number(set) > 30) throw new Refused(65, `ipfw: invalid set number ${set}\n\n`);
        if (what === "disable") this.#disabled.add(Number(set));
        else this.#disabled.delete(Number(set));
      }
      return "";
    }
    if (what === "move") {
      const single = rest[0] === "rule";
      const [from, , to] = single ? rest.slice(1) : rest;
      const number = this.movesLowBitsOnly ? Number(from) & 0xff : Number(from);
      for (const rule of this.rules) if (single ? rule.number === number : rule.set === Number(from)) rule.set = Number(to);
      return "";
    }
    const set = Number(what);
    if (rest[0] === "list" || rest[0] === "show") return this.#list(rest[0], set, rest.slice(1), flags);
    if (rest[0] === "delete") {
      this.#delete((rule) => rule.number === Number(rest[1]) && rule.set === set, Number(rest[1]));
      return "";
    }
    throw new Refused(64, `ipfw: bad command \`${rest[0]}'\n`);
  }

  #setsWhere(disabled: boolean): string {
    return Array.from({ length: 31 }, (_, set) => set).filter((set) => this.#disabled.has(set) === disabled).join(" ");
  }

  #flush(flags: ReadonlySet<string>): string {
    this.rules = [];
    this.states = [];
    return flags.has("q") ? "" : "Flushed all rules.\n";
  }

  /** Their dynamic rules go with them. */
  #delete(isMeant: (rule: FakeRule) => boolean, named: number): void {
    const gone = this.rules.filter(isMeant);
    if (gone.length === 0) throw new Refused(69, `ipfw: rule ${named} not found\n`);
    this.rules = this.rules.filter((rule) => !gone.includes(rule));
    this.states = this.states.filter(({ rule }) => !gone.includes(rule));
  }

  #add(words: readonly string[], flags: ReadonlySet<string>): string {
    const rest = [...words];
    const last = Math.max(0, ...this.rules.map((rule) => rule.number));
    const number = /^\d+$/.test(rest[0] ?? "") ? Number(rest.shift()) : last + 100;
    const set = rest[0] === "set" ? Number(rest.splice(0, 2)[1]) : 0;
    if (set > 31) throw new Refused(65, `ipfw: illegal set ${set}\n`);
    const body = stored(rest);
    if (number > 65535) throw new Refused(69, "ipfw: getsockopt(IP_FW_XADD): Invalid argument\n");
    if (!flags.has("n")) {
      const at = this.rules.findIndex((rule) => rule.number > number);
      this.rules.splice(at < 0 ? this.rules.length : at, 0, { number, set, body, packets: 0, bytes: 0 });
    }
    return flags.has("q") ? "" : `${padded(number)} ${body}\n`;
  }

  #list(command: "list" | "show", set: number | undefined, numbers: readonly string[], flags: ReadonlySet<string>): string {
    const all = [...this.rules, { number: 65535, set: 31, body: "allow ip from any to any", packets: 0, bytes: 0 }];
    const wanted = numbers.map(Number);
    const missing = wanted.find((number) => !all.some((rule) => rule.number === number));
    if (missing !== undefined) throw new Refused(69, `ipfw: rule ${missing} does not exist\n`);
    const rules = all.filter((rule) => (set === undefined || rule.set === set) && (wanted.length === 0 || wanted.includes(rule.number)));
    const width = (field: "packets" | "bytes"): number => Math.max(0, ...rules.map((rule) => String(rule[field]).length));
    const counters = (packets: number, bytes: number): string => (command === "list" ? ""
      : `${String(packets).padStart(width("packets"))} ${String(bytes).padStart(width("bytes"))} `);
    let text = "";
    let last = "";
    for (const rule of rules) {
      const disabled = this.#disabled.has(rule.set);
      // This vintage prints the line before once more for each rule that it does not show.
      if (!disabled || flags.has("S")) {
        const time = flags.has("T") ? `${"0".padStart(10)} ` : flags.has("t") ? " ".repeat(24) : "";
        last = `${disabled ? "# DISABLED " : ""}${padded(rule.number)} ${counters(rule.packets, rule.bytes)}${time}${flags.has("S") ? `set ${rule.set} ` : ""}${rule.body}\n`;
      }
      text += last;
    }
    if (!flags.has("d") || this.states.length === 0) return text;
    text += `## Dynamic rules${wanted.length > 0 ? "" : ` (${this.states.length} ${16 + 128 * this.states.length})`}:\n`;
    for (const { rule, text: connection, seconds } of this.states) {
      if (!rules.includes(rule)) continue;
      text += `${padded(rule.number)} ${counters(0, 0)}${command === "show" ? `(${seconds}s) ` : ""}STATE ${connection}\n`;
    }
    return text;
  }
}

/** A rule as it is printed. */
function stored(words: readonly string[]): string {
  const at = words.indexOf("//");
  const rest = at < 0 ? [...words] : words.slice(0, at);
  const comment = at < 0 ? "" : ` // ${words.slice(at + 1).join(" ")}`;
  const body: string[] = [rest.shift()!.replace(/^pass$/, "allow")];
  if (body[0] === "check-state") return `check-state${comment}`;
  if (body[0] === "fwd") body.push(rest.shift()!);
  const protocol = rest.shift()!;
  body.push(PROTOCOLS[protocol] ?? protocol);
  while (rest.length > 0) {
    const word = rest.shift()!;
    if (word === "from" || word === "to") {
      body.push(word, checkedAddress(rest.shift()!));
      if (/^\d/.test(rest[0] ?? "")) rest.unshift("dst-port");
    } else if (word === "dst-port") {
      // Out of range it wraps around.
      body.push(word, rest.shift()!.split(",").map((port) => String(Number(port) & 0xffff)).join(","));
    } else body.push(word);
  }
  return body.join(" ") + comment;
}

function checkedAddress(text: string): string {
  if (/^(any|me|me6)$/.test(text) || parseIp(text.replace(/\/\d+$/, "")) !== undefined) return text;
  throw new Refused(68, `ipfw: hostname \`\`${text}'' unknown\n`);
}

function padded(number: number): string {
  return String(number).padStart(5, "0");
}
