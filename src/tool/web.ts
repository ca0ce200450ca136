/**
 * `fko-tool web`: serves the page that makes knocks, on this computer.
 *
 * @module
 */

import type { OptionTable, Program } from "../cli/options.ts";
import { flag } from "../cli/values.ts";
import { numberFrom } from "./option-values.ts";

/** The options. */
export interface WebOptions {
  port?: number;
  help?: true;
}

/** The port of the page unless another is given; 0 lets the system choose. */
export const WEB_PORT = 62280;

const OPTIONS: OptionTable<WebOptions> = {
  port: {
    long: "port",
    value: /* @__PURE__ */ numberFrom("PORT", 0, 65535),
    group: "server",
    doc: `Port on this computer's loopback address; ${WEB_PORT} unless given, 0 for any that is free.`,
  },
  help: { long: "help", value: flag, group: "output", doc: "Print this." },
};

/** The subcommand. */
export const WEB: Program<WebOptions> = {
  name: "fko-tool web",
  summary: "serves the page that makes knocks, to this computer only",
  synopsis: ["[--port PORT]"],
  options: OPTIONS,
  letters: { p: "port", h: "help" },
  groups: { server: "Server", output: "Output" },
};
