/**
 * An ipset without a kernel beside the iptables without one: the commands that we use, and their failures in the words
 * of ipset 7.17. `test/peers/ipset.test.ts` runs the real ones.
 *
 * @module
 */
import type { RunOptions, RunResult } from "../../src/node/run.ts";
import { FakeIptables } from "./fake-iptables.ts";
import type { ManualClock } from "./manual-clock.ts";
import { runResult } from "./run-result.ts";

/** Unix time, seconds, of the end, and the comment, by element. */
type FakeSet = Map<string, { readonly end: number; readonly comment: string }>;

const NO_SET = "The set with the given name does not exist";

/** Both programs, and the sets. */
export class FakeIpset {
  readonly iptables = new FakeIptables();
  readonly sets = new Map<string, FakeSet>();
  /** Every command line that was run. */
  readonly calls: string[] = [];
  /** Why ipset does nothing. */
  fault: "missing" | "denied" | undefined;
  /** iptables has no match for sets. */
  hasNoMatch = false;
  /** Elements that a set holds. */
  room = 65536;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** In place of the runner; bound, so that it can be passed on. */
  readonly run = async (argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> => {
    this.calls.push(argv.join(" "));
    const input = typeof options.input === "string" ? options.input : "";
    if (argv[0] !== "ipset") {
      const refusal = this.#refusal(input);
      return refusal === undefined ? this.iptables.run(argv, options) : runResult(argv, { status: 2, stderr: `${argv[0]} v1.8.9 (nf_tables): ${refusal}\n\nError occurred at line: 2\n` });
    }
    if (this.fault === "missing") return runResult(argv, { startError: { code: "ENOENT", message: "No such file or directory" } });
    if (this.fault === "denied") return runResult(argv, { status: 1, stderr: "ipset v7.17: Kernel error received: Operation not permitted\n" });
    let stdout = "";
    try {
      if (argv.includes("restore")) input.split("\n").forEach((line, at) => (stdout += this.#do(line, `Error in line ${at + 1}: `)));
      else stdout = this.#do(argv.slice(1).join(" "), "");
    } catch (error) {
      return runResult(argv, { status: 1, stdout, stderr: `ipset v7.17: ${(error as Error).message}\n` });
    }
    return runResult(argv, { status: 0, stdout });
  };

  /** What is in a set now. */
  elements(name: string): string[] {
    return [...this.sets.get(name) ?? []].filter(([, { end }]) => end > this.#clock.wallSeconds).map(([element]) => element);
  }

  /** Everything that is there, as somebody would compare it. */
  get all(): unknown {
    return [this.iptables.listing(), this.iptables.listing(6), [...this.sets.keys()]];
  }

  #refusal(input: string): string | undefined {
    const name = /--match-set (\S+)/.exec(input)?.[1];
    if (name === undefined) return undefined;
    if (this.hasNoMatch) return "Couldn't load match `set':No such file or directory";
    return this.sets.has(name) ? undefined : `Set ${name} doesn't exist.`;
  }

  #do(line: string, where: string): string {
    const [command, name, element] = line.split(" ") as [string, string, string];
    if (command === "") return "";
    if (command === "create") {
      if (!this.sets.has(name)) this.sets.set(name, new Map());
      return "";
    }
    if (name === "-n") return [...this.sets.keys()].map((key) => `${key}\n`).join("");
    const set = this.sets.get(name);
    if (set === undefined) throw new Error(where + NO_SET);
    const references = this.iptables.listing(name.endsWith("4") ? 4 : 6).filter((rule) => rule.includes(`--match-set ${name} `)).length;
    if (command === "flush") set.clear();
    else if (command === "del") set.delete(element);
    else if (command === "destroy") {
      if (references > 0) throw new Error("Set cannot be destroyed: it is in use by a kernel component");
      this.sets.delete(name);
    } else if (command === "add") {
      if (!set.has(element) && this.elements(name).length >= this.room) throw new Error(`${where}Hash is full, cannot add more elements`);
      const [, seconds, comment] = /timeout (\d+) comment "(.*)"/.exec(line)!;
      set.set(element, { end: this.#clock.wallSeconds + Number(seconds), comment: comment! });
    } else if (command === "list") return `Name: ${name}\nReferences: ${references}\nNumber of entries: ${set.size}\n`;
    else return this.elements(name).map((key) => `add ${name} ${key} timeout 1 comment "${set.get(key)!.comment}"\n`).join("");
    return "";
  }
}
