/**
 * What the client program says: errors and warnings on standard error, the rest on standard output, by level.
 *
 * @module
 */
import type { Parsed } from "../../cli/options.ts";
import type { ClientHost } from "./host.ts";

/** Something that ends the run, told in one line. */
export class ClientError extends Error {
  /** More about it, in lines of their own. */
  readonly hint: string | undefined;
  readonly exitStatus: number;

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown; readonly exitStatus?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ClientError";
    this.hint = options.hint;
    this.exitStatus = options.exitStatus ?? 1;
  }
}

/**
 * Takes the value out of what a pure function answered.
 *
 * @param parsed the answer
 * @param hint for a refusal
 * @returns the value
 * @throws ClientError with the words of a refusal
 */
export function unwrap<T>(parsed: Parsed<T>, hint?: string): T {
  if (!parsed.ok) throw new ClientError(parsed.message, hint === undefined ? {} : { hint });
  return parsed.value;
}

/** Says things, if the user wants to hear them. */
export class ClientOutput {
  readonly #host: ClientHost;
  /** How often `-v` was given; -1 for `--quiet`. */
  verbosity = 0;
  /** Standard output belongs to a JSON object or another program: talk goes to standard error. */
  isStdoutTaken = false;

  constructor(host: ClientHost) {
    this.#host = host;
  }

  /** What the run was for: printed whatever the level. */
  result(text: string): void {
    this.#host.write(1, `${text}\n`);
  }

  error(text: string): void {
    this.#host.write(2, `${text}\n`);
  }

  warning(text: string): void {
    this.#host.write(2, `fwknop: warning: ${text}\n`);
  }

  notice(text: string): void {
    if (this.verbosity >= 0) this.#say(text);
  }

  /** With `-v`. */
  info(text: string): void {
    if (this.verbosity >= 1) this.#say(text);
  }

  /** With `-vv`. */
  debug(text: string): void {
    if (this.verbosity >= 2) this.#say(text);
  }

  /** A question. Its line ends, as the C program's does: what programs match on comes behind it. */
  ask(text: string): void {
    this.#say(text);
  }

  #say(text: string): void {
    this.#host.write(this.isStdoutTaken ? 2 : 1, `${text}\n`);
  }
}
