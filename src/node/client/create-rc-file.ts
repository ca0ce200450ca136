/**
 * The first `.fwknoprc` of a user.
 *
 * @module
 */
import { type Bytes, utf8Bytes } from "../../bytes.ts";
import { rcTemplate } from "../../config/fwknoprc-edit.ts";
import { printableText } from "../../foreign-text.ts";
import { FileError, writeFileAtomically } from "../files.ts";
import { reasonOf } from "../system-error.ts";
import type { ClientOutput } from "./output.ts";

/**
 * Makes the rc file of a user who has none. Not being able to is no reason not to knock.
 *
 * @param path where
 * @param output for what is done
 * @returns its content
 */
export function createRcFile(path: string, output: ClientOutput): Bytes {
  const template = utf8Bytes(rcTemplate());
  try {
    writeFileAtomically(path, template, 0o600);
    output.notice(`[*] Creating initial rc file: ${path}.`);
  } catch (error) {
    output.warning(`Unable to create initial rc file: ${printableText(path, 200)}: ${reasonOf(error instanceof FileError ? error.cause ?? error : error)}`);
  }
  return template;
}
