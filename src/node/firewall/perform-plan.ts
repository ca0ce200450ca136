/**
 * Performs a plan of a firewall: runs its commands one after the other, says its notes in between.
 *
 * @module
 */

import { commandText, endText, startText } from "../../command-text.ts";
import type { Command, CommandResult, Plan } from "../../firewall/backend.ts";
import { SUCCESS } from "../../firewall/steps.ts";
import type { LogRecord } from "../../server/log-record.ts";
import { run, type RunResult } from "../run.ts";

/** Where the firewall says what it did; the daemon's log is one. */
export interface FirewallLog {
  error(message: string): void;
  warning(message: string): void;
  info(message: string, fields?: LogRecord["fields"]): void;
  debug(message: string): void;
  /** Each command before it runs, and its end; absent where nobody wants to know. */
  trace?(message: string): void;
}

/** How commands are run. */
export interface PerformOptions {
  readonly log: FirewallLog;
  /** How often a failing command is run (IPT_EXEC_TRIES), 1 when absent. */
  readonly tries?: number;
  /** Pause between two commands, be they tries of one, seconds (IPT_EXEC_SLEEP), 0 when absent. */
  readonly pauseSeconds?: number;
  /** Limit for one command, seconds (IPT_CMD_ALARM), 30 when absent. */
  readonly timeoutSeconds?: number;
  /** Replaces the runner in tests. */
  readonly run?: typeof run;
}

/** Listings are read whole: 10,000 rules are about 1.2 MB. */
const MAX_OUTPUT_BYTES = 64 << 20;

/**
 * Performs a plan.
 *
 * @param plan what a backend planned; used up afterwards
 * @param options log and limits
 * @returns what the plan learnt
 * @throws {FirewallError} when the plan gives up
 */
export async function performPlan<Learnt>(plan: Plan<Learnt>, options: PerformOptions): Promise<Learnt> {
  let result: CommandResult | undefined;
  for (;;) {
    const step = plan.next(result ?? SUCCESS);
    if (step.done) return step.value;
    if (step.value.kind === "note") {
      options.log[step.value.level](step.value.message);
      continue;
    }
    if (result !== undefined) await pause(options);
    result = await runCommand(step.value, options);
  }
}

async function pause({ pauseSeconds = 0 }: PerformOptions): Promise<void> {
  if (pauseSeconds > 0) await new Promise((resolve) => setTimeout(resolve, 1000 * pauseSeconds));
}

async function runCommand(command: Command, options: PerformOptions): Promise<CommandResult> {
  const { log, tries = 1, timeoutSeconds = 30 } = options;
  const text = commandText(command.argv, command.stdin);
  for (let attempt = 1; ; attempt++) {
    log.trace?.(startText(text));
    const result = resultOf(await (options.run ?? run)(command.argv, {
      ...(command.stdin === undefined ? {} : { input: command.stdin }),
      timeoutMs: 1000 * timeoutSeconds,
      maxOutputBytes: MAX_OUTPUT_BYTES,
    }));
    log.trace?.(endText(result.failure ?? result.status));
    log.debug(`${command.purpose}() CMD: '${text}' (res: ${result.failure ?? result.status}, err: ${result.stderr.trim()})`);
    const answered = result.failure === undefined && (command.answers ?? [0]).includes(result.status ?? -1);
    if (answered || attempt >= tries || result.failure === "ENOENT") return result;
    await pause(options);
  }
}

function resultOf(run: RunResult): CommandResult {
  const { status, stdout, stderr } = run;
  const failure = failureOf(run);
  if (failure === undefined) return { status, stdout, stderr };
  return { status, stdout, stderr: stderr.trim() === "" ? failure.message : `${failure.message}: ${stderr}`, failure: failure.code };
}

/** Why there is no exit status, or no whole output. */
function failureOf({ startError, timedOut, signal, truncated, durationMs }: RunResult): RunResult["startError"] {
  if (startError !== undefined) return startError;
  if (timedOut) return { code: "TIMEOUT", message: `killed after ${Math.round(durationMs)} ms` };
  if (signal !== undefined) return { code: "SIGNAL", message: `ended by ${signal}` };
  return truncated ? { code: "TRUNCATED", message: "its output is too long" } : undefined;
}
