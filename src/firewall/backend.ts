/**
 * What every firewall is to the daemon: a planner. It turns grants into rules and rules into
 * commands, and never runs one itself. A plan is a generator: it yields a command, is given what
 * came of it, and goes on. So the same plan is performed by a runner, printed by a dry run and
 * walked through by a test.
 *
 * Nothing here knows what an SPA packet or a configuration file is.
 *
 * @module
 */

import { commandText } from "../command-text.ts";
import { printableText } from "../foreign-text.ts";
import type { IpAddress } from "../ip.ts";
import type { Grant } from "./grant.ts";

/** A family of addresses. */
export type Family = 4 | 6;

/** A program, perhaps with others in front of it, as the start of an argument vector. */
export type Program = readonly [string, ...string[]];

/** One program to be run. */
export interface Command {
  readonly kind: "command";
  readonly argv: Program;
  readonly stdin?: string;
  /** What it is for, as the debug log names it. */
  readonly purpose: string;
  /** Exit statuses that answer the question or decide the matter: no use in trying again. 0 alone when absent. */
  readonly answers?: readonly number[];
  /** Given for a command that only asks: what a dry run takes for its output. */
  readonly assumedOutput?: string;
}

/** Something to be said in the log, in its place between the commands. */
export interface Note {
  readonly kind: "note";
  readonly level: "error" | "warning" | "info" | "debug";
  readonly message: string;
}

/** What came of a command. */
export interface CommandResult {
  /** Undefined when it did not exit by itself. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no exit status or no whole output: `ENOENT`, `EACCES`, `TIMEOUT`, `SIGNAL`, `TRUNCATED` … */
  readonly failure?: string;
}

/** Commands and notes in order; what was learnt at the end. Throws {@link FirewallError} when it cannot be done. */
export type Plan<Learnt> = Generator<Command | Note, Learnt, CommandResult>;

/**
 * One thing that a backend puts into the firewall and takes out again: a rule, an element of a
 * set, a line of an anchor. A grant needs one or several.
 */
export interface Rule {
  /** The same for two rules that open the same thing; says nothing of the time. */
  readonly key: string;
  readonly family: Family;
  /** Table and chain, or whatever holds the rule. */
  readonly table: string;
  readonly chain: string;
  /** The kind that log lines name: `access`, `OUTPUT`, `local NAT`, `FORWARD`, `DNAT`, `SNAT` …; empty for a rule that was found. */
  readonly kind: string;
  /** The rule in the words of the firewall's program, time mark included. */
  readonly words: readonly string[];
  /** Who may reach what, for the log: `10.1.2.3 -> 0.0.0.0/0 tcp/22`; empty for a rule that was found. */
  readonly subject: string;
  /** Unix time, seconds. */
  readonly expiresAt: number;
  /** What it was made for; absent for a rule that was found. */
  readonly grant?: Grant;
}

/** The rules that a grant needs, or why this firewall cannot do it. */
export type RulesOrRefusal =
  | { readonly ok: true; readonly rules: readonly Rule[] }
  | { readonly ok: false; readonly reason: string };

/** What is to be different afterwards, all of it or nothing. All rules are of one family. */
export interface Change {
  readonly add: readonly Rule[];
  /** Rules that are there now; it is no failure when they are gone already. */
  readonly remove: readonly Rule[];
  /** All other rules that should be there: what a firewall whose chains were taken away is given back. Walked through only for that. */
  readonly keep: Iterable<Rule>;
}

/** What came of a change. */
export interface Changed {
  /** Whether the ground or kept rules had to be put back. */
  readonly repaired: boolean;
  /** Added rules as they are now, where the planner learnt their places only then; by the rule that was to be added. */
  readonly placed?: ReadonlyMap<Rule, Rule>;
}

/** Work that is left when rules were closed. */
export interface Upkeep {
  /** Seconds between two turns, for as long as there is something to do. */
  readonly everySeconds: number;
  /** One turn. Tells whether another one will be needed. */
  run(): Plan<boolean>;
}

/** A firewall. */
export interface FirewallBackend {
  /** As FIREWALL_TYPE names it. */
  readonly name: string;
  /** Equal for two backends that lay the same ground, so that one can take over the rules of the other. */
  readonly ground: string;

