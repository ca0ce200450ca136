/**
 * Looks whether a port is open.
 *
 * @module
 */

export interface ProbeOptions {
  readonly host: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly family?: 4 | 6;
  /** For one attempt; 2000 when absent. */
  readonly timeoutMs?: number;
  /** Further attempts after the first, until the port is open; 0 when absent. */
  readonly retries?: number;
  /** Between attempts; 500 when absent. */
  readonly pauseMs?: number;
}
export interface ProbeResult {
  /** For UDP "open" needs an answer; silence is "filtered". */
  readonly state: "open" | "closed" | "filtered";
  readonly attempts: number;
  /** One line. */
  readonly message: string;
}
export declare function probePort(options: ProbeOptions): Promise<ProbeResult>;
