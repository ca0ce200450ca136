/**
 * An iptables without a kernel: the commands that we use, their effects, and their failures in the very words and
 * exit statuses of iptables 1.8.9 (nf_tables). `test/peers/iptables.test.ts` holds it against the real one.
 *
 * @module
 */
import { formatIp, parseIp } from "../../src/ip.ts";
import type { RunOptions, RunResult } from "../../src/node/run.ts";
import { runResult } from "./run-result.ts";

type Family = 4 | 6;
/** Rules of each chain, each as the text that `-S` prints after the chain's name. */
type Table = Map<string, string[]>;

/** The chains that exist by themselves. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
};

const TARGETS = new Set(["ACCEPT", "DROP", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "RETURN"]);

/** Ways in which the real program refuses everything. */
export const FAULTS = {
  denied: { status: 4, said: (name: string) => `${name} v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n` },
  /** The legacy variant's words: the other one needs no lock. */
  locked: {
    status: 4,
    said: () => "Can't lock /run/xtables.lock: Resource temporarily unavailable\n"
      + "Another app is currently holding the xtables lock. Stopped waiting after 5s.\n",
  },
} as const;

/** What the fake is to do wrong. */
export type Fault = keyof typeof FAULTS | "missing" | "hanging";

class Refused extends Error {
  readonly status: number;

  constructor(status: number, stderr: string) {
    super(stderr);
    this.status = status;
  }
}

/** Both programs, single commands and restore. */
export class FakeIptables {
  /** Every command that was run. */
  readonly calls: { readonly argv: readonly string[]; readonly input: string }[] = [];
  /** While set, every command fails this way. */
  fault: Fault | undefined;
  /** Fails a command of its choice. */
  faultOf: (argv: readonly string[], input: string) => Fault | undefined = () => undefined;
  /** Called before each command, as if somebody else were faster. */
  before: (argv: readonly string[]) => void = () => {};
  #tables = { 4: emptyTables(), 6: emptyTables() };

  /** In place of the runner; bound, so that it can be passed on. */
  readonly run = async (argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> => {
    const input = typeof options.input === "string" ? options.input : "";
    this.calls.push({ argv, input });
    const fault = this.fault ?? this.faultOf(argv, input);
    const name = argv[0].split("/").at(-1)!;
    if (fault === "missing") return runResult(argv, { startError: { code: "ENOENT", message: "No such file or directory" } });
    if (fault === "hanging") return runResult(argv, { signal: "SIGKILL", timedOut: true, durationMs: options.timeoutMs });
    if (fault !== undefined) return runResult(argv, { status: FAULTS[fault].status, stderr: FAULTS[fault].said(name) });
    this.before(argv);
    try {
      const family = name.startsWith("ip6") ? 6 : 4;
      // Single commands do not name their variant when they complain.
      const stdout = name.endsWith("-restore") ? this.#restore(name, family, input) : this.#single(name.replace(/-(nft|legacy)$/, ""), family, argv.slice(1));
      return runResult(argv, { status: 0, stdout });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return runResult(argv, { status: error.status, stderr: error.message });
    }
  };

  /** What `-S` prints, without the policies. */
  listing(family: Family = 4, table = "filter"): string[] {
    return show(this.#tables[family].get(table)!).filter((line) => !line.startsWith("-P"));
  }

  /** Somebody else's command; throws what the program would say. */
  type(command: string): void {
    const [program, ...words] = command.split(" ");
    this.#single(program!, program === "ip6tables" ? 6 : 4, words);
  }

  /** Everything is gone, as after `systemctl restart` of the host's own firewall. */
  reset(): void {
    this.#tables = { 4: emptyTables(), 6: emptyTables() };
  }

  #single(name: string, family: Family, words: readonly string[]): string {
    const rest = [...words];
    const take = (option: string, usual: string): string => {
      const at = rest.indexOf(option);
      return at < 0 ? usual : rest.splice(at, 2)[1]!;
    };
    take("-w", "");
    const table = this.#tables[family].get(take("-t", "filter"));
    if (table === undefined) throw new Refused(3, `${name} v1.8.9 (nf_tables): table does not exist\n`);
    const [command, chain] = rest;
    if (command === "-S" || command === "-L") {
      if (chain !== undefined && !chain.startsWith("-") && !table.has(chain)) {
        throw new Refused(1, `${name} v1.8.9 (nf_tables): chain \`${chain}' in table \`filter' is incompatible, use 'nft' tool.\n`);
      }
      const chosen = chain === undefined || chain.startsWith("-") ? table : new Map([[chain, table.get(chain)!]]);
      return command === "-S" ? lines(show(chosen)) : lines(list(chosen));
    }
    // Single commands have no line, and the program's name without a version in front.
    change(table, family, rest, (said) => new Refused(1, `${name}: ${said}.\n`), (said) => {
      throw new Refused(4, `${name} v1.8.9 (nf_tables):  ${said}\n`);
    }, (said) => new Refused(2, `${name} v1.8.9 (nf_tables): ${said}\nTry \`${name} -h' or '${name} --help' for more information.\n`));
    return "";
  }

  #restore(name: string, family: Family, input: string): string {
    const text = input.split("\n");
    let table: Table | undefined;
    let tableName = "";
    /** What the kernel will say at COMMIT, when the program itself had nothing to say against a line. */
    const kernel: string[] = [];
    text.forEach((line, at) => {
      if (line.startsWith("*")) {
        tableName = line.slice(1);
        const old = this.#tables[family].get(tableName);
        if (old === undefined) throw new Refused(3, `${name} v1.8.9 (nf_tables): The ${name} table '${tableName}' does not exist\n`);
        // A copy until COMMIT: all or nothing.
        table = new Map([...old].map(([chain, rules]) => [chain, [...rules]]));
      } else if (line === "COMMIT") {
        if (kernel.length > 0) throw new Refused(4, `${name} v1.8.9 (nf_tables): \n${kernel.join("\n")}\n`);
        this.#tables[family].set(tableName, table!);
      } else if (line !== "") {
        const commit = text.indexOf("COMMIT", at) + 1;
        change(table!, family, wordsOf(line),
          (said) => new Refused(1, `${name}: line ${at + 1} failed: ${said}.\n`),
          (said) => void kernel.push(`line ${at + 1}: ${said}`),
          (said) => new Refused(2, `${name} v1.8.9 (nf_tables): ${said}\nError occurred at line: ${commit}\nTry \`${name} -h' or '${name} --help' for more information.\n`));
      }
    });
    return "";
  }
}

