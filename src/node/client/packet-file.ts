/**
 * `--save-packet`.
 *
 * @module
 */
import { closeSync, constants, lstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { utf8Bytes } from "../../bytes.ts";
import { writeWhole } from "../files.ts";

/**
 * Writes a packet to a file, readable by us alone: one that was not sent opens ports for whoever has it.
 *
 * @param path the file; it is made anew, a link is not followed to another regular file
 * @param packet the packet
 * @param isAppended whether it goes behind what the file holds
 */
export function savePacket(path: string, packet: string, isAppended: boolean): void {
  const isDevice = statSync(path, { throwIfNoEntry: false })?.isFile() === false;
  if (!isAppended && !isDevice && lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
  const flags = isDevice ? constants.O_WRONLY : constants.O_WRONLY | constants.O_CREAT | (isAppended ? constants.O_APPEND : constants.O_EXCL);
  const descriptor = openSync(path, flags, 0o600);
  try {
    writeWhole(descriptor, utf8Bytes(`${packet}\n`));
  } finally {
    closeSync(descriptor);
  }
}
