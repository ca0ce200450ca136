/**
 * Which release this is.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Put in by the bundler. */
declare const __VERSION__: string;

/** @returns the version of the package, `1.2.3` */
export function packageVersion(): string {
  if (typeof __VERSION__ === "string") return __VERSION__;
  return (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }).version;
}
