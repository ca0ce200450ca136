/**
 * KEY_CMD and HMAC_KEY_CMD: keys from a password manager.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { type Bytes, concatBytes, wipe } from "../../bytes.ts";
import { splitWords } from "../../client/words.ts";
import { commandText } from "../../command-text.ts";
import { printableText } from "../../foreign-text.ts";
import { reasonOf } from "../system-error.ts";
import { ClientError } from "./output.ts";

const COMMAND_TIMEOUT_MS = 120_000;
/** How long a command that was asked to end may take to give the terminal back, milliseconds. */
const GRACE_MS = 2000;
const MAX_COMMAND_OUTPUT_BYTES = 1 << 16;

/**
 * Takes a key from the first line that a command prints. The command has our terminal and environment: a password
 * manager may have to ask.
 *
 * @param command program and arguments, as an rc file has them
 * @param env the environment
 * @returns the key, which the caller wipes
 * @throws ClientError when the command fails or prints nothing
 */
export function keyFromCommand(command: string, env: Readonly<Record<string, string | undefined>>): Promise<Bytes> {
  const [program, ...args] = splitWords(command) ?? [];
  if (!program) throw new ClientError(`Key command: expected a program and its arguments, quotes in pairs, got '${printableText(command)}'`);
  const shown = printableText(commandText([program, ...args]), 200);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["inherit", "pipe", "inherit"], env: { ...env } });
    let ended: string | undefined;
    const end = (why: string): void => {
      ended ??= why;
      child.kill();
      child.stdout.destroy(); // what it started may hold it open, and write on
      setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
    };
    // Not spawn's own limit: its timer lives on when the program is not there.
    const timer = setTimeout(() => end(`did not end within ${COMMAND_TIMEOUT_MS / 1000} seconds`), COMMAND_TIMEOUT_MS);
    const chunks: Uint8Array[] = [];
    let length = 0;
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(new ClientError(`Key command ${shown} cannot be started: ${reasonOf(cause)}`, { cause }));
    });
    if (child.pid === undefined) return; // without descriptors to spare there are no streams either
    child.stdout.on("data", (chunk: Uint8Array) => {
      length += chunk.length;
      if (length > MAX_COMMAND_OUTPUT_BYTES) end(`printed more than ${MAX_COMMAND_OUTPUT_BYTES} bytes`);
      else chunks.push(chunk);
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      const output = concatBytes(...chunks);
      wipe(...chunks);
      const lineEnd = output.findIndex((byte) => byte === 0x0a || byte === 0x0d);
      const line = output.slice(0, lineEnd < 0 ? output.length : lineEnd);
      wipe(output);
      if (ended === undefined && status === 0 && line.length > 0) {
        resolve(line);
        return;
      }
      wipe(line);
      const how = ended ?? (status === 0 ? "printed nothing" : signal === null ? `ended with status ${status}` : `was ended by ${signal}`);
      reject(new ClientError(`Key command ${shown} ${how}, expected the key on its first line`));
    });
  });
}
