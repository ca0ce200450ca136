/**
 * What the tests of firewalls have in common.
 *
 * @module
 */
import type { Grant } from "../../src/firewall/grant.ts";
import { type IpAddress, parseIp } from "../../src/ip.ts";
import type { FirewallLog } from "../../src/node/firewall/perform-plan.ts";
import type { run } from "../../src/node/run.ts";

/** A log that keeps what it is told, as `level: message`. */
export function keepingLog(): { readonly log: FirewallLog; readonly said: string[] } {
  const said: string[] = [];
  const say = (level: string) => (message: string) => void said.push(`${level}: ${message}`);
  return { log: { error: say("error"), warning: say("warning"), info: say("info"), debug: say("debug") }, said };
}

/** A runner, and what makes it do nothing from then on, as if its daemon had been killed. */
export function mortal(runner: typeof run): { readonly run: typeof run; kill(): void } {
  let isKilled = false;
  return { run: (argv, options) => (isKilled ? new Promise(() => {}) : runner(argv, options)), kill: () => void (isKilled = true) };
}

/** An address that is one. */
export function ip(text: string): IpAddress {
  return parseIp(text)!;
}

/** `tcp/22,udp/53` */
export function ports(text: string): Grant["ports"] {
  return text.split(",").map((spec) => ({ protocol: spec.split("/")[0] as "tcp" | "udp", port: Number(spec.split("/")[1]) }));
}
