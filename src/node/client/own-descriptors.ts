/**
 * Descriptors that the runtime has open for itself. They are in the way of numbers that nobody opened: reading one waits
 * for ever, closing one ends the program.
 *
 * @module
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";

/** What Linux says of our descriptors; elsewhere nothing is known of them. */
const FOLDER = "/proc/self/fd";

/**
 * Tells whether a descriptor is the runtime's: an event queue, or a pipe of which both ends are here.
 *
 * @param descriptor its number
 * @returns false when that cannot be told
 */
export function isOwnDescriptor(descriptor: number): boolean {
  const target = targetOf(descriptor);
  if (target?.startsWith("pipe:")) return openDescriptors().some((other) => other > 2 && targetOf(other) === target && isWritable(other));
  return target?.startsWith("anon_inode:") ?? false;
}

function openDescriptors(): readonly number[] {
  try {
    return readdirSync(FOLDER).map(Number);
  } catch {
    return [];
  }
}

/** The link's own mode says how the descriptor was opened: a shell may have given us two to read the same pipe. */
function isWritable(descriptor: number): boolean {
  return ((lstatSync(`${FOLDER}/${descriptor}`, { throwIfNoEntry: false })?.mode ?? 0) & 0o200) !== 0;
}

function targetOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`${FOLDER}/${descriptor}`);
  } catch { // not open
    return undefined;
  }
}
