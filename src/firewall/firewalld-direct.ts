/**
 * firewalld as the C program drives it: the iptables commands, handed through by `--direct --passthrough`. That opens a
 * port only where firewalld itself drives iptables. With its other back end, nftables, it accepts a packet and drops it
 * in the next chain, so there the start is refused.
 *
 * @module
 */

import { withAnswers } from "./_wrapped-backend.ts";
import { type Command, type CommandResult, FirewallError, type FirewallBackend, type Plan, type Program } from "./backend.ts";
import { createIptables, type IptablesSettings } from "./iptables.ts";
import { ask, succeeded } from "./steps.ts";

/** What the planner is told. */
export interface FirewalldDirectSettings extends IptablesSettings {
  /** `nft`, which is asked what firewalld drives. */
  readonly nft: Program;
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
  const handedThrough = withAnswers(iptables, handThrough);
  return {
    ...handedThrough,
    name: "firewalld",
    ground: `firewalld ${iptables.ground}`,
    headings: { ours: "Listing rules in fwknopd firewalld chains...", all: "Listing all firewalld rules in applicable tables...", clear: iptables.headings.clear },
    *prepare(options) {
      yield* refuseNftables(settings.nft);
      return yield* handedThrough.prepare(options);
    },
  };
}

function* refuseNftables(nft: Program): Plan<void> {
  const run = yield* ask({ kind: "command", argv: [...nft, "list", "table", "inet", "firewalld"], purpose: "firewalld_backend", answers: [0, 1] });
  if (!succeeded(run)) return;
  throw new FirewallError(run.command, { ...run.result, stdout: "" }, {
    code: "EBACKEND",
    text: "firewalld drives nftables here, which rejects what direct rules accept: unset FIREWD_DIRECT, or set FirewallBackend=iptables in firewalld.conf",
  });
}

/** Has firewalld run a command, and answers as iptables itself would have. */
function* handThrough(command: Command): Plan<CommandResult> {
  const { answers } = command;
  const given = yield { ...command, ...(answers !== undefined && { answers: [...answers, COMMAND_FAILED] }) };
  return { ...given, stdout: given.stdout.replace(/\n?success\n$/, ""), ...(given.status === COMMAND_FAILED && { status: 1 }) };
}
