/**
 * A pfctl without a kernel: anchors and tables, rules printed back in the forms of the recorded listings, loads that
 * succeed or fail as a whole. What it says in failure is from the manual and common knowledge, for none was recorded.
 *
 * @module
 */
import { formatIp, parseIp } from "../../src/ip.ts";
import type { RunOptions, RunResult } from "../../src/node/run.ts";
import { runResult } from "./run-result.ts";

const PROTOCOLS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp" };
const SERVICES: Readonly<Record<string, string>> = { "22": "ssh", "53": "domain", "80": "http", "123": "ntp" };

/** Ways in which everything is refused. */
export type PfFault = "missing" | "denied" | "noKernel";

const SAID: Readonly<Record<Exclude<PfFault, "missing">, string>> = {
  denied: "pfctl: /dev/pf: Permission denied\n",
  noKernel: "pfctl: /dev/pf: No such file or directory\n",
};

/** The program with its anchors. */
export class FakePfctl {
  /** Every command that was run, without the program, and its input. */
  readonly calls: { readonly command: string; readonly input: string }[] = [];
  fault: PfFault | undefined;
  /** The kernel takes no more. */
  isFull = false;
  /** Anchors that the main ruleset refers to. */
  anchors: readonly string[] = ["ftp-proxy", "fwknop"];
  /** Rules of each anchor, as they are printed. */
  readonly rules = new Map<string, string[]>();
  /** Addresses of each table, by anchor and name. */
  readonly tables = new Map<string, Set<string>>();

  /** In place of the runner; bound, so that it can be passed on. */
  readonly run = async (argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> => {
    const input = typeof options.input === "string" ? options.input : "";
    this.calls.push({ command: argv.slice(1).join(" "), input });
    const parts = this.fault === "missing" ? { startError: { code: "ENOENT", message: "No such file or directory" } }
      : this.fault !== undefined ? { status: 1, stderr: SAID[this.fault] } : this.type(argv.slice(1).join(" "), input);
    return runResult(argv, parts);
  };

  /** Runs one command, ours or somebody else's. On success too, FreeBSD's talks of ALTQ on stderr. */
  type(command: string, input = ""): { status: number; stdout: string; stderr: string } {
    const words = command.split(" ");
    const take = (option: string): string | undefined => {
      const at = words.indexOf(option);
      return at < 0 ? undefined : words.splice(at, 2)[1];
    };
    const anchor = take("-a") ?? "";
    const done = (stdout: string, stderr = ""): { status: number; stdout: string; stderr: string } =>
      ({ status: 0, stdout, stderr: `No ALTQ support in kernel\nALTQ related functions disabled\n${stderr}` });
    const failed = (stderr: string): { status: number; stdout: string; stderr: string } => ({ status: 1, stdout: "", stderr });

    const table = take("-t");
    if (table !== undefined) {
      const [, what, ...addresses] = words;
      const name = `${anchor} ${table}`;
      const bad = addresses.find((text) => parseIp(text.replace(/\/\d+$/, "")) === undefined);
      if (bad !== undefined) return failed(`pfctl: cannot resolve host ${bad}\n`);
      const present = this.tables.get(name);
      if (what === "add" && this.isFull) return failed("pfctl: Cannot allocate memory.\n");
      if (what === "add") {
        this.tables.set(name, new Set([...present ?? [], ...addresses]));
        return done("", `${present === undefined ? "1 table created.\n" : ""}${addresses.length}/${addresses.length} addresses added.\n`);
      }
      if (present === undefined) return failed("pfctl: Table does not exist.\n");
      if (what === "show") return done([...present].map((address) => `   ${address}\n`).join(""));
      if (what === "flush") present.clear();
      else for (const address of addresses) present.delete(address);
      return done("", `${addresses.length} addresses deleted.\n`);
    }

    const show = take("-s");
    if (show === "Anchor") return done(this.anchors.map((name) => `  ${name}\n`).join(""));
    if (show === "rules") return done((this.rules.get(anchor) ?? []).map((rule) => `${rule}\n`).join(""));
    const flush = take("-F");
    if (flush !== undefined) {
      this.rules.delete(anchor);
      if (flush === "all") for (const name of this.tables.keys()) if (name.startsWith(`${anchor} `)) this.tables.delete(name);
      return done("", "rules cleared\n");
    }
    if (take("-f") === "-") {
      if (this.isFull) return failed("pfctl: DIOCADDRULE: Cannot allocate memory\n");
      const printed = input.split("\n").slice(0, -1).map(asPrinted);
      const wrong = printed.indexOf(undefined);
      if (wrong >= 0) return failed(`stdin:${wrong + 1}: syntax error\npfctl: Syntax error in config file: pf rules not loaded\n`);
      this.rules.set(anchor, printed as string[]);
      return done("");
    }
    return failed("usage: pfctl [-AdeghMmNnOPqRrvz] ...\n");
  }
}

/** A line as the rule printer of pf gives it back; what it printed itself it takes again. */
function asPrinted(line: string): string | undefined {
  const match = /^pass in quick (?:inet6? )?proto (\w+) from (\S+) to (\S+) port (?:= )?(\w+) (?:flags S\/SA )?keep state label "?(_exp_\d+)"?$/.exec(line);
  if (match === null) return /^(pass|block) /.test(line) ? line : undefined;
  const [, protocol, source, destination, port, label] = match as unknown as [string, string, string, string, string, string];
  const [address, prefix] = source.split("/");
  const from = parseIp(address!);
  if (from === undefined) return undefined;
  const named = PROTOCOLS[protocol] ?? protocol;
  return `pass in quick inet${from.version === 6 ? "6" : ""} proto ${named} from ${formatIp(from)}${prefix === undefined ? "" : `/${prefix}`} to ${destination}`
    + ` port = ${SERVICES[port] ?? port}${named === "tcp" ? " flags S/SA" : ""} keep state label "${label}"`;
}