  /**
   * Says which rules a grant needs.
   *
   * @param grant who may reach what
   * @param live what is open already, by key, for firewalls whose rules have numbers of ours
   * @throws {RangeError} when the grant has no ports or impossible ones
   */
  rulesFor(grant: Grant, live: ReadonlyMap<string, Rule>): RulesOrRefusal;

  /**
   * Prepares the ground: chains, jumps, sets. May be run again.
   *
   * @param options `fresh`: rules that are there already are removed; else they are found and reported
   * @returns the rules with a time mark that are there now
   */
  prepare(options: { readonly fresh: boolean }): Plan<readonly Rule[]>;

  /** Lays what it needs of a ground that is equal to another backend's, in place of {@link prepare}; absent where that is nothing. */
  takeOver?(): Plan<void>;

  /** Opens, renews and closes in as few transactions as the firewall allows. */
  change(change: Change): Plan<Changed>;

  /**
   * Reads the rules with a time mark that are there, whoever made them.
   *
   * @param families the ones that are worth a look
   */
  find(families: Iterable<Family>): Plan<readonly Rule[]>;

  /** Whether a rule lets an address in or out. */
  concerns(rule: Rule, address: IpAddress): boolean;

  /** Removes everything that bears our mark, the ground included. Succeeds when nothing is there. */
  clear(): Plan<void>;

  /**
   * Lists for people, in the firewall's own words.
   *
   * @param scope `ours`: what is in our chains; `all`: everything in the tables that we use
   * @returns what goes to stdout and what to stderr
   */
  show(scope: "ours" | "all"): Plan<{ readonly stdout: string; readonly stderr: string }>;

  /** The line that announces {@link show}, and the one that announces {@link clear} on request. */
  readonly headings: { readonly ours: string; readonly all: string; readonly clear: string };

  /** Whether listings show the newest rule first. */
  readonly newestFirst: boolean;

  /** Whether the firewall itself ends a rule at its time; it must be renewed to stay longer. Absent where that is true of none. */
  endsByItself?(rule: Rule): boolean;

  /** Whatever a search could find ends by itself, so there is no need of one. */
  readonly needsNoSearch?: true;

  /**
   * For firewalls whose ground shuts what would be open without it: makes again what somebody took away of it. Done
   * whenever rules would be searched for.
   *
   * @param keep all rules that should be there
   */
  keepShut?(keep: Iterable<Rule>): Plan<void>;

  /** For firewalls where a closed rule has to stay until its connections have ended. */
  readonly upkeep?: Upkeep;

  /** The log lines of a rule that was opened, was there already, or was closed; `number` is its place in its chain. */
  readonly lines: {
    /** @param before the rule that it takes the place of */
    opened(rule: Rule, before?: Rule): string;
    present(rule: Rule): string;
    closed(rule: Rule, number: number): string;
  };
}

/** The firewall's program failed, and with it what was to be done. */
export class FirewallError extends Error {
  /** `ENOENT`, `EACCES`, `TIMEOUT` … when the program did not run to its end, else `STATUS`. */
  readonly code: string;
  readonly argv: readonly string[];
  readonly stdin: string;
  /** Undefined when it did not exit by itself. */
  readonly status: number | undefined;
  readonly stderr: string;
  /** The message without the command, which may hold a thousand rules. */
  readonly summary: string;

  /**
   * @param command what was run
   * @param result what came of it
   * @param meaning what it comes to, where that is known better than the program says it, and a code for it
   */
  constructor(command: Command, result: CommandResult, meaning: { readonly text?: string; readonly code?: string } = {}) {
    const said = printableText((result.stderr || result.stdout).trim().replace(/\s*\n\s*/g, "; "), 400);
    const what = `${meaning.text === undefined ? "" : `${meaning.text}: `}${command.purpose}() Error ${result.failure ?? result.status}`;
    // A command that succeeded and told something that cannot be lived with.
    const isAnswer = result.status === 0 && meaning.text !== undefined;
    super(isAnswer ? meaning.text : `${what} from cmd:'${commandText(command.argv, command.stdin)}': ${said}`);
    this.summary = isAnswer ? this.message : `${what}: ${said}`;
    this.name = "FirewallError";
    this.code = meaning.code ?? result.failure ?? "STATUS";
    this.argv = command.argv;
    this.stdin = command.stdin ?? "";
    this.status = result.status;
    this.stderr = result.stderr;
  }
}
