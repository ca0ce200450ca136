/**
 * What the system says when it refuses: its code, and its words as administrators know them.
 *
 * @module
 */

/** Where libuv's words differ from those of `strerror`, which every other program prints. */
const STRERROR: Readonly<Record<string, string>> = {
  EISDIR: "Is a directory",
  EIO: "Input/output error",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
  ENFILE: "Too many open files in system",
  EADDRNOTAVAIL: "Cannot assign requested address",
};

/**
 * The code of a system error.
 *
 * @param error anything that was thrown
 * @returns `ENOENT` and the like, or undefined
 */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * The system's words for a failure.
 *
 * @param error anything that was thrown
 * @returns `No such file or directory` and the like, without an end mark
 */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) return messageOf(error);
  const known = STRERROR[code];
  if (known !== undefined) return known;
  // libuv: "ENOENT: no such file or directory, open '/x'", "bind EADDRINUSE 0.0.0.0:1", "spawn x ENOENT"
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1];
  if (words !== undefined) return words[0]!.toUpperCase() + words.slice(1);
  return SHORT[code] ?? error.message;
}

/**
 * The message of an error, for a line of ours.
 *
 * @param error anything that was thrown
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors of sockets and children come without words. */
const SHORT: Readonly<Record<string, string>> = {
  EADDRINUSE: "Address already in use",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  ENOENT: "No such file or directory",
  ESRCH: "No such process",
  ECONNREFUSED: "Connection refused",
  ENETUNREACH: "Network is unreachable",
  EHOSTUNREACH: "No route to host",
  EPIPE: "Broken pipe",
  EMFILE: "Too many open files",
  E2BIG: "Argument list too long",
};
