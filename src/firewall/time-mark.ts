/**
 * The time mark: what a rule says of its own end, in a comment or a label, so that whoever finds it knows when to close it.
 *
 * @module
 */

/** The latest end that a mark can say, Unix time, seconds. What was found without a mark counts as ending then. */
export const LATEST_END = 99_999_999_999;

/**
 * Writes a mark.
 *
 * @param expiresAt Unix time, seconds, 0 to {@link LATEST_END}
 */
export function timeMark(expiresAt: number): string {
  return `_exp_${expiresAt}`;
}

/**
 * Reads a mark.
 *
 * @param text a comment or a label
 * @returns Unix time, seconds; undefined when it is anything else than a mark
 */
export function parseTimeMark(text: string): number | undefined {
  const digits = /^_exp_(\d{1,11})$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
