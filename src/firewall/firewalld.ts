/**
 * firewalld: rich rules of one zone, in the running configuration only, with a time limit that firewalld itself keeps.
 * They open a port whether firewalld drives nftables or iptables, which rules put in by `--direct` do not.
 *
 * A rich rule has no comment. Ours are known by their priority, which also puts them before what the zone rejects; when
 * they end is known to firewalld alone, so nothing that an earlier daemon left is adopted: it ends by itself.
 *
 * @module
 */

import { formatIp, type IpAddress, isUnspecifiedIp } from "../ip.ts";
import { renewalText } from "./_rule-lines.ts";
import { type Change, type Changed, type Command, type Family, FirewallError, type FirewallBackend, type Plan, type Program, type Rule, type RulesOrRefusal } from "./backend.ts";
import type { Grant, PortSpec } from "./grant.ts";
import { addressProblem, checkGrant } from "./grant-checks.ts";
import { sourceText, standsFor, subjectOf } from "./grant-text.ts";
import { ask, complaintOf, need, note, type Run, succeeded } from "./steps.ts";
import { LATEST_END } from "./time-mark.ts";

/** What the firewalld planner is told. */
export interface FirewalldSettings {
  /** FIREWALL_EXE in words: `firewall-cmd`. */
  readonly program: Program;
  /** FIREWD_ZONE; when absent the zone of `interface`, asked once. */
  readonly zone?: string;
  /** Where clients come in. Without it, or while it is in no zone, the default zone of the host counts. */
  readonly interface?: string;
  /** Grant access to other ports and hosts, too. */
  readonly nat: boolean;
}

/** Nobody else's rules have it by chance; negative ones come before all that the zone says itself. */
const PRIORITY = "-6220";

/** Rules of one command, so that its arguments stay below what every system takes. */
const MAX_RULES = 500;

/** Exit status for an interface that is in no zone. */
const NO_ZONE = 2;

/** Exit status while firewalld does not run, and while there is no system bus by which it could be reached. */
const NOT_RUNNING = 252;
const NO_BUS = 36;

/** What the exit statuses of firewall-cmd mean. */
const MEANINGS: Readonly<Record<number, { readonly text: string; readonly code: string }>> = {
  112: { code: "EZONE", text: "firewalld has no such zone, set FIREWD_ZONE to one of firewall-cmd --get-zones" },
  [NO_BUS]: { code: "ENOTRUNNING", text: "firewalld cannot be reached" },
  [NOT_RUNNING]: { code: "ENOTRUNNING", text: "firewalld does not run" },
  253: { code: "EPERM", text: "firewalld may not be told anything without root" },
};

/**
 * Makes the planner for firewalld.
 *
 * @param settings program, zone
 * @param now Unix time, seconds
 * @throws {RangeError} when the zone could not be one
 */
export function createFirewalld(settings: FirewalldSettings, now: () => number): FirewallBackend {
  if (settings.program.includes("")) throw new RangeError("Cannot use firewalld: expected a program, got an empty word");
  // firewalld's own limit is 17.
  if (settings.zone !== undefined && !/^[\w][\w-]{0,31}$/.test(settings.zone)) {
    throw new RangeError(`Cannot use firewalld: expected a zone of letters, digits, _ or -, got ${JSON.stringify(settings.zone)}`);
  }
  return new Firewalld(settings, now);
}

class Firewalld implements FirewallBackend {
  readonly name = "firewalld";
  readonly ground: string;
  readonly newestFirst = false;
  readonly needsNoSearch = true;
  readonly headings = {
    ours: "Listing rich rules of fwknopd in firewalld...",
    all: "Listing all firewalld zones...",
    clear: "Deleting any existing firewall rules...",
  };
  readonly lines: FirewallBackend["lines"] = {
    opened: (rule, before) => `Added ${rule.kind} rule to firewalld for ${rule.subject}, expires at ${rule.expiresAt}${renewalText(before)}`,
    present: (rule) => `${rule.subject} is allowed already`,
    closed: (rule, number) => `Removed rule ${number} from firewalld with expire time of ${rule.expiresAt}`,
  };
  readonly #settings: FirewalldSettings;
  readonly #now: () => number;
  #zone: string | undefined;

