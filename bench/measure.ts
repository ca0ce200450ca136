/**
 * Times candidates against each other in one run.
 *
 * Only ratios are told: absolute times say more about the machine and its other users than about the code. Candidates
 * take turns within each round, so a slow moment hits all of them, and the median over the rounds is quoted.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const ROUNDS = 11;
const SLICE_MILLISECONDS = 12;

/** What is timed; all candidates of one comparison must return the same value. */
export type Candidate = () => unknown;

/** How one candidate did against the first. */
export interface Ratio {
  readonly name: string;
  /** Time of this candidate divided by that of the first: above 1, the first is faster. */
  readonly ratio: number;
}

/**
 * Compares candidates by speed, after comparing their results.
 *
 * @param title names the comparison in errors
 * @param candidates the first is the one that the others are measured by
 * @returns one ratio for each but the first
 * @throws Error when two candidates disagree
 */
export function compare(title: string, candidates: Readonly<Record<string, Candidate>>): Ratio[] {
  const rows = Object.entries(candidates);
  const expected = resultText(rows[0]![1]());
  for (const [name, run] of rows) {
    if (resultText(run()) !== expected) throw new Error(`${title}: ${name} disagrees with ${rows[0]![0]}`);
  }
  const calls = rows.map(([, run]) => callsPerSlice(run));
  const rounds = Array.from({ length: ROUNDS }, () => rows.map(([, run], index) => timePerCall(run, calls[index]!)));
  return rows.slice(1).map(([name], index) => ({ name, ratio: median(rounds.map((times) => times[index + 1]! / times[0]!)) }));
}

function resultText(result: unknown): string {
  return result instanceof Uint8Array ? Buffer.from(result).toString("hex") : String(result);
}

/** Doubles the calls until they fill a slice, which is the warm-up, too. */
function callsPerSlice(run: Candidate): number {
  for (let calls = 1; ; calls *= 2) {
    const milliseconds = timePerCall(run, calls) * calls;
    if (milliseconds >= SLICE_MILLISECONDS) return calls;
  }
}

function timePerCall(run: Candidate, calls: number): number {
  const begin = performance.now();
  for (let call = 0; call < calls; call++) run();
  return (performance.now() - begin) / calls;
}

/** @returns the middle one of some values */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1]!;
}

/** Linux counts the time of children in hundredths of a second on every machine that we know of. */
const TICK_SECONDS = 0.01;

/** CPU time, user and system, of all children that have ended. Linux only. */
export function childrenSeconds(): number {
  // cutime and cstime, proc_pid_stat(5)
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[13]) + Number(fields[14])) * TICK_SECONDS;
}

/**
 * Loads a peer from `bench/node_modules`. Peers are no dependency of the project, not even for its types.
 *
 * @param specifier the package's module
 * @returns the module, or undefined when `npm install` was not run in `bench/`
 */
export async function loadPeer(specifier: string): Promise<any> {
  try {
    return await import(pathToFileURL(createRequire(import.meta.url).resolve(specifier)).href);
  } catch (error) {
    if ((error as { code?: string }).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
