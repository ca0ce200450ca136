/**
 * firewalld as the C program drives it: the iptables commands, handed through by `--direct --passthrough`. That opens a
 * port only where firewalld itself drives iptables. With its other back end, nftables, it accepts a packet and drops it
 * in the next chain, so there the start is refused.
 *
 * @module
 */

import { type CommandResult, FirewallError, type FirewallBackend, type Plan } from "./backend.ts";
import { createIptables, type IptablesSettings } from "./iptables.ts";
import { ask, succeeded } from "./steps.ts";

/** What the planner is told. */
export interface FirewalldDirectSettings extends IptablesSettings {
  /** `nft`, which is asked what firewalld drives. */
  readonly nft: readonly [string, ...string[]];
}

/** Exit status when what was handed through failed, whatever its own was. */
const COMMAND_FAILED = 13;

/**
 * Makes the planner.
 *
 * @param settings as for iptables; `program` is firewall-cmd
 * @throws {RangeError} when a name could not be one
 */
export function createFirewalldDirect(settings: FirewalldDirectSettings): FirewallBackend {
  const iptables = createIptables({ ...settings, program: [...settings.program, "--direct", "--passthrough", "ipv4"] });
  return {
    name: "firewalld",
    ground: `firewalld ${iptables.ground}`,
    headings: { ours: "Listing rules in fwknopd firewalld chains...", all: "Listing all firewalld rules in applicable tables...", clear: iptables.headings.clear },
    lines: iptables.lines,
    newestFirst: iptables.newestFirst,
    rulesFor: (grant, live) => iptables.rulesFor(grant, live),
    concerns: (rule, address) => iptables.concerns(rule, address),
    *prepare(options) {
      yield* refuseNftables(settings.nft);
      return yield* handThrough(iptables.prepare(options));
    },
    change: (change) => handThrough(iptables.change(change)),
    find: (families) => handThrough(iptables.find(families)),
    clear: () => handThrough(iptables.clear()),
    show: (scope) => handThrough(iptables.show(scope)),
  };
}

function* refuseNftables(nft: FirewalldDirectSettings["nft"]): Plan<void> {
  const run = yield* ask({ kind: "command", argv: [...nft, "list", "table", "inet", "firewalld"], purpose: "firewalld_backend", answers: [0, 1] });
  if (!succeeded(run)) return;
  throw new FirewallError(run.command, { ...run.result, stdout: "" }, {
    code: "EBACKEND",
    text: "firewalld drives nftables here, which rejects what direct rules accept: unset FIREWD_DIRECT, or set FirewallBackend=iptables in firewalld.conf",
  });
}

/** Goes through a plan, with the answers as iptables itself would have given them. */
function* handThrough<Learnt>(plan: Plan<Learnt>): Plan<Learnt> {
  let result: CommandResult = { status: 0, stdout: "", stderr: "" };
  for (;;) {
    const step = plan.next(result);
    if (step.done) return step.value;
    if (step.value.kind === "note") {
      yield step.value;
      continue;
    }
    const { answers } = step.value;
    const given = yield { ...step.value, ...(answers !== undefined && { answers: [...answers, COMMAND_FAILED] }) };
    result = { ...given, stdout: given.stdout.replace(/\n?success\n$/, ""), ...(given.status === COMMAND_FAILED && { status: 1 }) };
  }
}
