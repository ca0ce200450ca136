/**
 * What Linux tells about a network interface, and what it means when that changes.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** An interface at one moment. */
export interface InterfaceState {
  /** Another number under the same name is another device. */
  readonly index: number;
  /** Set up by the administrator. */
  readonly up: boolean;
  /** Has a carrier; interfaces that have no such notion count as having one. */
  readonly running: boolean;
  /** Bytes since the device was made. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What happened to an interface. */
export interface InterfaceChange {
  /**
   * `gone`, `down` and `no-carrier`: nothing can be heard; `up`: all of that is over; `replaced`
   * and `reset`: a capture that was opened before may listen to nobody.
   */
  readonly kind: "gone" | "down" | "no-carrier" | "up" | "replaced" | "reset";
  readonly text: string;
}

/** Which changes are looked for: ENABLE_INTF_EXISTS_CHECK, ENABLE_INTF_RUNNING_CHECK, ENABLE_INTF_BYTES_CHECK. */
export interface InterfaceChecks {
  readonly exists: boolean;
  readonly running: boolean;
  readonly bytes: boolean;
}

const SYSFS = "/sys/class/net";
/** IFF_UP of netdevice(7). */
const IFF_UP = 1;

/**
 * Reads the state of an interface.
 *
 * @param name the interface
 * @param folder where the kernel shows its interfaces
 * @returns its state, or undefined when there is no such interface
 */
export function readInterface(name: string, folder: string = SYSFS): InterfaceState | undefined {
  // A name with a slash would leave the folder; the kernel has no such names.
  if (name === "" || name.includes("/") || name === "." || name === "..") return undefined;
  const field = (file: string): string => readFileSync(join(folder, name, file), "utf8").trim();
  try {
    const up = (Number(field("flags")) & IFF_UP) !== 0;
    return {
      index: Number(field("ifindex")),
      up,
      // RFC 2863: loopback and tunnels say "unknown" while they work.
      running: up && ["up", "unknown"].includes(field("operstate")),
      receivedBytes: Number(field("statistics/rx_bytes")),
      sentBytes: Number(field("statistics/tx_bytes")),
    };
  } catch {
    // ENOENT, or ENODEV when it is deleted between two of these reads.
    return undefined;
  }
}

/**
 * Tells whether there is an interface, also when no descriptor is left to read its state by.
 *
 * @param name the interface
 * @param folder where the kernel shows its interfaces
 */
export function hasInterface(name: string, folder: string = SYSFS): boolean {
  return existsSync(join(folder, name));
}

/** How well an interface can be heard on. */
function condition(state: InterfaceState | undefined, checks: InterfaceChecks): "gone" | "down" | "no-carrier" | "up" {
  if (state === undefined) return "gone";
  if (!state.up) return "down";
  return checks.running && !state.running ? "no-carrier" : "up";
}

const TEXTS = {
  gone: "disappeared",
  down: "went down",
  "no-carrier": "lost its carrier",
  up: "is up",
} as const;

/**
 * Compares an interface with what it was.
 *
 * @param name the interface, for the texts
 * @param before what it was, undefined for absent
 * @param now what it is
 * @param checks what is looked for
 * @returns the changes; a replaced or reset device is told besides its condition
 */
export function compareInterface(name: string, before: InterfaceState | undefined, now: InterfaceState | undefined, checks: InterfaceChecks): InterfaceChange[] {
  const changes: InterfaceChange[] = [];
  const was = condition(before, checks);
  const is = condition(now, checks);
  if (is !== was && (is !== "gone" || checks.exists)) changes.push({ kind: is, text: `The interface ${name} ${TEXTS[is]}` });
  if (now === undefined || before === undefined) return changes;
  if (now.index !== before.index) {
    changes.push({ kind: "replaced", text: `The interface ${name} is another device now (index ${before.index} became ${now.index})` });
  } else if (checks.bytes && (now.receivedBytes < before.receivedBytes || now.sentBytes < before.sentBytes)) {
    changes.push({ kind: "reset", text: `The counters of interface ${name} went back` });
  }
  return changes;
}
