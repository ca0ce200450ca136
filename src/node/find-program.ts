/**
 * Where a program is, without starting it.
 *
 * @module
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** Searched after PATH: an administrator's programs, which a user's PATH often lacks. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/**
 * The search path, for us and for every program that we start: our own PATH, as whoever started us set it, then the
 * administrator's folders. Folders that are relative mean another place to each program, and are left out.
 *
 * @returns the value for PATH
 */
export function systemPath(): string {
  const own = (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
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