  constructor(settings: FirewalldSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
    this.#zone = settings.zone;
    this.ground = JSON.stringify([this.name, settings]);
  }

  rulesFor(grant: Grant): RulesOrRefusal {
    checkGrant(grant);
    const { nat, destination, expiresAt } = grant;
    const target = nat?.kind === "forward" ? nat.address : undefined;
    const problem = addressProblem(grant, [["destination", destination], ["NAT target", target]], { networks: true }) ?? this.#natProblem(grant);
    if (problem !== undefined) return { ok: false, reason: problem };
    const family = grant.source.version;
    const match = [`family="ipv${family}"`, `source address="${sourceText(grant)}"`, ...(destination === undefined ? [] : [`destination address="${formatIp(destination)}"`])];
    const rule = (kind: string, spec: PortSpec, effect: string): Rule => {
      const text = `rule priority="${PRIORITY}" ${match.join(" ")} ${effect}`;
      return {
        key: `${family} ${text}`, family, table: "firewalld", chain: "", kind, words: [text], expiresAt, grant,
        subject: subjectOf(grant, `${spec.protocol}/${spec.port}`),
      };
    };
    if (nat === undefined) {
      return { ok: true, rules: grant.ports.map((spec) => rule("access", spec, `port port="${spec.port}" protocol="${spec.protocol}" accept`)) };
    }
    const spec = grant.ports[0]!;
    const to = target === undefined ? "" : ` to-addr="${formatIp(target)}"`;
    // It lets the rewritten packets through as well.
    return {
      ok: true,
      rules: [rule(nat.kind === "local" ? "local NAT" : "DNAT", spec, `forward-port port="${spec.port}" protocol="${spec.protocol}" to-port="${nat.port}"${to}`)],
    };
  }

  *prepare({ fresh }: { readonly fresh: boolean }): Plan<readonly Rule[]> {
    if (fresh) yield* this.#remove(yield* this.#ours());
    else yield* this.#ours(); // says at once when firewalld does not run
    return [];
  }

  *change({ add, remove, keep }: Change): Plan<Changed> {
    const kept = add.length === 0 ? [] : [...keep];
    let lost: readonly Rule[] = [];
    if (kept.length > 0) {
      const present = new Set(yield* this.#ours(kept.map(textOf)));
      // A reload of firewalld takes all of them away at once; one that is missing was removed on purpose.
      if (!kept.some((rule) => present.has(textOf(rule)))) lost = kept;
    }
    // A rule that is there keeps its limit when it is added again.
    const gone = new Set([...remove, ...add].map(textOf));
    const adding = [...add, ...lost];
    yield* this.#remove([...gone]);
    try {
      yield* this.#add(adding);
    } catch (error) {
      yield* this.#remove(adding.map(textOf));
      yield* this.#add(remove.filter(({ expiresAt }) => expiresAt > this.#now()));
      throw error;
    }
    if (lost.length > 0) yield note("warning", `firewalld was loaded anew without our rules: made again ${lost.length} whose time is not over`);
    return { repaired: lost.length > 0 };
  }

  *find(families: Iterable<Family>): Plan<readonly Rule[]> {
    const texts = yield* this.#ours();
    const chain = this.#zone!; // known now
    return [...families].flatMap((family) => texts.filter((text) => text.includes(` family="ipv${family}" `)).map((text): Rule =>
      ({ key: `${family} ${text}`, family, table: "firewalld", chain, kind: "", words: [text], subject: "", expiresAt: LATEST_END })));
  }

  concerns({ words }: Rule, address: IpAddress): boolean {
    return standsFor(/ source address="([^"]*)"/.exec(words[0]!)?.[1] ?? "", address);
  }

  endsByItself(): boolean {
    return true;
  }

  *clear(): Plan<void> {
    try {
      yield* this.#remove(yield* this.#ours());
    } catch (error) {
      // Without firewalld there are no rules either.
      if (!(error instanceof FirewallError) || error.code !== "ENOTRUNNING") throw error;
      yield note("debug", error.message);
    }
  }

