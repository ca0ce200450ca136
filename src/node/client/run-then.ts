/**
 * `--then`: another program goes on where the knock ended.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { commandText } from "../../command-text.ts";
import { printableText } from "../../foreign-text.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import { ClientError } from "./output.ts";

/** What ends us is passed on; the terminal's own signals reach the program anyway. */
const PASSED_ON = ["SIGTERM", "SIGHUP"] as const;
const IGNORED = ["SIGINT", "SIGQUIT"] as const;

/** A shell's exit statuses for a program that is not there, and for one that may not be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs a program with our input, output and terminal, as if it were us.
 *
 * @param argv program and arguments
 * @returns its exit status, 128 and the signal's number if one ended it
 * @throws ClientError when it cannot be started
 */
export function runThen(argv: readonly string[]): Promise<number> {
  const [program, ...args] = argv;
  if (!program) throw new ClientError("--then: expected a program and its arguments, got an empty word", { exitStatus: NOT_FOUND });
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit" });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    const ignore = (): void => {};
    for (const signal of PASSED_ON) process.on(signal, pass);
    for (const signal of IGNORED) process.on(signal, ignore);
    const settle = (): void => {
      for (const signal of PASSED_ON) process.removeListener(signal, pass);
      for (const signal of IGNORED) process.removeListener(signal, ignore);
    };
    child.on("error", (cause) => {
      settle();
      const words = `--then: ${printableText(commandText(argv), 200)} cannot be started: ${reasonOf(cause)}`;
      reject(new ClientError(words, { cause, exitStatus: codeOf(cause) === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE }));
    });
    child.on("close", (status, signal) => {
      settle();
      resolve(signal === null ? status! : 128 + constants.signals[signal]);
    });
  });
}
