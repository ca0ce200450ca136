/**
 * A dry run of any other firewall: says what would be run, and runs nothing.
 *
 * @module
 */

import { commandScript } from "../command-text.ts";
import { type Answer, withAnswers } from "./_wrapped-backend.ts";
import type { FirewallBackend } from "./backend.ts";
import { SUCCESS } from "./steps.ts";

/**
 * Makes a backend that prints the commands that another one would run, as if each succeeded.
 * Commands that only ask are not printed; they get the answers of a firewall in good order.
 *
 * @param backend the firewall to imitate
 * @param print given each command as it could be typed, without the last line end
 */
export function createPrint(backend: FirewallBackend, print: (text: string) => void): FirewallBackend {
  const answer: Answer = function* ({ argv, stdin, assumedOutput }) {
    if (assumedOutput === undefined) print(commandScript(argv, stdin));
    return { ...SUCCESS, stdout: assumedOutput ?? "" };
  };
  return { ...withAnswers(backend, answer), name: "print" };
}