  *show(scope: "ours" | "all"): Plan<{ stdout: string; stderr: string }> {
    const zone = scope === "ours" ? yield* this.#inZone() : [];
    const run = yield* ask(this.#question([...zone, scope === "ours" ? "--list-rich-rules" : "--list-all-zones"], "fw_dump_rules"));
    const { stdout } = run.result;
    return { stdout: scope === "all" ? stdout : oursIn(stdout).map((line) => `${line}\n`).join(""), stderr: succeeded(run) ? "" : complaintOf(run) };
  }

  #natProblem({ nat }: Grant): string | undefined {
    if (nat === undefined) return undefined;
    if (!this.#settings.nat) return nat.kind === "local" ? "local NAT is not enabled" : "forwarding is not enabled";
    if (nat.sourceNat !== undefined) return "firewalld cannot rewrite the source for one client: set up masquerading in the zone";
    if (nat.wholeHost) return "firewalld cannot forward to a whole host";
    if (!nat.rewriteDestination) return "firewalld forwards only what it rewrites: unset DISABLE_DNAT";
    if (nat.kind === "forward" && isUnspecifiedIp(nat.address)) return `the NAT target ${formatIp(nat.address)} stands for no address`;
    return undefined;
  }

  /** Texts of our rules in the zone. */
  *#ours(assumed: readonly string[] = []): Plan<readonly string[]> {
    const question = this.#question([...(yield* this.#inZone()), "--list-rich-rules"], "check_firewall_rules");
    return oursIn(yield* need({ ...question, assumedOutput: assumed.join("\n") }, failureOf));
  }

  *#inZone(): Plan<string[]> {
    return [`--zone=${this.#zone ??= yield* this.#askZone()}`];
  }

  *#askZone(): Plan<string> {
    const question = (option: string): Command => ({ ...this.#question([option], "find_zone"), answers: [0, NO_ZONE], assumedOutput: "public\n" });
    const { interface: name } = this.#settings;
    if (name !== undefined) {
      const run = yield* ask(question(`--get-zone-of-interface=${name}`));
      if (succeeded(run)) return run.result.stdout.trim();
      if (run.result.status !== NO_ZONE) throw failureOf(run);
    }
    return (yield* need(question("--get-default-zone"), failureOf)).trim();
  }

  /** It is no failure when they are gone: firewalld only warns. */
  *#remove(texts: readonly string[]): Plan<void> {
    for (let at = 0; at < texts.length; at += MAX_RULES) {
      const options = texts.slice(at, at + MAX_RULES).map((text) => `--remove-rich-rule=${text}`);
      yield* need(this.#command([...(yield* this.#inZone()), ...options], "rm_expired_rules"), failureOf);
    }
  }

  /** One command for all that end at one time. */
  *#add(rules: readonly Rule[]): Plan<void> {
    const byEnd = new Map<number, Rule[]>();
    for (const rule of rules) byEnd.set(rule.expiresAt, [...byEnd.get(rule.expiresAt) ?? [], rule]);
    for (const [expiresAt, together] of byEnd) {
      // Firewalld's timer is the second lock: ours, which knows of both clocks, comes first.
      const limit = Math.max(1, Math.ceil(expiresAt - this.#now()));
      for (let at = 0; at < together.length; at += MAX_RULES) {
        const options = together.slice(at, at + MAX_RULES).map((rule) => `--add-rich-rule=${textOf(rule)}`);
        yield* need(this.#command([...(yield* this.#inZone()), ...options, `--timeout=${limit}`], "create_rule"), failureOf);
      }
    }
  }

  #question(words: readonly string[], purpose: string): Command {
    return { ...this.#command(words, purpose), assumedOutput: "" };
  }

  #command(words: readonly string[], purpose: string): Command {
    return { kind: "command", argv: [...this.#settings.program, ...words], purpose };
  }
}

function textOf({ words }: Rule): string {
  return words[0]!;
}

function oursIn(listing: string): string[] {
  return listing.split("\n").filter((line) => line.startsWith(`rule priority="${PRIORITY}" `));
}

function failureOf({ command, result }: Run): FirewallError {
  return new FirewallError(command, result, MEANINGS[result.status ?? -1]);
}
