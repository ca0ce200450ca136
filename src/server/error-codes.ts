/**
 * The numbers that the C daemon gives its errors, for programs that read them from the log.
 *
 * @module
 */

const SERVER_ERRORS = {
  4096: "Data is not a valid SPA message format",
  4097: "Not enough data for an SPA message",
  4098: "Data is not an SPA message",
  4099: "SPA over HTTP is not enabled",
  4100: "Unable to create an SPA context",
  4101: "Unable to compute the digest of the SPA data",
  4102: "Unable to use the replay cache",
  4103: "Replayed SPA message",
  4104: "SPA message is too old",
  4105: "Access denied",
  4106: "Unable to run the SPA command",
  4107: "Unsupported SPA message operation",
  4108: "Undefined/unknown error",
  4109: "General error",
  8192: "Firewall rule could not be added",
  8193: "Firewall rule could not be deleted",
  8194: "Unknown firewall error",
} as const;

/** One of the numbers. */
export type ServerErrorCode = keyof typeof SERVER_ERRORS;

/**
 * Says an error in a line of the log.
 *
 * @param code its number
 * @returns `4098: 'Data is not an SPA message'`
 */
export function serverError(code: ServerErrorCode): string {
  return `${code}: '${SERVER_ERRORS[code]}'`;
}

/** @returns a line for each number, with their ends */
export function describeServerErrors(): string {
  return Object.entries(SERVER_ERRORS).map(([code, text]) => `err code: ${code}, err string: '${text}'\n`).join("");
}
