/**
 * The examples of the manual for web servers in front of the daemon, as they run here.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./dist.ts";

/** Whose example. */
export type Proxy = "nginx" | "apache" | "caddy" | "haproxy";

/** @returns the example of `docs/http.md` for a web server */
export function proxyExample(proxy: Proxy): string {
  const [, example] = new RegExp(`\`\`\`${proxy}\n([^]*?)\`\`\``).exec(readFileSync(join(ROOT, "docs", "http.md"), "utf8"))!;
  return example!;
}

/** @returns nginx's `server` block, with the page of this build */
export function nginxExample(): string {
  return proxyExample("nginx").replace(/root [^;]+;/, `root ${join(ROOT, "dist", "web")};`);
}
