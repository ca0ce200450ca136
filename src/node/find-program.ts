/**
 * Where a program is, without starting it.
 *
 * @module
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Searched after PATH: an administrator's programs, which a user's PATH often lacks. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/**
 * The search path: our own PATH, then the administrator's folders.
 *
 * @returns the value for PATH
 */
export function systemPath(): string {
  const own = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...own, ...SYSTEM_FOLDERS.filter((folder) => !own.includes(folder))].join(delimiter);
}

/**
 * Finds a program.
 *
 * @param name its name, or a path
 * @returns the path of the first executable file of that name, or undefined
 */
export function findProgram(name: string): string | undefined {
  const candidates = name.includes("/") ? [name] : systemPath().split(delimiter).map((folder) => join(folder, name));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
