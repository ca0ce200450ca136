/**
 * The kernel's log of packets, of the lab's server: real lines of a real LOG rule, as a syslog daemon would write them.
 *
 * @module
 */
import { accessSync, closeSync, constants, openSync, readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import type { Lab } from "./lab.ts";
import { requirePeer } from "./require-peer.ts";

/** While it is 0, the kernel keeps quiet about packets of other namespaces than its first. */
const SWITCH = "/proc/sys/net/netfilter/nf_log_all_netns";

function findSwitch(): string | undefined {
  try {
    accessSync(SWITCH, constants.W_OK);
    return SWITCH;
  } catch {
    return undefined;
  }
}

/**
 * Has the kernel log what reaches the server, and dmesg write its lines into a file.
 *
 * @param t the running test; the kernel's switch is put back after it
 * @param lab the laboratory
 * @param prefix of the lines, one that no other test has
 * @returns the file, or undefined where that is impossible: then the test returns at once
 */
export async function startKernelLog(t: TestContext, lab: Lab, prefix: string): Promise<string | undefined> {
  if (requirePeer(t, `a writable ${SWITCH}`, findSwitch) === undefined || requirePeer(t, "dmesg") === undefined) return undefined;
  const before = readFileSync(SWITCH, "latin1");
  writeFileSync(SWITCH, "1");
  t.after(() => writeFileSync(SWITCH, before));
  for (const program of ["iptables", "ip6tables"] as const) {
    await lab.server.run([program, "-A", "INPUT", "-i", "eth0", "-j", "LOG", "--log-prefix", `${prefix} `, "--log-tcp-options"]);
  }
  const path = lab.write("messages", "");
  const file = openSync(path, "a");
  lab.start(lab.server, ["dmesg", "--follow-new"], { stdio: ["ignore", file, "pipe"] });
  closeSync(file);
  return path;
}