/**
 * Does one command to a table. `refuse` makes the program's error, `misuse` that of the command line; `object` is told
 * what the kernel will not have, and the program goes on.
 */
function change(
  table: Table, family: Family, words: readonly string[],
  refuse: (said: string) => Refused, object: (said: string) => void, misuse: (said: string) => Refused,
): void {
  const [command, chain, ...rest] = words as [string, string, ...string[]];
  const rules = table.get(chain);
  if (command === "-N") {
    if (rules !== undefined) throw refuse("Chain already exists");
    table.set(chain, []);
    return;
  }
  const position = command === "-I" && /^\d+$/.test(rest[0] ?? "") ? Number(rest.shift()) : 1;
  const target = rest[rest.indexOf("-j") + 1];
  if (rest.includes("-j") && !TARGETS.has(target!) && !table.has(target!)) throw misuse(`Chain '${target}' does not exist`);
  if (rules === undefined) {
    throw refuse(command === "-D" || command === "-C" ? "Bad rule (does a matching rule exist in that chain?)" : "No chain/target/match by that name");
  }
  if (command === "-F") rules.length = 0;
  else if (command === "-X") {
    const used = [...table.values()].some((list) => list.some((rule) => rule.endsWith(`-j ${chain}`)));
    if (used || rules.length > 0) object(`CHAIN_DEL failed (Device or resource busy): chain ${chain}`);
    table.delete(chain);
  } else {
    const rule = normal(family, rest);
    if (command === "-A") rules.push(rule);
    else if (command === "-I") {
      if (position > rules.length + 1) throw refuse("Index of insertion too big");
      rules.splice(position - 1, 0, rule);
    } else {
      const at = rules.indexOf(rule);
      if (at < 0) throw refuse("Bad rule (does a matching rule exist in that chain?)");
      if (command === "-D") rules.splice(at, 1);
    }
  }
}

/** A rule as `-S` prints it. */
function normal(family: Family, words: readonly string[]): string {
  const options = new Map<string, string[]>();
  for (let at = 0; at < words.length;) {
    let end = at + 1;
    while (end < words.length && !words[end]!.startsWith("-")) end++;
    if (words[at] !== "-m") options.set(words[at]!, words.slice(at + 1, end));
    at = end;
  }
  const take = (option: string): string | undefined => {
    const value = options.get(option)?.join(" ");
    options.delete(option);
    return value;
  };
  const address = (option: string): string => {
    const text = take(option)?.replace(/\/(32|128)$/, "");
    return text === undefined || text.endsWith("/0") ? "" : `${option} ${formatIp(parseIp(text)!)}/${family === 4 ? 32 : 128}`;
  };
  const number = take("-p");
  const protocol = number === undefined ? undefined : { "6": "tcp", "17": "udp" }[number] ?? number;
  const from = address("-s");
  const to = address("-d");
  const ports = ["--sport", "--dport"].flatMap((option) => {
    const port = take(option);
    return port === undefined ? [] : [`${option} ${port}`];
  });
  const comment = take("--comment");
  const rest = [...options].map(([option, values]) => [option, ...values].join(" "));
  return [
    from, to, protocol === undefined ? "" : `-p ${protocol}`, ports.length > 0 ? `-m ${protocol} ${ports.join(" ")}` : "",
    comment === undefined ? "" : `-m comment --comment ${/[\s"\\]/.test(comment) ? `"${comment.replace(/["\\]/g, "\\$&")}"` : comment}`,
    ...rest,
  ].filter((part) => part !== "").join(" ");
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted!.replace(/\\(.)/g, "$1"));
}

function emptyTables(): Map<string, Table> {
  return new Map(Object.entries(BUILT_IN).map(([name, chains]) => [name, new Map(chains.map((chain) => [chain, []]))]));
}

/** Built-in chains first, the others by name. */
function ordered(table: Table): [string, string[]][] {
  const builtIn = (chain: string): boolean => Object.values(BUILT_IN).flat().includes(chain);
  return [...[...table].filter(([chain]) => builtIn(chain)), ...[...table].filter(([chain]) => !builtIn(chain)).sort(([left], [right]) => (left < right ? -1 : 1))];
}

function show(table: Table): string[] {
  const builtIn = Object.values(BUILT_IN).flat();
  const chains = ordered(table);
  return [
    ...chains.map(([chain]) => (builtIn.includes(chain) ? `-P ${chain} ACCEPT` : `-N ${chain}`)),
    ...chains.flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
  ];
}

/** Good enough to see that it was asked for: nothing of ours reads it. */
function list(table: Table): string[] {
  return ordered(table).flatMap(([chain, rules]) => [`Chain ${chain}`, ...rules.map((rule, at) => `${at + 1}    ${rule}`)]);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
