/**
 * Serves the page of `dist/web` on the loopback address: a handful of files, read once, and nothing else.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { handleSignals } from "../daemon/signals.ts";
import { codeOf, messageOf } from "../system-error.ts";

const TYPES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "sw.js": "text/javascript; charset=utf-8",
  "manifest.webmanifest": "application/manifest+json",
  "icon.svg": "image/svg+xml",
};

/** What a header can say and the page's own policy cannot. */
const HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": "frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Permissions-Policy": "camera=(self), clipboard-write=(self), geolocation=(), microphone=()",
  "Cache-Control": "no-cache",
};

/** A page that is served. */
export interface WebServer {
  /** Where a browser finds it. */
  readonly url: string;
  close(): Promise<void>;
}

/** @returns the folder of the page that belongs to this program */
export function webFolder(): string {
  // In dist/, whose files have no import.meta, it lies beside the program; for the sources it is where they are built to.
  return import.meta.url === undefined ? join(__dirname, "web") : fileURLToPath(new URL("../../../dist/web", import.meta.url));
}

/**
 * Begins to serve.
 *
 * @param port on 127.0.0.1; 0 for any that is free
 * @param folder where the page was built to
 * @returns the server, once it listens
 * @throws {Error} the system's, when a file is missing or the port is taken
 */
export async function serveWeb(port: number, folder: string = webFolder()): Promise<WebServer> {
  const files = new Map(Object.entries(TYPES).map(([name, type]) => [`/${name}`, { type, body: readFileSync(join(folder, name)) }]));
  files.set("/", files.get("/index.html")!);
  const server = createServer((request, response) => {
    const file = files.get(request.url?.replace(/\?.*/, "") ?? "");
    const isRead = request.method === "GET" || request.method === "HEAD";
    const status = !isRead ? 405 : file === undefined ? 404 : 200;
    response.writeHead(status, { ...HEADERS, "Content-Type": file?.type ?? "text/plain", "Content-Length": status === 200 ? file!.body.length : 0, ...(!isRead && { Allow: "GET, HEAD" }) });
    response.end(status === 200 && request.method === "GET" ? file!.body : undefined);
  });
  await listen(server, port);
  const address = server.address();
  const bound = address !== null && typeof address === "object" ? address.port : port;
  return {
    url: `http://127.0.0.1:${bound}/`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, resolve);
  });
}

/**
 * Serves until a signal ends it.
 *
 * @param port on 127.0.0.1
 * @param say is given a line for the user
 * @returns the exit status
 */
export async function runWeb(port: number, say: (text: string) => void): Promise<number> {
  let server: WebServer;
  try {
    server = await serveWeb(port);
  } catch (error) {
    const why = codeOf(error) === "EADDRINUSE" ? `port ${port} is taken; try --port 0` : messageOf(error);
    process.stderr.write(`fko-tool: error: web: ${why}\n`);
    return 1;
  }
  try {
    say(`The page is at ${server.url} for browsers on this computer. Ctrl-C ends it.`);
    await new Promise<void>((resolve) => handleSignals({ stop: () => resolve() }));
    return 0;
  } finally {
    await server.close();
  }
}
