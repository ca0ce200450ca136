/**
 * The nginx example of the manual, as it runs here.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./dist.ts";

/** @returns the `server` block of `docs/http.md`, with the page of this build */
export function nginxExample(): string {
  const [, example] = /```nginx\n([^]*?)```/.exec(readFileSync(join(ROOT, "docs", "http.md"), "utf8"))!;
  return example!.replace(/root [^;]+;/, `root ${join(ROOT, "dist", "web")};`);
}
