/**
 * `fko-tool demo`: shows a port that is closed, a packet, a port that is open, and a port that is closed again.
 *
 * @module
 */

import type { Program } from "../cli/options.ts";
import { flag } from "../cli/values.ts";

/** The options. */
export interface DemoArguments {
  help?: true;
}

/** The subcommand. */
export const DEMO: Program<DemoArguments> = {
  name: "fko-tool demo",
  summary: "shows a port that is closed, a packet, and the port open for some seconds",
  synopsis: ["[--help]"],
  options: {
    help: { long: "help", value: flag, group: "output", doc: "Print this. As root, with iptables and tcpdump, the demonstration is a real one, between two network namespaces." },
  },
  letters: { h: "help" },
  groups: { output: "Output" },
};
