/**
 * A dry run of any other firewall: says what would be run, and runs nothing.
 *
 * @module
 */

import { commandScript } from "../command-text.ts";
import type { CommandResult, FirewallBackend, Plan, Upkeep } from "./backend.ts";

/**
 * Makes a backend that prints the commands that another one would run, as if each succeeded.
 * Commands that only ask are not printed; they get the answers of a firewall in good order.
 *
 * @param backend the firewall to imitate
 * @param print given each command as it could be typed, without the last line end
 */
export function createPrint(backend: FirewallBackend, print: (text: string) => void): FirewallBackend {
  return {
    name: "print",
    ground: backend.ground,
    headings: backend.headings,
    lines: backend.lines,
    newestFirst: backend.newestFirst,
    rulesFor: (grant, live) => backend.rulesFor(grant, live),
    concerns: (rule, address) => backend.concerns(rule, address),
    prepare: (options) => walk(backend.prepare(options), print),
    change: (change) => walk(backend.change(change), print),
    find: (families) => walk(backend.find(families), print),
    clear: () => walk(backend.clear(), print),
    show: (scope) => walk(backend.show(scope), print),
    endsByItself: (rule) => backend.endsByItself?.(rule) ?? false,
    ...(backend.needsNoSearch && { needsNoSearch: true }),
    ...(backend.upkeep !== undefined && { upkeep: printedUpkeep(backend.upkeep, print) }),
  };
}

function printedUpkeep({ everySeconds, run }: Upkeep, print: (text: string) => void): Upkeep {
  return { everySeconds, run: () => walk(run(), print) };
}

/** Goes through a plan without yielding a command. */
function* walk<Learnt>(plan: Plan<Learnt>, print: (text: string) => void): Plan<Learnt> {
  let result: CommandResult = { status: 0, stdout: "", stderr: "" };
  for (;;) {
    const step = plan.next(result);
    if (step.done) return step.value;
    if (step.value.kind === "note") {
      yield step.value;
      continue;
    }
    const { argv, stdin, assumedOutput } = step.value;
    if (assumedOutput === undefined) print(commandScript(argv, stdin));
    result = { status: 0, stdout: assumedOutput ?? "", stderr: "" };
  }
}
