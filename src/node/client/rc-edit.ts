/**
 * What the client program writes into a `.fwknoprc` that is there.
 *
 * @module
 */
import { constantTimeEqual, utf8Text, wipe } from "../../bytes.ts";
import { destinationOf } from "../../client/destination.ts";
import type { ClientSettings } from "../../client/settings.ts";
import { isSameStanza } from "../../config/fwknoprc.ts";
import { criticalLines, saveStanza } from "../../config/fwknoprc-edit.ts";
import { assignmentsOf } from "../../config/fwknoprc-variables.ts";
import { printableText } from "../../foreign-text.ts";
import { readOwnFile, writeFileAtomically } from "../files.ts";
import { MAX_FILE_BYTES } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput, unwrap } from "./output.ts";
import type { RcFile } from "./rc-file.ts";

/**
 * Saves what was given on the command line as a stanza.
 *
 * @param rc the file
 * @param given options, and keys that were made
 * @param host for questions
 * @param output for what is done
 * @param mustGo variables that make saving useless when the user wants to keep them
 * @throws ClientError or FileError when it cannot be saved; the file is as it was then
 */
export function saveRcStanza(rc: RcFile, given: ClientSettings, host: ClientHost, output: ClientOutput, mustGo: readonly string[] = []): void {
  const { host: server, port } = destinationOf(given);
  const stanza = given.namedConfig ?? server;
  if (stanza === "") throw new ClientError("Must use --destination unless --test mode is used: --save-rc-stanza names the stanza after it, or by -n");
  if (/[\]\r\n\0]/.test(stanza)) throw new ClientError(`--named-config: expected a name without ']' and line ends, got '${printableText(stanza)}'`);
  const assignments = unwrap(assignmentsOf({
    ...given, ...(server !== "" && { destination: server }), ...(given.serverPort === undefined && port !== undefined && { serverPort: port }),
  }));
  const kept = given.forceStanza ? [] : askToKeep(rc, stanza, host, output);
  const [obstacle] = kept.filter(({ variable }) => mustGo.includes(variable));
  if (obstacle !== undefined) throw new ClientError(`Stanza was not saved: ${obstacle.variable} stays in ${rc.path}, line ${obstacle.number}`);
  output.debug(rc.lines.some((line) => isSameStanza(line.stanza, stanza)) ? `update_rc() : Updating ${stanza} stanza` : `update_rc() : Inserting new ${stanza} stanza`);
  for (const { variable, value } of assignments) {
    output.debug(`add_single_var_to_rc() : Updating param ${variable.name} to ${variable.secret ? "(hidden)" : printableText(utf8Text(value) ?? value)}`);
  }
  const content = saveStanza(rc.bytes, { stanza, assignments, keptLines: new Set(kept.map(({ number }) => number)) });
  try {
    requireUnchanged(rc);
    writeFileAtomically(rc.path, content, 0o600);
  } finally {
    wipe(content, ...assignments.map(({ value }) => value));
  }
}

/** Somebody may have taken their time to answer, and have edited the file meanwhile. */
function requireUnchanged(rc: RcFile): void {
  const { bytes } = readOwnFile(rc.path, { maxBytes: MAX_FILE_BYTES, kind: "rc" });
  const isSame = constantTimeEqual(bytes, rc.bytes);
  wipe(bytes);
  if (!isSame) throw new ClientError(`Stanza was not saved: ${rc.path} has been changed by somebody else meanwhile`, { hint: "run the same command again" });
}

/** Asks for each line with a key; the end of the input means no to all that are left. */
function askToKeep(rc: RcFile, stanza: string, host: ClientHost, output: ClientOutput): readonly { readonly number: number; readonly variable: string }[] {
  let isInputOver = false;
  return criticalLines(rc.lines, stanza).filter(({ variable, stanza: name }) => {
    if (isInputOver) return true;
    output.ask(`Variable '${variable}' found in stanza '${name}'. Overwrite [N/y] ? `);
    const answer = host.readLine(0);
    isInputOver = answer === undefined;
    return answer?.[0] !== 0x79;
  });
}
