/**
 * The words for the codes of system errors.
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

/**
 * What administrators know an error by.
 *
 * @param code `ENOENT` and the like
 * @param message what Node says
 * @returns `No such file or directory` and the like, without an end mark
 */
export function wordsOf(code: string, message: string): string {
  const known = STRERROR[code];
  if (known !== undefined) return known;
  // libuv: "ENOENT: no such file or directory, open '/x'", "bind EADDRINUSE 0.0.0.0:1", "spawn x ENOENT"
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1];
  if (words !== undefined) return words[0]!.toUpperCase() + words.slice(1);
  return SHORT[code] ?? message;
}
