/**
 * The steps of which plans are made.
 *
 * @module
 */

import { type Command, type CommandResult, FirewallError, type Note, type Plan } from "./backend.ts";

/** A command with what came of it. */
export interface Run {
  readonly command: Command;
  readonly result: CommandResult;
}

/** What came of a command that did what it was for and said nothing. */
export const SUCCESS: CommandResult = { status: 0, stdout: "", stderr: "" };

/** Whether a command did what it was for. */
export function succeeded({ result }: Run): boolean {
  return result.status === 0 && result.failure === undefined;
}

/** Runs one command and keeps it with its result, for the error that may have to be made of them. */
export function* ask(command: Command): Plan<Run> {
  return { command, result: yield command };
}

/**
 * Runs a command without which the plan cannot go on.
 *
 * @param command the command
 * @param failureOf makes the error of its failure, where more is known of that than the program says
 * @returns what it printed
 * @throws {FirewallError} when it fails
 */
export function* need(command: Command, failureOf: (run: Run) => FirewallError = plainFailure): Plan<string> {
  const run = yield* ask(command);
  if (!succeeded(run)) throw failureOf(run);
  return run.result.stdout;
}

function plainFailure({ command, result }: Run): FirewallError {
  return new FirewallError(command, result);
}

/** What a program complained of, for people: nothing, or whole lines. */
export function complaintOf({ result }: Run): string {
  return result.stderr === "" ? "" : result.stderr.replace(/\n*$/, "\n");
}

/**
 * Filters without looking at anything before somebody asks, for there may be thousands of items.
 *
 * @param all gives the whole, each time anew
 * @param isWanted which ones
 */
export function where<T>(all: Iterable<T>, isWanted: (item: T) => boolean): Iterable<T> {
  return {
    *[Symbol.iterator]() {
      for (const item of all) if (isWanted(item)) yield item;
    },
  };
}

/** Makes a note. */
export function note(level: Note["level"], message: string): Note {
  return { kind: "note", level, message };
}
