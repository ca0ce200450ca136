/**
 * A backend whose commands somebody else answers than the runner.
 *
 * @module
 */

import type { Command, CommandResult, FirewallBackend, Plan } from "./backend.ts";
import { SUCCESS } from "./steps.ts";

/** Answers one command; a generator, so that it may have another one run for that. */
export type Answer = (command: Command) => Plan<CommandResult>;

/**
 * Puts somebody between a backend and the runner. Notes of the plans are passed on.
 *
 * @param backend the planner
 * @param answer is given each command of its plans
 * @returns a backend that is the same in everything else
 */
export function withAnswers(backend: FirewallBackend, answer: Answer): FirewallBackend {
  const { name, ground, headings, lines, newestFirst, endsByItself, needsNoSearch, takeOver, keepShut, upkeep } = backend;
  return {
    name, ground, headings, lines, newestFirst,
    rulesFor: (grant, live) => backend.rulesFor(grant, live),
    concerns: (rule, address) => backend.concerns(rule, address),
    prepare: (options) => answered(backend.prepare(options), answer),
    change: (change) => answered(backend.change(change), answer),
    find: (families) => answered(backend.find(families), answer),
    clear: () => answered(backend.clear(), answer),
    show: (scope) => answered(backend.show(scope), answer),
    ...(endsByItself && { endsByItself: (rule) => endsByItself.call(backend, rule) }),
    ...(needsNoSearch && { needsNoSearch }),
    ...(takeOver && { takeOver: () => answered(takeOver.call(backend), answer) }),
    ...(keepShut && { keepShut: (keep) => answered(keepShut.call(backend, keep), answer) }),
    ...(upkeep && { upkeep: { everySeconds: upkeep.everySeconds, run: () => answered(upkeep.run(), answer) } }),
  };
}

function* answered<Learnt>(plan: Plan<Learnt>, answer: Answer): Plan<Learnt> {
  let result = SUCCESS;
  for (;;) {
    const step = plan.next(result);
    if (step.done) return step.value;
    if (step.value.kind === "note") yield step.value;
    else result = yield* answer(step.value);
  }
}
